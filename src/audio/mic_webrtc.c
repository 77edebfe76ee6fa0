/* The chain of AHOY_MIC=webrtc: every step is webrtc-audio-processing's. docs/mic.md has it beside ours. */
#include "audio/mic.h"

#include "audio/mic_way.h"
#include "audio/mix.h"
#include "audio/rnn.h"
#include "audio/webrtc_apm.h"
#include "base/mem.h"

#include <math.h>
#include <string.h>

enum { HANG_BLOCKS = 20 /* for which speech outlives its cause */ };

/* Blocks of the far end that wait at most, and for how many blocks they must have waited in vain to be left out. */
enum { LINE_BLOCKS = 32, LINE_WATCH = 1000 };

/*
 * The library wants blocks of the far end and of the microphone in turns: in bursts of 60 ms it leaves 10 to 20 dB more of
 * the echo. So the far end waits in line until the microphone's next block.
 */
struct line {
    int16_t pcm[LINE_BLOCKS][MIC_BLOCK_MOST];
    size_t first, n;
    size_t least;     /* that waited after a turn, in this watch */
    unsigned watched; /* turns */
};

struct mic {
    struct mic_config config;
    uint32_t inner_hz;
    struct mic_way near, far;
    struct line line;
    struct resample *back;  /* NULL: the rates are equal */
    struct webrtc_apm *apm; /* NULL without steps */
    struct rnn *rnn;        /* NULL: the network is not asked for */
    struct vad before;      /* the background that comes in; without steps all there is */
    struct vad after;       /* what is left when echo and noise are gone */
    unsigned hang;
    struct mic_stats stats;
};

const char *mic_chain(void)
{
    return "webrtc";
}

/* At 8000 Hz it takes out half of the echo in dB, and is later than at 16000 Hz with the resampling. */
static uint32_t inner_rate(uint32_t hz)
{
    return hz <= 16000 ? 16000 : hz <= 32000 ? 32000 : 48000;
}

static enum ahoy_err open_steps(struct mic *m)
{
    unsigned steps = m->config.steps;
    struct webrtc_apm_config cfg = { .rate_hz = m->inner_hz,
                                     .noise = steps & MIC_NOISE ? WEBRTC_APM_NOISE_HIGH : WEBRTC_APM_NOISE_OFF,
                                     .high_pass = steps & MIC_HIGH_PASS,
                                     .echo = steps & MIC_ECHO,
                                     .gain = steps & MIC_GAIN,
                                     .voice = true };
    uint32_t hz = m->config.rate_hz;
    enum ahoy_err err = webrtc_apm_create(&m->apm, &cfg);
    if (!err)
        err = mic_way_open(&m->near, hz, m->inner_hz);
    if (!err && cfg.echo)
        err = mic_way_open(&m->far, hz, m->inner_hz);
    if (!err && steps & MIC_RNN)
        err = rnn_create(&m->rnn, RNN_SONAME, m->inner_hz);
    return !err && hz != m->inner_hz ? resample_create(&m->back, m->inner_hz, hz, RESAMPLE_VOICE) : err;
}

enum ahoy_err mic_create(struct mic **out, const struct mic_config *cfg)
{
    if (cfg->rate_hz < 8000 || cfg->rate_hz > 48000)
        return AHOY_ERR_RANGE;
    struct mic *m = mem_zalloc(sizeof *m);
    if (!m)
        return AHOY_ERR_NOMEM;
    m->config = *cfg;
    m->inner_hz = inner_rate(cfg->rate_hz);
    enum ahoy_err err = cfg->steps ? open_steps(m) : AHOY_OK;
    if (err) {
        mic_destroy(m);
        return err;
    }
    vad_init(&m->before, cfg->steps ? m->inner_hz : cfg->rate_hz);
    vad_init(&m->after, m->inner_hz);
    m->stats = (struct mic_stats){ .level_dbfs = MIX_SILENCE_DBFS,
                                   .noise_dbfs = MIX_SILENCE_DBFS,
                                   .gain_db = cfg->steps & MIC_GAIN ? NAN : 0,
                                   .drift_ppm = cfg->steps & MIC_ECHO ? NAN : 0 };
    *out = m;
    return AHOY_OK;
}

