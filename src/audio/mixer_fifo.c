#include "audio/mixer_fifo.h"

#include "base/mem.h"

#include <math.h>
#include <string.h>

static size_t fade_of(const struct fifo *f)
{
    return f->rate_hz / 200;
}

enum ahoy_err fifo_init(struct fifo *f, uint32_t rate_hz, unsigned ms)
{
    *f = (struct fifo){ .rate_hz = rate_hz, .max = (size_t) rate_hz / 1000 * ms, .dry = true };
    f->pcm = mem_alloc(f->max * sizeof *f->pcm);
    return f->pcm ? AHOY_OK : AHOY_ERR_NOMEM;
}

void fifo_fini(struct fifo *f)
{
    mem_free(f->pcm);
    f->pcm = NULL;
}

int16_t *fifo_room(struct fifo *f, size_t n)
{
    AHOY_ASSERT(n <= f->max);
    if (n > f->max - f->n)
        fifo_skip(f, n - (f->max - f->n));
    return f->pcm + f->n;
}

static int16_t scaled(int16_t x, size_t part, size_t whole)
{
    return (int16_t) lrintf((float) x * (float) part / (float) whole);
}

static void remember(struct fifo *f, const int16_t *pcm, size_t n)
{
    size_t fade = fade_of(f);
    if (n >= fade) {
        memcpy(f->past, pcm + n - fade, fade * sizeof *pcm);
    } else {
        memmove(f->past, f->past + n, (fade - n) * sizeof *pcm);
        memcpy(f->past + fade - n, pcm, n * sizeof *pcm);
    }
}

size_t fifo_fade(const struct fifo *f, int16_t *dst, size_t n)
{
    size_t fade = fade_of(f), m = AHOY_MIN(n, fade);
    for (size_t i = 0; i < m; i++)
        dst[i] = scaled(f->past[fade - 1 - i], fade - i, fade + 1);
    return m;
}

size_t fifo_take(struct fifo *f, int16_t *dst, size_t n)
{
    size_t have = AHOY_MIN(n, f->n), fade = AHOY_MIN(fade_of(f), have);
    memcpy(dst, f->pcm, have * sizeof *dst);
    f->n -= have;
    memmove(f->pcm, f->pcm + have, f->n * sizeof *dst);
    if (f->dry)
        for (size_t i = 0; i < fade; i++)
            dst[i] = scaled(dst[i], i, fade);
    if (have > 0) {
        f->dry = false;
        remember(f, dst, have);
    }
    if (have == n)
        return have;
    size_t faded = f->dry ? 0 : fifo_fade(f, dst + have, n - have);
    memset(dst + have + faded, 0, (n - have - faded) * sizeof *dst);
    if (!f->dry)
        memset(f->past, 0, sizeof f->past);
    f->dry = true;
    return have;
}

void fifo_skip(struct fifo *f, size_t n)
{
    n = AHOY_MIN(n, f->n);
    size_t fade = AHOY_MIN(fade_of(f), f->n - n);
    for (size_t i = 0; i < fade; i++) {
        float in = (float) (i + 1) / (float) (fade + 1);
        f->pcm[i] = (int16_t) lrintf((float) f->pcm[i] * (1 - in) + (float) f->pcm[n + i] * in);
    }
    f->n -= n;
    memmove(f->pcm + fade, f->pcm + n + fade, (f->n - fade) * sizeof *f->pcm);
}
