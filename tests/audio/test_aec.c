#include "audio/aec.h"

#include "base/mem.h"
#include "support/t.h"
#include "support_sound.h"

#include <stdlib.h>
#include <string.h>

/* A synthetic world: noise with the rhythm of speech, heard through a seeded room of 100 ms. */
enum { RATE = 16000, SECONDS = 12, MOST = 3 * RATE * SECONDS, ROOM = RATE / 10 };

static int16_t far[MOST], near[MOST], mic[MOST], out[MOST];
static float far_f[MOST], echo_f[MOST], room[3 * ROOM];

struct world {
    uint32_t rate_hz;
    double seconds;
    double delay_ms, jump_ms, drift_ppm;
    bool moves, talks;
    bool turns;      /* who is near speaks in 0.4 s of each second, loudly, and the far end in the others */
    double change_s; /* when delay or room change */
    unsigned seed;
};

static double gauss(struct rng *r)
{
    double sum = -6;
    for (int i = 0; i < 12; i++)
        sum += rng_unit(r);
    return sum;
}

/* Syllables of 4 Hz, each of another colour; -26 dBFS. */
static void fill_speech(float *dst, size_t n, uint32_t rate_hz, uint64_t seed)
{
    struct rng r;
    double low = 0, level = 0, color = 0.5;
    rng_init_u64(&r, seed);
    for (size_t i = 0; i < n; i++) {
        size_t part = i % (rate_hz / 4);
        if (part == 0) {
            level = 0.02 + 0.1 * rng_unit(&r);
            color = 0.2 + 0.7 * rng_unit(&r);
        }
        double shape = sin(3.14159265 * (double) part / (rate_hz / 4));
        low = color * low + (1 - color) * gauss(&r);
        dst[i] = (float) (level * shape * shape * (low + 0.1 * gauss(&r)));
    }
}

static void fill_room(uint32_t rate_hz, size_t n, uint64_t seed)
{
    struct rng r;
    double sum = 0;
    rng_init_u64(&r, seed);
    for (size_t i = 0; i < n; i++) {
        double h = (i == 20 ? 4 : i < 20 ? 0 : gauss(&r)) * exp(-6.9 * (double) i / (0.25 * rate_hz));
        room[i] = (float) h;
        sum += h * h;
    }
    for (size_t i = 0; i < n; i++)
        room[i] *= (float) (0.6 / sqrt(sum));
}

static double echo_at(double at, size_t n)
{
    double whole = floor(at);
    double sum = 0;
    for (int k = -7; k <= 8; k++) {
        double i = whole + k;
        double x = i - at;
        double sinc = fabs(x) < 1e-9 ? 1 : sin(3.14159265358979 * x) / (3.14159265358979 * x);
        if (i >= 0 && i < (double) n)
            sum += echo_f[(size_t) i] * sinc * (0.5 + 0.5 * cos(3.14159265358979 * x / 8.5));
    }
    return sum;
}

static int16_t rounded(double x)
{
    return (int16_t) lrint(fmax(-32768, fmin(32767, 32768 * x)));
}

static void convolve_room(size_t from, size_t n, size_t taps)
{
    for (size_t i = from; i < n; i++) {
        float sum = 0;
        for (size_t k = 0; k < taps && k <= i; k++)
            sum += room[k] * far_f[i - k];
        echo_f[i] = sum;
    }
}

static size_t make_world(const struct world *w)
{
    size_t n = (size_t) (w->seconds * w->rate_hz);
    size_t taps = w->rate_hz / 10;
    size_t change = (size_t) (w->change_s * w->rate_hz);
    struct rng r;
    rng_init_u64(&r, w->seed + 77);
    fill_speech(far_f, n, w->rate_hz, w->seed);
    for (size_t i = 0; i < n && w->turns; i++)
        far_f[i] *= i % w->rate_hz < 6 * w->rate_hz / 10 ? 1 : 0;
    fill_room(w->rate_hz, taps, w->seed + 1000);
    convolve_room(0, n, taps);
    if (w->moves) {
        fill_room(w->rate_hz, taps, w->seed + 2000);
        convolve_room(change, n, taps);
    }
    for (size_t i = 0; i < n; i++) {
        double delay = (w->delay_ms + (w->change_s > 0 && i >= change ? w->jump_ms : 0)) * w->rate_hz / 1000;
        double at = (double) i * (1 + w->drift_ppm * 1e-6) - delay;
        double echo = (delay == floor(delay) && w->drift_ppm == 0 ? (at < 0 ? 0 : echo_f[(size_t) at])
                                                                  : echo_at(at, n));
        far[i] = rounded(far_f[i]);
        mic[i] = rounded(echo + 3e-5 * gauss(&r));
    }
    if (w->talks) {
        fill_speech(far_f, n, w->rate_hz, w->seed + 500);
        for (size_t i = 0; i < n; i++) {
            if (w->turns)
                far_f[i] *= i % w->rate_hz < 6 * w->rate_hz / 10 ? 0 : 2;
            near[i] = rounded(far_f[i]);
            mic[i] = rounded(mic[i] / 32768.0 + far_f[i]);
        }
    }
    return n;
}

