/* null: hears nothing, swallows all. */
#include "audio/device_impl.h"
#include "base/mem.h"

struct null_device {
    char nothing;
};

static enum ahoy_err null_open(void **out, const struct audio_device_config *cfg, struct audio_way *capture,
                               struct audio_way *playback, char why[AUDIO_WHY_BYTES])
{
    (void) cfg, (void) capture, (void) playback, (void) why;
    struct null_device *d = mem_zalloc(sizeof *d);
    if (!d)
        return AHOY_ERR_NOMEM;
    *out = d;
    return AHOY_OK;
}

static void null_close(void *b)
{
    mem_free(b);
}

static void null_read(void *b, int16_t *pcm, size_t n)
{
    (void) b;
    memset(pcm, 0, n * sizeof *pcm);
}

static void null_write(void *b, const int16_t *pcm, size_t n)
{
    (void) b, (void) pcm, (void) n;
}

const struct audio_backend_ops audio_null_ops = {
    .open = null_open, .close = null_close, .read = null_read, .write = null_write
};
