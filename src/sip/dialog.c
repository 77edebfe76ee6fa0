#include "sip/dialog.h"

#include "base/mem.h"
#include "sip/route.h"

struct routes {
    size_t count;
    struct buf text;
    struct {
        uint32_t at, n;
    } item[SIP_DIALOG_MAX_ROUTES];
};

struct sip_dialog {
    struct map_node node; /* by local tag */
    struct sip_dialogs *table;
    struct sip_dialog_handler handler;
    struct sip_flow *flow;
    enum sip_dialog_state state;
    bool is_caller, secure, has_remote_cseq;
    uint32_t local_cseq, remote_cseq;
    struct view call_id, local_tag, remote_tag, local, remote; /* into text */
    char *text;
    char *target;
    char *routes; /* joined by commas; NULL when there are none */
};

struct sip_dialogs {
    struct map map;
    size_t max;
};

/* ---- the table --------------------------------------------------------------------------------------------------- */

enum ahoy_err sip_dialogs_create(struct sip_dialogs **out, struct rng *rng, size_t max)
{
    uint8_t seed[16];
    struct sip_dialogs *ds = mem_zalloc(sizeof *ds);
    if (!ds)
        return AHOY_ERR_NOMEM;
    rng_bytes(rng, seed, sizeof seed);
    map_init(&ds->map, seed);
    ds->max = max;
    *out = ds;
    return AHOY_OK;
}

void sip_dialogs_destroy(struct sip_dialogs *ds)
{
    if (!ds)
        return;
    AHOY_ASSERT(ds->map.count == 0);
    map_fini(&ds->map);
    mem_free(ds);
}

size_t sip_dialogs_count(const struct sip_dialogs *ds)
{
    return ds->map.count;
}

struct sip_dialog *sip_dialogs_find_name(const struct sip_dialogs *ds, struct view call_id, struct view local_tag,
                                         struct view remote_tag)
{
    if (view_empty(local_tag))
        return NULL;
    for (struct map_node *k = map_get(&ds->map, local_tag); k; k = map_get_next(k)) {
        struct sip_dialog *d = MAP_ENTRY(k, struct sip_dialog, node);
        if (view_eq(d->remote_tag, remote_tag) && view_eq(d->call_id, call_id))
            return d;
    }
    return NULL;
}

struct sip_dialog *sip_dialogs_find(const struct sip_dialogs *ds, struct sip_msg *request)
{
    const struct sip_core *core;
    if (sip_msg_core(request, &core))
        return NULL;
    return sip_dialogs_find_name(ds, core->call_id, core->to_tag, core->from_tag);
}

/* ---- routes and targets ------------------------------------------------------------------------------------------ */

/* Text from a header field onto one line: a fold becomes spaces. */
static void put_flat(struct buf *b, struct view v)
{
    for (size_t i = 0; i < v.n; i++)
        buf_char(b, v.p[i] == '\r' || v.p[i] == '\n' ? ' ' : v.p[i]);
}

/* "display <uri>;params" without the tag, so that the tag can be put where it belongs. */
static enum ahoy_err put_addr_without_tag(struct buf *b, const struct sip_addr *a)
{
    struct view rest = a->params, name, value;
    enum ahoy_err err;
    if (!view_empty(a->display)) {
        put_flat(b, a->display);
        buf_char(b, ' ');
    }
    buf_char(b, '<');
    put_flat(b, a->uri);
    buf_char(b, '>');
    while (!(err = sip_param_next(&rest, &name, &value))) {
        if (view_ieq(name, VIEW("tag")))
            continue;
        buf_char(b, ';');
        buf_view(b, name);
        if (!view_empty(value)) {
            buf_char(b, '=');
            put_flat(b, value);
        }
    }
    return err == AHOY_ERR_END ? buf_err(b) : err;
}

static bool is_sip_uri(struct view text)
{
    struct sip_uri u;
    return !sip_uri_parse(text, &u) && (u.scheme == SIP_SCHEME_SIP || u.scheme == SIP_SCHEME_SIPS);
}

