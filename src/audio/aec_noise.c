#include "audio/aec_noise.h"

#include <math.h>
#include <string.h>

/* The a-priori SNR that speech is assumed to have where it is present, 8 dB, and memories of a step. */
#define XI_PRESENT   6.3f
#define KEEP_NOISE   0.985f
#define KEEP_PRESENT 0.949f
#define MOST_PRESENT 0.995f
#define KEEP_SMOOTH  0.922f

/* Decision-directed a-priori SNR: memory, and its least, which keeps what is left of noise from warbling. */
#define KEEP_CLEAN 0.98f
#define XI_LEAST   0.02f

/* The mean a-priori SNR: memory, its most, where speech is as likely as not, and bins to each side that count. */
#define KEEP_PRIOR 0.9f
#define PRIOR_MOST 30.0f
#define PRIOR_HALF 0.3f
enum { AROUND = 2 };

/* Of the likelihood ratio that is told: what a step counts. */
#define RATIO_STEP 0.3f

/* Part of the echo gain below which a bin tells of echo and not of the background. */
#define TRUSTED 0.7f

/* The least of a smoothed power lies below its mean. */
#define LEAST_BIAS 1.0f
#define LEAST_MOST 8.0f
#define QUIETEST   1e-7f

enum { FIRST_HOPS = 16, DEAF_HOPS = 40, WINDOW_HOPS = 400, SPEECH_FROM = 6, SPEECH_TO = 70 };

void aec_noise_init(struct aec_noise *n)
{
    memset(n, 0, sizeof *n);
    for (size_t k = 0; k < AEC_BINS; k++)
        n->gain[k] = 1;
}

/* The least smoothed power of the last 0.8 to 1.6 s: below it the background cannot be. */
static void follow_least(struct aec_noise *n, const float *power, const float *kept)
{
    bool turn = ++n->window_at >= WINDOW_HOPS;
    for (size_t k = 0; k < AEC_USED; k++) {
        /* An echo hides the background: then that is taken to be as it was, unless even with the echo there is less. */
        bool first = n->hops < FIRST_HOPS;
        float keep = first ? (float) n->hops / (float) (n->hops + 1) : KEEP_SMOOTH;
        float hidden = fminf(power[k], fmaxf(power[k] * kept[k] * kept[k], n->noise[k]));
        n->smooth[k] = keep * n->smooth[k] + (1 - keep) * (first || kept[k] >= TRUSTED ? power[k] : hidden);
        if (first)
            n->least[k] = n->least_now[k] = n->smooth[k];
        n->least_now[k] = fminf(n->least_now[k], n->smooth[k]);
        if (turn) {
            n->least[k] = n->least_now[k];
            n->least_now[k] = n->smooth[k];
        }
    }
    if (turn)
        n->window_at = 0;
}

static void follow_noise(struct aec_noise *n, const float *power, const float *kept)
{
    const float slope = XI_PRESENT / (1 + XI_PRESENT);
    float sum = 0;
    for (size_t k = 0; k < AEC_USED; k++) {
        float noise = fmaxf(n->noise[k], QUIETEST);
        if (n->hops < FIRST_HOPS) {
            noise = n->smooth[k]; /* if that was speech, the noise is found lower soon */
        } else {
            float heard = power[k] * kept[k] * kept[k];
            float odds = (1 + XI_PRESENT) * expf(-fminf(heard / noise, 60) * slope);
            float p = 1 / (1 + odds);
            n->present[k] = KEEP_PRESENT * n->present[k] + (1 - KEEP_PRESENT) * p;
            if (kept[k] < TRUSTED && power[k] > noise)
                p = 1;
            else if (n->present[k] > MOST_PRESENT)
                p = fminf(p, MOST_PRESENT);
            float seen = p * noise + (1 - p) * power[k];
            noise = KEEP_NOISE * noise + (1 - KEEP_NOISE) * seen;
            float least = fminf(n->least[k], n->least_now[k]);
            noise = fminf(fmaxf(noise, LEAST_BIAS * least), LEAST_MOST * least);
        }
        n->noise[k] = fmaxf(noise, QUIETEST);
        sum += n->noise[k];
    }
    n->level = sum * 4 / ((float) AEC_N * AEC_N);
}

