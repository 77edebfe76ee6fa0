/*
 * Sound files written: each kind is read back by somebody else's reader (libsndfile, which Debian's packages of the tests
 * install), whole, cut off, and when the disk is full.
 */
#include "audio/soundfile.h"

#include "audio/score.h"
#include "audio/wav.h"
#include "base/mem.h"
#include "support/t.h"
#include "support/temp.h"
#include "support_sound.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MOST = 4 * 48000 };

static int16_t left[MOST], both[2 * MOST], heard[2 * MOST];

static void test_kinds_have_names_and_suffixes(struct t *t)
{
    enum soundfile_kind k;
    T_OK(soundfile_kind_parse(VIEW("FLAC"), &k));
    T_EQ(k, SOUNDFILE_FLAC);
    T_ERR(soundfile_kind_parse(VIEW("mp3"), &k), AHOY_ERR_NOT_FOUND);
    T_EQ(soundfile_kind_of(VIEW("/tmp/a.Opus")), SOUNDFILE_OPUS);
    T_EQ(soundfile_kind_of(VIEW("a.ogg")), SOUNDFILE_OPUS);
    T_EQ(soundfile_kind_of(VIEW("a.flac")), SOUNDFILE_FLAC);
    T_EQ(soundfile_kind_of(VIEW("a.wav")), SOUNDFILE_WAV);
    T_EQ(soundfile_kind_of(VIEW("/a.flac/noise")), SOUNDFILE_WAV);
    T_EQ(soundfile_kind_of(VIEW("")), SOUNDFILE_WAV);
out:;
}

static size_t read_all(struct wav_reader *r)
{
    size_t n = 0;
    for (size_t got; n < MOST && (got = wav_reader_read(r, heard + n, 960)) > 0;)
        n += got;
    return n;
}

/* A voice of a second and a half, written in pieces, comes back as long and at the same time. */
static void mono(struct t *t, const char *name, uint32_t hz, size_t frames)
{
    char dir[TEMP_PATH_BYTES] = "", path[2 * TEMP_PATH_BYTES];
    struct soundfile *f = NULL;
    struct wav_reader *r = NULL;
    struct score_match m;
    struct stat st;
    T_CHECK(temp_make(dir, sizeof dir));
    sound_voice(left, frames, hz, 120);
    struct soundfile_config cfg = { .path = temp_path(dir, name, path),
                                    .kind = soundfile_kind_of(view_str(name)),
                                    .rate_hz = hz,
                                    .channels = 1,
                                    .serial = 77 };
    T_OK(soundfile_create(&f, &cfg));
    for (size_t at = 0; at < frames; at += 333)
        T_OK(soundfile_put(f, left + at, AHOY_MIN(frames - at, (size_t) 333)));
    enum ahoy_err closed = soundfile_close(f);
    f = NULL;
    T_OK(closed);
    T_EQ(stat(path, &st), 0);
    T_EQ(st.st_mode & 0777, 0600);
    T_OK(wav_reader_open(&r, path));
    uint32_t heard_hz = wav_reader_hz(r);
    size_t n = read_all(r);
    if (getenv("AHOY_TEST_FIGURES"))
        (void) fprintf(stderr, "%s %u: read at %u, %zu samples, %lld bytes\n", name, hz, heard_hz, n,
                       (long long) st.st_size);
    if (cfg.kind != SOUNDFILE_OPUS) {
        T_EQ(heard_hz, hz);
        T_EQ(n, frames);
        T_MEM(heard, left, n * sizeof *heard);
        goto out;
    }
    T_EQ((uint64_t) n * hz, (uint64_t) frames * heard_hz); /* the end is cut to the sample */
    size_t step = heard_hz / hz;
    for (size_t i = 0; i < frames; i++)
        heard[i] = heard[i * step];
    T_OK(score_match(left, frames, heard, frames, hz, 100, &m));
    if (getenv("AHOY_TEST_FIGURES"))
        (void) fprintf(stderr, "%s %u: correlation %.3f, lag %lld\n", name, hz, m.corr, (long long) m.lag);
    T_CHECK(m.corr > 0.7); /* it keeps how it sounds rather than the wave */
    T_NEAR(m.delay_ms, 0, 1);
out:
    wav_reader_close(r);
    (void) !soundfile_close(f);
    temp_remove(dir);
}

static void test_wav_comes_back(struct t *t)
{
    mono(t, "x.wav", 16000, 24001);
}

static void test_flac_comes_back_bit_by_bit(struct t *t)
{
    mono(t, "x.flac", 16000, 24001);
    if (!t->failed)
        mono(t, "x.flac", 48000, 48000);
}

