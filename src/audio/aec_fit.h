/*
 * Whether the model is still that of the echo's path. While it is, its prediction is in the microphone as it was made,
 * whoever else speaks: near speech follows nothing. Once the path is another one the prediction is not heard any more, and a
 * few hops tell. Private to src/audio/aec*.c.
 */
#ifndef AHOY_AUDIO_AEC_FIT_H
#define AHOY_AUDIO_AEC_FIT_H

#include "audio/aec_fft.h"

/* What is asked of the canceller. */
enum aec_fit_advice {
    AEC_FIT_FINE,
    AEC_FIT_LOOK,  /* the same path may have become longer or shorter */
    AEC_FIT_REOPEN /* it is another path */
};

/* What was heard in the last 20 ms, as mean powers in AEC_BINS bins. */
struct aec_fit_view {
    const float *cross; /* real part of mic · conj(echo) */
    const float *mic, *echo, *rest, *noise;
};

struct aec_fit {
    float part;   /* the factor by which the prediction is in the microphone: 1 is right, 0 is not there at all … */
    float told;   /* … and how well that is known: about the number of values that tell */
    float louder; /* the microphone's power by the prediction's */
    bool words;   /* it is no pause */
    float trust;  /* 0 … 1: the model took nearly all of the last words */
    float since;  /* hops of loud far sound since the path became another one */
    float far_loudest; /* the most of the far sound's mean square, fading */
    unsigned strange;  /* how long what is heard has not been the prediction */
    unsigned wary;     /* for how many hops the model is still held on to, though it seems wrong: 0 is none */
};

void aec_fit_init(struct aec_fit *f);

/** A hop of far sound, by its mean square. */
void aec_fit_count(struct aec_fit *f, float far_level);

/** What is heard now, and in words whether the model took nearly all of them. */
void aec_fit_hear(struct aec_fit *f, const struct aec_fit_view *v, bool in_words, bool took);

/** Once a hop after aec_fit_hear. */
enum aec_fit_advice aec_fit_judge(struct aec_fit *f);

/** Whether what is heard is plainly not the prediction, loud though that is. */
bool aec_fit_wrong(const struct aec_fit *f);

/** The model was moved: it is given time to show that it is right. */
void aec_fit_moved(struct aec_fit *f);

/** The model is new, for whatever reason. `path`: the judge said so. */
void aec_fit_reopened(struct aec_fit *f, bool path);

/** 1 … 0: how new the path is that was judged to be another one. */
float aec_fit_fresh(const struct aec_fit *f);

/** Whether the delay that is known counts: it was not that of another path a moment ago. */
bool aec_fit_settled(const struct aec_fit *f);

#endif
