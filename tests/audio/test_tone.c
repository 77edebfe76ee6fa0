#include "audio/tone.h"

#include "audio/mix.h"
#include "support/t.h"
#include "support_sound.h"

enum { MOST = 48000 * 12 };

static int16_t pcm[MOST], noise[MOST];

/* ---- generators -------------------------------------------------------------------------------------------------- */

static void test_a_sine_is_pure_at_every_rate(struct t *t)
{
    static const uint32_t rates[] = { 8000, 16000, 32000, 44100, 48000 };
    for (size_t i = 0; i < AHOY_COUNT(rates); i++) {
        struct tone_gen g;
        struct tone_spec spec = tone_sine(1000, -16);
        tone_start(&g, &spec, rates[i]);
        for (size_t at = 0; at < rates[i]; at += rates[i] / 100)
            T_CHECK(tone_run(&g, pcm + at, rates[i] / 100));
        T_CHECK(sound_purity_db(pcm + 1000, rates[i] / 2, rates[i], 1000) > 70);
        T_NEAR(sound_part_dbfs(pcm + 1000, rates[i] / 2, rates[i], 1000), -16, 0.05);
    }
out:
    return;
}

/* Lengths of sound and silence in turn, milliseconds, until `n` are known; within 10 ms. */
static size_t cadence(const struct tone_spec *spec, unsigned *ms, size_t n)
{
    struct tone_gen g;
    int16_t block[80];
    size_t k = 0;
    unsigned run = 0;
    bool sounding = true;
    tone_start(&g, spec, 8000);
    for (int i = 0; i < 3000 && k < n; i++) {
        (void) tone_run(&g, block, 80);
        bool now = mix_level_dbfs(block, 80) > -45;
        if (now != sounding) {
            ms[k++] = run;
            run = 0;
            sounding = now;
        }
        run += 10;
    }
    return k;
}

static void test_call_progress_tones_have_their_countrys_cadence(struct t *t)
{
    static const struct {
        const char *country;
        enum tone_kind kind;
        unsigned hz[2];
        unsigned ms[4];
    } known[] = {
        { "eu", TONE_RINGBACK, { 425 }, { 1000, 4000, 1000, 4000 } },
        { "eu", TONE_BUSY, { 425 }, { 500, 500, 500, 500 } },
        { "eu", TONE_CONGESTION, { 425 }, { 250, 250, 250, 250 } },
        { "us", TONE_RINGBACK, { 440, 480 }, { 2000, 4000, 2000, 4000 } },
        { "US", TONE_BUSY, { 480, 620 }, { 500, 500, 500, 500 } },
        { "us", TONE_CONGESTION, { 480, 620 }, { 250, 250, 250, 250 } },
        { "uk", TONE_RINGBACK, { 400, 450 }, { 400, 200, 400, 2000 } },
        { "gb", TONE_BUSY, { 400 }, { 375, 375, 375, 375 } },
        { "uk", TONE_CONGESTION, { 400 }, { 400, 350, 225, 525 } },
        { "fr", TONE_RINGBACK, { 440 }, { 1500, 3500, 1500, 3500 } },
        { "fr", TONE_BUSY, { 440 }, { 500, 500, 500, 500 } },
        { "de", TONE_RINGBACK, { 425 }, { 1000, 4000, 1000, 4000 } },
        { "de", TONE_BUSY, { 425 }, { 480, 480, 480, 480 } },
        { "de", TONE_CONGESTION, { 425 }, { 240, 240, 240, 240 } },
        { "jp", TONE_RINGBACK, { 384, 416 }, { 1000, 2000, 1000, 2000 } },
        { "jp", TONE_BUSY, { 400 }, { 500, 500, 500, 500 } },
        { "es", TONE_RINGBACK, { 425 }, { 1500, 3000, 1500, 3000 } },
        { "es", TONE_CONGESTION, { 425 }, { 200, 200, 200, 200 } }, /* three, then 600 */
        { "au", TONE_RINGBACK, { 413, 438 }, { 400, 200, 400, 2000 } },
        { "at", TONE_RINGBACK, { 420 }, { 1000, 5000, 1000, 5000 } },
        { "hu", TONE_RINGBACK, { 425 }, { 1250, 3750, 1250, 3750 } },
        { "be", TONE_RINGBACK, { 425 }, { 1000, 3000, 1000, 3000 } },
        { "br", TONE_CONGESTION, { 425 }, { 250, 250, 750, 250 } },
        { "se", TONE_CONGESTION, { 425 }, { 250, 750, 250, 750 } },
        { "xx", TONE_BUSY, { 425 }, { 500, 500, 500, 500 } },
    };
    for (size_t i = 0; i < AHOY_COUNT(known); i++) {
        struct tone_spec spec = tone_call(view_str(known[i].country), known[i].kind);
        struct tone_gen g;
        unsigned ms[4];
        T_EQ(cadence(&spec, ms, 4), 4);
        bool beats = known[i].hz[0] == 384; /* its envelope goes through zero 32 times a second */
        for (int k = 0; k < 4 && !beats; k++)
            T_NEAR(ms[k], known[i].ms[k], 10);
        tone_start(&g, &spec, 8000);
        (void) tone_run(&g, pcm, 1600);
        for (int k = 0; k < 2 && known[i].hz[k]; k++)
            T_NEAR(sound_part_dbfs(pcm, 1600, 8000, known[i].hz[k]), -20, 1);
    }
out:
    return;
}

