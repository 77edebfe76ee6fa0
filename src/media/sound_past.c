/* What went by last of a device's sound, and the transitions to what comes next. */
#include "media/sound.h"

#include <string.h>

void sound_keep_heard(struct sound *s, const int16_t *pcm, size_t n)
{
    if (s->past)
        past_put(&s->past->heard, s->rate_hz, pcm, n);
}

void sound_keep_said(struct sound *s, int16_t *pcm, size_t n, bool muted)
{
    if (!s->past)
        return;
    seam_run(&s->past->saying, pcm, n);
    past_put(&s->past->said, s->rate_hz, muted ? NULL : pcm, n);
}

void sound_keep_microphone(struct sound *s, const int16_t *pcm, size_t n)
{
    if (s->past)
        past_put(&s->past->microphone, s->device_hz, pcm, n);
}

void sound_keep_speaker(struct sound *s, int16_t *pcm, size_t n)
{
    if (!s->past)
        return;
    seam_run(&s->past->speaking, pcm, n);
    past_put(&s->past->speaker, s->device_hz, pcm, n);
}

size_t sound_take_ahead(struct sound *s, int16_t *pcm, size_t n)
{
    struct sound_past *p = s->past;
    if (!p || p->ahead_n == 0)
        return 0;
    n = AHOY_MIN(n, p->ahead_n);
    memcpy(pcm, p->ahead, n * sizeof *pcm);
    p->ahead_n -= n;
    memmove(p->ahead, p->ahead + n, p->ahead_n * sizeof *pcm);
    return n;
}

void sound_past_hand_on(struct sound *from, struct sound *to)
{
    if (!to->past)
        return;
    to->past->microphone.n = to->past->speaker.n = to->past->ahead_n = 0;
    if (!from->past)
        return;
    to->past->microphone = from->past->microphone;
    to->past->speaker = from->past->speaker;
    to->past->speaking = from->past->speaking;
}
