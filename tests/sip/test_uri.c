#include "sip/parse_help.h"

static void test_sip_uris_are_taken_apart(struct t *t)
{
    struct sip_uri u;
    struct view value;
    T_OK(sip_uri_parse(VIEW("SIPS:alice:pw@[2001:db8::1]:5061;transport=TCP;lr?subject=a&x=%20"), &u));
    T_EQ(u.scheme, SIP_SCHEME_SIPS);
    T_VIEW(u.scheme_text, "SIPS");
    T_VIEW(u.user, "alice");
    T_VIEW(u.password, "pw");
    T_VIEW(u.host, "[2001:db8::1]");
    T_EQ(u.port, 5061);
    T_VIEW(u.params, ";transport=TCP;lr");
    T_VIEW(u.headers, "subject=a&x=%20");
    T_CHECK(sip_uri_param(&u, VIEW("TRANSPORT"), &value));
    T_VIEW(value, "TCP");
    T_CHECK(sip_uri_is_loose(&u) && !sip_uri_param(&u, VIEW("trans"), &value));
    T_OK(sip_uri_parse(VIEW("sip:host"), &u));
    T_CHECK(!u.has_user && u.port == 0 && u.params.n == 0 && !sip_uri_is_loose(&u));
    T_OK(sip_uri_parse(VIEW("sip:@host"), &u));
    T_CHECK(u.has_user && u.user.n == 0);
    T_OK(sip_uri_parse(VIEW("sip:*21#@host"), &u));
    T_VIEW(u.user, "*21#");
out:;
}

static void test_other_schemes_are_carried(struct t *t)
{
    struct sip_uri u;
    struct view value;
    T_OK(sip_uri_parse(VIEW("tel:+1-201-555-0123;phone-context=x;ext=5"), &u));
    T_EQ(u.scheme, SIP_SCHEME_TEL);
    T_VIEW(u.user, "+1-201-555-0123");
    T_CHECK(sip_uri_param(&u, VIEW("ext"), &value));
    T_VIEW(value, "5");
    T_OK(sip_uri_parse(VIEW("urn:service:sos"), &u));
    T_EQ(u.scheme, SIP_SCHEME_OTHER);
    T_VIEW(u.scheme_text, "urn");
    T_VIEW(u.user, "service:sos");
out:;
}

static void test_bad_uris_are_refused(struct t *t)
{
    static const char *const bad[] = {
        "",
        "sip",
        ":a",
        "1sip:a",
        "sip:",
        "sip:@",
        "sip:a@",
        "sip:a@b@c",
        "sip:a b@c",
        "sip:a@b c",
        "sip:a@b;",
        "sip:a@b;;c",
        "sip:a@b;=c",
        "sip:a@b?",
        "sip:a@b?x",
        "sip:a@b?=y",
        "sip:a@b?x=1&",
        "sip:a%4@b",
        "sip:a%zz@b",
        "sip:a@b%41",
        "sip:<a>@b",
        "sip:a\"@b",
        "sip:a:b:c@d",
        "sip:2001:db8::10",
        "sip:[2001:db8::10",
        "sip:[]",
        "sip:[1.2.3.4]",
        "sip:[fe80::1%2]",
        "sip:[2001:db8::::1]",
        "sip:a@b:",
        "sip:a@b:x",
        "sip:a@b;c=\"d\"",
        "sip:a@b;c=d,e",
        "sip:a[@b",
        "tel:",
        "tel:-()",
        "tel:+1+2",
        "tel:1 2",
        "tel:1;",
        "tel:xyz",
        "urn:",
        "urn:a b",
        "urn:a<b",
        "s\303\266p:a",
        "sip:a@b\r\n",
        "sip:a\303\266@b",
    };
    struct sip_uri u;
    for (size_t i = 0; i < AHOY_COUNT(bad); i++)
        if (sip_uri_parse(view_str(bad[i]), &u) == AHOY_OK)
            t_fail(t, __FILE__, __LINE__, bad[i], "was not refused");
    T_ERR(sip_uri_parse(VIEW("sip:a@b:65536"), &u), AHOY_ERR_RANGE);
    T_ERR(sip_uri_parse(VIEW("sip:a@b:0"), &u), AHOY_ERR_RANGE);
    T_ERR(sip_uri_parse(VIEW("sip:a@b:4294967297"), &u), AHOY_ERR_RANGE);
    T_ERR(sip_uri_parse(VIEW("sip:a\0b@c"), &u), AHOY_ERR_SYNTAX);
out:;
}

static bool equal(const char *a, const char *b)
{
    struct sip_uri x, y;
    return sip_uri_parse(view_str(a), &x) == AHOY_OK && sip_uri_parse(view_str(b), &y) == AHOY_OK
           && sip_uri_equal(&x, &y) && sip_uri_equal(&y, &x);
}

