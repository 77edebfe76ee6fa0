/* A call's life and what is told of it. */
#include "ua/call.h"

#include "base/mem.h"

#include <stdio.h>

enum { JUDGE_AFTER_MS = 1500 }; /* a shorter call says nothing about whether sound would have come */

/* ---- telling ----------------------------------------------------------------------------------------------------- */

static void fill_event(const struct ua_call *c, enum ahoy_call_state state, struct ahoy_event *e)
{
    *e = (struct ahoy_event){ .type = AHOY_EVENT_CALL_STATE };
    e->call.id = c->id;
    e->call.account = c->account_id;
    e->call.state = state;
    e->call.incoming = c->incoming;
    e->call.peer_uri = c->peer_uri;
    e->call.peer_name = c->peer_name;
    e->call.call_id = c->call_id;
    e->call.reason = c->end.reason;
    e->call.text = c->end.text;
}

void ua_call_emit(struct ua_call *c, enum ahoy_call_state state)
{
    struct ahoy_event e;
    fill_event(c, state, &e);
    ua_call_fill_stats(c, c->media ? media_session_stats(c->media) : NULL, &e.call.stats);
    ua_emit(c->ua, &e);
}

void ua_call_set_state(struct ua_call *c, enum ahoy_call_state state)
{
    if (c->state == state || c->over)
        return;
    c->state = state;
    ua_call_emit(c, state);
}

/* ---- life -------------------------------------------------------------------------------------------------------- */

static void answer_due(void *arg)
{
    struct ua_call *c = arg;
    if (c->answer_status >= 300)
        ua_call_hang_up(c, c->answer_status);
    else
        ua_call_answer_now(c, 200);
}

static void max_due(void *arg)
{
    ua_call_hang_up(arg, 0);
}

static void hold_due(void *arg)
{
    ua_call_hold_later(arg);
}

struct ua_call *ua_call_new(struct ua *ua, ahoy_call_id id, bool incoming)
{
    struct ua_call *c = mem_zalloc(sizeof *c);
    if (!c)
        return NULL;
    c->ua = ua;
    c->id = id;
    c->incoming = incoming;
    c->begun_us = sys_now_us(ua->loop);
    buf_init(&c->early, UA_SDP_BYTES);
    sys_timer_init(&c->answer_timer, answer_due, c);
    sys_timer_init(&c->max_timer, max_due, c);
    sys_timer_init(&c->hold_timer, hold_due, c);
    list_push_back(&ua->calls, &c->link);
    ua->call_count++;
    return c;
}

static void call_free(struct ua_call *c)
{
    struct ua *ua = c->ua;
    list_remove(&c->link);
    ua->call_count--;
    buf_fini(&c->early);
    ua_report_forget(c);
    mem_free(c->uri);
    mem_free(c->from);
    mem_free(c->routes);
    mem_free(c);
    ua_check_left(ua);
}

/* Sound that should have come and did not is a failure, though the signalling was perfect. */
static void judge_sound(struct ua_call *c, const struct media_stats *m)
{
    if (c->end.cause != AHOY_CAUSE_NONE || c->answered_us == 0 || !c->info.running
        || c->ended_us - c->answered_us < SYS_MS(JUDGE_AFTER_MS))
        return;
    bool hears = c->info.receiving && !c->hold_wanted && !c->held_by_peer, speaks = c->info.sending && !c->held_by_peer;
    bool in_missing = hears && m->rtp_in == 0;
    bool out_missing = speaks && (m->rtp_out == 0 || m->remote_refuses || (m->remote_deaf && !m->remote_hears));
    const char *text;
    struct buf why;
    if (!in_missing && !out_missing)
        return;
    buf_init(&why, UA_TEXT_BYTES);
    c->end.cause = in_missing && !m->remote_hears ? AHOY_CAUSE_NO_RTP : AHOY_CAUSE_ONE_WAY;
    if (in_missing && ua_call_why_silent(c, m, &why))
        text = buf_cstr(&why);
    else if (c->end.cause == AHOY_CAUSE_NO_RTP)
        text = "the call stood, but no sound came; a firewall or NAT may keep RTP out, see `ahoy doctor`";
    else if (in_missing)
        text = "the other side hears us, but nothing comes back; a firewall or NAT may drop it, see `ahoy doctor`";
    else
        text = "the other side hears nothing; a firewall or NAT may drop what we send, see `ahoy doctor`";
    (void) view_copy(view_str(text), c->end.text, sizeof c->end.text);
    buf_fini(&why);
}

static void tell_end(struct ua_call *c, const struct media_stats *m)
{
    struct ahoy_event e;
    if (m) {
        judge_sound(c, m);
        ua_report_end(c, m);
    }
    fill_event(c, AHOY_CALL_ENDED, &e);
    e.call.cause = c->end.cause;
    e.call.ended_by_peer = c->end.by_peer;
    e.call.sip_status = (uint16_t) c->end.status;
    ua_call_fill_stats(c, m, &e.call.stats);
    ua_emit(c->ua, &e);
}

