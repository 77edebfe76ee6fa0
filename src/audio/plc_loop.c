#include "audio/plc_loop.h"

#include <math.h>

#define PI 3.14159265358979323846

void plc_sinc_init(struct plc_sinc *s)
{
    for (int p = 0; p <= PLC_LOOP_PHASES; p++) {
        double tap[PLC_LOOP_TAPS];
        double sum = 0;
        for (int k = 0; k < PLC_LOOP_TAPS; k++) {
            double t = k - (PLC_LOOP_TAPS / 2 - 1) - (double) p / PLC_LOOP_PHASES;
            double hann = 0.5 + 0.5 * cos(PI * t / (PLC_LOOP_TAPS / 2));
            tap[k] = fabs(t) < 1e-9 ? 1 : hann * sin(PI * t) / (PI * t);
            sum += tap[k];
        }
        for (int k = 0; k < PLC_LOOP_TAPS; k++)
            s->tap[p][k] = (float) (tap[k] / sum);
    }
}

static void rewind_to(struct plc_loop *l, size_t n)
{
    AHOY_ASSERT(n > 0);
    l->n = n;
    l->pos = 0;
    l->speed = 1;
    l->accel = 0;
}

void plc_loop_before(struct plc_loop *l, const int16_t *end, size_t n)
{
    const int16_t *first = end - n;
    size_t blend = n / 4;
    rewind_to(l, n);
    for (size_t i = 0; i < n; i++) {
        l->x[i] = first[i];
        if (i < n - blend)
            continue;
        float w = (float) (i - (n - blend) + 1) / (float) (blend + 1);
        l->x[i] += w * ((float) first[(ptrdiff_t) i - (ptrdiff_t) n] - l->x[i]);
    }
}

void plc_loop_after(struct plc_loop *l, const int16_t *first, size_t n, size_t have)
{
    size_t blend = AHOY_MIN(n / 4, have - n);
    rewind_to(l, n);
    for (size_t i = 0; i < n; i++) {
        l->x[i] = first[i];
        if (i >= blend)
            continue;
        float w = (float) (blend - i) / (float) (blend + 1);
        l->x[i] += w * ((float) first[i + n] - l->x[i]);
    }
}

void plc_loop_seek(struct plc_loop *l, double by)
{
    double n = (double) l->n;
    l->pos = fmod(l->pos + by, n);
    if (l->pos < 0)
        l->pos += n;
    if (l->pos >= n) /* a rounded sum */
        l->pos = 0;
}

float plc_loop_next(struct plc_loop *l, const struct plc_sinc *s)
{
    size_t at = (size_t) l->pos;
    double part = l->pos - (double) at;
    float sum = 0;
    if (part < 1e-6) {
        sum = l->x[at];
    } else {
        const float *tap = s->tap[(int) (part * PLC_LOOP_PHASES + 0.5)];
        size_t i = (at + l->n - (PLC_LOOP_TAPS / 2 - 1) % l->n) % l->n;
        for (int k = 0; k < PLC_LOOP_TAPS; k++) {
            sum += tap[k] * l->x[i];
            i = i + 1 == l->n ? 0 : i + 1;
        }
    }
    l->pos += l->speed;
    if (l->pos < 0 || l->pos >= (double) l->n)
        plc_loop_seek(l, 0);
    l->speed += l->accel;
    return sum;
}
