#include "audio/mixer.h"

#include "audio/limit.h"
#include "audio/mix.h"
#include "audio/mixer_fifo.h"
#include "audio/resample.h"
#include "audio/vad.h"
#include "base/list.h"
#include "base/mem.h"

#include <math.h>
#include <string.h>

enum {
    FIFO_MS = 200,
    CHUNK = 480,       /* samples converted at a time */
    LIVE_MS = 12,      /* what a device's port keeps behind a slot … */
    LIVE_MORE_MS = 10, /* … more each time it ran out, since the device moves sound in larger pieces … */
    LIVE_MOST_MS = 80, /* … up to this, */
    LIVE_OVER_MS = 50, /* … and so much above it is thrown away */
    CALM_SLOTS = 1000, /* without running out for so long, a millisecond less is kept */
    WATCH_SLOTS = 100, /* sound that lay about for so long is too much */
    LATE_SLOTS = 30,   /* the machine slept: no flood of old slots */
    TRIM_SLOTS = 10,   /* how often a live clock is followed */
    MORE_MS = 12,      /* a sound that goes on may wait so much longer, so that its period fits; that melts away */
    PAST_MOST = MIXER_MAX_SLOT / MIXER_SLOT_MS * (SEAM_PAST_MS + 1),
};

#define LIVE_PPM_PER_MS 100.0
#define LIVE_PPM_MAX    1500.0
#define LIVE_SMOOTH     0.02 /* of the fill, a slot: half a second */

/* One way through a port: a converter and what waits behind it. */
struct way {
    struct resample *resample; /* NULL: equal rates and one clock */
    struct fifo fifo;
    bool live, primed;
    unsigned keep_ms; /* what is to wait behind a slot of a live one */
    unsigned calm;    /* slots since it ran out, or since that was made less */
    double fill_ms;   /* smoothed */
    size_t least;     /* what lay behind since the watch began */
    size_t meant;     /* so much of it is to lie there: it keeps a sound that went on in phase */
    unsigned slots;   /* of the watch */
};

struct mixer_port {
    struct list_link link;
    struct mixer *mixer;
    struct mixer_port_config config;
    struct way in, out;
    struct mix_gain gain, out_gain;
    struct limit limit;
    struct vad vad;
    bool speaks, silent; /* silent: nothing in this slot */
    bool began;          /* it was heard in a slot */
    int16_t block[MIXER_MAX_SLOT];
};

struct mixer {
    uint32_t rate_hz;
    size_t slot_n; /* samples of a slot */
    int64_t slot;  /* the next to be mixed; 0: none was */
    struct list ports;
    int32_t gone[MIXER_MAX_SLOT]; /* of ports that left: what is still to be heard of them */
    bool has_gone;
    mixer_tap_fn *tap;
    void *tap_arg;
    struct limit tap_limit[2];
};

/* ---- one way ----------------------------------------------------------------------------------------------------- */

static void way_fini(struct way *w)
{
    resample_destroy(w->resample);
    fifo_fini(&w->fifo);
}

static enum ahoy_err way_init(struct way *w, uint32_t from_hz, uint32_t to_hz, bool live)
{
    *w = (struct way){ .live = live, .keep_ms = LIVE_MS, .fill_ms = LIVE_MS, .least = SIZE_MAX };
    enum ahoy_err err = fifo_init(&w->fifo, to_hz, FIFO_MS);
    if (!err && (live || from_hz != to_hz))
        err = resample_create(&w->resample, from_hz, to_hz, RESAMPLE_VOICE);
    if (err)
        way_fini(w);
    return err;
}

static void way_put(struct way *w, const int16_t *pcm, size_t n)
{
    while (n > 0) {
        size_t part = AHOY_MIN(n, (size_t) CHUNK);
        if (w->resample) {
            int16_t *at = fifo_room(&w->fifo, resample_max_out(w->resample, part));
            w->fifo.n += resample_run(w->resample, pcm, part, at);
        } else {
            memcpy(fifo_room(&w->fifo, part), pcm, part * sizeof *pcm);
            w->fifo.n += part;
        }
        pcm += part;
        n -= part;
    }
}

static size_t ms_of(const struct way *w, unsigned ms)
{
    return (size_t) w->fifo.rate_hz / 1000 * ms;
}

