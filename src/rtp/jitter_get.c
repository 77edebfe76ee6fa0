/* The playing side of the jitter buffer. */
#include "rtp/jitter_priv.h"

enum {
    STEP_US = 10000,                        /* EMPTY and SILENCE are answered in steps of this */
    LEAST_US = 2500,                        /* the shortest silence: of Opus a step, too */
    EARLY_US = 5000,                        /* so much before its time a frame may be given up */
    BACKLOG_US = 400000,                    /* more than the target and this is not worth hearing late */
    LONG_EMPTY_US = 1000000,                /* then the sender is taken to be silent */
    LOW_US = 4000,                          /* below the target by more: stretch */
    SLACK_US = 2000,                        /* above what the player's steps make unavoidable */
    SETTLED_FRAMES = JITTER_LOST_AFTER + 5, /* behind a gap: by then it is known whether it was a loss */
    TRIM_US = 6000,                         /* above that: shorten silence */
    SHRINK_US = 80000,                      /* above that: shorten speech too, which is heard, but so is the delay */
    COPY_LATE_US = 4000,                    /* below the target a copy comes in time, mostly */
    COPY_STRETCH_US = 130000,               /* so long at most a lost frame is stretched until its copy comes */
    CALM_TARGET_US = 17000, /* a network with little jitter: there the delay is brought near to the target … */
    NEAR_FRAMES = 100,      /* … after so many frames in which nothing was too late: */
    NEAR_MOST = 3200,       /* … twice as many each time that something was behind that */
    NEAR_TOLD = 25,         /* frames that what was found out then is good for */
    NEAR_KEEP_US = 1000,    /* … less this: clocks differ */
    NEAR_LEAST_US = 1500,   /* … when it is worth it */
    HELD_US = 12000,        /* a pitch period: the player may shrink by it without asking for the next frame sooner */
};

static uint32_t step_ts(const struct jitter *j)
{
    int64_t step = jitter_us_to_ts(j, STEP_US);
    return (uint32_t) AHOY_MAX(AHOY_MIN(step, (int64_t) j->frame_ts), (int64_t) 1);
}

static bool is_plausible_frame(const struct jitter *j, int64_t ts)
{
    return ts > 0 && ts <= (int64_t) j->config.clock_hz * JITTER_MAX_FRAME_MS / 1000;
}

/* The first packet at or behind `ext`, or NULL. */
static struct jitter_slot *find_from(struct jitter *j, int64_t ext)
{
    if (j->count == 0)
        return NULL;
    for (; ext <= j->max_ext; ext++) {
        struct jitter_slot *s = jitter_find(j, ext);
        if (s)
            return s;
    }
    return NULL;
}

static struct view payload_of(const struct jitter *j, const struct jitter_slot *s)
{
    return view_of(j->slab + s->offset, s->n);
}

static uint32_t duration_of(struct jitter *j, const struct jitter_slot *s)
{
    if (s->duration_ts > 0)
        return s->duration_ts;
    const struct jitter_slot *next = jitter_find(j, s->ext + 1);
    if (next && !next->marker && !next->filler && !s->silence && is_plausible_frame(j, next->ts - s->ts))
        return (uint32_t) (next->ts - s->ts);
    return j->frame_ts;
}

static unsigned near_frames(const struct jitter *j)
{
    return AHOY_MIN((unsigned) NEAR_FRAMES << AHOY_MIN(j->near.stumbles, 8U), (unsigned) NEAR_MOST);
}

/* Something was not there in time: the delay is brought near to the target more slowly. */
static void note_stumble(struct jitter *j)
{
    j->near.stumbles += j->near.told;
    j->near.told = false;
    j->near.frames = 0;
    j->settled_frames = 0;
}

