#include "support_ahoy.h"

#include "audio/codec_impl.h"
#include "audio/resample.h"
#include "audio/wav.h"
#include "base/mem.h"
#include "base/rng.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { ARGS_MAX = 48, CHUNK = 480, VOICES_HZ = 48000 };

/* ---- the command -------------------------------------------------------------------------------------------------- */

/* build/X/tests/interop_y has its command in build/X/bin/. */
static bool find_command(char path[LAB_PATH_BYTES])
{
    const char *dir = getenv("AHOY_BIN");
    if (dir && dir[0])
        return snprintf(path, LAB_PATH_BYTES, "%s/ahoy", dir) < LAB_PATH_BYTES;
    char self[LAB_PATH_BYTES - 16];
    ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);
    if (n <= 0)
        return false;
    self[n] = '\0';
    for (int up = 0; up < 2; up++) {
        char *slash = strrchr(self, '/');
        if (!slash)
            return false;
        *slash = '\0';
    }
    return snprintf(path, LAB_PATH_BYTES, "%s/bin/ahoy", self) < LAB_PATH_BYTES;
}

struct proc *ahoy_start(struct lab *lab, const char *const args[])
{
    const char *argv[ARGS_MAX + 2];
    char path[LAB_PATH_BYTES];
    size_t n = 0;
    if (!find_command(path))
        return NULL;
    argv[n++] = path;
    for (size_t i = 0; args[i] && n <= ARGS_MAX; i++)
        argv[n++] = args[i];
    argv[n] = NULL;
    return lab_start(lab, argv);
}

uint16_t ahoy_ready(struct proc *p)
{
    static const char scheme[] = "udp:127.0.0.1:";
    const char *line = proc_wait_both(p, "ready\"", scheme, WAIT_MS);
    const char *at = line ? strstr(line, scheme) : NULL;
    return at ? (uint16_t) strtoul(at + sizeof scheme - 1, NULL, 10) : 0;
}

bool ahoy_state(struct proc *p, const char *state)
{
    const char *line;
    while ((line = proc_wait(p, "\"event\":\"call.state\"", WAIT_MS))) {
        if (json_is(line, "state", state))
            return true;
        if (json_is(line, "state", "ended"))
            return false;
    }
    return false;
}

const char *ahoy_summary(struct proc *p)
{
    return proc_wait(p, "\"event\":\"summary\"", WAIT_MS + CALL_S * 1000);
}

bool ahoy_lasted(struct proc *p, unsigned ms)
{
    const char *line;
    while ((line = proc_wait(p, "\"event\":\"call.stat", WAIT_MS))) { /* call.stats or call.state */
        if (json_number(line, "duration_ms") >= ms)
            return true;
        if (json_is(line, "state", "ended"))
            return false;
    }
    return false;
}

/* What follows `"key":`, or NULL. */
static const char *value_of(const char *line, const char *key)
{
    char name[64];
    (void) snprintf(name, sizeof name, "\"%s\":", key);
    const char *at = line ? strstr(line, name) : NULL;
    return at ? at + strlen(name) : NULL;
}

double json_number(const char *line, const char *key)
{
    const char *at = value_of(line, key);
    char *end = NULL;
    double x = at ? strtod(at, &end) : 0;
    return at && end != at ? x : NAN;
}

bool json_is(const char *line, const char *key, const char *value)
{
    const char *at = value_of(line, key);
    size_t n = strlen(value);
    return at && at[0] == '"' && strncmp(at + 1, value, n) == 0 && at[n + 1] == '"';
}

/* ---- speech ------------------------------------------------------------------------------------------------------- */

/* Speech at 48 kHz: words one after the other until `n` samples are there. */
static bool speak(int16_t *pcm, size_t n, unsigned first)
{
    static const char *const words[] = { "Front_Center", "Rear_Left", "Side_Right",  "Front_Left",
                                         "Rear_Right",   "Side_Left", "Front_Right", "Rear_Center" };
    size_t have = 0;
    for (unsigned i = 0; have < n && i < AHOY_COUNT(words); i++) {
        char path[LAB_PATH_BYTES];
        struct wav_reader *r = NULL;
        (void) snprintf(path, sizeof path, "/usr/share/sounds/alsa/%s.wav", words[(first + i) % AHOY_COUNT(words)]);
        if (wav_reader_open(&r, path))
            return false;
        if (wav_reader_hz(r) != VOICES_HZ) {
            wav_reader_close(r);
            return false;
        }
        have += wav_reader_read(r, pcm + have, n - have);
        wav_reader_close(r);
    }
    return have == n;
}

