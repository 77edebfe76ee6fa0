#include "sound/call.h"

#include "audio/resample.h"
#include "base/mem.h"
#include "media/media.h"
#include "sound/capture.h"
#include "sound/receivers.h"
#include "sound/spoken.h"
#include "sys/sim.h"

#include <string.h>

enum {
    AFTER_MS = 1000,
    EAR_STEP_US = 100,
    EAR_MORE = STREAM_HZ * 2,
    MAX_DELAY_MS = 800,
    IDEAL_DELAY_MS = 60,
    IDEAL_DRED_MS = 120,
    HEADERS_BYTES = 28,
    RTP_BYTES = 12
};

struct call {
    struct run_config config;
    bool alone;                              /* a call for each piece */
    struct prompts only[PROMPTS_MAX_PIECES]; /* each piece by itself */
    struct spoken said[PROMPTS_MAX_PIECES];  /* in each call */
    size_t calls;
};

struct end {
    struct media_engine *engine;
    struct media_session *session;
    struct sys_loop *loop;
    bool ready, closed;
    struct media_stats stats; /* at the end */
};

/* One call that runs. */
struct talk {
    const struct call *call;
    const struct condition *condition;
    unsigned seed;
    size_t which; /* of the calls */
    const struct spoken *said;
    struct sim *sim;
    struct end end[2];
    size_t at;             /* of what is said */
    int64_t start_us;      /* when its first sample was picked up; 0: not yet */
    struct audio_mem *ear; /* the loudspeaker of the one who listens */
    int64_t ear_us;        /* when it began to play */
    int16_t *heard;        /* from the moment of the first sample said */
    size_t heard_n;
    struct capture *capture;
    int64_t from_us, until_us; /* when bytes count */
    uint32_t concealed_before_ms;
};

static void on_ready(void *arg, enum ahoy_err err, const char *why)
{
    (void) why;
    ((struct end *) arg)->ready = err == AHOY_OK;
}

static void on_closed(void *arg, const struct media_stats *stats)
{
    struct end *e = arg;
    e->closed = true;
    e->stats = *stats;
}

static void say(void *arg, int16_t *pcm, size_t n)
{
    struct talk *t = arg;
    if (t->start_us == 0)
        t->start_us = sim_now_us(t->sim) - (int64_t) n * 1000000 / STREAM_HZ;
    size_t some = AHOY_MIN(n, t->said->n - t->at);
    memcpy(pcm, t->said->pcm + t->at, some * sizeof *pcm);
    memset(pcm + some, 0, (n - some) * sizeof *pcm);
    t->at += some;
}

/* The loudspeaker takes what comes, without a gap, from the first block on; that moment is looked for. */
static void wait_for_ear(struct talk *t)
{
    size_t n = 0;
    for (int i = 0; i < 100000 && n == 0; i++) {
        sim_run(t->sim, EAR_STEP_US);
        (void) audio_mem_heard(t->ear, &n);
    }
    t->ear_us = sim_now_us(t->sim) - EAR_STEP_US / 2;
}

/* The loudspeaker runs at the codec's rate: back to STREAM_HZ, without the resampler's delay. mem_free it. */
static int16_t *to_stream_rate(const int16_t *pcm, size_t *n, uint32_t rate_hz)
{
    struct resample *r;
    if (resample_create(&r, rate_hz, STREAM_HZ, RESAMPLE_FINE))
        return NULL;
    int16_t *out = mem_alloc(resample_max_out(r, *n) * sizeof *out);
    if (out) {
        size_t late = (size_t) (resample_delay_ms(r) * STREAM_HZ / 1000), got = resample_run(r, pcm, *n, out);
        late = AHOY_MIN(late, got);
        memmove(out, out + late, (got - late) * sizeof *out);
        *n = got - late;
    }
    resample_destroy(r);
    return out;
}

