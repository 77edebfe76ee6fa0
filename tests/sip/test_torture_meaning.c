/* What the torture messages of RFC 4475 and RFC 5118 that are accepted mean: escapes, folds, lists, lengths. */
#include "sip/torture_help.h"

#include <stdio.h>

/* The n-th item (from 0) over all fields with this id. */
static bool nth_item(const struct sip_msg *m, enum sip_hdr_id id, unsigned n, struct view *item)
{
    for (const struct sip_hdr *h = sip_msg_first(m, id); h; h = sip_msg_next(m, h)) {
        struct view rest = h->value;
        while (sip_list_next(&rest, item))
            if (n-- == 0)
                return true;
    }
    return false;
}

static bool nth_via(const struct sip_msg *m, unsigned n, struct sip_via *via)
{
    struct view item;
    return nth_item(m, SIP_HDR_VIA, n, &item) && sip_via_parse(item, via) == AHOY_OK;
}

static bool nth_contact(const struct sip_msg *m, unsigned n, struct sip_contact *c, struct sip_uri *uri)
{
    struct view item;
    return nth_item(m, SIP_HDR_CONTACT, n, &item) && sip_contact_parse(item, c) == AHOY_OK
           && sip_uri_parse(c->addr.uri, uri) == AHOY_OK;
}

/* Header value in one line of text, for comparing with what it means. */
static bool unescapes_to(struct view v, struct view want)
{
    struct buf b;
    buf_init(&b, 4096);
    sip_uri_unescape(v, &b);
    bool same = !buf_err(&b) && view_eq(buf_content(&b), want);
    buf_fini(&b);
    return same;
}

static bool unquotes_to(struct view v, struct view want)
{
    struct buf b;
    buf_init(&b, 4096);
    sip_unquote(v, &b);
    bool same = !buf_err(&b) && view_eq(buf_content(&b), want);
    buf_fini(&b);
    return same;
}

static void about_wsinv(struct t *t, struct sip_msg *m, const struct sip_core *core)
{
    struct sip_via via;
    struct sip_contact contact;
    struct sip_uri uri;
    struct view value;
    T_VIEW(core->to_tag, "1918181833n");
    T_CHECK(unquotes_to(core->from.display, VIEW("J Rosenberg \\\"")));
    T_VIEW(core->from_tag, "98asjd8");
    T_EQ(core->cseq.number, 9);
    T_EQ(core->max_forwards, 68);
    T_CHECK(sip_msg_first(m, SIP_HDR_SUBJECT) && sip_msg_value(m, SIP_HDR_SUBJECT).n == 0);
    T_VIEW(core->via.host, "192.0.2.2");
    T_VIEW(core->via.branch, "390skdjuw");
    T_CHECK(!sip_branch_is_3261(core->via.branch));
    T_CHECK(nth_via(m, 1, &via));
    T_VIEW(via.host, "spindle.example.com");
    T_VIEW(via.branch, "z9hG4bK9ikj8");
    T_CHECK(nth_via(m, 2, &via));
    T_EQ(via.proto, SIP_PROTO_UDP);
    T_VIEW(via.branch, "z9hG4bK30239");
    T_CHECK(!nth_via(m, 3, &via));
    T_CHECK(nth_contact(m, 0, &contact, &uri));
    T_EQ(contact.q_milli, 330);
    T_CHECK(unquotes_to(contact.addr.display, VIEW("Quoted string \"\"")));
    T_CHECK(sip_param(contact.addr.params, VIEW("secondparam"), &value) && value.n == 0);
    T_CHECK(sip_msg_named(m, VIEW("unknownheaderwithunusualvalue")) != NULL);
    T_CHECK(sip_uri_parse(m->uri, &uri) == AHOY_OK && sip_uri_param(&uri, VIEW("unknownparam"), &value));
out:;
}

static void about_intmeth(struct t *t, struct sip_msg *m, const struct sip_core *core)
{
    struct sip_uri uri;
    T_EQ(m->method, SIP_METHOD_UNKNOWN);
    T_VIEW(m->method_text, "!interesting-Method0123456789_*+`.%indeed'~");
    T_CHECK(view_eq(core->cseq.method_text, m->method_text));
    T_CHECK(unquotes_to(core->to.display, VIEW("BEL:\007 NUL:\0 DEL:\177")));
    T_VIEW(core->from.display, "token1~` token2'+_ token3*%!.-");
    T_VIEW(core->from_tag, "_token~1'+`*%!-.");
    T_VIEW(core->call_id, "intmeth.word%ZK-!.*_+'@word`~)(><:\\/\"][?}{");
    T_OK(sip_uri_parse(m->uri, &uri));
    T_VIEW(uri.user, "1_unusual.URI~(to-be!sure)&isn't+it$/crazy?,/;;*");
    T_VIEW(uri.password, "&it+has=1,weird!*pas$wo~d_too.(doesn't-it)");
    T_VIEW(uri.host, "example.com");
    T_CHECK(sip_msg_named(m, VIEW("extensionHeader-!.%*+_`'~")) != NULL);
out:;
}

