/* The conference bridge: N-1 to the bit, rates, packet times, clocks, fades, loudness. */
#include "audio/mixer.h"

#include "audio/mix.h"
#include "audio/mixer_fifo.h"
#include "base/mem.h"
#include "support/t.h"
#include "support_sound.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { SECOND = 48000, MOST = 16 };

static int16_t said[MOST][SECOND], heard[MOST][SECOND];

/* A port that puts and gets `ms` at a time from a sound of its own. */
struct member {
    struct mixer_port *port;
    uint32_t hz;
    unsigned ms;
    size_t at, got;
};

static enum ahoy_err sit(struct member *k, struct mixer *m, uint32_t hz, unsigned ms)
{
    struct mixer_port_config cfg = { .rate_hz = hz };
    *k = (struct member){ .hz = hz, .ms = ms };
    return mixer_add(&k->port, m, &cfg);
}

/* One turn of 10 ms: who is due puts, then it is mixed, then all get what is ready. */
static void turn(struct mixer *m, struct member *k, int n, int64_t now_ms)
{
    for (int i = 0; i < n; i++) {
        size_t piece = (size_t) k[i].hz / 1000 * k[i].ms;
        if (!k[i].port || now_ms % k[i].ms != 0)
            continue;
        if (k[i].at + piece > SECOND)
            k[i].at = 0;
        mixer_put(k[i].port, said[i] + k[i].at, piece);
        k[i].at += piece;
    }
    mixer_run(m, now_ms * 1000);
    for (int i = 0; i < n; i++) {
        size_t ready = k[i].port ? mixer_ready(k[i].port) : 0;
        ready = AHOY_MIN(ready, SECOND - k[i].got);
        if (ready > 0)
            mixer_get(k[i].port, heard[i] + k[i].got, ready);
        k[i].got += ready;
    }
}

/* Sixteen speak; each hears, bit by bit, the sum of the other fifteen of the same moment. */
static void test_each_hears_the_sum_of_the_others_exactly(struct t *t)
{
    struct mixer *m = NULL;
    struct member k[MOST];
    T_OK(mixer_create(&m, 48000));
    for (int i = 0; i < MOST; i++) {
        sound_noise(said[i], SECOND, (uint64_t) i + 1, -45);
        T_OK(sit(&k[i], m, 48000, 20));
    }
    for (int64_t ms = 1000; ms < 1500; ms += 10)
        turn(m, k, MOST, ms);
    for (int i = 0; i < MOST; i++)
        T_EQ(k[i].got, 24000); /* nothing waits: 20 ms in, 20 ms out, in the same turn */
    for (int i = 0; i < MOST; i++)
        for (size_t s = 480; s < 24000; s++) { /* behind the fade in */
            int32_t sum = 0;
            for (int o = 0; o < MOST; o++)
                sum += o == i ? 0 : said[o][s];
            T_EQ(heard[i][s], sum);
        }
out:
    mixer_destroy(m);
}

static void test_alone_it_is_silent(struct t *t)
{
    struct mixer *m = NULL;
    struct member k[1];
    T_OK(mixer_create(&m, 16000));
    sound_noise(said[0], SECOND, 1, -20);
    T_OK(sit(&k[0], m, 16000, 10));
    for (int64_t ms = 0; ms < 500; ms += 10)
        turn(m, k, 1, 1000 + ms);
    for (size_t s = 0; s < k[0].got; s++)
        T_EQ(heard[0][s], 0);
out:
    mixer_destroy(m);
}

/* Three rates and three packet times; each hears two clean sines and nothing of its own. */
static void test_rates_and_packet_times_may_differ(struct t *t)
{
    static const uint32_t hz[] = { 8000, 16000, 48000, 32000 };
    static const unsigned ms[] = { 20, 60, 10, 30 };
    static const double tone[] = { 400, 900, 1500, 2300 };
    struct mixer *m = NULL;
    struct member k[4];
    T_OK(mixer_create(&m, 48000));
    for (int i = 0; i < 4; i++) {
        sound_sine(said[i], SECOND, hz[i], tone[i], -20);
        T_OK(sit(&k[i], m, hz[i], ms[i]));
    }
    for (int64_t at = 600; at < 1560; at += 10)
        turn(m, k, 4, at);
    for (int i = 0; i < 4; i++) {
        const int16_t *x = heard[i] + hz[i] / 5;
        size_t n = hz[i] / 2;
        T_LE(hz[i] * 9 / 10, k[i].got);
        for (int o = 0; o < 4; o++) {
            double level = sound_part_dbfs(x, n, hz[i], tone[o]);
            if (o == i)
                T_CHECK(level < -70);
            else
                T_NEAR(level, -20, 0.2);
        }
    }
out:
    mixer_destroy(m);
}

