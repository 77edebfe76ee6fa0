/*
 * Calls are joined, held, resumed, and go on by themselves again, and who talks hears none of it: whole conversations with a
 * live device under virtual time, at rates that are mixed.
 */
#include "support_pair.h"

#include "audio/device.h"
#include "audio/pitch.h"
#include "base/mem.h"
#include "media/conference.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PI 3.14159265358979323846

enum { CALLS = 2, SECONDS = 8, MOST = 48000 * SECONDS, AMPLITUDE = 8000 };

/* What somebody says: a tone, or a voice. */
struct source {
    uint32_t hz;
    double tone_hz; /* 0: the voice */
    bool silent;
    uint64_t said;
};

struct line {
    struct pair pair;
    struct source source;
    int16_t *heard; /* what the peer heard, [MOST] */
    size_t n;
};

struct room {
    struct sim *sim;
    struct sys_loop *loop;
    struct media_engine *engine;
    struct audio_mem *mem;
    struct media_conference *conference;
    struct line line[CALLS];
    uint32_t device_hz;
};

/* ---- sounds ------------------------------------------------------------------------------------------------------ */

/*
 * A voice of vowels: some harmonics of a pitch that moves, in syllables of 180 ms with pauses between, each of its own colour, so
 * that a stretch of it is found nowhere else.
 */
static double voice_at(double t)
{
    double syllable = t / 0.18, part = syllable - floor(syllable);
    double envelope = part < 0.8 ? sin(PI * part / 0.8) : 0;
    double phase = 2 * PI * (120 * t + 6 * sin(2 * PI * 0.9 * t) + 0.8 * sin(2 * PI * 3.1 * t)), sum = 0;
    for (int h = 1; h <= 12; h++)
        sum += sin(h * phase + h) * (0.4 + 0.6 * sin(h * 1.7 + 1.3 * floor(syllable))) / (1 + 0.3 * h);
    return 0.5 * envelope * sum;
}

static int16_t sample_of(const struct source *s, uint64_t at)
{
    double t = (double) at / s->hz;
    double x = s->silent ? 0 : s->tone_hz > 0 ? sin(2 * PI * s->tone_hz * t) : voice_at(t);
    return (int16_t) lrint(AMPLITUDE * x);
}

static void peer_says(void *arg, int16_t *pcm, size_t n)
{
    struct source *s = &((struct line *) arg)->source;
    for (size_t i = 0; i < n; i++)
        pcm[i] = sample_of(s, s->said++);
}

static void peer_hears(void *arg, const int16_t *pcm, size_t n)
{
    struct line *l = arg;
    n = AHOY_MIN(n, MOST - l->n);
    memcpy(l->heard + l->n, pcm, n * sizeof *pcm);
    l->n += n;
}

/* ---- the room ---------------------------------------------------------------------------------------------------- */

static void conference_over(void *arg)
{
    (void) arg;
}

static enum ahoy_err line_open(struct room *r, struct line *l, const char *ip, const char *codec)
{
    struct pair_config cfg = {
        .sim = r->sim,
        .engine = r->engine,
        .mem = r->mem,
        .ip = ip,
        .codec = codec,
        .endpoint = { .rate_hz = l->source.hz, .read = peer_says, .write = peer_hears, .arg = l },
    };
    l->heard = mem_zalloc(MOST * sizeof *l->heard);
    return l->heard ? pair_open(&l->pair, &cfg) : AHOY_ERR_NOMEM;
}

/* What is said, by us and by the two peers; tone_hz of a voice is 0. */
struct scene {
    uint32_t hz[CALLS];
    double ours_hz, theirs_hz;
    unsigned speaker; /* whose peer speaks */
    int64_t phase_us; /* of what happens, against the grid of 10 ms */
};

static enum ahoy_err microphone_open(struct room *r, const struct scene *c)
{
    struct audio_mem_clock clock = { .period_us = 5000, .capture_ppm = 40, .playback_ppm = -30, .seed = 4 };
    struct source us = { .hz = c->hz[0], .tone_hz = c->ours_hz };
    int16_t *said = mem_alloc((size_t) us.hz * SECONDS * sizeof *said);
    if (!said)
        return AHOY_ERR_NOMEM;
    for (size_t i = 0; i < (size_t) us.hz * SECONDS; i++)
        said[i] = sample_of(&us, i);
    enum ahoy_err err = audio_mem_create(&r->mem, said, (size_t) us.hz * SECONDS, true, MOST);
    mem_free(said);
    if (!err)
        audio_mem_set_clock(r->mem, &clock);
    return err;
}

