/* webrtc-audio-processing 0.3: noise suppression alone, at two of its levels. */
#include "noise/noise.h"

#include "audio/webrtc_apm.h"

#include <string.h>

static void *create(unsigned rate_hz, enum webrtc_apm_noise noise)
{
    struct webrtc_apm *w = NULL;
    const struct webrtc_apm_config cfg = { .rate_hz = rate_hz, .noise = noise };
    return webrtc_apm_create(&w, &cfg) == AHOY_OK ? w : NULL;
}

static void *create_moderate(unsigned rate_hz)
{
    return create(rate_hz, WEBRTC_APM_NOISE_MODERATE);
}

static void *create_high(unsigned rate_hz)
{
    return create(rate_hz, WEBRTC_APM_NOISE_HIGH);
}

static void run(void *self, const int16_t *in, int16_t *out)
{
    memcpy(out, in, webrtc_apm_block(self) * sizeof *in);
    webrtc_apm_run(self, out);
}

static void destroy(void *self)
{
    webrtc_apm_destroy(self);
}

const struct reducer reducer_webrtc_moderate = { "webrtc, moderate", create_moderate, run, destroy };
const struct reducer reducer_webrtc_high = { "webrtc, high", create_high, run, destroy };
