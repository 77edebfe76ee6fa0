/*
 * The state RFC 3264 needs between exchanges. What was said and agreed lives in three kinds of objects that never
 * change once made and are shared by count: ours (a description we sent), theirs (one we got), pact (what the two come
 * to). So a roll-back, a mark and a fork are pointers.
 *
 *                       offer                              receive_offer
 *      HAVE_LOCAL_OFFER <------------- STABLE ----------------------------> HAVE_REMOTE_OFFER
 *            |   ^ \__ apply_answer, not final   ^ ^                                |
 *            |___|___ apply_answer, rollback ____| |______ answer, rollback ________|
 */
#include "base/mem.h"
#include "sdp/desc.h"

#include <inttypes.h>

static const uint64_t ID_END = (uint64_t) 1 << 62; /* RFC 3264 section 5 */

struct ours {
    unsigned refs;
    struct arena arena;
    struct desc desc;
    struct buf text;
    size_t rest; /* offset of what follows o= */
};

struct theirs {
    unsigned refs;
    struct arena arena;
    struct view text; /* in the arena */
    struct sdp sdp;
};

struct pact {
    unsigned refs;
    struct arena arena;
    struct ours *ours;
    struct theirs *theirs;
    struct sdp_stream *stream;
    size_t n;
};

struct sdp_session {
    enum sdp_session_state state;
    char *user;
    uint64_t id, version; /* version: of what was sent last */
    struct addr addr;
    struct ours *last;        /* what was sent last, or NULL */
    struct ours *offer;       /* ours that waits */
    struct theirs *remote;    /* theirs that waits */
    struct pact *agreed;      /* NULL before the first exchange */
    struct pact *provisional; /* from an answer that is not final */
    struct pact *mark;
    bool marked;
    enum sdp_reject refusal;
    struct ptmap map[SDP_MAX_MEDIA];
};

static void ours_unref(struct ours *o)
{
    if (!o || --o->refs > 0)
        return;
    arena_fini(&o->arena);
    buf_fini(&o->text);
    mem_free(o);
}

static struct ours *ours_ref(struct ours *o)
{
    if (o)
        o->refs++;
    return o;
}

static struct ours *ours_create(void)
{
    struct ours *o = mem_zalloc(sizeof *o);
    if (!o)
        return NULL;
    o->refs = 1;
    arena_init(&o->arena, SDP_ARENA_BYTES);
    buf_init(&o->text, SDP_MAX_BYTES);
    return o;
}

static void theirs_unref(struct theirs *t)
{
    if (!t || --t->refs > 0)
        return;
    arena_fini(&t->arena);
    mem_free(t);
}

static struct theirs *theirs_ref(struct theirs *t)
{
    if (t)
        t->refs++;
    return t;
}

static enum ahoy_err theirs_create(struct theirs **out, struct view text, struct sdp_error *why)
{
    enum ahoy_err err = AHOY_OK;
    if (text.n > SDP_MAX_BYTES) { /* before it is copied */
        if (why)
            *why = (struct sdp_error){ .offset = SDP_MAX_BYTES, .reason = "the description is too long" };
        return AHOY_ERR_LIMIT;
    }
    struct theirs *t = mem_zalloc(sizeof *t);
    if (!t)
        return AHOY_ERR_NOMEM;
    t->refs = 1;
    arena_init(&t->arena, SDP_ARENA_BYTES + SDP_MAX_BYTES + 1);
    if (!arena_view(&t->arena, text, &t->text))
        err = AHOY_ERR_NOMEM;
    else
        err = sdp_parse(t->text, &t->arena, &t->sdp, why);
    if (err)
        theirs_unref(t);
    else
        *out = t;
    return err;
}

static void pact_unref(struct pact *p)
{
    if (!p || --p->refs > 0)
        return;
    ours_unref(p->ours);
    theirs_unref(p->theirs);
    arena_fini(&p->arena);
    mem_free(p);
}

