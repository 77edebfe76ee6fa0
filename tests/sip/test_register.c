#include "sip/support_reg_phone.h"

static void test_registers_and_refreshes_before_the_end(struct t *t)
{
    struct reg_phone p;
    if (!reg_phone_init(t, &p, 1))
        goto out;
    T_CHECK(reg_server_auth(&p.w.server[0], NULL));
    p.w.server[0].grant_s = 300;
    struct sip_register_config cfg = reg_phone_config(&p);
    cfg.aor = VIEW("\"Alice A.\" <sip:alice@example.com>");
    cfg.q_milli = 500;
    cfg.contact_params = VIEW(";+sip.instance=\"<urn:uuid:1>\"");
    T_OK(reg_phone_register(&p, &cfg));
    T_STR(reg_phone_log(&p), "");
    T_EQ(sip_register_state_of(p.r), SIP_REGISTER_IDLE);
    reg_run(&p.w, 1000);
    T_STR(reg_phone_log(&p), "registering; registered 300");
    struct sip_msg *m = reg_newest(&p.w.server[0]);
    T_EQ(p.w.server[0].count, 2); /* challenged, authorised */
    T_VIEW(m->uri, "sip:example.com");
    T_CHECK(reg_has(m, "From: \"Alice A.\" <sip:alice@example.com>;tag="));
    T_CHECK(reg_has(m, "To: \"Alice A.\" <sip:alice@example.com>\r\n"));
    T_CHECK(reg_has(m, "Contact: <sip:alice@192.0.2.1:5060>;+sip.instance=\"<urn:uuid:1>\";q=0.500;expires=600\r\n"));
    T_VIEW(sip_register_contact(p.r), "sip:alice@192.0.2.1:5060");
    T_LE(sip_register_left_s(p.r), 300);
    T_CHECK(sip_register_flow(p.r) != NULL);
    uint32_t cseq = reg_cseq(m);
    reg_run(&p.w, 224000);
    T_EQ(p.w.server[0].count, 2); /* not before 75 % */
    reg_run(&p.w, 47000);
    T_EQ(p.w.server[0].count, 3); /* by 90 %, authorised at once */
    T_STR(reg_phone_log(&p), "registering; registered 300; registered 300");
    T_CHECK(reg_cseq(reg_newest(&p.w.server[0])) > cseq);
    reg_run(&p.w, 3600000);
    T_EQ(sip_register_state_of(p.r), SIP_REGISTER_REGISTERED);
    T_LE(p.events, 2 + 3600 / 224 + 1);
out:
    reg_phone_fini(t, &p);
}

static void test_refreshes_of_many_phones_are_spread(struct t *t)
{
    enum { N = 8 };
    struct reg_phone p;
    struct sip_register *more[N] = { 0 };
    if (!reg_phone_init(t, &p, 1))
        goto out;
    const struct sip_register_handler handler = reg_phone_handler(&p);
    struct sip_register_config cfg = reg_phone_config(&p);
    for (int i = 0; i < N; i++) {
        T_OK(sip_register_create(&more[i], &cfg, &handler));
        T_OK(sip_register_start(more[i]));
    }
    reg_run(&p.w, 545000);
    T_EQ(p.w.server[0].count, 2 * N);
    for (int i = N + 1; i < 2 * N; i++)
        T_CHECK(p.w.server[0].got_us[i] - p.w.server[0].got_us[i - 1] > 10000);
out:
    for (int i = 0; i < N; i++)
        sip_register_destroy(more[i]);
    reg_phone_fini(t, &p);
}

static void test_registrar_wanting_longer_lives_gets_them(struct t *t)
{
    struct reg_phone p;
    if (!reg_phone_init(t, &p, 1))
        goto out;
    p.w.server[0].min_expires_s = 1800;
    struct sip_register_config cfg = reg_phone_config(&p);
    T_OK(reg_phone_register(&p, &cfg));
    reg_run(&p.w, 1000);
    T_STR(reg_phone_log(&p), "registering; registered 1800");
    T_EQ(p.w.server[0].count, 2);
    sip_register_destroy(p.r);
    p.r = NULL;
    buf_clear(&p.log);
    p.w.server[0].min_expires_s = 1000000; /* longer than we would follow */
    T_OK(reg_phone_register(&p, &cfg));
    reg_run(&p.w, 1000);
    T_STR(reg_phone_log(&p), "registering; failed 423");
out:
    reg_phone_fini(t, &p);
}