static double erle_db(size_t n, uint32_t rate_hz, double from_s, double to_s, size_t late)
{
    double in = 1e-9, left = 1;
    for (size_t i = (size_t) (from_s * rate_hz); i + late < n && (double) i < to_s * rate_hz; i++) {
        in += (double) mic[i] * mic[i];
        left += (double) out[i + late] * out[i + late];
    }
    return 10 * log10(in / left);
}

/* In pieces of 5 ms, as a live device gives them. */
static void run_at(struct aec *a, size_t n, uint32_t rate_hz)
{
    size_t piece = rate_hz / 200;
    for (size_t at = 0; at + piece <= n; at += piece) {
        aec_render(a, far + at, piece);
        aec_capture(a, mic + at, piece, out + at);
    }
}

static void run(struct aec *a, size_t n)
{
    run_at(a, n, RATE);
}

static void test_an_echo_is_gone_after_a_third_of_a_second_and_deeper_later(struct t *t)
{
    struct aec *a = NULL;
    struct aec_stats s;
    T_OK(aec_create(&a, RATE));
    size_t n = make_world(&(struct world){ .rate_hz = RATE, .seconds = 8, .delay_ms = 30, .seed = 1 });
    run(a, n);
    aec_read_stats(a, &s);
    T_CHECK(sound_figure("0.3 to 1 s", erle_db(n, RATE, 0.3, 1, aec_delay(a))) > 20);
    T_CHECK(sound_figure("5 to 8 s", erle_db(n, RATE, 5, 8, aec_delay(a))) > 40);
    T_CHECK(s.echo && s.delay_ms >= 20 && s.delay_ms <= 50);
    T_CHECK(fabs(s.drift_ppm) < 10);
    T_CHECK(s.linear_db > 15 && s.erle_db > 30);
out:
    aec_destroy(a);
}

static void test_a_late_echo_is_found(struct t *t)
{
    struct aec *a = NULL;
    struct aec_stats s;
    T_OK(aec_create(&a, RATE));
    size_t n = make_world(&(struct world){ .rate_hz = RATE, .seconds = 6, .delay_ms = 450, .seed = 2 });
    run(a, n);
    aec_read_stats(a, &s);
    T_CHECK(sound_figure("4 to 6 s", erle_db(n, RATE, 4, 6, aec_delay(a))) > 35);
    T_CHECK(s.delay_ms >= 440 && s.delay_ms <= 470);
out:
    aec_destroy(a);
}

/* Near speech in the output: least squares in pieces of a quarter second, as a part of what went in. */
static double near_kept_db(size_t n, size_t from, size_t late)
{
    double in = 1e-9, kept = 0;
    size_t piece = RATE / 4;
    for (size_t at = from; at + piece + late <= n; at += piece) {
        double own = 1e-9, dot = 0;
        for (size_t i = at; i < at + piece; i++) {
            own += (double) near[i] * near[i];
            dot += (double) near[i] * out[i + late];
        }
        in += own;
        kept += dot > 0 ? dot * dot / own : 0;
    }
    return 10 * log10(kept / in + 1e-12);
}

static void test_near_speech_passes_in_double_talk(struct t *t)
{
    struct aec *a = NULL;
    T_OK(aec_create(&a, RATE));
    size_t n = make_world(&(struct world){ .rate_hz = RATE, .seconds = 8, .delay_ms = 30, .talks = true, .seed = 3 });
    run(a, n);
    /* Noise that fills all bands at once is harder than speech, where the benchmark shows less than 2 dB. */
    T_CHECK(sound_figure("near kept", near_kept_db(n, RATE / 2, aec_delay(a))) > -3);
out:
    aec_destroy(a);
}

