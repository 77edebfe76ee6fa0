#include "cli/signal_file.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { RATE_HZ = 48000, HARMONICS = 24, HEAD_BYTES = 44, SYLLABLE_MS = 260, VOICED_MS = 200, LEVEL = 5200 };

static const double TURN = 6.28318530717958647692;

static void put16(uint8_t *p, uint32_t x)
{
    p[0] = (uint8_t) x;
    p[1] = (uint8_t) (x >> 8);
}

static void put32(uint8_t *p, uint32_t x)
{
    put16(p, x & 0xffff);
    put16(p + 2, x >> 16);
}

static uint32_t get32(const uint8_t *p)
{
    return (uint32_t) p[0] | (uint32_t) p[1] << 8 | (uint32_t) p[2] << 16 | (uint32_t) p[3] << 24;
}

static bool put_head(FILE *f, uint32_t rate_hz, uint32_t samples)
{
    uint8_t h[HEAD_BYTES] = { 'R', 'I', 'F', 'F', 0,  0, 0, 0, 'W', 'A', 'V', 'E',
                              'f', 'm', 't', ' ', 16, 0, 0, 0, 1,   0,   1,   0 };
    put32(h + 4, 36 + samples * 2);
    put32(h + 24, rate_hz);
    put32(h + 28, rate_hz * 2);
    put16(h + 32, 2);
    put16(h + 34, 16);
    memcpy(h + 36, "data", 4);
    put32(h + 40, samples * 2);
    return fwrite(h, sizeof h, 1, f) == 1;
}

/* How strong a voice is at hz, when its formants are at f1 and f2. */
static double formants(double hz, double f1, double f2)
{
    double a = (hz - f1) / 110, b = (hz - f2) / 180, c = (hz - 2600) / 400;
    return exp(-a * a) + 0.5 * exp(-b * b) + 0.2 * exp(-c * c) + 0.01;
}

/* A vowel for each syllable, never the same rhythm twice in a row, so that a delay has one answer only. */
static double voice(uint32_t i, double phase, double hz)
{
    static const double vowel[][2] = { { 730, 1090 }, { 270, 2290 }, { 570, 840 }, { 530, 1840 },
                                       { 300, 870 },  { 660, 1720 }, { 440, 1020 } };
    uint32_t syllable = i / (RATE_HZ / 1000 * SYLLABLE_MS), at = i % (RATE_HZ / 1000 * SYLLABLE_MS);
    uint32_t voiced = RATE_HZ / 1000 * (VOICED_MS - 17 * (syllable * 5 % 7));
    const double *f = vowel[syllable * 3 % CLI_COUNT(vowel)];
    double sum = 0;
    if (at >= voiced || syllable % 9 == 8)
        return 0;
    for (int k = 1; k <= HARMONICS && k * hz < 3400; k++)
        sum += formants(k * hz, f[0], f[1]) * sin(phase * k + k * k);
    return sum * sin(TURN / 2 * at / voiced);
}

bool signal_file_write(const char *path, uint32_t ms, uint32_t lead_ms)
{
    FILE *f = fopen(path, "wb");
    uint32_t samples = ms * (RATE_HZ / 1000), lead = lead_ms * (RATE_HZ / 1000);
    double phase = 0;
    bool ok = f && put_head(f, RATE_HZ, samples);
    for (uint32_t i = 0; ok && i < samples; i++) {
        double t = (double) i / RATE_HZ;
        double hz = 125 + 22 * sin(TURN * 0.31 * t) + 9 * sin(TURN * 1.7 * t) + 14 * sin(TURN * 0.073 * t);
        double level = i < lead ? 0 : LEVEL * voice(i - lead, phase, hz);
        uint8_t sample[2];
        phase = fmod(phase + TURN * hz / RATE_HZ, TURN);
        put16(sample, (uint32_t) (int32_t) (level > 30000 ? 30000 : level < -30000 ? -30000 : level) & 0xffff);
        ok = fwrite(sample, sizeof sample, 1, f) == 1;
    }
    if (f && fclose(f) != 0)
        ok = false;
    return ok;
}

/* Leaves the file at the samples. False unless it is PCM of 16 bits and two channels. */
static bool open_stereo(FILE *f, uint32_t *rate_hz, uint32_t *frames)
{
    uint8_t h[16];
    bool format = false;
    if (fread(h, 12, 1, f) != 1 || memcmp(h, "RIFF", 4) != 0 || memcmp(h + 8, "WAVE", 4) != 0)
        return false;
    while (fread(h, 8, 1, f) == 1) {
        uint32_t size = get32(h + 4);
        if (memcmp(h, "data", 4) == 0) {
            *frames = size / 4;
            return format;
        }
        long skip = (long) size + size % 2;
        if (memcmp(h, "fmt ", 4) == 0 && size >= 16 && fread(h, 16, 1, f) == 1) {
            format = h[2] == 2 && h[3] == 0 && h[14] == 16;
            *rate_hz = get32(h + 4);
            skip -= 16;
        }
        if (fseek(f, skip, SEEK_CUR) != 0)
            return false;
    }
    return false;
}

bool signal_file_split(const char *stereo, const char *left, const char *right)
{
    uint32_t rate_hz = 0, frames = 0;
    uint8_t frame[4];
    FILE *in = fopen(stereo, "rb"), *l = fopen(left, "wb"), *r = fopen(right, "wb");
    bool ok = in && l && r && open_stereo(in, &rate_hz, &frames) && put_head(l, rate_hz, frames)
              && put_head(r, rate_hz, frames);
    for (uint32_t i = 0; ok && i < frames && fread(frame, sizeof frame, 1, in) == 1; i++)
        ok = fwrite(frame, 2, 1, l) == 1 && fwrite(frame + 2, 2, 1, r) == 1;
    if (in)
        (void) fclose(in);
    if (l && fclose(l) != 0)
        ok = false;
    if (r && fclose(r) != 0)
        ok = false;
    return ok;
}
