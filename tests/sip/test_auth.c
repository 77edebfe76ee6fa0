#include "sip/auth.h"

#include "sip/auth_server.h"
#include "support/t.h"

#include <stdio.h>

static const char register_uri[] = "sip:example.com";

/* A client, a server and what they say to each other. */
struct bed {
    struct rng rng;
    struct sip_auth *auth;
    struct sip_auth_server *server;
    struct sip_auth_try try;
    struct buf text, lines;
    struct addr peer;
    struct sip_auth_request rq;
    const char *password;
    bool by_ha1;
    int64_t now_ms;
    struct sip_auth_identity who;
};

static enum ahoy_err bed_set(struct bed *b, const char *realm, const char *password)
{
    return sip_auth_set(b->auth, &(struct sip_auth_credential){
                                     .realm = view_str(realm), .user = VIEW("alice"), .password = view_str(password) });
}

static enum ahoy_err bed_open(struct bed *b, const struct sip_auth_server_config *cfg)
{
    memset(b, 0, sizeof *b);
    rng_init_u64(&b->rng, 7);
    buf_init(&b->text, 65536);
    buf_init(&b->lines, 65536);
    b->peer = addr_ip4(192, 0, 2, 1, 5060);
    b->password = "secret";
    b->now_ms = 1000;
    b->rq = (struct sip_auth_request){
        .method = VIEW("REGISTER"),
        .uri = view_str(register_uri),
        .next_hop = VIEW("example.com"),
        .peer = &b->peer,
    };
    struct sip_auth_server_config usual = SIP_AUTH_SERVER_CONFIG_DEFAULT;
    usual = cfg ? *cfg : usual;
    usual.realm = "example.com";
    enum ahoy_err err = sip_auth_create(&b->auth, &b->rng);
    if (err == AHOY_OK)
        err = sip_auth_server_create(&b->server, &b->rng, &usual);
    if (err == AHOY_OK)
        err = sip_auth_add_host(b->auth, VIEW("example.com"));
    return err == AHOY_OK ? bed_set(b, "*", "secret") : err;
}

static void bed_close(struct bed *b)
{
    sip_auth_destroy(b->auth);
    sip_auth_server_destroy(b->server);
    buf_fini(&b->text);
    buf_fini(&b->lines);
}

/* A message with these further lines; `status` 0: the request. */
static enum ahoy_err bed_message(struct bed *b, unsigned status, struct view lines, struct sip_msg **out)
{
    struct sip_limits limits = SIP_LIMITS_DEFAULT;
    struct sip_fault fault;
    buf_clear(&b->text);
    if (status)
        buf_printf(&b->text, "SIP/2.0 %u x\r\n", status);
    else
        buf_printf(&b->text, "%.*s %.*s SIP/2.0\r\n", VIEW_ARG(b->rq.method), VIEW_ARG(b->rq.uri));
    buf_str(&b->text,
            "Via: SIP/2.0/UDP h;branch=z9hG4bK1\r\nFrom: <sip:a@example.com>;tag=1\r\nTo: <sip:a@example.com>\r\n"
            "Call-ID: 1\r\nCSeq: 1 REGISTER\r\n");
    buf_view(&b->text, lines);
    buf_printf(&b->text, "Content-Length: %zu\r\n\r\n", b->rq.body.n);
    buf_view(&b->text, b->rq.body);
    if (buf_err(&b->text) != AHOY_OK)
        return buf_err(&b->text);
    return sip_msg_parse(out, buf_content(&b->text), SIP_FRAMING_DATAGRAM, &limits, &fault);
}

static bool lookup(void *arg, struct view user, struct view realm, enum sip_digest_alg alg, struct sip_auth_secret *out)
{
    struct bed *b = arg;
    if (!view_eq(user, VIEW("alice")))
        return false;
    out->is_ha1 = b->by_ha1;
    if (b->by_ha1)
        return sip_digest_ha1(alg, user, realm, view_str(b->password), out->text) == AHOY_OK;
    return view_copy(view_str(b->password), out->text, sizeof out->text);
}

/* Gives the client a response with these lines. */
static enum ahoy_err bed_challenged(struct bed *b, unsigned status, const char *lines)
{
    struct sip_msg *m = NULL;
    enum ahoy_err err = bed_message(b, status, view_str(lines), &m);
    if (err == AHOY_OK)
        err = sip_auth_challenged(b->auth, &b->try, &b->rq, m);
    sip_msg_unref(m);
    return err;
}

