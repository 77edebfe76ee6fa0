#include "echo/scene.h"

#include "audio/fft.h"
#include "base/mem.h"
#include "base/rng.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define PI 3.14159265358979323846

const struct scene_kind scene_kinds[] = {
    { .name = "linear", .delay_ms = 20 },
    { .name = "distorting speaker", .delay_ms = 20, .distorts = true },
    { .name = "150 ms late", .delay_ms = 150 },
    { .name = "drift +200 ppm", .delay_ms = 60, .drift_ppm = 200 },
    { .name = "drift -200 ppm", .delay_ms = 60, .drift_ppm = -200 },
    { .name = "reverberant", .delay_ms = 20, .rt60_s = 0.5 },
    { .name = "delay jump", .delay_ms = 40, .jump_ms = 73 },
    { .name = "path change", .delay_ms = 20, .moves = true },
    { .name = "shoebox, new rooms", .delay_ms = 35, .image = true, .moves = true },
    { .name = "300 ms late", .delay_ms = 300 },
    { .name = "200 ms less", .delay_ms = 260, .jump_ms = -200 },
    { .name = "250 ms more", .delay_ms = 30, .jump_ms = 250 },
    { .name = "stalls for 250 ms", .delay_ms = 30, .jump_ms = 250, .stalls = true },
    { .name = "near as echo", .delay_ms = 20, .near_levelled = true },
    { .name = "near below echo", .delay_ms = 20, .near_levelled = true, .near_db = -6 },
};
const size_t scene_kind_count = AHOY_COUNT(scene_kinds);

static double gauss(struct rng *r)
{
    return sqrt(-2 * log(1 - rng_unit(r))) * cos(2 * PI * rng_unit(r));
}

/* A direct sound, a few early reflections, and noise that decays by 60 dB in rt60. */
static void room_of_noise(double *h, size_t n, unsigned rate_hz, double rt60_s, struct rng *r)
{
    size_t direct = rate_hz / 1000 + rng_below(r, rate_hz / 500);
    for (size_t i = direct + 1; i < n; i++)
        h[i] = 0.25 * gauss(r) * exp(-6.9078 * (double) (i - direct) / (rt60_s * rate_hz)) * sqrt(16000.0 / rate_hz);
    h[direct] = 1;
    for (int k = 0; k < 6; k++) {
        size_t at = direct + rate_hz / 500 + rng_below(r, rate_hz / 40);
        h[at] += 0.5 * (2 * rng_unit(r) - 1);
    }
}

/* A tap between two samples, by a short windowed sinc. */
static void add_tap(double *h, size_t n, double at, double gain)
{
    int64_t whole = (int64_t) floor(at);
    for (int64_t i = whole - 7; i <= whole + 8; i++) {
        double x = (double) i - at;
        double sinc = fabs(x) < 1e-9 ? 1 : sin(PI * x) / (PI * x);
        if (i >= 0 && i < (int64_t) n)
            h[i] += gain * sinc * (0.5 + 0.5 * cos(PI * x / 8.5));
    }
}

/* Allen and Berkley, JASA 65, 1979: walls that all reflect alike, chosen for rt60 by Sabine's formula. */
static void room_of_images(double *h, size_t n, unsigned rate_hz, double rt60_s, struct rng *r)
{
    double room[3], from[3], to[3];
    double volume = 1;
    for (int d = 0; d < 3; d++) {
        room[d] = (d == 2 ? 2.3 : 2.8) + 2.5 * rng_unit(r) * (d == 2 ? 0.4 : 1);
        from[d] = room[d] * (0.2 + 0.6 * rng_unit(r));
        to[d] = fmin(room[d] - 0.2, fmax(0.2, from[d] + (rng_unit(r) - 0.5)));
        volume *= room[d];
    }
    double surface = 2 * (room[0] * room[1] + room[1] * room[2] + room[0] * room[2]);
    double reflect = sqrt(fmax(0.1, 1 - 0.161 * volume / (surface * rt60_s)));
    int reach = (int) (rt60_s * 343 / 2.3 / 2) + 1;
    for (int x = -reach; x <= reach; x++)
        for (int y = -reach; y <= reach; y++)
            for (int z = -reach; z <= reach; z++)
                for (int mirror = 0; mirror < 8; mirror++) {
                    const int cell[3] = { x, y, z };
                    double distance = 0;
                    int bounces = 0;
                    for (int d = 0; d < 3; d++) {
                        int flip = mirror >> d & 1;
                        double image = 2 * cell[d] * room[d] + (flip ? -from[d] : from[d]);
                        distance += (image - to[d]) * (image - to[d]);
                        bounces += abs(cell[d] - flip) + abs(cell[d]);
                    }
                    distance = sqrt(distance);
                    if (distance / 343 * rate_hz < (double) n)
                        add_tap(h, n, distance / 343 * rate_hz, pow(reflect, bounces) / fmax(0.1, distance));
                }
}

/* dst = x * h; false when memory runs out. */
static bool convolve(double *dst, const double *x, size_t n, const double *h, size_t m)
{
    size_t size = fft_size(n + m);
    double *a = mem_zalloc(4 * size * sizeof *a);
    if (!a)
        return false;
    double *a_im = a + size, *b = a + 2 * size, *b_im = a + 3 * size;
    memcpy(a, x, n * sizeof *x);
    memcpy(b, h, m * sizeof *h);
    fft_run(a, a_im, size, false);
    fft_run(b, b_im, size, false);
    for (size_t i = 0; i < size; i++) {
        double re = a[i] * b[i] - a_im[i] * b_im[i];
        a_im[i] = a[i] * b_im[i] + a_im[i] * b[i];
        a[i] = re;
    }
    fft_run(a, a_im, size, true);
    memcpy(dst, a, n * sizeof *dst);
    mem_free(a);
    return true;
}

