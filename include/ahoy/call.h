/* Calls. */
#ifndef AHOY_CALL_H
#define AHOY_CALL_H

#include "ahoy/quality.h"

#ifdef __cplusplus
extern "C" {
#endif

enum ahoy_call_state {
    AHOY_CALL_CALLING,   /* INVITE sent */
    AHOY_CALL_RINGING,   /* out: 180 came; in: it rings here */
    AHOY_CALL_EARLY,     /* out: sound before the answer (183 with SDP) */
    AHOY_CALL_CONFIRMED, /* both sides talk */
    AHOY_CALL_HELD,      /* confirmed, and we put it on hold */
    AHOY_CALL_ENDED,     /* the last state; the event has the summary */
};

/** How sound comes in and goes out, and what the network is made to do; shared by all ways to make a call. */
struct ahoy_media_config {
    const char *codecs; /* "opus,g722,pcmu,pcma,l16": order is preference; NULL: opus,g722,pcma,pcmu */
    uint32_t ptime_ms;  /* 10 … 60; 0: 20 */
    const char *audio;  /* "null", "tone:HZ", "file:IN.wav[,OUT.wav]", "pulse[:DEV]", "alsa[:DEV]"; NULL: "pulse" */
    /** Where a call that waits for an answer rings: a device as in `audio`, or "off"; NULL: on `audio`, when that is a
     * machine's (pulse, alsa) */
    const char *ring;
    /** The country whose tone it rings with ("de", "us"; E.180), or a sound file of 8 to 192 kHz; NULL: Europe's */
    const char *ring_sound;
    /**
     * The tones of setting up a call (E.180): ring-back while it rings there, busy and congestion for two seconds, a
     * waiting tone for a call that comes in during another. A country ("de", "uk", "us"), "off", or "auto:COUNTRY": only
     * from a device of the machine (pulse, alsa), a country that is not known being Europe. NULL: "auto".
     */
    const char *tones;
    bool echo; /* send back what is heard, instead of a microphone */
    /** What is done to a microphone: "auto" (all for pulse and alsa, nothing for others), "off", or some of
     * "hpf,aec,ns,agc": high-pass, echo canceller, noise suppression, automatic gain. "rnn" in place of "ns" is RNNoise's
     * noise suppression, for which its library must be installed. NULL: auto */
    const char *processing;
    /** Harm what comes in: "loss=5,burst=3,jitter=40,pareto=10,spike=300,every=5,dup=1,reorder=1,rate=64k,seed=7": per cent,
     * packets, ms, ms, ms, s, per cent, per cent, bit/s; NULL: no */
    const char *impair;
    const char *dtmf;  /* digits to send when the call stands; NULL: none */
    uint32_t no_rtp_s; /* report NO_RTP/ONE_WAY when nothing came for so long, the first time for half of it; 0: 10 */
};

struct ahoy_call_config {
    ahoy_account_id account; /* 0: the first account, or none at all */
    const char *uri;         /* "sip:bob@example.org", "bob@example.org"; "bob", "+49…": at the account's domain */
    const char *from;        /* NULL: the account's; without an account "sip:ahoy@ADDRESS" */
    const char *proxy;       /* route the INVITE by this loose route; NULL: the account's */
    enum ahoy_transport transport;
    struct ahoy_media_config media;
    uint32_t ring_s;       /* give up (CANCEL) when not answered for so long; 0: 180 */
    uint32_t max_s;        /* hang up after so long; 0: never */
    uint32_t hold_after_s; /* put on hold so long after the answer; 0: never */
};

/**
 * Places a call. Its fate comes as AHOY_EVENT_CALL_STATE, also when there are too many calls or a bare name finds no
 * account. INVAL: the URI or an option cannot be parsed. NOMEM.
 */
AHOY_API AHOY_MUST_USE enum ahoy_err ahoy_call_place(struct ahoy_engine *engine, const struct ahoy_call_config *cfg,
                                                     ahoy_call_id *out);

/** What the engine does with calls that come in. */
struct ahoy_listen_config {
    bool auto_answer;       /* answer after answer_after_ms; else the face decides (ahoy_call_answer …) */
    uint16_t answer_status; /* 0, 200: answer; 180: only ring; 183: only sound before the answer; 3xx-6xx: refuse */
    uint32_t answer_after_ms;
    struct ahoy_media_config media;
    uint32_t max_s;
    uint32_t max_calls; /* more are answered 486; 0: 1000 */
};

/** Sets it; calls that are there stay as they are. Without it calls ring (180) until the face answers. */
AHOY_API AHOY_MUST_USE enum ahoy_err ahoy_listen(struct ahoy_engine *engine, const struct ahoy_listen_config *cfg);

/**
 * Commands on a call. Each gives a command id whose AHOY_EVENT_RESULT tells success; NULL `out` if nobody cares. In the
 * result: NOT_FOUND: no such call; STATE: not possible now (a change is under way, it is so already); REJECTED: the
 * peer refused; CANCELLED: the call ended before.
 */
AHOY_API AHOY_MUST_USE enum ahoy_err ahoy_call_answer(struct ahoy_engine *e, ahoy_call_id call, ahoy_command_id *out);
AHOY_API AHOY_MUST_USE enum ahoy_err ahoy_call_reject(struct ahoy_engine *e, ahoy_call_id call, unsigned sip_status,
                                                      ahoy_command_id *out);
AHOY_API AHOY_MUST_USE enum ahoy_err ahoy_call_hangup(struct ahoy_engine *e, ahoy_call_id call, ahoy_command_id *out);
AHOY_API AHOY_MUST_USE enum ahoy_err ahoy_call_hold(struct ahoy_engine *e, ahoy_call_id call, bool on,
                                                    ahoy_command_id *out);
AHOY_API AHOY_MUST_USE enum ahoy_err ahoy_call_mute(struct ahoy_engine *e, ahoy_call_id call, bool on,
                                                    ahoy_command_id *out);
/**
 * Digits 0-9 * # A-D, ',' is a pause of a second; sent as telephone-event, or as tones in the sound when the peer has
 * none. SYNTAX in the result: another character.
 */
AHOY_API AHOY_MUST_USE enum ahoy_err ahoy_call_dtmf(struct ahoy_engine *e, ahoy_call_id call, const char *digits,
                                                    ahoy_command_id *out);
/** Sends a re-INVITE with a fresh offer; `codecs` NULL: the same codecs. */
AHOY_API AHOY_MUST_USE enum ahoy_err ahoy_call_reinvite(struct ahoy_engine *e, ahoy_call_id call, const char *codecs,
                                                        ahoy_command_id *out);

struct ahoy_play_config {
    const char *path; /* WAV of 8 to 192 kHz; FLAC, Ogg, Opus and others where libsndfile is installed */
    bool loop;        /* again from the beginning, for ever */
    bool mix;         /* with the microphone, instead of in its place */
};
/** Plays a file to the peer; at its end AHOY_EVENT_FILE comes. One at a time, the last one counts; NULL: stop. */
AHOY_API AHOY_MUST_USE enum ahoy_err ahoy_call_play(struct ahoy_engine *e, ahoy_call_id call,
                                                    const struct ahoy_play_config *cfg, ahoy_command_id *out);

struct ahoy_record_config {
    const char *path;   /* created or replaced, mode 0600 when new */
    const char *format; /* "wav", "flac" (needs libsndfile), "opus"; NULL: by the suffix of `path`, WAV else */
    bool mixed;         /* one channel with everybody; else two: left what is said here, right what is heard */
};
/**
 * Records both sides; about every second what there is can be played, whatever happens then. AHOY_EVENT_FILE comes when
 * the file is closed, also when the disk was full before. One at a time, a new one ends the old one; NULL: stop. What is
 * said while muted is not in it. INVAL: an unknown format.
 */
AHOY_API AHOY_MUST_USE enum ahoy_err ahoy_call_record(struct ahoy_engine *e, ahoy_call_id call,
                                                      const struct ahoy_record_config *cfg, ahoy_command_id *out);

/** Tells a quality report of the call so far (RFC 6035) as AHOY_EVENT_CALL_REPORT. STATE in the result: not answered yet. */
AHOY_API AHOY_MUST_USE enum ahoy_err ahoy_call_report(struct ahoy_engine *e, ahoy_call_id call, ahoy_command_id *out);

/** How loud the peer is heard, by us and in a conference by all, in dB; -100: not at all, 0: as it comes. */
AHOY_API AHOY_MUST_USE enum ahoy_err ahoy_call_gain(struct ahoy_engine *e, ahoy_call_id call, double db,
                                                    ahoy_command_id *out);

/* ---- conferences: calls that hear each other ---- */

enum { AHOY_CONFERENCE_CALLS = 64, AHOY_CONFERENCE_SPEAKERS = 4 };

/**
 * Puts `n` calls that stand into one conference, and us with them: each hears all others, at its own rate. A call that is
 * in one already brings the others into it (the first such one counts, others' calls are taken out of theirs). Calls on
 * hold are resumed. Our sound device is then that of the call that is in for longest; muting one of the calls mutes our
 * microphone for all. News come as AHOY_EVENT_CONFERENCE. When one call is left, it goes on as a call by itself.
 * In the result: STATE: a call does not stand yet, or a change of it is under way; LIMIT: more than
 * AHOY_CONFERENCE_CALLS. INVAL: n is 0, or above the limit.
 */
AHOY_API AHOY_MUST_USE enum ahoy_err ahoy_call_join(struct ahoy_engine *e, const ahoy_call_id *calls, size_t n,
                                                    ahoy_command_id *out);

/** Takes a call out of its conference: it goes on by itself. In the result: STATE: it is in none. */
AHOY_API AHOY_MUST_USE enum ahoy_err ahoy_call_split(struct ahoy_engine *e, ahoy_call_id call, ahoy_command_id *out);

/** We take part in a conference, or leave the others to themselves (until we hang up or come back). */
AHOY_API AHOY_MUST_USE enum ahoy_err ahoy_conference_attend(struct ahoy_engine *e, ahoy_conference_id conference,
                                                            bool on, ahoy_command_id *out);

/** As ahoy_call_record, of the whole conference: left what we say, right what all others say, or one channel. */
AHOY_API AHOY_MUST_USE enum ahoy_err ahoy_conference_record(struct ahoy_engine *e, ahoy_conference_id conference,
                                                            const struct ahoy_record_config *cfg, ahoy_command_id *out);

/** Hangs up all its calls. */
AHOY_API AHOY_MUST_USE enum ahoy_err ahoy_conference_hangup(struct ahoy_engine *e, ahoy_conference_id conference,
                                                            ahoy_command_id *out);

/** A call as it stands. */
struct ahoy_call_info {
    ahoy_call_id id;
    ahoy_account_id account;
    enum ahoy_call_state state;
    bool incoming, muted, held_by_us, held_by_peer;
    ahoy_conference_id conference; /* 0: none */
    char peer_uri[256];
    char peer_name[128];
    char call_id[256]; /* SIP Call-ID */
    struct ahoy_call_stats stats;
};

/** Calls of the engine as an array, as they stand now; free with ahoy_free. */
AHOY_API AHOY_MUST_USE enum ahoy_err ahoy_call_list(struct ahoy_engine *engine, struct ahoy_call_info **out,
                                                    size_t *count);

AHOY_API const char *ahoy_call_state_name(enum ahoy_call_state state); /* "confirmed" */

#ifdef __cplusplus
}
#endif
#endif
