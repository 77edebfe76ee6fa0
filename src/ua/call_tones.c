/*
 * The tones of setting up a call (ITU-T E.180): ring-back while it rings at the other side and no sound comes from there,
 * busy and congestion for a moment when it fails, and a waiting tone when one comes in during another.
 */
#include "ua/call.h"

#include <stdio.h>

#include <string.h>

#define TONES_SUFFIX ".tones.wav"

enum { END_TONE_MS = 2000 };

static bool known_country(struct view v)
{
    const char *code;
    for (size_t i = 0; (code = tone_country(i)); i++)
        if (view_ieq(v, view_str(code)))
            return true;
    return view_ieq(v, VIEW("gb")) || view_ieq(v, VIEW("ca"));
}

/* The call's file is the call's alone: tones go to one beside it. False: there is none, or its name is too long. */
static bool own_file(char out[AUDIO_SPEC_BYTES])
{
    size_t n = strlen(out);
    if (n == 0 || n + sizeof TONES_SUFFIX > AUDIO_SPEC_BYTES)
        return false;
    memcpy(out + n, TONES_SUFFIX, sizeof TONES_SUFFIX);
    return true;
}

/*
 * "off"; a country, then they are heard wherever the call's sound goes; "auto" or "auto:COUNTRY" (known or not): only from
 * a device of the machine. False: none of these.
 */
bool ua_tones_parse(const char *text, const struct audio_spec *device, bool echo, struct ua_media *m)
{
    bool machine = device->kind == AUDIO_PULSE || device->kind == AUDIO_ALSA;
    struct view rest = view_str(text && text[0] ? text : "auto"), word = view_cut(&rest, ':');
    bool is_auto = view_ieq(word, VIEW("auto")), off = view_ieq(word, VIEW("off"));
    struct view country = is_auto ? rest : word;
    if (!is_auto && (!view_empty(rest) || (!off && !known_country(word))))
        return false;
    m->tones.device = *device;
    if (device->out[0] && device->kind == AUDIO_PULSE) /* its microphone is not wanted … */
        (void) view_copy(view_str(device->out), m->tones.device.dev, sizeof m->tones.device.dev);
    else if (device->kind == AUDIO_FILE) /* … and no file is said */
        m->tones.device.dev[0] = '\0';
    bool sounds = machine || (device->kind == AUDIO_FILE && own_file(m->tones.device.out));
    m->tones.unasked = is_auto;
    m->has_tones = !off && !echo && sounds && (machine || !is_auto);
    return view_copy(country.n <= 2 ? country : VIEW("eu"), m->tones.sound, sizeof m->tones.sound);
}

static void start(struct ua *ua, struct media_ringer **out, const struct ua_media *m, enum tone_kind kind,
                  void (*unheard)(void *ua))
{
    struct media_ringer_config cfg = m->tones;
    cfg.tone = kind;
    cfg.unheard = unheard;
    cfg.arg = ua;
    if (media_ringer_start(out, ua->media, &cfg))
        log_write(ua->config.log, LOG_WARN, "ua", "a tone is not heard: out of memory");
}

void ua_call_ring_back(struct ua_call *c)
{
    if (!c->ringer && c->config.has_tones)
        start(c->ua, &c->ringer, &c->config, TONE_RINGBACK, NULL);
}

/* Another call stands, so a bell would be too much. */
bool ua_call_waiting(struct ua_call *c)
{
    bool busy = false;
    LIST_EACH(k, &c->ua->calls) {
        const struct ua_call *other = LIST_ENTRY(k, struct ua_call, link);
        busy |= other != c && other->answered_us > 0 && !other->over;
    }
    if (!busy || !c->config.has_tones || c->config.tones.device.kind == AUDIO_FILE) /* its file is the other call's */
        return false;
    start(c->ua, &c->ringer, &c->config, TONE_WAITING, NULL);
    return true;
}

void ua_tones_stop(struct ua *ua)
{
    sys_timer_stop(&ua->tone_timer);
    media_ringer_stop(ua->tone);
    ua->tone = NULL;
}

void ua_tones_over(void *arg)
{
    struct ua *ua = arg;
    ua_tones_stop(ua);
    ua_check_left(ua);
}

/* What a call that came to nothing sounds like, to the one who placed it. */
void ua_call_end_tone(struct ua_call *c)
{
    enum tone_kind kind;
    struct ua *ua = c->ua;
    if (c->incoming || c->answered_us > 0 || !c->config.has_tones)
        return;
    switch (c->end.cause) {
    case AHOY_CAUSE_BUSY:
    case AHOY_CAUSE_DECLINED: kind = TONE_BUSY; break;
    case AHOY_CAUSE_NOT_FOUND: kind = TONE_INFO; break;
    case AHOY_CAUSE_SIP:
    case AHOY_CAUSE_AUTH:
    case AHOY_CAUSE_NOT_ACCEPTABLE:
    case AHOY_CAUSE_NO_ANSWER_NET: kind = TONE_CONGESTION; break;
    default: return; /* given up, not picked up, or nothing that a telephone's tone stands for */
    }
    ua_tones_stop(ua);
    start(ua, &ua->tone, &c->config, kind, ua_tones_over); /* nobody waits for a tone that is not heard */
    if (ua->tone)
        sys_timer_start(ua->loop, &ua->tone_timer, SYS_MS(END_TONE_MS));
}
