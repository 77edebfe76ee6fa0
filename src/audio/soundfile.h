/*
 * Sound files written: WAV by ourselves (audio/wav.h), Ogg Opus (RFC 7845) by libopus and our own pages, FLAC through
 * libsndfile when it is installed. What was written reaches the system about once a second of sound and is readable then,
 * so a crash or a full disk costs the last second at most. Calls may wait for the disk: not for a media worker.
 */
#ifndef AHOY_AUDIO_SOUNDFILE_H
#define AHOY_AUDIO_SOUNDFILE_H

#include "base/view.h"

enum soundfile_kind { SOUNDFILE_WAV, SOUNDFILE_FLAC, SOUNDFILE_OPUS };

struct soundfile_config {
    const char *path; /* created or replaced; mode 0600 when new */
    enum soundfile_kind kind;
    uint32_t rate_hz;  /* 8000 … 192000; Opus stores 48 kHz whatever comes in */
    unsigned channels; /* 1 or 2; Opus codes two as two, so that nothing of one is heard in the other */
    uint32_t serial;   /* of an Ogg stream: any number */
};

/** "wav", "flac", "opus" (or "ogg"), in any case. NOT_FOUND. */
AHOY_MUST_USE enum ahoy_err soundfile_kind_parse(struct view name, enum soundfile_kind *out);

/** By the suffix of a file's name; WAV when it says nothing. */
enum soundfile_kind soundfile_kind_of(struct view path);

struct soundfile;

/** NOT_FOUND, ACCESS, IO; UNSUPPORTED: FLAC without libsndfile; RANGE, NOMEM. */
AHOY_MUST_USE enum ahoy_err soundfile_create(struct soundfile **out, const struct soundfile_config *cfg);

/** Appends sample frames, channels interleaved. IO (disk full). */
AHOY_MUST_USE enum ahoy_err soundfile_put(struct soundfile *f, const int16_t *pcm, size_t frames);

/** Completes and closes. IO. NULL gives OK. */
AHOY_MUST_USE enum ahoy_err soundfile_close(struct soundfile *f);

#endif
