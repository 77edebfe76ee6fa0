/* Against a real PulseAudio daemon, by its own protocol and through ALSA's plug-in for it. It uses threads. */
#include "audio/device.h"
#include "audio/mix.h"
#include "audio/score.h"
#include "support/pulse.h"
#include "support/t.h"
#include "support_sound.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

enum { RATE = 48000, FRAME = 480, MOST = RATE * 7, EVENT_LIMIT_MS = 20000, EVENTS = AUDIO_EVENT_LACKS + 1 };

static struct pulse_daemon the_daemon;   /* one for all tests: starting it takes long */
static struct pulse_daemon other_daemon; /* behind ALSA's default */
static int16_t said[MOST], heard[MOST];
static char why[AUDIO_WHY_BYTES];

/* ---- a media thread's clock -------------------------------------------------------------------------------------- */

static int ticker(void)
{
    const struct itimerspec every = { .it_interval = { .tv_nsec = 10000000 }, .it_value = { .tv_nsec = 10000000 } };
    int fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC);
    if (fd >= 0)
        (void) timerfd_settime(fd, 0, &every, NULL);
    return fd;
}

static uint64_t tick(int fd)
{
    uint64_t n = 0;
    return read(fd, &n, sizeof n) == (ssize_t) sizeof n ? n : 0;
}

/* Says `said` and hears until `n` samples have come in; false after far too many ticks. `run`: the device was taken. */
static bool talk(struct audio_device *d, size_t n, bool run)
{
    int fd = ticker();
    size_t spoken = 0;
    size_t got = 0;
    for (uint64_t ticks = 0; got < n && ticks < 3 * (uint64_t) n / FRAME + 500;) {
        struct audio_device_stats s;
        ticks += tick(fd);
        if (run && audio_device_run(d) == AUDIO_RAN_GONE)
            break;
        for (audio_device_stats(d, &s);
             s.playback_queued < 2 * FRAME && spoken + FRAME <= MOST && s.speaker != AUDIO_ABSENT;
             audio_device_stats(d, &s))
            spoken += audio_device_write(d, said + spoken, FRAME);
        got += audio_device_read(d, heard + got, n - got);
    }
    (void) close(fd);
    return got == n;
}

static bool converse(struct audio_device *d, size_t n)
{
    return talk(d, n, false);
}

/*
 * A machine under load stumbles, and real time is lost for good. So sound is looked at in pieces: those between stumbles
 * must be right.
 */

/* Share of pieces of 200 ms that are in `said`, word for word, up to a second earlier; the median delay of those. */
static bool pieces(struct t *t, size_t n, double *share, double *delay_ms)
{
    enum { PIECE = RATE / 5, MOST_PIECES = MOST / PIECE };
    double delay[MOST_PIECES];
    size_t found = 0;
    for (size_t at = RATE; at + PIECE <= n; at += PIECE) {
        struct score_match m;
        if (score_match(said + (at - RATE), RATE + PIECE, heard + at, PIECE, RATE, 1200, &m))
            return false;
        if (m.corr < 0.9)
            continue;
        double late = 1000.0 + m.delay_ms; /* the piece begins `-lag` into what is a second early */
        size_t k = found++;
        for (; k > 0 && delay[k - 1] > late; k--)
            delay[k] = delay[k - 1];
        delay[k] = late;
    }
    *share = (double) found * PIECE / (double) (n - RATE);
    *delay_ms = found > 0 ? delay[found / 2] : -1;
    return !t->failed;
}

/* The purest piece of 100 ms. */
static double purity(size_t n, double hz)
{
    double best = -99;
    for (size_t at = 0; at + RATE / 10 <= n; at += RATE / 10)
        best = fmax(best, sound_purity_db(heard + at, RATE / 10, RATE, hz));
    return best;
}

/*
 * Whether a steady tone is heard as such: a piece of 100 ms without a gap. That is waited for, since on a busy machine they are
 * rare; what garbles or loses sound by itself makes none. `run`: the device was taken.
 */