static void test_every_country_has_every_tone(struct t *t)
{
    size_t n = 0;
    for (; tone_country(n); n++)
        for (int kind = TONE_DIAL; kind <= TONE_INFO; kind++) {
            struct tone_spec spec = tone_call(view_str(tone_country(n)), (enum tone_kind) kind);
            struct tone_gen g;
            T_CHECK(spec.steps >= 1 && spec.repeat);
            tone_start(&g, &spec, 8000);
            T_CHECK(tone_run(&g, pcm, 80000)); /* it goes on for as long as it is listened to */
            T_CHECK(mix_level_dbfs(pcm, 80000) > -38);
        }
    T_LE(6, n);
out:
    return;
}

/* ---- DTMF -------------------------------------------------------------------------------------------------------- */

struct heard {
    char digits[64];
    size_t n, ends;
    uint64_t last_from, last_ms;
    uint32_t hz;
};

static void on_digit(void *arg, const struct tone_digit *d)
{
    struct heard *h = arg;
    if (d->end) {
        h->ends++;
        h->last_ms = (d->at - h->last_from) * 1000 / h->hz;
    } else if (h->n < sizeof h->digits - 1) {
        h->digits[h->n++] = d->digit;
        h->last_from = d->at;
    }
}

/* Digits with these lengths into pcm; returns the samples. */
static size_t dial(const char *digits, unsigned on_ms, unsigned off_ms, uint32_t hz)
{
    size_t n = 0;
    for (; *digits; digits++) {
        struct tone_spec spec;
        struct tone_gen g;
        if (tone_dtmf(*digits, on_ms, off_ms, &spec))
            return 0;
        tone_start(&g, &spec, hz);
        size_t len = hz / 1000 * (on_ms + off_ms);
        (void) tone_run(&g, pcm + n, len);
        n += len;
    }
    memset(pcm + n, 0, hz / 10 * sizeof *pcm);
    return n + hz / 10;
}

static struct heard listen(size_t n, uint32_t hz)
{
    struct heard h = { .hz = hz };
    struct tone_detect d;
    tone_detect_init(&d, hz);
    for (size_t at = 0; at < n; at += 97)
        tone_detect_run(&d, pcm + at, AHOY_MIN(n - at, (size_t) 97), on_digit, &h);
    return h;
}

