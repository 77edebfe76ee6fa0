#include "audio/seam.h"

#include "audio/codec_impl.h"
#include "audio/pitch.h"

#include <math.h>
#include <string.h>

static const double LIKE = 0.6; /* correlation: below it a continuation would be none */
static const double NO_LESS = 1e-6;

/* ---- the past ---------------------------------------------------------------------------------------------------- */

void past_put(struct past *p, uint32_t hz, const int16_t *pcm, size_t n)
{
    size_t most = (size_t) hz / 1000 * SEAM_PAST_MS;
    AHOY_ASSERT(most > 0 && most <= SEAM_PAST_MOST);
    if (p->hz != hz) {
        p->hz = hz;
        p->n = p->at = 0;
    }
    if (n > most) {
        pcm = pcm ? pcm + n - most : NULL;
        n = most;
    }
    p->n = AHOY_MIN(p->n + n, most);
    for (size_t part; n > 0; n -= part) {
        part = AHOY_MIN(n, most - p->at);
        if (pcm)
            memcpy(p->pcm + p->at, pcm, part * sizeof *pcm);
        else
            memset(p->pcm + p->at, 0, part * sizeof *p->pcm);
        pcm = pcm ? pcm + part : NULL;
        p->at = (p->at + part) % most;
    }
}

size_t past_get(const struct past *p, uint32_t hz, int16_t *out)
{
    size_t most = (size_t) hz / 1000 * SEAM_PAST_MS;
    if (p->hz != hz)
        return 0;
    size_t from = (p->at + most - p->n) % most, part = AHOY_MIN(p->n, most - from);
    memcpy(out, p->pcm + from, part * sizeof *out);
    memcpy(out + part, p->pcm, (p->n - part) * sizeof *out);
    return p->n;
}

/* ---- the place --------------------------------------------------------------------------------------------------- */

static double likeness(const struct seam_sounds *s, size_t at, size_t like)
{
    return pitch_ncc(s->past + s->past_n - like, s->next + at - like, like);
}

/* Between samples: the top of the parabola through the likeness of three. */
static double part_of(const struct seam_sounds *s, size_t at, size_t like, double most)
{
    if (at <= like || at >= s->next_n)
        return 0;
    double before = likeness(s, at - 1, like), behind = likeness(s, at + 1, like);
    double bend = before - 2 * most + behind;
    double part = bend < -NO_LESS ? (before - behind) / (2 * bend) : 0;
    return fabs(part) <= 0.5 ? part : 0;
}

bool seam_find(const struct seam_sounds *s, size_t least, size_t most, struct seam_place *out)
{
    size_t like = (size_t) s->hz / 1000 * SEAM_LIKE_MS;
    if (s->past_n < like || s->next_n < like + least)
        return false;
    size_t best = s->next_n - least, last = s->next_n - AHOY_MIN(most, s->next_n - like);
    double most_like = likeness(s, best, like);
    for (size_t at = best; at-- > last;) {
        double now = likeness(s, at, like);
        if (now > most_like + NO_LESS) {
            most_like = now;
            best = at;
        }
    }
    *out = (struct seam_place){ .at = best, .like = most_like >= LIKE };
    if (out->like)
        out->part = part_of(s, best, like, most_like);
    return true;
}

/* ---- the transition ---------------------------------------------------------------------------------------------- */

void seam_begin(struct seam *s, const int16_t *past, size_t n, uint32_t hz, const int16_t *before)
{
    size_t fade = (size_t) hz / 1000 * SEAM_FADE_MS;
    s->n = s->at = 0;
    if (n < fade)
        return;
    s->n = fade;
    s->like = before != NULL;
    s->step = before ? past[n - 1] - *before : 0;
    for (size_t i = 0; i < fade && !before; i++) /* backwards: no step, and as loud */
        s->tail[i] = past[n - 1 - i];
}

void seam_run(struct seam *s, int16_t *pcm, size_t n)
{
    size_t part = AHOY_MIN(n, s->n - s->at);
    for (size_t i = 0; i < part; i++) {
        float in = (float) (s->at + i + 1) / (float) (s->n + 1);
        float out = s->like ? (float) s->step * (1 - in) : (float) s->tail[s->at + i] * sqrtf(1 - in);
        float now = s->like ? (float) pcm[i] : (float) pcm[i] * sqrtf(in);
        pcm[i] = audio_clip((int32_t) lrintf(now + out));
    }
    s->at += part;
}
