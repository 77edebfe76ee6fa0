/*
 * What the caller hears before there is anything to hear: ring-back until the answer or sound before it, a busy tone; and
 * the waiting tone. A file stands for the loudspeaker, since tones were asked for.
 */
#include "audio/wav.h"
#include "support/phone.h"
#include "ua/impl.h"

#include <stdio.h>

enum { HZ = 48000, MOST_S = 12 };

static int16_t pcm[HZ * MOST_S];

/* Power of a tone in a piece, as the share of all power; 0 where it is silent. */
static double share(const int16_t *x, size_t n, double hz, double rate_hz)
{
    double re = 0, im = 0, all = 0;
    for (size_t i = 0; i < n; i++) {
        re += x[i] * cos(6.283185307179586 * hz * (double) i / rate_hz);
        im += x[i] * sin(6.283185307179586 * hz * (double) i / rate_hz);
        all += (double) x[i] * x[i];
    }
    return all / (double) n > 100 ? 2 * (re * re + im * im) / (double) n / all : 0;
}

/* Seconds of the file, and how many of them sound with this tone. */
static bool heard_in(const char *path, double hz, double *seconds, double *sounded)
{
    struct wav_reader *r = NULL;
    if (wav_reader_open(&r, path))
        return false;
    size_t n = wav_reader_read(r, pcm, AHOY_COUNT(pcm)), loud = 0;
    uint32_t rate = wav_reader_hz(r), piece = rate / 50;
    wav_reader_close(r);
    for (size_t at = 0; at + piece <= n; at += piece)
        loud += share(pcm + at, piece, hz, rate) > 0.4;
    *seconds = (double) n / rate;
    *sounded = (double) loud / 50;
    return true;
}

/* In the file beside that of the call. */
static bool heard(const char *sound, double hz, double *seconds, double *sounded)
{
    char path[PHONE_PATH + 16];
    snprintf(path, sizeof path, "%s.tones.wav", sound);
    return heard_in(path, hz, seconds, sounded);
}

static bool place(struct world *w, const struct ahoy_listen_config *listen, const char *tones, char audio[300])
{
    snprintf(audio, 300, "file:,%s", w->other);
    const struct ahoy_call_config call = { .uri = "sip:b@192.0.2.2",
                                           .media = { .codecs = "pcmu", .audio = audio, .tones = tones } };
    return ahoy_listen(w->b.engine, listen) == AHOY_OK && ahoy_call_place(w->a.engine, &call, &w->a.placed) == AHOY_OK;
}

/* America's: 440 and 480 Hz, two seconds in six. It ends with the call, here by giving up. */
static void test_ring_back_is_the_countrys(struct t *t)
{
    struct world w;
    char audio[300];
    double seconds, sounded;
    T_OK(world_open(&w, 1));
    struct ahoy_listen_config listen = { .media = { .codecs = "pcmu", .audio = "null" } };
    T_CHECK(place(&w, &listen, "us", audio));
    T_CHECK(phone_run(&w.a, &w.b, phone_it_rings, 3000));
    phone_run_ms(&w.a, &w.b, 9000);
    T_OK(ahoy_call_hangup(w.a.engine, w.a.placed, NULL));
    T_CHECK(phone_run(&w.a, &w.b, phone_both_ended, 3000));
    phone_run_ms(&w.a, &w.b, 500);
    T_CHECK(heard(w.other, 440, &seconds, &sounded));
    T_NEAR(seconds, 9, 0.2);
    T_NEAR(sounded, 4, 0.1);
out:
    world_close(t, &w);
}

