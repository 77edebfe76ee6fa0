#include "audio/wav.h"

#include "audio/codec_impl.h"

#include <math.h>
#include <string.h>

enum {
    WAV_MAX_CHUNKS = 64,
    WAV_MAX_CHANNELS = 32,
    WAV_MIN_HZ = 1000,
    WAV_MAX_HZ = 384000,
    WAV_TAG_PCM = 1,
    WAV_TAG_FLOAT = 3,
    WAV_TAG_ALAW = 6,
    WAV_TAG_MULAW = 7,
    WAV_TAG_EXTENSIBLE = 0xfffe,
    WAV_DS64_BYTES = 24, /* its table is not read */
};

#define WAV_SIZE_NONE UINT32_MAX /* the size is in the ds64 chunk, or unknown: to the end of the file */

static uint32_t le16(const uint8_t *p)
{
    return (uint32_t) p[0] | (uint32_t) p[1] << 8;
}

static uint32_t le32(const uint8_t *p)
{
    return le16(p) | le16(p + 2) << 16;
}

static uint64_t le64(const uint8_t *p)
{
    return le32(p) | (uint64_t) le32(p + 4) << 32;
}

size_t wav_sample_bytes(enum wav_coding coding)
{
    static const uint8_t bytes[] = { [WAV_PCM8] = 1,    [WAV_PCM16] = 2,   [WAV_PCM24] = 3, [WAV_PCM32] = 4,
                                     [WAV_FLOAT32] = 4, [WAV_FLOAT64] = 8, [WAV_MULAW] = 1, [WAV_ALAW] = 1 };
    return bytes[coding];
}

static bool coding_of(uint32_t tag, uint32_t bits, enum wav_coding *out)
{
    static const struct {
        uint32_t tag, bits;
        enum wav_coding coding;
    } known[] = {
        { WAV_TAG_PCM, 8, WAV_PCM8 },    { WAV_TAG_PCM, 16, WAV_PCM16 },     { WAV_TAG_PCM, 24, WAV_PCM24 },
        { WAV_TAG_PCM, 32, WAV_PCM32 },  { WAV_TAG_FLOAT, 32, WAV_FLOAT32 }, { WAV_TAG_FLOAT, 64, WAV_FLOAT64 },
        { WAV_TAG_MULAW, 8, WAV_MULAW }, { WAV_TAG_ALAW, 8, WAV_ALAW },
    };
    for (size_t i = 0; i < AHOY_COUNT(known); i++)
        if (known[i].tag == tag && known[i].bits == bits) {
            *out = known[i].coding;
            return true;
        }
    return false;
}

static bool parse_fmt(const uint8_t *p, size_t n, struct wav_format *out)
{
    if (n < 16)
        return false;
    uint32_t tag = le16(p);
    if (tag == WAV_TAG_EXTENSIBLE && n >= 26)
        tag = le16(p + 24); /* the first bytes of the sub-format's GUID */
    out->channels = (uint16_t) le16(p + 2);
    out->rate_hz = le32(p + 4);
    return coding_of(tag, le16(p + 14), &out->coding) && out->channels >= 1 && out->channels <= WAV_MAX_CHANNELS
           && out->rate_hz >= WAV_MIN_HZ && out->rate_hz <= WAV_MAX_HZ
           && le16(p + 12) == out->channels * wav_sample_bytes(out->coding);
}

/* RF64 and BW64 are RIFF with sizes of 64 bits. */
static bool is_wave(const uint8_t head[12])
{
    bool riff = memcmp(head, "RIFF", 4) == 0 || memcmp(head, "RF64", 4) == 0 || memcmp(head, "BW64", 4) == 0;
    return riff && memcmp(head + 8, "WAVE", 4) == 0;
}

enum ahoy_err wav_parse(const struct wav_source *src, struct wav_format *out)
{
    uint8_t head[12];
    if (src->read(src->arg, 0, head, sizeof head) < sizeof head || !is_wave(head))
        return AHOY_ERR_FORMAT;
    struct wav_format f = { 0 };
    uint64_t at = sizeof head, large = INT64_MAX;
    for (int i = 0; i < WAV_MAX_CHUNKS; i++) {
        uint8_t chunk[8], body[40];
        if (src->read(src->arg, at, chunk, sizeof chunk) < sizeof chunk)
            return AHOY_ERR_FORMAT;
        uint32_t size = le32(chunk + 4);
        at += sizeof chunk;
        if (memcmp(chunk, "fmt ", 4) == 0) {
            size_t got = src->read(src->arg, at, body, AHOY_MIN((size_t) size, sizeof body));
            if (!parse_fmt(body, got, &f))
                return AHOY_ERR_FORMAT;
        } else if (memcmp(chunk, "ds64", 4) == 0 && memcmp(head, "RIFF", 4) != 0) {
            if (size < WAV_DS64_BYTES || src->read(src->arg, at, body, WAV_DS64_BYTES) < WAV_DS64_BYTES)
                return AHOY_ERR_FORMAT;
            large = le64(body + 8);
        } else if (memcmp(chunk, "data", 4) == 0) {
            if (f.channels == 0)
                return AHOY_ERR_FORMAT; /* samples before their format */
            size_t frame = f.channels * wav_sample_bytes(f.coding);
            f.data_at = at;
            f.data_bytes = (size == WAV_SIZE_NONE ? large : size) / frame * frame;
            *out = f;
            return AHOY_OK;
        }
        at += (uint64_t) size + size % 2;
    }
    return AHOY_ERR_LIMIT;
}

