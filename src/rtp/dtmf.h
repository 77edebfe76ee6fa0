/*
 * Telephone events in RTP (RFC 4733): payload, a sender that turns key presses into packets and a receiver that turns
 * packets back into one START and one END per key, whatever is lost, repeated or reordered. Caller's memory, no clock
 * of its own. Media thread.
 */
#ifndef AHOY_RTP_DTMF_H
#define AHOY_RTP_DTMF_H

#include "base/view.h"

enum {
    DTMF_EVENT_BYTES = 4,
    DTMF_MAX_EVENTS = 8, /* taken from one packet */
    DTMF_QUEUE = 128,    /* keys that wait in a sender */
    DTMF_FLASH = 16,     /* event code of a hook flash */
    DTMF_MAX_NOTES = 2 * DTMF_MAX_EVENTS + 1,
};

struct dtmf_event {
    uint8_t event; /* 0 … 9, 10 *, 11 #, 12 … 15 A … D, 16 flash */
    bool end;
    uint8_t volume;    /* 0 … 63: minus dBm0 */
    uint16_t duration; /* timestamp units */
};

/** One or more events of a payload. SYNTAX when empty or not a multiple of four; more than `max` are ignored. */
AHOY_MUST_USE enum ahoy_err dtmf_parse(struct view payload, struct dtmf_event *out, size_t max, size_t *n);
void dtmf_print(const struct dtmf_event *e, uint8_t dst[DTMF_EVENT_BYTES]);

/** 0 … 16 for 0-9 * # A-D a-d and ! (flash), or -1. */
int dtmf_code(char c);

/** The character of an event, or 0 when it has none. */
char dtmf_char(uint8_t event);

/* ---- sending ----------------------------------------------------------------------------------------------------- */

struct dtmf_sender_config {
    uint32_t clock_hz; /* of the telephone-event payload: the audio's clock */
    uint32_t ptime_ts; /* timestamp units between two calls of dtmf_sender_tick: one packet interval */
    uint8_t volume;    /* minus dBm0, 0 … 63; 10 is usual */
    uint32_t tone_ms;  /* of a queued key; at least 40 are needed by receivers, 100 is a good press */
    uint32_t gap_ms;   /* silence behind a queued key */
};

/** 8 kHz, 20 ms, -10 dBm0, 100 ms of tone, 60 ms of gap. */
struct dtmf_sender_config dtmf_sender_config_default(void);

/* The fields are the sender's own. */
struct dtmf_sender {
    struct dtmf_sender_config config;
    enum { DTMF_IDLE, DTMF_TONE, DTMF_SEGMENT_END, DTMF_END, DTMF_GAP } state;
    uint8_t queue[DTMF_QUEUE]; /* event codes; DTMF_PAUSE for a pause */
    unsigned head, count;
    uint8_t event;
    bool held; /* pressed by hand: until released */
    bool released;
    bool first;
    unsigned repeats;    /* end packets still to send */
    uint32_t start_ts;   /* of the whole event */
    uint32_t segment_ts; /* of the running segment */
    uint32_t tone_ts;    /* length of the whole event, when known */
    uint32_t gap_until_ts;
};

/* What to put into one RTP packet. */
struct dtmf_packet {
    uint32_t timestamp; /* the caller's media clock at the event's (or segment's) start */
    uint32_t duration_ts;
    bool marker;
    uint8_t payload[DTMF_EVENT_BYTES];
};

void dtmf_sender_init(struct dtmf_sender *s, const struct dtmf_sender_config *config);

/**
 * Queues keys (0-9 * # A-D ! and "," for a pause of one second). SYNTAX for another character, LIMIT when full: nothing
 * is queued then.
 */
AHOY_MUST_USE enum ahoy_err dtmf_sender_queue(struct dtmf_sender *s, struct view keys);

/** A key is held down until dtmf_sender_release. STATE while something else is being sent. */
AHOY_MUST_USE enum ahoy_err dtmf_sender_press(struct dtmf_sender *s, uint8_t event);
void dtmf_sender_release(struct dtmf_sender *s);

/** Forgets what waits; a tone that sounds is ended in order. */
void dtmf_sender_flush(struct dtmf_sender *s);

/** True while anything is queued or sounding. */
bool dtmf_sender_busy(const struct dtmf_sender *s);

/**
 * Once each packet interval, with the media clock of the audio frame that would be sent now. True: send `out` in place
 * of audio. False: send audio.
 */
bool dtmf_sender_tick(struct dtmf_sender *s, uint32_t media_ts, struct dtmf_packet *out);

/* ---- receiving --------------------------------------------------------------------------------------------------- */

enum dtmf_note_kind { DTMF_NOTE_START, DTMF_NOTE_END };

struct dtmf_note {
    enum dtmf_note_kind kind;
    uint8_t event;
    uint8_t volume;
    uint32_t timestamp;   /* of the event's start */
    uint32_t duration_ts; /* END: of the whole event, segments added up */
};

enum { DTMF_HISTORY = 16 };

/* The fields are the receiver's own. */
struct dtmf_receiver {
    uint32_t clock_hz;
    bool active;
    struct dtmf_note now; /* the event that sounds */
    uint32_t segment_ts;
    uint32_t before_ts; /* duration of finished segments */
    uint16_t segment_dur;
    int64_t last_us;     /* last packet of it */
    int64_t interval_us; /* between its packets */
    struct {
        uint32_t timestamp;
        uint8_t event;
    } done[DTMF_HISTORY]; /* finished events (their last segment): further packets of them are repeats */
    unsigned done_n, done_at;
};

void dtmf_receiver_init(struct dtmf_receiver *r, uint32_t clock_hz);

/** A packet of the event payload type. Writes what happened to `notes` and returns how many there are. */
size_t dtmf_receiver_put(struct dtmf_receiver *r, struct view payload, bool marker, uint32_t timestamp, int64_t now_us,
                         struct dtmf_note notes[DTMF_MAX_NOTES]);

/** Once in a while (each media tick): ends an event whose end was lost, three intervals after its last packet. */
bool dtmf_receiver_tick(struct dtmf_receiver *r, int64_t now_us, struct dtmf_note *note);

/** The stream changed (another SSRC, a restart): ends what sounds. */
bool dtmf_receiver_reset(struct dtmf_receiver *r, struct dtmf_note *note);

#endif
