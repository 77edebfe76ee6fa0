/* A PulseAudio daemon of a test's own: private directory, socket and null sink; nothing of the user's is touched. */
#ifndef AHOY_TESTS_AUDIO_SUPPORT_PULSE_H
#define AHOY_TESTS_AUDIO_SUPPORT_PULSE_H

#include "support/temp.h"

#include <sys/types.h>

struct pulse_daemon {
    char dir[TEMP_PATH_BYTES];
    pid_t pid; /* 0: not running */
};

/** Makes the directory and points the environment (PULSE_SERVER, HOME, …) at it. Once. */
bool pulse_daemon_init(struct pulse_daemon *d);

/** Starts and waits until it serves. False when the program is missing or does not come up within 20 s. */
bool pulse_daemon_start(struct pulse_daemon *d);

/** Ends the process that was started; NULL-safe when none runs. */
void pulse_daemon_stop(struct pulse_daemon *d);

/** A command of its command line ("load-module …"). */
bool pulse_daemon_command(const struct pulse_daemon *d, const char *command);

void pulse_daemon_fini(struct pulse_daemon *d);

#endif
