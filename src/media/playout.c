#include "media/playout.h"

#include "base/mem.h"

#include <math.h>
#include <string.h>

enum {
    FIFO_SAMPLES = 48 * 700, /* at the sound's rate: the longest packet, three times as long, and a tick */
    FEC_PACKETS = 16,        /* of speech, over which it is learnt whether in-band FEC is sent */
    REACH_EVERY = 25,        /* packets between looks at how far redundancy reaches, while any are lost */
};

static const double fec_sent = 0.3; /* of speech: where it is soft there may be none */

/* From here on clocks are brought together, and below here no more; and how much is worth another ratio. */
#define CLOCK_ON_PPM   20.0
#define CLOCK_OFF_PPM  10.0
#define CLOCK_STEP_PPM 3.0
#define CLOCK_MOST_PPM 1000.0

enum ahoy_err playout_init(struct playout *p, int64_t tick_us, uint64_t seed, playout_codec_fn *codec_of, void *arg)
{
    *p = (struct playout){ .codec_of = codec_of, .arg = arg, .noise_seed = seed };
    p->expected = jitter_config_default(8000);
    p->expected.player_us = tick_us;
    enum ahoy_err err = jitter_create(&p->jitter, &p->expected);
    if (err)
        return err;
    p->fifo = mem_alloc(FIFO_SAMPLES * sizeof *p->fifo);
    if (!p->fifo) {
        jitter_destroy(p->jitter);
        p->jitter = NULL;
        return AHOY_ERR_NOMEM;
    }
    return AHOY_OK;
}

void playout_counts(const struct playout *p, uint64_t *played, uint64_t *lost)
{
    struct jitter_stats j;
    jitter_stats(p->jitter, &j);
    *played = p->past_played + j.played;
    *lost = p->past_lost + j.lost;
}

void playout_note_recovered(struct playout *p, uint16_t seq, enum playout_recovered by)
{
    switch (by) {
    case PLAYOUT_FEC: p->recovery.fec++; break;
    case PLAYOUT_RED: p->recovery.red++; break;
    case PLAYOUT_DRED: p->recovery.dred++; break;
    }
    if (p->recovered)
        p->recovered(p->arg, seq, by);
}

void playout_set_tick(struct playout *p, int64_t tick_us)
{
    p->expected.player_us = tick_us;
    jitter_set_player(p->jitter, tick_us);
}

void playout_fini(struct playout *p)
{
    jitter_destroy(p->jitter);
    audio_decoder_destroy(p->decoder);
    resample_destroy(p->resample);
    mem_free(p->fifo);
    *p = (struct playout){ 0 };
}

void playout_set_rate(struct playout *p, uint32_t sound_hz)
{
    if (p->sound_hz == sound_hz)
        return;
    p->sound_hz = sound_hz;
    p->fifo_n = p->fifo_at = 0;
}

void playout_expect(struct playout *p, const struct audio_codec *codec, unsigned ptime_ms)
{
    p->expected.clock_hz = codec->clock_hz;
    p->expected.frame_ts = codec->clock_hz / 1000 * ptime_ms;
    p->expected.redundancy = codec->ops->recover || codec->ops->bridge ? 1 : 0; /* the next packet helps either way */
    jitter_set_clock(p->jitter, p->expected.clock_hz, p->expected.frame_ts);
    p->fec_share = 1;
    p->dred_reach = 0;
    jitter_set_redundancy(p->jitter, p->expected.redundancy);
}

void playout_set_plain(struct playout *p, bool on)
{
    p->plain = on;
    if (p->decoder)
        audio_decoder_set_plain(p->decoder, on);
}

int64_t playout_held_us(const struct playout *p)
{
    return p->sound_hz > 0 ? (int64_t) (p->fifo_n - p->fifo_at) * 1000000 / p->sound_hz : 0;
}

/* The decoder for a payload type, a fresh one for a new stream; false when there is no memory for it. */
static bool use_codec(struct playout *p, const struct audio_codec *codec, bool restart)
{
    if (p->decoder && p->codec == codec && !restart)
        return true;
    struct audio_decoder *decoder;
    if (audio_decoder_create(&decoder, codec))
        return p->decoder && p->codec == codec;
    audio_decoder_destroy(p->decoder);
    audio_decoder_set_plain(decoder, p->plain);
    p->decoder = decoder;
    if (!p->codec || p->codec->rate_hz != codec->rate_hz) {
        cng_init(&p->cng, p->noise_seed, codec->rate_hz);
        length_init(&p->length, codec->rate_hz);
        p->noise = false;
    }
    p->codec = codec;
    return true;
}

