/*
 * ahoy-bench-noise [--seeds N] [--first N] [--only reducer] [--noise kind] [--rate 16000|48000] [--write folder]
 *
 * Noise reducers on real speech in made noise, in one table: how much better speech is understood (ESTOI), how far its
 * spectrum is from the clean one, how much noise is taken away in pauses, what is left of the speech.
 */
#include "audio/fft.h"
#include "audio/rnn.h"
#include "audio/score.h"
#include "audio/wav.h"
#include "base/mem.h"
#include "base/rng.h"
#include "echo/scene.h"
#include "noise/noise.h"
#include "tool.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define PI 3.14159265358979323846

enum { SECONDS = 12, FFT = 512, LEVELS = 5 };

static const struct reducer *const reducers[] = {
    &reducer_none,
    &reducer_speex,
#ifdef BENCH_WEBRTC
    &reducer_webrtc_moderate,
    &reducer_webrtc_high,
#endif
    &reducer_rnn,
    &reducer_ahoy,
    &reducer_chain,
};

struct options {
    unsigned rate_hz, seeds, first;
    const char *only, *noise, *speech, *folder;
    bool quick, json;
};

struct score {
    double estoi, lsd_db, quieter_db, kept_db, cpu_percent;
};

/* ---- noise ------------------------------------------------------------------------------------------------------- */

static double gauss(struct rng *r)
{
    return sqrt(-2 * log(1 - rng_unit(r))) * cos(2 * PI * rng_unit(r));
}

static void white(double *x, size_t n, unsigned rate_hz, const struct speech *s, struct rng *r)
{
    (void) rate_hz, (void) s;
    for (size_t i = 0; i < n; i++)
        x[i] = gauss(r);
}

/* Three first-order lowpasses an octave or so apart: falls by about 3 dB an octave. */
static void pink(double *x, size_t n, unsigned rate_hz, const struct speech *s, struct rng *r)
{
    double a = 0, b = 0, c = 0;
    (void) rate_hz, (void) s;
    for (size_t i = 0; i < n; i++) {
        double w = gauss(r);
        a = 0.99765 * a + w * 0.0990460;
        b = 0.96300 * b + w * 0.2965164;
        c = 0.57000 * c + w * 1.0526913;
        x[i] = a + b + c + w * 0.1848;
    }
}

/* Mains and its harmonics, as far off as it is on an ordinary day, with a little hiss. */
static void hum(double *x, size_t n, unsigned rate_hz, const struct speech *s, struct rng *r)
{
    double turns = 0;
    (void) s;
    for (size_t i = 0; i < n; i++) {
        turns += (49.97 + 0.015 * sin(2 * PI * 0.05 * (double) i / rate_hz)) / rate_hz;
        x[i] = 0.05 * gauss(r);
        for (int h = 1; h <= 12; h++)
            x[i] += sin(2 * PI * h * turns + h) / h;
    }
}

/* Rumble that falls by 6 dB an octave from 200 Hz, the blades' tone that wavers, and a turn's rhythm. */
static void fan(double *x, size_t n, unsigned rate_hz, const struct speech *s, struct rng *r)
{
    double low = 0, phase = 0;
    (void) s;
    for (size_t i = 0; i < n; i++) {
        double t = (double) i / rate_hz;
        low += 2 * PI * 200 / rate_hz * (gauss(r) - low);
        phase += 2 * PI * (140 + 3 * sin(2 * PI * 0.4 * t)) / rate_hz;
        x[i] = (1 + 0.3 * sin(2 * PI * 9 * t)) * (6 * low + 0.2 * sin(phase) + 0.1 * sin(2 * phase)) + 0.1 * gauss(r);
    }
}

/* Twelve sentences at once. */
static void babble(double *x, size_t n, unsigned rate_hz, const struct speech *s, struct rng *r)
{
    double *one = mem_alloc(n * sizeof *one);
    (void) rate_hz;
    memset(x, 0, n * sizeof *x);
    for (int k = 0; one && k < 12; k++) {
        speech_fill(s, 1, rng_u32(r), one, n);
        for (size_t i = 0; i < n; i++)
            x[i] += one[i];
    }
    mem_free(one);
}

