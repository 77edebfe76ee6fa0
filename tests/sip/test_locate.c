#include "sip/support_reg_world.h"

#include <stdio.h>

/* One look-up whose targets are written down: "UDP 192.0.2.2:5060; …; END". */
struct walk {
    struct reg_world w;
    struct sip_locate *k;
    struct buf log;
    bool over, stop_at_first;
    int64_t first_us;
};

static void on_target(void *arg, enum ahoy_err err, const struct sip_target *target)
{
    struct walk *x = arg;
    char text[ADDR_TEXT_BYTES];
    if (!x->first_us)
        x->first_us = sys_now_us(x->w.loop);
    if (x->log.n)
        buf_str(&x->log, "; ");
    if (err != AHOY_OK) {
        buf_str(&x->log, ahoy_err_name(err));
        x->over = true;
        return;
    }
    buf_printf(&x->log, "%s %s", sip_proto_name(target->proto), addr_print(&target->addr, text));
    if (x->stop_at_first) {
        sip_locate_destroy(x->k);
        x->k = NULL;
        x->over = true;
    } else {
        sip_locate_next(x->k);
    }
}

static bool is_over(void *arg)
{
    return ((struct walk *) arg)->over;
}

static bool walk_init(struct t *t, struct walk *x, const struct sip_locator_config *cfg)
{
    memset(x, 0, sizeof *x);
    buf_init(&x->log, 65536);
    return reg_init(t, &x->w, cfg);
}

static void walk_fini(struct t *t, struct walk *x)
{
    sip_locate_destroy(x->k);
    buf_fini(&x->log);
    reg_fini(t, &x->w);
}

static const char *walk(struct walk *x, const char *uri)
{
    sip_locate_destroy(x->k);
    x->k = NULL;
    x->over = false;
    x->first_us = 0;
    buf_clear(&x->log);
    enum ahoy_err err = sip_locate_start(&x->k, x->w.locator, view_str(uri), on_target, x);
    if (err != AHOY_OK)
        return ahoy_err_name(err);
    if (x->log.n != 0)
        return "answered too early";
    if (!sim_run_until(x->w.sim, is_over, x, SYS_S(60)))
        return "no end";
    return buf_cstr(&x->log);
}

static enum ahoy_err add_naptr(struct sim *sim, const char *name, uint16_t order, const char *service, const char *to,
                               const char *flags)
{
    struct sys_dns_record r = { .type = SYS_DNS_NAPTR, .ttl_s = 60 };
    r.u.naptr.order = order;
    (void) view_copy(view_str(flags), r.u.naptr.flags, sizeof r.u.naptr.flags);
    (void) view_copy(view_str(service), r.u.naptr.service, sizeof r.u.naptr.service);
    (void) view_copy(view_str(to), r.u.naptr.replacement, sizeof r.u.naptr.replacement);
    return sim_dns_add(sim, name, &r);
}

static void test_numeric_hosts_need_no_name_server(struct t *t)
{
    struct walk x;
    if (!walk_init(t, &x, NULL))
        goto out;
    sim_dns_broken(x.w.sim, true);
    T_STR(walk(&x, "sip:bob@192.0.2.7"), "UDP 192.0.2.7:5060; END");
    T_STR(walk(&x, "sip:bob@192.0.2.7:5070;transport=tcp"), "TCP 192.0.2.7:5070; END");
    T_STR(walk(&x, "sip:bob@example.com;maddr=192.0.2.8"), "UDP 192.0.2.8:5060; END");
    T_STR(walk(&x, "tel:+1"), "UNSUPPORTED");
    T_STR(walk(&x, "sips:192.0.2.7"), "UNSUPPORTED");
    T_STR(walk(&x, "sip:"), "SYNTAX");
out:
    walk_fini(t, &x);
}

