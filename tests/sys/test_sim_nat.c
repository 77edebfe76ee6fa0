#include "sys/sim.h"

#include "support/t.h"
#include "support_net.h"

#include <stdio.h>

/* A host behind a NAT, and two outside, the second with two sockets. */
struct world {
    struct sim *sim;
    struct sys_host *inner, *one, *two;
    struct sys_loop *inner_loop, *one_loop, *two_loop;
    struct ear in, ear_one, ear_two, ear_two_b;
};

static enum ahoy_err place(struct sim *s, const char *ip, struct sys_host **host, struct sys_loop **loop)
{
    enum ahoy_err err = sim_host(s, ip, host);
    return err ? err : sys_loop_create(*host, loop);
}

static enum ahoy_err world_open(struct world *w, enum sim_nat_kind kind)
{
    enum ahoy_err err = sim_create(&w->sim, 21);
    if (err)
        return err;
    if ((err = place(w->sim, "10.0.0.2", &w->inner, &w->inner_loop))
        || (err = place(w->sim, "198.51.100.1", &w->one, &w->one_loop))
        || (err = place(w->sim, "198.51.100.2", &w->two, &w->two_loop)))
        return err;
    if ((err = sim_nat(w->inner, "203.0.113.1", kind, 30)) || (err = ear_open(&w->in, w->inner_loop, "10.0.0.2:5060"))
        || (err = ear_open(&w->ear_one, w->one_loop, "198.51.100.1:3478"))
        || (err = ear_open(&w->ear_two, w->two_loop, "198.51.100.2:3478")))
        return err;
    return ear_open(&w->ear_two_b, w->two_loop, "198.51.100.2:9000");
}

static void world_close(struct world *w)
{
    struct ear *ear[] = { &w->in, &w->ear_one, &w->ear_two, &w->ear_two_b };
    struct sys_loop *loop[] = { w->inner_loop, w->one_loop, w->two_loop };
    for (size_t i = 0; i < AHOY_COUNT(ear); i++)
        sys_udp_close(ear[i]->udp);
    for (size_t i = 0; i < AHOY_COUNT(loop); i++)
        sys_loop_destroy(loop[i]);
    sim_destroy(w->sim);
}

/* Sends and lets it arrive; returns whether `to` heard it. */
static bool reaches(struct world *w, struct ear *from, const struct addr *dst, const struct ear *to)
{
    size_t before = to->heard;
    (void) sys_udp_send(from->udp, NULL, dst, "x", 1);
    sim_run(w->sim, SYS_MS(10));
    return to->heard > before;
}

/* What each kind lets in after the inner host spoke to the first: a stranger, another port of a known address; and
 * whether * a second remote sees the same public port. */
static void check_kind(struct t *t, enum sim_nat_kind kind, bool stranger, bool other_port, bool same_port)
{
    struct world w = { 0 };
    T_OK(world_open(&w, kind));
    struct addr hole = addr_ip4(203, 0, 113, 1, 40000);
    T_CHECK(!reaches(&w, &w.ear_one, &hole, &w.in));
    T_CHECK(reaches(&w, &w.in, sys_udp_local(w.ear_one.udp), &w.ear_one));
    struct addr seen = w.ear_one.src;
    T_CHECK(addr_eq_ip(&seen, &hole));
    T_CHECK(reaches(&w, &w.ear_one, &seen, &w.in));
    T_CHECK(addr_eq(&w.in.src, sys_udp_local(w.ear_one.udp)));
    T_CHECK(addr_eq(&w.in.local, sys_udp_local(w.in.udp)));
    T_EQ(reaches(&w, &w.ear_two, &seen, &w.in), stranger);
    T_CHECK(reaches(&w, &w.in, sys_udp_local(w.ear_two.udp), &w.ear_two));
    T_EQ(addr_eq(&w.ear_two.src, &seen), same_port);
    T_EQ(reaches(&w, &w.ear_two_b, &w.ear_two.src, &w.in), other_port);
    T_CHECK(reaches(&w, &w.ear_two, &w.ear_two.src, &w.in));
    /* Outgoing packets keep the binding, the silence after them ends it. */
    for (int i = 0; i < 3; i++) {
        sim_run(w.sim, SYS_S(20));
        T_CHECK(reaches(&w, &w.in, sys_udp_local(w.ear_one.udp), &w.ear_one));
        T_CHECK(addr_eq(&w.ear_one.src, &seen));
    }
    T_CHECK(reaches(&w, &w.ear_one, &seen, &w.in));
    sim_run(w.sim, SYS_S(31));
    T_CHECK(!reaches(&w, &w.ear_one, &seen, &w.in));
    T_CHECK(reaches(&w, &w.in, sys_udp_local(w.ear_one.udp), &w.ear_one));
    T_CHECK(!addr_eq(&w.ear_one.src, &seen));
out:
    world_close(&w);
}

