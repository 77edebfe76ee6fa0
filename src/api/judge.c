/* Figures of a call in words. */
#include "ahoy/quality.h"

#include "base/base.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum {
    LEAST_EXPECTED = 50,     /* packets: a second of sound */
    SILENCE_AFTER_MS = 4000, /* of a call: then a microphone that gave nothing is told of */
    LEAST_MISSING_MS = 3000, /* without a device … */
    SHORT_MISSING_MS = 500,  /* … and in a call that was hardly longer */
};

/* G.107 annex B: users are satisfied from 4.0 on, many dissatisfied below 3.6, nearly all below 3.1. */
static const double best_mos = 4.5, good_mos = 4.0, fair_mos = 3.6, poor_mos = 3.1;
static const double least_loss = 0.005, least_made_up = 0.01; /* heard as loss */
static const double long_delay_ms = 250, silent_dbfs = -85;

/*
 * A background that speech of a usual level (-26 dBFS) is only 19 dB above; and what is near the end of automatic gain
 * (audio/agc.h), with enough speech heard to say so. Less than 6 dB of echo taken out is not worth a word: there was none.
 */
static const double loud_room_dbfs = -45, most_gain_db = 17, least_erle_db = 6;
enum { LEAST_SPEECH_MS = 3000 };

void ahoy_call_stats_init(struct ahoy_call_stats *s)
{
    *s = (struct ahoy_call_stats){ .loss = -1,
                                   .burst = -1,
                                   .jitter_ms = -1,
                                   .rtt_ms = -1,
                                   .buffer_ms = -1,
                                   .buffer_target_ms = -1,
                                   .device_in_ms = -1,
                                   .device_out_ms = -1,
                                   .cpu = -1,
                                   .end_system_ms = -1,
                                   .delay_ms = -1,
                                   .mos = -1,
                                   .mos_lq = -1,
                                   .mos_now = -1,
                                   .r_factor = -1,
                                   .level_in_dbfs = -100,
                                   .level_out_dbfs = -100,
                                   .loudest_out_dbfs = -100,
                                   .remote_lost_fraction = -1,
                                   .remote_jitter_ms = -1,
                                   .remote_burst = -1,
                                   .remote_loss = -1,
                                   .remote_discarded = -1,
                                   .remote_buffer_ms = -1,
                                   .remote_end_system_ms = -1,
                                   .remote_delay_ms = -1,
                                   .remote_mos = -1,
                                   .remote_mos_lq = -1,
                                   .remote_r_factor = -1 };
}

const char *ahoy_grade_name(enum ahoy_grade grade)
{
    static const char *const name[] = { "unknown", "good", "fair", "poor", "bad" };
    return (size_t) grade < AHOY_COUNT(name) ? name[grade] : "unknown";
}

const char *ahoy_spoiler_name(enum ahoy_spoiler spoiler)
{
    static const char *const name[] = { "none",        "loss",        "jitter",     "delay",         "codec",
                                        "remote-loss", "remote-deaf", "stopped",    "silent",        "quiet",
                                        "noise",       "no-device",   "no-speaker", "no-microphone", "gone" };
    return (size_t) spoiler < AHOY_COUNT(name) ? name[spoiler] : "unknown";
}

static enum ahoy_grade grade_of(const struct ahoy_call_stats *s)
{
    if (!(s->mos >= 0) || s->expected < LEAST_EXPECTED)
        return AHOY_GRADE_UNKNOWN;
    double mos = round(s->mos * 10) / 10; /* as it is told: no "fair, 4.0" */
    return mos >= good_mos   ? AHOY_GRADE_GOOD
           : mos >= fair_mos ? AHOY_GRADE_FAIR
           : mos >= poor_mos ? AHOY_GRADE_POOR
                             : AHOY_GRADE_BAD;
}

static double share(uint64_t part, uint64_t whole)
{
    return whole > 0 ? (double) part / (double) whole : 0;
}

static enum ahoy_spoiler microphone_of(const struct ahoy_call_stats *s)
{
    if (s->rtp_out < LEAST_EXPECTED || s->duration_ms < SILENCE_AFTER_MS)
        return AHOY_SPOILER_NONE;
    if (s->loudest_out_dbfs <= silent_dbfs)
        return AHOY_SPOILER_SILENT;
    if (!s->mic_known)
        return AHOY_SPOILER_NONE;
    if (s->mic_gain_db >= most_gain_db && s->mic_speech * s->duration_ms >= LEAST_SPEECH_MS)
        return AHOY_SPOILER_QUIET;
    return s->mic_noise_dbfs >= loud_room_dbfs ? AHOY_SPOILER_NOISE : AHOY_SPOILER_NONE;
}