static void about_esc01(struct t *t, struct sip_msg *m, const struct sip_core *core)
{
    struct sip_contact contact;
    struct sip_uri uri, plain;
    struct view value;
    T_OK(sip_uri_parse(m->uri, &uri));
    T_CHECK(unescapes_to(uri.user, VIEW("sips:user@example.com")));
    T_VIEW(uri.host, "example.net");
    T_OK(sip_uri_parse(core->to.uri, &uri));
    T_CHECK(unescapes_to(uri.user, VIEW("user")));
    T_OK(sip_uri_parse(VIEW("sip:user@example.com"), &plain));
    T_CHECK(sip_uri_equal(&uri, &plain));
    T_CHECK(nth_contact(m, 0, &contact, &uri));
    T_CHECK(sip_uri_is_loose(&uri));
    T_CHECK(sip_uri_param(&uri, VIEW("name"), &value) && unescapes_to(value, VIEW("value%41")));
out:;
}

static void about_escnull(struct t *t, struct sip_msg *m, const struct sip_core *core)
{
    struct sip_contact contact;
    struct sip_uri one, two, to;
    T_OK(sip_uri_parse(core->to.uri, &to));
    T_CHECK(unescapes_to(to.user, VIEW("null-\0-null")));
    T_CHECK(nth_contact(m, 0, &contact, &one) && nth_contact(m, 1, &contact, &two));
    T_CHECK(!sip_uri_equal(&one, &two));
out:;
}

static void about_esc02(struct t *t, struct sip_msg *m, const struct sip_core *core)
{
    struct view item;
    T_EQ(m->method, SIP_METHOD_UNKNOWN);
    T_VIEW(core->to.display, "\"%Z%45\"");
    T_VIEW(core->via.branch, "z9hG4bK209%fzsnel234");
    T_CHECK(nth_item(m, SIP_HDR_CONTACT, 1, &item));
    T_VIEW(item, "<sip:alias3@host3.example.com>");
    T_CHECK(!nth_item(m, SIP_HDR_CONTACT, 2, &item));
out:;
}

static void about_lwsdisp(struct t *t, struct sip_msg *m, const struct sip_core *core)
{
    (void) m;
    T_VIEW(core->from.display, "caller");
    T_VIEW(core->from.uri, "sip:caller@example.com");
    T_VIEW(core->from_tag, "323");
out:;
}

static void about_longreq(struct t *t, struct sip_msg *m, const struct sip_core *core)
{
    struct buf b;
    struct sip_msg *back = NULL;
    struct sip_fault fault;
    const struct sip_core *echoed;
    struct sip_via via;
    buf_init(&b, SIP_BUILD_MAX_BYTES);
    T_VIEW(core->via.host, "sip33.example.com");
    T_CHECK(nth_via(m, 33, &via) && !nth_via(m, 34, &via));
    T_VIEW(via.received, "192.0.2.5");
    sip_build_response(&b, m, 200, VIEW(""), VIEW("local"), NULL);
    sip_build_body(&b, VIEW(""), VIEW(""));
    T_OK(help_accept(&back, buf_content(&b), &fault));
    T_OK(sip_msg_core(back, &echoed));
    T_CHECK(view_eq(echoed->call_id, core->call_id) && view_eq(echoed->from_tag, core->from_tag));
    T_CHECK(nth_via(back, 33, &via) && !nth_via(back, 34, &via));
out:
    sip_msg_unref(back);
    buf_fini(&b);
}

static void about_dblreq(struct t *t, struct sip_msg *m, const struct sip_core *core)
{
    T_EQ(m->method, SIP_METHOD_REGISTER);
    T_EQ(core->cseq.number, 8);
    T_VIEW(m->body, "");
    T_CHECK(m->head.n < 400);
out:;
}

