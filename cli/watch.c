#include "cli/watch.h"

enum {
    BAD_S = 3,  /* a burst of losses is over before anybody can do something about it … */
    WELL_S = 6, /* … and who got better for a moment is not well; mos_now looks back ten seconds itself */
    SPEAK_S = 5 /* somebody who has just unmuted may not have said anything yet */
};

/* The call as it has been since it last sounded well. */
static struct ahoy_call_stats since(const struct watch *w, const struct ahoy_call_stats *s)
{
    struct ahoy_call_stats now = *s;
    now.mos = s->mos_now;
    now.lost -= w->calm.lost;
    now.late -= w->calm.late;
    now.concealed_ms -= w->calm.concealed_ms;
    now.duration_ms -= w->calm.duration_ms;
    return now;
}

static void note_calm(struct watch *w, const struct ahoy_call_stats *s)
{
    w->calm.lost = s->lost;
    w->calm.late = s->late;
    w->calm.concealed_ms = s->concealed_ms;
    w->calm.duration_ms = s->duration_ms;
}

static void tell_hearing(struct watch *w, const struct ahoy_call_stats *s, struct text *out)
{
    const struct ahoy_call_stats now = since(w, s);
    struct ahoy_judgement j;
    ahoy_call_judge(&now, &j);
    bool bad = j.grade == AHOY_GRADE_POOR || j.grade == AHOY_GRADE_BAD;
    w->bad_s = bad ? w->bad_s + 1 : 0;
    w->well_s = bad ? 0 : w->well_s + 1;
    if (!w->told_bad && !bad) {
        note_calm(w, s);
    } else if (!w->told_bad && w->bad_s >= BAD_S) {
        w->told_bad = true;
        text_add(out, "the sound is %s now, %.1f of 5%s%s", ahoy_grade_name(j.grade), now.mos, j.advice[0] ? ": " : "",
                 j.advice);
    } else if (w->told_bad && w->well_s >= WELL_S) {
        w->told_bad = false;
        note_calm(w, s);
        text_add(out, "the sound is %s again, %.1f of 5", ahoy_grade_name(j.grade), now.mos);
    }
}

/* What only the other side would notice. */
static void tell_speaking(struct watch *w, const struct ahoy_call_stats *s, struct text *out)
{
    struct ahoy_judgement j;
    ahoy_call_judge(s, &j);
    bool ours = j.spoiler == AHOY_SPOILER_REMOTE_LOSS || j.spoiler == AHOY_SPOILER_REMOTE_DEAF
                || j.spoiler == AHOY_SPOILER_STOPPED || (j.spoiler == AHOY_SPOILER_SILENT && w->spoken_s >= SPEAK_S);
    w->ours_s = ours ? w->ours_s + 1 : 0;
    if (w->ours_s < BAD_S || (w->told & (UINT32_C(1) << j.spoiler)))
        return;
    w->told |= UINT32_C(1) << j.spoiler;
    text_add(out, "%s", j.advice);
}

void watch_second(struct watch *w, const struct ahoy_call_stats *s, struct text *out)
{
    w->spoken_s = w->speaking ? w->spoken_s + 1 : 0;
    if (s->gone_ms > 0) /* which is told when it begins */
        return;
    if (s->mos_now >= 0)
        tell_hearing(w, s, out);
    if (out->n == 0)
        tell_speaking(w, s, out);
}
