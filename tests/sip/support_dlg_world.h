/*
 * A telephone (stack, locator, agent) in the simulated network at 192.0.2.1:5060, and a peer at 192.0.2.2:5060 that
 * sends what the test writes and keeps what it gets. What the owner of legs hears is written down as text, so a test
 * compares one line: "progress 180; answer ans; confirmed; ended remote 200 confirmed".
 */
#ifndef AHOY_TESTS_SIP_SUPPORT_DLG_WORLD_H
#define AHOY_TESTS_SIP_SUPPORT_DLG_WORLD_H

#include "sip/invite.h"
#include "support/t.h"
#include "sys/sim.h"

enum { DLG_MAX_GOT = 256, DLG_MAX_LEGS = 8 };

struct dlg_world {
    struct sim *sim;
    struct sys_host *host, *peer_host;
    struct sys_loop *loop, *peer_loop;
    struct sip_stack *stack;
    struct sip_locator *locator;
    struct sip_ua *ua;
    struct sys_udp *udp;
    struct sip_msg *got[DLG_MAX_GOT]; /* what the peer received, oldest first */
    int64_t got_us[DLG_MAX_GOT];
    size_t got_count;
    uint32_t peer_cseq;
    uint16_t port;                        /* of the telephone, where the peer sends: 5060 */
    struct sip_invite *leg[DLG_MAX_LEGS]; /* made or come, not released yet */
    size_t legs;
    struct sip_invite *inv;  /* the newest one, NULL once released */
    struct sip_dialog *fork; /* of the last progress */
    struct buf log;
    char text[8192]; /* the log as dlg_log gave it last */
    /* what the owner does */
    bool untaken;            /* does not take incoming legs */
    unsigned ring;           /* on an incoming leg: send this at once */
    const char *accept_with; /* and accept with this body */
    const char *offer_with;  /* an offer is answered by this at once; NULL: later, by the test */
    unsigned refuse_offer;   /* or refused by this */
    bool hangup_on_answer;
    unsigned info_status;
    bool takes_requests; /* the request hook says 202 */
};

/** `cfg` may be NULL. False: out of memory (or worse, and the test has failed). Ends with dlg_fini either way. */
bool dlg_init(struct t *t, struct dlg_world *w, const struct sip_ua_config *cfg);

/**
 * Lets go of all legs, lets the longest timers pass with a silent peer, and then nothing may be left: no transaction,
 * and no leg and no dialog even when an allocation failed.
 */
void dlg_fini(struct t *t, struct dlg_world *w);

void dlg_run(struct dlg_world *w, int64_t ms);

/** Calls sip:bob@192.0.2.2 with this offer (NULL: none); the leg is w->inv. */
enum ahoy_err dlg_call(struct dlg_world *w, const char *offer);

/** The nth (from 0) message the peer got that begins so: "ACK ", "SIP/2.0 487"; NULL without. */
struct sip_msg *dlg_find(struct dlg_world *w, const char *start, size_t nth);
size_t dlg_count(struct dlg_world *w, const char *start);
int64_t dlg_time_ms(struct dlg_world *w, const char *start, size_t nth); /* its arrival; -1 without */

/** Whether a message holds a text anywhere in its bytes. */
bool dlg_has(const struct sip_msg *m, const char *text);

/** Sends raw bytes from the peer; LF alone becomes CRLF. */
void dlg_send(struct dlg_world *w, const char *fmt, ...) AHOY_PRINTF(2, 3);

/**
 * Answers a request the peer got: To tag (NULL: none), more header lines (with \n; NULL: none) and an SDP body (NULL:
 * none). A Contact of <sip:bob@192.0.2.2> is added unless `lines` has one.
 */
void dlg_reply(struct dlg_world *w, struct sip_msg *request, unsigned status, const char *tag, const char *lines,
               const char *body);

/** The peer's first INVITE to the telephone: Call-ID "in-call", From tag "peer", CSeq 1, branch z9hG4bKin1. */
void dlg_invite(struct dlg_world *w, const char *lines, const char *body);

/**
 * A request of the peer inside the dialog of a leg; CSeq goes up by itself except for ACK, which has `cseq` of its
 * INVITE.
 */
void dlg_request(struct dlg_world *w, struct sip_invite *inv, const char *method, uint32_t cseq, const char *lines,
                 const char *body);

/** ACK from the peer for the callee's 2xx to its INVITE with this CSeq. */
void dlg_ack(struct dlg_world *w, struct sip_invite *inv, uint32_t cseq, const char *body);

/** The log so far as text; it is empty afterwards. Valid until the next call. */
const char *dlg_log(struct dlg_world *w);

/** Releases the leg w->inv and forgets it. */
void dlg_release(struct dlg_world *w);

/**
 * A call that is up: the telephone called (answered by the peer, tag "b1"), or was called. False: it did not come
 * about.
 */
bool dlg_establish_out(struct dlg_world *w);
bool dlg_establish_in(struct dlg_world *w);

#endif