static void test_a_full_cone_lets_everybody_in(struct t *t)
{
    check_kind(t, SIM_NAT_FULL_CONE, true, true, true);
}

static void test_address_restriction_looks_at_the_address_only(struct t *t)
{
    check_kind(t, SIM_NAT_ADDRESS_RESTRICTED, false, true, true);
}

static void test_port_restriction_looks_at_the_port_too(struct t *t)
{
    check_kind(t, SIM_NAT_PORT_RESTRICTED, false, false, true);
}

static void test_a_symmetric_nat_maps_each_remote_anew(struct t *t)
{
    check_kind(t, SIM_NAT_SYMMETRIC, false, false, false);
}

static void test_a_permission_ends_though_the_binding_lives(struct t *t)
{
    struct world w = { 0 };
    T_OK(world_open(&w, SIM_NAT_PORT_RESTRICTED));
    T_CHECK(reaches(&w, &w.in, sys_udp_local(w.ear_two.udp), &w.ear_two));
    struct addr seen = w.ear_two.src;
    for (int i = 0; i < 2; i++) {
        sim_run(w.sim, SYS_S(20));
        T_CHECK(reaches(&w, &w.in, sys_udp_local(w.ear_one.udp), &w.ear_one));
    }
    T_CHECK(addr_eq(&w.ear_one.src, &seen));
    T_CHECK(reaches(&w, &w.ear_one, &seen, &w.in));
    T_CHECK(!reaches(&w, &w.ear_two, &seen, &w.in));
out:
    world_close(&w);
}

static void test_two_port_restricted_nats_are_passed_by_punching_holes(struct t *t)
{
    struct world w = { 0 };
    T_OK(world_open(&w, SIM_NAT_PORT_RESTRICTED));
    T_OK(sim_nat(w.one, "203.0.113.9", SIM_NAT_PORT_RESTRICTED, 0));
    T_CHECK(reaches(&w, &w.in, sys_udp_local(w.ear_two.udp), &w.ear_two));
    struct addr in_seen = w.ear_two.src;
    T_CHECK(reaches(&w, &w.ear_one, sys_udp_local(w.ear_two.udp), &w.ear_two));
    struct addr one_seen = w.ear_two.src;
    T_CHECK(!reaches(&w, &w.in, &one_seen, &w.ear_one));
    T_CHECK(reaches(&w, &w.ear_one, &in_seen, &w.in));
    T_CHECK(reaches(&w, &w.in, &one_seen, &w.ear_one));
    T_CHECK(addr_eq(&w.ear_one.src, &in_seen));
out:
    world_close(&w);
}

