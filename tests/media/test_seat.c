/*
 * The local user's seat in a conference, with a live device under virtual time: it runs on, whichever call of the
 * conference ends, and who speaks while muted is told.
 */
#include "support/t.h"
#include "audio/device.h"
#include "base/mem.h"
#include "media/conference.h"
#include "sys/sim.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { HZ = 8000, PERIOD = 20 /* of a tone of 400 Hz */, WINDOW = HZ / 200, CALLS = 2 };

/* One call: we at one end, a peer's endpoint at the other. */
struct line {
    struct room *room;
    struct media_session *ours, *theirs;
    struct media_engine *engine; /* the peer's */
    struct sys_loop *loop;
    struct media_codecs codecs;
    bool closed_ours, closed_theirs;
    enum ahoy_err err;
    unsigned hints;
    struct media_stats stats; /* of ours, at its end */
    /* What the peer hears: the weakest and the loudest stretch of 5 ms. */
    bool listening;
    double power, least, most;
    size_t n;
};

struct room {
    struct sim *sim;
    struct sys_loop *loop;
    struct media_engine *engine;
    struct audio_mem *mem;
    struct media_conference *conference;
    struct line line[CALLS];
    bool conference_closed;
};

static void on_ready(void *arg, enum ahoy_err err, const char *why)
{
    (void) why;
    ((struct line *) arg)->err = err;
}

static void ours_closed(void *arg, const struct media_stats *stats)
{
    struct line *l = arg;
    l->closed_ours = true;
    l->stats = *stats;
}

static void theirs_closed(void *arg, const struct media_stats *stats)
{
    (void) stats;
    ((struct line *) arg)->closed_theirs = true;
}

static void on_muted_speech(void *arg)
{
    ((struct line *) arg)->hints++;
}

static void conference_over(void *arg)
{
    ((struct room *) arg)->conference_closed = true;
}

static void peer_says(void *arg, int16_t *pcm, size_t n)
{
    (void) arg;
    memset(pcm, 0, n * sizeof *pcm);
}

static void peer_hears(void *arg, const int16_t *pcm, size_t n)
{
    struct line *l = arg;
    for (size_t i = 0; i < n && l->listening; i++) {
        l->power += (double) pcm[i] * pcm[i];
        if (++l->n < WINDOW)
            continue;
        l->least = fmin(l->least, sqrt(l->power / WINDOW));
        l->most = fmax(l->most, sqrt(l->power / WINDOW));
        l->power = 0;
        l->n = 0;
    }
}

static void listen(struct line *l)
{
    *l = (struct line){ .room = l->room,
                        .ours = l->ours,
                        .theirs = l->theirs,
                        .engine = l->engine,
                        .loop = l->loop,
                        .codecs = l->codecs,
                        .closed_ours = l->closed_ours,
                        .closed_theirs = l->closed_theirs,
                        .listening = true,
                        .least = 1e9 };
}

static enum ahoy_err exchange(struct line *l)
{
    struct buf offer, answer;
    struct sdp_error why;
    buf_init(&offer, 8192);
    buf_init(&answer, 8192);
    enum ahoy_err err = media_session_offer(l->ours, &offer);
    if (!err)
        err = media_session_answer(l->theirs, buf_content(&offer), &answer, &why);
    if (!err)
        err = media_session_apply(l->ours, buf_content(&answer), true, &why);
    if (err)
        media_session_rollback(l->ours);
    buf_fini(&offer);
    buf_fini(&answer);
    return err;
}

static enum ahoy_err line_open(struct room *r, struct line *l, const char *ip, const char *codec)
{
    struct sys_host *host;
    struct media_session_config ours = { .sound = MEDIA_SOUND_DEVICE, .mem = r->mem };
    struct media_session_config theirs = { .sound = MEDIA_SOUND_ENDPOINT };
    struct media_handler at_ours = {
        .ready = on_ready, .closed = ours_closed, .muted_speech = on_muted_speech, .arg = l
    };
    struct media_handler at_theirs = { .ready = on_ready, .closed = theirs_closed, .arg = l };
    l->room = r;
    enum ahoy_err err = media_codecs_parse(view_str(codec), &l->codecs);
    if (!err && !(err = sim_host(r->sim, ip, &host)))
        err = sys_loop_create(host, &l->loop);
    struct media_engine_config engine = { .loop = l->loop };
    if (!err)
        err = media_engine_create(&l->engine, &engine);
    if (!err && !(err = addr_parse_ip(VIEW("192.0.2.1"), &ours.local)))
        err = addr_parse_ip(view_str(ip), &theirs.local);
    ours.device.kind = AUDIO_MEM;
    ours.codecs = theirs.codecs = l->codecs;
    theirs.endpoint = (struct media_endpoint){ .rate_hz = HZ, .read = peer_says, .write = peer_hears, .arg = l };
    if (!err)
        err = media_session_open(&l->ours, r->engine, &ours, &at_ours);
    if (!err)
        err = media_session_open(&l->theirs, l->engine, &theirs, &at_theirs);
    if (err)
        return err;
    sim_run(r->sim, SYS_MS(5));
    return l->err ? l->err : exchange(l);
}

