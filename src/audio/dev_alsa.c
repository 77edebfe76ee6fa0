/*
 * alsa[:DEV]: ALSA without a sound server. One thread polls both directions; periods of 5 ms. Of the loudspeaker's buffer
 * two periods are used, one more after each underrun, one less after a calm minute; a plug-in that is not woken by that
 * measure, such as the one for PulseAudio, gets its whole buffer filled.
 *
 * An overrun or underrun restarts the stream and is counted. A named device that went away is replaced by ALSA's default
 * at once and tried again every second; so is a default that went away. To be gone is to fail, to be restarted in vain or to
 * stand still. Where there is no microphone or no loudspeaker the other works alone, and the missing one is
 * tried each second.
 */
#include "audio/alsa_lib.h"
#include "audio/device_impl.h"
#include "base/mem.h"
#include "sys/thread.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

enum {
    ALSA_PERIODS = 4,
    ALSA_LEAST_PERIODS = 2, /* of them filled */
    ALSA_PERIOD_MS = 5,
    ALSA_MAX_FDS = 16,
    ALSA_BLOCK = 480,
    ALSA_RETRY_US = 1000000,
    ALSA_CALM_US = 60000000,
    ALSA_STILL_US = 3000000, /* a device that moves nothing for so long is gone, whatever it says */
    ALSA_PAUSE_MS = 2,       /* when a device wakes us for nothing: PulseAudio's plug-in does so without end */
    ALSA_MOST_RESTARTS = 20, /* within that time: no more help */
    ALSA_IDLE_TURNS = 4,     /* woken so often with nothing to do: this device does not know avail_min */
};

struct alsa_side {
    struct audio_way *way; /* NULL: not wanted */
    snd_pcm_t *pcm;        /* NULL: gone */
    snd_pcm_stream_t stream;
    unsigned channels;
    snd_pcm_uframes_t period, buffer; /* frames, as granted */
    snd_pcm_uframes_t fill;           /* playback: how much of the buffer is used */
    unsigned idle_turns;
    bool whole;           /* playback: it must always be filled */
    bool away;            /* the default is used in place of `id` */
    int64_t dry_us;       /* the last underrun, or change of fill */
    int64_t moved_us;     /* when samples went through last */
    int64_t restarted_us; /* the first of `restarts` */
    unsigned restarts;
    char id[AUDIO_NAME_BYTES]; /* as named */
};

struct alsa_device {
    struct alsa_lib lib;
    struct alsa_side side[2]; /* capture, playback */
    uint32_t rate_hz;
    int stop_fd;
    pthread_t thread;
    bool lost;
    int64_t retry_us; /* when a device that is missing is tried again */
    struct sys_loop *loop;
    const struct log *log;
    void (*event)(void *arg, enum audio_event event, const char *text);
    void (*ready)(void *arg);
    void *arg;
};

static int64_t clock_us(void)
{
    struct timespec ts;
    (void) clock_gettime(CLOCK_MONOTONIC, &ts);
    return (int64_t) ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}

static bool missing(const struct alsa_side *s)
{
    return s->way && (!s->pcm || s->away);
}

static const char *used(const struct alsa_side *s)
{
    return s->away ? "default" : s->id;
}

static void tell(const struct alsa_device *d, enum audio_event event, const char *text)
{
    if (d->event)
        d->event(d->arg, event, text);
}

/* ---- samples: the device's thread -------------------------------------------------------------------------------- */

static void stamp(struct alsa_device *d, struct alsa_side *s)
{
    snd_pcm_sframes_t delay = 0;
    bool known = d->lib.snd_pcm_delay(s->pcm, &delay) >= 0 && delay >= 0;
    audio_way_stamp(s->way, d->loop, known ? (int64_t) delay * 1000000 / d->rate_hz : -1);
}

/* One block of at most ALSA_BLOCK frames; returns frames moved, 0 when there are none, or ALSA's error. */
static snd_pcm_sframes_t capture_block(struct alsa_device *d, struct alsa_side *s, snd_pcm_uframes_t n)
{
    int16_t block[2 * ALSA_BLOCK];
    snd_pcm_sframes_t got = d->lib.snd_pcm_readi(s->pcm, block, n);
    for (snd_pcm_sframes_t i = 0; s->channels == 2 && i < got; i++)
        block[i] = (int16_t) ((block[2 * i] + block[2 * i + 1]) / 2);
    if (got > 0)
        audio_way_captured(s->way, block, (size_t) got);
    return got;
}

