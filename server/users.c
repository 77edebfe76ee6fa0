#include "server/users.h"

#include "base/chars.h"
#include "base/map.h"
#include "base/mem.h"

#include <stdio.h>

enum { MAX_USERS = 1000000, LINE_BYTES = 1024, USERS_NAME_BYTES = 255 };

struct user {
    struct map_node node;
    enum sip_digest_alg ha1_alg; /* SIP_DIGEST_UNKNOWN: secret is the password */
    size_t name_n, secret_n;
    char text[]; /* name, secret, zero byte */
};

struct users {
    struct map by_name;
    size_t names;
    bool kept[SIP_DIGEST_ALG_COUNT]; /* somebody's digest of this algorithm is here; UNKNOWN: a password */
};

enum ahoy_err users_create(struct users **out, struct rng *rng)
{
    uint8_t seed[16];
    struct users *u = mem_zalloc(sizeof *u);
    if (!u)
        return AHOY_ERR_NOMEM;
    rng_bytes(rng, seed, sizeof seed);
    map_init(&u->by_name, seed);
    *out = u;
    return AHOY_OK;
}

void users_destroy(struct users *u)
{
    if (!u)
        return;
    for (struct map_node *n; (n = map_take(&u->by_name));) {
        struct user *k = MAP_ENTRY(n, struct user, node);
        mem_wipe(k->text, k->name_n + k->secret_n);
        mem_free(k);
    }
    map_fini(&u->by_name);
    mem_free(u);
}

/* What stands behind the name: a digest with its mark, or a password. False for a digest that is none. */
static bool read_secret(struct view text, enum sip_digest_alg *alg, struct view *secret)
{
    static const struct {
        struct view mark;
        enum sip_digest_alg alg;
        size_t hex;
    } forms[] = { { { "{HA1-MD5}", 9 }, SIP_DIGEST_MD5, 32 },
                  { { "{HA1-SHA-256}", 13 }, SIP_DIGEST_SHA256, 64 },
                  { { "{HA1-SHA-512-256}", 17 }, SIP_DIGEST_SHA512_256, 64 } };
    *alg = SIP_DIGEST_UNKNOWN;
    *secret = text;
    for (size_t i = 0; i < AHOY_COUNT(forms); i++) {
        if (!view_istarts(text, forms[i].mark))
            continue;
        *alg = forms[i].alg;
        *secret = view_from(text, forms[i].mark.n);
        for (size_t k = 0; k < secret->n; k++)
            if (chars_hex(secret->p[k]) < 0)
                return false;
        return secret->n == forms[i].hex;
    }
    return text.n > 0;
}

static bool has_control(struct view v)
{
    for (size_t i = 0; i < v.n; i++)
        if ((unsigned char) v.p[i] < ' ' || v.p[i] == 0x7f)
            return true;
    return false;
}

enum ahoy_err users_add(struct users *u, struct view line)
{
    enum sip_digest_alg alg;
    struct view rest = line, name = view_cut(&rest, ':'), secret;
    if (view_empty(name) || name.n > USERS_NAME_BYTES || name.n == line.n || has_control(line)
        || !read_secret(rest, &alg, &secret) || secret.n >= sizeof((struct sip_auth_secret *) 0)->text)
        return AHOY_ERR_SYNTAX;
    if (u->by_name.count >= MAX_USERS)
        return AHOY_ERR_LIMIT;
    struct user *k = mem_zalloc(sizeof *k + name.n + secret.n + 1);
    if (!k)
        return AHOY_ERR_NOMEM;
    k->ha1_alg = alg;
    k->name_n = name.n;
    k->secret_n = secret.n;
    memcpy(k->text, name.p, name.n);
    for (size_t i = 0; i < secret.n; i++) /* digests are compared as we write them */
        k->text[name.n + i] = alg != SIP_DIGEST_UNKNOWN ? chars_lower(secret.p[i]) : secret.p[i];
    bool first = !users_has(u, name);
    enum ahoy_err err = map_put(&u->by_name, view_of(k->text, name.n), &k->node);
    if (err) {
        mem_wipe(k->text, name.n + secret.n);
        mem_free(k);
        return err;
    }
    u->names += first;
    u->kept[alg] = true;
    return AHOY_OK;
}

