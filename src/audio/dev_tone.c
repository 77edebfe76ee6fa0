/* tone:HZ: a steady sine as the microphone; what is played is swallowed. */
#include "audio/device_impl.h"
#include "audio/tone.h"
#include "base/mem.h"

enum { TONE_DEVICE_DBFS = -16 };

struct tone_device {
    struct tone_gen gen;
};

static enum ahoy_err tone_open(void **out, const struct audio_device_config *cfg, struct audio_way *capture,
                               struct audio_way *playback, char why[AUDIO_WHY_BYTES])
{
    (void) capture, (void) playback;
    if (cfg->spec.tone_hz == 0 || cfg->spec.tone_hz * 2 > cfg->rate_hz) {
        (void) view_copy(VIEW("the tone is above half of the sample rate"), why, AUDIO_WHY_BYTES);
        return AHOY_ERR_RANGE;
    }
    struct tone_device *d = mem_zalloc(sizeof *d);
    if (!d)
        return AHOY_ERR_NOMEM;
    struct tone_spec spec = tone_sine(cfg->spec.tone_hz, TONE_DEVICE_DBFS);
    tone_start(&d->gen, &spec, cfg->rate_hz);
    *out = d;
    return AHOY_OK;
}

static void tone_close(void *b)
{
    mem_free(b);
}

static void tone_read(void *b, int16_t *pcm, size_t n)
{
    struct tone_device *d = b;
    (void) tone_run(&d->gen, pcm, n);
}

static void tone_write(void *b, const int16_t *pcm, size_t n)
{
    (void) b, (void) pcm, (void) n;
}

const struct audio_backend_ops audio_tone_ops = {
    .open = tone_open, .close = tone_close, .read = tone_read, .write = tone_write
};