static const struct kind {
    const char *name;
    void (*make)(double *x, size_t n, unsigned rate_hz, const struct speech *s, struct rng *r);
} kinds[] = { { "white", white }, { "pink", pink }, { "hum", hum }, { "fan", fan }, { "babble", babble } };

/* ---- scores ------------------------------------------------------------------------------------------------------ */

static void powers(const int16_t *x, double *out)
{
    double re[FFT], im[FFT] = { 0 };
    for (size_t i = 0; i < FFT; i++)
        re[i] = x[i] * (0.5 - 0.5 * cos(2 * PI * (double) i / FFT));
    fft_run(re, im, FFT, false);
    for (size_t k = 0; k < FFT / 2; k++)
        out[k] = re[k] * re[k] + im[k] * im[k];
}

static double energy(const int16_t *x, size_t n)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += (double) x[i] * x[i];
    return sum;
}

/* Frames within 30 dB of the mean count as speech, digital silence as a pause; the first second is for learning. */
static void spectral_scores(const int16_t *clean, const int16_t *in, const int16_t *out, size_t n, struct score *s)
{
    double mean = energy(clean, n) / (double) n * FFT;
    double lsd = 0, noise_in = 1, noise_out = 1, own = 1, kept = 1;
    size_t frames = 0;
    for (size_t at = n / SECONDS; at + FFT <= n; at += FFT / 2) {
        double a[FFT / 2], b[FFT / 2], sum = 0;
        double level = energy(clean + at, FFT);
        if (level < mean * 1e-6) {
            noise_in += energy(in + at, FFT);
            noise_out += energy(out + at, FFT);
        }
        if (level < mean * 1e-3)
            continue;
        powers(clean + at, a);
        powers(out + at, b);
        double least = level * FFT / 2 * 1e-5;
        for (size_t k = 4; k < FFT / 2; k++) {
            double d = 10 * log10((b[k] + least) / (a[k] + least));
            sum += d * d;
        }
        lsd += sqrt(sum / (FFT / 2 - 4));
        frames++;
        double dot = 0;
        for (size_t i = 0; i < FFT; i++)
            dot += (double) clean[at + i] * out[at + i];
        own += level;
        kept += dot > 0 ? dot * dot / level : 0;
    }
    s->lsd_db = frames > 0 ? lsd / (double) frames : 0;
    s->quieter_db = 10 * log10(noise_in / noise_out);
    s->kept_db = 10 * log10(kept / own);
}

/* ---- running ----------------------------------------------------------------------------------------------------- */

static void write_wav(const struct options *o, const char *kind, int snr_db, const char *who, const int16_t *pcm,
                      size_t n)
{
    char path[400];
    struct wav_writer *w = NULL;
    if (!o->folder)
        return;
    (void) snprintf(path, sizeof path, "%s/%s-%d-%s.wav", o->folder, kind, snr_db, who);
    if (wav_writer_open(&w, path, WAV_PCM16, o->rate_hz, 1) || wav_writer_put(w, pcm, n) || wav_writer_close(w))
        fprintf(stderr, "%s could not be written\n", path);
}

/* How late a reducer is: looked for in what it makes of the noisy sound. */
static void align(const int16_t *in, int16_t *out, size_t n, unsigned rate_hz)
{
    struct score_match m = { 0 };
    if (score_match(in, n, out, n, rate_hz, 60, &m) != AHOY_OK || m.lag <= 0)
        return;
    size_t by = AHOY_MIN((size_t) m.lag, n);
    memmove(out, out + by, (n - by) * sizeof *out);
    memset(out + n - by, 0, by * sizeof *out);
}

