/* What the files of a media session's signalling half share. Private to media/. */
#ifndef AHOY_MEDIA_SESSION_PRIV_H
#define AHOY_MEDIA_SESSION_PRIV_H

#include "media/stream.h"
#include "sys/dns.h"

enum { MEDIA_DIGITS_MAX = 100 };

/* Muting cannot fail: its message is part of the session, goes down and comes back before it goes down again. */
struct media_mute {
    struct sys_msg msg;
    bool mic, hold; /* as sent: the worker's while it flies */
    bool flying;
};

struct media_session {
    struct media_engine *engine;
    struct sys_loop *loop;
    struct media_handler handler;
    struct media_session_config config;
    struct sdp_session *sdp;
    struct media_codecs offered; /* the list that indices in the agreed formats mean … */
    struct media_codecs before;  /* … and meant before the exchange under way */
    bool provisional;            /* the stream follows an answer that is not final */
    struct addr rtp, rtcp;       /* local, known when ready */
    struct addr signalling;
    struct sys_loop *opener;
    bool ready, closing, hold, mute;
    struct media_conference *conference; /* that it is in; NULL: none */
    struct list_link member;             /* of its members */
    unsigned recordings;                 /* files not closed yet, as far as is known here */
    uint32_t sound_hz;                   /* 0 until sound runs */

    struct sys_dns_query *query; /* for a peer that names a host where an address is usual */
    char host[SYS_DNS_NAME_BYTES];
    struct addr host_addr; /* what it resolved to; family ADDR_NONE: not (yet) */

    struct media_stats stats;
    enum ahoy_err open_err;
    char why[MEDIA_WHY_BYTES];
    /* Messages that cannot fail, one use each. */
    struct sys_msg open_msg, ready_msg, close_msg, drain_msg, closed_msg;
    struct media_mute mute_cmd;
    struct media_stream stream; /* touched on the worker only, between open and closed */
};

/* ---- commands, to the worker (session_msg.c) ---- */

enum media_cmd_kind { MEDIA_CMD_CONFIGURE, MEDIA_CMD_DTMF, MEDIA_CMD_PLAY, MEDIA_CMD_RECORD, MEDIA_CMD_GAIN };

struct media_cmd {
    struct sys_msg msg;
    struct media_session *session;
    enum media_cmd_kind kind;
    union {
        struct media_params params;
        struct {
            char text[MEDIA_DIGITS_MAX];
            size_t n;
        } digits;
        struct sound_play play;
        struct record *record;
        double gain_db;
    } u;
};

/** NULL: no memory. Free with mem_free what is not posted. */
struct media_cmd *media_cmd_new(struct media_session *s, enum media_cmd_kind kind);
void media_cmd_post(struct media_cmd *c);

/** Makes a file and its recording; of `cfg`, rate_hz, worker, done and arg are set. Errors: media_session_record. */
AHOY_MUST_USE enum ahoy_err media_record_open(struct media_engine *e, const struct media_record *how,
                                              struct record_config *cfg, struct record **out);

/** Brings the worker to what s->mute and s->hold say. */
void media_mute_send(struct media_session *s);

#endif
