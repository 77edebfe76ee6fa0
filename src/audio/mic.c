#include "audio/mic.h"

#include "audio/aec.h"
#include "audio/agc.h"
#include "audio/hum.h"
#include "audio/mic_way.h"
#include "audio/mix.h"
#include "audio/resample.h"
#include "audio/rnn.h"
#include "audio/vad.h"
#include "base/mem.h"

#include <math.h>
#include <string.h>

#define PI 3.14159265358979323846

/* Fourth-order Butterworth: below speech, above rumble and most of the mains. */
#define HIGH_PASS_HZ 85.0

/* Mean log likelihood ratio that begins speech, that keeps it, and for how many blocks it outlives its cause. */
#define SPEECH_BEGINS 0.30
#define SPEECH_HOLDS  0.18

enum { SPEECH_BLOCKS = 2, HANG_BLOCKS = 20 };

/* 10 ms at the inner rate, and what a resampler may have kept. */
enum { PIECE_MOST = 2 * MIC_BLOCK_MOST };

struct biquad {
    double b0, b1, b2, a1, a2, z1, z2;
};

struct mic {
    struct mic_config config;
    uint32_t inner_hz;
    struct resample *near, *far, *back; /* NULL: the rates are equal */
    size_t block, n;                    /* samples of 10 ms at the inner rate, and those in `fresh` */
    int16_t fresh[MIC_BLOCK_MOST];      /* what came out of the canceller; learned from when it is 10 ms */
    struct biquad high_pass[2];
    struct hum hum;
    struct aec *aec; /* NULL: neither echo nor noise is looked at */
    struct rnn *rnn; /* NULL: the network is not asked for */
    struct agc agc;
    struct vad vad; /* without aec */
    unsigned speaking, hang;
    struct mic_stats stats;
};

/* Bilinear transform of a second-order section with quality `q`. */
static void make_high_pass(struct biquad *f, double rate_hz, double q)
{
    double w = 2 * PI * HIGH_PASS_HZ / rate_hz;
    double alpha = sin(w) / (2 * q);
    double a0 = 1 + alpha;
    *f = (struct biquad){ .b0 = (1 + cos(w)) / 2 / a0,
                          .b1 = -(1 + cos(w)) / a0,
                          .b2 = (1 + cos(w)) / 2 / a0,
                          .a1 = -2 * cos(w) / a0,
                          .a2 = (1 - alpha) / a0 };
}

static double run_biquad(struct biquad *f, double x)
{
    double y = f->b0 * x + f->z1;
    f->z1 = f->b1 * x - f->a1 * y + f->z2;
    f->z2 = f->b2 * x - f->a2 * y;
    return y;
}

static void high_pass(struct mic *m, int16_t *pcm, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        double y = run_biquad(&m->high_pass[1], run_biquad(&m->high_pass[0], pcm[i]));
        pcm[i] = (int16_t) lrint(y < -32768 ? -32768 : y > 32767 ? 32767 : y);
    }
}

const char *mic_chain(void)
{
    return "own";
}

/* ---- life -------------------------------------------------------------------------------------------------------- */

static enum ahoy_err open_ways(struct mic *m)
{
    uint32_t hz = m->config.rate_hz;
    if (hz == m->inner_hz)
        return AHOY_OK;
    enum ahoy_err err = resample_create(&m->near, hz, m->inner_hz, RESAMPLE_VOICE);
    if (!err)
        err = resample_create(&m->back, m->inner_hz, hz, RESAMPLE_VOICE);
    if (!err && m->config.steps & MIC_ECHO)
        err = resample_create(&m->far, hz, m->inner_hz, RESAMPLE_VOICE);
    return err;
}

enum ahoy_err mic_create(struct mic **out, const struct mic_config *cfg)
{
    if (cfg->rate_hz < 8000 || cfg->rate_hz > 48000)
        return AHOY_ERR_RANGE;
    struct mic *m = mem_zalloc(sizeof *m);
    if (!m)
        return AHOY_ERR_NOMEM;
    m->config = *cfg;
    m->inner_hz = cfg->rate_hz <= 16000 ? 16000 : 48000;
    m->block = m->inner_hz / 1000 * MIC_BLOCK_MS;
    bool spectra = cfg->steps & (MIC_ECHO | MIC_NOISE | MIC_RNN | MIC_GAIN);
    enum ahoy_err err = cfg->steps ? open_ways(m) : AHOY_OK;
    if (!err && spectra)
        err = aec_create(&m->aec, m->inner_hz);
    if (!err && cfg->steps & MIC_RNN)
        err = rnn_create(&m->rnn, RNN_SONAME, m->inner_hz);
    if (err) {
        mic_destroy(m);
        return err;
    }
    if (spectra)
        aec_choose(m->aec, cfg->steps & MIC_ECHO, cfg->steps & MIC_NOISE);
    make_high_pass(&m->high_pass[0], m->inner_hz, 0.54119610);
    make_high_pass(&m->high_pass[1], m->inner_hz, 1.3065630);
    hum_init(&m->hum, m->inner_hz);
    agc_init(&m->agc, m->inner_hz);
    vad_init(&m->vad, cfg->steps ? m->inner_hz : cfg->rate_hz);
    m->stats = (struct mic_stats){ .level_dbfs = MIX_SILENCE_DBFS, .noise_dbfs = MIX_SILENCE_DBFS };
    *out = m;
    return AHOY_OK;
}

void mic_take_over(struct mic *m, const struct mic *from)
{
    if (m->aec && from->aec)
        aec_take_over(m->aec, from->aec);
    m->agc.speech_power = from->agc.speech_power;
    m->agc.heard_s = from->agc.heard_s;
    m->agc.below_s = from->agc.below_s;
    m->agc.gain_db = from->agc.gain_db;
    m->agc.gain = from->agc.gain;
    m->speaking = from->speaking;
    m->hang = from->hang;
    m->stats = from->stats;
}

