#include "audio/aec_jump.h"

#include "audio/aec_filter.h"
#include "audio/aec_fit.h"
#include "base/mem.h"
#include "base/rng.h"
#include "support/t.h"

#include <math.h>
#include <string.h>

/* Coloured noise that swells and fades, and what is made of it. */
enum { LENGTH = 19200 };

struct bed {
    struct aec_fft fft;
    struct aec_jump jump;
    struct aec_far far;
    struct aec_filter filter;
    float sound[LENGTH], heard[LENGTH];
};

static void fill(float *x, size_t n, uint64_t seed)
{
    struct rng r;
    float low = 0;
    rng_init_u64(&r, seed);
    for (size_t i = 0; i < n; i++) {
        low = 0.7f * low + 0.3f * (float) (2 * rng_unit(&r) - 1);
        x[i] = 0.1f * low * (1.2f + sinf((float) i * 0.003f));
    }
}

static struct bed *bed_create(void)
{
    struct bed *b = mem_zalloc(sizeof *b);
    if (!b)
        return NULL;
    aec_fft_init(&b->fft);
    aec_jump_init(&b->jump);
    aec_far_init(&b->far);
    aec_filter_init(&b->filter);
    fill(b->sound, LENGTH, 3);
    return b;
}

/* The sound as the prediction, and heard `by` samples later at `gain` with something else in it; half of it, and as much ahead
 * as can be foretold. */
static void hear(struct bed *b, int by, float gain, float other)
{
    fill(b->heard, LENGTH, 4);
    for (int i = 0; i < LENGTH; i++)
        b->heard[i] = other * b->heard[i] + (i - by >= 0 && i - by < LENGTH ? gain * b->sound[i - by] : 0);
    for (size_t at = LENGTH / 4; at < LENGTH / 4 * 3; at += AEC_HOP)
        aec_jump_put(&b->jump, b->heard + at, b->sound + at);
    for (size_t at = LENGTH / 4 * 3; b->jump.ahead < AEC_JUMP_RANGE; at += AEC_HOP)
        aec_jump_foretell(&b->jump, b->sound + at);
}

static void test_a_jump_is_known_to_the_sample(struct t *t)
{
    static const int by[] = { 1,
                              159,
                              160,
                              161,
                              1168,
                              AEC_JUMP_RANGE * AEC_HOP - 1,
                              AEC_JUMP_RANGE * AEC_HOP,
                              -1,
                              -700,
                              -3333,
                              1 - AEC_JUMP_RANGE * AEC_HOP };
    struct bed *b = bed_create();
    T_CHECK(b);
    for (size_t i = 0; i < AHOY_COUNT(by); i++) {
        int later = 0;
        hear(b, by[i], 0.5f, 0.1f);
        T_CHECK(aec_jump_find(&b->jump, &b->fft, &later));
        T_EQ(later, by[i]);
    }
out:
    mem_free(b);
}

static void test_other_sound_silence_and_what_is_too_far_are_no_jump(struct t *t)
{
    int later = 77;
    struct bed *b = bed_create();
    T_CHECK(b);
    T_CHECK(!aec_jump_find(&b->jump, &b->fft, &later));
    hear(b, 0, 0, 1);
    T_CHECK(!aec_jump_find(&b->jump, &b->fft, &later));
    hear(b, 300, 1e-5f, 0);
    T_CHECK(!aec_jump_find(&b->jump, &b->fft, &later));
    hear(b, AEC_JUMP_RANGE * AEC_HOP + 200, 1, 0);
    T_CHECK(!aec_jump_find(&b->jump, &b->fft, &later));
    hear(b, 300, 0.3f, 0.6f); /* in double talk it is not plain enough */
    T_CHECK(!aec_jump_find(&b->jump, &b->fft, &later));
    T_EQ(later, 77);
out:
    mem_free(b);
}

/* A hop of the model's echo of a click that was played so many hops before; the click is a hop's sample 7. Told `ahead` hops before. */
static void echo_of_click(struct bed *b, size_t hops_ago, size_t ahead, float *echo)
{
    struct aec_spec y;
    float click[AEC_HOP] = { 0 };
    aec_far_init(&b->far);
    for (size_t i = 0; i < 60; i++) {
        click[7] = i + 1 + hops_ago == 60 + ahead ? 1 : 0;
        aec_far_put(&b->far, click, AEC_HOP);
        (void) aec_far_advance(&b->far, &b->fft);
    }
    if (ahead > 0)
        aec_filter_foretell(&b->filter, &b->far, ahead, &y);
    else
        aec_filter_predict(&b->filter, &b->far, &y);
    aec_fft_begin(&b->fft, 1);
    aec_fft_put_pair(&b->fft, 0, &y, NULL);
    aec_fft_inverse(&b->fft);
    aec_fft_get(&b->fft, 0, AEC_HOP, AEC_HOP, echo);
}

