/* Calls that hear each other: who is in which conference, and what is told of it. The mixing is media/conference.h's. */
#include "media/conference.h"

#include "base/mem.h"
#include "ua/call.h"

struct ua_conference {
    struct list_link link; /* in ua->conferences, until its files are closed */
    struct ua *ua;
    ahoy_conference_id id;
    struct media_conference *media;
    struct list calls; /* struct ua_call.member */
    size_t n;
    bool local, over;
    ahoy_call_id speakers[AHOY_CONFERENCE_SPEAKERS];
    uint32_t speaker_count;
};

/* ---- telling ----------------------------------------------------------------------------------------------------- */

static void emit(struct ua_conference *k)
{
    struct ahoy_event e = { .type = AHOY_EVENT_CONFERENCE };
    e.conference.id = k->id;
    e.conference.over = k->over;
    e.conference.local = k->local;
    LIST_EACH(link, &k->calls)
        e.conference.calls[e.conference.call_count++] = LIST_ENTRY(link, struct ua_call, member)->id;
    e.conference.speaker_count = k->speaker_count;
    memcpy(e.conference.speakers, k->speakers, sizeof k->speakers);
    ua_emit(k->ua, &e);
}

static void on_speaking(void *arg, const struct media_session *const *who, size_t n)
{
    struct ua_conference *k = arg;
    k->speaker_count = 0;
    for (size_t i = 0; i < n && k->speaker_count < AHOY_CONFERENCE_SPEAKERS; i++) {
        if (!who[i])
            k->speakers[k->speaker_count++] = 0;
        LIST_EACH(link, &k->calls) {
            const struct ua_call *c = LIST_ENTRY(link, struct ua_call, member);
            if (who[i] && c->media == who[i])
                k->speakers[k->speaker_count++] = c->id;
        }
    }
    if (!k->over)
        emit(k);
}

static void on_recorded(void *arg, enum ahoy_err err, const char *why)
{
    struct ua_conference *k = arg;
    struct ahoy_event e = { .type = AHOY_EVENT_FILE };
    e.file.conference = k->id;
    e.file.recording = true;
    e.file.err = err;
    e.file.text = why;
    ua_emit(k->ua, &e);
}

/* ---- life -------------------------------------------------------------------------------------------------------- */

static void on_closed(void *arg)
{
    struct ua_conference *k = arg;
    struct ua *ua = k->ua;
    list_remove(&k->link);
    mem_free(k);
    ua_check_left(ua);
}

static enum ahoy_err begin(struct ua *ua, struct media_session *near, struct ua_conference **out)
{
    struct media_conference_config cfg = { .near = near, .local = true };
    struct ua_conference *k = mem_zalloc(sizeof *k);
    struct media_conference_handler handler = {
        .speaking = on_speaking, .recorded = on_recorded, .closed = on_closed, .arg = k
    };
    if (!k)
        return AHOY_ERR_NOMEM;
    enum ahoy_err err = media_conference_create(&k->media, ua->media, &cfg, &handler);
    if (err) {
        mem_free(k);
        return err;
    }
    k->ua = ua;
    k->id = ua->next_call(ua->next_call_arg);
    k->local = true;
    list_init(&k->calls);
    list_push_back(&ua->conferences, &k->link);
    *out = k;
    return AHOY_OK;
}

static void unlink_call(struct ua_conference *k, struct ua_call *c)
{
    list_remove(&c->member);
    c->conference = NULL;
    k->n--;
}

/* What is left of it after a change: nobody; one, who goes on alone with us, or has nobody to talk to; or it goes on. */
static void settle(struct ua_conference *k)
{
    struct list_link *first = list_first(&k->calls);
    if (k->n > 1 || k->over) {
        emit(k);
        return;
    }
    if (first && !k->local && !k->ua->leaving) /* not at once: a call that ends may be what brought us here */
        sys_timer_start(k->ua->loop, &LIST_ENTRY(first, struct ua_call, member)->max_timer, 0);
    if (first)
        unlink_call(k, LIST_ENTRY(first, struct ua_call, member));
    k->over = true;
    k->local = false;
    k->speaker_count = 0;
    emit(k);
    media_conference_close(k->media);
}

void ua_conference_forget(struct ua_call *c)
{
    struct ua_conference *k = c->conference;
    if (!k)
        return;
    unlink_call(k, c);
    settle(k);
}

enum ahoy_err ua_conference_split(struct ua_call *c)
{
    struct ua_conference *k = c->conference;
    if (!k)
        return AHOY_ERR_STATE;
    enum ahoy_err err = media_conference_part(k->media, c->media);
    if (err)
        return err;
    unlink_call(k, c);
    settle(k);
    return AHOY_OK;
}

/* ---- commands ---------------------------------------------------------------------------------------------------- */

