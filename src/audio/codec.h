/*
 * Codecs behind one interface: a constant descriptor says what SDP and RTP need to know, its operations do the work.
 * Samples are 16-bit mono at the codec's own rate, host byte order.
 *
 * An encoder or decoder is one object on the heap (one allocation) and belongs to one thread at a time. Nothing here
 * allocates after creation. Payloads come from a peer and may hold anything.
 */
#ifndef AHOY_AUDIO_CODEC_H
#define AHOY_AUDIO_CODEC_H

#include "base/buf.h"
#include "base/view.h"

enum {
    AUDIO_MAX_HZ = 48000,
    AUDIO_MAX_MS = 120,             /* the longest packet of Opus (RFC 6716 section 3.1) */
    AUDIO_LONG_MS = 200,            /* the longest of the others that is decoded (RFC 3551 section 4.2) */
    AUDIO_MAX_SAMPLES = 48 * 120,   /* AUDIO_MAX_MS at AUDIO_MAX_HZ */
    AUDIO_MAX_PAYLOAD_BYTES = 5760, /* the longest payload that is made: 60 ms of L16 at 48 kHz */
    AUDIO_FMTP_BYTES = 200,         /* bounds audio_codec_print_fmtp */
};

struct audio_encoder;
struct audio_decoder;
struct audio_codec;

/** What an a=fmtp line says, seen by either side (RFC 7587 section 6.1). Codecs without parameters ignore it. */
struct audio_params {
    uint32_t max_playback_hz; /* 0: not said (48 kHz) */
    uint32_t max_average_bps; /* 0: not said */
    bool stereo;              /* the side prefers to receive stereo; what is sent stays mono, which is allowed */
    bool fec;                 /* useinbandfec: the side can use in-band FEC */
    bool dtx;                 /* usedtx: the side prefers discontinuous transmission */
    bool cbr;                 /* the side prefers constant bit rate */
    bool dred;                /* dred=10: the side uses deep redundancy as libopus 1.5 writes it. A parameter of ours:
                                 others pass it over, as RFC 7587 section 6.1 wants */
};

struct audio_encoder_config {
    struct audio_params peer; /* what the peer's fmtp asks of our encoder */
    uint32_t bitrate_bps;     /* 0: the codec's default */
    uint8_t complexity;       /* Opus 1 … 10; 0: the codec's default */
    uint8_t loss_percent; /* expected loss, 1 … 100; 0: not known yet, 5 is assumed. Then audio_encoder_set_loss */
};

/** Where a lost frame may be found again: in a later packet. */
struct audio_redundancy {
    const uint8_t *p; /* the later packet's payload */
    size_t n;
    size_t ahead; /* samples from the beginning of the lost frame to the beginning of that packet's own sound */
};

enum audio_recovery {
    AUDIO_RECOVERY_FEC,  /* in-band FEC: the frame as it was, at a lower rate */
    AUDIO_RECOVERY_DRED, /* deep redundancy: resynthesised speech */
};

/** What a payload tells of in-band FEC. */
enum audio_fec {
    AUDIO_FEC_UNTOLD, /* nothing: in pauses nobody sends any */
    AUDIO_FEC_ABSENT,
    AUDIO_FEC_HERE, /* of the frame before it */
};

/** What is to be encoded. */
enum audio_content {
    AUDIO_CONTENT_VOICE, /* from a microphone: what is not speech is to sound like what is behind speech */
    AUDIO_CONTENT_ANY,   /* from elsewhere, a file: perhaps music */
};

struct audio_codec_ops {
    enum ahoy_err (*encoder_create)(struct audio_encoder **out, const struct audio_codec *c,
                                    const struct audio_encoder_config *cfg);
    enum ahoy_err (*encode)(struct audio_encoder *e, const int16_t *pcm, size_t samples, uint8_t *dst, size_t size,
                            size_t *n);
    void (*set_bitrate)(struct audio_encoder *e, uint32_t bps);            /* NULL: fixed */
    void (*set_loss)(struct audio_encoder *e, uint8_t percent);            /* NULL: not used */
    void (*set_fec)(struct audio_encoder *e, bool on);                     /* NULL: has none */
    void (*set_dred)(struct audio_encoder *e, unsigned ms);                /* NULL: has none */
    void (*set_complexity)(struct audio_encoder *e, unsigned complexity);  /* NULL: has none */
    void (*set_content)(struct audio_encoder *e, enum audio_content what); /* NULL: all sounds are equal */
    void (*encoder_destroy)(struct audio_encoder *e);
    enum ahoy_err (*decoder_create)(struct audio_decoder **out, const struct audio_codec *c);
    enum ahoy_err (*decode)(struct audio_decoder *d, const uint8_t *p, size_t n, int16_t *pcm, size_t samples);
    enum ahoy_err (*conceal)(struct audio_decoder *d, int16_t *pcm, size_t samples);
    enum ahoy_err (*recover)(struct audio_decoder *d, const struct audio_redundancy *from, int16_t *pcm, size_t samples,
                             enum audio_recovery *how);
    enum ahoy_err (*bridge)(struct audio_decoder *d, const struct audio_redundancy *to, int16_t *pcm,
                            size_t samples);                        /* NULL: conceal */
    void (*expand)(const uint8_t *p, int16_t *pcm, size_t samples); /* NULL: payloads need a decoder's memory */
    unsigned (*dred_reach_ms)(struct audio_decoder *d, const uint8_t *p, size_t n); /* NULL: has none */
    enum audio_fec (*fec)(const uint8_t *p, size_t n);                              /* NULL: has none */
    void (*set_plain)(struct audio_decoder *d, bool on);                            /* NULL: always plain */
    size_t (*strip)(uint8_t *p, size_t n);                                          /* NULL: nothing to strip */
    void (*decoder_destroy)(struct audio_decoder *d);
    size_t (*samples)(const struct audio_codec *c, const uint8_t *p, size_t n);
    void (*parse_fmtp)(struct audio_params *out, struct view name, struct view value); /* NULL: no parameters */
    void (*print_fmtp)(const struct audio_params *params, struct buf *dst);
};

