/* A live device under virtual time: clocks that drift, periods that come late, stumbles, a device that goes away. */
#include "media/live.h"

#include "base/mem.h"
#include "media/live_queue.h"
#include "support/t.h"
#include "sys/sim.h"

enum { RATE = 16000, SAID = 1000, MAX_HEARD = RATE * 70 };

struct room {
    struct sim *sim;
    struct sys_host *host;
    struct sys_loop *loop;
    struct audio_mem *mem;
    struct live *live;
    int16_t next_out, next_in; /* counters in place of sound: nothing may be missing, nothing twice */
    uint64_t read, written, silent, wrong;
    unsigned lost, back, moved;
    enum ahoy_err err;
    char why[AUDIO_WHY_BYTES];
};

static void exchange(struct room *r, int64_t now)
{
    int16_t pcm[RATE / 10];
    size_t n = live_want(r->live, now, AHOY_COUNT(pcm));
    for (size_t i = 0; i < n; i++) {
        pcm[i] = (int16_t) (1 + r->next_out);
        r->next_out = (int16_t) ((r->next_out + 1) % SAID);
    }
    live_write(r->live, pcm, n, now);
    r->written += n;
    while ((n = live_read(r->live, pcm, AHOY_COUNT(pcm), now)) > 0) {
        r->read += n;
        for (size_t i = 0; i < n; i++) {
            r->silent += pcm[i] == 0;
            if (pcm[i] == 0)
                continue;
            r->wrong += pcm[i] != 1 + r->next_in;
            r->next_in = (int16_t) (pcm[i] % SAID);
        }
    }
}

static void on_moved(void *arg)
{
    struct room *r = arg;
    r->moved++;
    exchange(r, sys_now_us(r->loop));
}

static void on_state(void *arg, enum ahoy_err err, const char *why)
{
    struct room *r = arg;
    (void) view_copy(view_str(why), r->why, sizeof r->why);
    r->err = err;
    r->lost += err == AHOY_ERR_DEVICE;
    r->back += err == AHOY_OK;
}

static enum ahoy_err room_open_lacking(struct room *r, const struct audio_mem_clock *clock, bool no_mic,
                                       bool no_speaker, unsigned refusals)
{
    static int16_t said[SAID];
    *r = (struct room){ .sim = NULL };
    for (int i = 0; i < SAID; i++)
        said[i] = (int16_t) (i + 1);
    enum ahoy_err err = sim_create(&r->sim, 1);
    if (!err)
        err = sim_host(r->sim, "192.0.2.1", &r->host);
    if (!err)
        err = sys_loop_create(r->host, &r->loop);
    if (!err)
        err = sys_loop_spawn(r->loop, "worker");
    if (!err)
        err = audio_mem_create(&r->mem, said, SAID, true, MAX_HEARD);
    if (err)
        return err;
    audio_mem_set_clock(r->mem, clock);
    audio_mem_lack(r->mem, no_mic, no_speaker);
    audio_mem_refuse(r->mem, refusals);
    struct live_config cfg = {
        .device = audio_device_defaults(), .worker = r->loop, .state = on_state, .moved = on_moved, .arg = r
    };
    cfg.device.spec.kind = AUDIO_MEM;
    cfg.device.mem = r->mem;
    cfg.device.loop = r->loop;
    cfg.device.rate_hz = RATE;
    return live_open(&r->live, &cfg);
}

static enum ahoy_err room_open(struct room *r, const struct audio_mem_clock *clock)
{
    return room_open_lacking(r, clock, false, false, 0);
}

static void room_close(struct room *r)
{
    live_close(r->live);
    if (r->sim)
        sim_run(r->sim, SYS_MS(1));
    if (r->loop) {
        sys_loop_join(r->loop);
        sys_loop_destroy(r->loop);
    }
    sim_destroy(r->sim);
    audio_mem_destroy(r->mem);
}

/* Samples heard that do not follow the one before, from a time on. */
static size_t breaks(const struct room *r, size_t from)
{
    size_t n, wrong = 0;
    const int16_t *heard = audio_mem_heard(r->mem, &n);
    for (size_t i = from + 1; i < n; i++)
        wrong += heard[i] != heard[i - 1] % SAID + 1;
    return wrong;
}

/* Either clock a good deal off, and off against each other: nothing is lost, nothing clicks, little waits. */
static void test_clocks_that_drift_lose_nothing(struct t *t)
{
    static const double ppm[][2] = { { 0, 0 }, { 200, -200 }, { -200, 200 }, { 500, 0 } };
    struct room r = { .sim = NULL };
    for (size_t i = 0; i < AHOY_COUNT(ppm); i++) {
        struct audio_device_stats st;
        T_OK(room_open(&r, &(struct audio_mem_clock){ 5000, ppm[i][0], ppm[i][1], 0, 1 }));
        sim_run(r.sim, SYS_S(60));
        T_EQ(r.err, AHOY_OK);
        T_CHECK(live_stats(r.live, &st));
        T_EQ(st.overruns, 0);
        T_EQ(r.wrong, 0);
        T_EQ(r.silent, 0);
        T_EQ(breaks(&r, RATE / 10), 0);
        T_NEAR((double) r.read, 60 * RATE * (1 + ppm[i][0] * 1e-6), RATE / 50.0);
        T_NEAR((double) st.played, 60 * RATE * (1 + ppm[i][1] * 1e-6), RATE / 50.0);
        T_CHECK(st.playback_queued <= RATE / 1000 * 7); /* a period and what is kept in reserve */
        T_CHECK(st.clock_known);
        T_NEAR(st.capture_ppm, ppm[i][0], 10); /* measured, too */
        T_NEAR(st.playback_ppm, ppm[i][1], 10);
        room_close(&r);
        r = (struct room){ .sim = NULL };
    }
out:
    room_close(&r);
}

