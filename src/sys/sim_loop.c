/* Loops of the simulation: the earliest timer and the mail of each are events among all others. */
#include "base/mem.h"
#include "sys/sim_world.h"

static struct sim_loop *loop_of(struct sys_loop *loop)
{
    return (struct sim_loop *) loop;
}

static void arm_wake(struct sim_loop *l)
{
    sim_unschedule(l->sim, &l->wake);
    const struct heap_node *first = heap_min(&l->base.timers);
    if (first && !l->stopped)
        sim_schedule(l->sim, &l->wake, first->key);
}

static void arm_mail(struct sim_loop *l)
{
    if (l->first && !l->stopped && !l->mail.node.linked)
        sim_schedule(l->sim, &l->mail, sim_clock(l->sim));
}

/* One timer an event, so that sim_run_until sees the world after each. A timer started meanwhile arms `wake` itself. */
static void run_wake(struct sim *s, struct sim_event *ev)
{
    struct sim_loop *l = AHOY_CONTAINER_OF(ev, struct sim_loop, wake);
    struct heap_node *first = heap_min(&l->base.timers);
    struct sys_timer *t = AHOY_CONTAINER_OF(first, struct sys_timer, node);
    AHOY_ASSERT(first && first->key <= sim_clock(s));
    sys_timer_stop(t); /* arms `wake` for the next one */
    t->fn(t->arg);
}

static struct sys_msg *take_mail(struct sim_loop *l)
{
    struct sys_msg *msg = l->first;
    if (msg) {
        l->first = msg->next;
        if (!l->first)
            l->last = &l->first;
    }
    return msg;
}

static void run_mail(struct sim *s, struct sim_event *ev)
{
    (void) s;
    struct sim_loop *l = AHOY_CONTAINER_OF(ev, struct sim_loop, mail);
    struct sys_msg *msg = take_mail(l);
    arm_mail(l); /* before the callback, which may destroy the loop */
    if (msg)
        msg->fn(msg);
}

static void run_all_mail(struct sim_loop *l)
{
    for (struct sys_msg *msg; (msg = take_mail(l));)
        msg->fn(msg);
    sim_unschedule(l->sim, &l->mail);
}

enum ahoy_err sim_loop_create(struct sys_host *host, struct sys_loop **out)
{
    struct sim_loop *l = mem_zalloc(sizeof *l);
    if (!l)
        return AHOY_ERR_NOMEM;
    l->sim = sim_host_of(host)->sim;
    sys_loop_init(&l->base, host, &l->sim->now);
    l->base.in_turn = true; /* the virtual clock is never stale */
    l->wake.run = run_wake;
    l->mail.run = run_mail;
    l->last = &l->first;
    l->sim->loops++;
    *out = &l->base;
    return AHOY_OK;
}

void sim_loop_destroy(struct sys_loop *loop)
{
    struct sim_loop *l = loop_of(loop);
    run_all_mail(l);
    AHOY_ASSERT(loop->open == 0);
    sim_unschedule(l->sim, &l->wake);
    l->sim->loops--;
    mem_free(l);
}

void sim_loop_run(struct sys_loop *loop)
{
    AHOY_ASSERT(loop->ops != &sim_ops); /* always broken: sim_run is what runs it */
}

void sim_loop_stop(struct sys_loop *loop)
{
    struct sim_loop *l = loop_of(loop);
    l->stopped = true;
    sim_unschedule(l->sim, &l->wake);
    sim_unschedule(l->sim, &l->mail);
}

enum ahoy_err sim_loop_spawn(struct sys_loop *loop, const char *name)
{
    struct sim_loop *l = loop_of(loop);
    AHOY_ASSERT(strlen(name) < 16);
    l->stopped = false;
    arm_wake(l);
    arm_mail(l);
    return AHOY_OK;
}

void sim_loop_join(struct sys_loop *loop)
{
    struct sim_loop *l = loop_of(loop);
    if (!l->stopped)
        run_all_mail(l);
    sim_loop_stop(loop);
}

int64_t sim_loop_clock_us(const struct sys_loop *loop)
{
    return sys_now_us(loop);
}

int64_t sim_loop_wall_ms(const struct sys_loop *loop)
{
    const int64_t start_of_2026_ms = INT64_C(1767225600000);
    return start_of_2026_ms + (sys_now_us(loop) - SYS_S(1000)) / 1000;
}

int64_t sim_loop_busy_us(const struct sys_loop *loop)
{
    const struct sim_host *h = sim_host_of(loop->host);
    return h->busy_before_us + (int64_t) ((double) (sys_now_us(loop) - h->busy_since_us) * h->busy);
}

void sim_loop_post(struct sys_loop *loop, struct sys_msg *msg)
{
    struct sim_loop *l = loop_of(loop);
    msg->next = NULL;
    *l->last = msg;
    l->last = &msg->next;
    arm_mail(l);
}

void sim_loop_timers_changed(struct sys_loop *loop)
{
    arm_wake(loop_of(loop));
}

bool sim_loop_deaf(const struct sys_loop *loop)
{
    return ((const struct sim_loop *) loop)->stopped;
}
