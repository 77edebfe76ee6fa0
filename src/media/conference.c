/* The signalling half of a conference: its life, who is in it, and the messages to its bus on the worker. */
#include "media/conference.h"

#include "base/mem.h"
#include "media/seat.h"
#include "media/session_priv.h"

enum { CONFERENCE_HZ = 48000 };

struct media_conference {
    struct media_engine *engine;
    struct sys_loop *loop;
    struct media_worker *worker;
    struct media_conference_handler handler;
    struct list members; /* struct media_session */
    bool closing;
    struct sys_msg open_msg, close_msg, closed_msg;
    struct media_bus bus; /* the worker's, between open and closed */
};

/* ---- news, up ---------------------------------------------------------------------------------------------------- */

struct news {
    struct sys_msg msg;
    struct media_conference *conference;
    struct media_speakers speakers;
};

static void news_arrived(struct sys_msg *msg)
{
    struct news *n = AHOY_CONTAINER_OF(msg, struct news, msg);
    const struct media_conference_handler *h = &n->conference->handler;
    if (h->speaking && !n->conference->closing)
        h->speaking(h->arg, n->speakers.who, n->speakers.n);
    mem_free(n);
}

static void on_speaking(struct media_bus *bus)
{
    struct news *n = mem_zalloc(sizeof *n);
    if (!n)
        return; /* news is dropped rather than a conference */
    n->msg.fn = news_arrived;
    n->conference = AHOY_CONTAINER_OF(bus, struct media_conference, bus);
    n->speakers = bus->speakers;
    sys_post(n->conference->loop, &n->msg);
}

static void recorded(void *arg, enum ahoy_err err, const char *why)
{
    struct media_conference *c = arg;
    if (c->handler.recorded)
        c->handler.recorded(c->handler.arg, err, why);
}

static void on_recorded(struct media_bus *bus, struct record *r)
{
    struct media_conference *c = AHOY_CONTAINER_OF(bus, struct media_conference, bus);
    record_tell(r, c->loop, recorded, c);
}

/* ---- life -------------------------------------------------------------------------------------------------------- */

static void run_open(struct sys_msg *msg)
{
    struct media_conference *c = AHOY_CONTAINER_OF(msg, struct media_conference, open_msg);
    c->bus.open = true;
    list_push_back(&c->worker->buses, &c->bus.link);
}

static void on_closed(struct sys_msg *msg)
{
    struct media_conference *c = AHOY_CONTAINER_OF(msg, struct media_conference, closed_msg);
    struct media_conference_handler handler = c->handler;
    media_engine_count(c->engine, -1);
    mixer_destroy(c->bus.mixer);
    mem_free(c);
    handler.closed(handler.arg);
}

static void on_drained(struct media_bus *bus)
{
    struct media_conference *c = AHOY_CONTAINER_OF(bus, struct media_conference, bus);
    c->closed_msg.fn = on_closed;
    sys_post(c->loop, &c->closed_msg);
}

static void run_close(struct sys_msg *msg)
{
    media_bus_close(&AHOY_CONTAINER_OF(msg, struct media_conference, close_msg)->bus);
}

enum ahoy_err media_conference_create(struct media_conference **out, struct media_engine *e,
                                      const struct media_conference_config *cfg,
                                      const struct media_conference_handler *handler)
{
    struct media_conference *c = mem_zalloc(sizeof *c);
    if (!c)
        return AHOY_ERR_NOMEM;
    c->engine = e;
    c->loop = media_engine_loop(e);
    c->handler = *handler;
    c->worker = cfg->near ? cfg->near->stream.worker : media_engine_worker(e);
    struct media_bus *bus = &c->bus;
    bus->rate_hz = cfg->rate_hz > 0 ? cfg->rate_hz : CONFERENCE_HZ;
    enum ahoy_err err = c->worker ? mixer_create(&bus->mixer, bus->rate_hz) : AHOY_ERR_NOMEM;
    if (err) {
        mem_free(c);
        return err;
    }
    bus->worker = c->worker;
    bus->wants_local = cfg->local;
    bus->speaking = on_speaking;
    bus->recorded = on_recorded;
    bus->drained = on_drained;
    list_init(&bus->seats);
    list_init(&c->members);
    media_engine_count(e, 1);
    c->open_msg.fn = run_open;
    sys_post(c->worker->loop, &c->open_msg);
    *out = c;
    return AHOY_OK;
}

