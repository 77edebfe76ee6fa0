/* Whole calls between two telephones in the simulated network, through the public interface. */
#include "support/phone.h"

#include "audio/wav.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* Two telephones, a directory for sound files. */
struct world {
    struct sim *sim;
    struct sys_host *host_a, *host_b;
    struct phone a, b;
    char dir[64], said[128], heard_a[128], heard_b[128], sound_a[300], sound_b[300];
};

/* Something like speech: a tone whose pitch and loudness wander, so that it correlates with itself at one lag only. */
static bool write_said(const char *path)
{
    struct wav_writer *w;
    struct rng rng;
    double phase = 0, hz = 300, level = 0.1;
    rng_init_u64(&rng, 7);
    if (wav_writer_open(&w, path, WAV_PCM16, 16000, 1))
        return false;
    for (int ms = 0; ms < 4000; ms++) {
        int16_t pcm[16];
        if (ms % 70 == 0) {
            hz = 150 + 1500 * rng_unit(&rng);
            level = 0.05 + 0.3 * rng_unit(&rng);
        }
        for (int i = 0; i < 16; i++) {
            phase += hz / 16000;
            pcm[i] = (int16_t) (32767 * level * sin(6.283185307 * phase));
        }
        if (wav_writer_put(w, pcm, 16))
            return false;
    }
    return wav_writer_close(w) == AHOY_OK;
}

static enum ahoy_err world_open(struct world *w)
{
    *w = (struct world){ 0 };
    snprintf(w->dir, sizeof w->dir, "/tmp/ahoy-call-XXXXXX");
    if (!mkdtemp(w->dir))
        return AHOY_ERR_IO;
    snprintf(w->said, sizeof w->said, "%s/said.wav", w->dir);
    snprintf(w->heard_a, sizeof w->heard_a, "%s/a.wav", w->dir);
    snprintf(w->heard_b, sizeof w->heard_b, "%s/b.wav", w->dir);
    snprintf(w->sound_a, sizeof w->sound_a, "file:%s,%s", w->said, w->heard_a);
    snprintf(w->sound_b, sizeof w->sound_b, "file:%s,%s", w->said, w->heard_b);
    if (!write_said(w->said))
        return AHOY_ERR_IO;
    enum ahoy_err err = sim_create(&w->sim, 42);
    if (!err)
        err = sim_host(w->sim, "192.0.2.1", &w->host_a);
    if (!err)
        err = sim_host(w->sim, "192.0.2.2", &w->host_b);
    if (!err)
        err = phone_open(&w->a, w->sim, w->host_a, "192.0.2.1:5060");
    if (!err)
        err = phone_open(&w->b, w->sim, w->host_b, "192.0.2.2:5060");
    return err;
}

static void world_close(struct world *w)
{
    phone_close(&w->a);
    phone_close(&w->b);
    sim_destroy(w->sim);
    if (w->said[0]) {
        (void) unlink(w->said);
        (void) unlink(w->heard_a);
        (void) unlink(w->heard_b);
        (void) rmdir(w->dir);
    }
}

static void test_two_telephones_hear_each_other(struct t *t)
{
    struct world w;
    struct ahoy_sound_score score;
    T_OK(world_open(&w));
    struct ahoy_listen_config listen = { .auto_answer = true, .media = { .audio = w.sound_b } };
    T_OK(ahoy_listen(w.b.engine, &listen));
    struct ahoy_call_config call = { .uri = "sip:bob@192.0.2.2", .media = { .audio = w.sound_a }, .max_s = 4 };
    T_OK(ahoy_call_place(w.a.engine, &call, NULL));
    T_CHECK(phone_run(&w.a, &w.b, phone_both_talk, 5000));
    T_CHECK(phone_run(&w.a, &w.b, phone_both_ended, 10000));
    T_EQ(w.a.cause, AHOY_CAUSE_NONE);
    T_EQ(w.b.cause, AHOY_CAUSE_NONE);
    T_CHECK(!w.a.ended_by_peer);
    T_CHECK(w.b.ended_by_peer);
    T_STR(w.a.stats.codec, "opus");
    T_LE(190, w.a.stats.rtp_in);
    T_LE(190, w.b.stats.rtp_in);
    T_EQ(w.a.stats.lost, 0);
    T_OK(ahoy_sound_compare(w.said, w.heard_a, &score));
    T_LE(90, score.correlation * 100);
    T_OK(ahoy_sound_compare(w.said, w.heard_b, &score));
    T_LE(90, score.correlation * 100);
out:
    world_close(&w);
}

T_MAIN(T_PLAIN(test_two_telephones_hear_each_other))
