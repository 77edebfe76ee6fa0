#include "sip/parse_help.h"
#include "sip/scan.h"

#define CASES(...) (const char *const[]){ __VA_ARGS__ }, sizeof((const char *const[]){ __VA_ARGS__ }) / sizeof(char *)

/* ---- names ------------------------------------------------------------------------------------------------------- */

/* The hash of names.c once more, to name the slot a new header needs. */
static unsigned slot_of(const char *name)
{
    size_t n = strlen(name);
    return (unsigned) (n * 29 + ((unsigned) name[0] | 0x20u) * 21 + ((unsigned) name[n / 2] | 0x20u) * 15
                       + ((unsigned) name[n - 1] | 0x20u) * 31)
           % 256;
}

static void test_every_header_is_found_by_its_names(struct t *t)
{
    static const struct {
        const char *name;
        char letter;
        enum sip_hdr_id id;
    } all[] = {
#define ROW_(id, name, letter) { name, letter, SIP_HDR_##id },
        SIP_HDRS(ROW_)
#undef ROW_
    };
    for (size_t i = 0; i < AHOY_COUNT(all); i++) {
        char other[40], why[80];
        size_t n = strlen(all[i].name);
        struct buf b;
        buf_init(&b, sizeof why - 1);
        buf_printf(&b, "%s belongs in slot %u", all[i].name, slot_of(all[i].name));
        view_copy(buf_content(&b), why, sizeof why);
        buf_fini(&b);
        if (sip_hdr_id_of(view_str(all[i].name)) != all[i].id)
            t_fail(t, __FILE__, __LINE__, "hdr_slots", why);
        for (size_t k = 0; k <= n; k++) {
            char c = all[i].name[k];
            other[k] = c >= 'a' && c <= 'z' ? (char) (c - 32) : c >= 'A' && c <= 'Z' ? (char) (c + 32) : c;
        }
        T_EQ(sip_hdr_id_of(view_str(other)), all[i].id);
        other[n / 2] = '~';
        T_EQ(sip_hdr_id_of(view_str(other)), SIP_HDR_OTHER);
        T_STR(sip_hdr_name(all[i].id), all[i].name);
        if (all[i].letter)
            T_EQ(sip_hdr_id_of(view_of(&all[i].letter, 1)), all[i].id);
    }
    T_EQ(sip_hdr_id_of(VIEW("")), SIP_HDR_OTHER);
    T_EQ(sip_hdr_id_of(VIEW("z")), SIP_HDR_OTHER);
    T_EQ(sip_hdr_id_of(VIEW("M")), SIP_HDR_CONTACT);
    T_EQ(sip_hdr_id_of(VIEW("{")), SIP_HDR_OTHER);
    T_EQ(sip_hdr_id_of(VIEW("Viaa")), SIP_HDR_OTHER);
    T_STR(sip_hdr_name(SIP_HDR_OTHER), "");
out:;
}

static void test_methods_are_case_sensitive(struct t *t)
{
    for (unsigned m = 1; m < SIP_METHOD_COUNT; m++)
        T_EQ(sip_method_of(view_str(sip_method_name((enum sip_method) m))), m);
    T_EQ(sip_method_of(VIEW("Invite")), SIP_METHOD_UNKNOWN);
    T_EQ(sip_method_of(VIEW("")), SIP_METHOD_UNKNOWN);
    T_STR(sip_method_name(SIP_METHOD_UNKNOWN), "");
out:;
}

static void test_transports_have_names(struct t *t)
{
    T_EQ(sip_proto_of(VIEW("tls")), SIP_PROTO_TLS);
    T_EQ(sip_proto_of(VIEW("WSS")), SIP_PROTO_WSS);
    T_EQ(sip_proto_of(VIEW("DTLS")), SIP_PROTO_UNKNOWN);
    T_EQ(sip_proto_of(VIEW("")), SIP_PROTO_UNKNOWN);
    T_STR(sip_proto_name(SIP_PROTO_SCTP), "SCTP");
    T_CHECK(sip_proto_reliable(SIP_PROTO_WS) && !sip_proto_reliable(SIP_PROTO_UDP)
            && !sip_proto_reliable(SIP_PROTO_UNKNOWN));
out:;
}

