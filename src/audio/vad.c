#include "audio/vad.h"

#include "audio/mix.h"

#include <math.h>

enum { VAD_HANG_MS = 200, VAD_WINDOW_MS = 1500 /* speech pauses within */ };

#define VAD_START_DBFS   (-60.0) /* the background before any was heard */
#define VAD_LOWEST_DBFS  (-75.0)
#define VAD_HIGHEST_DBFS (-30.0)
#define VAD_ABOVE_DB     9.0
#define VAD_QUIETEST     (-55.0) /* nothing below this is speech */

void vad_init(struct vad *v, uint32_t rate_hz)
{
    *v = (struct vad){ .rate_hz = rate_hz, .floor_dbfs = VAD_START_DBFS, .level_dbfs = MIX_SILENCE_DBFS };
    v->least_now = 0;
    v->least_before = VAD_START_DBFS;
}

static void track_floor(struct vad *v, size_t n)
{
    v->least_now = fmin(v->least_now, v->level_dbfs);
    v->floor_dbfs = fmax(VAD_LOWEST_DBFS, fmin(VAD_HIGHEST_DBFS, fmin(v->least_now, v->least_before)));
    v->filled += (uint32_t) n;
    if (v->filled < v->rate_hz / 1000 * VAD_WINDOW_MS)
        return;
    v->filled = 0;
    v->least_before = v->least_now;
    v->least_now = 0;
}

bool vad_run(struct vad *v, const int16_t *pcm, size_t n)
{
    v->level_dbfs = mix_level_dbfs(pcm, n);
    track_floor(v, n);
    bool loud = v->level_dbfs > v->floor_dbfs + VAD_ABOVE_DB && v->level_dbfs > VAD_QUIETEST;
    if (loud)
        v->hang = v->rate_hz * VAD_HANG_MS / 1000;
    else
        v->hang -= (uint32_t) AHOY_MIN((size_t) v->hang, n);
    v->active = loud || v->hang > 0;
    return v->active;
}
