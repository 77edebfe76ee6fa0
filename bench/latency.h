/* The parts of the latency benchmark: a sound server of its own, and what goes in at one end and comes out. */
#ifndef AHOY_BENCH_LATENCY_H
#define AHOY_BENCH_LATENCY_H

#include "support/pulse.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { CABLE_HZ = 48000, CABLE_BLOCK = 48 };

/*
 * Two telephones' worth of sound devices, "a" and "b": mic_a and ear_a, mic_b and ear_b. A microphone is a source that
 * hears what is played into its null sink; an ear is a null sink. All are mono at 48 kHz. A null sink runs on the
 * system's clock and moves sound in blocks as long as the shortest that any of its users asks for (2 s when nobody
 * does, which would come as a burst). A listener at each asks for 5 ms all the while, so that every phone finds the
 * same: devices that run in periods of 5 ms, as a sound card might.
 */
enum { CABLE_DEVICES = 4 };

struct cable {
    struct pulse_daemon server;
    pthread_t listener[CABLE_DEVICES];
    unsigned listeners;
    atomic_bool ending; /* read by the listeners */
};

bool cable_start(struct cable *c);
void cable_stop(struct cable *c);

/* The calling thread runs before the machine's other work, as a sound server does, where it may. */
void cable_hurry(void);

/*
 * How late the machine wakes a thread that asks for each millisecond: one in realtime, as phones and the server's devices
 * are, and one like any other, as the server's protocol is. A figure is the machine's, too, where that is as long as what
 * stands in front of a loudspeaker.
 */
enum { PROBE_LATE_MS = 3 };

struct lateness {
    double seconds, worst_ms;
    unsigned late; /* times that it woke later than PROBE_LATE_MS */
};

struct probe {
    pthread_t thread;
    bool realtime;
    atomic_bool ending; /* read by the thread */
    struct lateness seen;
};

bool probe_start(struct probe *p, bool realtime);

/* Ends it, and adds what it saw. */
void probe_stop(struct probe *p, struct lateness *sum);

/* What was recorded of one device, and when: the monotonic time of its first sample. */
struct recording {
    int16_t *pcm;
    size_t n, max;
    double start_ms;
    double late_ms; /* how much later than by its clock the latest sample came: the machine's own stumbles */
};

/* Plays `said` into mic_a and records that and ear_b for `seconds`. False when the daemon refuses. */
bool cable_measure(const int16_t *said, size_t n_said, unsigned seconds, struct recording *mouth,
                   struct recording *ear);

/*
 * The same without a phone: what the first phone's microphone hears, in place of what the second one's loudspeaker
 * says.
 */
bool cable_measure_itself(const int16_t *said, size_t n_said, unsigned seconds, struct recording *mouth,
                          struct recording *ear);

/*
 * Records a monitor ("ear_b.monitor") until `rec->max` samples are there. NULL: no thread. cable_recorded waits for
 * the end.
 */
struct cable_recorder;
struct cable_recorder *cable_record(const char *device, struct recording *rec);
bool cable_recorded(struct cable_recorder *r);

#endif