/* Two calls, the first of them under way, the second on hold. */
static enum ahoy_err room_open(struct room *r, const struct scene *c)
{
    char codec[2][16];
    *r = (struct room){ .device_hz = c->hz[0] };
    enum ahoy_err err = sim_create(&r->sim, 3);
    if (!err)
        err = pair_engine(r->sim, "192.0.2.1", &r->loop, &r->engine);
    if (!err)
        err = microphone_open(r, c);
    for (unsigned i = 0; i < CALLS && !err; i++) {
        r->line[i].source = (struct source){ .hz = c->hz[i], .tone_hz = c->theirs_hz, .silent = i != c->speaker };
        (void) snprintf(codec[i], sizeof codec[i], "l16/%u", (unsigned) c->hz[i]);
        err = line_open(r, &r->line[i], i == 0 ? "192.0.2.11" : "192.0.2.12", codec[i]);
    }
    if (err)
        return err;
    media_session_set_hold(r->line[1].pair.ours, true);
    sim_run(r->sim, SYS_MS(1500) + c->phase_us);
    return AHOY_OK;
}

static enum ahoy_err join_calls(struct room *r)
{
    struct media_conference_handler handler = { .closed = conference_over };
    struct media_conference_config cfg = { .near = r->line[0].pair.ours, .local = true };
    enum ahoy_err err = media_conference_create(&r->conference, r->engine, &cfg, &handler);
    for (unsigned i = 0; i < CALLS && !err; i++)
        err = media_conference_join(r->conference, r->line[i].pair.ours);
    media_session_set_hold(r->line[1].pair.ours, false);
    return err;
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
    for (int i = 0; i < CALLS; i++) {
        pair_free(&r->line[i].pair);
        mem_free(r->line[i].heard);
    }
    media_engine_destroy(r->engine);
    if (r->loop)
        sys_loop_destroy(r->loop);
    sim_destroy(r->sim);
    audio_mem_destroy(r->mem);
}

/* ---- what is heard ----------------------------------------------------------------------------------------------- */

/* A stretch of what somebody heard. */
struct stretch {
    const int16_t *x;
    size_t n;
    uint32_t hz;
};

static struct stretch peer_heard(const struct line *l, size_t from)
{
    return (struct stretch){ .x = l->heard + from, .n = l->n - from, .hz = l->source.hz };
}

static struct stretch we_heard(const struct room *r, size_t from)
{
    size_t n;
    const int16_t *x = audio_mem_heard(r->mem, &n);
    return (struct stretch){ .x = x + from, .n = n - from, .hz = r->device_hz };
}

static size_t heard_by_us(const struct room *r)
{
    size_t n;
    (void) audio_mem_heard(r->mem, &n);
    return n;
}

struct wear {
    double click;       /* the largest departure of a sample from its neighbours' tone, of the amplitude */
    double least, most; /* the weakest and the loudest 5 ms, of the tone's level */
    size_t at[2];       /* milliseconds: where the click is, and the weakest */
};

/* A steady tone satisfies x[i+1] + x[i-1] = 2 cos(w) x[i]; a step of s in it departs by s. */
static struct wear wear_of(const struct stretch *s, double tone_hz)
{
    struct wear w = { .least = 1e9 };
    double twice = 2 * cos(2 * PI * tone_hz / s->hz);
    size_t window = s->hz / 200;
    for (size_t i = 1; i + 1 < s->n; i++) {
        double off = fabs(s->x[i + 1] + s->x[i - 1] - twice * s->x[i]) / AMPLITUDE;
        if (off > w.click) {
            w.click = off;
            w.at[0] = i * 1000 / s->hz;
        }
    }
    for (size_t at = 0; at + window <= s->n; at += window / 2) {
        double power = 0;
        for (size_t i = at; i < at + window; i++)
            power += 2.0 * s->x[i] * s->x[i] / ((double) window * AMPLITUDE * AMPLITUDE);
        if (sqrt(power) < w.least)
            w.at[1] = at * 1000 / s->hz;
        w.least = fmin(w.least, sqrt(power));
        w.most = fmax(w.most, sqrt(power));
    }
    return w;
}

static void show(const char *what, const struct wear *w)
{
    if (getenv("AHOY_TEST_FIGURES"))
        printf("    %s: click %.3f at %zu ms, level %.3f at %zu ms, to %.3f\n", what, w->click, w->at[0], w->least,
               w->at[1], w->most);
}

static void check_wear(struct t *t, const char *what, const struct stretch *s, double tone_hz)
{
    struct wear w = wear_of(s, tone_hz);
    show(what, &w);
    T_CHECK(w.click < 0.15);
    T_CHECK(w.least > 0.8 && w.most < 1.25); /* over 5 ms of a few periods even an unhurt tone departs by a tenth */
out:
    return;
}

