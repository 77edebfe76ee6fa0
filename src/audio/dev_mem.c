/* mem: memory as microphone and loudspeaker, for tests; pulled by its user, or live with a clock of its own. */
#include "audio/device_impl.h"
#include "base/mem.h"

enum { MEM_BLOCK = 480 };

/* One direction of a clocked memory. */
struct mem_side {
    struct audio_way *way; /* NULL: not wanted */
    double rate_hz;        /* as its clock runs */
    uint64_t moved;        /* samples */
};

struct audio_mem {
    struct audio_mem_clock clock; /* period_us 0: pulled */
    struct mem_side capture, playback;
    struct sys_timer timer;
    struct sys_loop *on;
    int64_t from_us, due_us, stalled_us, gone_us; /* beginning, next period; until when it stumbles, is unplugged */
    struct rng rng;
    void (*event)(void *arg, enum audio_event event, const char *text);
    void (*ready)(void *arg);
    void *arg;
    bool loop, open;
    bool no_microphone, no_speaker;
    unsigned refusals;        /* openings to come that fail */
    struct audio_mem *second; /* NULL: opened once at a time */
    size_t n;                 /* samples of said */
    uint64_t read;
    size_t max_heard, n_heard;
    int16_t *heard; /* behind said in the same allocation */
    int16_t said[];
};

enum ahoy_err audio_mem_create(struct audio_mem **out, const int16_t *said, size_t n, bool loop, size_t max_heard)
{
    if (n > SIZE_MAX / 8 || max_heard > SIZE_MAX / 8)
        return AHOY_ERR_RANGE;
    struct audio_mem *m = mem_alloc(sizeof *m + (n + max_heard) * sizeof *said);
    if (!m)
        return AHOY_ERR_NOMEM;
    *m = (struct audio_mem){ .loop = loop, .n = n, .max_heard = max_heard, .heard = m->said + n };
    if (n > 0)
        memcpy(m->said, said, n * sizeof *said);
    *out = m;
    return AHOY_OK;
}

void audio_mem_destroy(struct audio_mem *m)
{
    mem_free(m);
}

const int16_t *audio_mem_heard(const struct audio_mem *m, size_t *n)
{
    *n = m->n_heard;
    return m->heard;
}

uint64_t audio_mem_read_count(const struct audio_mem *m)
{
    return m->read;
}

static enum ahoy_err mem_open(void **out, const struct audio_device_config *cfg, struct audio_way *capture,
                              struct audio_way *playback, char why[AUDIO_WHY_BYTES])
{
    (void) capture, (void) playback;
    if (!cfg->mem)
        return AHOY_ERR_INVAL;
    struct audio_mem *m = cfg->mem->open && cfg->mem->second ? cfg->mem->second : cfg->mem;
    if (m->open)
        return AHOY_ERR_STATE;
    if (m->refusals > 0) {
        m->refusals--;
        (void) view_copy(VIEW("there is no sound device"), why, AUDIO_WHY_BYTES);
        return AHOY_ERR_DEVICE;
    }
    m->open = true;
    *out = m;
    return AHOY_OK;
}

static void mem_close(void *b)
{
    struct audio_mem *m = b;
    m->open = false;
}

static void mem_read(void *b, int16_t *pcm, size_t n)
{
    struct audio_mem *m = b;
    for (size_t i = 0; i < n; i++) {
        bool more = m->n > 0 && (m->loop || m->read < m->n);
        pcm[i] = more ? m->said[m->read % m->n] : 0;
        m->read += more;
    }
}

static void mem_write(void *b, const int16_t *pcm, size_t n)
{
    struct audio_mem *m = b;
    size_t some = AHOY_MIN(n, m->max_heard - m->n_heard);
    memcpy(m->heard + m->n_heard, pcm, some * sizeof *pcm);
    m->n_heard += some;
}

const struct audio_backend_ops audio_mem_ops = {
    .open = mem_open, .close = mem_close, .read = mem_read, .write = mem_write
};

/* ---- with a clock ------------------------------------------------------------------------------------------------ */

void audio_mem_set_clock(struct audio_mem *m, const struct audio_mem_clock *clock)
{
    AHOY_ASSERT(!m->open && clock->period_us > 0);
    m->clock = *clock;
}

void audio_mem_set_second(struct audio_mem *m, struct audio_mem *second)
{
    m->second = second;
}

void audio_mem_lack(struct audio_mem *m, bool microphone, bool speaker)
{
    AHOY_ASSERT(!m->open);
    m->no_microphone = microphone;
    m->no_speaker = speaker;
}

void audio_mem_refuse(struct audio_mem *m, unsigned openings)
{
    m->refusals = openings;
}

