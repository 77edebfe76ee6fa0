#include "sip/digest.h"

#include "support/t.h"

static enum ahoy_err challenge_of(const char *text, struct sip_challenge *out)
{
    struct view rest = view_str(text);
    return sip_challenge_next(&rest, out);
}

/* RFC 2617 section 3.5. */
static void test_response_of_rfc_2617(struct t *t)
{
    char ha1[SIP_DIGEST_HEX_BYTES], response[SIP_DIGEST_HEX_BYTES];
    T_OK(sip_digest_ha1(SIP_DIGEST_MD5, VIEW("Mufasa"), VIEW("testrealm@host.com"), VIEW("Circle Of Life"), ha1));
    T_STR(ha1, "939e7578ed9e3c518a452acee763bce9");
    struct sip_digest_input in = {
        .alg = SIP_DIGEST_MD5,
        .ha1 = view_str(ha1),
        .nonce = VIEW("dcd98b7102dd2f0e8b11d0f600bfb0c093"),
        .cnonce = VIEW("0a4f113b"),
        .nc = 1,
        .qop = SIP_QOP_AUTH,
        .method = VIEW("GET"),
        .uri = VIEW("/dir/index.html"),
    };
    T_OK(sip_digest_response(&in, response));
    T_STR(response, "6629fae49393a05397450978507c4ef1");
    in.qop = SIP_QOP_NONE; /* the same request in RFC 2069's way (RFC 2069 section 2.4 with its errata) */
    T_OK(sip_digest_response(&in, response));
    T_STR(response, "670fd8c2df070c60b045671b8b24ff02");
out:
    return;
}

/* RFC 7616 section 3.9.1, both algorithms. */
static void test_responses_of_rfc_7616(struct t *t)
{
    static const struct {
        enum sip_digest_alg alg;
        const char *want;
    } of[] = {
        { SIP_DIGEST_MD5, "8ca523f5e9506fed4657c9700eebdbec" },
        { SIP_DIGEST_SHA256, "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1" },
    };
    for (size_t i = 0; i < AHOY_COUNT(of); i++) {
        char ha1[SIP_DIGEST_HEX_BYTES], response[SIP_DIGEST_HEX_BYTES];
        T_OK(sip_digest_ha1(of[i].alg, VIEW("Mufasa"), VIEW("http-auth@example.org"), VIEW("Circle of Life"), ha1));
        struct sip_digest_input in = {
            .alg = of[i].alg,
            .ha1 = view_str(ha1),
            .nonce = VIEW("7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v"),
            .cnonce = VIEW("f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ"),
            .nc = 1,
            .qop = SIP_QOP_AUTH,
            .method = VIEW("GET"),
            .uri = VIEW("/dir/index.html"),
        };
        T_OK(sip_digest_response(&in, response));
        T_STR(response, of[i].want);
    }
out:
    return;
}

/* RFC 7616 section 3.9.2 as corrected by its erratum 4897 (the printed value is SHA-512 cut short). */
static void test_response_of_rfc_7616_sha_512_256(struct t *t)
{
    char ha1[SIP_DIGEST_HEX_BYTES], response[SIP_DIGEST_HEX_BYTES];
    T_OK(sip_digest_ha1(SIP_DIGEST_SHA512_256, VIEW("J\xc3\xa4s\xc3\xb8n Doe"), VIEW("api@example.org"),
                        VIEW("Secret, or not?"), ha1));
    struct sip_digest_input in = {
        .alg = SIP_DIGEST_SHA512_256,
        .ha1 = view_str(ha1),
        .nonce = VIEW("5TsQWLVdgBdmrQ0XsxbDODV+57QdFR34I9HAbC/RVvkK"),
        .cnonce = VIEW("NTg6RKcb9boFIAS3KrFK9BGeh+iDa/sm6jUMp2wds69v"),
        .nc = 1,
        .qop = SIP_QOP_AUTH,
        .method = VIEW("GET"),
        .uri = VIEW("/doe.json"),
    };
    T_OK(sip_digest_response(&in, response));
    T_STR(response, "3798d4131c277846293534c3edc11bd8a5e4cdcbff78b05db9d95eeb1cec68a5");
out:
    return;
}