static enum ahoy_err bed_accepted(struct bed *b, const char *lines)
{
    struct sip_msg *m = NULL;
    enum ahoy_err err = bed_message(b, 200, view_str(lines), &m);
    if (err == AHOY_OK)
        err = sip_auth_accepted(b->auth, &b->try, &b->rq, m);
    sip_msg_unref(m);
    return err;
}

/* The lines the client would send now, in b->lines. */
static const char *bed_put(struct bed *b)
{
    buf_clear(&b->lines);
    if (sip_auth_put(b->auth, &b->try, &b->rq, &b->lines) != AHOY_OK)
        return "error";
    return buf_cstr(&b->lines);
}

static enum sip_auth_verdict bed_verify(struct bed *b, const char *lines, bool proxy)
{
    struct sip_msg *m = NULL;
    enum sip_auth_verdict v = SIP_AUTH_VERDICT_BAD;
    if (bed_message(b, 0, view_str(lines), &m) == AHOY_OK)
        v = sip_auth_server_verify(b->server, b->now_ms, m, proxy, lookup, b, &b->who);
    b->who.credentials = (struct sip_credentials){ 0 }; /* its views die with the message */
    sip_msg_unref(m);
    return v;
}

/* A whole exchange: challenge by the server, answer by the client. */
static enum ahoy_err bed_exchange(struct bed *b, bool proxy, bool stale)
{
    struct buf challenge;
    buf_init(&challenge, 8192);
    enum ahoy_err err = sip_auth_server_challenge(b->server, b->now_ms, proxy, stale, &challenge);
    if (err == AHOY_OK)
        err = bed_challenged(b, proxy ? 407 : 401, buf_cstr(&challenge));
    buf_fini(&challenge);
    return err;
}

static void bed_new_request(struct bed *b)
{
    b->try = (struct sip_auth_try){ 0 };
}

static bool has(const char *text, const char *what)
{
    return strstr(text, what) != NULL;
}

#define CHALLENGE(realm, nonce, rest) "WWW-Authenticate: Digest realm=\"" realm "\", nonce=\"" nonce "\"" rest "\r\n"
#define PROXY_CHALLENGE(realm, nonce)                                                                                  \
    "Proxy-Authenticate: Digest realm=\"" realm "\", nonce=\"" nonce "\", qop=\"auth\"\r\n"

static void test_challenge_is_answered_and_accepted_both_ways(struct t *t)
{
    struct bed b;
    T_OK(bed_open(&b, NULL));
    for (int proxy = 0; proxy < 2; proxy++) {
        bed_new_request(&b);
        T_STR(bed_put(&b), "");
        T_OK(bed_exchange(&b, proxy == 1, false));
        T_CHECK(has(bed_put(&b), proxy ? "Proxy-Authorization: Digest " : "Authorization: Digest "));
        T_CHECK(has(buf_cstr(&b.lines), "algorithm=SHA-256"));
        T_EQ(bed_verify(&b, buf_cstr(&b.lines), proxy == 1), SIP_AUTH_VERDICT_OK);
        T_STR(b.who.user_text, "alice");
        b.by_ha1 = true;
        sip_auth_clear(b.auth);
        T_OK(bed_set(&b, "example.com", "secret"));
    }
out:
    bed_close(&b);
}

static void test_later_requests_are_authorised_at_once_with_rising_counts(struct t *t)
{
    struct bed b;
    T_OK(bed_open(&b, NULL));
    T_OK(bed_exchange(&b, false, false));
    T_CHECK(has(bed_put(&b), "nc=00000001"));
    T_OK(bed_accepted(&b, ""));
    bed_new_request(&b);
    T_CHECK(has(bed_put(&b), "nc=00000002"));
    T_EQ(bed_verify(&b, buf_cstr(&b.lines), false), SIP_AUTH_VERDICT_OK);
    bed_new_request(&b);
    b.rq.method = VIEW("INVITE"); /* of another kind: proxies keep other nonces */
    T_STR(bed_put(&b), "");
    b.rq.method = VIEW("REGISTER");
    b.rq.next_hop = VIEW("elsewhere.org");
    b.rq.peer = NULL;
    T_STR(bed_put(&b), "");
out:
    bed_close(&b);
}

