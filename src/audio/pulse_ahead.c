#include "audio/pulse_ahead.h"

#include <math.h>

enum {
    START_US = 2000000, /* a stream begins with START_SIZE, since the first looks are not in step with it */
    START_SIZE = 2,
    FIRST_US = 1000000,   /* for so long nothing is held against any size */
    CHANGED_US = 400000,  /* the same behind a change, when the server asks for the difference */
    TOGETHER_US = 250000, /* one stumble of the machine */
    CALM_US = 4000000,    /* between two steps down, … */
    MOST_CALM_US = 64000000,
    REGRET_US = 20000000, /* … twice that when it has to grow again so soon, half behind four times that */
    LACK_US = 3000,       /* of a period, where nothing tells how much */
    MOST_GAP_US = 60000,
};

static const double past_s = 10;                                 /* what was counts for so long, fading */
static const double delay_cost = 0.04;                           /* points a millisecond */
static const double moment_cost = 2.0, gap_cost = 0.25;          /* points × seconds; a millisecond of that */
static const double worth_growing = 0.2, worth_shrinking = 0.08; /* points */

/*
 * The device has 5 ms (of 30: 10, 45: 15, 60: 20), and the queue in front of it two requests more. So the time that is left
 * for an answer is one period of the device (5 ms), two, three; then 20, 30 and 40 ms. A longer request is left for twice
 * the period where somebody else makes the device's shorter.
 */
static const struct pulse_ahead_size sizes[PULSE_AHEAD_SIZES] = {
    { 12000, 1000 }, { 15300, 2650 }, { 20000, 5000 }, { 30000, 5000 }, { 45000, 7500 }, { 60000, 10000 },
};

uint32_t pulse_ahead_queue_us(struct pulse_ahead_size size)
{
    return size.ahead_us / 2 + size.request_us;
}

static int64_t queue_of(unsigned size)
{
    return pulse_ahead_queue_us(sizes[size]);
}

/* The device's period. */
static int64_t period_of(unsigned size)
{
    return sizes[size].ahead_us - queue_of(size);
}

struct pulse_ahead_size pulse_ahead_now(const struct pulse_ahead *a)
{
    return sizes[a->size];
}

void pulse_ahead_init(struct pulse_ahead *a)
{
    *a = (struct pulse_ahead){ .size = START_SIZE, .calm_us = CALM_US };
}

void pulse_ahead_begin(struct pulse_ahead *a, int64_t now_us)
{
    a->began_us = a->changed_us = a->answered_us = now_us;
    a->settled = false;
}

static bool is_measured(const struct pulse_ahead *a, int64_t now_us)
{
    return now_us - a->began_us >= FIRST_US && now_us - a->changed_us >= CHANGED_US;
}

static void fade(struct pulse_ahead *a, int64_t now_us)
{
    double s = (double) (now_us - a->told_us) / 1e6;
    for (unsigned i = 0; i < PULSE_AHEAD_SIZES; i++)
        a->heard[i] *= s > 0 ? exp(-s / past_s) : 1;
    a->told_us = now_us;
}

/* What a moment that needs `need_us` in the queue is, heard with this size. */
static double heard(unsigned size, int64_t need_us)
{
    int64_t gap_us = AHOY_MIN(need_us - queue_of(size), (int64_t) MOST_GAP_US);
    return gap_us > 0 ? moment_cost + gap_cost * (double) gap_us / 1000 : 0;
}

/* What comes together counts once, by the worst of it; what goes on counts again and again. */
static void stumble(struct pulse_ahead *a, int64_t now_us, int64_t need_us)
{
    bool same = now_us - a->late_us < TOGETHER_US;
    int64_t counted_us = same ? a->need_us : 0;
    fade(a, now_us);
    a->late_us = same ? a->late_us : now_us;
    a->need_us = AHOY_MAX(need_us, counted_us);
    for (unsigned i = 0; i < PULSE_AHEAD_SIZES; i++)
        a->heard[i] += heard(i, a->need_us) - heard(i, counted_us);
}

/* A request may come in two parts, so that less than two periods are no sign. */
void pulse_ahead_answered(struct pulse_ahead *a, int64_t now_us, int64_t asked_us)
{
    a->answered_us = now_us;
    if (asked_us > period_of(a->size) * 7 / 4 && is_measured(a, now_us))
        stumble(a, now_us, asked_us);
}

/*
 * The server does not say how much was missing. Either no answer of ours came for so long, or what we gave in time was late
 * within the server, and then at least this size was too small.
 */
void pulse_ahead_dry(struct pulse_ahead *a, int64_t now_us)
{
    if (is_measured(a, now_us))
        stumble(a, now_us, AHOY_MAX(queue_of(a->size) + LACK_US, now_us - a->answered_us));
}

static double cost(const struct pulse_ahead *a, unsigned size)
{
    return delay_cost * (double) sizes[size].ahead_us / 1000 + a->heard[size] / past_s;
}

/* The best of `from` … `to`. */
static unsigned best(const struct pulse_ahead *a, unsigned from, unsigned to)
{
    unsigned b = from;
    for (unsigned i = from + 1; i <= to; i++)
        if (cost(a, i) < cost(a, b))
            b = i;
    return b;
}

static bool change(struct pulse_ahead *a, unsigned size, int64_t now_us)
{
    if (size < a->size)
        a->shrunk_us = now_us;
    else if (now_us - a->shrunk_us < REGRET_US)
        a->calm_us = AHOY_MIN(a->calm_us * 2, (int64_t) MOST_CALM_US);
    bool other = size != a->size;
    a->size = size;
    a->changed_us = now_us;
    return other;
}

static bool settle(struct pulse_ahead *a, int64_t now_us)
{
    unsigned to = best(a, 0, a->size);
    a->settled = true;
    return to != a->size && change(a, to, now_us);
}

bool pulse_ahead_look(struct pulse_ahead *a, int64_t now_us)
{
    fade(a, now_us);
    unsigned up = best(a, a->size, PULSE_AHEAD_SIZES - 1);
    if (cost(a, a->size) - cost(a, up) > worth_growing)
        return change(a, up, now_us);
    if (!a->settled && now_us - a->began_us >= START_US)
        return settle(a, now_us);
    if (a->calm_us > CALM_US && now_us - a->changed_us > 4 * (int64_t) REGRET_US) {
        a->calm_us = AHOY_MAX(a->calm_us / 2, (int64_t) CALM_US);
        a->changed_us = now_us - REGRET_US;
    }
    if (!a->settled || a->size == 0 || now_us - a->changed_us < a->calm_us)
        return false;
    return cost(a, a->size) - cost(a, a->size - 1) > worth_shrinking && change(a, a->size - 1, now_us);
}
