/* The signalling half of a media session: its life, and what the user does. */
#include "media/session_priv.h"

#include "base/mem.h"

#include <string.h>

/* ---- life -------------------------------------------------------------------------------------------------------- */

struct sys_loop *media_session_opener(struct media_session *s)
{
    return s->opener;
}

static void session_free(struct media_session *s)
{
    sys_dns_cancel(s->query);
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
}

void media_session_drain(struct media_session *s)
{
    s->drain_msg.fn = on_drained;
    sys_post(s->stream.worker->loop, &s->drain_msg);
}

void media_session_close(struct media_session *s)
{
    AHOY_ASSERT(!s->closing);
    s->closing = true;
    sys_dns_cancel(s->query);
    s->query = NULL;
    list_remove(&s->member);
    s->conference = NULL;
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
    bool live = sound_is_live(cfg);
    struct media_worker *w = cfg->with ? media_conference_worker(cfg->with) : media_engine_worker(e);
    if (!w || make_sdp(s) || (live && !(s->opener = media_engine_opener(e)))) {
        session_free(s);
        return AHOY_ERR_NOMEM;
    }
    s->stream.session = s;
    s->stream.worker = w;
    s->stream.config = s->config;
    s->stream.log = media_engine_log(e);
    media_stats_init(&s->stats);
    s->stream.stats = s->stats;
    media_engine_count(e, 1);
    s->open_msg.fn = on_open;
    sys_post(w->loop, &s->open_msg);
    *out = s;
    return AHOY_OK;
}

/* ---- what the user does ------------------------------------------------------------------------------------------ */

void media_session_set_hold(struct media_session *s, bool on)
{
    s->hold = on;
    media_mute_send(s);
}

void media_session_set_mute(struct media_session *s, bool on)
{
    s->mute = on;
    media_mute_send(s);
}

enum ahoy_err media_session_set_gain(struct media_session *s, double db)
{
    struct media_cmd *c = media_cmd_new(s, MEDIA_CMD_GAIN);
    if (!c)
        return AHOY_ERR_NOMEM;
    c->u.gain_db = db;
    media_cmd_post(c);
    return AHOY_OK;
}

void media_session_set_codecs(struct media_session *s, const struct media_codecs *codecs)
{
    s->config.codecs = *codecs;
}

enum ahoy_err media_session_dtmf(struct media_session *s, struct view digits)
{
    if (digits.n > MEDIA_DIGITS_MAX)
        return AHOY_ERR_LIMIT;
    for (size_t i = 0; i < digits.n; i++)
        if (digits.p[i] != ',' && dtmf_code(digits.p[i]) < 0)
            return AHOY_ERR_SYNTAX;
    struct media_cmd *c = media_cmd_new(s, MEDIA_CMD_DTMF);
    if (!c)
        return AHOY_ERR_NOMEM;
    memcpy(c->u.digits.text, digits.p, digits.n);
    c->u.digits.n = digits.n;
    media_cmd_post(c);
    return AHOY_OK;
}

enum ahoy_err media_session_play(struct media_session *s, const struct media_play *play)
{
    struct wav_reader *reader = NULL;
    if (s->sound_hz == 0)
        return AHOY_ERR_STATE;
    enum ahoy_err err = play->path ? wav_reader_open(&reader, play->path) : AHOY_OK;
    if (err)
        return err;
    struct media_cmd *c = media_cmd_new(s, MEDIA_CMD_PLAY);
    if (!c) {
        wav_reader_close(reader);
        return AHOY_ERR_NOMEM;
    }
    c->u.play = (struct sound_play){ .file = reader, .loop = play->loop, .mix = play->mix };
    media_cmd_post(c);
    return AHOY_OK;
}

enum ahoy_err media_record_open(struct media_engine *e, const struct media_record *how, struct record_config *cfg,
                                struct record **out)
{
    struct soundfile_config file = {
        .path = how->path, .kind = how->kind, .rate_hz = cfg->rate_hz, .channels = how->mixed ? 1 : 2
    };
    cfg->mixed = how->mixed;
    cfg->files = media_engine_files(e);
    if (!cfg->files)
        return AHOY_ERR_NOMEM;
    sys_host_random(sys_loop_host(media_engine_loop(e)), &file.serial, sizeof file.serial);
    enum ahoy_err err = soundfile_create(&cfg->file, &file);
    if (!err && (err = record_create(out, cfg)))
        (void) !soundfile_close(cfg->file);
    return err;
}

enum ahoy_err media_session_record(struct media_session *s, const struct media_record *how)
{
    struct record *record = NULL;
    if (s->sound_hz == 0)
        return AHOY_ERR_STATE;
    struct record_config cfg = {
        .rate_hz = s->sound_hz, .worker = s->stream.worker->loop, .done = sound_record_done, .arg = &s->stream.sound
    };
    enum ahoy_err err = how->path ? media_record_open(s->engine, how, &cfg, &record) : AHOY_OK;
    if (err)
        return err;
    struct media_cmd *c = media_cmd_new(s, MEDIA_CMD_RECORD);
    if (!c) {
        record_discard(record);
        return AHOY_ERR_NOMEM;
    }
    c->u.record = record;
    s->recordings += how->path != NULL;
    media_cmd_post(c);
    return AHOY_OK;
}

const struct media_stats *media_session_stats(const struct media_session *s)
{
    return &s->stats;
}