static bool measure(const struct reducer *r, const struct options *o, const int16_t *clean, const int16_t *in,
                    int16_t *out, size_t n, struct score *sum)
{
    struct score s = { 0 };
    size_t frame = o->rate_hz / 100;
    void *self = r->create(o->rate_hz);
    if (!self)
        return false;
    double before = tool_cpu_s();
    for (size_t at = 0; at + frame <= n; at += frame)
        r->frame(self, in + at, out + at);
    s.cpu_percent = 100 * (tool_cpu_s() - before) / SECONDS;
    r->destroy(self);
    align(in, out, n, o->rate_hz);
    spectral_scores(clean, in, out, n, &s);
    if (score_estoi(clean, out, n, o->rate_hz, &s.estoi) != AHOY_OK)
        return false;
    sum->estoi += s.estoi;
    sum->lsd_db += s.lsd_db;
    sum->quieter_db += s.quieter_db;
    sum->kept_db += s.kept_db;
    sum->cpu_percent += s.cpu_percent;
    return true;
}

/* Speech at -26 dBFS with noise `snr_db` below it; 100: none. */
static bool mix(const struct kind *kind, const struct speech *speech, unsigned rate_hz, unsigned seed, int snr_db,
                int16_t *clean, int16_t *noisy, size_t n)
{
    struct rng r;
    double *x = mem_alloc(2 * n * sizeof *x);
    if (!x)
        return false;
    double *noise = x + n;
    double own = 1e-12, other = 1e-12;
    rng_init_u64(&r, seed * 131 + (uint64_t) (kind - kinds));
    speech_fill(speech, 0, seed * 100 + (uint64_t) (kind - kinds), x, n);
    kind->make(noise, n, rate_hz, speech, &r);
    for (size_t i = 0; i < n; i++) {
        own += x[i] * x[i];
        other += noise[i] * noise[i];
    }
    double scale = snr_db >= 100 ? 0 : sqrt(own / other) * pow(10, -snr_db / 20.0);
    for (size_t i = 0; i < n; i++) {
        clean[i] = (int16_t) lrint(fmax(-32768, fmin(32767, 32768 * x[i])));
        noisy[i] = (int16_t) lrint(fmax(-32768, fmin(32767, 32768 * (x[i] + scale * noise[i]))));
    }
    mem_free(x);
    return true;
}

static void print_row(const char *noise, const char *snr, const char *name, const struct score *s, double n)
{
    printf("%-8s %6s %-16s %6.3f %6.2f %7.1f %7.2f %6.2f\n", noise, snr, name, s->estoi / n, s->lsd_db / n,
           s->quieter_db / n, s->kept_db / n, s->cpu_percent / n);
    (void) fflush(stdout);
}

static bool wanted(const struct options *o, size_t c)
{
    return (!o->only || strstr(reducers[c]->name, o->only)) && (reducers[c] != &reducer_rnn || rnn_present());
}

static void print_json(const struct options *o, const struct score totals[], double n)
{
    const char *comma = "";
    printf("{\"bench\":\"noise\",\"rate_hz\":%u,\"reducers\":[", o->rate_hz);
    for (size_t c = 0; c < AHOY_COUNT(reducers); c++) {
        const struct score *s = &totals[c];
        if (!wanted(o, c))
            continue;
        printf("%s{\"name\":\"%s\",\"estoi\":%.3f,\"lsd_db\":%.2f,\"quieter_db\":%.1f,\"kept_db\":%.2f,"
               "\"cpu_percent\":%.2f}",
               comma, reducers[c]->name, s->estoi / n, s->lsd_db / n, s->quieter_db / n, s->kept_db / n,
               s->cpu_percent / n);
        comma = ",";
    }
    printf("]}\n");
}

