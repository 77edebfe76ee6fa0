#include "sip/digest.h"

#include "base/chars.h"
#include "base/encode.h"
#include "base/mem.h"
#include "crypto/digest.h"

/* ---- names ------------------------------------------------------------------------------------------------------- */

static const struct {
    struct view name, sess_name;
    enum crypto_digest_alg hash;
} algs[SIP_DIGEST_ALG_COUNT] = {
    [SIP_DIGEST_MD5] = { { "MD5", 3 }, { "MD5-sess", 8 }, CRYPTO_MD5 },
    [SIP_DIGEST_SHA256] = { { "SHA-256", 7 }, { "SHA-256-sess", 12 }, CRYPTO_SHA256 },
    [SIP_DIGEST_SHA512_256] = { { "SHA-512-256", 11 }, { "SHA-512-256-sess", 16 }, CRYPTO_SHA512_256 },
};

enum sip_digest_alg sip_digest_alg_of(struct view text, bool *sess)
{
    for (int i = SIP_DIGEST_UNKNOWN + 1; i < SIP_DIGEST_ALG_COUNT; i++) {
        *sess = view_ieq(text, algs[i].sess_name);
        if (*sess || view_ieq(text, algs[i].name))
            return (enum sip_digest_alg) i;
    }
    *sess = false;
    return SIP_DIGEST_UNKNOWN;
}

const char *sip_digest_alg_name(enum sip_digest_alg alg, bool sess)
{
    if (alg <= SIP_DIGEST_UNKNOWN || alg >= SIP_DIGEST_ALG_COUNT)
        return "";
    return sess ? algs[alg].sess_name.p : algs[alg].name.p;
}

static struct view qop_name(enum sip_digest_qop qop)
{
    return qop == SIP_QOP_AUTH_INT ? VIEW("auth-int") : VIEW("auth");
}

/* ---- scanning ---------------------------------------------------------------------------------------------------- */

static bool is_token_char(char c)
{
    return chars_is_alnum(c) || (c != '\0' && strchr("-.!%*_+`'~", c) != NULL);
}

static void skip_lws(struct view *v)
{
    while (v->n > 0 && chars_is_lws(*v->p))
        *v = view_from(*v, 1);
}

static void skip_separators(struct view *v)
{
    while (v->n > 0 && (chars_is_lws(*v->p) || *v->p == ','))
        *v = view_from(*v, 1);
}

static struct view take_token(struct view *v)
{
    size_t n = 0;
    while (n < v->n && is_token_char(v->p[n]))
        n++;
    struct view token = view_first(*v, n);
    *v = view_from(*v, n);
    return token;
}

/* The text up to the closing quote; `v` starts behind the opening one. Control characters would let a line be smuggled
 * into what we echo, so they are no part of a value. */
static enum ahoy_err take_quoted(struct view *v, struct view *out)
{
    size_t i = 0;
    bool escaped = false;
    while (i < v->n && (escaped || v->p[i] != '"')) {
        if ((unsigned char) v->p[i] < ' ' && v->p[i] != '\t')
            return AHOY_ERR_SYNTAX;
        escaped = !escaped && v->p[i] == '\\';
        i++;
    }
    if (i >= v->n)
        return AHOY_ERR_SYNTAX;
    *out = view_first(*v, i);
    *v = view_from(*v, i + 1);
    return AHOY_OK;
}

/* Devices leave out quotes, also around values with '@', ':' or '/'. */
static enum ahoy_err take_bare(struct view *v, struct view *out)
{
    size_t n = view_find(*v, ',');
    struct view bare = view_trim(view_first(*v, n));
    for (size_t i = 0; i < bare.n; i++) {
        char c = bare.p[i];
        if ((unsigned char) c <= ' ' || c == 0x7f || c == '"' || c == '\\')
            return AHOY_ERR_SYNTAX;
    }
    *out = bare;
    *v = view_from(*v, n);
    return AHOY_OK;
}

struct param {
    struct view name, value;
    unsigned count; /* taken so far */
};

/* The next name=value; END at the end or before the scheme of a further challenge, which stays in `rest`. */
static enum ahoy_err next_param(struct view *rest, struct param *p)
{
    struct view at = *rest;
    skip_separators(&at);
    if (at.n == 0) {
        *rest = at;
        return AHOY_ERR_END;
    }
    struct view before = at;
    struct view name = take_token(&at);
    if (name.n == 0)
        return AHOY_ERR_SYNTAX;
    skip_lws(&at);
    if (at.n == 0 || *at.p != '=') {
        *rest = before;
        return AHOY_ERR_END;
    }
    at = view_from(at, 1);
    skip_lws(&at);
    struct view value = { 0 };
    bool quoted = at.n > 0 && *at.p == '"';
    if (quoted)
        at = view_from(at, 1);
    enum ahoy_err err = quoted ? take_quoted(&at, &value) : take_bare(&at, &value);
    if (err != AHOY_OK)
        return err;
    if (value.n > SIP_DIGEST_MAX_VALUE || p->count >= SIP_DIGEST_MAX_PARAMS)
        return AHOY_ERR_LIMIT;
    p->count++;
    p->name = name;
    p->value = value;
    *rest = at;
    return AHOY_OK;
}

