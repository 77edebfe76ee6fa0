/* The signalling half of a media session, and the messages between the two halves. */
#include "media/stream.h"

#include "base/mem.h"

#include <string.h>

enum { DIGITS_MAX = 100 };

struct media_session {
    struct media_engine *engine;
    struct sys_loop *loop;
    struct media_handler handler;
    struct media_session_config config;
    struct media_codecs offered; /* the list that indices in the agreed formats mean */
    struct sdp_session *sdp;
    struct addr rtp, rtcp;       /* local, known when ready */
    struct addr signalling;
    struct sys_loop *opener;
    bool ready, closing, hold, mute;
    uint32_t sound_hz;           /* 0 until sound runs */
    struct media_stats stats;
    enum ahoy_err open_err;
    char why[MEDIA_WHY_BYTES];
    /* Messages that cannot fail, one use each. */
    struct sys_msg open_msg, ready_msg, close_msg, drain_msg, closed_msg;
    struct media_stream stream;  /* touched on the worker only, between open and closed */
};

/* ---- commands, to the worker -------------------------------------------------------------------------------------- */

enum cmd_kind { CMD_CONFIGURE, CMD_MUTE, CMD_DTMF, CMD_PLAY, CMD_RECORD };

struct media_cmd {
    struct sys_msg msg;
    struct media_session *session;
    enum cmd_kind kind;
    union {
        struct media_params params;
        bool mute;
        struct {
            char text[DIGITS_MAX];
            size_t n;
        } digits;
        struct wav_reader *reader;
        struct wav_writer *writer;
    } u;
};

static void run_cmd(struct sys_msg *msg)
{
    struct media_cmd *c = AHOY_CONTAINER_OF(msg, struct media_cmd, msg);
    struct media_stream *st = &c->session->stream;
    switch (c->kind) {
    case CMD_CONFIGURE: media_stream_configure(st, &c->u.params); break;
    case CMD_MUTE: st->muted = c->u.mute; break;
    case CMD_DTMF: media_tx_digits(st, view_of(c->u.digits.text, c->u.digits.n)); break;
    case CMD_PLAY: sound_play(&st->sound, c->u.reader); break;
    case CMD_RECORD: sound_record(&st->sound, c->u.writer); break;
    }
    mem_free(c);
}

static struct media_cmd *cmd_new(struct media_session *s, enum cmd_kind kind)
{
    struct media_cmd *c = mem_zalloc(sizeof *c);
    if (!c)
        return NULL;
    c->msg.fn = run_cmd;
    c->session = s;
    c->kind = kind;
    return c;
}

static void cmd_post(struct media_cmd *c)
{
    sys_post(c->session->stream.worker->loop, &c->msg);
}

/* ---- notes, to the signalling loop -------------------------------------------------------------------------------- */

enum note_kind { NOTE_DTMF, NOTE_RTP, NOTE_STATS, NOTE_SOUND, NOTE_PLAYED, NOTE_INFO };

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

