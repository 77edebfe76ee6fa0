#include "sip/invite.h"

#include "base/mem.h"
#include "sip/invite_priv.h"

enum { BYE_HEADERS_MAX_BYTES = 1024 };

/* ---- the state machine: the figure in invite.h ------------------------------------------------------------------- */

#define TO(state) ((unsigned char) (SIP_INVITE_##state + 1)) /* 0: the event means nothing here */

static const unsigned char next_state[SIP_INVITE_ENDED + 1][INVITE_EV_COUNT] = {
    [SIP_INVITE_CALLING] = { [INVITE_EV_PROGRESS] = TO(EARLY),
                             [INVITE_EV_SUCCESS] = TO(ANSWERED),
                             [INVITE_EV_HANGUP] = TO(CANCELLING),
                             [INVITE_EV_OVER] = TO(ENDED) },
    [SIP_INVITE_INCOMING] = { [INVITE_EV_PROGRESS] = TO(EARLY),
                              [INVITE_EV_SUCCESS] = TO(ANSWERED),
                              [INVITE_EV_OVER] = TO(ENDED) },
    [SIP_INVITE_EARLY] = { [INVITE_EV_PROGRESS] = TO(EARLY),
                           [INVITE_EV_SUCCESS] = TO(ANSWERED),
                           [INVITE_EV_HANGUP] = TO(CANCELLING),
                           [INVITE_EV_OVER] = TO(ENDED) },
    [SIP_INVITE_CANCELLING] = { [INVITE_EV_SUCCESS] = TO(ENDING), [INVITE_EV_OVER] = TO(ENDED) },
    [SIP_INVITE_ANSWERED] = { [INVITE_EV_ACK] = TO(CONFIRMED),
                              [INVITE_EV_HANGUP] = TO(ENDING),
                              [INVITE_EV_OVER] = TO(ENDED) },
    [SIP_INVITE_CONFIRMED] = { [INVITE_EV_HANGUP] = TO(ENDING), [INVITE_EV_OVER] = TO(ENDED) },
    [SIP_INVITE_ENDING] = { [INVITE_EV_OVER] = TO(ENDED) },
};

bool sip_invite_move(struct sip_invite *inv, enum invite_event event)
{
    unsigned char next = next_state[inv->state][event];
    if (!next)
        return false;
    inv->state = (enum sip_invite_state)(next - 1);
    return true;
}

/* ---- its life ---------------------------------------------------------------------------------------------------- */

struct sip_stack *sip_invite_stack(const struct sip_invite *inv)
{
    return sip_ua_stack(inv->ua);
}

struct sys_loop *sip_invite_loop(const struct sip_invite *inv)
{
    return sip_stack_loop(sip_invite_stack(inv));
}

uint32_t sip_invite_64_t1_ms(const struct sip_invite *inv)
{
    return 64 * sip_stack_timers(sip_invite_stack(inv))->t1_ms;
}

void sip_invite_await_cancel(struct sip_invite *inv)
{
    sys_timer_start(sip_invite_loop(inv), &inv->patience, 2 * SYS_MS(sip_invite_64_t1_ms(inv)) + SYS_S(1));
}

static void tell_end(struct sip_invite *inv)
{
    struct sip_invite_end end = { .who = inv->end_who,
                                  .was_confirmed = inv->was_confirmed,
                                  .status = inv->end_status,
                                  .err = inv->end_err,
                                  .msg = inv->end_msg };
    inv->end_told = true;
    if (inv->end_msg) {
        if (!inv->end_msg->is_request)
            end.phrase = inv->end_msg->reason;
        if (sip_invite_reason_of(inv->end_msg, &end.reason))
            end.reason = (struct sip_invite_reason){ 0 };
    }
    if (inv->handler.ended)
        inv->handler.ended(inv->handler.arg, inv, &end);
}

/* Nothing of it is on its way any more. */
static bool is_quiet(const struct sip_invite *inv)
{
    return inv->state == SIP_INVITE_ENDED && !inv->rq && list_empty(&inv->reinvites) && list_empty(&inv->requests);
}

