#include "media/length.h"

#include "audio/pitch.h"
#include "audio/stretch.h"

#include <math.h>
#include <string.h>

enum {
    UNPAUSED_MS = 2000,      /* speech goes on without a pause for so long: its length may be changed … */
    STRETCH_EVERY_MS = 1000, /* … so often */
    SHRINK_EVERY_MS = 300,
    PAUSE_MS = 60,       /* of silence: what is softer may be the end of a word, and is not shortened … */
    LONG_PAUSE_MS = 200, /* … nor a pause between words, if there is time to wait for one between sentences: … */
    PATIENCE_MS = 1500,  /* … so long, … */
    PATIENT_US = 20000,  /* … for ever where no more than this is to be gained, … */
    HASTY_US = 80000,    /* … and not at all from here on */
};

/* A frame softer than this, or hardly louder than the background, is silence. */
#define QUIET_DBFS (-50.0)
#define QUIET_DB   6.0

void length_init(struct length *l, uint32_t rate_hz)
{
    *l = (struct length){ 0 };
    vad_init(&l->vad, rate_hz);
}

bool length_quiet(const struct length *l)
{
    return l->quiet;
}

/*
 * In speech the length of a frame is changed only where no pause comes in which that would not be heard, and then only
 * now and then: each change is a small flaw, and many in a row make a word's delay drift.
 */
static bool may_change(const struct length *l, enum jitter_advice advice)
{
    size_t per_ms = l->vad.rate_hz / 1000;
    return l->since_quiet / per_ms >= UNPAUSED_MS
           && l->since_change / per_ms >= (advice == JITTER_STRETCH ? STRETCH_EVERY_MS : SHRINK_EVERY_MS);
}

/* From `a` to `b` over n samples, into `out`, which may be either. */
static void blend(const int16_t *a, const int16_t *b, size_t n, int16_t *out)
{
    for (size_t i = 0; i < n; i++)
        out[i] = (int16_t) (a[i] + (b[i] - a[i]) * (int32_t) (i + 1) / (int32_t) (n + 1));
}

/*
 * Where the last `by` samples look most like those before them, between half of `most` and `most`. What counts as quiet
 * beside its background may be a tone, music or hum, and these must not meet out of phase.
 */
static size_t best_cut(const int16_t *pcm, size_t n, size_t most)
{
    size_t best = most;
    double best_corr = -2;
    for (size_t by = most; by > 0 && by >= most / 2; by--) {
        double corr = pitch_ncc(pcm + n - by, pcm + n - 2 * by, by);
        if (corr > best_corr) {
            best_corr = corr;
            best = by;
        }
    }
    return best;
}

/*
 * Silence has no pitch. Its end is heard backwards and forwards once more, which joins everywhere and has no period: `by`
 * samples more, at most twice as many as there are.
 */
static size_t lengthen_silence(int16_t *pcm, size_t n, size_t by)
{
    size_t back = AHOY_MIN(by / 2, n);
    for (size_t i = 0; i < back; i++)
        pcm[n + i] = pcm[n - 1 - i];
    memcpy(pcm + n + back, pcm + n - back, back * sizeof *pcm);
    return n + 2 * back;
}

/* `by` samples less, at most three quarters: what is left of the beginning is faded into the end. */
static size_t shorten_silence(int16_t *pcm, size_t n, size_t by)
{
    size_t left = n - AHOY_MIN(by, n - n / 4), over = AHOY_MIN(left, n - left);
    blend(pcm + left - over, pcm + n - over, over, pcm + left - over);
    return left;
}

/* What is quiet beside its background: at most half of it more or less, where it meets itself. */
static size_t change_quiet(int16_t *pcm, size_t n, size_t most, bool longer)
{
    size_t by = best_cut(pcm, n, AHOY_MIN(most, n / 2));
    if (longer) {
        memmove(pcm + n, pcm + n - by, by * sizeof *pcm);
        blend(pcm + n - by, pcm + n - 2 * by, by, pcm + n - by);
        return n + by;
    }
    blend(pcm + n - 2 * by, pcm + n - by, by, pcm + n - 2 * by);
    return n - by;
}

/*
 * Whether the pause may become shorter by now. A delay that changes between sentences is not heard, one that changes
 * within a sentence hardly, so that is waited for as long as the delay bears it; what is begun is brought to its end.
 */
static bool may_shorten(struct length *l, size_t n, int64_t by_us)
{
    size_t per_ms = l->vad.rate_hz / 1000;
    bool patient = by_us <= PATIENT_US || (by_us < HASTY_US && l->over_n < PATIENCE_MS * per_ms);
    l->shortening = l->shortening || l->quiet_n - n >= (patient ? LONG_PAUSE_MS : PAUSE_MS) * per_ms;
    return l->shortening;
}

static size_t adapt_quiet(struct length *l, int16_t *pcm, size_t n, bool longer, int64_t by_us)
{
    size_t by = (size_t) ((uint64_t) by_us * l->vad.rate_hz / 1000000);
    if (!longer && !may_shorten(l, n, by_us))
        return n;
    if (l->vad.level_dbfs > QUIET_DBFS)
        return change_quiet(pcm, n, by, longer);
    return longer ? lengthen_silence(pcm, n, AHOY_MIN(by, (size_t) LENGTH_MOST_SAMPLES - n))
                  : shorten_silence(pcm, n, by);
}

/* Looks at a frame; whether it is silence. */
static bool look(struct length *l, enum jitter_advice advice, const int16_t *pcm, size_t n)
{
    (void) vad_run(&l->vad, pcm, n);
    l->quiet = l->vad.level_dbfs < fmax(QUIET_DBFS, l->vad.floor_dbfs + QUIET_DB);
    l->since_change += n;
    l->since_quiet = l->quiet ? 0 : l->since_quiet + n;
    l->quiet_n = l->quiet ? l->quiet_n + n : 0;
    l->over_n = advice == JITTER_TRIM || advice == JITTER_SHRINK ? l->over_n + n : 0;
    l->shortening = l->shortening && l->quiet;
    return l->quiet;
}

size_t length_change(struct length *l, enum jitter_advice advice, int64_t by_us, int16_t *pcm, size_t n, int16_t *spare)
{
    uint32_t hz = l->vad.rate_hz;
    bool quiet = look(l, advice, pcm, n), longer = advice == JITTER_STRETCH;
    if (advice == JITTER_NORMAL || n < (size_t) hz / 1000 * STRETCH_MIN_PIECE_MS)
        return n;
    if (quiet)
        return adapt_quiet(l, pcm, n, longer, by_us);
    if (advice == JITTER_TRIM || !may_change(l, advice))
        return n;
    size_t m = longer ? stretch_expand(hz, STRETCH_GENTLE, pcm, n, spare)
                      : stretch_shrink(hz, STRETCH_GENTLE, pcm, n, spare);
    memcpy(pcm, spare, m * sizeof *pcm);
    if (m != n)
        l->since_change = 0;
    return m;
}
