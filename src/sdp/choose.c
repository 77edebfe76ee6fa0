/* Which formats a line of ours lists, and under which payload types. */
#include "sdp/desc.h"

#include <stdio.h>

enum { PT_EVENT_8K = 101, PT_EVENT_48K = 110, PT_SPARE_FIRST = 35, PT_SPARE_END = 64 };

static void add(struct desc_format *out, size_t *n, struct desc_format f)
{
    if (*n == DESC_MAX_FORMATS || !sdp_format_id(f.name, f.clock_hz, f.channels, f.fmtp, &f.id))
        return;
    for (size_t i = 0; i < *n; i++) /* the same format twice would need two numbers for nothing */
        if (sdp_format_id_eq(&out[i].id, &f.id))
            return;
    out[(*n)++] = f;
}

static void add_events(const struct sdp_cap *cap, struct desc_format *out, size_t *n, uint32_t clock_hz,
                       bool answer_only)
{
    add(out, n,
        (struct desc_format){ .use = SDP_USE_EVENT,
                              .codec = -1,
                              .name = VIEW("telephone-event"),
                              .clock_hz = clock_hz,
                              .channels = 1,
                              .pt = clock_hz == 8000    ? PT_EVENT_8K
                                    : clock_hz == 48000 ? PT_EVENT_48K
                                                        : 0,
                              .fmtp = cap->events_fmtp.n > 0 ? cap->events_fmtp : VIEW("0-16"),
                              .answer_only = answer_only });
}

size_t desc_expand(const struct sdp_cap *cap, struct desc_format out[DESC_MAX_FORMATS])
{
    size_t n = 0;
    for (size_t i = 0; i < cap->codecs; i++) {
        const struct sdp_codec *c = &cap->codec[i];
        bool opus = view_ieq(c->name, VIEW("opus"));
        add(out, &n,
            (struct desc_format){ .use = view_ieq(c->name, VIEW("red")) ? SDP_USE_RED : SDP_USE_CODEC,
                                  .codec = (int) i,
                                  .name = c->name,
                                  .clock_hz = c->clock_hz,
                                  .channels = opus              ? 2
                                              : c->channels > 0 ? c->channels
                                                                : 1, /* RFC 7587 section 7 */
                                  .pt = c->pt,
                                  .fmtp = c->fmtp });
    }
    size_t codecs = n;
    if (cap->comfort_noise)
        add(out, &n,
            (struct desc_format){
                .use = SDP_USE_CN, .codec = -1, .name = VIEW("CN"), .clock_hz = 8000, .channels = 1 });
    for (size_t i = 0; cap->events && i < codecs; i++)
        if (out[i].use == SDP_USE_CODEC)
            add_events(cap, out, &n, out[i].clock_hz, false);
    if (cap->events) /* many a device offers opus beside telephone-event/8000 alone */
        add_events(cap, out, &n, 8000, codecs > 0);
    return n;
}

/* Numbers of one line while they are given. */
struct numbers {
    const struct desc_choice *c;
    bool used[SDP_PT_COUNT];
    bool theirs[SDP_PT_COUNT]; /* in the peer's line: not to be given to another format … */
    bool wished[SDP_PT_COUNT]; /* … nor what formats of ours wish for, unless to the one that does */
};

/* May this number mean this format on our side from now on? */
static bool usable(const struct numbers *nr, int pt, const struct sdp_format_id *id)
{
    if (pt < 0 || pt >= SDP_PT_COUNT || nr->used[pt])
        return false;
    if ((pt >= 72 && pt <= 76) || (nr->c->mux && pt >= 64 && pt <= 95)) /* would look like RTCP: RFC 5761 section 4 */
        return false;
    const struct sdp_static_type *s = sdp_static_type((unsigned) pt);
    struct sdp_format_id fixed;
    if (s
        && (!sdp_format_id(view_str(s->name), s->clock_hz, s->channels, (struct view){ 0 }, &fixed)
            || !sdp_format_id_eq(&fixed, id)))
        return false;
    const struct sdp_format_id *had = ptmap_get(nr->c->map, PTMAP_OURS, (unsigned) pt);
    return !had || sdp_format_id_eq(had, id);
}

/* The same for a number nobody proposed: it must not have meant another thing on the peer's side either. */
static bool usable_fresh(const struct numbers *nr, int pt, const struct sdp_format_id *id)
{
    if (!usable(nr, pt, id) || nr->theirs[pt])
        return false;
    const struct sdp_format_id *had = ptmap_get(nr->c->map, PTMAP_THEIRS, (unsigned) pt);
    return !had || sdp_format_id_eq(had, id);
}