/* A device's clock is followed: what waits behind a slot is kept near keep_ms. */
static void follow_clock(struct way *w)
{
    double now_ms = (double) w->fifo.n * 1000 / w->fifo.rate_hz;
    w->fill_ms += (now_ms - w->fill_ms) * LIVE_SMOOTH;
    if (w->fifo.n > ms_of(w, w->keep_ms + LIVE_OVER_MS)) {
        fifo_skip(&w->fifo, w->fifo.n - ms_of(w, w->keep_ms));
        w->fill_ms = w->keep_ms;
    }
    if (++w->calm >= CALM_SLOTS && w->keep_ms > LIVE_MS) {
        w->keep_ms--;
        w->calm = 0;
    }
    if (++w->slots < TRIM_SLOTS)
        return;
    w->slots = 0;
    double ppm = (w->keep_ms - w->fill_ms) * LIVE_PPM_PER_MS;
    resample_set_ppm(w->resample, AHOY_MAX(AHOY_MIN(ppm, LIVE_PPM_MAX), -LIVE_PPM_MAX));
}

/* On one clock nothing should stay behind for long: it would be delay and nothing else. */
static void drop_excess(struct way *w)
{
    w->least = AHOY_MIN(w->least, w->fifo.n);
    if (++w->slots < WATCH_SLOTS)
        return;
    if (w->least >= w->meant + ms_of(w, MIXER_SLOT_MS) / 4)
        fifo_skip(&w->fifo, w->least - w->meant);
    w->slots = 0;
    w->least = SIZE_MAX;
}

static size_t way_take(struct way *w, int16_t *pcm, size_t n)
{
    if (w->live && !w->primed) {
        w->primed = w->fifo.n >= n + ms_of(w, w->keep_ms);
        if (!w->primed) {
            memset(pcm, 0, n * sizeof *pcm);
            return 0;
        }
    }
    size_t have = fifo_take(&w->fifo, pcm, n);
    if (have < n && w->live) {
        w->primed = false;
        w->keep_ms = AHOY_MIN(w->keep_ms + LIVE_MORE_MS, (unsigned) LIVE_MOST_MS);
        w->calm = 0;
    }
    return have;
}

/* ---- ports ------------------------------------------------------------------------------------------------------- */

enum ahoy_err mixer_create(struct mixer **out, uint32_t rate_hz)
{
    if (rate_hz != 8000 && rate_hz != 16000 && rate_hz != 32000 && rate_hz != 48000)
        return AHOY_ERR_RANGE;
    struct mixer *m = mem_zalloc(sizeof *m);
    if (!m)
        return AHOY_ERR_NOMEM;
    m->rate_hz = rate_hz;
    m->slot_n = rate_hz / 1000 * MIXER_SLOT_MS;
    list_init(&m->ports);
    limit_init(&m->tap_limit[0]);
    limit_init(&m->tap_limit[1]);
    *out = m;
    return AHOY_OK;
}

static void port_free(struct mixer_port *p)
{
    list_remove(&p->link);
    way_fini(&p->in);
    way_fini(&p->out);
    mem_free(p);
}

void mixer_destroy(struct mixer *m)
{
    if (!m)
        return;
    LIST_EACH(k, &m->ports)
        port_free(LIST_ENTRY(k, struct mixer_port, link));
    mem_free(m);
}

enum ahoy_err mixer_add(struct mixer_port **out, struct mixer *m, const struct mixer_port_config *cfg)
{
    if (cfg->rate_hz < 8000 || cfg->rate_hz > 48000)
        return AHOY_ERR_RANGE;
    struct mixer_port *p = mem_zalloc(sizeof *p);
    if (!p)
        return AHOY_ERR_NOMEM;
    p->mixer = m;
    p->config = *cfg;
    enum ahoy_err err = way_init(&p->in, cfg->rate_hz, m->rate_hz, cfg->live);
    if (!err)
        err = way_init(&p->out, m->rate_hz, cfg->rate_hz, cfg->live);
    if (err) {
        port_free(p);
        return err;
    }
    mix_gain_init(&p->gain, 0);
    mix_gain_init(&p->out_gain, MIX_SILENCE_DBFS);
    mix_gain_set(&p->out_gain, 0);
    limit_init(&p->limit);
    vad_init(&p->vad, m->rate_hz);
    list_push_back(&m->ports, &p->link);
    *out = p;
    return AHOY_OK;
}

