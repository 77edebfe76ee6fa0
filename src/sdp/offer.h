/*
 * Offer and answer (RFC 3264; RFC 6337 for its use in SIP) as functions from state and text to state and text: no I/O,
 * no clock, no randomness.
 *
 * The caller describes what it is ready for (struct sdp_local: a list of streams, each with codecs in order of
 * preference, addresses, direction) afresh at every call; the general principle of RFC 6337 section 5.1 is to say each
 * time what one wishes now. A struct sdp_session remembers what RFC 3264 asks to be remembered between exchanges: the
 * order and number of m= lines, which stream sits in which line, what each payload type ever meant, the version of o=.
 *
 * As the offerer:   sdp_session_offer → (send) → sdp_session_apply_answer, or sdp_session_rollback on a failure.
 * As the answerer:  sdp_session_receive_offer → look at sdp_session_remote → sdp_session_answer → (send),
 *                   or sdp_session_rollback after sending a 488.
 *
 * One thread at a time. Nothing here sees SIP: the text is a body.
 */
#ifndef AHOY_SDP_OFFER_H
#define AHOY_SDP_OFFER_H

#include "sdp/sdp.h"

enum {
    SDP_MAX_CAPS = 16,   /* streams in a struct sdp_local */
    SDP_MAX_CODECS = 32, /* codecs of a stream */
    SDP_PTIME_MS = 20,   /* packet time when neither side says one (RFC 3551 section 4.2) */
};

/* A codec we have. */
struct sdp_codec {
    struct view name;  /* as in rtpmap: "opus", "PCMU" */
    uint32_t clock_hz; /* of RTP timestamps: 8000 for G722, 48000 for opus */
    unsigned channels; /* as in rtpmap: 2 for opus */
    unsigned pt;       /* the dynamic number we would like; 0: whatever fits. Static ones are found by themselves */
    struct view fmtp;  /* what we wish to receive, as in a=fmtp; may be empty. red: written by this room */
};

/* A stream we are ready for. Zero everything, then set what matters. */
struct sdp_cap {
    enum sdp_kind kind;
    bool off;                      /* not wanted now: port 0 */
    const struct sdp_codec *codec; /* in order of preference */
    size_t codecs;
    bool events;             /* telephone-event (RFC 4733), one for each clock rate among the codecs */
    struct view events_fmtp; /* which; empty: "0-16" */
    bool comfort_noise;      /* CN (RFC 3389) beside codecs with a clock of 8000 */
    bool own_order;          /* answer in our order of preference, not the offer's (RFC 3264 section 6.1) */
    bool one_codec;          /* answer with a single codec, so that nobody changes it without an offer */
    enum sdp_dir dir;        /* what we wish now; hold is SDP_SENDONLY or SDP_INACTIVE */
    unsigned ptime_ms;       /* we wish to receive; 0: say nothing */
    unsigned maxptime_ms;
    unsigned bandwidth_kbps; /* b=AS; 0: say nothing */
    struct addr rtp;         /* where we receive. Port not 0 */
    struct addr rtcp;        /* family ADDR_NONE: the port after rtp's */
    bool rtcp_mux;           /* offered, and accepted when offered */
    bool any_family;         /* the address in c= does not matter (ICE): take offers of the other IP version */
    enum sdp_proto proto;    /* for our offers */
    unsigned protos;         /* acceptable in theirs: bits SDP_PROTO_BIT(…) */
    struct view extra;       /* whole attribute lines "a=…" (CRLF or LF between) for this stream: crypto,
                                       fingerprint, ICE. Not looked into, but lines of another form are INVAL */
};

/*
 * All we are ready for. cap[i] is the same stream in every call of a session: set `off` rather than taking one out,
 * append rather than putting one in between.
 */
struct sdp_local {
    struct addr addr; /* the session's c= */
    const struct sdp_cap *cap;
    size_t caps;
    struct view extra; /* attribute lines of the session */
};

enum sdp_use { SDP_USE_CODEC, SDP_USE_EVENT, SDP_USE_CN, SDP_USE_RED };