/* Room behind what waits in the fifo. */
static size_t make_room(struct playout *p)
{
    if (p->fifo_at > 0) {
        memmove(p->fifo, p->fifo + p->fifo_at, (p->fifo_n - p->fifo_at) * sizeof *p->fifo);
        p->fifo_n -= p->fifo_at;
        p->fifo_at = 0;
    }
    return FIFO_SAMPLES - p->fifo_n;
}

/* Appends sound that has the endpoint's rate. */
static void append(struct playout *p, const int16_t *pcm, size_t n)
{
    n = AHOY_MIN(n, make_room(p));
    memcpy(p->fifo + p->fifo_n, pcm, n * sizeof *pcm);
    p->fifo_n += n;
}

/* The resampler for sound of `from_hz`; false without memory for one. */
static bool use_resample(struct playout *p, uint32_t from_hz)
{
    if (p->resample && p->resample_from_hz == from_hz && p->resample_to_hz == p->sound_hz)
        return true;
    resample_destroy(p->resample);
    p->resample = NULL;
    if (resample_create(&p->resample, from_hz, p->sound_hz, RESAMPLE_VOICE))
        return false;
    p->resample_from_hz = from_hz;
    p->resample_to_hz = p->sound_hz;
    if (p->trimmed)
        resample_set_ppm(p->resample, p->trim_ppm);
    return true;
}

/* Appends sound of `from_hz`; between equal clocks of equal rates it is only copied. */
static void push(struct playout *p, const int16_t *pcm, size_t n, uint32_t from_hz)
{
    size_t room = make_room(p);
    if (from_hz == p->sound_hz && !p->trimmed) {
        append(p, pcm, n);
    } else if (!use_resample(p, from_hz)) {
        size_t silent = AHOY_MIN(room, (size_t) ((uint64_t) n * p->sound_hz / from_hz));
        memset(p->fifo + p->fifo_n, 0, silent * sizeof *pcm);
        p->fifo_n += silent;
    } else if (resample_max_out(p->resample, n) <= room) {
        p->fifo_n += resample_run(p->resample, pcm, n, p->fifo + p->fifo_n);
    }
}

/*
 * Sender and endpoint have clocks of their own: what that makes in the long run is taken out by resampling, which begins
 * and ends in silence, since its delay is half a millisecond.
 */
static void follow_clocks(struct playout *p, bool quiet)
{
    double sender;
    if (jitter_drift_ppm(p->jitter, &sender))
        p->sender_ppm = sender;
    double ppm = fmax(-CLOCK_MOST_PPM, fmin(p->endpoint_ppm - p->sender_ppm, CLOCK_MOST_PPM));
    bool wanted = fabs(ppm) > (p->trimmed ? CLOCK_OFF_PPM : CLOCK_ON_PPM);
    if (wanted != p->trimmed && quiet) {
        p->trimmed = wanted;
        if (p->resample_from_hz == p->resample_to_hz) { /* made for clocks alone; a new one is sure to be in step */
            resample_destroy(p->resample);
            p->resample = NULL;
        }
        p->trim_ppm = 0;
    }
    ppm = p->trimmed ? ppm : 0;
    if (fabs(ppm - p->trim_ppm) < CLOCK_STEP_PPM)
        return;
    p->trim_ppm = ppm;
    if (p->resample)
        resample_set_ppm(p->resample, ppm);
}

void playout_set_clock(struct playout *p, double ppm)
{
    p->endpoint_ppm = ppm;
}

/* Carries out the jitter buffer's advice on a decoded frame; clocks are brought together where it is quiet. */
static size_t adapt(struct playout *p, int16_t *pcm, size_t n, int16_t *spare)
{
    int64_t by_us;
    enum jitter_advice advice = jitter_advice(p->jitter, &by_us);
    size_t m = length_change(&p->length, advice, by_us, pcm, n, spare);
    follow_clocks(p, length_quiet(&p->length));
    p->stretched += m > n;
    p->shrunk += m < n;
    return m;
}