static bool hears(struct audio_device *d, double hz, bool run)
{
    for (int tries = 0; tries < 20 && talk(d, RATE, run); tries++)
        if (purity(RATE, hz) > 20)
            return true;
    return false;
}

/* ---- events ------------------------------------------------------------------------------------------------------ */

struct witness {
    int fd[EVENTS]; /* an eventfd for each kind */
};

static bool witness_init(struct witness *w)
{
    bool ok = true;
    for (int i = 0; i < EVENTS; i++) {
        w->fd[i] = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK | EFD_SEMAPHORE);
        ok = ok && w->fd[i] >= 0;
    }
    return ok;
}

static void witness_fini(struct witness *w)
{
    for (int i = 0; i < EVENTS; i++)
        if (w->fd[i] > 0)
            (void) close(w->fd[i]);
}

static void on_event(void *arg, enum audio_event event, const char *text)
{
    struct witness *w = arg;
    const uint64_t one = 1;
    (void) text;
    if (write(w->fd[event], &one, sizeof one) < 0)
        return;
}

static bool await(struct witness *w, enum audio_event event)
{
    struct pollfd p = { .fd = w->fd[event], .events = POLLIN };
    uint64_t n;
    return poll(&p, 1, EVENT_LIMIT_MS) == 1 && read(p.fd, &n, sizeof n) == (ssize_t) sizeof n;
}

/* Opened with a witness. */
static enum ahoy_err open_watched(struct audio_device **d, const struct audio_device_config *config, struct witness *w)
{
    struct audio_device_config cfg = *config;
    if (!witness_init(w))
        return AHOY_ERR_IO;
    cfg.event = on_event;
    cfg.arg = w;
    return audio_device_open(d, &cfg, why);
}

/* ---- tests ------------------------------------------------------------------------------------------------------- */

static struct audio_device_config pulse_config(void)
{
    struct audio_device_config cfg = audio_device_defaults();
    cfg.spec.kind = AUDIO_PULSE;
    cfg.capture_id = "ahoy_test.monitor";
    cfg.playback_id = "ahoy_test";
    cfg.frame_ms = 10;
    return cfg;
}

static void test_devices_are_listed_with_the_defaults(struct t *t)
{
    static struct audio_device_info info[AUDIO_MAX_DEVICES];
    size_t n = audio_devices_list(info, AUDIO_MAX_DEVICES, why);
    bool sink = false, monitor = false;
    for (size_t i = 0; i < n; i++) {
        if (info[i].kind != AUDIO_PULSE)
            continue;
        T_CHECK(info[i].capture != info[i].playback);
        T_CHECK(info[i].name[0]);
        sink = sink || (info[i].playback && info[i].is_default && view_eq(view_str(info[i].id), VIEW("ahoy_test")));
        monitor = monitor
                  || (info[i].capture && info[i].monitor && info[i].is_default
                      && view_eq(view_str(info[i].id), VIEW("ahoy_test.monitor")));
    }
    T_CHECK(sink && monitor);
    T_STR(why, "");
    T_EQ(audio_devices_list(info, 1, why), 1); /* no more than there is room for */
out:
    return;
}

static void test_what_is_muted_and_turned_down_is_listed(struct t *t)
{
    static struct audio_device_info info[AUDIO_MAX_DEVICES];
    const struct audio_device_info *quiet = NULL, *muted = NULL;
    T_CHECK(pulse_daemon_command(&the_daemon, "set-sink-volume ahoy_test 5%")
            && pulse_daemon_command(&the_daemon, "set-source-mute ahoy_test.monitor 1"));
    size_t n = audio_devices_list(info, AUDIO_MAX_DEVICES, why);
    for (size_t i = 0; i < n; i++) {
        quiet = view_eq(view_str(info[i].id), VIEW("ahoy_test")) ? &info[i] : quiet;
        muted = view_eq(view_str(info[i].id), VIEW("ahoy_test.monitor")) ? &info[i] : muted;
    }
    T_CHECK(quiet && muted);
    T_CHECK(!quiet->muted && quiet->volume > 0.04 && quiet->volume < 0.06 && quiet->rate_hz > 0);
    T_CHECK(muted->muted && muted->volume >= 0);
out:
    (void) pulse_daemon_command(&the_daemon, "set-sink-volume ahoy_test 100%");
    (void) pulse_daemon_command(&the_daemon, "set-source-mute ahoy_test.monitor 0");
}

