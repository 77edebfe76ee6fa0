/* The microphone's sound on its way to the wire, and the hint to who talks while muted. */
#include "media/sound.h"

#include "base/mem.h"

#include <string.h>

/* Speech while muted before it is told, and the least time between two hints. */
enum { HINT_SPEECH_MS = 800, HINT_EVERY_US = 10000000, UNDERRUN_MOST = 48000 };

static unsigned steps_of(const struct sound *s, unsigned processing)
{
    if (!(processing & MIC_AUTO))
        return processing;
    return s->live ? MIC_ALL : 0;
}

void sound_mic_open(struct sound *s, unsigned processing)
{
    struct mic_config cfg = { .rate_hz = s->device_hz, .steps = steps_of(s, processing) };
    sound_mic_close(s);
    s->processing = processing;
    s->mic_idle = cfg.steps == 0;
    if (s->kind == MEDIA_SOUND_ECHO || (s->kind == MEDIA_SOUND_ENDPOINT && s->mic_idle))
        return;
    enum ahoy_err err = mic_create(&s->mic, &cfg);
    if (err && s->events.state)
        s->events.state(s->events.arg, err,
                        err == AHOY_ERR_UNSUPPORTED ? "the microphone is sent as it is: RNNoise's library is gone"
                                                    : "the microphone is sent as it is: out of memory");
}

void sound_mic_close(struct sound *s)
{
    mic_destroy(s->mic);
    s->mic = NULL;
    s->underruns = 0;
    s->muted_ms = s->speech_ms = 0;
}

enum ahoy_err sound_mic_again(const struct sound *s, uint32_t hz, struct mic **out)
{
    struct mic_config cfg = { .rate_hz = hz, .steps = steps_of(s, s->processing) };
    enum ahoy_err err = mic_create(out, &cfg);
    if (!err)
        mic_take_over(*out, s->mic);
    return err;
}

void sound_mic_replace(struct sound *s, struct mic *mic)
{
    struct mic_stats st;
    mic_read_stats(mic, &st);
    mic_destroy(s->mic);
    s->mic = mic;
    s->speech_ms = st.speech_ms;
}

void sound_mic_hand_on(struct sound *from, struct sound *to)
{
    sound_mic_close(to);
    to->mic = from->mic;
    to->mic_idle = from->mic_idle;
    to->underruns = from->underruns;
    to->speech_ms = from->speech_ms;
    to->hinted_us = from->hinted_us;
    from->mic = NULL;
}

bool sound_mic_stats(const struct sound *s, struct mic_stats *out)
{
    if (!s->mic || s->mic_idle)
        return false;
    mic_read_stats(s->mic, out);
    return true;
}

/* Silence that the hardware played because nothing was queued is part of what the loudspeaker said. */
static void far_gap(struct sound *s)
{
    static const int16_t silence[480];
    struct audio_device_flow st;
    if (!sound_device_flow(s, &st))
        return;
    uint64_t missed = st.underruns > s->underruns ? st.underruns - s->underruns : 0;
    s->underruns = st.underruns;
    for (size_t part; missed > 0 && missed < UNDERRUN_MOST; missed -= part) {
        part = (size_t) AHOY_MIN(missed, AHOY_COUNT(silence));
        mic_far(s->mic, silence, part);
    }
}

void sound_mic_far(struct sound *s, const int16_t *pcm, size_t n)
{
    if (!s->mic)
        return;
    far_gap(s);
    mic_far(s->mic, pcm, n);
    sound_swap_far(s, pcm, n);
}

/* Tells of speech that nobody hears: some of it within a short time, and not again for a while. */
static void watch_muted(struct sound *s, size_t n, int64_t now_us)
{
    struct mic_stats st;
    mic_read_stats(s->mic, &st);
    uint32_t spoke_ms = st.speech_ms - s->speech_ms;
    s->speech_ms = st.speech_ms;
    s->spoke_ms += spoke_ms;
    s->listened_us += 1000000 * (uint64_t) n / s->device_hz;
    if (!s->mic_muted) {
        s->muted_ms = 0;
        return;
    }
    uint32_t ms = (uint32_t) (1000 * n / s->device_hz);
    s->muted_ms = spoke_ms > 0 ? s->muted_ms + spoke_ms : s->muted_ms - AHOY_MIN(s->muted_ms, ms);
    if (s->muted_ms < HINT_SPEECH_MS || (s->hinted_us != 0 && now_us - s->hinted_us < HINT_EVERY_US))
        return;
    s->muted_ms = 0;
    s->hinted_us = now_us;
    if (s->events.muted_speech)
        s->events.muted_speech(s->events.arg);
}

size_t sound_mic_ask(const struct sound *s, size_t n)
{
    size_t block = (size_t) s->device_hz / 100;
    return s->mic && !s->mic_idle && s->live && n > block ? n - block : n;
}

double sound_mic_delay_ms(const struct sound *s)
{
    return s->mic && !s->mic_idle ? mic_delay_ms(s->mic) : 0;
}

size_t sound_mic_run(struct sound *s, int16_t *pcm, size_t n, int64_t now_us)
{
    int16_t clean[SOUND_MAX_TICK_SAMPLES + MIC_MORE];
    if (!s->mic || (s->mic_idle && !s->mic_muted))
        return n; /* bit by bit; voice activity is for the hint only */
    size_t got = mic_run(s->mic, pcm, n, clean);
    AHOY_ASSERT(got <= n + MIC_MORE);
    watch_muted(s, n, now_us);
    got = AHOY_MIN(got, (size_t) SOUND_MAX_TICK_SAMPLES);
    memcpy(pcm, clean, got * sizeof *pcm);
    return got;
}
