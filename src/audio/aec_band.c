#include "audio/aec_band.h"

#include <math.h>
#include <string.h>

#define PI 3.14159265358979323846

enum { PAST = AEC_BAND_TAPS - 1, UP_PAST = AEC_BAND_TAPS / 3 + 1 };

/* A windowed sinc (Blackman), -6 dB at 7.5 kHz and down by 74 dB from 8.9. */
void aec_band_init(struct aec_band *b)
{
    memset(b, 0, sizeof *b);
    double h[AEC_BAND_TAPS];
    double sum = 0;
    for (int i = 0; i < AEC_BAND_TAPS; i++) {
        double x = i - PAST / 2;
        double turn = 2 * PI * (i + 1) / (AEC_BAND_TAPS + 1);
        double window = 0.42 - 0.5 * cos(turn) + 0.08 * cos(2 * turn);
        double cut = 7500.0 / 24000;
        h[i] = (x == 0 ? cut : sin(PI * cut * x) / (PI * x)) * window;
        sum += h[i];
    }
    for (int i = 0; i < AEC_BAND_TAPS; i++)
        b->taps[i] = (float) (h[i] / sum);
}

void aec_band_down(struct aec_band *b, const float *wide, float *low)
{
    memcpy(b->down + PAST, wide, AEC_WIDE * sizeof *wide);
    for (size_t i = 0; i < AEC_HOP; i++) {
        const float *x = b->down + 3 * i;
        float sum[4] = { 0 };
        for (size_t t = 0; t < PAST; t += 4)
            for (size_t j = 0; j < 4; j++)
                sum[j] += b->taps[t + j] * x[t + j];
        low[i] = sum[0] + sum[1] + sum[2] + sum[3] + b->taps[PAST] * x[PAST];
    }
    memmove(b->down, b->down + AEC_WIDE, PAST * sizeof *b->down);
}

/* Of the two zeros and the sample that stand for each of the 16 kHz, only the sample counts: every third tap. */
void aec_band_up(struct aec_band *b, const float *low, float *wide)
{
    memcpy(b->up + UP_PAST, low, AEC_HOP * sizeof *low);
    for (size_t i = 0; i < AEC_WIDE; i++) {
        const float *newest = b->up + UP_PAST + i / 3;
        float sum = 0;
        for (size_t t = i % 3, back = 0; t < AEC_BAND_TAPS; t += 3, back++)
            sum += b->taps[t] * newest[-(ptrdiff_t) back];
        wide[i] = 3 * sum;
    }
    memmove(b->up, b->up + AEC_HOP, UP_PAST * sizeof *b->up);
}
