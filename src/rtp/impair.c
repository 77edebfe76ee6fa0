#include "rtp/impair.h"

#include "base/chars.h"

#include <math.h>

#define MAX_JITTER_MS 10000
#define MAX_EVERY_S   3600

/* A number with up to six decimals, "5" or "0.25"; what stands behind it is left in `v`. */
static bool parse_number(struct view *v, double *out)
{
    double x = 0, unit = 1;
    size_t i = 0, digits = 0;
    bool point = false;
    for (; i < v->n && digits <= 12; i++) {
        char c = v->p[i];
        if (c == '.' && !point) {
            point = true;
        } else if (chars_is_digit(c)) {
            digits++;
            if (point)
                x += (c - '0') * (unit /= 10);
            else
                x = 10 * x + (c - '0');
        } else {
            break;
        }
    }
    *v = view_from(*v, i);
    *out = x;
    return digits > 0 && digits <= 12;
}

static enum ahoy_err parse_plain(struct view v, double min, double max, double *out)
{
    double x;
    if (!parse_number(&v, &x) || v.n > 0)
        return AHOY_ERR_SYNTAX;
    if (x < min || x > max)
        return AHOY_ERR_RANGE;
    *out = x;
    return AHOY_OK;
}

static enum ahoy_err parse_percent(struct view v, double *out)
{
    double x;
    enum ahoy_err err = parse_plain(v, 0, 100, &x);
    if (!err)
        *out = x / 100;
    return err;
}

static enum ahoy_err parse_time(struct view v, double min, double max, double unit_us, int64_t *out)
{
    double x;
    enum ahoy_err err = parse_plain(v, min, max, &x);
    if (!err)
        *out = (int64_t) (x * unit_us);
    return err;
}

static enum ahoy_err parse_rate(struct view v, uint32_t *out)
{
    double x;
    if (!parse_number(&v, &x))
        return AHOY_ERR_SYNTAX;
    if (view_ieq(v, VIEW("k")))
        x *= 1e3;
    else if (view_ieq(v, VIEW("m")))
        x *= 1e6;
    else if (v.n > 0)
        return AHOY_ERR_SYNTAX;
    if (x < 1 || x > 4e9)
        return AHOY_ERR_RANGE;
    *out = (uint32_t) x;
    return AHOY_OK;
}

enum key { LOSS, BURST, JITTER, DUP, REORDER, RATE, SEED, PARETO, SPIKE, EVERY, KEYS };

static const char *const key_name[KEYS] = {
    [LOSS] = "loss", [BURST] = "burst", [JITTER] = "jitter", [DUP] = "dup",     [REORDER] = "reorder",
    [RATE] = "rate", [SEED] = "seed",   [PARETO] = "pareto", [SPIKE] = "spike", [EVERY] = "every",
};

static enum ahoy_err parse_value(enum key key, struct view v, struct impair_config *c)
{
    switch (key) {
    case LOSS: return parse_percent(v, &c->loss);
    case BURST: return parse_plain(v, 1, 1000, &c->burst);
    case JITTER: return parse_time(v, 0, MAX_JITTER_MS, 1e3, &c->jitter_us);
    case DUP: return parse_percent(v, &c->dup);
    case REORDER: return parse_percent(v, &c->reorder);
    case RATE: return parse_rate(v, &c->rate_bps);
    case SEED: return view_u64(v, UINT64_MAX, &c->seed);
    case PARETO: return parse_time(v, 0, MAX_JITTER_MS, 1e3, &c->pareto_us);
    case SPIKE: return parse_time(v, 0, MAX_JITTER_MS, 1e3, &c->spike_us);
    case EVERY: return parse_time(v, 0.1, MAX_EVERY_S, 1e6, &c->every_us);
    case KEYS: break;
    }
    return AHOY_ERR_SYNTAX; /* there is no such key */
}

