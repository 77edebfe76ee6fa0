/*
 * ITU-T G.722 at 64 kbit/s: two bands by a quadrature mirror filter, each coded by adaptive differential PCM: six bits
 * for 0 … 4 kHz, two bits for 4 … 8 kHz. Names in capitals are the blocks of the recommendation, which is exact to the
 * bit. The RTP clock is 8 kHz though samples are taken at 16 kHz (RFC 3551 section 4.5.2): one octet for two samples.
 */
#include "audio/codec_impl.h"

/* One band's predictor and quantiser, the same in encoder and decoder. */
struct band {
    int s, sp, sz;  /* prediction: whole, by poles, by zeros */
    int r[3], p[3]; /* reconstructed and partially reconstructed signal, newest first */
    int a[3];       /* poles; a[0] is not used */
    int d[7], b[7]; /* quantised difference, newest first, and zeros; b[0] is not used */
    int nb, det;    /* logarithmic scale factor and step */
};

struct g722_encoder {
    struct audio_encoder base;
    struct band low, high;
    int x[24];
};

struct g722_decoder {
    struct wave_decoder wave;
    struct band low, high;
    int x[24];   /* synthesis filter */
    int out[24]; /* the last that was heard: what the analysis filter would hold */
};

static const int qmf[12] = { 3, -11, 12, 32, -210, 951, 3876, -805, 362, -156, 53, -11 };
static const int q6[30] = { 0,   35,  72,  110, 150,  190,  233,  276,  323,  370,  422,  473,  530,  587,  650,
                            714, 786, 858, 940, 1023, 1121, 1219, 1339, 1458, 1612, 1765, 1980, 2195, 2557, 2919 };
static const int qm2[4] = { -7408, -1616, 7408, 1616 };
static const int qm4[16] = { 0,     -20456, -12896, -8968, -6288, -4240, -2584, -1200,
                             20456, 12896,  8968,   6288,  4240,  2584,  1200,  0 };
static const int qm6[64] = {
    -136,  -136,  -136,  -136,  -24808, -21904, -19008, -16704, -14984, -13512, -12280, -11192, -10232,
    -9360, -8576, -7856, -7192, -6576,  -6000,  -5456,  -4944,  -4464,  -4008,  -3576,  -3168,  -2776,
    -2400, -2032, -1688, -1360, -1040,  -728,   24808,  21904,  19008,  16704,  14984,  13512,  12280,
    11192, 10232, 9360,  8576,  7856,   7192,   6576,   6000,   5456,   4944,   4464,   4008,   3576,
    3168,  2776,  2400,  2032,  1688,   1360,   1040,   728,    432,    136,    -432,   -136,
};
static const int wl[8] = { -60, -30, 58, 172, 334, 538, 1198, 3042 };
static const int rl42[16] = { 0, 7, 6, 5, 4, 3, 2, 1, 7, 6, 5, 4, 3, 2, 1, 0 };
static const int wh[3] = { 0, -214, 798 };
static const int rh2[4] = { 2, 1, 2, 1 };
static const int ilb[32] = {
    2048, 2093, 2139, 2186, 2233, 2282, 2332, 2383, 2435, 2489, 2543, 2599, 2656, 2714, 2774, 2834,
    2896, 2960, 3025, 3091, 3158, 3228, 3298, 3371, 3444, 3520, 3597, 3676, 3756, 3838, 3922, 4008,
};

static int sat(int x)
{
    return audio_clip(x);
}

static int clamp(int x, int low, int high)
{
    return x < low ? low : x > high ? high : x;
}

static bool same_sign(int a, int b)
{
    return (a < 0) == (b < 0);
}

/* UPPOL2, UPPOL1: the two poles, kept stable. */
static void adapt_poles(struct band *k)
{
    int first = sat(k->a[1] * 4);
    int second = same_sign(k->p[0], k->p[1]) ? -first : first;
    second = AHOY_MIN(second, 32767);
    int a2 = (same_sign(k->p[0], k->p[2]) ? 128 : -128) + (second >> 7) + (k->a[2] * 32512 >> 15);
    a2 = clamp(a2, -12288, 12288);
    int a1 = sat((same_sign(k->p[0], k->p[1]) ? 192 : -192) + (k->a[1] * 32640 >> 15));
    int bound = sat(15360 - a2);
    k->a[1] = clamp(a1, -bound, bound);
    k->a[2] = a2;
}

