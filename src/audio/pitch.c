#include "audio/pitch.h"

#include <math.h>

double pitch_ncc(const int16_t *a, const int16_t *b, size_t n)
{
    int64_t aa = 0;
    int64_t bb = 0;
    int64_t ab = 0;
    for (size_t i = 0; i < n; i++) {
        aa += (int32_t) a[i] * a[i];
        bb += (int32_t) b[i] * b[i];
        ab += (int32_t) a[i] * b[i];
    }
    return aa == 0 || bb == 0 ? 0.0 : (double) ab / sqrt((double) aa * (double) bb);
}

size_t pitch_decimate(const int16_t *in, size_t n, unsigned by, int16_t *out)
{
    size_t m = n / by;
    for (size_t i = 0; i < m; i++) {
        int32_t sum = 0;
        for (unsigned k = 0; k < by; k++)
            sum += in[i * by + k];
        out[i] = (int16_t) (sum / (int32_t) by);
    }
    return m;
}
