/* The writers behind audio/soundfile.h. Private to src/audio. */
#ifndef AHOY_AUDIO_SOUNDFILE_IMPL_H
#define AHOY_AUDIO_SOUNDFILE_IMPL_H

#include "audio/soundfile.h"

struct opus_file;
AHOY_MUST_USE enum ahoy_err opus_file_create(struct opus_file **out, const struct soundfile_config *cfg);
AHOY_MUST_USE enum ahoy_err opus_file_put(struct opus_file *f, const int16_t *pcm, size_t frames);
AHOY_MUST_USE enum ahoy_err opus_file_close(struct opus_file *f);

struct flac_file;
AHOY_MUST_USE enum ahoy_err flac_file_create(struct flac_file **out, const struct soundfile_config *cfg);
AHOY_MUST_USE enum ahoy_err flac_file_put(struct flac_file *f, const int16_t *pcm, size_t frames);
AHOY_MUST_USE enum ahoy_err flac_file_close(struct flac_file *f);

#endif