bool audio_mem_clocked(const struct audio_mem *m)
{
    return m && m->clock.period_us > 0;
}

void audio_mem_stall(struct audio_mem *m, int64_t us)
{
    m->stalled_us = sys_now_us(m->on) + us;
}

void audio_mem_unplug(struct audio_mem *m, int64_t us)
{
    m->gone_us = sys_now_us(m->on) + us;
    if (m->event)
        m->event(m->arg, AUDIO_EVENT_LOST, "memory");
}

/* Samples that are due by now and were not moved yet; at most `most`. */
static size_t due(const struct audio_mem *m, const struct mem_side *s, int64_t now_us, size_t most)
{
    double all = (double) (now_us - m->from_us) * 1e-6 * s->rate_hz;
    return s->way && all > (double) s->moved ? AHOY_MIN((size_t) (all - (double) s->moved), most) : 0;
}

static void move_all(struct audio_mem *m, int64_t now_us)
{
    int16_t block[MEM_BLOCK];
    for (size_t n; (n = due(m, &m->capture, now_us, MEM_BLOCK)) > 0; m->capture.moved += n) {
        mem_read(m, block, n);
        audio_way_captured(m->capture.way, block, n);
    }
    for (size_t n; (n = due(m, &m->playback, now_us, MEM_BLOCK)) > 0; m->playback.moved += n) {
        audio_way_to_play(m->playback.way, block, n);
        mem_write(m, block, n);
    }
    if (m->capture.way)
        audio_way_stamp(m->capture.way, m->on, 0);
    if (m->playback.way)
        audio_way_stamp(m->playback.way, m->on, 0);
}

static void on_period(void *arg)
{
    struct audio_mem *m = arg;
    int64_t now = sys_now_us(m->on);
    m->due_us += m->clock.period_us;
    int64_t late = m->clock.jitter_us > 0 ? (int64_t) rng_below(&m->rng, m->clock.jitter_us) : 0;
    sys_timer_start_at(m->on, &m->timer, m->due_us + late);
    if (now < m->stalled_us || now < m->gone_us)
        return;
    if (m->gone_us > 0) { /* what passed meanwhile was never there */
        m->capture.moved += due(m, &m->capture, now, SIZE_MAX);
        m->playback.moved += due(m, &m->playback, now, SIZE_MAX);
        m->gone_us = 0;
        if (m->event)
            m->event(m->arg, AUDIO_EVENT_BACK, "memory");
    }
    move_all(m, now);
    if (m->ready)
        m->ready(m->arg);
}

/* The way, unless there is nothing at its end. */
static struct audio_way *existing(struct audio_way *way, bool lacks)
{
    if (!way || !lacks)
        return way;
    audio_way_presence(way, AUDIO_ABSENT);
    return NULL;
}

static enum ahoy_err clocked_open(void **out, const struct audio_device_config *cfg, struct audio_way *capture,
                                  struct audio_way *playback, char why[AUDIO_WHY_BYTES])
{
    void *opened;
    enum ahoy_err err = cfg->loop ? mem_open(&opened, cfg, capture, playback, why) : AHOY_ERR_INVAL;
    if (err)
        return err;
    struct audio_mem *m = *out = opened;
    capture = existing(capture, m->no_microphone);
    playback = existing(playback, m->no_speaker);
    (void) view_copy(view_str(audio_lack_text(m->no_microphone ? AUDIO_ABSENT : AUDIO_PRESENT,
                                              m->no_speaker ? AUDIO_ABSENT : AUDIO_PRESENT)),
                     why, AUDIO_WHY_BYTES);
    rng_init_u64(&m->rng, m->clock.seed);
    m->on = cfg->loop;
    m->capture = (struct mem_side){ capture, cfg->rate_hz * (1 + m->clock.capture_ppm * 1e-6), 0 };
    m->playback = (struct mem_side){ playback, cfg->rate_hz * (1 + m->clock.playback_ppm * 1e-6), 0 };
    m->event = cfg->event;
    m->ready = cfg->ready;
    m->arg = cfg->arg;
    m->from_us = m->due_us = sys_now_us(m->on);
    m->stalled_us = m->gone_us = 0;
    sys_timer_init(&m->timer, on_period, m);
    sys_timer_start(m->on, &m->timer, m->clock.period_us);
    return AHOY_OK;
}

static void clocked_close(void *b)
{
    struct audio_mem *m = b;
    sys_timer_stop(&m->timer);
    mem_close(m);
}

const struct audio_backend_ops audio_clocked_ops = { .open = clocked_open, .close = clocked_close, .live = true };