/* The examples of RFC 3261 section 19.1.4, and of its rules one by one. */
static void test_equal_uris_are_equal(struct t *t)
{
    static const char *const same[][2] = {
        { "sip:%61lice@atlanta.com;transport=TCP", "sip:alice@AtLanTa.CoM;Transport=tcp" },
        { "sip:carol@chicago.com", "sip:carol@chicago.com;newparam=5" },
        { "sip:carol@chicago.com", "sip:carol@chicago.com;security=on" },
        { "sip:carol@chicago.com;newparam=5", "sip:carol@chicago.com;security=on" },
        { "sip:biloxi.com;transport=tcp;method=REGISTER?to=sip:bob%40biloxi.com",
          "sip:biloxi.com;method=REGISTER;transport=tcp?to=sip:bob%40biloxi.com" },
        { "sip:alice@atlanta.com?subject=project%20x&priority=urgent",
          "sip:alice@atlanta.com?priority=urgent&subject=project%20x" },
        { "SIP:a@B", "sip:a@b" },
        { "sip:a%2db@c", "sip:a-b@c" },
        { "sip:a%3b@c", "sip:a%3B@c" },
        { "sip:[2001:DB8::1]", "sip:[2001:db8:0:0::1]" },
        { "sip:a@b;l%72", "sip:a@b;LR" },
        { "tel:+1-201-555-0123", "tel:+12015550123" },
        { "tel:*ABC;ext=1;isub=2", "tel:*abc;isub=2;ext=1" },
        { "urn:a", "urn:a" },
        { "tel:+1123;ext=23;ext=5", "tel:+1123;ext=23;ext=5" }, /* found by fuzzing: whatever it is, it is itself */
        { "sip:h;a=1;a=2", "sip:h;a=1;a=2" },
    };
    for (size_t i = 0; i < AHOY_COUNT(same); i++)
        if (!equal(same[i][0], same[i][1]))
            t_fail(t, __FILE__, __LINE__, same[i][0], same[i][1]);
}

static void test_different_uris_are_different(struct t *t)
{
    static const char *const other[][2] = {
        { "SIP:ALICE@AtLanTa.CoM;Transport=udp", "sip:alice@AtLanTa.CoM;Transport=UDP" },
        { "sip:bob@biloxi.com", "sip:bob@biloxi.com:5060" },
        { "sip:bob@biloxi.com", "sip:bob@biloxi.com;transport=udp" },
        { "sip:bob@biloxi.com", "sip:bob@biloxi.com:6000;transport=tcp" },
        { "sip:carol@chicago.com", "sip:carol@chicago.com?Subject=next%20meeting" },
        { "sip:bob@phone21.boxesbybob.com", "sip:bob@192.0.2.4" },
        { "sip:a@b;security=on", "sip:a@b;security=off" },
        { "sip:a@b", "sips:a@b" },
        { "sip:a@b", "sip:a:@b;x" /* an empty password is none: see below */ },
        { "sip:a@b", "sip:a:pw@b" },
        { "sip:@b", "sip:b" },
        { "sip:a%3bb@c", "sip:a;b@c" },
        { "sip:a%00@c", "sip:a@c" },
        { "sip:a%00@c", "sip:a%00%00@c" },
        { "sip:a@b;user=phone", "sip:a@b" },
        { "sip:a@b;ttl=1", "sip:a@b" },
        { "sip:a@b;maddr=x", "sip:a@b" },
        { "sip:a@b;method=INVITE", "sip:a@b" },
        { "tel:+1", "tel:1" },
        { "tel:1;ext=1", "tel:1" },
        { "urn:a", "urn:A" },
        { "sip:a@b", "tel:1" },
    };
    for (size_t i = 0; i < AHOY_COUNT(other); i++)
        if (i != 8 && equal(other[i][0], other[i][1]))
            t_fail(t, __FILE__, __LINE__, other[i][0], other[i][1]);
    T_CHECK(equal("sip:a@b", "sip:a:@b;x"));
out:;
}

static void test_comparing_many_parameters_is_not_tried(struct t *t)
{
    struct buf a, b;
    struct sip_uri x, y;
    buf_init(&a, 65535);
    buf_init(&b, 65535);
    buf_str(&a, "sip:h");
    buf_str(&b, "sip:h");
    for (int i = 0; i < 33; i++) {
        buf_printf(&a, ";p%d", i);
        buf_printf(&b, ";p%d", 32 - i);
    }
    T_CHECK(!buf_err(&a) && !buf_err(&b));
    T_OK(sip_uri_parse(buf_content(&a), &x));
    T_OK(sip_uri_parse(buf_content(&b), &y));
    T_CHECK(sip_uri_equal(&x, &x) && !sip_uri_equal(&x, &y));
out:
    buf_fini(&a);
    buf_fini(&b);
}