static enum ahoy_err add_route(struct routes *r, struct view item)
{
    struct sip_addr a;
    if (r->count == SIP_DIALOG_MAX_ROUTES)
        return AHOY_ERR_LIMIT;
    if (sip_addr_parse(item, &a) || !a.has_brackets || !is_sip_uri(a.uri))
        return AHOY_ERR_SYNTAX;
    size_t at = r->text.n;
    buf_char(&r->text, '<');
    buf_view(&r->text, a.uri);
    buf_char(&r->text, '>');
    put_flat(&r->text, a.params);
    if (buf_err(&r->text))
        return buf_err(&r->text);
    r->item[r->count].at = (uint32_t) at;
    r->item[r->count].n = (uint32_t) (r->text.n - at);
    r->count++;
    return AHOY_OK;
}

static enum ahoy_err join_routes(const struct routes *r, bool backwards, char **out)
{
    struct buf b;
    buf_init(&b, SIP_DIALOG_MAX_TEXT_BYTES + 2 * SIP_DIALOG_MAX_ROUTES);
    for (size_t i = 0; i < r->count; i++) {
        size_t from = backwards ? r->count - 1 - i : i;
        if (i > 0)
            buf_str(&b, ", ");
        buf_view(&b, view_of(r->text.p + r->item[from].at, r->item[from].n));
    }
    enum ahoy_err err = buf_err(&b);
    char *text = err ? NULL : view_dup(buf_content(&b));
    buf_fini(&b);
    if (!text)
        return err ? err : AHOY_ERR_NOMEM;
    *out = text;
    return AHOY_OK;
}

/* The route set of a dialog from Record-Route: in its order for who was asked, backwards for who asked. NULL: empty. */
static enum ahoy_err read_routes(const struct sip_msg *m, bool backwards, char **out)
{
    struct routes r = { .count = 0 };
    char *text = NULL;
    enum ahoy_err err = AHOY_OK;
    buf_init(&r.text, SIP_DIALOG_MAX_TEXT_BYTES);
    for (const struct sip_hdr *h = sip_msg_first(m, SIP_HDR_RECORD_ROUTE); h && !err; h = sip_msg_next(m, h)) {
        struct view rest = h->value, item;
        while (!err && sip_list_next(&rest, &item))
            err = view_empty(item) ? AHOY_OK : add_route(&r, item);
    }
    if (!err && r.count)
        err = join_routes(&r, backwards, &text);
    if (!err)
        *out = text;
    buf_fini(&r.text);
    return err;
}

/* The URI of the first Contact; NOT_FOUND without one. */
static enum ahoy_err read_target(const struct sip_msg *m, struct view *out)
{
    const struct sip_hdr *h = sip_msg_first(m, SIP_HDR_CONTACT);
    struct sip_contact c;
    struct view rest, item;
    if (!h)
        return AHOY_ERR_NOT_FOUND;
    rest = h->value;
    if (!sip_list_next(&rest, &item) || sip_contact_parse(item, &c) || c.star || !is_sip_uri(c.addr.uri))
        return AHOY_ERR_SYNTAX;
    *out = c.addr.uri;
    return AHOY_OK;
}

/* ---- making them ------------------------------------------------------------------------------------------------- */

struct parts {
    struct view call_id, local_tag, remote_tag;
    struct buf local, remote;
    struct view target;
};

static void parts_init(struct parts *p)
{
    *p = (struct parts){ .target = { 0 } };
    buf_init(&p->local, SIP_DIALOG_MAX_TEXT_BYTES);
    buf_init(&p->remote, SIP_DIALOG_MAX_TEXT_BYTES);
}

static void parts_fini(struct parts *p)
{
    buf_fini(&p->local);
    buf_fini(&p->remote);
}

static struct view keep(char **at, struct view v)
{
    struct view kept = view_of(*at, v.n);
    if (v.n)
        memcpy(*at, v.p, v.n);
    *at += v.n;
    return kept;
}

static enum ahoy_err create(struct sip_dialog **out, struct sip_dialogs *ds, const struct parts *p)
{
    struct view local = buf_content(&p->local), remote = buf_content(&p->remote);
    enum ahoy_err err = AHOY_ERR_NOMEM;
    if (ds->map.count >= ds->max)
        return AHOY_ERR_LIMIT;
    struct sip_dialog *d = mem_zalloc(sizeof *d);
    if (!d)
        return AHOY_ERR_NOMEM;
    d->table = ds;
    d->text = mem_alloc(p->call_id.n + p->local_tag.n + p->remote_tag.n + local.n + remote.n);
    d->target = view_dup(p->target);
    if (!d->text || !d->target)
        goto fail;
    char *at = d->text;
    d->call_id = keep(&at, p->call_id);
    d->local_tag = keep(&at, p->local_tag);
    d->remote_tag = keep(&at, p->remote_tag);
    d->local = keep(&at, local);
    d->remote = keep(&at, remote);
    err = map_put(&ds->map, d->local_tag, &d->node);
    if (err)
        goto fail;
    *out = d;
    return AHOY_OK;
fail:
    sip_dialog_destroy(d);
    return err;
}

