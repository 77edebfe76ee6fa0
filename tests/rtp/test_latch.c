#include "rtp/latch.h"

#include "support/t.h"

static const int64_t ms = 1000;

struct scene {
    struct latch l;
    struct addr signalled, nat, thief, near;
    int64_t now;
};

static void begin(struct scene *s)
{
    struct latch_config c = latch_config_default();
    latch_init(&s->l, &c);
    s->signalled = addr_ip4(192, 0, 2, 10, 4000);
    s->nat = addr_ip4(198, 51, 100, 7, 31337);
    s->near = addr_ip4(192, 0, 2, 10, 5555);
    s->thief = addr_ip4(203, 0, 113, 66, 666);
    s->now = 1000 * ms;
}

static bool send_rtp(struct scene *s, const struct addr *from, uint32_t ssrc, uint16_t seq)
{
    struct latch_packet p = { .negotiated = true, .ssrc = ssrc, .seq = seq };
    return latch_observe(&s->l, from, &p, s->now);
}

/* `n` packets 20 ms apart; returns how many were taken. */
static unsigned talk(struct scene *s, const struct addr *from, uint32_t ssrc, uint16_t seq, unsigned n)
{
    unsigned taken = 0;
    for (unsigned i = 0; i < n; i++) {
        taken += send_rtp(s, from, ssrc, (uint16_t) (seq + i));
        s->now += 20 * ms;
    }
    return taken;
}

static bool targets(const struct scene *s, const struct addr *a)
{
    const struct addr *to = latch_target(&s->l);
    return to && addr_eq(to, a);
}

static void test_media_goes_to_the_signalled_address_at_once(struct t *t)
{
    struct scene s;
    begin(&s);
    T_CHECK(!latch_target(&s.l));
    T_CHECK(!send_rtp(&s, &s.signalled, 1, 1));
    T_OK(latch_signal(&s.l, &s.signalled, NULL));
    T_CHECK(targets(&s, &s.signalled));
    T_EQ(talk(&s, &s.signalled, 1, 1, 10), 10);
    T_EQ(s.l.state, LATCH_CONFIRMED);
out:
    return;
}

static void test_a_peer_behind_nat_is_followed_after_five_good_packets(struct t *t)
{
    struct scene s;
    begin(&s);
    T_OK(latch_signal(&s.l, &s.signalled, NULL));
    T_EQ(talk(&s, &s.nat, 1, 65533, 4), 0);
    T_CHECK(targets(&s, &s.signalled));
    T_EQ(talk(&s, &s.nat, 1, 1, 3), 3);
    T_CHECK(targets(&s, &s.nat));
    T_EQ(s.l.switches, 1);
out:
    return;
}

static void test_the_same_ip_is_trusted_sooner(struct t *t)
{
    struct scene s;
    begin(&s);
    T_OK(latch_signal(&s.l, &s.signalled, NULL));
    T_EQ(talk(&s, &s.near, 1, 1, 2), 1);
    T_CHECK(targets(&s, &s.near));
    begin(&s);
    struct addr signalling = addr_with_port(&s.nat, 5060);
    T_OK(latch_signal(&s.l, &s.signalled, &signalling));
    T_EQ(talk(&s, &s.nat, 1, 1, 2), 1); /* where its signalling comes from */
    T_CHECK(targets(&s, &s.nat));
out:
    return;
}

static void test_one_stray_packet_steals_nothing(struct t *t)
{
    struct scene s;
    begin(&s);
    T_OK(latch_signal(&s.l, &s.signalled, NULL));
    T_CHECK(!send_rtp(&s, &s.thief, 9, 1));
    T_CHECK(targets(&s, &s.signalled));
    T_EQ(talk(&s, &s.signalled, 1, 1, 5), 5);
    for (uint16_t i = 0; i < 1000; i++) { /* nor do a thousand, while the peer talks */
        T_CHECK(send_rtp(&s, &s.signalled, 1, (uint16_t) (6 + i)));
        T_CHECK(!send_rtp(&s, &s.thief, 1, (uint16_t) (6 + i)));
        s.now += 20 * ms;
    }
    T_CHECK(targets(&s, &s.signalled));
    T_EQ(s.l.dropped, 1001);
out:
    return;
}

