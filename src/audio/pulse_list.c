/* The devices of a PulseAudio server (or PipeWire's). */
#include "audio/device_impl.h"
#include "audio/pulse_link.h"
#include "base/mem.h"

#include <stdio.h>

enum { LIST_LIMIT_US = 2000000 };

struct listing {
    struct pulse_link link;
    struct audio_device_info *out;
    size_t n, max;
    char sink[AUDIO_NAME_BYTES], source[AUDIO_NAME_BYTES]; /* the defaults */
    unsigned answers;                                      /* of two */
};

static struct audio_device_info *add(struct listing *l, bool capture, bool monitor, const char *id, const char *name)
{
    if (l->n == l->max || !id || view_str(id).n >= AUDIO_NAME_BYTES)
        return NULL;
    struct audio_device_info *d = &l->out[l->n++];
    *d = (struct audio_device_info){
        .kind = AUDIO_PULSE, .capture = capture, .playback = !capture, .latency_ms = -1, .volume = -1
    };
    d->monitor = monitor;
    (void) view_copy(view_str(id), d->id, sizeof d->id);
    (void) view_copy(view_str(name ? name : id), d->name, sizeof d->name);
    d->is_default = view_eq(view_str(id), view_str(capture ? l->source : l->sink));
    return d;
}

/* The loudest channel: who has turned the other one down hears on. */
static double volume_of(const pa_cvolume *v)
{
    pa_volume_t most = PA_VOLUME_MUTED;
    for (unsigned i = 0; i < v->channels && i < PA_CHANNELS_MAX; i++)
        most = AHOY_MAX(most, v->values[i]);
    return (double) most / PA_VOLUME_NORM;
}

static void answered(struct listing *l)
{
    if (++l->answers == 2)
        pulse_link_settle(&l->link, PULSE_READY, "", 0);
}

static void on_sink(pa_context *c, const pa_sink_info *info, int eol, void *arg)
{
    struct audio_device_info *d = eol ? NULL : add(arg, false, false, info->name, info->description);
    (void) c;
    if (eol)
        answered(arg);
    if (!d)
        return;
    d->muted = info->mute != 0;
    d->volume = volume_of(&info->volume);
    d->rate_hz = info->sample_spec.rate;
    if (info->state == PA_SINK_RUNNING)
        d->latency_ms = (double) info->latency / 1000;
}

static void on_source(pa_context *c, const pa_source_info *info, int eol, void *arg)
{
    bool monitor = !eol && info->monitor_of_sink != PA_INVALID_INDEX;
    struct audio_device_info *d = eol ? NULL : add(arg, true, monitor, info->name, info->description);
    (void) c;
    if (eol)
        answered(arg);
    if (!d)
        return;
    d->muted = info->mute != 0;
    d->volume = volume_of(&info->volume);
    d->rate_hz = info->sample_spec.rate;
    if (info->state == PA_SOURCE_RUNNING)
        d->latency_ms = (double) info->latency / 1000;
}

/* Asked for and forgotten: the answer, or the end of the context, comes to the callback. */
static void forget(struct listing *l, pa_operation *op)
{
    if (op)
        l->link.lib.pa_operation_unref(op);
    else
        pulse_link_settle(&l->link, PULSE_FAILED, "the sound server does not list its devices", 0);
}

static void on_server(pa_context *c, const pa_server_info *info, void *arg)
{
    struct listing *l = arg;
    if (info) {
        (void) view_copy(view_str(info->default_sink_name), l->sink, sizeof l->sink);
        (void) view_copy(view_str(info->default_source_name), l->source, sizeof l->source);
    }
    forget(l, l->link.lib.pa_context_get_sink_info_list(c, on_sink, l));
    forget(l, l->link.lib.pa_context_get_source_info_list(c, on_source, l));
}

static void on_state(pa_context *c, void *arg)
{
    struct listing *l = arg;
    pa_context_state_t state = l->link.lib.pa_context_get_state(c);
    if (state == PA_CONTEXT_READY)
        forget(l, l->link.lib.pa_context_get_server_info(c, on_server, l));
    else if (!PA_CONTEXT_IS_GOOD(state))
        pulse_link_settle(&l->link, PULSE_FAILED, "no sound server answers (PulseAudio or PipeWire)",
                          l->link.lib.pa_context_errno(c));
}

size_t audio_pulse_list(struct audio_device_info *out, size_t max, char why[AUDIO_WHY_BYTES])
{
    struct listing *l = mem_zalloc(sizeof *l);
    if (!l)
        return 0;
    if (pulse_link_init(&l->link, why)) {
        mem_free(l);
        return 0;
    }
    l->out = out;
    l->max = max;
    pulse_loop_lock(l->link.loop);
    if (pulse_link_connect(&l->link, "Ahoy", PA_CONTEXT_NOAUTOSPAWN, on_state, l) == AHOY_OK)
        pulse_link_wait(&l->link, LIST_LIMIT_US);
    (void) view_copy(view_str(l->link.why), why, AUDIO_WHY_BYTES);
    pulse_loop_unlock(l->link.loop);
    pulse_link_fini(&l->link);
    size_t n = l->n;
    mem_free(l);
    return n;
}
