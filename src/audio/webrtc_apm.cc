#include "audio/webrtc_apm.h"

extern "C" {
#include "base/mem.h"
}

/* The library knows its options by the addresses of objects in templates, which both sides have: hidden ones would be others,
 * and every option be ignored in silence. */
#pragma GCC visibility push(default)
#include <webrtc/modules/audio_processing/include/audio_processing.h>
#include <webrtc/modules/interface/module_common_types.h>
#pragma GCC visibility pop

#include <new>
#include <string.h>

using webrtc::AudioProcessing;
using webrtc::EchoCancellation;
using webrtc::GainControl;
using webrtc::NoiseSuppression;

/* This is on the house's heap, what the library makes is on its own. */
struct webrtc_apm {
    webrtc_apm_config config;
    AudioProcessing *apm;
    webrtc::AudioFrame frame;
    unsigned far_heard; /* blocks of the far end with sound in them, up to FAR_ENOUGH */
};

namespace
{

/* The library makes its figures anew every 5 s after they were first asked for: so that is done when there is something to
 * tell. Its delay counts from where its filter begins. */
enum { FAR_ENOUGH = 150, FAR_QUIET = 100, DELAY_BEGINS_MS = 12 };

/* Delay agnostic, since only counts of samples are known here; the extended filter, 128 ms and not 48. */
AudioProcessing *make(void)
{
    webrtc::Config config;
    config.Set<webrtc::ExtendedFilter>(new webrtc::ExtendedFilter(true));
    config.Set<webrtc::DelayAgnostic>(new webrtc::DelayAgnostic(true));
    config.Set<webrtc::ExperimentalAgc>(new webrtc::ExperimentalAgc(false)); /* it moves an analog level */
    return AudioProcessing::Create(config);
}

/* Every step is set: 0 or the library's error. */
int choose(AudioProcessing *apm, const webrtc_apm_config &cfg)
{
    int bad = apm->high_pass_filter()->Enable(cfg.high_pass);
    EchoCancellation *echo = apm->echo_cancellation();
    bad |= echo->set_suppression_level(EchoCancellation::kHighSuppression);
    bad |= echo->enable_metrics(cfg.echo);
    bad |= echo->enable_delay_logging(cfg.echo);
    bad |= echo->Enable(cfg.echo);
    NoiseSuppression *noise = apm->noise_suppression();
    bad |= noise->set_level(cfg.noise == WEBRTC_APM_NOISE_HIGH ? NoiseSuppression::kHigh : NoiseSuppression::kModerate);
    bad |= noise->Enable(cfg.noise != WEBRTC_APM_NOISE_OFF);
    GainControl *gain = apm->gain_control();
    bad |= gain->set_mode(GainControl::kAdaptiveDigital);
    bad |= gain->set_target_level_dbfs(3); /* of peaks, as its users have it */
    bad |= gain->set_compression_gain_db(18);
    bad |= gain->enable_limiter(true);
    bad |= gain->Enable(cfg.gain);
    bad |= apm->voice_detection()->set_likelihood(webrtc::VoiceDetection::kModerateLikelihood);
    bad |= apm->voice_detection()->Enable(cfg.voice);
    webrtc::ProcessingConfig rates;
    for (webrtc::StreamConfig &stream : rates.streams)
        stream = webrtc::StreamConfig((int) cfg.rate_hz, 1);
    return bad | apm->Initialize(rates);
}

void put(webrtc_apm *w, const int16_t *pcm)
{
    w->frame.sample_rate_hz_ = (int) w->config.rate_hz;
    w->frame.samples_per_channel_ = webrtc_apm_block(w);
    w->frame.num_channels_ = 1;
    memcpy(w->frame.data_, pcm, webrtc_apm_block(w) * sizeof *pcm);
}

/* The first block at 48 kHz allocates; so let it be a silent one, here. */
void warm_up(webrtc_apm *w)
{
    int16_t silence[480] = {};
    webrtc_apm_far(w, silence);
    webrtc_apm_run(w, silence);
}

} // namespace