void mic_take_over(struct mic *m, const struct mic *from)
{
    m->hang = from->hang;
    m->stats.speech = from->stats.speech;
    m->stats.speech_ms = from->stats.speech_ms;
}

void mic_destroy(struct mic *m)
{
    if (!m)
        return;
    mic_way_close(&m->near);
    mic_way_close(&m->far);
    resample_destroy(m->back);
    webrtc_apm_destroy(m->apm);
    rnn_destroy(m->rnn);
    mem_free(m);
}

static void line_put(struct line *l, const int16_t *pcm, size_t n)
{
    if (l->n == LINE_BLOCKS) {
        l->first = (l->first + 1) % LINE_BLOCKS;
        l->n--;
    }
    memcpy(l->pcm[(l->first + l->n++) % LINE_BLOCKS], pcm, n * sizeof *pcm);
}

/* A turn of the far end. Later than it must be it might come after its echo: so what waits longer than needed is left out. */
static void line_turn(struct line *l, struct webrtc_apm *apm)
{
    static const int16_t silence[MIC_BLOCK_MOST];
    webrtc_apm_far(apm, l->n > 0 ? l->pcm[l->first] : silence);
    if (l->n > 0) {
        l->first = (l->first + 1) % LINE_BLOCKS;
        l->n--;
    }
    l->least = l->watched == 0 ? l->n : AHOY_MIN(l->least, l->n);
    if (++l->watched < LINE_WATCH)
        return;
    l->first = (l->first + l->least) % LINE_BLOCKS;
    l->n -= l->least;
    l->watched = 0;
}

void mic_far(struct mic *m, const int16_t *pcm, size_t n)
{
    if (!(m->config.steps & MIC_ECHO))
        return;
    while (mic_way_take(&m->far, &pcm, &n))
        for (; mic_way_has_block(&m->far); mic_way_drop(&m->far))
            line_put(&m->line, m->far.fifo, m->far.block);
}

/* The library's voice activity takes steady noise for speech, the energy's any sound: both must agree. */
static void follow(struct mic *m, const int16_t *pcm)
{
    struct webrtc_apm_stats s;
    bool loud = vad_run(&m->after, pcm, m->near.block);
    webrtc_apm_read_stats(m->apm, &s);
    m->hang = s.voice && loud ? HANG_BLOCKS : m->hang - (m->hang > 0);
    m->stats.speech = m->hang > 0;
    m->stats.speech_ms += m->stats.speech ? MIC_BLOCK_MS : 0;
    m->stats.noise_dbfs = m->before.floor_dbfs;
    m->stats.level_dbfs = mix_level_dbfs(pcm, m->near.block);
    m->stats.echo = s.echo;
    m->stats.echo_delay_ms = s.echo_delay_ms;
    m->stats.erle_db = s.erle_db;
}

size_t mic_run(struct mic *m, const int16_t *pcm, size_t n, int16_t *out)
{
    size_t done = 0, block = m->near.block;
    if (m->config.steps == 0) {
        mic_way_pass(&m->before, &m->stats, pcm, n, out);
        return n;
    }
    while (mic_way_take(&m->near, &pcm, &n))
        for (; mic_way_has_block(&m->near); mic_way_drop(&m->near)) {
            (void) vad_run(&m->before, m->near.fifo, block);
            line_turn(&m->line, m->apm);
            webrtc_apm_run(m->apm, m->near.fifo);
            if (m->rnn)
                rnn_run(m->rnn, m->near.fifo);
            follow(m, m->near.fifo);
            if (m->back) {
                done += resample_run(m->back, m->near.fifo, block, out + done);
            } else {
                memcpy(out + done, m->near.fifo, block * sizeof *out);
                done += block;
            }
        }
    return done;
}

double mic_delay_ms(const struct mic *m)
{
    if (!m->apm)
        return 0;
    double ways = mic_way_delay_ms(&m->near) + (m->back ? resample_delay_ms(m->back) : 0);
    return 1000.0 * (double) webrtc_apm_delay(m->apm) / m->inner_hz + ways + (m->rnn ? rnn_delay_ms(m->rnn) : 0);
}

void mic_read_stats(const struct mic *m, struct mic_stats *out)
{
    *out = m->stats;
}
