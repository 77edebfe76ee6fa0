/* From packets to sound: exact durations, concealment, comfort noise, changes of codec and tick. */
#include "support/t.h"
#include "audio/mix.h"
#include "base/rng.h"
#include "media/playout.h"
#include "sys/loop.h"

#include <math.h>
#include <stdlib.h>

struct bench {
    struct playout p;
    const struct audio_codec *codec;
    int64_t now_us;
    uint16_t seq;
    uint32_t ts;
    double phase;
};

static const struct audio_codec *codec_of(void *arg, unsigned pt, bool *cn)
{
    const struct bench *b = arg;
    *cn = pt == 13;
    return pt == 0 ? b->codec : NULL;
}

static enum ahoy_err bench_open(struct bench *b, const char *codec, uint32_t sound_hz)
{
    *b = (struct bench){ .codec = audio_codec_by_name(view_str(codec)), .now_us = SYS_S(100), .seq = 7, .ts = 90000 };
    enum ahoy_err err = playout_init(&b->p, SYS_MS(20), 1, codec_of, b);
    if (err)
        return err;
    playout_set_rate(&b->p, sound_hz);
    playout_expect(&b->p, b->codec, 20);
    return AHOY_OK;
}

static void put(struct bench *b, unsigned pt, const void *payload, size_t n, bool silence)
{
    struct jitter_packet j = { .ssrc = 1,
                               .seq = b->seq++,
                               .timestamp = b->ts,
                               .payload_type = (uint8_t) pt,
                               .silence = silence,
                               .duration_ts = silence ? 0 : b->codec->clock_hz / 50,
                               .payload = view_of(payload, n) };
    (void) jitter_put(b->p.jitter, &j, b->now_us);
    b->ts += b->codec->clock_hz / 50;
}

/* 20 ms of a tone as PCMU. */
static void put_tone(struct bench *b)
{
    uint8_t payload[160];
    for (int i = 0; i < 160; i++)
        payload[i] = (i / 4) % 2 ? 0x90 : 0x10; /* 1 kHz, square, loud */
    put(b, 0, payload, sizeof payload, false);
}

static double tick(struct bench *b, int16_t *pcm, size_t n)
{
    b->now_us += SYS_MS(20);
    playout_get(&b->p, b->now_us, 0, pcm, n);
    return mix_level_dbfs(pcm, n);
}

static void test_nothing_heard_is_silence(struct t *t)
{
    struct bench b;
    int16_t pcm[960];
    memset(pcm, 1, sizeof pcm);
    T_OK(bench_open(&b, "pcmu", 48000));
    T_CHECK(tick(&b, pcm, 960) <= MIX_SILENCE_DBFS);
out:
    playout_fini(&b.p);
}

static void test_packets_are_played_at_the_sounds_rate_and_losses_are_covered(struct t *t)
{
    struct bench b;
    int16_t pcm[960];
    uint64_t played, lost;
    T_OK(bench_open(&b, "pcmu", 48000));
    for (int i = 0; i < 100; i++) {
        if (i % 10 == 9)
            b.seq++, b.ts += 160;
        else
            put_tone(&b);
        double level = tick(&b, pcm, 960);
        if (i > 10)
            T_LE(-30, level);
    }
    playout_counts(&b.p, &played, &lost);
    T_LE(80, played);
    T_NEAR(lost, 10, 3);
    T_NEAR(b.p.concealed_us / 1000, 200, 120);
    T_LE(playout_held_us(&b.p), 40000);
out:
    playout_fini(&b.p);
}

/* 20 ms of a 250 Hz square wave as PCMU, loud or 30 dB softer. */
static void put_square(struct bench *b, bool loud)
{
    uint8_t payload[160];
    for (int i = 0; i < 160; i++)
        payload[i] = (uint8_t) ((i / 16) % 2 ? (loud ? 0x90 : 0xDF) : (loud ? 0x10 : 0x5F));
    put(b, 0, payload, sizeof payload, false);
}

/* The packet behind a loss is there: the level rises on the way to it, and does not jump when it is reached. */
static void test_a_loss_leads_to_what_follows(struct t *t)
{
    struct bench b;
    int16_t pcm[160];
    int between = 0; /* milliseconds */
    T_OK(bench_open(&b, "pcmu", 8000));
    for (int i = 0; i < 60; i++) {
        if (i == 39) { /* so late that the next one is there as well */
            b.seq++, b.ts += 160;
            put_square(&b, true);
        } else if (i != 40) {
            put_square(&b, i > 40);
        }
        (void) tick(&b, pcm, 160);
        for (int ms = 0; ms < 20; ms++) {
            double level = mix_level_dbfs(pcm + ms * 8, 8);
            between += i > 30 && level > -30 && level < -12;
        }
    }
    T_LE(8, between);
out:
    playout_fini(&b.p);
}

