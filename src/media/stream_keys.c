/* Keys of a stream: sent and heard as telephone-event (RFC 4733), and as tones where that was not agreed on. */
#include "media/stream.h"

#include <string.h>

enum {
    TONE_MS = 100,
    GAP_MS = 60,
    COMMA_MS = 1000,
    DEFAULT_CLOCK_HZ = 8000, /* of telephone-event from a peer that names none */
};

/* ---- sending ----------------------------------------------------------------------------------------------------- */

void media_keys_configure(struct media_stream *st, const struct media_params *p)
{
    struct dtmf_sender before = st->keys.sender;
    struct dtmf_sender_config cfg = dtmf_sender_config_default();
    cfg.clock_hz = p->tx_codec->clock_hz;
    cfg.ptime_ts = media_params_frame_ts(p);
    cfg.tone_ms = TONE_MS;
    cfg.gap_ms = GAP_MS;
    if (dtmf_sender_busy(&before) && before.config.clock_hz == cfg.clock_hz) {
        st->keys.sender.config.ptime_ts = cfg.ptime_ts;
        return;
    }
    dtmf_sender_init(&st->keys.sender, &cfg);
    memcpy(st->keys.sender.queue, before.queue, sizeof before.queue);
    st->keys.sender.head = before.head;
    st->keys.sender.count = before.count;
}

void media_keys_send(struct media_stream *st, struct view keys)
{
    struct media_keys *k = &st->keys;
    if (st->params.tx_event_pt >= 0) {
        if (dtmf_sender_queue(&k->sender, keys)) /* characters were checked before */
            log_write(st->log, LOG_WARN, "media", "too many keys wait to be sent; the last ones are dropped");
        return;
    }
    size_t n = AHOY_MIN(keys.n, sizeof k->queue - k->queued);
    memcpy(k->queue + k->queued, keys.p, n);
    k->queued += n;
}

void media_keys_overlay(struct media_stream *st, int16_t *pcm, size_t n)
{
    struct media_keys *k = &st->keys;
    uint32_t hz = st->params.tx_codec->rate_hz;
    while (n > 0 && (k->tone.rate_hz > 0 || k->queued > 0)) {
        if (k->tone.rate_hz == 0) {
            struct tone_spec spec = { .step = { { .ms = COMMA_MS } }, .steps = 1 };
            if (k->queue[0] != ',' && tone_dtmf(k->queue[0], TONE_MS, GAP_MS, &spec))
                spec = (struct tone_spec){ 0 };
            memmove(k->queue, k->queue + 1, --k->queued);
            tone_start(&k->tone, &spec, hz);
        }
        size_t part = AHOY_MIN(n, (size_t) hz / 100);
        if (!tone_run(&k->tone, pcm, part))
            k->tone.rate_hz = 0;
        pcm += part;
        n -= part;
    }
}

/* ---- hearing ----------------------------------------------------------------------------------------------------- */

/* A key is told of when it ends. */
static void tell(struct media_stream *st, const struct dtmf_note *note)
{
    char key = dtmf_char(note->event);
    if (note->kind == DTMF_NOTE_END && key)
        media_note_dtmf(st, key, note->duration_ts / (st->keys.receiver.clock_hz / 1000));
}

void media_keys_listen(struct media_stream *st, uint32_t event_clock_hz)
{
    uint32_t hz = event_clock_hz > 0 ? event_clock_hz : DEFAULT_CLOCK_HZ;
    if (st->keys.receiver.clock_hz != hz)
        dtmf_receiver_init(&st->keys.receiver, hz);
}

void media_keys_take(struct media_stream *st, struct view event, bool marker, uint32_t timestamp, int64_t now_us)
{
    struct dtmf_note note[DTMF_MAX_NOTES];
    size_t n = dtmf_receiver_put(&st->keys.receiver, event, marker, timestamp, now_us, note);
    for (size_t i = 0; i < n; i++)
        tell(st, &note[i]);
}

void media_keys_restart(struct media_stream *st)
{
    struct dtmf_note note;
    if (dtmf_receiver_reset(&st->keys.receiver, &note))
        tell(st, &note);
}

void media_keys_tick(struct media_stream *st, int64_t now_us)
{
    struct dtmf_note note;
    if (dtmf_receiver_tick(&st->keys.receiver, now_us, &note))
        tell(st, &note);
}

void media_keys_set_rate(struct media_stream *st)
{
    tone_detect_init(&st->keys.detect, st->sound.rate_hz);
}

static void tone_heard(void *arg, const struct tone_digit *key)
{
    struct media_stream *st = arg;
    if (key->end)
        media_note_dtmf(st, key->digit, (unsigned) ((key->at - st->keys.tone_began) * 1000 / st->sound.rate_hz));
    else
        st->keys.tone_began = key->at;
}

void media_keys_hear(struct media_stream *st, const int16_t *pcm, size_t n)
{
    if (st->params.event_clock_hz == 0) /* no telephone-event agreed: keys can only come as tones */
        tone_detect_run(&st->keys.detect, pcm, n, tone_heard, st);
}