void media_conference_close(struct media_conference *c)
{
    AHOY_ASSERT(!c->closing);
    c->closing = true;
    LIST_EACH(k, &c->members) {
        LIST_ENTRY(k, struct media_session, member)->conference = NULL;
        list_remove(k);
    }
    c->close_msg.fn = run_close;
    sys_post(c->worker->loop, &c->close_msg);
}

struct media_worker *media_conference_worker(const struct media_conference *c)
{
    return c->worker;
}

/* ---- commands, down ---------------------------------------------------------------------------------------------- */

enum cmd_kind { CMD_JOIN, CMD_PART, CMD_LOCAL, CMD_RECORD };

struct cmd {
    struct sys_msg msg;
    struct media_conference *conference;
    enum cmd_kind kind;
    struct media_session *session;
    struct media_seat *seat;
    struct record *record;
    bool on;
};

static void run_cmd(struct sys_msg *msg)
{
    struct cmd *c = AHOY_CONTAINER_OF(msg, struct cmd, msg);
    struct media_bus *bus = &c->conference->bus;
    switch (c->kind) {
    case CMD_JOIN: media_bus_sit(bus, c->seat, &c->session->stream); break;
    case CMD_PART:
        if (c->session->stream.seat && c->session->stream.seat->bus == bus)
            media_seat_leave(&c->session->stream);
        break;
    case CMD_LOCAL: media_bus_set_local(bus, c->on); break;
    case CMD_RECORD: media_bus_record(bus, c->record); break;
    }
    mem_free(c);
}

static struct cmd *cmd_new(struct media_conference *c, enum cmd_kind kind)
{
    struct cmd *cmd = mem_zalloc(sizeof *cmd);
    if (!cmd)
        return NULL;
    cmd->msg.fn = run_cmd;
    cmd->conference = c;
    cmd->kind = kind;
    return cmd;
}

static void cmd_post(struct cmd *cmd)
{
    sys_post(cmd->conference->worker->loop, &cmd->msg);
}

enum ahoy_err media_conference_join(struct media_conference *c, struct media_session *s)
{
    if (c->closing || s->closing || s->conference || s->sound_hz == 0)
        return AHOY_ERR_STATE;
    if (s->stream.worker != c->worker)
        return AHOY_ERR_UNSUPPORTED;
    struct cmd *cmd = cmd_new(c, CMD_JOIN);
    struct media_seat *seat = cmd ? mem_zalloc(sizeof *seat) : NULL;
    if (!seat) {
        mem_free(cmd);
        return AHOY_ERR_NOMEM;
    }
    cmd->session = s;
    cmd->seat = seat;
    s->conference = c;
    list_push_back(&c->members, &s->member);
    cmd_post(cmd);
    return AHOY_OK;
}

enum ahoy_err media_conference_part(struct media_conference *c, struct media_session *s)
{
    if (s->conference != c)
        return AHOY_ERR_STATE;
    struct cmd *cmd = cmd_new(c, CMD_PART);
    if (!cmd)
        return AHOY_ERR_NOMEM;
    cmd->session = s;
    s->conference = NULL;
    list_remove(&s->member);
    cmd_post(cmd);
    return AHOY_OK;
}

enum ahoy_err media_conference_set_local(struct media_conference *c, bool on)
{
    struct cmd *cmd = cmd_new(c, CMD_LOCAL);
    if (!cmd)
        return AHOY_ERR_NOMEM;
    cmd->on = on;
    cmd_post(cmd);
    return AHOY_OK;
}

enum ahoy_err media_conference_record(struct media_conference *c, const struct media_record *how)
{
    struct record *record = NULL;
    struct record_config cfg = {
        .rate_hz = c->bus.rate_hz, .worker = c->worker->loop, .done = media_bus_record_done, .arg = &c->bus
    };
    enum ahoy_err err = how->path ? media_record_open(c->engine, how, &cfg, &record) : AHOY_OK;
    if (err)
        return err;
    struct cmd *cmd = cmd_new(c, CMD_RECORD);
    if (!cmd) {
        record_discard(record);
        return AHOY_ERR_NOMEM;
    }
    cmd->record = record;
    cmd_post(cmd);
    return AHOY_OK;
}
