#include "ua/cause.h"

static enum ahoy_cause cause_of_status(unsigned status)
{
    switch (status) {
    case 401:
    case 403:
    case 407: return AHOY_CAUSE_AUTH;
    case 404:
    case 410:
    case 484:
    case 485:
    case 604: return AHOY_CAUSE_NOT_FOUND;
    case 408:
    case 480:
    case 487: return AHOY_CAUSE_NO_ANSWER;
    case 486:
    case 600: return AHOY_CAUSE_BUSY;
    case 488:
    case 606: return AHOY_CAUSE_NOT_ACCEPTABLE;
    case 603:
    case 607:
    case 608: return AHOY_CAUSE_DECLINED;
    default: return AHOY_CAUSE_SIP;
    }
}

enum ahoy_cause cause_of(unsigned status, enum ahoy_err err)
{
    if (status >= 300)
        return cause_of_status(status);
    switch (err) {
    case AHOY_OK: return AHOY_CAUSE_NONE;
    case AHOY_ERR_DNS_NAME:
    case AHOY_ERR_DNS_EMPTY:
    case AHOY_ERR_DNS_SERVER: return AHOY_CAUSE_DNS;
    case AHOY_ERR_TIMEOUT:
    case AHOY_ERR_REFUSED:
    case AHOY_ERR_UNREACHABLE:
    case AHOY_ERR_RESET:
    case AHOY_ERR_CLOSED:
    case AHOY_ERR_END: return AHOY_CAUSE_NO_ANSWER_NET;
    case AHOY_ERR_TLS: return AHOY_CAUSE_TLS;
    case AHOY_ERR_AUTH: return AHOY_CAUSE_AUTH;
    case AHOY_ERR_ADDR_IN_USE:
    case AHOY_ERR_ADDR_UNAVAILABLE:
    case AHOY_ERR_ACCESS:
    case AHOY_ERR_IO: return AHOY_CAUSE_LOCAL_SOCKET;
    case AHOY_ERR_DEVICE: return AHOY_CAUSE_DEVICE;
    case AHOY_ERR_CONFIG:
    case AHOY_ERR_STATE: /* an account was needed and there is none */
    case AHOY_ERR_INVAL:
    case AHOY_ERR_SYNTAX: return AHOY_CAUSE_CONFIG;
    case AHOY_ERR_FORMAT:
    case AHOY_ERR_UNSUPPORTED: return AHOY_CAUSE_NOT_ACCEPTABLE;
    default: return AHOY_CAUSE_SIP;
    }
}

/* What a status means, in words that need no knowledge of SIP, and what to do. */
static const char *text_of_status(unsigned status, bool no_password)
{
    switch (status) {
    case 401:
    case 407:
        if (no_password)
            return "the server wants a user name and a password, and none was given; give them with --user and --password-env, "
                   "or store an account: `ahoy account add`";
        return "the server refused the user name or password; check both, or the account's user for authentication";
    case 403: return "the server forbids it; the account may be blocked, or not allowed to do this";
    case 404: return "nobody of that name is known there; check the address";
    case 405:
    case 501: return "the other side does not know this request";
    case 406:
    case 415: return "the other side does not understand the kind of message";
    case 408: return "the other side did not answer in time; try again later";
    case 410: return "that address does not exist any more";
    case 416: return "the other side does not know this kind of address";
    case 420:
    case 421: return "both sides do not support the same extensions";
    case 423: return "the server wants longer registrations";
    case 480: return "not available at the moment; try again later";
    case 481: return "the other side has forgotten the call";
    case 482:
    case 483: return "the request went in circles; a server or forwarding is misconfigured";
    case 484: return "the number is incomplete";
    case 485: return "the address is ambiguous";
    case 486:
    case 600: return "busy; try again later";
    case 487: return "not answered";
    case 488:
    case 606: return "no codec or kind of sound in common; offer others with --codec";
    case 491: return "both sides changed the call at the same time; try again";
    case 500:
    case 502: return "the server has a problem of its own; try again later";
    case 503: return "the server is overloaded or out of service; try again later";
    case 504: return "the server got no answer from another one; try again later";
    case 505: return "the server speaks another version of SIP";
    case 513: return "the message is too large for the server";
    case 603: return "the call was declined";
    case 604: return "that address exists nowhere";
    default:
        return status < 400 ? "the call was sent elsewhere, and nowhere could it be placed" : "the other side refused";
    }
}

static const char *text_of_err(enum ahoy_err err)
{
    switch (err) {
    case AHOY_ERR_DNS_NAME: return "the name of the server was not found; check its spelling and the network";
    case AHOY_ERR_DNS_EMPTY:
        return "the name exists, but no SIP server is listed for it; name the server with --proxy or --registrar";
    case AHOY_ERR_DNS_SERVER: return "the name server does not answer; check the network connection";
    case AHOY_ERR_TIMEOUT:
        return "no answer from the server; check its address and port, and whether a firewall is between";
    case AHOY_ERR_REFUSED: return "nothing listens at that address and port; check both, and that the server runs";
    case AHOY_ERR_UNREACHABLE: return "there is no way to that address; check the network connection";
    case AHOY_ERR_RESET:
    case AHOY_ERR_CLOSED:
    case AHOY_ERR_END: return "the server closed the connection; try again, or use another transport";
    case AHOY_ERR_ADDR_IN_USE: return "the local port is in use; choose another with --bind or --media-ports";
    case AHOY_ERR_ADDR_UNAVAILABLE: return "the local address does not exist on this machine; check --bind";
    case AHOY_ERR_AUTH: return "the server refused the user name or password; check both";
    case AHOY_ERR_NOT_FOUND:
        return "the server wants a password and none fits; give user name and password of this account";
    case AHOY_ERR_UNSUPPORTED: return "what the other side asks for is not supported";
    case AHOY_ERR_LOOP:
        return "the call was sent from one place to the next without end; a forwarding is misconfigured";
    case AHOY_ERR_SYNTAX:
    case AHOY_ERR_INVAL: return "the address cannot be understood; it should look like sip:name@host";
    case AHOY_ERR_DEVICE: return "the sound device cannot be used; `ahoy devices ls` lists those there are";
    case AHOY_ERR_LIMIT: return "too many at the same time";
    default: return ahoy_err_text(err);
    }
}

void cause_sentence(unsigned status, enum ahoy_err err, const struct cause_subject *s, struct buf *out)
{
    if (!view_empty(s->peer)) {
        buf_view(out, s->peer);
        buf_str(out, ": ");
    }
    if (!view_empty(s->why))
        buf_view(out, s->why);
    else
        buf_str(out, status >= 300 ? text_of_status(status, s->no_password) : text_of_err(err));
    if (status >= 300) {
        buf_printf(out, " (%u", status);
        if (!view_empty(s->reason)) {
            buf_char(out, ' ');
            buf_view(out, s->reason);
        }
        if (!view_empty(s->server)) {
            buf_str(out, ", from ");
            buf_view(out, s->server);
        }
        buf_char(out, ')');
    } else if (!view_empty(s->server) && view_search(s->peer, s->server) == s->peer.n) { /* not said yet */
        buf_str(out, " (");
        buf_view(out, s->server);
        buf_char(out, ')');
    }
}