/* A format both sides have. Numbers may differ by direction (RFC 3264 section 5.1). */
struct sdp_agreed {
    enum sdp_use use;
    int codec; /* index into the cap's codecs; -1 for telephone-event and CN */
    struct view name;
    uint32_t clock_hz;
    unsigned channels;
    uint8_t tx_pt;       /* number we send with: the peer's */
    uint8_t rx_pt;       /* number we receive with: ours */
    struct view tx_fmtp; /* the peer's parameters: what it wishes to receive */
    struct view rx_fmtp; /* ours */
};

enum sdp_reject {
    SDP_REJECT_NONE,
    SDP_REJECT_OFF,      /* offered with port 0 */
    SDP_REJECT_UNWANTED, /* we have such a stream already, or do not want it */
    SDP_REJECT_KIND,     /* we have no such media; Warning 304 */
    SDP_REJECT_PROTO,    /* Warning 302 */
    SDP_REJECT_ADDRESS,  /* multicast, or another IP version; Warning 301 */
    SDP_REJECT_FORMAT,   /* no codec in common; Warning 305 */
    SDP_REJECT_PEER,     /* the peer answered with port 0 */
};

/* What was agreed for one m= line. */
struct sdp_stream {
    int cap;                /* index into sdp_local.cap; -1: none */
    bool active;            /* both sides have a port; what follows counts only then */
    enum sdp_reject reject; /* why not active */
    enum sdp_kind kind;
    enum sdp_proto proto;
    struct addr rtp;  /* where to send; family ADDR_NONE: resolve `host` */
    struct addr rtcp; /* where to send reports; rtp when rtcp_mux */
    struct view host; /* c= as written */
    bool rtcp_mux;
    enum sdp_dir dir;                /* seen from us: SDP_SENDONLY bit, we may send */
    bool held;                       /* the peer holds us: by direction or by 0.0.0.0 */
    bool silent;                     /* 0.0.0.0: send neither RTP nor RTCP (RFC 3264 section 8.4) */
    unsigned ptime_ms;               /* to send with; never 0 */
    unsigned maxptime_ms;            /* the peer's limit; 0: none */
    int64_t bandwidth_bps;           /* the peer's limit; -1: none */
    const struct sdp_agreed *format; /* in the answer's order of preference */
    size_t formats;
    const struct sdp_media *remote; /* all the peer said about it; NULL when it said nothing */
};

/** The codec to send with: the first agreed one, or NULL. */
const struct sdp_agreed *sdp_stream_codec(const struct sdp_stream *stream);

/** telephone-event for this clock rate, else any, else NULL. */
const struct sdp_agreed *sdp_stream_events(const struct sdp_stream *stream, uint32_t clock_hz);

/** Comfort noise for this clock rate, or NULL. */
const struct sdp_agreed *sdp_stream_cn(const struct sdp_stream *stream, uint32_t clock_hz);

/** Redundant audio (RFC 2198) for this clock rate, or NULL. */
const struct sdp_agreed *sdp_stream_red(const struct sdp_stream *stream, uint32_t clock_hz);

/** The agreed format a received packet's number means, or NULL. */
const struct sdp_agreed *sdp_stream_rx(const struct sdp_stream *stream, unsigned pt);

struct sdp_session;

struct sdp_session_config {
    struct view user; /* o= user name; empty: "-" */
    uint64_t id;      /* o= session id, unique: random or an NTP time; below 2^62 (RFC 3264 section 5) */
    uint64_t version; /* o= first version; 0: as the id */
    struct addr addr; /* o= address, the same for the whole session whatever becomes of c= */
};

enum sdp_session_state {
    SDP_STABLE,            /* no exchange under way */
    SDP_HAVE_LOCAL_OFFER,  /* ours waits for an answer */
    SDP_HAVE_REMOTE_OFFER, /* theirs waits for ours */
};

/** A session without any exchange yet. INVAL for an id or version out of range; NOMEM. */
AHOY_MUST_USE enum ahoy_err sdp_session_create(struct sdp_session **out, const struct sdp_session_config *cfg);

/** NULL is ignored. */
void sdp_session_destroy(struct sdp_session *s);

