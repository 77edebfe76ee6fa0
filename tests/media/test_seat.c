/*
 * The local user's seat in a conference, with a live device under virtual time: it runs on, whichever call of the
 * conference ends, and who speaks while muted is told.
 */
#include "support_pair.h"

#include "audio/device.h"
#include "base/mem.h"
#include "media/conference.h"
#include "sys/sim.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#define PI 3.14159265358979323846

enum { HZ = 8000, PERIOD = 20 /* of a tone of 400 Hz */, CALLS = 2 };

enum { WIDE_HZ = 48000, WIDE_PERIOD = 120, SECOND_HZ = 6000 /* what only a wideband microphone hears, too */ };

/* One call: we at one end, a peer's endpoint at the other. */
struct line {
    struct pair pair;
    /* What the peer hears: the weakest and the loudest stretch of 5 ms. */
    bool listening, talking;
    uint32_t hz; /* of the peer's endpoint */
    double power, least, most;
    size_t n;
    uint64_t said;
    size_t windows;
    double high_power;
    struct goertzel {
        double cos2, a, b;
    } high; /* the second tone in it */
};

struct room {
    struct sim *sim;
    struct sys_loop *loop;
    struct media_engine *engine;
    struct audio_mem *mem, *better; /* better: what a second opening gets; NULL: it fails */
    struct media_conference *conference;
    struct line line[CALLS];
    bool conference_closed;
};

static void conference_over(void *arg)
{
    ((struct room *) arg)->conference_closed = true;
}

static void peer_says(void *arg, int16_t *pcm, size_t n)
{
    struct line *l = arg;
    for (size_t i = 0; i < n; i++, l->said++)
        pcm[i] = l->talking ? (int16_t) lrint(8000 * sin(2 * PI * 500 * (double) l->said / l->hz)) : 0;
}

/* Of a window's sound, which is forgotten. */
static double goertzel_power(struct goertzel *g)
{
    double power = g->a * g->a + g->b * g->b - g->cos2 * g->a * g->b;
    g->a = g->b = 0;
    return power;
}

static void peer_hears(void *arg, const int16_t *pcm, size_t n)
{
    struct line *l = arg;
    size_t window = l->hz / 200;
    for (size_t i = 0; i < n && l->listening; i++) {
        double next = pcm[i] + l->high.cos2 * l->high.a - l->high.b;
        l->high.b = l->high.a;
        l->high.a = next;
        l->power += (double) pcm[i] * pcm[i];
        if (++l->n < window)
            continue;
        l->least = fmin(l->least, sqrt(l->power / (double) window));
        l->most = fmax(l->most, sqrt(l->power / (double) window));
        l->high_power += goertzel_power(&l->high) / ((double) window * (double) window / 4);
        l->windows++;
        l->power = 0;
        l->n = 0;
    }
}

static void listen(struct line *l)
{
    *l = (struct line){ .pair = l->pair,
                        .listening = true,
                        .talking = l->talking,
                        .hz = l->hz,
                        .said = l->said,
                        .high = { .cos2 = 2 * cos(2 * PI * SECOND_HZ / l->hz) },
                        .least = 1e9 };
    l->pair.hints = 0;
}

static enum ahoy_err line_open(struct room *r, struct line *l, const char *ip, const char *codec)
{
    l->hz = l->hz > 0 ? l->hz : HZ;
    struct pair_config cfg = {
        .sim = r->sim,
        .engine = r->engine,
        .mem = r->mem,
        .ip = ip,
        .codec = codec,
        .endpoint = { .rate_hz = l->hz, .read = peer_says, .write = peer_hears, .arg = l },
    };
    return pair_open(&l->pair, &cfg);
}

