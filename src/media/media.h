/*
 * Media: one call's sound. SDP decides, RTP carries, the codec and the sound endpoint run.
 *
 * A session has two halves. The signalling half (this header; called on the signalling loop only) makes and reads
 * session descriptions. The stream half (media/stream.h) lives on a media worker, a loop with a thread of its own (in
 * the simulated world: another loop in turn), and does packets and sound. They share nothing: commands go down, notes
 * come up, as messages of their loops.
 *
 * Life: media_session_open → ready → any number of offers and answers → media_session_close → closed. Between close and
 * closed no other callback than `recorded` comes; with `closed` the session is gone.
 */
#ifndef AHOY_MEDIA_MEDIA_H
#define AHOY_MEDIA_MEDIA_H

#include "audio/codec.h"
#include "audio/device.h"
#include "audio/mic.h"
#include "audio/soundfile.h"
#include "rtp/impair.h"
#include "rtp/session.h"
#include "sdp/offer.h"
#include "sys/loop.h"

struct media_engine;
struct media_session;

enum { MEDIA_MAX_CODECS = 16, MEDIA_WHY_BYTES = 256 };

struct media_engine_config {
    struct sys_loop *loop;        /* the signalling loop; callbacks of sessions come here */
    unsigned workers;             /* 0: 1. Their threads start with the first session */
    uint16_t port_low, port_high; /* UDP ports for sound, inclusive; 0, 0: any */
    const struct log *log;        /* borrowed; may be NULL */
};

/** INVAL: a port range without an even port that has room for RTCP behind it. NOMEM. */
AHOY_MUST_USE enum ahoy_err media_engine_create(struct media_engine **out, const struct media_engine_config *cfg);

/** Stops the threads. All sessions must be closed (their `closed` has come). NULL is ignored. */
void media_engine_destroy(struct media_engine *e);

/**
 * Runs `msg` on the thread where devices are opened, which may take its time; messages that wait when the engine is
 * destroyed are still run. NOMEM, LIMIT.
 */
AHOY_MUST_USE enum ahoy_err media_engine_post_device(struct media_engine *e, struct sys_msg *msg);

/* ---- what a session is made of ----------------------------------------------------------------------------------- */

struct media_codecs {
    const struct audio_codec *codec[MEDIA_MAX_CODECS]; /* in order of preference */
    size_t n;
};

/** "opus,g722,pcmu,pcma,l16/16000". Empty: the default list. NOT_FOUND for an unknown name, LIMIT, SYNTAX. */
AHOY_MUST_USE enum ahoy_err media_codecs_parse(struct view list, struct media_codecs *out);

/**
 * A sound endpoint of the caller's: a test number, a mixer. Called on the media worker, each tick: write, then read.
 */
struct media_endpoint {
    uint32_t rate_hz;
    void (*read)(void *arg, int16_t *pcm, size_t n);        /* what is sent to the peer: fills all n */
    void (*write)(void *arg, const int16_t *pcm, size_t n); /* what the peer said; may be NULL */
    void (*close)(void *arg); /* the last call, also when no sound ever ran; may be NULL */
    void *arg;
    bool music; /* what is read may be music or tones, and is no voice from a microphone */
};

enum media_sound { MEDIA_SOUND_DEVICE, MEDIA_SOUND_ECHO, MEDIA_SOUND_ENDPOINT };

struct media_conference;

struct media_session_config {
    struct media_conference *with; /* one that it may join later: both on one worker; NULL: the next worker in turn */
    struct addr local;             /* IP to bind and to announce; port ignored */
    struct media_codecs codecs;
    unsigned ptime_ms; /* 10 … 60; 0: 20 */
    enum media_sound sound;
    struct audio_spec device;       /* MEDIA_SOUND_DEVICE */
    struct audio_mem *mem;          /* for a device of kind AUDIO_MEM: tests */
    struct media_endpoint endpoint; /* MEDIA_SOUND_ENDPOINT; copied */
    struct impair_config impair;    /* harm to received packets; zero: none */
    unsigned processing;            /* of enum mic_step: what is done to the microphone; 0: nothing */
    unsigned no_rtp_ms;             /* report MEDIA_RTP_SILENT when nothing came for so long; 0: never */
};