static void test_nothing_is_sent_ahead_before_it_was_accepted(struct t *t)
{
    struct bed b;
    T_OK(bed_open(&b, NULL));
    T_OK(bed_exchange(&b, false, false));
    T_CHECK(has(bed_put(&b), "nc=00000001"));
    bed_new_request(&b);
    T_STR(bed_put(&b), "");
out:
    bed_close(&b);
}

static void test_refused_credentials_are_not_tried_again(struct t *t)
{
    struct bed b;
    T_OK(bed_open(&b, NULL));
    T_OK(bed_set(&b, "*", "wrong"));
    T_OK(bed_exchange(&b, false, false));
    T_EQ(bed_verify(&b, bed_put(&b), false), SIP_AUTH_VERDICT_WRONG);
    T_ERR(bed_exchange(&b, false, false), AHOY_ERR_AUTH);
    T_ALWAYS(b.try.rounds <= 2);
    bed_new_request(&b);
    T_OK(bed_set(&b, "*", "secret")); /* asked again, the user knew better */
    T_OK(bed_exchange(&b, false, false));
    T_EQ(bed_verify(&b, bed_put(&b), false), SIP_AUTH_VERDICT_OK);
out:
    bed_close(&b);
}

static void test_stale_nonce_is_renewed_without_asking(struct t *t)
{
    struct bed b;
    T_OK(bed_open(&b, NULL));
    T_OK(bed_exchange(&b, false, false));
    T_CHECK(has(bed_put(&b), "nc=00000001"));
    T_OK(bed_accepted(&b, ""));
    b.now_ms += 300001;
    bed_new_request(&b);
    T_EQ(bed_verify(&b, bed_put(&b), false), SIP_AUTH_VERDICT_STALE);
    T_OK(bed_exchange(&b, false, true));
    T_EQ(bed_verify(&b, bed_put(&b), false), SIP_AUTH_VERDICT_OK);
    /* A fresh nonce that is stale at once is followed too, but not for ever. */
    unsigned rounds = 0;
    enum ahoy_err err = AHOY_OK;
    while (err == AHOY_OK && rounds++ < 50) {
        err = bed_exchange(&b, false, true);
        (void) bed_put(&b);
    }
    T_EQ(err, AHOY_ERR_AUTH);
    T_LE(rounds, SIP_AUTH_MAX_ROUNDS);
out:
    bed_close(&b);
}

/* Many servers forget to say stale=true when a remembered nonce has run out. */
static void test_remembered_nonce_that_fails_is_replaced_once(struct t *t)
{
    struct bed b;
    T_OK(bed_open(&b, NULL));
    T_OK(bed_exchange(&b, false, false));
    (void) bed_put(&b);
    T_OK(bed_accepted(&b, ""));
    bed_new_request(&b);
    T_CHECK(has(bed_put(&b), "Authorization"));
    T_OK(bed_exchange(&b, false, false));
    T_CHECK(has(bed_put(&b), "nc=00000001"));
    T_ERR(bed_exchange(&b, false, false), AHOY_ERR_AUTH);
out:
    bed_close(&b);
}

static void test_strongest_algorithm_of_a_realm_is_taken(struct t *t)
{
    struct bed b;
    T_OK(bed_open(&b, NULL));
    T_OK(bed_challenged(&b, 401,
                        CHALLENGE("r", "1", "") CHALLENGE("r", "1", ", algorithm=SHA-512-256, qop=\"auth-int,auth\"")
                            CHALLENGE("r", "1", ", algorithm=SHA-256, qop=\"auth\"")
                                CHALLENGE("r", "1", ", algorithm=SHA3-512")));
    T_CHECK(has(bed_put(&b), "algorithm=SHA-512-256") && has(buf_cstr(&b.lines), "qop=auth,"));
    T_CHECK(strstr(buf_cstr(&b.lines), "Digest ") == strrchr(buf_cstr(&b.lines), 'D')); /* one answer alone */
    /* Only HA1 of MD5 is known: then MD5 it is. */
    sip_auth_clear(b.auth);
    bed_new_request(&b);
    T_OK(sip_auth_set(b.auth, &(struct sip_auth_credential){ .realm = VIEW("r"),
                                                             .user = VIEW("alice"),
                                                             .ha1 = VIEW("0123456789abcdef0123456789abcdef"),
                                                             .ha1_alg = SIP_DIGEST_MD5 }));
    T_OK(bed_challenged(&b, 401,
                        CHALLENGE("r", "1", ", algorithm=SHA-256, qop=auth") CHALLENGE("r", "1", ", qop=auth")));
    T_CHECK(!has(bed_put(&b), "SHA-256") && has(buf_cstr(&b.lines), "Authorization"));
out:
    bed_close(&b);
}