static enum sip_digest_qop qop_of(struct view v)
{
    if (view_ieq(v, VIEW("auth")))
        return SIP_QOP_AUTH;
    return view_ieq(v, VIEW("auth-int")) ? SIP_QOP_AUTH_INT : SIP_QOP_NONE;
}

/* ---- challenges -------------------------------------------------------------------------------------------------- */

static void challenge_qop(struct sip_challenge *c, struct view list)
{
    c->has_qop = c->has_qop || !view_empty(view_trim(list));
    while (list.n > 0) {
        enum sip_digest_qop qop = qop_of(view_trim(view_cut(&list, ',')));
        c->qop_auth = c->qop_auth || qop == SIP_QOP_AUTH;
        c->qop_auth_int = c->qop_auth_int || qop == SIP_QOP_AUTH_INT;
    }
}

/* The first of two values with one name counts. */
static void keep_first(struct view *slot, struct view value)
{
    if (!slot->p)
        *slot = value;
}

static void challenge_param(struct sip_challenge *c, const struct param *p)
{
    if (view_ieq(p->name, VIEW("realm"))) {
        keep_first(&c->realm, p->value);
    } else if (view_ieq(p->name, VIEW("nonce"))) {
        keep_first(&c->nonce, p->value);
    } else if (view_ieq(p->name, VIEW("opaque"))) {
        keep_first(&c->opaque, p->value);
        c->has_opaque = true;
    } else if (view_ieq(p->name, VIEW("domain"))) {
        keep_first(&c->domain, p->value);
    } else if (view_ieq(p->name, VIEW("algorithm"))) {
        keep_first(&c->algorithm, p->value);
    } else if (view_ieq(p->name, VIEW("stale"))) {
        c->stale = view_ieq(p->value, VIEW("true"));
    } else if (view_ieq(p->name, VIEW("qop"))) {
        challenge_qop(c, p->value);
    }
}

/* "qop=auth,auth-int" without quotes leaves a bare word where the next challenge might start. */
static bool take_stray_qop(struct view *rest, struct sip_challenge *c, const struct param *last)
{
    struct view at = *rest;
    struct view word = take_token(&at);
    if (last->count == 0 || !view_ieq(last->name, VIEW("qop")) || qop_of(word) == SIP_QOP_NONE)
        return false;
    challenge_qop(c, word);
    *rest = at;
    return true;
}

static enum ahoy_err challenge_parse(struct view *rest, struct sip_challenge *out)
{
    skip_separators(rest);
    if (rest->n == 0)
        return AHOY_ERR_END;
    struct sip_challenge c = { .scheme = take_token(rest) };
    if (c.scheme.n == 0 || (rest->n > 0 && !chars_is_lws(*rest->p) && *rest->p != ','))
        return AHOY_ERR_SYNTAX;
    c.is_digest = view_ieq(c.scheme, VIEW("Digest"));
    struct param p = { 0 };
    enum ahoy_err err = AHOY_OK;
    while (err == AHOY_OK) {
        err = next_param(rest, &p);
        if (err == AHOY_OK && c.is_digest)
            challenge_param(&c, &p);
        else if (err == AHOY_ERR_END && rest->n > 0 && take_stray_qop(rest, &c, &p))
            err = AHOY_OK;
    }
    if (err != AHOY_ERR_END)
        return err;
    if (c.is_digest && (!c.realm.p || !c.nonce.p))
        return AHOY_ERR_SYNTAX;
    if (c.is_digest)
        c.alg = c.algorithm.n == 0 ? SIP_DIGEST_MD5 : sip_digest_alg_of(c.algorithm, &c.sess);
    *out = c;
    return AHOY_OK;
}

enum ahoy_err sip_challenge_next(struct view *rest, struct sip_challenge *out)
{
    enum ahoy_err err = challenge_parse(rest, out);
    if (err != AHOY_OK)
        *rest = (struct view){ 0 };
    return err;
}

/* ---- credentials ------------------------------------------------------------------------------------------------- */

/* Sets a value that may be given once. */
static bool set_once(struct view *slot, struct view value)
{
    if (slot->p)
        return false;
    *slot = value.p ? value : VIEW("");
    return true;
}

struct credentials_text {
    struct view qop, nc;
};