/* ---- printing ---------------------------------------------------------------------------------------------------- */

static uint8_t *put_le(uint8_t *p, uint32_t x, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++)
        p[i] = (uint8_t) (x >> 8 * i & 0xff);
    return p + bytes;
}

static uint8_t *put_tag(uint8_t *p, const char *tag, uint32_t size)
{
    memcpy(p, tag, 4);
    return put_le(p + 4, size, 4);
}

void wav_print_header(const struct wav_format *f, uint8_t out[WAV_HEADER_BYTES])
{
    static const uint8_t tag[] = {
        [WAV_PCM8] = WAV_TAG_PCM,    [WAV_PCM16] = WAV_TAG_PCM,     [WAV_PCM24] = WAV_TAG_PCM,
        [WAV_PCM32] = WAV_TAG_PCM,   [WAV_FLOAT32] = WAV_TAG_FLOAT, [WAV_FLOAT64] = WAV_TAG_FLOAT,
        [WAV_MULAW] = WAV_TAG_MULAW, [WAV_ALAW] = WAV_TAG_ALAW
    };
    uint32_t sample = (uint32_t) wav_sample_bytes(f->coding), frame = f->channels * sample;
    uint64_t riff = WAV_HEADER_BYTES - 8 + f->data_bytes + f->data_bytes % 2;
    bool fits = riff < WAV_SIZE_NONE;
    uint8_t *p = put_tag(out, "RIFF", fits ? (uint32_t) riff : WAV_SIZE_NONE);
    memcpy(p, "WAVE", 4);
    p = put_tag(p + 4, "fmt ", 16);
    p = put_le(p, tag[f->coding], 2);
    p = put_le(p, f->channels, 2);
    p = put_le(p, f->rate_hz, 4);
    p = put_le(p, f->rate_hz * frame, 4);
    p = put_le(p, frame, 2);
    p = put_le(p, 8 * sample, 2);
    (void) put_tag(p, "data", fits ? (uint32_t) f->data_bytes : WAV_SIZE_NONE);
}

/* ---- decoding ---------------------------------------------------------------------------------------------------- */

static int32_t from_float(double x)
{
    if (!(x == x))
        return 0;
    return (int32_t) lrint(fmax(-1, fmin(1, x)) * 32767);
}

static int32_t decode_sample(enum wav_coding coding, const uint8_t *p)
{
    float x;
    double y;
    switch (coding) {
    case WAV_PCM8: return (p[0] - 128) * 256;
    case WAV_PCM16: return (int16_t) le16(p);
    case WAV_PCM24: return (int16_t) le16(p + 1);
    case WAV_PCM32: return (int16_t) le16(p + 2);
    case WAV_FLOAT32: {
        uint32_t bits = le32(p);
        memcpy(&x, &bits, sizeof x);
        return from_float((double) x);
    }
    case WAV_FLOAT64: {
        uint64_t bits = le64(p);
        memcpy(&y, &bits, sizeof y);
        return from_float(y);
    }
    case WAV_MULAW: return g711_mulaw_decode(p[0]);
    case WAV_ALAW: return g711_alaw_decode(p[0]);
    }
    return 0;
}

/* What nearly all files are. */
static void decode_plain(const uint8_t *restrict raw, int16_t *restrict pcm, size_t frames)
{
    for (size_t i = 0; i < frames; i++)
        pcm[i] = (int16_t) le16(raw + 2 * i);
}

void wav_decode(const struct wav_format *f, const uint8_t *raw, int16_t *pcm, size_t frames)
{
    size_t bytes = wav_sample_bytes(f->coding);
    if (f->coding == WAV_PCM16 && f->channels == 1) {
        decode_plain(raw, pcm, frames);
        return;
    }
    for (size_t i = 0; i < frames; i++) {
        int32_t sum = 0;
        for (unsigned c = 0; c < f->channels; c++, raw += bytes)
            sum += decode_sample(f->coding, raw);
        pcm[i] = (int16_t) (sum / f->channels); /* NOLINT: wav_parse refuses 0 channels */
    }
}