static void test_a_device_opens_and_closes(struct t *t)
{
    struct audio_device *d = NULL;
    struct audio_device_config cfg = pulse_config();
    T_OK(audio_device_open(&d, &cfg, why));
    T_CHECK(audio_device_live(d));
    T_CHECK(converse(d, RATE / 10));
out:
    audio_device_close(d);
}

/* What is played into the sink comes back from its monitor: the same sound, soon, at its level, by a steady clock. */
static void test_what_is_played_is_heard(struct t *t)
{
    struct audio_device *d = NULL;
    struct sys_host *host = NULL;
    struct sys_loop *loop = NULL;
    struct audio_device_config cfg = pulse_config();
    struct audio_device_stats s;
    double share = 0;
    double delay_ms = 0;
    T_OK(sys_host_real(&host));
    T_OK(sys_loop_create(host, &loop));
    cfg.loop = loop;
    sound_noise(said, MOST, 5, -25);
    T_OK(audio_device_open(&d, &cfg, why));
    T_CHECK(converse(d, RATE * 6));
    audio_device_stats(d, &s);
    T_CHECK(pieces(t, RATE * 6, &share, &delay_ms));
    if (getenv("AHOY_TEST_FIGURES"))
        fprintf(stderr,
                "pulse: %.0f %% right, delay %.1f ms, latency in %.1f out %.1f ms, ppm in %.0f out %.0f, "
                "missed %llu %llu, xruns %u\n",
                share * 100, delay_ms, (double) s.capture_latency_us / 1000, (double) s.playback_latency_us / 1000,
                s.capture_ppm, s.playback_ppm, (unsigned long long) s.overruns, (unsigned long long) s.underruns,
                s.xruns);
    bool smooth = s.overruns == 0 && s.underruns == 0 && s.xruns == 0;
    T_CHECK(share > (smooth ? 0.9 : 0.3));
    T_CHECK(s.captured >= RATE * 6);
    T_CHECK(s.played >= RATE * 3);
    T_CHECK(s.playback_latency_us >= 0);
    if (smooth) {
        T_CHECK(delay_ms > -50 && delay_ms < 250); /* the two directions need not begin at once */
        T_NEAR(s.capture_ppm, 0, 3000);
        T_NEAR(s.playback_ppm, 0, 3000);
    }
out:
    audio_device_close(d);
    if (loop)
        sys_loop_destroy(loop);
    sys_host_destroy(host);
}

static void test_one_name_serves_the_direction_that_has_it(struct t *t)
{
    struct audio_device *d = NULL;
    struct audio_device_config cfg = audio_device_defaults();
    T_OK(audio_spec_parse(VIEW("pulse:ahoy_test"), &cfg.spec)); /* a sink; the microphone is the default */
    sound_sine(said, MOST, RATE, 1000, -20);
    T_OK(audio_device_open(&d, &cfg, why));
    T_CHECK(hears(d, 1000, false));
    audio_device_close(d);
    d = NULL;
    T_OK(audio_spec_parse(VIEW("pulse:ahoy_test.monitor,ahoy_test"), &cfg.spec));
    T_OK(audio_device_open(&d, &cfg, why));
    audio_device_close(d);
    d = NULL;
    T_OK(audio_spec_parse(VIEW("pulse:no_such_device"), &cfg.spec));
    T_ERR(audio_device_open(&d, &cfg, why), AHOY_ERR_DEVICE);
    T_CHECK(view_search(view_str(why), VIEW("no_such_device")) < view_str(why).n
            || view_search(view_str(why), VIEW("default")) < view_str(why).n);
    T_CHECK(view_search(view_str(why), VIEW("No such entity")) < view_str(why).n);
out:
    audio_device_close(d);
}

