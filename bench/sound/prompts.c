#include "sound/prompts.h"

#include "audio/codec.h"
#include "audio/resample.h"
#include "audio/wav.h"
#include "base/mem.h"
#include "base/rng.h"

#include <dirent.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    PIECE_MS = 8000,      /* a piece is complete from here on */
    PIECE_MOST_MS = 9500, /* and cut here */
    LEAD_MS = 300,        /* silence before */
    GAP_LEAST_MS = 120,
    GAP_MORE_MS = 200,
    PROMPT_LEAST_MS = 1200, /* single words and letters are left out */
    FILES_MAX = 2000,
};

static const char *const packages[] = {
    "/usr/share/asterisk/sounds/en_US_f_Allison",
    "/usr/share/sounds/alsa",
};

struct files {
    char *path[FILES_MAX];
    size_t n;
};

static bool ends_with(const char *name, const char *end)
{
    size_t n = strlen(name), m = strlen(end);
    return n > m && strcmp(name + n - m, end) == 0;
}

/* Tones, music, monkeys and noise are no speech. */
static bool is_speech(const char *name, bool wav)
{
    static const char *const others[] = { "Noise",      "tone",    "beep",    "ascending",
                                          "descending", "silence", "monkeys", "ring" };
    for (size_t i = 0; i < AHOY_COUNT(others); i++)
        if (strstr(name, others[i]))
            return false;
    return ends_with(name, ".g722") || (wav && ends_with(name, ".wav"));
}

