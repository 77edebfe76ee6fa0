#include "sip/auth_server.h"

#include "base/mem.h"
#include "sip/build.h"
#include "support/t.h"

#include <stdio.h>

struct bed {
    struct rng rng;
    struct sip_auth_server *server;
    struct buf text, lines;
    char nonce[256];
    struct sip_auth_identity who;
    unsigned lookups;
};

static enum ahoy_err bed_open(struct bed *b, const struct sip_auth_server_config *cfg)
{
    memset(b, 0, sizeof *b);
    rng_init_u64(&b->rng, 1);
    buf_init(&b->text, 65536);
    buf_init(&b->lines, 65536);
    return sip_auth_server_create(&b->server, &b->rng, cfg);
}

static void bed_close(struct bed *b)
{
    sip_auth_server_destroy(b->server);
    buf_fini(&b->text);
    buf_fini(&b->lines);
}

static struct sip_auth_server_config config(void)
{
    struct sip_auth_server_config c = SIP_AUTH_SERVER_CONFIG_DEFAULT;
    c.realm = "a \"b\" c";
    return c;
}

/* A new nonce, by way of a challenge, into b->nonce. */
static enum ahoy_err bed_nonce(struct bed *b, int64_t now_ms)
{
    buf_clear(&b->lines);
    enum ahoy_err err = sip_auth_server_challenge(b->server, now_ms, false, false, &b->lines);
    if (err != AHOY_OK)
        return err;
    struct view rest = view_from(buf_content(&b->lines), view_find(buf_content(&b->lines), ':') + 1), line;
    struct sip_challenge c;
    if (!view_line(&rest, &line))
        return AHOY_ERR_SYNTAX;
    err = sip_challenge_next(&line, &c);
    if (err == AHOY_OK)
        (void) view_copy(c.nonce, b->nonce, sizeof b->nonce);
    return err;
}

static bool lookup(void *arg, struct view user, struct view realm, enum sip_digest_alg alg, struct sip_auth_secret *out)
{
    struct bed *b = arg;
    (void) realm;
    (void) alg;
    b->lookups++;
    return view_eq(user, VIEW("al\"ice")) && view_copy(VIEW("pw"), out->text, sizeof out->text);
}

struct answer {
    const char *user, *password, *uri;
    enum sip_digest_alg alg;
    enum sip_digest_qop qop;
    uint32_t nc;
};
#define ANSWER ((struct answer){ "al\"ice", "pw", "sip:example.com", SIP_DIGEST_SHA256, SIP_QOP_AUTH, 1 })

static enum sip_auth_verdict bed_verify(struct bed *b, int64_t now_ms, const struct answer *a)
{
    char ha1[SIP_DIGEST_HEX_BYTES], response[SIP_DIGEST_HEX_BYTES];
    struct sip_limits limits = SIP_LIMITS_DEFAULT;
    struct sip_fault fault;
    struct sip_msg *m = NULL;
    if (sip_digest_ha1(a->alg, view_str(a->user), VIEW("a \"b\" c"), view_str(a->password), ha1) != AHOY_OK)
        return SIP_AUTH_VERDICT_BAD;
    const struct sip_digest_input in = {
        .alg = a->alg,
        .ha1 = view_str(ha1),
        .nonce = view_str(b->nonce),
        .cnonce = VIEW("c"),
        .nc = a->nc,
        .qop = a->qop,
        .method = VIEW("REGISTER"),
        .uri = view_str(a->uri),
    };
    if (sip_digest_response(&in, response) != AHOY_OK)
        return SIP_AUTH_VERDICT_BAD;
    const struct sip_credentials c = {
        .username = view_str(a->user),
        .realm = VIEW("a \\\"b\\\" c"),
        .nonce = view_str(b->nonce),
        .uri = view_str(a->uri),
        .response = view_str(response),
        .cnonce = VIEW("c"),
        .algorithm = view_str(sip_digest_alg_name(a->alg, false)),
        .alg = a->alg,
        .qop = a->qop,
        .nc = a->nc,
    };
    buf_clear(&b->text);
    buf_str(&b->text, "REGISTER sip:example.com SIP/2.0\r\nAuthorization: Digest username=\"x\", realm=\"other\", "
                      "nonce=\"1\", uri=\"u\", response=\"0\"\r\nAuthorization: ");
    sip_credentials_put(&b->text, &c);
    buf_str(&b->text, "\r\nContent-Length: 0\r\n\r\n");
    enum sip_auth_verdict v = SIP_AUTH_VERDICT_BAD;
    if (buf_err(&b->text) == AHOY_OK
        && sip_msg_parse(&m, buf_content(&b->text), SIP_FRAMING_DATAGRAM, &limits, &fault) == AHOY_OK)
        v = sip_auth_server_verify(b->server, now_ms, m, false, lookup, b, &b->who);
    sip_msg_unref(m);
    return v;
}

