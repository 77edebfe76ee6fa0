/* Two sessions with random capabilities go through random exchanges; after each, both must tell the same story. */
#include "base/rng.h"
#include "support_sdp.h"

#include <stdio.h>

enum { RUNS = 400, EXCHANGES = 6 };

static const struct {
    const char *name;
    uint32_t clock_hz;
    unsigned channels;
} codecs[] = {
    { "opus", 48000, 2 }, { "G722", 8000, 1 },   { "PCMU", 8000, 1 }, { "PCMA", 8000, 1 }, { "L16", 8000, 1 },
    { "L16", 16000, 1 },  { "L16", 32000, 1 },   { "L16", 48000, 1 }, { "L16", 44100, 2 }, { "L16", 44100, 1 },
    { "iLBC", 8000, 1 },  { "speex", 16000, 1 }, { "red", 48000, 2 },
};

static void random_codecs(struct rng *r, struct end *e, size_t cap)
{
    bool used[AHOY_COUNT(codecs)] = { false };
    size_t n = 1 + rng_below(r, END_CODECS - 1);
    e->cap[cap].codec = e->codec[cap];
    e->cap[cap].codecs = 0;
    while (e->cap[cap].codecs < n) {
        size_t k = rng_below(r, AHOY_COUNT(codecs));
        bool red = view_eq(view_str(codecs[k].name), VIEW("red"));
        if (used[k] || (red && e->cap[cap].codecs == 0)) /* red has something to carry */
            continue;
        used[k] = true;
        end_codec(e, cap, codecs[k].name, codecs[k].clock_hz, codecs[k].channels,
                  rng_below(r, 2) ? 96 + rng_below(r, 8) : 0);
    }
}

static void random_cap(struct rng *r, struct end *e, size_t cap)
{
    struct sdp_cap *c = &e->cap[cap];
    random_codecs(r, e, cap);
    c->kind = SDP_AUDIO;
    c->off = rng_below(r, 8) == 0;
    c->events = rng_below(r, 4) != 0;
    c->comfort_noise = rng_below(r, 2);
    c->own_order = rng_below(r, 2);
    c->one_codec = rng_below(r, 4) == 0;
    c->dir = (enum sdp_dir) rng_below(r, 4);
    c->ptime_ms = rng_below(r, 3) * 10;
    c->maxptime_ms = rng_below(r, 2) * 40;
    c->rtcp_mux = rng_below(r, 2);
    c->rtp = addr_with_port(&e->local.addr, (uint16_t) (5000 + 2 * rng_below(r, 1000)));
    c->proto = rng_below(r, 2) ? SDP_RTP_AVP : SDP_RTP_SAVP;
    c->protos = SDP_PROTO_BIT(SDP_RTP_AVP) | SDP_PROTO_BIT(SDP_RTP_SAVP);
}

static bool mirror(const struct sdp_stream *a, const struct sdp_stream *b)
{
    if (a->active != b->active)
        return false;
    if (!a->active)
        return true;
    if (a->formats != b->formats || a->dir != sdp_dir_reverse(b->dir) || a->proto != b->proto
        || a->rtcp_mux != b->rtcp_mux || !(sdp_stream_codec(a)))
        return false;
    for (size_t i = 0; i < a->formats; i++) {
        const struct sdp_agreed *x = &a->format[i], *y = &b->format[i];
        if (x->use != y->use || !view_ieq(x->name, y->name) || x->clock_hz != y->clock_hz || x->channels != y->channels
            || x->tx_pt != y->rx_pt || x->rx_pt != y->tx_pt)
            return false;
    }
    return true;
}

/* What each payload type of each line was said to mean by this end, for ever. */
struct memory {
    char meaning[SDP_MAX_MEDIA][SDP_PT_COUNT][24];
    uint64_t version;
    char text[4096];
};