enum ahoy_err sip_dialog_create_uac(struct sip_dialog **out, struct sip_dialogs *ds, const struct sip_dialog_seed *seed,
                                    struct sip_msg *response)
{
    const struct sip_core *core;
    struct sip_dialog *d = NULL;
    struct parts p;
    enum ahoy_err err = sip_msg_core(response, &core);
    if (err)
        return err;
    parts_init(&p);
    p.call_id = seed->call_id;
    p.local_tag = seed->local_tag;
    p.remote_tag = core->to_tag;
    buf_view(&p.local, seed->local);
    buf_view(&p.remote, seed->remote);
    err = buf_err(&p.local) ? buf_err(&p.local) : buf_err(&p.remote);
    if (err)
        goto out;
    err = read_target(response, &p.target);
    if (err == AHOY_ERR_NOT_FOUND)
        p.target = seed->target;
    else if (err)
        goto out;
    err = create(&d, ds, &p);
    if (err)
        goto out;
    d->is_caller = true;
    d->secure = seed->secure;
    d->local_cseq = seed->cseq;
    d->state = response->status < 200 ? SIP_DIALOG_EARLY : SIP_DIALOG_CONFIRMED;
    err = read_routes(response, true, &d->routes);
    if (err)
        goto out;
    *out = d;
    d = NULL;
out:
    sip_dialog_destroy(d);
    parts_fini(&p);
    return err;
}

enum ahoy_err sip_dialog_create_uas(struct sip_dialog **out, struct sip_dialogs *ds, struct sip_msg *request,
                                    struct view local_tag, bool secure)
{
    const struct sip_core *core;
    struct sip_dialog *d = NULL;
    struct parts p;
    enum ahoy_err err = sip_msg_core(request, &core);
    if (err)
        return err;
    parts_init(&p);
    p.call_id = core->call_id;
    p.local_tag = local_tag;
    p.remote_tag = core->from_tag;
    err = put_addr_without_tag(&p.local, &core->to);
    if (!err)
        err = put_addr_without_tag(&p.remote, &core->from);
    if (err)
        goto out;
    err = read_target(request, &p.target);
    if (err == AHOY_ERR_NOT_FOUND) {
        /* RFC 2543 peers may leave Contact out and take requests at their From URI. */
        p.target = core->from.uri;
        err = is_sip_uri(p.target) ? AHOY_OK : AHOY_ERR_SYNTAX;
    }
    if (err)
        goto out;
    err = create(&d, ds, &p);
    if (err)
        goto out;
    d->secure = secure;
    d->remote_cseq = core->cseq.number;
    d->has_remote_cseq = true;
    err = read_routes(request, false, &d->routes);
    if (err)
        goto out;
    *out = d;
    d = NULL;
out:
    sip_dialog_destroy(d);
    parts_fini(&p);
    return err;
}

void sip_dialog_destroy(struct sip_dialog *d)
{
    if (!d)
        return;
    map_remove(&d->table->map, &d->node);
    sip_flow_unref(d->flow);
    mem_free(d->routes);
    mem_free(d->target);
    mem_free(d->text);
    mem_free(d);
}

void sip_dialog_set_handler(struct sip_dialog *d, const struct sip_dialog_handler *handler)
{
    d->handler = handler ? *handler : (struct sip_dialog_handler){ 0 };
}

const struct sip_dialog_handler *sip_dialog_get_handler(const struct sip_dialog *d)
{
    return &d->handler;
}

/* ---- its life ---------------------------------------------------------------------------------------------------- */

enum ahoy_err sip_dialog_confirm(struct sip_dialog *d, struct sip_msg *response)
{
    char *routes = NULL;
    enum ahoy_err err;
    d->state = SIP_DIALOG_CONFIRMED;
    if (!response)
        return AHOY_OK;
    err = read_routes(response, true, &routes);
    if (err)
        return err;
    mem_free(d->routes);
    d->routes = routes;
    return sip_dialog_refresh_target(d, response);
}

