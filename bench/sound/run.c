#include "sound/run.h"

#include "audio/wav.h"
#include "base/mem.h"
#include "sound/receivers.h"

#include <stdio.h>
#include <string.h>

enum {
    INPUTS_MAX = PROMPTS_MAX_PIECES + 1, /* the last one: all pieces in a row, for what needs time */
    MAX_DELAY_MS = 800,
    IDEAL_DELAY_MS = 60, /* codec and resamplers */
    DEEP_BPS = 48000,    /* the stream with deep redundancy, which the ideal receivers that look ahead are given */
    DEEP_MS = 1000,
    DEEP_EXPECT = 20, /* libopus spends next to nothing on it below 15 % */
};

const char *const ideal_names[IDEALS] = { "fec", "red1", "red2", "dred40", "dred120" };

struct input {
    const int16_t *pcm;
    size_t n;
    struct measure *measure;
    struct stream plain, deep; /* deep: none where the codec cannot */
    double drift_ppm;          /* that the streams were made with */
};

struct run {
    struct run_config config;
    struct input input[INPUTS_MAX];
    size_t pieces;
    int16_t *joined;
    bool deep;
};

static void input_streams_free(struct input *in)
{
    stream_free(&in->plain);
    stream_free(&in->deep);
}

/* Streams are made once and kept while the clock stays the same. */
static enum ahoy_err input_streams(struct run *r, struct input *in, double drift_ppm)
{
    const struct run_config *c = &r->config;
    struct stream_config sc = { .codec = c->codec,
                                .bitrate_bps = c->bitrate_bps,
                                .complexity = c->complexity,
                                .ptime_ms = c->ptime_ms,
                                .loss_percent = (uint8_t) c->expect_percent,
                                .dred_ms = c->dred_ms,
                                .drift_ppm = drift_ppm };
    if (in->plain.packet && in->drift_ppm == drift_ppm)
        return AHOY_OK;
    input_streams_free(in);
    in->drift_ppm = drift_ppm;
    enum ahoy_err err = stream_create(&in->plain, &sc, in->pcm, in->n);
    if (!err && r->deep && !c->no_ideal) {
        sc.bitrate_bps = DEEP_BPS;
        sc.dred_ms = DEEP_MS;
        sc.loss_percent = DEEP_EXPECT;
        err = stream_create(&in->deep, &sc, in->pcm, in->n);
    }
    return err;
}

static enum ahoy_err join(struct run *r, const struct prompts *speech)
{
    size_t n = 0;
    for (size_t i = 0; i < speech->count; i++)
        n += speech->piece[i].n;
    r->joined = mem_alloc(n * sizeof *r->joined);
    if (!r->joined)
        return AHOY_ERR_NOMEM;
    struct input *all = &r->input[r->pieces];
    *all = (struct input){ .pcm = r->joined };
    for (size_t i = 0; i < speech->count; i++) {
        memcpy(r->joined + all->n, speech->piece[i].pcm, speech->piece[i].n * sizeof *r->joined);
        all->n += speech->piece[i].n;
    }
    return measure_create(&all->measure, all->pcm, all->n);
}

enum ahoy_err run_write_wav(const struct run_config *config, const struct condition *c, const char *who, size_t piece,
                            unsigned seed, const int16_t *pcm, size_t n)
{
    char path[600];
    struct wav_writer *w;
    if (!config->write_folder)
        return AHOY_OK;
    (void) snprintf(path, sizeof path, "%s/%s-%zu-%u-%s.wav", config->write_folder, c ? c->name : "all", piece, seed,
                    who);
    enum ahoy_err err = wav_writer_open(&w, path, WAV_PCM16, STREAM_HZ, 1);
    if (err)
        return err;
    err = wav_writer_put(w, pcm, n);
    enum ahoy_err closed = wav_writer_close(w);
    return err ? err : closed;
}

enum ahoy_err run_create(struct run **out, const struct run_config *config, const struct prompts *speech)
{
    struct run *r = mem_zalloc(sizeof *r);
    enum ahoy_err err = r ? AHOY_OK : AHOY_ERR_NOMEM;
    if (err)
        return err;
    r->config = *config;
    r->deep = config->codec->ops->set_dred && audio_opus_build().dred;
    for (size_t i = 0; i < speech->count && !err; i++) {
        r->input[i] = (struct input){ .pcm = speech->piece[i].pcm, .n = speech->piece[i].n };
        err = measure_create(&r->input[i].measure, r->input[i].pcm, r->input[i].n);
        r->pieces++;
    }
    if (!err)
        err = join(r, speech);
    for (size_t i = 0; i <= r->pieces && !err; i++)
        err = run_write_wav(config, NULL, "said", i, 0, r->input[i].pcm, r->input[i].n);
    if (err)
        run_destroy(r);
    else
        *out = r;
    return err;
}

