#include "echo/scene.h"

#include "audio/resample.h"
#include "audio/wav.h"
#include "base/mem.h"
#include "base/rng.h"

#include <dirent.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_PIECES = 600, PIECE_MIN_MS = 700, PIECE_MAX_MS = 6000 };

struct piece {
    int16_t *pcm;
    size_t n;
};

struct speech {
    unsigned rate_hz;
    size_t count;
    struct piece pieces[MOST_PIECES];
};

static const char *const folders[] = {
    "/usr/share/sounds/alsa",
    "/usr/share/asterisk/sounds/en_US_f_Allison",
};

/* Tones and noise are no speech. */
static bool is_speech(const char *name)
{
    static const char *const others[] = { "Noise",      "tone",    "beep", "ascending",
                                          "descending", "silence", "ring", "confbridge" };
    size_t n = strlen(name);
    if (n < 5 || strcmp(name + n - 4, ".wav") != 0)
        return false;
    for (size_t i = 0; i < AHOY_COUNT(others); i++)
        if (strstr(name, others[i]))
            return false;
    return true;
}

static bool load_piece(struct piece *out, const char *path, unsigned rate_hz)
{
    struct wav_reader *w = NULL;
    struct resample *r = NULL;
    int16_t block[480];
    size_t room = (size_t) rate_hz * PIECE_MAX_MS / 1000;
    int16_t *pcm = mem_alloc((room + 4000) * sizeof *pcm);
    size_t n = 0;
    if (!pcm || wav_reader_open(&w, path) || resample_create(&r, wav_reader_hz(w), rate_hz, RESAMPLE_FINE))
        goto out;
    for (size_t got; n < room && (got = wav_reader_read(w, block, 480)) > 0;)
        n += resample_run(r, block, got, pcm + n);
out:
    resample_destroy(r);
    wav_reader_close(w);
    if (n < (size_t) rate_hz * PIECE_MIN_MS / 1000) {
        mem_free(pcm);
        return false;
    }
    *out = (struct piece){ pcm, n };
    return true;
}

static int by_name(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

static void load_folder(struct speech *s, const char *folder)
{
    struct dirent **names = NULL;
    int n = scandir(folder, &names, NULL, by_name);
    for (int i = 0; i < n; i++) {
        char path[400];
        if (is_speech(names[i]->d_name) && s->count < MOST_PIECES) {
            (void) snprintf(path, sizeof path, "%s/%s", folder, names[i]->d_name);
            s->count += load_piece(&s->pieces[s->count], path, s->rate_hz);
        }
        free(names[i]);
    }
    free(names);
}

struct speech *speech_load(unsigned rate_hz, const char *folder)
{
    struct speech *s = mem_zalloc(sizeof *s);
    if (!s)
        return NULL;
    s->rate_hz = rate_hz;
    if (folder)
        load_folder(s, folder);
    for (size_t i = 0; i < AHOY_COUNT(folders) && !folder; i++)
        load_folder(s, folders[i]);
    if (s->count < 6) {
        speech_free(s);
        return NULL;
    }
    return s;
}

void speech_free(struct speech *s)
{
    for (size_t i = 0; s && i < s->count; i++)
        mem_free(s->pieces[i].pcm);
    mem_free(s);
}

static void to_level(double *x, size_t n, double dbfs)
{
    double sum = 1e-9;
    for (size_t i = 0; i < n; i++)
        sum += x[i] * x[i];
    double scale = pow(10, dbfs / 20) / sqrt(sum / (double) n);
    for (size_t i = 0; i < n; i++)
        x[i] *= scale;
}

void speech_fill(const struct speech *s, unsigned half, uint64_t seed, double *dst, size_t n)
{
    struct rng rng;
    rng_init_u64(&rng, seed * 2 + half);
    size_t at = 0;
    while (at < n) {
        /* Halves are odd and even places; every third sentence is one of alsa-utils', which reach 8 kHz. */
        uint32_t among = rng_below(&rng, 3) == 0 ? 8 : (uint32_t) s->count;
        size_t i = rng_below(&rng, among / 2) * 2 + half;
        const struct piece *p = &s->pieces[AHOY_MIN(i, s->count - 1)];
        double sum = 1;
        for (size_t k = 0; k < p->n; k++)
            sum += (double) p->pcm[k] * p->pcm[k];
        double scale = 1 / sqrt(sum / (double) p->n);
        for (size_t k = 0; k < p->n && at < n; k++)
            dst[at++] = p->pcm[k] * scale;
        for (size_t gap = s->rate_hz / 10 + rng_below(&rng, s->rate_hz / 4); gap > 0 && at < n; gap--)
            dst[at++] = 0;
    }
    to_level(dst, n, -26);
}
