#include "media/seat.h"

#include "base/mem.h"

#include <string.h>

enum { SPEAKERS_EVERY = 25, MIC_TURNS = 4 };

/* ---- the local user ---------------------------------------------------------------------------------------------- */

static void mute_local(struct media_bus *bus)
{
    bool muted = false;
    LIST_EACH(k, &bus->seats)
        muted |= LIST_ENTRY(k, struct media_seat, link)->stream->mic_muted;
    if (!bus->local)
        return;
    mixer_set_mute(bus->local, muted);
    bus->owner->stream->sound.mic_muted = muted;
}

static void drop_local(struct media_bus *bus)
{
    mixer_remove(bus->local);
    bus->local = NULL;
    bus->owner = NULL;
}

/* A conference takes a live device's sound at its own rate, so that a better device can come in under way. */
static uint32_t local_hz(const struct media_bus *bus, const struct sound *s)
{
    return s->live ? bus->rate_hz : s->device_hz;
}

/* The best that a member can hear and say, no more than the conference adds up. */
static uint32_t wished_hz(const struct media_bus *bus)
{
    uint32_t hz = 0;
    LIST_EACH(k, &bus->seats)
        hz = AHOY_MAX(hz, LIST_ENTRY(k, struct media_seat, link)->stream->sound.rate_hz);
    return AHOY_MIN(hz, bus->rate_hz);
}

static void tune_local(struct media_bus *bus)
{
    if (bus->owner)
        sound_wish(&bus->owner->stream->sound, wished_hz(bus));
}

/* By itself again; the device runs as well as it did. */
static void leave_face(struct media_seat *seat)
{
    struct sound *s = &seat->stream->sound;
    s->wish_hz = 0;
    sound_set_face(s, s->rate_hz);
}

static void rest_local(struct media_bus *bus)
{
    if (!bus->owner)
        return;
    sound_park(&bus->owner->stream->sound, true);
    leave_face(bus->owner);
    drop_local(bus);
}

/* The oldest member with a device. */
static struct media_seat *find_owner(const struct media_bus *bus)
{
    LIST_EACH(k, &bus->seats) {
        struct media_seat *seat = LIST_ENTRY(k, struct media_seat, link);
        if (seat->stream->sound.kind == MEDIA_SOUND_DEVICE)
            return seat;
    }
    return NULL;
}

/* The local user's device is that of the oldest member that has one. */
static void pick_owner(struct media_bus *bus)
{
    struct media_seat *seat = bus->owner || !bus->wants_local ? NULL : find_owner(bus);
    if (!seat)
        return;
    struct sound *s = &seat->stream->sound;
    s->wish_hz = wished_hz(bus); /* one that is opened now is opened well */
    sound_set_face(s, local_hz(bus, s));
    sound_park(s, false);
    struct mixer_port_config cfg = { .rate_hz = s->face_hz, .live = s->live, .local = true };
    if (mixer_add(&bus->local, bus->mixer, &cfg)) {
        media_note_sound(seat->stream, AHOY_ERR_NOMEM, "we cannot take part in the conference: out of memory");
        sound_park(s, true);
        leave_face(seat);
        return;
    }
    bus->owner = seat;
    mute_local(bus);
    tune_local(bus);
}

/*
 * The owner leaves, and is no longer in the list. When its call has ended the next member takes the device as it runs, and
 * nothing is heard of that; one that goes on by itself keeps it.
 */
static void leave_owner(struct media_bus *bus, struct media_stream *st)
{
    struct media_seat *next = st->finished && bus->wants_local ? find_owner(bus) : NULL;
    if (next && sound_hand_on(&st->sound, &next->stream->sound))
        bus->owner = next;
    else
        drop_local(bus);
    tune_local(bus);
}

void media_bus_set_local(struct media_bus *bus, bool on)
{
    bus->wants_local = on;
    if (on)
        pick_owner(bus);
    else
        rest_local(bus);
}

/* ---- seats ------------------------------------------------------------------------------------------------------- */

void media_seat_mute(struct media_stream *st)
{
    st->muted = st->on_hold || (st->mic_muted && !st->seat);
    st->sound.muted = st->sound.mic_muted = st->muted;
    if (!st->seat)
        return;
    mixer_set_mute(st->seat->port, st->on_hold); /* whom we hold is not heard */
    mute_local(st->seat->bus);
}

