/*
 * The stream half of a media session: everything here runs on one media worker. Private to media/.
 *
 *     socket → impairment → latch → RTP session → jitter buffer → playout → sound endpoint
 *     sound endpoint → encoder or telephone-event → RTP session → socket
 */
#ifndef AHOY_MEDIA_STREAM_H
#define AHOY_MEDIA_STREAM_H

#include "audio/tone.h"
#include "base/heap.h"
#include "base/list.h"
#include "media/join.h"
#include "media/load.h"
#include "media/media.h"
#include "media/pause.h"
#include "media/playout.h"
#include "media/protect.h"
#include "media/sound.h"
#include "media/stream_quality.h"
#include "rtp/breaker.h"
#include "rtp/dtmf.h"
#include "rtp/emodel.h"
#include "rtp/latch.h"
#include "rtp/misclock.h"
#include "rtp/nack.h"
#include "rtp/quality.h"
#include "rtp/red.h"
#include "sys/udp.h"

struct media_worker {
    struct sys_loop *loop;
    struct heap ticks; /* media_stream.tick by when they are due */
    struct list buses; /* struct media_bus: conferences, run behind the ticks */
    struct sys_timer timer;
    int64_t timer_at_us;
    struct rng rng;
    struct load load;   /* how much effort there is time for */
    int64_t load_us;    /* its period began; 0: none did … */
    int64_t busy_us;    /* … and so busy the thread had been then */
    unsigned ran, late; /* ticks of the period, and those of them that came too late */
    bool running;
};

enum { MEDIA_MAX_RX = 32 };

/* What the peer may send under a payload number. */
struct media_format {
    uint8_t pt;
    enum sdp_use use;
    const struct audio_codec *codec; /* SDP_USE_CODEC */
    bool past;                       /* of the exchange before: packets may be on their way */
};

/* What an exchange of offer and answer came to, in values: it crosses threads. */
struct media_params {
    bool active;
    bool send, receive, held;
    bool rtcp_mux;
    bool silent; /* 0.0.0.0: neither RTP nor RTCP */
    struct addr rtp, rtcp, signalling;
    const struct audio_codec *tx_codec; /* NULL: none */
    uint8_t tx_pt;
    struct audio_params tx_params;
    int tx_red_pt;         /* RED (RFC 2198) for tx_codec; -1: none */
    bool quick_feedback;   /* NACK and reduced-size RTCP are agreed on (RFC 4585, RFC 5506) */
    int64_t bandwidth_bps; /* the peer's limit, headers included; -1: none */
    unsigned ptime_ms;
    uint32_t sound_hz; /* rate of the sound endpoint; 0 without a codec */
    int tx_event_pt;   /* -1: none, digits go as tones */
    int tx_noise_pt;   /* comfort noise (RFC 3389) for pauses of tx_codec; -1: not agreed on */
    uint32_t event_clock_hz;
    struct rtcp_xr_wants xr; /* extended reports that the peer wants */
    struct media_format rx[MEDIA_MAX_RX];
    size_t rx_n;
};

/* A packet that the impairment holds back. */
struct media_held {
    struct list_link link;
    int64_t at_us;
    struct addr src;
    bool rtcp_port;
    size_t n;
    uint8_t data[];
};

/* Packets that are kept to be sent once more, and their size: 64 kbit/s are 480 bytes in 60 ms. */
enum { MEDIA_AGAIN = 4, MEDIA_AGAIN_BYTES = 600 };

/* A packet as it was sent. */
struct sent_packet {
    size_t n; /* 0: it was longer */
    uint8_t data[MEDIA_AGAIN_BYTES];
};

/* Keys on their way out and in. */
struct media_keys {
    struct dtmf_sender sender;
    struct dtmf_receiver receiver;
    struct tone_gen tone;   /* the key that sounds, for a peer without telephone-event; rate 0: none */
    char queue[DTMF_QUEUE]; /* those that wait to sound */
    size_t queued;
    struct tone_detect detect; /* the keys of such a peer */
    uint64_t tone_began;       /* sample at which its present one began */
};

struct media_stream {
    struct heap_node tick; /* in worker->ticks while sound runs */
    struct media_worker *worker;
    struct media_session *session; /* for notes only */
    struct media_session_config config;
    const struct log *log;

    struct sys_udp *rtp_socket, *rtcp_socket;
    struct rtp_session *rtp;
    struct latch latch, rtcp_latch;
    struct media_params params;
    bool configured;

    struct impair impair;
    bool impaired;
    struct list held; /* struct media_held, by time */
    struct sys_timer held_timer;
    size_t held_count;

    struct playout playout;
    struct sound sound;
    struct media_seat *seat; /* in a conference; NULL: by itself */
    struct mix_gain gain;    /* of what is heard */
    bool finished;           /* media_stream_finish was called; recordings may still be under way */

