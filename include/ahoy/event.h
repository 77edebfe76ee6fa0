/* Events: results of commands and news. Everything in an event belongs to it and lives until ahoy_event_free. */
#ifndef AHOY_EVENT_H
#define AHOY_EVENT_H

#include "ahoy/account.h"
#include "ahoy/call.h"
#include "ahoy/doctor.h"
#include "ahoy/engine.h"

#ifdef __cplusplus
extern "C" {
#endif

enum ahoy_event_type {
    AHOY_EVENT_RESULT,       /* a command is done: .result */
    AHOY_EVENT_ACCOUNT,      /* a registration changed: .account */
    AHOY_EVENT_CALL_STATE,   /* .call; an incoming call's first event has state RINGING and incoming set */
    AHOY_EVENT_CALL_MEDIA,   /* sound started, changed or stopped: .media */
    AHOY_EVENT_CALL_STATS,   /* once a second while a call stands: .stats */
    AHOY_EVENT_CALL_REPORT,  /* a quality report was asked for or sent: .report */
    AHOY_EVENT_CALL_DTMF,    /* the peer pressed a key: .dtmf */
    AHOY_EVENT_CONFERENCE,   /* a conference began, changed or is over, or others speak: .conference */
    AHOY_EVENT_FILE,         /* a file that was played or recorded has ended: .file */
    AHOY_EVENT_DEVICES,      /* sound devices came or went (seen while a call uses one): ask ahoy_device_list */
    AHOY_EVENT_NETWORK,      /* local addresses changed */
    AHOY_EVENT_TRACE,        /* a SIP message passed: .trace */
    AHOY_EVENT_DOCTOR,       /* one finding of ahoy_doctor_start: .doctor */
    AHOY_EVENT_MUTED_SPEECH, /* somebody speaks into the muted microphone of a call; every 10 s at most: .muted_speech */
    AHOY_EVENT_OVERFLOW,     /* events were dropped since the queue was full: .overflow */
};

struct ahoy_event {
    enum ahoy_event_type type;
    int64_t time_ms; /* since the engine started */
    union {
        struct {
            ahoy_command_id command;
            enum ahoy_err err;   /* OK: done */
            uint16_t sip_status; /* where a SIP answer decided it, else 0 */
            const char *text;    /* a sentence for a person; never NULL */
            uint32_t took_ms;
        } result;
        struct {
            ahoy_account_id id;
            enum ahoy_account_state state;
            uint16_t sip_status;
            enum ahoy_cause cause;
            const char *name, *uri;
            const char *registrar; /* who answers, "udp:192.0.2.1:5060", or ""; never NULL */
            const char *text;      /* cause and remedy for a person; never NULL */
            bool removed;          /* the account is forgotten: the last news of it */
            uint32_t expires_s, retry_in_s;
        } account;
        struct {
            ahoy_call_id id;
            ahoy_account_id account;
            enum ahoy_call_state state;
            bool incoming;
            const char *peer_uri, *peer_name, *call_id;
            /* the rest is for ENDED */
            enum ahoy_cause cause; /* NONE: it was a call and somebody hung up */
            bool ended_by_peer;
            uint16_t sip_status; /* last status, 200 for an answered call */
            const char *reason;  /* reason phrase or Reason header; never NULL */
            const char *text;    /* cause and remedy for a person; never NULL */
            struct ahoy_call_stats stats;
        } call;
        struct {
            ahoy_call_id id;
            bool running, sending, receiving;
            bool held_by_peer, muted;
            const char *codec, *local, *remote; /* "opus/48000", "127.0.0.1:4000"; never NULL */
            bool srtp, ice;
            enum ahoy_cause trouble; /* NO_RTP, ONE_WAY, DEVICE; NONE: all is well (again) */
            const char *text;        /* about the trouble, for a person; never NULL */
        } media;
        struct {
            ahoy_call_id id;
            struct ahoy_call_stats stats;
        } stats;
        struct {
            ahoy_call_id id;
            const char *kind; /* "session", "alert" */
            bool published;   /* it was sent to the collector */
            const char *body; /* application/vq-rtcpxr */
        } report;
        struct {
            ahoy_call_id id;
            char digit;
            uint32_t duration_ms;
        } dtmf;
        struct {
            ahoy_conference_id id;
            bool over;  /* the last news of it: its calls, if any, are by themselves */
            bool local; /* we take part */
            uint32_t call_count, speaker_count;
            ahoy_call_id calls[AHOY_CONFERENCE_CALLS];
            ahoy_call_id speakers[AHOY_CONFERENCE_SPEAKERS]; /* loudest first; 0 is us */
        } conference;
        struct {
            ahoy_call_id call;             /* 0: of a conference */
            ahoy_conference_id conference; /* 0: of a call */
            bool recording;                /* else it was played to its end */
            enum ahoy_err err; /* IO, LIMIT: the recording could not be written further; it is kept up to there */
            const char *text;  /* a sentence for a person; never NULL */
        } file;
        struct {
            ahoy_call_id id;
        } muted_speech;
        struct {
            bool sent;
            enum ahoy_transport transport;
            const char *local, *peer; /* "127.0.0.1:5060" */
            const char *text;         /* the message, secrets masked */
            size_t text_bytes;
        } trace;
        struct ahoy_finding doctor;
        struct {
            uint32_t dropped;
        } overflow;
    };
};

/** A stable name, such as "call.state". Static storage. */
AHOY_API const char *ahoy_event_name(enum ahoy_event_type type);

#ifdef __cplusplus
}
#endif
#endif