struct audio_codec {
    const char *name;  /* as in a=rtpmap: "opus", "G722", "PCMU", "PCMA", "L16" */
    uint32_t clock_hz; /* of RTP timestamps and a=rtpmap; 8000 for G.722 (RFC 3551 section 4.5.2) */
    uint32_t rate_hz;  /* of the samples */
    uint8_t channels;  /* as in a=rtpmap; 2 for Opus always (RFC 7587 section 7); the samples are mono */
    int8_t static_pt;  /* RFC 3551 table 4, or -1 */
    const char *fmtp;  /* what an offer says by default; "" for nothing */
    uint16_t min_ptime_ms, max_ptime_ms, ptime_ms; /* ptime_ms: the default */
    uint16_t ptime_mask;                           /* bit i: a frame of (i + 1) * 10 ms can be encoded */
    uint32_t bitrate_bps;                          /* default; payload only */
    const struct audio_codec_ops *ops;
};

/** All codecs, in order of preference. Static storage. */
const struct audio_codec *audio_codecs(size_t *n);

/** By a=rtpmap: name without case, clock, channels (0 or 1 mean mono; Opus needs 2). NULL when unknown. */
const struct audio_codec *audio_codec_find(struct view name, uint32_t clock_hz, unsigned channels);

/** By static payload type, or NULL. */
const struct audio_codec *audio_codec_by_pt(unsigned pt);

/** By the name people give: "opus", "g722", "pcmu", "pcma", "l16" (16 kHz), "l16/48000". NULL when unknown. */
const struct audio_codec *audio_codec_by_name(struct view name);

/** Reads a=fmtp parameters ("useinbandfec=1; …"). Unknown ones and senseless values are passed over. */
struct audio_params audio_codec_parse_fmtp(const struct audio_codec *c, struct view fmtp);

/** Writes a=fmtp parameters for what we want to receive; nothing when the codec has none. At most AUDIO_FMTP_BYTES. */
void audio_codec_print_fmtp(const struct audio_codec *c, const struct audio_params *params, struct buf *dst);

/** The parameters that c->fmtp stands for. */
struct audio_params audio_codec_default_params(const struct audio_codec *c);

/** True when one encoded frame may last `ptime_ms`. */
bool audio_codec_ptime_ok(const struct audio_codec *c, unsigned ptime_ms);

/** The nearest ptime not above `ptime_ms` that can be encoded (the shortest one when there is none). */
unsigned audio_codec_ptime_fit(const struct audio_codec *c, unsigned ptime_ms);

/** Samples (at rate_hz) in `ms` milliseconds. */
static inline size_t audio_codec_samples(const struct audio_codec *c, unsigned ms)
{
    return (size_t) c->rate_hz / 1000 * ms;
}

/** The longest packet that is decoded, samples: AUDIO_MAX_SAMPLES at most. */
size_t audio_codec_longest(const struct audio_codec *c);

/** Samples a payload decodes to, or 0 when it is malformed or longer than audio_codec_longest. Pure, cheap. */
size_t audio_payload_samples(const struct audio_codec *c, const uint8_t *p, size_t n);

/** NOMEM, or UNSUPPORTED when the library refuses. `cfg` may be NULL for defaults. */
AHOY_MUST_USE enum ahoy_err audio_encoder_create(struct audio_encoder **out, const struct audio_codec *c,
                                                 const struct audio_encoder_config *cfg);

/** NULL is ignored. */
void audio_encoder_destroy(struct audio_encoder *e);