static void test_unstable_sources_are_never_followed(struct t *t)
{
    struct scene s;
    begin(&s);
    T_OK(latch_signal(&s.l, &s.signalled, NULL));
    for (uint16_t i = 0; i < 200; i++) {
        T_CHECK(!send_rtp(&s, &s.nat, i, i));                       /* another SSRC each time */
        T_CHECK(!send_rtp(&s, &s.thief, 1, (uint16_t) (i * 1000))); /* no sequence */
        struct addr roaming = addr_ip4(203, 0, 113, (uint8_t) i, 9);
        T_CHECK(!send_rtp(&s, &roaming, 1, i)); /* another address each time */
        struct latch_packet odd = { .negotiated = false, .ssrc = 1, .seq = i };
        struct addr four = addr_ip4(203, 0, 113, 4, 4);
        T_CHECK(!latch_observe(&s.l, &four, &odd, s.now)); /* payload type nobody agreed to */
        struct addr same = addr_ip4(203, 0, 113, 5, 5);
        T_CHECK(!send_rtp(&s, &same, 1, 7)); /* one packet over and over */
        s.now += 20 * ms;
    }
    T_CHECK(targets(&s, &s.signalled));
out:
    return;
}

static void test_the_signalled_address_is_preferred_when_it_speaks_up(struct t *t)
{
    struct scene s;
    begin(&s);
    T_OK(latch_signal(&s.l, &s.signalled, NULL));
    talk(&s, &s.thief, 9, 1, 10);
    T_CHECK(targets(&s, &s.thief)); /* nobody else spoke */
    T_EQ(talk(&s, &s.signalled, 1, 1, 3), 2);
    T_CHECK(targets(&s, &s.signalled));
    T_EQ(talk(&s, &s.thief, 9, 11, 50), 0);
    T_CHECK(targets(&s, &s.signalled));
out:
    return;
}

static void test_a_rebinding_is_followed_after_silence_and_a_stranger_later(struct t *t)
{
    struct scene s;
    struct addr rebound = addr_ip4(198, 51, 100, 7, 40000);
    begin(&s);
    T_OK(latch_signal(&s.l, &s.signalled, NULL));
    talk(&s, &s.nat, 1, 1, 10);
    T_CHECK(targets(&s, &s.nat));
    int64_t before = s.now;
    unsigned lost = 0;
    while (!talk(&s, &rebound, 1, (uint16_t) (11 + lost), 1))
        T_CHECK(++lost < 200);
    T_CHECK(s.now - before >= 1900 * ms && s.now - before < 2300 * ms);
    T_CHECK(targets(&s, &rebound));

    begin(&s);
    T_OK(latch_signal(&s.l, &s.signalled, NULL));
    talk(&s, &s.nat, 1, 1, 10);
    before = s.now;
    for (lost = 0; !talk(&s, &s.thief, 9, (uint16_t) lost, 1);)
        T_CHECK(++lost < 300);
    T_CHECK(s.now - before >= 2300 * ms); /* another stream must prove itself longer */
out:
    return;
}

static void test_a_new_description_starts_anew_and_the_same_one_keeps(struct t *t)
{
    struct scene s;
    begin(&s);
    T_OK(latch_signal(&s.l, &s.signalled, NULL));
    talk(&s, &s.nat, 1, 1, 10);
    T_OK(latch_signal(&s.l, &s.signalled, NULL));
    T_CHECK(targets(&s, &s.nat));
    struct addr moved = addr_ip4(192, 0, 2, 99, 4002);
    T_OK(latch_signal(&s.l, &moved, NULL));
    T_CHECK(targets(&s, &moved));
    T_EQ(talk(&s, &moved, 1, 1, 2), 2);
    struct addr hold = addr_ip4(0, 0, 0, 0, 4000);
    T_OK(latch_signal(&s.l, &hold, NULL));
    T_CHECK(!latch_target(&s.l));
    T_EQ(talk(&s, &s.thief, 1, 1, 50), 0);
out:
    return;
}

static void test_multicast_and_broadcast_are_never_used(struct t *t)
{
    struct scene s;
    static const uint8_t bad[][4] = {
        { 224, 0, 0, 1 }, { 239, 1, 2, 3 }, { 255, 255, 255, 255 }, { 240, 0, 0, 1 }, { 0, 0, 0, 1 }
    };
    for (size_t i = 0; i < AHOY_COUNT(bad); i++) {
        struct addr a = addr_ip4(bad[i][0], bad[i][1], bad[i][2], bad[i][3], 4000);
        begin(&s);
        T_ERR(latch_signal(&s.l, &a, NULL), AHOY_ERR_INVAL);
        T_CHECK(!latch_target(&s.l));
        T_OK(latch_signal(&s.l, &s.signalled, NULL));
        T_EQ(talk(&s, &a, 1, 1, 50), 0);
        T_CHECK(targets(&s, &s.signalled));
    }
out:
    return;
}