static void test_without_a_server_the_reason_is_told(struct t *t)
{
    struct audio_device *d = NULL;
    struct audio_device_config cfg = pulse_config();
    struct audio_device_info info[4];
    char old[300];
    (void) snprintf(old, sizeof old, "%s", getenv("PULSE_SERVER"));
    (void) setenv("PULSE_SERVER", "unix:/nowhere/native", 1);
    T_ERR(audio_device_open(&d, &cfg, why), AHOY_ERR_DEVICE);
    T_STR(why, "no sound server answers (PulseAudio or PipeWire): Connection refused");
    why[0] = '\0';
    size_t n = audio_devices_list(info, 4, why);
    for (size_t i = 0; i < n; i++)
        T_EQ(info[i].kind, AUDIO_ALSA);
    T_STR(why, "no sound server answers (PulseAudio or PipeWire): Connection refused");
    T_ERR(audio_device_open(&d, &cfg, why), AHOY_ERR_DEVICE);
out:
    (void) setenv("PULSE_SERVER", old, 1);
    audio_device_close(d);
}

static void test_a_new_device_is_announced(struct t *t)
{
    struct audio_device *d = NULL;
    struct audio_device_config cfg = pulse_config();
    struct witness w = { { 0 } };
    T_OK(open_watched(&d, &cfg, &w));
    T_CHECK(pulse_daemon_command(&the_daemon, "load-module module-null-sink sink_name=plugged"));
    T_CHECK(await(&w, AUDIO_EVENT_DEVICES));
out:
    audio_device_close(d);
    witness_fini(&w);
}

/* The daemon of all tests goes, and comes back: there is nothing in the meantime, but no harm. */
static void comes_back(struct t *t, const struct audio_device_config *cfg)
{
    struct audio_device *d = NULL;
    struct witness w = { { 0 } };
    sound_sine(said, MOST, RATE, 700, -20);
    T_OK(open_watched(&d, cfg, &w));
    T_CHECK(converse(d, RATE / 2));
    pulse_daemon_stop(&the_daemon);
    T_CHECK(await(&w, AUDIO_EVENT_LOST));
    (void) audio_device_read(d, heard, MOST);
    T_EQ(audio_device_read(d, heard, FRAME), 0);
    T_CHECK(pulse_daemon_start(&the_daemon));
    T_CHECK(await(&w, AUDIO_EVENT_BACK));
    T_CHECK(hears(d, 700, false));
out:
    audio_device_close(d);
    witness_fini(&w);
    (void) pulse_daemon_start(&the_daemon); /* unless it runs */
}

static void test_a_server_that_comes_back_is_used_again(struct t *t)
{
    struct audio_device_config cfg = pulse_config();
    comes_back(t, &cfg);
}

static enum audio_ran run_until_gone(struct audio_device *d)
{
    enum audio_ran ran = AUDIO_RAN_IDLE;
    int fd = ticker();
    for (uint64_t ticks = 0; ran != AUDIO_RAN_GONE && ticks < EVENT_LIMIT_MS / 10;) {
        ticks += tick(fd);
        ran = audio_device_run(d);
    }
    (void) close(fd);
    return ran;
}

/* Without a thread of its own, until its server goes; then a thread mends it, and it is taken again. */
static void test_its_caller_runs_it(struct t *t)
{
    struct audio_device *d = NULL;
    struct audio_device_config cfg = pulse_config();
    struct witness w = { { 0 } };
    sound_sine(said, MOST, RATE, 700, -20);
    T_OK(open_watched(&d, &cfg, &w));
    T_CHECK(audio_device_take(d) && audio_device_take(d));
    T_CHECK(hears(d, 700, true));
    pulse_daemon_stop(&the_daemon);
    T_EQ(run_until_gone(d), AUDIO_RAN_GONE);
    T_CHECK(await(&w, AUDIO_EVENT_LOST));
    T_CHECK(!audio_device_take(d)); /* it is being mended */
    T_CHECK(pulse_daemon_start(&the_daemon));
    T_CHECK(await(&w, AUDIO_EVENT_BACK));
    T_CHECK(converse(d, RATE / 2)); /* by its thread */
    T_CHECK(audio_device_take(d));
    T_CHECK(hears(d, 700, true));
out:
    audio_device_close(d);
    witness_fini(&w);
    (void) pulse_daemon_start(&the_daemon); /* unless it runs */
}

