/*
 * The test numbers: `echo` sends back what it hears, `music` plays a little tune, `time` strikes the hours and quarters
 * like a tower clock and then gives a pip each second, a long one on the minute. They answer like any telephone.
 */
#include "server/exchange.h"

#include "audio/tone.h"
#include "base/mem.h"

#include <stdio.h>
#include <time.h>

enum { SOUND_HZ = 16000, SDP_BYTES = 16384, LONGEST_S = 3600 };

enum service { SERVICE_ECHO, SERVICE_MUSIC, SERVICE_TIME, SERVICES };

static const char *const names[SERVICES] = { "echo", "music", "time" };

/* A melody: notes one after the other; used on the media worker only. */
struct player {
    enum service service;
    struct tone_gen tone;
    size_t at;        /* note of the tune, or strokes given */
    int64_t wall_ms;  /* `time`: the clock when the call began, … */
    uint64_t samples; /* … and what was played since */
};

struct service_call {
    struct list_link link;
    struct exchange *x;
    struct sip_invite *inv;
    struct media_session *media;
    struct player player;
    struct sys_timer longest;
    bool over, counted; /* counted: answered, in service_count */
};

bool services_know(struct view user)
{
    for (int i = 0; i < SERVICES; i++)
        if (view_ieq(user, view_str(names[i])))
            return true;
    return false;
}

/* ---- sound ------------------------------------------------------------------------------------------------------- */

/* A tune made up for the house: half steps above A4 (-128 is a rest), and lengths in eighths. */
static const struct {
    int8_t step;
    uint8_t eighths;
} tune[] = { { 3, 2 },  { 7, 1 },  { 10, 1 }, { 15, 3 }, { 12, 1 }, { 10, 2 },  { 7, 2 },  { 8, 2 },
             { 5, 1 },  { 8, 1 },  { 7, 4 },  { 3, 2 },  { 7, 1 },  { 10, 1 },  { 17, 3 }, { 15, 1 },
             { 14, 2 }, { 12, 2 }, { 10, 2 }, { 14, 2 }, { 15, 4 }, { -128, 4 } };

static void next_note(struct player *p)
{
    static const double octave[12] = { 440.00, 466.16, 493.88, 523.25, 554.37, 587.33,
                                       622.25, 659.26, 698.46, 739.99, 783.99, 830.61 };
    int step = tune[p->at].step;
    struct tone_spec s = tone_sine(440, -20);
    double hz = step >= 0 ? octave[step % 12] * (1 << step / 12) : 0;
    s.step[0].hz[0] = (uint16_t) hz;
    s.step[0].hz[1] = (uint16_t) (hz * 2); /* an octave on top, so that it is no test tone */
    s.step[0].ms = (uint16_t) (tune[p->at].eighths * 200);
    s.repeat = false;
    tone_start(&p->tone, &s, SOUND_HZ);
    p->at = (p->at + 1) % AHOY_COUNT(tune);
}

/* Strokes first (hour in a low voice, quarters in a high one), then pips on the second. */
static void next_stroke(struct player *p)
{
    int64_t now_ms = p->wall_ms + (int64_t) (p->samples * 1000 / SOUND_HZ);
    time_t now = (time_t) (now_ms / 1000), began = (time_t) (p->wall_ms / 1000);
    struct tm tm;
    if (!localtime_r(&began, &tm))
        tm = (struct tm){ .tm_hour = 0 };
    size_t hours = (size_t) (tm.tm_hour % 12 == 0 ? 12 : tm.tm_hour % 12), quarters = (size_t) tm.tm_min / 15;
    struct tone_spec s = tone_sine(1000, -20);
    s.repeat = false;
    s.steps = 2;
    if (p->at < hours + quarters) {
        bool hour = p->at < hours;
        s.step[0] = (struct tone_step){ .hz = { hour ? 330 : 660, hour ? 660 : 990 }, .ms = 350 };
        s.step[1] = (struct tone_step){ .ms = (uint16_t) (p->at + 1 == hours ? 700 : 250) };
    } else {
        bool minute = (now + 1) % 60 == 0;
        s.step[0] = (struct tone_step){ .ms = (uint16_t) (1000 - now_ms % 1000) };
        s.step[1] = (struct tone_step){ .hz = { 1000 }, .ms = (uint16_t) (minute ? 500 : 100) };
    }
    p->at++;
    tone_start(&p->tone, &s, SOUND_HZ);
}

static void player_read(void *arg, int16_t *pcm, size_t n)
{
    struct player *p = arg;
    for (size_t done = 0; done < n;) {
        size_t part = AHOY_MIN(n - done, (size_t) SOUND_HZ / 100);
        if (p->tone.rate_hz == 0 || p->tone.at >= p->tone.spec.steps)
            p->service == SERVICE_MUSIC ? next_note(p) : next_stroke(p);
        (void) tone_run(&p->tone, pcm + done, part);
        done += part;
        p->samples += part;
    }
}

/* ---- a call ------------------------------------------------------------------------------------------------------ */

static void call_free(struct service_call *c)
{
    struct exchange *x = c->x;
    sys_timer_stop(&c->longest);
    list_remove(&c->link);
    mem_free(c);
    exchange_check_stopped(x);
}

static void end_call(struct service_call *c)
{
    if (c->over)
        return;
    c->over = true;
    c->x->service_count -= c->counted;
    sip_invite_release(c->inv);
    c->inv = NULL;
    sys_timer_stop(&c->longest);
    if (c->media)
        media_session_close(c->media);
    else
        call_free(c);
}

static void refuse_call(struct service_call *c, unsigned status)
{
    if (sip_invite_reject(c->inv, status, view_of(NULL, 0)))
        log_write(&c->x->log, LOG_INFO, "services", "a call could not be refused");
    end_call(c);
}

