#include "media/stream.h"

#include "base/mem.h"
#include "media/seat.h"

#include <stdio.h>
#include <string.h>

enum {
    PORT_TRIES = 64,
    STATS_US = 1000000,
    CNAME_BYTES = 24,
    DSCP_EF = 46,           /* expedited forwarding, for telephony (RFC 4594 section 4.1) */
    FIRST_CLOCK_HZ = 8000,  /* until a codec is agreed on */
    FOLLOWING_US = 1000,    /* a tick comes when the sound runs out, as exactly as a timer does */
    FOLLOWING_MORE_MS = 15, /* a frame that was stretched is played in one tick */
};

/* ---- sockets ----------------------------------------------------------------------------------------------------- */

/*
 * Sound to be played has come: the tick that plays it may as well run now. What is spoken into a memory is timed by its
 * reader, so that one's ticks stay where they are.
 */
static void join_tick(struct media_stream *st, int64_t now_us)
{
    if (st->tick.linked && !st->seat && sound_follows(&st->sound) && st->sound.spec.kind != AUDIO_MEM
        && playout_goes_on(&st->playout) && join_arrival(&st->join, st->tick.key - now_us))
        media_worker_run_early(st->worker, st);
}

static void on_rtp(void *arg, const struct addr *src, const struct addr *local, const void *data, size_t n,
                   int64_t when_us)
{
    (void) local;
    media_rx_datagram(arg, false, src, data, n, when_us);
    join_tick(arg, when_us);
}

static void on_rtcp(void *arg, const struct addr *src, const struct addr *local, const void *data, size_t n,
                    int64_t when_us)
{
    (void) local;
    media_rx_datagram(arg, true, src, data, n, when_us);
}

static void on_rtp_error(void *arg, const struct addr *dst, enum ahoy_err err)
{
    struct media_stream *st = arg;
    if (err == AHOY_ERR_REFUSED)
        media_rx_refused(st, dst, sys_clock_us(st->worker->loop));
}

static enum ahoy_err open_pair(struct media_stream *st, uint16_t port)
{
    struct sys_loop *loop = st->worker->loop;
    struct sys_udp_config cfg = { .local = addr_with_port(&st->config.local, port), .dscp = DSCP_EF };
    struct sys_udp_handler rtp = { .recv = on_rtp, .error = on_rtp_error, .arg = st },
                           rtcp = { .recv = on_rtcp, .arg = st };
    enum ahoy_err err = sys_udp_open(&st->rtp_socket, loop, &cfg, &rtp);
    if (err)
        return err;
    uint16_t got = sys_udp_local(st->rtp_socket)->port;
    err = got % 2 == 1 ? AHOY_ERR_ADDR_IN_USE : AHOY_OK; /* RFC 3550 section 11: RTP even, RTCP next */
    if (!err) {
        cfg.local.port = (uint16_t) (got + 1);
        err = sys_udp_open(&st->rtcp_socket, loop, &cfg, &rtcp);
    }
    if (err) {
        sys_udp_close(st->rtp_socket);
        st->rtp_socket = NULL;
    }
    return err;
}

/* A pair of ports: anywhere, or in the range that was asked for, starting at a random place in it. */
static enum ahoy_err open_sockets(struct media_stream *st, struct media_engine *e, char why[MEDIA_WHY_BYTES])
{
    uint16_t low, high;
    char ip[ADDR_TEXT_BYTES];
    enum ahoy_err err = AHOY_ERR_ADDR_IN_USE;
    media_engine_ports(e, &low, &high);
    uint32_t first = (low + 1u) / 2, pairs = low > 0 ? (high + 1u) / 2 - first : 0;
    uint32_t at = pairs > 0 ? rng_below(&st->worker->rng, pairs) : 0;
    uint32_t tries = pairs > 0 ? pairs : PORT_TRIES;
    for (uint32_t i = 0; i < tries && err == AHOY_ERR_ADDR_IN_USE; i++)
        err = open_pair(st, (uint16_t) (pairs > 0 ? 2 * (first + (at + i) % pairs) : 0));
    if (err && pairs > 0)
        snprintf(why, MEDIA_WHY_BYTES, "no free pair of UDP ports between %u and %u for sound: %s", low, high,
                 ahoy_err_text(err));
    else if (err)
        snprintf(why, MEDIA_WHY_BYTES, "no UDP port for sound can be opened on %s: %s",
                 addr_print_ip(&st->config.local, false, ip), ahoy_err_text(err));
    return err;
}

