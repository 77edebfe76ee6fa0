/* The sound benchmark's network, its ideal receiver, and what it takes from the wire. */
#include "sound/receivers.h"

#include "base/mem.h"
#include "rtp/packet.h"
#include "rtp/red.h"
#include "sound/capture.h"
#include "support/t.h"

#include <string.h>

enum { N = STREAM_HZ * 2, FRAME = STREAM_HZ / 50, RED_PT = 97, PT = 0 };

static int16_t said[N];

static void speak(void)
{
    for (size_t i = 0; i < N; i++)
        said[i] = (int16_t) lrint(8000 * sin(0.02 * (double) i + 3 * sin(0.0001 * (double) i)));
}

static enum ahoy_err make_stream(struct stream *s, const char *codec)
{
    struct stream_config c = { .codec = audio_codec_by_name(view_str(codec)), .ptime_ms = 20, .loss_percent = 20 };
    speak();
    return stream_create(s, &c, said, N);
}

/* Everything arrives but what `lost` says; the caller frees. */
static enum ahoy_err arrive(struct stream_arrivals *a, const struct stream *s, bool (*lost)(size_t i))
{
    struct impair_config none = { .burst = 1 };
    enum ahoy_err err = stream_arrive(a, s, &none);
    for (size_t i = 0; i < s->count && !err; i++)
        if (lost(i))
            a->first_us[i] = INT64_MAX;
    return err;
}

static bool nothing(size_t i)
{
    (void) i;
    return false;
}

static bool each_fifth(size_t i)
{
    return i < 100 && i % 5 == 3;
}

static bool pairs(size_t i)
{
    return i < 100 && (i % 8 == 3 || i % 8 == 4); /* not the last ones: nothing follows them */
}

static bool same(const struct heard *a, const struct heard *b)
{
    return a->n == b->n && memcmp(a->pcm, b->pcm, a->n * sizeof *a->pcm) == 0;
}

static enum ahoy_err hear(struct heard *h, const struct stream *s, bool (*lost)(size_t i), unsigned red)
{
    struct ideal_config c = { .budget_us = 100000, .red = red };
    struct stream_arrivals a;
    enum ahoy_err err = arrive(&a, s, lost);
    if (err)
        return err;
    err = receiver_ideal(h, s, &a, &c);
    stream_arrivals_free(&a);
    return err;
}

static void test_copies_make_good_what_they_reach(struct t *t)
{
    static const char *const codecs[] = { "opus", "pcmu" };
    for (size_t k = 0; k < AHOY_COUNT(codecs); k++) {
        struct stream s = { 0 };
        struct heard all = { 0 }, one = { 0 }, one_of_two = { 0 }, two = { 0 };
        T_OK(make_stream(&s, codecs[k]));
        T_OK(hear(&all, &s, nothing, 0));
        T_OK(hear(&one, &s, each_fifth, 1));
        T_OK(hear(&one_of_two, &s, pairs, 1));
        T_OK(hear(&two, &s, pairs, 2));
        T_CHECK(same(&all, &one));
        T_CHECK(same(&all, &two));
        T_CHECK(!same(&all, &one_of_two));
        T_NEAR(all.concealed_ms, 0, 0);
    out:
        heard_free(&all);
        heard_free(&one);
        heard_free(&one_of_two);
        heard_free(&two);
        stream_free(&s);
        if (t->failed)
            return;
    }
}

static void test_what_comes_too_late_is_lost_to_the_ideal_receiver(struct t *t)
{
    struct stream s = { 0 };
    struct stream_arrivals a = { 0 };
    struct heard in_time = { 0 }, late = { 0 };
    struct ideal_config c = { .budget_us = 60000 };
    T_OK(make_stream(&s, "pcmu"));
    T_OK(arrive(&a, &s, nothing));
    a.first_us[50] += 60000;
    T_OK(receiver_ideal(&in_time, &s, &a, &c));
    c.budget_us = 59999;
    T_OK(receiver_ideal(&late, &s, &a, &c));
    T_NEAR(in_time.concealed_ms, 0, 0);
    T_NEAR(late.concealed_ms, 20, 0);
    T_EQ(late.lost, 1);
out:
    heard_free(&in_time);
    heard_free(&late);
    stream_arrivals_free(&a);
    stream_free(&s);
}