/* The definition taken apart by hand: A1 of a session and A2 with a body (RFC 7616 sections 3.4.2 and 3.4.3). */
static void test_session_and_body_enter_the_digest(struct t *t)
{
    char ha1[SIP_DIGEST_HEX_BYTES], sess[SIP_DIGEST_HEX_BYTES], want[SIP_DIGEST_HEX_BYTES], got[SIP_DIGEST_HEX_BYTES];
    T_OK(sip_digest_ha1(SIP_DIGEST_SHA256, VIEW("bob"), VIEW("biloxi.com"), VIEW("zanzibar"), ha1));
    struct sip_digest_input in = {
        .alg = SIP_DIGEST_SHA256,
        .sess = true,
        .ha1 = view_str(ha1),
        .nonce = VIEW("N"),
        .cnonce = VIEW("C"),
        .nc = 0xab,
        .qop = SIP_QOP_AUTH,
        .method = VIEW("INVITE"),
        .uri = VIEW("sip:bob@biloxi.com"),
        .body = VIEW("v=0"),
    };
    T_OK(sip_digest_response(&in, got));
    T_OK(sip_digest_ha1(SIP_DIGEST_SHA256, view_str(ha1), VIEW("N"), VIEW("C"), sess)); /* joins by colons likewise */
    in.sess = false;
    in.ha1 = view_str(sess);
    T_OK(sip_digest_response(&in, want));
    T_STR(got, want);
    in.qop = SIP_QOP_AUTH_INT;
    T_OK(sip_digest_response(&in, got));
    T_CHECK(strcmp(got, want) != 0);
    in.body = VIEW("v=1");
    T_OK(sip_digest_response(&in, want));
    T_CHECK(strcmp(got, want) != 0);
    in.alg = SIP_DIGEST_UNKNOWN;
    T_ERR(sip_digest_response(&in, want), AHOY_ERR_UNSUPPORTED);
out:
    return;
}

static void test_challenge_is_parsed_with_all_its_parts(struct t *t)
{
    struct sip_challenge c;
    T_OK(challenge_of("Digest realm=\"a \\\"b\\\" c\", nonce=\"84a4cc6f3082121f32b42a2187831a9e\",\r\n  opaque=\"\", "
                      "stale=TRUE, algorithm=sha-256-SESS, qop=\"auth-int, x, auth\", domain=\"sip:x sip:y\", "
                      "charset=UTF-8, userhash=false",
                      &c));
    T_CHECK(c.is_digest && c.stale && c.has_opaque && c.has_qop && c.qop_auth && c.qop_auth_int && c.sess);
    T_EQ(c.alg, SIP_DIGEST_SHA256);
    T_VIEW(c.realm, "a \\\"b\\\" c");
    T_VIEW(c.nonce, "84a4cc6f3082121f32b42a2187831a9e");
    T_VIEW(c.opaque, "");
    T_VIEW(c.domain, "sip:x sip:y");
out:
    return;
}

static void test_forms_of_real_devices_are_understood(struct t *t)
{
    struct sip_challenge c;
    T_OK(
        challenge_of("DIGEST realm=asterisk,nonce=4f5e:1/x@y,algorithm=\"MD5\"", &c)); /* no quotes, quotes elsewhere */
    T_VIEW(c.realm, "asterisk");
    T_VIEW(c.nonce, "4f5e:1/x@y");
    T_EQ(c.alg, SIP_DIGEST_MD5);
    T_CHECK(!c.has_qop && !c.has_opaque && !c.stale);
    T_OK(challenge_of("Digest , realm = \"r\" ,, nonce= \"n\" , stale=\"true\",", &c)); /* blanks, empty items */
    T_VIEW(c.realm, "r");
    T_CHECK(c.stale);
    T_OK(challenge_of("Digest realm=\"\", nonce=\"\", qop=auth,auth-int, opaque=x", &c)); /* a list without quotes */
    T_CHECK(c.qop_auth && c.qop_auth_int && c.has_opaque);
    T_OK(challenge_of("Digest realm=\"first\", nonce=\"1\", realm=\"second\", nonce=\"2\"", &c));
    T_VIEW(c.realm, "first");
    T_OK(challenge_of("Digest realm=\"r\", nonce=\"n\", algorithm=AKAv1-MD5", &c));
    T_EQ(c.alg, SIP_DIGEST_UNKNOWN);
    T_OK(challenge_of("Digest realm=\"r\", nonce=\"n\", qop=\"\"", &c));
    T_CHECK(!c.has_qop);
out:
    return;
}