static void note_delay(struct jitter *j, int64_t us, int64_t held_us)
{
    double ms = (double) (us + held_us) / 1000;
    size_t bucket = ms <= 0 ? 0 : (size_t) (ms / 5);
    j->delays[AHOY_MIN(bucket, AHOY_COUNT(j->delays) - 1)]++;
    j->delay_sum_ms += ms;
    j->delay_n++;
    j->smooth_us = j->has_delay ? j->smooth_us + (us - j->smooth_us) / 8 : us;
    j->delay_us[1] = j->has_delay ? j->delay_us[0] : us;
    j->delay_us[0] = us;
    j->held_us[1] = j->has_delay ? j->held_us[0] : held_us;
    j->held_us[0] = held_us;
    bool first = j->near.frames == 0 || j->near.frames >= near_frames(j) + NEAR_TOLD;
    j->near.frames = first ? 1 : j->near.frames + 1;
    j->near.asked_us = first ? us : AHOY_MIN(j->near.asked_us, us);
    j->near.held_us = first ? held_us : AHOY_MIN(j->near.held_us, held_us);
    j->near.told = j->near.told || j->near.frames >= near_frames(j);
    j->has_delay = true;
}

static enum jitter_got answer_packet(struct jitter *j, struct jitter_slot *s, int64_t now_us, int64_t held_us,
                                     struct jitter_frame *out)
{
    *out = (struct jitter_frame){
        .duration_ts = duration_of(j, s),
        .payload_type = s->payload_type,
        .marker = s->marker,
        .restart = j->restart,
        .copy = s->copy,
        .seq = (uint16_t) s->ext,
        .timestamp = (uint32_t) s->ts,
        .payload = payload_of(j, s),
    };
    j->fresh = j->restart = false;
    j->silent = s->silence;
    j->settled_frames++;
    j->covered_ts = 0;
    j->run = 0;
    j->run_us = 0;
    j->next_ts = s->ts + out->duration_ts;
    jitter_step(j, true);
    jitter_count_loss(j);
    j->stats.played++;
    note_delay(j, now_us - s->base_us, held_us);
    j->waited_us = now_us - s->when_us;
    jitter_release(j, s);
    return JITTER_PACKET;
}

static enum jitter_got answer_silence(struct jitter *j, struct jitter_frame *out)
{
    *out = (struct jitter_frame){ .duration_ts = step_ts(j) };
    return JITTER_SILENCE;
}

/* Silence until the packet's delay is the target, to the millisecond: what is waited too long now stays. */
static enum jitter_got answer_wait(struct jitter *j, const struct jitter_slot *s, int64_t now_us,
                                   struct jitter_frame *out)
{
    int64_t left = jitter_us_to_ts(j, AHOY_MAX(s->base_us + jitter_target_us(j) - now_us, (int64_t) LEAST_US));
    *out = (struct jitter_frame){ .duration_ts = (uint32_t) AHOY_MIN(AHOY_MAX(left, (int64_t) 1),
                                                                     (int64_t) step_ts(j)) };
    return JITTER_SILENCE;
}

static enum jitter_got answer_empty(struct jitter *j, bool covers, struct jitter_frame *out)
{
    *out = (struct jitter_frame){ .duration_ts = step_ts(j), .run = ++j->run };
    int64_t us = jitter_ts_to_us(j, out->duration_ts);
    note_stumble(j);
    if (covers)
        j->covered_ts += out->duration_ts;
    j->run_us += us;
    j->stats.empty++;
    j->stats.concealed++;
    j->stats.concealed_us += us;
    if (j->run_us >= LONG_EMPTY_US)
        j->silent = true;
    return JITTER_EMPTY;
}

/* The head is passed over: it was lost. */
static void pass_over(struct jitter *j, uint32_t duration_ts)
{
    jitter_step(j, false);
    j->next_ts += duration_ts;
    note_stumble(j);
    j->stats.lost++;
    jitter_count_loss(j);
}

/* What one of the packets that are missing before `next` lasted. */
static uint32_t lost_duration(const struct jitter *j, const struct jitter_slot *next)
{
    int64_t each = (next->ts - j->next_ts) / (next->ext - j->next_ext);
    return !next->filler && is_plausible_frame(j, each) && each >= j->frame_ts / 2 ? (uint32_t) each : j->frame_ts;
}

