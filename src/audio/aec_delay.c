#include "audio/aec_delay.h"

#include <math.h>
#include <string.h>

/* Memory of the mean, in hops with sound, and how long a lag must have been the best. */
enum { MEMORY = 50, SURE_HOPS = 8, FIRST_HOPS = 10 };

/* Independent signals give 1 / (2 · MEMORY - 1) ± 1.5e-3. */
#define SCORE_MIN  0.035f
/* A new place must be this much better than the old one. */
#define SCORE_BETTER 1.5f

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

static void decide(struct aec_delay *d)
{
    size_t best = 0;
    for (size_t lag = 1; lag < AEC_MAX_LAG; lag++)
        if (d->score[lag] > d->score[best])
            best = lag;
    bool near_it = best + 1 >= d->best && best <= d->best + 1;
    d->same = near_it ? d->same + 1 : 0;
    d->best = best;
    if (d->heard < FIRST_HOPS || d->same < SURE_HOPS || d->score[best] < SCORE_MIN + 1.0f / (float) d->heard)
        return;
    if (d->found && d->score[best] < SCORE_BETTER * d->score[d->at])
        return;
    d->found = true;
    d->at = best;
}

void aec_delay_update(struct aec_delay *d, const struct aec_spec *far, bool active, const struct aec_spec *mic)
{
    static const struct aec_phase none;
    struct aec_phase m;
    d->head = (d->head + 1) % AEC_MAX_LAG;
    if (active)
        unit_phasors(&d->far[d->head], far);
    else
        d->far[d->head] = none;
    if (!active)
        return;
    unit_phasors(&m, mic);
    d->heard = AHOY_MIN(d->heard + 1, (unsigned) MEMORY);
    float rate = 1.0f / (float) d->heard;
    for (size_t lag = 0; lag < AEC_MAX_LAG; lag++) {
        blend(&d->mean[lag], &m, &d->far[(d->head + AEC_MAX_LAG - lag) % AEC_MAX_LAG], rate);
        d->score[lag] = coherence(&d->mean[lag]);
    }
    decide(d);
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
    memmove(d->mean + to, d->mean + from, (AEC_MAX_LAG - by) * sizeof d->mean[0]);
    memset(d->mean + (hops < 0 ? AEC_MAX_LAG - by : 0), 0, by * sizeof d->mean[0]);
    d->best = moved(d->best, hops);
    d->at = moved(d->at, hops);
}