static void test_who_speaks_in_the_far_ends_pauses_is_no_other_path(struct t *t)
{
    struct aec *a = NULL;
    struct aec_stats s;
    T_OK(aec_create(&a, RATE));
    const struct world w = { .rate_hz = RATE, .seconds = 12, .delay_ms = 30, .talks = true, .turns = true, .seed = 16 };
    size_t n = make_world(&w);
    run(a, n);
    aec_read_stats(a, &s);
    T_EQ(s.recoveries, 0);
    T_CHECK(sound_figure("near kept", near_kept_db(n, RATE, aec_delay(a))) > -1);
out:
    aec_destroy(a);
}

static void test_near_speech_alone_passes_untouched(struct t *t)
{
    struct aec *a = NULL;
    T_OK(aec_create(&a, RATE));
    size_t n = make_world(&(struct world){ .rate_hz = RATE, .seconds = 4, .delay_ms = 30, .talks = true, .seed = 4 });
    double left = 1, all = 1;
    memset(far, 0, sizeof far);
    memcpy(mic, near, n * sizeof *mic);
    run(a, n);
    for (size_t i = RATE; i + aec_delay(a) < n; i++) {
        double d = out[i + aec_delay(a)] - near[i];
        left += d * d;
        all += (double) near[i] * near[i];
    }
    T_CHECK(sound_figure("snr", 10 * log10(all / left)) > 30);
out:
    aec_destroy(a);
}

static void test_a_drifting_clock_is_measured_and_followed(struct t *t)
{
    static const double ppms[] = { 200, -200 };
    struct aec *a = NULL;
    for (size_t i = 0; i < AHOY_COUNT(ppms); i++) {
        struct aec_stats s;
        T_OK(aec_create(&a, RATE));
        size_t n = make_world(
            &(struct world){ .rate_hz = RATE, .seconds = 12, .delay_ms = 50, .drift_ppm = ppms[i], .seed = 5 });
        run(a, n);
        aec_read_stats(a, &s);
        T_NEAR(sound_figure("ppm", s.drift_ppm), ppms[i], 20);
        T_CHECK(sound_figure("6 to 12 s", erle_db(n, RATE, 6, 12, aec_delay(a))) > 35);
        aec_destroy(a);
        a = NULL;
    }
out:
    aec_destroy(a);
}

static void test_a_jump_of_the_delay_is_followed(struct t *t)
{
    struct aec *a = NULL;
    struct aec_stats s;
    T_OK(aec_create(&a, RATE));
    size_t n = make_world(
        &(struct world){ .rate_hz = RATE, .seconds = 9, .delay_ms = 40, .jump_ms = 207, .change_s = 5, .seed = 6 });
    run(a, n);
    aec_read_stats(a, &s);
    T_CHECK(sound_figure("0.35 s after it", erle_db(n, RATE, 5.35, 6.2, aec_delay(a))) > 30);
    T_CHECK(sound_figure("2 s after it", erle_db(n, RATE, 7, 9, aec_delay(a))) > 30);
    T_CHECK(s.delay_ms >= 230 && s.delay_ms <= 270);
out:
    aec_destroy(a);
}

/* The model goes along: 40 dB at once, where another path would have to be learned. */
static void test_an_echo_that_is_suddenly_earlier_is_followed(struct t *t)
{
    struct aec *a = NULL;
    T_OK(aec_create(&a, RATE));
    size_t n = make_world(
        &(struct world){ .rate_hz = RATE, .seconds = 7, .delay_ms = 90, .jump_ms = -61, .change_s = 5, .seed = 26 });
    run(a, n);
    T_CHECK(sound_figure("0.25 s after it", erle_db(n, RATE, 5.25, 5.6, aec_delay(a))) > 25);
    T_CHECK(sound_figure("0.6 s after it", erle_db(n, RATE, 5.6, 7, aec_delay(a))) > 40);
out:
    aec_destroy(a);
}