void ua_call_media_closed(struct ua_call *c, const struct media_stats *m)
{
    c->media = NULL;
    tell_end(c, m);
    call_free(c);
}

static void finish(struct ua_call *c)
{
    c->over = true;
    c->state = AHOY_CALL_ENDED;
    c->ended_us = sys_now_us(c->ua->loop);
    ua_call_ring_no_more(c);
    ua_call_end_tone(c);
    sys_timer_stop(&c->answer_timer);
    sys_timer_stop(&c->max_timer);
    sys_timer_stop(&c->hold_timer);
    sip_locate_destroy(c->locate);
    c->locate = NULL;
    if (c->ua->config.engine->quality_collector)
        ua_report_keep_names(c);
    sip_invite_release(c->inv);
    c->inv = NULL;
    ua_result(c->ua, c->answer_command, AHOY_ERR_CANCELLED, c->end.status, "the call has ended", 0);
    ua_result(c->ua, c->change_command, AHOY_ERR_CANCELLED, c->end.status, "the call has ended", 0);
    c->answer_command = c->change_command = 0;
    bool sounds = c->media != NULL;
    if (sounds) /* before the conference is told, so that who stays in it takes the device over */
        media_session_close(c->media);
    ua_conference_forget(c);
    if (sounds)
        return;
    tell_end(c, NULL);
    call_free(c);
}

/* What it ended for, in a sentence for people. */
static void put_sentence(struct ua_call *c, unsigned status, enum ahoy_err err, const struct cause_subject *subject)
{
    struct buf text;
    buf_init(&text, UA_TEXT_BYTES - 1);
    cause_sentence(status, err, subject, &text);
    (void) view_copy(buf_content(&text), c->end.text, sizeof c->end.text);
    buf_fini(&text);
}

/* What only encrypted signalling could reach. */
static bool wants_tls(const struct ua_call *c)
{
    struct sip_uri u;
    struct view transport;
    if (sip_uri_parse(view_str(c->peer_uri), &u))
        return false;
    return u.scheme == SIP_SCHEME_SIPS
           || (sip_uri_param(&u, VIEW("transport"), &transport)
               && (view_ieq(transport, VIEW("tls")) || view_ieq(transport, VIEW("wss"))));
}

void ua_call_finish(struct ua_call *c, unsigned status, enum ahoy_err err, bool by_peer, struct view reason)
{
    struct cause_subject subject = { .peer = view_str(c->peer_uri), .reason = reason };
    if (status < 300)
        subject.why = reason;
    struct sip_uri u;
    if (c->over)
        return;
    if (status < 300 && !sip_uri_parse(view_str(c->peer_uri), &u))
        subject.server = u.host;
    if (status < 300 && err == AHOY_ERR_UNSUPPORTED && wants_tls(c)) {
        err = AHOY_ERR_TLS;
        subject.why = VIEW(
            "encrypted signalling (TLS) is not built in yet; an address with sip: and udp or tcp goes in clear");
    }
    if (c->itself && status == 482)
        subject.why = VIEW(
            "that address leads back to this telephone itself; start the other one first, or call another");
    subject.no_password = !c->account || !c->account->has_password;
    c->end.cause = cause_of(status, err);
    c->end.by_peer = by_peer;
    c->end.status = status;
    (void) view_copy(reason, c->end.reason, sizeof c->end.reason);
    put_sentence(c, status, err, &subject);
    finish(c);
}

void ua_call_finish_unanswered(struct ua_call *c)
{
    char why[96];
    if (c->over)
        return;
    (void) snprintf(why, sizeof why, "not answered within %u s%s; try again later", (unsigned) c->ring_s,
                    c->state == AHOY_CALL_CALLING ? ", nor did it ring there" : "");
    c->end.cause = AHOY_CAUSE_NO_ANSWER;
    put_sentence(c, 0, AHOY_ERR_TIMEOUT,
                 &(struct cause_subject){ .peer = view_str(c->peer_uri), .why = view_str(why) });
    finish(c);
}

void ua_call_finish_quietly(struct ua_call *c, bool by_peer, unsigned status, struct view reason)
{
    if (c->over)
        return;
    c->end.by_peer = by_peer;
    c->end.status = status;
    (void) view_copy(reason, c->end.reason, sizeof c->end.reason);
    finish(c);
}

/* ---- all of them ------------------------------------------------------------------------------------------------- */

void ua_calls_hang_up_all(struct ua *ua)
{
    LIST_EACH(k, &ua->calls)
        ua_call_hang_up(LIST_ENTRY(k, struct ua_call, link), 0);
}

void ua_calls_drop(struct ua *ua)
{
    LIST_EACH(k, &ua->calls)
        ua_call_finish_quietly(LIST_ENTRY(k, struct ua_call, link), false, 0, VIEW("the telephone was switched off"));
}

void ua_calls_forget_account(struct ua *ua, const struct ua_account *a)
{
    LIST_EACH(k, &ua->calls) {
        struct ua_call *c = LIST_ENTRY(k, struct ua_call, link);
        if (c->account == a)
            c->account = NULL;
    }
}
