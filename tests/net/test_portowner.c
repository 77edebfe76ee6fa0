#include "net/portowner.h"

#include "support/t.h"
#include "sys/tcp.h"
#include "sys/udp.h"

#include <unistd.h>

struct world {
    struct sys_host *host;
    struct sys_loop *loop;
    struct sys_udp *udp;
    struct sys_tcp_listener *tcp;
};

static void ignore_datagram(void *arg, const struct addr *src, const struct addr *local, const void *data, size_t n,
                            int64_t when_us)
{
    (void) arg, (void) src, (void) local, (void) data, (void) n, (void) when_us;
}

static void ignore_stream(void *arg, struct sys_tcp *stream)
{
    (void) arg, (void) stream;
}

static enum ahoy_err world_open(struct world *w, const struct addr *local)
{
    struct sys_udp_config cfg = { .local = *local };
    struct sys_udp_handler handler = { .recv = ignore_datagram };
    enum ahoy_err err = sys_host_real(&w->host);
    if (!err)
        err = sys_loop_create(w->host, &w->loop);
    if (!err)
        err = sys_udp_open(&w->udp, w->loop, &cfg, &handler);
    return err ? err : sys_tcp_listen(&w->tcp, w->loop, local, ignore_stream, NULL);
}

static void world_close(struct world *w)
{
    sys_udp_close(w->udp);
    sys_tcp_listener_close(w->tcp);
    sys_loop_destroy(w->loop);
    sys_host_destroy(w->host);
}

static void test_finds_this_very_program(struct t *t)
{
    const struct addr at[] = { addr_ip4(127, 0, 0, 1, 0),
                               addr_any(ADDR_IP4, 0),
                               addr_any(ADDR_IP6, 0),
                               { .family = ADDR_IP6, .ip = { [15] = 1 } } };
    for (size_t i = 0; i < AHOY_COUNT(at); i++) {
        struct world w = { 0 };
        struct portowner o = { 0 };
        T_OK(world_open(&w, &at[i]));
        T_OK(portowner_find(PORTOWNER_UDP, sys_udp_local(w.udp), &o));
        T_EQ(o.pid, getpid());
        T_EQ(o.uid, getuid());
        T_CHECK(o.program[0] != '\0');
        T_OK(portowner_find(PORTOWNER_TCP, sys_tcp_listener_local(w.tcp), &o));
        T_EQ(o.pid, getpid());
        struct addr any = addr_any(at[i].family, sys_udp_local(w.udp)->port); /* would be refused as well */
        T_OK(portowner_find(PORTOWNER_UDP, &any, &o));
    out:
        world_close(&w);
        if (t->failed || t_excused(t))
            return;
    }
}

static void test_a_free_port_has_no_owner(struct t *t)
{
    struct world w = { 0 };
    struct portowner o = { .pid = 77 };
    struct addr local = addr_ip4(127, 0, 0, 1, 0);
    T_OK(world_open(&w, &local));
    struct addr port = *sys_udp_local(w.udp);
    sys_udp_close(w.udp);
    w.udp = NULL;
    T_ERR(portowner_find(PORTOWNER_UDP, &port, &o), AHOY_ERR_NOT_FOUND);
    T_EQ(o.pid, 77);
out:
    world_close(&w);
}

static void test_the_text_names_the_program_or_the_user(struct t *t)
{
    char text[PORTOWNER_TEXT_BYTES];
    struct portowner o = { .pid = 812, .program = "asterisk" }, other = { .uid = 33 };
    T_STR(portowner_text(&o, 5060, text), "Port 5060 is held by asterisk (pid 812)");
    T_STR(portowner_text(&other, 5060, text), "Port 5060 is held by a program of the user with id 33");
out:
    return;
}

T_MAIN(T(test_finds_this_very_program), T(test_a_free_port_has_no_owner),
       T(test_the_text_names_the_program_or_the_user))