static bool remembers(struct memory *m, const struct end *e, const struct sdp *sdp)
{
    uint64_t version = end_version(e);
    if (m->version > 0 && version != m->version + (strcmp(m->text, buf_cstr(&e->text)) == 0 ? 0 : 1))
        return false;
    m->version = version;
    (void) view_copy(buf_content(&e->text), m->text, sizeof m->text);
    for (size_t i = 0; i < sdp->medias; i++)
        for (size_t j = 0; j < sdp->media[i].formats && sdp->media[i].port > 0; j++) {
            const struct sdp_format *f = &sdp->media[i].format[j];
            char now[24];
            snprintf(now, sizeof now, "%.*s/%u/%u", VIEW_ARG(f->name), (unsigned) f->clock_hz, f->channels);
            char *was = m->meaning[i][f->pt];
            if (was[0] && strcmp(was, now) != 0)
                return false;
            memcpy(was, now, sizeof now);
        }
    return true;
}

static bool said(struct memory *m, const struct end *e)
{
    struct arena arena;
    struct sdp sdp;
    arena_init(&arena, SDP_ARENA_BYTES);
    bool ok = !sdp_parse(buf_content(&e->text), &arena, &sdp, NULL) && remembers(m, e, &sdp);
    arena_fini(&arena);
    return ok;
}

static void run(struct t *t, uint64_t seed)
{
    static struct memory memory[2];
    struct rng r;
    struct end end[2];
    size_t lines = 0;
    memset(memory, 0, sizeof memory);
    rng_init_u64(&r, seed);
    end_init(&end[0], 1, 6000);
    end_init(&end[1], 2, 7000);
    T_OK(end_open(&end[0]));
    T_OK(end_open(&end[1]));
    for (int i = 0; i < EXCHANGES; i++) {
        struct end *a = &end[rng_below(&r, 2)], *b = a == &end[0] ? &end[1] : &end[0];
        for (int k = 0; k < 2; k++) {
            end[k].local.caps = AHOY_MAX(end[k].local.caps, 1 + (size_t) rng_below(&r, END_CAPS - 1));
            for (size_t c = 0; c < end[k].local.caps; c++)
                random_cap(&r, &end[k], c);
        }
        T_OK(end_offer(a));
        T_CHECK(said(&memory[a == &end[1]], a));
        if (rng_below(&r, 5) == 0) { /* lost, or refused */
            sdp_session_rollback(a->s);
            continue;
        }
        enum ahoy_err err = end_answer(b, buf_content(&a->text));
        if (err == AHOY_ERR_UNSUPPORTED) {
            T_CHECK(sdp_session_refusal(b->s) != SDP_REJECT_NONE);
            sdp_session_rollback(a->s);
            sdp_session_rollback(b->s);
            continue;
        }
        T_OK(err);
        T_CHECK(said(&memory[b == &end[1]], b));
        T_OK(end_take(a, buf_content(&b->text)));
        T_CHECK(sdp_session_streams(a->s) >= lines); /* lines never go */
        lines = sdp_session_streams(a->s);
        T_EQ(sdp_session_streams(b->s), lines);
        for (size_t m = 0; m < lines; m++)
            T_CHECK(mirror(sdp_session_stream(a->s, m), sdp_session_stream(b->s, m)));
    }
out:
    end_close(&end[0]);
    end_close(&end[1]);
    if (t->failed && !t->injecting)
        printf("    seed %llu\n", (unsigned long long) seed);
}

static void test_both_ends_agree_whatever_they_are_capable_of(struct t *t)
{
    for (uint64_t seed = 1; seed <= RUNS && !t->failed; seed++)
        run(t, seed);
}

static void test_a_run_survives_every_failing_allocation(struct t *t)
{
    run(t, 7);
}

T_MAIN(
    T_PLAIN(test_both_ends_agree_whatever_they_are_capable_of) /* 2,400 exchanges; the next one is for allocations */,
    T(test_a_run_survives_every_failing_allocation))