/* Two calls, G.711 first, and a tone at the microphone. */
static enum ahoy_err calls_open(struct room *r, uint32_t second_hz)
{
    int16_t tone[PERIOD];
    struct audio_mem_clock clock = { .period_us = 5000, .capture_ppm = 40, .playback_ppm = -30, .seed = 4 };
    *r = (struct room){ .line[1].hz = second_hz };
    for (int i = 0; i < PERIOD; i++)
        tone[i] = (int16_t) lrint(8000 * sin(2 * PI * i / PERIOD));
    enum ahoy_err err = sim_create(&r->sim, 3);
    if (!err)
        err = pair_engine(r->sim, "192.0.2.1", &r->loop, &r->engine);
    if (!err)
        err = audio_mem_create(&r->mem, tone, PERIOD, true, 40 * HZ);
    if (err)
        return err;
    audio_mem_set_clock(r->mem, &clock); /* that opens once at a time, as ALSA's do */
    if ((err = line_open(r, &r->line[0], "192.0.2.11", "pcmu"))
        || (err = line_open(r, &r->line[1], "192.0.2.12", "opus")))
        return err;
    sim_run(r->sim, SYS_S(1));
    return AHOY_OK;
}

static enum ahoy_err join_calls(struct room *r)
{
    enum ahoy_err err;
    struct media_conference_handler handler = { .closed = conference_over, .arg = r };
    struct media_conference_config cfg = { .near = r->line[0].pair.ours, .local = true };
    if ((err = media_conference_create(&r->conference, r->engine, &cfg, &handler))
        || (err = media_conference_join(r->conference, r->line[0].pair.ours)))
        return err;
    return media_conference_join(r->conference, r->line[1].pair.ours);
}

static enum ahoy_err room_open(struct room *r)
{
    enum ahoy_err err = calls_open(r, HZ);
    return err ? err : join_calls(r);
}

/* The machine lets the device be opened twice; at 48 kHz the microphone hears a second tone. */
static enum ahoy_err room_improve(struct room *r)
{
    int16_t tone[WIDE_PERIOD];
    struct audio_mem_clock clock = { .period_us = 5000, .capture_ppm = 40, .playback_ppm = -30, .seed = 5 };
    for (int i = 0; i < WIDE_PERIOD; i++)
        tone[i] = (int16_t) lrint(8000 * sin(2 * PI * i / WIDE_PERIOD)
                                  + 6000 * sin(2 * PI * SECOND_HZ * (double) i / WIDE_HZ));
    enum ahoy_err err = audio_mem_create(&r->better, tone, WIDE_PERIOD, true, 40 * WIDE_HZ);
    if (err)
        return err;
    audio_mem_set_clock(r->better, &clock);
    audio_mem_set_second(r->mem, r->better);
    return AHOY_OK;
}

/* Amplitude of the second tone in what was heard since `listen`. */
static double second_tone(const struct line *l)
{
    return sqrt(l->high_power / (double) AHOY_MAX(l->windows, (size_t) 1));
}

static void close_conference(struct room *r)
{
    if (r->conference)
        media_conference_close(r->conference);
    r->conference = NULL;
}

static void room_close(struct t *t, struct room *r)
{
    close_conference(r);
    for (int i = 0; i < CALLS; i++)
        T_ALWAYS(pair_end(&r->line[i].pair, r->sim));
out:
    for (int i = 0; i < CALLS; i++)
        pair_free(&r->line[i].pair);
    media_engine_destroy(r->engine);
    if (r->loop)
        sys_loop_destroy(r->loop);
    sim_destroy(r->sim);
    audio_mem_destroy(r->mem);
    audio_mem_destroy(r->better);
}

static void show(const char *what, const struct line *l)
{
    if (getenv("AHOY_TEST_FIGURES"))
        printf("    %s: %.0f to %.0f, device in %.1f out %.1f ms, speech %.2f\n", what, l->least, l->most,
               l->pair.stats.device_in_ms, l->pair.stats.device_out_ms, l->pair.stats.mic_speech);
}