static void test_proxy_and_server_are_both_answered(struct t *t)
{
    struct bed b;
    T_OK(bed_open(&b, NULL));
    b.rq.method = VIEW("INVITE");
    T_OK(bed_challenged(&b, 407, PROXY_CHALLENGE("p", "1")));
    T_CHECK(has(bed_put(&b), "Proxy-Authorization: Digest username=\"alice\", realm=\"p\""));
    T_OK(bed_challenged(&b, 401, CHALLENGE("s", "2", ", qop=auth")));
    T_CHECK(has(bed_put(&b), "Proxy-Authorization: ") && has(buf_cstr(&b.lines), "\r\nAuthorization: "));
    T_CHECK(has(buf_cstr(&b.lines), "nc=00000002")); /* the proxy's nonce again */
    T_OK(bed_challenged(&b, 407, PROXY_CHALLENGE("q", "3") PROXY_CHALLENGE("r", "4")));
    T_CHECK(has(bed_put(&b), "realm=\"q\"") && has(buf_cstr(&b.lines), "realm=\"r\""));
out:
    bed_close(&b);
}

static void test_strangers_get_no_answer(struct t *t)
{
    struct bed b;
    T_OK(bed_open(&b, NULL));
    b.rq.method = VIEW("INVITE");
    b.rq.uri = VIEW("sip:bob@evil.example");
    b.rq.next_hop = VIEW("evil.example"); /* called directly */
    T_ERR(bed_challenged(&b, 401, CHALLENGE("evil", "1", "")), AHOY_ERR_NOT_FOUND);
    T_ERR(bed_challenged(&b, 407, PROXY_CHALLENGE("example.com", "1")), AHOY_ERR_NOT_FOUND);
    b.rq.next_hop = VIEW("example.com"); /* through our proxy: its 407 is answered, the stranger's 401 is not */
    bed_new_request(&b);
    T_ERR(bed_challenged(&b, 401, CHALLENGE("evil", "1", "")), AHOY_ERR_NOT_FOUND);
    T_OK(bed_challenged(&b, 407, PROXY_CHALLENGE("example.com", "1")));
    /* Credentials for a named realm do not go to a foreign host that claims to be it, unless they are meant to. */
    T_OK(bed_set(&b, "known", "other"));
    b.rq.next_hop = VIEW("evil.example");
    b.peer = addr_ip4(203, 0, 113, 9, 5060);
    bed_new_request(&b);
    T_ERR(bed_challenged(&b, 401, CHALLENGE("known", "1", "")), AHOY_ERR_NOT_FOUND);
    T_OK(sip_auth_set(b.auth,
                      &(struct sip_auth_credential){
                          .realm = VIEW("known"), .user = VIEW("alice"), .password = VIEW("x"), .any_host = true }));
    T_OK(bed_challenged(&b, 401, CHALLENGE("known", "1", "")));
out:
    bed_close(&b);
}

static void test_account_of_one_domain_is_silent_towards_another(struct t *t)
{
    struct bed b;
    struct sip_auth *other = NULL;
    struct sip_msg *m = NULL;
    T_OK(bed_open(&b, NULL));
    T_OK(sip_auth_create(&other, &b.rng));
    T_OK(sip_auth_add_host(other, VIEW("other.org")));
    T_OK(sip_auth_set(other, &(struct sip_auth_credential){ .user = VIEW("bob"), .password = VIEW("b") }));
    T_OK(bed_message(&b, 401, VIEW(CHALLENGE("example.com", "1", "")), &m));
    T_ERR(sip_auth_challenged(other, &b.try, &b.rq, m), AHOY_ERR_NOT_FOUND);
out:
    sip_msg_unref(m);
    sip_auth_destroy(other);
    bed_close(&b);
}