/* `long_enough`: the delay need not grow, so what a stretch has covered of a frame that nothing recovers is left out. */
static enum jitter_got answer_lost(struct jitter *j, const struct jitter_slot *next, uint32_t lasts, bool long_enough,
                                   struct jitter_frame *out)
{
    *out = (struct jitter_frame){
        .duration_ts = lasts,
        .seq = (uint16_t) j->next_ext,
        .timestamp = (uint32_t) j->next_ts,
        .next_distance = next->filler ? 0 : (unsigned) (next->ext - j->next_ext),
        .next_payload_type = next->payload_type,
        .next_timestamp = (uint32_t) next->ts,
        .next_payload = payload_of(j, next),
    };
    if (long_enough && next->ext - j->next_ext > j->wait.redundancy && j->covered_ts < lasts) {
        out->duration_ts -= (uint32_t) j->covered_ts;
        j->covered_ts = 0;
    }
    pass_over(j, lasts);
    j->run = 0;
    j->run_us = 0;
    j->stats.concealed++;
    j->stats.concealed_us += jitter_ts_to_us(j, out->duration_ts);
    return JITTER_LOST;
}

/* A stall ended in more than is worth hearing late: what is oldest goes. */
static void drop_backlog(struct jitter *j)
{
    struct jitter_slot *s = find_from(j, j->next_ext);
    const struct jitter_slot *last = jitter_find(j, j->max_ext);
    int64_t most = jitter_target_us(j) + BACKLOG_US;
    if (j->fresh || !s || !last || jitter_ts_to_us(j, last->ts - s->ts) <= most)
        return;
    int64_t keep = jitter_target_us(j) + jitter_frame_us(j);
    while (s && s != last && jitter_ts_to_us(j, last->ts - s->ts) > keep) {
        while (j->next_ext <= s->ext)
            jitter_step(j, false);
        j->next_ts = s->ts + j->frame_ts;
        j->stats.discarded++;
        jitter_release(j, s);
        s = find_from(j, j->next_ext);
    }
}

static bool is_behind_gap(const struct jitter *j, const struct jitter_slot *s)
{
    return s->ts - j->next_ts > j->frame_ts / 2;
}

/* Nothing is missing, yet the timestamp went on: what was taken for an underrun was the sender's silence. */
static void forgive_empty(struct jitter *j)
{
    j->stats.concealed -= j->run;
    j->stats.empty -= j->run;
    j->stats.concealed_us -= j->run_us;
    j->run = 0;
    j->run_us = 0;
    j->silent = true;
}

/* The first packet of a stream or a talkspurt waits until its delay is the target. */
static bool must_wait(const struct jitter *j, const struct jitter_slot *s, int64_t now_us)
{
    return (j->fresh || j->silent || is_behind_gap(j, s)) && now_us + SLACK_US / 2 < s->base_us + jitter_target_us(j);
}

/* A frame is missing, and the delay is shorter than what a copy of it may need: it grows now, where something is amiss. */
static bool awaits_copy(const struct jitter *j, int64_t delay)
{
    int64_t until = jitter_target_us(j);
    if (j->wait.unproven) /* whether it was a loss is known too late for the next ones */
        until = AHOY_MAX(until, jitter_network_us(j) + j->wait.copies_us);
    return j->wait.copies_us > 0 && (j->wait.packets > 0 || j->wait.unproven) && delay < until - COPY_LATE_US
           && j->run_us < COPY_STRETCH_US;
}

/*
 * A stretch that waits for a copy goes on when the copy was quick (it was asked for, or the copy behind was near): the
 * delay would have to grow by the rest all the same, and that would be a second flaw.
 */
static bool goes_on_stretching(const struct jitter *j, const struct jitter_slot *s, int64_t now_us)
{
    return s->copy && j->run > 0 && awaits_copy(j, now_us - s->base_us);
}