/* Speech and silence at `hz`; free with mem_free. */
static int16_t *speech(uint32_t hz, unsigned first, size_t *n)
{
    size_t said = (size_t) VOICES_HZ / 1000 * SPEECH_MS, all = (size_t) hz / 1000 * (SPEECH_MS + SILENCE_MS), at = 0;
    struct resample *rs = NULL;
    int16_t *words = mem_alloc(said * sizeof *words), *out = mem_zalloc(all * sizeof *out);
    bool ok = words && out && speak(words, said, first);
    if (ok && hz == VOICES_HZ) {
        memcpy(out, words, said * sizeof *words);
    } else if (ok) {
        ok = resample_create(&rs, VOICES_HZ, hz, RESAMPLE_FINE) == AHOY_OK;
        for (size_t i = 0; ok && i + CHUNK <= said; i += CHUNK)
            at += resample_run(rs, words + i, CHUNK, out + at);
    }
    resample_destroy(rs);
    mem_free(words);
    if (!ok) {
        mem_free(out);
        return NULL;
    }
    *n = all;
    return out;
}

bool speech_make(const struct lab *lab, const char *name, uint32_t hz, unsigned first)
{
    char path[LAB_PATH_BYTES];
    struct wav_writer *w = NULL;
    size_t n = 0;
    int16_t *pcm = speech(hz, first, &n);
    bool ok = pcm && wav_writer_open(&w, lab_path(lab, name, path), WAV_PCM16, hz, 1) == AHOY_OK
              && wav_writer_put(w, pcm, n) == AHOY_OK;
    ok = wav_writer_close(w) == AHOY_OK && ok;
    mem_free(pcm);
    return ok;
}

bool speech_make_alaw(const struct lab *lab, const char *name, unsigned first)
{
    char path[LAB_PATH_BYTES];
    size_t n = 0;
    int16_t *pcm = speech(8000, first, &n);
    FILE *f = pcm ? fopen(lab_path(lab, name, path), "wb") : NULL;
    bool ok = f != NULL;
    for (size_t i = 0; ok && i < n; i++)
        ok = fputc(g711_alaw_encode(pcm[i]), f) != EOF;
    if (f)
        ok = fclose(f) == 0 && ok;
    mem_free(pcm);
    return ok;
}

double speech_heard(const struct lab *lab, const char *said, const char *heard)
{
    char a[LAB_PATH_BYTES], b[LAB_PATH_BYTES];
    struct ahoy_sound_score score = { 0 };
    enum ahoy_err err = ahoy_sound_compare(lab_path(lab, said, a), lab_path(lab, heard, b), &score);
    if (err)
        (void) fprintf(stderr, "     sound of %s in %s: %s\n", said, heard, ahoy_err_text(err));
    else
        (void) fprintf(stderr, "     sound of %s in %s: correlation %.3f, delay %.0f ms, gain %.1f dB\n", said, heard,
                       score.correlation, score.delay_ms, score.gain_db);
    return err ? -1 : score.correlation;
}

/* ---- names -------------------------------------------------------------------------------------------------------- */

const char *lab_find(const struct lab *lab, const char *begins, const char *ends, char name[LAB_PATH_BYTES])
{
    DIR *dir = opendir(lab->dir);
    name[0] = '\0';
    for (struct dirent *e; dir && !name[0] && (e = readdir(dir));) {
        struct view v = view_str(e->d_name), tail = view_str(ends);
        if (view_starts(v, view_str(begins)) && v.n >= tail.n && view_eq(view_from(v, v.n - tail.n), tail))
            (void) view_copy(v, name, LAB_PATH_BYTES);
    }
    if (dir)
        (void) closedir(dir);
    return name;
}

const char *uri_of(const char *user, uint16_t port, char uri[LAB_PATH_BYTES])
{
    (void) snprintf(uri, LAB_PATH_BYTES, "sip:%s@127.0.0.1:%u", user, port);
    return uri;
}

const char *files_of(const struct lab *lab, const char *in, const char *out, char spec[2 * LAB_PATH_BYTES + 8])
{
    (void) snprintf(spec, 2 * LAB_PATH_BYTES + 8, "file:%s/%s,%s/%s", lab->dir, in, lab->dir, out);
    return spec;
}

bool wander_make(const struct lab *lab, const char *name, uint32_t hz, unsigned seconds, uint64_t seed)
{
    struct wav_writer *w;
    struct rng rng;
    char path[LAB_PATH_BYTES];
    double phase = 0, pitch = 300, level = 0.1;
    rng_init_u64(&rng, seed);
    if (wav_writer_open(&w, lab_path(lab, name, path), WAV_PCM16, hz, 1))
        return false;
    for (unsigned ms = 0; ms < 1000 * seconds; ms++) {
        int16_t pcm[48];
        if (ms % 70 == 0) {
            pitch = 150 + 1500 * rng_unit(&rng);
            level = 0.05 + 0.25 * rng_unit(&rng);
        }
        for (uint32_t i = 0; i < hz / 1000; i++) {
            phase += pitch / hz;
            pcm[i] = (int16_t) (32767 * level * sin(6.283185307 * phase));
        }
        if (wav_writer_put(w, pcm, hz / 1000)) {
            (void) !wav_writer_close(w);
            return false;
        }
    }
    return wav_writer_close(w) == AHOY_OK;
}