/* A PBX puts its IP address into Contact and challenges the BYE that goes there. */
static void test_server_where_credentials_worked_is_known_by_its_address(struct t *t)
{
    struct bed b;
    T_OK(bed_open(&b, NULL));
    T_OK(bed_challenged(&b, 401, CHALLENGE("asterisk", "1", "")));
    (void) bed_put(&b);
    T_OK(bed_accepted(&b, ""));
    bed_new_request(&b);
    b.rq.method = VIEW("BYE");
    b.rq.uri = VIEW("sip:bob@192.0.2.1:5060");
    b.rq.next_hop = VIEW("192.0.2.1");
    T_OK(bed_challenged(&b, 401, CHALLENGE("asterisk", "2", "")));
    T_ERR(bed_challenged(&b, 401, CHALLENGE("new realm", "2", "")), AHOY_ERR_NOT_FOUND);
out:
    bed_close(&b);
}

static void test_unanswerable_challenges_say_why(struct t *t)
{
    struct bed b;
    T_OK(bed_open(&b, NULL));
    T_ERR(bed_challenged(&b, 401, "WWW-Authenticate: Basic realm=\"x\"\r\n"), AHOY_ERR_UNSUPPORTED);
    T_ERR(bed_challenged(&b, 401, CHALLENGE("r", "1", ", algorithm=MD6")), AHOY_ERR_UNSUPPORTED);
    T_ERR(bed_challenged(&b, 401, CHALLENGE("r", "1", ", qop=\"token\"")), AHOY_ERR_UNSUPPORTED);
    T_ERR(bed_challenged(&b, 401, "WWW-Authenticate: Digest realm=\"x\r\n"), AHOY_ERR_SYNTAX);
    bed_new_request(&b);
    T_ERR(bed_challenged(&b, 401, ""), AHOY_ERR_SYNTAX);
out:
    bed_close(&b);
}

static void test_next_nonce_and_proof_are_taken_from_the_answer(struct t *t)
{
    struct bed b;
    struct buf info;
    struct sip_msg *m = NULL;
    buf_init(&info, 4096);
    struct sip_auth_server_config cfg = SIP_AUTH_SERVER_CONFIG_DEFAULT;
    cfg.auth_int = true;
    T_OK(bed_open(&b, &cfg));
    T_OK(bed_exchange(&b, false, false));
    b.now_ms += 290000;
    T_OK(bed_message(&b, 0, view_str(bed_put(&b)), &m));
    T_EQ(sip_auth_server_verify(b.server, b.now_ms, m, false, lookup, &b, &b.who), SIP_AUTH_VERDICT_OK);
    T_OK(sip_auth_server_put_info(b.server, b.now_ms, &b.who, (struct view){ 0 }, &info));
    T_CHECK(has(buf_cstr(&info), "nextnonce=") && has(buf_cstr(&info), "rspauth="));
    T_OK(bed_accepted(&b, buf_cstr(&info)));
    bed_new_request(&b);
    b.now_ms += 200000; /* the first nonce would be too old by now */
    T_CHECK(has(bed_put(&b), "nc=00000001"));
    T_EQ(bed_verify(&b, buf_cstr(&b.lines), false), SIP_AUTH_VERDICT_OK);
    T_ERR(bed_accepted(&b, "Authentication-Info: rspauth=\"0123\", qop=auth\r\n"), AHOY_ERR_AUTH);
out:
    sip_msg_unref(m);
    buf_fini(&info);
    bed_close(&b);
}

static void test_body_is_protected_when_the_server_asks_for_it(struct t *t)
{
    struct bed b;
    T_OK(bed_open(
        &b, &(struct sip_auth_server_config){
                .algs = { SIP_DIGEST_MD5 }, .nonce_ms = 1000, .max_nonces = 4, .auth_int = true, .check_uri = true }));
    struct buf challenge;
    buf_init(&challenge, 4096);
    b.rq.method = VIEW("MESSAGE");
    b.rq.body = VIEW("hello");
    T_OK(sip_auth_server_challenge(b.server, b.now_ms, false, false, &challenge));
    T_CHECK(has(buf_cstr(&challenge), "qop=\"auth,auth-int\""));
    memcpy(strstr(challenge.p, "auth,auth-int"), "xxxx", 4); /* only auth-int is left to choose */
    T_OK(bed_challenged(&b, 401, buf_cstr(&challenge)));
    T_CHECK(has(bed_put(&b), "qop=auth-int"));
    b.rq.body = VIEW("hullo");
    T_EQ(bed_verify(&b, buf_cstr(&b.lines), false), SIP_AUTH_VERDICT_WRONG);
    b.rq.body = VIEW("hello");
    T_EQ(bed_verify(&b, buf_cstr(&b.lines), false), SIP_AUTH_VERDICT_OK);
out:
    buf_fini(&challenge);
    bed_close(&b);
}