static enum ahoy_err credentials_param(struct sip_credentials *c, struct credentials_text *text, const struct param *p)
{
    const struct {
        struct view name;
        struct view *slot;
    } known[] = {
        { VIEW("username"), &c->username }, { VIEW("realm"), &c->realm },         { VIEW("nonce"), &c->nonce },
        { VIEW("uri"), &c->uri },           { VIEW("response"), &c->response },   { VIEW("cnonce"), &c->cnonce },
        { VIEW("opaque"), &c->opaque },     { VIEW("algorithm"), &c->algorithm }, { VIEW("qop"), &text->qop },
        { VIEW("nc"), &text->nc },
    };
    for (size_t i = 0; i < AHOY_COUNT(known); i++) {
        if (view_ieq(p->name, known[i].name))
            return set_once(known[i].slot, p->value) ? AHOY_OK : AHOY_ERR_SYNTAX;
    }
    return AHOY_OK;
}

static enum ahoy_err credentials_finish(struct sip_credentials *c, const struct credentials_text *text)
{
    if (!c->username.p || !c->realm.p || !c->nonce.p || !c->uri.p || !c->response.p)
        return AHOY_ERR_SYNTAX;
    c->has_opaque = c->opaque.p != NULL;
    c->alg = c->algorithm.n == 0 ? SIP_DIGEST_MD5 : sip_digest_alg_of(c->algorithm, &c->sess);
    if (text->qop.n > 0) {
        c->qop = qop_of(text->qop);
        if (c->qop == SIP_QOP_NONE || c->cnonce.n == 0)
            return AHOY_ERR_SYNTAX;
        return decode_hex_u32(text->nc, 8, &c->nc);
    }
    return AHOY_OK;
}

enum ahoy_err sip_credentials_parse(struct view v, struct sip_credentials *out)
{
    struct sip_credentials c = { 0 };
    struct credentials_text text = { 0 };
    struct param p = { 0 };
    skip_lws(&v);
    struct view scheme = take_token(&v);
    if (scheme.n == 0 || v.n == 0 || !chars_is_lws(*v.p))
        return AHOY_ERR_SYNTAX;
    if (!view_ieq(scheme, VIEW("Digest")))
        return AHOY_ERR_UNSUPPORTED;
    enum ahoy_err err = AHOY_OK;
    while (err == AHOY_OK) {
        err = next_param(&v, &p);
        if (err == AHOY_OK)
            err = credentials_param(&c, &text, &p);
    }
    if (err != AHOY_ERR_END || v.n > 0)
        return err == AHOY_ERR_END ? AHOY_ERR_SYNTAX : err;
    err = credentials_finish(&c, &text);
    if (err == AHOY_OK)
        *out = c;
    return err;
}

void sip_digest_unescape(struct view v, struct buf *out)
{
    for (size_t i = 0; i < v.n; i++) {
        if (v.p[i] == '\\' && i + 1 < v.n)
            i++;
        buf_char(out, v.p[i]);
    }
}

/* `plain`: escape it; otherwise escapes are there already and only what could end the quotes is mended. */
static void put_quoted(struct buf *b, const char *name, struct view v, bool plain)
{
    buf_str(b, name);
    buf_str(b, "=\"");
    for (size_t i = 0; i < v.n; i++) {
        char c = v.p[i];
        if (c == '\r' || c == '\n' || c == '\0')
            continue;
        bool escape = c == '\\' && !plain && i + 1 < v.n;
        if (c == '"' || (c == '\\' && !escape))
            buf_char(b, '\\');
        buf_char(b, c);
        if (escape && v.p[i + 1] != '\r' && v.p[i + 1] != '\n' && v.p[i + 1] != '\0')
            buf_char(b, v.p[++i]);
    }
    buf_char(b, '"');
}

void sip_credentials_put(struct buf *b, const struct sip_credentials *c)
{
    buf_str(b, "Digest ");
    put_quoted(b, "username", c->username, true);
    put_quoted(b, ", realm", c->realm, false);
    put_quoted(b, ", nonce", c->nonce, false);
    put_quoted(b, ", uri", c->uri, false);
    put_quoted(b, ", response", c->response, false);
    /* Very old servers reject a parameter they did not send, so the algorithm is named only where the server named it. */
    if (c->algorithm.n > 0 && c->alg != SIP_DIGEST_UNKNOWN) {
        buf_str(b, ", algorithm=");
        buf_view(b, c->algorithm);
    }
    if (c->qop != SIP_QOP_NONE || c->sess)
        put_quoted(b, ", cnonce", c->cnonce, false);
    if (c->has_opaque)
        put_quoted(b, ", opaque", c->opaque, false);
    if (c->qop != SIP_QOP_NONE) {
        buf_str(b, ", qop=");
        buf_view(b, qop_name(c->qop));
        buf_printf(b, ", nc=%08x", (unsigned) c->nc);
    }
}