static bool stands(const struct ua_call *c)
{
    return c->media && c->media_ready && c->answered_us > 0 && !(c->hold_wanted && c->change_wanted);
}

/* Finds the calls and the conference that one of them brings along, the first such one. */
static enum ahoy_err find_all(struct ua *ua, const struct ua_conf_args *args, struct ua_call **calls,
                              struct ua_conference **out)
{
    struct ua_conference *k = NULL;
    size_t more = 0;
    for (size_t i = 0; i < args->n; i++) {
        calls[i] = ua_call_find(ua, args->calls[i]);
        if (!calls[i])
            return AHOY_ERR_NOT_FOUND;
        if (!stands(calls[i]))
            return AHOY_ERR_STATE;
        if (!k)
            k = calls[i]->conference;
    }
    for (size_t i = 0; i < args->n; i++)
        more += !k || calls[i]->conference != k;
    if ((k ? k->n : 0) + more > AHOY_CONFERENCE_CALLS)
        return AHOY_ERR_LIMIT;
    *out = k;
    return AHOY_OK;
}

static enum ahoy_err add(struct ua_conference *k, struct ua_call *c)
{
    if (c->conference == k)
        return AHOY_OK;
    enum ahoy_err err = c->conference ? ua_conference_split(c) : AHOY_OK;
    if (!err)
        err = media_conference_join(k->media, c->media);
    if (err)
        return err;
    list_push_back(&k->calls, &c->member);
    c->conference = k;
    k->n++;
    if (c->hold_wanted && ua_call_hold(c, 0, false))
        log_write(c->ua->config.log, LOG_WARN, "ua", "a call on hold was joined and cannot be resumed now");
    return AHOY_OK;
}

static enum ahoy_err join(struct ua *ua, const struct ua_conf_args *args)
{
    struct ua_call *calls[AHOY_CONFERENCE_CALLS];
    struct ua_conference *k;
    enum ahoy_err err = find_all(ua, args, calls, &k);
    if (!err && !k)
        err = args->n < 2 ? AHOY_ERR_STATE : begin(ua, calls[0]->media, &k);
    if (err)
        return err;
    for (size_t held = 0; held < 2; held++) /* who talks with us first: the conference's device is theirs, which runs */
        for (size_t i = 0; i < args->n && !err; i++)
            if (calls[i]->conference == k || calls[i]->hold_wanted == (held == 1))
                err = add(k, calls[i]);
    settle(k);
    return err;
}

static struct ua_conference *find(const struct ua *ua, ahoy_conference_id id)
{
    LIST_EACH(link, &ua->conferences) {
        struct ua_conference *k = LIST_ENTRY(link, struct ua_conference, link);
        if (k->id == id && !k->over)
            return k;
    }
    return NULL;
}

static enum ahoy_err attend(struct ua_conference *k, bool on)
{
    if (k->local == on)
        return AHOY_ERR_STATE;
    enum ahoy_err err = media_conference_set_local(k->media, on);
    if (err)
        return err;
    k->local = on;
    settle(k);
    return AHOY_OK;
}

static enum ahoy_err record(struct ua_conference *k, const struct ahoy_record_config *cfg)
{
    struct media_record how;
    enum ahoy_err err = ua_record_parse(cfg, &how);
    return err ? err : media_conference_record(k->media, &how);
}

/* Each end changes the list, so it is copied before. */
static void hang_up_all(struct ua_conference *k)
{
    struct ua *ua = k->ua;
    ahoy_call_id ids[AHOY_CONFERENCE_CALLS];
    size_t n = 0;
    LIST_EACH(link, &k->calls)
        ids[n++] = LIST_ENTRY(link, struct ua_call, member)->id;
    for (size_t i = 0; i < n; i++) {
        struct ua_call *c = ua_call_find(ua, ids[i]);
        if (c)
            ua_call_hang_up(c, 0);
    }
}

void ua_conference_act(struct ua *ua, ahoy_command_id command, enum ua_conf_act what, const struct ua_conf_args *args)
{
    struct ua_conference *k = what == UA_CONF_JOIN ? NULL : find(ua, args->id);
    enum ahoy_err err = what == UA_CONF_JOIN || k ? AHOY_OK : AHOY_ERR_NOT_FOUND;
    const char *text = err ? "there is no such conference" : NULL;
    if (!err)
        switch (what) {
        case UA_CONF_JOIN: err = join(ua, args); break;
        case UA_CONF_ATTEND: err = attend(k, true); break;
        case UA_CONF_LEAVE: err = attend(k, false); break;
        case UA_CONF_RECORD: err = record(k, &args->record); break;
        case UA_CONF_HANGUP: hang_up_all(k); break;
        }
    ua_result(ua, command, err, 0, text, 0);
}
