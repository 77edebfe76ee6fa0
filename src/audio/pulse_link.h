/* libpulse at run time, and a connection to its server. Private to src/audio. */
#ifndef AHOY_AUDIO_PULSE_LINK_H
#define AHOY_AUDIO_PULSE_LINK_H

#include "audio/device.h"
#include "audio/pulse_loop.h"

#include <pulse/pulseaudio.h>

/* X(result, function, arguments) */
#define PULSE_FUNCTIONS(X)                                                                                             \
    X(struct timeval *, pa_gettimeofday, (struct timeval *) )                                                          \
    X(struct timeval *, pa_timeval_add, (struct timeval *, pa_usec_t))                                                 \
    X(const char *, pa_strerror, (int) )                                                                               \
    X(pa_context *, pa_context_new, (pa_mainloop_api *, const char *) )                                                \
    X(void, pa_context_unref, (pa_context *) )                                                                         \
    X(void, pa_context_set_state_callback, (pa_context *, pa_context_notify_cb_t, void *) )                            \
    X(pa_context_state_t, pa_context_get_state, (const pa_context *) )                                                 \
    X(int, pa_context_errno, (const pa_context *) )                                                                    \
    X(int, pa_context_connect, (pa_context *, const char *, pa_context_flags_t, const pa_spawn_api *) )                \
    X(void, pa_context_disconnect, (pa_context *) )                                                                    \
    X(void, pa_context_set_subscribe_callback, (pa_context *, pa_context_subscribe_cb_t, void *) )                     \
    X(pa_operation *, pa_context_subscribe, (pa_context *, pa_subscription_mask_t, pa_context_success_cb_t, void *) )  \
    X(pa_operation *, pa_context_get_sink_info_list, (pa_context *, pa_sink_info_cb_t, void *) )                       \
    X(pa_operation *, pa_context_get_source_info_list, (pa_context *, pa_source_info_cb_t, void *) )                   \
    X(pa_operation *, pa_context_get_server_info, (pa_context *, pa_server_info_cb_t, void *) )                        \
    X(void, pa_operation_cancel, (pa_operation *) )                                                                    \
    X(void, pa_operation_unref, (pa_operation *) )                                                                     \
    X(pa_proplist *, pa_proplist_new, (void) )                                                                         \
    X(void, pa_proplist_free, (pa_proplist *) )                                                                        \
    X(int, pa_proplist_sets, (pa_proplist *, const char *, const char *) )                                             \
    X(pa_stream *, pa_stream_new_with_proplist,                                                                        \
      (pa_context *, const char *, const pa_sample_spec *, const pa_channel_map *, pa_proplist *) )                    \
    X(void, pa_stream_unref, (pa_stream *) )                                                                           \
    X(int, pa_stream_connect_record, (pa_stream *, const char *, const pa_buffer_attr *, pa_stream_flags_t))           \
    X(int, pa_stream_connect_playback,                                                                                 \
      (pa_stream *, const char *, const pa_buffer_attr *, pa_stream_flags_t, const pa_cvolume *, pa_stream *) )        \
    X(int, pa_stream_disconnect, (pa_stream *) )                                                                       \
    X(void, pa_stream_set_state_callback, (pa_stream *, pa_stream_notify_cb_t, void *) )                               \
    X(void, pa_stream_set_read_callback, (pa_stream *, pa_stream_request_cb_t, void *) )                               \
    X(void, pa_stream_set_write_callback, (pa_stream *, pa_stream_request_cb_t, void *) )                              \
    X(void, pa_stream_set_underflow_callback, (pa_stream *, pa_stream_notify_cb_t, void *) )                           \
    X(void, pa_stream_set_overflow_callback, (pa_stream *, pa_stream_notify_cb_t, void *) )                            \
    X(pa_stream_state_t, pa_stream_get_state, (const pa_stream *) )                                                    \
    X(int, pa_stream_peek, (pa_stream *, const void **, size_t *) )                                                    \
    X(int, pa_stream_drop, (pa_stream *) )                                                                             \
    X(int, pa_stream_write, (pa_stream *, const void *, size_t, pa_free_cb_t, int64_t, pa_seek_mode_t))                \
    X(void, pa_stream_set_latency_update_callback, (pa_stream *, pa_stream_notify_cb_t, void *) )                      \
    X(void, pa_stream_set_moved_callback, (pa_stream *, pa_stream_notify_cb_t, void *) )                               \
    X(void, pa_stream_set_suspended_callback, (pa_stream *, pa_stream_notify_cb_t, void *) )                           \
    X(int, pa_stream_is_suspended, (const pa_stream *) )                                                               \
    X(uint32_t, pa_stream_get_index, (const pa_stream *) )                                                             \
    X(const char *, pa_stream_get_device_name, (const pa_stream *) )                                                   \
    X(pa_operation *, pa_stream_set_buffer_attr,                                                                       \
      (pa_stream *, const pa_buffer_attr *, pa_stream_success_cb_t, void *) )                                          \
    X(pa_operation *, pa_context_move_sink_input_by_name,                                                              \
      (pa_context *, uint32_t, const char *, pa_context_success_cb_t, void *) )                                        \
    X(pa_operation *, pa_context_move_source_output_by_name,                                                           \
      (pa_context *, uint32_t, const char *, pa_context_success_cb_t, void *) )                                        \
    X(size_t, pa_stream_writable_size, (const pa_stream *) )                                                           \
    X(int, pa_stream_get_latency, (pa_stream *, pa_usec_t *, int *) )

struct pulse_lib {
    void *handle;
#define X(result, name, args) result(*name) args;
    PULSE_FUNCTIONS(X)
#undef X
};

enum pulse_state { PULSE_WAITING, PULSE_READY, PULSE_FAILED };

/**
 * The library, its thread and one context. All fields are guarded by the lock of `loop`, which callbacks hold already.
 * Whoever waits for something sets `state` from callbacks through pulse_link_settle.
 */
struct pulse_link {
    struct pulse_lib lib;
    struct pulse_loop *loop;
    pa_mainloop_api *api;
    pa_context *ctx;
    pa_time_event *deadline;
    enum pulse_state state;
    char why[AUDIO_WHY_BYTES];
};

/** Loads the library and starts its thread; no connection yet. DEVICE or NOMEM, with a sentence in `why`. */
AHOY_MUST_USE enum ahoy_err pulse_link_init(struct pulse_link *k, char why[AUDIO_WHY_BYTES]);

/** Disconnects, ends the thread. Without the lock. Streams must be gone. */
void pulse_link_fini(struct pulse_link *k);

/** A fresh context (the lock is held); `fn` hears of its states. */
AHOY_MUST_USE enum ahoy_err pulse_link_connect(struct pulse_link *k, const char *app_name, pa_context_flags_t flags,
                                               pa_context_notify_cb_t fn, void *arg);

/** Drops the context (the lock is held); NULL is fine. */
void pulse_link_disconnect(struct pulse_link *k);

/** Ends the wait (the lock is held): `text` says what went wrong, with libpulse's own reason when `code` is not 0. */
void pulse_link_settle(struct pulse_link *k, enum pulse_state state, const char *text, int code);

/** Waits with the lock held until somebody settles, at most `limit_us`. */
void pulse_link_wait(struct pulse_link *k, int64_t limit_us);

#endif
