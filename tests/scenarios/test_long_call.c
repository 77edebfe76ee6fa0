/*
 * A call of some hours under virtual time: with an account that stays registered, a peer whose clock is off, jitter, lost
 * packets, speech and pauses with comfort noise. Sequence numbers wrap many times in both directions, timestamps once. All the
 * while the delay keeps to its target and memory does not grow; at the end every figure is right to the packet.
 *
 * AHOY_LONG_CALL="HOURS" makes it longer or shorter than the four of each day.
 */
#include "base/rng.h"
#include "rtp/packet.h"
#include "rtp/rtcp.h"
#include "support/phone.h"
#include "support_raw.h"

#include <stdio.h>
#include <stdlib.h>

enum {
    PTIME_MS = 20,
    FRAME = 8 * PTIME_MS,
    TALK_PACKETS = 2000, /* then a pause of … */
    PAUSE_NOISES = 20,   /* … descriptions of noise, a second apart */
    LOSE_EVERY = 997,
    REPORT_EVERY = 250, /* packets, and each description */
    PT_NOISE = 13,
    EXPIRES_S = 600,
    GROWTH_BYTES = 6000, /* events that wait, transactions, packets that the simulated network keeps */
    SETTLE_MINUTES = 8,
    FIRST_SEQ = 65000,
    LAG = 600,    /* packets behind the last report */
    UNPROVEN = 6, /* packets: until two come in order, they do not count (RFC 3550 A.1) */
};

static const double fast = 150e-6; /* of the peer's clock */

struct longer {
    struct sim *sim;
    struct sys_host *host_a, *host_r;
    struct phone a;
    struct raw r;
    struct rng rng;
    ahoy_account_id account;
    /* what the peer sends */
    struct sys_timer timer;
    int64_t began_us;
    double media_us; /* by its own clock */
    unsigned in_turn;
    uint64_t numbered, sent, sent_bytes; /* sequence numbers; packets of those */
    unsigned since_report;
    bool hush;
    /* what it sees of the telephone */
    uint64_t heard; /* packets */
    uint32_t heard_ext, first_ext;
    struct rtcp_reports last; /* its last sender report */
    struct rtcp_report on_us; /* and what it says of the peer's stream */
    uint32_t lsr;
    int64_t lsr_us;
    unsigned senders_reports, wraps;
    unsigned minutes, minutes_over; /* with a delay above its target, when they ended */
};

/* ---- the peer ---------------------------------------------------------------------------------------------------- */

/* A receiver's report by the book, so that round trips are measured. */
static void report(struct longer *w)
{
    uint8_t wire[200];
    struct rtcp_out o;
    struct addr to = addr_with_port(&w->r.media, (uint16_t) (w->r.media.port + 1));
    struct rtcp_report b = { .ssrc = w->r.heard_ssrc,
                             .ext_seq = w->heard_ext,
                             .lsr = w->lsr,
                             .dlsr = w->lsr ? rtcp_units_from_us(sim_now_us(w->sim) - w->lsr_us) : 0 };
    struct rtcp_sdes_item cname = { w->r.ssrc, RTCP_SDES_CNAME, VIEW("r") };
    rtcp_out_init(&o, wire, sizeof wire);
    rtcp_put_rr(&o, w->r.ssrc, &b, 1);
    rtcp_put_sdes(&o, &cname, 1);
    AHOY_ASSERT(!rtcp_out_err(&o));
    (void) sys_udp_send(w->r.rtcp, NULL, &to, wire, o.n);
    w->since_report = 0;
}

/* The next packet of its stream, or a lost one. */
static void send_next(struct longer *w, unsigned pt, const uint8_t *payload, size_t n)
{
    if (++w->numbered % LOSE_EVERY == 0) {
        w->r.seq++;
    } else {
        raw_send_rtp(&w->r, pt, w->in_turn == 0, w->r.ts, payload, n);
        w->sent++;
        w->sent_bytes += n;
    }
    if (++w->since_report >= REPORT_EVERY || pt == PT_NOISE)
        report(w);
}

