#include "support_dnsd.h"

enum { TYPE_CNAME = 5, MESSAGE_BYTES = 4000, ALIASES = 4, PORT_PICKS = 100 };

static void put_u16(struct buf *b, unsigned x)
{
    buf_char(b, (char) (x >> 8));
    buf_char(b, (char) (x & 0xff));
}

void dnsd_put_name(struct buf *b, const char *name)
{
    struct view rest = view_str(name);
    while (rest.n > 0) {
        struct view label = view_cut(&rest, '.');
        buf_char(b, (char) label.n);
        buf_view(b, label);
    }
    buf_char(b, 0);
}

static void put_data(struct buf *b, const struct dnsd_entry *e)
{
    struct addr a;
    if (!e->data) {
        buf_view(b, e->raw);
    } else if (e->type == SYS_DNS_A || e->type == SYS_DNS_AAAA) {
        if (addr_parse_ip(view_str(e->data), &a) == AHOY_OK)
            buf_put(b, a.ip, e->type == SYS_DNS_A ? 4 : 16);
    } else {
        for (int i = 0; i < 3 && e->type == SYS_DNS_SRV; i++)
            put_u16(b, e->number[i]);
        dnsd_put_name(b, e->data);
    }
}

static void put_record(struct buf *b, const struct dnsd_entry *e)
{
    struct buf data;
    buf_init(&data, MESSAGE_BYTES);
    put_data(&data, e);
    dnsd_put_name(b, e->name);
    put_u16(b, e->type);
    put_u16(b, 1);
    put_u16(b, e->ttl_s >> 16);
    put_u16(b, e->ttl_s & 0xffff);
    put_u16(b, (unsigned) data.n);
    buf_view(b, buf_content(&data));
    if (buf_err(&data))
        b->err = buf_err(&data);
    buf_fini(&data);
}

/* The question's name as text. */
static bool get_name(struct view msg, char *out, size_t size, size_t *at)
{
    size_t n = 0;
    while (*at < msg.n && msg.p[*at] != 0) {
        size_t len = (uint8_t) msg.p[(*at)++];
        if (len > 63 || *at + len > msg.n || n + len + 2 > size)
            return false;
        if (n > 0)
            out[n++] = '.';
        memcpy(out + n, msg.p + *at, len);
        n += len;
        *at += len;
    }
    out[n] = '\0';
    ++*at;
    return *at + 4 <= msg.n;
}

/* The answer's records, aliases followed; returns how many. */
static unsigned put_answers(struct dnsd *d, struct buf *b, const char *name, uint16_t type, bool *known)
{
    unsigned n = 0;
    for (int hop = 0; hop < ALIASES && name; hop++) {
        const char *alias = NULL;
        for (size_t i = 0; i < d->entries; i++) {
            const struct dnsd_entry *e = &d->entry[i];
            if (!view_ieq(view_str(e->name), view_str(name)))
                continue;
            *known = true;
            if (e->type != type && e->type != TYPE_CNAME)
                continue;
            put_record(b, e);
            n++;
            if (e->type == TYPE_CNAME)
                alias = e->data;
        }
        name = alias;
    }
    return n;
}

static void answer(struct dnsd *d, struct view msg, bool cut, struct buf *b)
{
    char name[SYS_DNS_NAME_BYTES];
    struct buf records;
    size_t at = 12;
    bool known = false;
    if (msg.n < 12 || !get_name(msg, name, sizeof name, &at))
        return;
    uint16_t type = (uint16_t) ((uint8_t) msg.p[at] << 8 | (uint8_t) msg.p[at + 1]);
    buf_init(&records, MESSAGE_BYTES);
    unsigned n = d->rcode > 0 || cut ? 0 : put_answers(d, &records, name, type, &known);
    uint8_t rcode = d->rcode > 0 || known || cut ? d->rcode : DNSD_RCODE_NXDOMAIN;
    buf_put(b, msg.p, 2);
    put_u16(b, 0x8180u | (cut ? 0x0200u : 0) | rcode);
    put_u16(b, 1);
    put_u16(b, n);
    put_u16(b, 0);
    put_u16(b, 0);
    buf_put(b, msg.p + 12, at + 4 - 12);
    buf_view(b, buf_content(&records));
    buf_fini(&records);
}

static void on_datagram(void *arg, const struct addr *src, const struct addr *local, const void *data, size_t n,
                        int64_t when_us)
{
    struct dnsd *d = arg;
    struct buf b;
    (void) local, (void) when_us;
    d->asked++;
    if (d->silent)
        return;
    buf_init(&b, MESSAGE_BYTES);
    answer(d, view_of(data, n), d->cut, &b);
    if (b.n > 0 && !buf_err(&b))
        (void) sys_udp_send(d->udp, NULL, src, b.p, b.n);
    buf_fini(&b);
}

static void on_bytes(void *arg, const void *data, size_t n)
{
    struct dnsd *d = arg;
    struct buf b, framed;
    if (n < 2)
        return;
    d->asked_tcp++;
    buf_init(&b, MESSAGE_BYTES);
    buf_init(&framed, MESSAGE_BYTES);
    answer(d, view_of((const char *) data + 2, n - 2), false, &b);
    put_u16(&framed, (unsigned) b.n);
    buf_view(&framed, buf_content(&b));
    if (!buf_err(&b) && !buf_err(&framed))
        (void) sys_tcp_write(d->stream, framed.p, framed.n);
    buf_fini(&b);
    buf_fini(&framed);
}

static void on_end(void *arg, enum ahoy_err err)
{
    struct dnsd *d = arg;
    (void) err;
    sys_tcp_close(d->stream);
    d->stream = NULL;
}

static void on_stream(void *arg, struct sys_tcp *stream)
{
    struct dnsd *d = arg;
    struct sys_tcp_handler handler = { .recv = on_bytes, .closed = on_end, .arg = d };
    if (d->stream)
        return;
    d->stream = stream;
    sys_tcp_set_handler(stream, &handler);
}

/* The port must be free for TCP as well; what UDP picks may be somebody's connection, then another is picked. */
enum ahoy_err dnsd_open(struct dnsd *d, struct sys_loop *loop)
{
    struct sys_udp_config cfg = { .local = addr_ip4(127, 0, 0, 1, 0) };
    struct sys_udp_handler handler = { .recv = on_datagram, .arg = d };
    enum ahoy_err err = AHOY_ERR_ADDR_IN_USE;
    for (int i = 0; i < PORT_PICKS && err == AHOY_ERR_ADDR_IN_USE; i++) {
        sys_udp_close(d->udp);
        d->udp = NULL;
        err = sys_udp_open(&d->udp, loop, &cfg, &handler);
        if (!err)
            err = sys_tcp_listen(&d->listener, loop, sys_udp_local(d->udp), on_stream, d);
    }
    return err;
}

void dnsd_close(struct dnsd *d)
{
    sys_udp_close(d->udp);
    sys_tcp_close(d->stream);
    sys_tcp_listener_close(d->listener);
}

void dnsd_add(struct dnsd *d, const struct dnsd_entry *e)
{
    AHOY_ASSERT(d->entries < DNSD_ENTRIES);
    d->entry[d->entries++] = *e;
}
