/* Engines: their making, their end, and commands on their way to the loop. */
#include "api/impl.h"

#include "base/mem.h"

#include <stdio.h>
#include <string.h>

enum { ARENA_BYTES = 1 << 16, WHY_BYTES = 512 };

/* ---- making ------------------------------------------------------------------------------------------------------ */

static void log_line(void *arg, enum log_level level, const char *room, const char *line)
{
    struct ahoy_engine *e = arg;
    e->config.log(e->config.log_arg, (enum ahoy_log_level) level, room, line);
}

static const char *keep(struct arena *a, const char *s, bool *ok)
{
    struct view v;
    if (!s)
        return NULL;
    if (!arena_view(a, view_str(s), &v)) {
        *ok = false;
        return NULL;
    }
    return v.p;
}

static bool keep_config(struct ahoy_engine *e, const struct ahoy_engine_config *cfg)
{
    bool ok = true;
    e->config = *cfg;
    e->config.quality_collector = keep(&e->arena, cfg->quality_collector, &ok);
    e->config.config_dir = keep(&e->arena, cfg->config_dir, &ok);
    e->config.user_agent = cfg->user_agent ? keep(&e->arena, cfg->user_agent, &ok) : e->user_agent;
    if (cfg->bind_count > 0) {
        const char **binds = arena_alloc(&e->arena, cfg->bind_count * sizeof *binds);
        if (!binds)
            return false;
        for (size_t i = 0; i < cfg->bind_count; i++)
            binds[i] = keep(&e->arena, cfg->binds[i], &ok);
        e->config.binds = binds;
    }
    if (e->config.event_capacity == 0)
        e->config.event_capacity = API_EVENTS_DEFAULT;
    return ok;
}

static void engine_free(struct ahoy_engine *e)
{
    ua_destroy(e->ua);
    if (e->loop)
        sys_loop_destroy(e->loop);
    if (e->own_host)
        sys_host_destroy(e->host);
    api_events_drop_all(e);
    sys_lock_fini(&e->lock);
    arena_fini(&e->arena);
    mem_free(e);
}

static enum ahoy_err load_accounts(struct ahoy_engine *e, char *why, size_t why_size)
{
    struct ahoy_account_store *store;
    enum ahoy_err err = ahoy_account_store_open(&store, e->config.config_dir, why, why_size);
    if (err)
        return err;
    for (size_t i = 0; !err && i < ahoy_account_store_count(store); i++) {
        const struct ahoy_account_config *cfg = ahoy_account_store_get(store, i);
        err = ua_account_add(e->ua, api_next_id(e, &e->last_account), cfg);
        if (err)
            snprintf(why, why_size, "the stored account '%s' cannot be used: %s", cfg->name ? cfg->name : cfg->uri,
                     ahoy_err_text(err));
    }
    ahoy_account_store_close(store);
    return err == AHOY_ERR_INVAL ? AHOY_ERR_CONFIG : err;
}

static ahoy_call_id next_call(void *arg)
{
    struct ahoy_engine *e = arg;
    return api_next_id(e, &e->last_call);
}

static enum ahoy_err engine_open(struct ahoy_engine *e, struct sys_host *host, const struct ahoy_engine_config *cfg,
                                 char *why, size_t why_size)
{
    enum ahoy_err err;
    if (!keep_config(e, cfg))
        return AHOY_ERR_NOMEM;
    e->log = (struct log){ .level = (enum log_level) cfg->log_level, .sink = cfg->log ? log_line : NULL, .arg = e };
    e->host = host;
    if (!host) {
        if ((err = sys_host_real(&e->host)))
            return err;
        e->own_host = true;
    }
    if ((err = sys_loop_create(e->host, &e->loop)))
        return err;
    struct ua_config ua = {
        .loop = e->loop, .engine = &e->config, .log = &e->log, .emit = api_events_emit, .emit_arg = e
    };
    if ((err = ua_create(&e->ua, &ua, why, why_size)))
        return err;
    ua_set_call_ids(e->ua, next_call, e);
    if (cfg->load_accounts && (err = load_accounts(e, why, why_size)))
        return err;
    return sys_loop_spawn(e->loop, "ahoy");
}