/* A device that is up to 4 ms late: the reserve is learnt, within moments. */
static void test_late_periods_are_learnt(struct t *t)
{
    struct room r;
    struct audio_device_stats st;
    T_OK(room_open(&r, &(struct audio_mem_clock){ 5000, 0, 0, 4000, 7 }));
    sim_run(r.sim, SYS_S(2));
    size_t early;
    (void) audio_mem_heard(r.mem, &early);
    sim_run(r.sim, SYS_S(58));
    T_CHECK(live_stats(r.live, &st));
    T_EQ(st.overruns, 0);
    T_EQ(r.wrong, 0);
    T_EQ(breaks(&r, early), 0);
    T_CHECK(st.playback_queued <= RATE / 1000 * 12);
out:
    room_close(&r);
}

/* A stumble of 40 ms costs what it lasts, and the delay it leaves behind goes away. */
static void test_a_stumble_leaves_no_delay(struct t *t)
{
    struct room r;
    struct audio_device_stats st;
    T_OK(room_open(&r, &(struct audio_mem_clock){ 5000, 0, 0, 0, 1 }));
    sim_run(r.sim, SYS_S(3));
    T_CHECK(live_runs(r.live, sys_now_us(r.loop)));
    audio_mem_stall(r.mem, SYS_MS(40));
    sim_run(r.sim, SYS_S(1));
    T_CHECK(live_stats(r.live, &st));
    T_CHECK(st.underruns > 0 && st.underruns <= RATE / 1000 * 45);
    uint64_t before = st.underruns;
    sim_run(r.sim, SYS_S(25));
    T_CHECK(live_stats(r.live, &st));
    T_EQ(st.underruns, before);
    T_EQ(r.wrong, 0); /* the microphone kept what came meanwhile */
    T_CHECK(st.playback_queued <= RATE / 1000 * 8);
out:
    room_close(&r);
}

/* Away for a second: the call's time goes on by the worker's clock, with silence; then the device is the clock again. */
static void test_time_goes_on_without_the_device(struct t *t)
{
    enum audio_presence microphone, speaker;
    struct room r;
    T_OK(room_open(&r, &(struct audio_mem_clock){ 5000, 0, 0, 0, 1 }));
    sim_run(r.sim, SYS_S(2));
    T_CHECK(live_runs(r.live, sys_now_us(r.loop)));
    audio_mem_unplug(r.mem, SYS_S(1));
    uint64_t read = r.read, written = r.written;
    int absent = 0;
    for (int i = 0; i < 200; i++) { /* the worker's own ticks */
        sim_run(r.sim, SYS_MS(5));
        if (i == 100) {
            live_presence(r.live, &microphone, &speaker);
            absent = microphone == AUDIO_ABSENT && speaker == AUDIO_ABSENT;
        }
        if (!live_runs(r.live, sys_now_us(r.loop)))
            exchange(&r, sys_now_us(r.loop));
    }
    T_EQ(r.lost, 1);
    T_EQ(absent, 1);
    T_CHECK(r.silent > RATE / 2);
    T_NEAR((double) (r.read - read), RATE, RATE / 5.0);
    T_NEAR((double) (r.written - written), RATE, RATE / 5.0);
    sim_run(r.sim, SYS_MS(20));
    T_EQ(r.back, 2); /* open, and back */
    live_presence(r.live, &microphone, &speaker);
    T_CHECK(microphone == AUDIO_PRESENT && speaker == AUDIO_PRESENT);
    T_CHECK(live_runs(r.live, sys_now_us(r.loop)));
    uint64_t silent = r.silent;
    sim_run(r.sim, SYS_S(1));
    T_EQ(r.silent, silent);
out:
    room_close(&r);
}

