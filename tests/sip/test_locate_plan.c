#include "sip/locate_plan.h"

#include "support/t.h"

#include <stdio.h>

static const struct sip_protos both = { .p = { SIP_PROTO_UDP, SIP_PROTO_TCP }, .n = 2 };
static const struct sip_protos all = {
    .p = { SIP_PROTO_UDP, SIP_PROTO_TCP, SIP_PROTO_TLS, SIP_PROTO_WS, SIP_PROTO_WSS }, .n = 5
};

/* What a plan amounts to, as one line. */
static const char *plan_of(const char *text, const struct sip_protos *available, char *dst, size_t size)
{
    static const char *const steps[] = { "numeric", "host", "srv", "naptr" };
    struct sip_uri uri;
    struct sip_plan p;
    char addr[ADDR_TEXT_BYTES];
    enum ahoy_err err = sip_uri_parse(view_str(text), &uri);
    if (err == AHOY_OK)
        err = sip_plan_make(&uri, available, &p);
    if (err != AHOY_OK) {
        snprintf(dst, size, "%s", ahoy_err_name(err));
        return dst;
    }
    if (p.step == SIP_PLAN_NUMERIC)
        snprintf(dst, size, "numeric %s %s", sip_proto_name(p.protos.p[0]), addr_print(&p.addr, addr));
    else
        snprintf(dst, size, "%s %.*s:%u %s%s", steps[p.step], VIEW_ARG(p.host), p.port, sip_proto_name(p.protos.p[0]),
                 p.protos.n > 1 ? "+" : "");
    return dst;
}

static void test_uris_lead_where_rfc_3263_says(struct t *t)
{
    static const struct {
        const char *uri;
        const struct sip_protos *available;
        const char *want;
    } of[] = {
        { "sip:192.0.2.7", &both, "numeric UDP 192.0.2.7:5060" },
        { "sip:192.0.2.7:5080;transport=tcp", &both, "numeric TCP 192.0.2.7:5080" },
        { "sip:[2001:db8::1]", &both, "numeric UDP [2001:db8::1]:5060" },
        { "sips:192.0.2.7", &all, "numeric TLS 192.0.2.7:5061" },
        { "sips:192.0.2.7", &both, "UNSUPPORTED" },
        { "sip:example.com", &both, "naptr example.com:0 UDP+" },
        { "sip:example.com.", &both, "naptr example.com:0 UDP+" },
        { "sip:example.com:5070", &both, "host example.com:5070 UDP" },
        { "sip:example.com;transport=tcp", &both, "srv example.com:0 TCP" },
        { "sip:example.com;transport=TLS", &all, "srv example.com:0 TLS" },
        { "sip:example.com;transport=tls", &both, "UNSUPPORTED" },
        { "sip:example.com;transport=carrier-pigeon", &all, "UNSUPPORTED" },
        { "sips:example.com", &all, "naptr example.com:0 TLS+" },
        { "sips:example.com;transport=tcp", &all, "srv example.com:0 TLS" },
        { "sips:example.com;transport=udp", &all, "UNSUPPORTED" },
        { "sips:example.com;transport=ws", &all, "srv example.com:0 WSS" },
        { "sip:example.com;maddr=192.0.2.9", &both, "numeric UDP 192.0.2.9:5060" },
        { "sip:example.com:5090;maddr=proxy.example.com", &both, "host proxy.example.com:5090 UDP" },
    };
    char got[256];
    for (size_t i = 0; i < AHOY_COUNT(of); i++)
        T_STR(plan_of(of[i].uri, of[i].available, got, sizeof got), of[i].want);
    const struct sip_protos tcp = { .p = { SIP_PROTO_TCP }, .n = 1 };
    T_STR(plan_of("sip:192.0.2.7", &tcp, got, sizeof got), "numeric TCP 192.0.2.7:5060");
out:
    return;
}

static void test_srv_names_and_ports_of_protocols(struct t *t)
{
    char name[SYS_DNS_NAME_BYTES], host[300];
    T_STR(sip_plan_srv_name(SIP_PROTO_UDP, VIEW("a.b"), name), "_sip._udp.a.b");
    T_STR(sip_plan_srv_name(SIP_PROTO_TLS, VIEW("a.b"), name), "_sips._tcp.a.b");
    T_STR(sip_plan_srv_name(SIP_PROTO_WSS, VIEW("a.b"), name), "");
    memset(host, 'x', sizeof host);
    T_STR(sip_plan_srv_name(SIP_PROTO_UDP, view_of(host, 250), name), "");
    T_EQ(sip_proto_port(SIP_PROTO_TCP), 5060);
    T_EQ(sip_proto_port(SIP_PROTO_TLS), 5061);
    T_EQ(sip_proto_port(SIP_PROTO_WSS), 443);
out:
    return;
}

