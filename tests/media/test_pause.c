/*
 * Pauses that are not sent: what a microphone gives is speech and background in turn; the other end hears both as they
 * were, counts nothing as lost, and gets fewer packets. With comfort noise (RFC 3389) and with Opus' own pauses.
 */
#include "audio/mix.h"
#include "base/mem.h"
#include "media/media.h"
#include "media/pause.h"
#include "support/t.h"
#include "sys/sim.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { TURN_MS = 4000, SPEECH_MS = 1300, WINDOW_MS = 20, SECONDS = 20, MOST = SECONDS * 1000 / WINDOW_MS };

#define SPEECH_DBFS     (-20.0) /* at the tops of syllables */
#define BACKGROUND_DBFS (-62.0)

struct call {
    struct sim *sim;
    struct sys_loop *loop[2];
    struct media_engine *engine[2];
    struct media_session *ours, *theirs;
    struct audio_mem *mem;
    uint32_t hz;
    bool closed[2];
    enum ahoy_err err;
    struct media_stats sent, got;
    /* What the peer hears, in windows. */
    double level[MOST];
    size_t windows, n;
    double power;
};

static void on_ready(void *arg, enum ahoy_err err, const char *why)
{
    (void) why;
    ((struct call *) arg)->err = err;
}

static void ours_closed(void *arg, const struct media_stats *stats)
{
    struct call *c = arg;
    c->closed[0] = true;
    c->sent = *stats;
}

static void theirs_closed(void *arg, const struct media_stats *stats)
{
    struct call *c = arg;
    c->closed[1] = true;
    c->got = *stats;
}

static void silence(void *arg, int16_t *pcm, size_t n)
{
    (void) arg;
    memset(pcm, 0, n * sizeof *pcm);
}

static void hear(void *arg, const int16_t *pcm, size_t n)
{
    struct call *c = arg;
    size_t window = c->hz / 1000 * WINDOW_MS;
    for (size_t i = 0; i < n; i++) {
        c->power += (double) pcm[i] * pcm[i];
        if (++c->n < window)
            continue;
        if (c->windows < MOST)
            c->level[c->windows++] = 10 * log10(c->power / (double) window / 32768 / 32768 + 1e-10);
        c->power = 0;
        c->n = 0;
    }
}

/* Noise through a low pass: loud in syllables for a while, then soft and even. */
static int16_t *make_said(uint32_t hz, size_t *n)
{
    struct rng rng;
    double low = 0;
    rng_init_u64(&rng, 11);
    *n = (size_t) hz / 1000 * TURN_MS;
    int16_t *said = mem_alloc(*n * sizeof *said);
    for (size_t i = 0; said && i < *n; i++) {
        double ms = (double) i * 1000 / hz;
        double loud = 0.8 + 0.2 * cos(2 * 3.14159265358979 * ms / 200);
        low = 0.7 * low + 0.3 * (rng_unit(&rng) - 0.5) * 8; /* an RMS of about 0.97 */
        double db = ms < SPEECH_MS ? SPEECH_DBFS : BACKGROUND_DBFS;
        said[i] = (int16_t) lrint(low * 32768 * pow(10, db / 20) * (ms < SPEECH_MS ? loud : 1));
    }
    return said;
}

/* In the description that we are answered: `from` becomes `to` (shorter or longer). */
static void edit(struct buf *b, const char *from, const char *to)
{
    char text[8192];
    struct view all = buf_content(b);
    size_t at = 0, n = strlen(from);
    while (at + n <= all.n && memcmp(all.p + at, from, n) != 0)
        at++;
    if (at + n > all.n || all.n + strlen(to) >= sizeof text)
        return;
    int len = snprintf(text, sizeof text, "%.*s%s%.*s", (int) at, all.p, to, (int) (all.n - at - n), all.p + at + n);
    buf_truncate(b, 0);
    buf_put(b, text, (size_t) len);
}

static enum ahoy_err exchange(struct call *c, const char *from, const char *to)
{
    struct buf offer, answer;
    struct sdp_error why;
    buf_init(&offer, 8192);
    buf_init(&answer, 8192);
    enum ahoy_err err = media_session_offer(c->ours, &offer);
    if (!err)
        err = media_session_answer(c->theirs, buf_content(&offer), &answer, &why);
    if (!err && from)
        edit(&answer, from, to);
    if (!err)
        err = media_session_apply(c->ours, buf_content(&answer), true, &why);
    if (err)
        media_session_rollback(c->ours);
    buf_fini(&offer);
    buf_fini(&answer);
    return err;
}

