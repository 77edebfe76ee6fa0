/* The stack on this machine's own sockets: what the simulation cannot show is that both worlds behave alike. */
#include "sip/txn.h"
#include "support/t.h"

struct real {
    struct sys_host *host;
    struct sys_loop *loop;
    struct sip_stack *near, *far;
    struct sys_timer guard;
    unsigned status, requests;
    enum ahoy_err failed;
};

static void on_request(void *arg, struct sip_server_txn *txn, struct sip_msg *m)
{
    struct real *r = arg;
    (void) m;
    r->requests++;
    (void) sip_server_txn_reply(txn, 200, VIEW(""));
}

static void on_response(void *arg, struct sip_client_txn *txn, struct sip_msg *m)
{
    struct real *r = arg;
    (void) txn;
    r->status = m->status;
    sys_loop_stop(r->loop);
}

static void on_failed(void *arg, struct sip_client_txn *txn, enum ahoy_err err)
{
    struct real *r = arg;
    (void) txn;
    r->failed = err;
    sys_loop_stop(r->loop);
}

static void on_guard(void *arg)
{
    struct real *r = arg;
    sys_loop_stop(r->loop);
}

static bool start(struct t *t, struct real *r)
{
    struct sip_core_ops core = { .request = on_request, .arg = r };
    *r = (struct real){ .status = 0 };
    sys_timer_init(&r->guard, on_guard, r);
    T_OK(sys_host_real(&r->host));
    T_OK(sys_loop_create(r->host, &r->loop));
    T_OK(sip_stack_create(&r->near, r->loop, &SIP_STACK_CONFIG_DEFAULT, &core));
    T_OK(sip_stack_create(&r->far, r->loop, &SIP_STACK_CONFIG_DEFAULT, &core));
    return true;
out:
    return false;
}

static void stop(struct real *r)
{
    sys_timer_stop(&r->guard);
    sip_stack_destroy(r->near);
    sip_stack_destroy(r->far);
    if (r->loop)
        sys_loop_destroy(r->loop);
    sys_host_destroy(r->host);
}

static enum ahoy_err ask(struct real *r, enum sip_proto proto, const struct addr *to)
{
    struct sip_client_handler handler = { .response = on_response, .failed = on_failed, .arg = r };
    struct sip_client_txn *txn;
    struct sip_flow *flow = NULL;
    struct sip_client_config cfg = { .flow = NULL };
    cfg.request = VIEW("OPTIONS sip:far@127.0.0.1 SIP/2.0\r\nMax-Forwards: 70\r\n"
                       "From: <sip:near@127.0.0.1>;tag=1\r\nTo: <sip:far@127.0.0.1>\r\nCall-ID: real\r\n"
                       "CSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n");
    enum ahoy_err err = sip_flow_to(r->near, proto, to, NULL, &flow);
    if (!err) {
        cfg.flow = flow;
        err = sip_client_txn_create(&txn, r->near, &cfg, &handler);
    }
    sip_flow_unref(flow);
    if (!err) {
        sys_timer_start(r->loop, &r->guard, SYS_S(5));
        sys_loop_run(r->loop);
    }
    return err;
}

static void exchange(struct t *t, enum sip_proto proto, bool any)
{
    struct real r;
    struct sip_transport *near_t, *far_t;
    struct addr loopback = addr_ip4(127, 0, 0, 1, 0), near_at = any ? addr_any(ADDR_IP4, 0) : loopback;
    if (!start(t, &r))
        goto out;
    T_OK(sip_stack_listen(r.near, proto, &near_at, &near_t));
    T_OK(sip_stack_listen(r.far, proto, &loopback, &far_t));
    T_OK(ask(&r, proto, sip_transport_local(far_t)));
    T_EQ(r.failed, AHOY_OK);
    T_EQ(r.status, 200);
    T_EQ(r.requests, 1);
out:
    stop(&r);
}

static void test_request_and_response_by_udp(struct t *t)
{
    exchange(t, SIP_PROTO_UDP, false);
}

static void test_request_and_response_by_udp_from_any_address(struct t *t)
{
    exchange(t, SIP_PROTO_UDP, true);
}

static void test_request_and_response_by_tcp(struct t *t)
{
    exchange(t, SIP_PROTO_TCP, false);
}

static void test_closed_port_fails_the_request_at_once(struct t *t)
{
    struct real r;
    struct sip_transport *near_t, *gone;
    struct addr loopback = addr_ip4(127, 0, 0, 1, 0);
    if (!start(t, &r))
        goto out;
    T_OK(sip_stack_listen(r.near, SIP_PROTO_UDP, &loopback, &near_t));
    T_OK(sip_stack_listen(r.far, SIP_PROTO_TCP, &loopback, &gone));
    struct addr closed = *sip_transport_local(gone);
    sip_transport_close(gone);
    T_OK(ask(&r, SIP_PROTO_TCP, &closed));
    T_EQ(r.failed, AHOY_ERR_REFUSED);
    T_OK(ask(&r, SIP_PROTO_UDP, &closed));
    T_EQ(r.failed, AHOY_ERR_REFUSED);
    T_EQ(r.status, 0);
out:
    stop(&r);
}

/* Real time passes after a lost packet, so no allocation is made to fail. */
T_MAIN(T_PLAIN(test_request_and_response_by_udp), T_PLAIN(test_request_and_response_by_udp_from_any_address),
       T_PLAIN(test_request_and_response_by_tcp), T_PLAIN(test_closed_port_fails_the_request_at_once))
