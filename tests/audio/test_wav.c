#include "audio/wav.h"

#include "audio/score.h"
#include "support/t.h"
#include "support/temp.h"
#include "support_sound.h"

#include <stdlib.h>
#include <sys/stat.h>

enum { MOST = 48000 };

static int16_t said[MOST], heard[MOST];
static uint8_t file[200000];

static uint8_t *put(uint8_t *p, uint64_t x, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++)
        p[i] = (uint8_t) (x >> 8 * i);
    return p + bytes;
}

static uint8_t *tag(uint8_t *p, const char *name)
{
    memcpy(p, name, 4);
    return p + 4;
}

/* A header with a LIST chunk of odd length before the samples; returns where they go. */
static uint8_t *header(unsigned format, unsigned channels, unsigned hz, unsigned bits, uint32_t data_bytes)
{
    uint8_t *p = tag(file, "RIFF");
    p = put(p, 1000, 4);
    p = tag(p, "WAVE");
    p = tag(p, "LIST");
    p = put(p, 5, 4);
    memcpy(p, "hello", 6);
    p += 6;
    p = tag(p, "fmt ");
    p = put(p, 40, 4);
    p = put(p, format == 0 ? 0xfffe : format, 2);
    p = put(p, channels, 2);
    p = put(p, hz, 4);
    p = put(p, (uint64_t) hz * channels * bits / 8, 4);
    p = put(p, channels * bits / 8, 2);
    p = put(p, bits, 2);
    p = put(p, 22, 2);
    p = put(p, bits, 2);
    p = put(p, 0, 4);
    p = put(p, 1, 2); /* the sub-format of an extensible one: PCM */
    memset(p, 0x55, 14);
    p += 14;
    p = tag(p, "data");
    return put(p, data_bytes, 4);
}

struct memory {
    const uint8_t *p;
    size_t n;
};

static size_t read_memory(void *arg, uint64_t at, void *dst, size_t n)
{
    const struct memory *m = arg;
    if (at >= m->n)
        return 0;
    n = AHOY_MIN(n, m->n - (size_t) at);
    memcpy(dst, m->p + at, n);
    return n;
}

static enum ahoy_err parse(size_t n, struct wav_format *out)
{
    struct memory m = { file, n };
    struct wav_source src = { read_memory, &m };
    return wav_parse(&src, out);
}

static void test_each_coding_is_decoded(struct t *t)
{
    static const struct {
        unsigned format, bits;
        uint64_t raw[3]; /* half of full scale up, down, and zero */
        int off;
    } known[] = {
        { 1, 8, { 192, 64, 128 }, 0 },
        { 1, 16, { 0x4000, 0xc000, 0 }, 0 },
        { 0, 16, { 0x4000, 0xc000, 0 }, 0 },
        { 1, 24, { 0x400000, 0xc00000, 0 }, 0 },
        { 1, 32, { 0x40000000, 0xc0000000, 0 }, 0 },
        { 3, 32, { 0x3f000000, 0xbf000000, 0 }, 1 },
        { 3, 64, { 0x3fe0000000000000, 0xbfe0000000000000, 0 }, 1 },
        { 7, 8, { 0x8f, 0x0f, 0xff }, 500 },
        { 6, 8, { 0xa5, 0x25, 0xd5 }, 600 },
    };
    for (size_t i = 0; i < AHOY_COUNT(known); i++) {
        size_t bytes = known[i].bits / 8;
        uint8_t *p = header(known[i].format, 1, 22050, known[i].bits, (uint32_t) (3 * bytes + 1));
        struct wav_format f;
        int16_t pcm[3];
        uint8_t *data = p;
        for (int k = 0; k < 3; k++)
            p = put(p, known[i].raw[k], bytes);
        T_OK(parse((size_t) (p - file), &f));
        T_EQ(f.rate_hz, 22050);
        T_EQ(f.data_at, data - file);
        T_EQ(f.data_bytes, bytes == 1 ? 4 : 3 * bytes); /* the odd byte is no whole sample */
        wav_decode(&f, data, pcm, 3);
        T_NEAR(pcm[0], 16384, known[i].off);
        T_NEAR(pcm[1], -16384, known[i].off);
        T_NEAR(pcm[2], 0, known[i].off / 60);
    }
out:
    return;
}

