/* What is no microphone is not coded as a voice: a file that plays and a test number through Opus, under virtual time. */
#include "support/t.h"
#include "audio/wav.h"
#include "base/mem.h"
#include "media/media.h"
#include "support/temp.h"
#include "sys/sim.h"
#include "sys/udp.h"

#include <math.h>
#include <unistd.h>

#define PI 3.14159265358979323846

enum { HZ = 48000 };

static const double chord[] = { 262, 330, 392, 523, 1047, 2093, 5234, 9000 };

struct room {
    struct sim *sim;
    struct sys_loop *loop, *their_loop;
    struct media_engine *engine;
    struct media_session *s;
    struct sys_udp *peer; /* that only looks at what comes */
    bool closed;
    enum ahoy_err err;
    uint64_t said;
    size_t packets, music;
};

static void on_ready(void *arg, enum ahoy_err err, const char *why)
{
    (void) why;
    ((struct room *) arg)->err = err;
}

static void on_closed(void *arg, const struct media_stats *stats)
{
    (void) stats;
    ((struct room *) arg)->closed = true;
}

static int16_t chord_at(uint64_t i)
{
    double sum = 0;
    for (size_t k = 0; k < AHOY_COUNT(chord); k++)
        sum += sin(2 * PI * chord[k] * (double) (i % HZ) / HZ + (double) (k * k)) / (1 + (double) k / 3);
    return (int16_t) lrint(3000 * sum);
}

static void say(void *arg, int16_t *pcm, size_t n)
{
    struct room *r = arg;
    for (size_t i = 0; i < n; i++)
        pcm[i] = chord_at(r->said++);
}

/* RFC 6716 table 2: configurations from 16 on have no model of speech. */
static void on_rtp(void *arg, const struct addr *src, const struct addr *local, const void *data, size_t n,
                   int64_t when_us)
{
    struct room *r = arg;
    const uint8_t *p = data;
    (void) src, (void) local, (void) when_us;
    if (n < 13 || p[0] != 0x80)
        return;
    r->packets++;
    r->music += p[12] >> 3 >= 16;
}

static enum ahoy_err peer_open(struct room *r)
{
    struct sys_host *host;
    struct sys_udp_config cfg = { 0 };
    struct sys_udp_handler handler = { .recv = on_rtp, .arg = r };
    enum ahoy_err err = sim_host(r->sim, "192.0.2.2", &host);
    if (!err && !(err = sys_loop_create(host, &r->their_loop)))
        err = addr_parse_ip(VIEW("192.0.2.2"), &cfg.local);
    cfg.local = addr_with_port(&cfg.local, 40000);
    return err ? err : sys_udp_open(&r->peer, r->their_loop, &cfg, &handler);
}

static enum ahoy_err agree(struct room *r)
{
    static const char answer[] = "v=0\r\no=- 1 1 IN IP4 192.0.2.2\r\ns=-\r\nc=IN IP4 192.0.2.2\r\nt=0 0\r\n"
                                 "m=audio 40000 RTP/AVP 96\r\na=rtpmap:96 opus/48000/2\r\n"
                                 "a=fmtp:96 useinbandfec=1\r\n";
    struct buf offer;
    struct sdp_error why;
    buf_init(&offer, 8192);
    enum ahoy_err err = media_session_offer(r->s, &offer);
    buf_fini(&offer);
    return err ? err : media_session_apply(r->s, view_str(answer), true, &why);
}

static enum ahoy_err room_open(struct room *r, bool music)
{
    struct sys_host *host;
    struct media_session_config cfg = { .sound = MEDIA_SOUND_ENDPOINT };
    struct media_handler handler = { .ready = on_ready, .closed = on_closed, .arg = r };
    *r = (struct room){ .sim = NULL };
    enum ahoy_err err = sim_create(&r->sim, 3);
    if (!err && !(err = sim_host(r->sim, "192.0.2.1", &host)))
        err = sys_loop_create(host, &r->loop);
    struct media_engine_config engine = { .loop = r->loop };
    if (!err && !(err = peer_open(r)))
        err = media_engine_create(&r->engine, &engine);
    if (!err && !(err = addr_parse_ip(VIEW("192.0.2.1"), &cfg.local)))
        err = media_codecs_parse(VIEW("opus"), &cfg.codecs);
    cfg.endpoint = (struct media_endpoint){ .rate_hz = HZ, .read = say, .arg = r, .music = music };
    if (!err)
        err = media_session_open(&r->s, r->engine, &cfg, &handler);
    if (err)
        return err;
    sim_run(r->sim, SYS_MS(5));
    return r->err ? r->err : agree(r);
}

static void room_close(struct t *t, struct room *r)
{
    if (r->s)
        media_session_close(r->s);
    if (r->sim)
        sim_run(r->sim, SYS_S(1));
    T_ALWAYS(!r->s || r->closed);
out:
    media_engine_destroy(r->engine);
    sys_udp_close(r->peer);
    if (r->loop)
        sys_loop_destroy(r->loop);
    if (r->their_loop)
        sys_loop_destroy(r->their_loop);
    sim_destroy(r->sim);
}

/* The share of packets that are coded as music in the second after the next. */
static double share_of_music(struct room *r)
{
    sim_run(r->sim, SYS_S(1));
    r->packets = r->music = 0;
    sim_run(r->sim, SYS_S(1));
    return r->packets > 40 ? (double) r->music / (double) r->packets : -1;
}

static enum ahoy_err write_chord(const char *path)
{
    struct wav_writer *w = NULL;
    int16_t pcm[HZ / 10];
    enum ahoy_err err = wav_writer_open(&w, path, WAV_PCM16, HZ, 1), closed;
    for (uint64_t at = 0; !err && at < 10 * HZ; at += AHOY_COUNT(pcm)) {
        for (size_t i = 0; i < AHOY_COUNT(pcm); i++)
            pcm[i] = chord_at(at + i);
        err = wav_writer_put(w, pcm, AHOY_COUNT(pcm));
    }
    closed = w ? wav_writer_close(w) : AHOY_OK;
    return err ? err : closed;
}

static void test_a_file_is_not_coded_as_a_voice_while_it_plays(struct t *t)
{
    static struct room r;
    char path[TEMP_PATH_BYTES] = "";
    r = (struct room){ .sim = NULL };
    T_CHECK(temp_file(path, sizeof path));
    T_OK(write_chord(path));
    T_OK(room_open(&r, false));
    T_NEAR(share_of_music(&r), 0, 0);
    T_OK(media_session_play(r.s, &(struct media_play){ .path = path }));
    T_CHECK(share_of_music(&r) > 0.9);
    T_OK(media_session_play(r.s, &(struct media_play){ .path = NULL }));
    T_NEAR(share_of_music(&r), 0, 0);
out:
    (void) unlink(path);
    room_close(t, &r);
}

static void test_a_test_number_is_not_coded_as_a_voice(struct t *t)
{
    static struct room r;
    T_OK(room_open(&r, true));
    T_CHECK(share_of_music(&r) > 0.9);
out:
    room_close(t, &r);
}

T_MAIN(T_PLAIN(test_a_file_is_not_coded_as_a_voice_while_it_plays), T_PLAIN(test_a_test_number_is_not_coded_as_a_voice))