static snd_pcm_sframes_t play_block(struct alsa_device *d, struct alsa_side *s, snd_pcm_uframes_t n)
{
    int16_t block[2 * ALSA_BLOCK];
    audio_way_to_play(s->way, block, n);
    for (size_t i = n; s->channels == 2 && i-- > 0;)
        block[2 * i] = block[2 * i + 1] = block[i];
    return d->lib.snd_pcm_writei(s->pcm, block, n);
}

static int set_wake_up(struct alsa_device *d, struct alsa_side *s);

/* How many frames of those that could be moved are to be: the loudspeaker's buffer is not filled further than needed. */
static snd_pcm_sframes_t to_move(struct alsa_device *d, struct alsa_side *s, snd_pcm_sframes_t avail)
{
    if (s->stream == SND_PCM_STREAM_CAPTURE || s->whole)
        return avail;
    snd_pcm_sframes_t keep = (snd_pcm_sframes_t) (s->buffer - s->fill);
    if (avail > keep) {
        s->idle_turns = 0;
        return avail - keep;
    }
    if (++s->idle_turns >= ALSA_IDLE_TURNS) {
        s->whole = true;
        (void) set_wake_up(d, s);
        return avail;
    }
    return 0;
}

/* Moves what can be moved; ALSA's error or 0. */
static int serve(struct alsa_device *d, struct alsa_side *s)
{
    snd_pcm_sframes_t avail = d->lib.snd_pcm_avail_update(s->pcm);
    if (avail > 0)
        avail = to_move(d, s, avail);
    while (avail > 0) {
        snd_pcm_uframes_t n = (snd_pcm_uframes_t) AHOY_MIN(avail, (snd_pcm_sframes_t) ALSA_BLOCK);
        bool capture = s->stream == SND_PCM_STREAM_CAPTURE;
        snd_pcm_sframes_t moved = capture ? capture_block(d, s, n) : play_block(d, s, n);
        if (moved == -EAGAIN || moved == 0)
            break;
        if (moved < 0)
            return (int) moved;
        avail -= moved;
        s->moved_us = clock_us();
    }
    if (avail < 0)
        return avail == -EAGAIN ? 0 : (int) avail;
    stamp(d, s);
    return 0;
}

/* ---- life of one direction --------------------------------------------------------------------------------------- */

static int set_hardware(struct alsa_device *d, struct alsa_side *s, snd_pcm_hw_params_t *hw)
{
    const struct alsa_lib *lib = &d->lib;
    snd_pcm_uframes_t period = d->rate_hz / 1000 * ALSA_PERIOD_MS;
    snd_pcm_uframes_t buffer = period * ALSA_PERIODS;
    int dir = 0;
    int err = lib->snd_pcm_hw_params_any(s->pcm, hw);
    if (err >= 0)
        err = lib->snd_pcm_hw_params_set_access(s->pcm, hw, SND_PCM_ACCESS_RW_INTERLEAVED);
    if (err >= 0)
        err = lib->snd_pcm_hw_params_set_format(s->pcm, hw, SND_PCM_FORMAT_S16);
    s->channels = 1;
    if (err >= 0 && lib->snd_pcm_hw_params_set_channels(s->pcm, hw, 1) < 0) {
        s->channels = 2; /* plain hardware often knows stereo only */
        err = lib->snd_pcm_hw_params_set_channels(s->pcm, hw, 2);
    }
    if (err >= 0)
        err = lib->snd_pcm_hw_params_set_rate(s->pcm, hw, d->rate_hz, 0);
    if (err >= 0)
        err = lib->snd_pcm_hw_params_set_period_size_near(s->pcm, hw, &period, &dir);
    if (err >= 0)
        err = lib->snd_pcm_hw_params_set_buffer_size_near(s->pcm, hw, &buffer);
    s->period = period;
    s->buffer = buffer;
    s->fill = AHOY_MIN(period * ALSA_LEAST_PERIODS, buffer);
    return err >= 0 ? lib->snd_pcm_hw_params(s->pcm, hw) : err;
}

/* When poll wakes us: a period came in, or one of those that are kept filled went out. */
static int set_software(struct alsa_device *d, struct alsa_side *s, snd_pcm_sw_params_t *sw)
{
    const struct alsa_lib *lib = &d->lib;
    bool part = s->stream == SND_PCM_STREAM_PLAYBACK && !s->whole;
    snd_pcm_uframes_t avail_min = part ? s->buffer - s->fill + s->period : s->period;
    int err = lib->snd_pcm_sw_params_current(s->pcm, sw);
    if (err >= 0)
        err = lib->snd_pcm_sw_params_set_avail_min(s->pcm, sw, AHOY_MIN(avail_min, s->buffer));
    if (err >= 0)
        err = lib->snd_pcm_sw_params_set_start_threshold(s->pcm, sw, s->period);
    return err >= 0 ? lib->snd_pcm_sw_params(s->pcm, sw) : err;
}

