/* file:IN.wav[,OUT.wav]: a recording as the microphone (silence after its end), and what is played recorded. */
#include "audio/device_impl.h"
#include "audio/resample.h"
#include "audio/wav.h"
#include "base/mem.h"

#include <stdio.h>

enum { FILE_BLOCK = 480 }; /* samples read from the file at a time */

struct file_device {
    struct wav_reader *reader;
    struct wav_writer *writer;
    struct resample *resample; /* NULL when the file has our rate */
    int16_t *pending;          /* resampled, not yet read: [at, n) */
    size_t at, n;
    bool over;
    const struct log *log;
    void (*event)(void *arg, enum audio_event event, const char *text);
    void *arg;
};

static void file_close(void *b)
{
    struct file_device *d = b;
    if (!d)
        return;
    wav_reader_close(d->reader);
    if (wav_writer_close(d->writer))
        log_write(d->log, LOG_WARN, "audio", "the recording could not be completed");
    resample_destroy(d->resample);
    mem_free(d->pending);
    mem_free(d);
}

static enum ahoy_err open_reader(struct file_device *d, const struct audio_device_config *cfg, char *why)
{
    enum ahoy_err err = wav_reader_open(&d->reader, cfg->spec.dev);
    if (err) {
        const char *text = err == AHOY_ERR_FORMAT        ? "not a sound file that can be read"
                           : err == AHOY_ERR_UNSUPPORTED ? "not a WAV file, and libsndfile is not installed"
                                                         : ahoy_err_text(err);
        (void) snprintf(why, AUDIO_WHY_BYTES, "%.120s: %s", cfg->spec.dev, text);
        return err;
    }
    uint32_t hz = wav_reader_hz(d->reader);
    size_t room = FILE_BLOCK;
    if (hz != cfg->rate_hz) {
        err = resample_create(&d->resample, hz, cfg->rate_hz, RESAMPLE_FINE);
        if (err == AHOY_ERR_RANGE)
            (void) snprintf(why, AUDIO_WHY_BYTES, "%.120s: its sample rate of %u Hz is not supported", cfg->spec.dev,
                            (unsigned) hz);
        if (err)
            return err;
        room = resample_max_out(d->resample, FILE_BLOCK);
    }
    d->pending = mem_alloc(room * sizeof *d->pending);
    return d->pending ? AHOY_OK : AHOY_ERR_NOMEM;
}

static enum ahoy_err file_open(void **out, const struct audio_device_config *cfg, struct audio_way *capture,
                               struct audio_way *playback, char why[AUDIO_WHY_BYTES])
{
    struct file_device *d = mem_zalloc(sizeof *d);
    if (!d)
        return AHOY_ERR_NOMEM;
    *d = (struct file_device){ .log = cfg->log, .event = cfg->event, .arg = cfg->arg };
    enum ahoy_err err = AHOY_OK;
    if (capture && cfg->spec.dev[0])
        err = open_reader(d, cfg, why);
    if (!err && playback && cfg->spec.out[0]) {
        err = wav_writer_open(&d->writer, cfg->spec.out, WAV_PCM16, cfg->rate_hz, 1);
        if (err)
            (void) snprintf(why, AUDIO_WHY_BYTES, "%.120s: %s", cfg->spec.out, ahoy_err_text(err));
    }
    if (err) {
        file_close(d);
        return err;
    }
    *out = d;
    return AHOY_OK;
}

/* Fills `pending`; false at the end of the file. */
static bool refill(struct file_device *d)
{
    int16_t block[FILE_BLOCK];
    d->at = d->n = 0;
    while (d->n == 0) {
        size_t got = wav_reader_read(d->reader, block, FILE_BLOCK);
        if (got == 0)
            return false;
        if (d->resample) {
            d->n = resample_run(d->resample, block, got, d->pending);
        } else {
            memcpy(d->pending, block, got * sizeof *block);
            d->n = got;
        }
    }
    return true;
}

static void file_read(void *b, int16_t *pcm, size_t n)
{
    struct file_device *d = b;
    while (n > 0 && d->reader && !d->over) {
        if (d->at == d->n && !refill(d)) {
            d->over = true;
            if (d->event)
                d->event(d->arg, AUDIO_EVENT_SILENT, "");
            break;
        }
        size_t some = AHOY_MIN(n, d->n - d->at);
        memcpy(pcm, d->pending + d->at, some * sizeof *pcm);
        d->at += some;
        pcm += some;
        n -= some;
    }
    memset(pcm, 0, n * sizeof *pcm);
}

static void file_write(void *b, const int16_t *pcm, size_t n)
{
    struct file_device *d = b;
    if (!d->writer || !wav_writer_put(d->writer, pcm, n))
        return;
    log_write(d->log, LOG_ERROR, "audio", "recording stopped: the file cannot be written");
    (void) wav_writer_close(d->writer);
    d->writer = NULL;
}

const struct audio_backend_ops audio_file_ops = {
    .open = file_open, .close = file_close, .read = file_read, .write = file_write
};
