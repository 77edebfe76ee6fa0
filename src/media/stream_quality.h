/*
 * How good a stream sounds: gathered from packets, play-out and devices, once a second made into figures, and told to the
 * peer as VoIP metrics (RFC 3611 section 4.7). Part of the stream half: media worker only. Private to media/.
 */
#ifndef AHOY_MEDIA_STREAM_QUALITY_H
#define AHOY_MEDIA_STREAM_QUALITY_H

#include "audio/vad.h"
#include "media/playout.h"
#include "rtp/fates.h"

enum { MEDIA_QUALITY_SECONDS = 10 }; /* what "now" means */

struct media_stream;

/* Sums at the end of a second, so that a difference is of the seconds between. */
struct media_quality_mark {
    uint64_t judged, losses, runs;
    uint64_t told;         /* packets, with those that are not judged yet … */
    uint64_t concealed_us; /* … since what was made up counts at once, too */
    double impaired;       /* packets */
};

struct media_quality {
    struct fates fates;
    struct media_quality_mark mark[MEDIA_QUALITY_SECONDS];
    unsigned marks;
    struct vad vad; /* of what the peer says */
    struct {
        bool known;
        uint16_t seq;
        uint32_t next_ts;      /* behind it */
        uint64_t concealed_us; /* when it came */
        int64_t at_us;         /* it came */
        bool silence;          /* and announced a pause */
    } newest;
    bool pauses;                      /* it has fallen silent without a word before */
    bool held;                        /* nothing had to come since the newest packet: a hold */
    uint64_t paused_us;               /* concealed while the peer paused without a word: nothing was missing */
    double packet_bytes;              /* mean size of what is in a packet while the peer speaks; 0: it did not */
    double speech_power, noise_power; /* of full scale squared, smoothed; 0: none heard yet */
};

/** A packet came; `sound`: a codec's; `late`: too late to be played. */
void media_quality_arrived(struct media_stream *st, const struct jitter_packet *j, bool sound, bool late,
                           int64_t now_us);

/** What is agreed on has changed: it may be a hold, or its end. */
void media_quality_agreed(struct media_stream *st);

/** Another stream of the peer's begins: the numbers of its packets do not go on with those of the one before. */
void media_quality_restart(struct media_stream *st);

/** A packet came that was not to be heard, for we hold: it is not judged, and what came before it is. */
void media_quality_passed(struct media_stream *st, uint16_t seq);

/** Sound that the peer said, as it is played, at the sound's rate. */
void media_quality_heard(struct media_stream *st, const int16_t *pcm, size_t n);

/** The sound's rate is another. */
void media_quality_set_rate(struct media_stream *st);

/** Of playout: a lost packet was made good. A playout_recovered_fn. */
void media_quality_recovered(void *arg, uint16_t seq, enum playout_recovered by);

/** Fills st->stats; `second`: the call of each second, which also makes the VoIP metrics. `end`: nothing comes any more. */
void media_quality_collect(struct media_stream *st, bool second, bool end);

#endif