static size_t loudest(const float *x, float *most)
{
    size_t at = 0;
    for (size_t i = 0; i < AEC_HOP; i++)
        if (fabsf(x[i]) > fabsf(x[at]))
            at = i;
    *most = x[at];
    return at;
}

/* One tap, in partition 5 at sample 40. */
static void set_tap(struct bed *b)
{
    float window[AEC_N] = { 0 };
    aec_filter_init(&b->filter);
    window[40] = 0.5f;
    aec_fft_begin(&b->fft, 1);
    aec_fft_put(&b->fft, 0, window);
    aec_fft_forward(&b->fft);
    aec_fft_get_pair(&b->fft, 0, &b->filter.h[5], NULL);
    b->filter.lag = 3;
}

static void test_a_model_moves_by_samples(struct t *t)
{
    static const int by[] = { 0, 1, 100, 160, 1168, -1, -480, -700, -1000 };
    float echo[AEC_HOP], most;
    struct bed *b = bed_create();
    T_CHECK(b);
    set_tap(b);
    echo_of_click(b, 7, 0, echo);
    size_t was = 7 * AEC_HOP + loudest(echo, &most);
    for (size_t i = 0; i < AHOY_COUNT(by); i++) {
        set_tap(b);
        aec_filter_move(&b->filter, by[i], &b->fft);
        size_t at = was + (size_t) by[i];
        echo_of_click(b, at / AEC_HOP, 0, echo);
        T_EQ(loudest(echo, &most), at % AEC_HOP);
        T_CHECK(fabsf(most - 0.5f) < 1e-3f);
    }
out:
    mem_free(b);
}

static void test_an_echo_is_foretold_as_far_as_its_sound_was_played(struct t *t)
{
    float echo[AEC_HOP], most;
    struct bed *b = bed_create();
    T_CHECK(b);
    set_tap(b);
    echo_of_click(b, 7, 0, echo);
    size_t at = loudest(echo, &most);
    for (size_t ahead = 1; ahead <= 6; ahead++) {
        set_tap(b);
        echo_of_click(b, 7, ahead, echo);
        T_EQ(loudest(echo, &most), at);
        T_CHECK(fabsf(most - 0.5f) < 1e-3f);
    }
    set_tap(b);
    echo_of_click(b, 7, b->filter.lag + AEC_PARTS + 1, echo);
    (void) loudest(echo, &most);
    T_CHECK(fabsf(most) < 1e-6f);
out:
    mem_free(b);
}

static void test_a_model_moved_out_of_reach_is_empty_and_in_bounds(struct t *t)
{
    static const int by[] = { -100000, 100000, -AEC_PARTS * AEC_HOP, AEC_PARTS * AEC_HOP };
    struct bed *b = bed_create();
    T_CHECK(b);
    for (size_t i = 0; i < AHOY_COUNT(by); i++) {
        set_tap(b);
        aec_filter_move(&b->filter, by[i], &b->fft);
        T_LE(b->filter.lag, AEC_MAX_LAG);
        T_CHECK(isfinite(b->filter.h[0].re[3]));
    }
out:
    mem_free(b);
}

/* ---- the judge ---------------------------------------------------------------------------------------------------- */

/* A view of a prediction of power 1 that is in the microphone by `part`, beside near sound of power `near`. */
static void show(struct aec_fit *f, float part, float near)
{
    float cross[AEC_BINS], mic[AEC_BINS], echo[AEC_BINS], rest[AEC_BINS], noise[AEC_BINS] = { 0 };
    for (size_t k = 0; k < AEC_BINS; k++) {
        float path = part < 1 ? 1 - part : 0; /* what comes another way */
        echo[k] = 1;
        cross[k] = part;
        mic[k] = part * part + path + near;
        rest[k] = (1 - part) * (1 - part) + path + near + 0.01f;
    }
    const struct aec_fit_view v = { cross, mic, echo, rest, noise };
    aec_fit_hear(f, &v, true, rest[9] < 0.25f * mic[9]);
}

