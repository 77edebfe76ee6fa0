/* Sound devices and the comparison of recordings, as include/ahoy/device.h shows them. No engine is needed. */
#include "ahoy/device.h"

#include "audio/device.h"
#include "audio/mix.h"
#include "audio/resample.h"
#include "audio/score.h"
#include "audio/tone.h"
#include "audio/wav.h"
#include "base/mem.h"
#include "sys/loop.h"

#include <stdlib.h>

enum {
    TEST_HZ = 48000,
    TEST_STEP_MS = 10,
    TEST_QUEUE_MS = 40,
    TEST_TONE_HZ = 440,
    SCORE_HZ = 16000,
    SCORE_LAG_MS = 2000,
    SCORE_SILENT_DBFS = -55
};

/* ---- listing ----------------------------------------------------------------------------------------------------- */

static void to_public(const struct audio_device_info *in, struct ahoy_device *out)
{
    struct audio_spec spec = { .kind = in->kind };
    char text[AUDIO_SPEC_TEXT_BYTES];
    (void) view_copy(view_str(in->id), spec.dev, sizeof spec.dev);
    *out = (struct ahoy_device){ .capture = in->capture,
                                 .playback = in->playback,
                                 .is_default = in->is_default,
                                 .latency_ms = in->latency_ms,
                                 .monitor = in->monitor,
                                 .muted = in->muted,
                                 .volume = in->volume,
                                 .rate_hz = in->rate_hz };
    (void) view_copy(view_str(audio_spec_print(&spec, text)), out->spec, sizeof out->spec);
    (void) view_copy(view_str(in->name), out->description, sizeof out->description);
}

enum ahoy_err ahoy_device_list(struct ahoy_device **out, size_t *count, char *why, size_t why_size)
{
    char reason[AUDIO_WHY_BYTES] = "";
    struct audio_device_info *info = mem_zalloc(AUDIO_MAX_DEVICES * sizeof *info);
    struct ahoy_device *list = mem_zalloc(AUDIO_MAX_DEVICES * sizeof *list);
    enum ahoy_err err = info && list ? AHOY_OK : AHOY_ERR_NOMEM;
    size_t n = err ? 0 : audio_devices_list(info, AUDIO_MAX_DEVICES, reason);
    for (size_t i = 0; i < n; i++)
        to_public(&info[i], &list[i]);
    mem_free(info);
    if (why && why_size > 0)
        (void) view_copy(view_str(reason), why, why_size);
    if (!err && n == 0)
        err = AHOY_ERR_DEVICE;
    if (err) {
        mem_free(list);
        return err;
    }
    *out = list;
    *count = n;
    return AHOY_OK;
}

/* ---- testing ----------------------------------------------------------------------------------------------------- */

struct device_test {
    struct sys_loop *loop;
    struct sys_timer step;
    struct audio_device *device;
    struct tone_gen tone;
    struct mix_meter meter;
    int64_t until_us, next_us;
};

static void test_step(void *arg)
{
    struct device_test *t = arg;
    int16_t pcm[TEST_HZ / 1000 * TEST_QUEUE_MS];
    struct audio_device_stats st;
    audio_device_stats(t->device, &st);
    size_t queue = audio_device_live(t->device) ? st.playback_queued : AHOY_COUNT(pcm) - TEST_HZ / 1000 * TEST_STEP_MS;
    if (queue < AHOY_COUNT(pcm)) {
        (void) tone_run(&t->tone, pcm, AHOY_COUNT(pcm) - queue);
        (void) audio_device_write(t->device, pcm, AHOY_COUNT(pcm) - queue);
    }
    size_t got = audio_device_read(t->device, pcm, TEST_HZ / 1000 * TEST_STEP_MS);
    mix_meter_put(&t->meter, pcm, got);
    t->next_us += SYS_MS(TEST_STEP_MS);
    if (t->next_us > t->until_us)
        sys_loop_stop(t->loop);
    else
        sys_timer_start_at(t->loop, &t->step, t->next_us);
}

static void run_test(struct device_test *t, uint32_t ms, struct ahoy_device_test *out)
{
    struct tone_spec tone = tone_sine(TEST_TONE_HZ, -26);
    struct audio_device_stats st;
    tone_start(&t->tone, &tone, TEST_HZ);
    mix_meter_init(&t->meter, TEST_HZ);
    t->next_us = sys_clock_us(t->loop);
    t->until_us = t->next_us + SYS_MS(ms);
    sys_timer_init(&t->step, test_step, t);
    sys_timer_start(t->loop, &t->step, 0);
    sys_loop_run(t->loop);
    sys_timer_stop(&t->step);
    audio_device_stats(t->device, &st);
    out->frames_captured = (uint32_t) st.captured;
    out->frames_played = (uint32_t) st.played;
    out->level_dbfs = mix_meter_dbfs(&t->meter);
    out->latency_in_ms = st.capture_latency_us < 0 ? -1 : (double) st.capture_latency_us / 1000;
    out->latency_out_ms = st.playback_latency_us < 0 ? -1 : (double) st.playback_latency_us / 1000;
    out->clock_known = st.clock_known;
    out->ppm_in = st.capture_ppm;
    out->ppm_out = st.playback_ppm;
    out->dropouts = st.xruns;
    out->latency_ms = st.capture_latency_us < 0 || st.playback_latency_us < 0
                          ? -1
                          : (double) (st.capture_latency_us + st.playback_latency_us) / 1000;
}

