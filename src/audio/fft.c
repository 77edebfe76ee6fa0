#include "audio/fft.h"

#include <math.h>

size_t fft_size(size_t n)
{
    size_t size = 1;
    while (size < n)
        size *= 2;
    return size;
}

static void swap(double *a, double *b)
{
    double x = *a;
    *a = *b;
    *b = x;
}

static void bit_reverse(double *re, double *im, size_t n)
{
    for (size_t i = 1, j = 0; i < n; i++) {
        size_t bit = n >> 1;
        while (j & bit) {
            j ^= bit;
            bit >>= 1;
        }
        j ^= bit;
        if (i < j) {
            swap(&re[i], &re[j]);
            swap(&im[i], &im[j]);
        }
    }
}

/*
 * One stage: butterflies over distance `half`. The twiddle factor goes round by rotation and is set anew every 64 steps,
 * which keeps its error near the rounding of doubles.
 */
static void stage(double *re, double *im, size_t n, size_t half, double sign)
{
    double angle = sign * 3.14159265358979323846 / (double) half;
    double step_re = cos(angle);
    double step_im = sin(angle);
    double w_re = 1;
    double w_im = 0;
    for (size_t k = 0; k < half; k++) {
        if (k % 64 == 0) {
            w_re = cos(angle * (double) k);
            w_im = sin(angle * (double) k);
        }
        for (size_t i = k; i < n; i += 2 * half) {
            size_t j = i + half;
            double x_re = re[j] * w_re - im[j] * w_im;
            double x_im = re[j] * w_im + im[j] * w_re;
            re[j] = re[i] - x_re;
            im[j] = im[i] - x_im;
            re[i] += x_re;
            im[i] += x_im;
        }
        double next = w_re * step_re - w_im * step_im;
        w_im = w_re * step_im + w_im * step_re;
        w_re = next;
    }
}

void fft_run(double *re, double *im, size_t n, bool inverse)
{
    AHOY_ASSERT(n > 0 && (n & (n - 1)) == 0);
    bit_reverse(re, im, n);
    for (size_t half = 1; half < n; half *= 2)
        stage(re, im, n, half, inverse ? 1 : -1);
    if (!inverse)
        return;
    for (size_t i = 0; i < n; i++) {
        re[i] /= (double) n;
        im[i] /= (double) n;
    }
}
