/* What the simulated network does to one packet of one direction: loss, delay, queueing. */
#include "base/mem.h"
#include "sys/sim_world.h"

enum { LEAST_DELAY_US = 10, REORDER_US = 20000 };

static struct view path_key(const struct sim_host *from, const struct sim_host *to, char key[8])
{
    memcpy(key, &from->index, 4);
    memcpy(key + 4, &to->index, 4);
    return view_of(key, 8);
}

struct sim_path *sim_path_get(struct sim *s, const struct sim_host *from, const struct sim_host *to)
{
    char key[8];
    struct map_node *k = map_get(&s->paths, path_key(from, to, key));
    if (k)
        return MAP_ENTRY(k, struct sim_path, node);
    struct sim_path *p = mem_zalloc(sizeof *p);
    if (!p)
        return NULL;
    if (map_put(&s->paths, path_key(from, to, p->key), &p->node)) {
        mem_free(p);
        return NULL;
    }
    if (from == to) { /* a host's own loopback is perfect */
        p->own_link = true;
        p->link.delay_us = LEAST_DELAY_US;
    }
    return p;
}

const struct sim_link *sim_path_link(const struct sim *s, const struct sim_path *p)
{
    return p->own_link ? &p->link : &s->link;
}

void sim_default_link(struct sim *s, const struct sim_link *link)
{
    s->link = *link;
}

enum ahoy_err sim_pair_link(struct sim *s, struct sys_host *from, struct sys_host *to, const struct sim_link *link)
{
    struct sim_path *p = sim_path_get(s, sim_host_of(from), sim_host_of(to));
    if (!p)
        return AHOY_ERR_NOMEM;
    p->link = *link;
    p->own_link = true;
    return AHOY_OK;
}

enum ahoy_err sim_partition(struct sim *s, struct sys_host *a, struct sys_host *b, bool cut)
{
    struct sim_path *there = sim_path_get(s, sim_host_of(a), sim_host_of(b));
    struct sim_path *back = sim_path_get(s, sim_host_of(b), sim_host_of(a));
    if (!there || !back)
        return AHOY_ERR_NOMEM;
    there->cut = back->cut = cut;
    return AHOY_OK;
}

bool sim_chance(struct sim *s, double p)
{
    return p > 0 && (p >= 1 || rng_unit(&s->net) < p);
}

/* Gilbert's model: every packet of a bad run is lost. A run ends with chance 1/burst after each packet, and begins so
 * often * that the share of lost packets is `loss`. */
bool sim_path_loses(struct sim *s, struct sim_path *p)
{
    const struct sim_link *l = sim_path_link(s, p);
    if (l->burst <= 1 || l->loss <= 0 || l->loss >= 1)
        return sim_chance(s, l->loss);
    if (p->in_burst)
        p->in_burst = !sim_chance(s, 1 / l->burst);
    else
        p->in_burst = sim_chance(s, l->loss / (l->burst * (1 - l->loss)));
    return p->in_burst;
}

int64_t sim_path_delay(struct sim *s, const struct sim_path *p)
{
    const struct sim_link *l = sim_path_link(s, p);
    int64_t delay = l->delay_us;
    if (l->jitter_us > 0)
        delay += (int64_t) (rng_unit(&s->net) * (double) l->jitter_us);
    if (sim_chance(s, l->reorder))
        delay += l->reorder_us > 0 ? l->reorder_us : REORDER_US;
    return AHOY_MAX(delay, (int64_t) LEAST_DELAY_US);
}

bool sim_path_queue(struct sim *s, struct sim_path *p, size_t bytes, int64_t *delay)
{
    const struct sim_link *l = sim_path_link(s, p);
    if (l->rate_bps == 0)
        return true;
    int64_t now = sim_clock(s);
    int64_t start = AHOY_MAX(now, p->busy_until);
    double queued = (double) (start - now) * l->rate_bps / 8e6;
    if (queued + (double) bytes > (double) l->queue_bytes && start > now)
        return false;
    p->busy_until = start + (int64_t) ((double) bytes * 8e6 / l->rate_bps);
    *delay += p->busy_until - now;
    return true;
}
