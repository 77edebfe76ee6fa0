/* The parts of the phone benchmark: phones as processes, what they cost, and a registrar that only asks for digests. */
#ifndef AHOY_BENCH_PHONE_H
#define AHOY_BENCH_PHONE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum phone_kind { PHONE_AHOY, PHONE_BARESIP, PHONE_LINPHONEC, PHONE_KINDS };

struct phone_config {
    const char *dir;    /* for its settings and files; of its own */
    const char *wav;    /* spoken in a call */
    unsigned rate_hz;   /* of that file */
    const char *codec;  /* "opus" or "pcmu" */
    uint16_t registrar; /* port on 127.0.0.1 to register at as bench, password secret; 0: none */
    uint16_t call;      /* port on 127.0.0.1 to call; 0: none */
    /* A call through PulseAudio in place of files: */
    const char *source, *sink; /* NULL: files */
    uint16_t listen;           /* port on 127.0.0.1 to answer at; 0: it calls */
    unsigned ptime_ms;         /* of the packets; 0: as the phone likes */
    const char *processing;    /* of our microphone; NULL: off, as at the others */
    const char *out;           /* file for what it says on its standard output; NULL: nowhere */
};

struct phone {
    pid_t pid;
    int input; /* its standard input, kept open */
};

bool phone_installed(enum phone_kind kind);
const char *phone_name(enum phone_kind kind);
bool phone_start(struct phone *p, enum phone_kind kind, const struct phone_config *cfg);
/* `ahoy listen --echo` on a port, with one codec: what every phone calls. */
bool phone_start_echo(struct phone *p, const char *dir, const char *codec, uint16_t port);
void phone_stop(struct phone *p);

/* The last number behind `"key":` in a file of JSON that a phone of ours wrote; negative: none. */
double phone_said(const char *path, const char *key);

/* A directory that can be a phone's home, with what linphonec wants to find in it. */
bool phone_make_home(const char *dir);

/* Path of the ahoy beside this program, or AHOY_BIN's. */
const char *phone_ahoy(void);
void phone_find_ahoy(const char *argv0);

/* Writes a WAV file of speech; to *what where it comes from: a synthetic voice where no recording is installed. */
bool phone_speech(const char *path, unsigned hz, unsigned seconds, const char **what);

/* ---- cost -------------------------------------------------------------------------------------------------------- */

struct cost {
    double cpu_ms;    /* all threads since the start */
    uint64_t wakeups; /* voluntary context switches of all threads */
    double rss_mb, pss_mb;
};

bool cost_read(pid_t pid, struct cost *out);

/* ---- registrar --------------------------------------------------------------------------------------------------- */

/* A socket on 127.0.0.1; the port to `port`. Negative on failure. */
int registrar_open(uint16_t *port);

/*
 * Answers until a REGISTER with credentials was accepted; false after `limit_ms`. It challenges with MD5, which every
 * phone knows, and believes what it gets: the phone's work is the same.
 */
bool registrar_serve(int fd, int limit_ms);

#endif