static struct sys_dns_record naptr(uint16_t order, uint16_t preference, const char *flags, const char *service)
{
    struct sys_dns_record r = { .type = SYS_DNS_NAPTR };
    r.u.naptr.order = order;
    r.u.naptr.preference = preference;
    (void) view_copy(view_str(flags), r.u.naptr.flags, sizeof r.u.naptr.flags);
    (void) view_copy(view_str(service), r.u.naptr.service, sizeof r.u.naptr.service);
    (void) view_copy(VIEW("x"), r.u.naptr.replacement, sizeof r.u.naptr.replacement);
    return r;
}

static void test_naptr_is_followed_by_order_and_preference(struct t *t)
{
    const struct sys_dns_record r[] = {
        naptr(90, 50, "s", "SIP+D2T"), naptr(50, 60, "S", "SIP+D2U"), naptr(50, 50, "s", "SIPS+D2T"),
        naptr(10, 10, "u", "SIP+D2U"), naptr(10, 10, "s", "E2U+sip"), naptr(10, 10, "a", "sip+d2s"),
    };
    size_t index[8];
    T_EQ(sip_plan_order_naptr(r, AHOY_COUNT(r), &all, false, index, 8), 3);
    T_EQ(index[0], 2);
    T_EQ(index[1], 1);
    T_EQ(index[2], 0);
    T_EQ(sip_plan_order_naptr(r, AHOY_COUNT(r), &all, true, index, 8), 1);
    T_EQ(index[0], 2);
    T_EQ(sip_plan_order_naptr(r, AHOY_COUNT(r), &both, false, index, 1), 1); /* the best one stays when room is short */
    T_EQ(index[0], 1);
out:
    return;
}

static struct sys_dns_record srv(uint16_t priority, uint16_t weight, const char *target)
{
    struct sys_dns_record r = { .type = SYS_DNS_SRV };
    r.u.srv.priority = priority;
    r.u.srv.weight = weight;
    (void) view_copy(view_str(target), r.u.srv.target, sizeof r.u.srv.target);
    return r;
}

/* RFC 2782: the first place goes by weight, within a priority. 60:30:10, and a zero weight that comes rarely. */
static void test_srv_weights_share_the_load(struct t *t)
{
    enum { RUNS = 20000 };
    const struct sys_dns_record r[] = {
        srv(20, 0, "backup"), srv(10, 60, "a"), srv(10, 30, "b"), srv(10, 10, "c"), srv(10, 0, "zero"), srv(5, 1, ""),
    };
    struct rng rng;
    size_t first[AHOY_COUNT(r)] = { 0 }, second_of_a = 0, b_after_a = 0;
    rng_init_u64(&rng, 42);
    for (int i = 0; i < RUNS; i++) {
        size_t index[8];
        T_EQ(sip_plan_order_srv(&rng, r, AHOY_COUNT(r), index, 8), 5);
        T_EQ(index[4], 0); /* the backup is always last */
        first[index[0]]++;
        second_of_a += index[0] == 1;
        b_after_a += index[0] == 1 && index[1] == 2;
    }
    T_NEAR((double) first[1] / RUNS, 0.60, 0.02);
    T_NEAR((double) first[2] / RUNS, 0.30, 0.02);
    T_NEAR((double) first[3] / RUNS, 0.10, 0.02);
    T_CHECK(first[4] > 0 && first[4] < RUNS / 50);
    T_NEAR((double) b_after_a / (double) second_of_a, 0.74, 0.03); /* 30 of 40, less the share of zero */
out:
    return;
}

static void test_equal_zero_weights_are_shared_too(struct t *t)
{
    const struct sys_dns_record r[] = { srv(1, 0, "a"), srv(1, 0, "b"), srv(1, 0, "c") };
    struct rng rng;
    size_t first[3] = { 0 };
    rng_init_u64(&rng, 1);
    for (int i = 0; i < 3000; i++) {
        size_t index[3];
        T_EQ(sip_plan_order_srv(&rng, r, 3, index, 3), 3);
        first[index[0]]++;
    }
    for (int i = 0; i < 3; i++)
        T_NEAR((double) first[i] / 3000, 0.333, 0.04);
out:
    return;
}

static void test_families_take_turns(struct t *t)
{
    struct addr a[5];
    for (uint8_t i = 0; i < 4; i++)
        a[i] = addr_ip4(192, 0, 2, i, 1);
    T_OK(addr_parse(VIEW("[2001:db8::9]:1"), 0, &a[4]));
    sip_plan_interleave(a, 5, false);
    T_EQ(a[0].family, ADDR_IP6);
    T_EQ(a[1].ip[3], 0);
    T_EQ(a[4].ip[3], 3);
    sip_plan_interleave(a, 5, true);
    T_EQ(a[0].ip[3], 0);
    T_EQ(a[1].family, ADDR_IP6);
out:
    return;
}

T_MAIN(T(test_uris_lead_where_rfc_3263_says), T(test_srv_names_and_ports_of_protocols),
       T(test_naptr_is_followed_by_order_and_preference), T(test_srv_weights_share_the_load),
       T(test_equal_zero_weights_are_shared_too), T(test_families_take_turns))
