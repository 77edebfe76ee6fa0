/*
 * Opus (RFC 6716) over libopus, as RFC 7587 carries it: 48 kHz, mono, in-band FEC. A stereo stream is mixed down by the
 * decoder. State lives in our own allocation. With libopus 1.5 and its networks built in (tools/get-opus) also deep
 * redundancy, see audio/opus_dred.h, and concealment by a neural vocoder.
 */
#include "audio/bandwidth.h"
#include "audio/codec_impl.h"
#include "audio/opus_dred.h"
#include "base/mem.h"

#include <opus/opus.h>

enum {
    OPUS_DEFAULT_COMPLEXITY = 9, /* above 6 libopus knows speech from music, and 20 kbit/s sound as 32 did */
    OPUS_DEFAULT_LOSS = 5,       /* until the peer's first receiver report */
    OPUS_MIN_BPS = 6000,         /* RFC 7587 section 3.1.1 */
    OPUS_MAX_BPS = 510000,
    OPUS_STEP = 120,          /* samples of 2.5 ms: lengths come in these */
    OPUS_DRED_FORMAT = 10,    /* version of the format that libopus 1.5 writes and reads */
    OPUS_DRED_COMPLEXITY = 7, /* from here libopus tells speech from silence, without which it makes no redundancy … */
    OPUS_ANY_COMPLEXITY = 7,  /* … and from music; where there is time for … */
    OPUS_ANY_LEAST = 5,       /* … this at least. Music takes half of the time that a voice does then */
};

struct opus_sender {
    struct audio_encoder base;
    OpusEncoder *opus;
    uint32_t max_bps;
    unsigned complexity, dred_ms;
    bool fec_allowed, dtx;
    bool any;     /* perhaps music */
    bool resting; /* a pause was begun, and told */
    struct bandwidth bandwidth;
    opus_int32 widest, told; /* the bandwidth that the peer can use; what libopus was told last */
};

struct opus_receiver {
    struct audio_decoder base;
    OpusDecoder *opus;
    struct opus_dred *dred; /* NULL: this build has none */
    struct opus_rate rate;  /* of what comes: enhancement pays at a low one */
    bool plain;             /* there is no time for it */
};

/* The place of libopus' state behind our struct. */
static size_t aligned(size_t n)
{
    return (n + _Alignof(max_align_t) - 1) / _Alignof(max_align_t) * _Alignof(max_align_t);
}

static opus_int32 bandwidth_for(uint32_t max_playback_hz)
{
    static const struct {
        uint32_t hz;
        opus_int32 bandwidth;
    } steps[] = {
        { 8000, OPUS_BANDWIDTH_NARROWBAND },
        { 12000, OPUS_BANDWIDTH_MEDIUMBAND },
        { 16000, OPUS_BANDWIDTH_WIDEBAND },
        { 24000, OPUS_BANDWIDTH_SUPERWIDEBAND },
    };
    for (size_t i = 0; max_playback_hz > 0 && i < AHOY_COUNT(steps); i++)
        if (max_playback_hz <= steps[i].hz)
            return steps[i].bandwidth;
    return OPUS_BANDWIDTH_FULLBAND;
}

static void set_bitrate(struct audio_encoder *e, uint32_t bps)
{
    struct opus_sender *s = (void *) e;
    bps = AHOY_MAX(AHOY_MIN(bps, s->max_bps), (uint32_t) OPUS_MIN_BPS);
    (void) opus_encoder_ctl(s->opus, OPUS_SET_BITRATE((opus_int32) bps));
}

static void set_loss(struct audio_encoder *e, uint8_t percent)
{
    struct opus_sender *s = (void *) e;
    (void) opus_encoder_ctl(s->opus, OPUS_SET_PACKET_LOSS_PERC((opus_int32) percent));
}

static void set_fec(struct audio_encoder *e, bool on)
{
    struct opus_sender *s = (void *) e;
    (void) opus_encoder_ctl(s->opus, OPUS_SET_INBAND_FEC((opus_int32) (on && s->fec_allowed)));
}

