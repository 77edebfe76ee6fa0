/*
 * What comes in: parsed, checked, and given to its transaction or to the core. RFC 3261 sections 8.1.3, 8.2, 9.2, 16.3,
 * 17.1.3, 17.2.3, 18.1.2, 18.2.1.
 */
#include "sip/stack.h"
#include "sip/stack_priv.h"
#include "sip/txn_priv.h"

/* Seconds after which an overloaded stack may be asked again; spread, so that they do not all come at once. */
enum { RETRY_AFTER_MIN_S = 5, RETRY_AFTER_SPREAD_S = 10 };

struct view sip_msg_raw(const struct sip_msg *m)
{
    return view_of(m->head.p, m->head.n + m->body.n);
}

/* ---- requests ---------------------------------------------------------------------------------------------------- */

static bool overloaded(const struct sip_stack *s, enum sip_method method)
{
    size_t max = s->cfg.max_server_txns;
    if (method == SIP_METHOD_CANCEL || method == SIP_METHOD_BYE)
        max += max / 4; /* what ends calls helps */
    return s->counts.server_txns >= max;
}

static void refuse_for_now(struct sip_stack *s, struct sip_flow *f, struct sip_msg *m)
{
    struct buf extra;
    buf_init(&extra, 64);
    sip_build_hdr_u32(&extra, SIP_HDR_RETRY_AFTER, RETRY_AFTER_MIN_S + rng_below(&s->rng, RETRY_AFTER_SPREAD_S));
    (void) sip_stack_refuse(s, f, m, 503, "", buf_content(&extra)); /* who gets no answer tries again */
    buf_fini(&extra);
    s->counts.overloaded++;
}

/* RFC 3261 section 9.2: a CANCEL is answered here, whatever becomes of its INVITE. */
static void cancel_matched(struct sip_server_txn *txn, struct sip_server_txn *invite, struct sip_msg *m)
{
    sip_server_txn_share_tag(txn, invite);
    (void) sip_server_txn_reply(txn, 200, VIEW("")); /* without memory the peer repeats its CANCEL */
    sip_server_txn_receive_cancel(invite, m);
}

static void on_new_request(struct sip_stack *s, struct sip_flow *f, struct sip_msg *m, const struct sip_core *core,
                           const struct sip_digest *key)
{
    if (overloaded(s, m->method)) {
        refuse_for_now(s, f, m);
        return;
    }
    struct sip_server_txn *txn = NULL, *invite = NULL;
    if (sip_server_txn_create(&txn, f, m, core, key))
        return; /* no memory: the peer repeats it */
    if (m->method == SIP_METHOD_CANCEL)
        invite = sip_stack_find_invite(s, m);
    if (invite)
        cancel_matched(txn, invite, m);
    else if (m->method == SIP_METHOD_CANCEL && !s->cfg.proxy)
        (void) sip_server_txn_reply(txn, 481, VIEW(""));
    else
        s->core.request(s->core.arg, txn, m);
    sip_server_txn_handed_over(txn);
}

static void on_request(struct sip_stack *s, struct sip_flow *f, struct sip_msg *m, const struct sip_core *core)
{
    bool ack = m->method == SIP_METHOD_ACK;
    struct sip_digest key;
    sip_txn_server_key(s, m, core, ack ? SIP_METHOD_INVITE : m->method, &key);
    struct sip_server_txn *txn = sip_server_txn_find(s, &key);
    if (!ack && txn)
        sip_server_txn_receive(txn);
    else if (!ack)
        on_new_request(s, f, m, core, &key);
    else if ((!txn || !sip_server_txn_receive_ack(txn, m)) && s->core.ack)
        s->core.ack(s->core.arg, f, m);
}

/* ---- responses --------------------------------------------------------------------------------------------------- */

static bool has_one_via(const struct sip_msg *m)
{
    const struct sip_hdr *h = sip_msg_first(m, SIP_HDR_VIA);
    struct view rest = h->value, item;
    (void) sip_list_next(&rest, &item);
    return !sip_list_next(&rest, &item) && !sip_msg_next(m, h);
}

static void on_response(struct sip_stack *s, struct sip_flow *f, struct sip_msg *m, const struct sip_core *core)
{
    struct sip_client_txn *txn = NULL;
    bool wanted = s->cfg.proxy || has_one_via(m); /* else it went astray (RFC 3261 section 8.1.3.3) */
    if (wanted)
        txn = sip_client_txn_find(s, core);
    if (txn && sip_client_txn_receive(txn, m))
        return;
    if (wanted && s->core.stray_response && sip_stack_is_ours(s, &core->via))
        s->core.stray_response(s->core.arg, f, m);
    else
        s->counts.dropped_stray++;
}

/* ---- both -------------------------------------------------------------------------------------------------------- */

/* Never a response, never an ACK, and not more a second than the budget allows. */
static void on_fault(struct sip_stack *s, struct sip_flow *f, struct sip_msg *m, const struct sip_fault *fault)
{
    log_write(s->cfg.log, LOG_DEBUG, "sip", "malformed at byte %u: %s", (unsigned) fault->offset,
              fault->text ? fault->text : "no message");
    if (sip_stack_refuse(s, f, m, fault->status, fault->text ? fault->text : "", VIEW("")))
        s->counts.dropped_malformed++;
}

void sip_stack_receive(struct sip_stack *s, struct sip_flow *f, struct view raw, enum sip_framing framing)
{
    struct sip_msg *m = NULL;
    struct sip_fault fault = { 0 };
    const struct sip_core *core = NULL;
    s->counts.received++;
    if (s->cfg.trace)
        s->cfg.trace(s->cfg.trace_arg, SIP_TRACE_RECV, f->proto, &f->local, &f->peer, raw);
    enum ahoy_err err = sip_msg_parse(&m, raw, framing, &s->cfg.limits, &fault);
    if (!err)
        err = sip_msg_check(m, &fault);
    if (!err)
        err = sip_msg_core(m, &core);
    if (err == AHOY_ERR_NOMEM)
        goto out; /* like a packet lost */
    if (err)
        on_fault(s, f, m, &fault);
    else if (m->is_request)
        on_request(s, f, m, core);
    else
        on_response(s, f, m, core);
out:
    sip_msg_unref(m);
}

void sip_stack_receive_broken(struct sip_stack *s, struct sip_flow *f, struct view raw, unsigned status,
                              const char *reason)
{
    struct sip_msg *m = NULL;
    struct sip_fault fault = { 0 };
    s->counts.received++;
    if (s->cfg.trace)
        s->cfg.trace(s->cfg.trace_arg, SIP_TRACE_RECV, f->proto, &f->local, &f->peer, raw);
    enum ahoy_err err = sip_msg_parse(&m, raw, SIP_FRAMING_STREAM, &s->cfg.limits, &fault);
    if (err == AHOY_ERR_NOMEM || sip_stack_refuse(s, f, m, status, reason, VIEW("")))
        s->counts.dropped_malformed++;
    sip_msg_unref(m);
}