/** Quality so far. Counts are packets. Doubles below 0: unknown. */
struct media_stats {
    const struct audio_codec *rx_codec, *tx_codec; /* NULL before sound */
    int rx_pt, tx_pt;                              /* their payload types; below 0: none */
    unsigned rx_frame_ms, tx_frame_ms;             /* their packets; 0: not known */
    bool tx_dtx;                                   /* silence is not sent */
    uint32_t ssrc, remote_ssrc;                    /* ours, theirs; 0: not known */
    uint64_t rtp_in, rtp_out, bytes_in, bytes_out;
    uint64_t expected, lost, late, duplicate, reordered;
    uint64_t recovered_fec, recovered_red, recovered_dred; /* of lost and late */
    uint32_t concealed_ms;
    uint32_t gone_ms; /* since when nothing has come any more that should; 0: it comes, or need not */
    double loss;      /* share of what is played that sounds lost, 0 … 1, after recovery */
    double burst;     /* mean length of its runs, packets */
    double jitter_ms, rtt_ms;
    double buffer_ms, buffer_target_ms; /* jitter buffer, now and as wished */
    double device_in_ms, device_out_ms; /* latency of server and hardware */
    uint32_t no_microphone_ms;          /* for so long there was no microphone … */
    uint32_t no_speaker_ms;             /* … or no loudspeaker */
    uint32_t dropouts;                  /* moments at which the devices ran dry or over */
    bool clock_known;                   /* the next two are measured */
    double clock_in_ppm, clock_out_ppm; /* how much faster than nominal */
    double end_system_ms;               /* all delay that is ours, both ways (RFC 3611 section 4.7.3) */
    double delay_ms;                    /* from their mouth to our ear */
    double mos, mos_lq, mos_now;        /* E-model: conversation, listening; conversation in the last 10 s */
    double r, r_lq, r_100;              /* its rating, without delay, on the scale of 100 */
    const char *model;                  /* "G.107.2", or ""; static storage */
    double level_in_dbfs, level_out_dbfs;
    double loudest_out_dbfs; /* of all seconds so far */
    bool mic_known;          /* a microphone is worked on; the rest of it is known then */
    double mic_speech;       /* share of the time in which somebody spoke into it */
    double mic_noise_dbfs;   /* background that comes in */
    double mic_gain_db;      /* automatic gain now */
    bool echo;               /* the loudspeaker is heard in it; the rest is known then */
    double erle_db;          /* how much of that is taken out */
    double echo_delay_ms, echo_drift_ppm;
    struct rtcp_voip voip; /* what the peer is told, if it wants it */
    /* What the peer tells. */
    double remote_lost_fraction; /* of late, on the network */
    double remote_jitter_ms;
    double remote_burst;                /* mean run of losses, packets */
    double remote_loss, remote_discard; /* after recovery, of all; by XR */
    double remote_buffer_ms, remote_end_system_ms;
    double remote_delay_ms;                     /* from our mouth to their ear */
    double remote_mos, remote_mos_lq, remote_r; /* remote_r: of 100 */
    bool remote_told;                           /* these three are its own; else our estimate from plain reports */
    bool has_remote_voip;
    struct rtcp_voip remote_voip;
    bool remote_reports; /* RTCP came from the peer */
    bool remote_hears;   /* it told that packets of ours reached it */
    bool remote_refuses; /* nobody listens where we send, as its machine has told for seconds, and nothing comes */
    int strange_pt;      /* what comes is of this payload type, which was not agreed on; below 0: none of late */
    double cpu;          /* share of a core that all sound of its worker takes */
    unsigned saving;     /* level of effort, media/load.h */
    bool send_stopped;   /* the circuit breaker is open (RFC 8083): nothing is sent for a while */
    bool remote_deaf;    /* its last report, seconds after we began to send, knew of no packet of ours */
};

/** All unknown. */
void media_stats_init(struct media_stats *s);

/** Who sends and receives, and where, after an exchange or a change of latch. */
struct media_info {
    bool running, sending, receiving, held_by_peer;
    const struct audio_codec *codec; /* we send with; NULL: none */
    struct addr local, remote;
};

enum media_rtp { MEDIA_RTP_FIRST, MEDIA_RTP_SILENT, MEDIA_RTP_BACK };