static int most_step(const int16_t *x, size_t n)
{
    int most = 0;
    for (size_t i = 1; i < n; i++)
        most = AHOY_MAX(most, abs(x[i] - x[i - 1]));
    return most;
}

/* A tone that goes on from the past: no part of 5 ms is weaker than it was, no step larger than its own. */
static void goes_on(struct t *t, const int16_t *x, size_t n, const int16_t *past, size_t n_past, size_t window)
{
    double level = mix_level_dbfs(past, n_past);
    int step = most_step(past, n_past);
    T_LE(abs(x[0] - past[n_past - 1]), step * 5 / 4);
    T_LE(most_step(x, n), step * 5 / 4);
    for (size_t at = 0; at + window <= n; at += window / 2)
        T_NEAR(mix_level_dbfs(x + at, window), level, 0.7);
out:
    return;
}

/* We and our peer talk, and go on through the bridge, which is later: neither hears that, whatever the rates. */
static void test_who_takes_over_makes_no_gap(struct t *t)
{
    static const uint32_t hz[][2] = { { 8000, 8000 }, { 16000, 8000 }, { 48000, 16000 }, { 48000, 48000 } };
    static struct seam saying, hearing;
    struct mixer *m = NULL;
    for (size_t i = 0; i < AHOY_COUNT(hz); i++) {
        uint32_t ours = hz[i][0], theirs = hz[i][1];
        size_t p = ours / 1000 * SEAM_PAST_MS, q = theirs / 1000 * SEAM_PAST_MS, a = ours / 100, b = theirs / 100;
        struct mixer_port_config device = { .rate_hz = ours, .live = true, .local = true },
                                 line = { .rate_hz = theirs };
        struct mixer_port *we, *they;
        T_OK(mixer_create(&m, 48000));
        T_OK(mixer_add(&we, m, &device));
        T_OK(mixer_add(&they, m, &line));
        sound_sine(said[0], SECOND, ours, 437, -20); /* we, at our rate and as it was heard at theirs; and they */
        sound_sine(said[1], SECOND, theirs, 437, -20);
        sound_sine(said[2], SECOND, theirs, 310, -20);
        sound_sine(said[3], SECOND, ours, 310, -20);
        struct mixer_past past = { said[0], p, said[1], q, theirs, NULL };
        T_CHECK(mixer_go_on(we, they, &past, 1003700, &saying));
        past = (struct mixer_past){ said[2], q, said[3], p, ours, NULL };
        T_CHECK(mixer_go_on(they, we, &past, 1003700, &hearing));
        T_LE(mixer_lacks(they), b);
        T_CHECK(mixer_lag_ms(we, they) > 10 && mixer_lag_ms(we, they) < 40);
        size_t put = 0, n = 30;
        for (size_t k = 0; k < n; k++) {
            size_t some = k == 0 ? mixer_lacks(they) : b;
            mixer_put(we, said[0] + p + k * a, a);
            mixer_put(they, said[2] + q + put, some);
            put += some;
            mixer_run(m, 1010000 + (int64_t) k * 10000);
            mixer_get(we, heard[0] + k * a, a);
            T_EQ(mixer_ready(they), b);
            mixer_get(they, heard[1] + k * b, b);
        }
        seam_run(&hearing, heard[0], n * a);
        seam_run(&saying, heard[1], n * b);
        goes_on(t, heard[0], n * a, said[3], p, ours / 100);
        goes_on(t, heard[1], n * b, said[1], q, theirs / 100);
        mixer_destroy(m);
        m = NULL;
    }
out:
    mixer_destroy(m);
}

