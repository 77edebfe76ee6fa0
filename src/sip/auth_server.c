#include "sip/auth_server.h"

#include "base/encode.h"
#include "base/list.h"
#include "base/map.h"
#include "base/mem.h"
#include "crypto/digest.h"
#include "sip/build.h"
#include "sip/uri.h"

enum { STAMP_BYTES = 16, MAC_BYTES = 16, NONCE_BYTES = STAMP_BYTES + MAC_BYTES };
enum { KEY_BYTES = 32, VALUE_MAX_BYTES = 8192, NC_WINDOW = 64 };

/* What was used of one nonce: only nonces that came with a right digest get here, so strangers cannot fill the table. */
struct used_nonce {
    struct map_node node;
    struct list_link link; /* oldest first */
    char stamp[STAMP_BYTES];
    int64_t made_ms;
    uint32_t top;    /* highest count seen */
    uint64_t window; /* bit i: top - i was seen */
};

struct sip_auth_server {
    struct sip_auth_server_config cfg;
    char *realm;
    struct rng *rng;
    char key[KEY_BYTES];
    uint64_t serial;
    struct map used;
    struct list order;
    int64_t floor_ms; /* nonces made up to here and not in the table may have been used: they are stale */
};

enum ahoy_err sip_auth_server_create(struct sip_auth_server **out, struct rng *rng,
                                     const struct sip_auth_server_config *cfg)
{
    if (!cfg->realm || cfg->algs[0] == SIP_DIGEST_UNKNOWN || cfg->nonce_ms == 0 || cfg->max_nonces == 0)
        return AHOY_ERR_INVAL;
    struct sip_auth_server *s = mem_zalloc(sizeof *s);
    if (!s)
        return AHOY_ERR_NOMEM;
    s->realm = view_dup(view_str(cfg->realm));
    if (!s->realm) {
        mem_free(s);
        return AHOY_ERR_NOMEM;
    }
    uint8_t seed[16];
    rng_bytes(rng, seed, sizeof seed);
    rng_bytes(rng, s->key, sizeof s->key);
    map_init(&s->used, seed);
    list_init(&s->order);
    s->cfg = *cfg;
    s->cfg.realm = s->realm;
    s->rng = rng;
    s->floor_ms = INT64_MIN;
    *out = s;
    return AHOY_OK;
}

static void forget_oldest(struct sip_auth_server *s)
{
    struct used_nonce *u = LIST_ENTRY(list_pop_front(&s->order), struct used_nonce, link);
    map_remove(&s->used, &u->node);
    mem_free(u);
}

void sip_auth_server_destroy(struct sip_auth_server *s)
{
    if (!s)
        return;
    while (!list_empty(&s->order))
        forget_oldest(s);
    map_fini(&s->used);
    mem_free(s->realm);
    mem_wipe(s->key, sizeof s->key);
    mem_free(s);
}

size_t sip_auth_server_nonces(const struct sip_auth_server *s)
{
    return s->used.count;
}

/* ---- nonces ------------------------------------------------------------------------------------------------------ */

static enum ahoy_err nonce_mac(const struct sip_auth_server *s, const char stamp[STAMP_BYTES], uint8_t mac[MAC_BYTES])
{
    uint8_t whole[CRYPTO_DIGEST_MAX_BYTES];
    const struct view part = view_of(stamp, STAMP_BYTES);
    enum ahoy_err err = crypto_hmac(CRYPTO_SHA256, view_of(s->key, KEY_BYTES), &part, 1, whole);
    if (err == AHOY_OK)
        memcpy(mac, whole, MAC_BYTES);
    return err;
}

/* Time and a serial number hidden in random bits, so that no two challenges share a nonce, and a MAC over both. */
static enum ahoy_err nonce_make(struct sip_auth_server *s, int64_t now_ms, char out[ENCODE_BASE64_SIZE(NONCE_BYTES)])
{
    char raw[NONCE_BYTES];
    uint8_t mac[MAC_BYTES];
    uint64_t time = (uint64_t) now_ms;
    uint64_t serial = (uint64_t) rng_u32(s->rng) << 32 | (uint32_t) ++s->serial;
    for (size_t i = 0; i < 8; i++) {
        raw[i] = (char) (uint8_t) (time >> (56 - 8 * i));
        raw[8 + i] = (char) (uint8_t) (serial >> (56 - 8 * i));
    }
    enum ahoy_err err = nonce_mac(s, raw, mac);
    if (err != AHOY_OK)
        return err;
    memcpy(raw + STAMP_BYTES, mac, MAC_BYTES);
    encode_base64(raw, sizeof raw, out);
    return AHOY_OK;
}

