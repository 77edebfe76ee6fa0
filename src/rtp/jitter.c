#include "rtp/jitter.h"

#include "base/mem.h"
#include "rtp/jitter_priv.h"
#include "rtp/packet.h"

enum {
    NONE = JITTER_RING,
    MISORDER = 100,         /* how far behind a packet may be and still be of this stream */
    LATES_RESTART = 16,     /* late in a row, nothing else coming: the sender restarted a little behind */
    SLAB_SOFT_BYTES = 4096, /* the slab is tidied here already, so that a call touches little memory */
    MAX_CLOCK_HZ = 1000000,
    LEAST_FRAMES_S = 400,   /* a second: a packet of less than 2.5 ms is not what the stream is made of */
    OUTAGE_OFF_US = 500000, /* the network may be another one behind an outage */
    COPY_MOST_US = 2000000, /* a copy is not older: RFC 2198 tells it in 14 bits */
};

struct jitter_config jitter_config_default(uint32_t clock_hz)
{
    return (struct jitter_config){
        .clock_hz = clock_hz,
        .frame_ts = clock_hz / 50,
        .player_us = 20000,
        .min_delay_us = 2000,
        .max_delay_us = 600000,
        .start_delay_us = 10000,
        .slab_bytes = 32768,
        .redundancy = 1,
    };
}

enum ahoy_err jitter_create(struct jitter **out, const struct jitter_config *c)
{
    if (c->clock_hz == 0 || c->clock_hz > MAX_CLOCK_HZ || c->frame_ts == 0 || c->frame_ts > c->clock_hz
        || c->player_us <= 0 || c->min_delay_us < 0 || c->min_delay_us > c->max_delay_us
        || c->start_delay_us < c->min_delay_us || c->start_delay_us > c->max_delay_us
        || c->slab_bytes < JITTER_MAX_PAYLOAD_BYTES || c->slab_bytes > UINT32_MAX)
        return AHOY_ERR_INVAL;
    struct jitter *j = mem_zalloc(sizeof *j);
    if (!j)
        return AHOY_ERR_NOMEM;
    j->slab = mem_alloc(c->slab_bytes);
    if (!j->slab) {
        mem_free(j);
        return AHOY_ERR_NOMEM;
    }
    j->config = *c;
    j->wait.redundancy = c->redundancy;
    j->frame_ts = c->frame_ts;
    j->oldest = j->newest = NONE;
    delay_init(&j->delay, c);
    *out = j;
    return AHOY_OK;
}

void jitter_set_player(struct jitter *j, int64_t player_us)
{
    AHOY_ASSERT(player_us > 0);
    j->config.player_us = player_us;
}

void jitter_destroy(struct jitter *j)
{
    if (!j)
        return;
    mem_free(j->slab);
    mem_free(j);
}

/* ---- payloads ---------------------------------------------------------------------------------------------------- */

void jitter_release(struct jitter *j, struct jitter_slot *s)
{
    if (s->older != NONE)
        j->slot[s->older].newer = s->newer;
    else
        j->oldest = s->newer;
    if (s->newer != NONE)
        j->slot[s->newer].older = s->older;
    else
        j->newest = s->older;
    s->used = false;
    j->live -= s->n;
    j->count--;
}

/* Moves what is kept to the front of the slab. Order of arrival is order in the slab, so nothing is overwritten. */
static void tidy(struct jitter *j)
{
    uint32_t end = 0;
    for (unsigned i = j->oldest; i != NONE; i = j->slot[i].newer) {
        struct jitter_slot *s = &j->slot[i];
        if (s->offset != end)
            memmove(j->slab + end, j->slab + s->offset, s->n);
        s->offset = end;
        end += s->n;
    }
    j->end = end;
}