static void test_granted_life_is_found_in_odd_answers(struct t *t)
{
    struct reg_phone p;
    if (!reg_phone_init(t, &p, 1))
        goto out;
    struct sip_register_config cfg = reg_phone_config(&p);
    p.w.server[0].no_contact = true;
    p.w.server[0].grant_s = 120;
    T_OK(reg_phone_register(&p, &cfg));
    reg_run(&p.w, 1000);
    T_STR(reg_phone_log(&p), "registering; registered 120");
    p.w.server[0].no_contact = true;
    p.w.server[0].lines = "Contact: <sip:rewritten@198.51.100.1:777>;expires=90\r\n"; /* by a border controller */
    buf_clear(&p.log);
    sip_register_now(p.r);
    reg_run(&p.w, 1000);
    T_STR(reg_phone_log(&p), "registered 90");
out:
    reg_phone_fini(t, &p);
}

static void test_wrong_password_is_told_and_not_hammered(struct t *t)
{
    struct reg_phone p;
    if (!reg_phone_init(t, &p, 1))
        goto out;
    T_CHECK(reg_server_auth(&p.w.server[0], NULL));
    p.w.server[0].password = "changed";
    struct sip_register_config cfg = reg_phone_config(&p);
    T_OK(reg_phone_register(&p, &cfg));
    reg_run(&p.w, 1000);
    T_STR(reg_phone_log(&p), "registering; failed 401");
    T_CHECK(p.last.credentials_refused && !p.last.still_bound);
    T_EQ(p.last.err, AHOY_ERR_AUTH);
    T_LE(1620, p.last.retry_in_s);
    T_EQ(p.w.server[0].count, 2);
    reg_run(&p.w, 86400000); /* a day: half an hour, an hour, two … */
    T_LE(p.w.server[0].count, 2 * 7);
    T_OK(sip_auth_set(p.w.auth, &(struct sip_auth_credential){ .user = VIEW("alice"), .password = VIEW("changed") }));
    buf_clear(&p.log);
    sip_register_now(p.r);
    reg_run(&p.w, 1000);
    T_STR(reg_phone_log(&p), "registering; registered 600");
out:
    reg_phone_fini(t, &p);
}

static void test_forbidden_counts_as_refused(struct t *t)
{
    struct reg_phone p;
    if (!reg_phone_init(t, &p, 1))
        goto out;
    p.w.server[0].status = 403;
    struct sip_register_config cfg = reg_phone_config(&p);
    T_OK(reg_phone_register(&p, &cfg));
    reg_run(&p.w, 1600000);
    T_STR(reg_phone_log(&p), "registering; failed 403");
    T_CHECK(p.last.credentials_refused);
    T_EQ(p.w.server[0].count, 1);
out:
    reg_phone_fini(t, &p);
}

static void test_password_changed_during_life_shows_at_the_refresh(struct t *t)
{
    struct reg_phone p;
    if (!reg_phone_init(t, &p, 1))
        goto out;
    T_CHECK(reg_server_auth(&p.w.server[0], NULL));
    struct sip_register_config cfg = reg_phone_config(&p);
    T_OK(reg_phone_register(&p, &cfg));
    reg_run(&p.w, 1000);
    p.w.server[0].password = "changed";
    reg_run(&p.w, 545000);
    T_STR(reg_phone_log(&p), "registering; registered 600; failed 401");
    T_CHECK(p.last.still_bound && p.last.credentials_refused);
    T_CHECK(sip_register_left_s(p.r) > 0);
out:
    reg_phone_fini(t, &p);
}