static void test_floats_that_are_none_are_bounded(struct t *t)
{
    static const uint32_t raw[] = { 0x7fc00000, 0x7f800000, 0xff800000, 0x7f7fffff, 0xff7fffff, 0x00000001 };
    static const int16_t want[] = { 0, 32767, -32767, 32767, -32767, 0 };
    uint8_t *p = header(3, 1, 8000, 32, sizeof raw);
    uint8_t *data = p;
    struct wav_format f;
    int16_t pcm[6];
    for (int k = 0; k < 6; k++)
        p = put(p, raw[k], 4);
    T_OK(parse((size_t) (p - file), &f));
    wav_decode(&f, data, pcm, 6);
    T_MEM(pcm, want, sizeof want);
out:
    return;
}

static void test_channels_are_averaged(struct t *t)
{
    uint8_t *p = header(1, 2, 8000, 16, 8);
    uint8_t *data = p;
    struct wav_format f;
    int16_t pcm[2];
    p = put(put(put(put(p, 1000, 2), 3000, 2), (uint16_t) -1000, 2), 32767, 2);
    T_OK(parse((size_t) (p - file), &f));
    T_EQ(f.channels, 2);
    wav_decode(&f, data, pcm, 2);
    T_EQ(pcm[0], 2000);
    T_EQ(pcm[1], 15883);
out:
    return;
}

static void test_hostile_headers_are_refused(struct t *t)
{
    struct wav_format f = { .rate_hz = 7 };
    T_ERR(parse(0, &f), AHOY_ERR_FORMAT);
    size_t whole = (size_t) (header(1, 1, 8000, 16, 4) - file);
    for (size_t n = 0; n < whole; n++)
        T_ERR(parse(n, &f), AHOY_ERR_FORMAT); /* cut anywhere */
    (void) header(1, 0, 8000, 16, 4);
    T_ERR(parse(whole, &f), AHOY_ERR_FORMAT);
    (void) header(1, 33, 8000, 16, 4);
    T_ERR(parse(whole, &f), AHOY_ERR_FORMAT);
    (void) header(1, 1, 0, 16, 4);
    T_ERR(parse(whole, &f), AHOY_ERR_FORMAT);
    (void) header(1, 1, 0x7fffffff, 16, 4);
    T_ERR(parse(whole, &f), AHOY_ERR_FORMAT);
    (void) header(2, 1, 8000, 4, 4); /* ADPCM */
    T_ERR(parse(whole, &f), AHOY_ERR_FORMAT);
    memset(file + 12, 0, sizeof file - 12); /* empty chunks without end */
    T_ERR(parse(sizeof file, &f), AHOY_ERR_LIMIT);
    (void) header(1, 1, 8000, 16, 4);
    (void) put(file + 16, 0xffffffff, 4); /* the LIST claims 4 GB */
    T_ERR(parse(whole, &f), AHOY_ERR_FORMAT);
    T_EQ(f.rate_hz, 7);
    (void) header(1, 1, 8000, 16, 0xffffffff); /* as streaming writers leave it */
    T_OK(parse(whole, &f));
    T_EQ(f.data_bytes, INT64_MAX - 1); /* to the end of the file */
out:
    return;
}

/* The header of so much sound at 48 kHz, put down and parsed. */
static enum ahoy_err header_of(uint64_t data_bytes, unsigned channels, struct wav_format *out)
{
    struct wav_format f = {
        .coding = WAV_PCM16, .rate_hz = 48000, .channels = (uint16_t) channels, .data_bytes = data_bytes
    };
    wav_print_header(&f, file);
    return parse(WAV_HEADER_BYTES, out);
}

static void test_a_header_tells_sizes_up_to_4_gb(struct t *t)
{
    static const struct {
        uint64_t bytes;
        uint32_t riff, data;
    } known[] = {
        { 0, 36, 0 },
        { 96000, 96036, 96000 },
        { 0xffffffd8, 0xfffffffc, 0xffffffd8 }, /* the last whole frame that fits */
        { 0xffffffdc, 0xffffffff, 0xffffffff },
        { 0x100000000, 0xffffffff, 0xffffffff },
        { 0x1000000000000, 0xffffffff, 0xffffffff },
    };
    for (size_t i = 0; i < AHOY_COUNT(known); i++) {
        struct wav_format f;
        uint8_t want[8];
        T_OK(header_of(known[i].bytes, 2, &f));
        T_EQ(f.data_bytes, known[i].data == 0xffffffff ? INT64_MAX / 4 * 4 : (int64_t) known[i].bytes);
        T_EQ(f.data_at, 44); /* what reads no more than the plain header finds the samples: baresip's player */
        T_EQ(f.channels, 2);
        (void) put(put(want, known[i].riff, 4), known[i].data, 4);
        T_MEM(file, "RIFF", 4);
        T_MEM(file + 4, want, 4);
        T_MEM(file + 8, "WAVEfmt ", 8);
        T_MEM(file + 36, "data", 4);
        T_MEM(file + 40, want + 4, 4);
    }
out:
    return;
}