static void test_opus_comes_back_in_time(struct t *t)
{
    mono(t, "x.opus", 48000, 70000);
    if (!t->failed)
        mono(t, "x.opus", 16000, 24000);
    if (!t->failed)
        mono(t, "x.ogg", 8000, 12000);
}

/* A tone that is in no step with the pieces in which it is converted: a seam between two of them would be heard. */
static void test_opus_of_another_rate_has_no_seams(struct t *t)
{
    static const uint32_t rates[] = { 8000, 16000, 44100 };
    char dir[TEMP_PATH_BYTES] = "", path[2 * TEMP_PATH_BYTES];
    struct soundfile *f = NULL;
    struct wav_reader *r = NULL;
    T_CHECK(temp_make(dir, sizeof dir));
    for (size_t i = 0; i < AHOY_COUNT(rates); i++) {
        size_t piece = rates[i] / 50;
        struct soundfile_config cfg = {
            .path = temp_path(dir, "x.opus", path), .kind = SOUNDFILE_OPUS, .rate_hz = rates[i], .channels = 1
        };
        sound_sine(left, 2 * rates[i], rates[i], 437, -20);
        T_OK(soundfile_create(&f, &cfg));
        for (size_t at = 0; at + piece <= 2 * rates[i]; at += piece)
            T_OK(soundfile_put(f, left + at, piece));
        enum ahoy_err closed = soundfile_close(f);
        f = NULL;
        T_OK(closed);
        T_OK(wav_reader_open(&r, path));
        size_t n = read_all(r), hz = wav_reader_hz(r);
        wav_reader_close(r);
        r = NULL;
        T_LE(hz * 3 / 2, n);
        double purity_db = sound_purity_db(heard + hz / 2, hz, (uint32_t) hz, 437);
        if (getenv("AHOY_TEST_FIGURES"))
            (void) fprintf(stderr, "%u Hz: purity %.1f dB\n", rates[i], purity_db);
        T_CHECK(purity_db > 25);
    }
out:
    wav_reader_close(r);
    (void) !soundfile_close(f);
    temp_remove(dir);
}

/* Two channels are two mono streams, none coupled (RFC 7845 section 5.1.1), so nobody is heard on the other's side. */
static void test_the_two_sides_of_opus_are_apart(struct t *t)
{
    static const char map[] = { 1, 2, 0, 0, 1 }; /* family, streams, coupled, left, right */
    char dir[TEMP_PATH_BYTES] = "", path[2 * TEMP_PATH_BYTES];
    struct soundfile *f = NULL;
    struct wav_reader *r = NULL;
    struct view raw = { .p = NULL };
    struct score_match m;
    size_t n = 48000;
    T_CHECK(temp_make(dir, sizeof dir));
    sound_voice(left, n, 48000, 120);
    for (size_t i = 0; i < n; i++) {
        both[2 * i] = left[i];
        both[2 * i + 1] = 0;
    }
    struct soundfile_config cfg = {
        .path = temp_path(dir, "x.opus", path), .kind = SOUNDFILE_OPUS, .rate_hz = 48000, .channels = 2
    };
    T_OK(soundfile_create(&f, &cfg));
    T_OK(soundfile_put(f, both, n));
    enum ahoy_err closed = soundfile_close(f);
    f = NULL;
    T_OK(closed);
    T_CHECK(t_read_file(t, path, &raw));
    T_MEM(raw.p + 28, "OpusHead\1\2", 10);
    T_MEM(raw.p + 28 + 18, map, sizeof map);
    T_OK(wav_reader_open(&r, path));
    T_EQ(wav_reader_channels(r), 2);
    T_EQ(wav_reader_hz(r), 48000);
    T_EQ(wav_reader_read(r, heard, MOST), n);
    T_OK(score_match(left, n, heard, n, 48000, 20, &m));
    T_CHECK(m.corr > 0.7);
    T_NEAR(m.heard_dbfs - m.said_dbfs, -6, 1); /* the reader's mean of a voice and of nothing */
out:
    mem_free((void *) (uintptr_t) raw.p);
    wav_reader_close(r);
    (void) !soundfile_close(f);
    temp_remove(dir);
}