static enum ahoy_err take_heard(struct talk *t)
{
    size_t n;
    const int16_t *pcm = audio_mem_heard(t->ear, &n);
    int16_t *converted = NULL;
    if (t->call->config.codec->rate_hz != STREAM_HZ) {
        pcm = converted = to_stream_rate(pcm, &n, t->call->config.codec->rate_hz);
        if (!pcm)
            return AHOY_ERR_NOMEM;
    }
    int64_t skip = (t->start_us - t->ear_us) * (STREAM_HZ / 1000) / 1000;
    for (size_t i = 0; i < t->heard_n; i++) {
        int64_t at = (int64_t) i + skip;
        t->heard[i] = at >= 0 && at < (int64_t) n ? pcm[at] : 0;
    }
    mem_free(converted);
    return AHOY_OK;
}

/* All that goes from the one who speaks to the one who listens. */
static void tap(void *arg, int64_t now_us, const struct addr *src, const struct addr *dst, const void *data, size_t n,
                bool lost)
{
    struct talk *t = arg;
    struct addr speaker;
    (void) dst;
    (void) lost;
    if (!addr_parse_ip(VIEW("192.0.2.1"), &speaker) && addr_eq_ip(src, &speaker))
        capture_add(t->capture, now_us + STREAM_BASE_US, data, n, NULL);
}

static enum ahoy_err end_open(struct talk *t, int which, const struct impair_config *harm)
{
    static const char *const ips[2] = { "192.0.2.1", "192.0.2.2" };
    const struct run_config *rc = &t->call->config;
    struct end *e = &t->end[which];
    struct sys_host *host;
    struct media_session_config cfg = { .ptime_ms = rc->ptime_ms, .impair = *harm };
    struct media_handler handler = { .ready = on_ready, .closed = on_closed, .arg = e };
    struct media_engine_config engine = { 0 };
    if (which == 0) {
        cfg.sound = MEDIA_SOUND_ENDPOINT;
        cfg.endpoint = (struct media_endpoint){ .rate_hz = STREAM_HZ, .read = say, .arg = t };
    } else {
        cfg.device.kind = AUDIO_MEM;
        cfg.mem = t->ear;
    }
    cfg.codecs = (struct media_codecs){ .codec = { rc->codec }, .n = 1 };
    cfg.impair.seed = harm->seed * 2 + (uint64_t) which;
    enum ahoy_err err = sim_host(t->sim, ips[which], &host);
    if (!err)
        err = sys_loop_create(host, &e->loop);
    engine.loop = e->loop;
    if (!err)
        err = media_engine_create(&e->engine, &engine);
    if (!err)
        err = addr_parse_ip(view_str(ips[which]), &cfg.local);
    if (!err)
        err = media_session_open(&e->session, e->engine, &cfg, &handler);
    if (!err)
        sim_run(t->sim, SYS_MS(3) + which * SYS_MS(4)); /* ticks do not meet */
    return !err && !e->ready ? AHOY_ERR_STATE : err;
}

/* The payload type that the answer gives to RED, if it does. */
static void find_red(struct capture *c, struct view answer)
{
    static const char attribute[] = "a=rtpmap:";
    for (size_t at = 0; at < answer.n;) {
        struct view line = view_first(view_from(answer, at), view_find(view_from(answer, at), '\n'));
        at += line.n + 1;
        if (!view_istarts(line, view_str(attribute)))
            continue;
        struct view name = view_from(line, sizeof attribute - 1), pt = view_cut(&name, ' ');
        uint32_t number;
        if (view_istarts(name, VIEW("red/")) && !view_u32(pt, &number))
            capture_set_red(c, number);
    }
}

static enum ahoy_err exchange(struct talk *t)
{
    struct buf offer, answer;
    struct sdp_error why;
    buf_init(&offer, 8192);
    buf_init(&answer, 8192);
    enum ahoy_err err = media_session_offer(t->end[0].session, &offer);
    if (!err)
        err = media_session_answer(t->end[1].session, buf_content(&offer), &answer, &why);
    if (!err)
        err = media_session_apply(t->end[0].session, buf_content(&answer), true, &why);
    find_red(t->capture, buf_content(&answer));
    buf_fini(&offer);
    buf_fini(&answer);
    return err;
}