/* A file of 16 bits and one channel whose size of the samples stands in a ds64 chunk; returns its length. */
static size_t large_header(uint64_t data_bytes, uint32_t ds64_bytes)
{
    uint8_t *p = put(tag(file, "RF64"), 0xffffffff, 4);
    p = put(tag(tag(p, "WAVE"), "ds64"), ds64_bytes, 4);
    p = put(put(put(put(p, data_bytes + 72, 8), data_bytes, 8), data_bytes / 2, 8), 0, 4);
    p = put(put(put(tag(p, "fmt "), 16, 4), 1, 2), 1, 2);
    p = put(put(put(put(p, 48000, 4), 96000, 4), 2, 2), 16, 2);
    return (size_t) (put(tag(p, "data"), 0xffffffff, 4) - file);
}

static void test_a_file_beyond_4_gb_is_read(struct t *t)
{
    struct wav_format f = { .rate_hz = 7 };
    size_t whole = large_header(5000000000, 28);
    T_OK(parse(whole, &f));
    T_EQ(f.data_bytes, 5000000000);
    T_EQ(f.data_at, whole);
    T_EQ(f.rate_hz, 48000);
    (void) tag(file, "BW64");
    T_OK(parse(whole, &f));
    T_EQ(f.data_bytes, 5000000000);
    (void) put(file + whole - 4, 1000, 4); /* a size that is one counts */
    T_OK(parse(whole, &f));
    T_EQ(f.data_bytes, 1000);
    (void) put(file + whole - 4, 0xffffffff, 4);
    (void) tag(file, "RIFF"); /* and in a plain file ds64 tells nothing */
    T_OK(parse(whole, &f));
    T_EQ(f.data_bytes, INT64_MAX - 1);
out:
    return;
}

static void test_hostile_large_headers_are_refused(struct t *t)
{
    struct wav_format f = { .rate_hz = 7 };
    size_t whole = large_header(UINT64_MAX, 28);
    T_OK(parse(whole, &f));
    T_EQ(f.data_bytes, UINT64_MAX - 1); /* more than there can be; the file's end ends it */
    f.rate_hz = 7;
    (void) large_header(UINT64_MAX, 23); /* too short to have what it must */
    T_ERR(parse(whole, &f), AHOY_ERR_FORMAT);
    (void) large_header(UINT64_MAX, 28);
    for (size_t n = 0; n < whole; n++)
        T_ERR(parse(n, &f), AHOY_ERR_FORMAT);
    T_EQ(f.rate_hz, 7);
out:
    return;
}

static void test_what_is_written_is_read_back(struct t *t)
{
    static const enum wav_coding codings[] = { WAV_PCM16, WAV_FLOAT32, WAV_MULAW };
    char dir[TEMP_PATH_BYTES] = "";
    char path[2 * TEMP_PATH_BYTES];
    struct wav_writer *w = NULL;
    struct wav_reader *r = NULL;
    T_CHECK(temp_make(dir, sizeof dir));
    sound_voice(said, MOST, 16000, 130);
    for (size_t i = 0; i < AHOY_COUNT(codings); i++) {
        struct stat st;
        temp_path(dir, "x.wav", path);
        T_OK(wav_writer_open(&w, path, codings[i], 16000, 1));
        for (size_t at = 0; at < 40001; at += 320)
            T_OK(wav_writer_put(w, said + at, AHOY_MIN((size_t) 320, 40001 - at)));
        enum ahoy_err err = wav_writer_close(w);
        w = NULL;
        T_OK(err);
        T_EQ(stat(path, &st), 0);
        T_EQ(st.st_mode & 0777, 0600);
        T_EQ(st.st_size % 2, 0);
        T_OK(wav_reader_open(&r, path));
        T_EQ(wav_reader_hz(r), 16000);
        T_EQ(wav_reader_channels(r), 1);
        size_t n = 0;
        for (size_t got; (got = wav_reader_read(r, heard + n, 777)) > 0;)
            n += got;
        T_EQ(n, 40001);
        T_CHECK(score_snr_db(said, heard, n) > (codings[i] == WAV_MULAW ? 30 : 80));
        wav_reader_close(r);
        r = NULL;
    }
out:
    wav_reader_close(r);
    (void) wav_writer_close(w);
    temp_remove(dir);
}