/* UPZERO and the part of DELAYA behind it: the six zeros. */
static void adapt_zeros(struct band *k)
{
    int step = k->d[0] == 0 ? 0 : 128;
    for (int i = 1; i < 7; i++)
        k->b[i] = sat((same_sign(k->d[i], k->d[0]) ? step : -step) + (k->b[i] * 32640 >> 15));
    for (int i = 6; i > 0; i--)
        k->d[i] = k->d[i - 1];
}

/* RECONS, PARREC, then adaptation and the next prediction (FILTEP, FILTEZ, PREDIC) from a quantised difference. */
static void predict(struct band *k, int difference)
{
    k->d[0] = difference;
    k->r[0] = sat(k->s + difference);
    k->p[0] = sat(k->sz + difference);
    adapt_poles(k);
    adapt_zeros(k);
    for (int i = 2; i > 0; i--) {
        k->r[i] = k->r[i - 1];
        k->p[i] = k->p[i - 1];
    }
    k->sp = sat((k->a[1] * sat(2 * k->r[1]) >> 15) + (k->a[2] * sat(2 * k->r[2]) >> 15));
    int sum = 0;
    for (int i = 6; i > 0; i--)
        sum += k->b[i] * sat(2 * k->d[i]) >> 15;
    k->sz = sat(sum);
    k->s = sat(k->sp + k->sz);
}

/* LOGSCL/LOGSCH and SCALEL/SCALEH. */
static void rescale(struct band *k, int weight, int most, int shift)
{
    k->nb = clamp((k->nb * 127 >> 7) + weight, 0, most);
    int mantissa = ilb[k->nb >> 6 & 31];
    int exponent = shift - (k->nb >> 11);
    k->det = (exponent < 0 ? mantissa << -exponent : mantissa >> exponent) * 4;
}

static void step_low(struct band *k, int code6)
{
    int code4 = code6 >> 2;
    int difference = k->det * qm4[code4] >> 15; /* INVQAL: prediction uses four bits only */
    rescale(k, wl[rl42[code4]], 18432, 8);
    predict(k, difference);
}

static void step_high(struct band *k, int code2)
{
    int difference = k->det * qm2[code2] >> 15; /* INVQAH */
    rescale(k, wh[rh2[code2]], 22528, 10);
    predict(k, difference);
}

/* QUANTL. Magnitudes 1 … 29 map to codes 61 … 33 above zero and 63, 62, 31 … 5 below. */
static int quantise_low(const struct band *k, int x)
{
    int e = sat(x - k->s);
    int magnitude = e >= 0 ? e : -(e + 1);
    int i = 1;
    while (i < 30 && magnitude >= q6[i] * k->det >> 12)
        i++;
    if (e >= 0)
        return 62 - i;
    return i <= 2 ? 64 - i : 34 - i;
}

/* QUANTH. */
static int quantise_high(const struct band *k, int x)
{
    int e = sat(x - k->s);
    int magnitude = e >= 0 ? e : -(e + 1);
    bool large = magnitude >= 564 * k->det >> 12;
    if (e >= 0)
        return large ? 2 : 3;
    return large ? 0 : 1;
}

/* TRANSMIT QMF on two new samples, then both encoders; one octet. */
static uint8_t encode_pair(struct band *low, struct band *high, int x[24], int first, int second)
{
    for (int i = 0; i < 22; i++)
        x[i] = x[i + 2];
    x[22] = first;
    x[23] = second;
    int odd = 0;
    int even = 0;
    for (int i = 0; i < 12; i++) {
        odd += x[2 * i] * qmf[i];
        even += x[2 * i + 1] * qmf[11 - i];
    }
    int code_low = quantise_low(low, (even + odd) >> 14);
    int code_high = quantise_high(high, (even - odd) >> 14);
    step_low(low, code_low);
    step_high(high, code_high);
    return (uint8_t) (code_high << 6 | code_low);
}

static void bands_init(struct band *low, struct band *high)
{
    low->det = 32;
    high->det = 8;
}

