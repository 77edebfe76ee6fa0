#include "sound/spoken.h"

#include "base/mem.h"

#include <string.h>

enum { AFTER = PROMPTS_HZ }; /* samples that are looked through behind a piece */

enum ahoy_err spoken_create(struct spoken *s, const struct prompts *prompts, bool acquainted)
{
    const struct piece *last = &prompts->piece[prompts->count - 1];
    *s = (struct spoken){ .prompts = prompts, .first = acquainted ? last->n : 0 };
    s->n = s->first;
    for (size_t i = 0; i < prompts->count; i++)
        s->n += prompts->piece[i].n;
    s->pcm = mem_alloc(s->n * sizeof *s->pcm);
    enum ahoy_err err = s->pcm ? AHOY_OK : AHOY_ERR_NOMEM;
    size_t at = s->first;
    if (!err)
        memcpy(s->pcm, last->pcm, at * sizeof *s->pcm);
    for (size_t i = 0; i < prompts->count && !err; i++) {
        const struct piece *p = &prompts->piece[i];
        memcpy(s->pcm + at, p->pcm, p->n * sizeof *s->pcm);
        at += p->n;
        err = measure_create(&s->measure[i], p->pcm, p->n);
    }
    if (err)
        spoken_free(s);
    return err;
}

void spoken_free(struct spoken *s)
{
    for (size_t i = 0; i < PROMPTS_MAX_PIECES; i++)
        measure_destroy(s->measure[i]);
    mem_free(s->pcm);
    *s = (struct spoken){ 0 };
}

static enum ahoy_err score(const struct spoken *s, const int16_t *heard, size_t n, size_t piece, size_t at,
                           int max_delay_ms, double part, struct figures *sum)
{
    struct figures f;
    if (at >= n)
        return AHOY_ERR_INVAL;
    n = AHOY_MIN(s->prompts->piece[piece].n + AFTER, n - at);
    enum ahoy_err err = measure_run(s->measure[piece], heard + at, n, max_delay_ms, &f);
    if (!err)
        figures_add(sum, &f, part);
    return err;
}

enum ahoy_err spoken_score(const struct spoken *s, const int16_t *heard, size_t n, int max_delay_ms, double part,
                           struct figures *sum)
{
    enum ahoy_err err = AHOY_OK;
    size_t at = s->first, pieces = s->prompts->count;
    for (size_t i = 0; i < pieces && !err; i++) {
        err = score(s, heard, n, i, at, max_delay_ms, part / (double) pieces, sum);
        at += s->prompts->piece[i].n;
    }
    return err;
}

enum ahoy_err spoken_score_first(const struct spoken *s, const int16_t *heard, size_t n, int max_delay_ms, double part,
                                 struct figures *sum)
{
    return s->first > 0 ? score(s, heard, n, s->prompts->count - 1, 0, max_delay_ms, part, sum) : AHOY_ERR_INVAL;
}
