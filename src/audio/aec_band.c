#include "audio/aec_band.h"

#include "audio/kaiser.h"

#include <math.h>
#include <string.h>

#define PI   3.14159265358979323846
#define CUT  (7250.0 / 24000)
#define BETA 5.65 /* 60 dB */

enum { PAST = AEC_BAND_DELAY, TOGETHER = AEC_BAND_TOGETHER };

/* A sinc in Kaiser's window: flat to 5.5 kHz, -6 dB at 7.25, down by 60 dB from 9. */
void aec_band_init(struct aec_band *band)
{
    memset(band, 0, sizeof *band);
    double h[AEC_BAND_TAPS];
    double sum = 0;
    for (int i = 0; i < AEC_BAND_TAPS; i++) {
        double x = i - PAST / 2;
        double r = x / (PAST / 2 + 1);
        h[i] = (x == 0 ? CUT : sin(PI * CUT * x) / (PI * x)) * kaiser_window(r, BETA);
        sum += h[i];
    }
    for (int i = 0; i < AEC_BAND_TAPS; i++)
        band->taps[i] = (float) (h[i] / sum);
    for (int i = 0; i < AEC_BAND_TAPS; i++)
        band->up[i % 3][AEC_BAND_LOW - 1 - i / 3] = (float) (3 * h[i] / sum);
}

size_t aec_band_down(struct aec_band_down *b, const struct aec_band *band, const float *wide, size_t n, float *low)
{
    const float *taps = band->taps;
    size_t made = 0;
    memcpy(b->line + PAST, wide, n * sizeof *wide);
    for (size_t i = (3 - b->phase) % 3; i < n; i += 3) {
        const float *x = b->line + i;
        float sum[4] = { 0 };
        for (size_t t = 0; t < PAST; t += 4)
            for (size_t j = 0; j < 4; j++)
                sum[j] += taps[t + j] * x[t + j];
        low[made++] = sum[0] + sum[1] + sum[2] + sum[3] + taps[PAST] * x[PAST];
    }
    memmove(b->line, b->line + n, PAST * sizeof *b->line);
    b->phase = (b->phase + n) % 3;
    return made;
}

/* At most TOGETHER samples of one phase, of which there are `left`; past the end of the line they are made of anything. */
static void up_together(const float *restrict taps, const float *restrict x, float *restrict wide, size_t left)
{
    float sum[TOGETHER] = { 0 };
    for (size_t t = 0; t < AEC_BAND_LOW; t++)
        for (size_t j = 0; j < TOGETHER; j++)
            sum[j] += taps[t] * x[t + j];
    for (size_t j = 0; j < TOGETHER && j < left; j++)
        wide[3 * j] = sum[j];
}

/* Of the two zeros and the sample that stand for each of the 16 kHz, only the sample counts: every third tap. */
void aec_band_up(struct aec_band_up *b, const struct aec_band *band, const float *low, float *wide, size_t n)
{
    size_t before = b->phase == 0 ? 0 : 1; /* a sample of the last piece still gives one or two */
    size_t fresh = (b->phase + n + 2) / 3 - before;
    memcpy(b->line + AEC_BAND_LOW, low, fresh * sizeof *low);
    for (size_t phase = 0; phase < 3; phase++) {
        size_t first = (phase + 3 - b->phase) % 3; /* sample of `wide` */
        for (size_t i = first; i < n; i += 3 * TOGETHER)
            up_together(band->up[phase], b->line + 1 + (b->phase + i) / 3 - before, wide + i, (n - i + 2) / 3);
    }
    memmove(b->line, b->line + fresh, AEC_BAND_LOW * sizeof *b->line);
    b->phase = (b->phase + n) % 3;
}