/* The table of scan.c against RFC 3261 section 25.1. */
static void test_character_classes_are_the_grammars(struct t *t)
{
    static const char alnum[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
    static const char mark[] = "-_.!~*'()";
    for (int i = 0; i < 256; i++) {
        char c = (char) i;
        bool an = i > 0 && strchr(alnum, i), unreserved = an || (i > 0 && strchr(mark, i));
        T_EQ(sip_is(c, SIP_C_TOKEN), an || (i > 0 && strchr("-.!%*_+`'~", i)));
        T_EQ(sip_is(c, SIP_C_LWS), i > 0 && strchr(" \t\r\n", i));
        T_EQ(sip_is(c, SIP_C_HOST), an || (i > 0 && strchr("-._", i)));
        T_EQ(sip_is(c, SIP_C_USER), unreserved || (i > 0 && strchr("&=+$,;?/#", i)));
        T_EQ(sip_is(c, SIP_C_PARAM), unreserved || (i > 0 && strchr("[]/:&+$", i)));
        T_EQ(sip_is(c, SIP_C_HVALUE), unreserved || (i > 0 && strchr("[]/?:+$", i)));
        T_EQ(sip_is(c, SIP_C_VALUE), i > 32 && i != 127 && !strchr("\"<>,;", i));
        T_EQ(sip_is(c, SIP_C_LIST), i > 0 && strchr(",\"<(", i));
    }
out:;
}

static void test_control_characters_are_found_at_any_place(struct t *t)
{
    char text[40];
    for (size_t n = 0; n < sizeof text; n++) {
        for (size_t at = 0; at <= n; at++) {
            memset(text, 'a', sizeof text);
            text[0] = '\t';
            text[sizeof text - 1] = (char) 0xff;
            if (at < n)
                text[at] = at % 2 ? '\0' : '\n';
            T_EQ(sip_find_control(text, text + n) - text, at);
        }
    }
out:;
}

/* ---- lists and parameters ---------------------------------------------------------------------------------------- */

static void test_commas_split_only_outside_of_quotes_brackets_and_comments(struct t *t)
{
    static const struct {
        const char *text, *items; /* '|' behind each */
    } want[] = {
        { "", "" },
        { " \r\n ", "" },
        { "a", "a|" },
        { "a, b ,c", "a|b|c|" },
        { "a,,b", "a||b|" },
        { ",a", "|a|" },
        { "a,", "a|" },
        { "\"a,b\" <sip:x,y@z>;p=\",\" , c", "\"a,b\" <sip:x,y@z>;p=\",\"|c|" },
        { "\"a\\\",\" , b", "\"a\\\",\"|b|" },
        { "x (a, (b, c) \\) ,) y, z", "x (a, (b, c) \\) ,) y|z|" },
        { "sip:a(b@c, sip:d)e@f", "sip:a(b@c|sip:d)e@f|" },
        { "a, \"open, b", "a|\"open, b|" },
        { "a, <open, b", "a|<open, b|" },
        { "a, (open, b", "a|(open, b|" },
        { "a, \"x\\", "a|\"x\\|" },
    };
    struct buf b;
    buf_init(&b, 1000);
    for (size_t i = 0; i < AHOY_COUNT(want); i++) {
        struct view rest = view_str(want[i].text), item;
        buf_clear(&b);
        while (sip_list_next(&rest, &item)) {
            buf_view(&b, item);
            buf_char(&b, '|');
        }
        T_OK(buf_err(&b));
        T_STR(buf_cstr(&b), want[i].items);
    }
out:
    buf_fini(&b);
}

static void test_parameters_are_walked(struct t *t)
{
    struct view rest = VIEW(" ; a = b;flag ;\r\n q=\"x;\\\"=,y\";ip=[2001:db8::1]:5060;e=;U=\"\" "), name, value;
    const char *const want[][2] = {
        { "a", "b" }, { "flag", "" }, { "q", "\"x;\\\"=,y\"" }, { "ip", "[2001:db8::1]:5060" },
        { "e", "" },  { "U", "\"\"" }
    };
    struct view all = rest;
    for (size_t i = 0; i < AHOY_COUNT(want); i++) {
        T_OK(sip_param_next(&rest, &name, &value));
        T_VIEW(name, want[i][0]);
        T_VIEW(value, want[i][1]);
        T_CHECK((value.p == NULL) == (i == 1)); /* "e=" has a value, an empty one */
    }
    T_ERR(sip_param_next(&rest, &name, &value), AHOY_ERR_END);
    T_CHECK(sip_param(all, VIEW("Q"), &value) && sip_param(all, VIEW("u"), &value)
            && !sip_param(all, VIEW("b"), &value));
    T_CHECK(!sip_param(VIEW(""), VIEW("a"), &value));
out:;
}

static void test_malformed_parameters_are_refused(struct t *t)
{
    static const char *const bad[] = { ";",   ";;a",   "a",      ";a b",   ";a=b c",    ";a=\"open",
                                       ";=b", ";a=b;", ";a=<b>", ";a=b,c", ";a=\"b\"c", ";a=\"b\\" };
    for (size_t i = 0; i < AHOY_COUNT(bad); i++) {
        struct view rest = view_str(bad[i]), name, value;
        enum ahoy_err err;
        while ((err = sip_param_next(&rest, &name, &value)) == AHOY_OK)
            ;
        T_ERR(err, AHOY_ERR_SYNTAX);
    }
out:;
}

static void test_quotes_and_escapes_are_removed(struct t *t)
{
    static const struct view want[][2] = {
        { VIEW("\"a \\\"b\\\" \\\\c\""), VIEW("a \"b\" \\c") },
        { VIEW("token"), VIEW("token") },
        { VIEW("\"\""), VIEW("") },
        { VIEW("\""), VIEW("\"") },
        { VIEW(""), VIEW("") },
        { VIEW("\"\\\0\""), VIEW("\0") },
        { VIEW("\"\\a\\\\\""), VIEW("a\\") },
    };
    struct buf b;
    buf_init(&b, 100);
    for (size_t i = 0; i < AHOY_COUNT(want); i++) {
        buf_clear(&b);
        sip_unquote(want[i][0], &b);
        T_OK(buf_err(&b));
        T_CHECK(view_eq(buf_content(&b), want[i][1]));
    }
out:
    buf_fini(&b);
}

/* ---- typed values ------------------------------------------------------------------------------------------------ */

static void test_via_is_parsed(struct t *t)
{
    struct sip_via v;
    T_OK(sip_via_parse(
        VIEW("SIP/2.0/TLS [2001:db8::1]:5061;branch=z9hG4bKx;rport=77;received=192.0.2.9;maddr=224.0.1.75;ttl=16"),
        &v));
    T_EQ(v.proto, SIP_PROTO_TLS);
    T_VIEW(v.host, "[2001:db8::1]");
    T_EQ(v.port, 5061);
    T_VIEW(v.branch, "z9hG4bKx");
    T_VIEW(v.received, "192.0.2.9");
    T_VIEW(v.maddr, "224.0.1.75");
    T_CHECK(v.has_rport && v.rport == 77 && v.ttl == 16);
    T_OK(sip_via_parse(VIEW(" SIP / 2.0 / UDP first.example.com : 4000 ;ttl=0 ;rport;BRANCH = a7c6a8dlze.1 "), &v));
    T_VIEW(v.host, "first.example.com");
    T_EQ(v.port, 4000);
    T_VIEW(v.branch, "a7c6a8dlze.1");
    T_CHECK(v.has_rport && v.rport == 0);
    T_VIEW(v.proto_text, "UDP");
    T_OK(sip_via_parse(VIEW("SIP/2.0/UDP\r\n host"), &v));
    T_VIEW(v.host, "host");
    T_CHECK(v.port == 0 && v.params.n == 0 && !v.has_rport);
out:;
}

static void refuse_all(struct t *t, enum ahoy_err (*parse)(struct view v), const char *const *bad, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (parse(view_str(bad[i])) == AHOY_OK)
            t_fail(t, __FILE__, __LINE__, bad[i], "was not refused");
    }
}

