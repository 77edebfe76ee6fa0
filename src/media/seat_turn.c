/*
 * The turn from a call by itself to a conference and back, without a gap. A conference is later than a call by itself: a live
 * device's queues, and the converters. So who sits down hears the past once more for so long, from where it goes on from what was
 * heard; and who leaves gets what was on its way.
 */
#include "media/seat.h"

#include <math.h>
#include <string.h>

enum { FACE_MOST = SEAM_PAST_MOST + 48, FADE_SAMPLES = 48 * SEAM_FADE_MS };

static const double LAG_SLACK_MS =
    1.5; /* the lag is known; what is looked for is the part of a sample, and of a period */

/* ---- sitting down ------------------------------------------------------------------------------------------------ */

/* The microphone's past at the rate of the face; the converter goes on from there. */
static size_t microphone_past(struct sound *s, int16_t face[FACE_MOST])
{
    int16_t raw[SEAM_PAST_MOST];
    size_t n = past_get(&s->past->microphone, s->device_hz, raw);
    if (!s->from_device) {
        memcpy(face, raw, n * sizeof *raw);
        return n;
    }
    AHOY_ASSERT(resample_max_out(s->from_device, n) <= FACE_MOST);
    resample_reset(s->from_device);
    return resample_run(s->from_device, raw, n, face);
}

/* What is said to the peer is another sound from here on: the one fades into the other. */
static void fade_over(struct sound *s)
{
    int16_t said[SEAM_PAST_MOST];
    size_t n = past_get(&s->past->said, s->rate_hz, said);
    seam_begin(&s->past->saying, said, n, s->rate_hz, NULL);
}

/* Our device becomes the conference's: the peer goes on hearing us, and we it. */
static void go_on(struct media_bus *bus, struct media_seat *seat, int64_t now_us)
{
    int16_t said[FACE_MOST], heard[SEAM_PAST_MOST];
    struct sound *s = &seat->stream->sound;
    struct mixer_past past = { .said = said, .heard = heard, .heard_hz = s->rate_hz };
    past.said_n = microphone_past(s, said);
    past.heard_n = past_get(&s->past->said, s->rate_hz, heard);
    if (!mixer_go_on(bus->local, seat->port, &past, now_us, &s->past->saying))
        fade_over(s);
    past = (struct mixer_past){ .said = said, .heard = heard, .heard_hz = s->device_hz, .after = s->to_device };
    past.said_n = past_get(&s->past->heard, s->rate_hz, said);
    past.heard_n = past_get(&s->past->speaker, s->device_hz, heard);
    if (s->past->ahead_n > 0)
        past.said_n = 0; /* it has only just left another conference: nothing plain to go on from */
    s->past->ahead_n = 0;
    seat->less = mixer_go_on(seat->port, bus->local, &past, now_us, &s->past->speaking);
}

void media_seat_go_on(struct media_seat *seat, bool new_local)
{
    struct media_stream *st = seat->stream;
    int64_t now_us = sys_now_us(st->worker->loop);
    if (!st->sound.past)
        return;
    if (new_local && sound_clocks(&st->sound, now_us))
        go_on(seat->bus, seat, now_us);
    else
        fade_over(&st->sound);
}

/* ---- leaving ----------------------------------------------------------------------------------------------------- */

void media_seat_lags(const struct media_seat *seat, struct seat_lags *out)
{
    const struct media_bus *bus = seat->bus;
    const struct sound *s = &seat->stream->sound;
    *out = (struct seat_lags){ .known = bus->owner == seat && s->past };
    if (!out->known)
        return;
    out->saying_ms = mixer_lag_ms(bus->local, seat->port) + (s->from_device ? resample_delay_ms(s->from_device) : 0);
    out->hearing_ms = mixer_lag_ms(seat->port, bus->local) + (s->to_device ? resample_delay_ms(s->to_device) : 0);
}

