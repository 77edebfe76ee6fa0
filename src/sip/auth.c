#include "sip/auth.h"

#include "base/mem.h"
#include "sip/build.h"
#include "sip/uri.h"

enum { CNONCE_CHARS = 26, VALUE_MAX_BYTES = 16384, MAX_LEARNT = 8 };

struct credential {
    char *realm; /* NULL: any */
    char *user, *password;
    char ha1[SIP_DIGEST_HEX_BYTES]; /* empty when there is a password */
    enum sip_digest_alg ha1_alg;
    bool any_host;
};

/* A nonce and what goes with it: a protection space of RFC 7616, as one next hop showed it to one kind of request. */
struct space {
    uint64_t serial; /* changes with the nonce; 0: the slot is free */
    uint64_t touched;
    bool proxy;     /* of Proxy-Authenticate */
    bool registers; /* of a REGISTER: registrars and proxies of one domain often keep their nonces apart */
    bool proven;    /* accepted at least once */
    const struct credential *credential;
    char *host, *realm, *nonce, *opaque, *algorithm;
    bool has_opaque, sess;
    enum sip_digest_alg alg;
    enum sip_digest_qop qop;
    uint32_t nc;                   /* last one used */
    char cnonce[CNONCE_CHARS + 1]; /* kept with the nonce, since a session's key is made with the first */
    char ha1[SIP_DIGEST_HEX_BYTES];
    struct addr peer;
};

struct sip_auth {
    struct rng *rng;
    struct credential *credential[SIP_AUTH_MAX_CREDENTIALS];
    char *host[SIP_AUTH_MAX_HOSTS];
    struct space space[SIP_AUTH_MAX_SPACES];
    uint64_t serials, ticks;
    struct addr learnt_peer[MAX_LEARNT];
    char *learnt_realm[MAX_LEARNT];
    size_t next_peer, next_realm;
};

/* ---- credentials and hosts --------------------------------------------------------------------------------------- */

static void free_secret(char *s)
{
    if (s)
        mem_wipe(s, strlen(s));
    mem_free(s);
}

static void credential_free(struct credential *c)
{
    if (!c)
        return;
    mem_free(c->realm);
    mem_free(c->user);
    free_secret(c->password);
    mem_wipe(c, sizeof *c);
    mem_free(c);
}

static void space_drop(struct space *s)
{
    mem_free(s->host);
    mem_free(s->realm);
    mem_free(s->nonce);
    mem_free(s->opaque);
    mem_free(s->algorithm);
    mem_wipe(s, sizeof *s);
}

static enum ahoy_err credential_create(struct credential **out, const struct sip_auth_credential *from)
{
    bool any = from->realm.n == 0 || view_eq(from->realm, VIEW("*"));
    bool by_ha1 = from->ha1.n > 0;
    if (from->user.n == 0 || (any && (by_ha1 || from->any_host)))
        return AHOY_ERR_INVAL;
    if (by_ha1 && (from->ha1.n >= SIP_DIGEST_HEX_BYTES || from->ha1_alg == SIP_DIGEST_UNKNOWN))
        return AHOY_ERR_INVAL;
    struct credential *c = mem_zalloc(sizeof *c);
    if (!c)
        return AHOY_ERR_NOMEM;
    c->realm = any ? NULL : view_dup(from->realm);
    c->user = view_dup(from->user);
    c->password = by_ha1 ? NULL : view_dup(from->password);
    c->ha1_alg = by_ha1 ? from->ha1_alg : SIP_DIGEST_UNKNOWN;
    c->any_host = from->any_host;
    (void) view_copy(from->ha1, c->ha1, sizeof c->ha1);
    if ((!any && !c->realm) || !c->user || (!by_ha1 && !c->password)) {
        credential_free(c);
        return AHOY_ERR_NOMEM;
    }
    *out = c;
    return AHOY_OK;
}

enum ahoy_err sip_auth_create(struct sip_auth **out, struct rng *rng)
{
    struct sip_auth *a = mem_zalloc(sizeof *a);
    if (!a)
        return AHOY_ERR_NOMEM;
    a->rng = rng;
    *out = a;
    return AHOY_OK;
}

void sip_auth_clear(struct sip_auth *a)
{
    for (size_t i = 0; i < SIP_AUTH_MAX_SPACES; i++)
        space_drop(&a->space[i]);
    for (size_t i = 0; i < SIP_AUTH_MAX_CREDENTIALS; i++) {
        credential_free(a->credential[i]);
        a->credential[i] = NULL;
    }
    for (size_t i = 0; i < MAX_LEARNT; i++) {
        mem_free(a->learnt_realm[i]);
        a->learnt_realm[i] = NULL;
        a->learnt_peer[i] = (struct addr){ 0 };
    }
}

