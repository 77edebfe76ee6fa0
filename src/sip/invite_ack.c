/* The ACK for a 2xx: the user agent's own affair, since it crosses proxies end to end (RFC 3261 section 13.2.2.4). */
#include "base/mem.h"
#include "sip/invite_priv.h"
#include "sip/route.h"

static void send_by(struct invite_ack *ack, struct sip_flow *flow)
{
    struct buf b;
    buf_init(&b, SIP_BUILD_MAX_BYTES);
    sip_flow_put_request(flow, view_of(ack->text, ack->bytes), view_str(ack->branch), &b);
    if (!buf_err(&b))
        (void) sip_flow_send(flow, buf_content(&b));
    buf_fini(&b);
}

static void located(void *arg, enum ahoy_err err, const struct sip_target *target)
{
    struct invite_ack *ack = arg;
    struct sip_flow *flow = NULL;
    if (!err) {
        if (sip_flow_to(sip_invite_stack(ack->inv), target->proto, &target->addr, NULL, &flow)) {
            sip_locate_next(ack->locate);
            return;
        }
    } else if (ack->spare) {
        flow = sip_flow_ref(ack->spare);
    }
    sip_locate_destroy(ack->locate);
    ack->locate = NULL;
    if (!flow)
        return; /* the 2xx comes again, and so does this */
    sip_flow_unref(ack->flow);
    ack->flow = flow;
    send_by(ack, flow);
}

void sip_invite_ack_again(struct invite_ack *ack)
{
    if (!ack->text || ack->locate)
        return;
    if (ack->flow && !sip_flow_broken(ack->flow)) {
        send_by(ack, ack->flow);
        return;
    }
    if (sip_locate_start(&ack->locate, sip_ua_locator(ack->inv->ua), view_str(ack->hop), located, ack))
        ack->locate = NULL; /* out of memory: at the next retransmission */
}

static void put_ack(struct sip_dialog *d, struct sip_request *rq, const struct sip_body *body, struct buf *b)
{
    sip_dialog_begin_request(d, VIEW("ACK"), sip_request_cseq(rq), b);
    sip_request_put_auth(rq, b);
    if (body && !view_empty(body->data))
        sip_build_body(b, body->type, body->data);
    else
        sip_build_body(b, (struct view){ 0 }, (struct view){ 0 });
}

enum ahoy_err sip_invite_ack_send(struct invite_ack *ack, struct sip_invite *inv, struct sip_dialog *d,
                                  struct sip_request *rq, const struct sip_body *body)
{
    struct sip_flow *flow = sip_invite_flow_of(d);
    struct sip_uri next;
    char *text = NULL, *hop = NULL;
    enum ahoy_err err;
    struct buf b;
    buf_init(&b, SIP_BUILD_MAX_BYTES);
    put_ack(d, rq, body, &b);
    err = buf_err(&b);
    if (!err)
        err = sip_route_next_hop(sip_dialog_routes(d), sip_dialog_target(d), &next);
    if (err)
        goto fail;
    err = AHOY_ERR_NOMEM;
    hop = view_dup(next.text);
    if (!hop)
        goto fail;
    size_t bytes = b.n;
    text = buf_take(&b);
    if (!text)
        goto fail;
    sip_invite_ack_fini(ack);
    ack->inv = inv;
    ack->text = text;
    ack->bytes = bytes;
    ack->hop = hop;
    memcpy(ack->branch, "z9hG4bK", 7);
    rng_token(sip_stack_rng(sip_invite_stack(inv)), ack->branch + 7, 20);
    ack->flow = flow ? sip_flow_ref(flow) : NULL;
    if (sip_request_flow(rq))
        ack->spare = sip_flow_ref(sip_request_flow(rq));
    sip_invite_ack_again(ack);
    return AHOY_OK;
fail:
    mem_free(hop);
    buf_fini(&b);
    return err;
}

void sip_invite_ack_fini(struct invite_ack *ack)
{
    sip_locate_destroy(ack->locate);
    sip_flow_unref(ack->flow);
    sip_flow_unref(ack->spare);
    mem_free(ack->text);
    mem_free(ack->hop);
    *ack = (struct invite_ack){ 0 };
}