static void drop_dialogs(struct sip_invite *inv)
{
    if (!inv->is_caller)
        sip_dialog_destroy(inv->dialog);
    inv->dialog = NULL;
    sip_invite_drop_forks(inv, true);
}

/*
 * The one place where the owner's deferred callbacks come from and where a leg is freed: nothing of it is on the stack.
 */
static void on_settle(void *arg)
{
    struct sip_invite *inv = arg;
    unsigned tell = inv->tell;
    inv->tell = 0;
    if ((tell & INVITE_TELL_CONFIRMED) && inv->state == SIP_INVITE_CONFIRMED && inv->handler.confirmed)
        inv->handler.confirmed(inv->handler.arg, inv, NULL);
    if ((tell & INVITE_TELL_READY) && inv->state == SIP_INVITE_CONFIRMED && inv->handler.reinvite_ready)
        inv->handler.reinvite_ready(inv->handler.arg, inv);
    if ((tell & INVITE_TELL_ENDED) && !inv->end_told)
        tell_end(inv);
    if (!is_quiet(inv))
        return;
    drop_dialogs(inv);
    if (inv->released)
        sip_invite_destroy(inv);
}

void sip_invite_tell(struct sip_invite *inv, unsigned what)
{
    inv->tell |= what;
    if (!sys_timer_running(&inv->settle))
        sys_timer_start(sip_invite_loop(inv), &inv->settle, 0);
}

void sip_invite_look(struct sip_invite *inv)
{
    if (is_quiet(inv))
        sip_invite_tell(inv, 0);
}

/*
 * An INVITE of ours, the first or another, has no final response and nobody wants to wait any longer: CANCEL, and after
 * the same patience once more the end, whatever became of the CANCEL.
 */
static void on_patience(void *arg)
{
    struct sip_invite *inv = arg;
    if (inv->state == SIP_INVITE_CALLING || (inv->state == SIP_INVITE_EARLY && inv->is_caller)) {
        sip_invite_note_end(inv, SIP_INVITE_NETWORK, 408, AHOY_ERR_TIMEOUT, NULL);
        if (sip_invite_move(inv, INVITE_EV_HANGUP))
            sip_invite_cancel_call(inv, (struct view){ 0 });
    } else if (inv->rq && !inv->rq_final) {
        sip_invite_give_up_call(inv);
    } else if (inv->re && !inv->re->is_final) {
        sip_invite_re_give_up(inv);
    }
}

static void on_glare_over(void *arg)
{
    struct sip_invite *inv = arg;
    inv->want_reinvite = true;
    sip_invite_check_ready(inv);
}

enum ahoy_err sip_invite_create(struct sip_invite **out, struct sip_ua *ua, bool is_caller)
{
    struct sip_invite *inv = mem_zalloc(sizeof *inv);
    enum ahoy_err err;
    if (!inv)
        return AHOY_ERR_NOMEM;
    inv->ua = ua;
    inv->is_caller = is_caller;
    inv->state = is_caller ? SIP_INVITE_CALLING : SIP_INVITE_INCOMING;
    list_init(&inv->forks);
    list_init(&inv->reinvites);
    list_init(&inv->requests);
    buf_init(&inv->bye_headers, BYE_HEADERS_MAX_BYTES);
    sys_timer_init(&inv->settle, on_settle, inv);
    sys_timer_init(&inv->patience, on_patience, inv);
    sys_timer_init(&inv->glare, on_glare_over, inv);
    sip_invite_in_init(inv);
    err = sip_ua_add_invite(ua, &inv->link);
    if (err) {
        mem_free(inv);
        return err;
    }
    *out = inv;
    return AHOY_OK;
}

struct sip_invite *sip_invite_of_link(struct list_link *link)
{
    return LIST_ENTRY(link, struct sip_invite, link);
}

