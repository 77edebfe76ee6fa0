/*
 * A stack on a simulated network, and an input that is a small script: pieces parted by 0xFF bytes, each a letter and
 * its bytes. U: a datagram; T: bytes of a connection; N: a new connection; W: time passes (the next byte in 250 ms);
 * R: what the core answers from now on; I, O: our own INVITE or OPTIONS to the peer; C: CANCEL. Whatever came, nothing is
 * left when the longest timers have run out.
 */
#include "base/mem.h"
#include "sip/txn.h"
#include "support/deaf.h"
#include "sys/sim.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct fuzz {
    struct sim *sim;
    struct sys_host *host, *peer_host;
    struct sys_loop *loop, *peer_loop;
    struct sip_stack *stack;
    struct sys_udp *peer;
    struct sys_tcp *conn;
    struct sip_client_txn *invite; /* NULL once done */
    struct addr here, there;
    unsigned status;
};

static void on_request(void *arg, struct sip_server_txn *txn, struct sip_msg *m)
{
    struct fuzz *f = arg;
    (void) m;
    if (f->status == 0)
        sip_server_txn_release(txn);
    else if (sip_server_txn_reply(txn, f->status, VIEW("")) != AHOY_OK || f->status < 200)
        (void) sip_server_txn_reply(txn, 480, VIEW(""));
    (void) sip_server_txn_is_merged(txn);
}

static void on_client_done(void *arg, struct sip_client_txn *txn)
{
    struct fuzz *f = arg;
    if (f->invite == txn)
        f->invite = NULL;
}

static void on_closed(void *arg, enum ahoy_err err)
{
    struct fuzz *f = arg;
    (void) err;
    sys_tcp_close(f->conn);
    f->conn = NULL;
}

static void connect_peer(struct fuzz *f)
{
    struct sys_tcp_handler handler = { .recv = deaf_bytes, .closed = on_closed, .arg = f };
    sys_tcp_close(f->conn);
    f->conn = NULL;
    AHOY_ASSERT(sys_tcp_connect(&f->conn, f->peer_loop, NULL, &f->here, &handler) == AHOY_OK);
}

static void call(struct fuzz *f, const char *method)
{
    struct sip_client_handler handler = { .done = on_client_done, .arg = f };
    struct sip_flow *flow = NULL;
    struct sip_client_txn *txn = NULL;
    struct buf b;
    buf_init(&b, 1000);
    buf_printf(&b,
               "%s sip:a@192.0.2.2 SIP/2.0\r\nMax-Forwards: 70\r\nFrom: <sip:b@192.0.2.1>;tag=b\r\n"
               "To: <sip:a@192.0.2.2>\r\nCall-ID: 1\r\nCSeq: 1 %s\r\nContent-Length: 0\r\n\r\n",
               method, method);
    AHOY_ASSERT(sip_flow_to(f->stack, SIP_PROTO_UDP, &f->there, NULL, &flow) == AHOY_OK);
    struct sip_client_config cfg = { .flow = flow, .request = buf_content(&b) };
    AHOY_ASSERT(sip_client_txn_create(&txn, f->stack, &cfg, &handler) == AHOY_OK);
    if (method[0] == 'I')
        f->invite = txn;
    sip_flow_unref(flow);
    buf_fini(&b);
}

static void act(struct fuzz *f, struct view piece)
{
    static const unsigned statuses[] = { 0, 100, 180, 200, 302, 408, 486, 603 };
    uint8_t kind = (uint8_t) piece.p[0], arg = piece.n > 1 ? (uint8_t) piece.p[1] : 0;
    struct view rest = view_from(piece, 1);
    switch (kind) {
    case 'U': (void) sys_udp_send(f->peer, NULL, &f->here, rest.p, rest.n); break;
    case 'N': connect_peer(f); break;
    case 'W': sim_run(f->sim, SYS_MS(250) * arg); break;
    case 'R': f->status = statuses[arg % AHOY_COUNT(statuses)]; break;
    case 'I':
        if (!f->invite)
            call(f, "INVITE");
        break;
    case 'O': call(f, "OPTIONS"); break;
    case 'T':
        if (f->conn)
            (void) sys_tcp_write(f->conn, rest.p, rest.n);
        break;
    case 'C':
        if (f->invite)
            (void) sip_client_txn_cancel(f->invite, VIEW(""));
        break;
    default: break;
    }
    sim_run(f->sim, SYS_MS(2));
}

static void start(struct fuzz *f)
{
    struct sip_core_ops core = { .request = on_request, .arg = f };
    struct sip_stack_config cfg = SIP_STACK_CONFIG_DEFAULT;
    struct sys_udp_config peer = { .local = f->there };
    struct sys_udp_handler handler = { .recv = deaf_datagram };
    struct sip_transport *t;
    cfg.max_server_txns = 64;
    AHOY_ASSERT(sim_create(&f->sim, 1) == AHOY_OK && sim_host(f->sim, "192.0.2.1", &f->host) == AHOY_OK
                && sim_host(f->sim, "192.0.2.2", &f->peer_host) == AHOY_OK
                && sys_loop_create(f->host, &f->loop) == AHOY_OK
                && sys_loop_create(f->peer_host, &f->peer_loop) == AHOY_OK
                && sip_stack_create(&f->stack, f->loop, &cfg, &core) == AHOY_OK
                && sip_stack_listen(f->stack, SIP_PROTO_UDP, &f->here, &t) == AHOY_OK
                && sip_stack_listen(f->stack, SIP_PROTO_TCP, &f->here, &t) == AHOY_OK
                && sys_udp_open(&f->peer, f->peer_loop, &peer, &handler) == AHOY_OK);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz f = { .here = addr_ip4(192, 0, 2, 1, 5060), .there = addr_ip4(192, 0, 2, 2, 5060), .status = 200 };
    struct view rest = view_of((const char *) data, size);
    struct sip_stack_counts c;
    start(&f);
    for (unsigned i = 0; i < 200 && !view_empty(rest); i++) {
        struct view piece = view_cut(&rest, (char) 0xff);
        if (!view_empty(piece))
            act(&f, piece);
    }
    sys_tcp_close(f.conn);
    f.conn = NULL;
    if (f.invite) /* a peer may have left it ringing: then it is ours to end */
        (void) sip_client_txn_cancel(f.invite, VIEW(""));
    sim_run(f.sim, SYS_S(110));
    sip_stack_counts(f.stack, &c);
    AHOY_ASSERT(c.server_txns == 0 && c.client_txns == 0 && f.invite == NULL);
    sip_stack_destroy(f.stack);
    sys_udp_close(f.peer);
    sim_run(f.sim, SYS_MS(1));
    sys_loop_destroy(f.loop);
    sys_loop_destroy(f.peer_loop);
    sim_destroy(f.sim);
    return 0;
}
