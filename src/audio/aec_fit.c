#include "audio/aec_fit.h"

#include <math.h>
#include <string.h>

/* Bins that have speech: 200 … 4000 Hz. */
enum { FROM = 4, TO = 80 };
#define FLOOR 1e-4f

/*
 * The prediction is not there: less of it than this, by as many values, for so many hops. A microphone that is much
 * louder than the prediction hears somebody near. Only a model that took nearly all of the words so far is judged: in a
 * longer double talk it is never quite right.
 */
enum { STRANGE_HOPS = 3 };
#define STRANGE    0.35f
#define TOLD       15.0f
#define LOUDER     4.0f
#define QUIETER    0.1f
#define TRUSTING   0.7f
#define TRUST_RATE 0.02f

/* Where it may have come at another time; and where it is right after all. */
#define DOUBTFUL  0.6f
#define RIGHT     0.7f
#define TOLD_LESS 4.0f

/* For so long what seems wrong is not believed, while its echo is reckoned with; a near word's beginning does not last. */
enum { WARY_HOPS = 15 };

/* Loud is within 17 dB of the loudest, whose memory fades by 1 dB a second. For so many such hops a path is new. */
#define LOUD         0.02f
#define LOUDEST_KEEP 0.998f
#define NEW_HOPS     120.0f
#define UNKNOWN_HOPS 30.0f
#define MOST_HOPS    1000.0f

void aec_fit_init(struct aec_fit *f)
{
    memset(f, 0, sizeof *f);
    f->part = 1;
    f->since = MOST_HOPS;
}

void aec_fit_count(struct aec_fit *f, float far_level)
{
    f->far_loudest = fmaxf(far_level, LOUDEST_KEEP * f->far_loudest);
    if (far_level > LOUD * f->far_loudest)
        f->since = fminf(f->since + 1, MOST_HOPS);
}

/* Least squares: each bin counts by how much else is heard in it. */
void aec_fit_hear(struct aec_fit *f, const struct aec_fit_view *v, bool in_words, bool took)
{
    float cross = 0, mic = 0;
    float told = 1e-9f, echo = 1e-9f;
    for (size_t k = FROM; k < TO; k++) {
        float weight = 1 / (v->rest[k] + v->noise[k] + FLOOR);
        cross += weight * v->cross[k];
        told += weight * v->echo[k];
        mic += v->mic[k];
        echo += v->echo[k];
    }
    f->part = cross / told;
    f->told = told;
    f->louder = mic / echo;
    f->words = in_words;
    if (in_words)
        f->trust += TRUST_RATE * ((took ? 1 : 0) - f->trust);
}

enum aec_fit_advice aec_fit_judge(struct aec_fit *f)
{
    bool trusted = f->trust > TRUSTING;
    bool strange = trusted && f->part < STRANGE && f->told > TOLD && f->louder < LOUDER;
    f->strange = strange ? f->strange + 1 : 0;
    if (f->wary == 0 && f->strange >= STRANGE_HOPS) {
        f->wary = WARY_HOPS;
        f->since = 0;
    } else if (f->wary > 0 && f->part > RIGHT && f->told > TOLD_LESS) {
        f->wary = 0;
        f->since = MOST_HOPS;
    } else if (f->wary > 0 && f->louder > QUIETER && --f->wary == 0) {
        return AEC_FIT_REOPEN;
    }
    bool doubtful = trusted && f->part < DOUBTFUL && f->told > TOLD_LESS;
    bool unforeseen = trusted && f->words && f->louder > LOUDER && f->told < TOLD_LESS;
    return f->wary > 0 || doubtful || unforeseen ? AEC_FIT_LOOK : AEC_FIT_FINE;
}

bool aec_fit_wrong(const struct aec_fit *f)
{
    return f->told > TOLD_LESS && f->part < DOUBTFUL;
}

void aec_fit_moved(struct aec_fit *f)
{
    f->strange = 0;
    if (f->wary > 0)
        f->wary = WARY_HOPS;
}

void aec_fit_reopened(struct aec_fit *f, bool path)
{
    f->trust = 0;
    f->strange = 0;
    f->wary = 0;
    if (path)
        f->since = 0;
}

float aec_fit_fresh(const struct aec_fit *f)
{
    return fmaxf(0, 1 - f->since / NEW_HOPS);
}

bool aec_fit_settled(const struct aec_fit *f)
{
    return f->since > UNKNOWN_HOPS;
}