static enum ahoy_err via(struct view v)
{
    struct sip_via out;
    return sip_via_parse(v, &out);
}

static void test_bad_vias_are_refused(struct t *t)
{
    refuse_all(t, via,
               CASES("", "SIP", "SIP/2.0", "SIP/2.0/", "SIP/2.0/UDP", "SIP/2.0/UDP ", "SIP/2.0/UDPhost@",
                     "SIP//UDP host", "SIP/2.0/UDP host:0", "SIP/2.0/UDP host:65536", "SIP/2.0/UDP host:",
                     "SIP/2.0/UDP host:x", "SIP/2.0/UDP [::1", "SIP/2.0/UDP [nothex]", "SIP/2.0/UDP host;;",
                     "SIP/2.0/UDP host;rport=x", "SIP/2.0/UDP host;rport=70000", "SIP/2.0/UDP host;ttl=256",
                     "SIP/2.0/UDP host extra", "SIP/2.0/UDP a,b", "SIP/2.0/UDP [fe80::1%2]"));
}

static void test_branches_of_rfc_3261_are_told(struct t *t)
{
    T_CHECK(sip_branch_is_3261(VIEW("z9hG4bKa")) && sip_branch_is_3261(VIEW("Z9HG4BKa")));
    T_CHECK(!sip_branch_is_3261(VIEW("z9hG4bK")) && !sip_branch_is_3261(VIEW(""))
            && !sip_branch_is_3261(VIEW("a.z9hG4bKa")));
out:;
}

