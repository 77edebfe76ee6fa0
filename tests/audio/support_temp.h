/* A directory of a test's own. */
#ifndef AHOY_TESTS_AUDIO_SUPPORT_TEMP_H
#define AHOY_TESTS_AUDIO_SUPPORT_TEMP_H

#include <stdbool.h>
#include <stddef.h>

enum { TEMP_PATH_BYTES = 200 };

/** Makes a directory, its name to `dir`. */
bool temp_make(char dir[TEMP_PATH_BYTES]);

/** Removes it and the files and directories in it; "" is ignored. */
void temp_remove(const char *dir);

/** dir/name to `path`; returns path. */
const char *temp_path(const char *dir, const char *name, char path[2 * TEMP_PATH_BYTES]);

/** Writes a file whole. */
bool temp_write(const char *path, const void *data, size_t n);

#endif
