/* An incoming call is heard to ring on a device of its own, until it is answered, given up or refused. */
#include "audio/mix.h"
#include "audio/wav.h"
#include "base/mem.h"
#include "support/phone.h"

#include <stdio.h>

enum { RING_HZ = 48000, MOST_S = 8 };

/* What was heard on the ring device; how many seconds of it, and of those how many sounded. */
static bool heard(const char *path, double *seconds, double *sounded)
{
    static int16_t pcm[RING_HZ * MOST_S];
    struct wav_reader *r = NULL;
    if (wav_reader_open(&r, path))
        return false;
    size_t n = wav_reader_read(r, pcm, AHOY_COUNT(pcm)), loud = 0;
    bool ok = wav_reader_hz(r) == RING_HZ;
    wav_reader_close(r);
    for (size_t at = 0; at + RING_HZ / 100 <= n; at += RING_HZ / 100)
        loud += mix_level_dbfs(pcm + at, RING_HZ / 100) > -40;
    *seconds = (double) n / RING_HZ;
    *sounded = (double) loud / 100;
    return ok;
}

static bool ring(struct world *w, const struct ahoy_listen_config *listen, char device[300])
{
    snprintf(device, 300, "file:,%s", w->other);
    const struct ahoy_call_config call = { .uri = "sip:b@192.0.2.2", .media = { .codecs = "pcmu", .audio = "null" } };
    return ahoy_listen(w->b.engine, listen) == AHOY_OK && ahoy_call_place(w->a.engine, &call, &w->a.placed) == AHOY_OK
           && phone_run(&w->a, &w->b, phone_it_rings, 3000);
}

/* Europe's tone: a second in five. */
static void test_it_rings_until_it_is_answered(struct t *t)
{
    struct world w;
    char device[300];
    double seconds, sounded;
    T_OK(world_open(&w, 1));
    struct ahoy_listen_config listen = { .media = { .codecs = "pcmu", .audio = "null", .ring = device } };
    T_CHECK(ring(&w, &listen, device));
    phone_run_ms(&w.a, &w.b, 6000);
    T_OK(ahoy_call_answer(w.b.engine, w.b.incoming, NULL));
    T_CHECK(phone_run(&w.a, &w.b, phone_both_talk, 3000));
    phone_run_ms(&w.a, &w.b, 500);
    T_CHECK(heard(w.other, &seconds, &sounded));
    T_NEAR(seconds, 6, 0.2);
    T_NEAR(sounded, 2, 0.1);
    T_OK(ahoy_call_hangup(w.a.engine, w.a.placed, NULL));
    T_CHECK(phone_run(&w.a, &w.b, phone_both_ended, 3000));
out:
    world_close(t, &w);
}

static void test_it_rings_with_a_file_until_the_caller_gives_up(struct t *t)
{
    struct world w;
    char device[300];
    double seconds, sounded;
    T_OK(world_open(&w, 1));
    struct ahoy_listen_config listen = {
        .media = { .codecs = "pcmu", .audio = "null", .ring = device, .ring_sound = w.said }
    };
    T_CHECK(ring(&w, &listen, device));
    phone_run_ms(&w.a, &w.b, 3000);
    T_OK(ahoy_call_hangup(w.a.engine, w.a.placed, NULL));
    T_CHECK(phone_run(&w.a, &w.b, phone_both_ended, 3000));
    T_CHECK(heard(w.other, &seconds, &sounded));
    T_NEAR(seconds, 3, 0.2);
    T_CHECK(sounded > 2); /* a second long, again and again */
out:
    world_close(t, &w);
}

/* Neither a call that is answered at once nor one on a device that is not the machine's makes a noise. */
static void test_what_does_not_wait_does_not_ring(struct t *t)
{
    struct world w;
    char device[300];
    double seconds, sounded;
    T_OK(world_open(&w, 1));
    struct ahoy_listen_config listen = { .auto_answer = true,
                                         .media = { .codecs = "pcmu", .audio = "null", .ring = device } };
    snprintf(device, sizeof device, "file:,%s", w.other);
    const struct ahoy_call_config call = { .uri = "sip:b@192.0.2.2", .media = { .codecs = "pcmu", .audio = "null" } };
    T_OK(ahoy_listen(w.b.engine, &listen));
    T_OK(ahoy_call_place(w.a.engine, &call, &w.a.placed));
    T_CHECK(phone_run(&w.a, &w.b, phone_both_talk, 3000));
    T_CHECK(!heard(w.other, &seconds, &sounded));
    T_OK(ahoy_call_hangup(w.a.engine, w.a.placed, NULL));
    T_CHECK(phone_run(&w.a, &w.b, phone_both_ended, 3000));
    listen.media.ring = "file:";
    T_ERR(ahoy_listen(w.b.engine, &listen), AHOY_ERR_INVAL);
    listen.media.ring = "off";
    T_OK(ahoy_listen(w.b.engine, &listen));
out:
    world_close(t, &w);
}

T_MAIN(T_STRIDE(test_it_rings_until_it_is_answered, 5), /* seconds of virtual time in each run */
       T_STRIDE(test_it_rings_with_a_file_until_the_caller_gives_up, 5),
       T_STRIDE(test_what_does_not_wait_does_not_ring, 5))
