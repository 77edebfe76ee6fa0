#include "sound/peers.h"

#include "audio/wav.h"
#include "base/mem.h"
#include "latency.h"
#include "signalling.h"
#include "sound/receivers.h"
#include "sound/relay.h"
#include "sound/sip_call.h"
#include "sound/spoken.h"
#include "tool.h"

#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

enum {
    ANSWER_MS = 15000,
    SETTLE_MS = 1500, /* a telephone that was started gets its devices ready */
    BEFORE_MS = 2000, /* from the answer to the first packet: the recorder starts */
    MORE_S = 4,       /* recorded before and behind */
    MAX_DELAY_MS = 1200,
    IDEAL_DELAY_MS = 60,
    AFTER_MS = 500,
    EARLY_MS = 300, /* our telephone's file may begin so long before its first packet */
};

#define CODEC_MS 6.5 /* of Opus */

struct peers {
    struct run_config config;
    struct cable cable;
    struct spoken spoken;
    struct stream stream;
    unsigned homes;
};

static enum ahoy_err write_said(const struct peers *p)
{
    char path[120];
    struct wav_writer *w;
    (void) snprintf(path, sizeof path, "%.60s/said.wav", p->cable.server.dir);
    enum ahoy_err err = wav_writer_open(&w, path, WAV_PCM16, PROMPTS_HZ, 1);
    if (err)
        return err;
    err = wav_writer_put(w, p->spoken.pcm, p->spoken.n);
    enum ahoy_err closed = wav_writer_close(w);
    return err ? err : closed;
}

enum ahoy_err peers_create(struct peers **out, const struct run_config *config, const struct prompts *speech)
{
    struct peers *p = mem_zalloc(sizeof *p);
    if (!p)
        return AHOY_ERR_NOMEM;
    p->config = *config;
    struct stream_config sc = { .codec = config->codec,
                                .bitrate_bps = config->bitrate_bps,
                                .ptime_ms = config->ptime_ms,
                                .loss_percent = (uint8_t) config->expect_percent,
                                .dred_ms = config->dred_ms };
    enum ahoy_err err = spoken_create(&p->spoken, speech, true);
    if (!err)
        err = stream_create(&p->stream, &sc, p->spoken.pcm, p->spoken.n);
    if (!err && !cable_start(&p->cable)) {
        fprintf(stderr, "The sound server cannot be started, or does not carry sound: is it installed?\n");
        err = AHOY_ERR_UNSUPPORTED;
    }
    if (!err)
        err = write_said(p);
    if (err)
        peers_destroy(p);
    else
        *out = p;
    return err;
}

void peers_destroy(struct peers *p)
{
    if (!p)
        return;
    cable_stop(&p->cable);
    stream_free(&p->stream);
    spoken_free(&p->spoken);
    mem_free(p);
}

static void wait_until(double ms)
{
    struct timespec ts = { .tv_sec = (time_t) (ms / 1000) };
    ts.tv_nsec = (long) ((ms - (double) ts.tv_sec * 1000) * 1e6);
    (void) clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &ts, NULL);
}

/* All packets that arrive, each at its time. */
static void send_stream(struct sip_call *call, const struct stream *s, const struct stream_arrivals *a, double begin_ms)
{
    for (size_t i = 0; i < a->count; i++) {
        const struct stream_arrival *arrival = &a->arrival[i];
        struct view payload = stream_payload(s, arrival->packet);
        wait_until(begin_ms + (double) arrival->at_us / 1000);
        sip_call_send(call, (uint16_t) (100 + arrival->packet), s->packet[arrival->packet].timestamp + 4711,
                      (const uint8_t *) payload.p, payload.n);
        sip_call_serve(call);
    }
}

/* A telephone that answers at `port`; or, calls it and says what there is to say. */
static bool start_phone(struct peers *p, struct phone *phone, enum phone_kind kind, uint16_t port, const char *wav)
{
    char home[120];
    (void) snprintf(home, sizeof home, "%.60s/%s-%u", p->cable.server.dir, phone_name(kind), p->homes++);
    struct phone_config cfg = { .dir = home,
                                .rate_hz = CABLE_HZ,
                                .codec = p->config.codec->ops->recover ? "opus" : "pcmu",
                                .ptime_ms = p->config.ptime_ms };
    if (wav) {
        cfg.wav = wav;
        cfg.call = port;
    } else {
        cfg.source = "mic_b";
        cfg.sink = "ear_b";
        cfg.listen = port;
    }
    (void) phone_make_home(home);
    bool ok = phone_start(phone, kind, &cfg);
    (void) poll(NULL, 0, wav ? 0 : SETTLE_MS);
    return ok;
}

