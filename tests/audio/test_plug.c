/*
 * Devices that come and go in the middle of a conversation, on a real PulseAudio daemon: what is heard is recorded behind
 * all of them, and looked through for silence. T_PLAIN: real time, and each run changes the daemon's devices. It
 * uses threads.
 */
#include "audio/device.h"
#include "support/pulse.h"
#include "support/t.h"
#include "support_sound.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/timerfd.h>
#include <unistd.h>

enum {
    RATE = 48000,
    TICK = 240,
    AHEAD = 3 * TICK,
    MOST = RATE * 12,
    QUIET = 200,
    SETTLE_MS = 1000,
    MOST_GAP_MS = 100,
    TRIES = 6
};

static struct pulse_daemon the_daemon;
static char why[AUDIO_WHY_BYTES];
static const char load_other[] = "load-module module-remap-sink sink_name=other master=ear";
static const char load_other_mic[] = "load-module module-remap-source source_name=other_mic master=mouth.monitor";

/* A phone's device with a steady tone in both directions, and an ear behind all loudspeakers. */
struct talk {
    bool runs; /* the phone, without a thread of its own */
    struct audio_device *phone, *ear, *mouth;
    int fd;
    uint64_t said, spoken;
    int16_t *heard;
    size_t n_heard, n_in;
    unsigned ticks, quiet_in, longest_in; /* ticks in which the microphone gave nothing, in a row */
    atomic_uint moved, lost, back;        /* counted on the device's thread */
    char now[2][AUDIO_NAME_BYTES];        /* where MOVED said it went: the last two */
    pthread_mutex_t lock;                 /* of `now` */
};

static void on_event(void *arg, enum audio_event event, const char *text)
{
    struct talk *k = arg;
    if (event == AUDIO_EVENT_MOVED) {
        (void) pthread_mutex_lock(&k->lock);
        (void) memcpy(k->now[1], k->now[0], sizeof k->now[1]);
        (void) view_copy(view_str(text), k->now[0], sizeof k->now[0]);
        (void) pthread_mutex_unlock(&k->lock);
        atomic_fetch_add(&k->moved, 1);
    }
    atomic_fetch_add(&k->lost, event == AUDIO_EVENT_LOST);
    atomic_fetch_add(&k->back, event == AUDIO_EVENT_BACK);
}

static bool said_to_be(struct talk *k, const char *name)
{
    (void) pthread_mutex_lock(&k->lock);
    bool is = view_eq(view_str(k->now[0]), view_str(name)) || view_eq(view_str(k->now[1]), view_str(name));
    (void) pthread_mutex_unlock(&k->lock);
    return is;
}

static enum ahoy_err open_one(struct talk *k, struct audio_device **out, const char *capture, const char *playback)
{
    struct audio_device_config cfg = audio_device_defaults();
    cfg.spec.kind = AUDIO_PULSE;
    cfg.frame_ms = 5;
    cfg.capture = capture != NULL;
    cfg.playback = playback != NULL;
    cfg.capture_id = capture;
    cfg.playback_id = playback;
    if (out == &k->phone) {
        cfg.event = on_event;
        cfg.arg = k;
    }
    return audio_device_open(out, &cfg, why);
}

static enum ahoy_err talk_open(struct talk *k, const char *capture, const char *playback)
{
    const struct itimerspec every = { .it_interval = { .tv_nsec = 5000000 }, .it_value = { .tv_nsec = 5000000 } };
    static int16_t heard[MOST];
    *k = (struct talk){ .fd = -1, .heard = heard };
    (void) pthread_mutex_init(&k->lock, NULL);
    enum ahoy_err err = open_one(k, &k->ear, "ear.monitor", NULL);
    if (!err)
        err = open_one(k, &k->mouth, NULL, "mouth");
    if (!err)
        err = open_one(k, &k->phone, capture, playback);
    k->runs = !err && audio_device_take(k->phone); /* as a call does it */
    k->fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC);
    (void) timerfd_settime(k->fd, 0, &every, NULL);
    return err;
}

