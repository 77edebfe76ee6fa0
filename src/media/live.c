#include "media/live.h"

#include "base/mem.h"
#include "media/live_queue.h"
#include "media/pace.h"
#include "sys/bell.h"
#include "sys/thread.h"

#include <stdio.h>

enum {
    STILL_US = 60000,      /* without a sign of life for so long a device does not run */
    DRY_US = 100000,       /* a microphone silent for so long is replaced by silence */
    START_US = 1000000,    /* behind its opening a device may hand over what it had kept: */
    START_BACKLOG_MS = 30, /* … that is old, so no more than this is taken, */
    START_KEEP_MS = 10,    /* … and this is left of it */
    BLOCK_SAMPLES = 480,
    RETRY_US = 1000000,     /* what could not be opened is tried again after this, then twice, up to: */
    MAX_RETRY_US = 4000000, /* somebody may be about to plug it in */
};

/*
 * Goes to the opener's loop and comes back to the worker's, and stays until whatever the device had posted has arrived.
 * `open` is looked at on the worker only, so what comes late finds nobody.
 */
struct live {
    struct sys_msg msg;
    struct live_config cfg;
    struct audio_device *device;
    struct sys_bell *bell;
    struct sys_timer look; /* of a device that the worker runs */
    struct pace pace;
    struct live_queue queue;
    bool wanted, opened; /* live_close has not been called; the opener has answered */
    bool lost;           /* it says that it went away */
    bool failed;         /* the last opening; perhaps the next one is under way */
    struct sys_timer retry;
    int64_t retry_us;
    enum ahoy_err err;
    char why[AUDIO_WHY_BYTES];
    int64_t opened_us, moved_us; /* 0: not yet */
    int64_t fed_us, dry_us;      /* until when time was written, and read, without a device */
    int64_t heard_us;            /* when the microphone gave something last */
};

/* A device's event on its way from its thread to the worker. */
struct news {
    struct sys_msg msg;
    struct live *live;
    enum audio_event event;
    char text[AUDIO_NAME_BYTES];
};

static void tell(struct live *l, enum ahoy_err err, const char *why)
{
    if (l->wanted && l->cfg.state)
        l->cfg.state(l->cfg.arg, err, why);
}

static void tell_of(struct live *l, enum ahoy_err err, const char *what, const char *text)
{
    char line[AUDIO_WHY_BYTES];
    (void) snprintf(line, sizeof line, "%s%s%.120s", what, text[0] ? ": " : "", text);
    tell(l, err, line);
}

static void take(struct live *l);

static void news_arrived(struct sys_msg *msg)
{
    struct news *n = AHOY_CONTAINER_OF(msg, struct news, msg);
    struct live *l = n->live;
    l->lost = n->event == AUDIO_EVENT_LOST || (l->lost && n->event == AUDIO_EVENT_DEVICES);
    switch (n->event) {
    case AUDIO_EVENT_LOST: tell_of(l, AHOY_ERR_DEVICE, "the sound device went away; it is tried again", n->text); break;
    case AUDIO_EVENT_BACK:
        tell_of(l, AHOY_OK, "the sound device is back", n->text);
        take(l);
        break;
    case AUDIO_EVENT_MOVED: tell_of(l, AHOY_OK, "the sound device is another one now", n->text); break;
    case AUDIO_EVENT_DEVICES:
        if (l->wanted && l->cfg.devices)
            l->cfg.devices(l->cfg.arg);
        break;
    case AUDIO_EVENT_LACKS: tell(l, AHOY_OK, n->text); break;
    case AUDIO_EVENT_SILENT: break; /* files have no thread */
    }
    mem_free(n);
}

/* From any thread. */
static void on_event(void *arg, enum audio_event event, const char *text)
{
    struct live *l = arg;
    struct news *n = mem_zalloc(sizeof *n);
    if (!n)
        return;
    n->msg.fn = news_arrived;
    n->live = l;
    n->event = event;
    (void) view_copy(view_str(text), n->text, sizeof n->text);
    sys_post(l->cfg.worker, &n->msg);
}

/* From the device's thread. */
static void on_ready(void *arg)
{
    sys_bell_ring(((struct live *) arg)->bell);
}

/* The bell, on the worker. */
static void on_moved(void *arg)
{
    struct live *l = arg;
    if (!l->wanted || !l->opened || l->err)
        return;
    l->moved_us = sys_now_us(l->cfg.worker);
    l->cfg.moved(l->cfg.arg);
}

/* ---- a device that the worker runs ------------------------------------------------------------------------------- */

