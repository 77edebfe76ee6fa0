#include "audio/aec_delay.h"

#include <math.h>
#include <string.h>

/* Memory of the mean and of the evidence, and how long to listen before either says anything; hops with sound. */
enum { MEMORY = 50, EVIDENCE_MEMORY = 40, DEAF_HOPS = 12, FIRST_HOPS = 20 };

/* A lag's coherence over that of all lags, as a mean over time. Without echo the best one is at 1.5 … 2, and some more
 * after a few hops only. */
#define RATIO_MOST      8.0f
#define EVIDENCE_MIN    2.2f
#define EVIDENCE_EARLY  1.0f
#define EVIDENCE_BETTER 1.25f

void aec_delay_init(struct aec_delay *d)
{
    memset(d, 0, sizeof *d);
}

static void unit_phasors(struct aec_phase *restrict to, const struct aec_spec *restrict from)
{
    for (size_t k = 0; k < AEC_DELAY_BINS; k++) {
        float re = from->re[AEC_DELAY_FROM + k];
        float im = from->im[AEC_DELAY_FROM + k];
        float scale = 1 / sqrtf(re * re + im * im + 1e-12f);
        to->re[k] = re * scale;
        to->im[k] = im * scale;
    }
}

static void blend(struct aec_phase *restrict mean, const struct aec_phase *restrict mic,
                  const struct aec_phase *restrict far, float rate)
{
    for (size_t k = 0; k < AEC_DELAY_BINS; k++) {
        mean->re[k] += rate * (mic->re[k] * far->re[k] + mic->im[k] * far->im[k] - mean->re[k]);
        mean->im[k] += rate * (mic->im[k] * far->re[k] - mic->re[k] * far->im[k] - mean->im[k]);
    }
}

static float coherence(const struct aec_phase *m)
{
    float sum[4] = { 0 };
    for (size_t k = 0; k < AEC_DELAY_BINS; k += 4)
        for (size_t i = 0; i < 4; i++)
            sum[i] += m->re[k + i] * m->re[k + i] + m->im[k + i] * m->im[k + i];
    return (sum[0] + sum[1] + sum[2] + sum[3]) / AEC_DELAY_BINS;
}

/* Near speech makes one hop's best lag a lottery, but the echo's lag wins it more often than any other. */
static void weigh(struct aec_delay *d)
{
    float mean = 1e-9f;
    float lags = 1e-9f;
    for (size_t lag = 0; lag < AEC_MAX_LAG; lag++) {
        if (d->heard[lag] > DEAF_HOPS) {
            mean += d->score[lag];
            lags++;
        }
    }
    for (size_t lag = 0; lag < AEC_MAX_LAG; lag++) {
        if (d->heard[lag] <= DEAF_HOPS)
            continue;
        float rate = 1.0f / (float) AHOY_MIN(d->heard[lag] - DEAF_HOPS, (unsigned) EVIDENCE_MEMORY);
        d->evidence[lag] += rate * (fminf(d->score[lag] * lags / mean, RATIO_MOST) - d->evidence[lag]);
    }
}

static void decide(struct aec_delay *d)
{
    size_t best = 0;
    for (size_t lag = 1; lag < AEC_MAX_LAG; lag++)
        if (d->evidence[lag] > d->evidence[best])
            best = lag;
    float early = 1 - (float) d->heard[best] / (MEMORY + DEAF_HOPS);
    if (d->heard[best] < FIRST_HOPS || d->evidence[best] < EVIDENCE_MIN + EVIDENCE_EARLY * early)
        return;
    if (d->found && d->evidence[best] < EVIDENCE_BETTER * d->evidence[d->at])
        return;
    d->found = true;
    d->at = best;
}

/* The microphone against one of the last blocks: late lags have heard of a call's first words later than early ones. */
static void compare(struct aec_delay *d, size_t lag, const struct aec_phase *mic, const struct aec_phase *far)
{
    d->heard[lag] = AHOY_MIN(d->heard[lag] + 1, (unsigned) (MEMORY + DEAF_HOPS));
    float rate = 1.0f / (float) AHOY_MIN(d->heard[lag], (unsigned) MEMORY);
    blend(&d->mean[lag], mic, far, rate);
    d->chance[lag] = (1 - rate) * (1 - rate) * d->chance[lag] + rate * rate;
    d->score[lag] = coherence(&d->mean[lag]) / d->chance[lag];
}

void aec_delay_update(struct aec_delay *d, const struct aec_spec *far, bool active, const struct aec_spec *mic)
{
    struct aec_phase m;
    d->head = (d->head + 1) % AEC_MAX_LAG;
    d->sound[d->head] = active;
    if (!active)
        return;
    unit_phasors(&d->far[d->head], far);
    unit_phasors(&m, mic);
    for (size_t lag = 0; lag < AEC_MAX_LAG; lag++) {
        size_t at = (d->head + AEC_MAX_LAG - lag) % AEC_MAX_LAG;
        if (d->sound[at])
            compare(d, lag, &m, &d->far[at]);
    }
    weigh(d);
    decide(d);
}

bool aec_delay_heard(const struct aec_delay *d)
{
    return d->sound[d->head] && d->sound[(d->head + AEC_MAX_LAG - d->at) % AEC_MAX_LAG];
}

static size_t moved(size_t lag, int hops)
{
    int64_t to = (int64_t) lag + hops;
    return (size_t) AHOY_MIN(AHOY_MAX(to, 0), AEC_MAX_LAG - 1);
}

void aec_delay_move(struct aec_delay *d, int hops)
{
    size_t by = (size_t) (hops < 0 ? -hops : hops);
    by = AHOY_MIN(by, (size_t) AEC_MAX_LAG);
    size_t from = hops < 0 ? by : 0;
    size_t to = hops < 0 ? 0 : by;
    size_t left = AEC_MAX_LAG - by;
    size_t empty = hops < 0 ? left : 0;
    memmove(d->mean + to, d->mean + from, left * sizeof d->mean[0]);
    memset(d->mean + empty, 0, by * sizeof d->mean[0]);
    memmove(d->evidence + to, d->evidence + from, left * sizeof d->evidence[0]);
    memset(d->evidence + empty, 0, by * sizeof d->evidence[0]);
    memmove(d->score + to, d->score + from, left * sizeof d->score[0]);
    memset(d->score + empty, 0, by * sizeof d->score[0]);
    d->at = moved(d->at,
                  hops); /* `heard` and `chance` stay: what comes in has heard nothing yet, and must not win soon */
}