/** All on the signalling loop. Pointers are valid during the call. Any but `ready` and `closed` may be NULL. */
struct media_handler {
    void (*ready)(void *arg, enum ahoy_err err, const char *why); /* ports are open; or not: then close */
    void (*info)(void *arg, const struct media_info *info);
    void (*dtmf)(void *arg, char digit, unsigned duration_ms);
    void (*rtp)(void *arg, enum media_rtp news);
    void (*stats)(void *arg, const struct media_stats *stats); /* once a second while running */
    /** The device failed (the call goes on silent), or is there (OK). */
    void (*sound)(void *arg, enum ahoy_err err, const char *why);
    void (*played)(void *arg); /* the file of media_session_play, or of a file device, has ended */
    /** A recording is closed: complete (OK), or up to where it could not be written (IO, LIMIT). */
    void (*recorded)(void *arg, enum ahoy_err err, const char *why);
    /** Somebody speaks while muted (not: while holding the call); every 10 s at most. */
    void (*muted_speech)(void *arg);
    void (*devices)(void *arg); /* the machine's sound devices changed; told by sessions that use a live one */
    void (*closed)(void *arg, const struct media_stats *stats);
    void *arg;
};

/** `ready` follows. NOMEM, INVAL (ptime). */
AHOY_MUST_USE enum ahoy_err media_session_open(struct media_session **out, struct media_engine *e,
                                               const struct media_session_config *cfg,
                                               const struct media_handler *handler);

/** Sends RTCP BYE, closes sockets and files; `closed` follows, always. */
void media_session_close(struct media_session *s);

/* ---- offer and answer (RFC 3264); errors and state as of sdp/offer.h --------------------------------------------- */

/** Writes an offer. STATE while an exchange is under way. */
AHOY_MUST_USE enum ahoy_err media_session_offer(struct media_session *s, struct buf *out);

/**
 * Reads an offer, writes the answer and starts (or changes) the sound. UNSUPPORTED: nothing in common, answer 488;
 * SYNTAX: 400 with `why`; STATE: an exchange is under way, 491; NOMEM. After an error nothing has changed.
 */
AHOY_MUST_USE enum ahoy_err media_session_answer(struct media_session *s, struct view offer, struct buf *out,
                                                 struct sdp_error *why);

/**
 * Reads the answer to our offer and starts (or changes) the sound. `final` false for a provisional response. After an
 * error nothing has changed: the offer still waits.
 */
AHOY_MUST_USE enum ahoy_err media_session_apply(struct media_session *s, struct view answer, bool final,
                                                struct sdp_error *why);

/** The exchange under way failed: what was agreed before holds. Without one nothing happens. */
void media_session_rollback(struct media_session *s);

/** Whether an offer of ours waits for an answer. */
bool media_session_offering(const struct media_session *s);

/** Whether the peer's last description has any stream we accepted. */
bool media_session_active(const struct media_session *s);

/** The address signalling comes from, so that latching can tell near from strange sources; before the exchange. */
void media_session_set_signalling(struct media_session *s, const struct addr *peer);

/* ---- what the user does. Those that change the description take effect with the next offer. ---------------------- */

void media_session_set_hold(struct media_session *s, bool on);
void media_session_set_codecs(struct media_session *s, const struct media_codecs *codecs);

/** How loud the peer is heard, by us and in a conference by all; -100 dB: not at all. NOMEM. */
AHOY_MUST_USE enum ahoy_err media_session_set_gain(struct media_session *s, double db);

void media_session_set_mute(struct media_session *s, bool on);

/** Digits as of dtmf_sender_queue, with ',' as a pause of a second. SYNTAX, LIMIT, NOMEM. */
AHOY_MUST_USE enum ahoy_err media_session_dtmf(struct media_session *s, struct view digits);

struct media_play {
    const char *path; /* WAV, or what libsndfile reads; NULL: stop */
    bool loop;        /* for ever */
    bool mix;         /* with the microphone, instead of in its place */
};

/** Plays a file to the peer. It is opened at once: NOT_FOUND, FORMAT…; STATE before sound. */
AHOY_MUST_USE enum ahoy_err media_session_play(struct media_session *s, const struct media_play *play);

struct media_record {
    const char *path; /* NULL: stop */
    enum soundfile_kind kind;
    bool mixed; /* one channel; else two: left what we say, right what we hear */
};

/** Records both sides. The file is made at once: NOT_FOUND, ACCESS, IO, UNSUPPORTED; STATE before sound; NOMEM. */
AHOY_MUST_USE enum ahoy_err media_session_record(struct media_session *s, const struct media_record *record);

/** The last statistics that came up, at most a second old. */
const struct media_stats *media_session_stats(const struct media_session *s);

#endif
