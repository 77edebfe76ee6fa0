/* What register.c (the course of a registration) shares with register_text.c (what is written into a REGISTER and read
 * out of its answer). For these two files alone. */
#ifndef AHOY_SIP_REGISTER_PRIV_H
#define AHOY_SIP_REGISTER_PRIV_H

#include "sip/register.h"

enum { REGISTER_CALL_ID_CHARS = 24, REGISTER_TAG_CHARS = 12 };

struct sip_register {
    enum sip_register_state state;
    struct sip_register_handler handler;
    struct sip_locator *locator;
    struct sip_stack *stack;
    struct sip_register_config cfg; /* its views point into `text` */
    struct buf text;
    struct view user; /* of the Contact */
    char call_id[REGISTER_CALL_ID_CHARS + 1], tag[REGISTER_TAG_CHARS + 1];
    uint32_t cseq; /* of the next REGISTER */

    struct sip_request *request;
    struct sip_flow *flow;    /* of the last registration that worked */
    struct buf contact;       /* URI as registered, or being so */
    struct buf stale_contact; /* URI of a binding to be taken back with the next REGISTER; often empty */
    struct buf routes, path;  /* Service-Route and Path of the last 200 */
    bool has_public;
    struct addr public_addr;      /* what the server saw … */
    struct sip_flow *public_flow; /* … of this flow; referenced, so that no new one takes its place unseen */
    unsigned learnt;              /* times the public address changed without a quiet refresh between */

    uint32_t ask_s;              /* expires to ask for: raised by 423 */
    int64_t bound_until_us;      /* 0: not bound */
    unsigned raised;             /* 423 answered in a row */
    unsigned failures, refusals; /* in a row */
    bool stopping, sent_any;
    struct sys_timer due; /* the next REGISTER, or GONE */
    struct sys_timer stop_limit;
};

/** Whole header lines of a REGISTER, Contact excepted. */
void register_put_headers(const struct sip_register *r, struct buf *out);

/** Decides the Contact URI for this flow and writes the Contact lines. NOMEM sticks in `out`. */
void register_put_contact(struct sip_register *r, const struct sip_flow *flow, struct buf *out);

/** Expires of our binding as a 200 tells it: 0 when it says that there is none. */
uint32_t register_granted(const struct sip_register *r, const struct sip_msg *response);

/** All values of a header of a response, joined by commas. LIMIT, NOMEM; SYNTAX when they are no routes. */
AHOY_MUST_USE enum ahoy_err register_join_routes(const struct sip_msg *response, enum sip_hdr_id id, struct buf *out);

/**
 * The address that the server saw us come from, when a NAT stands between: Via's received and rport. False without one.
 */
bool register_seen(const struct sip_flow *flow, struct sip_msg *response, struct addr *out);

#endif