/* False when it is none of ours. */
static bool nonce_open(const struct sip_auth_server *s, struct view text, char stamp[STAMP_BYTES], int64_t *made_ms)
{
    char raw[NONCE_BYTES];
    uint8_t mac[MAC_BYTES];
    size_t n = 0;
    if (decode_base64(text, raw, sizeof raw, &n) != AHOY_OK || n != sizeof raw)
        return false;
    if (nonce_mac(s, raw, mac) != AHOY_OK || !crypto_equal(mac, raw + STAMP_BYTES, MAC_BYTES))
        return false;
    uint64_t time = 0;
    for (size_t i = 0; i < 8; i++)
        time = time << 8 | (uint8_t) raw[i];
    memcpy(stamp, raw, STAMP_BYTES);
    *made_ms = (int64_t) time;
    return true;
}

static enum ahoy_err put_challenge(struct sip_auth_server *s, enum sip_digest_alg alg, const char *nonce, bool proxy,
                                   bool stale, struct buf *out)
{
    struct buf value, realm;
    buf_init(&value, VALUE_MAX_BYTES);
    buf_init(&realm, VALUE_MAX_BYTES);
    for (const char *p = s->realm; *p; p++) {
        if (*p == '"' || *p == '\\')
            buf_char(&realm, '\\');
        buf_char(&realm, *p);
    }
    buf_printf(&value, "Digest realm=\"%s\", nonce=\"%s\", qop=\"%s\", algorithm=%s%s", buf_cstr(&realm), nonce,
               s->cfg.auth_int ? "auth,auth-int" : "auth", sip_digest_alg_name(alg, false),
               stale ? ", stale=true" : "");
    enum ahoy_err err = buf_err(&realm) != AHOY_OK ? buf_err(&realm) : buf_err(&value);
    if (err == AHOY_OK) {
        sip_build_hdr(out, proxy ? SIP_HDR_PROXY_AUTHENTICATE : SIP_HDR_WWW_AUTHENTICATE, buf_content(&value));
        err = buf_err(out);
    }
    buf_fini(&realm);
    buf_fini(&value);
    return err;
}

enum ahoy_err sip_auth_server_challenge(struct sip_auth_server *s, int64_t now_ms, bool proxy, bool stale,
                                        struct buf *out)
{
    char nonce[ENCODE_BASE64_SIZE(NONCE_BYTES)];
    enum ahoy_err err = nonce_make(s, now_ms, nonce);
    size_t most = s->cfg.offered > 0 ? AHOY_MIN(s->cfg.offered, AHOY_COUNT(s->cfg.algs)) : AHOY_COUNT(s->cfg.algs);
    for (size_t i = 0; err == AHOY_OK && i < most && s->cfg.algs[i] != SIP_DIGEST_UNKNOWN; i++)
        err = put_challenge(s, s->cfg.algs[i], nonce, proxy, stale, out);
    return err;
}

/* ---- counts ------------------------------------------------------------------------------------------------------ */

/* Whether this count is new for a nonce that is in the table; takes note of it. */
static bool count_is_new(struct used_nonce *u, uint32_t nc)
{
    if (nc > u->top) {
        uint32_t ahead = nc - u->top;
        u->window = ahead >= NC_WINDOW ? 0 : u->window << ahead;
        u->window |= 1;
        u->top = nc;
        return true;
    }
    uint32_t behind = u->top - nc;
    if (behind >= NC_WINDOW || (u->window >> behind & 1) != 0)
        return false;
    u->window |= (uint64_t) 1 << behind;
    return true;
}

