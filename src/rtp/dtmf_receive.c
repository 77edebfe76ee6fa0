/* The receiving side of telephone events (RFC 4733 section 2.5.2). */
#include "rtp/dtmf.h"

#include "rtp/packet.h"

enum {
    MAX_DURATION = 0xFFFF,
    FIRST_INTERVAL_US = 50000, /* until the sender's spacing is known */
    MIN_INTERVAL_US = 20000,
    MAX_INTERVAL_US = 100000,
    LOST_INTERVALS = 3, /* section 2.5.2.2: no tone is extended by more */
    STALE_S = 10,       /* an older timestamp is a straggler up to here, beyond it the clock was restarted */
};

void dtmf_receiver_init(struct dtmf_receiver *r, uint32_t clock_hz)
{
    *r = (struct dtmf_receiver){ .clock_hz = clock_hz };
}

static void remember(struct dtmf_receiver *r)
{
    r->done[r->done_at].timestamp = r->segment_ts;
    r->done[r->done_at].event = r->now.event;
    r->done_at = (r->done_at + 1) % DTMF_HISTORY;
    if (r->done_n < DTMF_HISTORY)
        r->done_n++;
}

/* The running event is over; its note is written to `note`. */
static void end_event(struct dtmf_receiver *r, struct dtmf_note *note)
{
    remember(r);
    r->active = false;
    r->now.kind = DTMF_NOTE_END;
    r->now.duration_ts = r->before_ts + r->segment_dur;
    *note = r->now;
}

/* A report of something that is over: the same segment again, the one that went on behind it, or an older one. */
static bool is_old(struct dtmf_receiver *r, const struct dtmf_event *e, uint32_t timestamp, bool marker)
{
    for (unsigned i = 0; i < r->done_n; i++) {
        if (r->done[i].timestamp == timestamp)
            return true;
        if (!marker && r->done[i].event == e->event && r->done[i].timestamp + MAX_DURATION == timestamp) {
            r->done[i].timestamp = timestamp;
            return true;
        }
    }
    if (r->done_n == 0 && !r->active)
        return false;
    uint32_t newest = r->active ? r->segment_ts : r->done[(r->done_at + DTMF_HISTORY - 1) % DTMF_HISTORY].timestamp;
    int32_t d = rtp_ts_diff(timestamp, newest);
    return d < 0 && d > -(int32_t) AHOY_MIN((uint64_t) STALE_S * r->clock_hz, (uint64_t) INT32_MAX);
}

/* A new segment of the running event (section 2.5.2.3): it begins where the last one reached its limit. */
static bool is_next_segment(const struct dtmf_receiver *r, const struct dtmf_event *e, uint32_t timestamp, bool marker)
{
    return r->active && !marker && e->event == r->now.event && timestamp == r->segment_ts + MAX_DURATION;
}

static void learn_interval(struct dtmf_receiver *r, int64_t now_us)
{
    int64_t gap = now_us - r->last_us;
    if (gap > 0)
        r->interval_us = AHOY_MAX((int64_t) MIN_INTERVAL_US, AHOY_MIN(gap, (int64_t) MAX_INTERVAL_US));
    r->last_us = now_us;
}

static size_t put_one(struct dtmf_receiver *r, const struct dtmf_event *e, uint32_t timestamp, bool marker,
                      int64_t now_us, struct dtmf_note *notes)
{
    size_t n = 0;
    if (r->active && e->event == r->now.event && timestamp == r->segment_ts) {
        learn_interval(r, now_us);
        r->segment_dur = AHOY_MAX(r->segment_dur, e->duration);
    } else if (is_next_segment(r, e, timestamp, marker)) {
        learn_interval(r, now_us);
        r->before_ts = r->before_ts > UINT32_MAX - MAX_DURATION ? UINT32_MAX - MAX_DURATION
                                                                : r->before_ts + MAX_DURATION;
        remember(r);
        r->segment_ts = timestamp;
        r->segment_dur = e->duration;
    } else if (is_old(r, e, timestamp, marker)) {
        return 0;
    } else {
        if (r->active)
            end_event(r, &notes[n++]); /* its end was lost */
        r->active = true;
        r->now = (struct dtmf_note){ DTMF_NOTE_START, e->event, e->volume, timestamp, 0 };
        r->segment_ts = timestamp;
        r->before_ts = 0;
        r->segment_dur = e->duration;
        r->interval_us = FIRST_INTERVAL_US;
        r->last_us = now_us;
        notes[n++] = r->now;
    }
    if (e->end)
        end_event(r, &notes[n++]);
    return n;
}

size_t dtmf_receiver_put(struct dtmf_receiver *r, struct view payload, bool marker, uint32_t timestamp, int64_t now_us,
                         struct dtmf_note notes[DTMF_MAX_NOTES])
{
    struct dtmf_event events[DTMF_MAX_EVENTS];
    size_t count, n = 0;
    if (dtmf_parse(payload, events, DTMF_MAX_EVENTS, &count))
        return 0;
    for (size_t i = 0; i < count; i++) {
        n += put_one(r, &events[i], timestamp, marker, now_us, notes + n);
        timestamp += events[i].duration; /* packed events are contiguous (section 2.5.1.5) */
    }
    return n;
}

bool dtmf_receiver_tick(struct dtmf_receiver *r, int64_t now_us, struct dtmf_note *note)
{
    if (!r->active || now_us - r->last_us <= LOST_INTERVALS * r->interval_us)
        return false;
    end_event(r, note);
    return true;
}

bool dtmf_receiver_reset(struct dtmf_receiver *r, struct dtmf_note *note)
{
    bool was_active = r->active;
    if (was_active)
        end_event(r, note);
    dtmf_receiver_init(r, r->clock_hz);
    return was_active;
}
