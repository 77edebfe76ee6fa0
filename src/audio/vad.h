/* Voice activity by energy against a tracked noise floor: for meters, mute reminders and the hint to send less. */
#ifndef AHOY_AUDIO_VAD_H
#define AHOY_AUDIO_VAD_H

#include "base/base.h"

struct vad {
    uint32_t rate_hz;
    double floor_dbfs;              /* the background: the quietest frame of the last 1.5 to 3 s */
    double least_now, least_before; /* quietest frame of this window and of the one before */
    uint32_t filled;                /* samples of this window */
    double level_dbfs;              /* of the last frame */
    uint32_t hang;                  /* samples for which activity outlives its cause */
    bool active;
};

void vad_init(struct vad *v, uint32_t rate_hz);

/** Looks at a frame (5 … 60 ms); true while somebody speaks and 200 ms after. */
bool vad_run(struct vad *v, const int16_t *pcm, size_t n);

#endif