static int by_name(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

static void list_folder(struct files *f, const char *folder, bool wav)
{
    struct dirent **names = NULL;
    int n = scandir(folder, &names, NULL, by_name);
    for (int i = 0; i < n; i++) {
        char path[600];
        int len = snprintf(path, sizeof path, "%s/%s", folder, names[i]->d_name);
        char *kept = len > 0 && (size_t) len < sizeof path ? mem_alloc((size_t) len + 1) : NULL;
        if (kept && is_speech(names[i]->d_name, wav) && f->n < FILES_MAX) {
            memcpy(kept, path, (size_t) len + 1);
            f->path[f->n++] = kept;
        } else {
            mem_free(kept);
        }
        free(names[i]);
    }
    free(names);
}

/* The same order everywhere: a shuffle from one seed, so that neighbours in a piece differ. */
static void shuffle(struct files *f)
{
    struct rng rng;
    rng_init_u64(&rng, 862);
    for (size_t i = f->n; i > 1; i--) {
        size_t k = rng_below(&rng, (uint32_t) i);
        char *swap = f->path[i - 1];
        f->path[i - 1] = f->path[k];
        f->path[k] = swap;
    }
}

struct sink {
    struct resample *resample;
    int16_t *pcm;
    size_t n, room;
};

static void sink_put(struct sink *s, const int16_t *pcm, size_t n)
{
    if (s->n + resample_max_out(s->resample, n) <= s->room)
        s->n += resample_run(s->resample, pcm, n, s->pcm + s->n);
}

static bool read_wav(struct sink *s, const char *path)
{
    struct wav_reader *w;
    int16_t block[480];
    if (wav_reader_open(&w, path))
        return false;
    bool good = resample_create(&s->resample, wav_reader_hz(w), PROMPTS_HZ, RESAMPLE_FINE) == AHOY_OK;
    for (size_t got; good && (got = wav_reader_read(w, block, AHOY_COUNT(block))) > 0;)
        sink_put(s, block, got);
    wav_reader_close(w);
    return good;
}

/* Raw G.722 at 64 kbit/s: 80 bytes are 10 ms. */
static bool read_g722(struct sink *s, const char *path)
{
    const struct audio_codec *codec = audio_codec_by_name(VIEW("g722"));
    struct audio_decoder *d;
    uint8_t raw[80];
    int16_t pcm[AUDIO_MAX_SAMPLES];
    FILE *f = fopen(path, "rb");
    if (!f)
        return false;
    bool good = audio_decoder_create(&d, codec) == AHOY_OK;
    if (!good)
        goto out;
    good = resample_create(&s->resample, codec->rate_hz, PROMPTS_HZ, RESAMPLE_FINE) == AHOY_OK;
    for (size_t got, n; good && (got = fread(raw, 1, sizeof raw, f)) == sizeof raw;)
        if (audio_decode(d, raw, got, pcm, AUDIO_MAX_SAMPLES, &n) == AHOY_OK)
            sink_put(s, pcm, n);
    audio_decoder_destroy(d);
out:
    (void) fclose(f);
    return good;
}

/* Without the silence at both ends, so many dB below full scale. Returns the samples left. */
static size_t tidy(int16_t *pcm, size_t n, double level)
{
    const int16_t quiet = 200;
    size_t from = 0;
    while (from < n && abs(pcm[from]) < quiet)
        from++;
    while (n > from && abs(pcm[n - 1]) < quiet)
        n--;
    n -= from;
    memmove(pcm, pcm + from, n * sizeof *pcm);
    double sum = 1;
    for (size_t i = 0; i < n; i++)
        sum += (double) pcm[i] * pcm[i];
    double gain = 32768 * pow(10, -level / 20) / sqrt(sum / (double) AHOY_MAX(n, (size_t) 1));
    for (size_t i = 0; i < n; i++)
        pcm[i] = (int16_t) lrint(fmin(fmax(pcm[i] * gain, -32768), 32767));
    return n;
}

/* Reads one prompt to `pcm`; 0: too short, or unreadable. */
static size_t read_prompt(const char *path, int16_t *pcm, size_t room, double level)
{
    struct sink s = { .pcm = pcm, .room = room };
    bool good = ends_with(path, ".g722") ? read_g722(&s, path) : read_wav(&s, path);
    resample_destroy(s.resample);
    size_t n = good ? tidy(pcm, s.n, level) : 0;
    return n >= PROMPTS_HZ / 1000 * PROMPT_LEAST_MS ? n : 0;
}

/* Where pieces come from. */
struct source {
    struct files files;
    size_t next;
    double level;
    struct rng rng; /* of the gaps */
};

/* Fills one piece from the next file on. False: the files ran out before it was complete. */
static bool build(struct piece *piece, struct source *from, int16_t *prompt, size_t room)
{
    enum { MS = PROMPTS_HZ / 1000 };
    piece->n = (size_t) MS * LEAD_MS;
    while (piece->n < (size_t) MS * PIECE_MS && from->next < from->files.n) {
        size_t n = read_prompt(from->files.path[from->next++], prompt, room, from->level);
        if (n == 0)
            continue;
        n = AHOY_MIN(n, (size_t) MS * PIECE_MOST_MS - piece->n);
        memcpy(piece->pcm + piece->n, prompt, n * sizeof *prompt);
        piece->n += n;
        size_t gap = (size_t) MS * (GAP_LEAST_MS + rng_below(&from->rng, GAP_MORE_MS));
        piece->n += AHOY_MIN(gap, (size_t) MS * PIECE_MOST_MS - piece->n);
    }
    return piece->n >= (size_t) MS * PIECE_MS;
}

enum ahoy_err prompts_load(struct prompts *p, const char *folder, double level, size_t pieces)
{
    enum { PROMPT_ROOM = PROMPTS_HZ * 75, PIECE_ROOM = PROMPTS_HZ / 1000 * PIECE_MOST_MS };
    *p = (struct prompts){ 0 };
    int16_t *prompt = mem_alloc(PROMPT_ROOM * sizeof *prompt);
    struct source *from = mem_zalloc(sizeof *from);
    enum ahoy_err err = prompt && from ? AHOY_OK : AHOY_ERR_NOMEM;
    if (err)
        goto out;
    from->level = level;
    rng_init_u64(&from->rng, 1);
    if (folder)
        list_folder(&from->files, folder, true);
    for (size_t i = 0; i < AHOY_COUNT(packages) && !folder; i++)
        list_folder(&from->files, packages[i], i > 0);
    shuffle(&from->files);
    while (p->count < AHOY_MIN(pieces, (size_t) PROMPTS_MAX_PIECES)) {
        struct piece *piece = &p->piece[p->count];
        piece->pcm = mem_zalloc(PIECE_ROOM * sizeof *piece->pcm);
        if (!piece->pcm) {
            err = AHOY_ERR_NOMEM;
            break;
        }
        p->count++;
        if (!build(piece, from, prompt, PROMPT_ROOM)) {
            mem_free(piece->pcm);
            p->count--;
            break;
        }
    }
    if (!err && p->count == 0)
        err = AHOY_ERR_NOT_FOUND;
    if (err)
        prompts_free(p);
out:
    for (size_t i = 0; from && i < from->files.n; i++)
        mem_free(from->files.path[i]);
    mem_free(from);
    mem_free(prompt);
    return err;
}

void prompts_free(struct prompts *p)
{
    for (size_t i = 0; i < p->count; i++)
        mem_free(p->piece[i].pcm);
    p->count = 0;
}
