/* Changing a call that stands: hold, resume, other codecs. One at a time; RFC 3261 section 14, RFC 3264 section 8. */
#include "ua/call.h"

static void hold_again(struct ua_call *c)
{
    if (!c->hold_later || c->over)
        return;
    c->hold_later = false;
    ua_call_hold_later(c);
}

/* How it came out; what was wished and refused is not wished any more. */
static void change_over(struct ua_call *c, enum ahoy_err err, unsigned status)
{
    ahoy_command_id command = c->change_command;
    c->change_wanted = c->change_running = c->change_bad = false;
    c->change_command = 0;
    if (c->change_is_hold && !err) {
        ua_call_set_state(c, c->hold_wanted ? AHOY_CALL_HELD : AHOY_CALL_CONFIRMED);
    } else if (c->change_is_hold) {
        c->hold_wanted = !c->hold_wanted;
        media_session_set_hold(c->media, c->hold_wanted);
    }
    if (err)
        media_session_set_codecs(c->media, &c->config.codecs);
    else
        c->config.codecs = c->codecs_wanted;
    c->change_is_hold = false;
    ua_result(c->ua, command, err, status, NULL, 0);
    hold_again(c);
}

static enum ahoy_err send_change(struct ua_call *c)
{
    struct view none = view_of(NULL, 0);
    struct buf b;
    if (sip_invite_is_negotiating(c->inv)) /* AGAIN: it tells when it may be */
        return sip_invite_reinvite(c->inv, none, NULL);
    buf_init(&b, UA_SDP_BYTES);
    media_session_set_hold(c->media, c->hold_wanted);
    media_session_set_codecs(c->media, &c->codecs_wanted);
    enum ahoy_err err = media_session_offer(c->media, &b);
    struct sip_body body = { .type = VIEW("application/sdp"), .data = buf_content(&b) };
    if (!err && (err = sip_invite_reinvite(c->inv, none, &body)))
        media_session_rollback(c->media);
    c->change_running = err == AHOY_OK;
    if (err) /* the peer's offer that comes between is answered with what we have, not with what we wish */
        media_session_set_codecs(c->media, &c->config.codecs);
    buf_fini(&b);
    return err;
}

static enum ahoy_err change(struct ua_call *c, ahoy_command_id command)
{
    c->change_wanted = true;
    enum ahoy_err err = send_change(c);
    if (err && err != AHOY_ERR_AGAIN) {
        change_over(c, err, 0);
        return err;
    }
    c->change_command = command;
    return AHOY_OK;
}

static bool may_change(const struct ua_call *c)
{
    return !c->over && !c->change_wanted && c->inv && sip_invite_state(c->inv) == SIP_INVITE_CONFIRMED
           && c->media_ready;
}

enum ahoy_err ua_call_hold(struct ua_call *c, ahoy_command_id command, bool on)
{
    if (!may_change(c) || c->hold_wanted == on)
        return AHOY_ERR_STATE;
    c->codecs_wanted = c->config.codecs;
    c->hold_wanted = on;
    c->change_is_hold = true;
    return change(c, command);
}

enum ahoy_err ua_call_reinvite(struct ua_call *c, ahoy_command_id command, const struct media_codecs *codecs)
{
    if (!may_change(c))
        return AHOY_ERR_STATE;
    c->codecs_wanted = codecs ? *codecs : c->config.codecs;
    return change(c, command);
}

void ua_call_hold_later(struct ua_call *c)
{
    if (c->hold_wanted)
        return;
    if (c->change_wanted)
        c->hold_later = true; /* behind the change under way */
    else if (ua_call_hold(c, 0, true))
        log_write(c->ua->config.log, LOG_WARN, "ua", "the call cannot be put on hold now");
}

void ua_call_change_beaten(struct ua_call *c)
{
    if (!c->change_running)
        return;
    media_session_rollback(c->media);
    media_session_set_codecs(c->media, &c->config.codecs);
    c->change_running = false;
}

void ua_call_reinvite_ready(void *arg, struct sip_invite *inv)
{
    struct ua_call *c = arg;
    if (!c->change_wanted || sip_invite_is_negotiating(inv))
        return;
    ua_call_change_beaten(c); /* refused with 491: RFC 3261 section 14.1's wait is over */
    enum ahoy_err err = send_change(c);
    if (err && err != AHOY_ERR_AGAIN)
        change_over(c, err, 0);
}

void ua_call_reinvited(void *arg, struct sip_invite *inv, unsigned status, struct sip_msg *response)
{
    struct ua_call *c = arg;
    (void) inv;
    (void) response;
    if (status >= 200 && status < 300) {
        change_over(c, c->change_bad ? AHOY_ERR_FORMAT : AHOY_OK, status);
        return;
    }
    ua_call_change_beaten(c);
    change_over(c, status > 0 ? AHOY_ERR_REJECTED : AHOY_ERR_NOMEM, status);
}