void mixer_remove(struct mixer_port *p)
{
    int16_t fade[MIXER_MAX_SLOT];
    if (!p)
        return;
    struct mixer *m = p->mixer;
    size_t n = p->in.fifo.dry ? 0 : fifo_fade(&p->in.fifo, fade, m->slot_n);
    mix_gain_set(&p->gain, p->gain.now > 0.5f ? 0 : MIX_SILENCE_DBFS);
    p->gain.now = p->gain.target;
    mix_gain_run(&p->gain, fade, n);
    mix_sum(m->gone, fade, n);
    m->has_gone |= n > 0;
    port_free(p);
}

enum ahoy_err mixer_set_rate(struct mixer_port *p, uint32_t rate_hz)
{
    struct way in, out;
    if (rate_hz == p->config.rate_hz)
        return AHOY_OK;
    if (rate_hz < 8000 || rate_hz > 48000)
        return AHOY_ERR_RANGE;
    enum ahoy_err err = way_init(&in, rate_hz, p->mixer->rate_hz, p->config.live);
    if (err)
        return err;
    if ((err = way_init(&out, p->mixer->rate_hz, rate_hz, p->config.live))) {
        way_fini(&in);
        return err;
    }
    memcpy(in.fifo.past, p->in.fifo.past, sizeof in.fifo.past); /* where it was still fades out */
    in.fifo.dry = p->in.fifo.dry;
    way_fini(&p->in);
    way_fini(&p->out);
    p->in = in;
    p->out = out;
    p->config.rate_hz = rate_hz;
    return AHOY_OK;
}

void mixer_set_mute(struct mixer_port *p, bool on)
{
    mix_gain_set(&p->gain, on ? MIX_SILENCE_DBFS : 0);
    if (!p->began)
        p->gain.now = p->gain.target;
}

void mixer_put(struct mixer_port *p, const int16_t *pcm, size_t n)
{
    way_put(&p->in, pcm, n);
}

size_t mixer_lacks(const struct mixer_port *p)
{
    size_t n = p->mixer->slot_n > p->in.fifo.n ? p->mixer->slot_n - p->in.fifo.n : 0;
    return (n * p->config.rate_hz + p->mixer->rate_hz - 1) / p->mixer->rate_hz;
}

size_t mixer_ready(const struct mixer_port *p)
{
    return p->out.fifo.n;
}

void mixer_get(struct mixer_port *p, int16_t *pcm, size_t n)
{
    (void) way_take(&p->out, pcm, n);
    if (p->config.live)
        follow_clock(&p->out);
}

bool mixer_speaks(const struct mixer_port *p)
{
    return p->speaks;
}

double mixer_level_dbfs(const struct mixer_port *p)
{
    return p->silent ? MIX_SILENCE_DBFS : p->vad.level_dbfs;
}

void mixer_set_tap(struct mixer *m, mixer_tap_fn *fn, void *arg)
{
    m->tap = fn;
    m->tap_arg = arg;
}

/* ---- going on ---------------------------------------------------------------------------------------------------- */

/* Through a converter, if there is one; `out` has room for PAST_MOST. */
static size_t convert(struct resample *r, const int16_t *pcm, size_t n, int16_t *out)
{
    AHOY_ASSERT((r ? resample_max_out(r, n) : n) <= PAST_MOST);
    if (r)
        return resample_run(r, pcm, n, out);
    memcpy(out, pcm, n * sizeof *out);
    return n;
}

static void way_begin(struct way *w, size_t queued, double fill_ms)
{
    w->fifo.dry = false;
    w->primed = queued > 0;
    w->meant = w->live ? 0 : queued;
    w->fill_ms = fill_ms;
}

static void way_fill(struct way *w, const int16_t *pcm, size_t n)
{
    w->fifo.n = 0;
    memcpy(fifo_room(&w->fifo, n), pcm, n * sizeof *pcm);
    w->fifo.n = n;
}

/* How `y` is heard behind `r`, and from where of `y` on it goes on behind the past. */
struct continuation {
    const int16_t *y;
    size_t n;
    uint32_t hz;
    struct resample *r;
};

/*
 * Looks for the place behind which at least `least_ms` wait, leads the converter up to it, and begins the transition.
 * *left: how much of `y` is behind it. False: nothing goes on.
 */