/* ---- life -------------------------------------------------------------------------------------------------------- */

const struct media_format *media_params_format(const struct media_params *p, unsigned pt)
{
    for (size_t i = 0; i < p->rx_n; i++)
        if (p->rx[i].pt == pt)
            return &p->rx[i];
    return NULL;
}

static const struct audio_codec *playout_codec(void *arg, unsigned pt, bool *cn)
{
    const struct media_stream *st = arg;
    const struct media_format *f = media_params_format(&st->params, pt);
    if (!f)
        return NULL;
    *cn = f->use == SDP_USE_CN;
    return f->codec;
}

static void held_due(void *arg)
{
    struct media_stream *st = arg;
    media_rx_release_held(st, sys_now_us(st->worker->loop));
}

static void rtcp_due(void *arg)
{
    media_tx_rtcp(arg);
}

/* How far apart the times lie at which play-out may ask for a packet. */
static int64_t player_us(const struct media_stream *st)
{
    return st->config.sound == MEDIA_SOUND_DEVICE && !st->seat && !sound_is_live(&st->config) ? FOLLOWING_US
                                                                                              : SYS_MS(st->tick_ms);
}

enum ahoy_err media_stream_open(struct media_stream *st, struct media_engine *e, char why[MEDIA_WHY_BYTES])
{
    char cname[CNAME_BYTES + 1];
    struct sys_loop *loop = st->worker->loop;
    list_init(&st->held);
    mix_gain_init(&st->gain, 0);
    mix_gain_init(&st->tx_gain, 0);
    sys_timer_init(&st->held_timer, held_due, st);
    sys_timer_init(&st->rtcp_timer, rtcp_due, st);
    protect_init(&st->protect);
    struct latch_config latch = latch_config_default();
    latch_init(&st->latch, &latch);
    latch_init(&st->rtcp_latch, &latch);
    st->impaired = impair_active(&st->config.impair);
    impair_init(&st->impair, &st->config.impair);
    rng_token(&st->worker->rng, cname, CNAME_BYTES); /* RFC 7022: short-term, random */
    struct rtp_session_config cfg = { .rng = &st->worker->rng,
                                      .cname = view_str(cname),
                                      .send_clock_hz = FIRST_CLOCK_HZ,
                                      .receive_clock_hz = FIRST_CLOCK_HZ,
                                      .now_us = sys_now_us(loop),
                                      .unix_us = sys_wall_ms(loop) * 1000 };
    enum ahoy_err err = rtp_session_create(&st->rtp, &cfg);
    st->tick_ms = sound_is_live(&st->config) ? LIVE_PERIOD_MS : st->config.ptime_ms;
    if (!err)
        err = playout_init(&st->playout, player_us(st), rng_u64(&st->worker->rng), playout_codec, st);
    if (err) {
        snprintf(why, MEDIA_WHY_BYTES, "%s", ahoy_err_text(err));
        return err;
    }
    st->playout.recovered = media_quality_recovered;
    return open_sockets(st, e, why);
}

