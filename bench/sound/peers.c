#include "sound/peers.h"

#include "base/mem.h"
#include "latency.h"
#include "signalling.h"
#include "sound/receivers.h"
#include "sound/sip_call.h"
#include "sound/spoken.h"

#include <poll.h>
#include <stdio.h>
#include <time.h>

enum {
    ANSWER_MS = 15000,
    SETTLE_MS = 1500, /* a telephone that was started gets its devices ready */
    BEFORE_MS = 2000, /* from the answer to the first packet: the recorder starts */
    MORE_S = 4,       /* recorded before and behind */
    MAX_DELAY_MS = 1200,
    IDEAL_DELAY_MS = 60,
};

struct peers {
    struct run_config config;
    struct cable cable;
    struct spoken spoken;
    struct stream stream;
    unsigned homes;
};

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
    enum ahoy_err err = spoken_create(&p->spoken, speech);
    if (!err)
        err = stream_create(&p->stream, &sc, p->spoken.pcm, p->spoken.n);
    if (!err && !cable_start(&p->cable))
        err = AHOY_ERR_UNSUPPORTED;
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

static double now_ms(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (double) ts.tv_sec * 1000 + (double) ts.tv_nsec / 1e6;
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

static bool start_phone(struct peers *p, struct phone *phone, enum phone_kind kind, uint16_t *port)
{
    char home[120];
    *port = peer_free_port();
    (void) snprintf(home, sizeof home, "%.60s/%s-%u", p->cable.dir, phone_name(kind), p->homes++);
    struct phone_config cfg = { .dir = home,
                                .rate_hz = CABLE_HZ,
                                .codec = p->config.codec->ops->recover ? "opus" : "pcmu",
                                .source = "mic_b",
                                .sink = "ear_b",
                                .listen = *port,
                                .ptime_ms = p->config.ptime_ms };
    (void) phone_make_home(home);
    bool ok = phone_start(phone, kind, &cfg);
    (void) poll(NULL, 0, SETTLE_MS);
    return ok;
}

/* The call; `begin_ms`: when the first sample was said. */
static enum ahoy_err talk(struct peers *p, enum phone_kind kind, const struct stream_arrivals *a, struct recording *ear,
                          double *begin_ms)
{
    struct phone phone = { .input = -1 };
    struct sip_call call = { 0 };
    uint16_t port;
    enum ahoy_err err = AHOY_ERR_TIMEOUT;
    if (start_phone(p, &phone, kind, &port) && sip_call_start(&call, port, p->config.codec, ANSWER_MS)) {
        struct cable_recorder *r = cable_record("ear_b.monitor", ear);
        *begin_ms = now_ms() + BEFORE_MS;
        if (r)
            send_stream(&call, &p->stream, a, *begin_ms);
        err = r && cable_recorded(r) ? AHOY_OK : AHOY_ERR_DEVICE;
    }
    sip_call_end(&call);
    phone_stop(&phone);
    return err;
}

static enum ahoy_err ideal(const struct peers *p, const struct stream_arrivals *a, double part, struct outcome *out)
{
    struct ideal_config config = { .budget_us = p->config.budget_ms * 1000 };
    struct heard h;
    enum ahoy_err err = receiver_ideal(&h, &p->stream, a, &config);
    if (err)
        return err;
    err = spoken_score(&p->spoken, h.pcm, h.n, IDEAL_DELAY_MS, part, &out->ideal[IDEAL_FEC]);
    out->has[IDEAL_FEC] = !err;
    heard_free(&h);
    return err;
}

static enum ahoy_err one_call(struct peers *p, enum phone_kind kind, const struct condition *condition, unsigned seed,
                              struct outcome *out)
{
    struct impair_config harm;
    struct stream_arrivals a;
    double begin_ms = 0, part = 1.0 / p->config.seeds;
    struct recording ear = { .max = p->spoken.n + (size_t) CABLE_HZ * MORE_S };
    enum ahoy_err err = impair_parse(view_str(condition->impair), &harm);
    harm.seed = (uint64_t) seed * 1000;
    if (!err)
        err = stream_arrive(&a, &p->stream, &harm);
    if (err)
        return err;
    ear.pcm = mem_zalloc(ear.max * sizeof *ear.pcm);
    err = ear.pcm ? talk(p, kind, &a, &ear, &begin_ms) : AHOY_ERR_NOMEM;
    double skip = (begin_ms - ear.start_ms) * CABLE_HZ / 1000;
    if (!err && (skip < 0 || (size_t) skip >= ear.n))
        err = AHOY_ERR_NOT_FOUND;
    if (!err)
        err = spoken_score(&p->spoken, ear.pcm + (size_t) skip, ear.n - (size_t) skip, MAX_DELAY_MS, part, &out->ours);
    if (!err)
        err = run_write_wav(&p->config, condition, phone_name(kind), 0, seed, ear.pcm + (size_t) skip,
                            ear.n - (size_t) skip);
    if (!err && !p->config.no_ideal)
        err = ideal(p, &a, part, out);
    out->payload_bps += part * stream_payload_bps(&p->stream);
    out->wire_bps += part * stream_wire_bps(&p->stream);
    out->lost += part * (double) a.lost / (double) p->stream.count;
    mem_free(ear.pcm);
    stream_arrivals_free(&a);
    return err;
}

enum ahoy_err peers_condition(struct peers *p, enum phone_kind kind, const struct condition *condition,
                              struct outcome *out)
{
    enum ahoy_err err = AHOY_OK;
    *out = (struct outcome){ .real_phone = true, .seconds = (double) (p->spoken.n - p->spoken.first) / PROMPTS_HZ };
    for (unsigned s = 0; s < p->config.seeds && !err; s++)
        err = one_call(p, kind, condition, p->config.first_seed + s, out);
    return err;
}
