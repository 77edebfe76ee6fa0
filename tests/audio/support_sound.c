#include "support_sound.h"

#include "audio/resample.h"
#include "audio/wav.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#define TURN 6.283185307179586

static int16_t rounded(double x)
{
    return (int16_t) lrint(fmax(-32768, fmin(32767, x)));
}

void sound_sine(int16_t *dst, size_t n, uint32_t rate_hz, double hz, double dbfs)
{
    double amplitude = 32768 * sqrt(2) * pow(10, dbfs / 20);
    for (size_t i = 0; i < n; i++)
        dst[i] = rounded(amplitude * sin(TURN * fmod(hz * (double) i / rate_hz, 1)));
}

void sound_noise(int16_t *dst, size_t n, uint64_t seed, double dbfs)
{
    struct rng r;
    rng_init_u64(&r, seed);
    double amplitude = 32768 * sqrt(3) * pow(10, dbfs / 20);
    for (size_t i = 0; i < n; i++)
        dst[i] = rounded(amplitude * (2 * rng_unit(&r) - 1));
}

void sound_voice(int16_t *dst, size_t n, uint32_t rate_hz, double pitch_hz)
{
    static const double formant[3] = { 700, 1220, 2600 };
    double y1[3] = { 0 };
    double y2[3] = { 0 };
    double phase = 0;
    for (size_t i = 0; i < n; i++) {
        double t = (double) i / rate_hz;
        phase += pitch_hz * (1 + 0.04 * sin(TURN * 1.7 * t)) / rate_hz;
        double x = 0;
        if (phase >= 1) {
            phase -= 1;
            x = 1;
        }
        double sum = 0;
        for (int k = 0; k < 3; k++) {
            double r = exp(-3.14159 * 90 / rate_hz);
            double y = x + 2 * r * cos(TURN * formant[k] / rate_hz) * y1[k] - r * r * y2[k];
            y2[k] = y1[k];
            y1[k] = y;
            sum += y / (k + 1);
        }
        dst[i] = rounded(5000 * sum);
    }
}

size_t sound_speech(const char *name, uint32_t rate_hz, int16_t *dst, size_t max)
{
    char path[200];
    int16_t block[480];
    int16_t some[2000];
    struct wav_reader *w = NULL;
    struct resample *r = NULL;
    size_t n = 0;
    (void) snprintf(path, sizeof path, "/usr/share/sounds/alsa/%s.wav", name);
    if (wav_reader_open(&w, path) || resample_create(&r, wav_reader_hz(w), rate_hz, RESAMPLE_FINE))
        goto out;
    for (size_t got; (got = wav_reader_read(w, block, 480)) > 0;) {
        size_t made = resample_run(r, block, got, some);
        for (size_t i = 0; i < made && n < max; i++)
            dst[n++] = some[i];
    }
out:
    resample_destroy(r);
    wav_reader_close(w);
    return n;
}

/* Power of the sine of `hz` that fits x best (least squares, so that its period need not divide n). */
static double part_power(const int16_t *x, size_t n, uint32_t rate_hz, double hz)
{
    double cc = 0, ss = 0, cs = 0, xc = 0, xs = 0;
    for (size_t i = 0; i < n; i++) {
        double angle = TURN * fmod(hz * (double) i / rate_hz, 1);
        double c = cos(angle);
        double s = sin(angle);
        cc += c * c;
        ss += s * s;
        cs += c * s;
        xc += x[i] * c;
        xs += x[i] * s;
    }
    double det = cc * ss - cs * cs;
    double a = (xc * ss - xs * cs) / det;
    double b = (xs * cc - xc * cs) / det;
    return (a * xc + b * xs) / (double) n; /* what the projection explains */
}

double sound_purity_db(const int16_t *x, size_t n, uint32_t rate_hz, double hz)
{
    double all = 0;
    for (size_t i = 0; i < n; i++)
        all += (double) x[i] * x[i] / (double) n;
    double part = part_power(x, n, rate_hz, hz);
    return 10 * log10(part / fmax(all - part, 1e-3));
}

double sound_part_dbfs(const int16_t *x, size_t n, uint32_t rate_hz, double hz)
{
    return 10 * log10(part_power(x, n, rate_hz, hz) / (32768.0 * 32768.0) + 1e-12);
}

double sound_figure(const char *what, double x)
{
    if (getenv("AHOY_TEST_FIGURES"))
        printf("    %s: %.2f\n", what, x);
    return x;
}