static struct pact *pact_ref(struct pact *p)
{
    if (p)
        p->refs++;
    return p;
}

/* What a description of ours and one of theirs come to; `before` is what was agreed until now. */
static enum ahoy_err pact_create(struct pact **out, struct ours *ours, struct theirs *theirs, bool we_answered,
                                 const struct pact *before)
{
    struct pact *p = mem_zalloc(sizeof *p);
    enum ahoy_err err = AHOY_OK;
    if (!p)
        return AHOY_ERR_NOMEM;
    p->refs = 1;
    arena_init(&p->arena, SDP_ARENA_BYTES);
    p->ours = ours_ref(ours);
    p->theirs = theirs_ref(theirs);
    p->n = ours->desc.n;
    p->stream = arena_alloc(&p->arena, (p->n + 1) * sizeof *p->stream);
    if (!p->stream)
        err = AHOY_ERR_NOMEM;
    for (size_t i = 0; i < p->n && !err; i++) {
        struct desc_match in = {
            .arena = &p->arena,
            .ours = &ours->desc.media[i],
            .we_answered = we_answered,
            .theirs = i < theirs->sdp.medias ? &theirs->sdp.media[i] : NULL,
            .before = before && i < before->n ? &before->stream[i] : NULL,
        };
        err = desc_match(&in, &p->stream[i]);
    }
    if (err)
        pact_unref(p);
    else
        *out = p;
    return err;
}

enum ahoy_err sdp_session_create(struct sdp_session **out, const struct sdp_session_config *cfg)
{
    uint64_t version = cfg->version > 0 ? cfg->version : cfg->id;
    struct view user = cfg->user.n > 0 ? cfg->user : VIEW("-");
    if (cfg->id >= ID_END || version >= ID_END - 1 || cfg->addr.family == ADDR_NONE)
        return AHOY_ERR_INVAL;
    for (size_t i = 0; i < user.n; i++)
        if ((unsigned char) user.p[i] <= ' ' || user.p[i] == 0x7f)
            return AHOY_ERR_INVAL;
    struct sdp_session *s = mem_zalloc(sizeof *s);
    if (!s)
        return AHOY_ERR_NOMEM;
    s->id = cfg->id;
    s->version = version;
    s->addr = cfg->addr;
    s->addr.scope = 0;
    s->user = view_dup(user);
    if (!s->user) {
        mem_free(s);
        return AHOY_ERR_NOMEM;
    }
    *out = s;
    return AHOY_OK;
}

void sdp_session_destroy(struct sdp_session *s)
{
    if (!s)
        return;
    ours_unref(s->last);
    ours_unref(s->offer);
    theirs_unref(s->remote);
    pact_unref(s->agreed);
    pact_unref(s->provisional);
    pact_unref(s->mark);
    for (size_t i = 0; i < SDP_MAX_MEDIA; i++)
        ptmap_fini(&s->map[i]);
    mem_free(s->user);
    mem_free(s);
}

enum ahoy_err sdp_session_fork(const struct sdp_session *s, struct sdp_session **out)
{
    struct sdp_session *f = mem_alloc(sizeof *f);
    if (!f)
        return AHOY_ERR_NOMEM;
    *f = *s;
    ours_ref(f->last);
    ours_ref(f->offer);
    theirs_ref(f->remote);
    pact_ref(f->agreed);
    pact_ref(f->provisional);
    pact_ref(f->mark);
    memset(f->map, 0, sizeof f->map);
    f->user = view_dup(view_str(s->user));
    enum ahoy_err err = f->user ? AHOY_OK : AHOY_ERR_NOMEM;
    for (size_t i = 0; i < SDP_MAX_MEDIA && !err; i++)
        err = ptmap_copy(&f->map[i], &s->map[i]);
    if (err)
        sdp_session_destroy(f);
    else
        *out = f;
    return err;
}

enum sdp_session_state sdp_session_state(const struct sdp_session *s)
{
    return s->state;
}

