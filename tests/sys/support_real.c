#include "support_real.h"

enum { DOG_TICK_MS = 10, DOG_TICKS = 1000 };

static void dog_tick(void *arg)
{
    struct real *r = arg;
    r->ticks--;
    if (t_excused(r->t) && r->ticks > 3)
        r->ticks = 3;
    if (r->ticks > 0) {
        sys_timer_start(r->loop, &r->dog, SYS_MS(DOG_TICK_MS));
        return;
    }
    r->barked = true;
    sys_loop_stop(r->loop);
}

enum ahoy_err real_open(struct real *r, struct t *t)
{
    *r = (struct real){ .t = t };
    sys_timer_init(&r->dog, dog_tick, r);
    enum ahoy_err err = sys_host_real(&r->host);
    return err ? err : sys_loop_create(r->host, &r->loop);
}

void real_close(struct real *r)
{
    sys_timer_stop(&r->dog);
    sys_loop_destroy(r->loop);
    sys_host_destroy(r->host);
}

bool real_run(struct real *r)
{
    r->ticks = DOG_TICKS;
    r->barked = false;
    sys_timer_start(r->loop, &r->dog, SYS_MS(DOG_TICK_MS));
    sys_loop_run(r->loop);
    sys_timer_stop(&r->dog);
    return !r->barked;
}

static void stop_loop(void *arg)
{
    sys_loop_stop(arg);
}

void real_run_for(struct real *r, int64_t us)
{
    struct sys_timer timer;
    sys_timer_init(&timer, stop_loop, r->loop);
    sys_timer_start(r->loop, &timer, us);
    sys_loop_run(r->loop);
    sys_timer_stop(&timer);
}
