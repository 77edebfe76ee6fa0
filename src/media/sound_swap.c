/*
 * A live device is changed for one of a higher rate while it sounds, and nobody hears it: make before break. The better
 * one is opened beside the one that runs. Once it moves sound its microphone goes through a chain of its own, which begins
 * with all that was learnt, and its loudspeaker gets silence, until both are settled; then one is faded into the other. The
 * one before stays open until what waits in it was played. Where there is no second opening all stays as it was.
 */
#include "media/sound.h"

#include "base/mem.h"

#include <string.h>

enum {
    SETTLE_MS = 200,      /* for the chain's delay and the loudspeaker's queue */
    GIVE_UP_US = 3000000, /* a device that was opened and moves nothing is none */
    LEAVE_US = 400000,    /* for what waits in the device before, and in its server */
    FADE_LEAST_MS = 3,
    LATE = 3840, /* 80 ms at 48 kHz */
    CHUNK = 120,
    TURNS = 8
};

struct sound_swap {
    struct sound *sound;
    struct live *live; /* the better device; when it is in use, the one before */
    uint32_t hz;
    bool settling, leaving, faded; /* it moves sound; it is the one before; and that has been faded out */
    int64_t since_us;              /* it began, or was left */
    struct mic *mic;
    struct resample *far;      /* what the present loudspeaker is given, for its chain; NULL: none */
    struct resample *in, *out; /* NULL: its rate is the face's */
    size_t settled;            /* samples since it began */
    size_t n;
    int16_t late[LATE]; /* the last ones */
};

/* ---- life -------------------------------------------------------------------------------------------------------- */

void sound_swap_drop(struct sound *s)
{
    struct sound_swap *w = s->swap;
    if (!w)
        return;
    s->swap = NULL;
    live_close(w->live);
    mic_destroy(w->mic);
    resample_destroy(w->far);
    resample_destroy(w->in);
    resample_destroy(w->out);
    mem_free(w);
}

static void on_state(void *arg, enum ahoy_err err, const char *why)
{
    struct sound_swap *w = arg;
    (void) why;
    if (err) /* there is still the other one */
        sound_swap_drop(w->sound);
}

static void on_nothing(void *arg)
{
    (void) arg;
}

void sound_swap_begin(struct sound *s, uint32_t hz)
{
    struct live_config cfg;
    if (s->swap && (s->swap->hz >= hz && !s->swap->leaving))
        return;
    sound_swap_drop(s);
    struct sound_swap *w = mem_zalloc(sizeof *w);
    if (!w)
        return;
    sound_live_config(s, hz, &cfg);
    cfg.once = true;
    cfg.state = on_state;
    cfg.devices = cfg.moved = on_nothing;
    cfg.arg = w;
    w->sound = s;
    w->hz = hz;
    w->since_us = sys_now_us(s->worker);
    s->swap = w;
    if (live_open(&w->live, &cfg))
        sound_swap_drop(s);
}

/* ---- settling ---------------------------------------------------------------------------------------------------- */

static bool moves(const struct sound_swap *w, int64_t now_us)
{
    struct audio_device_stats st;
    return live_runs(w->live, now_us) && live_stats(w->live, &st) && st.captured > 0;
}

/* What came until now was heard through the other device. */
static enum ahoy_err settle(struct sound_swap *w, int64_t now_us)
{
    struct sound *s = w->sound;
    int16_t old[CHUNK];
    enum ahoy_err err = AHOY_OK;
    while (live_read(w->live, old, CHUNK, now_us) == CHUNK)
        ;
    if (w->hz != s->face_hz)
        err = resample_create(&w->in, w->hz, s->face_hz, RESAMPLE_VOICE);
    if (!err && w->in)
        err = resample_create(&w->out, s->face_hz, w->hz, RESAMPLE_VOICE);
    if (!err && s->mic && !s->mic_idle)
        err = resample_create(&w->far, s->device_hz, w->hz, RESAMPLE_VOICE);
    if (!err && s->mic)
        err = sound_mic_again(s, w->hz, &w->mic);
    w->settling = !err;
    w->since_us = now_us;
    return err;
}

static void keep(struct sound_swap *w, const int16_t *pcm, size_t n)
{
    size_t over = w->n + n > LATE ? w->n + n - LATE : 0;
    memmove(w->late, w->late + over, (w->n - over) * sizeof *pcm);
    memcpy(w->late + w->n - over, pcm, n * sizeof *pcm);
    w->n = w->n - over + n;
    w->settled += n;
}

static void keep_clean(struct sound_swap *w, const int16_t *pcm, size_t n)
{
    int16_t face[8 * CHUNK];
    for (size_t part; n > 0; n -= part, pcm += part) {
        part = AHOY_MIN(n, (size_t) CHUNK);
        if (w->in)
            keep(w, face, resample_run(w->in, pcm, part, face));
        else
            keep(w, pcm, part);
    }
}

