#include "audio/hum.h"

#include "base/base.h"
#include "base/rng.h"
#include "support/t.h"

#include <math.h>
#include <string.h>

#define TWO_PI 6.28318530717958647692

enum { SECONDS = 12, MOST = 48000 * SECONDS };

static int16_t heard[MOST], out[MOST];

static double gauss(struct rng *r)
{
    double sum = -2;
    for (int i = 0; i < 4; i++)
        sum += rng_unit(r);
    return sum * 1.73;
}

static void put(size_t i, double x)
{
    heard[i] = (int16_t) lrint(fmax(-32768, fmin(32767, x)));
}

/* Mains of `hz` with overtones up to `lines` in hiss, `size` of the first one; between two times in seconds. */
static void add_hum(uint32_t rate_hz, double hz, int lines, double size, double from_s, double to_s)
{
    for (size_t i = (size_t) (from_s * rate_hz); i < (size_t) (to_s * rate_hz); i++)
        for (int k = 1; k <= lines; k++)
            put(i, heard[i] + size / k * sin(TWO_PI * k * hz * (double) i / rate_hz + k));
}

static void fill_hiss(uint32_t rate_hz, double size)
{
    struct rng r;
    rng_init_u64(&r, 7);
    for (size_t i = 0; i < (size_t) SECONDS * rate_hz; i++)
        put(i, size * gauss(&r));
}

/* Buzzing syllables of a voice whose pitch moves, 0.35 s of each half second. */
static void add_voice(uint32_t rate_hz, double size)
{
    double turns = 0;
    for (size_t i = 0; i < (size_t) SECONDS * rate_hz; i++) {
        double t = (double) i / rate_hz, in = fmod(t, 0.5);
        turns += (110 + 25 * sin(TWO_PI * 0.37 * t) + 10 * sin(TWO_PI * 1.1 * t)) / rate_hz;
        for (int k = 1; in < 0.35 && k <= 12; k++)
            put(i, heard[i] + size * sin(TWO_PI * in / 0.7) / sqrt(k) * sin(TWO_PI * k * turns));
    }
}

/* In odd pieces; how loud what is left is between two times, in dB beside what was heard there. */
static void run(struct hum *h, uint32_t rate_hz)
{
    size_t n = (size_t) SECONDS * rate_hz;
    memcpy(out, heard, n * sizeof *out);
    hum_init(h, rate_hz);
    for (size_t at = 0, part; at < n; at += part) {
        part = AHOY_MIN(n - at, (size_t) 333);
        hum_run(h, out + at, part);
    }
}

static double power(const int16_t *x, uint32_t rate_hz, double from_s, double to_s)
{
    double sum = 1e-9;
    for (size_t i = (size_t) (from_s * rate_hz); i < (size_t) (to_s * rate_hz); i++)
        sum += (double) x[i] * x[i];
    return sum / ((to_s - from_s) * rate_hz);
}

static double less_db(uint32_t rate_hz, double from_s, double to_s)
{
    return 10 * log10(power(heard, rate_hz, from_s, to_s) / power(out, rate_hz, from_s, to_s));
}

static void test_hum_of_either_mains_goes(struct t *t)
{
    static const struct {
        uint32_t rate_hz;
        double hz;
    } mains[] = { { 16000, 50 }, { 16000, 49.94 }, { 16000, 60.05 }, { 48000, 50.12 }, { 48000, 59.98 } };
    static struct hum h;
    for (size_t i = 0; i < AHOY_COUNT(mains); i++) {
        fill_hiss(mains[i].rate_hz, 10);
        add_hum(mains[i].rate_hz, mains[i].hz, 12, 1000, 0, SECONDS);
        run(&h, mains[i].rate_hz);
        T_NEAR(hum_hz(&h), mains[i].hz, 0.002);
        T_NEAR(less_db(mains[i].rate_hz, 0, 1.5), 0, 0.01);
        T_LE(28, less_db(mains[i].rate_hz, 3, 6));
        T_LE(30, less_db(mains[i].rate_hz, 6, SECONDS));
    }
out:;
}

