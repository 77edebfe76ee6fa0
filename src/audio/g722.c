/*
 * ITU-T G.722 at 64 kbit/s: two bands by a quadrature mirror filter, each coded by adaptive differential PCM: six bits
 * for 0 … 4 kHz, two bits for 4 … 8 kHz. Names in capitals are the blocks of the recommendation, which is exact to the
 * bit. The RTP clock is 8 kHz though samples are taken at 16 kHz (RFC 3551 section 4.5.2): one octet for two samples.
 */
#include "audio/codec_impl.h"

#include <stdlib.h>

enum {
    QMF_DELAY = 22, /* samples, of both filters */
    MOST_AHEAD = AUDIO_MAX_MS * 16,
    SHIFT_LOW = 8, /* of the step sizes of the bands */
    SHIFT_HIGH = 10,
    OCTAVE = 2048,  /* of a logarithmic scale factor: 6 dB */
    SOFTEST = 6,    /* octaves below what the concealment leaves */
    LOUDEST = 8192, /* that is taken for usual before anything was heard */
    LOUDEST_LEAST = 1000,
    LOUDEST_FOR_MS = 10000,
    SOFT = 48, /* samples behind a loss that are off when they are decoded before it was concealed */
};

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

/* Everything a decoder remembers but what was heard. */
struct bands {
    struct band low, high;
    int x[24];      /* synthesis filter */
    int heard[24];  /* what the analysis filter would hold */
    unsigned known; /* samples to come that the bands know already */
    bool half;      /* `first` waits for its second */
    int first;
};

