/* The event queue: copies in, hands out, bounded; and the lists of accounts and calls that passing events keep up. */
#include "api/impl.h"

#include "base/mem.h"

#include <string.h>

/* ---- copying ----------------------------------------------------------------------------------------------------- */

enum { MAX_STRINGS = 6 };

/* The string members of an event, so that one place knows them all. */
static size_t strings_of(struct ahoy_event *e, const char **s[MAX_STRINGS])
{
    size_t n = 0;
    switch (e->type) {
    case AHOY_EVENT_RESULT: s[n++] = &e->result.text; break;
    case AHOY_EVENT_ACCOUNT:
        s[n++] = &e->account.name;
        s[n++] = &e->account.uri;
        s[n++] = &e->account.registrar;
        s[n++] = &e->account.text;
        break;
    case AHOY_EVENT_CALL_STATE:
        s[n++] = &e->call.peer_uri;
        s[n++] = &e->call.peer_name;
        s[n++] = &e->call.call_id;
        s[n++] = &e->call.reason;
        s[n++] = &e->call.text;
        break;
    case AHOY_EVENT_CALL_MEDIA:
        s[n++] = &e->media.codec;
        s[n++] = &e->media.local;
        s[n++] = &e->media.remote;
        s[n++] = &e->media.text;
        break;
    case AHOY_EVENT_TRACE:
        s[n++] = &e->trace.local;
        s[n++] = &e->trace.peer;
        s[n++] = &e->trace.text;
        break;
    case AHOY_EVENT_CALL_REPORT:
        s[n++] = &e->report.kind;
        s[n++] = &e->report.body;
        break;
    case AHOY_EVENT_DOCTOR:
        s[n++] = &e->doctor.area;
        s[n++] = &e->doctor.what;
        s[n++] = &e->doctor.remedy;
        break;
    case AHOY_EVENT_FILE: s[n++] = &e->file.text; break;
    case AHOY_EVENT_CONFERENCE:
    case AHOY_EVENT_CALL_STATS:
    case AHOY_EVENT_CALL_DTMF:
    case AHOY_EVENT_DEVICES:
    case AHOY_EVENT_NETWORK:
    case AHOY_EVENT_MUTED_SPEECH:
    case AHOY_EVENT_OVERFLOW: break;
    }
    return n;
}

static struct api_event *copy_event(const struct ahoy_event *event)
{
    const char **s[MAX_STRINGS];
    struct ahoy_event shallow = *event;
    size_t n = strings_of(&shallow, s), bytes = 0;
    for (size_t i = 0; i < n; i++)
        bytes += (*s[i] ? strlen(*s[i]) : 0) + 1;
    struct api_event *a = mem_alloc(sizeof *a + bytes);
    if (!a)
        return NULL;
    a->link = a->cheap = (struct list_link){ 0 };
    a->event = *event;
    (void) strings_of(&a->event, s);
    char *at = a->strings;
    for (size_t i = 0; i < n; i++) {
        size_t len = *s[i] ? strlen(*s[i]) : 0;
        if (len > 0)
            memcpy(at, *s[i], len);
        at[len] = '\0';
        *s[i] = at;
        at += len + 1;
    }
    return a;
}

/* ---- lists of accounts and calls --------------------------------------------------------------------------------- */

static struct api_account *find_account(struct ahoy_engine *e, ahoy_account_id id)
{
    LIST_EACH(k, &e->accounts)
        if (LIST_ENTRY(k, struct api_account, link)->info.id == id)
            return LIST_ENTRY(k, struct api_account, link);
    return NULL;
}

static void note_account(struct ahoy_engine *e, const struct ahoy_event *event)
{
    struct api_account *a = find_account(e, event->account.id);
    if (event->account.removed) {
        if (a)
            list_remove(&a->link);
        mem_free(a);
        return;
    }
    if (!a) {
        if (!(a = mem_zalloc(sizeof *a)))
            return;
        a->info.id = event->account.id;
        list_push_back(&e->accounts, &a->link);
    }
    a->info.state = event->account.state;
    a->info.sip_status = event->account.sip_status;
    a->info.expires_in_s = event->account.expires_s;
    a->info.retry_in_s = event->account.retry_in_s;
    (void) view_copy(view_str(event->account.name), a->info.name, sizeof a->info.name);
    (void) view_copy(view_str(event->account.uri), a->info.uri, sizeof a->info.uri);
    (void) view_copy(view_str(event->account.registrar), a->info.registrar, sizeof a->info.registrar);
    (void) view_copy(view_str(event->account.text), a->info.reason, sizeof a->info.reason);
}