/* Without one of the machine's two ends for long enough that it counts more than how the rest sounds. */
static bool was_missing(const struct ahoy_call_stats *s, uint32_t ms)
{
    return (ms >= LEAST_MISSING_MS && ms >= s->duration_ms / 50)
           || (ms >= SHORT_MISSING_MS && ms >= s->duration_ms / 2);
}

static enum ahoy_spoiler device_of(const struct ahoy_call_stats *s)
{
    bool no_speaker = was_missing(s, s->no_speaker_ms);
    if (was_missing(s, s->no_microphone_ms))
        return no_speaker ? AHOY_SPOILER_NO_DEVICE : AHOY_SPOILER_NO_MICROPHONE;
    return no_speaker ? AHOY_SPOILER_NO_SPEAKER : AHOY_SPOILER_NONE;
}

/* Whether it is the delay that takes more of a score than the rest does. */
static bool delay_takes_most(double mos, double mos_lq)
{
    return mos >= 0 && mos_lq >= 0 && mos_lq - mos > best_mos - mos_lq;
}

/* What spoils what we hear, when something does. */
static enum ahoy_spoiler hearing_of(const struct ahoy_call_stats *s)
{
    double made_up = share(s->concealed_ms, s->duration_ms);
    if (s->loss >= least_loss || made_up >= least_made_up)
        return s->lost > 0 && s->lost >= s->late ? AHOY_SPOILER_LOSS : AHOY_SPOILER_JITTER;
    return s->delay_ms >= long_delay_ms || delay_takes_most(s->mos, s->mos_lq) ? AHOY_SPOILER_DELAY
                                                                               : AHOY_SPOILER_CODEC;
}

static enum ahoy_spoiler spoiler_of(const struct ahoy_call_stats *s, enum ahoy_grade grade)
{
    enum ahoy_spoiler device = device_of(s);
    if (device)
        return device;
    if (s->gone_ms > 0) /* that nothing of ours arrives, then, is the same news */
        return AHOY_SPOILER_GONE;
    if (s->send_stopped)
        return AHOY_SPOILER_STOPPED;
    if (s->remote_deaf && s->rtp_out >= LEAST_EXPECTED)
        return AHOY_SPOILER_REMOTE_DEAF;
    if (grade > AHOY_GRADE_GOOD)
        return hearing_of(s);
    if (s->remote_mos >= 0 && s->remote_mos < fair_mos)
        return s->remote_delay_ms >= 2 * long_delay_ms || delay_takes_most(s->remote_mos, s->remote_mos_lq)
                   ? AHOY_SPOILER_DELAY
                   : AHOY_SPOILER_REMOTE_LOSS;
    return microphone_of(s);
}

static const char *advice_for(const struct ahoy_call_stats *s, enum ahoy_spoiler spoiler)
{
    switch (spoiler) {
    case AHOY_SPOILER_NONE: break;
    case AHOY_SPOILER_LOSS:
        if (strcmp(s->codec, "opus") == 0)
            return "packets are lost on the way to us: use a cable instead of Wi-Fi, or stop what fills the line";
        return "packets are lost on the way to us: use a cable instead of Wi-Fi, or stop what fills the line; Opus stands it best";
    case AHOY_SPOILER_JITTER:
        return "packets come too late and too unevenly: something else fills the line, or the Wi-Fi is weak";
    case AHOY_SPOILER_DELAY:
        return "the delay is long: a nearer server, or a path without a satellite or VPN, would help";
    case AHOY_SPOILER_CODEC:
        if (strcmp(s->codec, "opus") == 0)
            return "nothing is lost: the other side gives Opus too few bits to sound better";
        return "nothing is lost: it is the codec that sounds so; Opus or G.722 sound better, if the peer has them";
    case AHOY_SPOILER_REMOTE_LOSS:
        return "we hear well, but the other side loses what we send: look at our uplink, or at their network";
    case AHOY_SPOILER_REMOTE_DEAF:
        return "nothing of what we send reaches the other side: a firewall or NAT drops it, see `ahoy doctor`";
    case AHOY_SPOILER_STOPPED:
        return "nothing is sent for a while, since it did not arrive or clogged the network: stop what fills the line";
    case AHOY_SPOILER_SILENT:
        return "the microphone gives nothing but silence: is it muted or unplugged, or the wrong one? See `ahoy devices ls`";
    case AHOY_SPOILER_QUIET:
        return "the microphone is so quiet that our gain is at its end: come closer, or raise it in the system's sound settings";
    case AHOY_SPOILER_NOISE:
        return "the room is loud: they hear less of it than you do, but a microphone nearer to your mouth would help";
    case AHOY_SPOILER_NO_DEVICE:
        return "this machine has neither a loudspeaker nor a microphone that works: plug in a headset, or turn it on; see `ahoy devices ls`";
    case AHOY_SPOILER_NO_SPEAKER:
        return "this machine has no loudspeaker that works: plug one in, or turn it on; see `ahoy devices ls`";
    case AHOY_SPOILER_NO_MICROPHONE:
        return "this machine has no microphone that works: plug one in, or turn it on; see `ahoy devices ls`";
    case AHOY_SPOILER_GONE:
        return "the other side was heard and fell silent without a word: its phone, or the way to it, is gone";
    }
    return "";
}

