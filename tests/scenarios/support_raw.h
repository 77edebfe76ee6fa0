/*
 * A peer made of text: sends SIP and RTP as a test spells them out and remembers what it got. It answers BYE, CANCEL
 * and OPTIONS by itself and acknowledges; everything else is the test's. For what no telephone of ours would send.
 */
#ifndef AHOY_TESTS_SUPPORT_RAW_H
#define AHOY_TESTS_SUPPORT_RAW_H

#include "support/t.h"
#include "sys/sim.h"

enum { RAW_TEXT = 8192 };

struct raw {
    struct sys_loop *loop;
    struct sys_udp *sip, *rtp, *rtcp;
    struct sys_timer talk;
    struct addr local, peer; /* peer: where its signalling goes */
    struct addr media;       /* where its RTP goes; from the last SDP received */
    char ip[64];
    char invite[RAW_TEXT];   /* the last INVITE received */
    char request[RAW_TEXT];  /* the last request of any other kind */
    char response[RAW_TEXT]; /* the last response */
    char sdp[RAW_TEXT];      /* the last description received */
    char to_tag[64];         /* of the phone, when we called */
    unsigned cseq;
    unsigned invites, acks, byes, cancels, registers, others, status; /* status: of the last final response */
    unsigned publish_status, publishes;                               /* how PUBLISH is answered; 0: 200 */
    char published[RAW_TEXT];                                         /* the last one */
    unsigned rtp_in, rtcp_in;
    unsigned by_pt[128];
    uint32_t heard_ssrc; /* of the last RTP packet */
    uint8_t last_payload[2048];
    size_t last_n;
    /* what it sends while it talks */
    unsigned pt, ptime_ms;
    uint16_t seq;
    uint32_t ts, ssrc;
    double phase;
    unsigned register_status, register_expires; /* a registrar's answer; 0: none */
    char nonce[40];                             /* not "": REGISTER without credentials is challenged */
};

AHOY_MUST_USE enum ahoy_err raw_open(struct raw *r, struct sim *sim, struct sys_host *host, const char *ip);
void raw_close(struct raw *r);

/* Answers the last INVITE (a re-INVITE too). `sdp` NULL: none. "%s" in it stands for the own address. */
void raw_answer(struct raw *r, unsigned status, const char *sdp);

/* Calls sip:user@to_ip; a 2xx is acknowledged (with `ack_sdp` when the offer came late; may be NULL). */
void raw_call(struct raw *r, const char *to_ip, const char *sdp);

/* A request in the dialog of raw_call, or of the last INVITE received. */
void raw_request(struct raw *r, const char *method, const char *type, const char *body);

/* PCMU at 40001 … one packet of a 440 Hz tone each ptime, until raw_hush. */
void raw_talk(struct raw *r, unsigned pt, unsigned ptime_ms);
void raw_hush(struct raw *r);
/* The tone from another port from now on: as when a NAT forgets. */
AHOY_MUST_USE enum ahoy_err raw_move(struct raw *r);

/* One RTP packet. */
void raw_send_rtp(struct raw *r, unsigned pt, bool marker, uint32_t ts, const void *payload, size_t n);

/* A receiver's report on what was heard, from the port of its own that RTCP has: `fraction` of 256 lost. */
void raw_report(struct raw *r, uint8_t fraction);

/* "v=0…m=audio 40000 RTP/AVP …" with the lines behind; `%s` as above. Static storage of the caller's. */
#define RAW_SDP(formats, lines)                                                                                        \
    "v=0\r\no=- 1 1 IN IP4 %s\r\ns=-\r\nc=IN IP4 %s\r\nt=0 0\r\nm=audio 40000 RTP/AVP " formats "\r\n" lines

#endif