static void test_escapes_are_resolved_once(struct t *t)
{
    struct buf b;
    buf_init(&b, 100);
    sip_uri_unescape(VIEW("%41%2541%zz%4"), &b);
    T_OK(buf_err(&b));
    T_STR(buf_cstr(&b), "A%41%zz%4");
    buf_clear(&b);
    sip_uri_escape_user(VIEW("a b@c#\xff\0%;?/"), &b);
    T_OK(buf_err(&b));
    T_STR(buf_cstr(&b), "a%20b%40c%23%FF%00%25;?/");
    buf_clear(&b);
    sip_uri_put_user(VIEW("%61%3a%2bx%7f"), &b);
    T_OK(buf_err(&b));
    T_STR(buf_cstr(&b), "a%3A+x%7F");
out:
    buf_fini(&b);
}

static void test_an_aor_is_canonical(struct t *t)
{
    static const char *const want[][2] = {
        { "sips:%61lice:pw@AtLanTa.CoM;transport=tcp?x=y", "sip:alice@atlanta.com" },
        { "sip:AtLanTa.CoM:5070", "sip:atlanta.com:5070" },
        { "sip:%2b49@h", "sip:+49@h" },
        { "sip:null-%00-null@h", "sip:null-%00-null@h" },
        { "sip:a%40b@h", "sip:a%40b@h" },
        { "sip:1#@h", "sip:1%23@h" },
        { "sip:a@[2001:DB8:0:0::1]", "sip:a@[2001:db8::1]" },
        { "sip:a@192.0.2.1", "sip:a@192.0.2.1" },
    };
    struct buf b;
    struct sip_uri u;
    buf_init(&b, 100);
    for (size_t i = 0; i < AHOY_COUNT(want); i++) {
        buf_clear(&b);
        T_OK(sip_uri_parse(view_str(want[i][0]), &u));
        T_OK(sip_uri_aor(&u, &b));
        T_STR(buf_cstr(&b), want[i][1]);
    }
    T_OK(sip_uri_parse(VIEW("tel:1"), &u));
    T_ERR(sip_uri_aor(&u, &b), AHOY_ERR_SYNTAX);
out:
    buf_fini(&b);
}

static void test_a_request_uri_has_no_headers_and_no_method(struct t *t)
{
    static const char *const want[][2] = {
        { "sip:a:p@h:1;method=INVITE;lr;x=y;METHOD=z?Route=%3Cq%3E", "sip:a:p@h:1;lr;x=y" },
        { "sip:h", "sip:h" },
        { "tel:+1;ext=2", "tel:+1;ext=2" },
        { "sip:h;m%65thod=BYE", "sip:h" },
    };
    struct buf b;
    struct sip_uri u;
    buf_init(&b, 100);
    for (size_t i = 0; i < AHOY_COUNT(want); i++) {
        buf_clear(&b);
        T_OK(sip_uri_parse(view_str(want[i][0]), &u));
        sip_uri_put_request(&u, &b);
        T_OK(buf_err(&b));
        T_STR(buf_cstr(&b), want[i][1]);
    }
out:
    buf_fini(&b);
}

static void test_hosts_are_addresses_or_names(struct t *t)
{
    struct sip_uri u;
    struct addr a;
    T_OK(sip_uri_parse(VIEW("sip:192.0.2.1:5070"), &u));
    T_OK(sip_uri_ip(&u, &a));
    T_CHECK(a.family == ADDR_IP4 && a.port == 5070);
    T_OK(sip_uri_parse(VIEW("sip:[::ffff:192.0.2.2]"), &u));
    T_OK(sip_uri_ip(&u, &a));
    T_CHECK(a.family == ADDR_IP6 && a.port == 0);
    T_OK(sip_uri_parse(VIEW("sip:192.0.2.256"), &u));
    T_ERR(sip_uri_ip(&u, &a), AHOY_ERR_SYNTAX);
    T_OK(sip_uri_parse(VIEW("tel:1"), &u));
    T_ERR(sip_uri_ip(&u, &a), AHOY_ERR_SYNTAX);
out:;
}

T_MAIN(T(test_sip_uris_are_taken_apart), T(test_other_schemes_are_carried), T(test_bad_uris_are_refused),
       T(test_equal_uris_are_equal), T(test_different_uris_are_different),
       T(test_comparing_many_parameters_is_not_tried), T(test_escapes_are_resolved_once), T(test_an_aor_is_canonical),
       T(test_a_request_uri_has_no_headers_and_no_method), T(test_hosts_are_addresses_or_names))
