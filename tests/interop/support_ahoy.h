/* What the tests with real peers share: our command, speech to say, and how well it was heard. */
#ifndef AHOY_TESTS_INTEROP_SUPPORT_AHOY_H
#define AHOY_TESTS_INTEROP_SUPPORT_AHOY_H

#include "ahoy/ahoy.h"
#include "support/proc.h"
#include "support/t.h"

enum {
    WAIT_MS = 60000,    /* for what takes no time: the machine may be busy */
    CALL_S = 5,         /* calls with sound last so long … */
    SPEECH_MS = 4000,   /* … and this much is said, so that all of it is heard */
    SILENCE_MS = 56000, /* behind the speech: peers that end a call with their file do not */
};

/** Starts `ahoy` with these arguments, from $AHOY_BIN or from bin/ beside the tests. */
struct proc *ahoy_start(struct lab *lab, const char *const args[]);
#define AHOY(lab, ...) ahoy_start((lab), (const char *const[]){ __VA_ARGS__, NULL })

/** Waits for the `ready` line of a phone or exchange under --json; gives its UDP port on 127.0.0.1, or 0. */
uint16_t ahoy_ready(struct proc *p);

/** Waits until a call has this state ("confirmed"); false: not in time, or the call has ended. */
bool ahoy_state(struct proc *p, const char *state);

/** Waits for the end of `call` or `listen` and gives the summary line, NULL: none. */
const char *ahoy_summary(struct proc *p);

/** Waits until the call has lasted so long. */
bool ahoy_lasted(struct proc *p, unsigned ms);

/** A member of a JSON line. */
double json_number(const char *line, const char *key);              /* NAN: none */
bool json_is(const char *line, const char *key, const char *value); /* a string */

/** Makes dir/name: SPEECH_MS of speech (alsa-utils' voices, `first` of them first), SILENCE_MS of silence. */
bool speech_make(const struct lab *lab, const char *name, uint32_t hz, unsigned first);

/** The same as headerless A-law, for SIPp. */
bool speech_make_alaw(const struct lab *lab, const char *name, unsigned first);

/** Something that correlates with itself at one lag only, also below other voices: a tone whose pitch and loudness wander. */
bool wander_make(const struct lab *lab, const char *name, uint32_t hz, unsigned seconds, uint64_t seed);

/** How much of `said` is in `heard`, 0 … 1; -1: a file is missing. Both in the lab's folder. Says so on standard error. */
double speech_heard(const struct lab *lab, const char *said, const char *heard);

/** The first file of the folder whose name has this beginning and end; "" for none. */
const char *lab_find(const struct lab *lab, const char *begins, const char *ends, char name[LAB_PATH_BYTES]);

/** "sip:USER@127.0.0.1:PORT" */
const char *uri_of(const char *user, uint16_t port, char uri[LAB_PATH_BYTES]);
/** "file:DIR/IN,DIR/OUT" for --audio. */
const char *files_of(const struct lab *lab, const char *in, const char *out, char spec[2 * LAB_PATH_BYTES + 8]);

/* The sound of `said` is in `heard` with at least this correlation. */
#define T_HEARD(lab, said, heard, least)                                                                               \
    do {                                                                                                               \
        double heard_ = speech_heard((lab), (said), (heard));                                                          \
        if (heard_ < (least)) {                                                                                        \
            char how_[160];                                                                                            \
            (void) snprintf(how_, sizeof how_, "correlation %.3f, not %.2f", heard_, (double) (least));                \
            t_fail(t, __FILE__, __LINE__, #said " in " #heard, how_);                                                  \
            goto out;                                                                                                  \
        }                                                                                                              \
    } while (0)

#endif
