/*
 * A stream of RTP packets from the wire: each is a byte of elapsed time, a byte of length and the datagram. They pass
 * the session, the latch, RED, events, comfort noise and the jitter buffer, while a player asks for frames.
 */
#include "rtp/cn.h"
#include "rtp/dtmf.h"
#include "rtp/jitter.h"
#include "rtp/latch.h"
#include "rtp/packet.h"
#include "rtp/red.h"
#include "rtp/session.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { EVENT_PT = 101, RED_PT = 63 };

struct world {
    struct rng rng;
    struct rtp_session *session;
    struct jitter *jitter;
    struct dtmf_receiver dtmf;
    struct latch latch;
    bool sounding;
    int64_t now;
};

static void check_print(const struct rtp_packet *p, struct view datagram)
{
    uint8_t wire[300];
    size_t n, at = 0;
    struct rtp_ext e;
    if (rtp_print(p, wire, sizeof wire, &n) || n != datagram.n)
        abort();
    while (rtp_ext_next(p, &at, &e)) {
        if (e.data.n > p->ext.n)
            abort();
    }
}

static void take_event(struct world *w, const struct rtp_packet *p)
{
    struct dtmf_note notes[DTMF_MAX_NOTES];
    size_t n = dtmf_receiver_put(&w->dtmf, p->payload, p->marker, p->timestamp, w->now, notes);
    for (size_t i = 0; i < n; i++) {
        if (w->sounding == (notes[i].kind == DTMF_NOTE_START))
            abort(); /* starts and ends alternate */
        w->sounding = !w->sounding;
    }
}

static void take_red(struct world *w, const struct rtp_packet *p)
{
    struct red_block blocks[RED_MAX_BLOCKS];
    size_t n;
    if (red_parse(p->payload, blocks, &n))
        return;
    for (size_t i = n; i-- > 0;) {
        struct jitter_packet q = {
            .ssrc = p->ssrc,
            .seq = (uint16_t) (p->seq - (n - 1 - i)),
            .timestamp = p->timestamp - blocks[i].offset_ts,
            .payload_type = blocks[i].payload_type,
            .redundant = i + 1 < n,
            .payload = blocks[i].data,
        };
        jitter_put(w->jitter, &q, w->now);
    }
}

static void play(struct world *w)
{
    struct jitter_frame f;
    struct dtmf_note note;
    enum jitter_got got = jitter_get(w->jitter, w->now, 0, &f);
    unsigned sum = 0;
    if (f.duration_ts == 0)
        abort();
    struct view v = got == JITTER_LOST ? f.next_payload : f.payload;
    for (size_t i = 0; i < v.n; i++)
        sum += (uint8_t) v.p[i];
    if (sum > 255 * v.n || jitter_count(w->jitter) > JITTER_MAX_PACKETS || jitter_target_us(w->jitter) > 600000)
        abort();
    int64_t by_us;
    (void) jitter_advice(w->jitter, &by_us);
    if (dtmf_receiver_tick(&w->dtmf, w->now, &note)) {
        if (!w->sounding)
            abort();
        w->sounding = false;
    }
}

static void take(struct world *w, struct view datagram)
{
    struct rtp_packet p;
    struct rtp_received info;
    struct cn cn;
    struct addr src = addr_ip4(192, 0, 2, (uint8_t) (datagram.n & 3), 4000);
    if (rtp_classify(datagram) != RTP_KIND_RTP || rtp_parse(datagram, &p))
        return;
    check_print(&p, datagram);
    struct latch_packet seen = { .negotiated = p.payload_type < 120, .ssrc = p.ssrc, .seq = p.seq };
    (void) latch_observe(&w->latch, &src, &seen, w->now);
    (void) rtp_session_receive(w->session, &p, &src, w->now, &info);
    (void) !cn_parse(p.payload, &cn);
    if (p.payload_type == RED_PT) {
        take_red(w, &p);
        return;
    }
    struct jitter_packet q = {
        .ssrc = p.ssrc,
        .seq = p.seq,
        .timestamp = p.timestamp,
        .payload_type = p.payload_type,
        .marker = p.marker,
        .silence = p.payload_type == CN_PAYLOAD_TYPE,
        .filler = p.payload_type == EVENT_PT,
        .payload = p.payload,
    };
    if (q.filler)
        take_event(w, &p);
    jitter_put(w->jitter, &q, w->now);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct world w = { 0 };
    struct jitter_config jc = jitter_config_default(8000);
    struct latch_config lc = latch_config_default();
    struct addr signalled = addr_ip4(192, 0, 2, 1, 4000);
    rng_init_u64(&w.rng, 1);
    struct rtp_session_config sc = {
        .rng = &w.rng, .cname = VIEW("fuzz"), .send_clock_hz = 8000, .receive_clock_hz = 8000
    };
    latch_init(&w.latch, &lc);
    dtmf_receiver_init(&w.dtmf, 8000);
    if (!rtp_session_create(&w.session, &sc) && !jitter_create(&w.jitter, &jc)
        && !latch_signal(&w.latch, &signalled, NULL)) {
        while (size >= 2) {
            size_t n = AHOY_MIN((size_t) data[1], size - 2);
            w.now += (int64_t) data[0] * 1000;
            take(&w, view_of((const char *) data + 2, n));
            play(&w);
            data += 2 + n;
            size -= 2 + n;
        }
    }
    jitter_destroy(w.jitter);
    rtp_session_destroy(w.session);
    return 0;
}