/* With the answer the device is the call's: nothing of the tone is in what was heard of the call. */
static void test_ring_back_ends_with_the_answer(struct t *t)
{
    struct world w;
    char audio[300];
    double seconds, sounded;
    T_OK(world_open(&w, 1));
    struct ahoy_listen_config listen = { .media = { .codecs = "pcmu", .audio = "tone:1000" } };
    T_CHECK(place(&w, &listen, "de", audio));
    T_CHECK(phone_run(&w.a, &w.b, phone_it_rings, 3000));
    phone_run_ms(&w.a, &w.b, 500);
    T_OK(ahoy_call_answer(w.b.engine, w.b.incoming, NULL));
    T_CHECK(phone_run(&w.a, &w.b, phone_both_talk, 3000));
    phone_run_ms(&w.a, &w.b, 2000);
    T_OK(ahoy_call_hangup(w.a.engine, w.a.placed, NULL));
    T_CHECK(phone_run(&w.a, &w.b, phone_both_ended, 3000));
    T_CHECK(heard(w.other, 425, &seconds, &sounded));
    T_NEAR(sounded, 0.5, 0.1);
    T_NEAR(seconds, 0.5, 0.2); /* it has ended with the answer */
    T_CHECK(heard_in(w.other, 425, &seconds, &sounded));
    T_NEAR(sounded, 0, 0.01); /* the call's own file has nothing of it */
    T_NEAR(seconds, 2, 0.4);
out:
    world_close(t, &w);
}

/* Germany's busy tone: 480 ms in 960, for two seconds. */
static void test_a_busy_line_sounds_busy_for_a_moment(struct t *t)
{
    struct world w;
    char audio[300];
    double seconds, sounded;
    T_OK(world_open(&w, 1));
    struct ahoy_listen_config listen = { .auto_answer = true, .answer_status = 486 };
    T_CHECK(place(&w, &listen, "de", audio));
    T_CHECK(phone_run(&w.a, &w.b, phone_both_ended, 3000));
    T_EQ(w.a.cause, AHOY_CAUSE_BUSY);
    phone_run_ms(&w.a, &w.b, 4000);
    T_CHECK(heard(w.other, 425, &seconds, &sounded));
    T_NEAR(seconds, 2, 0.1);
    T_NEAR(sounded, 1.04, 0.1);
out:
    world_close(t, &w);
}

/* Nobody who leaves waits for a tone that cannot be heard. */
static void test_a_tone_without_a_device_is_over_at_once(struct t *t)
{
    struct world w;
    T_OK(world_open(&w, 1));
    struct ahoy_listen_config listen = { .auto_answer = true, .answer_status = 486 };
    const struct ahoy_call_config call = {
        .uri = "sip:b@192.0.2.2", .media = { .codecs = "pcmu", .audio = "file:,/nowhere/heard.wav", .tones = "de" }
    };
    T_OK(ahoy_listen(w.b.engine, &listen));
    T_OK(ahoy_call_place(w.a.engine, &call, &w.a.placed));
    T_CHECK(phone_run(&w.a, &w.b, phone_both_ended, 3000));
    T_EQ(w.a.cause, AHOY_CAUSE_BUSY);
    phone_run_ms(&w.a, &w.b, 20);
    T_CHECK(!w.a.engine->ua->tone);
out:
    world_close(t, &w);
}

/* Unless asked for, no file gets a tone; a country that is none is refused. */
static void test_files_get_no_tones_unasked(struct t *t)
{
    struct world w;
    char audio[300];
    double seconds, sounded;
    T_OK(world_open(&w, 1));
    struct ahoy_listen_config listen = { .auto_answer = true, .answer_status = 486 };
    T_CHECK(place(&w, &listen, "auto:de", audio));
    T_CHECK(phone_run(&w.a, &w.b, phone_both_ended, 3000));
    phone_run_ms(&w.a, &w.b, 1000);
    T_CHECK(!heard(w.other, 425, &seconds, &sounded));
    listen.media.tones = "xx";
    T_ERR(ahoy_listen(w.b.engine, &listen), AHOY_ERR_INVAL);
    listen.media.tones = "auto:xx";
    T_OK(ahoy_listen(w.b.engine, &listen));
    listen.media.tones = "off";
    T_OK(ahoy_listen(w.b.engine, &listen));
out:
    world_close(t, &w);
}

T_MAIN(T_STRIDE(test_ring_back_is_the_countrys, 11), /* seconds of virtual time in each run */
       T_STRIDE(test_ring_back_ends_with_the_answer, 11), T_STRIDE(test_a_busy_line_sounds_busy_for_a_moment, 11),
       T_STRIDE(test_a_tone_without_a_device_is_over_at_once, 11), T_STRIDE(test_files_get_no_tones_unasked, 11))