void sip_invite_destroy(struct sip_invite *inv)
{
    sys_timer_stop(&inv->settle);
    sys_timer_stop(&inv->patience);
    sys_timer_stop(&inv->glare);
    sip_request_destroy(inv->rq);
    inv->rq = NULL;
    LIST_EACH(k, &inv->requests)
        sip_invite_rq_destroy(LIST_ENTRY(k, struct invite_rq, link));
    LIST_EACH(k, &inv->reinvites)
        sip_invite_re_destroy(LIST_ENTRY(k, struct invite_re, link));
    sip_invite_in_fini(&inv->in);
    drop_dialogs(inv);
    sip_msg_unref(inv->end_msg);
    buf_fini(&inv->bye_headers);
    mem_free(inv->contact);
    mem_free(inv->contact_user);
    mem_free(inv->from);
    mem_free(inv->to);
    mem_free(inv->own_call_id);
    sip_ua_remove_invite(inv->ua, &inv->link);
    mem_free(inv);
}

/* ---- how it ends ------------------------------------------------------------------------------------------------- */

void sip_invite_note_end(struct sip_invite *inv, enum sip_invite_who who, unsigned status, enum ahoy_err err,
                         struct sip_msg *msg)
{
    if (inv->end_noted)
        return;
    inv->end_noted = true;
    inv->end_who = who;
    inv->end_status = status;
    inv->end_err = err;
    inv->end_msg = msg ? sip_msg_ref(msg) : NULL;
}

void sip_invite_over(struct sip_invite *inv)
{
    if (!sip_invite_move(inv, INVITE_EV_OVER))
        return;
    inv->owes_ack = false;
    inv->want_reinvite = false;
    sys_timer_stop(&inv->patience);
    sys_timer_stop(&inv->glare);
    sip_invite_drop_requests(inv);
    sip_invite_in_stop(inv);
    sip_invite_re_cancel(inv);
    sip_invite_tell(inv, INVITE_TELL_ENDED);
}

/* ANSWERED or CONFIRMED, towards ENDING. */
static void end_session(struct sip_invite *inv)
{
    bool waits = inv->state == SIP_INVITE_ANSWERED && inv->in.await_ack;
    if (!sip_invite_move(inv, INVITE_EV_HANGUP))
        return;
    sys_timer_stop(&inv->patience);
    sys_timer_stop(&inv->glare);
    if (inv->owes_ack) {
        /* The peer's 2xx must be acknowledged, if only to say goodbye. */
        inv->owes_ack = false;
        if (inv->re)
            (void) sip_invite_re_answer(inv, NULL);
        else
            (void) sip_invite_ack_call(inv, NULL);
    }
    sip_invite_re_cancel(inv);
    if (!waits) /* RFC 3261 section 15: the callee waits for the ACK to its first 2xx */
        sip_invite_bye(inv, inv->dialog, true);
}

void sip_invite_break(struct sip_invite *inv, enum sip_invite_who who, unsigned status, enum ahoy_err err,
                      struct sip_msg *msg)
{
    if (inv->state != SIP_INVITE_ANSWERED && inv->state != SIP_INVITE_CONFIRMED)
        return;
    sip_invite_note_end(inv, who, status, err, msg);
    end_session(inv);
}

static void reject_call(struct sip_invite *inv, const struct sip_invite_reason *why, struct view reason)
{
    unsigned status = 603;
    if (why && view_ieq(why->protocol, VIEW("SIP")) && why->cause >= 300 && why->cause <= 699)
        status = why->cause;
    if (!sip_invite_reject(inv, status, reason))
        return;
    sip_invite_note_end(inv, SIP_INVITE_LOCAL, 500, AHOY_ERR_NOMEM, NULL);
    sip_invite_over(inv); /* the transaction answers for itself */
}

