/*
 * ahoy-bench-echo [--rate 16000|48000] [--seeds N] [--first N] [--only canceller] [--scene words]
 *     [--speech folder] [--write folder] [-v]
 *
 * Echo cancellers on synthetic rooms with real speech, in one table. Each scene runs twice: with the far end alone and
 * with both ends talking all the time.
 */
#include "audio/score.h"
#include "audio/wav.h"
#include "base/mem.h"
#include "echo/canceller.h"
#include "echo/score_echo.h"
#include "tool.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static const struct canceller *const cancellers[] = {
    &canceller_none,
    &canceller_speex,
#ifdef BENCH_WEBRTC
    &canceller_webrtc,
#endif
    &canceller_ahoy,
};

struct options {
    unsigned rate_hz, seeds, first;
    const char *only, *scene, *speech, *folder;
    bool verbose, quick, json;
};

static void shift(int16_t *x, size_t n, size_t by)
{
    by = AHOY_MIN(by, n);
    memmove(x, x + by, (n - by) * sizeof *x);
    memset(x + n - by, 0, by * sizeof *x);
}

/* By how much a canceller that does not say is late: near speech alone goes in, and is looked for in what comes out. */
static size_t measured_delay(const struct canceller *c, const struct scene *s)
{
    struct score_match m = { 0 };
    size_t frame = s->rate_hz / 100;
    int16_t *quiet = mem_zalloc(frame * sizeof *quiet);
    int16_t *out = mem_zalloc(s->n * sizeof *out);
    void *self = c->create(s->rate_hz);
    for (size_t at = 0; at + frame <= s->n && self && out && quiet; at += frame)
        c->frame(self, quiet, s->near + at, out + at);
    if (out && score_match(s->near, s->n, out, s->n, s->rate_hz, 60, &m) != AHOY_OK)
        m.lag = 0;
    if (self)
        c->destroy(self);
    mem_free(quiet);
    mem_free(out);
    return m.lag > 0 ? (size_t) m.lag : 0;
}

static bool run(const struct canceller *c, const struct scene *s, const int16_t *mic, int16_t *out, bool verbose)
{
    size_t frame = s->rate_hz / 100;
    void *self = c->create(s->rate_hz);
    if (!self)
        return false;
    memset(out, 0, s->n * sizeof *out);
    for (size_t at = 0; at + frame <= s->n; at += frame) {
        c->frame(self, s->far + at, mic + at, out + at);
        if (verbose && c->report && at % (2 * s->rate_hz) == 0)
            c->report(self);
    }
    size_t late = c->delay(self);
    c->destroy(self);
    shift(out, s->n, late == SIZE_MAX ? measured_delay(c, s) : late);
    return true;
}

static void write_wav(const struct options *o, const char *canceller, const char *scene, unsigned seed,
                      const char *what, const int16_t *pcm, size_t n)
{
    char path[400];
    struct wav_writer *w = NULL;
    if (!o->folder)
        return;
    (void) snprintf(path, sizeof path, "%s/%s-%u-%s-%s.wav", o->folder, scene, seed, what, canceller);
    for (char *p = path + strlen(o->folder); *p; p++)
        if (*p == ' ' || *p == ',')
            *p = '_';
    if (wav_writer_open(&w, path, WAV_PCM16, o->rate_hz, 1) || wav_writer_put(w, pcm, n) || wav_writer_close(w))
        fprintf(stderr, "%s could not be written\n", path);
}

/* ERLE over time, in pieces of half a second. */
static void print_course(const struct scene *s, const int16_t *out)
{
    for (size_t at = 0; at + s->rate_hz / 2 <= s->n; at += s->rate_hz / 2) {
        double in = 1, left = 1;
        for (size_t i = at; i < at + s->rate_hz / 2; i++) {
            in += (double) s->echo[i] * s->echo[i];
            left += (double) out[i] * out[i];
        }
        printf("%s%.0f", at % (10 * (size_t) s->rate_hz) ? " " : "\n    ", 10 * log10(in / left));
    }
    printf("\n");
}

