/* One condition: the pieces of speech, once for each seed, through our receiver and through the ideal ones. */
#ifndef BENCH_SOUND_RUN_H
#define BENCH_SOUND_RUN_H

#include "sound/conditions.h"
#include "sound/measure.h"
#include "sound/prompts.h"
#include "sound/stream.h"

enum ideal { IDEAL_FEC, IDEAL_RED1, IDEAL_RED2, IDEAL_DRED40, IDEAL_DRED120, IDEALS };

extern const char *const ideal_names[IDEALS];

struct run_config {
    const struct audio_codec *codec;
    uint32_t bitrate_bps;
    uint8_t complexity;      /* of the encoder; 0: its default */
    unsigned expect_percent; /* loss that the encoder is told of */
    unsigned dred_ms, ptime_ms, tick_ms, budget_ms;
    unsigned first_seed, seeds;
    bool no_ideal;
    bool our_sender; /* real telephones: called by ours, which follows their reports, and not by one fixed stream */
    const char *write_folder; /* for what was heard; NULL: nowhere */
};

struct outcome {
    struct figures ours, ideal[IDEALS];
    bool has[IDEALS];
    double payload_bps, wire_bps;
    double lost, late, seconds; /* fractions of the packets; the length of what was said */
    bool whole_call;            /* end to end: sender, feedback, receiver */
    bool has_first;             /* … in which a first piece was said before the others, … */
    double first_pq;            /* … before the ends knew each other */
    bool real_phone;            /* in real time: what was concealed is not known */
};

struct run;

/** Speech and configuration stay the caller's. NOMEM. */
AHOY_MUST_USE enum ahoy_err run_create(struct run **out, const struct run_config *config, const struct prompts *speech);
void run_destroy(struct run *r);

/** For ears: FOLDER/condition-piece-seed-who.wav, at STREAM_HZ; does nothing without a folder. NULL: of all of them. */
AHOY_MUST_USE enum ahoy_err run_write_wav(const struct run_config *config, const struct condition *c, const char *who,
                                          size_t piece, unsigned seed, const int16_t *pcm, size_t n);

/** Deterministic. */
AHOY_MUST_USE enum ahoy_err run_condition(struct run *r, const struct condition *c, struct outcome *out);

#endif