static void test_a_lan_is_direct_and_hairpins_through_its_public_address(struct t *t)
{
    struct world w = { 0 };
    struct sys_host *sister = NULL;
    struct sys_loop *loop = NULL;
    struct ear e = { 0 };
    T_OK(world_open(&w, SIM_NAT_FULL_CONE));
    T_OK(place(w.sim, "10.0.0.3", &sister, &loop));
    T_OK(sim_nat(sister, "203.0.113.1", SIM_NAT_FULL_CONE, 30));
    T_OK(ear_open(&e, loop, "0.0.0.0:5060"));
    struct addr dst = addr_ip4(10, 0, 0, 3, 5060);
    T_CHECK(reaches(&w, &w.in, &dst, &e));
    T_CHECK(addr_eq(&e.src, sys_udp_local(w.in.udp)));
    T_CHECK(!reaches(&w, &w.ear_one, &dst, &e)); /* private addresses mean nothing outside */
    T_CHECK(reaches(&w, &w.in, sys_udp_local(w.ear_one.udp), &w.ear_one));
    struct addr seen = w.ear_one.src;
    T_CHECK(reaches(&w, &e, &seen, &w.in));
    T_CHECK(w.in.src.ip[0] == 203);
out:
    sys_udp_close(e.udp);
    sys_loop_destroy(loop);
    world_close(&w);
}

static void test_private_addresses_repeat_behind_different_nats(struct t *t)
{
    struct world w = { 0 };
    struct sys_host *twin = NULL;
    struct sys_loop *loop = NULL;
    struct ear e = { 0 };
    T_OK(world_open(&w, SIM_NAT_FULL_CONE));
    T_OK(place(w.sim, "10.0.0.2", &twin, &loop));
    T_OK(sim_nat(twin, "203.0.113.2", SIM_NAT_FULL_CONE, 30));
    T_OK(ear_open(&e, loop, "10.0.0.2:5060"));
    T_CHECK(reaches(&w, &e, sys_udp_local(w.ear_one.udp), &w.ear_one));
    T_CHECK(reaches(&w, &w.ear_one, &w.ear_one.src, &e));
    T_EQ(w.in.heard, 0);
out:
    sys_udp_close(e.udp);
    sys_loop_destroy(loop);
    world_close(&w);
}

static void test_a_refusal_passes_back_through_the_nat(struct t *t)
{
    struct world w = { 0 };
    T_OK(world_open(&w, SIM_NAT_SYMMETRIC));
    struct addr shut = addr_ip4(198, 51, 100, 1, 9);
    T_OK(sys_udp_send(w.in.udp, NULL, &shut, "x", 1));
    sim_run(w.sim, SYS_MS(10));
    T_EQ(w.in.errors, 1);
    T_CHECK(addr_eq(&w.in.error_dst, &shut));
out:
    world_close(&w);
}

static void test_dead_bindings_are_swept(struct t *t)
{
    struct world w = { 0 };
    T_OK(world_open(&w, SIM_NAT_SYMMETRIC));
    size_t most = 0;
    for (int i = 0; i < 2000; i++) {
        struct addr dst = addr_ip4(198, 51, 100, 1, (uint16_t) (1000 + i));
        T_OK(sys_udp_send(w.in.udp, NULL, &dst, "x", 1));
        sim_run(w.sim, SYS_S(2)); /* at most 16 are alive */
        most = AHOY_MAX(most, t_live_blocks());
    }
    T_LE(most, 400);
out:
    world_close(&w);
}

T_MAIN(T(test_a_full_cone_lets_everybody_in), T(test_address_restriction_looks_at_the_address_only),
       T(test_port_restriction_looks_at_the_port_too), T(test_a_symmetric_nat_maps_each_remote_anew),
       T(test_a_permission_ends_though_the_binding_lives),
       T(test_two_port_restricted_nats_are_passed_by_punching_holes),
       T(test_a_lan_is_direct_and_hairpins_through_its_public_address),
       T(test_private_addresses_repeat_behind_different_nats), T(test_a_refusal_passes_back_through_the_nat),
       T_STRIDE(test_dead_bindings_are_swept, 300)) /* 2,000 bindings, all alike */