struct g722_decoder {
    struct wave_decoder wave;
    struct bands bands;
    bool lost;   /* the last frame was concealed */
    int loudest; /* sample of late */
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

static void shift(int x[24], int next)
{
    for (int i = 0; i < 23; i++)
        x[i] = x[i + 1];
    x[23] = next;
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

/* SCALEL/SCALEH. */
static void set_step(struct band *k, int shift)
{
    int mantissa = ilb[k->nb >> 6 & 31];
    int exponent = shift - (k->nb >> 11);
    k->det = (exponent < 0 ? mantissa << -exponent : mantissa >> exponent) * 4;
}

/* LOGSCL/LOGSCH. */
static void rescale(struct band *k, int weight, int most, int shift)
{
    k->nb = clamp((k->nb * 127 >> 7) + weight, 0, most);
    set_step(k, shift);
}

static void step_low(struct band *k, int code6)
{
    int code4 = code6 >> 2;
    int difference = k->det * qm4[code4] >> 15; /* INVQAL: prediction uses four bits only */
    rescale(k, wl[rl42[code4]], 18432, SHIFT_LOW);
    predict(k, difference);
}

static void step_high(struct band *k, int code2)
{
    int difference = k->det * qm2[code2] >> 15; /* INVQAH */
    rescale(k, wh[rh2[code2]], 22528, SHIFT_HIGH);
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

/* TRANSMIT QMF on two new samples, then both quantisers; one octet. */
static uint8_t quantise_pair(const struct band *low, const struct band *high, int x[24], int first, int second)
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
    return (uint8_t) (code_high << 6 | code_low);
}

static void bands_init(struct band *low, struct band *high)
{
    *low = *high = (struct band){ 0 };
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
    for (size_t i = 0; i < samples / 2; i++) {
        dst[i] = quantise_pair(&e->low, &e->high, e->x, pcm[2 * i], pcm[2 * i + 1]);
        step_low(&e->low, dst[i] & 63);
        step_high(&e->high, dst[i] >> 6);
    }
    *n = samples / 2;
    return AHOY_OK;
}

static enum ahoy_err decoder_create(struct audio_decoder **out, const struct audio_codec *c)
{
    struct g722_decoder *d = wave_decoder_alloc(c, sizeof *d);
    if (!d)
        return AHOY_ERR_NOMEM;
    bands_init(&d->bands.low, &d->bands.high);
    d->loudest = LOUDEST;
    *out = &d->wave.base;
    return AHOY_OK;
}

/* Both decoders (INVQBL with six bits, RECONS, LIMIT), then RECEIVE QMF. */
static void decode_octet(struct bands *b, uint8_t octet, int16_t pcm[2])
{
    int code_low = octet & 63;
    int code_high = octet >> 6;
    int low = clamp(b->low.s + (b->low.det * qm6[code_low] >> 15), -16384, 16383);
    int high = clamp(b->high.s + (b->high.det * qm2[code_high] >> 15), -16384, 16383);
    step_low(&b->low, code_low);
    step_high(&b->high, code_high);
    for (int i = 0; i < 22; i++)
        b->x[i] = b->x[i + 2];
    b->x[22] = low + high;
    b->x[23] = low - high;
    int first = 0;
    int second = 0;
    for (int i = 0; i < 12; i++) {
        second += b->x[2 * i] * qmf[i];
        first += b->x[2 * i + 1] * qmf[11 - i];
    }
    pcm[0] = audio_clip(first >> 11);
    pcm[1] = audio_clip(second >> 11);
}

/*
 * The far encoder's predictors went on while packets were lost. Encoding what is heard instead keeps ours near them, so
 * that the first good frame does not burst (the idea of G.722 Appendix III). What is heard is late by both filters: the
 * bands know its first QMF_DELAY samples already when a loss begins, and want as many behind its end.
 */
static void follow(struct bands *b, const int16_t *pcm, size_t samples)
{
    for (size_t i = 0; i < samples; i++) {
        if (b->known > 0) {
            b->known--;
            shift(b->heard, pcm[i]);
            continue;
        }
        if (!b->half) {
            b->first = pcm[i];
            b->half = true;
            continue;
        }
        b->half = false;
        uint8_t octet = quantise_pair(&b->low, &b->high, b->heard, b->first, pcm[i]);
        int16_t ignored[2];
        decode_octet(b, octet, ignored);
    }
}

/* The bands as they will be `gap` samples on, when what follows the loss is decoded. */
static void arrive(struct bands *b, struct plc *plc, size_t gap)
{
    int16_t pcm[MOST_AHEAD + QMF_DELAY];
    plc_peek(plc, pcm, gap + QMF_DELAY);
    follow(b, pcm, gap + QMF_DELAY);
}

static int loudest_of(const int16_t *pcm, size_t n)
{
    int most = 0;
    for (size_t i = 0; i < n; i++)
        most = AHOY_MAX(most, abs(pcm[i]));
    return most;
}

/*
 * The first frame behind a loss. Where the far encoder's steps were smaller than ours are now (it went through silence,
 * and a plosive follows), it comes out too loud, up to a crack far above the speech: then it is decoded with smaller ones,
 * or as behind silence.
 */
static void decode_behind_loss(struct g722_decoder *d, struct bands *b, const uint8_t *p, size_t n, int16_t *pcm)
{
    for (int octaves = 0;; octaves++) {
        struct bands t = *b;
        if (octaves > SOFTEST) {
            bands_init(&t.low, &t.high);
        } else {
            t.low.nb = AHOY_MAX(t.low.nb - octaves * OCTAVE, 0);
            t.high.nb = AHOY_MAX(t.high.nb - octaves * OCTAVE, 0);
            set_step(&t.low, SHIFT_LOW);
            set_step(&t.high, SHIFT_HIGH);
        }
        for (size_t i = 0; i < n; i++)
            decode_octet(&t, p[i], pcm + 2 * i);
        if (octaves > SOFTEST || loudest_of(pcm, 2 * n) <= d->loudest) {
            *b = t;
            return;
        }
    }
}

static void leave(struct g722_decoder *d)
{
    if (!d->lost) {
        d->bands.known = QMF_DELAY;
        d->bands.half = false;
        d->lost = true;
    }
}

static enum ahoy_err decode(struct audio_decoder *base, const uint8_t *p, size_t n, int16_t *pcm, size_t samples)
{
    struct g722_decoder *d = (void *) base;
    (void) samples;
    if (d->lost) {
        arrive(&d->bands, d->wave.plc, 0);
        decode_behind_loss(d, &d->bands, p, n, pcm);
    } else {
        for (size_t i = 0; i < n; i++)
            decode_octet(&d->bands, p[i], pcm + 2 * i);
        d->loudest -= (int) ((size_t) d->loudest * 2 * n / (LOUDEST_FOR_MS * 16));
        d->loudest = AHOY_MAX(AHOY_MAX(d->loudest, LOUDEST_LEAST), loudest_of(pcm, 2 * n));
    }
    d->lost = false;
    plc_good(d->wave.plc, pcm, 2 * n);
    for (size_t i = n > 12 ? 2 * n - 24 : 0; i < 2 * n; i++)
        shift(d->bands.heard, pcm[i]);
    return AHOY_OK;
}

static enum ahoy_err conceal(struct audio_decoder *base, int16_t *pcm, size_t samples)
{
    struct g722_decoder *d = (void *) base;
    leave(d);
    plc_conceal(d->wave.plc, pcm, samples);
    follow(&d->bands, pcm, samples);
    return AHOY_OK;
}

/*
 * What follows cannot be decoded without what was lost, so its beginning is not quite right: SOFT samples of it are led
 * over. Guessing once more with what came out of that makes it worse: errors of the level add up.
 */
static enum ahoy_err bridge(struct audio_decoder *base, const struct audio_redundancy *to, int16_t *pcm, size_t samples)
{
    struct g722_decoder *d = (void *) base;
    int16_t next[PLC_NEXT_SAMPLES];
    if (to->ahead > MOST_AHEAD)
        return AHOY_ERR_NOT_FOUND;
    leave(d);
    if (plc_gap(d->wave.plc) != to->ahead) {
        size_t n = AHOY_MIN(to->n, (size_t) 8 * PLC_NEXT_MS);
        struct bands ahead = d->bands;
        arrive(&ahead, d->wave.plc, to->ahead);
        decode_behind_loss(d, &ahead, to->p, n, next);
        plc_toward(d->wave.plc, next, 2 * n, to->ahead, SOFT);
    }
    return conceal(base, pcm, samples);
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
    .bridge = bridge,
    .decoder_destroy = wave_decoder_destroy,
    .samples = payload_samples,
};