static int spare(const struct numbers *nr, const struct sdp_format_id *id)
{
    for (int pt = SDP_PT_DYNAMIC_FIRST; pt < SDP_PT_COUNT; pt++)
        if (!nr->wished[pt] && usable_fresh(nr, pt, id))
            return pt;
    for (int pt = PT_SPARE_FIRST; pt < PT_SPARE_END; pt++) /* RFC 3551 section 3: when 96-127 are gone */
        if (!nr->wished[pt] && usable_fresh(nr, pt, id))
            return pt;
    return -1;
}

/*
 * The number for a format, or -1. An answer keeps the offer's number (RFC 3264 section 6.1); both keep what was used
 * before; a fresh number is the static one, the one wished for, or any.
 */
static int number(struct numbers *nr, const struct desc_format *f, int remote_pt)
{
    int last = ptmap_ours(nr->c->map, &f->id);
    int pt = -1;
    if (remote_pt >= 0 && usable(nr, remote_pt, &f->id)
        && (nr->c->answer || last < 0 || ptmap_get(nr->c->map, PTMAP_OURS, (unsigned) remote_pt)))
        pt = remote_pt;
    else if (usable(nr, last, &f->id))
        pt = last;
    else if (usable(nr, sdp_static_pt(f->name, f->clock_hz, f->channels), &f->id))
        pt = sdp_static_pt(f->name, f->clock_hz, f->channels);
    else if (f->pt > 0 && f->pt < SDP_PT_COUNT && usable_fresh(nr, (int) f->pt, &f->id))
        pt = (int) f->pt;
    else
        pt = spare(nr, &f->id);
    if (pt >= 0)
        nr->used[pt] = true;
    return pt;
}

struct pick {
    struct desc_format *f; /* of ours */
    int remote_pt;         /* the peer's number for it, or -1 */
};

struct choice {
    struct desc_format all[DESC_MAX_FORMATS];
    size_t n;
    struct pick pick[DESC_MAX_FORMATS];
    size_t picks;
};

static struct desc_format *find_id(struct choice *ch, const struct sdp_format_id *id)
{
    for (size_t i = 0; i < ch->n; i++)
        if (sdp_format_id_eq(&ch->all[i].id, id))
            return &ch->all[i];
    return NULL;
}

static void pick(struct choice *ch, struct desc_format *f, int remote_pt)
{
    for (size_t i = 0; i < ch->picks; i++)
        if (ch->pick[i].f == f)
            return;
    ch->pick[ch->picks++] = (struct pick){ f, remote_pt };
}

/* What both have, in the order of the peer's line. */
static void pick_common(struct choice *ch, const struct sdp_media *remote)
{
    for (size_t i = 0; i < remote->formats; i++) {
        const struct sdp_format *r = &remote->format[i];
        struct sdp_format_id id;
        if (r->pt < 0 || !sdp_format_id(r->name, r->clock_hz, r->channels, r->fmtp, &id))
            continue;
        struct desc_format *f = find_id(ch, &id);
        if (f)
            pick(ch, f, r->pt);
    }
}

static int remote_pt_of(const struct sdp_media *remote, const struct sdp_format_id *id)
{
    struct sdp_format_id theirs;
    for (size_t i = 0; remote && i < remote->formats; i++) {
        const struct sdp_format *r = &remote->format[i];
        if (r->pt >= 0 && sdp_format_id(r->name, r->clock_hz, r->channels, r->fmtp, &theirs)
            && sdp_format_id_eq(&theirs, id))
            return r->pt;
    }
    return -1;
}

static void pick_all(struct choice *ch, const struct sdp_media *remote)
{
    for (size_t i = 0; i < ch->n; i++)
        if (!ch->all[i].answer_only)
            pick(ch, &ch->all[i], remote_pt_of(remote, &ch->all[i].id));
}

static void sort_ours(struct choice *ch)
{
    for (size_t i = 1; i < ch->picks; i++) {
        struct pick p = ch->pick[i];
        size_t j = i;
        for (; j > 0 && ch->pick[j - 1].f > p.f; j--)
            ch->pick[j] = ch->pick[j - 1];
        ch->pick[j] = p;
    }
}

static bool has(const struct choice *ch, enum sdp_use use, uint32_t clock_hz)
{
    for (size_t i = 0; i < ch->picks; i++)
        if (ch->pick[i].f->use == use && (clock_hz == 0 || ch->pick[i].f->clock_hz == clock_hz))
            return true;
    return false;
}

