#include "audio/opus_dred.h"

enum {
    RATE_HZ = 48000,
    STEP_MS = 10,          /* durations are told in frames of this length */
    MOST_FRAMES = 104,     /* libopus 1.5's own limit */
    DEEP_PLC_BYTES = 50000 /* a decoder with the vocoder's state is larger than that, one without far smaller */
};

struct audio_opus_build audio_opus_build(void)
{
    const char *version = opus_get_version_string(); /* "libopus 1.5.2", with "-fixed" and the like behind it */
    while (*version && (*version < '0' || *version > '9'))
        version++;
    return (struct audio_opus_build){
        .version = version,
        .deep_plc = opus_decoder_get_size(1) > DEEP_PLC_BYTES,
        .dred = opus_dred_size() > 0 && view_starts(view_str(version), VIEW("1.5.")), /* 1.6 writes another format */
    };
}

#ifdef OPUS_SET_DRED_DURATION_REQUEST

struct opus_dred {
    OpusDREDDecoder *decoder;
    OpusDRED *state;
    uint64_t parsed;  /* hash of the packet that `state` is of */
    opus_int32 reach; /* its samples, 0: it has none */
};

static size_t aligned(size_t n)
{
    return (n + _Alignof(max_align_t) - 1) / _Alignof(max_align_t) * _Alignof(max_align_t);
}

size_t opus_dred_size(void)
{
    int decoder = opus_dred_decoder_get_size(), state = opus_dred_get_size();
    return decoder > 0 && state > 0
               ? aligned(sizeof(struct opus_dred)) + aligned((size_t) decoder) + aligned((size_t) state)
               : 0;
}

struct opus_dred *opus_dred_init(void *memory)
{
    struct opus_dred *r = memory;
    char *at = (char *) memory + aligned(sizeof *r);
    r->decoder = (void *) at;
    r->state = (void *) (at + aligned((size_t) opus_dred_decoder_get_size()));
    return opus_dred_decoder_init(r->decoder) == OPUS_OK ? r : NULL;
}

bool opus_dred_set_reach(OpusEncoder *encoder, unsigned ms)
{
    unsigned frames = AHOY_MIN(ms / STEP_MS, (unsigned) MOST_FRAMES);
    return opus_encoder_ctl(encoder, OPUS_SET_DRED_DURATION((opus_int32) frames)) == OPUS_OK;
}

void opus_dred_set_decoder(OpusDecoder *decoder, enum opus_effort effort)
{
    /* From 5 libopus conceals by its vocoder, from 6 it enhances speech, at 7 at a higher cost. */
    static const opus_int32 complexity[] = {
        [OPUS_PLAIN] = 0, [OPUS_CONCEAL] = 5, [OPUS_ENHANCE] = 6, [OPUS_BEST] = 7
    };
    (void) opus_decoder_ctl(decoder, OPUS_SET_COMPLEXITY(complexity[effort]));
}

/* FNV-1a; never 0. */
static uint64_t hash(const uint8_t *p, size_t n)
{
    uint64_t h = UINT64_C(0xcbf29ce484222325);
    for (size_t i = 0; i < n; i++)
        h = (h ^ p[i]) * UINT64_C(0x100000001b3);
    return h | 1;
}

/* The frames lost before one packet are asked for in a row: it is parsed, and its features are made, once. */
static void parse(struct opus_dred *r, const uint8_t *p, size_t n)
{
    uint64_t of = hash(p, n);
    int end;
    if (r->parsed == of)
        return;
    r->parsed = of;
    r->reach = opus_dred_parse(r->decoder, r->state, p, (opus_int32) n, RATE_HZ, RATE_HZ, &end, 0);
    if (r->reach < 0)
        r->reach = 0;
}

enum ahoy_err opus_dred_decode(struct opus_dred *r, OpusDecoder *decoder, const struct audio_redundancy *from,
                               int16_t *pcm, size_t samples)
{
    if (from->ahead > RATE_HZ)
        return AHOY_ERR_NOT_FOUND;
    parse(r, from->p, from->n);
    if (r->reach < (opus_int32) from->ahead)
        return AHOY_ERR_NOT_FOUND;
    int got = opus_decoder_dred_decode(decoder, r->state, (opus_int32) from->ahead, pcm, (opus_int32) samples);
    return got == (int) samples ? AHOY_OK : AHOY_ERR_FORMAT;
}

unsigned opus_dred_reach_ms(struct opus_dred *r, const uint8_t *p, size_t n)
{
    parse(r, p, n);
    return (unsigned) (r->reach / (RATE_HZ / 1000));
}

#else /* libopus before 1.5 */

size_t opus_dred_size(void)
{
    return 0;
}

struct opus_dred *opus_dred_init(void *memory)
{
    (void) memory;
    return NULL;
}

bool opus_dred_set_reach(OpusEncoder *encoder, unsigned ms)
{
    (void) encoder, (void) ms;
    return false;
}

void opus_dred_set_decoder(OpusDecoder *decoder, enum opus_effort effort)
{
    (void) decoder, (void) effort;
}

enum ahoy_err opus_dred_decode(struct opus_dred *r, OpusDecoder *decoder, const struct audio_redundancy *from,
                               int16_t *pcm, size_t samples)
{
    (void) r, (void) decoder, (void) from, (void) pcm, (void) samples;
    return AHOY_ERR_NOT_FOUND;
}

unsigned opus_dred_reach_ms(struct opus_dred *r, const uint8_t *p, size_t n)
{
    (void) r, (void) p, (void) n;
    return 0;
}

#endif
