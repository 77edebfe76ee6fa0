/* Devices as people write them. */
#include "audio/device.h"

#include <stdio.h>

enum { SPEC_MIN_HZ = 20, SPEC_MAX_HZ = 20000 };

static enum ahoy_err parse_tone(struct view value, struct audio_spec *out)
{
    enum ahoy_err err = view_u32(value, &out->tone_hz);
    if (err)
        return err;
    return out->tone_hz >= SPEC_MIN_HZ && out->tone_hz <= SPEC_MAX_HZ ? AHOY_OK : AHOY_ERR_RANGE;
}

static enum ahoy_err parse_file(struct view value, struct audio_spec *out)
{
    struct view in = view_cut(&value, ',');
    if (view_empty(in) && view_empty(value))
        return AHOY_ERR_SYNTAX;
    if (!view_copy(in, out->dev, sizeof out->dev) || !view_copy(value, out->out, sizeof out->out))
        return AHOY_ERR_RANGE;
    return AHOY_OK;
}

/* A comma parts PulseAudio's microphone from its speaker; ALSA's names have commas of their own. */
static enum ahoy_err parse_live(struct view value, struct audio_spec *out)
{
    struct view dev = out->kind == AUDIO_PULSE ? view_cut(&value, ',') : value;
    if (out->kind == AUDIO_PULSE && !view_copy(value, out->out, sizeof out->out))
        return AHOY_ERR_RANGE;
    return view_copy(dev, out->dev, sizeof out->dev) ? AHOY_OK : AHOY_ERR_RANGE;
}

enum ahoy_err audio_spec_parse(struct view v, struct audio_spec *out)
{
    struct audio_spec spec = { 0 };
    struct view value = v;
    struct view kind = view_cut(&value, ':');
    bool has_value = kind.n < v.n;
    enum ahoy_err err = AHOY_OK;
    if (view_find(v, '\0') < v.n)
        return AHOY_ERR_SYNTAX;
    if (view_eq(kind, VIEW("null"))) {
        spec.kind = AUDIO_NULL;
        err = has_value ? AHOY_ERR_SYNTAX : AHOY_OK;
    } else if (view_eq(kind, VIEW("tone"))) {
        spec.kind = AUDIO_TONE;
        err = parse_tone(value, &spec);
    } else if (view_eq(kind, VIEW("file"))) {
        spec.kind = AUDIO_FILE;
        err = parse_file(value, &spec);
    } else if (view_eq(kind, VIEW("pulse")) || view_eq(kind, VIEW("alsa"))) {
        spec.kind = view_eq(kind, VIEW("pulse")) ? AUDIO_PULSE : AUDIO_ALSA;
        if (has_value && view_empty(value))
            err = AHOY_ERR_SYNTAX;
        else
            err = parse_live(value, &spec);
    } else {
        err = AHOY_ERR_SYNTAX;
    }
    if (!err)
        *out = spec;
    return err;
}

const char *audio_spec_print(const struct audio_spec *spec, char dst[AUDIO_SPEC_TEXT_BYTES])
{
    enum { SIZE = AUDIO_SPEC_TEXT_BYTES };
    const char *colon = spec->dev[0] ? ":" : "";
    switch (spec->kind) {
    case AUDIO_NULL: (void) snprintf(dst, SIZE, "null"); break;
    case AUDIO_TONE: (void) snprintf(dst, SIZE, "tone:%u", (unsigned) spec->tone_hz); break;
    case AUDIO_FILE: (void) snprintf(dst, SIZE, "file:%s%s%s", spec->dev, spec->out[0] ? "," : "", spec->out); break;
    case AUDIO_PULSE:
        (void) snprintf(dst, SIZE, "pulse%s%s%s%s", colon, spec->dev, spec->out[0] ? "," : "", spec->out);
        break;
    case AUDIO_ALSA: (void) snprintf(dst, SIZE, "alsa%s%s", colon, spec->dev); break;
    case AUDIO_MEM: (void) snprintf(dst, SIZE, "mem"); break;
    }
    return dst;
}