/* A loud low tone that comes, is muted, heard again, falls dry and leaves makes no step that it would not make itself. */
static void test_nobody_clicks_who_comes_and_goes(struct t *t)
{
    struct mixer *m = NULL;
    struct member k[2];
    T_OK(mixer_create(&m, 48000));
    memset(said[0], 0, sizeof said[0]);
    for (size_t s = 0; s < SECOND; s++)
        said[1][s] = (int16_t) lrint(20000 * sin((double) s * 6.283185307 * 97 / 48000 + 1.3));
    T_OK(sit(&k[0], m, 48000, 10));
    k[1].port = NULL;
    for (int64_t at = 10; at < 1000; at += 10) {
        if (at == 100)
            T_OK(sit(&k[1], m, 48000, 10));
        if (at == 250)
            mixer_set_mute(k[1].port, true);
        if (at == 350)
            mixer_set_mute(k[1].port, false);
        if (at == 800) {
            mixer_remove(k[1].port);
            k[1].port = NULL;
        }
        turn(m, k, at >= 500 && at < 600 ? 1 : 2, at); /* it says nothing for a while */
    }
    T_LE(most_step(heard[0], k[0].got), 700); /* its own steps are at most 254; a fade of 5 ms adds some */
    T_LE(15000, abs(heard[0][9700]) + abs(heard[0][9824]));
    T_EQ(heard[0][300 * 48], 0);
    T_EQ(heard[0][560 * 48], 0);
    T_EQ(heard[0][900 * 48], 0);
out:
    mixer_destroy(m);
}

/* Many loud ones at once are turned down, not clipped. */
static void test_a_crowd_is_not_clipped(struct t *t)
{
    struct mixer *m = NULL;
    struct member k[6];
    int most = 0;
    T_OK(mixer_create(&m, 48000));
    for (int i = 0; i < 6; i++) {
        sound_sine(said[i], SECOND, 48000, 300, -6);
        T_OK(sit(&k[i], m, 48000, 20));
    }
    for (int64_t at = 100; at < 900; at += 10)
        turn(m, k, 6, at);
    for (size_t s = 0; s < k[0].got; s++)
        most = AHOY_MAX(most, abs(heard[0][s]));
    T_LE(most, 32000);
    T_LE(24000, most);
    T_CHECK(sound_purity_db(heard[0] + 4800, 24000, 48000, 300) > 30); /* a clipped sine has 8 */
out:
    mixer_destroy(m);
}

/* A device whose clock is off by `ppm` speaks and hears for a minute without a gap, and its delay stays. */
static void drifts(struct t *t, double ppm)
{
    struct mixer *m = NULL;
    struct member k[1];
    struct mixer_port *device = NULL;
    double rate = 480 * (1 + ppm * 1e-6), have = 0;
    int gaps_in = 0, gaps_out = 0;
    size_t at = 0, played = 0;
    int16_t pcm[2 * 480];
    T_OK(mixer_create(&m, 48000));
    for (size_t s = 0; s < SECOND; s++)
        said[0][s] = 3000;
    T_OK(sit(&k[0], m, 48000, 10));
    T_OK(mixer_add(&device, m, &(struct mixer_port_config){ .rate_hz = 48000, .live = true, .local = true }));
    for (int64_t ms = 10; ms < 60000; ms += 10) {
        for (have += rate; have >= 480; have -= 480) { /* the device's own blocks of 10 ms */
            for (int i = 0; i < 480; i++)
                pcm[i] = 5000;
            mixer_put(device, pcm, 480);
            at += 480;
        }
        k[0].got = 0;
        turn(m, k, 1, ms);
        for (size_t i = 0; i < k[0].got; i++)
            gaps_in += ms > 1000 && heard[0][i] != 5000;
        size_t due = (size_t) (((double) ms / 10 + 1) * rate) - played;
        due = AHOY_MIN(due, (size_t) 960);
        mixer_get(device, pcm, due);
        played += due;
        for (size_t i = 0; i < due; i++)
            gaps_out += ms > 1000 && pcm[i] != 3000;
        if (ms > 5000)
            T_LE(mixer_ready(device), 48 * 40);
    }
    if (getenv("AHOY_TEST_FIGURES"))
        (void) fprintf(stderr, "%+.0f ppm: samples that are not as said: %d in, %d out\n", ppm, gaps_in, gaps_out);
    T_EQ(gaps_in, 0);
    T_EQ(gaps_out, 0);
out:
    mixer_destroy(m);
}

static void test_a_device_of_another_clock_is_followed(struct t *t)
{
    static const double ppm[] = { 0, 200, -200, 500, -500 };
    for (size_t i = 0; i < AHOY_COUNT(ppm) && !t->failed; i++)
        drifts(t, ppm[i]);
}