static void set_effort(struct opus_sender *s)
{
    unsigned effort = s->dred_ms > 0 ? AHOY_MAX(s->complexity, (unsigned) OPUS_DRED_COMPLEXITY) : s->complexity;
    if (s->any && s->complexity >= OPUS_ANY_LEAST)
        effort = AHOY_MAX(effort, (unsigned) OPUS_ANY_COMPLEXITY);
    (void) opus_encoder_ctl(s->opus, OPUS_SET_COMPLEXITY((opus_int32) effort));
}

static void set_dred(struct audio_encoder *e, unsigned ms)
{
    struct opus_sender *s = (void *) e;
    s->dred_ms = opus_dred_set_reach(s->opus, ms) ? ms : 0;
    set_effort(s);
}

static void set_complexity(struct audio_encoder *e, unsigned complexity)
{
    struct opus_sender *s = (void *) e;
    s->complexity = AHOY_MAX(AHOY_MIN(complexity, 10u), 1u);
    set_effort(s);
}

static void set_content(struct audio_encoder *e, enum audio_content what)
{
    struct opus_sender *s = (void *) e;
    s->any = s->bandwidth.music = what == AUDIO_CONTENT_ANY;
    /* Of a microphone it is not asked: its own guess takes some voices for music. */
    (void) opus_encoder_ctl(s->opus, OPUS_SET_SIGNAL(s->any ? OPUS_AUTO : OPUS_SIGNAL_VOICE));
    set_effort(s);
}

static void configure(struct opus_sender *s, const struct audio_encoder_config *cfg)
{
    const struct audio_params *peer = &cfg->peer;
    s->fec_allowed = peer->fec;
    s->dtx = peer->dtx;
    s->max_bps = peer->max_average_bps > 0 ? peer->max_average_bps : OPUS_MAX_BPS;
    set_bitrate(&s->base, cfg->bitrate_bps > 0 ? cfg->bitrate_bps : s->base.codec->bitrate_bps);
    set_loss(&s->base, cfg->loss_percent > 0 ? (uint8_t) AHOY_MIN(cfg->loss_percent, 100) : OPUS_DEFAULT_LOSS);
    set_fec(&s->base, true);
    set_complexity(&s->base, cfg->complexity > 0 ? cfg->complexity : OPUS_DEFAULT_COMPLEXITY);
    s->widest = bandwidth_for(peer->max_playback_hz);
    bandwidth_init(&s->bandwidth);
    set_content(&s->base, AUDIO_CONTENT_VOICE);
    (void) opus_encoder_ctl(s->opus, OPUS_SET_VBR((opus_int32) !peer->cbr));
    (void) opus_encoder_ctl(s->opus, OPUS_SET_DTX((opus_int32) peer->dtx));
}

static enum ahoy_err encoder_create(struct audio_encoder **out, const struct audio_codec *c,
                                    const struct audio_encoder_config *cfg)
{
    size_t at = aligned(sizeof(struct opus_sender));
    char *p = mem_zalloc(at + (size_t) opus_encoder_get_size(1));
    if (!p)
        return AHOY_ERR_NOMEM;
    struct opus_sender *s = (void *) p;
    s->base.codec = c;
    s->opus = (void *) (p + at);
    if (opus_encoder_init(s->opus, (opus_int32) c->rate_hz, 1, OPUS_APPLICATION_VOIP) != OPUS_OK) {
        mem_free(p);
        return AHOY_ERR_UNSUPPORTED;
    }
    configure(s, cfg);
    *out = &s->base;
    return AHOY_OK;
}

/* Nothing is coded that the voice does not hold; libopus would find out by itself only at complexity 7, and for more. */
static void follow_bandwidth(struct opus_sender *s, const int16_t *pcm, size_t samples)
{
    bool wide = bandwidth_run(&s->bandwidth, pcm, samples);
    opus_int32 most = wide ? s->widest : AHOY_MIN(s->widest, (opus_int32) OPUS_BANDWIDTH_WIDEBAND);
    if (most == s->told)
        return;
    (void) opus_encoder_ctl(s->opus, OPUS_SET_MAX_BANDWIDTH(most));
    s->told = most;
}

