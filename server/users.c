#include "server/users.h"

#include "base/map.h"
#include "base/mem.h"

#include <stdio.h>

enum { MAX_USERS = 1000000, LINE_BYTES = 1024 };

struct user {
    struct map_node node;
    enum sip_digest_alg ha1_alg; /* SIP_DIGEST_UNKNOWN: secret is the password */
    size_t name_n, secret_n;
    char text[]; /* name, secret, zero byte */
};

struct users {
    struct map by_name;
    size_t names;
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

static struct view ha1_of(struct view secret, enum sip_digest_alg *alg)
{
    static const struct {
        struct view mark;
        enum sip_digest_alg alg;
    } forms[] = { { { "{HA1-MD5}", 9 }, SIP_DIGEST_MD5 },
                  { { "{HA1-SHA-256}", 13 }, SIP_DIGEST_SHA256 },
                  { { "{HA1-SHA-512-256}", 17 }, SIP_DIGEST_SHA512_256 } };
    *alg = SIP_DIGEST_UNKNOWN;
    for (size_t i = 0; i < AHOY_COUNT(forms); i++)
        if (view_istarts(secret, forms[i].mark)) {
            *alg = forms[i].alg;
            return view_from(secret, forms[i].mark.n);
        }
    return secret;
}

enum ahoy_err users_add(struct users *u, struct view line)
{
    enum sip_digest_alg alg;
    struct view rest = line, name = view_cut(&rest, ':');
    struct view secret = ha1_of(rest, &alg);
    if (view_empty(name) || name.n + 1 > line.n || secret.n >= sizeof((struct sip_auth_secret *) 0)->text)
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
    if (secret.n > 0)
        memcpy(k->text + name.n, secret.p, secret.n);
    bool first = !users_has(u, name);
    enum ahoy_err err = map_put(&u->by_name, view_of(k->text, name.n), &k->node);
    if (err) {
        mem_free(k);
        return err;
    }
    u->names += first;
    return AHOY_OK;
}

enum ahoy_err users_load(struct users *u, const char *path, char *why, size_t why_size)
{
    char text[LINE_BYTES];
    unsigned number = 0;
    enum ahoy_err err = AHOY_OK;
    FILE *f = fopen(path, "re");
    if (!f) {
        snprintf(why, why_size, "the users' file %s cannot be read", path);
        return AHOY_ERR_CONFIG;
    }
    while (!err && fgets(text, sizeof text, f)) {
        struct view line = view_str(text);
        number++;
        while (line.n > 0 && (line.p[line.n - 1] == '\n' || line.p[line.n - 1] == '\r'))
            line.n--;
        if (line.n > 0 && line.p[0] != '#')
            err = users_add(u, line);
    }
    mem_wipe(text, sizeof text);
    fclose(f);
    if (err == AHOY_ERR_SYNTAX) {
        snprintf(why, why_size, "%s, line %u: not NAME:PASSWORD", path, number);
        return AHOY_ERR_CONFIG;
    }
    return err;
}

bool users_has(const struct users *u, struct view name)
{
    return map_get(&u->by_name, name) != NULL;
}

size_t users_count(const struct users *u)
{
    return u->names;
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