/* A device that moves 40 ms at once: it runs out at first, then its port keeps more, and after that nothing is missing. */
static void test_a_device_that_moves_sound_in_bursts_is_given_time(struct t *t)
{
    struct mixer *m = NULL;
    struct member k[1];
    struct mixer_port *device = NULL;
    int16_t pcm[4 * 480];
    int gaps = 0, late_gaps = 0;
    T_OK(mixer_create(&m, 48000));
    memset(said[0], 0, sizeof said[0]);
    T_OK(sit(&k[0], m, 48000, 10));
    T_OK(mixer_add(&device, m, &(struct mixer_port_config){ .rate_hz = 48000, .live = true }));
    for (int64_t ms = 10; ms < 20000; ms += 10) {
        for (size_t i = 0; i < AHOY_COUNT(pcm); i++)
            pcm[i] = 5000;
        if (ms % 40 == 0)
            mixer_put(device, pcm, AHOY_COUNT(pcm));
        k[0].got = 0;
        turn(m, k, 1, ms);
        for (size_t i = 0; i < k[0].got; i++) {
            gaps += heard[0][i] != 5000;
            late_gaps += heard[0][i] != 5000 && ms > 3000;
        }
    }
    T_LE(1, gaps);
    T_EQ(late_gaps, 0);
out:
    mixer_destroy(m);
}

struct tape {
    int16_t local[SECOND], others[SECOND];
    size_t n;
};

static void on_tap(void *arg, const int16_t *local, const int16_t *others, size_t n)
{
    struct tape *tape = arg;
    n = AHOY_MIN(n, SECOND - tape->n);
    memcpy(tape->local + tape->n, local, n * sizeof *local);
    memcpy(tape->others + tape->n, others, n * sizeof *others);
    tape->n += n;
}

static void test_a_tap_hears_ours_and_theirs_apart(struct t *t)
{
    static struct tape tape;
    struct mixer *m = NULL;
    struct member k[3];
    tape.n = 0;
    T_OK(mixer_create(&m, 48000));
    for (int i = 0; i < 3; i++) {
        for (size_t s = 0; s < SECOND; s++)
            said[i][s] = (int16_t) (100 << i);
        T_OK(sit(&k[i], m, 48000, 10));
    }
    mixer_remove(k[0].port);
    T_OK(mixer_add(&k[0].port, m, &(struct mixer_port_config){ .rate_hz = 48000, .local = true }));
    mixer_set_tap(m, on_tap, &tape);
    for (int64_t at = 10; at < 300; at += 10)
        turn(m, k, 3, at);
    T_EQ(tape.n, 29 * 480);
    T_EQ(tape.local[4800], 100);
    T_EQ(tape.others[4800], 600);
out:
    mixer_destroy(m);
}

static void test_who_speaks_is_known(struct t *t)
{
    struct mixer *m = NULL;
    struct member k[3];
    T_OK(mixer_create(&m, 48000));
    memset(said[0], 0, sizeof said[0]);
    sound_noise(said[1], SECOND, 3, -70);
    sound_voice(said[2], SECOND, 48000, 120);
    for (int i = 0; i < 3; i++)
        T_OK(sit(&k[i], m, 48000, 20));
    for (int64_t at = 100; at < 500; at += 10)
        turn(m, k, 3, at);
    T_CHECK(!mixer_speaks(k[0].port));
    T_CHECK(!mixer_speaks(k[1].port));
    T_CHECK(mixer_speaks(k[2].port));
    T_CHECK(mixer_level_dbfs(k[2].port) > -35);
    mixer_set_mute(k[2].port, true);
    for (int64_t at = 500; at < 560; at += 10)
        turn(m, k, 3, at);
    T_CHECK(!mixer_speaks(k[2].port));
out:
    mixer_destroy(m);
}

/* A member of another rate in the middle of it all is heard on at the new one. */
static void test_a_rate_may_change(struct t *t)
{
    struct mixer *m = NULL;
    struct member k[2];
    T_OK(mixer_create(&m, 48000));
    sound_sine(said[0], SECOND, 8000, 440, -20);
    memset(said[1], 0, sizeof said[1]);
    T_OK(sit(&k[0], m, 8000, 20));
    T_OK(sit(&k[1], m, 48000, 20));
    for (int64_t at = 100; at < 500; at += 10)
        turn(m, k, 2, at);
    T_OK(mixer_set_rate(k[0].port, 16000));
    k[0].hz = 16000;
    sound_sine(said[0], SECOND, 16000, 440, -20);
    for (int64_t at = 500; at < 1000; at += 10)
        turn(m, k, 2, at);
    T_NEAR(sound_part_dbfs(heard[1] + 4800, 9600, 48000, 440), -20, 0.2);
    T_NEAR(sound_part_dbfs(heard[1] + 28800, 9600, 48000, 440), -20, 0.2);
    T_ERR(mixer_set_rate(k[0].port, 4000), AHOY_ERR_RANGE);
out:
    mixer_destroy(m);
}

