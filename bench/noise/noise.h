/* One face for every noise reducer that is compared. Frames of 10 ms. */
#ifndef AHOY_BENCH_NOISE_NOISE_H
#define AHOY_BENCH_NOISE_NOISE_H

#include <stddef.h>
#include <stdint.h>

struct reducer {
    const char *name;
    void *(*create)(unsigned rate_hz); /* NULL: it does not run at that rate */
    void (*frame)(void *self, const int16_t *in, int16_t *out);
    void (*destroy)(void *self);
};

extern const struct reducer reducer_none, reducer_speex, reducer_rnn, reducer_ahoy, reducer_chain;
#ifdef BENCH_WEBRTC
extern const struct reducer reducer_webrtc_moderate, reducer_webrtc_high;
#endif

#endif