static const char all[] = "1234567890*#ABCD";

static void test_dtmf_is_heard_at_every_rate_and_length(struct t *t)
{
    static const uint32_t rates[] = { 8000, 16000, 48000 };
    static const unsigned lengths[] = { 40, 47, 60, 100, 250 };
    for (size_t r = 0; r < AHOY_COUNT(rates); r++)
        for (size_t k = 0; k < AHOY_COUNT(lengths); k++) {
            struct heard h = listen(dial(all, lengths[k], 60, rates[r]), rates[r]);
            T_STR(h.digits, all);
            T_EQ(h.ends, 16);
            T_NEAR(h.last_ms, lengths[k], 26);
        }
    struct heard h = listen(dial("5555", 60, 40, 8000), 8000); /* the same digit again is another digit */
    T_STR(h.digits, "5555");
out:
    return;
}

static void test_dtmf_is_heard_through_noise_and_at_any_level(struct t *t)
{
    for (int db = 0; db >= -24; db -= 6) {
        size_t n = dial(all, 70, 70, 8000);
        struct mix_gain g;
        mix_gain_init(&g, db);
        mix_gain_run(&g, pcm, n);
        sound_noise(noise, n, 77, -10 + db - 15); /* the pair's level is -10 dBFS */
        mix_add(pcm, noise, n);
        struct heard h = listen(n, 8000);
        T_STR(h.digits, all);
    }
out:
    return;
}

static void test_twist_is_borne_as_far_as_q24_asks(struct t *t)
{
    static const double twists[] = { -8, -4, 4, 8 };
    for (size_t i = 0; i < AHOY_COUNT(twists); i++) {
        sound_sine(pcm, 800, 8000, 770, -16);
        sound_sine(noise, 800, 8000, 1336, -16 + twists[i]);
        mix_add(pcm, noise, 800);
        memset(pcm + 800, 0, 1600);
        struct heard h = listen(1600, 8000);
        T_STR(h.digits, "5");
    }
out:
    return;
}

static void test_speech_noise_and_single_tones_are_no_digits(struct t *t)
{
    static const char *const names[] = { "Front_Center", "Rear_Right", "Side_Left", "Noise" };
    for (size_t i = 0; i < AHOY_COUNT(names); i++) {
        size_t n = sound_speech(names[i], 8000, pcm, MOST);
        T_CHECK(n > 4000);
        T_EQ(listen(n, 8000).n, 0);
    }
    sound_noise(pcm, 80000, 1, -10);
    T_EQ(listen(80000, 8000).n, 0);
    sound_voice(pcm, 80000, 8000, 150);
    T_EQ(listen(80000, 8000).n, 0);
    sound_sine(pcm, 8000, 8000, 697, -10);
    T_EQ(listen(8000, 8000).n, 0);
    (void) dial("7", 20, 100, 8000); /* too short: Q.24 wants such a burst rejected */
    T_EQ(listen(960, 8000).n, 0);
out:
    return;
}

static void test_what_is_no_digit_is_refused(struct t *t)
{
    struct tone_spec spec;
    T_ERR(tone_dtmf('E', 100, 100, &spec), AHOY_ERR_SYNTAX);
    T_ERR(tone_dtmf('\0', 100, 100, &spec), AHOY_ERR_SYNTAX);
    T_OK(tone_dtmf('d', 100, 100, &spec));
    T_EQ(spec.step[0].hz[1], 1633);
out:
    return;
}

T_MAIN(T(test_a_sine_is_pure_at_every_rate), T(test_call_progress_tones_have_their_countrys_cadence),
       T(test_every_country_has_every_tone), T(test_dtmf_is_heard_at_every_rate_and_length),
       T(test_dtmf_is_heard_through_noise_and_at_any_level), T(test_twist_is_borne_as_far_as_q24_asks),
       T(test_speech_noise_and_single_tones_are_no_digits), T(test_what_is_no_digit_is_refused))
