#include "rtp/misclock.h"

enum { PROOF = 8, CLOCK_HZ = 8000 };

/* Whether a packet follows the newest one at the distance of the clock that is not in use now. */
static bool speaks_for_other(const struct misclock *m, const struct rtp_packet *p)
{
    uint32_t step = p->timestamp - m->timestamp, other = m->doubled ? m->lasts_ts : 2 * m->lasts_ts;
    return m->lasts_ts > 0 && p->seq == (uint16_t) (m->seq + 1) && step == other;
}

/* Pauses between frames look alike, but take their time. */
static bool is_proved(struct misclock *m, int64_t now_us)
{
    int64_t sounded_us = (int64_t) m->agree * m->lasts_ts * 1000000 / CLOCK_HZ;
    return m->agree >= PROOF && now_us - m->since_us < sounded_us * 3 / 2;
}

bool misclock_map(struct misclock *m, struct rtp_packet *p, uint32_t lasts_ts, int64_t now_us)
{
    bool found = false;
    if (m->known && p->ssrc != m->ssrc)
        return false;
    if (!m->known)
        *m = (struct misclock){ .known = true,
                                .ssrc = p->ssrc,
                                .seq = (uint16_t) (p->seq - 1),
                                .right = p->timestamp,
                                .timestamp = p->timestamp };
    if (speaks_for_other(m, p)) {
        m->since_us = m->agree++ == 0 ? now_us : m->since_us;
        found = is_proved(m, now_us);
    } else if (lasts_ts > 0) {
        m->agree = 0;
    }
    m->doubled = found ? !m->doubled : m->doubled;
    int32_t step = rtp_ts_diff(p->timestamp, m->timestamp);
    uint32_t right = m->right + (uint32_t) (m->doubled ? step / 2 : step);
    if (rtp_seq_diff(p->seq, m->seq) > 0) {
        m->seq = p->seq;
        m->timestamp = p->timestamp;
        m->right = right;
        m->lasts_ts = lasts_ts;
    }
    m->agree = found ? 0 : m->agree;
    p->timestamp = right;
    return found;
}

void misclock_trust(struct misclock *m)
{
    m->doubled = false;
    m->agree = 0;
}