/* The tone is not torn for anybody: the device is not opened anew when calls are joined, and when its call ends. */
static void test_the_device_runs_on_when_its_call_ends(struct t *t)
{
    struct room r;
    T_OK(room_open(&r));
    sim_run(r.sim, SYS_S(2));
    struct line *left = &r.line[1];
    listen(left);
    sim_run(r.sim, SYS_S(1));
    uint64_t before = audio_mem_read_count(r.mem);
    pair_hang_up(&r.line[0].pair); /* as ua/call.c does: the call first, then what is left of the conference */
    close_conference(&r);
    sim_run(r.sim, SYS_S(3));
    show("left", left);
    T_NEAR((double) (audio_mem_read_count(r.mem) - before), 3 * HZ, HZ / 50);
    T_CHECK(left->least > 0.8 * left->most); /* no gap, and nothing left out */
    T_CHECK(media_session_stats(left->pair.ours)->clock_known
            || media_session_stats(left->pair.ours)->device_in_ms >= 0);
    T_EQ(media_session_stats(left->pair.ours)->lost, 0);
out:
    room_close(t, &r);
}

/* It goes to the next member within a conference, too, and back to a call that is taken out of it. */
static void test_a_call_that_leaves_keeps_its_device(struct t *t)
{
    struct room r;
    T_OK(room_open(&r));
    sim_run(r.sim, SYS_S(2));
    struct line *first = &r.line[0];
    listen(first);
    sim_run(r.sim, SYS_S(1));
    T_OK(media_conference_part(r.conference, first->pair.ours));
    close_conference(&r);
    sim_run(r.sim, SYS_S(2));
    show("first", first);
    T_CHECK(first->least > 0.8 * first->most && first->least > 3000);
out:
    room_close(t, &r);
}

/* Whichever call was muted, and whosever device it is. */
static void test_who_speaks_while_muted_is_told_in_a_conference_too(struct t *t)
{
    struct room r;
    T_OK(room_open(&r));
    sim_run(r.sim, SYS_S(3));
    T_EQ(r.line[0].pair.hints + r.line[1].pair.hints, 0);
    media_session_set_mute(r.line[1].pair.ours, true);
    sim_run(r.sim, SYS_S(5));
    T_EQ(r.line[0].pair.hints, 0);
    T_EQ(r.line[1].pair.hints, 1);
    media_session_set_mute(r.line[1].pair.ours, false);
    media_session_set_mute(r.line[0].pair.ours, true);
    sim_run(r.sim, SYS_S(10));
    T_EQ(r.line[0].pair.hints, 1);
    T_EQ(r.line[1].pair.hints, 1);
    listen(&r.line[1]);
    sim_run(r.sim, SYS_S(1));
    T_LE(r.line[1].most, 50); /* it is muted */
out:
    room_close(t, &r);
}

/* The weakest 5 ms that both loudspeakers together played in the time, as amplitude. */
static double weakest_played(const struct room *r, int64_t then_us, size_t n_then, int64_t to_us)
{
    size_t n, n_all;
    double least = 1e18;
    const int16_t *first = audio_mem_heard(r->mem, &n_all);
    const int16_t *second = audio_mem_heard(r->better, &n);
    for (int64_t at = then_us; at < to_us - 5000; at += 2500) {
        double power = 0;
        int64_t from = (int64_t) n_then + (at - then_us) * HZ / 1000000;
        for (int64_t i = from; i < from + HZ / 200 && i < (int64_t) n_all; i++)
            power += (double) first[i] * first[i] / (HZ / 200);
        from = (int64_t) n - (to_us - at) * WIDE_HZ / 1000000;
        for (int64_t i = AHOY_MAX(from, (int64_t) 0); i < from + WIDE_HZ / 200 && i < (int64_t) n; i++)
            power += (double) second[i] * second[i] / (WIDE_HZ / 200);
        least = fmin(least, sqrt(power));
    }
    return least;
}