static enum ahoy_err encode(struct audio_encoder *e, const int16_t *pcm, size_t samples, uint8_t *dst, size_t size,
                            size_t *n)
{
    struct opus_sender *s = (void *) e;
    if (size == 0)
        return AHOY_ERR_LIMIT;
    follow_bandwidth(s, pcm, samples);
    opus_int32 got = opus_encode(s->opus, pcm, (int) samples, dst, (opus_int32) AHOY_MIN(size, 4000u));
    if (got == OPUS_BUFFER_TOO_SMALL)
        return AHOY_ERR_LIMIT;
    if (got < 0)
        return AHOY_ERR_INTERNAL;
    bool rests = s->dtx && got <= 2; /* RFC 7587 section 3.1.3: such a packet need not be sent … */
    *n = rests && s->resting ? 0 : (size_t) got;
    s->resting = rests; /* … but the first one tells the peer that it is a pause, and not a loss */
    return AHOY_OK;
}

static void encoder_destroy(struct audio_encoder *e)
{
    mem_free(e);
}

static void set_enhancement(struct opus_receiver *r)
{
    opus_dred_set_decoder(r->opus, r->plain ? OPUS_PLAIN : r->rate.effort);
}

static enum ahoy_err decoder_create(struct audio_decoder **out, const struct audio_codec *c)
{
    size_t at = aligned(sizeof(struct opus_receiver));
    size_t dred_at = at + aligned((size_t) opus_decoder_get_size(1));
    char *p = mem_zalloc(dred_at + opus_dred_size());
    if (!p)
        return AHOY_ERR_NOMEM;
    struct opus_receiver *r = (void *) p;
    r->base.codec = c;
    r->opus = (void *) (p + at);
    if (opus_decoder_init(r->opus, (opus_int32) c->rate_hz, 1) != OPUS_OK) {
        mem_free(p);
        return AHOY_ERR_UNSUPPORTED;
    }
    if (opus_dred_size() > 0)
        r->dred = opus_dred_init(p + dred_at);
    opus_rate_init(&r->rate);
    set_enhancement(r);
    *out = &r->base;
    return AHOY_OK;
}

static void set_plain(struct audio_decoder *d, bool on)
{
    struct opus_receiver *r = (void *) d;
    r->plain = on;
    set_enhancement(r);
}

static enum ahoy_err decode(struct audio_decoder *d, const uint8_t *p, size_t n, int16_t *pcm, size_t samples)
{
    struct opus_receiver *r = (void *) d;
    if (opus_rate_follow(&r->rate, n, samples))
        set_enhancement(r);
    int got = opus_decode(r->opus, p, (opus_int32) n, pcm, (int) samples, 0);
    return got == (int) samples ? AHOY_OK : AHOY_ERR_FORMAT;
}

static enum ahoy_err conceal(struct audio_decoder *d, int16_t *pcm, size_t samples)
{
    struct opus_receiver *r = (void *) d;
    if (samples % OPUS_STEP != 0)
        return AHOY_ERR_RANGE;
    int got = opus_decode(r->opus, NULL, 0, pcm, (int) samples, 0);
    return got == (int) samples ? AHOY_OK : AHOY_ERR_INTERNAL;
}

/*
 * Whether the packet's first frame holds low-bit-rate redundancy. The first bits of a SILK frame's range coder are the
 * voice flags of its 20 ms parts, then the LBRR flag, each of probability 1/2, hence plain bits (RFC 6716 section
 * 4.2.3); those of a stereo frame's side channel follow.
 */
static enum audio_fec fec(const uint8_t *p, size_t n)
{
    const unsigned char *frame[48];
    opus_int16 size[48];
    unsigned char toc;
    if (opus_packet_parse(p, (opus_int32) n, &toc, frame, size, NULL) <= 0 || size[0] < 1)
        return AUDIO_FEC_UNTOLD;
    if (toc & 0x80) /* CELT only */
        return AUDIO_FEC_ABSENT;
    int parts = AHOY_MAX(opus_packet_get_samples_per_frame(p, 48000) / 960, 1);
    bool found = frame[0][0] >> (7 - parts) & 1, voice = frame[0][0] >> (8 - parts) != 0;
    if (opus_packet_get_nb_channels(p) == 2)
        found = found || (frame[0][0] >> (6 - 2 * parts) & 1);
    return found ? AUDIO_FEC_HERE : voice ? AUDIO_FEC_ABSENT : AUDIO_FEC_UNTOLD;
}

