/*
 * A conference: sessions of one media worker that hear each other, each at its own rate and packet time, and with them
 * the local user through one sound device. The phone's merged calls and the exchange's rooms are made of it. What a
 * session records, plays to its peer and reports goes on as before; its own device rests, but for one: the device of the
 * member that is in for longest is the local user's.
 *
 * This header is for the signalling loop; the mixing is done on the worker (audio/mixer.h).
 */
#ifndef AHOY_MEDIA_CONFERENCE_H
#define AHOY_MEDIA_CONFERENCE_H

#include "media/media.h"

struct media_conference;

enum { MEDIA_SPEAKERS = 4 };

struct media_conference_config {
    struct media_session *near; /* it lives where this one does; NULL: on the next worker in turn */
    uint32_t rate_hz;           /* it adds at this rate; 0: 48000, so that nothing is lost */
    bool local;                 /* the local user takes part */
};

/** All on the signalling loop; any may be NULL but `closed`. */
struct media_conference_handler {
    /**
     * Who speaks, loudest first; a NULL session is the local user. Told when they are others, at most four times a second.
     * A session may have been parted or closed meanwhile: compare, do not use.
     */
    void (*speaking)(void *arg, const struct media_session *const *who, size_t n);
    void (*recorded)(void *arg, enum ahoy_err err, const char *why); /* as media_handler's */
    void (*closed)(void *arg);                                       /* it is gone */
    void *arg;
};

/** NOMEM; RANGE: a rate that is none of 8000, 16000, 32000, 48000. */
AHOY_MUST_USE enum ahoy_err media_conference_create(struct media_conference **out, struct media_engine *e,
                                                    const struct media_conference_config *cfg,
                                                    const struct media_conference_handler *handler);

/** Everybody is parted, a recording is completed; `closed` follows. */
void media_conference_close(struct media_conference *c);

/**
 * Puts a session in, whose sound runs (else STATE; also when it is in one already). UNSUPPORTED: it lives on another
 * worker; open it with the conference in its config. NOMEM.
 */
AHOY_MUST_USE enum ahoy_err media_conference_join(struct media_conference *c, struct media_session *s);

/** Takes it out: it is by itself again, with its own device. STATE: it is not in; NOMEM. A session that closes leaves. */
AHOY_MUST_USE enum ahoy_err media_conference_part(struct media_conference *c, struct media_session *s);

/** The local user takes part, or not. NOMEM. */
AHOY_MUST_USE enum ahoy_err media_conference_set_local(struct media_conference *c, bool on);

/** Records it: left the local user, right all others, or one channel. Errors: media_session_record. */
AHOY_MUST_USE enum ahoy_err media_conference_record(struct media_conference *c, const struct media_record *how);

#endif