/* Samples of a duration in timestamp units, 1 ms … a packet; for Opus in the steps that its decoder conceals (2.5 ms). */
static size_t samples_of(const struct audio_codec *c, uint32_t duration_ts)
{
    uint64_t n = (uint64_t) duration_ts * c->rate_hz / c->clock_hz;
    uint32_t step = c->ops->recover ? c->rate_hz / 400 : 1;
    n = AHOY_MIN(AHOY_MAX(n, (uint64_t) c->rate_hz / 1000), (uint64_t) audio_codec_longest(c));
    return AHOY_MAX((size_t) (n / step * step), (size_t) step);
}

/* Samples from the beginning of a frame to that of a later one, in the same steps. */
static size_t ahead_of(const struct audio_codec *c, uint32_t distance_ts)
{
    uint32_t step = c->ops->recover ? c->rate_hz / 400 : 1;
    uint64_t n = (uint64_t) distance_ts * c->rate_hz / c->clock_hz;
    return (size_t) (n / step * step);
}

/* With `to`, when it is not NULL, as what follows. */
static size_t conceal_toward(struct playout *p, const struct audio_redundancy *to, int16_t *pcm, uint32_t duration_ts)
{
    size_t n = samples_of(p->codec, duration_ts);
    if ((!to || audio_bridge(p->decoder, to, pcm, n)) && audio_conceal(p->decoder, pcm, n))
        memset(pcm, 0, n * sizeof *pcm);
    p->concealed_us += (uint64_t) n * 1000000 / p->codec->rate_hz;
    return n;
}

static size_t conceal(struct playout *p, int16_t *pcm, uint32_t duration_ts)
{
    return conceal_toward(p, NULL, pcm, duration_ts);
}

/* So many packets back redundancy reaches; that is waited for while packets are lost. */
static void tell_reach(struct playout *p)
{
    bool fec = p->codec->ops->bridge || p->fec_share >= fec_sent;
    jitter_set_redundancy(p->jitter, AHOY_MAX(p->dred_reach, fec ? p->expected.redundancy : 0));
}

static void learn_reach(struct playout *p, const uint8_t *payload, size_t n)
{
    unsigned frame_ms = (unsigned) (jitter_frame_us(p->jitter) / 1000);
    p->dred_reach = audio_dred_reach_ms(p->decoder, payload, n) / AHOY_MAX(frame_ms, 1u);
    p->since_reach = 0;
    tell_reach(p);
}

/*
 * A sender that protects by copies sends no in-band FEC. That is seen before anything is lost: whoever waits for FEC that
 * is not there does not wait for the copies.
 */
static void learn_fec(struct playout *p, const uint8_t *payload, size_t n)
{
    enum audio_fec fec = audio_payload_fec(p->codec, payload, n);
    bool was = p->fec_share >= fec_sent;
    if (fec != AUDIO_FEC_UNTOLD)
        p->fec_share += ((fec == AUDIO_FEC_HERE ? 1 : 0) - p->fec_share) / FEC_PACKETS;
    if (was != (p->fec_share >= fec_sent))
        tell_reach(p);
}

static size_t decode(struct playout *p, const struct jitter_frame *f, int16_t *pcm, int16_t *spare)
{
    bool cn = false;
    const struct audio_codec *codec = p->codec_of(p->arg, f->payload_type, &cn);
    if (cn) {
        p->noise = cng_set(&p->cng, (const uint8_t *) f->payload.p, f->payload.n) == AHOY_OK;
        return 0; /* the silence behind it is what makes the noise */
    }
    if (!codec || !use_codec(p, codec, f->restart))
        return p->codec ? conceal(p, pcm, f->duration_ts) : 0;
    size_t n;
    if (audio_decode(p->decoder, (const uint8_t *) f->payload.p, f->payload.n, pcm, AUDIO_MAX_SAMPLES, &n))
        return conceal(p, pcm, f->duration_ts);
    const uint8_t *payload = (const uint8_t *) f->payload.p;
    if (f->copy)
        playout_note_recovered(p, f->seq, PLAYOUT_RED);
    else
        learn_fec(p, payload, f->payload.n);
    if (!f->copy && ++p->since_reach >= REACH_EVERY && jitter_is_lossy(p->jitter))
        learn_reach(p, payload, f->payload.n);
    p->noise = false;
    return adapt(p, pcm, n, spare);
}