static int set_wake_up(struct alsa_device *d, struct alsa_side *s)
{
    snd_pcm_sw_params_t *sw = NULL;
    int err = d->lib.snd_pcm_sw_params_malloc(&sw);
    if (err >= 0)
        err = set_software(d, s, sw);
    if (sw)
        d->lib.snd_pcm_sw_params_free(sw);
    return err;
}

static int configure(struct alsa_device *d, struct alsa_side *s)
{
    snd_pcm_hw_params_t *hw = NULL;
    int err = d->lib.snd_pcm_hw_params_malloc(&hw);
    if (err >= 0)
        err = set_hardware(d, s, hw);
    if (err >= 0)
        err = set_wake_up(d, s);
    if (hw)
        d->lib.snd_pcm_hw_params_free(hw);
    return err;
}

static void side_close(struct alsa_device *d, struct alsa_side *s)
{
    if (s->pcm)
        (void) d->lib.snd_pcm_close(s->pcm);
    s->pcm = NULL;
}

/* Capture runs by itself once started; playback starts when a period has been written. */
static int set_going(struct alsa_device *d, struct alsa_side *s)
{
    int err = d->lib.snd_pcm_prepare(s->pcm);
    if (err < 0)
        return err;
    return s->stream == SND_PCM_STREAM_CAPTURE ? d->lib.snd_pcm_start(s->pcm) : serve(d, s);
}

/* What was open stays until the new one runs. */
static int side_open(struct alsa_device *d, struct alsa_side *s, bool use_default)
{
    const struct alsa_side before = *s;
    snd_pcm_t *pcm = NULL;
    int err = d->lib.snd_pcm_open(&pcm, use_default ? "default" : s->id, s->stream, SND_PCM_NONBLOCK);
    if (err < 0)
        return err;
    s->pcm = pcm;
    s->whole = false;
    s->idle_turns = s->restarts = 0;
    s->moved_us = clock_us();
    /* ALSA's own null device is always ready: serving it would never end. */
    err = d->lib.snd_pcm_type(s->pcm) == SND_PCM_TYPE_NULL ? -ENXIO : configure(d, s);
    if (err >= 0)
        err = set_going(d, s);
    if (err >= 0)
        s->away = use_default && !view_eq(view_str(s->id), VIEW("default"));
    pcm = err < 0 ? pcm : before.pcm;
    if (pcm)
        (void) d->lib.snd_pcm_close(pcm);
    if (err < 0)
        *s = before;
    return err < 0 ? err : 0;
}

/* A playing stream that ran dry gets a period more, one that did not for long a period less. */
static void adapt(struct alsa_device *d, struct alsa_side *s, bool dry)
{
    int64_t now = clock_us();
    snd_pcm_uframes_t fill = s->fill;
    if (s->stream != SND_PCM_STREAM_PLAYBACK || s->whole)
        return;
    if (dry)
        fill = AHOY_MIN(fill + s->period, s->buffer);
    else if (now - s->dry_us > ALSA_CALM_US && fill > s->period * ALSA_LEAST_PERIODS)
        fill -= s->period;
    if (dry || fill != s->fill)
        s->dry_us = now;
    if (fill == s->fill)
        return;
    s->fill = fill;
    (void) set_wake_up(d, s);
}

/* Whether that is said of what does not exist. */
static bool says_none(int err)
{
    return err == -ENOENT || err == -ENODEV || err == -ENXIO;
}

static enum audio_presence presence(const struct alsa_side *s)
{
    return s->way && !s->pcm ? AUDIO_ABSENT : AUDIO_PRESENT;
}

static const char *lacks(const struct alsa_device *d)
{
    return audio_lack_text(presence(&d->side[0]), presence(&d->side[1]));
}

/* The device is gone: the default takes its place. */
static void replace(struct alsa_device *d, struct alsa_side *s, int err)
{
    log_write(d->log, LOG_WARN, "audio", "alsa: %s was lost: %s", used(s), d->lib.snd_strerror(err));
    bool was_away = s->away;
    side_close(d, s);
    d->retry_us = clock_us() + ALSA_RETRY_US;
    if (!was_away && side_open(d, s, true) == 0) {
        tell(d, AUDIO_EVENT_MOVED, used(s));
        return;
    }
    audio_way_presence(s->way, AUDIO_ABSENT);
    if (d->side[0].pcm || d->side[1].pcm) {
        tell(d, AUDIO_EVENT_LACKS, lacks(d));
        return;
    }
    if (!d->lost)
        tell(d, AUDIO_EVENT_LOST, used(s));
    d->lost = true;
}