static void test_joined_challenges_come_one_by_one(struct t *t)
{
    struct view rest = VIEW(
        "Basic realm=\"x\", Digest realm=\"a\", nonce=\"1\", Digest nonce=\"2\", realm=\"b\", NTLM");
    struct sip_challenge c;
    T_OK(sip_challenge_next(&rest, &c));
    T_CHECK(!c.is_digest);
    T_VIEW(c.scheme, "Basic");
    T_OK(sip_challenge_next(&rest, &c));
    T_VIEW(c.realm, "a");
    T_OK(sip_challenge_next(&rest, &c));
    T_VIEW(c.realm, "b");
    T_VIEW(c.nonce, "2");
    T_OK(sip_challenge_next(&rest, &c));
    T_VIEW(c.scheme, "NTLM");
    T_ERR(sip_challenge_next(&rest, &c), AHOY_ERR_END);
out:
    return;
}

static void test_broken_challenges_are_refused(struct t *t)
{
    static const char *const bad[] = {
        "\"",
        "Digest realm=\"r\"",
        "Digest nonce=\"n\"",
        "Digest realm=\"r, nonce=\"n\"",
        "Digest realm=\"r\\",
        "Digest realm=\"r\", nonce=\"a\r\nX: y\"",
        "Digest realm=\"r\", nonce=\"a\\\nX: y\"",
        "Digest realm=\"r\", nonce=a\"b",
        "Digest realm=\"r\", nonce=\"n\", =x",
        "Digest=realm",
    };
    struct sip_challenge c = { .realm = VIEW("untouched") };
    for (size_t i = 0; i < AHOY_COUNT(bad); i++)
        T_ERR(challenge_of(bad[i], &c), AHOY_ERR_SYNTAX);
    T_VIEW(c.realm, "untouched");
out:
    return;
}

static void test_limits_hold(struct t *t)
{
    struct buf b;
    struct sip_challenge c;
    buf_init(&b, 100000);
    buf_str(&b, "Digest realm=\"r\", nonce=\"");
    for (int i = 0; i <= SIP_DIGEST_MAX_VALUE; i++)
        buf_char(&b, 'x');
    buf_char(&b, '"');
    T_OK(buf_err(&b));
    T_ERR(challenge_of(buf_cstr(&b), &c), AHOY_ERR_LIMIT);
    buf_clear(&b);
    buf_str(&b, "Digest realm=\"r\", nonce=\"n\"");
    for (int i = 0; i < SIP_DIGEST_MAX_PARAMS; i++)
        buf_printf(&b, ", p%d=v", i);
    T_OK(buf_err(&b));
    T_ERR(challenge_of(buf_cstr(&b), &c), AHOY_ERR_LIMIT);
out:
    buf_fini(&b);
}

static void test_credentials_survive_printing_and_parsing(struct t *t)
{
    struct buf b, user;
    buf_init(&b, 4096);
    buf_init(&user, 256);
    struct sip_credentials c = {
        .username = VIEW("al\"ice\\"),
        .realm = VIEW("a \\\"b\\\""),
        .nonce = VIEW("n"),
        .uri = VIEW("sip:x;a=b,c"),
        .response = VIEW("0123"),
        .cnonce = VIEW("cn"),
        .has_opaque = true,
        .algorithm = VIEW("SHA-512-256"),
        .alg = SIP_DIGEST_SHA512_256,
        .qop = SIP_QOP_AUTH_INT,
        .nc = 0xbeef,
    };
    struct sip_credentials got;
    sip_credentials_put(&b, &c);
    T_OK(buf_err(&b));
    T_STR(buf_cstr(&b),
          "Digest username=\"al\\\"ice\\\\\", realm=\"a \\\"b\\\"\", nonce=\"n\", uri=\"sip:x;a=b,c\", "
          "response=\"0123\", algorithm=SHA-512-256, cnonce=\"cn\", opaque=\"\", qop=auth-int, nc=0000beef");
    T_OK(sip_credentials_parse(buf_content(&b), &got));
    sip_digest_unescape(got.username, &user);
    T_OK(buf_err(&user));
    T_STR(buf_cstr(&user), "al\"ice\\");
    T_VIEW(got.realm, "a \\\"b\\\"");
    T_EQ(got.nc, 0xbeef);
    T_EQ(got.qop, SIP_QOP_AUTH_INT);
    T_EQ(got.alg, SIP_DIGEST_SHA512_256);
    T_CHECK(got.has_opaque && got.opaque.n == 0);
out:
    buf_fini(&b);
    buf_fini(&user);
}

