#include "support_codec.h"

enum ahoy_err codec_round_trip(const struct audio_codec *c, unsigned ptime_ms, const int16_t *said, int16_t *heard,
                               size_t n)
{
    struct audio_encoder *e = NULL;
    struct audio_decoder *d = NULL;
    uint8_t payload[AUDIO_MAX_PAYLOAD_BYTES];
    size_t frame = audio_codec_samples(c, ptime_ms);
    size_t bytes = 0;
    size_t got = 0;
    enum ahoy_err err = audio_encoder_create(&e, c, NULL);
    if (!err)
        err = audio_decoder_create(&d, c);
    for (size_t at = 0; !err && at + frame <= n; at += frame) {
        err = audio_encode(e, said + at, frame, payload, sizeof payload, &bytes);
        if (!err && audio_payload_samples(c, payload, bytes) != frame)
            err = AHOY_ERR_INTERNAL;
        if (!err)
            err = audio_decode(d, payload, bytes, heard + at, frame, &got);
        if (!err && got != frame)
            err = AHOY_ERR_INTERNAL;
    }
    audio_encoder_destroy(e);
    audio_decoder_destroy(d);
    return err;
}

enum ahoy_err codec_recover(struct audio_decoder *d, const uint8_t *p, size_t bytes, int16_t *pcm, size_t samples)
{
    struct audio_redundancy from = { .p = p, .n = bytes, .ahead = samples };
    return audio_recover(d, &from, pcm, samples, NULL);
}