void media_note_played(struct media_stream *st)
{
    struct media_note *n = note_new(st, NOTE_PLAYED);
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

/* ---- life --------------------------------------------------------------------------------------------------------- */

struct sys_loop *media_session_opener(struct media_session *s)
{
    return s->opener;
}

static void session_free(struct media_session *s)
{
    sdp_session_destroy(s->sdp);
    mem_free(s);
}

static void on_ready(struct sys_msg *msg)
{
    struct media_session *s = AHOY_CONTAINER_OF(msg, struct media_session, ready_msg);
    if (s->closing)
        return;
    s->ready = s->open_err == AHOY_OK;
    s->handler.ready(s->handler.arg, s->open_err, s->why);
}

static void on_open(struct sys_msg *msg)
{
    struct media_session *s = AHOY_CONTAINER_OF(msg, struct media_session, open_msg);
    struct media_stream *st = &s->stream;
    s->open_err = media_stream_open(st, s->engine, s->why);
    if (!s->open_err) {
        s->rtp = *sys_udp_local(st->rtp_socket);
        s->rtcp = *sys_udp_local(st->rtcp_socket);
    }
    s->ready_msg.fn = on_ready;
    sys_post(s->loop, &s->ready_msg);
}

static void on_closed(struct sys_msg *msg)
{
    struct media_session *s = AHOY_CONTAINER_OF(msg, struct media_session, closed_msg);
    struct media_handler handler = s->handler;
    struct media_stats stats = s->stream.stats;
    media_engine_count(s->engine, -1);
    session_free(s);
    handler.closed(handler.arg, &stats);
}

/* Behind everything that a device's thread had posted to the worker before it was closed. */
static void on_drained(struct sys_msg *msg)
{
    struct media_session *s = AHOY_CONTAINER_OF(msg, struct media_session, drain_msg);
    s->closed_msg.fn = on_closed;
    sys_post(s->loop, &s->closed_msg);
}

static void on_close(struct sys_msg *msg)
{
    struct media_session *s = AHOY_CONTAINER_OF(msg, struct media_session, close_msg);
    media_stream_finish(&s->stream);
    s->drain_msg.fn = on_drained;
    sys_post(s->stream.worker->loop, &s->drain_msg);
}

void media_session_close(struct media_session *s)
{
    AHOY_ASSERT(!s->closing);
    s->closing = true;
    s->close_msg.fn = on_close;
    sys_post(s->stream.worker->loop, &s->close_msg);
}

static enum ahoy_err make_sdp(struct media_session *s)
{
    uint64_t id;
    sys_host_random(sys_loop_host(s->loop), &id, sizeof id);
    struct sdp_session_config cfg = { .user = VIEW("ahoy"), .id = id >> 3, .version = 1, .addr = s->config.local };
    return sdp_session_create(&s->sdp, &cfg);
}

enum ahoy_err media_session_open(struct media_session **out, struct media_engine *e,
                                 const struct media_session_config *cfg, const struct media_handler *handler)
{
    if (cfg->ptime_ms != 0 && (cfg->ptime_ms < 10 || cfg->ptime_ms > 60 || cfg->ptime_ms % 10 != 0))
        return AHOY_ERR_INVAL;
    struct media_session *s = mem_zalloc(sizeof *s);
    if (!s)
        return AHOY_ERR_NOMEM;
    s->engine = e;
    s->loop = media_engine_loop(e);
    s->handler = *handler;
    s->config = *cfg;
    if (s->config.ptime_ms == 0)
        s->config.ptime_ms = 20;
    s->config.local.port = 0;
    bool live = cfg->sound == MEDIA_SOUND_DEVICE && (cfg->device.kind == AUDIO_PULSE || cfg->device.kind == AUDIO_ALSA);
    struct media_worker *w = media_engine_worker(e);
    if (!w || make_sdp(s) || (live && !(s->opener = media_engine_opener(e)))) {
        session_free(s);
        return AHOY_ERR_NOMEM;
    }
    s->stream.session = s;
    s->stream.worker = w;
    s->stream.config = s->config;
    s->stream.log = media_engine_log(e);
    s->stats.rtt_ms = s->stats.delay_ms = s->stats.mos = s->stats.remote_lost_fraction = -1;
    s->stats.level_in_dbfs = s->stats.level_out_dbfs = MIX_SILENCE_DBFS;
    s->stream.stats = s->stats;
    media_engine_count(e, 1);
    s->open_msg.fn = on_open;
    sys_post(w->loop, &s->open_msg);
    *out = s;
    return AHOY_OK;
}

/* ---- descriptions ------------------------------------------------------------------------------------------------- */

/* What we are ready for, as sdp/offer.h wants it; the arrays live as long as the caller's frame. */
struct local_description {
    struct sdp_codec codec[MEDIA_MAX_CODECS];
    struct sdp_cap cap;
    struct sdp_local local;
};

static void describe(struct media_session *s, struct local_description *d)
{
    *d = (struct local_description){ 0 };
    bool noise = false;
    for (size_t i = 0; i < s->config.codecs.n; i++) {
        const struct audio_codec *c = s->config.codecs.codec[i];
        d->codec[i] = (struct sdp_codec){
            .name = view_str(c->name), .clock_hz = c->clock_hz, .channels = c->channels, .fmtp = view_str(c->fmtp)
        };
        noise |= c->clock_hz == 8000;
    }
    d->cap = (struct sdp_cap){ .kind = SDP_AUDIO,
                               .codec = d->codec,
                               .codecs = s->config.codecs.n,
                               .events = true,
                               .comfort_noise = noise,
                               .dir = s->hold ? SDP_SENDONLY : SDP_SENDRECV,
                               .ptime_ms = s->config.ptime_ms,
                               .rtp = s->rtp,
                               .rtcp = s->rtcp,
                               .rtcp_mux = true,
                               .proto = SDP_RTP_AVP,
                               .protos = SDP_PROTO_BIT(SDP_RTP_AVP) | SDP_PROTO_BIT(SDP_RTP_AVPF) };
    d->local = (struct sdp_local){ .addr = s->rtp, .cap = &d->cap, .caps = 1 };
    s->offered = s->config.codecs;
}

static void fill_rx(const struct media_session *s, const struct sdp_stream *stream, struct media_params *p)
{
    for (size_t i = 0; i < stream->formats && p->rx_n < MEDIA_MAX_RX; i++) {
        const struct sdp_agreed *f = &stream->format[i];
        if (f->use == SDP_USE_CODEC && (f->codec < 0 || (size_t) f->codec >= s->offered.n))
            continue;
        p->rx[p->rx_n].pt = f->rx_pt;
        p->rx[p->rx_n].use = f->use;
        p->rx[p->rx_n].codec = f->use == SDP_USE_CODEC ? s->offered.codec[f->codec] : NULL;
        p->rx_n++;
    }
}

static void fill_tx(const struct media_session *s, const struct sdp_stream *stream, struct media_params *p)
{
    const struct sdp_agreed *f = sdp_stream_codec(stream);
    if (!f || f->codec < 0 || (size_t) f->codec >= s->offered.n)
        return;
    p->tx_codec = s->offered.codec[f->codec];
    p->tx_pt = f->tx_pt;
    p->tx_params = audio_codec_parse_fmtp(p->tx_codec, f->tx_fmtp);
    unsigned ptime = stream->ptime_ms > 0 ? stream->ptime_ms : s->config.ptime_ms;
    if (stream->maxptime_ms > 0)
        ptime = AHOY_MIN(ptime, stream->maxptime_ms);
    p->ptime_ms = audio_codec_ptime_fit(p->tx_codec, AHOY_MIN(AHOY_MAX(ptime, 10u), 60u));
    const struct sdp_agreed *event = sdp_stream_events(stream, p->tx_codec->clock_hz);
    if (event && event->clock_hz == p->tx_codec->clock_hz)
        p->tx_event_pt = event->tx_pt;
    p->event_clock_hz = event ? event->clock_hz : 0;
}

/* Tells the stream what was agreed. */
static enum ahoy_err hand_down(struct media_session *s)
{
    const struct sdp_stream *stream = sdp_session_stream_of(s->sdp, 0);
    struct media_cmd *c = cmd_new(s, CMD_CONFIGURE);
    if (!c)
        return AHOY_ERR_NOMEM;
    struct media_params *p = &c->u.params;
    p->tx_event_pt = -1;
    p->signalling = s->signalling;
    if (stream && stream->active) {
        p->active = true;
        p->send = stream->dir & SDP_SENDONLY;
        p->receive = stream->dir & SDP_RECVONLY;
        p->held = stream->held;
        p->silent = stream->silent;
        p->rtcp_mux = stream->rtcp_mux;
        p->rtp = stream->rtp;
        p->rtcp = stream->rtcp;
        fill_rx(s, stream, p);
        fill_tx(s, stream, p);
        if (p->tx_codec && s->sound_hz == 0)
            s->sound_hz = s->config.sound == MEDIA_SOUND_ENDPOINT ? s->config.endpoint.rate_hz : p->tx_codec->rate_hz;
    }
    cmd_post(c);
    return AHOY_OK;
}

enum ahoy_err media_session_offer(struct media_session *s, struct buf *out)
{
    struct local_description d;
    if (!s->ready)
        return AHOY_ERR_STATE;
    describe(s, &d);
    return sdp_session_offer(s->sdp, &d.local, out);
}

enum ahoy_err media_session_answer(struct media_session *s, struct view offer, struct buf *out, struct sdp_error *why)
{
    struct local_description d;
    if (!s->ready)
        return AHOY_ERR_STATE;
    enum ahoy_err err = sdp_session_receive_offer(s->sdp, offer, why);
    if (err)
        return err;
    struct media_codecs before = s->offered;
    describe(s, &d);
    size_t at = out->n;
    if ((err = sdp_session_answer(s->sdp, &d.local, out)) || (err = hand_down(s))) {
        buf_truncate(out, at);
        sdp_session_rollback(s->sdp);
        s->offered = before;
    }
    return err;
}

enum ahoy_err media_session_apply(struct media_session *s, struct view answer, bool final, struct sdp_error *why)
{
    enum ahoy_err err = sdp_session_apply_answer(s->sdp, answer, final, why);
    return err ? err : hand_down(s);
}

void media_session_rollback(struct media_session *s)
{
    sdp_session_rollback(s->sdp);
}

bool media_session_offering(const struct media_session *s)
{
    return sdp_session_state(s->sdp) == SDP_HAVE_LOCAL_OFFER;
}

bool media_session_active(const struct media_session *s)
{
    const struct sdp_stream *stream = sdp_session_stream_of(s->sdp, 0);
    return stream && stream->active;
}

void media_session_set_signalling(struct media_session *s, const struct addr *peer)
{
    s->signalling = *peer;
}

/* ---- what the user does ------------------------------------------------------------------------------------------- */

static void post_mute(struct media_session *s)
{
    struct media_cmd *c = cmd_new(s, CMD_MUTE);
    if (!c)
        return;
    c->u.mute = s->mute || s->hold; /* whom we hold does not hear us */
    cmd_post(c);
}

void media_session_set_hold(struct media_session *s, bool on)
{
    s->hold = on;
    post_mute(s);
}

void media_session_set_mute(struct media_session *s, bool on)
{
    s->mute = on;
    post_mute(s);
}

void media_session_set_codecs(struct media_session *s, const struct media_codecs *codecs)
{
    s->config.codecs = *codecs;
}

enum ahoy_err media_session_dtmf(struct media_session *s, struct view digits)
{
    if (digits.n > DIGITS_MAX)
        return AHOY_ERR_LIMIT;
    for (size_t i = 0; i < digits.n; i++)
        if (digits.p[i] != ',' && dtmf_code(digits.p[i]) < 0)
            return AHOY_ERR_SYNTAX;
    struct media_cmd *c = cmd_new(s, CMD_DTMF);
    if (!c)
        return AHOY_ERR_NOMEM;
    memcpy(c->u.digits.text, digits.p, digits.n);
    c->u.digits.n = digits.n;
    cmd_post(c);
    return AHOY_OK;
}

enum ahoy_err media_session_play(struct media_session *s, const char *path)
{
    struct wav_reader *reader = NULL;
    if (s->sound_hz == 0)
        return AHOY_ERR_STATE;
    enum ahoy_err err = path ? wav_reader_open(&reader, path) : AHOY_OK;
    if (err)
        return err;
    struct media_cmd *c = cmd_new(s, CMD_PLAY);
    if (!c) {
        wav_reader_close(reader);
        return AHOY_ERR_NOMEM;
    }
    c->u.reader = reader;
    cmd_post(c);
    return AHOY_OK;
}

enum ahoy_err media_session_record(struct media_session *s, const char *path)
{
    struct wav_writer *writer = NULL;
    if (s->sound_hz == 0)
        return AHOY_ERR_STATE;
    enum ahoy_err err = path ? wav_writer_open(&writer, path, WAV_PCM16, s->sound_hz, 2) : AHOY_OK;
    if (err)
        return err;
    struct media_cmd *c = cmd_new(s, CMD_RECORD);
    if (!c) {
        (void) wav_writer_close(writer);
        return AHOY_ERR_NOMEM;
    }
    c->u.writer = writer;
    cmd_post(c);
    return AHOY_OK;
}

const struct media_stats *media_session_stats(const struct media_session *s)
{
    return &s->stats;
}