/* Appends; what does not fit is cut. */
static void add(struct ahoy_judgement *j, const char *format, ...) AHOY_PRINTF(2, 3);

static void add(struct ahoy_judgement *j, const char *format, ...)
{
    size_t n = strlen(j->text);
    va_list args;
    va_start(args, format);
    (void) vsnprintf(j->text + n, sizeof j->text - n, format, args);
    va_end(args);
}

static void say_loss(const struct ahoy_call_stats *s, struct ahoy_judgement *j)
{
    double gone = share(s->lost + s->late, s->expected) * 100;
    if (s->lost + s->late == 0) {
        add(j, "; nothing lost");
        if (share(s->concealed_ms, s->duration_ms)
            >= least_made_up) /* it came, and not in time to go on without a break */
            add(j, ", %u ms made up", (unsigned) s->concealed_ms);
        return;
    }
    add(j, gone < 0.1 ? "; %.2f %% lost" : "; %.1f %% lost", gone);
    if (s->late > s->lost)
        add(j, " (mostly by coming late)");
    uint64_t good = s->recovered_fec + s->recovered_red + s->recovered_dred;
    if (good > 0 && s->concealed_ms == 0)
        add(j, ", all repaired");
    else if (good > 0)
        add(j, ", all but %u ms repaired", (unsigned) s->concealed_ms);
    else
        add(j, ", %u ms made up", (unsigned) s->concealed_ms);
}

/* What the machine had not got, first of all; true when it was missing nearly all the time. */
static bool say_missing(const struct ahoy_call_stats *s, struct ahoy_judgement *j)
{
    static const char *const what[] = { "no loudspeaker and no microphone", "no loudspeaker", "no microphone" };
    if (j->spoiler < AHOY_SPOILER_NO_DEVICE || j->spoiler > AHOY_SPOILER_NO_MICROPHONE)
        return false;
    uint32_t ms = j->spoiler == AHOY_SPOILER_NO_DEVICE    ? AHOY_MIN(s->no_speaker_ms, s->no_microphone_ms)
                  : j->spoiler == AHOY_SPOILER_NO_SPEAKER ? s->no_speaker_ms
                                                          : s->no_microphone_ms;
    bool all = ms >= (uint64_t) s->duration_ms * 9 / 10;
    add(j, "%s", what[j->spoiler - AHOY_SPOILER_NO_DEVICE]);
    if (!all)
        add(j, " for %.0f s", ms / 1000.0);
    add(j, "; ");
    return all;
}

void ahoy_call_judge(const struct ahoy_call_stats *s, struct ahoy_judgement *out)
{
    struct ahoy_judgement j = { .grade = grade_of(s) };
    j.spoiler = spoiler_of(s, j.grade);
    bool unheard = say_missing(s, &j) && j.spoiler != AHOY_SPOILER_NO_MICROPHONE;
    add(&j, unheard ? "what came: " : "sound: ");
    if (j.grade == AHOY_GRADE_UNKNOWN) {
        add(&j, s->rtp_in == 0 ? "none came" : "too little to judge");
    } else {
        add(&j, "%s, %.1f of 5", ahoy_grade_name(j.grade), s->mos);
        say_loss(s, &j);
    }
    if (s->gone_ms > 0)
        add(&j, "; then nothing came for %.0f s", s->gone_ms / 1000.0);
    if (s->delay_ms >= 0 && s->rtp_in > 0)
        add(&j, "; %.0f ms mouth to ear", s->delay_ms);
    if (s->remote_mos >= 0)
        add(&j, "; they hear %s%.1f", s->remote_estimated ? "about " : "", s->remote_mos);
    if (s->echo && s->erle_db >= least_erle_db)
        add(&j, "; our loudspeaker's echo is lowered by %.0f dB", s->erle_db);
    if (unheard)
        j.grade = AHOY_GRADE_UNKNOWN;
    (void) snprintf(j.advice, sizeof j.advice, "%s", advice_for(s, j.spoiler));
    *out = j;
}