static bool lead_up(const struct continuation *c, const struct mixer_past *past, double least_ms, struct seam *seam,
                    size_t *left)
{
    int16_t heard[PAST_MOST];
    struct seam_sounds sounds = { .past = past->heard, .past_n = past->heard_n, .next = heard, .hz = past->heard_hz };
    struct seam_place place;
    double per_ms = past->heard_hz / 1000.0, ratio = (double) c->hz / past->heard_hz;
    sounds.next_n = convert(c->r, c->y, c->n, heard);
    if (c->r)
        resample_reset(c->r);
    if (!seam_find(&sounds, (size_t) ceil(least_ms * per_ms), (size_t) ((least_ms + MORE_MS) * per_ms), &place))
        return false;
    long whole = lrint((double) place.at * ratio), more = 0;
    if (c->r && c->hz > past->heard_hz) { /* between two samples */
        more = lrint(place.part * ratio);
        whole -= more < 0 ? lrint(ratio) : 0;
        more += more < 0 ? lrint(ratio) : 0;
    }
    whole = AHOY_MIN(whole, (long) c->n - more);
    size_t n = convert(c->r, c->y + more, (size_t) whole, heard);
    seam_begin(seam, past->heard, past->heard_n, past->heard_hz, place.like ? &heard[n - 1] : NULL);
    *left = c->n - (size_t) (whole + more);
    return true;
}

/* Of a device: what it said waits in front of the slots. */
static bool go_on_saying(struct mixer_port *from, struct mixer_port *to, const struct mixer_past *past, double wait_ms,
                         struct seam *seam)
{
    int16_t y[PAST_MOST];
    struct way *w = &from->in;
    struct continuation c = { .y = y, .hz = from->mixer->rate_hz, .r = to->out.resample };
    c.n = convert(w->resample, past->said, past->said_n, y);
    double least_ms = w->live ? w->keep_ms + MIXER_SLOT_MS - wait_ms : 0;
    size_t left;
    if (!lead_up(&c, past, least_ms, seam, &left))
        return false;
    way_fill(w, y + c.n - left, left);
    way_begin(w, left, (double) left * 1000 / c.hz - MIXER_SLOT_MS + wait_ms);
    way_begin(&to->out, 0, 0);
    return true;
}

/*
 * Of a member: the sound that the first slot has too much waits in front of it, the device's share in front of the device.
 */
static bool go_on_hearing(struct mixer_port *from, struct mixer_port *to, const struct mixer_past *past, double wait_ms,
                          struct seam *seam)
{
    int16_t y[PAST_MOST], late[PAST_MOST];
    uint32_t hz = from->mixer->rate_hz;
    struct way *w = &to->out;
    struct continuation c = { .y = late, .hz = to->config.rate_hz, .r = past->after };
    size_t n = convert(from->in.resample, past->said, past->said_n, y);
    size_t ahead = (size_t) ((MIXER_SLOT_MS - wait_ms) * hz / 1000);
    ahead = AHOY_MIN(ahead, n);
    c.n = convert(w->resample, y, n - ahead, late);
    double least_ms = w->live ? w->keep_ms - MIXER_SLOT_MS / 2.0 + wait_ms : 0;
    size_t left;
    if (!lead_up(&c, past, least_ms, seam, &left))
        return false;
    way_fill(&from->in, y + n - ahead, ahead);
    way_begin(&from->in, 0, 0);
    way_fill(w, late + c.n - left, left);
    way_begin(w, left, (double) left * 1000 / c.hz - wait_ms + MIXER_SLOT_MS / 2.0);
    return true;
}

static void way_reset(struct way *w)
{
    w->fifo.n = 0;
    w->primed = false;
    if (w->resample)
        resample_reset(w->resample);
}

static bool runs(const struct mixer *m)
{
    LIST_EACH(k, &m->ports)
        if (LIST_ENTRY(k, struct mixer_port, link)->began)
            return true;
    return false;
}

bool mixer_go_on(struct mixer_port *from, struct mixer_port *to, const struct mixer_past *past, int64_t now_us,
                 struct seam *seam)
{
    struct mixer *m = from->mixer;
    const int64_t slot_us = MIXER_SLOT_MS * 1000;
    AHOY_ASSERT(!from->began && to->out.fifo.dry);
    if (!runs(m)) /* nobody is waiting: the first slot is one that is yet to come */
        m->slot = (now_us + slot_us - 1) / slot_us;
    int64_t wait_us = AHOY_MIN(m->slot * slot_us - now_us, slot_us);
    double wait_ms = (double) AHOY_MAX(wait_us, (int64_t) 0) / 1000;
    bool done = to->config.local ? go_on_hearing(from, to, past, wait_ms, seam)
                                 : go_on_saying(from, to, past, wait_ms, seam);
    if (!done) {
        way_reset(&from->in);
        way_reset(&to->out);
        return false;
    }
    mix_gain_init(&to->out_gain, 0);
    return true;
}