static void talk_close(struct talk *k)
{
    audio_device_close(k->phone);
    audio_device_close(k->ear);
    audio_device_close(k->mouth);
    if (k->fd >= 0)
        (void) close(k->fd);
    (void) pthread_mutex_destroy(&k->lock);
}

/* Keeps a device's queue filled with a tone. */
static void say(struct audio_device *d, uint64_t *at)
{
    struct audio_device_stats st;
    int16_t pcm[TICK];
    for (audio_device_stats(d, &st); st.playback_queued < AHEAD; audio_device_stats(d, &st)) {
        for (int i = 0; i < TICK; i++)
            pcm[i] = (int16_t) (4000 * sin((double) (*at + (unsigned) i) * 0.0916));
        *at += audio_device_write(d, pcm, TICK);
    }
}

static void talk_on(struct talk *k, unsigned ms)
{
    int16_t pcm[RATE / 10];
    for (unsigned until = k->ticks + ms / 5; k->ticks < until;) {
        uint64_t n = 0;
        if (read(k->fd, &n, sizeof n) != (ssize_t) sizeof n)
            return;
        k->ticks += (unsigned) n;
        if (k->runs && audio_device_run(k->phone) == AUDIO_RAN_GONE)
            k->runs = false;
        say(k->phone, &k->spoken);
        say(k->mouth, &k->said);
        size_t in = audio_device_read(k->phone, pcm, AHOY_COUNT(pcm));
        k->quiet_in = in > 0 ? 0 : k->quiet_in + (unsigned) n;
        k->longest_in = AHOY_MAX(k->longest_in, k->quiet_in);
        k->n_in += in;
        k->n_heard += audio_device_read(k->ear, k->heard + k->n_heard, MOST - k->n_heard);
    }
}

/* What happens to the devices while they talk on: the server's commands take their time. */
struct change {
    const char *const *commands; /* up to NULL; NULL: the streams on `other` are killed */
    bool ok;
};

static void *change_main(void *arg)
{
    struct change *c = arg;
    c->ok = c->commands || pulse_daemon_kill_streams(&the_daemon, "other");
    for (size_t i = 0; c->commands && c->commands[i]; i++)
        c->ok = pulse_daemon_command(&the_daemon, c->commands[i]) && c->ok;
    return NULL;
}

static bool talk_while(struct talk *k, unsigned ms, const char *const commands[])
{
    struct change c = { .commands = commands };
    pthread_t thread;
    if (pthread_create(&thread, NULL, change_main, &c) != 0)
        return false;
    talk_on(k, ms);
    return pthread_join(thread, NULL) == 0 && c.ok;
}

static void start_listening(struct talk *k)
{
    talk_on(k, SETTLE_MS);
    k->n_heard = k->quiet_in = k->longest_in = 0;
}

/* The longest silence heard, ms. */
static double gap_ms(const struct talk *k)
{
    size_t run = 0, longest = 0;
    for (size_t i = 0; i < k->n_heard; i++) {
        run = abs(k->heard[i]) < QUIET ? run + 1 : 0;
        longest = AHOY_MAX(longest, run);
    }
    return (double) longest * 1000 / RATE;
}

static void figures(const struct talk *k, const char *what)
{
    if (getenv("AHOY_TEST_FIGURES"))
        fprintf(stderr, "%s: silent for %.1f ms, microphone for %u ms; last %s\n", what, gap_ms(k), k->longest_in * 5,
                k->now[0]);
}

/*
 * Each change is tried until it was short once. What the machine's other work adds is not the same twice, and a change that
 * takes longer by itself does so each time. That the right device is used, and nothing lost, holds for all.
 */
static bool short_enough(const struct talk *k)
{
    return gap_ms(k) <= MOST_GAP_MS && k->longest_in * 5 <= MOST_GAP_MS;
}

