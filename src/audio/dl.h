/* Libraries that are opened when first needed. Private to src/audio. */
#ifndef AHOY_AUDIO_DL_H
#define AHOY_AUDIO_DL_H

#include "base/base.h"

/** A function to look up: `slot` points at a function pointer of its type. */
struct audio_dl_symbol {
    const char *name;
    void *slot;
};

/** Opens `soname` and fills every slot. False (and nothing stays open) when it or a function is missing. */
bool audio_dl_open(void **lib, const char *soname, const struct audio_dl_symbol *symbols, size_t n);

/** NULL is ignored. The code stays mapped: such libraries leave threads' data and exit handlers behind. */
void audio_dl_close(void *lib);

#endif