static double way_ms(const struct way *w)
{
    return (double) w->fifo.n * 1000 / w->fifo.rate_hz + (w->resample ? resample_delay_ms(w->resample) : 0);
}

double mixer_lag_ms(const struct mixer_port *from, const struct mixer_port *to)
{
    return way_ms(&from->in) + way_ms(&to->out);
}

/* ---- mixing ------------------------------------------------------------------------------------------------------ */

static void listen_to(struct mixer_port *p)
{
    struct mixer *m = p->mixer;
    p->began = true;
    bool was_dry = p->in.fifo.dry, muted = p->gain.now == 0 && p->gain.target == 0;
    size_t have = way_take(&p->in, p->block, m->slot_n);
    p->silent = muted || (have == 0 && was_dry);
    if (p->config.live)
        follow_clock(&p->in);
    else
        drop_excess(&p->in);
    mix_gain_run(&p->gain, p->block, m->slot_n);
    p->speaks = vad_run(&p->vad, p->block, m->slot_n) && !p->silent;
}

static void hear(struct mixer_port *p, const int32_t *total)
{
    struct mixer *m = p->mixer;
    int32_t sum[MIXER_MAX_SLOT];
    int16_t pcm[MIXER_MAX_SLOT];
    for (size_t i = 0; i < m->slot_n; i++)
        sum[i] = total[i] - (p->silent ? 0 : p->block[i]);
    limit_run(&p->limit, sum, pcm, m->slot_n, m->rate_hz);
    mix_gain_run(&p->out_gain, pcm, m->slot_n);
    way_put(&p->out, pcm, m->slot_n);
}

static void run_tap(struct mixer *m, const int32_t *total)
{
    int32_t ours[MIXER_MAX_SLOT] = { 0 }, theirs[MIXER_MAX_SLOT];
    int16_t local[MIXER_MAX_SLOT], others[MIXER_MAX_SLOT];
    LIST_EACH(k, &m->ports) {
        const struct mixer_port *p = LIST_ENTRY(k, struct mixer_port, link);
        if (p->config.local && !p->silent)
            mix_sum(ours, p->block, m->slot_n);
    }
    for (size_t i = 0; i < m->slot_n; i++)
        theirs[i] = total[i] - ours[i];
    limit_run(&m->tap_limit[0], ours, local, m->slot_n, m->rate_hz);
    limit_run(&m->tap_limit[1], theirs, others, m->slot_n, m->rate_hz);
    m->tap(m->tap_arg, local, others, m->slot_n);
}

static void mix_slot(struct mixer *m)
{
    int32_t total[MIXER_MAX_SLOT];
    memcpy(total, m->gone, m->slot_n * sizeof *total);
    if (m->has_gone)
        memset(m->gone, 0, sizeof m->gone);
    m->has_gone = false;
    LIST_EACH(k, &m->ports) {
        struct mixer_port *p = LIST_ENTRY(k, struct mixer_port, link);
        listen_to(p);
        if (!p->silent)
            mix_sum(total, p->block, m->slot_n);
    }
    LIST_EACH(k, &m->ports)
        hear(LIST_ENTRY(k, struct mixer_port, link), total);
    if (m->tap)
        run_tap(m, total);
    m->slot++;
}

/* Whether every port has sound for one slot more; ports that were silent are not waited for, devices have no more. */
static bool may_run_ahead(const struct mixer *m)
{
    bool any = false;
    LIST_EACH(k, &m->ports) {
        const struct mixer_port *p = LIST_ENTRY(k, struct mixer_port, link);
        if (p->config.live)
            return false;
        if (p->in.fifo.n < m->slot_n && !p->in.fifo.dry)
            return false;
        any |= p->in.fifo.n >= m->slot_n;
    }
    return any;
}

void mixer_run(struct mixer *m, int64_t now_us)
{
    int64_t due = now_us / (MIXER_SLOT_MS * 1000);
    if (m->slot == 0 || due - m->slot > LATE_SLOTS)
        m->slot = due;
    while (m->slot <= due || may_run_ahead(m))
        mix_slot(m);
}