static void discard_first(struct jitter *j)
{
    struct jitter_slot *s = NULL;
    while (!(s = jitter_find(j, j->next_ext)))
        jitter_step(j, false);
    jitter_step(j, false);
    j->next_ts = s->ts + (s->duration_ts > 0 ? s->duration_ts : j->frame_ts);
    j->stats.discarded++;
    jitter_release(j, s);
}

/* Makes room for `n` more bytes and a slot. */
static void make_room(struct jitter *j, size_t n)
{
    while (j->count > 0 && (j->count >= JITTER_MAX_PACKETS || j->live + n > j->config.slab_bytes))
        discard_first(j);
    size_t soft = AHOY_MIN(AHOY_MAX((size_t) SLAB_SOFT_BYTES, 2 * (j->live + n)), j->config.slab_bytes);
    if (j->end + n > soft)
        tidy(j);
}

/* ---- timing ------------------------------------------------------------------------------------------------------ */

int64_t jitter_ts_to_us(const struct jitter *j, int64_t ts)
{
    return rtp_ts_to_us(ts, j->config.clock_hz);
}

int64_t jitter_us_to_ts(const struct jitter *j, int64_t us)
{
    return rtp_us_to_ts(us, j->config.clock_hz);
}

/* When the packet would have come without jitter; counts it unless it says nothing about the network. */
static int64_t base_time(struct jitter *j, const struct jitter_packet *p, int64_t ts, int64_t when_us)
{
    int64_t transit = when_us - jitter_ts_to_us(j, ts - j->origin_ts);
    if (p->redundant || p->filler) /* of a copy's timestamp nothing is believed that its packet would not be, either */
        return when_us - AHOY_MIN(AHOY_MAX(delay_of(&j->delay, transit), (int64_t) 0), (int64_t) COPY_MOST_US);
    bool restarted;
    int64_t relative = delay_add(&j->delay, transit, when_us, &restarted);
    if (restarted)
        drift_reset(&j->drift);
    else
        drift_put(&j->drift, transit, when_us);
    if (restarted) {
        /* Transit counts from this packet on, so no sender's clock can make the numbers grow without end. */
        j->origin_ts = ts;
        j->delay.ref_us = when_us;
    }
    return when_us - relative;
}

int64_t jitter_frame_us(const struct jitter *j)
{
    return AHOY_MAX(jitter_ts_to_us(j, j->frame_ts), (int64_t) 1);
}

int64_t jitter_network_us(const struct jitter *j)
{
    return j->delay.target_us;
}

int64_t jitter_target_us(const struct jitter *j)
{
    return AHOY_MIN(j->delay.target_us + jitter_wait_us(j), j->config.max_delay_us);
}

bool jitter_drift_ppm(const struct jitter *j, double *ppm)
{
    return drift_ppm(&j->drift, ppm);
}

/* ---- streams ----------------------------------------------------------------------------------------------------- */

static void forget_packets(struct jitter *j)
{
    for (size_t i = 0; i < JITTER_RING; i++)
        j->slot[i].used = false;
    j->oldest = j->newest = NONE;
    j->count = 0;
    j->end = j->live = 0;
    memset(j->played, 0, sizeof j->played);
    memset(j->came, 0, sizeof j->came);
}

void jitter_reset(struct jitter *j)
{
    forget_packets(j);
    delay_restart(&j->delay);
    j->started = false;
    j->has_pending = false;
    j->has_delay = false;
    j->silent = false;
    j->covered_ts = 0;
    j->run = 0;
    j->run_us = 0;
    j->lates = 0;
}

void jitter_set_clock(struct jitter *j, uint32_t clock_hz, uint32_t frame_ts)
{
    if (clock_hz == 0 || clock_hz > MAX_CLOCK_HZ || frame_ts == 0 || frame_ts > clock_hz
        || clock_hz == j->config.clock_hz)
        return;
    j->config.clock_hz = clock_hz;
    j->config.frame_ts = j->frame_ts = frame_ts;
    jitter_reset(j);
}

