#include "rtp/fates.h"

static const double heard_of_fec = 0.1, heard_of_dred = 0.25;

static void judge_one(struct fates *f)
{
    enum fate fate = (enum fate) f->fate[f->next % FATES_WINDOW];
    f->next++;
    f->judged++;
    f->missing += fate != FATE_PLAYED;
    f->late += fate == FATE_LATE;
    f->fec += fate == FATE_FEC;
    f->red += fate == FATE_RED;
    f->dred += fate == FATE_DRED;
    quality_count(&f->bursts, fate == FATE_LOST   ? QUALITY_LOST
                              : fate == FATE_LATE ? QUALITY_DISCARDED
                                                  : QUALITY_RECEIVED);
}

void fates_judge(struct fates *f, uint32_t keep)
{
    while (f->begun && f->end - f->next > keep)
        judge_one(f);
}

void fates_restart(struct fates *f)
{
    fates_judge(f, 0);
    f->begun = false;
}

void fates_tell(struct fates *f, uint16_t seq, enum fate fate)
{
    if (!f->begun) {
        f->begun = true;
        f->next = f->end = UINT32_C(0x10000) + seq; /* so that what comes before it is smaller */
    }
    int16_t ahead = (int16_t) (uint16_t) (seq - (uint16_t) f->end);
    uint32_t at = (uint32_t) ((int64_t) f->end + ahead);
    if (ahead >= 0 && (ahead >= FATES_LEAP || fate != FATE_PLAYED)) {
        if (fate != FATE_PLAYED)
            return; /* nothing is known behind the newest that came */
        fates_judge(f, 0);
        f->next = f->end = at;
    }
    if ((int32_t) (at - f->next) < 0)
        return; /* judged already */
    while ((int32_t) (f->end - at) <= 0) {
        if (f->end - f->next == FATES_WINDOW)
            judge_one(f);
        f->fate[f->end++ % FATES_WINDOW] = FATE_LOST;
    }
    uint8_t *is = &f->fate[at % FATES_WINDOW];
    *is = (uint8_t) AHOY_MAX((enum fate) * is, fate);
}

double fates_impaired(const struct fates *f)
{
    const struct quality_bursts *b = &f->bursts;
    double bad = (double) (b->losses + b->discards) + heard_of_fec * (double) f->fec + heard_of_dred * (double) f->dred;
    return f->judged > 0 ? bad / (double) f->judged : 0;
}