static void talk_close(struct talk *t)
{
    for (int i = 0; i < 2; i++)
        if (t->end[i].session)
            media_session_close(t->end[i].session);
    if (t->sim)
        sim_run(t->sim, SYS_S(1));
    for (int i = 0; i < 2; i++) {
        media_engine_destroy(t->end[i].engine);
        if (t->end[i].loop)
            sys_loop_destroy(t->end[i].loop);
    }
    sim_destroy(t->sim);
    audio_mem_destroy(t->ear);
    capture_destroy(t->capture);
    mem_free(t->heard);
}

static enum ahoy_err talk_open(struct talk *t, const struct call *c, const struct spoken *said,
                               const struct impair_config *harm)
{
    struct sim_link link = { .delay_us = STREAM_BASE_US };
    *t = (struct talk){ .call = c, .said = said, .heard_n = said->n + (size_t) STREAM_HZ / 1000 * AFTER_MS };
    t->heard = mem_zalloc(t->heard_n * sizeof *t->heard);
    enum ahoy_err err = t->heard ? audio_mem_create(&t->ear, NULL, 0, false, t->heard_n + EAR_MORE) : AHOY_ERR_NOMEM;
    struct impair_config listener = *harm;
    listener.seed = harm->seed * 2 + 1;
    if (!err)
        err = capture_create(&t->capture, &listener);
    if (!err)
        err = sim_create(&t->sim, harm->seed);
    if (err)
        return err;
    sim_default_link(t->sim, &link);
    sim_tap(t->sim, tap, t);
    for (int i = 0; i < 2 && !err; i++)
        err = end_open(t, i, harm);
    return err ? err : exchange(t);
}

/* Lets both talk to the end. */
static enum ahoy_err talk_run(struct talk *t)
{
    int64_t first_us = (int64_t) t->said->first * 1000000 / STREAM_HZ,
            all_us = (int64_t) t->said->n * 1000000 / STREAM_HZ;
    wait_for_ear(t);
    int64_t begin_us = t->start_us > 0 ? t->start_us : sim_now_us(t->sim);
    t->from_us = begin_us + first_us;
    t->until_us = begin_us + all_us;
    sim_run(t->sim, AHOY_MAX(t->from_us - sim_now_us(t->sim), (int64_t) 0));
    t->concealed_before_ms = media_session_stats(t->end[1].session)->concealed_ms;
    sim_run(t->sim, t->until_us - sim_now_us(t->sim));
    t->end[1].stats = *media_session_stats(t->end[1].session);
    sim_run(t->sim, SYS_MS(AFTER_MS));
    return take_heard(t);
}

/* The ideal receiver of what was sent. */
static enum ahoy_err talk_ideal(struct talk *t, double part, struct outcome *out)
{
    const struct run_config *rc = &t->call->config;
    struct ideal_config config = { .budget_us = rc->budget_ms * 1000, .dred_ms = IDEAL_DRED_MS };
    struct stream s;
    struct stream_arrivals a;
    struct heard h = { 0 };
    enum ahoy_err err = capture_stream(t->capture, rc->codec, rc->ptime_ms, t->start_us, &s, &a);
    if (err)
        return err;
    err = receiver_ideal(&h, &s, &a, &config);
    if (!err)
        err = spoken_score(t->said, h.pcm, h.n, IDEAL_DELAY_MS, part, &out->ideal[IDEAL_FEC]);
    if (!err)
        err = run_write_wav(rc, t->condition, t->call->alone ? "shortideal" : "callideal", t->which, t->seed, h.pcm,
                            h.n);
    out->has[IDEAL_FEC] = !err;
    out->ideal[IDEAL_FEC].concealed_ms += part * h.concealed_ms;
    heard_free(&h);
    stream_free(&s);
    stream_arrivals_free(&a);
    return err;
}

