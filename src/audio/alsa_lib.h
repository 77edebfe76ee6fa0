/* libasound at run time. Private to src/audio. */
#ifndef AHOY_AUDIO_ALSA_LIB_H
#define AHOY_AUDIO_ALSA_LIB_H

#include "audio/device.h"

#include <alsa/asoundlib.h>

/* X(result, function, arguments) */
#define ALSA_FUNCTIONS(X)                                                                                              \
    X(const char *, snd_strerror, (int) )                                                                              \
    X(int, snd_lib_error_set_handler, (snd_lib_error_handler_t))                                                       \
    X(int, snd_pcm_open, (snd_pcm_t **, const char *, snd_pcm_stream_t, int) )                                         \
    X(int, snd_pcm_close, (snd_pcm_t *) )                                                                              \
    X(snd_pcm_type_t, snd_pcm_type, (snd_pcm_t *) )                                                                    \
    X(int, snd_pcm_prepare, (snd_pcm_t *) )                                                                            \
    X(int, snd_pcm_start, (snd_pcm_t *) )                                                                              \
    X(int, snd_pcm_drop, (snd_pcm_t *) )                                                                               \
    X(int, snd_pcm_resume, (snd_pcm_t *) )                                                                             \
    X(int, snd_pcm_delay, (snd_pcm_t *, snd_pcm_sframes_t *) )                                                         \
    X(snd_pcm_sframes_t, snd_pcm_avail_update, (snd_pcm_t *) )                                                         \
    X(snd_pcm_sframes_t, snd_pcm_readi, (snd_pcm_t *, void *, snd_pcm_uframes_t))                                      \
    X(snd_pcm_sframes_t, snd_pcm_writei, (snd_pcm_t *, const void *, snd_pcm_uframes_t))                               \
    X(int, snd_pcm_poll_descriptors_count, (snd_pcm_t *) )                                                             \
    X(int, snd_pcm_poll_descriptors, (snd_pcm_t *, struct pollfd *, unsigned int) )                                    \
    X(int, snd_pcm_poll_descriptors_revents, (snd_pcm_t *, struct pollfd *, unsigned int, unsigned short *) )          \
    X(int, snd_pcm_hw_params_malloc, (snd_pcm_hw_params_t **) )                                                        \
    X(void, snd_pcm_hw_params_free, (snd_pcm_hw_params_t *) )                                                          \
    X(int, snd_pcm_hw_params_any, (snd_pcm_t *, snd_pcm_hw_params_t *) )                                               \
    X(int, snd_pcm_hw_params_set_access, (snd_pcm_t *, snd_pcm_hw_params_t *, snd_pcm_access_t))                       \
    X(int, snd_pcm_hw_params_set_format, (snd_pcm_t *, snd_pcm_hw_params_t *, snd_pcm_format_t))                       \
    X(int, snd_pcm_hw_params_set_channels, (snd_pcm_t *, snd_pcm_hw_params_t *, unsigned int) )                        \
    X(int, snd_pcm_hw_params_set_rate, (snd_pcm_t *, snd_pcm_hw_params_t *, unsigned int, int) )                       \
    X(int, snd_pcm_hw_params_set_period_size_near, (snd_pcm_t *, snd_pcm_hw_params_t *, snd_pcm_uframes_t *, int *) )  \
    X(int, snd_pcm_hw_params_set_buffer_size_near, (snd_pcm_t *, snd_pcm_hw_params_t *, snd_pcm_uframes_t *) )         \
    X(int, snd_pcm_hw_params, (snd_pcm_t *, snd_pcm_hw_params_t *) )                                                   \
    X(int, snd_pcm_sw_params_malloc, (snd_pcm_sw_params_t **) )                                                        \
    X(void, snd_pcm_sw_params_free, (snd_pcm_sw_params_t *) )                                                          \
    X(int, snd_pcm_sw_params_current, (snd_pcm_t *, snd_pcm_sw_params_t *) )                                           \
    X(int, snd_pcm_sw_params_set_avail_min, (snd_pcm_t *, snd_pcm_sw_params_t *, snd_pcm_uframes_t))                   \
    X(int, snd_pcm_sw_params_set_start_threshold, (snd_pcm_t *, snd_pcm_sw_params_t *, snd_pcm_uframes_t))             \
    X(int, snd_pcm_sw_params, (snd_pcm_t *, snd_pcm_sw_params_t *) )                                                   \
    X(int, snd_card_next, (int *) )                                                                                    \
    X(int, snd_ctl_open, (snd_ctl_t **, const char *, int) )                                                           \
    X(int, snd_ctl_close, (snd_ctl_t *) )                                                                              \
    X(int, snd_ctl_card_info_malloc, (snd_ctl_card_info_t **) )                                                        \
    X(void, snd_ctl_card_info_free, (snd_ctl_card_info_t *) )                                                          \
    X(int, snd_ctl_card_info, (snd_ctl_t *, snd_ctl_card_info_t *) )                                                   \
    X(const char *, snd_ctl_card_info_get_id, (const snd_ctl_card_info_t *) )                                          \
    X(const char *, snd_ctl_card_info_get_name, (const snd_ctl_card_info_t *) )                                        \
    X(int, snd_ctl_pcm_next_device, (snd_ctl_t *, int *) )                                                             \
    X(int, snd_ctl_pcm_info, (snd_ctl_t *, snd_pcm_info_t *) )                                                         \
    X(int, snd_pcm_info_malloc, (snd_pcm_info_t **) )                                                                  \
    X(void, snd_pcm_info_free, (snd_pcm_info_t *) )                                                                    \
    X(void, snd_pcm_info_set_device, (snd_pcm_info_t *, unsigned int) )                                                \
    X(void, snd_pcm_info_set_subdevice, (snd_pcm_info_t *, unsigned int) )                                             \
    X(void, snd_pcm_info_set_stream, (snd_pcm_info_t *, snd_pcm_stream_t))                                             \
    X(const char *, snd_pcm_info_get_name, (const snd_pcm_info_t *) )

struct alsa_lib {
    void *handle;
#define X(result, name, args) result(*name) args;
    ALSA_FUNCTIONS(X)
#undef X
};

/** Loads the library and quiets it: it would write its errors to standard error. DEVICE with a sentence in `why`. */
AHOY_MUST_USE enum ahoy_err alsa_lib_load(struct alsa_lib *lib, char why[AUDIO_WHY_BYTES]);
void alsa_lib_unload(struct alsa_lib *lib);

#endif