static void test_plain_host_falls_back_to_its_addresses(struct t *t)
{
    struct walk x;
    if (!walk_init(t, &x, NULL))
        goto out;
    T_OK(sim_dns_add_ip(x.w.sim, "plain.org", "192.0.2.3"));
    T_OK(sim_dns_add_ip(x.w.sim, "plain.org", "192.0.2.4"));
    T_STR(walk(&x, "sip:plain.org"), "UDP 192.0.2.3:5060; UDP 192.0.2.4:5060; END");
    T_STR(walk(&x, "sip:plain.org:5090"), "UDP 192.0.2.3:5090; UDP 192.0.2.4:5090; END");
    T_STR(walk(&x, "sip:plain.org;transport=tcp"), "TCP 192.0.2.3:5060; TCP 192.0.2.4:5060; END");
out:
    walk_fini(t, &x);
}

static void test_srv_records_are_followed_by_protocol_and_priority(struct t *t)
{
    struct walk x;
    if (!walk_init(t, &x, NULL))
        goto out;
    T_OK(sim_dns_add_srv(x.w.sim, "_sip._udp.example.com", 20, 0, 5062, "b.example.com"));
    T_OK(sim_dns_add_srv(x.w.sim, "_sip._udp.example.com", 10, 0, 5061, "a.example.com"));
    T_OK(sim_dns_add_srv(x.w.sim, "_sip._tcp.example.com", 10, 0, 5063, "a.example.com"));
    T_OK(sim_dns_add_ip(x.w.sim, "a.example.com", "192.0.2.3"));
    T_OK(sim_dns_add_ip(x.w.sim, "b.example.com", "192.0.2.4"));
    T_OK(sim_dns_add_ip(x.w.sim, "example.com", "192.0.2.99")); /* not asked: there are services */
    T_STR(walk(&x, "sip:example.com"), "UDP 192.0.2.3:5061; UDP 192.0.2.4:5062; TCP 192.0.2.3:5063; END");
    T_STR(walk(&x, "sip:example.com;transport=tcp"), "TCP 192.0.2.3:5063; END");
out:
    walk_fini(t, &x);
}

static void test_callers_preference_orders_protocols(struct t *t)
{
    struct walk x;
    struct sip_locator_config cfg = SIP_LOCATOR_CONFIG_DEFAULT;
    cfg.protos[0] = SIP_PROTO_TCP;
    cfg.protos[1] = SIP_PROTO_UDP;
    if (!walk_init(t, &x, &cfg))
        goto out;
    T_OK(sim_dns_add_srv(x.w.sim, "_sip._udp.example.com", 1, 0, 1, "192.0.2.3"));
    T_OK(sim_dns_add_srv(x.w.sim, "_sip._tcp.example.com", 1, 0, 2, "192.0.2.3"));
    T_STR(walk(&x, "sip:example.com"), "TCP 192.0.2.3:2; UDP 192.0.2.3:1; END");
out:
    walk_fini(t, &x);
}

static void test_naptr_decides_protocol_and_names(struct t *t)
{
    struct walk x;
    if (!walk_init(t, &x, NULL))
        goto out;
    T_OK(add_naptr(x.w.sim, "example.com", 10, "SIP+D2T", "_sip._tcp.pool.example.com", "s"));
    T_OK(add_naptr(x.w.sim, "example.com", 20, "SIP+D2U", "_sip._udp.example.com", "s"));
    T_OK(add_naptr(x.w.sim, "example.com", 30, "SIP+D2U", "plain.example.com", "a"));
    T_OK(add_naptr(x.w.sim, "example.com", 5, "SIPS+D2T", "_sips._tcp.example.com", "s")); /* no TLS here */
    T_OK(sim_dns_add_srv(x.w.sim, "_sip._tcp.pool.example.com", 1, 0, 1, "192.0.2.3"));
    T_OK(sim_dns_add_srv(x.w.sim, "_sip._udp.example.com", 1, 0, 2, "192.0.2.3"));
    T_OK(sim_dns_add_srv(x.w.sim, "_sip._tcp.example.com", 1, 0, 3, "192.0.2.3")); /* not named by NAPTR */
    T_OK(sim_dns_add_ip(x.w.sim, "plain.example.com", "192.0.2.5"));
    T_STR(walk(&x, "sip:example.com"), "TCP 192.0.2.3:1; UDP 192.0.2.3:2; UDP 192.0.2.5:5060; END");
out:
    walk_fini(t, &x);
}