void sip_auth_destroy(struct sip_auth *a)
{
    if (!a)
        return;
    sip_auth_clear(a);
    for (size_t i = 0; i < SIP_AUTH_MAX_HOSTS; i++)
        mem_free(a->host[i]);
    mem_free(a);
}

static bool same_realm(const char *a, const char *b)
{
    return a && b ? strcmp(a, b) == 0 : a == b;
}

enum ahoy_err sip_auth_set(struct sip_auth *a, const struct sip_auth_credential *from)
{
    struct credential *c = NULL;
    enum ahoy_err err = credential_create(&c, from);
    if (err != AHOY_OK)
        return err;
    struct credential **slot = NULL;
    for (size_t i = 0; i < SIP_AUTH_MAX_CREDENTIALS; i++) {
        struct credential **at = &a->credential[i];
        if (*at ? same_realm((*at)->realm, c->realm) : !slot)
            slot = at;
        if (*at && slot == at)
            break;
    }
    if (!slot) {
        credential_free(c);
        return AHOY_ERR_LIMIT;
    }
    for (size_t i = 0; *slot && i < SIP_AUTH_MAX_SPACES; i++) {
        if (a->space[i].credential == *slot)
            space_drop(&a->space[i]);
    }
    credential_free(*slot);
    *slot = c;
    return AHOY_OK;
}

/* Without the brackets of an IPv6 literal and the final dot of a name. */
static struct view bare_host(struct view h)
{
    if (h.n >= 2 && h.p[0] == '[' && h.p[h.n - 1] == ']')
        return view_of(h.p + 1, h.n - 2);
    if (h.n > 1 && h.p[h.n - 1] == '.')
        h.n--;
    return h;
}

static bool host_is_ours(const struct sip_auth *a, struct view host)
{
    for (size_t i = 0; i < SIP_AUTH_MAX_HOSTS && host.n > 0; i++) {
        if (a->host[i] && view_ieq(view_str(a->host[i]), bare_host(host)))
            return true;
    }
    return false;
}

enum ahoy_err sip_auth_add_host(struct sip_auth *a, struct view host)
{
    if (bare_host(host).n == 0 || host_is_ours(a, host))
        return host.n == 0 ? AHOY_ERR_INVAL : AHOY_OK;
    for (size_t i = 0; i < SIP_AUTH_MAX_HOSTS; i++) {
        if (!a->host[i]) {
            a->host[i] = view_dup(bare_host(host));
            return a->host[i] ? AHOY_OK : AHOY_ERR_NOMEM;
        }
    }
    return AHOY_ERR_LIMIT;
}

/* ---- who may be answered ----------------------------------------------------------------------------------------- */

static bool peer_is_learnt(const struct sip_auth *a, const struct addr *peer)
{
    for (size_t i = 0; peer && i < MAX_LEARNT; i++) {
        if (a->learnt_peer[i].family != ADDR_NONE && addr_eq(&a->learnt_peer[i], peer))
            return true;
    }
    return false;
}

static bool realm_is_learnt(const struct sip_auth *a, struct view realm)
{
    for (size_t i = 0; i < MAX_LEARNT; i++) {
        if (a->learnt_realm[i] && view_eq(view_str(a->learnt_realm[i]), realm))
            return true;
    }
    return false;
}

/* The credential for a challenge, by the rules at the head of auth.h; NULL: none. */
static const struct credential *find_credential(const struct sip_auth *a, const struct sip_auth_request *rq, bool proxy,
                                                struct view realm)
{
    bool own_hop = host_is_ours(a, rq->next_hop) || peer_is_learnt(a, rq->peer);
    const struct credential *any = NULL;
    for (size_t i = 0; i < SIP_AUTH_MAX_CREDENTIALS; i++) {
        const struct credential *c = a->credential[i];
        if (c && !c->realm)
            any = c;
        if (c && c->realm && view_eq(view_str(c->realm), realm))
            return own_hop || c->any_host ? c : NULL;
    }
    if (!any || !own_hop)
        return NULL;
    struct sip_uri uri;
    bool own_uri = sip_uri_parse(rq->uri, &uri) == AHOY_OK && host_is_ours(a, uri.host);
    return proxy || own_uri || realm_is_learnt(a, realm) ? any : NULL;
}

static bool space_is_here(const struct space *s, const struct sip_auth_request *rq)
{
    return view_ieq(view_str(s->host), bare_host(rq->next_hop)) || (rq->peer && addr_eq(&s->peer, rq->peer));
}

