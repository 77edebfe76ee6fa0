#include "noise/noise.h"

#include "audio/mic.h"
#include "base/mem.h"

#include <speex/speex_preprocess.h>
#include <string.h>

/* Ours: noise and hum alone, or all that a call does: high-pass, echo canceller that hears nothing, noise, gain, limiter. */
struct chain {
    struct mic *mic;
    size_t frame;
};

static void *create(unsigned rate_hz, unsigned steps)
{
    struct chain *c = mem_zalloc(sizeof *c);
    struct mic_config cfg = { .rate_hz = rate_hz, .steps = steps };
    if (!c || mic_create(&c->mic, &cfg)) {
        mem_free(c);
        return NULL;
    }
    c->frame = rate_hz / 100;
    return c;
}

static void *ahoy_create(unsigned rate_hz)
{
    return create(rate_hz, MIC_NOISE);
}

static void *chain_create(unsigned rate_hz)
{
    return create(rate_hz, MIC_ALL);
}

static void chain_frame(void *self, const int16_t *in, int16_t *out)
{
    struct chain *c = self;
    int16_t far[480] = { 0 };
    mic_far(c->mic, far, c->frame);
    (void) mic_run(c->mic, in, c->frame, out);
}

static void chain_destroy(void *self)
{
    struct chain *c = self;
    mic_destroy(c->mic);
    mem_free(c);
}

const struct reducer reducer_ahoy = { "ahoy", ahoy_create, chain_frame, chain_destroy };
const struct reducer reducer_chain = { "chain", chain_create, chain_frame, chain_destroy };

struct speex {
    SpeexPreprocessState *state;
    size_t frame;
};

static void *speex_create(unsigned rate_hz)
{
    struct speex *s = mem_zalloc(sizeof *s);
    int on = 1;
    if (!s)
        return NULL;
    s->frame = rate_hz / 100;
    s->state = speex_preprocess_state_init((int) s->frame, (int) rate_hz);
    speex_preprocess_ctl(s->state, SPEEX_PREPROCESS_SET_DENOISE, &on);
    return s;
}

static void speex_frame(void *self, const int16_t *in, int16_t *out)
{
    struct speex *s = self;
    memcpy(out, in, s->frame * sizeof *in);
    speex_preprocess_run(s->state, out);
}

static void speex_destroy(void *self)
{
    struct speex *s = self;
    speex_preprocess_state_destroy(s->state);
    mem_free(s);
}

const struct reducer reducer_speex = { "speexdsp", speex_create, speex_frame, speex_destroy };

static void *none_create(unsigned rate_hz)
{
    size_t *frame = mem_alloc(sizeof *frame);
    if (frame)
        *frame = rate_hz / 100;
    return frame;
}

static void none_frame(void *self, const int16_t *in, int16_t *out)
{
    memcpy(out, in, *(size_t *) self * sizeof *in);
}

static void none_destroy(void *self)
{
    mem_free(self);
}

const struct reducer reducer_none = { "nothing", none_create, none_frame, none_destroy };