static enum sip_auth_verdict bed_raw(struct bed *b, const char *lines)
{
    struct sip_limits limits = SIP_LIMITS_DEFAULT;
    struct sip_fault fault;
    struct sip_msg *m = NULL;
    enum sip_auth_verdict v = SIP_AUTH_VERDICT_OK;
    buf_clear(&b->text);
    buf_printf(&b->text, "REGISTER sip:example.com SIP/2.0\r\n%sContent-Length: 0\r\n\r\n", lines);
    if (buf_err(&b->text) == AHOY_OK
        && sip_msg_parse(&m, buf_content(&b->text), SIP_FRAMING_DATAGRAM, &limits, &fault) == AHOY_OK)
        v = sip_auth_server_verify(b->server, 0, m, false, lookup, b, &b->who);
    sip_msg_unref(m);
    return v;
}

static void test_challenge_offers_each_algorithm_in_order(struct t *t)
{
    struct bed b;
    struct sip_auth_server_config cfg = config();
    T_OK(bed_open(&b, &cfg));
    T_OK(sip_auth_server_challenge(b.server, 5, true, true, &b.lines));
    const char *first = strstr(buf_cstr(&b.lines), "Proxy-Authenticate: Digest realm=\"a \\\"b\\\" c\", nonce=");
    T_CHECK(first == buf_cstr(&b.lines));
    const char *sha = strstr(first, "algorithm=SHA-256, stale=true\r\n"),
               *md5 = strstr(first, "algorithm=MD5, stale=true");
    T_CHECK(sha && md5 && sha < md5);
out:
    bed_close(&b);
}

static void test_right_credentials_pass_and_wrong_ones_do_not(struct t *t)
{
    struct bed b;
    struct sip_auth_server_config cfg = config();
    T_OK(bed_open(&b, &cfg));
    T_OK(bed_nonce(&b, 1000));
    struct answer a = ANSWER;
    T_EQ(bed_verify(&b, 1000, &a), SIP_AUTH_VERDICT_OK);
    T_VIEW(b.who.user, "al\"ice");
    a.nc = 2;
    a.alg = SIP_DIGEST_MD5;
    T_EQ(bed_verify(&b, 1000, &a), SIP_AUTH_VERDICT_OK);
    a.nc = 3;
    a.password = "pW";
    T_EQ(bed_verify(&b, 1000, &a), SIP_AUTH_VERDICT_WRONG);
    a.password = "pw";
    a.user = "mallory";
    T_EQ(bed_verify(&b, 1000, &a), SIP_AUTH_VERDICT_WRONG);
    T_EQ(b.lookups, 4);
    a = ANSWER;
    a.alg = SIP_DIGEST_SHA512_256; /* not offered */
    T_EQ(bed_verify(&b, 1000, &a), SIP_AUTH_VERDICT_NONE);
out:
    bed_close(&b);
}

