#include "audio/resample.h"

#include "base/mem.h"

#include <math.h>
#include <speex/speex_resampler.h>

enum { RESAMPLE_MIN_HZ = 8000, RESAMPLE_MAX_HZ = 192000 };

/*
 * When its ratio changes, speexdsp multiplies old by new denominators in 32 bits, and reads out of bounds after an
 * overflow. So both parts of a ratio stay below 2^16.
 */
enum { RESAMPLE_MAX_PART = 65535 };

/* Its position between two samples is kept in units of the denominator: rounding it to a coarser one would click. */
enum { RESAMPLE_MIN_DENOMINATOR = 512 };

struct resample {
    SpeexResamplerState *speex;
    uint32_t in_hz, out_hz;
    uint32_t in_part, out_part; /* the ratio without common factors */
    double ppm;
};

static uint32_t common_factor(uint32_t a, uint32_t b)
{
    while (b > 0) {
        uint32_t rest = a % b;
        a = b;
        b = rest;
    }
    return a;
}

enum ahoy_err resample_create(struct resample **out, uint32_t in_hz, uint32_t out_hz, int quality)
{
    if (in_hz < RESAMPLE_MIN_HZ || in_hz > RESAMPLE_MAX_HZ || out_hz < RESAMPLE_MIN_HZ || out_hz > RESAMPLE_MAX_HZ
        || quality < 0 || quality > 10)
        return AHOY_ERR_RANGE;
    struct resample *r = mem_zalloc(sizeof *r);
    if (!r)
        return AHOY_ERR_NOMEM;
    uint32_t common = common_factor(in_hz, out_hz);
    r->in_hz = in_hz;
    r->out_hz = out_hz;
    r->in_part = in_hz / common;
    r->out_part = out_hz / common;
    int err = 0;
    r->speex = speex_resampler_init_frac(1, r->in_part, r->out_part, in_hz, out_hz, quality, &err);
    if (!r->speex) {
        mem_free(r);
        return AHOY_ERR_NOMEM;
    }
    *out = r;
    return AHOY_OK;
}

void resample_destroy(struct resample *r)
{
    if (!r)
        return;
    speex_resampler_destroy(r->speex);
    mem_free(r);
}

/* The fraction p/q nearest to x > 0 whose parts stay within the limit: continued fraction, then the last step cut. */
static void nearest_fraction(double x, uint32_t *p, uint32_t *q)
{
    uint32_t p0 = 0, q0 = 1, p1 = 1, q1 = 0;
    double rest = x;
    for (int i = 0; i < 32; i++) {
        double whole = floor(rest);
        if (p0 + whole * p1 > RESAMPLE_MAX_PART || q0 + whole * q1 > RESAMPLE_MAX_PART)
            break;
        uint32_t p2 = p0 + (uint32_t) whole * p1;
        uint32_t q2 = q0 + (uint32_t) whole * q1;
        p0 = p1;
        q0 = q1;
        p1 = p2;
        q1 = q2;
        if (rest - whole < 1e-9)
            break;
        rest = 1 / (rest - whole);
    }
    /* NOLINTNEXTLINE: rates of 8 to 192 kHz keep x between 1/24 and 24, so p1 and q1 are past their zeros here */
    uint32_t k = AHOY_MIN((RESAMPLE_MAX_PART - p0) / p1, (RESAMPLE_MAX_PART - q0) / q1);
    uint32_t p2 = p0 + k * p1;
    uint32_t q2 = q0 + k * q1;
    bool cut_is_nearer = fabs((double) p2 / q2 - x) < fabs((double) p1 / q1 - x);
    *p = cut_is_nearer ? p2 : p1;
    *q = cut_is_nearer ? q2 : q1;
}

void resample_set_ppm(struct resample *r, double ppm)
{
    ppm = ppm > RESAMPLE_MAX_PPM ? RESAMPLE_MAX_PPM : ppm < -RESAMPLE_MAX_PPM ? -RESAMPLE_MAX_PPM : ppm;
    if (ppm == r->ppm)
        return;
    uint32_t num, den;
    nearest_fraction((double) r->in_hz / r->out_hz / (1 + ppm * 1e-6), &num, &den);
    if (den < RESAMPLE_MIN_DENOMINATOR) {
        uint32_t times = (RESAMPLE_MAX_PART - 1) / AHOY_MAX(num, den);
        num *= times;
        den = ppm < 0 ? den * times - 1 : den * times + 1;
    }
    if (speex_resampler_set_rate_frac(r->speex, num, den, r->in_hz, r->out_hz) == RESAMPLER_ERR_SUCCESS)
        r->ppm = ppm;
}

size_t resample_max_out(const struct resample *r, size_t n)
{
    uint64_t exact = (uint64_t) n * r->out_part / r->in_part;
    return (size_t) (exact + exact * RESAMPLE_MAX_PPM / 1000000 + 2);
}

size_t resample_run(struct resample *r, const int16_t *in, size_t n, int16_t *out)
{
    size_t room = resample_max_out(r, n);
    size_t made = 0;
    while (n > 0) {
        spx_uint32_t took = (spx_uint32_t) AHOY_MIN(n, (size_t) RESAMPLE_MAX_HZ);
        spx_uint32_t got = (spx_uint32_t) AHOY_MIN(room - made, (size_t) UINT32_MAX);
        if (speex_resampler_process_int(r->speex, 0, in, &took, out + made, &got) != RESAMPLER_ERR_SUCCESS)
            break;
        in += took;
        n -= took;
        made += got;
        if (took == 0 && got == 0)
            break;
    }
    return made;
}

double resample_delay_ms(const struct resample *r)
{
    return 1000.0 * speex_resampler_get_input_latency(r->speex) / r->in_hz;
}

void resample_reset(struct resample *r)
{
    (void) speex_resampler_reset_mem(r->speex);
}