static const struct pact *current(const struct sdp_session *s)
{
    return s->provisional ? s->provisional : s->agreed;
}

static struct desc_build build_of(struct sdp_session *s, struct ours *o, const struct sdp_local *local)
{
    const struct pact *p = s->agreed;
    return (struct desc_build){
        .arena = &o->arena,
        .local = local,
        .before = p ? &p->ours->desc : NULL,
        .remote = s->remote ? &s->remote->sdp
                  : p       ? &p->theirs->sdp
                            : NULL,
        .map = s->map,
    };
}

/* Writes the text. The version moves on when anything behind o= differs from what was sent last (RFC 3264 8). */
static enum ahoy_err write_text(const struct sdp_session *s, struct ours *o, uint64_t *version)
{
    char ip[ADDR_TEXT_BYTES];
    struct buf rest;
    buf_init(&rest, SDP_MAX_BYTES);
    desc_print(&o->desc, &rest);
    *version = s->version;
    if (s->last && !view_eq(view_from(buf_content(&s->last->text), s->last->rest), buf_content(&rest)))
        ++*version;
    buf_printf(&o->text, "v=0\r\no=%s %" PRIu64 " %" PRIu64 " IN %s %s\r\n", s->user, s->id, *version,
               s->addr.family == ADDR_IP6 ? "IP6" : "IP4", addr_print_ip(&s->addr, false, ip));
    o->rest = o->text.n;
    buf_view(&o->text, buf_content(&rest));
    enum ahoy_err err = buf_err(&rest) ? buf_err(&rest) : buf_err(&o->text);
    buf_fini(&rest);
    return err;
}

static enum ahoy_err remember_ours(struct sdp_session *s, const struct desc *d)
{
    enum ahoy_err err = AHOY_OK;
    for (size_t i = 0; i < d->n && !err; i++)
        for (size_t j = 0; j < d->media[i].formats && !err; j++)
            err = ptmap_put(&s->map[i], PTMAP_OURS, d->media[i].format[j].pt, &d->media[i].format[j].id);
    return err;
}

static enum ahoy_err remember_theirs(struct sdp_session *s, const struct pact *p)
{
    enum ahoy_err err = AHOY_OK;
    for (size_t i = 0; i < p->n && !err; i++) {
        const struct sdp_media *r = p->stream[i].active ? p->stream[i].remote : NULL;
        for (size_t j = 0; r && j < r->formats && !err; j++) {
            const struct sdp_format *f = &r->format[j];
            struct sdp_format_id id;
            if (f->pt >= 0 && sdp_format_id(f->name, f->clock_hz, f->channels, f->fmtp, &id))
                err = ptmap_put(&s->map[i], PTMAP_THEIRS, (unsigned) f->pt, &id);
        }
    }
    return err;
}

static enum ahoy_err hand_out(const struct ours *o, struct buf *out)
{
    buf_view(out, buf_content(&o->text));
    return buf_err(out);
}

static void sent(struct sdp_session *s, struct ours *o, uint64_t version)
{
    ours_unref(s->last);
    s->last = ours_ref(o);
    s->version = version;
}

static void settle(struct sdp_session *s, struct pact *p)
{
    pact_unref(s->agreed);
    s->agreed = p;
    sdp_session_rollback(s); /* clears what was under way */
}

/* A description of ours, empty yet, and what it is to be built from. INVAL, NOMEM. */
static enum ahoy_err begin_ours(struct sdp_session *s, const struct sdp_local *local, struct ours **out,
                                struct desc_build *b)
{
    enum ahoy_err err = desc_check(local);
    if (err)
        return err;
    struct ours *o = ours_create();
    if (!o)
        return AHOY_ERR_NOMEM;
    *b = build_of(s, o, local);
    *out = o;
    return AHOY_OK;
}

