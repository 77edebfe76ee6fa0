#include "base/map.h"

#include "base/mem.h"

enum { MAP_FIRST_BUCKETS = 16 };

static inline uint64_t rotl(uint64_t x, int b)
{
    return (x << b) | (x >> (64 - b));
}

/* Inlined, or the four words live in memory: this runs several times for each message. */
static inline void sip_round(uint64_t v[4])
{
    v[0] += v[1];
    v[1] = rotl(v[1], 13) ^ v[0];
    v[0] = rotl(v[0], 32);
    v[2] += v[3];
    v[3] = rotl(v[3], 16) ^ v[2];
    v[0] += v[3];
    v[3] = rotl(v[3], 21) ^ v[0];
    v[2] += v[1];
    v[1] = rotl(v[1], 17) ^ v[2];
    v[2] = rotl(v[2], 32);
}

static uint64_t load_le(const char *p, size_t n)
{
    uint64_t x = 0;
    for (size_t i = 0; i < n; i++)
        x |= (uint64_t) (uint8_t) p[i] << (8 * i);
    return x;
}

/* One expression, which compilers know for a single load where the byte order allows. */
static inline uint64_t load_le64(const char *p)
{
    const uint8_t *b = (const uint8_t *) p;
    return (uint64_t) b[0] | (uint64_t) b[1] << 8 | (uint64_t) b[2] << 16 | (uint64_t) b[3] << 24
           | (uint64_t) b[4] << 32 | (uint64_t) b[5] << 40 | (uint64_t) b[6] << 48 | (uint64_t) b[7] << 56;
}

uint64_t map_hash(const uint64_t seed[2], struct view s)
{
    uint64_t v[4] = { seed[0] ^ 0x736f6d6570736575u, seed[1] ^ 0x646f72616e646f6du, seed[0] ^ 0x6c7967656e657261u,
                      seed[1] ^ 0x7465646279746573u };
    size_t at = 0;
    for (; s.n - at >= 8; at += 8) {
        uint64_t m = load_le64(s.p + at);
        v[3] ^= m;
        sip_round(v);
        sip_round(v);
        v[0] ^= m;
    }
    uint64_t last = load_le(s.n > at ? s.p + at : NULL, s.n - at) | (uint64_t) s.n << 56;
    v[3] ^= last;
    sip_round(v);
    sip_round(v);
    v[0] ^= last;
    v[2] ^= 0xff;
    for (int i = 0; i < 4; i++)
        sip_round(v);
    return v[0] ^ v[1] ^ v[2] ^ v[3];
}

void map_init(struct map *m, const uint8_t seed[16])
{
    *m = (struct map){ 0 };
    memcpy(m->seed, seed, sizeof m->seed);
}

void map_fini(struct map *m)
{
    mem_free(m->bucket);
    m->bucket = NULL;
    m->buckets = m->count = 0;
}

static enum ahoy_err map_grow(struct map *m)
{
    size_t n = m->buckets > 0 ? m->buckets * 2 : MAP_FIRST_BUCKETS;
    struct map_node **table = mem_zalloc(n * sizeof *table);
    if (!table)
        return AHOY_ERR_NOMEM;
    for (size_t i = 0; i < m->buckets; i++) {
        /* Each old chain becomes two. Appending keeps newest-first order among equal keys. */
        struct map_node **tail[2] = { &table[i], &table[i + m->buckets] };
        for (struct map_node *k = m->bucket[i]; k; k = k->next) {
            struct map_node ***at = &tail[(k->hash & m->buckets) != 0];
            **at = k;
            *at = &k->next;
        }
        *tail[0] = *tail[1] = NULL;
    }
    mem_free(m->bucket);
    m->bucket = table;
    m->buckets = n;
    return AHOY_OK;
}

enum ahoy_err map_put(struct map *m, struct view key, struct map_node *node)
{
    AHOY_ASSERT(!node->linked);
    if (m->count >= m->buckets) {
        enum ahoy_err err = map_grow(m);
        if (err)
            return err;
    }
    node->key = key;
    node->hash = map_hash(m->seed, key);
    struct map_node **head = &m->bucket[node->hash & (m->buckets - 1)];
    node->next = *head;
    node->linked = true;
    *head = node;
    m->count++;
    return AHOY_OK;
}

static struct map_node *find_from(struct map_node *k, uint64_t hash, struct view key)
{
    while (k && (k->hash != hash || !view_eq(k->key, key)))
        k = k->next;
    return k;
}

struct map_node *map_get(const struct map *m, struct view key)
{
    if (m->count == 0)
        return NULL;
    uint64_t hash = map_hash(m->seed, key);
    return find_from(m->bucket[hash & (m->buckets - 1)], hash, key);
}

struct map_node *map_get_next(const struct map_node *node)
{
    return find_from(node->next, node->hash, node->key);
}

void map_remove(struct map *m, struct map_node *node)
{
    if (!node->linked)
        return;
    struct map_node **at = &m->bucket[node->hash & (m->buckets - 1)];
    while (*at != node)
        at = &(*at)->next;
    *at = node->next;
    node->next = NULL;
    node->linked = false;
    m->count--;
}

struct map_node *map_each(const struct map *m, const struct map_node *after)
{
    if (m->count == 0)
        return NULL;
    size_t i = 0;
    if (after) {
        if (after->next)
            return after->next;
        i = (after->hash & (m->buckets - 1)) + 1;
    }
    for (; i < m->buckets; i++)
        if (m->bucket[i])
            return m->bucket[i];
    return NULL;
}

struct map_node *map_take(struct map *m)
{
    struct map_node *k = map_each(m, NULL);
    if (k)
        map_remove(m, k);
    return k;
}
