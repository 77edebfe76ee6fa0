#include "audio/kaiser.h"

#include <math.h>

/* Modified Bessel function of the first kind, order 0. */
static double bessel(double x)
{
    double sum = 1, term = 1;
    for (int k = 1; k < 30; k++) {
        term *= x / (2 * k) * (x / (2 * k));
        sum += term;
    }
    return sum;
}

double kaiser_window(double at, double beta)
{
    return bessel(beta * sqrt(1 - at * at)) / bessel(beta);
}