static void send_due(void *arg)
{
    static const uint8_t noise[] = { 60, 127, 120 };
    struct longer *w = arg;
    uint8_t speech[FRAME];
    if (w->hush)
        return;
    int64_t lasts_us = SYS_MS(PTIME_MS);
    if (w->in_turn < TALK_PACKETS) {
        for (size_t i = 0; i < FRAME; i++) /* something that has a period, loudness that wavers */
            speech[i] = (uint8_t) (((i * 5 + w->numbered) % 40 < 20 ? 0x80 : 0) | (0x20 + w->numbered / 16 % 32));
        send_next(w, 0, speech, FRAME);
        w->in_turn++;
    } else {
        send_next(w, PT_NOISE, noise, sizeof noise);
        lasts_us = SYS_S(1);
        w->in_turn = w->in_turn + 1 < TALK_PACKETS + PAUSE_NOISES ? w->in_turn + 1 : 0;
    }
    w->r.ts += (uint32_t) (lasts_us / 1000 * 8);
    w->media_us += (double) lasts_us * (1 - fast);
    sys_timer_start_at(w->r.loop, &w->timer, w->began_us + (int64_t) w->media_us);
}

/* ---- what the telephone sends ------------------------------------------------------------------------------------ */

static void see_rtp(struct longer *w, const struct rtp_packet *p)
{
    if (w->heard++ == 0)
        w->heard_ext = w->first_ext = p->seq;
    w->wraps += p->seq == 0 && w->heard > 1;
    w->heard_ext += (uint32_t) rtp_seq_diff(p->seq, (uint16_t) w->heard_ext);
}

static void see_rtcp(struct longer *w, int64_t now_us, struct view datagram)
{
    struct rtcp_packet p;
    struct rtcp_reports r;
    if (rtcp_check(datagram, false) || rtcp_next(&datagram, &p) || rtcp_parse_reports(&p, &r) || !r.has_sender)
        return;
    w->last = r;
    w->senders_reports++;
    w->lsr = rtcp_ntp_middle(r.sender.ntp);
    w->lsr_us = now_us;
    if (r.n > 0)
        w->on_us = rtcp_report_at(&r, 0);
}

static void see(void *arg, int64_t now_us, const struct addr *src, const struct addr *dst, const void *data, size_t n,
                bool lost)
{
    struct longer *w = arg;
    struct view datagram = view_of(data, n);
    struct rtp_packet p;
    (void) dst, (void) lost;
    if (!w->r.media.family || !addr_eq_ip(src, &w->r.media))
        return;
    if (src->port == w->r.media.port && rtp_classify(datagram) == RTP_KIND_RTP && !rtp_parse(datagram, &p))
        see_rtp(w, &p);
    else if (src->port == w->r.media.port + 1)
        see_rtcp(w, now_us + 1000, datagram);
}

/* ---- the call ---------------------------------------------------------------------------------------------------- */

static enum ahoy_err open_world(struct longer *w)
{
    static const struct ahoy_account_config account = { .uri = "sip:alice@192.0.2.9" };
    static const struct ahoy_listen_config listen = { .auto_answer = true,
                                                      .media = { .codecs = "pcmu", .audio = "null" } };
    struct sim_link link = { .delay_us = 1000, .jitter_us = 15000 };
    *w = (struct longer){ .sim = NULL };
    rng_init_u64(&w->rng, 11);
    enum ahoy_err err = sim_create(&w->sim, 11);
    if (!err)
        err = sim_host(w->sim, "192.0.2.1", &w->host_a);
    if (!err)
        err = sim_host(w->sim, "192.0.2.9", &w->host_r);
    if (!err)
        err = sim_pair_link(w->sim, w->host_r, w->host_a, &link);
    if (!err)
        err = raw_open(&w->r, w->sim, w->host_r, "192.0.2.9");
    w->r.register_status = 200;
    w->r.register_expires = EXPIRES_S;
    if (!err)
        err = phone_open(&w->a, w->sim, w->host_a, "192.0.2.1:5060");
    if (!err)
        err = ahoy_account_add(w->a.engine, &account, &w->account);
    return err ? err : ahoy_listen(w->a.engine, &listen);
}

static bool begin(struct longer *w)
{
    sys_timer_init(&w->timer, send_due, w);
    if (!phone_run(&w->a, NULL, phone_registered, 5000))
        return false;
    sim_tap(w->sim, see, w);
    raw_call(&w->r, "192.0.2.1", RAW_SDP("0 13 101", "a=rtpmap:101 telephone-event/8000\r\n"));
    phone_run_ms(&w->a, NULL, 200);
    w->r.seq = FIRST_SEQ;
    w->r.ts = (uint32_t) -8000 * 200; /* it wraps after 200 s */
    w->began_us = sim_now_us(w->sim);
    sys_timer_start_at(w->r.loop, &w->timer, w->began_us);
    return w->a.state == AHOY_CALL_CONFIRMED;
}

