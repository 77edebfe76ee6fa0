/*
 * WAV files, read and written without a library: PCM of 8, 16, 24 and 32 bits, float of 32 and 64, µ-law, A-law; any
 * rate of 1 … 384 kHz and up to 32 channels, which are averaged to mono; RF64 (EBU Tech 3306, version 1) and BW64 (ITU-R
 * BS.2088) are read, too. FLAC, Ogg and what else libsndfile knows are read through it when it is installed.
 * Files are streamed, never held whole; a hostile one costs bounded time and memory.
 */
#ifndef AHOY_AUDIO_WAV_H
#define AHOY_AUDIO_WAV_H

#include "base/base.h"

enum wav_coding { WAV_PCM8, WAV_PCM16, WAV_PCM24, WAV_PCM32, WAV_FLOAT32, WAV_FLOAT64, WAV_MULAW, WAV_ALAW };

struct wav_format {
    enum wav_coding coding;
    uint32_t rate_hz;
    uint16_t channels;
    uint64_t data_at;    /* offset of the samples in the file */
    uint64_t data_bytes; /* whole sample frames only; may reach past the end of a file that was cut or tells no size */
};

/** Where bytes come from: reads up to `n` bytes at `at`, returns how many (fewer only at the end or on error). */
struct wav_source {
    size_t (*read)(void *arg, uint64_t at, void *dst, size_t n);
    void *arg;
};

/** Finds format and samples. FORMAT: not a WAV file we read; LIMIT: more than 64 chunks before the samples. */
AHOY_MUST_USE enum ahoy_err wav_parse(const struct wav_source *src, struct wav_format *out);

enum { WAV_HEADER_BYTES = 44 };

/**
 * The header before `data_bytes` of samples, which begin right behind it. It is the plain one of 44 bytes, since that is
 * all some programs read; beyond 4 GB its sizes are 0xffffffff: we read that to the end of the file, libsndfile the first 4 GB.
 */
void wav_print_header(const struct wav_format *f, uint8_t out[WAV_HEADER_BYTES]);

/** Decodes `frames` sample frames at `raw` to mono. */
void wav_decode(const struct wav_format *f, const uint8_t *raw, int16_t *pcm, size_t frames);

/** Bytes of one sample of one channel. */
size_t wav_sample_bytes(enum wav_coding coding);

struct wav_reader;

/** Opens a file. NOT_FOUND, ACCESS, FORMAT, UNSUPPORTED (not WAV, and no libsndfile), NOMEM, IO. */
AHOY_MUST_USE enum ahoy_err wav_reader_open(struct wav_reader **out, const char *path);

/** NULL is ignored. */
void wav_reader_close(struct wav_reader *r);

uint32_t wav_reader_hz(const struct wav_reader *r);
unsigned wav_reader_channels(const struct wav_reader *r);

/** Up to `n` samples, mono, at the file's rate; fewer only at the end. */
size_t wav_reader_read(struct wav_reader *r, int16_t *pcm, size_t n);

/** Back to the first sample. IO: it cannot. */
AHOY_MUST_USE enum ahoy_err wav_reader_rewind(struct wav_reader *r);

struct wav_writer;

/**
 * Creates or replaces a file (mode 0600 when new: a recording is private). PCM16, FLOAT32 or MULAW; 1 or 2 channels.
 */
AHOY_MUST_USE enum ahoy_err wav_writer_open(struct wav_writer **out, const char *path, enum wav_coding coding,
                                            uint32_t rate_hz, unsigned channels);

/**
 * Appends sample frames (channels interleaved). The header is brought up to date about once a second of sound, so a
 * file cut off by a crash still plays. IO (disk full).
 */
AHOY_MUST_USE enum ahoy_err wav_writer_put(struct wav_writer *w, const int16_t *pcm, size_t frames);

/** Completes the header and closes; NULL gives OK. */
enum ahoy_err wav_writer_close(struct wav_writer *w);

#endif
