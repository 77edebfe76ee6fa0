/* What phones say in the benchmark: recorded speech, for what an encoder has to do depends on it. */
#include "phone.h"

#include "audio/resample.h"
#include "audio/wav.h"
#include "base/mem.h"
#include "sound/prompts.h"

#include <math.h>
#include <string.h>

/* alsa-utils' prompts have all of the band; the larger collection ends at 8 kHz. */
static const char full_band[] = "/usr/share/sounds/alsa";

enum { LEVEL = 26, PIECES = 4 };

static const char *load(struct prompts *p)
{
    if (prompts_load(p, full_band, LEVEL, PIECES) == AHOY_OK)
        return "recorded speech, 48 kHz (alsa-utils)";
    if (prompts_load(p, NULL, LEVEL, PIECES) == AHOY_OK)
        return "recorded speech, 16 kHz (asterisk-core-sounds-en-g722)";
    return NULL;
}

/* Something with syllables, pauses and harmonics. Encoders have less to do with it: it is not taken for speech. */
static void synthesize(int16_t *pcm, size_t n, unsigned hz)
{
    const double turn = 6.283185307179586;
    double phase = 0;
    uint32_t noise = 1;
    for (size_t i = 0; i < n; i++) {
        double t = (double) i / hz, syllable = sin(turn * 2.1 * t), sum = 0;
        noise = noise * 1664525u + 1013904223u;
        phase += turn * (120 + 25 * sin(turn * 0.9 * t)) / hz;
        for (int k = 1; k <= 12; k++)
            sum += sin(phase * k) / k;
        double loud = (int) (t * 0.7) % 3 == 2 ? 0 : syllable > 0 ? syllable : 0;
        double hiss = ((double) noise / 4294967296.0 - 0.5) * 0.5;
        pcm[i] = (int16_t) (5000 * loud * (sum + hiss));
    }
}

/* All pieces, again and again, until `room` is filled; false without memory for a resampler. */
static bool repeat(const struct prompts *p, unsigned hz, int16_t *pcm, size_t room)
{
    struct resample *r = NULL;
    size_t n = 0;
    if (hz != PROMPTS_HZ && resample_create(&r, PROMPTS_HZ, hz, RESAMPLE_FINE))
        return false;
    for (size_t i = 0; n < room; i = (i + 1) % p->count) {
        for (size_t at = 0; at < p->piece[i].n && n < room; at += PROMPTS_HZ / 100) {
            int16_t some[2 * PROMPTS_HZ / 100];
            size_t made = AHOY_MIN(p->piece[i].n - at, (size_t) PROMPTS_HZ / 100);
            if (r)
                made = resample_run(r, p->piece[i].pcm + at, made, some);
            else
                memcpy(some, p->piece[i].pcm + at, made * sizeof *some);
            made = AHOY_MIN(made, room - n);
            memcpy(pcm + n, some, made * sizeof *some);
            n += made;
        }
    }
    resample_destroy(r);
    return true;
}

bool phone_speech(const char *path, unsigned hz, unsigned seconds, const char **what)
{
    struct prompts prompts = { .count = 0 };
    size_t n = (size_t) hz * seconds;
    int16_t *pcm = mem_alloc(n * sizeof *pcm);
    struct wav_writer *w = NULL;
    const char *source = load(&prompts);
    bool ok = pcm != NULL;
    if (ok && source)
        ok = repeat(&prompts, hz, pcm, n);
    else if (ok)
        synthesize(pcm, n, hz);
    ok = ok && wav_writer_open(&w, path, WAV_PCM16, hz, 1) == AHOY_OK && wav_writer_put(w, pcm, n) == AHOY_OK;
    ok = wav_writer_close(w) == AHOY_OK && ok;
    *what = source ? source
                   : "a synthetic voice, for there is no recorded speech here: an encoder has less to do with it";
    prompts_free(&prompts);
    mem_free(pcm);
    return ok;
}