static void test_addresses_are_parsed(struct t *t)
{
    static const struct {
        const char *text, *display, *uri, *params, *tag;
        bool brackets;
    } want[] = {
        { "<sip:a@b>", "", "sip:a@b", "", "", true },
        { " Bob  Lee <sip:a@b;x=1>;tag=7 ", "Bob  Lee", "sip:a@b;x=1", ";tag=7", "7", true },
        { "\"<a>, \\\"b\"<sip:a@b?x=y> ; Tag = 7;z", "\"<a>, \\\"b\"", "sip:a@b?x=y", "; Tag = 7;z", "7", true },
        { "sip:a@b;tag=x", "", "sip:a@b", ";tag=x", "x", false },
        { "sip:a@b ; p=\"<x>\"", "", "sip:a@b", "; p=\"<x>\"", "", false },
        { "tel:+1-201-555", "", "tel:+1-201-555", "", "", false },
        { "J\xc3\xb6rg (at) home <sip:a@b>", "J\xc3\xb6rg (at) home", "sip:a@b", "", "", true },
        { "sip:x@y <sip:a@b>", "sip:x@y", "sip:a@b", "", "", true },
        { "<sip:a@b>;+sip.instance=\"<urn:uuid:1>\"", "", "sip:a@b", ";+sip.instance=\"<urn:uuid:1>\"", "", true },
    };
    for (size_t i = 0; i < AHOY_COUNT(want); i++) {
        struct sip_addr a;
        T_OK(sip_addr_parse(view_str(want[i].text), &a));
        T_VIEW(a.display, want[i].display);
        T_VIEW(a.uri, want[i].uri);
        T_VIEW(a.params, want[i].params);
        T_VIEW(sip_addr_tag(&a), want[i].tag);
        T_EQ(a.has_brackets, want[i].brackets);
        T_CHECK(view_eq(a.text, view_trim(view_str(want[i].text))));
    }
out:;
}

