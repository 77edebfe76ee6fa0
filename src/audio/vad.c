#include "audio/vad.h"

#include "audio/mix.h"

#include <math.h>

enum { VAD_HANG_MS = 200 };

#define VAD_START_DBFS   (-60.0) /* the background before any was heard */
#define VAD_LOWEST_DBFS  (-75.0)
#define VAD_HIGHEST_DBFS (-30.0)
#define VAD_ABOVE_DB     9.0
#define VAD_QUIETEST     (-55.0) /* nothing below this is speech */
#define VAD_RISE_DBS     3.0     /* how fast the floor may follow a louder background; a third of it in speech */

void vad_init(struct vad *v, uint32_t rate_hz)
{
    *v = (struct vad){ .rate_hz = rate_hz, .floor_dbfs = VAD_START_DBFS, .level_dbfs = MIX_SILENCE_DBFS };
}

bool vad_run(struct vad *v, const int16_t *pcm, size_t n)
{
    double seconds = (double) n / v->rate_hz;
    v->level_dbfs = mix_level_dbfs(pcm, n);
    bool loud = v->level_dbfs > v->floor_dbfs + VAD_ABOVE_DB && v->level_dbfs > VAD_QUIETEST;
    if (v->level_dbfs < v->floor_dbfs)
        v->floor_dbfs += (v->level_dbfs - v->floor_dbfs) * fmin(1, seconds * 20);
    else
        v->floor_dbfs = fmin(v->level_dbfs, v->floor_dbfs + VAD_RISE_DBS * seconds / (loud ? 3 : 1));
    v->floor_dbfs = fmax(VAD_LOWEST_DBFS, fmin(VAD_HIGHEST_DBFS, v->floor_dbfs));
    if (loud)
        v->hang = v->rate_hz * VAD_HANG_MS / 1000;
    else
        v->hang -= (uint32_t) AHOY_MIN((size_t) v->hang, n);
    v->active = loud || v->hang > 0;
    return v->active;
}
