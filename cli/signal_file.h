/* The sound that stands in for a microphone where there is none, and taking a recording of a call apart. */
#ifndef AHOY_CLI_SIGNAL_FILE_H
#define AHOY_CLI_SIGNAL_FILE_H

#include "cli/text.h"

/**
 * Writes `ms` of something like speech into a WAV file (48 kHz, mono): syllables of a gliding voice with formants, pauses
 * between them, so that delay and likeness can be measured with every codec. The first `lead_ms` of them are silent: while the
 * play-out buffers settle they squeeze what they hold. False when it cannot be written.
 */
bool signal_file_write(const char *path, uint32_t ms, uint32_t lead_ms);

/** Splits a stereo WAV file (left: we, right: they) into two of one channel each. False when it is none. */
bool signal_file_split(const char *stereo, const char *left, const char *right);

#endif