static enum ahoy_err address(struct view v)
{
    struct sip_addr out;
    return sip_addr_parse(v, &out);
}

static void test_bad_addresses_are_refused(struct t *t)
{
    refuse_all(t, address,
               CASES("", " ", "<>", "< >", "<sip:a@b", "\"open <sip:a@b>", "\"a\" sip:a@b", "\"a\"",
                     "Bell, A <sip:a@b>", "a;b <sip:a@b>", "<sip:a@b>x", "<sip:a@b>;;", "<sip:a@b>;tag=\"",
                     "sip:a@b?x=y", "sip:a b", "sip:a@b,c", "a \"b\" <sip:c>", "<<sip:a@b>>", ";tag=1",
                     "a\001b <sip:a@b>"));
}

static enum ahoy_err cseq(struct view v)
{
    struct sip_cseq out;
    return sip_cseq_parse(v, &out);
}

static void test_cseq_is_parsed(struct t *t)
{
    struct sip_cseq c;
    T_OK(sip_cseq_parse(VIEW("0009\r\n  INVITE"), &c));
    T_CHECK(c.number == 9 && c.method == SIP_METHOD_INVITE);
    T_OK(sip_cseq_parse(VIEW("2147483647 NEW"), &c));
    T_CHECK(c.number == 2147483647u && c.method == SIP_METHOD_UNKNOWN);
    T_VIEW(c.method_text, "NEW");
    refuse_all(t, cseq,
               CASES("", "1", "1 ", "INVITE", "2147483648 INVITE", "36893488147419103232 INVITE", "-1 INVITE",
                     "1INVITE", "1 INV ITE", "1 INVITE;", "+1 INVITE"));
out:;
}

static enum ahoy_err delta(struct view v)
{
    uint32_t out;
    return sip_delta_parse(v, &out);
}

static void test_seconds_are_clamped_not_wrapped(struct t *t)
{
    uint32_t s;
    T_OK(sip_delta_parse(VIEW(" 120 (in a meeting);duration=60"), &s));
    T_EQ(s, 120);
    T_OK(sip_delta_parse(VIEW("4294967295"), &s));
    T_EQ(s, UINT32_MAX);
    T_OK(sip_delta_parse(VIEW("4294967296000000000000000000000"), &s));
    T_EQ(s, UINT32_MAX);
    refuse_all(t, delta, CASES("", "x", "-1", "1x", "1.5", ";1"));
out:;
}

static enum ahoy_err contact(struct view v)
{
    struct sip_contact out;
    return sip_contact_parse(v, &out);
}

static void test_contacts_are_parsed(struct t *t)
{
    static const struct {
        const char *q;
        int milli;
    } qs[] = { { "0", 0 },        { "1", 1000 }, { "0.5", 500 }, { "0.333", 333 },
               { "1.000", 1000 }, { "0.", 0 },   { ".25", 250 }, { "0.9999", 999 } };
    struct sip_contact c;
    struct buf b;
    buf_init(&b, 200);
    T_OK(sip_contact_parse(VIEW(" * "), &c));
    T_CHECK(c.star);
    T_OK(sip_contact_parse(VIEW("<sip:a@b;expires=1>;expires=60"), &c));
    T_CHECK(!c.star && c.has_expires && c.expires_s == 60 && !c.has_q);
    T_OK(sip_contact_parse(VIEW("<sip:a@b>;expires=soon"), &c));
    T_CHECK(c.has_expires && c.expires_s == 3600);
    for (size_t i = 0; i < AHOY_COUNT(qs); i++) {
        buf_clear(&b);
        buf_printf(&b, "sip:a@b;q=%s", qs[i].q);
        T_OK(buf_err(&b));
        T_OK(sip_contact_parse(buf_content(&b), &c));
        T_CHECK(c.has_q);
        T_EQ(c.q_milli, qs[i].milli);
    }
    refuse_all(t, contact,
               CASES("", "<sip:a@b>;q=1.001", "<sip:a@b>;q=2", "<sip:a@b>;q=x", "<sip:a@b>;q=0.x", "<sip:a@b>;q",
                     "<sip:a@b>;;"));
out:
    buf_fini(&b);
}

