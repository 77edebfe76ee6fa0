/* One face for every echo canceller that is compared. Frames of 10 ms. */
#ifndef AHOY_BENCH_ECHO_CANCELLER_H
#define AHOY_BENCH_ECHO_CANCELLER_H

#include <stddef.h>
#include <stdint.h>

struct canceller {
    const char *name;
    void *(*create)(unsigned rate_hz); /* NULL: it does not run at that rate */
    void (*frame)(void *self, const int16_t *far, const int16_t *near, int16_t *out);
    size_t (*delay)(void *self); /* samples by which `out` is late; SIZE_MAX: to be measured */
    void (*destroy)(void *self);
    void (*report)(void *self); /* prints what it knows; may be NULL */
};

extern const struct canceller canceller_ahoy;
extern const struct canceller canceller_speex;
extern const struct canceller canceller_none;
#ifdef BENCH_WEBRTC
extern const struct canceller canceller_webrtc;
#endif

#endif
