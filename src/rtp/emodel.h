/*
 * How good a call sounds, computed: the E-model of ITU-T in its three forms, narrowband (G.107), wideband (G.107.1) and
 * full-band (G.107.2), from delay, loss, burstiness and echo. Pure. Any thread.
 */
#ifndef AHOY_RTP_EMODEL_H
#define AHOY_RTP_EMODEL_H

#include "base/view.h"

enum emodel_form { EMODEL_NARROWBAND, EMODEL_WIDEBAND, EMODEL_FULLBAND };

struct emodel_codec {
    enum emodel_form form; /* whose scale `ie` is on */
    double ie;             /* equipment impairment without loss */
    double bpl;            /* robustness against loss, with concealment */
    double look_ahead_ms;  /* delay of the algorithm beyond its frame */
    bool estimate;         /* the figures are ours or others', and not ITU-T G.113's */
};

/**
 * By the name of SDP ("PCMU", "opus", …), without case, the sampling rate (L16 has several) and, for Opus, the bitrate that
 * it runs at; 0: unknown. Of an unknown codec PCMU's.
 */
struct emodel_codec emodel_codec(struct view name, uint32_t rate_hz, double bitrate_bps);

struct emodel_input {
    struct emodel_codec codec;
    double delay_ms;      /* mouth to ear, one way */
    double round_trip_ms; /* for listener echo; 0: twice the delay */
    double loss;          /* 0 … 1: of what is played, that was made up (lost and late, after recovery) */
    double burst_ratio;   /* 1 for random loss; see emodel_burst_ratio */
    double telr_db;       /* how far down our voice comes back; 0: 65, the default */
};

struct emodel_score {
    double r;      /* on the form's own scale: to 100, 129 or 148 */
    double r_100;  /* the same on the scale of 100 that RFC 3611 reports */
    double r_lq;   /* without delay and echo, form's own scale */
    double mos_cq; /* conversation: with delay, 1 … 4.5 */
    double mos_lq; /* listening: without */
};

void emodel_score(const struct emodel_input *in, struct emodel_score *out);

/** MOS of an R of the narrowband scale (G.107 annex B), 1 … 4.5. The others' R is brought to that scale before. */
double emodel_mos(double r);

/** Mean burst length over that of random loss: (mean run of losses) * (1 - loss), at least 1. */
double emodel_burst_ratio(double loss, double mean_run);

/** "G.107", "G.107.1", "G.107.2". */
const char *emodel_name(enum emodel_form form);

#endif
