#include "audio/pulse_link.h"

#include "sys/dl.h"

#include <stdio.h>

#define X(result, name, args) _Static_assert(_Generic(&name, result(*) args : 1, default : 0), #name);
PULSE_FUNCTIONS(X)
#undef X

static bool load(struct pulse_lib *lib)
{
    const struct sys_dl_symbol symbols[] = {
#define X(result, name, args) { #name, &lib->name },
        PULSE_FUNCTIONS(X)
#undef X
    };
    return sys_dl_open(&lib->handle, "libpulse.so.0", symbols, AHOY_COUNT(symbols));
}

enum ahoy_err pulse_link_init(struct pulse_link *k, char why[AUDIO_WHY_BYTES])
{
    *k = (struct pulse_link){ .state = PULSE_WAITING };
    if (!load(&k->lib)) {
        (void) snprintf(why, AUDIO_WHY_BYTES, "PulseAudio's library (libpulse.so.0) is not installed");
        return AHOY_ERR_DEVICE;
    }
    enum ahoy_err err = pulse_loop_create(&k->loop);
    if (err) {
        sys_dl_close(k->lib.handle);
        (void) snprintf(why, AUDIO_WHY_BYTES, "no thread could be started for PulseAudio");
        return err == AHOY_ERR_NOMEM ? err : AHOY_ERR_DEVICE;
    }
    k->api = pulse_loop_api(k->loop);
    return AHOY_OK;
}

void pulse_link_fini(struct pulse_link *k)
{
    pulse_loop_lock(k->loop);
    pulse_link_disconnect(k);
    pulse_loop_unlock(k->loop);
    pulse_loop_destroy(k->loop);
    sys_dl_close(k->lib.handle);
}

enum ahoy_err pulse_link_connect(struct pulse_link *k, const char *app_name, pa_context_flags_t flags,
                                 pa_context_notify_cb_t fn, void *arg)
{
    k->ctx = k->lib.pa_context_new(k->api, app_name);
    if (!k->ctx)
        return AHOY_ERR_NOMEM;
    k->lib.pa_context_set_state_callback(k->ctx, fn, arg);
    if (k->lib.pa_context_connect(k->ctx, NULL, flags, NULL) >= 0)
        return AHOY_OK;
    pulse_link_settle(k, PULSE_FAILED, "no sound server answers (PulseAudio or PipeWire)",
                      k->lib.pa_context_errno(k->ctx));
    return AHOY_ERR_DEVICE;
}

void pulse_link_disconnect(struct pulse_link *k)
{
    if (!k->ctx)
        return;
    k->lib.pa_context_set_state_callback(k->ctx, NULL, NULL);
    k->lib.pa_context_set_subscribe_callback(k->ctx, NULL, NULL);
    k->lib.pa_context_disconnect(k->ctx);
    k->lib.pa_context_unref(k->ctx);
    k->ctx = NULL;
}

void pulse_link_settle(struct pulse_link *k, enum pulse_state state, const char *text, int code)
{
    if (k->state != PULSE_WAITING)
        return;
    k->state = state;
    if (code)
        (void) snprintf(k->why, sizeof k->why, "%s: %s", text, k->lib.pa_strerror(code));
    else
        (void) snprintf(k->why, sizeof k->why, "%s", text);
    pulse_loop_signal(k->loop);
}

static void on_deadline(pa_mainloop_api *api, pa_time_event *e, const struct timeval *tv, void *arg)
{
    (void) api, (void) e, (void) tv;
    pulse_link_settle(arg, PULSE_FAILED, "the sound server does not answer in time", 0);
}

void pulse_link_wait(struct pulse_link *k, int64_t limit_us)
{
    struct timeval when;
    k->lib.pa_timeval_add(k->lib.pa_gettimeofday(&when), (pa_usec_t) limit_us);
    k->deadline = k->api->time_new(k->api, &when, on_deadline, k);
    while (k->state == PULSE_WAITING)
        pulse_loop_wait(k->loop);
    k->api->time_free(k->deadline);
    k->deadline = NULL;
}
