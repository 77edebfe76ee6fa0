/* The messages between the two halves of a media session. */
#include "media/session_priv.h"

#include "base/mem.h"
#include "media/seat.h"

/* ---- commands, to the worker ------------------------------------------------------------------------------------- */

static void run_cmd(struct sys_msg *msg)
{
    struct media_cmd *c = AHOY_CONTAINER_OF(msg, struct media_cmd, msg);
    struct media_stream *st = &c->session->stream;
    switch (c->kind) {
    case MEDIA_CMD_CONFIGURE: media_stream_configure(st, &c->u.params); break;
    case MEDIA_CMD_DTMF: media_keys_send(st, view_of(c->u.digits.text, c->u.digits.n)); break;
    case MEDIA_CMD_PLAY: sound_play(&st->sound, &c->u.play); break;
    case MEDIA_CMD_GAIN: mix_gain_set(&st->gain, c->u.gain_db); break;
    case MEDIA_CMD_RECORD: sound_record(&st->sound, c->u.record); break;
    }
    mem_free(c);
}

struct media_cmd *media_cmd_new(struct media_session *s, enum media_cmd_kind kind)
{
    struct media_cmd *c = mem_zalloc(sizeof *c);
    if (!c)
        return NULL;
    c->msg.fn = run_cmd;
    c->session = s;
    c->kind = kind;
    return c;
}

void media_cmd_post(struct media_cmd *c)
{
    sys_post(c->session->stream.worker->loop, &c->msg);
}

static void mute_back(struct sys_msg *msg)
{
    struct media_session *s = AHOY_CONTAINER_OF(msg, struct media_session, mute_cmd.msg);
    s->mute_cmd.flying = false;
    if (!s->closing && (s->mute_cmd.mic != s->mute || s->mute_cmd.hold != s->hold))
        media_mute_send(s);
}

static void run_mute(struct sys_msg *msg)
{
    struct media_session *s = AHOY_CONTAINER_OF(msg, struct media_session, mute_cmd.msg);
    s->stream.mic_muted = s->mute_cmd.mic;
    s->stream.on_hold = s->mute_cmd.hold; /* whom we hold does not hear us */
    media_seat_mute(&s->stream);
    msg->fn = mute_back;
    sys_post(s->loop, msg);
}

void media_mute_send(struct media_session *s)
{
    if (s->mute_cmd.flying)
        return;
    s->mute_cmd.flying = true;
    s->mute_cmd.mic = s->mute;
    s->mute_cmd.hold = s->hold;
    s->mute_cmd.msg.fn = run_mute;
    sys_post(s->stream.worker->loop, &s->mute_cmd.msg);
}

/* ---- notes, to the signalling loop ------------------------------------------------------------------------------- */

enum note_kind { NOTE_DTMF, NOTE_RTP, NOTE_STATS, NOTE_SOUND, NOTE_PLAYED, NOTE_INFO, NOTE_DEVICES, NOTE_MUTED_SPEECH };

struct media_note {
    struct sys_msg msg;
    struct media_session *session;
    enum note_kind kind;
    union {
        struct {
            char digit;
            unsigned duration_ms;
        } dtmf;
        enum media_rtp rtp;
        struct media_stats stats;
        struct {
            enum ahoy_err err;
            char why[MEDIA_WHY_BYTES];
        } sound;
        struct media_info info;
    } u;
};

