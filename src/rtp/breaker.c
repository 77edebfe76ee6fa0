#include "rtp/breaker.h"

#include <math.h>

enum {
    STUCK_REPORTS = 5,     /* k of section 4.2 */
    SILENCE_US = 15000000, /* three intervals of five seconds, section 4.1 */
    RETRY_US = 30000000,
    RETRY_MEDIA_US = 5000000, /* a path that is broken is not harmed by trying */
    LEAST_US = 1000000,       /* intervals below that are counted as such: reports come quicker than networks change */
    GROUPS = 10,
    ROUNDS = 10,
    INTERVALS = 3,
    LONGEST_US = 15000000, /* CB_INTERVAL, section 4.3 */
};

static const double times_tcp = 10;

void breaker_init(struct breaker *b, int64_t now_us)
{
    *b = (struct breaker){ .began_us = now_us };
}

static void trigger(struct breaker *b, enum breaker_why why, int64_t now_us)
{
    b->why = why;
    b->opened_us = now_us;
}

/* The mean loss over the last `span_us`; below 0 when reports do not reach back so far. */
static double mean_loss(const struct breaker *b, int64_t span_us)
{
    double sum = 0;
    int64_t took = 0;
    for (unsigned i = 0; i < b->n && took < span_us; i++) {
        unsigned k = (b->at + BREAKER_REPORTS - 1 - i) % BREAKER_REPORTS;
        sum += b->report[k].fraction * (double) b->report[k].took_us;
        took += b->report[k].took_us;
    }
    return took >= span_us ? sum / (double) took : -1;
}

/* The span of CB_INTERVAL reports: three reports, ten round trips, ten frames, whichever is longest, up to 15 s. */
static int64_t span_of(const struct breaker_report *r, int64_t interval_us)
{
    int64_t span = AHOY_MAX(GROUPS * r->frame_us, ROUNDS * r->round_us);
    span = AHOY_MAX(span, INTERVALS * AHOY_MAX(interval_us, (int64_t) LEAST_US));
    return AHOY_MIN(span, (int64_t) LONGEST_US);
}

/* What a TCP flow would get, bytes a second, by the simplified equation of section 4.3. */
static double tcp_bytes_s(const struct breaker_report *r, double loss)
{
    return r->packet_bytes / ((double) r->round_us / 1e6 * sqrt(2 * loss / 3));
}

void breaker_report(struct breaker *b, const struct breaker_report *r, int64_t now_us)
{
    int64_t interval = now_us - (b->reported ? b->reported_us : b->began_us);
    bool moved = !b->reported || r->ext_seq != b->ext_seq;
    b->report[b->at].fraction = r->fraction;
    b->report[b->at].took_us = AHOY_MAX(interval, (int64_t) 1);
    b->at = (b->at + 1) % BREAKER_REPORTS;
    b->n = AHOY_MIN(b->n + 1, (unsigned) BREAKER_REPORTS);
    /* Reports closer than a second are one: the path may be slower than they are. */
    if (moved) {
        b->stuck = 0;
        b->moved_us = now_us;
    } else if (interval >= LEAST_US || now_us / LEAST_US != b->reported_us / LEAST_US) {
        b->stuck++;
    }
    b->reported = true;
    b->reported_us = now_us;
    b->ext_seq = r->ext_seq;
    if (b->why != BREAKER_CLOSED)
        return;
    if (b->stuck >= STUCK_REPORTS) {
        trigger(b, BREAKER_MEDIA, now_us);
        return;
    }
    double loss = r->round_us > 0 ? mean_loss(b, span_of(r, interval)) : -1;
    if (loss > 0 && r->bytes_s > times_tcp * tcp_bytes_s(r, loss))
        trigger(b, BREAKER_CONGESTION, now_us);
}

void breaker_tick(struct breaker *b, int64_t heard_us, int64_t now_us)
{
    if (b->why != BREAKER_CLOSED || !b->reported) /* who never reported may not know how: section 4 */
        return;
    if (now_us - AHOY_MAX(b->reported_us, heard_us) >= SILENCE_US)
        trigger(b, BREAKER_RTCP, now_us);
}

/* What opened it lasts at least as long as what it took to find out: section 4.5. */
static int64_t pause_us(const struct breaker *b)
{
    switch (b->why) {
    case BREAKER_CLOSED: break;
    case BREAKER_RTCP: return SILENCE_US;
    case BREAKER_MEDIA: return AHOY_MAX(b->opened_us - b->moved_us, (int64_t) RETRY_MEDIA_US);
    case BREAKER_CONGESTION: return RETRY_US;
    }
    return 0;
}

bool breaker_retry(struct breaker *b, int64_t heard_us, int64_t now_us)
{
    bool is_back = b->why == BREAKER_RTCP && heard_us > b->opened_us;
    if (b->why == BREAKER_CLOSED || (!is_back && now_us - b->opened_us < pause_us(b)))
        return false;
    breaker_init(b, now_us);
    return true;
}