static void about_semiuri(struct t *t, struct sip_msg *m, const struct sip_core *core)
{
    struct sip_uri uri;
    (void) core;
    T_OK(sip_uri_parse(m->uri, &uri));
    T_CHECK(unescapes_to(uri.user, VIEW("user;par=u@example.net")));
    T_VIEW(uri.host, "example.com");
    T_CHECK(sip_msg_has_token(m, SIP_HDR_ACCEPT, VIEW("message/sipfrag")));
out:;
}

static void about_transports(struct t *t, struct sip_msg *m, const struct sip_core *core)
{
    static const enum sip_proto want[] = { SIP_PROTO_UDP, SIP_PROTO_SCTP, SIP_PROTO_TLS, SIP_PROTO_UNKNOWN,
                                           SIP_PROTO_TCP };
    struct sip_via via;
    (void) core;
    for (unsigned i = 0; i < AHOY_COUNT(want); i++) {
        T_CHECK(nth_via(m, i, &via));
        T_EQ(via.proto, want[i]);
    }
out:;
}

static void about_mpart01(struct t *t, struct sip_msg *m, const struct sip_core *core)
{
    struct sip_media_type type;
    struct sip_part part;
    struct view boundary, rest = m->body, body;
    T_VIEW(core->via.host, "127.0.0.1");
    T_CHECK(core->via.has_rport && core->via.rport == 0);
    T_OK(sip_media_type_parse(sip_msg_value(m, SIP_HDR_CONTENT_TYPE), &type));
    T_OK(sip_multipart_boundary(&type, &boundary));
    T_OK(sip_part_next(&rest, boundary, &part));
    T_VIEW(part.type, "text/plain");
    T_VIEW(part.body, "Hello");
    T_OK(sip_part_next(&rest, boundary, &part));
    T_VIEW(part.type, "application/octet-stream");
    T_EQ(part.body.n, 342);
    T_ERR(sip_part_next(&rest, boundary, &part), AHOY_ERR_END);
    T_OK(sip_msg_body_of_type(m, VIEW("text"), VIEW("plain"), &body));
    T_VIEW(body, "Hello");
out:;
}

static void about_unreason(struct t *t, struct sip_msg *m, const struct sip_core *core)
{
    T_EQ(m->status, 200);
    T_EQ(m->reason.n, 74);
    T_CHECK(view_starts(m->reason, VIEW("= 2**3 * 5**2 ")));
    T_EQ(core->cseq.method, SIP_METHOD_INVITE);
out:;
}

static void about_noreason(struct t *t, struct sip_msg *m, const struct sip_core *core)
{
    (void) core;
    T_EQ(m->status, 100);
    T_VIEW(m->reason, "");
out:;
}

static void about_badbranch(struct t *t, struct sip_msg *m, const struct sip_core *core)
{
    (void) m;
    T_VIEW(core->via.branch, "z9hG4bK");
    T_CHECK(!sip_branch_is_3261(core->via.branch));
out:;
}

static void about_baddate(struct t *t, struct sip_msg *m, const struct sip_core *core)
{
    (void) core;
    T_VIEW(sip_msg_value(m, SIP_HDR_DATE), "Fri, 01 Jan 2010 16:00:00 EST");
out:;
}

static void about_badaspec(struct t *t, struct sip_msg *m, const struct sip_core *core)
{
    (void) m;
    T_VIEW(core->to.display, "\"Watson, Thomas\"");
    T_VIEW(core->to.uri, "sip:t.watson@example.org");
out:;
}

static void about_unkscm(struct t *t, struct sip_msg *m, const struct sip_core *core)
{
    struct sip_uri uri;
    (void) core;
    T_OK(sip_uri_parse(m->uri, &uri));
    T_EQ(uri.scheme, SIP_SCHEME_OTHER);
    T_VIEW(uri.scheme_text, "nobodyKnowsThisScheme");
out:;
}

static void about_novelsc(struct t *t, struct sip_msg *m, const struct sip_core *core)
{
    struct sip_uri uri;
    (void) core;
    T_OK(sip_uri_parse(m->uri, &uri));
    T_VIEW(uri.scheme_text, "soap.beep");
out:;
}

static void about_unksm2(struct t *t, struct sip_msg *m, const struct sip_core *core)
{
    struct sip_contact contact;
    struct sip_uri uri;
    T_VIEW(core->to.uri, "isbn:2983792873");
    T_VIEW(core->from.uri, "http://www.example.com");
    T_CHECK(nth_contact(m, 0, &contact, &uri) && uri.scheme == SIP_SCHEME_OTHER);
out:;
}

