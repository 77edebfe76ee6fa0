#include "base/mem.h"
#include "media/seat.h"

#include <string.h>

enum { MAX_WORKERS = 64 };

struct media_engine {
    struct sys_loop *loop;
    const struct log *log;
    uint16_t port_low, port_high;
    struct media_worker *worker;
    unsigned workers, next;
    struct sys_loop *opener; /* started with the first live device's session */
    struct sys_loop *files;  /* started with the first recording */
    int sessions;
};

/* ---- workers ----------------------------------------------------------------------------------------------------- */

enum { LATE_TICK_US = 200000, WATCH_TICKS = 8, WATCH_SOON_MS = 10, HEARD_LATE_US = 20000 };

/*
 * One timer serves all streams of a worker. Ticks begin on one grid and stay on it but for those that follow play-out,
 * so streams of one packet time share wake-ups.
 */
static void restart_tick(struct media_worker *w)
{
    const struct heap_node *first = heap_min(&w->ticks);
    if (!first)
        sys_timer_stop(&w->timer);
    else if (!sys_timer_running(&w->timer) || w->timer_at_us != first->key)
        sys_timer_start_at(w->loop, &w->timer, w->timer_at_us = first->key);
}

/* A device calls by itself; only that it goes on doing so is watched. */
static void watch(struct media_worker *w, struct media_stream *st, int64_t from_us)
{
    int64_t step = SYS_MS(st->tick_ms) * WATCH_TICKS;
    heap_insert(&w->ticks, &st->tick, (from_us / step + 1) * step);
}

static void count_tick(struct media_worker *w, int64_t now_us, int64_t due_us)
{
    w->ran++;
    w->late += now_us - due_us > HEARD_LATE_US;
}

static void worker_tick(void *arg)
{
    struct media_worker *w = arg;
    int64_t now = sys_now_us(w->loop);
    for (struct heap_node *n; (n = heap_min(&w->ticks)) && n->key <= now;) {
        struct media_stream *st = AHOY_CONTAINER_OF(n, struct media_stream, tick);
        int64_t due = n->key, step = SYS_MS(st->tick_ms);
        heap_remove(&w->ticks, n);
        count_tick(w, now, due);
        if (now - due > LATE_TICK_US)
            due = now / step * step; /* the machine slept or was stopped: no flood of old ticks */
        if (!st->seat && sound_clocks(&st->sound, now)) {
            watch(w, st, due);
            continue;
        }
        int64_t next_us = media_stream_tick(st, now, due);
        heap_insert(&w->ticks, n, due + next_us);
    }
    LIST_EACH(k, &w->buses)
        media_bus_run(LIST_ENTRY(k, struct media_bus, link), now);
    restart_tick(w);
}

void media_worker_measure(struct media_worker *w, int64_t now_us)
{
    int64_t period_us = now_us - w->load_us, busy_us = sys_busy_us(w->loop);
    if (w->load_us > 0 && period_us < LOAD_PERIOD_US)
        return;
    if (w->load_us > 0 && period_us < 2 * LOAD_PERIOD_US) /* else calls have only just begun again */
        (void) load_put(&w->load, period_us, busy_us - w->busy_us, w->ran, w->late);
    w->load_us = now_us;
    w->busy_us = busy_us;
    w->ran = w->late = 0;
}

void media_worker_run_early(struct media_worker *w, struct media_stream *st)
{
    int64_t due = st->tick.key;
    heap_remove(&w->ticks, &st->tick);
    heap_insert(&w->ticks, &st->tick, due + media_stream_tick(st, sys_now_us(w->loop), due));
    restart_tick(w);
}

void media_worker_called(struct media_worker *w, struct media_stream *st)
{
    int64_t now = sys_now_us(w->loop), due = st->tick.key;
    if (due - now >= SYS_MS(WATCH_SOON_MS))
        return;
    heap_remove(&w->ticks, &st->tick);
    count_tick(w, now, due);
    watch(w, st, AHOY_MAX(now, due));
    restart_tick(w);
}

void media_worker_add(struct media_worker *w, struct media_stream *st)
{
    int64_t step = SYS_MS(st->tick_ms);
    heap_remove(&w->ticks, &st->tick);
    heap_insert(&w->ticks, &st->tick, (sys_now_us(w->loop) / step + 1) * step);
    restart_tick(w);
}

void media_worker_regrid(struct media_worker *w, struct media_stream *st, int64_t from_us)
{
    int64_t step = SYS_MS(st->tick_ms);
    heap_remove(&w->ticks, &st->tick);
    heap_insert(&w->ticks, &st->tick, (from_us + step - 1) / step * step);
    restart_tick(w);
}

void media_worker_remove(struct media_worker *w, struct media_stream *st)
{
    heap_remove(&w->ticks, &st->tick);
    restart_tick(w);
}