/* G.711 comes first and Opus later: the device changes under way, the others hear all of us, and nobody hears how. */
static void test_a_better_device_comes_in_under_way(struct t *t)
{
    struct room r;
    size_t n_then;
    T_OK(calls_open(&r, WIDE_HZ));
    T_OK(room_improve(&r));
    r.line[1].talking = true;
    T_OK(join_calls(&r));
    sim_run(r.sim, SYS_MS(130));
    (void) audio_mem_heard(r.mem, &n_then);
    int64_t then_us = sys_now_us(r.loop);
    struct line *narrow = &r.line[0], *wide = &r.line[1];
    listen(narrow);
    listen(wide);
    sim_run(r.sim, SYS_MS(1500));
    show("G.711", narrow);
    show("Opus", wide);
    double least = weakest_played(&r, then_us, n_then, sys_now_us(r.loop));
    if (getenv("AHOY_TEST_FIGURES"))
        printf("    our loudspeaker: at least %.0f\n", least);
    T_CHECK(narrow->least > 0.5 * 5600 && wide->least > 0.5 * 5600);
    T_CHECK(least > 0.3 * 5600); /* with not a millisecond between them the two would be exact */
    listen(wide);
    sim_run(r.sim, SYS_MS(500));
    if (getenv("AHOY_TEST_FIGURES"))
        printf("    at 6 kHz: %.0f\n", second_tone(wide));
    T_CHECK(second_tone(wide) > 3000);
    size_t n_now, n_later;
    (void) audio_mem_heard(r.mem, &n_now); /* the one before is closed by now */
    sim_run(r.sim, SYS_MS(100));
    (void) audio_mem_heard(r.mem, &n_later);
    T_EQ(n_now, n_later);
    pair_hang_up(&r.line[1].pair); /* it never gets worse again */
    close_conference(&r);
    listen(narrow);
    uint64_t before = audio_mem_read_count(r.better);
    sim_run(r.sim, SYS_S(1));
    T_NEAR((double) (audio_mem_read_count(r.better) - before), WIDE_HZ, WIDE_HZ / 50);
out:
    room_close(t, &r);
}

/* So it is in a call by itself that gets a better codec; and with a worse one again the device stays. */
static void test_a_better_codec_gets_a_better_device(struct t *t)
{
    struct room r;
    struct media_codecs opus;
    T_OK(calls_open(&r, HZ));
    T_OK(room_improve(&r));
    struct line *l = &r.line[0];
    T_OK(media_codecs_parse(VIEW("opus"), &opus));
    media_session_set_codecs(l->pair.ours, &opus);
    media_session_set_codecs(l->pair.theirs, &opus);
    T_OK(pair_agree(&l->pair));
    sim_run(r.sim, SYS_MS(130));
    listen(l);
    sim_run(r.sim, SYS_S(1));
    show("alone", l);
    T_CHECK(l->least > 0.5 * 5600);
    media_session_set_codecs(l->pair.ours, &l->pair.codecs);
    media_session_set_codecs(l->pair.theirs, &l->pair.codecs);
    T_OK(pair_agree(&l->pair));
    sim_run(r.sim, SYS_MS(130));
    uint64_t before = audio_mem_read_count(r.better);
    sim_run(r.sim, SYS_S(1));
    T_NEAR((double) (audio_mem_read_count(r.better) - before), WIDE_HZ, WIDE_HZ / 50);
out:
    room_close(t, &r);
}

/* A device that opens once at a time stays, and all is as it was. */
static void test_without_a_second_opening_the_device_stays(struct t *t)
{
    struct room r;
    T_OK(calls_open(&r, WIDE_HZ));
    T_OK(join_calls(&r));
    sim_run(r.sim, SYS_MS(130));
    listen(&r.line[1]);
    sim_run(r.sim, SYS_S(2));
    T_CHECK(r.line[1].least > 0.5 * 5600);
    T_LE(second_tone(&r.line[1]), 100);
out:
    room_close(t, &r);
}

T_MAIN(T_STRIDE(test_the_device_runs_on_when_its_call_ends, 11), T_STRIDE(test_a_call_that_leaves_keeps_its_device, 31),
       T_STRIDE(test_a_better_device_comes_in_under_way, 29), T_STRIDE(test_a_better_codec_gets_a_better_device, 31),
       T_PLAIN(test_without_a_second_opening_the_device_stays),
       T_PLAIN(test_who_speaks_while_muted_is_told_in_a_conference_too))