/* Of two tones at once: what departs from both. */
static double click_of_two(const struct stretch *s, double first_hz, double second_hz)
{
    double a = 2 * cos(2 * PI * first_hz / s->hz), b = 2 * cos(2 * PI * second_hz / s->hz), most = 0;
    for (size_t i = 2; i + 2 < s->n; i++) {
        const int16_t *x = s->x + i;
        double off = x[2] + x[-2] - (a + b) * (x[1] + x[-1]) + (2 + a * b) * x[0];
        most = fmax(most, fabs(off) / AMPLITUDE);
    }
    if (getenv("AHOY_TEST_FIGURES"))
        printf("    two tones: click %.3f\n", most);
    return most;
}

/*
 * All that was said is heard, in order: each piece of 20 ms is looked for behind where the one before was found, up to
 * 60 ms further on. Returns the share that is found.
 */
static double found(const struct stretch *s, const struct source *said, uint64_t from, uint64_t to)
{
    int16_t piece[48 * 20];
    size_t n = s->hz / 50, at = 0, pieces = 0, good = 0;
    struct source spoken = *said;
    spoken.hz = s->hz;
    for (uint64_t k = from; k + n <= to; k += n) {
        double best = -1, level = 0;
        size_t where = at;
        for (size_t i = 0; i < n; i++)
            piece[i] = sample_of(&spoken, k + i);
        for (size_t i = 0; i < n; i++)
            level += (double) piece[i] * piece[i] / (double) n;
        if (level < 300.0 * 300.0) {
            at += n;
            continue;
        }
        size_t reach = pieces == 0 ? s->n : AHOY_MIN(s->n, at + n + s->hz * 3 / 50);
        for (size_t i = at > s->hz / 50 ? at - s->hz / 50 : 0; i + n <= reach; i++) {
            double like = pitch_ncc(s->x + i, piece, n);
            if (like > best) {
                best = like;
                where = i;
            }
        }
        pieces++;
        good += best > 0.9;
        at = where + n;
        if (getenv("AHOY_TEST_FIGURES") && best <= 0.9)
            printf("    not found: %.2f at %.0f ms\n", best, (double) (k - from) * 1000 / s->hz);
    }
    return pieces > 0 ? (double) good / (double) pieces : 0;
}

static const uint32_t rates[][CALLS] = { { 8000, 16000 },  { 8000, 8000 },  { 16000, 8000 },
                                         { 16000, 48000 }, { 48000, 8000 }, { 48000, 48000 } };

/* We talk with one peer, and another call comes in; then it ends, and we go on with the first. */
static void test_a_conversation_goes_on_when_another_joins_and_leaves(struct t *t)
{
    struct room r;
    for (size_t i = 0; i < AHOY_COUNT(rates); i++) {
        struct scene scene = {
            .hz = { rates[i][0], rates[i][1] }, .ours_hz = 437, .theirs_hz = 610, .phase_us = (int64_t) i * 1700
        };
        char what[80];
        T_OK(room_open(&r, &scene));
        size_t theirs = r.line[0].n - scene.hz[0] / 50, ours = heard_by_us(&r) - scene.hz[0] / 50;
        T_OK(join_calls(&r));
        sim_run(r.sim, SYS_MS(900));
        struct stretch peer = peer_heard(&r.line[0], theirs), we = we_heard(&r, ours);
        (void) snprintf(what, sizeof what, "%u with %u, joining: the peer", scene.hz[0], scene.hz[1]);
        check_wear(t, what, &peer, scene.ours_hz);
        check_wear(t, "  we", &we, scene.theirs_hz);
        struct stretch newcomer = peer_heard(&r.line[1], 0); /* who joins hears both begin */
        T_CHECK(click_of_two(&newcomer, scene.ours_hz, scene.theirs_hz) < 0.1);
        theirs = r.line[0].n - scene.hz[0] / 50, ours = heard_by_us(&r) - scene.hz[0] / 50;
        pair_hang_up(&r.line[1].pair);
        close_conference(&r);
        sim_run(r.sim, SYS_MS(900));
        peer = peer_heard(&r.line[0], theirs), we = we_heard(&r, ours);
        check_wear(t, "  leaving: the peer", &peer, scene.ours_hz);
        check_wear(t, "  we", &we, scene.theirs_hz);
        room_close(t, &r);
        r = (struct room){ 0 };
    }
    return;
out:
    room_close(t, &r);
}