static double sound_at(const double *x, size_t n, double at)
{
    int64_t whole = (int64_t) floor(at);
    double sum = 0;
    for (int64_t i = whole - 23; i <= whole + 24; i++) {
        double d = (double) i - at;
        double sinc = fabs(d) < 1e-9 ? 1 : sin(PI * d) / (PI * d);
        if (i >= 0 && i < (int64_t) n)
            sum += x[i] * sinc * (0.5 + 0.5 * cos(PI * d / 24.5));
    }
    return sum;
}

/* What a loudspeaker driven too hard makes of it: soft clipping and some rectification, about 20 dB down. */
static void distort(double *x, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        double y = tanh(5 * x[i]) / 5;
        x[i] = y + 0.8 * y * y;
    }
}

struct workshop {
    double *far, *played, *heard, *other, *near, *room;
    size_t n, room_n;
};

/* Makes `x` by `db` louder than `other`. */
static void level_by(double *x, const double *other, size_t n, double db)
{
    double in = 1e-12, out = 1e-12;
    for (size_t i = 0; i < n; i++) {
        in += other[i] * other[i];
        out += x[i] * x[i];
    }
    double scale = sqrt(in / out) * pow(10, db / 20);
    for (size_t i = 0; i < n; i++)
        x[i] *= scale;
}

static bool heard_in(const struct workshop *w, double *dst, const struct scene_kind *kind, unsigned rate_hz,
                     struct rng *r)
{
    double rt60_s = 0.25 + 0.25 * rng_unit(r);
    double down_db = 3 + 3 * rng_unit(r);
    if (kind->rt60_s > 0)
        rt60_s = kind->rt60_s;
    memset(w->room, 0, w->room_n * sizeof *w->room);
    if (kind->image)
        room_of_images(w->room, w->room_n, rate_hz, rt60_s, r);
    else
        room_of_noise(w->room, w->room_n, rate_hz, rt60_s, r);
    if (!convolve(dst, w->played, w->n, w->room, w->room_n))
        return false;
    level_by(dst, w->far, w->n, -down_db);
    return true;
}

static int16_t rounded(double x)
{
    return (int16_t) lrint(fmax(-32768, fmin(32767, 32768 * x)));
}

/* Delays, jumps and drift, then noise and the near end. */
static void record(struct scene *out, const struct workshop *w, const struct scene_kind *kind, struct rng *r)
{
    double rate = out->rate_hz;
    for (size_t i = 0; i < out->n; i++) {
        bool later = i >= SCENE_CHANGE * (size_t) out->rate_hz;
        double delay = (kind->delay_ms + (later ? kind->jump_ms : 0)) * rate / 1000;
        double at = (double) i * (1 + kind->drift_ppm * 1e-6) - delay;
        const double *heard = later && kind->moves ? w->other : w->heard;
        bool stalled = kind->stalls && later && (double) i < SCENE_CHANGE * rate + kind->jump_ms * rate / 1000;
        double echo = (stalled ? 0 : sound_at(heard, w->n, at)) + 1e-4 * gauss(r);
        out->far[i] = rounded(w->far[i]);
        out->near[i] = rounded(w->near[i]);
        out->echo[i] = rounded(echo);
        out->both[i] = rounded(echo + w->near[i]);
    }
}

bool scene_make(struct scene *out, const struct scene_kind *kind, const struct speech *speech, unsigned rate_hz,
                uint64_t seed)
{
    struct rng r;
    rng_init_u64(&r, seed * 7919 + (uint64_t) (kind - scene_kinds));
    size_t n = (size_t) SCENE_SECONDS * rate_hz;
    size_t room_n = rate_hz * 6 / 10;
    double *all = mem_zalloc((5 * n + room_n) * sizeof *all);
    int16_t *pcm = mem_zalloc(4 * n * sizeof *pcm);
    bool made = false;
    if (!all || !pcm)
        goto out;
    struct workshop w = { all, all + n, all + 2 * n, all + 3 * n, all + 4 * n, all + 5 * n, n, room_n };
    *out = (struct scene){ rate_hz, n, pcm, pcm + n, pcm + 2 * n, pcm + 3 * n };
    speech_fill(speech, 0, seed * 100 + (uint64_t) (kind - scene_kinds), w.far, n);
    speech_fill(speech, 1, seed * 100 + (uint64_t) (kind - scene_kinds), w.near, n);
    memcpy(w.played, w.far, n * sizeof *w.far);
    if (kind->distorts)
        distort(w.played, n);
    if (!heard_in(&w, w.heard, kind, rate_hz, &r) || (kind->moves && !heard_in(&w, w.other, kind, rate_hz, &r)))
        goto out;
    if (kind->near_levelled)
        level_by(w.near, w.heard, n, kind->near_db);
    record(out, &w, kind, &r);
    made = true;
out:
    mem_free(all);
    if (!made)
        mem_free(pcm);
    return made;
}

void scene_free(struct scene *s)
{
    mem_free(s->far);
}