enum ahoy_err sip_dialog_refresh_target(struct sip_dialog *d, const struct sip_msg *m)
{
    struct view uri;
    enum ahoy_err err = read_target(m, &uri);
    if (err == AHOY_ERR_NOT_FOUND || (!err && view_eq(uri, view_str(d->target))))
        return AHOY_OK;
    if (err)
        return err;
    char *target = view_dup(uri);
    if (!target)
        return AHOY_ERR_NOMEM;
    mem_free(d->target);
    d->target = target;
    return AHOY_OK;
}

enum ahoy_err sip_dialog_take_cseq(struct sip_dialog *d, struct sip_msg *request)
{
    const struct sip_core *core;
    enum ahoy_err err = sip_msg_core(request, &core);
    if (err)
        return err;
    if (d->has_remote_cseq && core->cseq.number <= d->remote_cseq)
        return AHOY_ERR_STATE;
    d->has_remote_cseq = true;
    d->remote_cseq = core->cseq.number;
    return AHOY_OK;
}

uint32_t sip_dialog_next_cseq(struct sip_dialog *d)
{
    return ++d->local_cseq;
}

void sip_dialog_raise_cseq(struct sip_dialog *d, uint32_t cseq)
{
    if (cseq > d->local_cseq)
        d->local_cseq = cseq;
}

enum sip_dialog_state sip_dialog_state(const struct sip_dialog *d)
{
    return d->state;
}

bool sip_dialog_is_caller(const struct sip_dialog *d)
{
    return d->is_caller;
}

bool sip_dialog_is_secure(const struct sip_dialog *d)
{
    return d->secure;
}

struct view sip_dialog_call_id(const struct sip_dialog *d)
{
    return d->call_id;
}

struct view sip_dialog_local_tag(const struct sip_dialog *d)
{
    return d->local_tag;
}

struct view sip_dialog_remote_tag(const struct sip_dialog *d)
{
    return d->remote_tag;
}

struct view sip_dialog_local(const struct sip_dialog *d)
{
    return d->local;
}

struct view sip_dialog_remote(const struct sip_dialog *d)
{
    return d->remote;
}

struct view sip_dialog_target(const struct sip_dialog *d)
{
    return view_str(d->target);
}

uint32_t sip_dialog_local_cseq(const struct sip_dialog *d)
{
    return d->local_cseq;
}

struct view sip_dialog_routes(const struct sip_dialog *d)
{
    return d->routes ? view_str(d->routes) : view_of(NULL, 0);
}

struct sip_flow *sip_dialog_flow(const struct sip_dialog *d)
{
    return d->flow;
}

void sip_dialog_set_flow(struct sip_dialog *d, struct sip_flow *flow)
{
    if (flow == d->flow)
        return;
    sip_flow_unref(d->flow);
    d->flow = flow ? sip_flow_ref(flow) : NULL;
}

/* ---- its requests ------------------------------------------------------------------------------------------------ */

static void put_tagged(struct buf *out, const char *name, struct view addr, struct view tag)
{
    buf_str(out, name);
    buf_view(out, addr);
    if (!view_empty(tag)) {
        buf_str(out, ";tag=");
        buf_view(out, tag);
    }
    buf_str(out, "\r\n");
}

void sip_dialog_put_names(const struct sip_dialog *d, struct buf *out)
{
    put_tagged(out, "From: ", d->local, d->local_tag);
    put_tagged(out, "To: ", d->remote, d->remote_tag);
    buf_printf(out, "Call-ID: %.*s\r\n", VIEW_ARG(d->call_id));
}

void sip_dialog_begin_request(const struct sip_dialog *d, struct view method, uint32_t cseq, struct buf *out)
{
    struct view routes = sip_dialog_routes(d), target = sip_dialog_target(d);
    buf_view(out, method);
    buf_char(out, ' ');
    enum ahoy_err err = sip_route_put_uri(routes, target, out);
    if (err)
        out->err = err;
    buf_str(out, " SIP/2.0\r\nMax-Forwards: 70\r\n");
    sip_route_put(routes, target, out);
    sip_dialog_put_names(d, out);
    buf_printf(out, "CSeq: %u %.*s\r\n", (unsigned) cseq, VIEW_ARG(method));
}