static bool is_register(const struct sip_auth_request *rq)
{
    return view_eq(rq->method, VIEW("REGISTER"));
}

/* ---- sending ----------------------------------------------------------------------------------------------------- */

static size_t try_find(const struct sip_auth_try *try, uint64_t serial)
{
    size_t i = 0;
    while (i < try->used && try->with[i].space != serial)
        i++;
    return i;
}

/* Notes the use of a space; false when there is no room. */
static bool try_note(struct sip_auth_try *try, uint64_t serial, bool fresh)
{
    size_t i = try_find(try, serial);
    if (i == AHOY_COUNT(try->with))
        return false;
    if (i == try->used)
        try->used++;
    try->with[i].space = serial;
    try->with[i].fresh = fresh;
    return true;
}

/* What a digest in this space is made of, but for the message. */
static struct sip_digest_input space_input(const struct space *s)
{
    return (struct sip_digest_input){
        .alg = s->alg,
        .sess = s->sess,
        .ha1 = view_str(s->ha1),
        .nonce = view_str(s->nonce),
        .cnonce = view_str(s->cnonce),
        .nc = s->nc,
        .qop = s->qop,
    };
}

static enum ahoy_err space_respond(struct space *s, const struct sip_auth_request *rq, char out[SIP_DIGEST_HEX_BYTES])
{
    s->nc++;
    struct sip_digest_input in = space_input(s);
    in.method = rq->method;
    in.uri = rq->uri;
    in.body = rq->body;
    return sip_digest_response(&in, out);
}

static enum ahoy_err space_put(struct space *s, const struct sip_auth_request *rq, struct buf *out)
{
    char response[SIP_DIGEST_HEX_BYTES];
    enum ahoy_err err = space_respond(s, rq, response);
    if (err != AHOY_OK)
        return err;
    const struct sip_credentials c = {
        .username = view_str(s->credential->user),
        .realm = view_str(s->realm),
        .nonce = view_str(s->nonce),
        .uri = rq->uri,
        .response = view_str(response),
        .cnonce = view_str(s->cnonce),
        .opaque = view_str(s->opaque),
        .has_opaque = s->has_opaque,
        .algorithm = view_str(s->algorithm),
        .alg = s->alg,
        .sess = s->sess,
        .qop = s->qop,
        .nc = s->nc,
    };
    struct buf value;
    buf_init(&value, VALUE_MAX_BYTES);
    sip_credentials_put(&value, &c);
    err = buf_err(&value);
    if (err == AHOY_OK) {
        sip_build_hdr(out, s->proxy ? SIP_HDR_PROXY_AUTHORIZATION : SIP_HDR_AUTHORIZATION, buf_content(&value));
        err = buf_err(out);
    }
    buf_fini(&value);
    return err;
}

enum ahoy_err sip_auth_put(struct sip_auth *a, struct sip_auth_try *try, const struct sip_auth_request *rq,
                           struct buf *out)
{
    for (size_t i = 0; i < SIP_AUTH_MAX_SPACES; i++) {
        struct space *s = &a->space[i];
        if (s->serial == 0 || s->nc == UINT32_MAX || !space_is_here(s, rq))
            continue;
        size_t at = try_find(try, s->serial);
        bool known = at < try->used;
        if (!known && (!s->proven || s->registers != is_register(rq)))
            continue;
        if (!try_note(try, s->serial, known && try->with[at].fresh))
            continue;
        s->touched = ++a->ticks;
        enum ahoy_err err = space_put(s, rq, out);
        if (err != AHOY_OK)
            return err;
    }
    return AHOY_OK;
}

/* ---- being challenged -------------------------------------------------------------------------------------------- */

struct wanted {
    bool proxy;
    struct sip_challenge challenge;
    const struct credential *credential;
};

struct wanted_list {
    struct wanted of[SIP_AUTH_MAX_SPACES];
    size_t n;
    bool any, no_credential;
};

static bool challenge_fits(const struct sip_challenge *c)
{
    return c->alg != SIP_DIGEST_UNKNOWN && (!c->has_qop || c->qop_auth || c->qop_auth_int);
}

/* Keeps the strongest usable challenge of each realm. */
static void consider(struct wanted_list *list, const struct sip_auth *a, const struct sip_auth_request *rq, bool proxy,
                     const struct sip_challenge *c)
{
    list->any = true;
    if (!c->is_digest || !challenge_fits(c))
        return;
    const struct credential *credential = find_credential(a, rq, proxy, c->realm);
    if (!credential || (credential->ha1_alg != SIP_DIGEST_UNKNOWN && credential->ha1_alg != c->alg)) {
        list->no_credential = true;
        return;
    }
    size_t i = 0;
    while (i < list->n && (list->of[i].proxy != proxy || !view_eq(list->of[i].challenge.realm, c->realm)))
        i++;
    if (i == AHOY_COUNT(list->of) || (i < list->n && list->of[i].challenge.alg >= c->alg))
        return;
    list->of[i] = (struct wanted){ .proxy = proxy, .challenge = *c, .credential = credential };
    if (i == list->n)
        list->n++;
}