static void test_an_echo_that_is_far_earlier_or_later_keeps_its_model(struct t *t)
{
    static const struct {
        double delay_ms, jump_ms;
    } jumps[] = { { 150, -100 }, { 280, -220 }, { 40, 255 } };
    struct aec *a = NULL;
    for (unsigned i = 0; i < AHOY_COUNT(jumps); i++) {
        T_OK(aec_create(&a, RATE));
        size_t n = make_world(&(struct world){ .rate_hz = RATE,
                                               .seconds = 6.5,
                                               .delay_ms = jumps[i].delay_ms,
                                               .jump_ms = jumps[i].jump_ms,
                                               .change_s = 5,
                                               .seed = 33 + i });
        run(a, n);
        T_CHECK(sound_figure("0.4 s after it", erle_db(n, RATE, 5.4, 6, aec_delay(a))) > 35);
        aec_destroy(a);
        a = NULL;
    }
out:
    aec_destroy(a);
}

static void test_another_room_is_learned_within_half_a_second(struct t *t)
{
    struct aec *a = NULL;
    T_OK(aec_create(&a, RATE));
    size_t n = make_world(
        &(struct world){ .rate_hz = RATE, .seconds = 8, .delay_ms = 30, .moves = true, .change_s = 5, .seed = 7 });
    run(a, n);
    T_CHECK(sound_figure("0.5 s after it", erle_db(n, RATE, 5.5, 6, aec_delay(a))) > 20);
    T_CHECK(sound_figure("2 s after it", erle_db(n, RATE, 7, 8, aec_delay(a))) > 30);
out:
    aec_destroy(a);
}

static void test_48_khz_is_cancelled_as_well(struct t *t)
{
    struct aec *a = NULL;
    T_OK(aec_create(&a, 3 * RATE));
    size_t n = make_world(&(struct world){ .rate_hz = 3 * RATE, .seconds = 4, .delay_ms = 30, .seed = 8 });
    run_at(a, n, 3 * RATE);
    T_CHECK(sound_figure("2 to 4 s", erle_db(n, 3 * RATE, 2, 4, aec_delay(a))) > 30);
out:
    aec_destroy(a);
}

static void test_48_khz_near_speech_passes_with_its_upper_band(struct t *t)
{
    struct aec *a = NULL;
    size_t n = 3 * RATE * 2;
    double left = 1, all = 1;
    memset(far, 0, sizeof far);
    sound_noise(mic, n, 9, -20);
    T_OK(aec_create(&a, 3 * RATE));
    run_at(a, n, 3 * RATE);
    for (size_t i = RATE; i + aec_delay(a) < n; i++) {
        double d = out[i + aec_delay(a)] - mic[i];
        left += d * d;
        all += (double) mic[i] * mic[i];
    }
    T_CHECK(sound_figure("snr", 10 * log10(all / left)) > 30);
out:
    aec_destroy(a);
}

/* However a sound is cut, it comes out as much later as is told, and much the same. */
static void test_pieces_of_any_size_come_out_alike(struct t *t)
{
    static const size_t sizes[] = { 5, 10, 0 };
    static int16_t first[2 * MOST / SECONDS];
    struct aec *a = NULL;
    for (uint32_t rate_hz = RATE; rate_hz <= 3 * RATE; rate_hz += 2 * RATE) {
        size_t n = make_world(
            &(struct world){ .rate_hz = rate_hz, .seconds = 2, .delay_ms = 12, .talks = true, .seed = 21 });
        for (size_t i = 0; i < AHOY_COUNT(sizes); i++) {
            double same = 1, other = 1, differs = 1;
            T_OK(aec_create(&a, rate_hz));
            aec_choose(a, true, true);
            for (size_t at = 0, part, turn = 1; at < n; at += part, turn = turn * 31 % 1009) {
                part = AHOY_MIN(n - at, sizes[i] > 0 ? rate_hz / 1000 * sizes[i] : turn);
                aec_render(a, far + at, part);
                aec_capture(a, mic + at, part, out + at);
            }
            for (size_t k = 0; k < n && i > 0; k++) {
                same += (double) first[k] * first[k];
                other += (double) out[k] * out[k];
                differs += (double) (first[k] - out[k]) * (first[k] - out[k]);
            }
            if (i == 0)
                memcpy(first, out, n * sizeof *out);
            else
                T_CHECK(sound_figure("alike", 10 * log10(same / differs)) > (sizes[i] > 0 ? 60 : 8));
            if (i > 0)
                T_NEAR(10 * log10(other / same), 0, 2);
            aec_destroy(a);
            a = NULL;
        }
    }
out:
    aec_destroy(a);
}

