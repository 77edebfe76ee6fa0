#include "media/join.h"

enum {
    MOST_US = 25000,  /* nothing is done earlier than by this */
    STEADY_US = 2000, /* arrivals this near to the usual are regular: a busy machine's wake-ups are no better */
    TRUST = 25,       /* so many in a row, half a second of packets … */
    TRUST_MOST = 50,  /* … and no more are remembered */
    TRUST_LOST = 5,   /* an irregular one costs as many */
    SMOOTH = 8,
};

bool join_arrival(struct join *j, int64_t lead_us)
{
    if (lead_us <= 0 || lead_us > MOST_US)
        return false;
    int64_t off_us = lead_us - j->lead_us;
    if (off_us >= -STEADY_US && off_us <= STEADY_US) {
        j->lead_us += off_us / SMOOTH;
        j->trust = AHOY_MIN(j->trust + 1, (unsigned) TRUST_MOST);
    } else {
        j->trust -= AHOY_MIN(j->trust, (unsigned) TRUST_LOST);
        if (j->trust == 0)
            j->lead_us = lead_us;
    }
    return j->trust > TRUST; /* an irregular one, too: the tick's own time would be farther from the usual */
}