static void test_stale_nonces_pass_unnoticed(struct t *t)
{
    struct reg_phone p;
    if (!reg_phone_init(t, &p, 1))
        goto out;
    struct sip_auth_server_config auth = SIP_AUTH_SERVER_CONFIG_DEFAULT;
    auth.nonce_ms = 1000;
    T_CHECK(reg_server_auth(&p.w.server[0], &auth));
    struct sip_register_config cfg = reg_phone_config(&p);
    T_OK(reg_phone_register(&p, &cfg));
    reg_run(&p.w, 1000);
    for (int i = 0; i < 2; i++) {
        p.w.server[0].forget_stale = i == 1; /* many servers do not say so */
        reg_run(&p.w, 545000);
    }
    T_CHECK(strstr(reg_phone_log(&p), "failed") == NULL);
    T_EQ(sip_register_state_of(p.r), SIP_REGISTER_REGISTERED);
    T_EQ(p.w.server[0].count % 2, 0);
out:
    reg_phone_fini(t, &p);
}

static void test_dead_registrar_is_tried_again_ever_more_slowly(struct t *t)
{
    struct reg_phone p;
    if (!reg_phone_init(t, &p, 1))
        goto out;
    T_OK(sim_partition(p.w.sim, p.w.host, p.w.server[0].host, true));
    struct sip_register_config cfg = reg_phone_config(&p);
    T_OK(reg_phone_register(&p, &cfg));
    uint32_t before = 0;
    for (int i = 0; i < 8; i++) {
        size_t seen = p.events;
        for (int k = 0; k < 300 && (p.events == seen || p.last.state != SIP_REGISTER_FAILED); k++)
            reg_run(&p.w, 10000);
        T_EQ(p.last.state, SIP_REGISTER_FAILED);
        T_EQ(p.last.err, AHOY_ERR_TIMEOUT);
        uint32_t full = AHOY_MIN(60u << i, 1800u); /* RFC 5626: 30 * 2^failures, at most 1800, half of it at random */
        T_LE(full / 2, p.last.retry_in_s);
        T_LE(p.last.retry_in_s, full);
        T_CHECK(p.last.retry_in_s != before);
        before = p.last.retry_in_s;
    }
    T_OK(sim_partition(p.w.sim, p.w.host, p.w.server[0].host, false));
    reg_run(&p.w, 1801000);
    T_EQ(sip_register_state_of(p.r), SIP_REGISTER_REGISTERED);
out:
    reg_phone_fini(t, &p);
}

static void test_retry_after_is_honoured(struct t *t)
{
    struct reg_phone p;
    if (!reg_phone_init(t, &p, 1))
        goto out;
    p.w.server[0].status = 480;
    p.w.server[0].lines = "Retry-After: 400\r\n";
    struct sip_register_config cfg = reg_phone_config(&p);
    T_OK(reg_phone_register(&p, &cfg));
    reg_run(&p.w, 399000);
    T_STR(reg_phone_log(&p), "registering; failed 480");
    T_EQ(p.w.server[0].count, 1);
    p.w.server[0].status = 0;
    reg_run(&p.w, 45000);
    T_STR(reg_phone_log(&p), "registering; failed 480; registering; registered 600");
out:
    reg_phone_fini(t, &p);
}

static void test_backup_server_takes_over_and_binding_survives(struct t *t)
{
    struct reg_phone p;
    if (!reg_phone_init(t, &p, 2))
        goto out;
    struct sip_register_config cfg = reg_phone_config(&p);
    T_OK(reg_phone_register(&p, &cfg));
    reg_run(&p.w, 1000);
    T_EQ(p.w.server[1].count, 0);
    T_OK(sim_partition(p.w.sim, p.w.host, p.w.server[0].host, true));
    reg_run(&p.w, 570000);
    T_STR(reg_phone_log(&p), "registering; registered 600; registered 600");
    T_EQ(p.w.server[1].count, 1);
out:
    reg_phone_fini(t, &p);
}