static void collect(struct wanted_list *list, const struct sip_auth *a, const struct sip_auth_request *rq,
                    const struct sip_msg *response, bool proxy)
{
    unsigned seen = 0;
    const struct sip_hdr *h = sip_msg_first(response, proxy ? SIP_HDR_PROXY_AUTHENTICATE : SIP_HDR_WWW_AUTHENTICATE);
    for (; h; h = sip_msg_next(response, h)) {
        struct view rest = h->value;
        struct sip_challenge c;
        while (seen++ < 4 * SIP_AUTH_MAX_SPACES && sip_challenge_next(&rest, &c) == AHOY_OK)
            consider(list, a, rq, proxy, &c);
    }
}

static struct space *find_space(struct sip_auth *a, const struct sip_auth_request *rq, const struct wanted *w)
{
    for (size_t i = 0; i < SIP_AUTH_MAX_SPACES; i++) {
        struct space *s = &a->space[i];
        if (s->serial != 0 && s->proxy == w->proxy && s->registers == is_register(rq)
            && view_eq(view_str(s->realm), w->challenge.realm) && space_is_here(s, rq))
            return s;
    }
    return NULL;
}

static struct space *pick_slot(struct sip_auth *a)
{
    struct space *oldest = &a->space[0];
    for (size_t i = 0; i < SIP_AUTH_MAX_SPACES && oldest->serial != 0; i++) {
        if (a->space[i].serial == 0 || a->space[i].touched < oldest->touched)
            oldest = &a->space[i];
    }
    return oldest;
}

static enum ahoy_err make_ha1(const struct credential *c, enum sip_digest_alg alg, struct view realm,
                              char out[SIP_DIGEST_HEX_BYTES])
{
    if (c->ha1_alg == SIP_DIGEST_UNKNOWN)
        return sip_digest_ha1(alg, view_str(c->user), realm, view_str(c->password), out);
    memcpy(out, c->ha1, sizeof c->ha1);
    return AHOY_OK;
}

/* Remembers a challenge in place of what its space held before (`old` may be NULL). */
static enum ahoy_err space_renew(struct sip_auth *a, struct space *old, const struct sip_auth_request *rq,
                                 const struct wanted *w, struct space **out)
{
    const struct sip_challenge *c = &w->challenge;
    struct space s = {
        .touched = ++a->ticks,
        .proxy = w->proxy,
        .registers = is_register(rq),
        .proven = old && old->proven,
        .credential = w->credential,
        .host = view_dup(bare_host(rq->next_hop)),
        .realm = view_dup(c->realm),
        .nonce = view_dup(c->nonce),
        .opaque = view_dup(c->opaque),
        .algorithm = view_dup(c->algorithm),
        .has_opaque = c->has_opaque,
        .sess = c->sess,
        .alg = c->alg,
        .qop = c->qop_auth ? SIP_QOP_AUTH : (c->qop_auth_int ? SIP_QOP_AUTH_INT : SIP_QOP_NONE),
        .peer = rq->peer ? *rq->peer : (struct addr){ 0 },
    };
    enum ahoy_err err = s.host && s.realm && s.nonce && s.opaque && s.algorithm ? AHOY_OK : AHOY_ERR_NOMEM;
    if (err == AHOY_OK)
        err = make_ha1(w->credential, c->alg, c->realm, s.ha1);
    if (err != AHOY_OK) {
        space_drop(&s);
        return err;
    }
    rng_token(a->rng, s.cnonce, CNONCE_CHARS);
    s.serial = ++a->serials;
    struct space *slot = old ? old : pick_slot(a);
    space_drop(slot);
    *slot = s;
    *out = slot;
    return AHOY_OK;
}

/* Answers one realm's challenge, or finds that its credentials were refused. */
static enum ahoy_err answer(struct sip_auth *a, struct sip_auth_try *try, const struct sip_auth_request *rq,
                            const struct wanted *w)
{
    struct space *s = find_space(a, rq, w);
    size_t at = s ? try_find(try, s->serial) : try->used;
    bool tried = s && at < try->used;
    if (tried && try->with[at].fresh && !w->challenge.stale && s->credential == w->credential) {
        space_drop(s); /* the next request starts from a fresh challenge, not from refused credentials */
        return AHOY_ERR_AUTH;
    }
    if (tried)
        try->with[at] = try->with[--try->used];
    enum ahoy_err err = space_renew(a, s, rq, w, &s);
    if (err != AHOY_OK)
        return err;
    return try_note(try, s->serial, true) ? AHOY_OK : AHOY_ERR_AUTH;
}