/**
 * Encodes one frame of a legal ptime to at most `size` bytes (AUDIO_MAX_PAYLOAD_BYTES always suffices). `*n` is 0 when
 * nothing needs to be sent (Opus DTX, RFC 7587 section 3.1.3). RANGE: not a legal frame; LIMIT: `size` is too small.
 */
AHOY_MUST_USE enum ahoy_err audio_encode(struct audio_encoder *e, const int16_t *pcm, size_t samples, uint8_t *dst,
                                         size_t size, size_t *n);

/** Payload bits per second; clamped to what the codec and the peer allow. Ignored by codecs of fixed rate. */
void audio_encoder_set_bitrate(struct audio_encoder *e, uint32_t bps);

/** Loss that the peer sees, 0 … 100 %. Opus spends bits on FEC accordingly. */
void audio_encoder_set_loss(struct audio_encoder *e, unsigned percent);

/** In-band FEC on or off; stays off when the peer said useinbandfec=0. */
void audio_encoder_set_fec(struct audio_encoder *e, bool on);

/**
 * Deep redundancy in each packet: about the last `ms` (0: none, at most 1040) of speech at a very low rate, within the
 * encoder's bitrate. It lies in the packet's padding, which decoders without it skip. Ignored where there is none. How
 * many bits it takes follows the bitrate and the loss told by audio_encoder_set_loss.
 */
void audio_encoder_set_dred(struct audio_encoder *e, unsigned ms);

/** 1 … 10; ignored by codecs without. */
void audio_encoder_set_complexity(struct audio_encoder *e, unsigned complexity);

/** A voice until this is called. From an encoder that cares ANY takes a little more time for speech, and less for music. */
void audio_encoder_set_content(struct audio_encoder *e, enum audio_content what);

/** Takes out what a copy of a payload need not repeat (padding, with DRED in it); returns the new length. */
size_t audio_payload_strip(const struct audio_codec *c, uint8_t *p, size_t n);

AHOY_MUST_USE enum ahoy_err audio_decoder_create(struct audio_decoder **out, const struct audio_codec *c);

/** NULL is ignored. */
void audio_decoder_destroy(struct audio_decoder *d);

const struct audio_codec *audio_decoder_codec(const struct audio_decoder *d);

/**
 * Decodes a payload; `cap` is room in samples (AUDIO_MAX_SAMPLES always suffices). A frame after concealment is blended
 * in. FORMAT: malformed; LIMIT: `cap` is too small. After an error the caller conceals instead.
 */
AHOY_MUST_USE enum ahoy_err audio_decode(struct audio_decoder *d, const uint8_t *p, size_t n, int16_t *pcm, size_t cap,
                                         size_t *samples);

/**
 * Invents `samples` (1 … AUDIO_MAX_SAMPLES; for Opus a multiple of 2.5 ms, else RANGE) in place of what was lost.
 * Called again while the loss lasts; fades out.
 */
AHOY_MUST_USE enum ahoy_err audio_conceal(struct audio_decoder *d, int16_t *pcm, size_t samples);

/**
 * Decodes a lost frame of `samples` from the redundancy inside a later packet: Opus in-band FEC (RFC 6716 section 2.1.7)
 * when that packet is the next, else deep redundancy (DRED) as far as it reaches. Lost frames are recovered in order,
 * then the later packet is decoded as usual. NOT_FOUND when there is no such redundancy (and always for codecs without):
 * conceal instead. `how` may be NULL.
 */
AHOY_MUST_USE enum ahoy_err audio_recover(struct audio_decoder *d, const struct audio_redundancy *from, int16_t *pcm,
                                          size_t samples, enum audio_recovery *how);

/**
 * Invents `samples` like audio_conceal, but knows what follows: the way from what was heard to the later packet is
 * interpolated. The later packet itself is decoded as usual when its turn comes. NOT_FOUND when the codec cannot do
 * that: conceal instead.
 */
AHOY_MUST_USE enum ahoy_err audio_bridge(struct audio_decoder *d, const struct audio_redundancy *to, int16_t *pcm,
                                         size_t samples);

/** Whether a payload carries in-band FEC. Of speech without any it can be told that its sender uses none. */
enum audio_fec audio_payload_fec(const struct audio_codec *c, const uint8_t *p, size_t n);

/** How far back the deep redundancy of a payload reaches, milliseconds; 0: none, or this build cannot use it. */
unsigned audio_dred_reach_ms(struct audio_decoder *d, const uint8_t *p, size_t n);

/** Does without what costs a decoder much (enhancement and concealment by neural networks), or with it again. */
void audio_decoder_set_plain(struct audio_decoder *d, bool on);

/* ---- the library behind Opus ------------------------------------------------------------------------------------- */

struct audio_opus_build {
    const char *version; /* of libopus, "1.5.2"; static storage */
    bool deep_plc;       /* losses are concealed by a neural vocoder */
    bool dred;           /* deep redundancy of the format that dred=10 names can be sent and used */
};

struct audio_opus_build audio_opus_build(void);

#endif
