// webrtc-audio-processing 0.3 as its users run it: echo cancellation with delay agnosticism and the extended filter,
// high suppression; no noise suppression and no gain control, so that nothing but the canceller is compared.
#include "echo/canceller.h"

#include <webrtc/modules/audio_processing/include/audio_processing.h>
#include <webrtc/modules/interface/module_common_types.h>

#include <string.h>

namespace {

struct Webrtc {
    webrtc::AudioProcessing *apm;
    webrtc::AudioFrame frame;
    unsigned rate_hz;
};

void *create(unsigned rate_hz)
{
    webrtc::Config config;
    config.Set<webrtc::ExtendedFilter>(new webrtc::ExtendedFilter(true));
    config.Set<webrtc::DelayAgnostic>(new webrtc::DelayAgnostic(true));
    Webrtc *w = new Webrtc;
    w->apm = webrtc::AudioProcessing::Create(config);
    w->rate_hz = rate_hz;
    w->apm->echo_cancellation()->set_suppression_level(webrtc::EchoCancellation::kHighSuppression);
    w->apm->echo_cancellation()->Enable(true);
    w->apm->high_pass_filter()->Enable(true);
    return w;
}

void put(Webrtc *w, const int16_t *pcm)
{
    size_t n = w->rate_hz / 100;
    w->frame.sample_rate_hz_ = (int) w->rate_hz;
    w->frame.samples_per_channel_ = n;
    w->frame.num_channels_ = 1;
    memcpy(w->frame.data_, pcm, n * sizeof *pcm);
}

void run(void *self, const int16_t *far, const int16_t *near, int16_t *out)
{
    Webrtc *w = static_cast<Webrtc *>(self);
    put(w, far);
    w->apm->ProcessReverseStream(&w->frame);
    put(w, near);
    w->apm->set_stream_delay_ms(0);
    w->apm->ProcessStream(&w->frame);
    memcpy(out, w->frame.data_, w->rate_hz / 100 * sizeof *out);
}

size_t delay(void *)
{
    return SIZE_MAX;
}

void destroy(void *self)
{
    Webrtc *w = static_cast<Webrtc *>(self);
    delete w->apm;
    delete w;
}

}

extern "C" const struct canceller canceller_webrtc;
const struct canceller canceller_webrtc = { "webrtc-ap 0.3", create, run, delay, destroy, NULL };