/* The packet is the first of its stream. */
static void begin_stream(struct jitter *j, const struct jitter_packet *p)
{
    j->stats.restarts += j->started;
    jitter_reset(j);
    j->started = j->fresh = j->restart = true;
    j->ssrc = p->ssrc;
    j->next_ext = j->max_ext = j->last_ext = ((int64_t) 1 << 32) + p->seq; /* room below for reordered ones */
    j->first_ext = j->next_ext;
    jitter_wait_begin(j);
    j->next_ts = j->last_ts = j->origin_ts = ((int64_t) 1 << 40) + p->timestamp;
}

/* ---- in ---------------------------------------------------------------------------------------------------------- */

/* Packet durations are learnt from neighbours. */
static void learn_frame(struct jitter *j, const struct jitter_packet *p, int64_t ext, int64_t ts)
{
    int64_t step = p->duration_ts;
    if (step == 0 && ext == j->last_ext + 1 && !p->marker && !p->silence)
        step = ts - j->last_ts;
    if (step * LEAST_FRAMES_S >= j->config.clock_hz
        && step <= (int64_t) j->config.clock_hz * JITTER_MAX_FRAME_MS / 1000)
        j->frame_ts = (uint32_t) step;
}

static void store(struct jitter *j, const struct jitter_packet *p, int64_t ext, int64_t ts, int64_t when_us)
{
    jitter_note_came(j, ext, !p->redundant);
    size_t n = p->filler ? 0 : p->payload.n;
    struct jitter_slot *s = jitter_slot_of(j, ext);
    uint8_t index = (uint8_t) (s - j->slot);
    *s = (struct jitter_slot){
        .used = true,
        .marker = p->marker,
        .silence = p->silence,
        .filler = p->filler,
        .copy = p->redundant,
        .payload_type = p->payload_type,
        .older = j->newest,
        .newer = NONE,
        .duration_ts = p->duration_ts,
        .offset = j->end,
        .n = (uint32_t) n,
        .ext = ext,
        .ts = ts,
        .when_us = when_us,
        .base_us = base_time(j, p, ts, when_us),
    };
    if (n > 0)
        memcpy(j->slab + s->offset, p->payload.p, n);
    if (j->newest != NONE)
        j->slot[j->newest].newer = index;
    else
        j->oldest = index;
    j->newest = index;
    j->end += (uint32_t) n;
    j->live += (uint32_t) n;
    j->count++;
}

/* Its turn has passed. True when so many did in a row that the stream must have begun anew. */
static bool take_late(struct jitter *j, const struct jitter_packet *p, int64_t ext, int64_t ts, int64_t when_us,
                      enum jitter_put *put)
{
    *put = jitter_was_played(j, ext) ? JITTER_PUT_DUPLICATE : JITTER_PUT_LATE;
    if (p->redundant)
        return false;
    if (jitter_came(j, ext)) {
        j->stats.duplicate++;
        return false;
    }
    jitter_note_came(j, ext, true); /* it was not lost, only slow: that is the target's business */
    j->stats.late += *put == JITTER_PUT_LATE;
    if (!p->filler)
        base_time(j, p, ts, when_us);
    return j->count == 0 && ++j->lates >= LATES_RESTART;
}

/* Sequence numbers jumped: believed when the next one follows (as in RFC 3550 A.1). */
static bool confirms_jump(struct jitter *j, uint16_t seq)
{
    bool confirmed = j->has_pending && seq == j->pending_seq;
    j->pending_seq = (uint16_t) (seq + 1);
    j->has_pending = true;
    return confirmed;
}

/* A jump whose timestamp says when it comes is the end of an outage and needs no other packet to confirm it. */
static bool ends_outage(const struct jitter *j, const struct jitter_packet *p, int64_t ext, int64_t ts, int64_t when_us)
{
    int64_t off = delay_of(&j->delay, when_us - jitter_ts_to_us(j, ts - j->origin_ts));
    return !p->redundant && ext > j->max_ext && j->count == 0 && j->delay.begun && off > -OUTAGE_OFF_US
           && off < OUTAGE_OFF_US;
}