void mic_destroy(struct mic *m)
{
    if (!m)
        return;
    resample_destroy(m->near);
    resample_destroy(m->far);
    resample_destroy(m->back);
    aec_destroy(m->aec);
    rnn_destroy(m->rnn);
    mem_free(m);
}

/* ---- pieces ------------------------------------------------------------------------------------------------------ */

/* Up to 10 ms off the front of *pcm at the inner rate: either `pcm` itself or in `room`. */
static size_t take(const struct mic *m, struct resample *r, const int16_t **pcm, size_t *n, int16_t *room)
{
    size_t part = AHOY_MIN(*n, (size_t) m->config.rate_hz / 1000 * MIC_BLOCK_MS);
    size_t made = part;
    if (r)
        made = resample_run(r, *pcm, part, room);
    else
        memcpy(room, *pcm, part * sizeof *room);
    *pcm += part;
    *n -= part;
    return made;
}

void mic_far(struct mic *m, const int16_t *pcm, size_t n)
{
    int16_t some[PIECE_MOST];
    while (n > 0 && m->config.steps & MIC_ECHO) {
        size_t made = take(m, m->far, &pcm, &n, some);
        aec_render(m->aec, some, made);
    }
}

/* Speech: the ratio over some blocks, with hysteresis. */
static bool speaks(struct mic *m, double ratio)
{
    bool above = ratio > (m->hang > 0 ? SPEECH_HOLDS : SPEECH_BEGINS);
    m->speaking = above ? m->speaking + 1 : 0;
    if (m->speaking >= SPEECH_BLOCKS)
        m->hang = HANG_BLOCKS;
    else if (m->hang > 0)
        m->hang--;
    return m->speaking >= SPEECH_BLOCKS;
}

static void follow_speech(struct mic *m, const int16_t *pcm, size_t n)
{
    bool now;
    if (m->aec) {
        struct aec_stats s;
        aec_read_stats(m->aec, &s);
        m->stats.noise_dbfs = s.noise_dbfs;
        m->stats.echo = s.echo;
        m->stats.echo_delay_ms = s.delay_ms;
        m->stats.drift_ppm = s.drift_ppm;
        m->stats.erle_db = s.echo ? s.erle_db : 0;
        now = speaks(m, s.speech);
        m->stats.speech = m->hang > 0;
    } else {
        now = m->stats.speech = vad_run(&m->vad, pcm, n);
        m->stats.noise_dbfs = m->vad.floor_dbfs;
    }
    m->stats.speech_ms += m->stats.speech ? (uint32_t) (1000 * n / m->inner_hz) : 0;
    if (m->config.steps & MIC_GAIN) {
        double left_db = m->config.steps & (MIC_NOISE | MIC_RNN) ? -15 : 0;
        agc_learn(&m->agc, pcm, n, now, m->stats.noise_dbfs + left_db);
    }
}

/*
 * `n` samples at the inner rate; returns how many are ready. 10 ms are learned from as soon as they are there, and only the
 * network makes others wait for them.
 */
static size_t work(struct mic *m, int16_t *pcm, size_t n, int16_t *ready)
{
    size_t done = 0;
    if (m->config.steps & MIC_HIGH_PASS)
        high_pass(m, pcm, n);
    if (m->config.steps & MIC_NOISE)
        hum_run(&m->hum, pcm, n);
    if (m->aec)
        aec_capture(m->aec, pcm, n, pcm);
    if (!m->rnn) {
        memcpy(ready, pcm, n * sizeof *pcm);
        done = n;
    }
    for (size_t at = 0, part; at < n; at += part) {
        part = AHOY_MIN(n - at, m->block - m->n);
        memcpy(m->fresh + m->n, pcm + at, part * sizeof *pcm);
        m->n += part;
        if (m->n < m->block)
            continue;
        if (m->rnn) {
            rnn_run(m->rnn, m->fresh);
            memcpy(ready + done, m->fresh, m->block * sizeof *pcm);
            done += m->block;
        }
        follow_speech(m, m->fresh, m->block);
        m->n = 0;
    }
    if (m->config.steps & MIC_GAIN)
        agc_run(&m->agc, ready, done);
    m->stats.gain_db = m->agc.gain_db;
    if (done > 0)
        m->stats.level_dbfs = mix_level_dbfs(ready, done);
    return done;
}

size_t mic_run(struct mic *m, const int16_t *pcm, size_t n, int16_t *out)
{
    size_t done = 0;
    if (m->config.steps == 0) {
        mic_way_pass(&m->vad, &m->stats, pcm, n, out);
        return n;
    }
    while (n > 0) {
        int16_t some[PIECE_MOST], ready[PIECE_MOST + MIC_BLOCK_MOST];
        size_t made = take(m, m->near, &pcm, &n, some);
        made = work(m, some, made, ready);
        if (m->back)
            made = resample_run(m->back, ready, made, out + done);
        else
            memcpy(out + done, ready, made * sizeof *out);
        done += made;
    }
    return done;
}

double mic_delay_ms(const struct mic *m)
{
    size_t late = (m->aec ? aec_delay(m->aec) : 0) + (m->config.steps & MIC_GAIN ? agc_delay(&m->agc) : 0);
    double ways = m->back ? resample_delay_ms(m->near) + resample_delay_ms(m->back) : 0;
    return 1000.0 * (double) late / m->inner_hz + ways + (m->rnn ? rnn_delay_ms(m->rnn) : 0);
}

void mic_read_stats(const struct mic *m, struct mic_stats *out)
{
    *out = m->stats;
}
