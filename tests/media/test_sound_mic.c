/* The microphone's way in a stream's sound: an endpoint is a room with a loudspeaker, a microphone and two clocks. */
#include "base/mem.h"
#include "media/sound.h"
#include "support/t.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { RATE = 16000, TICK = RATE / 50, KEPT = RATE };

struct room {
    struct sound *s;
    struct rng rng;
    int16_t played[KEPT]; /* the last second */
    uint64_t written, read;
    double ppm, delay;       /* the loudspeaker's clock; samples from loudspeaker to microphone */
    double mic, out;         /* energies */
    double color, loud, low; /* of the near end's syllable */
    bool speaks;
    unsigned hints;
};

static void on_muted_speech(void *arg)
{
    ((struct room *) arg)->hints++;
}

static void to_loudspeaker(void *arg, const int16_t *pcm, size_t n)
{
    struct room *r = arg;
    for (size_t i = 0; i < n; i++)
        r->played[r->written++ % KEPT] = pcm[i];
}

/* Between two samples, by a short windowed sinc. */
static double played_at(const struct room *r, double at)
{
    double whole = floor(at);
    double sum = 0;
    for (int k = -7; k <= 8 && at > 8; k++) {
        double x = whole + k - at;
        double sinc = fabs(x) < 1e-9 ? 1 : sin(3.14159265358979 * x) / (3.14159265358979 * x);
        sum += r->played[(uint64_t) (whole + k) % KEPT] * sinc * (0.5 + 0.5 * cos(3.14159265358979 * x / 8.5));
    }
    return sum;
}

/* Syllables of 300 ms, each of another colour and loudness, with a pause after every third. */
static double near_at(struct room *r)
{
    enum { SYLLABLE = RATE * 3 / 10 };
    uint64_t at = r->read % SYLLABLE;
    if (at == 0) {
        r->color = 0.95 * rng_unit(&r->rng);
        r->loud = r->read / SYLLABLE % 4 == 3 ? 0 : 4000 + 8000 * rng_unit(&r->rng);
    }
    r->low = r->color * r->low + (1 - r->color) * 2 * (rng_unit(&r->rng) - 0.5);
    double shape = sin(3.14159265358979 * (double) at / SYLLABLE);
    return r->loud * shape * shape * r->low;
}

static void from_microphone(void *arg, int16_t *pcm, size_t n)
{
    struct room *r = arg;
    for (size_t i = 0; i < n; i++, r->read++) {
        double at = (double) r->read * (1 + r->ppm * 1e-6) - r->delay;
        double x = 0.4 * played_at(r, at) + 0.2 * played_at(r, at - 83.3);
        if (r->speaks)
            x += near_at(r);
        pcm[i] = (int16_t) lrint(x + 2 * (rng_unit(&r->rng) - 0.5));
        r->mic += pcm[i] * (double) pcm[i];
    }
}

static enum ahoy_err room_open(struct room *r, const char *processing, double ppm)
{
    struct media_session_config session = { .sound = MEDIA_SOUND_ENDPOINT };
    session.endpoint = (struct media_endpoint){
        .rate_hz = RATE, .read = from_microphone, .write = to_loudspeaker, .arg = r
    };
    *r = (struct room){ .ppm = ppm, .delay = 40 * RATE / 1000.0 };
    rng_init_u64(&r->rng, 5);
    enum ahoy_err err = mic_steps_parse(view_str(processing), &session.processing);
    if (err || !(r->s = mem_zalloc(sizeof *r->s)))
        return err ? err : AHOY_ERR_NOMEM;
    struct sound_config cfg = { .session = &session,
                                .rate_hz = RATE,
                                .events = { .muted_speech = on_muted_speech, .arg = r } };
    sound_start(r->s, &cfg);
    return r->s->mic || session.processing == MIC_AUTO ? AHOY_OK : AHOY_ERR_NOMEM;
}

static void room_close(struct room *r)
{
    if (r->s)
        sound_stop(r->s);
    mem_free(r->s);
    r->s = NULL;
}