static enum ahoy_err encoder_create(struct audio_encoder **out, const struct audio_codec *c,
                                    const struct audio_encoder_config *cfg)
{
    (void) cfg;
    struct g722_encoder *e = wave_encoder_alloc(c, sizeof *e);
    if (!e)
        return AHOY_ERR_NOMEM;
    bands_init(&e->low, &e->high);
    *out = &e->base;
    return AHOY_OK;
}

static enum ahoy_err encode(struct audio_encoder *base, const int16_t *pcm, size_t samples, uint8_t *dst, size_t size,
                            size_t *n)
{
    struct g722_encoder *e = (void *) base;
    if (size < samples / 2)
        return AHOY_ERR_LIMIT;
    for (size_t i = 0; i < samples / 2; i++)
        dst[i] = encode_pair(&e->low, &e->high, e->x, pcm[2 * i], pcm[2 * i + 1]);
    *n = samples / 2;
    return AHOY_OK;
}

static enum ahoy_err decoder_create(struct audio_decoder **out, const struct audio_codec *c)
{
    struct g722_decoder *d = wave_decoder_alloc(c, sizeof *d);
    if (!d)
        return AHOY_ERR_NOMEM;
    bands_init(&d->low, &d->high);
    *out = &d->wave.base;
    return AHOY_OK;
}

/* Both decoders (INVQBL with six bits, RECONS, LIMIT), then RECEIVE QMF. */
static void decode_octet(struct g722_decoder *d, uint8_t octet, int16_t pcm[2])
{
    int code_low = octet & 63;
    int code_high = octet >> 6;
    int low = clamp(d->low.s + (d->low.det * qm6[code_low] >> 15), -16384, 16383);
    int high = clamp(d->high.s + (d->high.det * qm2[code_high] >> 15), -16384, 16383);
    step_low(&d->low, code_low);
    step_high(&d->high, code_high);
    for (int i = 0; i < 22; i++)
        d->x[i] = d->x[i + 2];
    d->x[22] = low + high;
    d->x[23] = low - high;
    int first = 0;
    int second = 0;
    for (int i = 0; i < 12; i++) {
        second += d->x[2 * i] * qmf[i];
        first += d->x[2 * i + 1] * qmf[11 - i];
    }
    pcm[0] = audio_clip(first >> 11);
    pcm[1] = audio_clip(second >> 11);
}

static void remember(struct g722_decoder *d, const int16_t *pcm, size_t n)
{
    for (size_t i = n > 24 ? n - 24 : 0; i < n; i++) {
        for (int k = 0; k < 23; k++)
            d->out[k] = d->out[k + 1];
        d->out[23] = pcm[i];
    }
}

static enum ahoy_err decode(struct audio_decoder *base, const uint8_t *p, size_t n, int16_t *pcm, size_t samples)
{
    struct g722_decoder *d = (void *) base;
    (void) samples;
    for (size_t i = 0; i < n; i++)
        decode_octet(d, p[i], pcm + 2 * i);
    plc_good(d->wave.plc, pcm, 2 * n);
    remember(d, pcm, 2 * n);
    return AHOY_OK;
}

/*
 * The far encoder's predictors went on while packets were lost. Encoding what is heard instead keeps ours near them, so
 * that the first good frame does not burst (the idea of G.722 Appendix III).
 */
static enum ahoy_err conceal(struct audio_decoder *base, int16_t *pcm, size_t samples)
{
    struct g722_decoder *d = (void *) base;
    plc_conceal(d->wave.plc, pcm, samples);
    for (size_t i = 0; i + 1 < samples; i += 2)
        (void) encode_pair(&d->low, &d->high, d->out, pcm[i], pcm[i + 1]);
    if (samples % 2)
        remember(d, pcm + samples - 1, 1);
    return AHOY_OK;
}

static size_t payload_samples(const struct audio_codec *c, const uint8_t *p, size_t n)
{
    (void) c, (void) p;
    return n <= SIZE_MAX / 2 ? 2 * n : 0;
}

const struct audio_codec_ops audio_g722_ops = {
    .encoder_create = encoder_create,
    .encode = encode,
    .encoder_destroy = wave_encoder_destroy,
    .decoder_create = decoder_create,
    .decode = decode,
    .conceal = conceal,
    .decoder_destroy = wave_decoder_destroy,
    .samples = payload_samples,
};