static void test_a_recording_that_was_cut_off_still_plays(struct t *t)
{
    char dir[TEMP_PATH_BYTES] = "";
    char path[2 * TEMP_PATH_BYTES];
    struct wav_writer *w = NULL;
    struct wav_reader *r = NULL;
    T_CHECK(temp_make(dir, sizeof dir));
    sound_sine(said, MOST, 8000, 440, -12);
    T_OK(wav_writer_open(&w, temp_path(dir, "x.wav", path), WAV_PCM16, 8000, 1));
    for (int k = 0; k < 125; k++)
        T_OK(wav_writer_put(w, said + k * 160, 160)); /* 2.5 s; never closed */
    T_OK(wav_reader_open(&r, path));
    size_t n = 0;
    for (size_t got; (got = wav_reader_read(r, heard, 1000)) > 0;)
        n += got;
    T_EQ(n, 16000);
    T_MEM(heard, said + 15000, 2000);
out:
    wav_reader_close(r);
    (void) wav_writer_close(w);
    temp_remove(dir);
}

static void test_files_that_are_none_say_why(struct t *t)
{
    char dir[TEMP_PATH_BYTES] = "";
    char path[2 * TEMP_PATH_BYTES];
    struct wav_reader *r = NULL;
    struct wav_writer *w = NULL;
    T_CHECK(temp_make(dir, sizeof dir));
    T_ERR(wav_reader_open(&r, temp_path(dir, "none.wav", path)), AHOY_ERR_NOT_FOUND);
    T_ERR(wav_reader_open(&r, dir), AHOY_ERR_FORMAT);
    T_CHECK(temp_write(temp_path(dir, "text.wav", path), "RIFF but not really", 19));
    T_ERR(wav_reader_open(&r, path), AHOY_ERR_FORMAT);
    T_EQ(mkfifo(temp_path(dir, "fifo.wav", path), 0600), 0);
    T_ERR(wav_reader_open(&r, path), AHOY_ERR_FORMAT); /* and does not wait for a writer */
    T_ERR(wav_writer_open(&w, temp_path(dir, "no/x.wav", path), WAV_PCM16, 8000, 1), AHOY_ERR_NOT_FOUND);
    T_ERR(wav_writer_open(&w, path, WAV_PCM24, 8000, 1), AHOY_ERR_RANGE);
    T_CHECK(!r && !w);
out:
    wav_reader_close(r);
    temp_remove(dir);
}

/* What our reader does not know goes to libsndfile, which Debian's packages of the tests install: an AIFF file. */
static void test_other_formats_are_read_through_libsndfile(struct t *t)
{
    char dir[TEMP_PATH_BYTES] = "";
    char path[2 * TEMP_PATH_BYTES];
    struct wav_reader *r = NULL;
    static const uint8_t aiff[] = "FORM\0\0\0\x36"
                                  "AIFFCOMM\0\0\0\x12\0\x01\0\0\0\x04\0\x10\x40\x0b\xfa\0\0\0\0\0\0\0"
                                  "SSND\0\0\0\x10\0\0\0\0\0\0\0\0\x03\xe8\xfc\x18\0\x01\x7f\xff";
    static const int16_t want[] = { 1000, -1000, 1, 32767 };
    T_CHECK(temp_make(dir, sizeof dir));
    T_CHECK(temp_write(temp_path(dir, "x.aiff", path), aiff, sizeof aiff - 1));
    T_OK(wav_reader_open(&r, path));
    T_EQ(wav_reader_hz(r), 8000);
    T_EQ(wav_reader_channels(r), 1);
    T_EQ(wav_reader_read(r, heard, 100), 4);
    T_MEM(heard, want, sizeof want);
out:
    wav_reader_close(r);
    temp_remove(dir);
}

T_MAIN(T(test_each_coding_is_decoded), T(test_floats_that_are_none_are_bounded), T(test_channels_are_averaged),
       T(test_hostile_headers_are_refused), T(test_a_header_tells_sizes_up_to_4_gb), T(test_a_file_beyond_4_gb_is_read),
       T(test_hostile_large_headers_are_refused), T(test_what_is_written_is_read_back),
       T(test_a_recording_that_was_cut_off_still_plays), T(test_files_that_are_none_say_why),
       T(test_other_formats_are_read_through_libsndfile))
