#include "audio/mic_way.h"

#include <string.h>

enum ahoy_err mic_way_open(struct mic_way *w, uint32_t outer_hz, uint32_t inner_hz)
{
    *w = (struct mic_way){ .piece = outer_hz / 1000 * MIC_BLOCK_MS, .block = inner_hz / 1000 * MIC_BLOCK_MS };
    return outer_hz == inner_hz ? AHOY_OK : resample_create(&w->resample, outer_hz, inner_hz, RESAMPLE_VOICE);
}

void mic_way_close(struct mic_way *w)
{
    resample_destroy(w->resample);
    w->resample = NULL;
}

bool mic_way_take(struct mic_way *w, const int16_t **pcm, size_t *n)
{
    size_t part = AHOY_MIN(*n, w->piece);
    if (part == 0)
        return false;
    if (w->resample) {
        w->n += resample_run(w->resample, *pcm, part, w->fifo + w->n);
    } else {
        memcpy(w->fifo + w->n, *pcm, part * sizeof **pcm);
        w->n += part;
    }
    *pcm += part;
    *n -= part;
    return true;
}

bool mic_way_has_block(const struct mic_way *w)
{
    return w->n >= w->block;
}

void mic_way_drop(struct mic_way *w)
{
    w->n -= w->block;
    memmove(w->fifo, w->fifo + w->block, w->n * sizeof *w->fifo);
}

double mic_way_delay_ms(const struct mic_way *w)
{
    return w->resample ? resample_delay_ms(w->resample) : 0;
}

void mic_way_pass(struct vad *vad, struct mic_stats *stats, const int16_t *pcm, size_t n, int16_t *out)
{
    size_t block = vad->rate_hz / 1000 * MIC_BLOCK_MS;
    memcpy(out, pcm, n * sizeof *pcm);
    for (size_t at = 0, part; at < n; at += part) {
        part = AHOY_MIN(n - at, block);
        stats->speech = vad_run(vad, pcm + at, part);
        stats->speech_ms += stats->speech ? (uint32_t) (1000 * part / vad->rate_hz) : 0;
        stats->level_dbfs = vad->level_dbfs;
        stats->noise_dbfs = vad->floor_dbfs;
    }
}
