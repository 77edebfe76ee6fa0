#include "echo/canceller.h"

#include "audio/aec.h"
#include "base/mem.h"

#include <speex/speex_echo.h>
#include <speex/speex_preprocess.h>
#include <stdio.h>
#include <string.h>

struct ahoy_canceller {
    struct aec *aec;
    size_t frame;
};

static void *ahoy_create(unsigned rate_hz)
{
    struct ahoy_canceller *c = mem_zalloc(sizeof *c);
    if (!c || aec_create(&c->aec, rate_hz)) {
        mem_free(c);
        return NULL;
    }
    c->frame = rate_hz / 100;
    return c;
}

static void ahoy_frame(void *self, const int16_t *far, const int16_t *near, int16_t *out)
{
    struct ahoy_canceller *c = self;
    aec_render(c->aec, far, c->frame);
    aec_capture(c->aec, near, c->frame, out);
}

static size_t ahoy_delay(void *self)
{
    return aec_delay(((struct ahoy_canceller *) self)->aec);
}

static void ahoy_destroy(void *self)
{
    struct ahoy_canceller *c = self;
    aec_destroy(c->aec);
    mem_free(c);
}

static void ahoy_report(void *self)
{
    struct aec_stats s;
    aec_read_stats(((struct ahoy_canceller *) self)->aec, &s);
    printf("    delay %.0f ms, drift %.1f ppm, linear %.1f dB, erle %.1f dB, recoveries %u\n", s.delay_ms, s.drift_ppm,
           s.linear_db, s.erle_db, (unsigned) s.recoveries);
}

const struct canceller canceller_ahoy = { "ahoy", ahoy_create, ahoy_frame, ahoy_delay, ahoy_destroy, ahoy_report };

/* speexdsp as its manual has it: a tail of 128 ms, the preprocessor tied to the canceller. ECHO_SUPPRESS does nothing
 * unless DENOISE is on. */
struct speex {
    SpeexEchoState *echo;
    SpeexPreprocessState *after;
};

static void *speex_create(unsigned rate_hz)
{
    struct speex *s = mem_zalloc(sizeof *s);
    if (!s)
        return NULL;
    int rate = (int) rate_hz;
    int on = 1;
    s->echo = speex_echo_state_init(rate / 100, rate * 128 / 1000);
    s->after = speex_preprocess_state_init(rate / 100, rate);
    speex_echo_ctl(s->echo, SPEEX_ECHO_SET_SAMPLING_RATE, &rate);
    speex_preprocess_ctl(s->after, SPEEX_PREPROCESS_SET_ECHO_STATE, s->echo);
    speex_preprocess_ctl(s->after, SPEEX_PREPROCESS_SET_DENOISE, &on);
    return s;
}

static void speex_frame(void *self, const int16_t *far, const int16_t *near, int16_t *out)
{
    struct speex *s = self;
    speex_echo_cancellation(s->echo, near, far, out);
    speex_preprocess_run(s->after, out);
}

static size_t measured(void *self)
{
    (void) self;
    return SIZE_MAX;
}

static void speex_destroy(void *self)
{
    struct speex *s = self;
    speex_echo_state_destroy(s->echo);
    speex_preprocess_state_destroy(s->after);
    mem_free(s);
}

const struct canceller canceller_speex = { "speexdsp", speex_create, speex_frame, measured, speex_destroy, NULL };

/* The microphone as it is: what the scorer gives for doing nothing. */
struct none {
    size_t frame;
};

static void *none_create(unsigned rate_hz)
{
    struct none *n = mem_zalloc(sizeof *n);
    if (n)
        n->frame = rate_hz / 100;
    return n;
}

static void none_frame(void *self, const int16_t *far, const int16_t *near, int16_t *out)
{
    struct none *n = self;
    (void) far;
    memcpy(out, near, n->frame * sizeof *out);
}

static size_t none_delay(void *self)
{
    (void) self;
    return 0;
}

static void none_destroy(void *self)
{
    mem_free(self);
}

const struct canceller canceller_none = { "nothing", none_create, none_frame, none_delay, none_destroy, NULL };
