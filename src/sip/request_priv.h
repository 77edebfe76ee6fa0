/* What the files of sip/request.h share: request.c (the course of events), request_build.c (the message of a try) and
 * request_redirect.c (where 3xx leads). For these files alone. */
#ifndef AHOY_SIP_REQUEST_PRIV_H
#define AHOY_SIP_REQUEST_PRIV_H

#include "sip/request.h"

enum request_state {
    REQUEST_LOCATING, /* or about to */
    REQUEST_TRYING,   /* a transaction is under way */
    REQUEST_ENDING,   /* the outcome is decided and comes in a callback of its own */
    REQUEST_ACCEPTED, /* INVITE with a 2xx: more may come */
    REQUEST_OVER,
};

struct sip_request {
    enum request_state state;
    struct sip_request_handler handler;
    struct sip_locator *locator;
    struct sip_stack *stack;
    struct sip_auth *auth;
    struct sip_auth_try auth_try;

    /* what is sent; views into `text` */
    struct buf text;
    struct view method, routes, headers, content_type, body;
    bool is_invite, has_max_forwards, has_user_agent;
    void (*put_headers)(void *arg, struct sip_request *rq, const struct sip_flow *flow, struct buf *out);
    uint32_t (*next_cseq)(void *arg, struct sip_request *rq);
    bool flow_only, follow_redirects;
    uint32_t try_ms, flow_try_ms, timeout_ms;

    /* where to: the target set of RFC 3261 section 8.1.3.4 */
    char *uri[SIP_REQUEST_MAX_URIS];
    size_t uris, at;
    unsigned redirects;

    /* the present try */
    struct sip_locate *locate;
    struct sip_flow *own_flow; /* the configured one, while it is still to be tried */
    struct sip_flow *flow;
    struct sip_target target;
    bool skip_target; /* the configured flow's datagrams went unanswered: not there again at once */
    struct sip_target skip;
    struct sip_client_txn *txn;
    struct buf auth_lines;
    struct buf request_uri; /* as sent: the digest's uri */
    uint32_t cseq, first_cseq;
    unsigned tries;

    struct sys_timer turn; /* what must not come out of the owner's call */
    bool cancelled, followed;
    enum ahoy_err err;        /* why the last try failed … */
    struct sip_msg *response; /* … or what it was answered with */
};

/** What sip/auth.h is told of the present try. */
struct sip_auth_request request_auth(const struct sip_request *rq);

/** Prints the whole request for the present try, Via excepted; the credentials' lines are kept in rq->auth_lines. */
AHOY_MUST_USE enum ahoy_err request_build(struct sip_request *rq, struct buf *out);

/** Whether whole header lines contain one with this name (long form, without case). */
bool request_lines_have(struct view lines, struct view name);

/**
 * Puts the Contacts of a 3xx into the target set behind the present target, by q. Returns OK when the set grew; LOOP when
 * all were tried before or there were too many hops; NOT_FOUND without a usable Contact; NOMEM.
 */
AHOY_MUST_USE enum ahoy_err request_redirect(struct sip_request *rq, const struct sip_msg *response);

#endif