static void test_printing_smuggles_no_line_and_no_quote(struct t *t)
{
    struct buf b;
    buf_init(&b, 4096);
    struct sip_credentials c = { .username = VIEW("a\r\nVia: x"),
                                 .realm = VIEW("r\", evil=\"1"),
                                 .nonce = VIEW("n\\"),
                                 .uri = VIEW("sip:x"),
                                 .response = VIEW("00") };
    sip_credentials_put(&b, &c);
    T_OK(buf_err(&b));
    T_STR(buf_cstr(&b), "Digest username=\"aVia: x\", realm=\"r\\\", evil=\\\"1\", nonce=\"n\\\\\", uri=\"sip:x\", "
                        "response=\"00\"");
out:
    buf_fini(&b);
}

static void test_broken_credentials_are_refused(struct t *t)
{
    static const char *const bad[] = {
        "",
        "Digest",
        "Digest username=\"u\", realm=\"r\", nonce=\"n\", uri=\"u\"",
        "Digest username=\"u\", realm=\"r\", nonce=\"n\", uri=\"u\", response=\"0\", qop=auth, cnonce=\"c\"",
        "Digest username=\"u\", realm=\"r\", nonce=\"n\", uri=\"u\", response=\"0\", qop=auth, nc=1",
        "Digest username=\"u\", realm=\"r\", nonce=\"n\", uri=\"u\", response=\"0\", qop=x, nc=1, cnonce=\"c\"",
        "Digest username=\"u\", realm=\"r\", nonce=\"n\", uri=\"u\", response=\"0\", qop=auth, nc=123456789, cnonce=c",
        "Digest username=\"u\", realm=\"r\", nonce=\"n\", uri=\"u\", response=\"0\", response=\"1\"",
        "Digest username=\"u\", realm=\"r\", nonce=\"n\", uri=\"u\", response=\"0\", Digest",
    };
    struct sip_credentials c;
    for (size_t i = 0; i < AHOY_COUNT(bad); i++)
        T_ERR(sip_credentials_parse(view_str(bad[i]), &c), AHOY_ERR_SYNTAX);
    T_ERR(sip_credentials_parse(VIEW("Basic dTpw"), &c), AHOY_ERR_UNSUPPORTED);
out:
    return;
}

static void test_authentication_info_is_parsed(struct t *t)
{
    struct sip_auth_info info;
    T_OK(sip_auth_info_parse(
        VIEW("nextnonce=\"47364c23432d2e131a5fb210812c\", qop=auth, rspauth=\"ab\", cnonce=\"c\", nc=0000001f"),
        &info));
    T_VIEW(info.nextnonce, "47364c23432d2e131a5fb210812c");
    T_VIEW(info.rspauth, "ab");
    T_EQ(info.qop, SIP_QOP_AUTH);
    T_EQ(info.nc, 31);
    T_ERR(sip_auth_info_parse(VIEW("nextnonce=\"a"), &info), AHOY_ERR_SYNTAX);
    T_ERR(sip_auth_info_parse(VIEW("nc=x"), &info), AHOY_ERR_SYNTAX);
out:
    return;
}

static void test_equality_ignores_case_and_length_tricks(struct t *t)
{
    T_CHECK(sip_digest_equal(VIEW("ABcd"), VIEW("abcd")));
    T_CHECK(!sip_digest_equal(VIEW("abce"), VIEW("abcd")));
    T_CHECK(!sip_digest_equal(VIEW("abc"), VIEW("abcd")));
    T_CHECK(!sip_digest_equal(VIEW(""), VIEW("")));
out:
    return;
}

T_MAIN(T(test_response_of_rfc_2617), T(test_responses_of_rfc_7616), T(test_response_of_rfc_7616_sha_512_256),
       T(test_session_and_body_enter_the_digest), T(test_challenge_is_parsed_with_all_its_parts),
       T(test_forms_of_real_devices_are_understood), T(test_joined_challenges_come_one_by_one),
       T(test_broken_challenges_are_refused), T(test_limits_hold), T(test_credentials_survive_printing_and_parsing),
       T(test_printing_smuggles_no_line_and_no_quote), T(test_broken_credentials_are_refused),
       T(test_authentication_info_is_parsed), T(test_equality_ignores_case_and_length_tricks))