enum ahoy_err ahoy_device_test(const char *spec, uint32_t ms, struct ahoy_device_test *out, char *why, size_t why_size)
{
    struct device_test t = { .loop = NULL };
    struct sys_host *host = NULL;
    char reason[AUDIO_WHY_BYTES] = "";
    struct audio_device_config cfg = audio_device_defaults();
    enum ahoy_err err = audio_spec_parse(view_str(spec), &cfg.spec);
    if (!err)
        err = sys_host_real(&host);
    if (!err)
        err = sys_loop_create(host, &t.loop);
    if (err)
        goto out;
    cfg.capture = cfg.playback = true;
    cfg.rate_hz = TEST_HZ;
    cfg.frame_ms = TEST_STEP_MS;
    cfg.loop = t.loop;
    err = audio_device_open(&t.device, &cfg, reason);
    if (!err)
        run_test(&t, ms, out);
out:
    audio_device_close(t.device);
    if (t.loop)
        sys_loop_destroy(t.loop);
    sys_host_destroy(host);
    if (why && why_size > 0)
        (void) view_copy(view_str(err && !reason[0] ? ahoy_err_text(err) : reason), why, why_size);
    return err;
}

/* ---- comparing --------------------------------------------------------------------------------------------------- */

/* A file whole, at SCORE_HZ, as long as the comparison can take. */
static enum ahoy_err load(const char *path, int16_t **out, size_t *n)
{
    enum { CHUNK = 4096 };
    struct wav_reader *r = NULL;
    struct resample *rs = NULL;
    int16_t raw[CHUNK], *pcm = NULL, *converted = NULL;
    size_t have = 0, got, cap = SCORE_MAX_SAMPLES;
    enum ahoy_err err = wav_reader_open(&r, path);
    if (!err && wav_reader_hz(r) != SCORE_HZ)
        err = resample_create(&rs, wav_reader_hz(r), SCORE_HZ, RESAMPLE_VOICE);
    size_t most = rs ? resample_max_out(rs, CHUNK) : CHUNK;
    if (!err && (!(pcm = mem_alloc(cap * sizeof *pcm)) || !(converted = mem_alloc(most * sizeof *converted))))
        err = AHOY_ERR_NOMEM;
    while (!err && have < cap && (got = wav_reader_read(r, raw, CHUNK)) > 0) {
        size_t m = rs ? resample_run(rs, raw, got, converted) : got;
        m = AHOY_MIN(m, cap - have);
        memcpy(pcm + have, rs ? converted : raw, m * sizeof *pcm);
        have += m;
    }
    wav_reader_close(r);
    resample_destroy(rs);
    mem_free(converted);
    if (err) {
        mem_free(pcm);
        return err;
    }
    *out = pcm;
    *n = have;
    return AHOY_OK;
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *) a, y = *(const double *) b;
    return x < y ? -1 : x > y;
}

/*
 * Second by second, since an adaptive play-out moves the lag: each second of what was said is looked for in what was heard
 * around its place. Correlation is the mean over the seconds that are not silent, the delay their median.
 */
static enum ahoy_err compare(const int16_t *said, size_t n_said, const int16_t *heard, size_t n_heard,
                             struct ahoy_sound_score *out)
{
    enum { SECONDS = SCORE_MAX_SAMPLES / SCORE_HZ + 1, REACH = SCORE_HZ / 1000 * SCORE_LAG_MS };
    double lag[SECONDS], corr = 0, gain = 0;
    size_t n = 0;
    for (size_t at = 0; at + SCORE_HZ / 2 <= n_said && n < SECONDS; at += SCORE_HZ) {
        size_t part = AHOY_MIN((size_t) SCORE_HZ, n_said - at);
        size_t from = at > REACH ? at - REACH : 0, to = AHOY_MIN(n_heard, at + part + REACH);
        struct score_match m;
        if (mix_level_dbfs(said + at, part) < SCORE_SILENT_DBFS || from + part > to)
            continue;
        enum ahoy_err err = score_match(said + at, part, heard + from, to - from, SCORE_HZ, 2 * SCORE_LAG_MS, &m);
        if (err)
            return err;
        lag[n++] = m.delay_ms - (double) (at - from) * 1000 / SCORE_HZ;
        corr += AHOY_MAX(m.corr, 0.0);
        gain += m.heard_dbfs - m.said_dbfs;
    }
    if (n == 0)
        return AHOY_ERR_INVAL;
    qsort(lag, n, sizeof *lag, by_value);
    *out = (struct ahoy_sound_score){ .correlation = corr / (double) n,
                                      .delay_ms = lag[n / 2],
                                      .level_dbfs = mix_level_dbfs(heard, n_heard),
                                      .gain_db = gain / (double) n };
    return AHOY_OK;
}

enum ahoy_err ahoy_sound_compare(const char *said_wav, const char *heard_wav, struct ahoy_sound_score *out)
{
    int16_t *said = NULL, *heard = NULL;
    size_t n_said, n_heard;
    enum ahoy_err err = load(said_wav, &said, &n_said);
    if (!err)
        err = load(heard_wav, &heard, &n_heard);
    if (!err)
        err = compare(said, n_said, heard, n_heard, out);
    mem_free(said);
    mem_free(heard);
    return err;
}