static enum ahoy_err open_engine(struct call *c, int i, const char *ip)
{
    struct sys_host *host;
    enum ahoy_err err = sim_host(c->sim, ip, &host);
    if (!err)
        err = sys_loop_create(host, &c->loop[i]);
    struct media_engine_config engine = { .loop = c->loop[i] };
    return err ? err : media_engine_create(&c->engine[i], &engine);
}

static enum ahoy_err call_open(struct call *c, const char *codec, uint32_t hz, const char *from, const char *to)
{
    size_t n;
    struct audio_mem_clock clock = { .period_us = 5000, .seed = 4 };
    struct media_session_config ours = { .sound = MEDIA_SOUND_DEVICE }, theirs = { .sound = MEDIA_SOUND_ENDPOINT };
    struct media_handler at_ours = { .ready = on_ready, .closed = ours_closed, .arg = c };
    struct media_handler at_theirs = { .ready = on_ready, .closed = theirs_closed, .arg = c };
    *c = (struct call){ .hz = hz };
    int16_t *said = make_said(hz, &n);
    enum ahoy_err err = said ? sim_create(&c->sim, 3) : AHOY_ERR_NOMEM;
    if (!err)
        err = audio_mem_create(&c->mem, said, n, true, 0);
    mem_free(said);
    if (!err && !(err = open_engine(c, 0, "192.0.2.1")))
        err = open_engine(c, 1, "192.0.2.2");
    if (!err && !(err = addr_parse_ip(VIEW("192.0.2.1"), &ours.local)))
        err = addr_parse_ip(VIEW("192.0.2.2"), &theirs.local);
    if (!err)
        err = media_codecs_parse(view_str(codec), &ours.codecs);
    if (err)
        return err;
    audio_mem_set_clock(c->mem, &clock);
    theirs.codecs = ours.codecs;
    ours.device.kind = AUDIO_MEM;
    ours.mem = c->mem;
    theirs.endpoint = (struct media_endpoint){ .rate_hz = hz, .read = silence, .write = hear, .arg = c };
    if ((err = media_session_open(&c->ours, c->engine[0], &ours, &at_ours))
        || (err = media_session_open(&c->theirs, c->engine[1], &theirs, &at_theirs)))
        return err;
    sim_run(c->sim, SYS_MS(5));
    return c->err ? c->err : exchange(c, from, to);
}

static void end_sessions(struct call *c)
{
    if (c->ours)
        media_session_close(c->ours);
    c->ours = NULL;
    if (c->sim)
        sim_run(c->sim, SYS_MS(40));
    if (c->theirs)
        media_session_close(c->theirs);
    c->theirs = NULL;
    if (c->sim)
        sim_run(c->sim, SYS_S(1));
}

static void call_close(struct t *t, struct call *c)
{
    bool ours = c->ours, theirs = c->theirs;
    end_sessions(c);
    T_ALWAYS((!ours || c->closed[0]) && (!theirs || c->closed[1]));
out:
    for (int i = 0; i < 2; i++) {
        media_engine_destroy(c->engine[i]);
        if (c->loop[i])
            sys_loop_destroy(c->loop[i]);
    }
    sim_destroy(c->sim);
    audio_mem_destroy(c->mem);
}

/* Mean level of the windows that are speech, or that are not, and how many there are. */
static double mean_level(const struct call *c, bool speech, size_t *n)
{
    double sum = 0;
    *n = 0;
    for (size_t i = MOST / 5; i < c->windows; i++) {
        bool loud = c->level[i] > -40;
        if (loud == speech) {
            sum += pow(10, c->level[i] / 10);
            ++*n;
        }
    }
    return *n > 0 ? 10 * log10(sum / (double) *n) : -100;
}

/* Runs a call; its pauses must be heard as they were, with `least` to `most` of the packets that there would be. */
static void check(struct t *t, const char *codec, uint32_t hz, const char *from, const char *to, double least,
                  double most, bool even)
{
    double softer_db = strcmp(codec, "opus") == 0 ? 1.2 : 0; /* so it makes noise of what it does not enhance */
    struct call c;
    size_t speech, pauses;
    T_OK(call_open(&c, codec, hz, from, to));
    sim_run(c.sim, SYS_S(SECONDS));
    end_sessions(&c);
    double loud = mean_level(&c, true, &speech), quiet = mean_level(&c, false, &pauses);
    double part = (double) c.sent.rtp_out / (SECONDS * 50);
    double talks = (double) speech / (double) (speech + pauses);
    if (getenv("AHOY_TEST_FIGURES"))
        printf(
            "    %-10s %3.0f %% of the packets, %5.1f kbit/s; heard %.1f dBFS for %.1f %%, pauses %.1f dBFS; lost %d, concealed %u ms, MOS %.2f\n",
            codec, 100 * part, (double) c.sent.bytes_out * 8 / SECONDS / 1000, loud, 100 * talks, quiet,
            (int) c.got.lost, (unsigned) c.got.concealed_ms, c.got.mos_lq);
    T_CHECK(part >= least && part <= most);
    T_EQ(c.got.lost + c.got.late, 0);
    T_LE(c.got.concealed_ms, 60);
    T_CHECK(c.got.loss <= 0.001);
    T_NEAR(loud, SPEECH_DBFS - 2.4 - softer_db, 1);
    /* Nothing is cut off, to a window; of pauses, some are shortened. */
    T_LE((double) SPEECH_MS / TURN_MS - 0.015, talks);
    T_LE(talks, (double) SPEECH_MS / TURN_MS + 0.03);
    if (even)
        T_NEAR(quiet, BACKGROUND_DBFS, 4);
    T_EQ(c.sent.tx_dtx, most < 0.9);
out:
    call_close(t, &c);
}