static bool run_kind(const struct options *o, const struct kind *kind, const struct speech *speech,
                     struct score totals[], double *count)
{
    static const int levels[LEVELS] = { 0, 5, 10, 20, 100 };
    size_t n = (size_t) SECONDS * o->rate_hz;
    int16_t *pcm = mem_alloc(3 * n * sizeof *pcm);
    bool good = pcm != NULL;
    for (size_t l = 0; good && l < LEVELS; l++) {
        struct score sums[AHOY_COUNT(reducers)] = { { 0 } };
        char label[8];
        (void) snprintf(label, sizeof label, levels[l] >= 100 ? "clean" : "%d dB", levels[l]);
        for (unsigned seed = o->first; good && seed < o->first + o->seeds; seed++) {
            good = mix(kind, speech, o->rate_hz, seed, levels[l], pcm, pcm + n, n);
            for (size_t c = 0; good && c < AHOY_COUNT(reducers); c++) {
                if (!wanted(o, c))
                    continue;
                good = measure(reducers[c], o, pcm, pcm + n, pcm + 2 * n, n, &sums[c]);
                write_wav(o, kind->name, levels[l], reducers[c]->name, pcm + 2 * n, n);
            }
        }
        for (size_t c = 0; good && c < AHOY_COUNT(reducers); c++) {
            if (!wanted(o, c))
                continue;
            print_row(kind->name, label, reducers[c]->name, &sums[c], o->seeds);
            if (levels[l] >= 100)
                continue;
            totals[c].estoi += sums[c].estoi;
            totals[c].lsd_db += sums[c].lsd_db;
            totals[c].quieter_db += sums[c].quieter_db;
            totals[c].kept_db += sums[c].kept_db;
            totals[c].cpu_percent += sums[c].cpu_percent;
        }
        *count += levels[l] >= 100 ? 0 : o->seeds;
    }
    mem_free(pcm);
    return good;
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
        { "--only", .text = &o->only, .value = "NAME", .help = "this reducer alone" },
        { "--noise", .text = &o->noise, .value = "KIND", .help = "this noise alone" },
        { "--speech", .text = &o->speech, .value = "DIR",
          .help = "WAV files to speak, in place of the prompts of Debian" },
        { "--write", .text = &o->folder, .value = "DIR", .help = "leave the sounds there as WAV files" },
        { "--quick", .flag = &o->quick, .help = "one seed" },
        { "--json", .flag = &o->json, .help = "what all noises come to as one JSON object, the last line" }
    };
    const struct tool_usage usage = { "ahoy-bench-noise", "noise reduction on speech in noise", list,
                                      AHOY_COUNT(list) };
    if (!tool_options(&usage, argc, argv, status))
        return false;
    o->seeds = o->quick ? 1 : o->seeds;
    if (o->rate_hz == 16000 || o->rate_hz == 48000)
        return true;
    fprintf(stderr, "ahoy-bench-noise: --rate is 16000 or 48000, not %u\n", o->rate_hz);
    *status = 2;
    return false;
}

int main(int argc, char **argv)
{
    struct options o;
    struct score totals[AHOY_COUNT(reducers)] = { { 0 } };
    double count = 0;
    int status;
    if (!parse(&o, argc, argv, &status))
        return status;
    struct speech *speech = speech_load(o.rate_hz, o.speech);
    if (!speech) {
        fprintf(stderr, "ahoy-bench-noise: no speech; install alsa-utils and asterisk-core-sounds-en-wav\n");
        return 1;
    }
#ifndef BENCH_WEBRTC
    fprintf(stderr, "webrtc-audio-processing was not there when this was built.\n");
#endif
    if (!rnn_present())
        fprintf(stderr, "RNNoise's library is not there; tools/get-rnnoise brings it.\n");
    printf(
        "ESTOI; log-spectral distance of speech in dB; noise taken away in pauses and speech kept in dB; CPU of a core.\n");
    printf("%-8s %6s %-16s %6s %6s %7s %7s %6s\n", "noise", "snr", "reducer", "estoi", "lsd", "quieter", "kept",
           "cpu %");
    bool good = true;
    for (size_t k = 0; good && k < AHOY_COUNT(kinds); k++)
        if (!o.noise || strcmp(kinds[k].name, o.noise) == 0)
            good = run_kind(&o, &kinds[k], speech, totals, &count);
    for (size_t c = 0; good && c < AHOY_COUNT(reducers); c++)
        if (wanted(&o, c))
            print_row("all", "0-20", reducers[c]->name, &totals[c], count);
    if (good && o.json)
        print_json(&o, totals, count);
    speech_free(speech);
    return good ? 0 : 1;
}