enum jitter_got jitter_get(struct jitter *j, int64_t now_us, int64_t held_us, struct jitter_frame *out)
{
    if (!j->started)
        return answer_silence(j, out);
    drop_backlog(j);
    for (;;) {
        struct jitter_slot *s = find_from(j, j->next_ext);
        if (!s)
            return j->silent || j->fresh ? answer_silence(j, out) : answer_empty(j, true, out);
        if (s->ext > j->next_ext && (j->silent || j->fresh)) {
            if (!s->filler && must_wait(j, s, now_us))
                return answer_wait(j, s, now_us, out); /* what it has overtaken may still come */
            while (j->next_ext < s->ext)
                jitter_step(j, false); /* what was lost in silence was silence */
            continue;
        }
        if (s->ext == j->next_ext) {
            if (s->filler) {
                jitter_step(j, true);
                j->silent = true;
                jitter_release(j, s);
                continue;
            }
            if (j->run > 0 && is_behind_gap(j, s))
                forgive_empty(j);
            if (goes_on_stretching(j, s, now_us))
                return answer_empty(j, false, out);
            return must_wait(j, s, now_us) ? answer_wait(j, s, now_us, out) : answer_packet(j, s, now_us, held_us, out);
        }
        uint32_t lasts = lost_duration(j, s);
        int64_t delay = now_us - (s->base_us - jitter_ts_to_us(j, s->ts - j->next_ts));
        if (j->covered_ts >= lasts && delay >= jitter_target_us(j)) {
            j->covered_ts -= lasts; /* the stretch has stood in for it */
            pass_over(j, lasts);
            continue;
        }
        bool early = delay < jitter_network_us(j) - EARLY_US || awaits_copy(j, delay);
        if (early && !s->filler)
            return answer_empty(j, false, out); /* it may still come */
        return answer_lost(j, s, lasts, delay >= jitter_target_us(j), out);
    }
}

bool jitter_goes_on(const struct jitter *j)
{
    const struct jitter_slot *s = &j->slot[(uint64_t) j->next_ext % JITTER_RING];
    bool here = s->used && s->ext == j->next_ext && !s->filler;
    return here && j->started && !j->fresh && !j->silent && j->run == 0 && !is_behind_gap(j, s);
}

/* By how much the delay is surely above the target, or below it: the last two frames agree. */
static int64_t error_us(const struct jitter *j)
{
    int64_t least = AHOY_MIN(j->delay_us[0], j->delay_us[1]) - jitter_target_us(j);
    int64_t most = AHOY_MAX(j->delay_us[0], j->delay_us[1]) - jitter_target_us(j);
    return least > 0 ? least : AHOY_MIN(most, (int64_t) 0);
}

/*
 * What can be left out on a calm network, and every packet is still in time: whole steps of the player's that a frame is
 * asked for later than need be, and what the player had in hand then. Frames that were asked for late (the machine was
 * busy) do not count, for the least of several does.
 */
static int64_t spare_us(const struct jitter *j)
{
    if (j->near.frames < near_frames(j) || jitter_target_us(j) > CALM_TARGET_US)
        return 0;
    int64_t over_us = AHOY_MAX(j->near.asked_us - jitter_target_us(j), (int64_t) 0);
    return over_us / j->config.player_us * j->config.player_us + j->near.held_us - NEAR_KEEP_US;
}

enum jitter_advice jitter_advice(const struct jitter *j, int64_t *by_us)
{
    *by_us = 0;
    if (!j->has_delay || j->silent || j->fresh)
        return JITTER_NORMAL;
    int64_t over = error_us(j) - j->config.player_us - SLACK_US;
    if (error_us(j) < -LOW_US) {
        *by_us = -error_us(j);
        return JITTER_STRETCH;
    }
    *by_us = AHOY_MAX(over, (int64_t) 0);
    if (j->settled_frames < SETTLED_FRAMES && j->wait.packets == 0 && j->wait.redundancy > 0)
        return JITTER_NORMAL; /* if it was a loss, the next ones will need that delay */
    if (over <= TRIM_US) {
        *by_us = AHOY_MIN(j->held_us[0], j->held_us[1]);
        if (*by_us > HELD_US)
            return JITTER_TRIM;
        *by_us = spare_us(j);
        return *by_us >= NEAR_LEAST_US ? JITTER_TRIM : JITTER_NORMAL;
    }
    if (j->count == 0 && j->waited_us <= j->config.player_us + SLACK_US)
        return JITTER_NORMAL; /* packets are played as they come: there is nothing to gain */
    return over > SHRINK_US ? JITTER_SHRINK : JITTER_TRIM;
}