void run_destroy(struct run *r)
{
    for (size_t i = 0; r && i <= r->pieces; i++) {
        measure_destroy(r->input[i].measure);
        input_streams_free(&r->input[i]);
    }
    if (r)
        mem_free(r->joined);
    mem_free(r);
}

struct pass { /* one piece with one seed */
    const struct condition *condition;
    struct input *in;
    size_t index;
    unsigned seed;
    double part; /* of the mean */
};

static enum ahoy_err ideal(struct run *r, const struct pass *p, enum ideal which, const struct stream *s,
                           const struct stream_arrivals *a, struct outcome *out)
{
    static const unsigned dred[IDEALS] = { [IDEAL_DRED40] = 40, [IDEAL_DRED120] = 120 };
    static const unsigned red[IDEALS] = { [IDEAL_RED1] = 1, [IDEAL_RED2] = 2 };
    struct ideal_config config = { .budget_us = r->config.budget_ms * 1000, .red = red[which], .dred_ms = dred[which] };
    struct figures f;
    struct heard h;
    enum ahoy_err err = receiver_ideal(&h, s, a, &config);
    if (err)
        return err;
    err = measure_run(p->in->measure, h.pcm, h.n, IDEAL_DELAY_MS, &f);
    if (!err)
        err = run_write_wav(&r->config, p->condition, ideal_names[which], p->index, p->seed, h.pcm, h.n);
    if (!err) {
        f.concealed_ms = h.concealed_ms;
        figures_add(&out->ideal[which], &f, p->part);
        out->has[which] = true;
    }
    heard_free(&h);
    return err;
}

static enum ahoy_err ideals(struct run *r, const struct pass *p, const struct stream *s,
                            const struct impair_config *harm, enum ideal from, enum ideal to, struct outcome *out)
{
    struct stream_arrivals a;
    enum ahoy_err err = stream_arrive(&a, s, harm);
    if (err)
        return err;
    for (enum ideal i = from; i <= to && !err; i++)
        err = ideal(r, p, i, s, &a, out);
    stream_arrivals_free(&a);
    return err;
}

static enum ahoy_err ours(struct run *r, const struct pass *p, const struct impair_config *harm, struct outcome *out)
{
    const struct stream *s = &p->in->plain;
    struct stream_arrivals a;
    struct figures f;
    struct heard h = { 0 };
    enum ahoy_err err = stream_arrive(&a, s, harm);
    if (err)
        return err;
    err = receiver_ahoy(&h, s, &a, r->config.tick_ms, p->seed * 31 + p->index);
    if (!err)
        err = measure_run(p->in->measure, h.pcm, h.n, MAX_DELAY_MS, &f);
    if (!err)
        err = run_write_wav(&r->config, p->condition, "ahoy", p->index, p->seed, h.pcm, h.n);
    if (!err) {
        f.concealed_ms = h.concealed_ms;
        figures_add(&out->ours, &f, p->part);
        out->payload_bps += p->part * stream_payload_bps(s);
        out->wire_bps += p->part * stream_wire_bps(s);
        out->lost += p->part * (double) a.lost / (double) s->count;
        out->late += p->part * (double) h.late / (double) s->count;
        out->seconds += p->part * (double) p->in->n / STREAM_HZ;
    }
    stream_arrivals_free(&a);
    heard_free(&h);
    return err;
}

static enum ahoy_err pass(struct run *r, const struct pass *p, struct outcome *out)
{
    struct impair_config harm;
    enum ahoy_err err = impair_parse(view_str(p->condition->impair), &harm);
    if (!err)
        err = input_streams(r, p->in, p->condition->drift_ppm);
    if (err)
        return err;
    harm.seed = (uint64_t) p->seed * 1000 + p->index;
    err = ours(r, p, &harm, out);
    if (!err && !r->config.no_ideal)
        err = ideals(r, p, &p->in->plain, &harm, IDEAL_FEC, IDEAL_RED2, out);
    if (!err && p->in->deep.packet)
        err = ideals(r, p, &p->in->deep, &harm, IDEAL_DRED40, IDEAL_DRED120, out);
    return err;
}

enum ahoy_err run_condition(struct run *r, const struct condition *c, struct outcome *out)
{
    bool slow = c->drift_ppm != 0; /* needs time to be felt */
    size_t first = slow ? r->pieces : 0, end = slow ? r->pieces + 1 : r->pieces;
    *out = (struct outcome){ 0 };
    double part = 1.0 / (double) ((end - first) * r->config.seeds);
    for (unsigned s = 0; s < r->config.seeds; s++)
        for (size_t i = first; i < end; i++) {
            struct pass p = { c, &r->input[i], i, r->config.first_seed + s, part };
            enum ahoy_err err = pass(r, &p, out);
            if (err)
                return err;
        }
    return AHOY_OK;
}
