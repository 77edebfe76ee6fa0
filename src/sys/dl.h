/* Libraries that are opened when first needed, so that who needs none of them does not carry them. */
#ifndef AHOY_SYS_DL_H
#define AHOY_SYS_DL_H

#include "base/base.h"

/** A function to look up: `slot` points at a function pointer of its type. */
struct sys_dl_symbol {
    const char *name;
    void *slot;
};

/** Opens `soname` and fills every slot. False (and nothing stays open) when it or a function is missing. */
bool sys_dl_open(void **lib, const char *soname, const struct sys_dl_symbol *symbols, size_t n);

/** NULL is ignored. The code stays mapped: such libraries leave threads' data and exit handlers behind. */
void sys_dl_close(void *lib);

#endif