void media_bus_sit(struct media_bus *bus, struct media_seat *seat, struct media_stream *st)
{
    struct mixer_port_config cfg = { .rate_hz = st->sound.rate_hz };
    if (!bus->open || st->seat || st->finished || st->sound.rate_hz == 0) {
        mem_free(seat);
        return;
    }
    if (mixer_add(&seat->port, bus->mixer, &cfg)) {
        media_note_sound(st, AHOY_ERR_NOMEM, "the call cannot be put into the conference: out of memory");
        mem_free(seat);
        return;
    }
    seat->bus = bus;
    seat->stream = st;
    list_push_back(&bus->seats, &seat->link);
    st->seat = seat;
    bool had_local = bus->local != NULL;
    pick_owner(bus);
    media_seat_mute(st);
    media_seat_go_on(seat, !had_local && bus->owner == seat);
    tune_local(bus);
    if (bus->owner != seat) /* whose device is the conference's, it runs on */
        sound_park(&st->sound, true);
    media_stream_regrid(st);
}

void media_seat_leave(struct media_stream *st)
{
    struct media_seat *seat = st->seat;
    if (!seat)
        return;
    struct media_bus *bus = seat->bus;
    struct seat_lags lags;
    media_seat_lags(seat, &lags);
    list_remove(&seat->link);
    if (bus->owner == seat)
        leave_owner(bus, st);
    mixer_remove(seat->port);
    st->seat = NULL;
    media_seat_mute(st);
    if (!st->finished) {
        leave_face(seat);
        media_seat_go_alone(st, &lags);
        sound_park(&st->sound, false);
    }
    media_stream_regrid(st);
    mem_free(seat);
    pick_owner(bus);
    mute_local(bus);
}

void media_seat_retune(struct media_stream *st)
{
    struct media_seat *seat = st->seat;
    if (!seat)
        return;
    enum ahoy_err err = mixer_set_rate(seat->port, st->sound.rate_hz);
    if (!err && seat->bus->owner == seat) {
        sound_set_face(&st->sound, local_hz(seat->bus, &st->sound));
        err = mixer_set_rate(seat->bus->local, st->sound.face_hz);
    }
    if (err) {
        media_note_sound(st, err, "the call left the conference: out of memory");
        media_seat_leave(st);
        return;
    }
    tune_local(seat->bus);
}

/* ---- mixing ------------------------------------------------------------------------------------------------------ */

/* What our microphone has: of a live one all that is there. */
static void hear_local(struct media_seat *seat, int64_t now_us)
{
    struct sound *s = &seat->stream->sound;
    int16_t pcm[SOUND_MAX_TICK_SAMPLES];
    size_t most = s->live ? AHOY_COUNT(pcm) : (size_t) s->face_hz / 1000 * MIXER_SLOT_MS;
    for (size_t got = 1, turns = 0; got > 0 && turns < (s->live ? MIC_TURNS : 1); turns++) {
        got = sound_device_read(s, pcm, most, now_us);
        mixer_put(seat->bus->local, pcm, got);
    }
}

/* Our loudspeaker: a live one says how much it wants. */
static void speak_local(struct media_seat *seat, int64_t now_us)
{
    struct sound *s = &seat->stream->sound;
    struct mixer_port *port = seat->bus->local;
    int16_t pcm[SOUND_MAX_TICK_SAMPLES];
    size_t n = s->live ? sound_want(s, MIXER_SLOT_MS, now_us) : AHOY_MIN(mixer_ready(port), AHOY_COUNT(pcm));
    if (n == 0)
        return;
    mixer_get(port, pcm, n);
    sound_device_play(s, pcm, n);
}

void media_seat_muted_speech(struct media_stream *st)
{
    if (!st->seat) {
        media_note_muted_speech(st);
        return;
    }
    LIST_EACH(k, &st->seat->bus->seats) {
        struct media_stream *muted = LIST_ENTRY(k, struct media_seat, link)->stream;
        if (!muted->mic_muted || muted->on_hold)
            continue;
        media_note_muted_speech(muted);
        return;
    }
}

const struct sound *media_seat_desk(const struct media_stream *st)
{
    const struct media_bus *bus = st->seat ? st->seat->bus : NULL;
    return bus && bus->owner ? &bus->owner->stream->sound : &st->sound;
}

void media_seat_moved(struct media_stream *st, int64_t now_us)
{
    struct media_seat *seat = st->seat;
    if (seat->bus->owner != seat)
        return;
    hear_local(seat, now_us);
    speak_local(seat, now_us);
}