static void test_service_route_and_path_are_kept(struct t *t)
{
    struct reg_phone p;
    if (!reg_phone_init(t, &p, 1))
        goto out;
    struct sip_register_config cfg = reg_phone_config(&p);
    cfg.routes = VIEW("<sip:192.0.2.2;lr>");
    p.w.server[0].lines = "Service-Route: <sip:edge.example.com;lr>\r\nService-Route: <sip:core.example.com;lr>\r\n"
                          "Path: <sip:path.example.com;lr>\r\n";
    T_OK(reg_phone_register(&p, &cfg));
    T_VIEW(sip_register_routes(p.r), "<sip:192.0.2.2;lr>");
    reg_run(&p.w, 1000);
    T_VIEW(sip_register_routes(p.r), "<sip:edge.example.com;lr>, <sip:core.example.com;lr>");
    T_VIEW(sip_register_path(p.r), "<sip:path.example.com;lr>");
    T_CHECK(reg_has(reg_newest(&p.w.server[0]), "Supported: path\r\n"));
    T_CHECK(
        !reg_has(reg_newest(&p.w.server[0]), "edge.example.com")); /* a REGISTER goes the configured way (RFC 3608) */
    p.w.server[0].lines = "Service-Route: nonsense <\r\n";
    sip_register_now(p.r);
    reg_run(&p.w, 1000);
    T_VIEW(sip_register_routes(p.r), "<sip:192.0.2.2;lr>");
out:
    reg_phone_fini(t, &p);
}

static void test_stopping_takes_the_binding_back(struct t *t)
{
    struct reg_phone p;
    if (!reg_phone_init(t, &p, 1))
        goto out;
    T_CHECK(reg_server_auth(&p.w.server[0], NULL));
    struct sip_register_config cfg = reg_phone_config(&p);
    T_OK(reg_phone_register(&p, &cfg));
    reg_run(&p.w, 1000);
    p.destroy_at_gone = true;
    sip_register_stop(p.r);
    sip_register_stop(p.r);
    T_ERR(sip_register_start(p.r), AHOY_ERR_STATE);
    reg_run(&p.w, 1000);
    T_STR(reg_phone_log(&p), "registering; registered 600; unregistering; gone");
    struct sip_msg *m = reg_newest(&p.w.server[0]);
    T_CHECK(reg_has(m, "Contact: <sip:alice@192.0.2.1:5060>;expires=0\r\n") && reg_has(m, "Expires: 0\r\n"));
    T_CHECK(!p.r);
out:
    reg_phone_fini(t, &p);
}

static void test_stopping_does_not_wait_for_a_dead_server(struct t *t)
{
    struct reg_phone p;
    if (!reg_phone_init(t, &p, 1))
        goto out;
    struct sip_register_config cfg = reg_phone_config(&p);
    T_OK(reg_phone_register(&p, &cfg));
    sip_register_stop(p.r); /* before anything was sent */
    reg_run(&p.w, 10);
    T_STR(reg_phone_log(&p), "gone");
    T_EQ(p.w.server[0].count, 0);
    sip_register_destroy(p.r);
    p.r = NULL;
    buf_clear(&p.log);
    T_OK(reg_phone_register(&p, &cfg));
    reg_run(&p.w, 1000);
    T_OK(sim_partition(p.w.sim, p.w.host, p.w.server[0].host, true));
    sip_register_stop(p.r);
    reg_run(&p.w, 4900);
    T_EQ(sip_register_state_of(p.r), SIP_REGISTER_UNREGISTERING);
    reg_run(&p.w, 200);
    T_STR(reg_phone_log(&p), "registering; registered 600; unregistering; gone TIMEOUT");
out:
    reg_phone_fini(t, &p);
}

static void test_broken_dns_is_told_and_overcome(struct t *t)
{
    struct reg_phone p;
    if (!reg_phone_init(t, &p, 1))
        goto out;
    sim_dns_broken(p.w.sim, true);
    struct sip_register_config cfg = reg_phone_config(&p);
    T_OK(reg_phone_register(&p, &cfg));
    reg_run(&p.w, 20000);
    T_STR(reg_phone_log(&p), "registering; failed DNS_SERVER");
    sim_dns_broken(p.w.sim, false);
    reg_run(&p.w, 61000);
    T_STR(reg_phone_log(&p), "registering; failed DNS_SERVER; registering; registered 600");
out:
    reg_phone_fini(t, &p);
}

