/* The latency benchmark's sound: a PulseAudio daemon, a player and two recorders, whose samples have times. */
#include "latency.h"

#include "phone.h"

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <pulse/simple.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { START_TRIES = 100, START_WAIT_MS = 300, PERIOD_MS = 5 };

static const char script[] =
    "load-module module-null-sink sink_name=to_mic_a rate=48000 channels=1 sink_properties=device.description=to_mic_a\n"
    "load-module module-null-sink sink_name=to_mic_b rate=48000 channels=1 sink_properties=device.description=to_mic_b\n"
    "load-module module-null-sink sink_name=ear_a rate=48000 channels=1 sink_properties=device.description=ear_a\n"
    "load-module module-null-sink sink_name=ear_b rate=48000 channels=1 sink_properties=device.description=ear_b\n"
    "load-module module-remap-source source_name=mic_a master=to_mic_a.monitor remix=no "
    "source_properties=device.description=mic_a\n"
    "load-module module-remap-source source_name=mic_b master=to_mic_b.monitor remix=no "
    "source_properties=device.description=mic_b\n"
    "load-module module-native-protocol-unix auth-anonymous=1 socket=%s/native\n";

/* Where it may, the daemon and who measures run before the machine's other work, which is not to be measured. */
static void hurry(void)
{
    struct sched_param p = { .sched_priority = 10 };
    (void) sched_setscheduler(0, SCHED_RR, &p);
}

static void become_daemon(const char *dir)
{
    char file[96];
    hurry();
    snprintf(file, sizeof file, "%s/default.pa", dir);
    (void) prctl(PR_SET_PDEATHSIG, SIGKILL);
    (void) unsetenv("PULSE_SERVER");
    int log = open("/dev/null", O_WRONLY);
    (void) dup2(log, 1);
    (void) dup2(log, 2);
    (void) execlp("pulseaudio", "pulseaudio", "-n", "-F", file, "--daemonize=no", "--exit-idle-time=-1",
                  "--use-pid-file=no", "--disable-shm=yes", "--high-priority=yes", "--realtime=yes", (char *) NULL);
    _exit(127);
}

static bool start_daemon(struct cable *c)
{
    char path[96], server[112];
    snprintf(c->dir, sizeof c->dir, "/tmp/ahoy-bench-XXXXXX");
    if (!mkdtemp(c->dir))
        return false;
    snprintf(path, sizeof path, "%s/default.pa", c->dir);
    FILE *f = fopen(path, "w");
    if (!f)
        return false;
    fprintf(f, script, c->dir);
    if (fclose(f) != 0)
        return false;
    snprintf(path, sizeof path, "%s/native", c->dir);
    snprintf(server, sizeof server, "unix:%s", path);
    (void) setenv("XDG_RUNTIME_DIR", c->dir, 1);
    (void) setenv("PULSE_RUNTIME_PATH", c->dir, 1);
    (void) setenv("PULSE_STATE_PATH", c->dir, 1);
    (void) unsetenv("DBUS_SESSION_BUS_ADDRESS");
    c->pid = fork();
    if (c->pid == 0)
        become_daemon(c->dir);
    (void) setenv("PULSE_SERVER", server, 1);
    for (int i = 0; i < START_TRIES && access(path, F_OK) != 0; i++)
        (void) poll(NULL, 0, START_WAIT_MS);
    (void) poll(NULL, 0, START_WAIT_MS); /* the socket is there before it listens */
    return c->pid > 0 && access(path, F_OK) == 0;
}

static const pa_sample_spec mono = { .format = PA_SAMPLE_S16LE, .rate = CABLE_HZ, .channels = 1 };

static double now_ms(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (double) ts.tv_sec * 1000 + (double) ts.tv_nsec / 1e6;
}

/* ---- listeners --------------------------------------------------------------------------------------------------- */

static const pa_buffer_attr short_blocks = { UINT32_MAX, UINT32_MAX, UINT32_MAX, UINT32_MAX,
                                             CABLE_HZ / 1000 * 2 * PERIOD_MS };

static const char *const monitors[CABLE_DEVICES] = { "to_mic_a.monitor", "to_mic_b.monitor", "ear_a.monitor",
                                                     "ear_b.monitor" };

static void listen_on(struct cable *c, const char *device)
{
    int16_t block[CABLE_HZ / 100];
    hurry();
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
    if (c->pid > 0) {
        (void) kill(c->pid, SIGKILL);
        (void) waitpid(c->pid, NULL, 0);
    }
    c->pid = 0;
    if (c->dir[0] && !getenv("AHOY_BENCH_LOG"))
        phone_remove_tree(c->dir);
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
    hurry();
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
    hurry();
    pa_simple *s = pa_simple_new(NULL, "ear", PA_STREAM_RECORD, t->device, "heard", &mono, NULL, &short_blocks, NULL);
    double zero = 0, latest = 0;
    t->ok = s != NULL;
    for (r->n = 0; t->ok && r->n + CABLE_BLOCK <= r->max; r->n += CABLE_BLOCK) {
        t->ok = pa_simple_read(s, r->pcm + r->n, CABLE_BLOCK * sizeof *r->pcm, NULL) >= 0;
        double at = now_ms() - (double) r->n * 1000 / CABLE_HZ;
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