static void test_session_algorithms_and_bare_digest_are_answered(struct t *t)
{
    struct bed b;
    T_OK(bed_open(&b, NULL));
    T_OK(bed_challenged(&b, 401, CHALLENGE("example.com", "n", ", algorithm=MD5-sess, qop=auth")));
    T_CHECK(has(bed_put(&b), "algorithm=MD5-sess"));
    bed_new_request(&b);
    sip_auth_clear(b.auth);
    T_OK(bed_set(&b, "", "secret"));
    T_OK(bed_challenged(&b, 401, CHALLENGE("example.com", "n", ", opaque=\"\"")));
    T_CHECK(!has(bed_put(&b), "qop") && !has(buf_cstr(&b.lines), "cnonce") && has(buf_cstr(&b.lines), "opaque=\"\""));
out:
    bed_close(&b);
}

static void test_limits_of_the_store_hold(struct t *t)
{
    struct bed b;
    char realm[32];
    T_OK(bed_open(&b, NULL));
    for (int i = 1; i < SIP_AUTH_MAX_CREDENTIALS; i++) {
        snprintf(realm, sizeof realm, "r%d", i);
        T_OK(bed_set(&b, realm, "p"));
    }
    T_ERR(bed_set(&b, "one more", "p"), AHOY_ERR_LIMIT);
    T_OK(bed_set(&b, "r3", "q")); /* replacing is no more */
    for (int i = 1; i < SIP_AUTH_MAX_HOSTS; i++) {
        snprintf(realm, sizeof realm, "h%d.example", i);
        T_OK(sip_auth_add_host(b.auth, view_str(realm)));
    }
    T_ERR(sip_auth_add_host(b.auth, VIEW("one.more")), AHOY_ERR_LIMIT);
    T_OK(sip_auth_add_host(b.auth, VIEW("EXAMPLE.com.")));
    T_ERR(sip_auth_set(b.auth, &(struct sip_auth_credential){ .password = VIEW("p") }), AHOY_ERR_INVAL);
    T_ERR(sip_auth_set(b.auth, &(struct sip_auth_credential){ .user = VIEW("u"), .any_host = true }), AHOY_ERR_INVAL);
    /* More realms than are remembered: the least used is forgotten, nothing grows. */
    for (int i = 0; i < 3 * SIP_AUTH_MAX_SPACES; i++) {
        char lines[128];
        bed_new_request(&b);
        snprintf(lines, sizeof lines, "WWW-Authenticate: Digest realm=\"x%d\", nonce=\"n\"\r\n", i);
        T_OK(bed_challenged(&b, 401, lines));
        T_CHECK(has(bed_put(&b), "response="));
    }
out:
    bed_close(&b);
}

T_MAIN(T(test_challenge_is_answered_and_accepted_both_ways),
       T(test_later_requests_are_authorised_at_once_with_rising_counts),
       T(test_nothing_is_sent_ahead_before_it_was_accepted), T(test_refused_credentials_are_not_tried_again),
       T(test_stale_nonce_is_renewed_without_asking), T(test_remembered_nonce_that_fails_is_replaced_once),
       T(test_strongest_algorithm_of_a_realm_is_taken), T(test_proxy_and_server_are_both_answered),
       T(test_strangers_get_no_answer), T(test_account_of_one_domain_is_silent_towards_another),
       T(test_server_where_credentials_worked_is_known_by_its_address), T(test_unanswerable_challenges_say_why),
       T(test_next_nonce_and_proof_are_taken_from_the_answer), T(test_body_is_protected_when_the_server_asks_for_it),
       T(test_session_algorithms_and_bare_digest_are_answered), T(test_limits_of_the_store_hold))