/* Half a machine is a machine: what there is works, and the other half's time passes. */
static void test_one_side_works_when_the_other_is_missing(struct t *t)
{
    const struct audio_mem_clock clock = { 5000, 0, 0, 0, 1 };
    enum audio_presence microphone, speaker;
    struct room r = { .sim = NULL };
    T_OK(room_open_lacking(&r, &clock, false, true, 0));
    sim_run(r.sim, SYS_S(10));
    T_EQ(r.err, AHOY_OK);
    T_CHECK(view_starts(view_str(r.why), VIEW("no loudspeaker was found")));
    live_presence(r.live, &microphone, &speaker);
    T_CHECK(!microphone && speaker == AUDIO_ABSENT);
    T_EQ(r.silent, 0);
    T_EQ(r.wrong, 0);
    T_NEAR((double) r.read, 10 * RATE, RATE / 50.0);
    T_NEAR((double) r.written, 10 * RATE, RATE / 50.0); /* play-out goes on */
    room_close(&r);
    r = (struct room){ .sim = NULL };
    T_OK(room_open_lacking(&r, &clock, true, false, 0));
    sim_run(r.sim, SYS_S(10));
    T_EQ(r.err, AHOY_OK);
    T_CHECK(view_starts(view_str(r.why), VIEW("no microphone was found")));
    live_presence(r.live, &microphone, &speaker);
    T_CHECK(!speaker && microphone == AUDIO_ABSENT);
    T_EQ(breaks(&r, RATE / 10), 0);
    T_NEAR((double) r.read, 10 * RATE, RATE / 5.0); /* silence is sent */
    T_EQ(r.silent, r.read);
    room_close(&r);
    r = (struct room){ .sim = NULL };
    T_OK(room_open_lacking(&r, &clock, true, true, 0));
    sim_run(r.sim, SYS_S(1));
    live_presence(r.live, &microphone, &speaker);
    T_CHECK(speaker == AUDIO_ABSENT && microphone == AUDIO_ABSENT);
out:
    room_close(&r);
}

/* The arithmetic alone: up at once when it ran dry, by little; down by a millisecond a second. */
static void test_the_queue_rises_fast_and_falls_slowly(struct t *t)
{
    struct live_queue q;
    int64_t now = 1000000;
    uint64_t missed = 0;
    size_t ms = RATE / 1000, target = 0;
    live_queue_init(&q, RATE);
    live_queue_filled(&q, 10 * ms);
    for (int i = 0; i < 4000; i++, now += 5000) { /* 5 ms are taken each time */
        target = live_queue_look(&q, now, q.left - 5 * ms, missed);
        live_queue_filled(&q, target);
    }
    T_EQ(target, 6 * ms);
    for (int i = 0; i < 3; i++, now += 5000) { /* 50 ms missing at once, thrice */
        missed += 50 * ms;
        target = live_queue_look(&q, now, 0, missed);
        T_EQ(target, (size_t) (6 + 6 * (i + 1)) * ms);
        live_queue_filled(&q, target);
    }
    for (int i = 0; i < 1000; i++, now += 5000) {
        target = live_queue_look(&q, now, q.left - 5 * ms, missed);
        live_queue_filled(&q, target);
    }
    T_EQ(target, 24 * ms); /* five seconds later it still remembers */
    for (int i = 0; i < 2000; i++, now += 5000) {
        target = live_queue_look(&q, now, q.left - 5 * ms, missed);
        live_queue_filled(&q, target);
    }
    T_CHECK(target < 18 * ms && target > 10 * ms);
    for (int i = 0; i < 4000; i++, now += 5000) {
        target = live_queue_look(&q, now, q.left - 5 * ms, missed);
        live_queue_filled(&q, target);
    }
    T_EQ(target, 6 * ms);
out:
    return;
}

/* Nothing is there when the call begins: it is told once, time passes, and what is plugged in later is used. */
static void test_a_device_that_comes_later_is_used(struct t *t)
{
    enum audio_presence microphone, speaker;
    struct room r;
    T_OK(room_open_lacking(&r, &(struct audio_mem_clock){ 5000, 0, 0, 0, 1 }, false, false, 3));
    for (int i = 0; i < 1300; i++) { /* the worker's own ticks; tries after 1, 2 and 4 s more */
        sim_run(r.sim, SYS_MS(5));
        if (!live_runs(r.live, sys_now_us(r.loop)))
            exchange(&r, sys_now_us(r.loop));
    }
    T_EQ(r.lost, 1);
    T_EQ(r.back, 0);
    T_STR(r.why, "there is no sound device");
    live_presence(r.live, &microphone, &speaker);
    T_CHECK(microphone == AUDIO_ABSENT && speaker == AUDIO_ABSENT);
    T_EQ(r.silent, r.read);
    T_NEAR((double) r.read, 6.5 * RATE, RATE / 5.0);
    sim_run(r.sim, SYS_S(2));
    T_EQ(r.back, 1);
    T_EQ(r.err, AHOY_OK);
    live_presence(r.live, &microphone, &speaker);
    T_CHECK(!microphone && !speaker);
    T_CHECK(r.read > r.silent + RATE);
    T_EQ(r.wrong, 0);
    room_close(&r);
    T_OK(room_open_lacking(&r, &(struct audio_mem_clock){ 5000, 0, 0, 0, 1 }, false, false, 9));
    sim_run(r.sim, SYS_MS(2500)); /* closed between two tries */
out:
    room_close(&r);
}

T_MAIN(T_STRIDE(test_clocks_that_drift_lose_nothing, 3), /* four minutes of virtual time */
       T(test_late_periods_are_learnt), T(test_a_stumble_leaves_no_delay), T(test_time_goes_on_without_the_device),
       T(test_one_side_works_when_the_other_is_missing), T(test_a_device_that_comes_later_is_used),
       T(test_the_queue_rises_fast_and_falls_slowly))