enum ahoy_err sdp_session_offer(struct sdp_session *s, const struct sdp_local *local, struct buf *out)
{
    uint64_t version;
    if (s->state != SDP_STABLE)
        return AHOY_ERR_STATE;
    struct ours *o;
    struct desc_build b;
    enum ahoy_err err = begin_ours(s, local, &o, &b);
    if (err)
        return err;
    err = desc_offer(&b, &o->desc);
    if (!err)
        err = write_text(s, o, &version);
    if (!err)
        err = remember_ours(s, &o->desc);
    if (!err)
        err = hand_out(o, out);
    if (!err) {
        sent(s, o, version);
        s->offer = ours_ref(o);
        s->state = SDP_HAVE_LOCAL_OFFER;
    }
    ours_unref(o);
    return err;
}

/* True when the peer took something and nothing of it is of use. */
static bool is_useless(const struct pact *p, enum sdp_reject *worst)
{
    bool taken = false;
    *worst = SDP_REJECT_NONE;
    for (size_t i = 0; i < p->n; i++) {
        const struct sdp_stream *st = &p->stream[i];
        if (st->active)
            return false;
        if (st->remote && st->remote->port > 0) {
            taken = true;
            *worst = AHOY_MAX(*worst, st->reject);
        }
    }
    return taken;
}

static const char *reject_text(enum sdp_reject why)
{
    switch (why) {
    case SDP_REJECT_NONE: break;
    case SDP_REJECT_OFF: return "a stream that was not offered is taken";
    case SDP_REJECT_UNWANTED: return "the stream is not wanted";
    case SDP_REJECT_KIND: return "the kind of media is another";
    case SDP_REJECT_PROTO: return "the protocol is not acceptable";
    case SDP_REJECT_ADDRESS: return "the address is of no use";
    case SDP_REJECT_FORMAT: return "no codec in common";
    case SDP_REJECT_PEER: return "the stream was refused";
    }
    return "nothing in common";
}

enum ahoy_err sdp_session_apply_answer(struct sdp_session *s, struct view text, bool final, struct sdp_error *why)
{
    struct theirs *theirs = NULL;
    struct pact *p = NULL;
    enum sdp_reject worst;
    if (s->state != SDP_HAVE_LOCAL_OFFER)
        return AHOY_ERR_STATE;
    enum ahoy_err err = theirs_create(&theirs, text, why);
    if (err)
        return err;
    err = pact_create(&p, s->offer, theirs, false, s->agreed);
    if (!err && is_useless(p, &worst)) {
        err = AHOY_ERR_UNSUPPORTED;
        if (why)
            *why = (struct sdp_error){ .reason = reject_text(worst) };
    }
    if (!err)
        err = remember_theirs(s, p);
    if (err)
        goto out;
    if (final) {
        settle(s, p);
    } else {
        pact_unref(s->provisional);
        s->provisional = p;
    }
    p = NULL;
out:
    pact_unref(p);
    theirs_unref(theirs);
    return err;
}

enum ahoy_err sdp_session_receive_offer(struct sdp_session *s, struct view text, struct sdp_error *why)
{
    struct theirs *theirs;
    if (s->state != SDP_STABLE)
        return AHOY_ERR_STATE;
    enum ahoy_err err = theirs_create(&theirs, text, why);
    if (err)
        return err;
    s->remote = theirs;
    s->refusal = SDP_REJECT_NONE;
    s->state = SDP_HAVE_REMOTE_OFFER;
    return AHOY_OK;
}

static bool wants_nothing(const struct sdp *offer)
{
    for (size_t i = 0; i < offer->medias; i++)
        if (offer->media[i].port > 0)
            return false;
    return true;
}

/* Writes, agrees and hands out what o->desc answers. */
static enum ahoy_err send_answer(struct sdp_session *s, struct ours *o, struct buf *out)
{
    struct pact *p = NULL;
    uint64_t version;
    enum ahoy_err err = write_text(s, o, &version);
    if (!err)
        err = pact_create(&p, o, s->remote, true, s->agreed);
    if (!err)
        err = remember_ours(s, &o->desc);
    if (!err)
        err = remember_theirs(s, p);
    if (!err)
        err = hand_out(o, out);
    if (err) {
        pact_unref(p);
        return err;
    }
    sent(s, o, version);
    settle(s, p);
    return AHOY_OK;
}

