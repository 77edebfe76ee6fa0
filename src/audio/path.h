/* Files made for sound. Private to src/audio. */
#ifndef AHOY_AUDIO_PATH_H
#define AHOY_AUDIO_PATH_H

#include "base/base.h"

/** What `errno` means for a file: NOT_FOUND, ACCESS, NOMEM, else IO. */
enum ahoy_err path_error(int e);

/**
 * Creates or empties a file for reading and writing (mode 0600 when new: a recording is private). NOT_FOUND, ACCESS,
 * IO.
 */
AHOY_MUST_USE enum ahoy_err path_create(const char *path, int *fd);

#endif