void sip_invite_hangup(struct sip_invite *inv, const struct sip_invite_reason *why)
{
    buf_clear(&inv->bye_headers);
    if (why && !view_empty(why->protocol))
        sip_invite_put_reason(why, &inv->bye_headers);
    if (buf_err(&inv->bye_headers))
        buf_clear(&inv->bye_headers); /* without a reason, then */
    switch (inv->state) {
    case SIP_INVITE_CALLING:
    case SIP_INVITE_INCOMING:
    case SIP_INVITE_EARLY:
        if (!inv->is_caller) {
            reject_call(inv, why, buf_content(&inv->bye_headers));
        } else if (sip_invite_move(inv, INVITE_EV_HANGUP)) {
            sip_invite_note_end(inv, SIP_INVITE_LOCAL, 487, AHOY_OK, NULL);
            sip_invite_cancel_call(inv, buf_content(&inv->bye_headers));
        }
        break;
    case SIP_INVITE_ANSWERED:
    case SIP_INVITE_CONFIRMED: sip_invite_break(inv, SIP_INVITE_LOCAL, 200, AHOY_OK, NULL); break;
    case SIP_INVITE_CANCELLING:
    case SIP_INVITE_ENDING:
    case SIP_INVITE_ENDED: break;
    }
}

void sip_invite_release(struct sip_invite *inv)
{
    if (!inv)
        return;
    inv->handler = (struct sip_invite_handler){ 0 };
    inv->released = true;
    sip_invite_hangup(inv, NULL);
    sip_invite_look(inv);
}

/* ---- what owners ask --------------------------------------------------------------------------------------------- */

void sip_invite_set_handler(struct sip_invite *inv, const struct sip_invite_handler *handler)
{
    inv->handler = *handler;
}

enum ahoy_err sip_invite_set_account(struct sip_invite *inv, struct sip_auth *auth, struct view contact)
{
    char *copy = NULL;
    if (!view_empty(contact)) {
        copy = view_dup(contact);
        if (!copy)
            return AHOY_ERR_NOMEM;
    }
    mem_free(inv->contact);
    inv->contact = copy;
    inv->auth = auth;
    return AHOY_OK;
}

enum ahoy_err sip_invite_answer(struct sip_invite *inv, const struct sip_body *body)
{
    if (!inv->owes_ack) {
        if (!inv->in.pending || inv->state != SIP_INVITE_CONFIRMED)
            return AHOY_ERR_STATE;
        return sip_invite_accept(inv, (struct view){ 0 }, body);
    }
    enum ahoy_err err = inv->re ? sip_invite_re_answer(inv, body) : sip_invite_ack_call(inv, body);
    if (err)
        return err;
    inv->owes_ack = false;
    sip_invite_check_ready(inv);
    return AHOY_OK;
}

void sip_invite_check_ready(struct sip_invite *inv)
{
    if (!inv->want_reinvite || inv->state != SIP_INVITE_CONFIRMED || sys_timer_running(&inv->glare)
        || sip_invite_is_negotiating(inv))
        return;
    inv->want_reinvite = false;
    sip_invite_tell(inv, INVITE_TELL_READY);
}

enum sip_invite_state sip_invite_state(const struct sip_invite *inv)
{
    return inv->state;
}

struct sip_dialog *sip_invite_dialog(const struct sip_invite *inv)
{
    if (inv->dialog || list_empty(&inv->forks))
        return inv->dialog;
    return LIST_ENTRY(list_first(&inv->forks), struct invite_fork, link)->dialog;
}

struct view sip_invite_call_id(const struct sip_invite *inv)
{
    if (!inv->is_caller)
        return inv->dialog ? sip_dialog_call_id(inv->dialog) : (struct view){ 0 };
    return view_str(inv->own_call_id ? inv->own_call_id : inv->call_id);
}

struct view sip_invite_local_tag(const struct sip_invite *inv)
{
    if (!inv->is_caller)
        return inv->dialog ? sip_dialog_local_tag(inv->dialog) : (struct view){ 0 };
    return view_str(inv->local_tag);
}

bool sip_invite_is_negotiating(const struct sip_invite *inv)
{
    return inv->state < SIP_INVITE_CONFIRMED || inv->re || inv->owes_ack || sip_invite_in_busy(inv);
}