static enum ahoy_err worker_start(struct media_engine *e, struct media_worker *w)
{
    uint8_t seed[32];
    struct sys_host *host = sys_loop_host(e->loop);
    enum ahoy_err err = sys_loop_create(host, &w->loop);
    if (err)
        return err;
    sys_host_random(host, seed, sizeof seed);
    rng_init(&w->rng, seed);
    heap_init(&w->ticks);
    load_init(&w->load);
    list_init(&w->buses);
    sys_timer_init(&w->timer, worker_tick, w);
    if ((err = sys_loop_spawn(w->loop, "ahoy-media"))) {
        sys_loop_destroy(w->loop);
        return err;
    }
    w->running = true;
    return AHOY_OK;
}

struct media_worker *media_engine_worker(struct media_engine *e)
{
    struct media_worker *w = &e->worker[e->next];
    if (!w->running && worker_start(e, w))
        return NULL;
    e->next = (e->next + 1) % e->workers;
    return w;
}

/* A loop for what may wait for the machine; its thread starts with the first need. */
static struct sys_loop *helper_loop(struct media_engine *e, struct sys_loop **slot, const char *name)
{
    struct sys_loop *loop;
    if (*slot)
        return *slot;
    if (sys_loop_create(sys_loop_host(e->loop), &loop))
        return NULL;
    if (sys_loop_spawn(loop, name)) {
        sys_loop_destroy(loop);
        return NULL;
    }
    return *slot = loop;
}

struct sys_loop *media_engine_opener(struct media_engine *e)
{
    return helper_loop(e, &e->opener, "ahoy-devices");
}

struct sys_loop *media_engine_files(struct media_engine *e)
{
    return helper_loop(e, &e->files, "ahoy-files");
}

enum ahoy_err media_engine_post_device(struct media_engine *e, struct sys_msg *msg)
{
    struct sys_loop *loop = media_engine_opener(e);
    if (!loop)
        return AHOY_ERR_NOMEM;
    sys_post(loop, msg);
    return AHOY_OK;
}

/* ---- life -------------------------------------------------------------------------------------------------------- */

enum ahoy_err media_engine_create(struct media_engine **out, const struct media_engine_config *cfg)
{
    bool range = cfg->port_low > 0 || cfg->port_high > 0;
    if (range && (cfg->port_low == 0 || (cfg->port_high + 1u) / 2 <= (cfg->port_low + 1u) / 2))
        return AHOY_ERR_INVAL;
    if (cfg->workers > MAX_WORKERS)
        return AHOY_ERR_INVAL;
    struct media_engine *e = mem_zalloc(sizeof *e);
    if (!e)
        return AHOY_ERR_NOMEM;
    e->workers = cfg->workers > 0 ? cfg->workers : 1;
    e->worker = mem_zalloc(e->workers * sizeof *e->worker);
    if (!e->worker) {
        mem_free(e);
        return AHOY_ERR_NOMEM;
    }
    e->loop = cfg->loop;
    e->log = cfg->log;
    e->port_low = cfg->port_low;
    e->port_high = cfg->port_high;
    *out = e;
    return AHOY_OK;
}

void media_engine_destroy(struct media_engine *e)
{
    if (!e)
        return;
    AHOY_ASSERT(e->sessions == 0);
    if (e->opener) { /* first: a device on its way goes to a worker to be closed there */
        sys_loop_join(e->opener);
        sys_loop_destroy(e->opener);
    }
    if (e->files) {
        sys_loop_join(e->files);
        sys_loop_destroy(e->files);
    }
    for (unsigned i = 0; i < e->workers; i++)
        if (e->worker[i].running) {
            sys_loop_join(e->worker[i].loop);
            sys_loop_destroy(e->worker[i].loop);
        }
    mem_free(e->worker);
    mem_free(e);
}

void media_engine_ports(const struct media_engine *e, uint16_t *low, uint16_t *high)
{
    *low = e->port_low;
    *high = e->port_high;
}

struct sys_loop *media_engine_loop(const struct media_engine *e)
{
    return e->loop;
}

const struct log *media_engine_log(const struct media_engine *e)
{
    return e->log;
}

void media_engine_count(struct media_engine *e, int sessions)
{
    e->sessions += sessions;
}

/* ---- codecs ------------------------------------------------------------------------------------------------------ */

enum ahoy_err media_codecs_parse(struct view list, struct media_codecs *out)
{
    struct media_codecs c = { .n = 0 };
    struct view rest = view_empty(list) ? VIEW("opus,g722,pcma,pcmu") : list;
    while (rest.n > 0) {
        struct view name = view_trim(view_cut(&rest, ','));
        if (view_empty(name))
            return AHOY_ERR_SYNTAX;
        const struct audio_codec *codec = audio_codec_by_name(name);
        if (!codec)
            return AHOY_ERR_NOT_FOUND;
        if (c.n == MEDIA_MAX_CODECS)
            return AHOY_ERR_LIMIT;
        c.codec[c.n++] = codec;
    }
    if (c.n == 0)
        return AHOY_ERR_SYNTAX;
    *out = c;
    return AHOY_OK;
}