/* The first one's call ends, whose device it was: the other two hear each other on. */
static void test_the_owner_of_the_device_leaves(struct t *t)
{
    struct room r;
    for (size_t i = 0; i < AHOY_COUNT(rates); i++) {
        struct scene scene = { .hz = { rates[i][0], rates[i][1] },
                               .ours_hz = 437,
                               .theirs_hz = 610,
                               .speaker = 1,
                               .phase_us = (int64_t) i * 1700 };
        char what[80];
        T_OK(room_open(&r, &scene));
        T_OK(join_calls(&r));
        sim_run(r.sim, SYS_MS(1500));
        size_t theirs = r.line[1].n - scene.hz[1] / 50, ours = heard_by_us(&r) - scene.hz[0] / 50;
        pair_hang_up(&r.line[0].pair);
        close_conference(&r);
        sim_run(r.sim, SYS_MS(900));
        struct stretch peer = peer_heard(&r.line[1], theirs), we = we_heard(&r, ours);
        (void) snprintf(what, sizeof what, "%u with %u, the owner leaves: the peer", scene.hz[0], scene.hz[1]);
        check_wear(t, what, &peer, scene.ours_hz);
        check_wear(t, "  we", &we, scene.theirs_hz);
        room_close(t, &r);
        r = (struct room){ 0 };
    }
    return;
out:
    room_close(t, &r);
}

/* Voices: both sides hear every piece of the other's, whoever comes and goes. */
static void test_nothing_of_a_voice_is_lost(struct t *t)
{
    struct room r;
    for (size_t i = 0; i < AHOY_COUNT(rates); i++) {
        struct scene scene = { .hz = { rates[i][0], rates[i][1] }, .phase_us = (int64_t) i * 1700 };
        T_OK(room_open(&r, &scene));
        struct source us = { .hz = scene.hz[0] }, them = r.line[0].source;
        uint64_t we_began = audio_mem_read_count(r.mem), they_began = them.said;
        size_t theirs = r.line[0].n, ours = heard_by_us(&r);
        sim_run(r.sim, SYS_MS(400));
        T_OK(join_calls(&r));
        sim_run(r.sim, SYS_MS(700));
        pair_hang_up(&r.line[1].pair);
        close_conference(&r);
        sim_run(r.sim, SYS_MS(900));
        struct stretch peer = peer_heard(&r.line[0], theirs), we = we_heard(&r, ours);
        double of_us = found(&peer, &us, we_began, we_began + us.hz * 8 / 5);
        double of_them = found(&we, &them, they_began, they_began + them.hz * 8 / 5);
        if (getenv("AHOY_TEST_FIGURES"))
            printf("    %u with %u: of us %.3f, of the peer %.3f\n", scene.hz[0], scene.hz[1], of_us, of_them);
        T_CHECK(of_us == 1 && of_them == 1);
        room_close(t, &r);
        r = (struct room){ 0 };
    }
    return;
out:
    room_close(t, &r);
}

/* Who is held is faded out and in again; the other one hears no more of that than that it comes and goes. */
static void test_holding_in_a_conference_clicks_for_nobody(struct t *t)
{
    struct room r;
    struct scene scene = { .hz = { 16000, 8000 }, .ours_hz = 437, .theirs_hz = 610 };
    T_OK(room_open(&r, &scene));
    T_OK(join_calls(&r));
    sim_run(r.sim, SYS_S(1));
    size_t theirs = r.line[1].n, ours = heard_by_us(&r), held = r.line[0].n;
    media_session_set_hold(r.line[0].pair.ours, true);
    sim_run(r.sim, SYS_MS(203));
    media_session_set_hold(r.line[0].pair.ours, false);
    sim_run(r.sim, SYS_MS(300));
    struct stretch we = we_heard(&r, ours), peer = peer_heard(&r.line[0], held), other = peer_heard(&r.line[1], theirs);
    struct wear w = wear_of(&we, scene.theirs_hz);
    show("we hear the held one", &w);
    T_CHECK(w.click < 0.1 && w.least < 0.01 && w.most < 1.1);
    w = wear_of(&peer, scene.ours_hz);
    show("the held one hears us", &w);
    T_CHECK(w.click < 0.1 && w.least < 0.01 && w.most < 1.1);
    T_CHECK(click_of_two(&other, scene.ours_hz, scene.theirs_hz) < 0.1);
out:
    room_close(t, &r);
}

T_MAIN(T_PLAIN(test_nothing_of_a_voice_is_lost), T_PLAIN(test_holding_in_a_conference_clicks_for_nobody),
       T_PLAIN(test_a_conversation_goes_on_when_another_joins_and_leaves), T_PLAIN(test_the_owner_of_the_device_leaves))