static void test_service_that_is_not_offered_is_not_sought_elsewhere(struct t *t)
{
    struct walk x;
    if (!walk_init(t, &x, NULL))
        goto out;
    T_OK(sim_dns_add_srv(x.w.sim, "_sip._udp.example.com", 0, 0, 0, ""));
    T_OK(sim_dns_add_ip(x.w.sim, "example.com", "192.0.2.3"));
    T_STR(walk(&x, "sip:example.com;transport=udp"), "DNS_EMPTY");
out:
    walk_fini(t, &x);
}

static void test_dual_stack_hosts_alternate_families(struct t *t)
{
    struct walk x;
    struct sip_locator_config cfg = SIP_LOCATOR_CONFIG_DEFAULT;
    if (!walk_init(t, &x, &cfg))
        goto out;
    T_OK(sim_host_add_ip(x.w.host, "2001:db8::1"));
    T_OK(sim_dns_add_ip(x.w.sim, "both.org", "192.0.2.3"));
    T_OK(sim_dns_add_ip(x.w.sim, "both.org", "192.0.2.4"));
    T_OK(sim_dns_add_ip(x.w.sim, "both.org", "2001:db8::3"));
    T_STR(walk(&x, "sip:both.org"), "UDP [2001:db8::3]:5060; UDP 192.0.2.3:5060; UDP 192.0.2.4:5060; END");
    sim_host_remove_ip(x.w.host, "2001:db8::1"); /* no route: last, but not left out */
    T_STR(walk(&x, "sip:both.org"), "UDP 192.0.2.3:5060; UDP 192.0.2.4:5060; UDP [2001:db8::3]:5060; END");
out:
    walk_fini(t, &x);
}

static void test_failures_of_the_dns_are_told_apart(struct t *t)
{
    struct walk x;
    if (!walk_init(t, &x, NULL))
        goto out;
    T_STR(walk(&x, "sip:nowhere.example"), "DNS_NAME");
    T_OK(add_naptr(x.w.sim, "empty.org", 1, "E2U", "x", "u"));
    T_STR(walk(&x, "sip:empty.org"), "DNS_EMPTY");
    sim_dns_broken(x.w.sim, true);
    int64_t before = sim_now_us(x.w.sim);
    T_STR(walk(&x, "sip:unasked.org"), "DNS_SERVER");
    T_LE(sim_now_us(x.w.sim) - before, SYS_S(11));
out:
    walk_fini(t, &x);
}

static void test_penalized_targets_come_last_until_forgiven(struct t *t)
{
    struct walk x;
    struct sip_locator_config cfg = SIP_LOCATOR_CONFIG_DEFAULT;
    cfg.max_penalties = 2;
    if (!walk_init(t, &x, &cfg))
        goto out;
    struct sip_target first = { SIP_PROTO_UDP, addr_ip4(192, 0, 2, 3, 5060) };
    T_OK(sim_dns_add_ip(x.w.sim, "plain.org", "192.0.2.3"));
    T_OK(sim_dns_add_ip(x.w.sim, "plain.org", "192.0.2.4"));
    sip_locator_penalize(x.w.locator, &first, 0);
    T_CHECK(sip_locator_penalized(x.w.locator, &first));
    T_STR(walk(&x, "sip:plain.org"), "UDP 192.0.2.4:5060; UDP 192.0.2.3:5060; END");
    sip_locator_forgive(x.w.locator, &first);
    T_STR(walk(&x, "sip:plain.org"), "UDP 192.0.2.3:5060; UDP 192.0.2.4:5060; END");
    sip_locator_penalize(x.w.locator, &first, 10);
    sim_run(x.w.sim, SYS_S(11));
    T_CHECK(!sip_locator_penalized(x.w.locator, &first));
    for (uint8_t i = 0; i < 3; i++) { /* the box holds two: the oldest is let out */
        struct sip_target other = { SIP_PROTO_UDP, addr_ip4(192, 0, 2, i, 5060) };
        sip_locator_penalize(x.w.locator, &other, 0);
    }
    struct sip_target zero = { SIP_PROTO_UDP, addr_ip4(192, 0, 2, 0, 5060) };
    T_CHECK(!sip_locator_penalized(x.w.locator, &zero));
    sip_locator_network_changed(x.w.locator);
    zero.addr.ip[3] = 2;
    T_CHECK(!sip_locator_penalized(x.w.locator, &zero));
out:
    walk_fini(t, &x);
}