static void test_replays_and_old_nonces_are_stale(struct t *t)
{
    struct bed b;
    struct sip_auth_server_config cfg = config();
    cfg.nonce_ms = 10000;
    T_OK(bed_open(&b, &cfg));
    T_OK(bed_nonce(&b, 1000));
    struct answer a = ANSWER;
    static const uint32_t order[] = { 1, 5, 3, 4, 200, 140, 2000000000 }; /* overtaking is allowed within 64 */
    for (size_t i = 0; i < AHOY_COUNT(order); i++) {
        a.nc = order[i];
        T_EQ(bed_verify(&b, 1000, &a), SIP_AUTH_VERDICT_OK);
        T_EQ(bed_verify(&b, 1000, &a), SIP_AUTH_VERDICT_STALE);
    }
    T_OK(bed_nonce(&b, 1000));
    static const uint32_t jump[] = { 1, 3, 10, 1, 2, 3, 2, 10, 100, 36, 37 };
    static const bool fresh[] = { true, true, true, false, true, false, false, false, true, false, true };
    for (size_t i = 0; i < AHOY_COUNT(jump); i++) {
        a.nc = jump[i];
        T_EQ(bed_verify(&b, 1000, &a), fresh[i] ? SIP_AUTH_VERDICT_OK : SIP_AUTH_VERDICT_STALE);
    }
    a.nc = 101;
    T_EQ(bed_verify(&b, 11001, &a), SIP_AUTH_VERDICT_STALE);
    T_EQ(bed_verify(&b, 11000, &a), SIP_AUTH_VERDICT_OK);
    a.password = "wrong";
    T_EQ(bed_verify(&b, 99000, &a), SIP_AUTH_VERDICT_WRONG); /* stale is told to those who know the password alone */
    snprintf(b.nonce, sizeof b.nonce, "made-up");
    a = ANSWER;
    T_EQ(bed_verify(&b, 1000, &a), SIP_AUTH_VERDICT_STALE);
out:
    bed_close(&b);
}

static void test_forged_nonce_is_stale(struct t *t)
{
    struct bed b;
    struct sip_auth_server_config cfg = config();
    T_OK(bed_open(&b, &cfg));
    T_OK(bed_nonce(&b, 1000));
    struct answer a = ANSWER;
    b.nonce[2] = b.nonce[2] == 'A' ? 'B' : 'A'; /* another time, the same MAC */
    T_EQ(bed_verify(&b, 1000, &a), SIP_AUTH_VERDICT_STALE);
out:
    bed_close(&b);
}

static void test_memory_of_counts_is_bounded_and_forgets_safely(struct t *t)
{
    enum { MAX = 4 };
    struct bed b;
    struct sip_auth_server_config cfg = config();
    char first[256] = "";
    cfg.max_nonces = MAX;
    T_OK(bed_open(&b, &cfg));
    for (int i = 0; i < 3 * MAX; i++) {
        T_OK(bed_nonce(&b, 1000 + i));
        struct answer a = ANSWER;
        T_EQ(bed_verify(&b, 1000 + i, &a), SIP_AUTH_VERDICT_OK);
        T_ALWAYS(sip_auth_server_nonces(b.server) <= MAX);
        if (i == 0)
            memcpy(first, b.nonce, sizeof first);
    }
    memcpy(b.nonce, first, sizeof first); /* its count was forgotten: it must not be usable again */
    struct answer again = ANSWER;
    T_EQ(bed_verify(&b, 2000, &again), SIP_AUTH_VERDICT_STALE);
    T_OK(bed_nonce(&b, 400000));
    T_EQ(bed_verify(&b, 400000, &again), SIP_AUTH_VERDICT_OK);
    T_EQ(sip_auth_server_nonces(b.server), 1); /* the others ran out */
out:
    bed_close(&b);
}

/* The count of a nonce is forgotten for want of room; later there is room again, and the nonce is still in its life. */
static void test_forgotten_count_stays_stale_when_there_is_room_again(struct t *t)
{
    struct bed b;
    struct sip_auth_server_config cfg = config();
    char first[256];
    struct answer a = ANSWER;
    cfg.max_nonces = 2;
    cfg.nonce_ms = 10000;
    T_OK(bed_open(&b, &cfg));
    static const int64_t made_ms[] = { 1000, 900, 1100 };
    for (size_t i = 0; i < AHOY_COUNT(made_ms); i++) {
        T_OK(bed_nonce(&b, made_ms[i]));
        T_EQ(bed_verify(&b, 1100, &a), SIP_AUTH_VERDICT_OK);
        if (i == 0)
            memcpy(first, b.nonce, sizeof first);
    }
    memcpy(b.nonce, first, sizeof first);
    T_EQ(bed_verify(&b, 10950, &a), SIP_AUTH_VERDICT_STALE);
    T_EQ(sip_auth_server_nonces(b.server), 1);
out:
    bed_close(&b);
}