void media_stream_finish(struct media_stream *st)
{
    st->finished = true;
    media_seat_leave(st);
    media_worker_remove(st->worker, st);
    if (st->rtp && st->playout.jitter) {
        media_quality_collect(st, false, true);
        if (st->configured)
            media_tx_bye(st);
    }
    if (st->sound.rate_hz > 0)
        sound_stop(&st->sound);
    else if (st->config.sound == MEDIA_SOUND_ENDPOINT && st->config.endpoint.close)
        st->config.endpoint.close(st->config.endpoint.arg); /* sound never began, yet the owner waits for this */
    media_rx_drop_held(st);
    sys_timer_stop(&st->rtcp_timer);
    media_feedback_fini(st);
    sys_udp_close(st->rtp_socket);
    sys_udp_close(st->rtcp_socket);
    st->rtp_socket = st->rtcp_socket = NULL;
    media_tx_fini(st);
    playout_fini(&st->playout);
    rtp_session_destroy(st->rtp);
    st->rtp = NULL;
    if (st->sound.records == 0)
        media_session_drain(st->session);
}

/* ---- parameters -------------------------------------------------------------------------------------------------- */

static void sound_state(void *arg, enum ahoy_err err, const char *why)
{
    media_note_sound(arg, err, why);
}

static void sound_played(void *arg)
{
    media_note_played(arg);
}

static void sound_muted_speech(void *arg)
{
    media_seat_muted_speech(arg);
}

static void sound_recorded(void *arg, struct record *r)
{
    struct media_stream *st = arg;
    media_note_recorded(st, r);
    if (st->finished && st->sound.records == 0)
        media_session_drain(st->session);
}

/* A live device is the clock: a tick whenever it has moved sound. */
static void sound_moved(void *arg)
{
    struct media_stream *st = arg;
    int64_t now_us = sys_now_us(st->worker->loop);
    if (st->tick.linked && st->seat)
        media_seat_moved(st, now_us);
    else if (st->tick.linked) {
        media_worker_called(st->worker, st);
        (void) media_stream_tick(st, now_us, now_us);
    }
}

static void sound_devices(void *arg)
{
    media_note_devices(arg);
}

/* Begins the sound, or gives it another rate; the signalling half has chosen it (session_sdp.c). */
static void tune_sound(struct media_stream *st, uint32_t rate_hz)
{
    struct sound_config cfg = { .session = &st->config,
                                .rate_hz = rate_hz,
                                .worker = st->worker->loop,
                                .opener = media_session_opener(st->session),
                                .log = st->log,
                                .events = { .state = sound_state,
                                            .played = sound_played,
                                            .devices = sound_devices,
                                            .moved = sound_moved,
                                            .recorded = sound_recorded,
                                            .muted_speech = sound_muted_speech,
                                            .arg = st } };
    if (st->sound.rate_hz == rate_hz)
        return;
    if (st->sound.rate_hz == 0)
        sound_start(&st->sound, &cfg);
    else
        sound_set_rate(&st->sound, rate_hz);
    playout_set_rate(&st->playout, rate_hz);
    media_keys_set_rate(st);
    media_quality_set_rate(st);
    media_seat_retune(st);
}

static unsigned own_tick_ms(const struct media_stream *st)
{
    return st->seat ? MIXER_SLOT_MS : sound_tick_ms(&st->sound, st->params.ptime_ms);
}

void media_stream_regrid(struct media_stream *st)
{
    st->tick_ms = own_tick_ms(st);
    playout_set_tick(&st->playout, player_us(st));
    if (!st->tick.linked)
        return;
    int64_t now_us = sys_now_us(st->worker->loop); /* where a device was the clock, the next tick only watches it */
    media_worker_regrid(st->worker, st, st->sound.live ? now_us : st->tick.key);
}

/* Starts, regrids or stops the ticks. */
static void set_up_ticks(struct media_stream *st, bool run, int64_t now_us)
{
    unsigned tick_ms = run ? own_tick_ms(st) : st->tick_ms;
    bool running = st->tick.linked;
    if (!run) {
        media_worker_remove(st->worker, st);
        return;
    }
    if (running && tick_ms == st->tick_ms)
        return;
    st->tick_ms = tick_ms;
    playout_set_tick(&st->playout, player_us(st));
    media_worker_add(st->worker, st);
    if (running)
        return;
    st->stats_us = st->listening_us = now_us;
    media_tx_rtcp(st);
}