static void listen(struct sound_swap *w, int64_t now_us)
{
    int16_t raw[SOUND_MAX_TICK_SAMPLES], clean[SOUND_MAX_TICK_SAMPLES + MIC_MORE];
    for (size_t got = 1, turns = 0; got > 0 && turns < TURNS; turns++) {
        got = live_read(w->live, raw, w->hz / 100, now_us);
        if (w->mic && !w->sound->mic_idle)
            keep_clean(w, clean, mic_run(w->mic, raw, got, clean));
        else
            keep_clean(w, raw, got);
    }
}

static void play_silence(struct sound_swap *w, int64_t now_us)
{
    static const int16_t silence[SOUND_MAX_TICK_SAMPLES];
    live_write(w->live, silence, live_want(w->live, now_us, AHOY_COUNT(silence)), now_us);
}

void sound_swap_far(struct sound *s, const int16_t *pcm, size_t n)
{
    int16_t far[8 * CHUNK];
    struct sound_swap *w = s->swap;
    if (!w || !w->settling || !w->far)
        return;
    for (size_t part; n > 0; n -= part, pcm += part) {
        part = AHOY_MIN(n, (size_t) CHUNK);
        mic_far(w->mic, far, resample_run(w->far, pcm, part, far));
    }
}

/* ---- the change -------------------------------------------------------------------------------------------------- */

static double delay_ms(const struct mic *mic, bool idle, const struct resample *in)
{
    return (mic && !idle ? mic_delay_ms(mic) : 0) + (in ? resample_delay_ms(in) : 0);
}

/*
 * `pcm` goes over into what the better device heard meanwhile. That comes through sooner as a rule: what is newer than
 * `pcm` follows at once, so that nothing is left out, where there is room for it: a chain may have given more than `most`.
 */
static size_t fade_over(struct sound_swap *w, int16_t *pcm, size_t got, size_t most)
{
    struct sound *s = w->sound;
    double sooner_ms = delay_ms(s->mic, s->mic_idle, s->from_device) - delay_ms(w->mic, s->mic_idle, w->in);
    size_t newer = sooner_ms > 0 ? (size_t) (sooner_ms * s->face_hz / 1000) : 0;
    size_t room = AHOY_MIN(most, w->n);
    newer = room > got ? AHOY_MIN(newer, room - got) : 0;
    const int16_t *from = w->late + w->n - newer - got;
    for (size_t i = 0; i < got; i++)
        pcm[i] = (int16_t) (pcm[i] + (from[i] - pcm[i]) * (int32_t) i / (int32_t) got);
    memcpy(pcm + got, from + got, newer * sizeof *pcm);
    return got + newer;
}

static void change(struct sound_swap *w, int64_t now_us)
{
    struct sound *s = w->sound;
    struct audio_device_stats st;
    struct live_config ours, nobody;
    struct live *before = s->live_device;
    sound_live_config(s, w->hz, &ours);
    nobody = ours;
    nobody.state = NULL;
    nobody.devices = nobody.moved = on_nothing;
    nobody.arg = w;
    live_retarget(before, &nobody);
    live_retarget(w->live, &ours);
    s->live_device = w->live;
    w->live = before;
    s->device_hz = w->hz;
    s->underruns = sound_device_stats(s, &st) ? st.underruns : 0;
    if (w->mic)
        sound_mic_replace(s, w->mic);
    w->mic = NULL;
    resample_destroy(s->from_device);
    s->from_device = w->in;
    w->in = NULL;
    struct resample *out = s->to_device;
    s->to_device = w->out;
    w->out = out;
    w->settling = false;
    w->leaving = true;
    w->since_us = now_us;
}

size_t sound_swap_in(struct sound *s, int16_t *pcm, size_t got, size_t most, int64_t now_us)
{
    struct sound_swap *w = s->swap;
    if (!w)
        return got;
    if (w->leaving) {
        if (now_us - w->since_us > LEAVE_US)
            sound_swap_drop(s);
        return got;
    }
    if (!moves(w, now_us)) {
        if (now_us - w->since_us > GIVE_UP_US && live_opened(w->live))
            sound_swap_drop(s);
        return got;
    }
    if (!w->settling) {
        if (settle(w, now_us))
            sound_swap_drop(s);
        return got;
    }
    listen(w, now_us);
    play_silence(w, now_us);
    if (w->settled < (size_t) s->face_hz / 1000 * SETTLE_MS || got < s->face_hz / 1000 * FADE_LEAST_MS || w->n < got)
        return got;
    got = fade_over(w, pcm, got, most);
    change(w, now_us);
    return got;
}

void sound_swap_out(struct sound *s, int16_t *pcm, size_t n, int64_t now_us)
{
    int16_t last[CHUNK], raw[8 * CHUNK];
    struct sound_swap *w = s->swap;
    if (!w || !w->leaving || w->faded || n == 0)
        return;
    n = AHOY_MIN(n, (size_t) CHUNK);
    for (size_t i = 0; i < n; i++) {
        last[i] = (int16_t) (pcm[i] * (int32_t) (n - i) / (int32_t) n);
        pcm[i] = (int16_t) (pcm[i] * (int32_t) i / (int32_t) n);
    }
    if (w->out)
        live_write(w->live, raw, resample_run(w->out, last, n, raw), now_us);
    else
        live_write(w->live, last, n, now_us);
    w->faded = true;
}