enum ahoy_err impair_parse(struct view text, struct impair_config *out)
{
    struct impair_config c = { .burst = 1, .seed = 1, .every_us = 5000000 };
    unsigned seen = 0;
    bool more = !view_empty(view_trim(text));
    while (more) {
        size_t comma = view_find(text, ',');
        more = comma < text.n;
        struct view value = view_trim(view_first(text, comma));
        text = view_from(text, comma + 1);
        struct view name = view_trim(view_cut(&value, '='));
        enum key key = LOSS;
        while (key < KEYS && !view_ieq(name, view_str(key_name[key])))
            key++;
        if (seen >> key & 1) /* twice */
            return AHOY_ERR_SYNTAX;
        seen |= 1u << key;
        enum ahoy_err err = parse_value(key, view_trim(value), &c);
        if (err)
            return err;
    }
    *out = c;
    return AHOY_OK;
}

bool impair_active(const struct impair_config *c)
{
    return c->loss > 0 || c->dup > 0 || c->reorder > 0 || c->jitter_us > 0 || c->rate_bps > 0 || c->pareto_us > 0
           || c->spike_us > 0;
}

void impair_init(struct impair *im, const struct impair_config *config)
{
    *im = (struct impair){ .config = *config };
    rng_init_u64(&im->rng, config->seed);
}

/* Gilbert's model: a run of losses ends with chance 1/burst; runs begin so often that the mean loss is as asked. */
static bool is_lost(struct impair *im)
{
    const struct impair_config *c = &im->config;
    if (c->loss <= 0)
        return false;
    double burst = AHOY_MAX(c->burst, 1.0);
    if (burst <= 1 || c->loss >= 1)
        return rng_unit(&im->rng) < c->loss;
    if (im->losing)
        im->losing = rng_unit(&im->rng) >= 1 / burst;
    else
        im->losing = rng_unit(&im->rng) < c->loss / (burst * (1 - c->loss));
    return im->losing;
}

/* Time until the stall that now lies in ends, 0 in none; stalls are drawn as time goes by. */
static int64_t stall(struct impair *im, int64_t now_us)
{
    const struct impair_config *c = &im->config;
    if (c->spike_us <= 0)
        return 0;
    double every = (double) AHOY_MAX(c->every_us, (int64_t) 100000);
    if (im->stall_us == 0)
        im->stall_us = now_us + (int64_t) ((0.5 + rng_unit(&im->rng)) * every);
    if (now_us >= im->stall_us) {
        im->stalled_us = im->stall_us + c->spike_us;
        im->stall_us += (int64_t) ((0.5 + rng_unit(&im->rng)) * every);
    }
    return AHOY_MAX(im->stalled_us - now_us, (int64_t) 0);
}

static int64_t tail(struct impair *im)
{
    if (im->config.pareto_us <= 0)
        return 0;
    double u = 1 - rng_unit(&im->rng); /* never 0 */
    double us = (double) im->config.pareto_us * (pow(u, -1 / IMPAIR_PARETO_SHAPE) - 1);
    return us < IMPAIR_TAIL_US ? (int64_t) us : IMPAIR_TAIL_US;
}

/* Of one packet; none leaves the network before the stall that it met ends. */
static int64_t delay(struct impair *im, int64_t stalled_us)
{
    int64_t us = (int64_t) (rng_unit(&im->rng) * 2 * (double) im->config.jitter_us);
    if (im->config.reorder > 0 && rng_unit(&im->rng) < im->config.reorder)
        us += IMPAIR_REORDER_US;
    us += tail(im);
    return AHOY_MAX(us, stalled_us);
}

void impair_decide(struct impair *im, int64_t now_us, size_t bytes, struct impair_decision *out)
{
    const struct impair_config *c = &im->config;
    *out = (struct impair_decision){ 0 };
    bool lost = is_lost(im);
    int64_t stalled = stall(im, now_us);
    int64_t first = now_us + delay(im, stalled);
    bool twice = c->dup > 0 && rng_unit(&im->rng) < c->dup;
    int64_t second = twice ? now_us + delay(im, stalled) : now_us;
    if (lost)
        return;
    int64_t queue = 0;
    if (c->rate_bps > 0) {
        im->busy_us = AHOY_MAX(im->busy_us, now_us);
        queue = im->busy_us - now_us;
        if (queue > IMPAIR_QUEUE_US)
            return;
        int64_t send = (int64_t) ((double) bytes * 8e6 / c->rate_bps);
        im->busy_us += send;
        queue += send;
    }
    out->copies = twice ? 2 : 1;
    out->at_us[0] = first + queue;
    out->at_us[1] = second + queue;
}
