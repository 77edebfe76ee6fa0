/* The latency benchmark's sound: a sound server, a player and two recorders, whose samples have times. */
#include "latency.h"

#include "base/base.h"
#include "tool.h"

#include <pthread.h>
#include <pulse/simple.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>

enum { PERIOD_MS = 5 };

static const char *const script[] = {
    "load-module module-null-sink sink_name=to_mic_a rate=48000 channels=1 sink_properties=device.description=to_mic_a",
    "load-module module-null-sink sink_name=to_mic_b rate=48000 channels=1 sink_properties=device.description=to_mic_b",
    "load-module module-null-sink sink_name=ear_a rate=48000 channels=1 sink_properties=device.description=ear_a",
    "load-module module-null-sink sink_name=ear_b rate=48000 channels=1 sink_properties=device.description=ear_b",
    "load-module module-remap-source source_name=mic_a master=to_mic_a.monitor remix=no "
    "source_properties=device.description=mic_a",
    "load-module module-remap-source source_name=mic_b master=to_mic_b.monitor remix=no "
    "source_properties=device.description=mic_b",
};

/* Where it may, who measures runs before the machine's other work, as the server does. */
void cable_hurry(void)
{
    struct sched_param p = { .sched_priority = 10 };
    (void) sched_setscheduler(0, SCHED_RR, &p);
}

static bool start_daemon(struct cable *c)
{
    bool ok = pulse_daemon_init(&c->server) && pulse_daemon_start(&c->server);
    for (size_t i = 0; ok && i < AHOY_COUNT(script); i++)
        ok = pulse_daemon_command(&c->server, script[i]);
    return ok;
}

static const pa_sample_spec mono = { .format = PA_SAMPLE_S16LE, .rate = CABLE_HZ, .channels = 1 };

/* ---- listeners --------------------------------------------------------------------------------------------------- */

static const pa_buffer_attr short_blocks = { UINT32_MAX, UINT32_MAX, UINT32_MAX, UINT32_MAX,
                                             CABLE_HZ / 1000 * 2 * PERIOD_MS };

static const char *const monitors[CABLE_DEVICES] = { "to_mic_a.monitor", "to_mic_b.monitor", "ear_a.monitor",
                                                     "ear_b.monitor" };

static void listen_on(struct cable *c, const char *device)
{
    int16_t block[CABLE_HZ / 100];
    cable_hurry();
    pa_simple *s = pa_simple_new(NULL, "clock", PA_STREAM_RECORD, device, "clock", &mono, NULL, &short_blocks, NULL);
    while (s && !atomic_load(&c->ending) && pa_simple_read(s, block, sizeof block, NULL) >= 0)
        ;
    if (s)
        pa_simple_free(s);
}

struct listener {
    struct cable *cable;
    const char *device;
};

static void *listener_main(void *arg)
{
    struct listener l = *(struct listener *) arg;
    free(arg);
    listen_on(l.cable, l.device);
    return NULL;
}

bool cable_start(struct cable *c)
{
    if (!start_daemon(c))
        return false;
    for (; c->listeners < CABLE_DEVICES; c->listeners++) {
        struct listener *l = malloc(sizeof *l);
        if (!l)
            return false;
        *l = (struct listener){ .cable = c, .device = monitors[c->listeners] };
        if (pthread_create(&c->listener[c->listeners], NULL, listener_main, l) != 0) {
            free(l);
            return false;
        }
    }
    return true;
}

void cable_stop(struct cable *c)
{
    atomic_store(&c->ending, true); /* for the listeners */
    for (unsigned i = 0; i < c->listeners; i++)
        (void) pthread_join(c->listener[i], NULL);
    pulse_daemon_stop(&c->server);
    if (!getenv("AHOY_BENCH_LOG"))
        temp_end();
}

/* ---- player and recorders ---------------------------------------------------------------------------------------- */

struct track {
    pthread_t thread;
    const char *device;
    const int16_t *said; /* of the player */
    size_t n;
    struct recording *rec; /* of a recorder */
    bool ok;
};

static void *play(void *arg)
{
    struct track *t = arg;
    cable_hurry();
    pa_buffer_attr attr = { UINT32_MAX, CABLE_HZ / 1000 * 2 * 200, UINT32_MAX, UINT32_MAX, UINT32_MAX };
    pa_simple *s = pa_simple_new(NULL, "mouth", PA_STREAM_PLAYBACK, t->device, "said", &mono, NULL, &attr, NULL);
    t->ok = s && pa_simple_write(s, t->said, t->n * sizeof *t->said, NULL) >= 0;
    if (s)
        pa_simple_free(s);
    return NULL;
}

/*
 * Blocks of a millisecond, and the time each came. The device hands over periods at once; the first block of a period
 * is the one that came when its sound began, so the least of (arrival - samples before it) is the clock's zero.
 */
static void *record(void *arg)
{
    struct track *t = arg;
    struct recording *r = t->rec;
    cable_hurry();
    pa_simple *s = pa_simple_new(NULL, "ear", PA_STREAM_RECORD, t->device, "heard", &mono, NULL, &short_blocks, NULL);
    double zero = 0, latest = 0;
    t->ok = s != NULL;
    for (r->n = 0; t->ok && r->n + CABLE_BLOCK <= r->max; r->n += CABLE_BLOCK) {
        t->ok = pa_simple_read(s, r->pcm + r->n, CABLE_BLOCK * sizeof *r->pcm, NULL) >= 0;
        double at = tool_now_ms() - (double) r->n * 1000 / CABLE_HZ;
        if (r->n == CABLE_HZ / 2) /* the first half second may come in a burst */
            zero = latest = at;
        zero = at < zero ? at : zero;
        latest = at > latest ? at : latest;
    }
    r->start_ms = zero;
    r->late_ms = latest - zero;
    if (s)
        pa_simple_free(s);
    return NULL;
}

static bool run(const char *heard, const int16_t *said, size_t n_said, unsigned seconds, struct recording *mouth,
                struct recording *ear)
{
    struct track t[3] = { { .device = "to_mic_a.monitor", .rec = mouth },
                          { .device = heard, .rec = ear },
                          { .device = "to_mic_a", .said = said, .n = n_said } };
    bool ok = true;
    mouth->max = ear->max = (size_t) seconds * CABLE_HZ;
    for (int i = 0; i < 3; i++)
        if (pthread_create(&t[i].thread, NULL, i == 2 ? play : record, &t[i]) != 0)
            abort();
    for (int i = 0; i < 3; i++) {
        (void) pthread_join(t[i].thread, NULL);
        ok = ok && t[i].ok;
    }
    return ok;
}

bool cable_measure(const int16_t *said, size_t n_said, unsigned seconds, struct recording *mouth, struct recording *ear)
{
    return run("ear_b.monitor", said, n_said, seconds, mouth, ear);
}

bool cable_measure_itself(const int16_t *said, size_t n_said, unsigned seconds, struct recording *mouth,
                          struct recording *ear)
{
    return run("mic_a", said, n_said, seconds, mouth, ear);
}

struct cable_recorder {
    struct track track;
};

struct cable_recorder *cable_record(const char *device, struct recording *rec)
{
    struct cable_recorder *r = malloc(sizeof *r);
    if (!r)
        return NULL;
    r->track = (struct track){ .device = device, .rec = rec };
    if (pthread_create(&r->track.thread, NULL, record, &r->track) == 0)
        return r;
    free(r);
    return NULL;
}

bool cable_recorded(struct cable_recorder *r)
{
    (void) pthread_join(r->track.thread, NULL);
    bool ok = r->track.ok;
    free(r);
    return ok;
}