enum ahoy_err webrtc_apm_create(struct webrtc_apm **out, const struct webrtc_apm_config *cfg)
{
    if (cfg->rate_hz != 8000 && cfg->rate_hz != 16000 && cfg->rate_hz != 32000 && cfg->rate_hz != 48000)
        return AHOY_ERR_RANGE;
    void *place = mem_zalloc(sizeof(webrtc_apm));
    if (!place)
        return AHOY_ERR_NOMEM;
    webrtc_apm *w = new (place) webrtc_apm;
    w->config = *cfg;
    w->apm = NULL;
    w->far_heard = 0;
    enum ahoy_err err = AHOY_OK;
    try {
        w->apm = make();
        if (!w->apm)
            err = AHOY_ERR_NOMEM;
        else if (choose(w->apm, *cfg) != AudioProcessing::kNoError)
            err = AHOY_ERR_UNSUPPORTED;
        else
            warm_up(w);
    } catch (const std::bad_alloc &) {
        err = AHOY_ERR_NOMEM;
    }
    if (err) {
        webrtc_apm_destroy(w);
        return err;
    }
    *out = w;
    return AHOY_OK;
}

void webrtc_apm_destroy(struct webrtc_apm *w)
{
    if (!w)
        return;
    delete w->apm;
    w->~webrtc_apm();
    mem_free(w);
}

void webrtc_apm_far(struct webrtc_apm *w, const int16_t *pcm)
{
    if (!w->config.echo)
        return;
    int loudest = 0;
    for (size_t i = 0; i < webrtc_apm_block(w); i++)
        loudest = AHOY_MAX(loudest, pcm[i]);
    if (loudest > FAR_QUIET && w->far_heard < FAR_ENOUGH)
        w->far_heard++;
    put(w, pcm);
    (void) w->apm->ProcessReverseStream(&w->frame);
}

void webrtc_apm_run(struct webrtc_apm *w, int16_t *pcm)
{
    put(w, pcm);
    if (w->config.echo)
        (void) w->apm->set_stream_delay_ms(0); /* not known, and it is told not to look at it */
    if (w->apm->ProcessStream(&w->frame) == AudioProcessing::kNoError)
        memcpy(pcm, w->frame.data_, webrtc_apm_block(w) * sizeof *pcm);
}

size_t webrtc_apm_block(const struct webrtc_apm *w)
{
    return w->config.rate_hz / 100;
}

/* Measured, for the library does not tell; tests/audio/test_mic_any.c holds it. The canceller is late by 112 samples of the
 * base band, the noise suppressor by a block less its overlap, the filters that part the bands by theirs. */
size_t webrtc_apm_delay(const struct webrtc_apm *w)
{
    const webrtc_apm_config &c = w->config;
    size_t base_hz = c.rate_hz > 16000 ? 16000 : c.rate_hz;
    size_t late = (c.echo ? 112 : 0) + (c.noise != WEBRTC_APM_NOISE_OFF ? base_hz * 6 / 1000 : 0);
    bool parted = c.rate_hz > 16000 && (c.high_pass || c.echo || c.gain || c.noise != WEBRTC_APM_NOISE_OFF);
    size_t filters = !parted ? 0 : c.rate_hz == 32000 ? 4 : 46;
    return late * c.rate_hz / base_hz + filters;
}

void webrtc_apm_read_stats(struct webrtc_apm *w, struct webrtc_apm_stats *out)
{
    webrtc_apm_stats s = {};
    EchoCancellation *echo = w->apm->echo_cancellation();
    EchoCancellation::Metrics metrics;
    int median = -1, deviation;
    s.voice = w->config.voice && w->apm->voice_detection()->stream_has_voice();
    if (w->far_heard == FAR_ENOUGH && echo->GetDelayMetrics(&median, &deviation) == AudioProcessing::kNoError
        && median >= 0 && echo->GetMetrics(&metrics) == AudioProcessing::kNoError
        && metrics.echo_return_loss_enhancement.instant > 0) {
        s.echo = true;
        s.echo_delay_ms = median + DELAY_BEGINS_MS;
        s.erle_db = metrics.echo_return_loss_enhancement.instant;
    }
    *out = s;
}
