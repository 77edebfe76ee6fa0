#include "ua/doctor_sound.h"

#include <stdio.h>

enum { LEAST_RATE_HZ = 16000 /* below, all that makes voices clear is gone */ };

/* A server's scale is cubic: a tenth of it is 60 dB down. */
static const double least_volume = 0.1;

struct exam {
    struct doctor_sound *out;
    size_t n;
    const struct audio_device_info *mic, *speaker; /* what a call without --audio uses; NULL: none */
    size_t mics, speakers;
    const struct audio_device_info *any_mic;
};

static struct doctor_sound *next(struct exam *x, bool warning)
{
    struct doctor_sound *f = &x->out[x->n++];
    *f = (struct doctor_sound){ .warning = warning };
    return f;
}

/* A server's stand-in for a loudspeaker that is not there. */
static bool is_dummy(const struct audio_device_info *d)
{
    return view_eq(view_str(d->id), VIEW("auto_null")) || view_eq(view_str(d->id), VIEW("auto_null.monitor"));
}

static void count(struct exam *x, const struct audio_device_info *list, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const struct audio_device_info *d = &list[i];
        if (is_dummy(d))
            continue;
        if (d->is_default && d->capture && !x->mic)
            x->mic = d;
        if (d->is_default && d->playback && !x->speaker)
            x->speaker = d;
        x->mics += d->capture && !d->monitor;
        x->speakers += d->playback;
        if (d->capture && !d->monitor && !x->any_mic)
            x->any_mic = d;
    }
}

/* "no microphone", "1 microphone", "2 microphones" */
static const char *counted(size_t n, const char *what, char dst[40])
{
    if (n == 0)
        snprintf(dst, 40, "no %s", what);
    else
        snprintf(dst, 40, "%zu %s%s", n, what, n == 1 ? "" : "s");
    return dst;
}

static void say_what_there_is(struct exam *x, const char *why)
{
    char mics[40], speakers[40];
    bool both = x->mics > 0 && x->speakers > 0;
    struct doctor_sound *f = next(x, !both);
    counted(x->mics, "microphone", mics);
    counted(x->speakers, "loudspeaker", speakers);
    if (!both) {
        snprintf(f->what, sizeof f->what, "%s and %s%s%s", mics, speakers, *why ? ": " : "", why);
        snprintf(f->remedy, sizeof f->remedy,
                 "connect a headset and start the sound server (PipeWire or PulseAudio), or name an ALSA "
                 "device: --audio alsa:DEV, as `aplay -L` lists them");
    } else if (x->mic && x->speaker) {
        snprintf(f->what, sizeof f->what, "%s and %s, by default %s and %s", mics, speakers, x->mic->name,
                 x->speaker->name);
    } else {
        snprintf(f->what, sizeof f->what, "%s and %s", mics, speakers);
    }
}

/* Nobody is heard through a device that is muted or turned down at the server. */
static void look_at_volume(struct exam *x, const struct audio_device_info *d)
{
    const char *what = d->capture ? "microphone" : "loudspeaker", *kind = d->capture ? "source" : "sink";
    if (d->muted) {
        struct doctor_sound *f = next(x, true);
        snprintf(f->what, sizeof f->what, "the %s %s is muted", what, d->name);
        snprintf(f->remedy, sizeof f->remedy,
                 "unmute it in the system's sound settings, or by `pactl set-%s-mute %s 0`", kind, d->id);
    } else if (d->volume >= 0 && d->volume < least_volume) {
        struct doctor_sound *f = next(x, true);
        snprintf(f->what, sizeof f->what, "the %s %s is turned down to %.0f %%", what, d->name, d->volume * 100);
        snprintf(f->remedy, sizeof f->remedy,
                 "turn it up in the system's sound settings, or by `pactl set-%s-volume %s 100%%`", kind, d->id);
    }
}

static void look_at_microphone(struct exam *x)
{
    const struct audio_device_info *d = x->mic;
    if (d->monitor && x->any_mic) {
        struct doctor_sound *f = next(x, true);
        snprintf(f->what, sizeof f->what, "by default no microphone is heard, but what a loudspeaker plays: %s",
                 d->name);
        snprintf(f->remedy, sizeof f->remedy,
                 "choose a microphone in the system's sound settings, by `pactl set-default-source %s`, or name it: "
                 "--audio pulse:%s",
                 x->any_mic->id, x->any_mic->id);
    } else if (!d->monitor && d->rate_hz > 0 && d->rate_hz < LEAST_RATE_HZ) {
        struct doctor_sound *f = next(x, true);
        snprintf(f->what, sizeof f->what, "the microphone %s runs at %g kHz: voices sound as from an old telephone",
                 d->name, d->rate_hz / 1000.0);
        snprintf(f->remedy, sizeof f->remedy,
                 "choose another microphone, or of a Bluetooth headset the profile with mSBC (HFP)");
    }
    if (!d->monitor)
        look_at_volume(x, d);
}

size_t doctor_sound(const struct audio_device_info *list, size_t n, const char *why,
                    struct doctor_sound out[DOCTOR_SOUND_FINDINGS])
{
    struct exam x = { .out = out };
    count(&x, list, n);
    say_what_there_is(&x, why);
    if (x.mic)
        look_at_microphone(&x);
    if (x.speaker)
        look_at_volume(&x, x.speaker);
    return x.n;
}