static bool measure(const struct options *o, const struct canceller *c, const struct scene *s, const char *scene,
                    unsigned seed, struct echo_score *score)
{
    int16_t *out = mem_alloc(2 * s->n * sizeof *out);
    bool good = out != NULL;
    double before = tool_cpu_s();
    good = good && run(c, s, s->echo, out, o->verbose);
    double used = tool_cpu_s() - before;
    good = good && run(c, s, s->both, out + s->n, o->verbose);
    if (good) {
        score_scene(s, out, out + s->n, score);
        score->cpu_percent = 100 * used / SCENE_SECONDS;
        if (o->verbose)
            print_course(s, out);
        write_wav(o, c->name, scene, seed, "far", out, s->n);
        write_wav(o, c->name, scene, seed, "both", out + s->n, s->n);
    }
    mem_free(out);
    return good;
}

static void add(struct echo_score *sum, const struct echo_score *x, double n)
{
    sum->early_db += x->early_db / n;
    sum->late_db += x->late_db / n;
    sum->changed_db += x->changed_db / n;
    sum->first_20_ms = fmax(sum->first_20_ms, x->first_20_ms);
    sum->again_20_ms = fmax(sum->again_20_ms, x->again_20_ms);
    sum->lost_db += x->lost_db / n;
    sum->estoi += x->estoi / n;
    sum->cpu_percent += x->cpu_percent / n;
}

static void print_row(const char *scene, const char *name, const struct echo_score *x)
{
    printf("%-20s %-14s %6.1f %6.1f %6.1f %7.0f %7.0f %7.2f %6.3f %6.2f\n", scene, name, x->early_db, x->late_db,
           x->changed_db, x->first_20_ms, x->again_20_ms, x->lost_db, x->estoi, x->cpu_percent);
    (void) fflush(stdout);
}

static bool parse(struct options *o, int argc, char **argv, int *status)
{
    *o = (struct options){ .rate_hz = 16000, .seeds = 2, .first = 1 };
    const struct tool_option list[] = {
        { "--rate", .number = &o->rate_hz, .least = 16000, .most = 48000, .value = "HZ",
          .help = "sampling rate: 16000 or 48000 (default: 16000)" },
        { "--seeds", .number = &o->seeds, .least = 1, .most = 1000, .value = "N",
          .help = "the mean over so many seeds (default: 2)" },
        { "--first", .number = &o->first, .most = 1000000, .value = "N", .help = "the first seed (default: 1)" },
        { "--only", .text = &o->only, .value = "NAME", .help = "this canceller alone" },
        { "--scene", .text = &o->scene, .value = "WORDS", .help = "scenes with these words in their names" },
        { "--speech", .text = &o->speech, .value = "DIR",
          .help = "WAV files to speak, in place of the prompts of Debian" },
        { "--write", .text = &o->folder, .value = "DIR", .help = "leave the sounds there as WAV files" },
        { "--quick", .flag = &o->quick, .help = "one seed" },
        { "--json", .flag = &o->json, .help = "what all scenes come to as one JSON object, the last line" },
        { "-v", .flag = &o->verbose, .help = "each seed by itself, too" }
    };
    const struct tool_usage usage = { "ahoy-bench-echo", "echo cancellers on synthetic rooms with real speech", list,
                                      AHOY_COUNT(list) };
    if (!tool_options(&usage, argc, argv, status))
        return false;
    o->seeds = o->quick ? 1 : o->seeds;
    if (o->rate_hz == 16000 || o->rate_hz == 48000)
        return true;
    fprintf(stderr, "ahoy-bench-echo: --rate is 16000 or 48000, not %u\n", o->rate_hz);
    *status = 2;
    return false;
}