/**
 * A second session with the same past, for the case that an INVITE forks: one offer, answers from several dialogs. The
 * two share memory, so they stay on one thread. NOMEM.
 */
AHOY_MUST_USE enum ahoy_err sdp_session_fork(const struct sdp_session *s, struct sdp_session **out);

enum sdp_session_state sdp_session_state(const struct sdp_session *s);

/**
 * Appends an offer to `out`: m= lines as ever, streams new to the session in lines that had port 0 or behind the
 * others, the version one higher than what was last sent unless the text is the same (RFC 3264 section 8). STATE while
 * an exchange is under way (ours: wait; theirs: that is glare, 491), INVAL for a cap that breaks the rules above,
 * LIMIT, NOMEM. On failure nothing has changed.
 */
AHOY_MUST_USE enum ahoy_err sdp_session_offer(struct sdp_session *s, const struct sdp_local *local, struct buf *out);

/**
 * Takes the answer to our offer. `final` false: an answer in an unreliable provisional response, that a later answer
 * to the same offer may replace; the state stays HAVE_LOCAL_OFFER, the streams are those of this answer. SYNTAX and
 * LIMIT as sdp_parse; UNSUPPORTED when the peer accepted something but nothing we could use; STATE without an offer of
 * ours. On failure the offer still waits (sdp_session_rollback). An answer with all ports 0 is OK and leaves no active
 * stream.
 */
AHOY_MUST_USE enum ahoy_err sdp_session_apply_answer(struct sdp_session *s, struct view text, bool final,
                                                     struct sdp_error *why);

/** Takes an offer from the peer and keeps it for sdp_session_answer. STATE while an exchange is under way: 491. */
AHOY_MUST_USE enum ahoy_err sdp_session_receive_offer(struct sdp_session *s, struct view text, struct sdp_error *why);

/**
 * Appends the answer to the offer received; the exchange is complete. UNSUPPORTED when the peer offered streams and
 * none can be accepted: answer 488 and roll back, or sdp_session_answer_none. On failure the offer still waits.
 */
AHOY_MUST_USE enum ahoy_err sdp_session_answer(struct sdp_session *s, const struct sdp_local *local, struct buf *out);

/** Why sdp_session_answer said UNSUPPORTED: the reason of the stream that came closest. For the SIP Warning. */
enum sdp_reject sdp_session_refusal(const struct sdp_session *s);

/** Answers with every port 0, for an offer in a 2xx that cannot be refused otherwise (RFC 6337 section 5.2.4). */
AHOY_MUST_USE enum ahoy_err sdp_session_answer_none(struct sdp_session *s, struct buf *out);

/**
 * The exchange under way failed (488, 491, a timeout; RFC 6337 section 3.4): what was agreed before it holds again.
 * Payload types given out keep their meaning and the version moves on from what was sent. Nothing under way: nothing
 * happens.
 */
void sdp_session_rollback(struct sdp_session *s);

/**
 * Remembers what is agreed now, so that sdp_session_revert comes back to it though exchanges were completed since: a
 * re-INVITE that fails after PRACK or UPDATE exchanges within it (RFC 6141 section 3). One mark at a time.
 */
void sdp_session_mark(struct sdp_session *s);

/** Back to the mark, which is used up; also rolls back. Without a mark it is sdp_session_rollback. */
void sdp_session_revert(struct sdp_session *s);

/** What is agreed: one stream for each m= line. Valid until the next call that changes the session. */
size_t sdp_session_streams(const struct sdp_session *s);
const struct sdp_stream *sdp_session_stream(const struct sdp_session *s, size_t i);

/** The stream that carries cap[cap], active or not, or NULL. */
const struct sdp_stream *sdp_session_stream_of(const struct sdp_session *s, size_t cap);

/** The peer's description: the offer waiting for our answer, else the last one agreed; NULL before any. */
const struct sdp *sdp_session_remote(const struct sdp_session *s);

/** True when the offer waiting for our answer is the peer's last description again, byte for byte: a refresh. */
bool sdp_session_remote_unchanged(const struct sdp_session *s);

/** What we sent last, empty before any. */
struct view sdp_session_local_text(const struct sdp_session *s);

#endif