static void test_our_receiver_hears_a_clean_line_whole(struct t *t)
{
    static const unsigned ticks[] = { 0, 10, 20 };
    struct stream s = { 0 };
    struct stream_arrivals a = { 0 };
    struct heard h = { 0 };
    T_OK(make_stream(&s, "pcmu"));
    T_OK(arrive(&a, &s, nothing));
    for (size_t i = 0; i < AHOY_COUNT(ticks); i++) {
        double square = 0;
        T_OK(receiver_ahoy(&h, &s, &a, ticks[i], 1));
        T_EQ(h.late, 0);
        T_NEAR(h.concealed_ms, 0, 20);
        for (size_t k = N / 2; k < N; k++)
            square += (double) h.pcm[k] * h.pcm[k];
        T_NEAR(sqrt(square / (N - N / 2)), 8000 / sqrt(2), 300);
        heard_free(&h);
    }
out:
    heard_free(&h);
    stream_arrivals_free(&a);
    stream_free(&s);
}

/* A datagram with RED: this frame and a copy of the one before. */
static size_t make_datagram(uint16_t k, uint8_t *to, size_t room)
{
    enum { BYTES = 160 };
    char frame[BYTES], before[BYTES];
    size_t n = 0;
    uint32_t ts = 1000 + BYTES * (uint32_t) k;
    struct red_block block[2] = { { PT, BYTES, view_of(before, BYTES) }, { PT, 0, view_of(frame, BYTES) } };
    memset(frame, k & 0xff, BYTES);
    memset(before, (k - 1) & 0xff, BYTES);
    memset(to, 0, 12);
    to[0] = 0x80;
    to[1] = RED_PT;
    to[2] = (uint8_t) (k >> 8);
    to[3] = (uint8_t) k;
    for (int i = 0; i < 4; i++)
        to[4 + i] = (uint8_t) (ts >> (24 - 8 * i));
    if (red_print(k > 0 ? block : block + 1, k > 0 ? 2 : 1, to + 12, room - 12, &n))
        return 0;
    return 12 + n;
}

static void test_what_is_captured_is_what_the_listener_got(struct t *t)
{
    enum { COUNT = 500 };
    struct impair_config harm;
    struct impair im;
    struct capture *c = NULL;
    struct stream s = { 0 };
    struct stream_arrivals a = { 0 };
    bool got[COUNT + 1] = { false };
    uint8_t datagram[1200];
    T_OK(impair_parse(VIEW("loss=20,jitter=30,seed=5"), &harm));
    T_OK(capture_create(&c, &harm));
    capture_set_red(c, RED_PT);
    impair_init(&im, &harm);
    for (unsigned k = 0; k < COUNT; k++) {
        struct impair_decision d;
        int64_t at_us = 7000000 + k * 20000 + STREAM_BASE_US;
        size_t n = make_datagram((uint16_t) k, datagram, sizeof datagram);
        T_CHECK(n > 160);
        capture_add(c, at_us, datagram, n, NULL);
        impair_decide(&im, at_us, n, &d);
        got[k] |= d.copies > 0;
        if (k > 0)
            got[k - 1] |= d.copies > 0; /* by its copy */
    }
    T_OK(capture_stream(c, audio_codec_by_name(VIEW("pcmu")), 20, 7000000, &s, &a));
    T_EQ(s.count, COUNT);
    for (size_t k = 0; k < COUNT; k++) {
        T_EQ(a.first_us[k] != INT64_MAX, got[k]);
        T_EQ(s.packet[k].n, 160);
        T_EQ(s.bytes[s.packet[k].at], k & 0xff);
        T_EQ(s.packet[k].sent_us, (int64_t) k * 20000);
    }
    struct capture_sums sums;
    capture_sums(c, 7000000, 8000000, &sums);
    T_EQ(sums.packets, 50);
out:
    stream_free(&s);
    stream_arrivals_free(&a);
    capture_destroy(c);
}

T_MAIN(T_STRIDE(test_copies_make_good_what_they_reach, 5), /* a second each run */
       T_STRIDE(test_what_comes_too_late_is_lost_to_the_ideal_receiver, 3),
       T_STRIDE(test_our_receiver_hears_a_clean_line_whole, 5),
       T_STRIDE(test_what_is_captured_is_what_the_listener_got, 3))
