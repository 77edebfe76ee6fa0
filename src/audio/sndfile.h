/* Sound files through libsndfile, when it is installed: FLAC, Ogg, AIFF, MP3, … Private to src/audio. */
#ifndef AHOY_AUDIO_SNDFILE_H
#define AHOY_AUDIO_SNDFILE_H

#include "base/base.h"

struct sndfile;

/** UNSUPPORTED without the library, FORMAT when it cannot read the file, NOMEM. */
AHOY_MUST_USE enum ahoy_err sndfile_open(struct sndfile **out, const char *path, uint32_t *rate_hz, unsigned *channels);
void sndfile_close(struct sndfile *s);

/** Up to `n` samples mixed down to mono; fewer only at the end. */
size_t sndfile_read(struct sndfile *s, int16_t *pcm, size_t n);

/** Back to the first sample. IO: the file cannot. */
AHOY_MUST_USE enum ahoy_err sndfile_rewind(struct sndfile *s);

#endif