static struct api_call *find_call(struct ahoy_engine *e, ahoy_call_id id)
{
    LIST_EACH(k, &e->calls)
        if (LIST_ENTRY(k, struct api_call, link)->info.id == id)
            return LIST_ENTRY(k, struct api_call, link);
    return NULL;
}

static void note_call(struct ahoy_engine *e, const struct ahoy_event *event)
{
    struct api_call *c = find_call(e, event->call.id);
    if (event->call.state == AHOY_CALL_ENDED) {
        if (c)
            list_remove(&c->link);
        mem_free(c);
        return;
    }
    if (!c) {
        if (!(c = mem_zalloc(sizeof *c)))
            return;
        c->info.id = event->call.id;
        list_push_back(&e->calls, &c->link);
    }
    c->info.account = event->call.account;
    c->info.state = event->call.state;
    c->info.incoming = event->call.incoming;
    c->info.held_by_us = event->call.state == AHOY_CALL_HELD;
    c->info.stats = event->call.stats;
    (void) view_copy(view_str(event->call.peer_uri), c->info.peer_uri, sizeof c->info.peer_uri);
    (void) view_copy(view_str(event->call.peer_name), c->info.peer_name, sizeof c->info.peer_name);
    (void) view_copy(view_str(event->call.call_id), c->info.call_id, sizeof c->info.call_id);
}

static void note_conference(struct ahoy_engine *e, const struct ahoy_event *event)
{
    LIST_EACH(k, &e->calls) {
        struct ahoy_call_info *info = &LIST_ENTRY(k, struct api_call, link)->info;
        bool in = false;
        for (uint32_t i = 0; i < event->conference.call_count && !event->conference.over; i++)
            in |= event->conference.calls[i] == info->id;
        if (in)
            info->conference = event->conference.id;
        else if (info->conference == event->conference.id)
            info->conference = 0;
    }
}

static void note(struct ahoy_engine *e, const struct ahoy_event *event)
{
    struct api_call *c;
    if (event->type == AHOY_EVENT_ACCOUNT)
        note_account(e, event);
    else if (event->type == AHOY_EVENT_CALL_STATE)
        note_call(e, event);
    else if (event->type == AHOY_EVENT_CONFERENCE)
        note_conference(e, event);
    else if (event->type == AHOY_EVENT_CALL_STATS && (c = find_call(e, event->stats.id)))
        c->info.stats = event->stats.stats;
    else if (event->type == AHOY_EVENT_CALL_MEDIA && (c = find_call(e, event->media.id))) {
        c->info.held_by_peer = event->media.held_by_peer;
        c->info.muted = event->media.muted;
    }
}

/* ---- the queue --------------------------------------------------------------------------------------------------- */

static bool is_cheap(const struct ahoy_event *e)
{
    return e->type == AHOY_EVENT_CALL_STATS || e->type == AHOY_EVENT_TRACE
           || (e->type == AHOY_EVENT_CONFERENCE && !e->conference.over); /* the next one tells all of it again */
}

/* Makes room: the oldest figures go first, then the oldest event of all. */
static void drop_one(struct ahoy_engine *e)
{
    struct list_link *cheap = list_first(&e->cheap);
    struct api_event *victim = cheap ? LIST_ENTRY(cheap, struct api_event, cheap)
                                     : LIST_ENTRY(list_first(&e->events), struct api_event, link);
    list_remove(&victim->link);
    list_remove(&victim->cheap);
    mem_free(victim);
    e->event_count--;
    e->dropped++;
}

static bool has_news(const struct ahoy_engine *e)
{
    return e->event_count > 0 || (e->dropped > 0 && e->overflow);
}

void api_events_emit(void *arg, const struct ahoy_event *event)
{
    struct ahoy_engine *e = arg;
    struct api_event *copy = copy_event(event);
    sys_lock_take(&e->lock);
    note(e, event);
    bool had_news = has_news(e);
    if (!copy) {
        e->dropped++;
    } else {
        if (e->event_count >= e->config.event_capacity)
            drop_one(e);
        list_push_back(&e->events, &copy->link);
        if (is_cheap(&copy->event))
            list_push_back(&e->cheap, &copy->cheap);
        e->event_count++;
    }
    bool wake = !had_news && has_news(e);
    if (wake)
        sys_lock_signal(&e->lock);
    sys_lock_give(&e->lock);
    if (wake && e->config.wakeup)
        e->config.wakeup(e->config.wakeup_arg);
}