bool media_params_expect(const struct media_params *p)
{
    return p->active && p->receive && !p->held;
}

/* What was sent before the peer heard of the change still comes with the numbers that held until now. */
static void keep_past_formats(struct media_params *p, const struct media_params *was)
{
    for (size_t i = 0; i < was->rx_n && p->rx_n < MEDIA_MAX_RX; i++) {
        if (was->rx[i].past || media_params_format(p, was->rx[i].pt))
            continue;
        p->rx[p->rx_n] = was->rx[i];
        p->rx[p->rx_n++].past = true;
    }
}

static bool takes_red(const struct media_params *p)
{
    for (size_t i = 0; i < p->rx_n; i++)
        if (p->rx[i].use == SDP_USE_RED)
            return true;
    return false;
}

void media_stream_configure(struct media_stream *st, const struct media_params *p)
{
    int64_t now = sys_now_us(st->worker->loop);
    if (p->active && p->tx_codec) {
        tune_sound(st, p->sound_hz);
        rtp_session_renegotiated(st->rtp, p->tx_codec->clock_hz, 0);
        if (!st->rx_codec) {
            rtp_session_renegotiated(st->rtp, 0, p->tx_codec->clock_hz);
            playout_expect(&st->playout, p->tx_codec, p->ptime_ms);
        }
    }
    enum ahoy_err err = media_tx_configure(st, p);
    if (err)
        media_note_sound(st, err, "nothing can be sent: the encoder could not be started");
    media_feedback_configure(st, p, now);
    media_keys_listen(st, p->event_clock_hz);
    jitter_set_copies(st->playout.jitter, takes_red(p) ? PROTECT_SPREAD_US : 0);
    if (media_params_expect(p)
        && !media_params_expect(&st->params)) { /* the peer may have been told to be silent until now */
        st->listening_us = now;
        st->rtp_silent = false;
    }
    struct media_params was = st->params;
    st->params = *p;
    if (p->active)
        keep_past_formats(&st->params, &was);
    media_quality_agreed(st);
    rtp_session_set_xr(st->rtp, &p->xr);
    const struct addr *near = p->signalling.family ? &p->signalling : NULL;
    if (latch_signal(&st->latch, &p->rtp, near) || latch_signal(&st->rtcp_latch, &p->rtcp, near))
        log_write(st->log, LOG_WARN, "media", "the peer named an address that sound cannot be sent to");
    st->configured = true;
    set_up_ticks(st, p->active && p->tx_codec, now);
    media_note_info(st);
}

/* ---- ticks ------------------------------------------------------------------------------------------------------- */

static void watch_silence(struct media_stream *st, int64_t now_us)
{
    if (st->config.no_rtp_ms == 0 || st->rtp_silent || !media_params_expect(&st->params))
        return;
    struct rtp_stats s;
    rtp_session_stats(st->rtp, &s);
    int64_t since = AHOY_MAX(s.last_received_us, st->listening_us);
    /* Who was heard may pause; who was not says "hello?" meanwhile. */
    if (now_us - since >= SYS_MS(st->config.no_rtp_ms) / (st->rtp_seen ? 1 : 2)) {
        st->rtp_silent = true;
        media_note_rtp(st, MEDIA_RTP_SILENT);
    }
}

/*
 * What a pulled device plays in this tick: all that the next answer of the jitter buffer gives, so that the next one is
 * asked for when its time has come and not at the next point of a grid.
 */
static size_t follow(struct media_stream *st, int64_t now_us)
{
    size_t ready = playout_ready(&st->playout, now_us, 0);
    size_t per_ms = st->sound.rate_hz / 1000, frame = per_ms * st->tick_ms;
    return ready <= AHOY_MIN(frame + per_ms * FOLLOWING_MORE_MS, per_ms * SOUND_MAX_TICK_MS) ? ready : frame;
}

