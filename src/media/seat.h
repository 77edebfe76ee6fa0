/*
 * The worker's half of a conference: a bus that mixes, and a seat at it for each stream. Streams in a seat are run every
 * 10 ms on one grid, whatever their packet time: each puts what it heard, then the bus is run, and each sends what it got.
 * Private to media/; all on the worker.
 */
#ifndef AHOY_MEDIA_SEAT_H
#define AHOY_MEDIA_SEAT_H

#include "audio/mixer.h"
#include "media/conference.h"
#include "media/stream.h"

struct media_seat {
    struct list_link link; /* in bus->seats, the oldest first */
    struct media_bus *bus;
    struct media_stream *stream;
    struct mixer_port *port;
    bool less; /* a part of the first slot is there already */
};

/* How much later things are heard by way of the conference, while its device is this call's. */
struct seat_lags {
    bool known;
    double saying_ms, hearing_ms; /* from microphone to peer, from peer to loudspeaker */
};

/* Who speaks: members' sessions, NULL for the local user. */
struct media_speakers {
    const struct media_session *who[MEDIA_SPEAKERS];
    size_t n;
};

struct media_bus {
    struct list_link link; /* in worker->buses */
    struct media_worker *worker;
    struct mixer *mixer;
    uint32_t rate_hz;
    struct list seats;
    bool wants_local, open;
    struct media_seat *owner; /* whose device is the local user's; NULL: none */
    struct mixer_port *local; /* its port */
    struct record *record;
    unsigned records;
    struct media_speakers speakers; /* as told */
    unsigned runs;                  /* since that was looked at */
    /* News, on the worker. */
    void (*speaking)(struct media_bus *bus);
    void (*recorded)(struct media_bus *bus, struct record *r); /* it is the receiver's: record_tell */
    void (*drained)(struct media_bus *bus);                    /* it is closed, and so are its files */
};

/** Gives a stream the seat; when that fails (out of memory) the stream is told, and the seat is freed. */
void media_bus_sit(struct media_bus *bus, struct media_seat *seat, struct media_stream *st);

/** Takes a stream out of its seat, if it has one. */
void media_seat_leave(struct media_stream *st);

void media_bus_set_local(struct media_bus *bus, bool on);
void media_bus_record(struct media_bus *bus, struct record *record);
void media_bus_record_done(void *arg, struct record *r); /* arg: the bus */

/* seat_turn.c: a stream that has just sat down goes on; so does one that has just left, given the lags that were. */
void media_seat_go_on(struct media_seat *seat, bool new_local);
void media_seat_lags(const struct media_seat *seat, struct seat_lags *out);
void media_seat_go_alone(struct media_stream *st, const struct seat_lags *lags);

/** Mixes what is due and sends it on. */
void media_bus_run(struct media_bus *bus, int64_t now_us);

/** Parts all; `drained` follows. */
void media_bus_close(struct media_bus *bus);

/** One tick of a stream in its seat: what it heard goes to the bus. */
void media_seat_tick(struct media_stream *st, int64_t now_us);

/** The local user's live device, which is this stream's, has moved sound. */
void media_seat_moved(struct media_stream *st, int64_t now_us);

/** Somebody spoke into this stream's muted microphone: the muted call is told so, in a conference one of the muted ones. */
void media_seat_muted_speech(struct media_stream *st);

/** The sound whose device the local user has in this call: in a conference perhaps another stream's. */
const struct sound *media_seat_desk(const struct media_stream *st);

/** The stream's sound has another rate, or what is muted or held has changed. */
void media_seat_retune(struct media_stream *st);
void media_seat_mute(struct media_stream *st);

#endif