/* 20 ms of a steady tone, as soft as music on hold may be; sent on time and `late_us` on the way. */
static void put_soft_tone(struct bench *b, int64_t late_us)
{
    uint8_t payload[640];
    int64_t now = b->now_us;
    for (size_t i = 0; i < sizeof payload; i += 2) {
        int16_t x = (int16_t) lrint(2000 * sin(b->phase));
        payload[i] = (uint8_t) ((uint16_t) x >> 8);
        payload[i + 1] = (uint8_t) x;
        b->phase += 2 * 3.14159265358979323846 * 437 / 16000;
    }
    b->now_us += late_us;
    put(b, 0, payload, sizeof payload, false);
    b->now_us = now;
}

/* A network that calms: the delay is taken back, out of a tone that has no pauses, and no step of it is out of phase. */
static void test_a_tone_that_is_its_own_background_stays_whole(struct t *t)
{
    enum { ROUGH = 200, ALL = 1200 };
    struct bench b;
    int16_t pcm[320];
    double least = 0, most = -100;
    T_OK(bench_open(&b, "l16", 16000));
    for (int i = 0; i < ALL; i++) {
        put_soft_tone(&b, i < ROUGH && i % 8 == 0 ? 15000 + 10000 * (i % 5) : 0);
        (void) tick(&b, pcm, 320);
        for (int k = 0; k < 2 && i >= ROUGH + 20; k++) {
            double level = mix_level_dbfs(pcm + 160 * k, 160);
            least = fmin(least, level);
            most = fmax(most, level);
        }
    }
    T_LE(2, b.p.shrunk);
    T_LE(10 * (most - least), 10);
out:
    playout_fini(&b.p);
}

static void test_a_stream_that_ends_fades_to_silence(struct t *t)
{
    struct bench b;
    int16_t pcm[160];
    double level = 0;
    T_OK(bench_open(&b, "pcmu", 8000));
    for (int i = 0; i < 50; i++) {
        put_tone(&b);
        (void) tick(&b, pcm, 160);
    }
    for (int i = 0; i < 100; i++)
        level = tick(&b, pcm, 160);
    T_LE(level, -60);
out:
    playout_fini(&b.p);
}

static void test_comfort_noise_is_heard_while_the_sender_is_silent(struct t *t)
{
    struct bench b;
    int16_t pcm[160];
    const uint8_t noise[] = { 40 }; /* -40 dBov */
    double level = 0;
    T_OK(bench_open(&b, "pcmu", 8000));
    for (int i = 0; i < 20; i++) {
        put_tone(&b);
        (void) tick(&b, pcm, 160);
    }
    put(&b, 13, noise, sizeof noise, true);
    for (int i = 0; i < 40; i++)
        level = tick(&b, pcm, 160);
    T_NEAR(level, -40, 4);
    for (int i = 0; i < 10; i++) {
        put_tone(&b);
        level = tick(&b, pcm, 160);
    }
    T_LE(-20, level);
out:
    playout_fini(&b.p);
}

static void test_numbers_nobody_knows_and_payloads_nobody_can_decode_do_no_harm(struct t *t)
{
    struct bench b;
    int16_t pcm[960];
    uint8_t rubbish[40];
    memset(rubbish, 0xff, sizeof rubbish);
    T_OK(bench_open(&b, "opus", 48000));
    for (int i = 0; i < 60; i++) {
        put(&b, i % 2 ? 0 : 99, rubbish, 1 + (size_t) i % sizeof rubbish, false);
        (void) tick(&b, pcm, 960);
    }
    T_LE(playout_held_us(&b.p), 120000);
out:
    playout_fini(&b.p);
}

static void test_the_tick_may_change_and_the_counts_stay(struct t *t)
{
    struct bench b;
    int16_t pcm[480];
    uint64_t played, lost, after;
    T_OK(bench_open(&b, "pcmu", 8000));
    for (int i = 0; i < 30; i++) {
        put_tone(&b);
        (void) tick(&b, pcm, 160);
    }
    playout_counts(&b.p, &played, &lost);
    T_LE(25, played);
    playout_set_tick(&b.p, SYS_MS(60));
    playout_counts(&b.p, &after, &lost);
    T_EQ(after, played);
    for (int i = 0; i < 30; i++) {
        put_tone(&b);
        b.now_us += SYS_MS(20);
        if (i % 3 == 2)
            playout_get(&b.p, b.now_us, 0, pcm, 480);
    }
    playout_counts(&b.p, &after, &lost);
    T_LE(played + 20, after);
    T_LE(-30, mix_level_dbfs(pcm, 480));
out:
    playout_fini(&b.p);
}