enum ahoy_err sdp_session_answer(struct sdp_session *s, const struct sdp_local *local, struct buf *out)
{
    if (s->state != SDP_HAVE_REMOTE_OFFER)
        return AHOY_ERR_STATE;
    struct ours *o;
    struct desc_build b;
    enum ahoy_err err = begin_ours(s, local, &o, &b);
    if (err)
        return err;
    err = desc_answer(&b, &o->desc);
    if (!err && !wants_nothing(&s->remote->sdp)) {
        enum sdp_reject worst = SDP_REJECT_NONE;
        bool any = false;
        for (size_t i = 0; i < o->desc.n; i++) {
            any = any || o->desc.media[i].active;
            worst = AHOY_MAX(worst, o->desc.media[i].reject);
        }
        if (!any) {
            s->refusal = worst;
            err = AHOY_ERR_UNSUPPORTED;
        }
    }
    if (!err)
        err = send_answer(s, o, out);
    ours_unref(o);
    return err;
}

enum sdp_reject sdp_session_refusal(const struct sdp_session *s)
{
    return s->refusal;
}

enum ahoy_err sdp_session_answer_none(struct sdp_session *s, struct buf *out)
{
    if (s->state != SDP_HAVE_REMOTE_OFFER)
        return AHOY_ERR_STATE;
    struct ours *o = ours_create();
    if (!o)
        return AHOY_ERR_NOMEM;
    struct sdp_local nothing = { .addr = s->addr };
    struct desc_build b = build_of(s, o, &nothing);
    enum ahoy_err err = desc_answer_none(&b, &o->desc);
    if (!err)
        err = send_answer(s, o, out);
    ours_unref(o);
    return err;
}

void sdp_session_rollback(struct sdp_session *s)
{
    ours_unref(s->offer);
    theirs_unref(s->remote);
    pact_unref(s->provisional);
    s->offer = NULL;
    s->remote = NULL;
    s->provisional = NULL;
    s->state = SDP_STABLE;
}

void sdp_session_mark(struct sdp_session *s)
{
    pact_unref(s->mark);
    s->mark = pact_ref(s->agreed);
    s->marked = true;
}

void sdp_session_revert(struct sdp_session *s)
{
    sdp_session_rollback(s);
    if (!s->marked)
        return;
    pact_unref(s->agreed);
    s->agreed = s->mark;
    s->mark = NULL;
    s->marked = false;
}

size_t sdp_session_streams(const struct sdp_session *s)
{
    const struct pact *p = current(s);
    return p ? p->n : 0;
}

const struct sdp_stream *sdp_session_stream(const struct sdp_session *s, size_t i)
{
    const struct pact *p = current(s);
    return p && i < p->n ? &p->stream[i] : NULL;
}

const struct sdp_stream *sdp_session_stream_of(const struct sdp_session *s, size_t cap)
{
    const struct pact *p = current(s);
    for (size_t i = 0; p && i < p->n; i++)
        if (p->stream[i].cap >= 0 && (size_t) p->stream[i].cap == cap)
            return &p->stream[i];
    return NULL;
}

const struct sdp *sdp_session_remote(const struct sdp_session *s)
{
    const struct pact *p = current(s);
    return s->remote ? &s->remote->sdp : p ? &p->theirs->sdp : NULL;
}

bool sdp_session_remote_unchanged(const struct sdp_session *s)
{
    return s->remote && s->agreed && view_eq(s->remote->text, s->agreed->theirs->text);
}

struct view sdp_session_local_text(const struct sdp_session *s)
{
    return s->last ? buf_content(&s->last->text) : (struct view){ 0 };
}