/* Whether another restart may help; a device that is gone may say that it works, and fail again at once. */
static bool may_restart(struct alsa_side *s)
{
    int64_t now = clock_us();
    if (now - s->restarted_us > ALSA_STILL_US) {
        s->restarted_us = now;
        s->restarts = 0;
    }
    return ++s->restarts <= ALSA_MOST_RESTARTS;
}

/* After an error: restarts the stream. */
static void recover(struct alsa_device *d, struct alsa_side *s, int err)
{
    s->way->stamp.xruns++;
    if (err == -ESTRPIPE && d->lib.snd_pcm_resume(s->pcm) == 0)
        return;
    if (err == -EPIPE)
        adapt(d, s, true);
    if (err == -ENODEV || !may_restart(s) || set_going(d, s) < 0)
        replace(d, s, err);
}

/* Tries what is missing once more: by its name, else the default. */
static void reopen(struct alsa_device *d)
{
    bool any = false;
    for (size_t i = 0; i < 2; i++) {
        struct alsa_side *s = &d->side[i];
        if (!missing(s))
            continue;
        bool back = side_open(d, s, false) == 0 || (!s->pcm && side_open(d, s, true) == 0);
        if (back)
            audio_way_presence(s->way, AUDIO_PRESENT);
        if (back && !d->lost)
            tell(d, AUDIO_EVENT_MOVED, used(s));
        any = any || back;
    }
    d->retry_us = clock_us() + ALSA_RETRY_US;
    if (any && d->lost) {
        d->lost = false;
        tell(d, AUDIO_EVENT_BACK, "");
    }
    if (any && lacks(d)[0])
        tell(d, AUDIO_EVENT_LACKS, lacks(d));
}

/* ---- the thread -------------------------------------------------------------------------------------------------- */

/* Both directions' descriptors behind the stop signal's; `count` says how many each has. */
static nfds_t gather(struct alsa_device *d, struct pollfd fds[ALSA_MAX_FDS], unsigned count[2])
{
    nfds_t n = 1;
    fds[0] = (struct pollfd){ .fd = d->stop_fd, .events = POLLIN };
    for (size_t i = 0; i < 2; i++) {
        count[i] = 0;
        if (!d->side[i].pcm)
            continue;
        int want = d->lib.snd_pcm_poll_descriptors_count(d->side[i].pcm);
        if (want <= 0 || (nfds_t) want > ALSA_MAX_FDS - n)
            continue;
        int got = d->lib.snd_pcm_poll_descriptors(d->side[i].pcm, fds + n, (unsigned) want);
        count[i] = got > 0 ? (unsigned) got : 0;
        n += count[i];
    }
    return n;
}

/* Until the next try of what is missing, or until what moves nothing is given up, for poll. */
static int wait_ms(const struct alsa_device *d)
{
    int64_t until = INT64_MAX;
    for (size_t i = 0; i < 2; i++) {
        if (d->side[i].pcm)
            until = AHOY_MIN(until, d->side[i].moved_us + ALSA_STILL_US);
        if (missing(&d->side[i]))
            until = AHOY_MIN(until, d->retry_us);
    }
    return (int) (AHOY_MAX(until - clock_us(), (int64_t) 0) / 1000) + 1;
}

/* Serves a direction that poll has something to say about; false when nothing moved. */
static bool serve_polled(struct alsa_device *d, struct alsa_side *s, struct pollfd *fds, unsigned count)
{
    unsigned short events = 0;
    if (count == 0)
        return false;
    int err = d->lib.snd_pcm_poll_descriptors_revents(s->pcm, fds, count, &events);
    if (err >= 0)
        err = events & (POLLIN | POLLOUT | POLLERR) ? serve(d, s) : 0;
    if (err < 0 || events & (POLLHUP | POLLNVAL))
        recover(d, s, err < 0 ? err : -ENODEV);
    else if (events)
        adapt(d, s, false);
    return events != 0;
}

/* Serves what poll found; false when nothing went through. */
static bool serve_all(struct alsa_device *d, struct pollfd *fds, const unsigned count[2])
{
    int64_t began = clock_us();
    bool moved = false;
    for (size_t i = 0; i < 2; fds += count[i], i++)
        moved = serve_polled(d, &d->side[i], fds, count[i]) || moved;
    if (moved && d->ready)
        d->ready(d->arg);
    return d->side[0].moved_us >= began || d->side[1].moved_us >= began;
}

