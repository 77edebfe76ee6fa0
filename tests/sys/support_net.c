#include "support_net.h"

#include <string.h>

static void ear_recv(void *arg, const struct addr *src, const struct addr *local, const void *data, size_t n,
                     int64_t when_us)
{
    struct ear *e = arg;
    e->heard++;
    e->bytes += n;
    e->src = *src;
    e->local = *local;
    e->when_us = when_us;
    e->last_n = n;
    memset(e->last, 0, sizeof e->last);
    if (n > 0)
        memcpy(e->last, data, AHOY_MIN(n, sizeof e->last - 1));
    if (e->echo)
        (void) sys_udp_send(e->udp, local, src, data, n);
    if (e->loop && e->want > 0 && e->heard == e->want)
        sys_loop_stop(e->loop);
}

static void ear_error(void *arg, const struct addr *dst, enum ahoy_err err)
{
    struct ear *e = arg;
    e->errors++;
    e->error_dst = *dst;
    e->error = err;
    if (e->loop)
        sys_loop_stop(e->loop);
}

static void ear_batch_end(void *arg)
{
    struct ear *e = arg;
    e->batches++;
}

struct sys_udp_handler ear_handler(struct ear *e)
{
    return (struct sys_udp_handler){ .recv = ear_recv, .error = ear_error, .batch_end = ear_batch_end, .arg = e };
}

enum ahoy_err ear_open(struct ear *e, struct sys_loop *loop, const char *text)
{
    struct sys_udp_config cfg = { 0 };
    struct sys_udp_handler handler = ear_handler(e);
    enum ahoy_err err = addr_parse(view_str(text), 0, &cfg.local);
    return err ? err : sys_udp_open(&e->udp, loop, &cfg, &handler);
}

uint32_t end_sum(uint32_t sum, const void *p, size_t n)
{
    const uint8_t *b = p;
    for (size_t i = 0; i < n; i++)
        sum = sum * 31 + b[i];
    return sum;
}

static void end_connected(void *arg)
{
    struct end *e = arg;
    e->connected++;
}

static void end_recv(void *arg, const void *data, size_t n)
{
    struct end *e = arg;
    if (e->n < sizeof e->data)
        memcpy(e->data + e->n, data, AHOY_MIN(n, sizeof e->data - e->n));
    e->n += n;
    e->sum = end_sum(e->sum, data, n);
    if (e->echo)
        (void) sys_tcp_write(e->tcp, data, n);
    if (e->loop && e->want > 0 && e->n >= e->want)
        sys_loop_stop(e->loop);
}

static void end_closed(void *arg, enum ahoy_err err)
{
    struct end *e = arg;
    e->closed++;
    e->err = err;
    if (e->loop)
        sys_loop_stop(e->loop);
}

struct sys_tcp_handler end_handler(struct end *e)
{
    return (struct sys_tcp_handler){ .connected = end_connected, .recv = end_recv, .closed = end_closed, .arg = e };
}

void end_fill(uint8_t *p, size_t n)
{
    for (size_t i = 0; i < n; i++)
        p[i] = (uint8_t) (i * 7 + i / 256);
}

void answer_take(void *arg, enum ahoy_err err, const struct sys_dns_record *records, size_t n)
{
    struct answer *a = arg;
    a->calls++;
    a->err = err;
    a->n = n;
    for (size_t i = 0; i < n && i < AHOY_COUNT(a->record); i++)
        a->record[i] = records[i];
    if (a->loop)
        sys_loop_stop(a->loop);
}