/* The call; `begin_ms`: when the first sample was said. */
static enum ahoy_err talk(struct peers *p, enum phone_kind kind, const struct stream_arrivals *a, struct recording *ear,
                          double *begin_ms)
{
    struct phone phone = { .input = -1 };
    struct sip_call call = { 0 };
    uint16_t port = peer_free_port();
    enum ahoy_err err = AHOY_ERR_TIMEOUT;
    if (start_phone(p, &phone, kind, port, NULL) && sip_call_start(&call, port, p->config.codec, ANSWER_MS)) {
        struct cable_recorder *r = cable_record("ear_b.monitor", ear);
        *begin_ms = tool_now_ms() + BEFORE_MS;
        if (r)
            send_stream(&call, &p->stream, a, *begin_ms);
        err = r && cable_recorded(r) ? AHOY_OK : AHOY_ERR_DEVICE;
    }
    sip_call_end(&call);
    phone_stop(&phone);
    return err;
}

/* The same with our telephone as the caller, through a relay that harms what it says. */
static enum ahoy_err talk_ours(struct peers *p, enum phone_kind kind, struct relay *relay, uint16_t port,
                               uint16_t relayed, struct recording *ear, double *begin_ms)
{
    struct phone phone = { .input = -1 }, caller = { .input = -1 };
    char wav[120];
    enum ahoy_err err = AHOY_ERR_TIMEOUT;
    (void) snprintf(wav, sizeof wav, "%.60s/said.wav", p->cable.server.dir);
    if (!start_phone(p, &phone, kind, port, NULL))
        goto out;
    struct cable_recorder *r = cable_record("ear_b.monitor", ear);
    (void) poll(NULL, 0, BEFORE_MS);
    if (start_phone(p, &caller, PHONE_AHOY, relayed, wav) && relay_run(relay, ANSWER_MS, true)) {
        *begin_ms = relay_first_ms(relay) - p->config.ptime_ms - EARLY_MS;
        (void) relay_run(relay, (double) p->spoken.n * 1000 / PROMPTS_HZ + AFTER_MS, false);
        err = AHOY_OK;
    }
    if (!r || !cable_recorded(r))
        err = err ? err : AHOY_ERR_DEVICE;
out:
    phone_stop(&caller);
    phone_stop(&phone);
    return err;
}

static enum ahoy_err ideal(const struct peers *p, const struct stream *s, const struct stream_arrivals *a, double part,
                           struct outcome *out)
{
    struct ideal_config config = { .budget_us = p->config.budget_ms * 1000 };
    struct heard h;
    enum ahoy_err err = p->config.no_ideal ? AHOY_OK : receiver_ideal(&h, s, a, &config);
    if (err || p->config.no_ideal)
        return err;
    size_t early = p->config.our_sender ? (size_t) STREAM_HZ / 1000 * EARLY_MS : 0;
    int16_t *pcm = mem_zalloc((early + h.n) * sizeof *pcm);
    err = pcm ? AHOY_OK : AHOY_ERR_NOMEM;
    if (!err) {
        memcpy(pcm + early, h.pcm, h.n * sizeof *pcm);
        err = spoken_score(&p->spoken, pcm, early + h.n, early ? 2 * EARLY_MS : IDEAL_DELAY_MS, part,
                           &out->ideal[IDEAL_FEC]);
    }
    out->has[IDEAL_FEC] = !err;
    mem_free(pcm);
    heard_free(&h);
    return err;
}

/* What one call came to: the recording, and where in it the speech begins. */
static enum ahoy_err score(struct peers *p, enum phone_kind kind, const struct condition *condition, unsigned seed,
                           const struct recording *ear, double begin_ms, struct outcome *out)
{
    double skip = (begin_ms - ear->start_ms) * CABLE_HZ / 1000, part = 1.0 / p->config.seeds;
    if (skip < 0 || (size_t) skip >= ear->n)
        return AHOY_ERR_NOT_FOUND;
    const int16_t *pcm = ear->pcm + (size_t) skip;
    size_t n = ear->n - (size_t) skip;
    enum ahoy_err err = spoken_score(&p->spoken, pcm, n, MAX_DELAY_MS, part, &out->ours);
    return err ? err : run_write_wav(&p->config, condition, phone_name(kind), 0, seed, pcm, n);
}