static void test_pauses_of_g711_are_comfort_noise(struct t *t)
{
    check(t, "pcmu", 8000, NULL, NULL, 0.35, 0.62, true);
    check(t, "pcma", 8000, NULL, NULL, 0.35, 0.62, true);
}

static void test_pauses_of_g722_and_l16_are_comfort_noise(struct t *t)
{
    check(t, "g722", 16000, NULL, NULL, 0.35, 0.62, true);
    check(t, "l16/8000", 8000, NULL, NULL, 0.35, 0.62, true);
}

/* Payload 13 is not in the answer: all is sent. */
static void test_without_agreement_all_is_sent(struct t *t)
{
    check(t, "pcmu", 8000, "RTP/AVP 0 13 ", "RTP/AVP 0 ", 0.98, 1.02, true);
    check(t, "l16/16000", 16000, NULL, NULL, 0.98, 1.02, true); /* its clock has no comfort noise */
}

/* Opus pauses when the peer asks for it (RFC 7587 section 3.1.3), else not. */
static void test_opus_pauses_when_it_is_asked_to(struct t *t)
{
    check(t, "opus", 48000, "useinbandfec=1", "usedtx=1;useinbandfec=1", 0.3, 0.72, false);
    check(t, "opus", 48000, NULL, NULL, 0.98, 1.02, false);
}

static int16_t noise(struct rng *rng, double dbfs)
{
    return (int16_t) lrint((rng_unit(rng) - 0.5) * sqrt(12) * 32768 * pow(10, dbfs / 20));
}

/* What is told, and when: once when it has been quiet for long enough, then each second, and sooner when it changes. */
static void test_the_background_is_told_now_and_then(struct t *t)
{
    enum { FRAME = 160 };
    struct rng rng;
    int16_t pcm[FRAME];
    struct pause *p = mem_alloc(sizeof *p);
    unsigned sent = 0, told = 0;
    uint8_t payload[CNG_MAX_BYTES];
    rng_init_u64(&rng, 3);
    T_CHECK(p);
    pause_init(p, 8000);
    for (int frame = 0; frame < 300; frame++) { /* six seconds */
        for (int i = 0; i < FRAME; i++)
            pcm[i] = noise(&rng, frame < 250 ? -65 : -60.5);
        enum pause_act act = pause_look(p, pcm, FRAME, false);
        sent += act == PAUSE_SEND;
        told += act == PAUSE_DESCRIBE;
        if (act == PAUSE_DESCRIBE) {
            T_CHECK(pause_describe(p, payload) == 1 + PAUSE_ORDER);
            T_NEAR(payload[0], frame < 250 ? 65 : 61, 1.5);
        }
        if (frame == 249)
            T_CHECK(told == 5 && sent >= 14 && sent <= 26);
        if (frame == 262)
            T_EQ(told, 6); /* 4 dB more: at once, and not only when its second is over */
    }
    T_EQ(pause_look(p, pcm, FRAME, true), PAUSE_SEND); /* somebody knows of speech */
    for (int i = 0; i < FRAME; i++)
        pcm[i] = noise(&rng, -30);
    T_EQ(pause_look(p, pcm, FRAME, false), PAUSE_SEND); /* at once */
    for (int frame = 0; frame < 500; frame++) {         /* loud and even: that is no background */
        for (int i = 0; i < FRAME; i++)
            pcm[i] = noise(&rng, -40);
        T_EQ(pause_look(p, pcm, FRAME, false), PAUSE_SEND);
    }
out:
    mem_free(p);
}

T_MAIN(T(test_the_background_is_told_now_and_then), T_PLAIN(test_pauses_of_g711_are_comfort_noise),
       T_PLAIN(test_pauses_of_g722_and_l16_are_comfort_noise), T_PLAIN(test_without_agreement_all_is_sent),
       T_PLAIN(test_opus_pauses_when_it_is_asked_to))