enum ahoy_err api_engine_create_on(struct ahoy_engine **out, struct sys_host *host,
                                   const struct ahoy_engine_config *cfg, char *why, size_t why_size)
{
    char own_why[WHY_BYTES];
    if (!why || why_size == 0) {
        why = own_why;
        why_size = sizeof own_why;
    }
    why[0] = '\0';
    struct ahoy_engine *e = mem_zalloc(sizeof *e);
    if (!e)
        return AHOY_ERR_NOMEM;
    arena_init(&e->arena, ARENA_BYTES);
    sys_lock_init(&e->lock);
    list_init(&e->events);
    list_init(&e->cheap);
    list_init(&e->accounts);
    list_init(&e->calls);
    snprintf(e->user_agent, sizeof e->user_agent, "Ahoy/%s", AHOY_VERSION);
    enum ahoy_err err = api_events_prepare(e);
    if (!err)
        err = engine_open(e, host, cfg, why, why_size);
    if (err) {
        if (!why[0])
            snprintf(why, why_size, "%s", ahoy_err_text(err));
        engine_free(e);
        return err;
    }
    *out = e;
    return AHOY_OK;
}

enum ahoy_err ahoy_engine_create(struct ahoy_engine **out, const struct ahoy_engine_config *cfg, char *why,
                                 size_t why_size)
{
    return api_engine_create_on(out, NULL, cfg, why, why_size);
}

/* ---- ending ------------------------------------------------------------------------------------------------------ */

static void on_left(void *arg)
{
    struct ahoy_engine *e = arg;
    sys_lock_take(&e->lock);
    e->left = true;
    sys_lock_signal(&e->lock);
    sys_lock_give(&e->lock);
}

static void run_leave(struct sys_msg *msg)
{
    struct ahoy_engine *e = AHOY_CONTAINER_OF(msg, struct ahoy_engine, leave_msg);
    ua_leave(e->ua, e->linger_ms, on_left, e);
}

void api_engine_leave(struct ahoy_engine *e, uint32_t linger_ms)
{
    e->linger_ms = linger_ms;
    e->leave_msg.fn = run_leave;
    sys_post(e->loop, &e->leave_msg);
}

bool api_engine_left(struct ahoy_engine *e)
{
    sys_lock_take(&e->lock);
    bool left = e->left;
    sys_lock_give(&e->lock);
    return left;
}

void ahoy_engine_destroy(struct ahoy_engine *e, uint32_t linger_ms)
{
    if (!e)
        return;
    if (e->own_host) {
        api_engine_leave(e, linger_ms);
        sys_lock_take(&e->lock);
        while (!e->left)
            (void) sys_lock_wait(&e->lock, -1);
        sys_lock_give(&e->lock);
    }
    AHOY_ASSERT(api_engine_left(e));
    sys_loop_join(e->loop);
    engine_free(e);
}

/* ---- small questions --------------------------------------------------------------------------------------------- */

int64_t ahoy_engine_time_ms(const struct ahoy_engine *e)
{
    return ua_time_ms(e->ua);
}

uint32_t api_next_id(struct ahoy_engine *e, uint32_t *last)
{
    sys_lock_take(&e->lock);
    uint32_t id = ++*last;
    sys_lock_give(&e->lock);
    return id;
}

/* The sockets are open before the loop's thread starts and change no more, so any thread may look. */
char **ahoy_engine_listening(struct ahoy_engine *e)
{
    char text[80];
    size_t n = 0, bytes = 0;
    while (ua_listening(e->ua, n, text)) {
        bytes += strlen(text) + 1;
        n++;
    }
    char **list = mem_zalloc((n + 1) * sizeof *list + bytes);
    if (!list)
        return NULL;
    char *at = (char *) (list + n + 1);
    for (size_t i = 0; i < n && ua_listening(e->ua, i, text); i++) {
        list[i] = at;
        (void) view_copy(view_str(text), at, strlen(text) + 1);
        at += strlen(text) + 1;
    }
    return list;
}
