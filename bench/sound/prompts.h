/*
 * Speech to play: pieces of eight to ten seconds, each made of recorded prompts with short gaps between them. The
 * prompts come from Debian packages (asterisk-core-sounds-en-g722 at 16 kHz, alsa-utils at 48 kHz) or from a folder of
 * WAV files. The same files give the same pieces.
 */
#ifndef BENCH_SOUND_PROMPTS_H
#define BENCH_SOUND_PROMPTS_H

#include "base/base.h"

enum { PROMPTS_MAX_PIECES = 16, PROMPTS_HZ = 48000 };

struct piece {
    int16_t *pcm; /* at PROMPTS_HZ, mono, speech at the level asked for */
    size_t n;
};

struct prompts {
    size_t count;
    struct piece piece[PROMPTS_MAX_PIECES];
};

/**
 * At most `pieces` of them, speech `level` dB below full scale (26 is what P.56 listens at). `folder`: WAV files instead,
 * NULL for the packages. NOT_FOUND: less than one piece of
 * speech there. NOMEM.
 */
AHOY_MUST_USE enum ahoy_err prompts_load(struct prompts *p, const char *folder, double level, size_t pieces);
void prompts_free(struct prompts *p);

#endif
