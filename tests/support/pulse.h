/*
 * A sound server of a test's own, PulseAudio or PipeWire: private directory, socket and null sink; nothing of the user's is
 * touched. Which one says AHOY_TEST_SOUND_SERVER (pulseaudio, pipewire) in the environment.
 */
#ifndef AHOY_TESTS_SUPPORT_PULSE_H
#define AHOY_TESTS_SUPPORT_PULSE_H

#include "support/temp.h"

#include <sys/types.h>

enum { PULSE_PARTS = 4 };

struct pulse_daemon {
    char dir[TEMP_PATH_BYTES];
    char server[TEMP_PATH_BYTES + 16]; /* as PULSE_SERVER wants it */
    bool pipewire;                     /* otherwise PulseAudio */
    pid_t part[PULSE_PARTS];           /* its programs; 0: not running */
};

/** Makes the directory and points the environment (PULSE_SERVER, HOME, …) at it. Once. */
bool pulse_daemon_init(struct pulse_daemon *d);

/**
 * Starts it, unless it runs, and waits until it serves; the sink "ahoy_test" and its monitor are the defaults. False when a
 * program is missing or does not come up within 20 s.
 */
bool pulse_daemon_start(struct pulse_daemon *d);

/** Kills it. */
void pulse_daemon_stop(struct pulse_daemon *d);

/** A command as pactl has it ("load-module …"); it is done when this returns, and what it loaded is there. */
bool pulse_daemon_command(const struct pulse_daemon *d, const char *command);

/** Takes away the streams that play on a sink. */
bool pulse_daemon_kill_streams(const struct pulse_daemon *d, const char *sink);

void pulse_daemon_fini(struct pulse_daemon *d);

#endif