static void pass_minute(struct longer *w)
{
    for (int s = 0; s < 60; s++) {
        sim_run(w->sim, SYS_S(1));
        phone_pump(&w->a);
    }
}

static void keeps_its_delay(struct t *t, struct longer *w)
{
    const struct ahoy_call_stats *x = &w->a.stats;
    w->minutes++;
    w->minutes_over += x->buffer_ms > x->buffer_target_ms + 15;
    T_LE(x->buffer_target_ms, 15 + PTIME_MS + 10); /* jitter, and a packet more behind a loss */
    T_LE(x->buffer_ms, x->buffer_target_ms + 25);
    T_LE(x->late, x->rtp_in / 50);
    T_EQ(w->a.calls_ended, 0);
    T_EQ(w->a.trouble, AHOY_CAUSE_NONE);
    T_EQ(w->a.dropped, 0);
    T_NEAR(x->rtt_ms, 10, 9);
    T_LE(41, x->mos * 10);
out:
    return;
}

/* Every figure of the whole, on both sides. */
static void adds_up(struct t *t, struct longer *w, unsigned hours)
{
    const struct ahoy_call_stats *x = &w->a.stats;
    uint64_t lost = w->numbered - w->sent, seconds = (uint64_t) hours * 3600;
    T_LE(w->sent - x->rtp_in, UNPROVEN);
    T_LE(w->sent_bytes - x->bytes_in, UNPROVEN * FRAME);
    T_EQ(x->expected, x->rtp_in + lost);
    T_EQ(x->lost, lost);
    T_EQ(x->duplicate, 0);
    T_EQ(x->rtp_out, w->heard);
    T_EQ(x->rtp_out, w->heard_ext - w->first_ext + 1);
    T_LE(hours * 3600 * 1000 / PTIME_MS / 65536, w->wraps);
    T_LE(x->loss, 0.02);
    T_NEAR(x->duration_ms / 1000.0, (double) seconds, 10);
    T_LE(w->minutes_over * 20, w->minutes);
    /* its reports */
    T_NEAR(w->senders_reports, (double) seconds / 5, (double) seconds / 20);
    T_LE(w->last.sender.packets, w->heard);
    T_LE(w->heard, w->last.sender.packets + LAG);
    T_EQ(w->last.sender.octets, w->last.sender.packets * FRAME);
    T_LE(w->on_us.ext_seq, FIRST_SEQ + w->numbered);
    T_LE(FIRST_SEQ + w->numbered, w->on_us.ext_seq + LAG);
    T_LE(w->on_us.lost, (int64_t) lost);
    T_LE((int64_t) lost, w->on_us.lost + 2);
    /* and the account */
    T_LE(seconds / EXPIRES_S, w->r.registers);
    T_LE(w->r.registers, seconds / (EXPIRES_S / 3));
    T_EQ(w->a.account, AHOY_ACCOUNT_REGISTERED);
out:
    return;
}

static void test_a_call_of_hours_is_as_good_at_its_end(struct t *t)
{
    static struct longer w;
    const char *more = getenv("AHOY_LONG_CALL");
    unsigned hours = more ? (unsigned) strtoul(more, NULL, 10) : 4, minute = 0;
    size_t settled = 0;
    T_OK(open_world(&w));
    T_CHECK(begin(&w));
    for (; minute < 60 * hours; minute++) {
        pass_minute(&w);
        if (minute == SETTLE_MINUTES)
            settled = t_live_bytes();
        if (minute >= SETTLE_MINUTES) {
            keeps_its_delay(t, &w);
            T_LE(t_live_bytes(), settled + GROWTH_BYTES);
        }
        T_CHECK(!t->failed);
    }
    w.hush = true;
    sim_run(w.sim, SYS_S(2));
    phone_pump(&w.a);
    raw_request(&w.r, "BYE", "", NULL);
    T_CHECK(phone_run(&w.a, NULL, phone_one_ended, 1000));
    T_EQ(w.a.cause, AHOY_CAUSE_NONE);
    adds_up(t, &w, hours);
out:
    if (t->failed)
        fprintf(stderr, "in minute %u: buffer %.0f of %.0f ms\n", minute, w.a.stats.buffer_ms,
                w.a.stats.buffer_target_ms);
    sys_timer_stop(&w.timer);
    phone_close_checked(t, &w.a);
    raw_close(&w.r);
    sim_destroy(w.sim);
}

/* A million packets and more: allocations fail in shorter calls. */
T_MAIN(T_PLAIN(test_a_call_of_hours_is_as_good_at_its_end))