static bool wanted(const struct options *o, size_t c)
{
    return !o->only || strstr(cancellers[c]->name, o->only);
}

static void print_json(const struct options *o, const struct echo_score totals[])
{
    const char *comma = "";
    printf("{\"bench\":\"echo\",\"rate_hz\":%u,\"cancellers\":[", o->rate_hz);
    for (size_t c = 0; c < AHOY_COUNT(cancellers); c++) {
        const struct echo_score *x = &totals[c];
        if (!wanted(o, c))
            continue;
        printf("%s{\"name\":\"%s\",\"early_db\":%.1f,\"late_db\":%.1f,\"changed_db\":%.1f,\"first_20_ms\":%.0f,"
               "\"again_20_ms\":%.0f,\"lost_db\":%.2f,\"estoi\":%.3f,\"cpu_percent\":%.2f}",
               comma, cancellers[c]->name, x->early_db, x->late_db, x->changed_db, x->first_20_ms, x->again_20_ms,
               x->lost_db, x->estoi, x->cpu_percent);
        comma = ",";
    }
    printf("]}\n");
}

/* All cancellers on one kind of scene. */
static bool run_kind(const struct options *o, const struct scene_kind *kind, const struct speech *speech,
                     struct echo_score totals[])
{
    struct echo_score sums[AHOY_COUNT(cancellers)] = { { 0 } };
    for (unsigned seed = o->first; seed < o->first + o->seeds; seed++) {
        struct scene s;
        if (!scene_make(&s, kind, speech, o->rate_hz, seed))
            return false;
        for (size_t c = 0; c < AHOY_COUNT(cancellers); c++) {
            struct echo_score one;
            if (wanted(o, c) && measure(o, cancellers[c], &s, kind->name, seed, &one)) {
                add(&sums[c], &one, o->seeds);
                if (o->verbose)
                    print_row("", "", &one);
            }
        }
        write_wav(o, "scene", kind->name, seed, "both", s.both, s.n);
        write_wav(o, "scene", kind->name, seed, "farend", s.far, s.n);
        scene_free(&s);
    }
    for (size_t c = 0; c < AHOY_COUNT(cancellers); c++) {
        if (!wanted(o, c))
            continue;
        print_row(kind->name, cancellers[c]->name, &sums[c]);
        add(&totals[c], &sums[c], (double) scene_kind_count);
    }
    return true;
}

int main(int argc, char **argv)
{
    struct options o;
    struct echo_score totals[AHOY_COUNT(cancellers)] = { { 0 } };
    int status;
    if (!parse(&o, argc, argv, &status))
        return status;
    struct speech *speech = speech_load(o.rate_hz, o.speech);
    if (!speech) {
        fprintf(stderr, "ahoy-bench-echo: no speech; install alsa-utils and asterisk-core-sounds-en-wav\n");
        return 1;
    }
#ifndef BENCH_WEBRTC
    fprintf(stderr, "webrtc-audio-processing was not there when this was built.\n");
#endif
    printf("ERLE in dB; worst time to 20 dB in ms; near speech lost in double talk in dB, its ESTOI; CPU of a core.\n");
    printf("%-20s %-14s %6s %6s %6s %7s %7s %7s %6s %6s\n", "scene", "canceller", "0.5-4s", "5-10s", "change", "20dB",
           "again", "lost", "estoi", "cpu %");
    bool good = true;
    for (size_t k = 0; good && k < scene_kind_count; k++)
        if (!o.scene || strstr(scene_kinds[k].name, o.scene))
            good = run_kind(&o, &scene_kinds[k], speech, totals);
    for (size_t c = 0; good && !o.scene && c < AHOY_COUNT(cancellers); c++)
        if (wanted(&o, c))
            print_row("all", cancellers[c]->name, &totals[c]);
    if (good && o.json && !o.scene)
        print_json(&o, totals);
    speech_free(speech);
    return good ? 0 : 1;
}