/* A file whose writer went away in the middle plays up to its last second. */
static void cut(struct t *t, const char *name)
{
    char dir[TEMP_PATH_BYTES] = "", path[2 * TEMP_PATH_BYTES];
    struct soundfile *f = NULL;
    struct wav_reader *r = NULL;
    T_CHECK(temp_make(dir, sizeof dir));
    sound_voice(left, MOST, 48000, 120);
    struct soundfile_config cfg = {
        .path = temp_path(dir, name, path), .kind = soundfile_kind_of(view_str(name)), .rate_hz = 48000, .channels = 1
    };
    T_OK(soundfile_create(&f, &cfg));
    for (size_t at = 0; at + 480 <= MOST - 4800; at += 480)
        T_OK(soundfile_put(f, left + at, 480));
    T_OK(wav_reader_open(&r, path)); /* what a crash would leave */
    size_t n = read_all(r);
    if (getenv("AHOY_TEST_FIGURES"))
        (void) fprintf(stderr, "%s cut after %d: %zu samples\n", name, MOST - 4800, n);
    T_LE(MOST - 4800 - 52000, n);
    T_LE(n, MOST);
out:
    wav_reader_close(r);
    (void) !soundfile_close(f);
    temp_remove(dir);
}

static void test_a_recording_that_was_cut_off_still_plays(struct t *t)
{
    cut(t, "x.wav");
    if (!t->failed)
        cut(t, "x.flac");
    if (!t->failed)
        cut(t, "x.opus");
}

/* Noise does not compress: the limit of a file's size stands for a full disk. */
static void full(struct t *t, const char *name, rlim_t most)
{
    char dir[TEMP_PATH_BYTES] = "", path[2 * TEMP_PATH_BYTES];
    struct soundfile *f = NULL;
    struct wav_reader *r = NULL;
    struct rlimit before, limit;
    (void) getrlimit(RLIMIT_FSIZE, &before);
    limit = (struct rlimit){ .rlim_cur = most, .rlim_max = before.rlim_max };
    void (*handler)(int) = signal(SIGXFSZ, SIG_IGN);
    enum ahoy_err err = AHOY_OK;
    size_t at = 0;
    T_CHECK(temp_make(dir, sizeof dir));
    sound_noise(left, MOST, 5, -20);
    struct soundfile_config cfg = {
        .path = temp_path(dir, name, path), .kind = soundfile_kind_of(view_str(name)), .rate_hz = 48000, .channels = 1
    };
    T_OK(soundfile_create(&f, &cfg));
    (void) setrlimit(RLIMIT_FSIZE, &limit);
    for (; at + 480 <= MOST && !err; at += 480)
        err = soundfile_put(f, left + at, 480);
    enum ahoy_err closed = soundfile_close(f);
    f = NULL;
    (void) setrlimit(RLIMIT_FSIZE, &before);
    T_ERR(err, AHOY_ERR_IO);
    (void) closed;
    T_OK(wav_reader_open(&r, path));
    size_t n = read_all(r);
    if (getenv("AHOY_TEST_FIGURES"))
        (void) fprintf(stderr, "%s full after %zu: %zu samples\n", name, at, n);
    T_LE(48000, n);
out:
    (void) setrlimit(RLIMIT_FSIZE, &before);
    (void) signal(SIGXFSZ, handler);
    wav_reader_close(r);
    (void) !soundfile_close(f);
    temp_remove(dir);
}

static void test_a_full_disk_is_told_and_costs_the_end_only(struct t *t)
{
    full(t, "x.wav", 200000);
    if (!t->failed)
        full(t, "x.flac", 250000);
    if (!t->failed)
        full(t, "x.opus", 10000);
}

static void test_what_cannot_be_made_says_why(struct t *t)
{
    static const char *const name[] = { "no/x.wav", "no/x.flac", "no/x.opus" };
    char dir[TEMP_PATH_BYTES] = "", path[2 * TEMP_PATH_BYTES];
    struct soundfile *f = NULL;
    T_CHECK(temp_make(dir, sizeof dir));
    for (size_t i = 0; i < AHOY_COUNT(name); i++) {
        struct soundfile_config cfg = { .path = temp_path(dir, name[i], path),
                                        .kind = soundfile_kind_of(view_str(name[i])),
                                        .rate_hz = 8000,
                                        .channels = 1 };
        T_ERR(soundfile_create(&f, &cfg), AHOY_ERR_NOT_FOUND);
        cfg.channels = 3;
        T_ERR(soundfile_create(&f, &cfg), AHOY_ERR_RANGE);
    }
    T_CHECK(!f);
out:
    temp_remove(dir);
}

/* Seconds of coding: without failing allocations, but for the smallest. */
T_MAIN(T(test_kinds_have_names_and_suffixes), T(test_wav_comes_back), T_PLAIN(test_flac_comes_back_bit_by_bit),
       T_STRIDE(test_opus_comes_back_in_time, 3), T_PLAIN(test_opus_of_another_rate_has_no_seams),
       T_PLAIN(test_the_two_sides_of_opus_are_apart), T_PLAIN(test_a_recording_that_was_cut_off_still_plays),
       T_PLAIN(test_a_full_disk_is_told_and_costs_the_end_only), T(test_what_cannot_be_made_says_why))