static void about_bext01(struct t *t, struct sip_msg *m, const struct sip_core *core)
{
    struct view item;
    (void) core;
    T_CHECK(sip_msg_has_token(m, SIP_HDR_REQUIRE, VIEW("nothingSupportsThisEither")));
    T_CHECK(nth_item(m, SIP_HDR_REQUIRE, 1, &item) && !nth_item(m, SIP_HDR_REQUIRE, 2, &item));
    T_CHECK(sip_msg_has_token(m, SIP_HDR_PROXY_REQUIRE, VIEW("noProxiesSupportThis")));
out:;
}

static void about_invut(struct t *t, struct sip_msg *m, const struct sip_core *core)
{
    struct view body;
    (void) core;
    T_EQ(m->body.n, 40);
    T_OK(sip_msg_body_of_type(m, VIEW("application"), VIEW("unknownformat"), &body));
    T_ERR(sip_msg_body_of_type(m, VIEW("application"), VIEW("sdp"), &body), AHOY_ERR_NOT_FOUND);
out:;
}

static void about_regaut01(struct t *t, struct sip_msg *m, const struct sip_core *core)
{
    (void) core;
    T_VIEW(sip_msg_value(m, SIP_HDR_AUTHORIZATION), "NoOneKnowsThisScheme opaque-data=here");
out:;
}

static void about_bcast(struct t *t, struct sip_msg *m, const struct sip_core *core)
{
    struct sip_via via;
    T_VIEW(core->via.host, "192.0.2.198");
    T_CHECK(nth_via(m, 1, &via) && !nth_via(m, 2, &via));
    T_VIEW(via.host, "255.255.255.255");
out:;
}

static void about_zeromf(struct t *t, struct sip_msg *m, const struct sip_core *core)
{
    (void) m;
    T_CHECK(core->has_max_forwards);
    T_EQ(core->max_forwards, 0);
out:;
}

static void about_cparam01(struct t *t, struct sip_msg *m, const struct sip_core *core)
{
    struct sip_contact contact;
    struct sip_uri uri;
    struct view value;
    (void) core;
    T_CHECK(nth_contact(m, 0, &contact, &uri));
    T_CHECK(sip_param(contact.addr.params, VIEW("unknownparam"), &value));
    T_CHECK(!sip_uri_param(&uri, VIEW("unknownparam"), &value));
out:;
}

static void about_cparam02(struct t *t, struct sip_msg *m, const struct sip_core *core)
{
    struct sip_contact contact;
    struct sip_uri uri;
    struct view value;
    (void) core;
    T_CHECK(nth_contact(m, 0, &contact, &uri));
    T_CHECK(!sip_param(contact.addr.params, VIEW("unknownparam"), &value));
    T_CHECK(sip_uri_param(&uri, VIEW("unknownparam"), &value));
out:;
}

static void about_regescrt(struct t *t, struct sip_msg *m, const struct sip_core *core)
{
    struct sip_contact contact;
    struct sip_uri uri;
    (void) core;
    T_CHECK(nth_contact(m, 0, &contact, &uri));
    T_VIEW(uri.headers, "Route=%3Csip:sip.example.com%3E");
    T_CHECK(sip_msg_first(m, SIP_HDR_ROUTE) == NULL);
out:;
}

static void about_inv2543(struct t *t, struct sip_msg *m, const struct sip_core *core)
{
    T_VIEW(core->via.branch, "");
    T_VIEW(core->from_tag, "");
    T_CHECK(!core->has_max_forwards && core->max_forwards == 70);
    T_VIEW(core->from.uri, "sip:+13035551111@ift.client.example.net;user=phone");
    T_VIEW(core->to.uri, "sip:+16505552222@ss1.example.net");
    T_EQ(m->body.n, 105);
out:;
}

static const struct {
    const char *file;
    void (*about)(struct t *t, struct sip_msg *m, const struct sip_core *core);
} details[] = {
    { "wsinv.dat", about_wsinv },           { "intmeth.dat", about_intmeth },     { "esc01.dat", about_esc01 },
    { "escnull.dat", about_escnull },       { "esc02.dat", about_esc02 },         { "lwsdisp.dat", about_lwsdisp },
    { "longreq.dat", about_longreq },       { "dblreq.dat", about_dblreq },       { "semiuri.dat", about_semiuri },
    { "transports.dat", about_transports }, { "mpart01.dat", about_mpart01 },     { "unreason.dat", about_unreason },
    { "noreason.dat", about_noreason },     { "badbranch.dat", about_badbranch }, { "baddate.dat", about_baddate },
    { "badaspec.dat", about_badaspec },     { "unkscm.dat", about_unkscm },       { "novelsc.dat", about_novelsc },
    { "unksm2.dat", about_unksm2 },         { "bext01.dat", about_bext01 },       { "invut.dat", about_invut },
    { "regaut01.dat", about_regaut01 },     { "bcast.dat", about_bcast },         { "zeromf.dat", about_zeromf },
    { "cparam01.dat", about_cparam01 },     { "cparam02.dat", about_cparam02 },   { "regescrt.dat", about_regescrt },
    { "inv2543.dat", about_inv2543 },
};