/* ---- deep redundancy --------------------------------------------------------------------------------------------- */

/* A voice of 150 Hz, loud or hardly there. */
static void hum(struct bench *b, bool loud, int16_t pcm[960])
{
    for (int i = 0; i < 960; i++) {
        double x = 0;
        b->phase += 2 * 3.14159265358979 * 150 / 48000;
        for (int k = 1; k <= 12; k++)
            x += sin(b->phase * k) / (1 + abs(k - 4));
        pcm[i] = (int16_t) (x * (loud ? 6000 : 6));
    }
}

/* Ten packets are lost, and what brings them back comes 200 ms after the first: each gets its own sound. */
static void test_deep_redundancy_is_taken_from_where_the_loss_was(struct t *t)
{
    enum { LOST = 52, BACK = 62, QUIET = 45, LOUD = 55 };
    struct audio_encoder_config cfg = { .bitrate_bps = 48000, .loss_percent = 30 };
    struct audio_encoder *e = NULL;
    struct bench b;
    int16_t pcm[960];
    uint8_t payload[1500];
    double level[BACK + 10] = { 0 };
    size_t n;
    T_OK(bench_open(&b, "opus", 48000));
    T_OK(audio_encoder_create(&e, b.codec, &cfg));
    audio_encoder_set_dred(e, 1000);
    for (int k = 0; k <= BACK; k++) {
        hum(&b, k < QUIET || k >= LOUD, pcm);
        T_OK(audio_encode(e, pcm, 960, payload, sizeof payload, &n));
        if (k >= LOST && k < BACK) {
            b.seq++, b.ts += 960;
            b.now_us += SYS_MS(20); /* and the player stood still */
            continue;
        }
        put(&b, 0, payload, n, false);
        level[k < LOST ? k : LOST] = tick(&b, pcm, 960);
    }
    for (int k = LOST + 1; k < BACK; k++) {
        playout_get(&b.p, b.now_us, 0, pcm, 960);
        level[k] = mix_level_dbfs(pcm, 960);
    }
    if (audio_opus_build().dred) {
        T_EQ(b.p.recovery.dred, BACK - LOST);
        T_LE(level[LOST + 1], level[LOUD + 2] - 15); /* it was 120 ms ahead at most: the first four were all loud */
        T_LE(level[LOST + 2], level[LOUD + 2] - 15);
    }
out:
    audio_encoder_destroy(e);
    playout_fini(&b.p);
}

/*
 * A sender without FEC whose copies come three packets later: the wait is for these from the first losses on, though no
 * FEC was in vain yet.
 */
static void test_copies_are_waited_for_where_no_fec_is_sent(struct t *t)
{
    enum { FRAMES = 600, BACK = 3, FIRST = 40 };
    static uint8_t payload[FRAMES][400];
    static size_t bytes[FRAMES];
    struct audio_encoder_config cfg = { .bitrate_bps = 16000 };
    struct audio_encoder *e = NULL;
    struct jitter_stats s;
    struct bench b;
    struct rng r;
    bool gone[FRAMES] = { false };
    unsigned lost = 0;
    int16_t pcm[960];
    rng_init_u64(&r, 7);
    T_OK(bench_open(&b, "opus", 48000));
    T_OK(audio_encoder_create(&e, b.codec, &cfg));
    for (int k = 0; k < FRAMES; k++) {
        hum(&b, k % 60 < 50, pcm); /* so that the delay finds pauses to change in */
        T_OK(audio_encode(e, pcm, 960, payload[k], sizeof payload[k], &bytes[k]));
        gone[k] = k > FIRST && !gone[k - BACK] && rng_below(&r, 10) == 0;
        lost += gone[k];
        b.now_us += SYS_MS(15); /* 5 ms before the tick */
        if (gone[k])
            b.seq++, b.ts += 960;
        else
            put(&b, 0, payload[k], bytes[k], false);
        if (!gone[k] && k >= BACK) {
            struct jitter_packet copy = { .ssrc = 1,
                                          .seq = (uint16_t) (b.seq - 1 - BACK),
                                          .timestamp = b.ts - 960 * (1 + BACK),
                                          .redundant = true,
                                          .duration_ts = 960,
                                          .payload = view_of((const char *) payload[k - BACK], bytes[k - BACK]) };
            (void) jitter_put(b.p.jitter, &copy, b.now_us);
        }
        b.now_us -= SYS_MS(15);
        (void) tick(&b, pcm, 960);
    }
    jitter_stats(b.p.jitter, &s);
    T_CHECK(lost >= 40);
    T_LE(s.lost, 11); /* before the delay has grown */
    T_CHECK(b.p.recovery.red + 11 >= lost);
out:
    audio_encoder_destroy(e);
    playout_fini(&b.p);
}

