/* The change to a device of a higher rate, seen from where sound is read; test_seat.c hears it in a conference. */
#include "base/mem.h"
#include "media/sound.h"
#include "support/t.h"
#include "sys/sim.h"

enum { NARROW_HZ = 8000, WIDE_HZ = 16000, PERIOD = 20, ASKED = 40, GIVEN = 80, MOST_HEARD = 2 * WIDE_HZ };

struct room {
    struct sim *sim;
    struct sys_loop *loop;
    struct audio_mem *mem, *better;
    struct sound *s;
    unsigned told;
};

static void on_state(void *arg, enum ahoy_err err, const char *why)
{
    struct room *r = arg;
    (void) why;
    r->told += err != AHOY_OK;
}

static enum ahoy_err memory(struct audio_mem **out, const int16_t *tone)
{
    enum ahoy_err err = audio_mem_create(out, tone, PERIOD, true, MOST_HEARD);
    if (!err)
        audio_mem_set_clock(*out, &(struct audio_mem_clock){ .period_us = 5000, .seed = 1 });
    return err;
}

/* A call at 8 kHz with all that is done to a microphone, a second old. */
static enum ahoy_err room_open(struct room *r, bool has_better)
{
    static const int16_t tone[PERIOD] = { 1, 300, 600, 300, 1, -300, -600, -300, 1, 300 };
    struct media_session_config session = { .sound = MEDIA_SOUND_DEVICE, .processing = MIC_ALL };
    struct sys_host *host;
    *r = (struct room){ .sim = NULL };
    enum ahoy_err err = sim_create(&r->sim, 1);
    if (!err && !(err = sim_host(r->sim, "192.0.2.1", &host)))
        err = sys_loop_create(host, &r->loop);
    if (!err && !(err = sys_loop_spawn(r->loop, "worker")))
        err = memory(&r->mem, tone);
    if (!err && has_better && !(err = memory(&r->better, tone)))
        audio_mem_set_second(r->mem, r->better);
    if (err || !(r->s = mem_zalloc(sizeof *r->s)))
        return err ? err : AHOY_ERR_NOMEM;
    session.device.kind = AUDIO_MEM;
    session.mem = r->mem;
    sound_start(r->s, &(struct sound_config){ .session = &session,
                                              .rate_hz = NARROW_HZ,
                                              .worker = r->loop,
                                              .events = { .state = on_state, .arg = r } });
    return r->told ? AHOY_ERR_NOMEM : AHOY_OK;
}

static void room_close(struct room *r)
{
    if (r->s)
        sound_stop(r->s);
    mem_free(r->s);
    if (r->sim)
        sim_run(r->sim, SYS_MS(1));
    if (r->loop) {
        sys_loop_join(r->loop);
        sys_loop_destroy(r->loop);
    }
    sim_destroy(r->sim);
    audio_mem_destroy(r->mem);
    audio_mem_destroy(r->better);
}

/* Ticks in which the chain gives more than was asked for; the most samples that one of them gave. */
static size_t tick(struct room *r, unsigned ms)
{
    size_t most = 0;
    for (unsigned done = 0; done < ms; done += 5) {
        int16_t pcm[SOUND_MAX_TICK_SAMPLES] = { 0 };
        sim_run(r->sim, SYS_MS(5));
        size_t got = sound_swap_in(r->s, pcm, GIVEN, ASKED, sys_now_us(r->loop));
        most = AHOY_MAX(most, got);
    }
    return most;
}

static void test_more_than_was_asked_for_is_not_made_longer(struct t *t)
{
    struct room r;
    T_OK(room_open(&r, true));
    T_EQ(tick(&r, 100), GIVEN);
    sound_wish(r.s, WIDE_HZ);
    T_CHECK(r.s->swap != NULL);
    T_EQ(tick(&r, 600), GIVEN);
    T_EQ(r.s->device_hz, WIDE_HZ);
    T_EQ(tick(&r, 600), GIVEN);
    T_CHECK(r.s->swap == NULL); /* the one before is closed */
out:
    room_close(&r);
}

/* A device that cannot be opened twice says so after sound_swap_begin has returned: nobody is told, and all stays. */
static void test_without_a_second_opening_all_stays(struct t *t)
{
    struct room r;
    T_OK(room_open(&r, false));
    T_EQ(tick(&r, 100), GIVEN);
    sound_wish(r.s, WIDE_HZ);
    T_CHECK(r.s->swap != NULL);
    T_EQ(tick(&r, 100), GIVEN);
    T_CHECK(r.s->swap == NULL);
    T_EQ(r.s->device_hz, NARROW_HZ);
    T_EQ(r.told, 0);
out:
    room_close(&r);
}

T_MAIN(T(test_more_than_was_asked_for_is_not_made_longer), T(test_without_a_second_opening_all_stays))