static void test_accepted_messages_mean_what_they_say(struct t *t)
{
    struct view raw = { 0 };
    struct outcome o = { 0 };
    const struct sip_core *core;
    for (size_t i = 0; i < AHOY_COUNT(details); i++) {
        T_CHECK(read_vector(t, "rfc4475", view_str(details[i].file), &raw));
        receive(&o, raw, false);
        mem_free((void *) raw.p);
        raw = view_of(NULL, 0);
        T_OK(o.err);
        T_OK(sip_msg_core(o.msg, &core));
        details[i].about(t, o.msg, core);
        if (t->failed) {
            fprintf(stderr, "  in %s\n", details[i].file);
            goto out;
        }
        sip_msg_unref(o.msg);
        o = (struct outcome){ 0 };
    }
out:
    sip_msg_unref(o.msg);
    mem_free((void *) raw.p);
}

static void test_huge_numbers_do_not_wrap(struct t *t)
{
    struct view raw = { 0 };
    struct outcome o = { 0 };
    struct sip_contact contact;
    struct sip_uri uri;
    uint32_t seconds = 0;
    T_CHECK(read_vector(t, "rfc4475", VIEW("scalar02.dat"), &raw));
    receive(&o, raw, false);
    T_CHECK(o.msg && o.err == AHOY_ERR_SYNTAX);
    T_OK(sip_delta_parse(sip_msg_value(o.msg, SIP_HDR_EXPIRES), &seconds));
    T_EQ(seconds, UINT32_MAX);
    T_CHECK(nth_contact(o.msg, 0, &contact, &uri) && contact.has_expires);
    T_EQ(contact.expires_s, UINT32_MAX);
out:
    sip_msg_unref(o.msg);
    mem_free((void *) raw.p);
}

static void test_a_third_colon_before_an_ipv4_tail_is_forgiven(struct t *t)
{
    struct sip_uri two, three;
    struct addr a, b;
    T_OK(sip_uri_parse(VIEW("sip:user@[2001:db8::192.0.2.1]"), &two));
    T_OK(sip_uri_parse(VIEW("sip:user@[2001:db8:::192.0.2.1]"), &three));
    T_CHECK(sip_uri_ip(&two, &a) == AHOY_OK && sip_uri_ip(&three, &b) == AHOY_OK && addr_eq(&a, &b));
    T_CHECK(sip_uri_equal(&two, &three));
out:;
}

static void test_received_is_read_with_and_without_brackets(struct t *t)
{
    struct sip_via via;
    struct addr a, b;
    T_OK(sip_via_parse(VIEW("SIP/2.0/UDP [2001:db8::9:1];received=[2001:db8::9:255];branch=z9hG4bKas3-111"), &via));
    T_OK(sip_via_received(&via, &a));
    T_OK(sip_via_parse(VIEW("SIP/2.0/UDP [2001:db8::9:1];received=2001:db8::9:255;branch=z9hG4bKas3"), &via));
    T_OK(sip_via_received(&via, &b));
    T_CHECK(addr_eq_ip(&a, &b));
    T_VIEW(via.branch, "z9hG4bKas3");
out:;
}

static void test_a_port_inside_the_brackets_is_part_of_the_address(struct t *t)
{
    struct sip_uri inside, outside;
    T_OK(sip_uri_parse(VIEW("sip:[2001:db8::10:5070]"), &inside));
    T_OK(sip_uri_parse(VIEW("sip:[2001:db8::10]:5070"), &outside));
    T_EQ(inside.port, 0);
    T_EQ(outside.port, 5070);
    T_CHECK(!sip_uri_equal(&inside, &outside));
out:;
}

T_MAIN(T(test_accepted_messages_mean_what_they_say), T(test_huge_numbers_do_not_wrap),
       T(test_a_third_colon_before_an_ipv4_tail_is_forgiven), T(test_received_is_read_with_and_without_brackets),
       T(test_a_port_inside_the_brackets_is_part_of_the_address))