/* The machine slept for a minute: it goes on at once, without the old slots. */
static void test_after_a_sleep_it_goes_on(struct t *t)
{
    struct mixer *m = NULL;
    struct member k[2];
    T_OK(mixer_create(&m, 48000));
    for (size_t s = 0; s < SECOND; s++)
        said[0][s] = said[1][s] = 1000;
    T_OK(sit(&k[0], m, 48000, 20));
    T_OK(sit(&k[1], m, 48000, 20));
    for (int64_t at = 100; at < 200; at += 10)
        turn(m, k, 2, at);
    k[0].got = k[1].got = 0;
    for (int64_t at = 60200; at < 60300; at += 10)
        turn(m, k, 2, at);
    T_LE(k[0].got, 4800 + 960);
    T_EQ(heard[0][k[0].got - 1], 1000);
out:
    mixer_destroy(m);
}

static void test_cost(struct t *t)
{
    struct mixer *m = NULL;
    struct member k[MOST];
    double us[2] = { 0 };
    for (int round = 0; round < 2; round++) {
        int n = round == 0 ? 4 : MOST;
        T_OK(mixer_create(&m, 48000));
        for (int i = 0; i < n; i++)
            T_OK(sit(&k[i], m, i % 2 ? 8000 : 48000, 20));
        struct timespec a, b;
        (void) clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &a);
        for (int64_t at = 100; at < 2100; at += 10) {
            for (int i = 0; i < n; i++)
                k[i].got = 0;
            turn(m, k, n, at);
        }
        (void) clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &b);
        us[round] = ((double) (b.tv_sec - a.tv_sec) * 1e6 + (double) (b.tv_nsec - a.tv_nsec) / 1e3) / 200 / n;
        mixer_destroy(m);
        m = NULL;
    }
    if (getenv("AHOY_TEST_FIGURES"))
        (void) fprintf(stderr, "microseconds a member and 10 ms: %.1f of 4, %.1f of %d\n", us[0], us[1], MOST);
    T_CHECK(us[1] < 4 * us[0] + 20); /* linear, with room for a busy machine */
out:
    mixer_destroy(m);
}

/* From 8000 to -8000 where samples are left out: no step, but 5 ms of a slope. */
static void test_what_is_left_out_is_not_heard_as_a_step(struct t *t)
{
    enum { HZ = 8000, FADE = HZ / 200, BEFORE = 100, ALL = 400, LEFT_OUT = 150 };
    struct fifo f = { .pcm = NULL };
    int16_t out[ALL];
    T_OK(fifo_init(&f, HZ, 100));
    int16_t *in = fifo_room(&f, ALL);
    for (size_t i = 0; i < ALL; i++)
        in[i] = i < BEFORE ? 8000 : -8000;
    f.n = ALL;
    f.dry = false;
    fifo_skip(&f, LEFT_OUT);
    T_EQ(fifo_take(&f, out, ALL - LEFT_OUT), ALL - LEFT_OUT);
    T_LE(8000 - 16000 / FADE, out[0]);
    for (size_t i = 1; i < ALL - LEFT_OUT; i++)
        T_LE(abs(out[i] - out[i - 1]), 16000 / FADE);
    T_EQ(out[FADE], -8000);
out:
    fifo_fini(&f);
}

/* Long loops of mixing allocate nothing: those run plainly. */
T_MAIN(T(test_each_hears_the_sum_of_the_others_exactly), T(test_alone_it_is_silent),
       T(test_who_takes_over_makes_no_gap), T(test_rates_and_packet_times_may_differ),
       T(test_nobody_clicks_who_comes_and_goes), T_PLAIN(test_a_crowd_is_not_clipped),
       T_PLAIN(test_a_device_of_another_clock_is_followed),
       T_PLAIN(test_a_device_that_moves_sound_in_bursts_is_given_time), T(test_a_tap_hears_ours_and_theirs_apart),
       T(test_who_speaks_is_known), T(test_a_rate_may_change), T(test_what_is_left_out_is_not_heard_as_a_step),
       T(test_after_a_sleep_it_goes_on), T_PLAIN(test_cost))