/* The default microphone is the default loudspeaker's monitor where there is no other: it is none, unless it is named. */
static void test_what_a_loudspeaker_plays_is_no_microphone(struct t *t)
{
    static const char load_mic[] = "load-module module-sine-source source_name=a_mic rate=48000";
    struct audio_device *d = NULL;
    struct audio_device_config cfg = audio_device_defaults();
    struct audio_device_stats st;
    struct witness w = { { 0 } };
    if (the_daemon.pipewire) /* which has no such module; a monitor is told from a microphone as here */
        return;
    cfg.spec.kind = AUDIO_PULSE;
    sound_sine(said, MOST, RATE, 1000, -20);
    T_OK(open_watched(&d, &cfg, &w));
    T_STR(why, audio_lack_text(AUDIO_DUMMY, AUDIO_PRESENT));
    T_CHECK(converse(d, RATE / 2));
    audio_device_stats(d, &st);
    T_EQ(st.microphone, AUDIO_DUMMY);
    T_EQ(st.speaker, AUDIO_PRESENT);
    T_CHECK(pulse_daemon_command(&the_daemon, load_mic));
    T_CHECK(pulse_daemon_command(&the_daemon, "set-default-source a_mic"));
    T_CHECK(await(&w, AUDIO_EVENT_MOVED));
    T_CHECK(converse(d, RATE / 2));
    audio_device_stats(d, &st);
    T_EQ(st.microphone, AUDIO_PRESENT);
    T_CHECK(pulse_daemon_command(&the_daemon, "set-default-source ahoy_test.monitor"));
    T_CHECK(await(&w, AUDIO_EVENT_LACKS));
    T_CHECK(pulse_daemon_command(&the_daemon, "unload-module module-sine-source"));
    audio_device_close(d);
    d = NULL;
    T_OK(audio_spec_parse(VIEW("pulse:ahoy_test.monitor,ahoy_test"), &cfg.spec));
    T_OK(audio_device_open(&d, &cfg, why));
    T_STR(why, "");
    T_CHECK(converse(d, RATE / 2));
    audio_device_stats(d, &st);
    T_EQ(st.microphone, AUDIO_PRESENT);
out:
    audio_device_close(d);
    witness_fini(&w);
}

/* With its last sink its last monitor goes, too: nothing is left, and each direction is taken when there is one. */
static void test_one_direction_works_alone(struct t *t)
{
    static const char load_sink[] = "load-module module-null-sink sink_name=ahoy_test rate=48000 channels=1";
    struct audio_device *d = NULL;
    struct audio_device_config cfg = audio_device_defaults();
    struct audio_device_stats st;
    struct witness w = { { 0 } };
    if (the_daemon.pipewire) /* its session manager has a stand-in at once */
        return;
    cfg.spec.kind = AUDIO_PULSE;
    cfg.event = on_event;
    cfg.arg = &w;
    sound_sine(said, MOST, RATE, 1000, -20);
    T_CHECK(witness_init(&w));
    T_CHECK(pulse_daemon_command(&the_daemon, "unload-module module-null-sink"));
    T_ERR(audio_device_open(&d, &cfg, why), AHOY_ERR_DEVICE);
    T_STR(why, audio_lack_text(AUDIO_ABSENT, AUDIO_ABSENT));
    T_CHECK(pulse_daemon_command(&the_daemon, "load-module module-sine-source source_name=only_mic rate=48000"));
    T_CHECK(pulse_daemon_command(&the_daemon, "set-default-source only_mic"));
    T_OK(audio_device_open(&d, &cfg, why));
    T_STR(why, audio_lack_text(AUDIO_PRESENT, AUDIO_ABSENT));
    T_EQ(audio_device_write(d, said, FRAME), FRAME); /* to nobody */
    T_CHECK(converse(d, RATE));
    audio_device_stats(d, &st);
    T_EQ(st.microphone, AUDIO_PRESENT);
    T_EQ(st.speaker, AUDIO_ABSENT);
    T_EQ(st.playback_queued, 0);
    T_CHECK(pulse_daemon_command(&the_daemon, load_sink));
    T_CHECK(await(&w, AUDIO_EVENT_MOVED));
    T_CHECK(converse(d, RATE));
    audio_device_stats(d, &st);
    T_EQ(st.speaker, AUDIO_PRESENT);
    T_CHECK(st.played > RATE / 4);
    T_CHECK(pulse_daemon_command(&the_daemon, "unload-module module-null-sink")); /* in the middle of it */
    T_CHECK(await(&w, AUDIO_EVENT_LACKS));
    T_CHECK(converse(d, RATE / 2));
    audio_device_stats(d, &st);
    T_EQ(st.speaker, AUDIO_ABSENT);
out:
    audio_device_close(d);
    witness_fini(&w);
    if (!the_daemon.pipewire)
        pulse_daemon_stop(&the_daemon);
    (void) pulse_daemon_start(&the_daemon); /* with a sink again */
}