static enum jitter_put take_first(struct jitter *j, const struct jitter_packet *p, int64_t when_us)
{
    bool again = j->started;
    begin_stream(j, p);
    make_room(j, p->payload.n);
    store(j, p, j->next_ext, j->next_ts, when_us);
    return again ? JITTER_PUT_RESTART : JITTER_PUT_OK;
}

/* A packet that is a little older than the stream's first one, before anything was played. */
static bool is_before_first(const struct jitter *j, int64_t ext)
{
    return j->fresh && ext < j->next_ext && j->max_ext - ext < JITTER_RING / 2;
}

enum jitter_put jitter_put(struct jitter *j, const struct jitter_packet *p, int64_t when_us)
{
    enum jitter_put put = JITTER_PUT_OK;
    if (p->payload.n > JITTER_MAX_PAYLOAD_BYTES || (p->redundant && (!j->started || p->ssrc != j->ssrc))) {
        j->stats.refused += !p->redundant;
        return JITTER_PUT_REFUSED;
    }
    j->stats.received += !p->redundant;
    if (!j->started || p->ssrc != j->ssrc)
        return take_first(j, p, when_us);
    int64_t ext = j->max_ext + rtp_seq_diff(p->seq, (uint16_t) j->max_ext);
    int64_t ts = j->last_ts + rtp_ts_diff(p->timestamp, (uint32_t) j->last_ts);
    if (ext >= j->next_ext + JITTER_RING || ext < j->next_ext - MISORDER) {
        if (ends_outage(j, p, ext, ts, when_us) || (!p->redundant && confirms_jump(j, p->seq)))
            return take_first(j, p, when_us);
        j->stats.refused += !p->redundant;
        return JITTER_PUT_REFUSED;
    }
    j->has_pending = false;
    if (p->redundant)
        jitter_note_copy(j, ext);
    struct jitter_slot *kept = jitter_find(j, ext);
    if (kept) {
        if (p->redundant || !kept->copy) {
            j->stats.duplicate += !p->redundant;
            return JITTER_PUT_DUPLICATE;
        }
        jitter_release(j, kept); /* a copy was here first: what comes now is better, and tells how the network is */
    }
    if (is_before_first(j, ext))
        j->next_ext = ext;
    make_room(j, p->payload.n); /* which may let the turn of this very packet pass */
    if (ext < j->next_ext)
        return take_late(j, p, ext, ts, when_us, &put) ? take_first(j, p, when_us) : put;
    j->lates = 0;
    if (!p->filler && !p->redundant) {
        learn_frame(j, p, ext, ts);
        j->last_ts = ts;
        j->last_ext = ext;
    }
    while (j->max_ext < ext) {
        jitter_note_came(j, ++j->max_ext, false);
        j->wait.copied_after[(uint64_t) j->max_ext % JITTER_RING] = 0;
    }
    store(j, p, ext, ts, when_us);
    return put;
}

/* ---- figures ----------------------------------------------------------------------------------------------------- */

unsigned jitter_count(const struct jitter *j)
{
    return j->count;
}

int64_t jitter_delay_us(const struct jitter *j)
{
    return j->has_delay ? j->smooth_us : 0;
}

void jitter_stats(const struct jitter *j, struct jitter_stats *out)
{
    *out = j->stats;
    out->spikes = j->delay.spikes;
    out->loss = j->wait.loss;
    out->delay_mean_ms = j->delay_n > 0 ? j->delay_sum_ms / (double) j->delay_n : 0;
    uint64_t seen = 0, enough = j->delay_n - j->delay_n / 20;
    size_t i = 0;
    while (i < AHOY_COUNT(j->delays) && (seen += j->delays[i]) < enough)
        i++;
    out->delay_95_ms = j->delay_n > 0 ? 5.0 * (double) i + 2.5 : 0;
}