static size_t recover(struct playout *p, const struct jitter_frame *f, int16_t *pcm)
{
    bool cn = false;
    size_t n = samples_of(p->codec, f->duration_ts);
    if (f->next_distance > 0 && p->codec_of(p->arg, f->next_payload_type, &cn) == p->codec) {
        enum audio_recovery how;
        struct audio_redundancy from = { .p = (const uint8_t *) f->next_payload.p,
                                         .n = f->next_payload.n,
                                         .ahead = ahead_of(p->codec, f->next_timestamp - f->timestamp) };
        bool found = audio_recover(p->decoder, &from, pcm, n, &how) == AHOY_OK;
        if (found) {
            playout_note_recovered(p, f->seq, how == AUDIO_RECOVERY_DRED ? PLAYOUT_DRED : PLAYOUT_FEC);
            return n;
        }
        if (f->next_timestamp - f->timestamp <= p->codec->clock_hz / 1000 * AUDIO_MAX_MS)
            return conceal_toward(p, &from, pcm, f->duration_ts);
    }
    return conceal(p, pcm, f->duration_ts);
}

/*
 * Nothing is missing: noise as the sender described it, what an Opus decoder makes of a pause (RFC 6716 section 2.1.9),
 * or silence.
 */
static size_t rest(struct playout *p, int16_t *pcm, uint32_t duration_ts)
{
    size_t n = samples_of(p->codec, duration_ts);
    if (p->noise)
        cng_run(&p->cng, pcm, n);
    else if (!p->codec->ops->recover || audio_conceal(p->decoder, pcm, n))
        memset(pcm, 0, n * sizeof *pcm);
    return n;
}

/* One answer of the jitter buffer; appends to the fifo. */
static void produce(struct playout *p, int64_t now_us, int64_t queued_us)
{
    int16_t pcm[LENGTH_MOST_SAMPLES], spare[LENGTH_MOST_SAMPLES];
    struct jitter_frame f;
    size_t n = 0;
    enum jitter_got got = jitter_get(p->jitter, now_us, playout_held_us(p) + queued_us, &f);
    if (got == JITTER_PACKET) {
        n = decode(p, &f, pcm, spare);
        if (n > 0)
            push(p, pcm, n, p->codec->rate_hz);
        return;
    }
    if (!p->codec) { /* nothing was ever heard: silence at the sound's own rate */
        uint64_t ms10 = p->sound_hz / 100, wish = (uint64_t) f.duration_ts * p->sound_hz / p->expected.clock_hz;
        n = (size_t) AHOY_MIN(AHOY_MAX(wish, ms10 / 10), ms10);
        memset(pcm, 0, n * sizeof *pcm);
        append(p, pcm, n);
        return;
    }
    if (got == JITTER_LOST)
        n = recover(p, &f, pcm);
    else if (got == JITTER_EMPTY)
        n = conceal(p, pcm, f.duration_ts);
    else
        n = rest(p, pcm, f.duration_ts);
    push(p, pcm, n, p->codec->rate_hz);
}

/* Some answers make no sound (a packet of noise, an undecodable one): a bounded number of them a call. */
enum { MAX_TURNS = 200 };

size_t playout_ready(struct playout *p, int64_t now_us, int64_t queued_us)
{
    AHOY_ASSERT(p->sound_hz > 0);
    for (int turns = 0; p->fifo_n == p->fifo_at && turns < MAX_TURNS; turns++)
        produce(p, now_us, queued_us);
    if (p->fifo_n == p->fifo_at) {
        static const int16_t silence[48];
        append(p, silence, p->sound_hz / 1000);
    }
    return p->fifo_n - p->fifo_at;
}

bool playout_goes_on(const struct playout *p)
{
    return p->fifo_n == p->fifo_at && jitter_goes_on(p->jitter);
}

void playout_get(struct playout *p, int64_t now_us, int64_t queued_us, int16_t *pcm, size_t n)
{
    AHOY_ASSERT(p->sound_hz > 0);
    for (int turns = 0; p->fifo_n - p->fifo_at < n && turns < MAX_TURNS; turns++)
        produce(p, now_us, queued_us);
    size_t have = AHOY_MIN(n, p->fifo_n - p->fifo_at);
    memcpy(pcm, p->fifo + p->fifo_at, have * sizeof *pcm);
    memset(pcm + have, 0, (n - have) * sizeof *pcm);
    p->fifo_at += have;
}
