/* webrtc-audio-processing 0.3 as its users run it; no noise suppression and no gain control, so that nothing but the
 * cancellers is compared. */
#include "echo/canceller.h"

#include "audio/webrtc_apm.h"

#include <stdio.h>
#include <string.h>

static void *create(unsigned rate_hz)
{
    struct webrtc_apm *w = NULL;
    const struct webrtc_apm_config cfg = { .rate_hz = rate_hz, .high_pass = true, .echo = true };
    return webrtc_apm_create(&w, &cfg) == AHOY_OK ? w : NULL;
}

static void run(void *self, const int16_t *far, const int16_t *near, int16_t *out)
{
    size_t n = webrtc_apm_block(self);
    webrtc_apm_far(self, far);
    memcpy(out, near, n * sizeof *out);
    webrtc_apm_run(self, out);
}

static size_t delay(void *self)
{
    return webrtc_apm_delay(self);
}

static void destroy(void *self)
{
    webrtc_apm_destroy(self);
}

static void report(void *self)
{
    struct webrtc_apm_stats s;
    webrtc_apm_read_stats(self, &s);
    printf("    delay %.0f ms, erle %.1f dB\n", s.echo_delay_ms, s.erle_db);
}

const struct canceller canceller_webrtc = { "webrtc-ap 0.3", create, run, delay, destroy, report };