    /* sending */
    struct audio_encoder *encoder;
    struct sent_packet *again; /* the last packets, to be sent twice; NULL until that is wanted */
    unsigned again_at;
    struct red_sender *red; /* NULL: RED is not agreed on */
    struct protect protect;
    struct breaker breaker;       /* open: nothing is sent */
    struct protect_plan plan;     /* that the encoder is set to */
    unsigned complexity;          /* that the encoder was told last */
    enum audio_content content;   /* likewise */
    unsigned effort;              /* the worker's level (media/load.h) that encoder and decoder are set to */
    uint64_t reported_sent;       /* packets sent until the peer reported last */
    int32_t reported_lost;        /* its running total then */
    int64_t reported_us;          /* when the peer's last report on our stream came; 0: none did */
    struct resample *tx_resample; /* sound rate to codec rate; NULL when equal */
    int16_t *tx_fifo;             /* at the codec's rate */
    size_t tx_fifo_n;
    uint32_t tx_from_hz; /* the sound's rate that tx_resample was made for */
    uint32_t tx_ts;
    struct pause pause;
    bool mic_muted, on_hold;
    bool muted;              /* what is sent is silence, for one of the two */
    struct mix_gain tx_gain; /* that fades out and in */

    struct media_keys keys;

    /* time */
    unsigned tick_ms;
    uint32_t tick_rest;   /* of a tick's length, in parts of a microsecond */
    struct join join;     /* ticks and packets that come together */
    int64_t listening_us; /* since when packets are expected */
    int64_t sending_us;   /* when the first packet left; 0: none did */
    int64_t refused_us;   /* since when nobody listens where we send; 0: somebody does, for all we know */
    int64_t alive_us;     /* when the peer's last packet came, of either sort; 0: none did */
    int64_t stats_us;
    struct sys_timer rtcp_timer;
    struct misclock misclock;           /* of what the peer sends */
    const struct audio_codec *rx_codec; /* of the last packet */

    struct nack_missing missing; /* of what the peer sends, while quick feedback is agreed on */
    struct sys_timer nack_timer;
    int64_t asked_us;   /* when we last asked for some of it; 0: never */
    int64_t reorder_us; /* how late packets come that overtook none, smoothed upwards */

    bool rtp_seen, rtp_silent;
    struct media_quality quality;
    struct media_stats stats;
};

/** Opens sockets (port pair) and what else a stream needs; on the worker. */
AHOY_MUST_USE enum ahoy_err media_stream_open(struct media_stream *st, struct media_engine *e,
                                              char why[MEDIA_WHY_BYTES]);

/** Ends it: BYE, files completed, sockets closed; on the worker. Then media_session_drain. Final figures: st->stats. */
void media_stream_finish(struct media_stream *st);

/** Whether sound must come: who holds us may play music or not. */
bool media_params_expect(const struct media_params *p);

/** What comes under this number; NULL: nothing was agreed on. */
const struct media_format *media_params_format(const struct media_params *p, unsigned pt);

/** What a frame lasts in units of the clock of tx_codec, which there is. */
static inline uint32_t media_params_frame_ts(const struct media_params *p)
{
    return p->tx_codec->clock_hz / 1000 * p->ptime_ms;
}

/** Takes new parameters; on the worker. */
void media_stream_configure(struct media_stream *st, const struct media_params *params);

/**
 * One tick of sound, `due_us` by the clock of what is played (later than now: it has joined a packet's wake-up); on the
 * worker. Returns how long after that the next is due, microseconds.
 */
int64_t media_stream_tick(struct media_stream *st, int64_t now_us, int64_t due_us);

/** The next `n` samples of what the peer says: metered, recorded, searched for keys, made louder or softer. */
void media_stream_hear(struct media_stream *st, int16_t *pcm, size_t n, int64_t now_us);

/** The next `n` samples of what we say: recorded, sent; a file may take their place. */
void media_stream_say(struct media_stream *st, int16_t *pcm, size_t n, int64_t now_us);

/** It took or left a seat: another distance of its ticks, the next one not before it was due. */
void media_stream_regrid(struct media_stream *st);

/* stream_rx.c */
void media_rx_datagram(struct media_stream *st, bool rtcp_port, const struct addr *src, const void *data, size_t n,
                       int64_t when_us);

/* Nobody listened at `dst`, where we had sent sound, says its machine. */
void media_rx_refused(struct media_stream *st, const struct addr *dst, int64_t now_us);
void media_rx_release_held(struct media_stream *st, int64_t now_us);
void media_rx_drop_held(struct media_stream *st);

