#include "audio/resample.h"

#include "base/mem.h"

#include <math.h>
#include <speex/speex_resampler.h>

enum { RESAMPLE_MIN_HZ = 8000, RESAMPLE_MAX_HZ = 192000 };

/* speexdsp multiplies a fraction's numerator by its oversampling in 32 bits, so the fraction stays below this. */
enum { RESAMPLE_MAX_FRACTION = 60000000, RESAMPLE_FINEST = 1000000 };

struct resample {
    SpeexResamplerState *speex;
    uint32_t in_hz, out_hz;
    uint32_t in_part, out_part; /* the ratio without common factors */
    uint32_t scale;             /* parts that one is cut into for trimming */
    int32_t trim;
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
    if (in_hz < RESAMPLE_MIN_HZ || in_hz > RESAMPLE_MAX_HZ || out_hz < RESAMPLE_MIN_HZ || out_hz > RESAMPLE_MAX_HZ ||
        quality < 0 || quality > 10)
        return AHOY_ERR_RANGE;
    struct resample *r = mem_zalloc(sizeof *r);
    if (!r)
        return AHOY_ERR_NOMEM;
    uint32_t common = common_factor(in_hz, out_hz);
    r->in_hz = in_hz;
    r->out_hz = out_hz;
    r->in_part = in_hz / common;
    r->out_part = out_hz / common;
    r->scale = AHOY_MIN((uint32_t) RESAMPLE_FINEST, RESAMPLE_MAX_FRACTION / AHOY_MAX(r->in_part, r->out_part));
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

void resample_set_ppm(struct resample *r, double ppm)
{
    ppm = ppm > RESAMPLE_MAX_PPM ? RESAMPLE_MAX_PPM : ppm < -RESAMPLE_MAX_PPM ? -RESAMPLE_MAX_PPM : ppm;
    int32_t trim = (int32_t) lrint(ppm * r->scale / 1e6);
    if (trim == r->trim)
        return;
    uint32_t num = r->in_part * r->scale;
    uint32_t den = r->out_part * (uint32_t) ((int32_t) r->scale + trim);
    if (speex_resampler_set_rate_frac(r->speex, num, den, r->in_hz, r->out_hz) == RESAMPLER_ERR_SUCCESS)
        r->trim = trim;
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