/* Where `next` goes on behind the past, which is so much later. False: there is too little of a past. */
static bool find_late(const struct seam_sounds *s, double lag_ms, struct seam_place *out)
{
    double per_ms = s->hz / 1000.0, least = fmax(lag_ms - LAG_SLACK_MS, 0), most = fmax(lag_ms + LAG_SLACK_MS, 0);
    return seam_find(s, (size_t) (least * per_ms), (size_t) (most * per_ms), out);
}

/* What our microphone gave and nobody was sent yet follows at once: the peer takes the time back in a pause. */
static void say_rest(struct media_stream *st, const struct seat_lags *lags, int64_t now_us)
{
    int16_t next[FACE_MOST], past[SEAM_PAST_MOST];
    struct sound *s = &st->sound;
    struct seam_sounds sounds = { .past = past, .next = next, .hz = s->rate_hz };
    struct seam_place place;
    sounds.next_n = microphone_past(s, next);
    sounds.past_n = past_get(&s->past->said, s->rate_hz, past);
    double own_ms = s->from_device ? resample_delay_ms(s->from_device) : 0;
    if (!find_late(&sounds, lags->saying_ms - own_ms, &place))
        return;
    seam_begin(&s->past->saying, past, sounds.past_n, s->rate_hz, place.like ? &next[place.at - 1] : NULL);
    size_t rest = sounds.next_n - place.at;
    AHOY_ASSERT(rest <= SOUND_MAX_TICK_SAMPLES);
    media_stream_say(st, next + place.at, rest, now_us);
}

/* The peer's past as the loudspeaker gets it, the converter left behind it. Returns how much that is. */
static size_t as_played(const struct sound *s, const int16_t *heard, size_t n, int16_t out[FACE_MOST])
{
    if (!s->to_device) {
        memcpy(out, heard, n * sizeof *out);
        return n;
    }
    AHOY_ASSERT(resample_max_out(s->to_device, n) <= FACE_MOST);
    resample_reset(s->to_device);
    return resample_run(s->to_device, heard, n, out);
}

/* What the peer said and was not played yet is played first. */
static void play_rest(struct media_stream *st, const struct seat_lags *lags)
{
    int16_t heard[SEAM_PAST_MOST], next[FACE_MOST], past[SEAM_PAST_MOST];
    struct sound *s = &st->sound;
    struct seam_sounds sounds = { .past = past, .next = next, .hz = s->device_hz };
    struct seam_place place;
    size_t n = past_get(&s->past->heard, s->rate_hz, heard);
    sounds.past_n = past_get(&s->past->speaker, s->device_hz, past);
    sounds.next_n = as_played(s, heard, n, next);
    double own_ms = s->to_device ? resample_delay_ms(s->to_device) : 0;
    if (!find_late(&sounds, lags->hearing_ms - own_ms, &place))
        return;
    double late = (double) (sounds.next_n - place.at) * s->rate_hz / s->device_hz;
    size_t rest = AHOY_MIN((size_t) lrint(late), n);
    size_t before = as_played(s, heard, n - rest, next);
    seam_begin(&s->past->speaking, past, sounds.past_n, s->device_hz, place.like && before ? &next[before - 1] : NULL);
    memcpy(s->past->ahead, heard + n - rest, rest * sizeof *heard);
    s->past->ahead_n = rest;
}

void media_seat_go_alone(struct media_stream *st, const struct seat_lags *lags)
{
    int16_t fade[FADE_SAMPLES] = { 0 };
    struct sound *s = &st->sound;
    int64_t now_us = sys_now_us(st->worker->loop);
    if (!s->past)
        return;
    if (lags->known && sound_clocks(s, now_us)) {
        say_rest(st, lags, now_us);
        play_rest(st, lags);
        return;
    }
    fade_over(s);
    if (s->live) /* nothing is there to go on with: the device is opened first */
        media_stream_say(st, fade, (size_t) s->rate_hz / 1000 * SEAM_FADE_MS, now_us);
}