/* Answers an offer (empty: makes one) into a body. */
static enum ahoy_err describe(struct service_call *c, const struct sip_body *offer, struct buf *out)
{
    struct sdp_error why;
    enum ahoy_err err = view_empty(offer->data) ? media_session_offer(c->media, out)
                                                : media_session_answer(c->media, offer->data, out, &why);
    return err ? err : buf_err(out);
}

static unsigned status_of(enum ahoy_err err)
{
    return err == AHOY_ERR_UNSUPPORTED ? 488 : err == AHOY_ERR_SYNTAX ? 400 : err == AHOY_ERR_STATE ? 491 : 500;
}

static void on_ready(void *arg, enum ahoy_err err, const char *why)
{
    struct service_call *c = arg;
    struct sip_body offer;
    struct buf b;
    if (err) {
        log_write(&c->x->log, LOG_ERROR, "services", "%s", why);
        refuse_call(c, 500);
        return;
    }
    if (!sip_invite_server_txn(c->inv))
        return; /* the caller gave up; `ended` comes */
    buf_init(&b, SDP_BYTES);
    sip_invite_remote_offer(c->inv, &offer);
    media_session_set_signalling(c->media, sip_flow_peer(sip_server_txn_flow(sip_invite_server_txn(c->inv))));
    err = describe(c, &offer, &b);
    struct sip_body body = { .type = VIEW("application/sdp"), .data = buf_content(&b) };
    if (!err)
        err = sip_invite_accept(c->inv, view_of(NULL, 0), &body);
    buf_fini(&b);
    if (err) {
        refuse_call(c, status_of(err));
        return;
    }
    c->counted = true;
    c->x->service_count++;
}

static void on_closed(void *arg, const struct media_stats *stats)
{
    struct service_call *c = arg;
    (void) stats;
    c->media = NULL;
    call_free(c);
}

static void on_answer(void *arg, struct sip_invite *inv, const struct sip_body *answer, struct sip_msg *msg)
{
    struct service_call *c = arg;
    struct sdp_error why;
    (void) msg;
    if (media_session_apply(c->media, answer->data, true, &why) || !media_session_active(c->media))
        sip_invite_hangup(inv, &(struct sip_invite_reason){ .protocol = VIEW("SIP"), .cause = 488 });
}

static void on_offer(void *arg, struct sip_invite *inv, const struct sip_body *offer, struct sip_msg *msg)
{
    struct service_call *c = arg;
    struct buf b;
    (void) msg;
    buf_init(&b, SDP_BYTES);
    enum ahoy_err err = describe(c, offer, &b);
    struct sip_body body = { .type = VIEW("application/sdp"), .data = buf_content(&b) };
    if (!err)
        err = sip_invite_answer(inv, &body);
    if (err) {
        media_session_rollback(c->media);
        (void) sip_invite_reject(inv, status_of(err), view_of(NULL, 0));
    }
    buf_fini(&b);
}

static void on_ended(void *arg, struct sip_invite *inv, const struct sip_invite_end *end)
{
    (void) inv;
    (void) end;
    end_call(arg);
}

static void on_longest(void *arg)
{
    struct service_call *c = arg;
    if (c->inv)
        sip_invite_hangup(c->inv, NULL);
}

static enum ahoy_err open_sound(struct service_call *c, const struct addr *local)
{
    struct media_handler handler = { .ready = on_ready, .closed = on_closed, .arg = c };
    struct media_session_config cfg = {
        .local = *local,
        .sound = c->player.service == SERVICE_ECHO ? MEDIA_SOUND_ECHO : MEDIA_SOUND_ENDPOINT,
        .endpoint = { .rate_hz = SOUND_HZ, .read = player_read, .arg = &c->player, .music = true }
    };
    enum ahoy_err err = media_codecs_parse(VIEW("opus,g722,pcma,pcmu,l16/16000"), &cfg.codecs);
    return err ? err : media_session_open(&c->media, c->x->media, &cfg, &handler);
}

void services_incoming(void *arg, struct sip_invite *inv, struct sip_msg *request)
{
    struct exchange *x = arg;
    struct sip_invite_handler handler = { .answer = on_answer, .offer = on_offer, .ended = on_ended };
    struct sip_uri u;
    struct service_call *c = x->stopping ? NULL : mem_zalloc(sizeof *c);
    if (!c)
        return; /* not taken: 480 */
    if (sip_uri_parse(request->uri, &u) == AHOY_OK)
        for (int i = 0; i < SERVICES; i++)
            if (view_ieq(u.user, view_str(names[i])))
                c->player.service = (enum service) i;
    c->x = x;
    c->inv = inv;
    c->player.wall_ms = sys_wall_ms(x->loop);
    sys_timer_init(&c->longest, on_longest, c);
    sys_timer_start(x->loop, &c->longest, SYS_S(LONGEST_S));
    list_push_back(&x->services, &c->link);
    handler.arg = c;
    sip_invite_set_handler(inv, &handler);
    struct addr local = *sip_flow_local(sip_server_txn_flow(sip_invite_server_txn(inv)));
    if (open_sound(c, &local))
        refuse_call(c, 500);
    else
        exchange_news(x, "a call to %s", names[c->player.service]);
}

void services_hang_up_all(struct exchange *x)
{
    LIST_EACH(k, &x->services) {
        struct service_call *c = LIST_ENTRY(k, struct service_call, link);
        if (c->inv)
            sip_invite_hangup(c->inv, NULL);
    }
}

void services_drop_all(struct exchange *x)
{
    LIST_EACH(k, &x->services)
        end_call(LIST_ENTRY(k, struct service_call, link));
}