/* With neither echo nor noise to take out, each sample comes out as it went in, as late as is told. */
static void test_nothing_to_take_out_leaves_each_sample(struct t *t)
{
    struct aec *a = NULL;
    sound_noise(mic, RATE, 22, -20);
    for (uint32_t rate_hz = RATE; rate_hz <= 3 * RATE; rate_hz += 2 * RATE) {
        T_OK(aec_create(&a, rate_hz));
        size_t late = aec_delay(a);
        T_LE(late, 2 * rate_hz / 1000);
        for (size_t at = 0, part, turn = 1; at < RATE; at += part, turn = turn * 31 % 1009) {
            part = AHOY_MIN(RATE - at, turn);
            aec_capture(a, mic + at, part, out + at);
        }
        T_MEM(mic, out + late, (RATE - late) * sizeof *mic);
        aec_destroy(a);
        a = NULL;
    }
out:
    aec_destroy(a);
}

static void test_frames_may_come_in_bursts(struct t *t)
{
    struct aec *a = NULL;
    T_OK(aec_create(&a, RATE));
    size_t n = make_world(&(struct world){ .rate_hz = RATE, .seconds = 7, .delay_ms = 60, .seed = 10 });
    size_t frame = RATE / 100;
    for (size_t at = 0; at + 4 * frame <= n; at += 4 * frame) {
        bool render_first = at / (4 * frame) % 7 < 4;
        for (size_t k = 0; k < 4 && render_first; k++)
            aec_render(a, far + at + k * frame, frame);
        for (size_t k = 0; k < 4; k++)
            aec_capture(a, mic + at + k * frame, frame, out + at + k * frame);
        for (size_t k = 0; k < 4 && !render_first; k++)
            aec_render(a, far + at + k * frame, frame);
    }
    T_CHECK(sound_figure("4 to 7 s", erle_db(n, RATE, 4, 6.9, aec_delay(a))) > 30);
out:
    aec_destroy(a);
}

/* The loudspeaker had nothing to play for 120 ms and played silence; the canceller is told of it when it plays again. */
static void test_a_loudspeaker_that_stumbles_is_followed(struct t *t)
{
    enum { FRAME = RATE / 100, FROM = 3 * RATE, GAP = 12 * FRAME };
    static int16_t heard[MOST];
    struct aec *a = NULL;
    T_OK(aec_create(&a, RATE));
    size_t n = make_world(&(struct world){ .rate_hz = RATE, .seconds = 8, .delay_ms = 20, .seed = 16 });
    memcpy(heard, mic, n * sizeof *mic);
    memset(mic + FROM, 0, GAP * sizeof *mic);
    memcpy(mic + FROM + GAP, heard + FROM, (n - FROM - GAP) * sizeof *mic);
    for (size_t at = 0, play = 0; at + FRAME <= n; at += FRAME) {
        bool gap = at >= FROM && at < FROM + GAP;
        for (size_t k = 0; at == FROM + GAP && k < GAP; k += FRAME)
            aec_render(a, (const int16_t[FRAME]){ 0 }, FRAME);
        if (!gap)
            aec_render(a, far + play, FRAME);
        play += gap ? 0 : FRAME;
        aec_capture(a, mic + at, FRAME, out + at);
    }
    T_CHECK(sound_figure("1 s after it", erle_db(n, RATE, 4.2, 5, aec_delay(a))) > 20);
    T_CHECK(sound_figure("2 s after it", erle_db(n, RATE, 5, 8, aec_delay(a))) > 35);
out:
    aec_destroy(a);
}

/* Nothing that can come from a device may make it forget how to count. */
static void test_hostile_sound_leaves_it_sane(struct t *t)
{
    struct aec *a = NULL;
    struct aec_stats s;
    struct rng r;
    size_t n = RATE * 6;
    rng_init_u64(&r, 11);
    T_OK(aec_create(&a, RATE));
    for (size_t i = 0; i < n; i++) {
        size_t second = i / RATE;
        far[i] = second == 0   ? 0
                 : second == 1 ? 32767
                 : second == 2 ? (int16_t) (i % 2 ? -32768 : 32767)
                 : second == 3 ? (int16_t) (rng_u32(&r) & 0xffff)
                 : second == 4 ? (int16_t) (i % 1600 == 0 ? 32767 : 0)
                               : 0;
        mic[i] = second == 1 ? -32768 : second == 5 ? (int16_t) (i % 3 ? 32767 : -32768) : far[n - 1 - i];
    }
    run(a, n);
    aec_read_stats(a, &s);
    T_CHECK(isfinite(s.linear_db) && isfinite(s.erle_db) && isfinite(s.drift_ppm));
    for (int k = 0; k < 500; k++)
        aec_render(a, far, RATE / 100); /* a microphone that stopped */
    for (int k = 0; k < 500; k++)
        aec_capture(a, mic, RATE / 100, out); /* a loudspeaker that stopped */
    n = make_world(&(struct world){ .rate_hz = RATE, .seconds = 6, .delay_ms = 30, .seed = 12 });
    run(a, n);
    T_CHECK(sound_figure("after it all", erle_db(n, RATE, 4, 6, aec_delay(a))) > 25);
out:
    aec_destroy(a);
}