/* A conference of two calls, G.711 first, and a tone at the microphone. */
static enum ahoy_err room_open(struct room *r)
{
    int16_t tone[PERIOD];
    struct sys_host *host;
    struct audio_mem_clock clock = { .period_us = 5000, .capture_ppm = 40, .playback_ppm = -30, .seed = 4 };
    struct media_conference_handler handler = { .closed = conference_over, .arg = r };
    *r = (struct room){ .sim = NULL };
    for (int i = 0; i < PERIOD; i++)
        tone[i] = (int16_t) lrint(8000 * sin(2 * 3.14159265358979 * i / PERIOD));
    enum ahoy_err err = sim_create(&r->sim, 3);
    if (!err && !(err = sim_host(r->sim, "192.0.2.1", &host)))
        err = sys_loop_create(host, &r->loop);
    struct media_engine_config engine = { .loop = r->loop };
    if (!err)
        err = media_engine_create(&r->engine, &engine);
    if (!err)
        err = audio_mem_create(&r->mem, tone, PERIOD, true, 40 * HZ);
    if (err)
        return err;
    audio_mem_set_clock(r->mem, &clock); /* that opens once at a time, as ALSA's do */
    if ((err = line_open(r, &r->line[0], "192.0.2.11", "pcmu"))
        || (err = line_open(r, &r->line[1], "192.0.2.12", "opus")))
        return err;
    sim_run(r->sim, SYS_S(1));
    struct media_conference_config cfg = { .near = r->line[0].ours, .local = true };
    if ((err = media_conference_create(&r->conference, r->engine, &cfg, &handler))
        || (err = media_conference_join(r->conference, r->line[0].ours)))
        return err;
    return media_conference_join(r->conference, r->line[1].ours);
}

static void close_conference(struct room *r)
{
    if (r->conference)
        media_conference_close(r->conference);
    r->conference = NULL;
}

static void end_call(struct line *l)
{
    if (l->ours)
        media_session_close(l->ours);
    l->ours = NULL;
}

static void room_close(struct t *t, struct room *r)
{
    close_conference(r);
    for (int i = 0; i < CALLS; i++) {
        struct line *l = &r->line[i];
        bool ours = l->ours || l->closed_ours;
        end_call(l);
        if (l->theirs)
            media_session_close(l->theirs);
        if (r->sim)
            sim_run(r->sim, SYS_S(1));
        T_ALWAYS(!ours || l->closed_ours);
        T_ALWAYS(!l->theirs || l->closed_theirs);
    }
out:
    for (int i = 0; i < CALLS; i++) {
        media_engine_destroy(r->line[i].engine);
        if (r->line[i].loop)
            sys_loop_destroy(r->line[i].loop);
    }
    media_engine_destroy(r->engine);
    if (r->loop)
        sys_loop_destroy(r->loop);
    sim_destroy(r->sim);
    audio_mem_destroy(r->mem);
}

static void show(const char *what, const struct line *l)
{
    if (getenv("AHOY_TEST_FIGURES"))
        printf("    %s: %.0f to %.0f, device in %.1f out %.1f ms, speech %.2f\n", what, l->least, l->most,
               l->stats.device_in_ms, l->stats.device_out_ms, l->stats.mic_speech);
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
    end_call(&r.line[0]); /* as ua/call.c does: the call first, then what is left of the conference */
    close_conference(&r);
    sim_run(r.sim, SYS_S(3));
    show("left", left);
    T_NEAR((double) (audio_mem_read_count(r.mem) - before), 3 * HZ, HZ / 50);
    T_CHECK(left->least > 0.5 * left->most); /* no gap: only the mixer's queue is left out */
    T_CHECK(media_session_stats(left->ours)->clock_known || media_session_stats(left->ours)->device_in_ms >= 0);
    T_EQ(media_session_stats(left->ours)->lost, 0);
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
    T_OK(media_conference_part(r.conference, first->ours));
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
    T_EQ(r.line[0].hints + r.line[1].hints, 0);
    media_session_set_mute(r.line[1].ours, true);
    sim_run(r.sim, SYS_S(5));
    T_EQ(r.line[0].hints, 0);
    T_EQ(r.line[1].hints, 1);
    media_session_set_mute(r.line[1].ours, false);
    media_session_set_mute(r.line[0].ours, true);
    sim_run(r.sim, SYS_S(10));
    T_EQ(r.line[0].hints, 1);
    T_EQ(r.line[1].hints, 1);
    listen(&r.line[1]);
    sim_run(r.sim, SYS_S(1));
    T_LE(r.line[1].most, 50); /* it is muted */
out:
    room_close(t, &r);
}

T_MAIN(T_STRIDE(test_the_device_runs_on_when_its_call_ends, 11), T_STRIDE(test_a_call_that_leaves_keeps_its_device, 31),
       T_PLAIN(test_who_speaks_while_muted_is_told_in_a_conference_too))