static void test_two_accounts_keep_their_secrets_apart(struct t *t)
{
    struct reg_phone p, *q = &p;
    struct sip_auth *other = NULL;
    struct sip_register *second = NULL;
    if (!reg_phone_init(t, &p, 2))
        goto out;
    T_OK(sip_auth_create(&other, &p.w.rng));
    T_OK(sip_auth_add_host(other, VIEW("192.0.2.3")));
    T_OK(sip_auth_set(other, &(struct sip_auth_credential){ .user = VIEW("bob"), .password = VIEW("bobs") }));
    T_CHECK(reg_server_auth(&p.w.server[0], NULL) && reg_server_auth(&p.w.server[1], NULL));
    struct sip_register_config cfg = reg_phone_config(&p);
    T_OK(reg_phone_register(&p, &cfg));
    cfg.auth = other;
    cfg.aor = VIEW("sip:bob@example.com"); /* at a server that is alice's: bob's password is not for it */
    const struct sip_register_handler handler = reg_phone_handler(q);
    T_OK(sip_register_create(&second, &cfg, &handler));
    reg_run(&p.w, 1000);
    T_STR(reg_phone_log(&p), "registering; registered 600");
    T_OK(sip_register_start(second));
    reg_run(&p.w, 1000);
    T_STR(reg_phone_log(&p), "registering; registered 600; registering; failed 401");
    T_EQ(p.last.err, AHOY_ERR_NOT_FOUND);
    for (size_t i = 0; i < p.w.server[0].count; i++)
        T_CHECK(!reg_has(p.w.server[0].got[i], "username=\"bob\""));
out:
    sip_register_destroy(second);
    reg_phone_fini(t, &p);
    sip_auth_destroy(other);
}

static void test_odd_configurations_are_refused_or_work(struct t *t)
{
    struct reg_phone p;
    if (!reg_phone_init(t, &p, 1))
        goto out;
    struct sip_register_config cfg = reg_phone_config(&p);
    cfg.aor = VIEW("mailto:alice@example.com");
    T_ERR(reg_phone_register(&p, &cfg), AHOY_ERR_SYNTAX);
    cfg = reg_phone_config(&p);
    cfg.routes = VIEW("nonsense <");
    T_ERR(reg_phone_register(&p, &cfg), AHOY_ERR_SYNTAX);
    cfg = reg_phone_config(&p);
    cfg.headers = VIEW("Allow: INVITE");
    T_ERR(reg_phone_register(&p, &cfg), AHOY_ERR_INVAL);
    cfg = reg_phone_config(&p);
    cfg.registrar = VIEW("sip:192.0.2.2");
    cfg.contact_user = VIEW("desk phone");
    cfg.headers = VIEW("Allow: INVITE\r\nSupported: path, gruu\r\n");
    T_OK(reg_phone_register(&p, &cfg));
    reg_run(&p.w, 1000);
    struct sip_msg *m = reg_newest(&p.w.server[0]);
    T_CHECK(m && reg_has(m, "Contact: <sip:desk%20phone@192.0.2.1:5060>") && reg_has(m, "Supported: path, gruu\r\n"));
    T_VIEW(m->uri, "sip:192.0.2.2");
    T_CHECK(strstr(m->head.p, "Supported: path\r\n") == NULL);
out:
    reg_phone_fini(t, &p);
}

T_MAIN(T(test_registers_and_refreshes_before_the_end),
       T_STRIDE(test_refreshes_of_many_phones_are_spread, 7), /* eight times the same */
       T(test_registrar_wanting_longer_lives_gets_them), T(test_granted_life_is_found_in_odd_answers),
       T(test_wrong_password_is_told_and_not_hammered), T(test_forbidden_counts_as_refused),
       T(test_password_changed_during_life_shows_at_the_refresh), T(test_stale_nonces_pass_unnoticed),
       T(test_dead_registrar_is_tried_again_ever_more_slowly), T(test_retry_after_is_honoured),
       T(test_backup_server_takes_over_and_binding_survives), T(test_service_route_and_path_are_kept),
       T(test_stopping_takes_the_binding_back), T(test_stopping_does_not_wait_for_a_dead_server),
       T(test_broken_dns_is_told_and_overcome), T(test_two_accounts_keep_their_secrets_apart),
       T(test_odd_configurations_are_refused_or_work))