/* ---- a long call ------------------------------------------------------------------------------------------------- */

/* A second of a tone, with 0.2 s of silence. */
static void put_speech(struct bench *b, int64_t at_us)
{
    uint8_t payload[160];
    bool quiet = b->seq % 50 < 10;
    for (size_t i = 0; i < sizeof payload; i++)
        payload[i] = quiet ? 0xff : (i / 4) % 2 ? 0xa0 : 0x20;
    int64_t now = b->now_us;
    b->now_us = at_us;
    put(b, 0, payload, sizeof payload, false);
    b->now_us = now;
}

struct long_call {
    double delay_ms, target_ms;       /* at its end */
    struct jitter_stats stats, after; /* after: the first five minutes */
    uint64_t changed;                 /* frames whose length was changed after those */
};

/* An hour from a sender whose clock is off, over a network with 20 ms of jitter, as a device without a clock plays it. */
static void call_for_an_hour(struct bench *b, double ppm, struct long_call *out)
{
    enum { SECONDS = 3600, SETTLED = 300 };
    int16_t pcm[960];
    struct rng rng;
    int64_t start = b->now_us, at[2] = { 0 };
    double played = 0;
    int sent = 0;
    rng_init_u64(&rng, 3);
    for (int k = 0; k < 2; k++) {
        int seconds = k == 0 ? SETTLED : SECONDS;
        while (b->now_us - start < SYS_S(seconds)) {
            for (;;) { /* in order: a later packet overtakes none */
                int64_t due = start + (int64_t) (sent * 20000.0 * (1 - ppm * 1e-6));
                int64_t when = AHOY_MAX(due + at[0], at[1]);
                if (when > b->now_us)
                    break;
                put_speech(b, when);
                at[1] = when;
                at[0] = rng_below(&rng, 20000);
                sent++;
            }
            size_t n = AHOY_MIN(playout_ready(&b->p, b->now_us, 0), AHOY_COUNT(pcm));
            playout_get(&b->p, b->now_us, 0, pcm, n);
            played += (double) n / 8000;
            b->now_us = start + (int64_t) (played * 1e6);
        }
        jitter_stats(b->p.jitter, k == 0 ? &out->after : &out->stats);
        if (k == 0)
            out->changed = b->p.stretched + b->p.shrunk;
    }
    out->changed = b->p.stretched + b->p.shrunk - out->changed;
    out->delay_ms = (double) jitter_delay_us(b->p.jitter) / 1000;
    out->target_ms = (double) jitter_target_us(b->p.jitter) / 1000;
}

static void test_an_hour_with_drift_stays_in_its_delay(struct t *t)
{
    static const double ppms[] = { 200, -200 };
    for (size_t i = 0; i < AHOY_COUNT(ppms); i++) {
        struct bench b;
        struct long_call c;
        bool ok = false;
        T_OK(bench_open(&b, "pcmu", 8000));
        call_for_an_hour(&b, ppms[i], &c);
        ok = b.p.trimmed && b.p.trim_ppm > -ppms[i] - 15 && b.p.trim_ppm < -ppms[i] + 15;
        playout_fini(&b.p);
        T_CHECK(ok);
        T_LE(c.target_ms, 35);
        T_LE(c.delay_ms, c.target_ms + 12);
        T_LE(c.target_ms - 6, c.delay_ms);
        T_LE(c.stats.lost + c.stats.empty - c.after.lost - c.after.empty, 10);
        T_EQ(c.stats.discarded, 0);
        T_LE(c.changed, 60); /* without resampling 90 pitch periods an hour for 200 ppm alone */
    }
out:
    return;
}

T_MAIN(T_PLAIN(test_an_hour_with_drift_stays_in_its_delay),
       T_STRIDE(test_deep_redundancy_is_taken_from_where_the_loss_was, 7),
       T_STRIDE(test_copies_are_waited_for_where_no_fec_is_sent, 7), T(test_nothing_heard_is_silence),
       T(test_packets_are_played_at_the_sounds_rate_and_losses_are_covered), T(test_a_loss_leads_to_what_follows),
       T(test_a_tone_that_is_its_own_background_stays_whole), T(test_a_stream_that_ends_fades_to_silence),
       T(test_comfort_noise_is_heard_while_the_sender_is_silent),
       T(test_numbers_nobody_knows_and_payloads_nobody_can_decode_do_no_harm),
       T(test_the_tick_may_change_and_the_counts_stay))