/* The time until `n` samples more have been played, without a rounding that would add up. */
static int64_t lasts_us(struct media_stream *st, size_t n)
{
    uint64_t part = (uint64_t) n * 1000000 + st->tick_rest;
    st->tick_rest = (uint32_t) (part % st->sound.rate_hz);
    return (int64_t) (part / st->sound.rate_hz);
}

void media_stream_hear(struct media_stream *st, int16_t *pcm, size_t n, int64_t now_us)
{
    playout_get(&st->playout, now_us, st->seat ? 0 : sound_queued_us(&st->sound), pcm, n);
    sound_heard(&st->sound, pcm, n);
    media_quality_heard(st, pcm, n);
    media_keys_hear(st, pcm, n);
    mix_gain_run(&st->gain, pcm, n);
}

void media_stream_say(struct media_stream *st, int16_t *pcm, size_t n, int64_t now_us)
{
    sound_keep_said(&st->sound, pcm, n, st->muted);
    sound_said(&st->sound, pcm, n);
    media_tx_frame(st, pcm, n, now_us);
}

/* All streams of a worker make as much effort as it has time for. */
static void follow_effort(struct media_stream *st)
{
    if (st->effort == st->worker->load.level)
        return;
    st->effort = st->worker->load.level;
    media_tx_follow_effort(st);
    playout_set_plain(&st->playout, load_effort(&st->worker->load)->plain);
}

/* A tick of a stream by itself: its own device. */
static int64_t run_alone(struct media_stream *st, int64_t now_us, int64_t due_us)
{
    int16_t pcm[SOUND_MAX_TICK_SAMPLES];
    bool follows = sound_follows(&st->sound);
    int64_t heard_us = AHOY_MAX(now_us, due_us);
    size_t want = follows ? follow(st, heard_us) : sound_want(&st->sound, st->tick_ms, now_us);
    size_t ahead = sound_take_ahead(&st->sound, pcm, want);
    if (want > ahead) {
        media_stream_hear(st, pcm + ahead, want - ahead, heard_us);
        sound_keep_heard(&st->sound, pcm + ahead, want - ahead);
    }
    if (want > 0)
        sound_out(&st->sound, pcm, want);
    size_t tick = follows ? want : (size_t) st->sound.rate_hz / 1000 * st->tick_ms;
    size_t most = st->sound.live ? SOUND_MAX_TICK_SAMPLES : tick;
    for (size_t got = 1, turns = 0; got > 0 && turns < (st->sound.live ? 4 : 1); turns++) {
        got = sound_in(&st->sound, pcm, most, now_us);
        media_stream_say(st, pcm, got, now_us);
    }
    return follows ? lasts_us(st, want) : SYS_MS(st->tick_ms);
}

int64_t media_stream_tick(struct media_stream *st, int64_t now_us, int64_t due_us)
{
    int64_t next_us = SYS_MS(MIXER_SLOT_MS);
    follow_effort(st);
    if (st->seat)
        media_seat_tick(st, now_us);
    else
        next_us = run_alone(st, now_us, due_us);
    media_keys_tick(st, now_us);
    if (now_us - st->stats_us >= STATS_US) {
        st->stats_us = AHOY_MAX(st->stats_us + STATS_US, now_us - STATS_US);
        watch_silence(st, now_us);
        media_worker_measure(st->worker, now_us);
        st->stats.cpu = st->worker->load.share;
        st->stats.saving = st->worker->load.level;
        media_feedback_tick(st, now_us);
        media_quality_collect(st, true, false);
        playout_set_clock(&st->playout, st->stats.clock_known ? st->stats.clock_out_ppm : 0);
        media_note_stats(st);
    }
    return next_us;
}
