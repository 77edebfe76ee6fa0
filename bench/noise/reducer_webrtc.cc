// webrtc-audio-processing 0.3: noise suppression alone, at two of its levels.
#include "noise/noise.h"

#include <webrtc/modules/audio_processing/include/audio_processing.h>
#include <webrtc/modules/interface/module_common_types.h>

#include <string.h>

namespace {

struct Webrtc {
    webrtc::AudioProcessing *apm;
    webrtc::AudioFrame frame;
    unsigned rate_hz;
};

void *create(unsigned rate_hz, webrtc::NoiseSuppression::Level level)
{
    Webrtc *w = new Webrtc;
    w->apm = webrtc::AudioProcessing::Create();
    w->rate_hz = rate_hz;
    w->apm->noise_suppression()->set_level(level);
    w->apm->noise_suppression()->Enable(true);
    return w;
}

void *create_moderate(unsigned rate_hz)
{
    return create(rate_hz, webrtc::NoiseSuppression::kModerate);
}

void *create_high(unsigned rate_hz)
{
    return create(rate_hz, webrtc::NoiseSuppression::kHigh);
}

void run(void *self, const int16_t *in, int16_t *out)
{
    Webrtc *w = static_cast<Webrtc *>(self);
    size_t n = w->rate_hz / 100;
    w->frame.sample_rate_hz_ = (int) w->rate_hz;
    w->frame.samples_per_channel_ = n;
    w->frame.num_channels_ = 1;
    memcpy(w->frame.data_, in, n * sizeof *in);
    w->apm->ProcessStream(&w->frame);
    memcpy(out, w->frame.data_, n * sizeof *out);
}

void destroy(void *self)
{
    Webrtc *w = static_cast<Webrtc *>(self);
    delete w->apm;
    delete w;
}

}

extern "C" const struct reducer reducer_webrtc_moderate, reducer_webrtc_high;
const struct reducer reducer_webrtc_moderate = { "webrtc, moderate", create_moderate, run, destroy };
const struct reducer reducer_webrtc_high = { "webrtc, high", create_high, run, destroy };