static void show_silence(struct aec_fit *f)
{
    float none[AEC_BINS] = { 0 }, echo[AEC_BINS];
    for (size_t k = 0; k < AEC_BINS; k++)
        echo[k] = 1;
    aec_fit_hear(f, &(struct aec_fit_view){ none, none, echo, echo, none }, false, false);
}

/* Hops until advice is given, up to 100. */
static unsigned until(struct aec_fit *f, float part, float near, enum aec_fit_advice advice)
{
    for (unsigned hop = 1; hop <= 100; hop++) {
        aec_fit_count(f, 0.01f);
        show(f, part, near);
        if (aec_fit_judge(f) == advice)
            return hop;
    }
    return 101;
}

static void test_another_path_is_told_from_near_speech(struct t *t)
{
    struct aec_fit f;
    aec_fit_init(&f);
    T_CHECK(aec_fit_settled(&f) && aec_fit_fresh(&f) == 0);
    T_EQ(until(&f, 1, 0, AEC_FIT_REOPEN), 101);
    T_EQ(f.wary, 0);
    struct aec_fit trusted = f;
    T_EQ(until(&f, 1, 3, AEC_FIT_LOOK), 101); /* both speak, and the model is right */
    f = trusted;
    T_EQ(until(&f, 0, 0, AEC_FIT_LOOK), 1);
    T_LE(until(&f, 0, 0, AEC_FIT_REOPEN), 20);
    aec_fit_reopened(&f, true);
    T_CHECK(!aec_fit_settled(&f) && aec_fit_fresh(&f) > 0.9f);
    T_EQ(until(&f, 0, 0, AEC_FIT_REOPEN), 101); /* a model is not judged before it was right */
    T_CHECK(aec_fit_settled(&f));
out:
    return;
}

static void test_a_model_that_was_right_after_all_is_kept(struct t *t)
{
    struct aec_fit f;
    aec_fit_init(&f);
    T_EQ(until(&f, 1, 0, AEC_FIT_REOPEN), 101);
    for (int hop = 0; hop < 6; hop++) {
        show(&f, 0, 0);
        T_CHECK(aec_fit_judge(&f) == AEC_FIT_LOOK);
    }
    T_CHECK(f.wary > 0 && !aec_fit_settled(&f));
    aec_fit_moved(&f);
    T_EQ(until(&f, 1, 0, AEC_FIT_REOPEN), 101);
    T_CHECK(f.wary == 0 && aec_fit_settled(&f));
out:
    return;
}

static void test_a_stalled_loudspeaker_is_waited_for(struct t *t)
{
    struct aec_fit f;
    aec_fit_init(&f);
    T_EQ(until(&f, 1, 0, AEC_FIT_REOPEN), 101);
    for (int hop = 0; hop < 60; hop++) {
        show_silence(&f);
        T_CHECK(aec_fit_judge(&f) != AEC_FIT_REOPEN);
    }
    T_CHECK(f.wary > 0);
    T_LE(until(&f, 0, 0, AEC_FIT_REOPEN), 20);
out:
    return;
}

static void test_sound_that_nobody_foretold_is_looked_for(struct t *t)
{
    struct aec_fit f;
    aec_fit_init(&f);
    T_EQ(until(&f, 1, 0, AEC_FIT_REOPEN), 101);
    T_EQ(until(&f, 0, 30, AEC_FIT_LOOK), 1);
    T_EQ(f.wary, 0);
    aec_fit_init(&f);
    T_EQ(until(&f, 0, 30, AEC_FIT_LOOK), 101); /* not while the model is new */
out:
    return;
}

T_MAIN(T(test_a_jump_is_known_to_the_sample), T_PLAIN(test_other_sound_silence_and_what_is_too_far_are_no_jump),
       T_PLAIN(test_a_model_moves_by_samples), T_PLAIN(test_an_echo_is_foretold_as_far_as_its_sound_was_played),
       T_PLAIN(test_a_model_moved_out_of_reach_is_empty_and_in_bounds),
       T_PLAIN(test_another_path_is_told_from_near_speech), T_PLAIN(test_a_model_that_was_right_after_all_is_kept),
       T_PLAIN(test_a_stalled_loudspeaker_is_waited_for), T_PLAIN(test_sound_that_nobody_foretold_is_looked_for))