static bool take_count(struct sip_auth_server *s, int64_t now_ms, const char stamp[STAMP_BYTES], int64_t made_ms,
                       uint32_t nc)
{
    for (struct list_link *k = list_first(&s->order); k; k = list_first(&s->order)) {
        if (now_ms - LIST_ENTRY(k, struct used_nonce, link)->made_ms <= (int64_t) s->cfg.nonce_ms)
            break;
        forget_oldest(s);
    }
    struct map_node *node = map_get(&s->used, view_of(stamp, STAMP_BYTES));
    if (node)
        return count_is_new(MAP_ENTRY(node, struct used_nonce, node), nc);
    if (made_ms <= s->floor_ms)
        return false;
    if (s->used.count >= s->cfg.max_nonces) {
        int64_t gone = LIST_ENTRY(list_first(&s->order), struct used_nonce, link)->made_ms;
        s->floor_ms = AHOY_MAX(s->floor_ms, gone);
        forget_oldest(s);
        if (made_ms <= s->floor_ms)
            return false;
    }
    struct used_nonce *u = mem_zalloc(sizeof *u);
    if (!u)
        return false;
    memcpy(u->stamp, stamp, STAMP_BYTES);
    u->made_ms = made_ms;
    u->top = nc;
    u->window = 1;
    if (map_put(&s->used, view_of(u->stamp, STAMP_BYTES), &u->node) != AHOY_OK) {
        mem_free(u);
        return false;
    }
    list_push_back(&s->order, &u->link);
    return true;
}

/* ---- checking ---------------------------------------------------------------------------------------------------- */

/* The credentials for our realm among those of the request. */
static enum sip_auth_verdict find_credentials(const struct sip_auth_server *s, const struct sip_msg *request,
                                              bool proxy, struct sip_credentials *out)
{
    enum sip_auth_verdict verdict = SIP_AUTH_VERDICT_NONE;
    struct buf realm;
    buf_init(&realm, VALUE_MAX_BYTES);
    const struct sip_hdr *h = sip_msg_first(request, proxy ? SIP_HDR_PROXY_AUTHORIZATION : SIP_HDR_AUTHORIZATION);
    for (; h && verdict != SIP_AUTH_VERDICT_OK; h = sip_msg_next(request, h)) {
        enum ahoy_err err = sip_credentials_parse(h->value, out);
        if (err != AHOY_OK) {
            verdict = err == AHOY_ERR_UNSUPPORTED ? verdict : SIP_AUTH_VERDICT_BAD;
            continue;
        }
        buf_clear(&realm);
        sip_digest_unescape(out->realm, &realm);
        if (buf_err(&realm) == AHOY_OK && view_eq(buf_content(&realm), view_str(s->realm)))
            verdict = SIP_AUTH_VERDICT_OK;
    }
    buf_fini(&realm);
    return verdict;
}

static bool is_offered(const struct sip_auth_server *s, const struct sip_credentials *c)
{
    if ((c->qop == SIP_QOP_NONE && !s->cfg.allow_no_qop) || (c->qop == SIP_QOP_AUTH_INT && !s->cfg.auth_int))
        return false;
    for (size_t i = 0; i < AHOY_COUNT(s->cfg.algs) && s->cfg.algs[i] != SIP_DIGEST_UNKNOWN; i++) {
        if (s->cfg.algs[i] == c->alg)
            return !c->sess;
    }
    return false;
}

static bool take_user(struct view escaped, struct sip_auth_identity *who)
{
    struct buf user;
    buf_init(&user, sizeof who->user_text - 1);
    sip_digest_unescape(escaped, &user);
    bool ok = buf_err(&user) == AHOY_OK && view_copy(buf_content(&user), who->user_text, sizeof who->user_text);
    who->user = view_of(who->user_text, user.n);
    buf_fini(&user);
    return ok;
}

/* The HA1 of the user; for an unknown one, that of a password nobody has, so that both cost the same. */
static bool find_ha1(const struct sip_auth_server *s, struct sip_auth_identity *who, sip_auth_lookup_fn *lookup,
                     void *arg)
{
    struct sip_auth_secret secret = { 0 };
    bool known = lookup(arg, who->user, view_str(s->realm), who->alg, &secret);
    bool ok = known;
    if (!known || !secret.is_ha1) {
        struct view password = known ? view_str(secret.text) : view_of(s->key, KEY_BYTES);
        ok = sip_digest_ha1(who->alg, who->user, view_str(s->realm), password, who->ha1) == AHOY_OK && known;
    } else {
        ok = view_copy(view_str(secret.text), who->ha1, sizeof who->ha1);
    }
    mem_wipe(&secret, sizeof secret);
    return ok;
}

/* What a digest with these credentials is made of; without a method it is the server's own proof. */
static struct sip_digest_input digest_input(const struct sip_auth_identity *who, struct view method, struct view body)
{
    const struct sip_credentials *c = &who->credentials;
    return (struct sip_digest_input){
        .alg = c->alg,
        .ha1 = view_str(who->ha1),
        .nonce = c->nonce,
        .cnonce = c->cnonce,
        .nc = c->nc,
        .qop = c->qop,
        .method = method,
        .uri = c->uri,
        .body = body,
    };
}

