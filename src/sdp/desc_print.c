#include "sdp/desc.h"

static void put_address(struct buf *out, const struct addr *a)
{
    char text[ADDR_TEXT_BYTES];
    struct addr plain = *a;
    plain.scope = 0; /* an interface of ours means nothing to the peer */
    buf_printf(out, "IN %s %s", a->family == ADDR_IP6 ? "IP6" : "IP4", addr_print_ip(&plain, false, text));
}

static void put_attributes(struct buf *out, struct view v)
{
    struct view line;
    while (view_line(&v, &line))
        if (line.n > 0) {
            buf_view(out, line);
            buf_str(out, "\r\n");
        }
}

static void put_formats(struct buf *out, const struct desc_media *m)
{
    for (size_t i = 0; i < m->formats; i++) {
        const struct desc_format *f = &m->format[i];
        buf_printf(out, "a=rtpmap:%u ", f->pt);
        buf_view(out, f->name);
        buf_printf(out, "/%u", (unsigned) f->clock_hz);
        if (f->channels > 1)
            buf_printf(out, "/%u", f->channels);
        buf_str(out, "\r\n");
        if (f->fmtp.n > 0)
            buf_printf(out, "a=fmtp:%u %.*s\r\n", f->pt, VIEW_ARG(f->fmtp));
    }
}

/* RFC 3605, only where the default (RTP's port plus one, same address) would be wrong. */
static void put_rtcp(struct buf *out, const struct desc_media *m)
{
    if (m->rtcp.family != ADDR_NONE && m->rtcp.port > 0) {
        bool same_ip = addr_eq_ip(&m->rtcp, &m->rtp);
        if (!same_ip || m->rtcp.port != m->rtp.port + 1) {
            buf_printf(out, "a=rtcp:%u", m->rtcp.port);
            if (!same_ip) {
                buf_char(out, ' ');
                put_address(out, &m->rtcp);
            }
            buf_str(out, "\r\n");
        }
    }
    if (m->rtcp_mux)
        buf_str(out, "a=rtcp-mux\r\n");
}

static void put_media(struct buf *out, const struct desc *d, const struct desc_media *m)
{
    buf_printf(out, "m=%.*s %u %.*s", VIEW_ARG(m->kind_text), m->active ? m->rtp.port : 0u, VIEW_ARG(m->proto_text));
    if (!m->active) {
        buf_printf(out, " %.*s\r\n", VIEW_ARG(m->dead_format));
        return;
    }
    for (size_t i = 0; i < m->formats; i++)
        buf_printf(out, " %u", m->format[i].pt);
    buf_str(out, "\r\n");
    if (!addr_eq_ip(&m->rtp, &d->addr)) {
        buf_str(out, "c=");
        put_address(out, &m->rtp);
        buf_str(out, "\r\n");
    }
    if (m->bandwidth_kbps > 0)
        buf_printf(out, "b=AS:%u\r\n", m->bandwidth_kbps);
    if (m->mid.n > 0 && view_search(m->extra, VIEW("a=mid:")) == m->extra.n)
        buf_printf(out, "a=mid:%.*s\r\n", VIEW_ARG(m->mid));
    put_formats(out, m);
    if (m->ptime_ms > 0)
        buf_printf(out, "a=ptime:%u\r\n", m->ptime_ms);
    if (m->maxptime_ms > 0)
        buf_printf(out, "a=maxptime:%u\r\n", m->maxptime_ms);
    buf_printf(out, "a=%s\r\n", sdp_dir_name(m->dir));
    put_rtcp(out, m);
    put_attributes(out, m->extra);
}

void desc_print(const struct desc *d, struct buf *out)
{
    buf_str(out, "s=-\r\nc=");
    put_address(out, &d->addr);
    buf_printf(out, "\r\nt=%.*s\r\n", VIEW_ARG(d->time));
    put_attributes(out, d->extra);
    for (size_t i = 0; i < d->n; i++)
        put_media(out, d, &d->media[i]);
}