static enum ahoy_err fixed_call(struct peers *p, enum phone_kind kind, const struct impair_config *harm,
                                struct recording *ear, double *begin_ms, struct outcome *out)
{
    struct stream_arrivals a;
    double part = 1.0 / p->config.seeds;
    enum ahoy_err err = stream_arrive(&a, &p->stream, harm);
    if (err)
        return err;
    err = talk(p, kind, &a, ear, begin_ms);
    if (!err)
        err = ideal(p, &p->stream, &a, part, out);
    out->payload_bps += part * stream_payload_bps(&p->stream);
    out->wire_bps += part * stream_wire_bps(&p->stream);
    stream_arrivals_free(&a);
    return err;
}

static enum ahoy_err our_call(struct peers *p, enum phone_kind kind, const struct impair_config *harm,
                              struct recording *ear, double *begin_ms, struct outcome *out)
{
    enum { HEADERS = 28, RTP_HEADER = 12 };
    struct relay *relay;
    struct capture_sums sums;
    uint16_t relayed, port = peer_free_port();
    double part = 1.0 / p->config.seeds;
    enum ahoy_err err = relay_create(&relay, port, harm, &relayed);
    if (err)
        return err;
    err = talk_ours(p, kind, relay, port, relayed, ear, begin_ms);
    int64_t from_us = (int64_t) (*begin_ms * 1000), all_us = (int64_t) p->spoken.n * 1000000 / PROMPTS_HZ;
    struct stream s = { 0 };
    struct stream_arrivals a = { 0 };
    if (!err)
        err = capture_stream(relay_capture(relay), p->config.codec, p->config.ptime_ms, from_us, &s, &a);
    if (!err)
        err = ideal(p, &s, &a, part, out);
    capture_sums(relay_capture(relay), from_us + all_us / 4, from_us + all_us, &sums);
    out->payload_bps += part * 8e6 * (double) (sums.bytes - sums.packets * RTP_HEADER) / ((double) all_us * 0.75);
    out->wire_bps += part * 8e6 * (double) (sums.bytes + sums.packets * HEADERS) / ((double) all_us * 0.75);
    stream_free(&s);
    stream_arrivals_free(&a);
    relay_destroy(relay);
    return err;
}

static enum ahoy_err one_call(struct peers *p, enum phone_kind kind, const struct condition *condition, unsigned seed,
                              struct outcome *out)
{
    struct impair_config harm;
    double begin_ms = 0;
    struct recording ear = { .max = p->spoken.n + (size_t) CABLE_HZ * (p->config.our_sender ? MORE_S + 6 : MORE_S) };
    enum ahoy_err err = impair_parse(view_str(condition->impair), &harm);
    if (err)
        return err;
    harm.seed = (uint64_t) seed * 1000;
    ear.pcm = mem_zalloc(ear.max * sizeof *ear.pcm);
    if (!ear.pcm)
        return AHOY_ERR_NOMEM;
    err = p->config.our_sender ? our_call(p, kind, &harm, &ear, &begin_ms, out)
                               : fixed_call(p, kind, &harm, &ear, &begin_ms, out);
    if (!err)
        err = score(p, kind, condition, seed, &ear, begin_ms, out);
    mem_free(ear.pcm);
    return err;
}

/* The ideal receiver is late by the codec alone: what it is late beyond that is how early the speech was looked for. */
static void take_off_early(struct figures *ours, const struct figures *ideal)
{
    double early = ideal->delay_median_ms - CODEC_MS;
    ours->delay_ms -= early;
    ours->delay_median_ms -= early;
    ours->delay_95_ms -= early;
}

enum ahoy_err peers_condition(struct peers *p, enum phone_kind kind, const struct condition *condition,
                              struct outcome *out)
{
    enum ahoy_err err = AHOY_OK;
    *out = (struct outcome){ .real_phone = true, .seconds = (double) (p->spoken.n - p->spoken.first) / PROMPTS_HZ };
    for (unsigned s = 0; s < p->config.seeds && !err; s++)
        err = one_call(p, kind, condition, p->config.first_seed + s, out);
    if (!err && p->config.our_sender && out->has[IDEAL_FEC])
        take_off_early(&out->ours, &out->ideal[IDEAL_FEC]);
    return err;
}
