/* How many packets the jitter buffer waits for, so that the redundancy in them is there for one that was lost. */
#include "rtp/jitter_priv.h"

enum {
    MOST_US = 100000,   /* no longer, whatever it would bring back */
    SLACK_US = 4000,    /* of the network's margin that covers the wait, too */
    LESS_FRAMES = 150,  /* for which less must have been better before less is waited for */
    PROOF_US = 5000000, /* so long the first loss is enough to wait for all that copies may need */
};

/*
 * Loss is smoothed over this many frames. A frame that cannot be recovered is worth `lost_us` of delay, shared by all
 * frames; a packet less is waited for when that is at least `spare_us` better. So a lone loss keeps its packet more for
 * some seconds.
 */
static const double loss_frames = 256, quick_frames = 24, lost_us = 6000000, spare_us = 15000;
static const double first_loss = 0.001; /* from here on packets are being lost */

void jitter_wait_begin(struct jitter *j)
{
    j->wait.unproven = j->wait.copies_us > 0 && j->wait.frames == 0;
    memset(j->wait.copied_after, 0, sizeof j->wait.copied_after);
}

void jitter_set_redundancy(struct jitter *j, unsigned packets)
{
    j->wait.redundancy = AHOY_MIN(packets, (unsigned) JITTER_MAX_REDUNDANCY);
}

void jitter_set_copies(struct jitter *j, int64_t after_us)
{
    j->wait.copies_us = AHOY_MIN(AHOY_MAX(after_us, (int64_t) 0), (int64_t) MOST_US);
}

static unsigned packets_in(const struct jitter *j, int64_t us)
{
    return (unsigned) (us / jitter_frame_us(j));
}

/* So many packets behind a lost one it pays to wait for, and what that costs with what is lost all the same. */
static unsigned best_wait(const struct jitter *j, double *cost, double *now)
{
    const struct jitter_wait *w = &j->wait;
    double frame = (double) jitter_ts_to_us(j, j->frame_ts);
    unsigned most = AHOY_MIN((unsigned) JITTER_MAX_REDUNDANCY, (unsigned) AHOY_MAX(MOST_US / frame, 1.0)), best = 0;
    *cost = *now = lost_us;
    for (unsigned n = 0; n <= most; n++) {
        double total = n * frame + lost_us * w->beyond[n];
        if (n == 1 && w->redundancy > 0 && w->beyond[0] > first_loss)
            total = AHOY_MIN(total, *cost); /* the next packet is always worth it */
        if (n == w->packets)
            *now = total;
        if (total <= *cost) {
            *cost = total;
            best = n;
        }
    }
    return best;
}

/*
 * Up at once, down when that has paid for a while: each change is a stretch or a cut that may be heard. At the first
 * loss it goes up by all that copies may need.
 */
static void choose_wait(struct jitter *j)
{
    struct jitter_wait *w = &j->wait;
    double cost, now;
    unsigned best = best_wait(j, &cost, &now);
    if (w->unproven && w->loss > 0) /* later losses will tell for how long it is right to wait */
        best = AHOY_MAX(best, AHOY_MIN(packets_in(j, w->copies_us), (unsigned) JITTER_MAX_REDUNDANCY));
    w->unproven = w->unproven && w->loss == 0 && w->frames < packets_in(j, PROOF_US);
    bool less = best < w->packets && now > cost + spare_us;
    w->less_frames = less ? w->less_frames + 1 : 0;
    if (best > w->packets || w->less_frames >= LESS_FRAMES) {
        w->packets = best;
        w->less_frames = 0;
    }
}

/* How many packets behind a lost one it could be had again: from redundancy inside them, or as a copy. */
static unsigned back_after(const struct jitter *j, int64_t ext)
{
    unsigned copy = j->wait.copied_after[(uint64_t) ext % JITTER_RING];
    for (unsigned n = 1; n <= j->wait.redundancy && (copy == 0 || n < copy); n++)
        if (jitter_came(j, ext + n))
            return n;
    return copy > 0 ? copy : UINT8_MAX;
}

void jitter_count_loss(struct jitter *j)
{
    struct jitter_wait *w = &j->wait;
    int64_t ext = j->next_ext - 1
                  - JITTER_LOST_AFTER; /* its turn is so long ago that whatever brings it back has come */
    if (ext < j->first_ext)
        return;
    bool lost = !jitter_came(j, ext);
    unsigned after = lost ? back_after(j, ext) : 0;
    w->quick_loss += ((lost ? 1 : 0) - w->quick_loss) / quick_frames;
    if (w->quick_loss > 2 * w->loss + 0.1) /* the network has changed: what was before counts little */
        w->frames = AHOY_MIN(w->frames, quick_frames);
    w->frames = AHOY_MIN(w->frames + 1, loss_frames);
    w->loss += ((lost ? 1 : 0) - w->loss) / w->frames;
    for (unsigned n = 0; n <= JITTER_MAX_REDUNDANCY; n++)
        w->beyond[n] += ((n < after ? 1 : 0) - w->beyond[n]) / w->frames;
    choose_wait(j);
}

void jitter_note_copy(struct jitter *j, int64_t ext)
{
    uint8_t *after = &j->wait.copied_after[(uint64_t) ext % JITTER_RING];
    if (*after == 0 && j->max_ext > ext && j->max_ext - ext < UINT8_MAX && !jitter_came(j, ext))
        *after = (uint8_t) (j->max_ext - ext);
}

bool jitter_is_lossy(const struct jitter *j)
{
    return j->wait.loss > first_loss;
}

int64_t jitter_wait_us(const struct jitter *j)
{
    int64_t wait = (int64_t) j->wait.packets * jitter_ts_to_us(j, j->frame_ts);
    /* A copy comes with a packet; that the network's own margin covers it, too, would be to wait twice. */
    return wait - AHOY_MIN(wait, (int64_t) SLACK_US);
}
