/*
 * Payloads of all codecs from the wire, one after the other to one decoder: a byte that chooses the codec, then for each
 * payload a byte that says what is done with it (bits 0-2) and how much was lost before it (bits 3-7, in 10 ms), a byte of length and
 * the payload.
 */
#include "audio/codec.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { ROOM = 256 };

static int16_t pcm[AUDIO_MAX_SAMPLES];

static void look_at(struct audio_decoder *d, const uint8_t *p, size_t n)
{
    const struct audio_codec *c = audio_decoder_codec(d);
    uint8_t copy[ROOM];
    size_t samples = audio_payload_samples(c, p, n);
    if (samples > AUDIO_MAX_SAMPLES)
        abort();
    (void) audio_payload_fec(c, p, n);
    (void) audio_dred_reach_ms(d, p, n);
    memcpy(copy, p, n);
    size_t left = audio_payload_strip(c, copy, n);
    if (left > n || (samples > 0 && audio_payload_samples(c, copy, left) != samples))
        abort(); /* what is left lasts as long */
}

static void take(struct audio_decoder *d, uint8_t what, const uint8_t *p, size_t n)
{
    const struct audio_codec *c = audio_decoder_codec(d);
    size_t lost = audio_codec_samples(c, 10 * (what >> 3)), samples = 0;
    struct audio_redundancy later = { .p = p, .n = n, .ahead = lost };
    look_at(d, p, n);
    if (what & 1 && lost > 0 && lost <= AUDIO_MAX_SAMPLES && audio_recover(d, &later, pcm, lost, NULL)
        && audio_bridge(d, &later, pcm, lost))
        (void) audio_conceal(d, pcm, lost);
    if (what & 2)
        audio_decoder_set_plain(d, what & 4);
    enum ahoy_err err = audio_decode(d, p, n, pcm, AUDIO_MAX_SAMPLES, &samples);
    if (!err && (samples == 0 || samples != audio_payload_samples(c, p, n)))
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t count;
    const struct audio_codec *c = audio_codecs(&count);
    struct audio_decoder *d = NULL;
    if (size == 0 || audio_decoder_create(&d, &c[data[0] % count]))
        return 0;
    for (size_t at = 1; at + 2 <= size;) {
        size_t n = AHOY_MIN((size_t) data[at + 1], size - at - 2);
        take(d, data[at], data + at + 2, n);
        at += 2 + n;
    }
    audio_decoder_destroy(d);
    return 0;
}