static void look_again(struct live *l)
{
    struct audio_device_flow st;
    audio_device_flow(l->device, &st);
    sys_timer_start_at(l->cfg.worker, &l->look, pace_next(&l->pace, sys_now_us(l->cfg.worker), st.captured, st.played));
}

static void on_look(void *arg)
{
    struct live *l = arg;
    enum audio_ran ran = audio_device_run(l->device);
    if (ran == AUDIO_RAN_GONE)
        return; /* its thread rings the bell again, until it is taken anew */
    if (ran == AUDIO_RAN_MOVED)
        on_moved(l);
    if (l->wanted)
        look_again(l);
}

/* Where the device's thread can be done without. */
static void take(struct live *l)
{
    if (!l->wanted || !l->opened || l->err || sys_timer_running(&l->look) || !audio_device_take(l->device))
        return;
    pace_init(&l->pace, l->cfg.device.rate_hz, SYS_MS(LIVE_PERIOD_MS));
    look_again(l);
}

/* ---- life -------------------------------------------------------------------------------------------------------- */

static void free_live(struct sys_msg *msg)
{
    mem_free(AHOY_CONTAINER_OF(msg, struct live, msg));
}

/* What the device had posted before still finds the object. */
static void finish(struct live *l)
{
    sys_timer_stop(&l->look);
    audio_device_close(l->device);
    l->device = NULL;
    sys_bell_destroy(l->bell);
    l->bell = NULL;
    l->msg.fn = free_live;
    sys_post(l->cfg.worker, &l->msg);
}

static void open_on_opener(struct live *l);

/* Perhaps it is there now. */
static void on_retry(void *arg)
{
    struct live *l = arg;
    l->opened = false;
    open_on_opener(l);
}

/* A device that is not there may come. It was told once. */
static void opening_failed(struct live *l)
{
    bool told = l->failed;
    l->failed = true;
    if (l->err == AHOY_ERR_DEVICE && !l->cfg.once) {
        sys_timer_start(l->cfg.worker, &l->retry, l->retry_us);
        l->retry_us = AHOY_MIN(2 * l->retry_us, (int64_t) MAX_RETRY_US);
    }
    if (!told)
        tell(l, l->err, l->why);
}

static void opened(struct sys_msg *msg)
{
    struct live *l = AHOY_CONTAINER_OF(msg, struct live, msg);
    l->opened = true;
    if (!l->wanted) {
        finish(l);
        return;
    }
    if (l->err) {
        opening_failed(l);
        return;
    }
    l->failed = false;
    l->opened_us = sys_now_us(l->cfg.worker);
    if (l->cfg.device.spec.kind != AUDIO_MEM) /* a machine's: a late worker would be heard */
        (void) sys_thread_hasten();
    tell(l, AHOY_OK, l->why[0] ? l->why : "the sound device is open");
    take(l);
}

static void open_now(struct sys_msg *msg)
{
    struct live *l = AHOY_CONTAINER_OF(msg, struct live, msg);
    l->err = audio_device_open(&l->device, &l->cfg.device, l->why);
    l->msg.fn = opened;
    sys_post(l->cfg.worker, &l->msg);
}

static void open_on_opener(struct live *l)
{
    l->msg.fn = open_now;
    if (l->cfg.opener)
        sys_post(l->cfg.opener, &l->msg);
    else
        open_now(&l->msg);
}

enum ahoy_err live_open(struct live **out, const struct live_config *cfg)
{
    struct live *l = mem_zalloc(sizeof *l);
    if (!l)
        return AHOY_ERR_NOMEM;
    enum ahoy_err err = sys_bell_create(&l->bell, cfg->worker, on_moved, l);
    if (err) {
        mem_free(l);
        return err;
    }
    l->cfg = *cfg;
    l->cfg.device.event = on_event;
    l->cfg.device.ready = on_ready;
    l->cfg.device.arg = l;
    l->wanted = true;
    sys_timer_init(&l->look, on_look, l);
    live_queue_init(&l->queue, cfg->device.rate_hz);
    sys_timer_init(&l->retry, on_retry, l);
    l->retry_us = RETRY_US;
    *out = l;
    open_on_opener(l);
    return AHOY_OK;
}

void live_retarget(struct live *l, const struct live_config *cfg)
{
    l->cfg.state = cfg->state;
    l->cfg.devices = cfg->devices;
    l->cfg.moved = cfg->moved;
    l->cfg.arg = cfg->arg;
}

void live_close(struct live *l)
{
    if (!l)
        return;
    l->wanted = false;
    sys_timer_stop(&l->retry);
    if (l->opened)
        finish(l); /* otherwise `opened` does */
}