enum ahoy_err api_events_prepare(struct ahoy_engine *e)
{
    struct ahoy_event overflow = { .type = AHOY_EVENT_OVERFLOW };
    if (!e->overflow)
        e->overflow = copy_event(&overflow);
    return e->overflow ? AHOY_OK : AHOY_ERR_NOMEM;
}

/* With the lock held. */
static struct ahoy_event *take_event(struct ahoy_engine *e)
{
    if (e->dropped > 0 && api_events_prepare(e) == AHOY_OK) {
        struct api_event *o = e->overflow;
        e->overflow = NULL;
        o->event.overflow.dropped = e->dropped;
        e->dropped = 0;
        if (api_events_prepare(e)) /* no memory now: it is tried again when the next one is needed */
            log_write(&e->log, LOG_DEBUG, "api", "out of memory");
        return &o->event;
    }
    struct list_link *k = list_pop_front(&e->events);
    if (!k)
        return NULL;
    struct api_event *a = LIST_ENTRY(k, struct api_event, link);
    list_remove(&a->cheap);
    e->event_count--;
    return &a->event;
}

struct ahoy_event *ahoy_engine_next_event(struct ahoy_engine *e)
{
    sys_lock_take(&e->lock);
    struct ahoy_event *event = take_event(e);
    sys_lock_give(&e->lock);
    return event;
}

struct ahoy_event *ahoy_engine_wait(struct ahoy_engine *e, int timeout_ms)
{
    sys_lock_take(&e->lock);
    struct ahoy_event *event = take_event(e);
    if (e->own_host) { /* in the simulation nothing happens while we would wait */
        int64_t until = sys_clock_us(e->loop) / 1000 + timeout_ms;
        while (!event) {
            int64_t left = timeout_ms < 0 ? -1 : until - sys_clock_us(e->loop) / 1000;
            if (timeout_ms >= 0 && left <= 0)
                break;
            (void) sys_lock_wait(&e->lock, (int) left);
            event = take_event(e);
        }
    }
    sys_lock_give(&e->lock);
    return event;
}

void ahoy_event_free(struct ahoy_event *event)
{
    if (event)
        mem_free(AHOY_CONTAINER_OF(event, struct api_event, event));
}

void api_events_drop_all(struct ahoy_engine *e)
{
    struct list_link *k;
    while ((k = list_pop_front(&e->events)))
        mem_free(LIST_ENTRY(k, struct api_event, link));
    while ((k = list_pop_front(&e->accounts)))
        mem_free(LIST_ENTRY(k, struct api_account, link));
    while ((k = list_pop_front(&e->calls)))
        mem_free(LIST_ENTRY(k, struct api_call, link));
    mem_free(e->overflow);
    e->overflow = NULL;
}

/* ---- asking for the lists ---------------------------------------------------------------------------------------- */

static size_t count(const struct list *l)
{
    size_t n = 0;
    LIST_EACH(k, l)
        n++;
    return n;
}

enum ahoy_err ahoy_account_list(struct ahoy_engine *e, struct ahoy_account_info **out, size_t *n)
{
    sys_lock_take(&e->lock);
    size_t i = 0, total = count(&e->accounts);
    struct ahoy_account_info *list = mem_alloc(total * sizeof *list);
    if (list) {
        LIST_EACH(k, &e->accounts)
            list[i++] = LIST_ENTRY(k, struct api_account, link)->info;
        *out = list;
        *n = total;
    }
    sys_lock_give(&e->lock);
    return list ? AHOY_OK : AHOY_ERR_NOMEM;
}

enum ahoy_err ahoy_call_list(struct ahoy_engine *e, struct ahoy_call_info **out, size_t *n)
{
    sys_lock_take(&e->lock);
    size_t i = 0, total = count(&e->calls);
    struct ahoy_call_info *list = mem_alloc(total * sizeof *list);
    if (list) {
        LIST_EACH(k, &e->calls)
            list[i++] = LIST_ENTRY(k, struct api_call, link)->info;
        *out = list;
        *n = total;
    }
    sys_lock_give(&e->lock);
    return list ? AHOY_OK : AHOY_ERR_NOMEM;
}