static void test_a_loudspeaker_that_was_muted_is_learned_when_it_sounds(struct t *t)
{
    struct aec *a = NULL;
    T_OK(aec_create(&a, RATE));
    size_t n = make_world(&(struct world){ .rate_hz = RATE, .seconds = 11, .delay_ms = 30, .seed = 14 });
    struct rng r;
    rng_init_u64(&r, 15);
    for (size_t i = 0; i < RATE * 8; i++)
        mic[i] = (int16_t) (rng_below(&r, 3) - 1);
    run(a, n);
    T_CHECK(sound_figure("1 s after", erle_db(n, RATE, 9, 10, aec_delay(a))) > 20);
    T_CHECK(sound_figure("2 s after", erle_db(n, RATE, 10, 11, aec_delay(a))) > 30);
out:
    aec_destroy(a);
}

static void test_silence_stays_silent(struct t *t)
{
    struct aec *a = NULL;
    int most = 0;
    memset(far, 0, sizeof far);
    memset(mic, 0, sizeof mic);
    T_OK(aec_create(&a, RATE));
    run(a, RATE * 2);
    for (size_t i = 0; i < RATE * 2; i++)
        most = AHOY_MAX(most, abs(out[i]));
    T_LE(most, 1);
out:
    aec_destroy(a);
}

static void test_reset_is_as_good_as_new(struct t *t)
{
    static int16_t first[RATE];
    struct aec *a = NULL;
    T_OK(aec_create(&a, RATE));
    size_t n = make_world(&(struct world){ .rate_hz = RATE, .seconds = 1, .delay_ms = 30, .seed = 13 });
    run(a, n);
    memcpy(first, out, sizeof first);
    aec_reset(a);
    run(a, n);
    T_MEM(first, out, sizeof first);
out:
    aec_destroy(a);
}

static void test_other_rates_are_refused(struct t *t)
{
    struct aec *a = NULL;
    T_ERR(aec_create(&a, 8000), AHOY_ERR_RANGE);
    T_ERR(aec_create(&a, 44100), AHOY_ERR_RANGE);
    T_CHECK(a == NULL);
    aec_destroy(NULL);
out:
    aec_destroy(a);
}

/* Only aec_create allocates, once: it fails in the test of silence. */
T_MAIN(T_PLAIN(test_an_echo_is_gone_after_a_third_of_a_second_and_deeper_later), T_PLAIN(test_a_late_echo_is_found),
       T_PLAIN(test_near_speech_passes_in_double_talk),
       T_PLAIN(test_who_speaks_in_the_far_ends_pauses_is_no_other_path),
       T_PLAIN(test_near_speech_alone_passes_untouched), T_PLAIN(test_a_drifting_clock_is_measured_and_followed),
       T_PLAIN(test_a_jump_of_the_delay_is_followed), T_PLAIN(test_an_echo_that_is_suddenly_earlier_is_followed),
       T_PLAIN(test_an_echo_that_is_far_earlier_or_later_keeps_its_model),
       T_PLAIN(test_another_room_is_learned_within_half_a_second), T_PLAIN(test_48_khz_is_cancelled_as_well),
       T_PLAIN(test_48_khz_near_speech_passes_with_its_upper_band), T_PLAIN(test_pieces_of_any_size_come_out_alike),
       T_PLAIN(test_nothing_to_take_out_leaves_each_sample), T_PLAIN(test_frames_may_come_in_bursts),
       T_PLAIN(test_a_loudspeaker_that_stumbles_is_followed), T_PLAIN(test_hostile_sound_leaves_it_sane),
       T_PLAIN(test_a_loudspeaker_that_was_muted_is_learned_when_it_sounds), T(test_silence_stays_silent),
       T_PLAIN(test_reset_is_as_good_as_new), T(test_other_rates_are_refused))