static enum ahoy_err media_type(struct view v)
{
    struct sip_media_type out;
    return sip_media_type_parse(v, &out);
}

static void test_media_types_are_parsed(struct t *t)
{
    struct sip_media_type m;
    T_OK(sip_media_type_parse(VIEW(" Multipart / Mixed ; boundary=\"x y\" "), &m));
    T_CHECK(sip_media_type_is(&m, VIEW("multipart"), VIEW("mixed"))
            && !sip_media_type_is(&m, VIEW("multipart"), VIEW("mixe")));
    T_VIEW(m.params, "; boundary=\"x y\"");
    refuse_all(t, media_type, CASES("", "text", "text/", "/plain", "text/plain x", "text/plain;", "a b/c"));
out:;
}

static void test_missing_values_are_malformed(struct t *t)
{
    const struct view none = { 0 };
    struct view rest = none, item;
    struct sip_cseq c;
    struct sip_media_type m;
    uint32_t s;
    T_ERR(sip_via_parse(none, &(struct sip_via){ 0 }), AHOY_ERR_SYNTAX);
    T_ERR(sip_addr_parse(none, &(struct sip_addr){ 0 }), AHOY_ERR_SYNTAX);
    T_ERR(sip_contact_parse(none, &(struct sip_contact){ 0 }), AHOY_ERR_SYNTAX);
    T_ERR(sip_cseq_parse(none, &c), AHOY_ERR_SYNTAX);
    T_ERR(sip_delta_parse(none, &s), AHOY_ERR_SYNTAX);
    T_ERR(sip_media_type_parse(none, &m), AHOY_ERR_SYNTAX);
    T_CHECK(!sip_list_next(&rest, &item) && !sip_param(none, VIEW("a"), &item));
out:;
}

static void test_the_core_is_parsed_once_and_kept(struct t *t)
{
    struct sip_msg *m = NULL;
    struct sip_fault fault;
    const struct sip_core *core, *again;
    T_OK(help_parse(&m, VIEW(HELP_INVITE "\r\n"), &fault));
    T_OK(sip_msg_core(m, &core));
    T_OK(sip_msg_core(m, &again));
    T_CHECK(core == again);
    T_VIEW(core->from_tag, "1");
    T_VIEW(core->to_tag, "");
    T_CHECK(core->has_max_forwards && core->max_forwards == 70 && core->cseq.number == 7);
    sip_msg_unref(m);
    m = NULL;
    T_OK(help_parse(&m, VIEW("INVITE sip:b SIP/2.0\r\nVia: SIP/2.0/UDP a\r\n\r\n"), &fault));
    T_ERR(sip_msg_core(m, &core), AHOY_ERR_SYNTAX);
out:
    sip_msg_unref(m);
}

T_MAIN(T(test_every_header_is_found_by_its_names), T(test_methods_are_case_sensitive), T(test_transports_have_names),
       T(test_character_classes_are_the_grammars), T(test_control_characters_are_found_at_any_place),
       T(test_commas_split_only_outside_of_quotes_brackets_and_comments), T(test_parameters_are_walked),
       T(test_malformed_parameters_are_refused), T(test_quotes_and_escapes_are_removed), T(test_via_is_parsed),
       T(test_bad_vias_are_refused), T(test_branches_of_rfc_3261_are_told), T(test_addresses_are_parsed),
       T(test_bad_addresses_are_refused), T(test_cseq_is_parsed), T(test_seconds_are_clamped_not_wrapped),
       T(test_contacts_are_parsed), T(test_media_types_are_parsed), T(test_missing_values_are_malformed),
       T(test_the_core_is_parsed_once_and_kept))