void sip_invite_put_contact(const struct sip_invite *inv, const struct sip_flow *flow, bool secure, struct buf *out)
{
    struct buf uri;
    struct view text;
    if (inv->contact) {
        buf_printf(out, "Contact: %s\r\n", inv->contact);
        return;
    }
    buf_init(&uri, SIP_DIALOG_MAX_TEXT_BYTES);
    sip_flow_put_contact_uri(flow, view_str(inv->contact_user), &uri);
    text = buf_content(&uri);
    if (buf_err(&uri))
        out->err = out->err ? out->err : buf_err(&uri);
    buf_str(out, "Contact: <");
    if (secure && view_istarts(text, VIEW("sip:"))) { /* RFC 3261 section 12.1.1 */
        buf_str(out, "sips:");
        text = view_from(text, 4);
    }
    buf_view(out, text);
    buf_str(out, ">\r\n");
    buf_fini(&uri);
}

/* ---- bodies and reasons ------------------------------------------------------------------------------------------ */

void sip_body_of(const struct sip_msg *m, struct sip_body *out)
{
    struct view disposition = sip_msg_value(m, SIP_HDR_CONTENT_DISPOSITION), kind, sdp;
    *out = (struct sip_body){ 0 };
    if (view_empty(m->body))
        return;
    kind = view_trim(view_cut(&disposition, ';'));
    if (!view_empty(kind) && !view_ieq(kind, VIEW("session")))
        return; /* early-session (RFC 3959), icon, alert: no offer and no answer */
    if (!sip_msg_body_of_type(m, VIEW("application"), VIEW("sdp"), &sdp)) {
        *out = (struct sip_body){ .type = VIEW("application/sdp"), .data = sdp };
        return;
    }
    *out = (struct sip_body){ .type = sip_msg_value(m, SIP_HDR_CONTENT_TYPE), .data = m->body };
}

static bool read_reason(struct view item, struct sip_invite_reason *out)
{
    struct view rest = item, value;
    struct view protocol = view_trim(view_cut(&rest, ';'));
    struct view params = view_from(item, view_find(item, ';'));
    uint32_t cause = 0;
    if (view_empty(protocol))
        return false;
    if (sip_param(params, VIEW("cause"), &value) && view_u32(value, &cause))
        return false;
    *out = (struct sip_invite_reason){ .protocol = protocol, .cause = cause };
    if (sip_param(params, VIEW("text"), &value)) {
        if (value.n >= 2 && value.p[0] == '"' && value.p[value.n - 1] == '"')
            value = view_of(value.p + 1, value.n - 2);
        out->text = value;
    }
    return true;
}

enum ahoy_err sip_invite_reason_of(const struct sip_msg *m, struct sip_invite_reason *out)
{
    struct sip_invite_reason reason, first;
    bool found = false;
    for (const struct sip_hdr *h = sip_msg_first(m, SIP_HDR_REASON); h; h = sip_msg_next(m, h)) {
        struct view rest = h->value, item;
        while (sip_list_next(&rest, &item)) {
            if (!read_reason(item, &reason))
                continue;
            if (view_ieq(reason.protocol, VIEW("SIP"))) {
                *out = reason;
                return AHOY_OK;
            }
            if (!found)
                first = reason;
            found = true;
        }
    }
    if (!found)
        return AHOY_ERR_NOT_FOUND;
    *out = first;
    return AHOY_OK;
}

void sip_invite_put_reason(const struct sip_invite_reason *why, struct buf *out)
{
    buf_str(out, "Reason: ");
    buf_view(out, why->protocol);
    if (why->cause)
        buf_printf(out, ";cause=%u", why->cause);
    if (!view_empty(why->text)) {
        buf_str(out, ";text=\"");
        for (size_t i = 0; i < why->text.n; i++) {
            char c = why->text.p[i];
            if (c == '"' || c == '\\')
                buf_char(out, '\\');
            buf_char(out, c == '\r' || c == '\n' ? ' ' : c);
        }
        buf_char(out, '"');
    }
    buf_str(out, "\r\n");
}