static void test_old_style_responses_work_once_where_allowed(struct t *t)
{
    struct bed b;
    struct sip_auth_server_config cfg = config();
    struct answer a = ANSWER;
    a.qop = SIP_QOP_NONE;
    T_OK(bed_open(&b, &cfg));
    T_OK(bed_nonce(&b, 1000));
    T_EQ(bed_verify(&b, 1000, &a), SIP_AUTH_VERDICT_OK);
    T_EQ(bed_verify(&b, 1000, &a), SIP_AUTH_VERDICT_STALE);
    bed_close(&b);
    cfg.allow_no_qop = false;
    T_OK(bed_open(&b, &cfg));
    T_OK(bed_nonce(&b, 1000));
    T_EQ(bed_verify(&b, 1000, &a), SIP_AUTH_VERDICT_NONE);
    a.qop = SIP_QOP_AUTH_INT; /* not offered either */
    T_EQ(bed_verify(&b, 1000, &a), SIP_AUTH_VERDICT_NONE);
out:
    bed_close(&b);
}

static void test_uri_must_name_the_request(struct t *t)
{
    struct bed b;
    struct sip_auth_server_config cfg = config();
    struct answer a = ANSWER;
    T_OK(bed_open(&b, &cfg));
    T_OK(bed_nonce(&b, 1000));
    a.uri = "sip:EXAMPLE.com;transport=tcp"; /* the same for this purpose */
    T_EQ(bed_verify(&b, 1000, &a), SIP_AUTH_VERDICT_OK);
    a.nc = 2;
    a.uri = "sip:bob@example.com";
    T_EQ(bed_verify(&b, 1000, &a), SIP_AUTH_VERDICT_BAD);
    a.uri = "sip:example.com";
    a.nc = 0;
    T_EQ(bed_verify(&b, 1000, &a), SIP_AUTH_VERDICT_BAD);
out:
    bed_close(&b);
}

static void test_missing_foreign_and_broken_headers_are_told_apart(struct t *t)
{
    struct bed b;
    struct sip_auth_server_config cfg = config();
    T_OK(bed_open(&b, &cfg));
    T_EQ(bed_raw(&b, ""), SIP_AUTH_VERDICT_NONE);
    T_EQ(bed_raw(&b, "Authorization: Basic QWxh\r\n"), SIP_AUTH_VERDICT_NONE);
    T_EQ(bed_raw(&b, "Authorization: Digest username=\"x\", realm=\"r\", nonce=\"1\", uri=\"u\", response=\"0\"\r\n"),
         SIP_AUTH_VERDICT_NONE);
    T_EQ(bed_raw(&b, "Authorization: Digest username\r\n"), SIP_AUTH_VERDICT_BAD);
out:
    bed_close(&b);
}

static void test_bad_configurations_are_refused(struct t *t)
{
    struct rng rng;
    struct sip_auth_server *s = NULL;
    struct sip_auth_server_config cfg = config();
    rng_init_u64(&rng, 1);
    cfg.realm = NULL;
    T_ERR(sip_auth_server_create(&s, &rng, &cfg), AHOY_ERR_INVAL);
    cfg = config();
    cfg.algs[0] = SIP_DIGEST_UNKNOWN;
    T_ERR(sip_auth_server_create(&s, &rng, &cfg), AHOY_ERR_INVAL);
    cfg = config();
    cfg.max_nonces = 0;
    T_ERR(sip_auth_server_create(&s, &rng, &cfg), AHOY_ERR_INVAL);
out:
    sip_auth_server_destroy(s);
}

T_MAIN(T(test_challenge_offers_each_algorithm_in_order), T(test_right_credentials_pass_and_wrong_ones_do_not),
       T(test_replays_and_old_nonces_are_stale), T(test_forged_nonce_is_stale),
       T(test_memory_of_counts_is_bounded_and_forgets_safely),
       T(test_forgotten_count_stays_stale_when_there_is_room_again),
       T(test_old_style_responses_work_once_where_allowed), T(test_uri_must_name_the_request),
       T(test_missing_foreign_and_broken_headers_are_told_apart), T(test_bad_configurations_are_refused))
