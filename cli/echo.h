/* What a test call has shown, and the sentence about it. */
#ifndef AHOY_CLI_ECHO_H
#define AHOY_CLI_ECHO_H

#include "ahoy/ahoy.h"
#include "cli/text.h"

enum { ECHO_SILENT_DBFS = -75 };

struct echo_result {
    bool test_signal;  /* a file stood in for the sound card */
    const char *audio; /* what --audio said, or NULL */
    bool compared;     /* `score` counts */
    struct ahoy_sound_score score;
    struct ahoy_call_stats stats;
};

/** The verdict in a sentence; true when sound works. Pure. */
bool echo_verdict(const struct echo_result *r, struct text *t);

#endif
