/* How a call sounds: figures, and what they mean. */
#ifndef AHOY_QUALITY_H
#define AHOY_QUALITY_H

#include "ahoy/types.h"

#ifdef __cplusplus
extern "C" {
#endif

/** Quality of a call so far. Counts are packets, doubles below 0 are unknown unless it says otherwise. */
struct ahoy_call_stats {
    uint32_t duration_ms; /* since the answer */
    uint32_t setup_ms;    /* from INVITE to answer */
    char codec[16];       /* "opus", empty before sound */
    uint32_t rate_hz;     /* sampling rate of the codec */
    char send_codec[16];
    uint64_t rtp_in, rtp_out;
    uint64_t bytes_in, bytes_out;
    uint64_t expected; /* by sequence numbers */
    uint64_t lost, late, duplicate, reordered;
    uint64_t recovered_fec, recovered_red, recovered_dred; /* of the lost and late ones: made good by redundancy */
    uint32_t concealed_ms;                                 /* sound that was made up */
    uint32_t gone_ms;        /* so long ago the last came from them, neither sound nor reports; 0: it comes */
    double loss;             /* share of the sound that is heard as lost, after recovery, 0 … 1 */
    double burst;            /* mean length of its runs, packets */
    double jitter_ms;        /* RFC 3550 */
    double rtt_ms;           /* network round trip */
    double buffer_ms;        /* jitter buffer now */
    double buffer_target_ms; /* as long as it wishes to be */
    double device_in_ms, device_out_ms; /* latency of microphone and loudspeaker, with the sound server */
    uint32_t no_microphone_ms;          /* for so long the machine had no microphone … */
    uint32_t no_speaker_ms;             /* … or no loudspeaker */
    uint32_t dropouts;                  /* moments at which the devices ran dry or over, since they were opened */
    bool clock_known;                   /* the next two are measured */
    double clock_in_ppm, clock_out_ppm; /* how much faster than nominal the devices' clocks run; any sign */
    double end_system_ms;               /* our part of the delay, both directions together (RFC 3611) */
    double delay_ms;                    /* from their mouth to our ear, as far as it is known */
    double mos;                         /* E-model, conversation (with delay), 1 … 4.5, of the whole call */
    double mos_lq;                      /* listening: without delay */
    double mos_now;                     /* as mos, of the last ten seconds */
    double r_factor;                    /* the E-model's rating: to 100, 129 or 148 */
    char model[8]; /* which form it is of: "G.107" narrowband, "G.107.1" wideband, "G.107.2" full-band; or empty */
    double level_in_dbfs, level_out_dbfs; /* now, smoothed over 125 ms; -100 is silence */
    double loudest_out_dbfs;              /* of all seconds so far, what we say */
    /* What is done to our microphone; in a conference it is the same one for all calls. */
    bool mic_known;        /* a microphone is worked on; the next three are known then */
    double mic_speech;     /* share of the time in which somebody spoke into it, 0 … 1 */
    double mic_noise_dbfs; /* the background that comes in, before it is lowered; any sign */
    double mic_gain_db;    /* automatic gain now; any sign */
    bool echo;             /* the loudspeaker is heard in the microphone; the next three are known then */
    double erle_db;        /* how much of that echo is taken out while only they talk */
    double echo_delay_ms;  /* from what is handed to the loudspeaker to its echo */
    double echo_drift_ppm; /* how much faster the loudspeaker's clock runs than the microphone's; any sign */
    /* What sound costs this machine, all calls together. */
    double cpu;      /* share of a core that its thread takes, 0 … 1 */
    uint32_t saving; /* 0: sound is coded as well as can be; 1 … 3: less well, since there is no time for more */
    /* What the peer reports of our sound. */
    bool send_stopped;           /* nothing is sent for a while: it would not arrive, or only clog (RFC 8083) */
    bool remote_deaf;            /* it reports, and nothing of ours ever reached it */
    double remote_lost_fraction; /* on the network, in its last interval, 0 … 1 */
    double remote_jitter_ms;
    double remote_burst;         /* mean run of losses, packets */
    double remote_loss;          /* lost for good, after recovery, 0 … 1; by XR (RFC 3611), as all below */
    double remote_discarded;     /* came there too late, 0 … 1 */
    double remote_buffer_ms;     /* its jitter buffer */
    double remote_end_system_ms; /* its part of the delay */
    double remote_delay_ms;      /* from our mouth to their ear */
    double remote_mos, remote_mos_lq, remote_r_factor; /* what they hear; the rating to 100 */
    bool remote_estimated; /* these three are our estimate from plain reports: it sends no XR */
};

/** All unknown. */
AHOY_API void ahoy_call_stats_init(struct ahoy_call_stats *s);

enum ahoy_grade {
    AHOY_GRADE_UNKNOWN, /* too little sound to say */
    AHOY_GRADE_GOOD,
    AHOY_GRADE_FAIR,
    AHOY_GRADE_POOR,
    AHOY_GRADE_BAD,
};

/** What spoils a call most. */
enum ahoy_spoiler {
    AHOY_SPOILER_NONE,
    AHOY_SPOILER_LOSS,   /* packets are lost on their way to us */
    AHOY_SPOILER_JITTER, /* they come too late */
    AHOY_SPOILER_DELAY,
    AHOY_SPOILER_CODEC,       /* nothing is wrong but the codec */
    AHOY_SPOILER_REMOTE_LOSS, /* we hear well; they lose our packets */
    AHOY_SPOILER_REMOTE_DEAF, /* nothing of ours reaches them */
    AHOY_SPOILER_STOPPED,     /* we do not send for a while: the network would not bear it */
    AHOY_SPOILER_SILENT,      /* all we send is silence: the microphone */
    AHOY_SPOILER_QUIET,       /* the microphone gives so little that automatic gain is at its end */
    AHOY_SPOILER_NOISE,       /* the room is loud */
    AHOY_SPOILER_NO_DEVICE,   /* there was neither loudspeaker nor microphone for a good part of it */
    AHOY_SPOILER_NO_SPEAKER,
    AHOY_SPOILER_NO_MICROPHONE,
    AHOY_SPOILER_GONE, /* they were heard, and then nothing has come from them any more */
};

struct ahoy_judgement {
    enum ahoy_grade grade; /* of what we hear; UNKNOWN where there was no loudspeaker to hear it with */
    enum ahoy_spoiler spoiler;
    /* "sound: good, 4.2 of 5; 1.3 % lost, all but 20 ms repaired; 85 ms mouth to ear; our echo is lowered by 43 dB" */
    char text[400];
    char advice[256]; /* what to do about the spoiler, or empty */
};

/** Puts figures into words. Pure; any thread. */
AHOY_API void ahoy_call_judge(const struct ahoy_call_stats *s, struct ahoy_judgement *out);

AHOY_API const char *ahoy_grade_name(enum ahoy_grade grade);       /* "good" */
AHOY_API const char *ahoy_spoiler_name(enum ahoy_spoiler spoiler); /* "remote-loss" */

#ifdef __cplusplus
}
#endif
#endif
