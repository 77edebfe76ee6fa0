/*
 * alsa[:DEV]: ALSA without a sound server. One thread polls both directions; periods of 10 ms, three of them buffered.
 * An overrun or underrun restarts the stream and is counted; a device that went away is opened again every second.
 */
#include "audio/alsa_lib.h"
#include "audio/device_impl.h"
#include "base/mem.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum { ALSA_PERIODS = 3, ALSA_PERIOD_MS = 10, ALSA_MAX_FDS = 16, ALSA_BLOCK = 480, ALSA_RETRY_MS = 1000 };

struct alsa_side {
    struct audio_way *way; /* NULL: not wanted */
    snd_pcm_t *pcm;        /* NULL: gone */
    snd_pcm_stream_t stream;
    unsigned channels;
    char id[AUDIO_NAME_BYTES];
};

struct alsa_device {
    struct alsa_lib lib;
    struct alsa_side side[2]; /* capture, playback */
    uint32_t rate_hz;
    int stop_fd;
    pthread_t thread;
    bool lost;
    struct sys_loop *loop;
    const struct log *log;
    void (*event)(void *arg, enum audio_event event, const char *text);
    void (*ready)(void *arg);
    void *arg;
};

/* ---- samples: the device's thread, AHOY_RT for our part ---------------------------------------------------------- */

static void stamp(struct alsa_device *d, struct alsa_side *s)
{
    snd_pcm_sframes_t delay = 0;
    bool known = d->lib.snd_pcm_delay(s->pcm, &delay) >= 0 && delay >= 0;
    audio_way_stamp(s->way, d->loop, known ? (int64_t) delay * 1000000 / d->rate_hz : -1);
}

/* One block of at most ALSA_BLOCK frames; returns frames moved, 0 when there are none, or ALSA's error. */
AHOY_RT static snd_pcm_sframes_t capture_block(struct alsa_device *d, struct alsa_side *s, snd_pcm_uframes_t n)
{
    int16_t block[2 * ALSA_BLOCK];
    snd_pcm_sframes_t got = d->lib.snd_pcm_readi(s->pcm, block, n);
    for (snd_pcm_sframes_t i = 0; s->channels == 2 && i < got; i++)
        block[i] = (int16_t) ((block[2 * i] + block[2 * i + 1]) / 2);
    if (got > 0)
        audio_way_captured(s->way, block, (size_t) got);
    return got;
}

AHOY_RT static snd_pcm_sframes_t play_block(struct alsa_device *d, struct alsa_side *s, snd_pcm_uframes_t n)
{
    int16_t block[2 * ALSA_BLOCK];
    audio_way_to_play(s->way, block, n);
    for (size_t i = n; s->channels == 2 && i-- > 0;)
        block[2 * i] = block[2 * i + 1] = block[i];
    return d->lib.snd_pcm_writei(s->pcm, block, n);
}

