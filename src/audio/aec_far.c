#include "audio/aec_far.h"

#include <math.h>
#include <string.h>

#define PI 3.14159265358979323846

/* When more than this waits for half a second, the microphone's frames come late by nature, or the loudspeaker stumbled
 * and what it missed was told afterwards: the reader moves up, by a few hops at a time. */
enum { SLACK = 2 * AEC_HOP, SLACK_READS = 50, SLACK_HOPS = 8 };

/* No more than this may wait: else calls of aec_capture were missing for long, and what is older is of no use. */
enum { MOST_BEHIND = AEC_FAR_RING - 4 * AEC_HOP };

void aec_far_init(struct aec_far *f)
{
    memset(f, 0, sizeof *f);
    f->behind_min = UINT64_MAX;
    for (int p = 0; p <= AEC_PHASES; p++) {
        double sum = 0;
        double h[AEC_TAPS];
        for (int i = 0; i < AEC_TAPS; i++) {
            double x = i - (AEC_TAPS / 2 - 1) - (double) p / AEC_PHASES;
            double window = 0.5 + 0.5 * cos(PI * x / (AEC_TAPS / 2.0));
            h[i] = fabs(x) < 1e-9 ? 1 : fabs(x) >= AEC_TAPS / 2.0 ? 0 : sin(PI * x) / (PI * x) * window;
            sum += h[i];
        }
        for (int i = 0; i < AEC_TAPS; i++)
            f->kernel[p][i] = (float) (h[i] / sum);
    }
}

void aec_far_put(struct aec_far *f, const float *x, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        size_t at = (size_t) ((f->written + i) % AEC_FAR_RING);
        f->ring[at] = x[i];
        if (at < AEC_TAPS)
            f->ring[AEC_FAR_RING + at] = x[i];
    }
    f->written += n;
}

/* The sound at a position, from the samples around it. */
static float sample_at(const struct aec_far *f, double at)
{
    double whole = floor(at);
    double phase = (at - whole) * AEC_PHASES;
    size_t p = (size_t) phase;
    float part = (float) (phase - (double) p);
    const float *a = f->kernel[p];
    const float *b = f->kernel[p + 1];
    if (phase == 0)
        return f->ring[(uint64_t) (int64_t) whole % AEC_FAR_RING];
    const float *x = f->ring + (uint64_t) ((int64_t) whole - (AEC_TAPS / 2 - 1)) % AEC_FAR_RING;
    float sum[4] = { 0 };
    for (size_t i = 0; i < AEC_TAPS; i += 4)
        for (size_t j = 0; j < 4; j++)
            sum[j] += (a[i + j] + part * (b[i + j] - a[i + j])) * x[i + j];
    return sum[0] + sum[1] + sum[2] + sum[3];
}

void aec_far_peek(struct aec_far *f, size_t from, size_t n, float *x)
{
    for (size_t i = 0; i < n; i++) {
        double at = f->at + (double) (from + i) * (1 + f->ppm * 1e-6);
        bool there = f->started && floor(at) + AEC_LOOK_AHEAD < (double) f->written;
        x[i] = there ? sample_at(f, at) : 0;
        if (there && f->known == from + i)
            f->next[f->known++] = x[i];
    }
}

static void push_block(struct aec_far *f, struct aec_fft *fft, bool silent)
{
    float window[AEC_N];
    float sum = 0;
    memcpy(window, f->last, sizeof f->last);
    for (size_t i = 0; i < AEC_HOP; i++) {
        double at = f->at + (double) i * (1 + f->ppm * 1e-6);
        f->last[i] = silent ? 0 : i < f->known ? f->next[i] : sample_at(f, at);
        sum += f->last[i] * f->last[i];
    }
    f->known = 0;
    memcpy(window + AEC_HOP, f->last, sizeof f->last);
    f->level = sum / AEC_HOP;
    if (!silent)
        f->at += AEC_HOP * (1 + f->ppm * 1e-6);
    f->blocks_made++;
    f->head = (f->head + 1) % AEC_BLOCKS;
    struct aec_block *b = &f->blocks[f->head];
    aec_fft_begin(fft, 1);
    aec_fft_put(fft, 0, window);
    aec_fft_forward(fft);
    aec_fft_get_pair(fft, 0, &b->x, NULL);
    for (size_t k = 0; k < AEC_BINS; k++)
        b->power[k] = b->x.re[k] * b->x.re[k] + b->x.im[k] * b->x.im[k];
}

static int64_t waiting(const struct aec_far *f)
{
    return (int64_t) f->written - (int64_t) floor(f->at) - AEC_HOP;
}

/* The first block is the newest hop: no echo can come from a later one. */
static void start(struct aec_far *f)
{
    f->started = f->written > 0;
    if (f->started)
        f->at = (double) f->written - AEC_HOP - AEC_LOOK_AHEAD;
}

int aec_far_advance(struct aec_far *f, struct aec_fft *fft)
{
    int moved = 0;
    if (!f->started)
        start(f);
    if (!f->started) {
        push_block(f, fft, true);
        return 0;
    }
    if (waiting(f) > MOST_BEHIND) {
        int64_t hops = (waiting(f) - AEC_HOP) / AEC_HOP;
        f->at += (double) (hops * AEC_HOP);
        f->known = 0;
        moved += (int) hops;
    }
    if (waiting(f) < AEC_LOOK_AHEAD)
        return moved - 1;
    push_block(f, fft, false);
    f->behind_min = AHOY_MIN(f->behind_min, (uint64_t) AHOY_MAX(waiting(f), 0));
    if (++f->reads < SLACK_READS)
        return moved;
    int hops = f->behind_min < SLACK ? 0 : (int) AHOY_MIN((f->behind_min - SLACK) / AEC_HOP + 1, (uint64_t) SLACK_HOPS);
    for (int i = 0; i < hops; i++)
        push_block(f, fft, false);
    moved += hops;
    f->reads = 0;
    f->behind_min = UINT64_MAX;
    return moved;
}
