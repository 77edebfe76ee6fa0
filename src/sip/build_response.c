/* What every response takes over from its request: RFC 3261 section 8.2.6, RFC 3581. */
#include "sip/build.h"

#include "sip/scan.h"

/*
 * A Via item with received and rport as we saw them. A client that asks for rport gets both always (RFC 3581 section
 * 4); otherwise received is added when the address differs from sent-by (RFC 3261 section 18.2.1). What the item
 * claims of them itself is dropped: it is for us to say.
 */
static void put_top_via(struct buf *b, const struct sip_via *via, const struct addr *from)
{
    struct addr host, source = *from;
    char ip[ADDR_TEXT_BYTES];
    source.scope = 0;
    bool same = sip_host_ip(via->host, &host) == AHOY_OK && addr_eq_ip(&host, &source);
    buf_view(b, sip_trim(sip_span(via->text.p, via->params.p)));
    struct view rest = via->params, name, value;
    while (sip_param_next(&rest, &name, &value) == AHOY_OK) {
        bool rport = view_ieq(name, VIEW("rport"));
        if (view_ieq(name, VIEW("received")))
            continue;
        buf_char(b, ';');
        buf_view(b, name);
        if (rport || value.p)
            buf_char(b, '=');
        if (rport)
            buf_u64(b, source.port);
        else
            buf_view(b, value);
    }
    if (!same || via->has_rport) {
        buf_str(b, ";received=");
        buf_str(b, addr_print_ip(&source, false, ip));
    }
}

static void put_vias(struct buf *b, const struct sip_msg *request, const struct addr *from)
{
    const struct sip_hdr *h = sip_msg_first(request, SIP_HDR_VIA);
    struct view rest = h ? h->value : view_of(NULL, 0), top;
    struct sip_via via;
    if (from && sip_list_next(&rest, &top) && sip_via_parse(top, &via) == AHOY_OK) {
        struct buf value;
        buf_init(&value, SIP_BUILD_MAX_BYTES);
        put_top_via(&value, &via, from);
        if (rest.n > 0) {
            buf_str(&value, ", ");
            buf_view(&value, sip_trim(rest));
        }
        if (buf_err(&value) && !b->err)
            b->err = buf_err(&value);
        else
            sip_build_hdr(b, SIP_HDR_VIA, buf_content(&value));
        buf_fini(&value);
        h = sip_msg_next(request, h);
    }
    for (; h; h = sip_msg_next(request, h))
        sip_build_hdr(b, SIP_HDR_VIA, h->value);
}

static void put_first(struct buf *b, const struct sip_msg *request, enum sip_hdr_id id)
{
    const struct sip_hdr *h = sip_msg_first(request, id);
    if (h)
        sip_build_hdr(b, id, h->value);
}

/* To with our tag, unless it has one, is too broken to hold one, or the response is a 100 (section 8.2.6.2). */
static void put_to(struct buf *b, const struct sip_msg *request, unsigned status, struct view tag)
{
    const struct sip_hdr *h = sip_msg_first(request, SIP_HDR_TO);
    struct sip_addr to;
    bool add = h && tag.n > 0 && status > 100 && sip_addr_parse(h->value, &to) == AHOY_OK && sip_addr_tag(&to).n == 0;
    put_first(b, request, SIP_HDR_TO);
    if (!add || buf_err(b) || b->n < 2)
        return;
    buf_truncate(b, b->n - 2); /* the line end */
    buf_str(b, ";tag=");
    buf_view(b, tag);
    buf_put(b, "\r\n", 2);
}

void sip_build_response(struct buf *b, struct sip_msg *request, unsigned status, struct view reason, struct view to_tag,
                        const struct addr *received_from)
{
    sip_build_status_line(b, status, reason);
    put_vias(b, request, received_from);
    if (status > 100 && status < 300)
        sip_build_copy(b, request, SIP_HDR_RECORD_ROUTE);
    put_first(b, request, SIP_HDR_FROM);
    put_to(b, request, status, to_tag);
    put_first(b, request, SIP_HDR_CALL_ID);
    put_first(b, request, SIP_HDR_CSEQ);
    if (status == 100)
        put_first(b, request, SIP_HDR_TIMESTAMP);
}