static void keep_one_codec(struct choice *ch)
{
    size_t n = 0;
    bool seen = false;
    for (size_t i = 0; i < ch->picks; i++) {
        bool codec = ch->pick[i].f->use == SDP_USE_CODEC;
        if (codec && seen)
            continue;
        seen = seen || codec;
        ch->pick[n++] = ch->pick[i];
    }
    ch->picks = n;
}

/*
 * A stream has one clock, so what stands beside codecs must share the clock of one (RFC 4733 section 2.1, RFC 3389
 * section 4). Only when no telephone-event does, one with 8000 stays: devices offer that beside opus and mean it.
 */
static void drop_strays(struct choice *ch)
{
    bool events_match = false;
    for (size_t i = 0; i < ch->picks; i++)
        if (ch->pick[i].f->use == SDP_USE_EVENT && has(ch, SDP_USE_CODEC, ch->pick[i].f->clock_hz))
            events_match = true;
    size_t n = 0;
    for (size_t i = 0; i < ch->picks; i++) {
        const struct desc_format *f = ch->pick[i].f;
        bool stays = f->use == SDP_USE_CODEC || has(ch, SDP_USE_CODEC, f->clock_hz)
                     || (f->use == SDP_USE_EVENT && !events_match && f->clock_hz == 8000);
        if (stays)
            ch->pick[n++] = ch->pick[i];
    }
    ch->picks = n;
}

/* red carries the first codec of its clock (RFC 2198 section 5: "a=fmtp:121 0/5"). False when there is none. */
static bool write_red(const struct desc_format *v, size_t n, uint32_t clock_hz, char dst[16])
{
    for (size_t i = 0; i < n; i++)
        if (v[i].use == SDP_USE_CODEC && v[i].clock_hz == clock_hz) {
            (void) snprintf(dst, 16, "%u/%u", v[i].pt, v[i].pt);
            return true;
        }
    return false;
}

/* Copies the texts, and drops red where it has nothing to carry. */
static enum ahoy_err keep(struct arena *arena, struct desc_format *v, size_t *n)
{
    size_t kept = 0;
    for (size_t i = 0; i < *n; i++) {
        struct desc_format f = v[i];
        char red[16];
        if (f.use == SDP_USE_RED && !write_red(v, *n, f.clock_hz, red))
            continue;
        if (f.use == SDP_USE_RED)
            f.fmtp = view_str(red);
        if (!arena_view(arena, f.fmtp, &f.fmtp) || !arena_view(arena, f.name, &f.name))
            return AHOY_ERR_NOMEM;
        v[kept++] = f;
    }
    *n = kept;
    return AHOY_OK;
}

static void avoid_numbers(struct numbers *nr, const struct choice *ch)
{
    const struct sdp_media *remote = nr->c->remote;
    for (size_t i = 0; remote && i < remote->formats; i++)
        if (remote->format[i].pt >= 0)
            nr->theirs[remote->format[i].pt] = true;
    for (size_t i = 0; i < ch->n; i++)
        if (ch->all[i].pt < SDP_PT_COUNT)
            nr->wished[ch->all[i].pt] = true;
}

enum ahoy_err desc_choose(const struct desc_choice *c, struct desc_media *m)
{
    struct choice ch = { 0 };
    struct numbers nr = { .c = c };
    ch.n = desc_expand(c->cap, ch.all);
    if (c->answer)
        pick_common(&ch, c->remote);
    else
        pick_all(&ch, c->remote);
    if (c->answer && c->cap->own_order)
        sort_ours(&ch);
    if (c->answer && c->cap->one_codec)
        keep_one_codec(&ch);
    if (c->cap->codecs > 0)
        drop_strays(&ch);
    avoid_numbers(&nr, &ch);
    struct desc_format *v = arena_alloc(c->arena, (ch.picks + 1) * sizeof *v);
    if (!v)
        return AHOY_ERR_NOMEM;
    size_t n = 0;
    bool useful = false;
    for (size_t i = 0; i < ch.picks; i++) {
        int pt = number(&nr, ch.pick[i].f, ch.pick[i].remote_pt);
        if (pt < 0)
            continue; /* every number is taken by another meaning */
        v[n] = *ch.pick[i].f;
        v[n++].pt = (unsigned) pt;
        useful = useful || ch.pick[i].f->use == SDP_USE_CODEC
                 || (c->cap->codecs == 0 && ch.pick[i].f->use == SDP_USE_EVENT);
    }
    enum ahoy_err err = keep(c->arena, v, &n);
    if (!err) {
        m->format = v;
        m->formats = useful ? n : 0;
        m->events_only = c->cap->codecs == 0;
    }
    return err;
}