/* CPU time of this process, seconds. */
static double cpu_s(void)
{
    struct timespec ts = { 0 };
    (void) clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
    return (double) ts.tv_sec + (double) ts.tv_nsec / 1e9;
}

/* ALSA's "pulse" device is the daemon again: the ALSA backend's whole path without hardware. */
static void test_alsa_plays_and_hears(struct t *t)
{
    struct audio_device *d = NULL;
    struct audio_device_config cfg = audio_device_defaults();
    struct audio_device_stats s;
    T_OK(audio_spec_parse(VIEW("alsa:pulse"), &cfg.spec));
    sound_sine(said, MOST, RATE, 1000, -20);
    double began_s = cpu_s();
    T_OK(audio_device_open(&d, &cfg, why));
    T_CHECK(converse(d, RATE * 2));
    T_CHECK(cpu_s() - began_s < 1); /* the plug-in's descriptor is ready without end, which is no reason to spin */
    audio_device_stats(d, &s);
    if (getenv("AHOY_TEST_FIGURES"))
        fprintf(stderr, "alsa: purity %.1f dB, latency in %.1f out %.1f ms, missed %llu %llu, xruns %u\n",
                purity(RATE * 2, 1000), (double) s.capture_latency_us / 1000, (double) s.playback_latency_us / 1000,
                (unsigned long long) s.overruns, (unsigned long long) s.underruns, s.xruns);
    T_CHECK(hears(d, 1000, false));
    T_CHECK(s.captured >= RATE * 2 && s.played >= RATE);
out:
    audio_device_close(d);
}

static void test_alsa_says_why_it_cannot_open(struct t *t)
{
    struct audio_device *d = NULL;
    struct audio_device_config cfg = audio_device_defaults();
    T_OK(audio_spec_parse(VIEW("alsa:hw:77"), &cfg.spec));
    T_ERR(audio_device_open(&d, &cfg, why), AHOY_ERR_DEVICE);
    T_CHECK(view_starts(view_str(why), VIEW("ALSA's microphone \"hw:77\" cannot be opened")));
    T_OK(audio_spec_parse(VIEW("alsa:null"), &cfg.spec)); /* would be ready for ever */
    T_ERR(audio_device_open(&d, &cfg, why), AHOY_ERR_DEVICE);
out:
    audio_device_close(d);
}