static void test_the_default_is_followed(struct t *t)
{
    static const char *const to_other[] = { "set-default-sink other", "set-default-source other_mic", NULL };
    static const char *const back[] = { "set-default-sink ear", "set-default-source mouth.monitor", NULL };
    struct talk k;
    bool good = false;
    T_OK(talk_open(&k, "", ""));
    for (int i = 0; i < TRIES && !good; i++) {
        start_listening(&k);
        T_CHECK(talk_while(&k, 2000, to_other));
        figures(&k, "default");
        T_CHECK(said_to_be(&k, "other") && said_to_be(&k, "other_mic"));
        good = k.n_heard > RATE && short_enough(&k);
        T_CHECK(good || talk_while(&k, 1000, back));
    }
    T_CHECK(good);
    T_EQ(k.lost, 0);
out:
    (void) pulse_daemon_command(&the_daemon, "set-default-sink ear");
    (void) pulse_daemon_command(&the_daemon, "set-default-source mouth.monitor");
    talk_close(&k);
}

static void test_a_named_device_that_goes_is_replaced_and_taken_back(struct t *t)
{
    static const char *const unload[] = { "unload-module module-remap-sink", "unload-module module-remap-source",
                                          NULL };
    static const char *const load[] = { load_other, load_other_mic, NULL };
    struct talk k;
    bool gone = false, is_back = false;
    T_OK(talk_open(&k, "other_mic", "other"));
    for (int i = 0; i < TRIES && !(gone && is_back); i++) {
        start_listening(&k);
        T_CHECK(talk_while(&k, 2000, unload));
        figures(&k, "gone");
        T_CHECK(said_to_be(&k, "ear") && said_to_be(&k, "mouth.monitor"));
        gone = gone || short_enough(&k);
        start_listening(&k);
        T_CHECK(talk_while(&k, 2000, load));
        figures(&k, "back");
        T_CHECK(said_to_be(&k, "other") && said_to_be(&k, "other_mic"));
        is_back = is_back || short_enough(&k);
    }
    T_CHECK(gone && is_back);
    T_EQ(k.lost, 0);
out:
    talk_close(&k);
}

/* Killed by somebody: a new stream on the default at once. */
static void test_a_stream_that_is_killed_is_made_anew(struct t *t)
{
    struct talk k;
    bool good = false;
    for (int i = 0; i < TRIES && !good; i++) {
        T_OK(talk_open(&k, "other_mic", "other"));
        start_listening(&k);
        T_CHECK(talk_while(&k, 2000, NULL));
        figures(&k, "killed");
        good = k.n_heard > RATE / 2 && gap_ms(&k) <= MOST_GAP_MS;
        if (!good && i + 1 < TRIES)
            talk_close(&k);
    }
    T_CHECK(good);
out:
    talk_close(&k);
}

int main(int argc, char **argv)
{
    static const struct t_case cases[] = {
        T_PLAIN(test_the_default_is_followed),
        T_PLAIN(test_a_named_device_that_goes_is_replaced_and_taken_back),
        T_PLAIN(test_a_stream_that_is_killed_is_made_anew),
    };
    static const char ear[] = "load-module module-null-sink sink_name=ear rate=48000 channels=1 norewinds=1";
    static const char mouth[] = "load-module module-null-sink sink_name=mouth rate=48000 channels=1 norewinds=1";
    bool ok = pulse_daemon_init(&the_daemon) && pulse_daemon_start(&the_daemon)
              && pulse_daemon_command(&the_daemon, ear) && pulse_daemon_command(&the_daemon, mouth)
              && pulse_daemon_command(&the_daemon, load_other) && pulse_daemon_command(&the_daemon, load_other_mic)
              && pulse_daemon_command(&the_daemon, "set-default-sink ear")
              && pulse_daemon_command(&the_daemon, "set-default-source mouth.monitor");
    if (!ok) {
        fprintf(stderr, "the sound server cannot be started: is it installed?\n");
        pulse_daemon_fini(&the_daemon);
        return 1;
    }
    int failed = t_main(argc, argv, cases, sizeof cases / sizeof cases[0]);
    pulse_daemon_fini(&the_daemon);
    return failed;
}