static enum ahoy_err recover(struct audio_decoder *d, const struct audio_redundancy *from, int16_t *pcm, size_t samples,
                             enum audio_recovery *how)
{
    struct opus_receiver *r = (void *) d;
    if (samples % OPUS_STEP != 0 || from->ahead % OPUS_STEP != 0)
        return AHOY_ERR_RANGE;
    if (from->ahead == samples && fec(from->p, from->n) == AUDIO_FEC_HERE) {
        int got = opus_decode(r->opus, from->p, (opus_int32) from->n, pcm, (int) samples, 1);
        *how = AUDIO_RECOVERY_FEC;
        return got == (int) samples ? AHOY_OK : AHOY_ERR_FORMAT;
    }
    *how = AUDIO_RECOVERY_DRED;
    return r->dred ? opus_dred_decode(r->dred, r->opus, from, pcm, samples) : AHOY_ERR_NOT_FOUND;
}

static unsigned dred_reach_ms(struct audio_decoder *d, const uint8_t *p, size_t n)
{
    struct opus_receiver *r = (void *) d;
    return r->dred ? opus_dred_reach_ms(r->dred, p, n) : 0;
}

/* A packet that libopus cannot read is left as it is. */
static size_t strip(uint8_t *p, size_t n)
{
    opus_int32 left = opus_packet_unpad(p, (opus_int32) n);
    return left > 0 ? (size_t) left : n;
}

static void decoder_destroy(struct audio_decoder *d)
{
    mem_free(d);
}

static size_t payload_samples(const struct audio_codec *c, const uint8_t *p, size_t n)
{
    if (n > 120 * 1276) /* more than the largest packet; keeps the length within libopus' type */
        return 0;
    int samples = opus_packet_get_nb_samples(p, (opus_int32) n, (opus_int32) c->rate_hz);
    return samples > 0 ? (size_t) samples : 0;
}

static void parse_fmtp(struct audio_params *out, struct view name, struct view value)
{
    uint32_t x;
    if (view_u32(value, &x))
        return;
    if (view_ieq(name, VIEW("maxplaybackrate")) && x >= 8000 && x <= 48000)
        out->max_playback_hz = x;
    else if (view_ieq(name, VIEW("maxaveragebitrate")) && x >= OPUS_MIN_BPS && x <= OPUS_MAX_BPS)
        out->max_average_bps = x;
    else if (view_ieq(name, VIEW("stereo")))
        out->stereo = x == 1;
    else if (view_ieq(name, VIEW("useinbandfec")))
        out->fec = x == 1;
    else if (view_ieq(name, VIEW("usedtx")))
        out->dtx = x == 1;
    else if (view_ieq(name, VIEW("cbr")))
        out->cbr = x == 1;
    else if (view_ieq(name, VIEW("dred")))
        out->dred = x == OPUS_DRED_FORMAT;
}

static void print_fmtp(const struct audio_params *p, struct buf *dst)
{
    const char *between = "";
    const struct {
        const char *name;
        uint32_t value;
    } item[] = {
        { "maxplaybackrate", p->max_playback_hz },
        { "maxaveragebitrate", p->max_average_bps },
        { "stereo", p->stereo },
        { "useinbandfec", p->fec },
        { "usedtx", p->dtx },
        { "cbr", p->cbr },
        { "dred", p->dred ? OPUS_DRED_FORMAT : 0 },
    };
    for (size_t i = 0; i < AHOY_COUNT(item); i++) {
        if (item[i].value == 0)
            continue; /* the default of each */
        buf_printf(dst, "%s%s=%u", between, item[i].name, (unsigned) item[i].value);
        between = ";";
    }
}

const struct audio_codec_ops audio_opus_ops = {
    .encoder_create = encoder_create,
    .encode = encode,
    .set_bitrate = set_bitrate,
    .set_loss = set_loss,
    .set_fec = set_fec,
    .set_dred = set_dred,
    .set_complexity = set_complexity,
    .set_content = set_content,
    .encoder_destroy = encoder_destroy,
    .decoder_create = decoder_create,
    .decode = decode,
    .conceal = conceal,
    .recover = recover,
    .dred_reach_ms = dred_reach_ms,
    .fec = fec,
    .set_plain = set_plain,
    .strip = strip,
    .decoder_destroy = decoder_destroy,
    .samples = payload_samples,
    .parse_fmtp = parse_fmtp,
    .print_fmtp = print_fmtp,
};