enum ahoy_err sip_auth_info_parse(struct view v, struct sip_auth_info *out)
{
    struct sip_auth_info info = { 0 };
    struct param p = { 0 };
    enum ahoy_err err = AHOY_OK;
    while (err == AHOY_OK) {
        err = next_param(&v, &p);
        if (err != AHOY_OK)
            break;
        if (view_ieq(p.name, VIEW("nextnonce")))
            info.nextnonce = p.value;
        else if (view_ieq(p.name, VIEW("rspauth")))
            info.rspauth = p.value;
        else if (view_ieq(p.name, VIEW("cnonce")))
            info.cnonce = p.value;
        else if (view_ieq(p.name, VIEW("qop")))
            info.qop = qop_of(p.value);
        else if (view_ieq(p.name, VIEW("nc")))
            err = decode_hex_u32(p.value, 8, &info.nc);
    }
    if (err != AHOY_ERR_END || v.n > 0)
        return err == AHOY_ERR_END ? AHOY_ERR_SYNTAX : err;
    *out = info;
    return AHOY_OK;
}

/* ---- arithmetic -------------------------------------------------------------------------------------------------- */

static enum ahoy_err hash_hex(enum sip_digest_alg alg, const struct view *parts, size_t n,
                              char out[SIP_DIGEST_HEX_BYTES])
{
    uint8_t value[CRYPTO_DIGEST_MAX_BYTES];
    if (alg <= SIP_DIGEST_UNKNOWN || alg >= SIP_DIGEST_ALG_COUNT)
        return AHOY_ERR_UNSUPPORTED;
    enum ahoy_err err = crypto_digest(algs[alg].hash, parts, n, value);
    if (err == AHOY_OK)
        encode_hex(value, crypto_digest_bytes(algs[alg].hash), out);
    mem_wipe(value, sizeof value);
    return err;
}

enum ahoy_err sip_digest_ha1(enum sip_digest_alg alg, struct view user, struct view realm, struct view password,
                             char out[SIP_DIGEST_HEX_BYTES])
{
    const struct view parts[] = { user, VIEW(":"), realm, VIEW(":"), password };
    return hash_hex(alg, parts, AHOY_COUNT(parts), out);
}

static enum ahoy_err digest_ha2(const struct sip_digest_input *in, char out[SIP_DIGEST_HEX_BYTES])
{
    struct view parts[] = { in->method, VIEW(":"), in->uri, VIEW(":"), { 0 } };
    char body[SIP_DIGEST_HEX_BYTES];
    if (in->qop != SIP_QOP_AUTH_INT)
        return hash_hex(in->alg, parts, 3, out);
    enum ahoy_err err = hash_hex(in->alg, &in->body, 1, body);
    if (err != AHOY_OK)
        return err;
    parts[4] = view_str(body);
    return hash_hex(in->alg, parts, AHOY_COUNT(parts), out);
}

enum ahoy_err sip_digest_response(const struct sip_digest_input *in, char out[SIP_DIGEST_HEX_BYTES])
{
    char sess[SIP_DIGEST_HEX_BYTES], ha2[SIP_DIGEST_HEX_BYTES], nc[] = "00000000";
    struct view a1 = in->ha1;
    enum ahoy_err err = AHOY_OK;
    if (in->sess) {
        const struct view parts[] = { in->ha1, VIEW(":"), in->nonce, VIEW(":"), in->cnonce };
        err = hash_hex(in->alg, parts, AHOY_COUNT(parts), sess);
        a1 = view_str(sess);
    }
    if (err == AHOY_OK)
        err = digest_ha2(in, ha2);
    if (err != AHOY_OK)
        goto out;
    if (in->qop == SIP_QOP_NONE) {
        const struct view parts[] = { a1, VIEW(":"), in->nonce, VIEW(":"), view_str(ha2) };
        err = hash_hex(in->alg, parts, AHOY_COUNT(parts), out);
    } else {
        for (size_t i = 0; i < 8; i++)
            nc[i] = "0123456789abcdef"[in->nc >> (28 - 4 * i) & 15];
        const struct view parts[] = { a1,         VIEW(":"), in->nonce,         VIEW(":"), view_str(nc), VIEW(":"),
                                      in->cnonce, VIEW(":"), qop_name(in->qop), VIEW(":"), view_str(ha2) };
        err = hash_hex(in->alg, parts, AHOY_COUNT(parts), out);
    }
out:
    mem_wipe(sess, sizeof sess);
    return err;
}

bool sip_digest_equal(struct view received, struct view expected)
{
    char folded[SIP_DIGEST_HEX_BYTES];
    if (received.n != expected.n || received.n == 0 || received.n >= sizeof folded)
        return false;
    for (size_t i = 0; i < received.n; i++)
        folded[i] = chars_lower(received.p[i]);
    return crypto_equal(folded, expected.p, expected.n);
}