/* stream_tx.c */
/** Takes sound at the sound's rate. */
void media_tx_frame(struct media_stream *st, const int16_t *pcm, size_t n, int64_t now_us);
AHOY_MUST_USE enum ahoy_err media_tx_configure(struct media_stream *st, const struct media_params *params);
/** The worker has another level of effort. */
void media_tx_follow_effort(struct media_stream *st);
void media_tx_fini(struct media_stream *st);
void media_tx_rtcp(struct media_stream *st);
void media_tx_send_rtcp(struct media_stream *st, const void *data, size_t n);
void media_tx_bye(struct media_stream *st);
bool media_tx_pauses(const struct media_stream *st); /* whether pauses are not sent */

/* stream_keys.c */
/** What is sent has another clock or length of frames. Keys that wait are not lost by that; the one that sounds ends. */
void media_keys_configure(struct media_stream *st, const struct media_params *params);
void media_keys_send(struct media_stream *st, struct view keys);
/** Keys as tones in the place of what is said, while any wait: for a peer that agreed to no telephone-event. */
void media_keys_overlay(struct media_stream *st, int16_t *pcm, size_t n);
/** Telephone-event comes with this clock; 0: none is agreed on. */
void media_keys_listen(struct media_stream *st, uint32_t event_clock_hz);
/** A payload of telephone-event came, by itself or in another packet. */
void media_keys_take(struct media_stream *st, struct view event, bool marker, uint32_t timestamp, int64_t now_us);
/** Another stream of the peer's begins: the key that it pressed has ended. */
void media_keys_restart(struct media_stream *st);
/** Each tick: a key whose end was lost ends. */
void media_keys_tick(struct media_stream *st, int64_t now_us);
/** The sound has another rate. */
void media_keys_set_rate(struct media_stream *st);
/** Looks for tones in what the peer says. */
void media_keys_hear(struct media_stream *st, const int16_t *pcm, size_t n);

/* stream_feedback.c */
/** A packet came, or was found in another's redundancy (`copy`). */
void media_feedback_packet(struct media_stream *st, uint32_t ext_seq, bool copy, int64_t now_us);
/** All of a packet was taken: asks for what is missing. */
void media_feedback_ask(struct media_stream *st, int64_t now_us);
/** RTCP came: what it says of our own stream. */
void media_feedback_news(struct media_stream *st, const struct rtp_rtcp_news *news, int64_t now_us);
/** Once a second. */
void media_feedback_tick(struct media_stream *st, int64_t now_us);
void media_feedback_configure(struct media_stream *st, const struct media_params *params, int64_t now_us);
void media_feedback_fini(struct media_stream *st);

/* session.c: notes to the signalling half; on the worker. */
void media_note_dtmf(struct media_stream *st, char digit, unsigned duration_ms);
void media_note_rtp(struct media_stream *st, enum media_rtp news);
void media_note_stats(struct media_stream *st);
void media_note_sound(struct media_stream *st, enum ahoy_err err, const char *why);
void media_note_played(struct media_stream *st);
void media_note_info(struct media_stream *st);
void media_note_devices(struct media_stream *st);
void media_note_muted_speech(struct media_stream *st);
void media_note_recorded(struct media_stream *st, struct record *r);

struct sys_loop *media_session_opener(struct media_session *s); /* where live devices are opened */
void media_session_drain(struct media_session *s);              /* after finish: all files are closed */

/* conference.c */
struct media_worker *media_conference_worker(const struct media_conference *c);

/* engine.c */
void media_worker_add(struct media_worker *w, struct media_stream *st);
/** The same for ticks that are under way: the next one comes on the grid, at `from_us` or later. */
void media_worker_regrid(struct media_worker *w, struct media_stream *st, int64_t from_us);
/** Once a second, by whichever stream is first: how busy the worker is, and what effort it can afford. */
void media_worker_measure(struct media_worker *w, int64_t now_us);
/** Runs a stream's tick now, a little before it is due; what is due then stays as it is. */
void media_worker_run_early(struct media_worker *w, struct media_stream *st);
/** Its device has called: where it would soon be looked whether it still does, that is done now, without a wake-up. */
void media_worker_called(struct media_worker *w, struct media_stream *st);
void media_worker_remove(struct media_worker *w, struct media_stream *st);
struct media_worker *media_engine_worker(struct media_engine *e); /* the next in turn; NULL on failure to start */
struct sys_loop *media_engine_opener(struct media_engine *e);     /* where devices are opened; NULL on failure */
struct sys_loop *media_engine_files(struct media_engine *e);      /* where recordings are written; NULL on failure */
void media_engine_ports(const struct media_engine *e, uint16_t *low, uint16_t *high);
struct sys_loop *media_engine_loop(const struct media_engine *e);
const struct log *media_engine_log(const struct media_engine *e);
void media_engine_count(struct media_engine *e, int sessions);

#endif