/* What is said stays as it is; only the hum goes, also what of it is under the words. */
static void test_a_voice_in_hum_loses_only_the_hum(struct t *t)
{
    enum { HZ = 16000 };
    static int16_t voice[MOST];
    static struct hum h;
    for (double size = 600; size <= 6000; size *= 10) {
        fill_hiss(HZ, 10);
        add_voice(HZ, size);
        memcpy(voice, heard, sizeof voice);
        add_hum(HZ, 50.03, 12, 600, 0, SECONDS);
        double hum = 0, left = 1e-9;
        run(&h, HZ);
        T_NEAR(hum_hz(&h), 50.03, 0.005);
        for (size_t i = 4 * HZ; i < (size_t) SECONDS * HZ; i++) {
            hum += pow((double) heard[i] - voice[i], 2);
            left += pow((double) out[i] - voice[i], 2);
        }
        T_LE(size > 1000 ? 10 : 20, 10 * log10(hum / left));
    }
out:;
}

/* Neither hiss, nor voices, nor one tone or two in the grid of the mains (British ring-back), nor chords beside it. */
static void test_what_does_not_hum_is_left_alone(struct t *t)
{
    enum { HZ = 16000 };
    static const double tones[][3] = {
        { 0 }, { 400 }, { 400, 450 }, { 350, 440 }, { 196, 294, 392 }, { 103, 206, 309 }
    };
    static struct hum h;
    for (int voice = 0; voice < 2; voice++) {
        for (size_t i = 0; i < AHOY_COUNT(tones); i++) {
            fill_hiss(HZ, 30);
            if (voice)
                add_voice(HZ, 3000);
            for (size_t k = 0; k < 3 && tones[i][k] > 0; k++)
                for (size_t at = 0; at < (size_t) SECONDS * HZ; at++)
                    put(at, heard[at] + 1000 * sin(TWO_PI * tones[i][k] * (double) at / HZ));
            run(&h, HZ);
            T_EQ(memcmp(out, heard, (size_t) SECONDS * HZ * sizeof *out), 0);
        }
    }
out:;
}

/* A plug that is pulled leaves no hum of ours behind, and one that is put in again is found again; so is another phase. */
static void test_hum_that_ends_or_jumps_is_followed(struct t *t)
{
    enum { HZ = 16000 };
    static struct hum h;
    fill_hiss(HZ, 10);
    add_hum(HZ, 50, 12, 1000, 0, 5);
    add_hum(HZ, 50.06, 12, 1000, 7, SECONDS);
    run(&h, HZ);
    T_LE(28, less_db(HZ, 3, 5));
    T_LE(power(out, HZ, 5.35, 7), 1.05 * 101);
    T_LE(28, less_db(HZ, 10, SECONDS));
    fill_hiss(HZ, 10);
    add_hum(HZ, 50, 12, 1000, 0, 5);
    add_hum(HZ, 50.001, 12, 1000, 5.007, SECONDS); /* a piece of sound is missing */
    run(&h, HZ);
    T_LE(-5, less_db(HZ, 5, 5.5));
    T_LE(28, less_db(HZ, 8.5, SECONDS));
out:;
}

/* The mains wanders by some millihertz a second. */
static void test_mains_that_wander_are_followed(struct t *t)
{
    enum { HZ = 16000 };
    static struct hum h;
    double turns = 0;
    fill_hiss(HZ, 10);
    for (size_t i = 0; i < (size_t) SECONDS * HZ; i++) {
        turns += (50 + 0.03 * sin(TWO_PI * 0.03 * (double) i / HZ)) / HZ;
        for (int k = 1; k <= 12; k++)
            put(i, heard[i] + 1000.0 / k * sin(TWO_PI * k * turns));
    }
    run(&h, HZ);
    T_LE(18, less_db(HZ, 4, SECONDS));
out:;
}

T_MAIN(T(test_hum_of_either_mains_goes), T(test_a_voice_in_hum_loses_only_the_hum),
       T(test_what_does_not_hum_is_left_alone), T(test_hum_that_ends_or_jumps_is_followed),
       T(test_mains_that_wander_are_followed))
