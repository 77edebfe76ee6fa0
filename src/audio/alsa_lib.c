#include "audio/alsa_lib.h"

#include "audio/device_impl.h"
#include "sys/dl.h"

#include <stdio.h>

#define X(result, name, args) _Static_assert(_Generic(&name, result(*) args : 1, default : 0), #name);
ALSA_FUNCTIONS(X)
#undef X

static void quiet(const char *file, int line, const char *function, int err, const char *fmt, ...)
{
    (void) file, (void) line, (void) function, (void) err, (void) fmt;
}

enum ahoy_err alsa_lib_load(struct alsa_lib *lib, char why[AUDIO_WHY_BYTES])
{
    const struct sys_dl_symbol symbols[] = {
#define X(result, name, args) { #name, &lib->name },
        ALSA_FUNCTIONS(X)
#undef X
    };
    if (!sys_dl_open(&lib->handle, "libasound.so.2", symbols, AHOY_COUNT(symbols))) {
        (void) snprintf(why, AUDIO_WHY_BYTES, "ALSA's library (libasound.so.2) is not installed");
        return AHOY_ERR_DEVICE;
    }
    (void) lib->snd_lib_error_set_handler(quiet);
    return AHOY_OK;
}

void alsa_lib_unload(struct alsa_lib *lib)
{
    sys_dl_close(lib->handle);
}

/* ---- what there is ----------------------------------------------------------------------------------------------- */

struct listing {
    struct alsa_lib lib;
    struct audio_device_info *out;
    size_t n, max;
};

static void add(struct listing *l, bool capture, const char *id, const char *name, bool is_default)
{
    if (l->n == l->max)
        return;
    struct audio_device_info *d = &l->out[l->n++];
    *d = (struct audio_device_info){ .kind = AUDIO_ALSA,
                                     .capture = capture,
                                     .playback = !capture,
                                     .is_default = is_default,
                                     .latency_ms = -1,
                                     .volume = -1 };
    (void) view_copy(view_str(id), d->id, sizeof d->id);
    (void) view_copy(view_str(name), d->name, sizeof d->name);
}

static void list_pcm(struct listing *l, snd_ctl_t *ctl, const snd_ctl_card_info_t *card, snd_pcm_info_t *pcm,
                     unsigned device)
{
    static const snd_pcm_stream_t streams[] = { SND_PCM_STREAM_CAPTURE, SND_PCM_STREAM_PLAYBACK };
    for (size_t i = 0; i < AHOY_COUNT(streams); i++) {
        char id[AUDIO_NAME_BYTES];
        char name[AUDIO_NAME_BYTES];
        l->lib.snd_pcm_info_set_device(pcm, device);
        l->lib.snd_pcm_info_set_subdevice(pcm, 0);
        l->lib.snd_pcm_info_set_stream(pcm, streams[i]);
        if (l->lib.snd_ctl_pcm_info(ctl, pcm) < 0)
            continue;
        (void) snprintf(id, sizeof id, "plughw:CARD=%s,DEV=%u", l->lib.snd_ctl_card_info_get_id(card), device);
        (void) snprintf(name, sizeof name, "%s, %s", l->lib.snd_ctl_card_info_get_name(card),
                        l->lib.snd_pcm_info_get_name(pcm));
        add(l, streams[i] == SND_PCM_STREAM_CAPTURE, id, name, false);
    }
}

static void list_card(struct listing *l, int card)
{
    char name[32];
    snd_ctl_t *ctl = NULL;
    snd_ctl_card_info_t *info = NULL;
    snd_pcm_info_t *pcm = NULL;
    (void) snprintf(name, sizeof name, "hw:%d", card);
    if (l->lib.snd_ctl_open(&ctl, name, 0) < 0)
        return;
    if (l->lib.snd_ctl_card_info_malloc(&info) >= 0 && l->lib.snd_pcm_info_malloc(&pcm) >= 0
        && l->lib.snd_ctl_card_info(ctl, info) >= 0) {
        int device = -1;
        while (l->lib.snd_ctl_pcm_next_device(ctl, &device) >= 0 && device >= 0)
            list_pcm(l, ctl, info, pcm, (unsigned) device);
    }
    if (pcm)
        l->lib.snd_pcm_info_free(pcm);
    if (info)
        l->lib.snd_ctl_card_info_free(info);
    (void) l->lib.snd_ctl_close(ctl);
}

size_t audio_alsa_list(struct audio_device_info *out, size_t max, char why[AUDIO_WHY_BYTES])
{
    struct listing l = { .out = out, .max = max };
    if (alsa_lib_load(&l.lib, why))
        return 0;
    int card = -1;
    if (l.lib.snd_card_next(&card) >= 0 && card >= 0) {
        add(&l, true, "default", "ALSA's default", true);
        add(&l, false, "default", "ALSA's default", true);
    }
    while (card >= 0) {
        list_card(&l, card);
        if (l.lib.snd_card_next(&card) < 0)
            break;
    }
    alsa_lib_unload(&l.lib);
    return l.n;
}