static bool response_is_right(const struct sip_auth_identity *who, const struct sip_msg *request)
{
    const struct sip_credentials *c = &who->credentials;
    char want[SIP_DIGEST_HEX_BYTES];
    const struct sip_digest_input in = digest_input(who, request->method_text, request->body);
    return sip_digest_response(&in, want) == AHOY_OK && sip_digest_equal(c->response, view_str(want));
}

/* Proxies add and drop parameters on the way, so user and host count alone (RFC 3261 section 22.4 item 6 allows it). */
static bool uri_names_request(struct view uri, struct view request_uri)
{
    struct sip_uri a, b;
    if (view_eq(uri, request_uri))
        return true;
    return sip_uri_parse(uri, &a) == AHOY_OK && sip_uri_parse(request_uri, &b) == AHOY_OK && view_eq(a.user, b.user)
           && view_ieq(a.host, b.host);
}

enum sip_auth_verdict sip_auth_server_verify(struct sip_auth_server *s, int64_t now_ms, const struct sip_msg *request,
                                             bool proxy, sip_auth_lookup_fn *lookup, void *arg,
                                             struct sip_auth_identity *out)
{
    struct sip_auth_identity who = { 0 };
    char stamp[STAMP_BYTES];
    int64_t made_ms = 0;
    enum sip_auth_verdict verdict = find_credentials(s, request, proxy, &who.credentials);
    if (verdict != SIP_AUTH_VERDICT_OK)
        return verdict;
    const struct sip_credentials *c = &who.credentials;
    if (!is_offered(s, c))
        return SIP_AUTH_VERDICT_NONE;
    who.alg = c->alg;
    bool known = take_user(c->username, &who) && find_ha1(s, &who, lookup, arg);
    bool right = response_is_right(&who, request);
    if (!known || !right) {
        verdict = SIP_AUTH_VERDICT_WRONG;
    } else if ((s->cfg.check_uri && !uri_names_request(c->uri, request->uri))
               || (c->qop != SIP_QOP_NONE && c->nc == 0)) {
        verdict = SIP_AUTH_VERDICT_BAD;
    } else if (!nonce_open(s, c->nonce, stamp, &made_ms) || now_ms - made_ms > (int64_t) s->cfg.nonce_ms
               || !take_count(s, now_ms, stamp, made_ms, c->qop == SIP_QOP_NONE ? 1 : c->nc)) {
        verdict = SIP_AUTH_VERDICT_STALE;
    } else {
        *out = who;
        out->user = view_of(out->user_text, who.user.n);
    }
    mem_wipe(who.ha1, sizeof who.ha1);
    return verdict;
}

enum ahoy_err sip_auth_server_put_info(struct sip_auth_server *s, int64_t now_ms, const struct sip_auth_identity *who,
                                       struct view body, struct buf *out)
{
    const struct sip_credentials *c = &who->credentials;
    char proof[SIP_DIGEST_HEX_BYTES], stamp[STAMP_BYTES], next[ENCODE_BASE64_SIZE(NONCE_BYTES)];
    int64_t made_ms = 0;
    if (c->qop == SIP_QOP_NONE)
        return AHOY_OK;
    const struct sip_digest_input in = digest_input(who, view_of(NULL, 0), body);
    enum ahoy_err err = sip_digest_response(&in, proof);
    if (err != AHOY_OK)
        return err;
    bool ageing = nonce_open(s, c->nonce, stamp, &made_ms) && now_ms - made_ms > (int64_t) s->cfg.nonce_ms / 4 * 3;
    if (ageing)
        err = nonce_make(s, now_ms, next);
    if (err != AHOY_OK)
        return err;
    struct buf value;
    buf_init(&value, VALUE_MAX_BYTES);
    if (ageing)
        buf_printf(&value, "nextnonce=\"%s\", ", next);
    buf_printf(&value, "qop=%s, rspauth=\"%s\", cnonce=\"%.*s\", nc=%08x",
               c->qop == SIP_QOP_AUTH_INT ? "auth-int" : "auth", proof, VIEW_ARG(c->cnonce), (unsigned) c->nc);
    err = buf_err(&value);
    if (err == AHOY_OK) {
        sip_build_hdr(out, SIP_HDR_AUTHENTICATION_INFO, buf_content(&value));
        err = buf_err(out);
    }
    buf_fini(&value);
    return err;
}
