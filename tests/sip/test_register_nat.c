/* Registrations whose network changes under them: addresses, NATs and connections. */
#include "sip/support_reg_phone.h"

static void test_network_change_registers_anew_at_once(struct t *t)
{
    struct reg_phone p;
    if (!reg_phone_init(t, &p, 1))
        goto out;
    struct sip_register_config cfg = reg_phone_config(&p);
    T_OK(reg_phone_register(&p, &cfg));
    reg_run(&p.w, 1000);
    T_OK(sim_host_add_ip(p.w.host, "192.0.2.50"));
    sim_host_remove_ip(p.w.host, "192.0.2.1");
    sip_locator_network_changed(p.w.locator);
    sip_register_network_changed(p.r);
    reg_run(&p.w, 1000);
    T_STR(reg_phone_log(&p), "registering; registered 600; registering; registered 600");
    struct sip_msg *m = reg_newest(&p.w.server[0]);
    T_CHECK(reg_has(m, "Contact: <sip:alice@192.0.2.50:5060>;expires=600\r\n"));
    T_CHECK(reg_has(m, "Contact: <sip:alice@192.0.2.1:5060>;expires=0\r\n")); /* the old binding goes */
    sip_register_now(p.r);
    reg_run(&p.w, 1000);
    T_CHECK(!reg_has(reg_newest(&p.w.server[0]), "expires=0"));
    /* While it fails, a change of network does not wait for the back-off. */
    T_OK(sim_partition(p.w.sim, p.w.host, p.w.server[0].host, true));
    sip_register_now(p.r);
    reg_run(&p.w, 40000);
    T_EQ(sip_register_state_of(p.r), SIP_REGISTER_FAILED);
    T_CHECK(p.last.still_bound);
    T_OK(sim_partition(p.w.sim, p.w.host, p.w.server[0].host, false));
    sip_register_network_changed(p.r);
    reg_run(&p.w, 1000);
    T_EQ(sip_register_state_of(p.r), SIP_REGISTER_REGISTERED);
out:
    reg_phone_fini(t, &p);
}

static void test_address_behind_a_nat_is_learnt_from_the_challenge(struct t *t)
{
    struct reg_phone p;
    if (!reg_phone_init(t, &p, 1))
        goto out;
    T_OK(sim_nat(p.w.host, "198.51.100.9", SIM_NAT_FULL_CONE, 0));
    T_CHECK(reg_server_auth(&p.w.server[0], NULL));
    struct sip_register_config cfg = reg_phone_config(&p);
    T_OK(reg_phone_register(&p, &cfg));
    reg_run(&p.w, 1000);
    T_STR(reg_phone_log(&p), "registering; registered 600");
    T_EQ(p.w.server[0].count, 2);
    T_CHECK(view_starts(sip_register_contact(p.r), VIEW("sip:alice@198.51.100.9:")));
    struct addr seen;
    T_CHECK(sip_register_public(p.r, &seen));
    T_EQ(seen.ip[0], 198);
    T_CHECK(!reg_has(reg_newest(&p.w.server[0]), "Contact: <sip:alice@192.0.2.1"));
    /* The NAT forgets, and gives another port: the answer shows it, and Contact follows. */
    reg_run(&p.w, 3600000);
    T_EQ(sip_register_state_of(p.r), SIP_REGISTER_REGISTERED);
out:
    reg_phone_fini(t, &p);
}

static void test_address_behind_a_nat_is_learnt_from_the_answer(struct t *t)
{
    struct reg_phone p;
    if (!reg_phone_init(t, &p, 1))
        goto out;
    T_OK(sim_nat(p.w.host, "198.51.100.9", SIM_NAT_FULL_CONE, 0));
    struct sip_register_config cfg = reg_phone_config(&p);
    T_OK(reg_phone_register(&p, &cfg));
    reg_run(&p.w, 1000);
    T_STR(reg_phone_log(&p), "registering; registered 600; registered 600");
    struct sip_msg *m = reg_newest(&p.w.server[0]);
    T_CHECK(reg_has(m, "Contact: <sip:alice@198.51.100.9:")
            && reg_has(m, "Contact: <sip:alice@192.0.2.1:5060>;expires=0"));
    sip_register_destroy(p.r);
    p.r = NULL;
    buf_clear(&p.log);
    cfg.learn_public = false;
    T_OK(reg_phone_register(&p, &cfg));
    reg_run(&p.w, 1000);
    T_STR(reg_phone_log(&p), "registering; registered 600");
    T_VIEW(sip_register_contact(p.r), "sip:alice@192.0.2.1:5060");
out:
    reg_phone_fini(t, &p);
}

/* A NAT that gives another address each time would have us register for ever. */
static void test_address_that_never_settles_is_not_chased(struct t *t)
{
    struct reg_phone p;
    if (!reg_phone_init(t, &p, 1))
        goto out;
    p.nat_moves = true;
    reg_phone_move_nat(&p);
    struct sip_register_config cfg = reg_phone_config(&p);
    T_OK(reg_phone_register(&p, &cfg));
    reg_run(&p.w, 60000);
    T_EQ(sip_register_state_of(p.r), SIP_REGISTER_REGISTERED);
    T_LE(p.w.server[0].count, 4);
    T_LE(3, p.w.server[0].count); /* it does try */
out:
    reg_phone_fini(t, &p);
}

static void test_lost_connection_is_replaced(struct t *t)
{
    struct reg_phone p;
    if (!reg_phone_init(t, &p, 1))
        goto out;
    struct sip_register_config cfg = reg_phone_config(&p);
    cfg.routes = VIEW("<sip:192.0.2.2;transport=tcp;lr>");
    T_OK(reg_phone_register(&p, &cfg));
    reg_run(&p.w, 1000);
    T_STR(reg_phone_log(&p), "registering; registered 600");
    T_EQ(p.w.server[0].proto[0], SIP_PROTO_TCP);
    struct sip_msg *m = reg_newest(&p.w.server[0]);
    T_CHECK(reg_has(m, "Route: <sip:192.0.2.2;transport=tcp;lr>\r\n"));
    reg_server_down(&p.w.server[0]);
    T_CHECK(reg_server_up(&p.w.server[0]));
    reg_run(&p.w, 6000);
    T_STR(reg_phone_log(&p), "registering; registered 600; registering; registered 600");
    T_CHECK(sip_register_flow(p.r) && !sip_flow_broken(sip_register_flow(p.r)));
out:
    reg_phone_fini(t, &p);
}

T_MAIN(T(test_network_change_registers_anew_at_once), T(test_address_behind_a_nat_is_learnt_from_the_challenge),
       T(test_address_behind_a_nat_is_learnt_from_the_answer), T(test_address_that_never_settles_is_not_chased),
       T(test_lost_connection_is_replaced))
