/* Two sessions that are joined by offer and answer in the simulated world: ours with a sound device, a peer's with an endpoint. */
#ifndef AHOY_TESTS_MEDIA_SUPPORT_PAIR_H
#define AHOY_TESTS_MEDIA_SUPPORT_PAIR_H

#include "media/media.h"
#include "support/t.h"
#include "sys/sim.h"

struct pair {
    struct media_session *ours, *theirs;
    struct media_engine *engine; /* the peer's */
    struct sys_loop *loop;
    struct media_codecs codecs; /* of both, as it was opened */
    bool closed_ours, closed_theirs;
    enum ahoy_err err;
    unsigned hints;           /* that who speaks is muted */
    struct media_stats stats; /* of ours, at its end */
};

struct pair_config {
    struct sim *sim;
    struct media_engine *engine; /* ours, at 192.0.2.1 */
    struct audio_mem *mem;       /* our device */
    const char *ip, *codec;      /* the peer's; of both */
    struct media_endpoint endpoint;
};

/** An engine at an address of its own. */
enum ahoy_err pair_engine(struct sim *sim, const char *ip, struct sys_loop **loop, struct media_engine **out);

/** Opened and agreed on. */
enum ahoy_err pair_open(struct pair *p, const struct pair_config *cfg);

/** Offer and answer once more. */
enum ahoy_err pair_agree(struct pair *p);

/** Our side goes; nothing happens when it is gone. */
void pair_hang_up(struct pair *p);

/** Ends both sides, and lets a second pass, in which they say that they are closed. False: one did not. */
bool pair_end(struct pair *p, struct sim *sim);

/** Behind pair_end, when our engine still is. */
void pair_free(struct pair *p);

#endif
