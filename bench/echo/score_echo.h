/* What a canceller did to a scene, in figures. */
#ifndef AHOY_BENCH_ECHO_SCORE_ECHO_H
#define AHOY_BENCH_ECHO_SCORE_ECHO_H

#include "echo/scene.h"

struct echo_score {
    double early_db;    /* ERLE from 0.5 to 4 s */
    double late_db;     /* from 5 s to the change in the middle */
    double changed_db;  /* from 0.5 to 4 s after it */
    double first_20_ms; /* until 20 dB are reached for the first time … */
    double again_20_ms; /* … and after the change */
    double lost_db;     /* near speech lost in double talk, from 0.5 s on; negative: lost */
    double estoi;       /* of the near speech in double talk, 0 … 1 */
    double cpu_percent; /* of a core */
};

/** `out` and `both_out` are what came of scene.echo and scene.both, already aligned. */
void score_scene(const struct scene *s, const int16_t *out, const int16_t *both_out, struct echo_score *score);

#endif