/* ---- sound ------------------------------------------------------------------------------------------------------- */

static bool is_open(const struct live *l)
{
    return l->opened && !l->err;
}

bool live_opened(const struct live *l)
{
    return l->opened;
}

bool live_runs(const struct live *l, int64_t now_us)
{
    return is_open(l) && l->moved_us > 0 && now_us - l->moved_us < STILL_US;
}

/* Samples of the time from *until_us to now, which moves with them; a long gap is not made up. */
static size_t passed(const struct live *l, int64_t *until_us, int64_t now_us, size_t most)
{
    uint32_t hz = l->cfg.device.rate_hz;
    if (*until_us == 0 || now_us - *until_us > DRY_US)
        *until_us = now_us - SYS_MS(LIVE_PERIOD_MS);
    size_t n = (size_t) ((now_us - *until_us) * hz / 1000000);
    n = AHOY_MIN(n, most);
    *until_us += (int64_t) n * 1000000 / hz;
    return n;
}

size_t live_want(struct live *l, int64_t now_us, size_t most)
{
    struct audio_device_flow st;
    if (!live_runs(l, now_us))
        return passed(l, &l->fed_us, now_us, most);
    audio_device_flow(l->device, &st);
    if (st.speaker == AUDIO_ABSENT) /* the microphone's clock calls, and nobody asks for sound */
        return passed(l, &l->fed_us, now_us, most);
    l->fed_us = now_us;
    if (st.playback_asked >= 0) /* it waits for what it asks for: nothing needs to be ready */
        return AHOY_MIN((size_t) st.playback_asked, most);
    size_t ready = live_queue_look(&l->queue, now_us, st.playback_queued, st.underruns);
    return ready > st.playback_queued ? AHOY_MIN(ready - st.playback_queued, most) : 0;
}

void live_write(struct live *l, const int16_t *pcm, size_t n, int64_t now_us)
{
    struct audio_device_flow st;
    if (!live_runs(l, now_us))
        return;
    (void) audio_device_write(l->device, pcm, n);
    audio_device_flow(l->device, &st);
    live_queue_filled(&l->queue, st.playback_queued);
}

/* Throws away what a device had kept from before it was opened. */
static void drop_backlog(struct live *l)
{
    int16_t old[BLOCK_SAMPLES];
    struct audio_device_flow st;
    size_t ms = l->cfg.device.rate_hz / 1000;
    audio_device_flow(l->device, &st);
    if (st.capture_ready <= ms * START_BACKLOG_MS)
        return;
    for (size_t n = st.capture_ready - ms * START_KEEP_MS; n > 0;) {
        size_t got = audio_device_read(l->device, old, AHOY_MIN(n, (size_t) BLOCK_SAMPLES));
        n -= got;
        if (got == 0)
            return;
    }
}

static bool is_dummy(const struct live *l)
{
    struct audio_device_flow st;
    audio_device_flow(l->device, &st);
    return st.microphone == AUDIO_DUMMY;
}

size_t live_read(struct live *l, int16_t *pcm, size_t n, int64_t now_us)
{
    if (is_open(l) && now_us - l->opened_us < START_US)
        drop_backlog(l);
    size_t got = is_open(l) ? audio_device_read(l->device, pcm, n) : 0;
    if (got > 0 && is_dummy(l)) /* it hears what we play */
        memset(pcm, 0, got * sizeof *pcm);
    if (got > 0) {
        l->heard_us = l->dry_us = now_us;
        return got;
    }
    if (l->heard_us == 0)
        l->heard_us = now_us;
    if (is_open(l) && now_us - l->heard_us < DRY_US)
        return 0;
    got = passed(l, &l->dry_us, now_us, n);
    memset(pcm, 0, got * sizeof *pcm);
    return got;
}

bool live_flow(struct live *l, struct audio_device_flow *out)
{
    if (!is_open(l))
        return false;
    audio_device_flow(l->device, out);
    return true;
}

bool live_stats(struct live *l, struct audio_device_stats *out)
{
    if (!is_open(l))
        return false;
    audio_device_stats(l->device, out);
    return true;
}

void live_presence(const struct live *l, enum audio_presence *microphone, enum audio_presence *speaker)
{
    struct audio_device_flow st;
    *microphone = *speaker = AUDIO_PRESENT;
    if (l->failed || l->lost) {
        *microphone = *speaker = AUDIO_ABSENT;
        return;
    }
    if (!l->opened)
        return;
    audio_device_flow(l->device, &st);
    *microphone = st.microphone;
    *speaker = st.speaker;
}
