/* Kaiser's window, for the filters that are designed at run time. */
#ifndef AHOY_AUDIO_KAISER_H
#define AHOY_AUDIO_KAISER_H

/**
 * Its value at -1 … 1, where it ends; 1 in the middle. `beta` sets how far what is to be stopped is down: 5.65 for 60 dB,
 * 6.8 for 70.
 */
double kaiser_window(double at, double beta);

#endif