/* Moves what can be moved; ALSA's error or 0. */
AHOY_RT static int serve(struct alsa_device *d, struct alsa_side *s)
{
    snd_pcm_sframes_t avail = d->lib.snd_pcm_avail_update(s->pcm);
    while (avail > 0) {
        snd_pcm_uframes_t n = (snd_pcm_uframes_t) AHOY_MIN(avail, (snd_pcm_sframes_t) ALSA_BLOCK);
        bool capture = s->stream == SND_PCM_STREAM_CAPTURE;
        snd_pcm_sframes_t moved = capture ? capture_block(d, s, n) : play_block(d, s, n);
        if (moved == -EAGAIN || moved == 0)
            break;
        if (moved < 0)
            return (int) moved;
        avail -= moved;
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
    return err >= 0 ? lib->snd_pcm_hw_params(s->pcm, hw) : err;
}

static int set_software(struct alsa_device *d, struct alsa_side *s, snd_pcm_sw_params_t *sw)
{
    const struct alsa_lib *lib = &d->lib;
    snd_pcm_uframes_t period = d->rate_hz / 1000 * ALSA_PERIOD_MS;
    int err = lib->snd_pcm_sw_params_current(s->pcm, sw);
    if (err >= 0)
        err = lib->snd_pcm_sw_params_set_avail_min(s->pcm, sw, period);
    if (err >= 0)
        err = lib->snd_pcm_sw_params_set_start_threshold(s->pcm, sw, period);
    return err >= 0 ? lib->snd_pcm_sw_params(s->pcm, sw) : err;
}

static int configure(struct alsa_device *d, struct alsa_side *s)
{
    snd_pcm_hw_params_t *hw = NULL;
    snd_pcm_sw_params_t *sw = NULL;
    int err = d->lib.snd_pcm_hw_params_malloc(&hw);
    if (err >= 0)
        err = d->lib.snd_pcm_sw_params_malloc(&sw);
    if (err >= 0)
        err = set_hardware(d, s, hw);
    if (err >= 0)
        err = set_software(d, s, sw);
    if (hw)
        d->lib.snd_pcm_hw_params_free(hw);
    if (sw)
        d->lib.snd_pcm_sw_params_free(sw);
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

static int side_open(struct alsa_device *d, struct alsa_side *s)
{
    int err = d->lib.snd_pcm_open(&s->pcm, s->id, s->stream, SND_PCM_NONBLOCK);
    if (err < 0) {
        s->pcm = NULL;
        return err;
    }
    /* ALSA's own null device is always ready: serving it would never end. */
    err = d->lib.snd_pcm_type(s->pcm) == SND_PCM_TYPE_NULL ? -ENXIO : configure(d, s);
    if (err >= 0)
        err = set_going(d, s);
    if (err < 0)
        side_close(d, s);
    return err < 0 ? err : 0;
}

/* After an error: restarts the stream, or finds that the device is gone. */
static void recover(struct alsa_device *d, struct alsa_side *s, int err)
{
    s->way->stamp.xruns++;
    if (err == -ESTRPIPE && d->lib.snd_pcm_resume(s->pcm) == 0)
        return;
    if (err != -ENODEV && set_going(d, s) >= 0)
        return;
    side_close(d, s);
    if (d->lost)
        return;
    d->lost = true;
    log_write(d->log, LOG_WARN, "audio", "alsa: %s was lost: %s", s->id, d->lib.snd_strerror(err));
    if (d->event)
        d->event(d->arg, AUDIO_EVENT_LOST, s->id);
}

static void reopen(struct alsa_device *d)
{
    bool all = true;
    for (size_t i = 0; i < 2; i++)
        if (d->side[i].way && !d->side[i].pcm && side_open(d, &d->side[i]) < 0)
            all = false;
    if (!all)
        return;
    d->lost = false;
    if (d->event)
        d->event(d->arg, AUDIO_EVENT_BACK, "");
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

static void *run(void *arg)
{
    struct alsa_device *d = arg;
    struct pollfd fds[ALSA_MAX_FDS];
    unsigned count[2];
    for (;;) {
        nfds_t n = gather(d, fds, count);
        int ready = poll(fds, n, d->lost ? ALSA_RETRY_MS : -1);
        if (fds[0].revents)
            return NULL;
        if (ready == 0)
            reopen(d);
        for (size_t i = 0, at = 1; ready > 0 && i < 2; at += count[i], i++) {
            unsigned short events = 0;
            struct alsa_side *s = &d->side[i];
            if (count[i] == 0 || d->lib.snd_pcm_poll_descriptors_revents(s->pcm, fds + at, count[i], &events) < 0)
                continue;
            int err = events & (POLLIN | POLLOUT | POLLERR) ? serve(d, s) : 0;
            if (err < 0 || events & (POLLHUP | POLLNVAL))
                recover(d, s, err < 0 ? err : -ENODEV);
        }
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
    for (size_t i = 0; i < 2; i++) {
        struct alsa_side *s = &d->side[i];
        int err = s->way ? side_open(d, s) : 0;
        if (err == 0)
            continue;
        const char *hint = err == -EINVAL ? " at this rate (plughw: converts)" : err == -EBUSY ? " (in use)" : "";
        (void) snprintf(why, AUDIO_WHY_BYTES, "ALSA's %s \"%.80s\" cannot be opened%s: %s",
                        i == 0 ? "microphone" : "speaker", s->id, hint, d->lib.snd_strerror(err));
        return AHOY_ERR_DEVICE;
    }
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