/* ALSA's "first" plays on the daemon of all tests, its default on the other: to ALSA, a card that goes is a server that dies. */
static bool write_alsa_conf(void)
{
    static const char fmt[] = "pcm.first { type pulse server \"%s\" }\n"
                              "pcm.default { type pulse server \"%s\" }\n"
                              "pcm.pulse { type pulse }\n"
                              "pcm.null { type null }\n"
                              "pcm.hw { @args [ CARD ] @args.CARD { type integer } type hw card $CARD }\n";
    char path[2 * TEMP_PATH_BYTES], conf[1000];
    int n = snprintf(conf, sizeof conf, fmt, the_daemon.server, other_daemon.server);
    return temp_write(temp_path(the_daemon.dir, "asound.conf", path), conf, (size_t) n)
           && setenv("ALSA_CONFIG_PATH", path, 1) == 0; /* without the machine's own, whose default is another */
}

static void test_alsa_goes_on_with_the_default_and_comes_back(struct t *t)
{
    struct audio_device *d = NULL;
    struct audio_device_config cfg = audio_device_defaults();
    struct witness w = { { 0 } };
    T_CHECK(pulse_daemon_start(&other_daemon));
    T_OK(audio_spec_parse(VIEW("alsa:first"), &cfg.spec));
    sound_sine(said, MOST, RATE, 900, -20);
    T_OK(open_watched(&d, &cfg, &w));
    T_CHECK(converse(d, RATE / 2));
    pulse_daemon_stop(&the_daemon);
    T_CHECK(await(&w, AUDIO_EVENT_MOVED)); /* microphone … */
    T_CHECK(await(&w, AUDIO_EVENT_MOVED)); /* … and loudspeaker */
    T_CHECK(hears(d, 900, false));
    T_CHECK(pulse_daemon_start(&the_daemon));
    T_CHECK(await(&w, AUDIO_EVENT_MOVED));
    T_CHECK(await(&w, AUDIO_EVENT_MOVED));
    pulse_daemon_stop(&other_daemon); /* no longer needed */
    T_CHECK(hears(d, 900, false));
out:
    audio_device_close(d);
    witness_fini(&w);
    pulse_daemon_stop(&other_daemon);
    (void) pulse_daemon_start(&the_daemon);
}

static void test_alsa_waits_for_a_device_when_there_is_no_other(struct t *t)
{
    struct audio_device_config cfg = audio_device_defaults();
    T_OK(audio_spec_parse(VIEW("alsa:first"), &cfg.spec));
    comes_back(t, &cfg);
out:;
}

int main(int argc, char **argv)
{
    static const struct t_case cases[] = {
        T(test_devices_are_listed_with_the_defaults),
        T_PLAIN(test_what_is_muted_and_turned_down_is_listed),
        T(test_a_device_opens_and_closes),
        T_PLAIN(test_what_is_played_is_heard),                   /* six seconds of real time */
        T_PLAIN(test_one_name_serves_the_direction_that_has_it), /* a second of real time */
        T(test_without_a_server_the_reason_is_told),
        T_PLAIN(test_a_new_device_is_announced),              /* each run leaves a device behind */
        T_PLAIN(test_a_server_that_comes_back_is_used_again), /* starts a daemon */
        T_PLAIN(test_its_caller_runs_it),                     /* the same */
        T_PLAIN(test_what_a_loudspeaker_plays_is_no_microphone),
        T_PLAIN(test_one_direction_works_alone), /* takes the daemon's devices away */
        T_PLAIN(test_alsa_plays_and_hears),      /* two seconds of real time */
        T(test_alsa_says_why_it_cannot_open),
        T_PLAIN(test_alsa_goes_on_with_the_default_and_comes_back),   /* starts daemons */
        T_PLAIN(test_alsa_waits_for_a_device_when_there_is_no_other), /* the same */
    };
    if (!pulse_daemon_init(&other_daemon) || !pulse_daemon_init(&the_daemon) || !write_alsa_conf()
        || !pulse_daemon_start(&the_daemon)) {
        fprintf(stderr, "the sound server cannot be started: is it installed?\n");
        pulse_daemon_fini(&the_daemon);
        return 1;
    }
    int failed = t_main(argc, argv, cases, sizeof cases / sizeof cases[0]);
    pulse_daemon_fini(&the_daemon);
    pulse_daemon_fini(&other_daemon);
    return failed;
}