static void *run(void *arg)
{
    struct alsa_device *d = arg;
    struct pollfd fds[ALSA_MAX_FDS];
    unsigned count[2];
    (void) sys_thread_hasten();
    for (;;) {
        nfds_t n = gather(d, fds, count);
        int ready = poll(fds, n, wait_ms(d));
        if (fds[0].revents)
            return NULL;
        bool idle = ready > 0 && !serve_all(d, fds + 1, count);
        for (size_t i = 0; i < 2; i++)
            if (d->side[i].pcm && clock_us() - d->side[i].moved_us > ALSA_STILL_US)
                replace(d, &d->side[i], -ETIMEDOUT);
        if ((missing(&d->side[0]) || missing(&d->side[1])) && clock_us() >= d->retry_us)
            reopen(d);
        if (idle)
            (void) poll(fds, 1, ALSA_PAUSE_MS);
    }
}

static void alsa_free(struct alsa_device *d)
{
    side_close(d, &d->side[0]);
    side_close(d, &d->side[1]);
    if (d->stop_fd >= 0)
        (void) close(d->stop_fd);
    alsa_lib_unload(&d->lib);
    mem_free(d);
}

static void alsa_close(void *b)
{
    struct alsa_device *d = b;
    const uint64_t one = 1;
    while (write(d->stop_fd, &one, sizeof one) < 0 && errno == EINTR)
        ;
    (void) pthread_join(d->thread, NULL);
    alsa_free(d);
}

static void prepare(struct alsa_side *s, struct audio_way *way, snd_pcm_stream_t stream, const char *own,
                    const char *dev)
{
    s->way = way;
    s->stream = stream;
    const char *id = own && own[0] ? own : dev[0] ? dev : "default";
    (void) view_copy(view_str(id), s->id, sizeof s->id);
}

static enum ahoy_err open_sides(struct alsa_device *d, char *why)
{
    int failed[2] = { 0, 0 };
    bool any = false;
    for (size_t i = 0; i < 2; i++) {
        failed[i] = d->side[i].way ? side_open(d, &d->side[i], false) : 0;
        any = any || d->side[i].pcm;
    }
    for (size_t i = 0; i < 2; i++) {
        struct alsa_side *s = &d->side[i];
        int err = failed[i];
        if (err == 0)
            continue;
        if (any && says_none(err)) {
            audio_way_presence(s->way, AUDIO_ABSENT);
            continue;
        }
        const char *hint = err == -EINVAL ? " at this rate (plughw: converts)" : err == -EBUSY ? " (in use)" : "";
        (void) snprintf(why, AUDIO_WHY_BYTES, "ALSA's %s \"%.80s\" cannot be opened%s: %s",
                        i == 0 ? "microphone" : "speaker", s->id, hint, d->lib.snd_strerror(err));
        return AHOY_ERR_DEVICE;
    }
    d->retry_us = clock_us() + ALSA_RETRY_US;
    (void) view_copy(view_str(lacks(d)), why, AUDIO_WHY_BYTES);
    return AHOY_OK;
}

static enum ahoy_err alsa_open(void **out, const struct audio_device_config *cfg, struct audio_way *capture,
                               struct audio_way *playback, char why[AUDIO_WHY_BYTES])
{
    struct alsa_device *d = mem_zalloc(sizeof *d);
    if (!d)
        return AHOY_ERR_NOMEM;
    d->stop_fd = -1;
    d->rate_hz = cfg->rate_hz;
    d->loop = cfg->loop;
    d->log = cfg->log;
    d->event = cfg->event;
    d->ready = cfg->ready;
    d->arg = cfg->arg;
    prepare(&d->side[0], capture, SND_PCM_STREAM_CAPTURE, cfg->capture_id, cfg->spec.dev);
    prepare(&d->side[1], playback, SND_PCM_STREAM_PLAYBACK, cfg->playback_id, cfg->spec.dev);
    enum ahoy_err err = alsa_lib_load(&d->lib, why);
    if (!err)
        err = open_sides(d, why);
    if (!err) {
        d->stop_fd = eventfd(0, EFD_CLOEXEC);
        err = d->stop_fd >= 0 && pthread_create(&d->thread, NULL, run, d) == 0 ? AHOY_OK : AHOY_ERR_LIMIT;
    }
    if (err) {
        alsa_free(d);
        return err;
    }
    *out = d;
    return AHOY_OK;
}

const struct audio_backend_ops audio_alsa_ops = { .open = alsa_open, .close = alsa_close, .live = true };