/* exp(E1(v) / 2): the exponential integral by three pieces, within 0.2 dB. */
static float half_integral(float v)
{
    float e = v < 0.1f ? -2.31f * log10f(v) - 0.6f
              : v < 1  ? -1.544f * log10f(v) + 0.166f
                       : expf(-1.1973f * v - 0.5987f);
    return expf(0.5f * e);
}

/*
 * A-priori SNR in two steps (Plapous, Marro and Scalart, IEEE TASLP 14, 2006): what follows speech only from the step
 * after chooses a first gain, and what that leaves of this step says how much speech there is in it.
 */
static float prior_of(float clean, float gamma)
{
    float slow = KEEP_CLEAN * clean + (1 - KEEP_CLEAN) * fmaxf(gamma - 1, 0);
    slow = fmaxf(slow, XI_LEAST);
    float first = slow / (1 + slow);
    return fminf(fmaxf(slow, first * first * gamma), 1000);
}

/* That, and its mean over the last hops and the neighbouring bins: speech does not come in single bins. */
static float follow_prior(struct aec_noise *n, const float *heard, float *xi, float *around)
{
    float mean = 0;
    for (size_t k = 0; k < AEC_USED; k++) {
        xi[k] = prior_of(n->clean[k] / n->noise[k], fminf(heard[k] / n->noise[k], 1000));
        n->prior[k] = KEEP_PRIOR * n->prior[k] + (1 - KEEP_PRIOR) * fminf(xi[k], PRIOR_MOST);
        if (k >= SPEECH_FROM && k < SPEECH_TO)
            mean += n->prior[k];
    }
    for (size_t k = 0; k < AEC_USED; k++) {
        size_t from = k >= AROUND ? k - AROUND : 0;
        size_t to = AHOY_MIN(k + AROUND + 1, (size_t) AEC_USED);
        around[k] = 0;
        for (size_t i = from; i < to; i++)
            around[k] += n->prior[i];
        around[k] /= (float) (to - from);
    }
    return mean / (SPEECH_TO - SPEECH_FROM);
}

static float likely(float prior)
{
    return prior / (prior + PRIOR_HALF);
}

static void choose_gain(struct aec_noise *n, const float *heard, const float *steady)
{
    float xi[AEC_BINS], around[AEC_BINS];
    float ratio = 0;
    float in_hop = 0.1f + 0.899f * likely(follow_prior(n, heard, xi, around));
    for (size_t k = 0; k < AEC_USED; k++) {
        float wiener = xi[k] / (1 + xi[k]);
        float v = fmaxf(wiener * fminf(heard[k] / n->noise[k], 1000), 1e-3f);
        float g = fminf(1, wiener * half_integral(v));
        float before = in_hop * (0.2f + 0.8f * likely(around[k]));
        float p = before / (before + (1 - before) * (1 + xi[k]) * expf(-fminf(v, 60)));
        n->clean[k] = g * g * heard[k];
        g = p * sqrtf(g) + (1 - p) * sqrtf(AEC_NOISE_FLOOR);
        n->gain[k] = fmaxf(g * g, AEC_NOISE_FLOOR);
        if (k >= SPEECH_FROM && k < SPEECH_TO)
            ratio += fminf(wiener * steady[k] / n->noise[k] - log1pf(xi[k]), 20);
    }
    n->speech += RATIO_STEP * ((n->hops < DEAF_HOPS ? 0 : ratio / (SPEECH_TO - SPEECH_FROM)) - n->speech);
}

void aec_noise_run(struct aec_noise *n, const struct aec_spec *rest, const float *brief, const float *kept)
{
    float power[AEC_BINS], heard[AEC_BINS];
    for (size_t k = 0; k < AEC_BINS; k++)
        power[k] = rest->re[k] * rest->re[k] + rest->im[k] * rest->im[k] + QUIETEST;
    follow_least(n, power, kept);
    follow_noise(n, power, kept);
    for (size_t k = 0; k < AEC_BINS; k++) {
        heard[k] = AHOY_MAX(power[k], brief[k]) * kept[k] * kept[k];
        power[k] *= kept[k] * kept[k];
    }
    choose_gain(n, heard, power);
    if (n->hops < WINDOW_HOPS)
        n->hops++;
}
