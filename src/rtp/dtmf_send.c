/* The sending side of telephone events (RFC 4733 section 2.5.1). */
#include "rtp/dtmf.h"

#include "rtp/packet.h"

enum {
    PAUSE = 255, /* a queue entry that is no event */
    PAUSE_MS = 1000,
    END_PACKETS = 3,       /* section 2.5.1.4 */
    MAX_DURATION = 0xFFFF, /* section 2.5.1.3 */
};

struct dtmf_sender_config dtmf_sender_config_default(void)
{
    return (struct dtmf_sender_config){ .clock_hz = 8000, .ptime_ts = 160, .volume = 10, .tone_ms = 100, .gap_ms = 60 };
}

void dtmf_sender_init(struct dtmf_sender *s, const struct dtmf_sender_config *config)
{
    *s = (struct dtmf_sender){ .config = *config };
}

enum ahoy_err dtmf_sender_queue(struct dtmf_sender *s, struct view keys)
{
    for (size_t i = 0; i < keys.n; i++) {
        if (keys.p[i] != ',' && dtmf_code(keys.p[i]) < 0)
            return AHOY_ERR_SYNTAX;
    }
    if (keys.n > DTMF_QUEUE - s->count)
        return AHOY_ERR_LIMIT;
    for (size_t i = 0; i < keys.n; i++) {
        unsigned at = (s->head + s->count++) % DTMF_QUEUE;
        s->queue[at] = keys.p[i] == ',' ? PAUSE : (uint8_t) dtmf_code(keys.p[i]);
    }
    return AHOY_OK;
}

enum ahoy_err dtmf_sender_press(struct dtmf_sender *s, uint8_t event)
{
    if (event == PAUSE)
        return AHOY_ERR_INVAL;
    if (dtmf_sender_busy(s))
        return AHOY_ERR_STATE;
    s->queue[s->head] = event;
    s->count = 1;
    s->held = true;
    s->released = false;
    return AHOY_OK;
}

void dtmf_sender_release(struct dtmf_sender *s)
{
    s->released = true;
}

void dtmf_sender_flush(struct dtmf_sender *s)
{
    s->count = 0;
    /* What is held and released ends with the next packet. */
    s->held = s->released = s->state == DTMF_TONE || s->state == DTMF_SEGMENT_END;
}

bool dtmf_sender_busy(const struct dtmf_sender *s)
{
    return s->state != DTMF_IDLE || s->count > 0;
}

static uint32_t to_ts(const struct dtmf_sender *s, uint32_t ms)
{
    return (uint32_t) ((uint64_t) ms * s->config.clock_hz / 1000);
}

static void begin_gap(struct dtmf_sender *s, uint32_t media_ts, uint32_t ms)
{
    s->state = DTMF_GAP;
    s->gap_until_ts = media_ts + to_ts(s, ms);
}

/* Takes the next entry off the queue; true when a tone begins. */
static bool begin_next(struct dtmf_sender *s, uint32_t media_ts)
{
    if (s->count == 0)
        return false;
    uint8_t event = s->queue[s->head];
    s->head = (s->head + 1) % DTMF_QUEUE;
    s->count--;
    if (event == PAUSE) {
        begin_gap(s, media_ts, PAUSE_MS);
        return false;
    }
    s->state = DTMF_TONE;
    s->event = event;
    s->first = true;
    s->start_ts = s->segment_ts = media_ts;
    s->tone_ts = AHOY_MAX(to_ts(s, s->config.tone_ms), 1u);
    return true;
}

static void fill(const struct dtmf_sender *s, uint32_t duration, bool end, struct dtmf_packet *out)
{
    struct dtmf_event e = { s->event, end, s->config.volume, (uint16_t) duration };
    *out = (struct dtmf_packet){ .timestamp = s->segment_ts, .duration_ts = duration, .marker = s->first };
    dtmf_print(&e, out->payload);
}

/* The tone sounds; the packet covers it up to the end of this packet interval. */
static void tick_tone(struct dtmf_sender *s, uint32_t media_ts, struct dtmf_packet *out)
{
    uint32_t whole = media_ts + s->config.ptime_ts - s->start_ts;
    bool over = s->held ? s->released : whole >= s->tone_ts;
    if (s->held && over) {
        s->tone_ts = AHOY_MAX(whole, 1u);
        s->held = false;
    }
    uint32_t reached = over ? s->tone_ts : whole;
    uint32_t duration = reached - (s->segment_ts - s->start_ts);
    if (duration > MAX_DURATION) {
        s->state = DTMF_SEGMENT_END;
        s->repeats = END_PACKETS - 1;
        fill(s, MAX_DURATION, false, out);
    } else {
        if (over) {
            s->state = DTMF_END;
            s->repeats = END_PACKETS - 1;
            s->tone_ts = duration; /* of the last segment: what the repeats say */
        }
        fill(s, duration, over, out);
    }
    s->first = false;
}

static void end_tone(struct dtmf_sender *s, uint32_t media_ts)
{
    s->held = s->released = false;
    begin_gap(s, media_ts, s->config.gap_ms);
}

bool dtmf_sender_tick(struct dtmf_sender *s, uint32_t media_ts, struct dtmf_packet *out)
{
    if (s->state == DTMF_GAP && rtp_ts_diff(media_ts, s->gap_until_ts) >= 0)
        s->state = DTMF_IDLE;
    if (s->state == DTMF_IDLE)
        begin_next(s, media_ts);
    switch (s->state) {
    case DTMF_IDLE:
    case DTMF_GAP: return false;
    case DTMF_TONE: tick_tone(s, media_ts, out); return true;
    case DTMF_SEGMENT_END:
        fill(s, MAX_DURATION, false, out);
        if (--s->repeats == 0) {
            s->segment_ts += MAX_DURATION;
            s->state = DTMF_TONE;
        }
        return true;
    case DTMF_END:
        fill(s, s->tone_ts, true, out);
        if (--s->repeats == 0)
            end_tone(s, media_ts + s->config.ptime_ts);
        return true;
    }
    return false;
}
