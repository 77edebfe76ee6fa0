#include "cli/ending.h"

#include <string.h>

static const char *refusal(unsigned status)
{
    if (status == 481)
        return "the other side has forgotten the call";
    if (status == 482)
        return "it came back to us";
    if (status >= 300 && status < 400)
        return "it was sent elsewhere, and could be placed nowhere";
    return status >= 500 && status < 600 ? "the server failed" : "refused";
}

/* Why nothing came of it. */
static const char *failure(enum ahoy_cause cause, unsigned status, const struct ending_side *side)
{
    switch (cause) {
    case AHOY_CAUSE_DNS: return "no address for the name of the server";
    case AHOY_CAUSE_NO_ANSWER_NET: return "not reachable";
    case AHOY_CAUSE_TLS: return "no encrypted connection";
    case AHOY_CAUSE_AUTH:
        return status == 403        ? "forbidden"
               : side->has_password ? "wrong user name or password"
                                    : "a user name and a password are needed";
    case AHOY_CAUSE_LOCAL_SOCKET: return "no local port or socket for it";
    case AHOY_CAUSE_DEVICE: return "no sound device";
    case AHOY_CAUSE_CONFIG: return "the address or the settings do not allow it";
    case AHOY_CAUSE_BUSY: return "busy";
    case AHOY_CAUSE_DECLINED: return "declined";
    case AHOY_CAUSE_NOT_FOUND: return "nobody of that address there";
    case AHOY_CAUSE_NO_ANSWER: return status == 480 ? "not available" : "not answered";
    case AHOY_CAUSE_NOT_ACCEPTABLE: return "no kind of sound in common";
    case AHOY_CAUSE_SIP: return refusal(status);
    case AHOY_CAUSE_NONE:
    case AHOY_CAUSE_NO_RTP:
    case AHOY_CAUSE_ONE_WAY: break;
    }
    return "it came to an end";
}

static void add_status(unsigned status, const char *reason, struct text *out)
{
    if (status < 300)
        return;
    text_add(out, " (%u%s", status, reason && *reason ? " " : "");
    if (reason)
        text_clean(out, reason, strlen(reason), false);
    text_add(out, ")");
}

/* It stood. Sound that was missing is told by the verdict, and did not end it. */
static void talked(const struct ahoy_event *e, const struct ending_side *side, struct text *out)
{
    enum ahoy_cause cause = e->call.cause;
    bool somebody = cause == AHOY_CAUSE_NONE || cause == AHOY_CAUSE_NO_RTP || cause == AHOY_CAUSE_ONE_WAY;
    text_add(out, "call ended after %.1f s: ", e->call.stats.duration_ms / 1000.0);
    if (somebody && e->call.ended_by_peer)
        text_add(out, "the other side hung up");
    else if (somebody && !side->leaving && side->max_s > 0 && e->call.stats.duration_ms >= side->max_s * UINT64_C(1000))
        text_add(out, "we hung up, as --max %u says", (unsigned) side->max_s);
    else if (somebody)
        text_add(out, "we hung up");
    else
        text_add(out, "%s",
                 cause == AHOY_CAUSE_NO_ANSWER_NET ? "the other side is gone"
                                                   : failure(cause, e->call.sip_status, side));
    add_status(e->call.sip_status, e->call.reason, out);
}

static void incoming(const struct ahoy_event *e, const struct ending_side *side, struct text *out)
{
    if (e->call.ended_by_peer) {
        text_add(out, "missed call: the caller gave up");
        return;
    }
    if (e->call.cause == AHOY_CAUSE_NONE) {
        text_add(out, "no call: we refused");
    } else if (e->call.cause == AHOY_CAUSE_NO_ANSWER) {
        text_add(out, "missed call: nobody answered here");
        return;
    } else {
        text_add(out, "no call: %s", failure(e->call.cause, e->call.sip_status, side));
    }
    add_status(e->call.sip_status, e->call.reason, out);
}

void ending_call(const struct ahoy_event *e, const struct ending_side *side, struct text *out)
{
    if (e->call.stats.duration_ms > 0 || (e->call.sip_status >= 200 && e->call.sip_status < 300)) {
        talked(e, side, out);
    } else if (e->call.incoming) {
        incoming(e, side, out);
    } else if (e->call.cause == AHOY_CAUSE_NONE && !e->call.ended_by_peer) {
        text_add(out, "no call: we gave up");
    } else {
        text_add(out, "no call: %s", failure(e->call.cause, e->call.sip_status, side));
        if (e->call.cause == AHOY_CAUSE_NO_ANSWER && e->call.sip_status == 0)
            text_add(out, " within %u s", (unsigned) side->give_up_after_s);
        add_status(e->call.sip_status, e->call.reason, out);
    }
}

void ending_account(const struct ahoy_event *e, const struct ending_side *side, struct text *out)
{
    text_add(out, "%s", failure(e->account.cause, e->account.sip_status, side));
    add_status(e->account.sip_status, NULL, out);
}