static void hand_on(struct media_session *s, const struct media_note *n)
{
    const struct media_handler *h = &s->handler;
    switch (n->kind) {
    case NOTE_DTMF:
        if (h->dtmf)
            h->dtmf(h->arg, n->u.dtmf.digit, n->u.dtmf.duration_ms);
        break;
    case NOTE_RTP:
        if (h->rtp)
            h->rtp(h->arg, n->u.rtp);
        break;
    case NOTE_STATS:
        if (h->stats)
            h->stats(h->arg, &n->u.stats);
        break;
    case NOTE_SOUND:
        if (h->sound)
            h->sound(h->arg, n->u.sound.err, n->u.sound.why);
        break;
    case NOTE_PLAYED:
        if (h->played)
            h->played(h->arg);
        break;
    case NOTE_INFO:
        if (h->info)
            h->info(h->arg, &n->u.info);
        break;
    case NOTE_MUTED_SPEECH:
        if (h->muted_speech && s->mute && !s->hold)
            h->muted_speech(h->arg);
        break;
    case NOTE_DEVICES:
        if (h->devices)
            h->devices(h->arg);
        break;
    }
}

static void note_arrived(struct sys_msg *msg)
{
    struct media_note *n = AHOY_CONTAINER_OF(msg, struct media_note, msg);
    if (n->kind == NOTE_STATS)
        n->session->stats = n->u.stats;
    if (!n->session->closing)
        hand_on(n->session, n);
    mem_free(n);
}

static struct media_note *note_new(struct media_stream *st, enum note_kind kind)
{
    struct media_note *n = mem_zalloc(sizeof *n);
    if (!n)
        return NULL; /* news is dropped rather than a call */
    n->msg.fn = note_arrived;
    n->session = st->session;
    n->kind = kind;
    return n;
}

static void note_post(struct media_note *n)
{
    sys_post(n->session->loop, &n->msg);
}

void media_note_dtmf(struct media_stream *st, char digit, unsigned duration_ms)
{
    struct media_note *n = note_new(st, NOTE_DTMF);
    if (!n)
        return;
    n->u.dtmf.digit = digit;
    n->u.dtmf.duration_ms = duration_ms;
    note_post(n);
}

void media_note_rtp(struct media_stream *st, enum media_rtp news)
{
    struct media_note *n = note_new(st, NOTE_RTP);
    if (!n)
        return;
    n->u.rtp = news;
    note_post(n);
}

void media_note_stats(struct media_stream *st)
{
    struct media_note *n = note_new(st, NOTE_STATS);
    if (!n)
        return;
    n->u.stats = st->stats;
    note_post(n);
}

void media_note_sound(struct media_stream *st, enum ahoy_err err, const char *why)
{
    struct media_note *n = note_new(st, NOTE_SOUND);
    if (!n)
        return;
    n->u.sound.err = err;
    (void) view_copy(view_str(why), n->u.sound.why, sizeof n->u.sound.why);
    note_post(n);
}

/* Also behind the session's end: its files close last. */
static void recorded(void *arg, enum ahoy_err err, const char *why)
{
    struct media_session *s = arg;
    s->recordings--;
    if (s->handler.recorded)
        s->handler.recorded(s->handler.arg, err, why);
}

void media_note_recorded(struct media_stream *st, struct record *r)
{
    record_tell(r, st->session->loop, recorded, st->session);
}

void media_note_played(struct media_stream *st)
{
    struct media_note *n = note_new(st, NOTE_PLAYED);
    if (n)
        note_post(n);
}

void media_note_devices(struct media_stream *st)
{
    struct media_note *n = note_new(st, NOTE_DEVICES);
    if (n)
        note_post(n);
}

void media_note_muted_speech(struct media_stream *st)
{
    struct media_note *n = note_new(st, NOTE_MUTED_SPEECH);
    if (n)
        note_post(n);
}

void media_note_info(struct media_stream *st)
{
    struct media_note *n = note_new(st, NOTE_INFO);
    if (!n)
        return;
    const struct addr *to = latch_target(&st->latch);
    n->u.info = (struct media_info){ .running = st->params.active,
                                     .sending = st->params.active && st->params.send && to,
                                     .receiving = st->params.active && st->params.receive,
                                     .held_by_peer = st->params.active && st->params.held,
                                     .codec = st->params.tx_codec,
                                     .local = *sys_udp_local(st->rtp_socket),
                                     .remote = to ? *to : st->params.rtp };
    note_post(n);
}