static void test_one_authenticated_packet_is_proof(struct t *t)
{
    struct scene s;
    struct latch_packet p = { .negotiated = true, .authenticated = true, .ssrc = 1, .seq = 1 };
    begin(&s);
    T_OK(latch_signal(&s.l, &s.signalled, NULL));
    T_CHECK(latch_observe(&s.l, &s.nat, &p, s.now));
    T_CHECK(targets(&s, &s.nat));
    T_CHECK(!latch_observe(&s.l, &s.thief, &p, s.now + 20 * ms)); /* a replay beside the living stream */
    T_CHECK(targets(&s, &s.nat));
out:
    return;
}

static void test_without_symmetry_only_the_signalled_address_counts(struct t *t)
{
    struct scene s;
    begin(&s);
    s.l.config.symmetric = false;
    T_OK(latch_signal(&s.l, &s.signalled, NULL));
    T_EQ(talk(&s, &s.near, 1, 1, 50), 0);
    T_EQ(talk(&s, &s.signalled, 1, 1, 5), 5);
    T_CHECK(targets(&s, &s.signalled));
out:
    return;
}

static void test_rtcp_latches_by_its_source_alone(struct t *t)
{
    struct scene s;
    struct latch_packet p = { .negotiated = true, .rtcp = true, .ssrc = 1 };
    begin(&s);
    s.l.config.packets = 2;
    T_OK(latch_signal(&s.l, &s.signalled, NULL));
    T_CHECK(!latch_observe(&s.l, &s.nat, &p, s.now));
    T_CHECK(latch_observe(&s.l, &s.nat, &p, s.now + 1000 * ms));
    T_CHECK(targets(&s, &s.nat));
out:
    return;
}

/* RTP and RTCP on one port (RFC 5761): reports come now and then, and have no numbers. */
static void test_reports_beside_rtp_neither_hinder_a_rebinding_nor_change_the_stream(struct t *t)
{
    struct scene s;
    struct latch_packet report = { .negotiated = true, .rtcp = true, .ssrc = 1 };
    struct addr rebound = addr_ip4(198, 51, 100, 7, 40000);
    begin(&s);
    T_OK(latch_signal(&s.l, &s.signalled, NULL));
    talk(&s, &s.nat, 1, 1000, 10);
    T_CHECK(latch_observe(&s.l, &s.nat, &report, s.now));
    s.now += 2100 * ms;
    T_EQ(talk(&s, &rebound, 1, 1010, 2), 0);
    T_CHECK(!latch_observe(&s.l, &rebound, &report, s.now)); /* the third good one */
    T_EQ(talk(&s, &rebound, 1, 1012, 2), 1);
    T_CHECK(targets(&s, &rebound));
    /* A report is as good a first sign as any, and proves nothing of another stream's numbers. */
    s.now += 2100 * ms;
    T_CHECK(!latch_observe(&s.l, &s.nat, &report, s.now));
    T_EQ(talk(&s, &s.nat, 1, 1014, 4), 1);
    T_CHECK(targets(&s, &s.nat));
out:
    return;
}

static void test_nothing_is_sent_to_an_unspecified_address(struct t *t)
{
    struct scene s;
    struct addr nobody = addr_any(ADDR_IP6, 4000), peer = nobody;
    peer.ip[15] = 1;
    begin(&s);
    T_OK(latch_signal(&s.l, &peer, NULL));
    T_EQ(talk(&s, &nobody, 1, 1, 50), 0);
    T_CHECK(targets(&s, &peer));
out:
    return;
}

T_MAIN(T(test_media_goes_to_the_signalled_address_at_once),
       T(test_a_peer_behind_nat_is_followed_after_five_good_packets), T(test_the_same_ip_is_trusted_sooner),
       T(test_one_stray_packet_steals_nothing), T(test_unstable_sources_are_never_followed),
       T(test_the_signalled_address_is_preferred_when_it_speaks_up),
       T(test_a_rebinding_is_followed_after_silence_and_a_stranger_later),
       T(test_a_new_description_starts_anew_and_the_same_one_keeps), T(test_multicast_and_broadcast_are_never_used),
       T(test_one_authenticated_packet_is_proof), T(test_without_symmetry_only_the_signalled_address_counts),
       T(test_rtcp_latches_by_its_source_alone),
       T(test_reports_beside_rtp_neither_hinder_a_rebinding_nor_change_the_stream),
       T(test_nothing_is_sent_to_an_unspecified_address))