/* Runs the call's ticks; the far end says syllables of noise. */
static void run(struct room *r, double seconds)
{
    int16_t pcm[SOUND_MAX_TICK_SAMPLES];
    double level = 0, low = 0;
    r->mic = r->out = 1;
    for (size_t tick = 0; tick < (size_t) (seconds * 50); tick++) {
        if (tick % 10 == 0)
            level = tick / 10 % 4 == 3 ? 0 : 3000 + 6000 * rng_unit(&r->rng);
        for (size_t i = 0; i < TICK; i++) {
            low = 0.6 * low + 0.4 * (rng_unit(&r->rng) - 0.5);
            pcm[i] = (int16_t) lrint(level * 2 * low);
        }
        sound_heard(r->s, pcm, TICK);
        sound_out(r->s, pcm, TICK);
        size_t got = sound_in(r->s, pcm, TICK, (int64_t) (r->read * 1000000 / RATE));
        sound_said(r->s, pcm, got);
        for (size_t i = 0; i < got; i++)
            r->out += pcm[i] * (double) pcm[i];
    }
}

static double erle_db(const struct room *r, const char *what)
{
    double db = 10 * log10(r->mic / r->out);
    if (getenv("AHOY_TEST_FIGURES"))
        printf("    %s: %.1f dB\n", what, db);
    return db;
}

static void test_the_peer_does_not_hear_itself(struct t *t)
{
    struct room r;
    T_OK(room_open(&r, "aec", 0));
    run(&r, 3);
    run(&r, 2);
    T_CHECK(erle_db(&r, "3 to 5 s") > 30);
    T_NEAR(sound_mic_delay_ms(r.s), 1, 1e-9); /* nobody waits for a block */
out:
    room_close(&r);
}

static void test_two_clocks_that_differ_are_no_matter(struct t *t)
{
    static const double ppms[] = { 150, -150 };
    struct room r = { .s = NULL };
    for (size_t i = 0; i < AHOY_COUNT(ppms); i++) {
        struct mic_stats s;
        T_OK(room_open(&r, "aec", ppms[i]));
        run(&r, 8);
        run(&r, 2);
        T_CHECK(erle_db(&r, "8 to 10 s") > 25);
        mic_read_stats(r.s->mic, &s);
        T_NEAR(s.drift_ppm, ppms[i], 25);
        room_close(&r);
    }
out:
    room_close(&r);
}

static void test_an_endpoint_is_left_alone_unless_asked(struct t *t)
{
    struct room r;
    T_OK(room_open(&r, "auto", 0));
    run(&r, 1);
    T_NEAR(erle_db(&r, "untouched"), 0, 1e-9);
    T_NEAR(sound_mic_delay_ms(r.s), 0, 1e-9);
out:
    room_close(&r);
}

static void test_speech_while_muted_is_told_every_ten_seconds(struct t *t)
{
    struct room r;
    T_OK(room_open(&r, "hpf,aec,ns,agc", 0));
    run(&r, 4);
    r.s->mic_muted = true;
    run(&r, 5);
    T_EQ(r.hints, 0); /* only the loudspeaker speaks */
    r.speaks = true;
    run(&r, 5);
    T_EQ(r.hints, 1);
    run(&r, 10);
    T_EQ(r.hints, 2);
    r.s->mic_muted = false;
    run(&r, 12);
    T_EQ(r.hints, 2);
out:
    room_close(&r);
}

static void test_creation_that_fails_leaves_nothing(struct t *t)
{
    struct room r;
    T_OK(room_open(&r, "aec,ns", 0));
    run(&r, 0.1);
out:
    room_close(&r);
}

/* Seconds of echo: allocations fail in the last one. */
T_MAIN(T_PLAIN(test_the_peer_does_not_hear_itself), T_PLAIN(test_two_clocks_that_differ_are_no_matter),
       T_PLAIN(test_an_endpoint_is_left_alone_unless_asked), T_PLAIN(test_speech_while_muted_is_told_every_ten_seconds),
       T(test_creation_that_fails_leaves_nothing))