enum ahoy_err sip_auth_challenged(struct sip_auth *a, struct sip_auth_try *try, const struct sip_auth_request *rq,
                                  const struct sip_msg *response)
{
    struct wanted_list list = { 0 };
    if (++try->rounds > SIP_AUTH_MAX_ROUNDS)
        return AHOY_ERR_AUTH;
    collect(&list, a, rq, response, false);
    collect(&list, a, rq, response, true);
    if (list.n == 0 && list.no_credential)
        return AHOY_ERR_NOT_FOUND;
    if (list.n == 0)
        return list.any ? AHOY_ERR_UNSUPPORTED : AHOY_ERR_SYNTAX;
    for (size_t i = 0; i < list.n; i++) {
        enum ahoy_err err = answer(a, try, rq, &list.of[i]);
        if (err != AHOY_OK)
            return err;
    }
    return AHOY_OK;
}

/* ---- being accepted ---------------------------------------------------------------------------------------------- */

static void learn(struct sip_auth *a, const struct space *s, const struct sip_auth_request *rq)
{
    if (!host_is_ours(a, rq->next_hop))
        return;
    if (rq->peer && !peer_is_learnt(a, rq->peer)) {
        a->learnt_peer[a->next_peer] = *rq->peer;
        a->next_peer = (a->next_peer + 1) % MAX_LEARNT;
    }
    if (realm_is_learnt(a, view_str(s->realm)))
        return;
    char *realm = view_dup(view_str(s->realm)); /* when there is no memory, the realm is learnt another time */
    if (!realm)
        return;
    mem_free(a->learnt_realm[a->next_realm]);
    a->learnt_realm[a->next_realm] = realm;
    a->next_realm = (a->next_realm + 1) % MAX_LEARNT;
}

static enum ahoy_err check_rspauth(const struct space *s, const struct sip_auth_info *info,
                                   const struct sip_auth_request *rq, const struct sip_msg *response)
{
    char want[SIP_DIGEST_HEX_BYTES];
    struct sip_digest_input in = space_input(s);
    if (info->nc)
        in.nc = info->nc;
    if (info->qop)
        in.qop = info->qop;
    in.uri = rq->uri;
    in.body = response->body;
    enum ahoy_err err = sip_digest_response(&in, want);
    if (err == AHOY_OK && !sip_digest_equal(info->rspauth, view_str(want)))
        err = AHOY_ERR_AUTH;
    return err;
}

/* A busy callee, say, was reached by a request whose credentials had passed. */
static bool proves_acceptance(unsigned status)
{
    return status != 401 && status != 403 && status != 407 && (status < 500 || status >= 600);
}

static void take_next_nonce(struct sip_auth *a, struct space *s, struct view nonce)
{
    char *copy = view_dup(nonce); /* without memory the old nonce stays, and turns stale some day */
    if (!copy)
        return;
    mem_free(s->nonce);
    s->nonce = copy;
    s->nc = 0;
    s->serial = ++a->serials;
    rng_token(a->rng, s->cnonce, CNONCE_CHARS);
}

enum ahoy_err sip_auth_accepted(struct sip_auth *a, const struct sip_auth_try *try, const struct sip_auth_request *rq,
                                const struct sip_msg *response)
{
    struct sip_auth_info info;
    const struct sip_hdr *h = sip_msg_first(response, SIP_HDR_AUTHENTICATION_INFO);
    bool has_info = h && sip_auth_info_parse(h->value, &info) == AHOY_OK;
    enum ahoy_err err = AHOY_OK;
    for (size_t i = 0; i < SIP_AUTH_MAX_SPACES; i++) {
        struct space *s = &a->space[i];
        if (s->serial == 0 || try_find(try, s->serial) == try->used || !proves_acceptance(response->status))
            continue;
        s->proven = true;
        learn(a, s, rq);
        if (!has_info || s->proxy || (info.cnonce.n > 0 && !view_eq(info.cnonce, view_str(s->cnonce))))
            continue;
        if (info.rspauth.n > 0)
            err = check_rspauth(s, &info, rq, response);
        if (err == AHOY_OK && info.nextnonce.n > 0)
            take_next_nonce(a, s, info.nextnonce);
        has_info = false;
    }
    return err;
}