void media_seat_tick(struct media_stream *st, int64_t now_us)
{
    struct media_seat *seat = st->seat;
    int16_t pcm[SOUND_MAX_TICK_SAMPLES];
    size_t n = seat->less ? mixer_lacks(seat->port) : (size_t) st->sound.rate_hz / 1000 * MIXER_SLOT_MS;
    seat->less = false;
    media_stream_hear(st, pcm, n, now_us);
    sound_keep_heard(&st->sound, st->on_hold ? NULL : pcm, n);
    mixer_put(seat->port, pcm, n);
    if (seat->bus->owner == seat && !sound_clocks(&st->sound, now_us))
        hear_local(seat, now_us);
}

static void speak(struct media_seat *seat, int64_t now_us)
{
    int16_t pcm[SOUND_MAX_TICK_SAMPLES];
    for (size_t n; (n = AHOY_MIN(mixer_ready(seat->port), AHOY_COUNT(pcm))) > 0;) {
        mixer_get(seat->port, pcm, n);
        media_stream_say(seat->stream, pcm, n, now_us);
    }
}

/* The loudest of those who speak; in order of loudness. */
static void add_speaker(struct media_speakers *s, double level[MEDIA_SPEAKERS], const struct mixer_port *port,
                        const struct media_session *who)
{
    double dbfs = mixer_level_dbfs(port);
    size_t at = s->n;
    if (!mixer_speaks(port))
        return;
    while (at > 0 && level[at - 1] < dbfs)
        at--;
    if (at == MEDIA_SPEAKERS)
        return;
    s->n = AHOY_MIN(s->n + 1, (size_t) MEDIA_SPEAKERS);
    for (size_t i = s->n - 1; i > at; i--) {
        s->who[i] = s->who[i - 1];
        level[i] = level[i - 1];
    }
    s->who[at] = who;
    level[at] = dbfs;
}

static bool has_speaker(const struct media_speakers *s, const struct media_session *who)
{
    for (size_t i = 0; i < s->n; i++)
        if (s->who[i] == who)
            return true;
    return false;
}

static void watch_speakers(struct media_bus *bus)
{
    struct media_speakers now = { .n = 0 };
    double level[MEDIA_SPEAKERS];
    LIST_EACH(k, &bus->seats) {
        const struct media_seat *seat = LIST_ENTRY(k, struct media_seat, link);
        add_speaker(&now, level, seat->port, seat->stream->session);
    }
    if (bus->local)
        add_speaker(&now, level, bus->local, NULL);
    bool same = now.n == bus->speakers.n;
    for (size_t i = 0; i < now.n && same; i++)
        same = has_speaker(&bus->speakers, now.who[i]);
    if (same) /* another order is no news */
        return;
    bus->speakers = now;
    bus->speaking(bus);
}

void media_bus_run(struct media_bus *bus, int64_t now_us)
{
    mixer_run(bus->mixer, now_us);
    if (bus->owner && !sound_clocks(&bus->owner->stream->sound, now_us))
        speak_local(bus->owner, now_us);
    LIST_EACH(k, &bus->seats)
        speak(LIST_ENTRY(k, struct media_seat, link), now_us);
    if (++bus->runs >= SPEAKERS_EVERY) {
        bus->runs = 0;
        watch_speakers(bus);
    }
}

/* ---- recording, end ---------------------------------------------------------------------------------------------- */

static void on_tap(void *arg, const int16_t *local, const int16_t *others, size_t n)
{
    struct media_bus *bus = arg;
    record_put(bus->record, RECORD_LEFT, local, n);
    record_put(bus->record, RECORD_RIGHT, others, n);
}

void media_bus_record(struct media_bus *bus, struct record *record)
{
    if (bus->record)
        record_end(bus->record);
    bus->record = record;
    bus->records += record != NULL;
    mixer_set_tap(bus->mixer, record ? on_tap : NULL, bus);
}

void media_bus_record_done(void *arg, struct record *r)
{
    struct media_bus *bus = arg;
    if (bus->record == r) {
        bus->record = NULL;
        mixer_set_tap(bus->mixer, NULL, NULL);
    }
    bus->recorded(bus, r);
    if (--bus->records == 0 && !bus->open)
        bus->drained(bus);
}

void media_bus_close(struct media_bus *bus)
{
    bus->wants_local = bus->open = false;
    LIST_EACH(k, &bus->seats)
        media_seat_leave(LIST_ENTRY(k, struct media_seat, link)->stream);
    list_remove(&bus->link);
    media_bus_record(bus, NULL);
    if (bus->records == 0)
        bus->drained(bus);
}