static enum ahoy_err talk_score(struct talk *t, double part, struct outcome *out)
{
    const struct call *c = t->call;
    struct figures first = { 0 };
    struct capture_sums sums;
    enum ahoy_err err = AHOY_OK;
    out->has_first = !c->alone;
    if (!c->alone)
        err = spoken_score_first(t->said, t->heard, t->heard_n, MAX_DELAY_MS, part, &first);
    if (!err)
        err = spoken_score(t->said, t->heard, t->heard_n, MAX_DELAY_MS, part, &out->ours);
    if (!err && !c->config.no_ideal)
        err = talk_ideal(t, part, out);
    capture_sums(t->capture, t->from_us, t->until_us, &sums);
    double seconds = (double) (t->until_us - t->from_us) / 1e6;
    out->first_pq += first.pq;
    out->seconds += part * seconds;
    out->ours.concealed_ms += part * (t->end[1].stats.concealed_ms - t->concealed_before_ms);
    out->lost += part * (double) sums.lost / (double) AHOY_MAX(sums.packets, (uint64_t) 1);
    out->payload_bps += part * 8 * (double) (sums.bytes - sums.packets * RTP_BYTES) / seconds;
    out->wire_bps += part * 8 * (double) (sums.bytes + sums.packets * HEADERS_BYTES) / seconds;
    return err;
}

enum ahoy_err call_create(struct call **out, const struct run_config *config, const struct prompts *speech, bool alone)
{
    struct call *c = mem_zalloc(sizeof *c);
    if (!c)
        return AHOY_ERR_NOMEM;
    c->config = *config;
    c->alone = alone;
    enum ahoy_err err = alone ? AHOY_OK : spoken_create(&c->said[c->calls++], speech, true);
    for (size_t i = 0; alone && i < speech->count && !err; i++) {
        c->only[i] = (struct prompts){ .count = 1, .piece = { speech->piece[i] } };
        err = spoken_create(&c->said[c->calls++], &c->only[i], false);
    }
    for (size_t i = 0; i < c->calls && !err; i++)
        err = run_write_wav(config, NULL, alone ? "shortsaid" : "callsaid", i, 0, c->said[i].pcm, c->said[i].n);
    if (err)
        call_destroy(c);
    else
        *out = c;
    return err;
}

void call_destroy(struct call *c)
{
    for (size_t i = 0; c && i < c->calls; i++)
        spoken_free(&c->said[i]);
    mem_free(c);
}

static enum ahoy_err one_call(struct call *c, const struct condition *condition, unsigned seed, size_t which,
                              struct outcome *out)
{
    struct impair_config harm;
    struct talk t;
    double part = 1.0 / (double) (c->config.seeds * c->calls);
    enum ahoy_err err = impair_parse(view_str(condition->impair), &harm);
    if (err)
        return err;
    harm.seed = (uint64_t) seed * 1000 + which;
    err = talk_open(&t, c, &c->said[which], &harm);
    t.condition = condition;
    t.seed = seed;
    t.which = which;
    if (!err)
        err = talk_run(&t);
    if (!err)
        err = talk_score(&t, part, out);
    if (!err)
        err = run_write_wav(&c->config, condition, c->alone ? "short" : "call", which, seed, t.heard, t.heard_n);
    talk_close(&t);
    return err;
}

enum ahoy_err call_condition(struct call *c, const struct condition *condition, struct outcome *out)
{
    enum ahoy_err err = AHOY_OK;
    *out = (struct outcome){ .whole_call = true };
    for (unsigned s = 0; s < c->config.seeds && !err; s++)
        for (size_t i = 0; i < c->calls && !err; i++)
            err = one_call(c, condition, c->config.first_seed + s, i, out);
    return err;
}