static void test_names_are_asked_for_only_when_their_turn_comes(struct t *t)
{
    struct walk x;
    if (!walk_init(t, &x, NULL))
        goto out;
    x.stop_at_first = true;
    T_OK(sim_dns_add_srv(x.w.sim, "_sip._udp.example.com", 1, 0, 1, "a.example.com"));
    T_OK(sim_dns_add_srv(x.w.sim, "_sip._udp.example.com", 2, 0, 1, "does-not-exist.example.com"));
    T_OK(sim_dns_add_ip(x.w.sim, "a.example.com", "192.0.2.3"));
    int64_t before = sim_now_us(x.w.sim);
    T_STR(walk(&x, "sip:example.com"), "UDP 192.0.2.3:1");
    T_LE(x.first_us - before, SYS_MS(60)); /* two rounds of the name server */
out:
    walk_fini(t, &x);
}

static void test_hostile_answers_stay_within_limits(struct t *t)
{
    struct walk x;
    char ip[32];
    if (!walk_init(t, &x, NULL))
        goto out;
    for (unsigned i = 1; i < 60; i++) {
        T_OK(sim_dns_add_srv(x.w.sim, "_sip._udp.big.org", (uint16_t) i, 0, 5060, "many.org"));
        snprintf(ip, sizeof ip, "198.51.100.%u", i);
        T_OK(sim_dns_add_ip(x.w.sim, "many.org", ip));
    }
    const char *log = walk(&x, "sip:big.org");
    size_t targets = 0;
    for (const char *p = log; *p; p++)
        targets += *p == ';';
    T_LE(targets, SIP_LOCATE_MAX_TARGETS);
    T_LE(SIP_LOCATE_MAX_ADDRS, targets);
out:
    walk_fini(t, &x);
}

static void test_giving_up_midway_leaves_nothing(struct t *t)
{
    struct walk x;
    if (!walk_init(t, &x, NULL))
        goto out;
    T_OK(sim_dns_add_ip(x.w.sim, "plain.org", "192.0.2.3"));
    for (int64_t ms = 0; ms < 60; ms += 10) {
        T_OK(sip_locate_start(&x.k, x.w.locator, VIEW("sip:plain.org"), on_target, &x));
        x.over = false;
        sim_run(x.w.sim, SYS_MS(ms));
        sip_locate_destroy(x.k);
        x.k = NULL;
    }
out:
    walk_fini(t, &x);
}

T_MAIN(T(test_numeric_hosts_need_no_name_server), T(test_plain_host_falls_back_to_its_addresses),
       T(test_srv_records_are_followed_by_protocol_and_priority), T(test_callers_preference_orders_protocols),
       T(test_naptr_decides_protocol_and_names), T(test_service_that_is_not_offered_is_not_sought_elsewhere),
       T(test_dual_stack_hosts_alternate_families), T(test_failures_of_the_dns_are_told_apart),
       T(test_penalized_targets_come_last_until_forgiven), T(test_names_are_asked_for_only_when_their_turn_comes),
       T_STRIDE(test_hostile_answers_stay_within_limits, 11), /* hundreds of records, one like the other */
       T(test_giving_up_midway_leaves_nothing))