/* A line without its end, and *n its length. False at the end of the file; *fits: it was not too long. */
static bool next_line(FILE *f, char text[LINE_BYTES], size_t *n, bool *fits)
{
    int c = getc(f);
    *n = 0;
    *fits = true;
    if (c == EOF)
        return false;
    for (; c != EOF && c != '\n'; c = getc(f)) {
        if (*n == LINE_BYTES)
            *fits = false;
        else
            text[(*n)++] = (char) c;
    }
    if (*n > 0 && text[*n - 1] == '\r')
        (*n)--;
    return true;
}

enum ahoy_err users_load(struct users *u, const char *path, char *why, size_t why_size)
{
    char text[LINE_BYTES];
    unsigned number = 0;
    size_t n;
    bool fits;
    enum ahoy_err err = AHOY_OK;
    FILE *f = fopen(path, "re");
    if (!f) {
        snprintf(why, why_size, "the users' file %s cannot be read", path);
        return AHOY_ERR_CONFIG;
    }
    while (!err && next_line(f, text, &n, &fits)) {
        number++;
        if (!fits)
            err = AHOY_ERR_SYNTAX;
        else if (n > 0 && text[0] != '#')
            err = users_add(u, view_of(text, n));
    }
    bool broken = ferror(f) != 0; /* a directory, a disk that fails */
    mem_wipe(text, sizeof text);
    fclose(f);
    if (err == AHOY_ERR_SYNTAX)
        snprintf(why, why_size, "%s, line %u: not NAME:PASSWORD", path, number);
    else if (err == AHOY_ERR_LIMIT)
        snprintf(why, why_size, "%s: more than %d users", path, MAX_USERS);
    else if (!err && broken)
        snprintf(why, why_size, "the users' file %s cannot be read", path);
    return err == AHOY_ERR_SYNTAX || err == AHOY_ERR_LIMIT || (!err && broken) ? AHOY_ERR_CONFIG : err;
}

bool users_has(const struct users *u, struct view name)
{
    return map_get(&u->by_name, name) != NULL;
}

size_t users_count(const struct users *u)
{
    return u->names;
}

size_t users_algs(const struct users *u, enum sip_digest_alg algs[SIP_DIGEST_ALG_COUNT])
{
    static const enum sip_digest_alg strongest_first[] = { SIP_DIGEST_SHA512_256, SIP_DIGEST_SHA256, SIP_DIGEST_MD5 };
    size_t n = 0, offered;
    for (size_t i = 0; i < SIP_DIGEST_ALG_COUNT; i++)
        algs[i] = SIP_DIGEST_UNKNOWN;
    for (size_t i = 0; i < AHOY_COUNT(strongest_first); i++) {
        enum sip_digest_alg alg = strongest_first[i];
        if (u->kept[alg] || (alg == SIP_DIGEST_MD5 && (u->kept[SIP_DIGEST_UNKNOWN] || n == 0)))
            algs[n++] = alg;
    }
    offered = n;
    for (size_t i = 0; i < AHOY_COUNT(strongest_first); i++) {
        bool there = false;
        for (size_t k = 0; k < offered; k++)
            there = there || algs[k] == strongest_first[i];
        if (!there && n < SIP_DIGEST_ALG_COUNT)
            algs[n++] = strongest_first[i];
    }
    return offered;
}

bool users_lookup(void *arg, struct view name, struct view realm, enum sip_digest_alg alg, struct sip_auth_secret *out)
{
    const struct users *u = arg;
    (void) realm; /* the exchange has one */
    for (const struct map_node *n = map_get(&u->by_name, name); n; n = map_get_next(n)) {
        const struct user *k = MAP_ENTRY(n, struct user, node);
        if (k->ha1_alg != SIP_DIGEST_UNKNOWN && k->ha1_alg != alg)
            continue;
        out->is_ha1 = k->ha1_alg != SIP_DIGEST_UNKNOWN;
        return view_copy(view_of(k->text + k->name_n, k->secret_n), out->text, sizeof out->text);
    }
    return false;
}
