#include "support/phone.h"

#include "audio/wav.h"
#include "sip/stack.h"
#include "support/temp.h"
#include "ua/impl.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { LEAVE_MS = 2000, GONE_S = 200 };

enum ahoy_err phone_open_with(struct phone *p, struct sim *sim, struct sys_host *host, const char *bind,
                              const struct ahoy_engine_config *config)
{
    struct ahoy_engine_config cfg = *config;
    const char *binds[] = { bind };
    *p = (struct phone){ .sim = sim };
    cfg.binds = binds;
    cfg.bind_count = 1;
    return api_engine_create_on(&p->engine, host, &cfg, NULL, 0);
}

enum ahoy_err phone_open(struct phone *p, struct sim *sim, struct sys_host *host, const char *bind)
{
    return phone_open_with(p, sim, host, bind, &AHOY_ENGINE_CONFIG_DEFAULT);
}

static bool left(void *arg)
{
    return api_engine_left(arg);
}

static void leave(struct phone *p)
{
    api_engine_leave(p->engine, LEAVE_MS);
    AHOY_ASSERT(sim_run_until(p->sim, left, p->engine, SYS_S(120)));
}

void phone_close(struct phone *p)
{
    if (!p->engine)
        return;
    leave(p);
    ahoy_engine_destroy(p->engine, 0);
    p->engine = NULL;
}

void phone_close_checked(struct t *t, struct phone *p)
{
    struct sip_stack_counts n;
    if (!p->engine)
        return;
    leave(p);
    sim_run(p->sim, SYS_S(GONE_S));
    struct ua *ua = p->engine->ua;
    sip_stack_counts(ua->stack, &n);
    T_ALWAYS(ua_call_count(ua) == 0);
    T_ALWAYS(sip_ua_invite_count(ua->core) == 0);
    T_ALWAYS(sip_dialogs_count(sip_ua_dialogs(ua->core)) == 0);
    T_ALWAYS(n.client_txns == 0);
    T_ALWAYS(n.server_txns == 0);
out:
    ahoy_engine_destroy(p->engine, 0);
    p->engine = NULL;
}

static void take_call(struct phone *p, const struct ahoy_event *e)
{
    p->state = e->call.state;
    (void) view_copy(view_str(e->call.peer_uri), p->peer, sizeof p->peer);
    switch (e->call.state) {
    case AHOY_CALL_RINGING:
        p->rang++;
        if (e->call.incoming)
            p->incoming = e->call.id;
        break;
    case AHOY_CALL_CONFIRMED: p->confirmed++; break;
    case AHOY_CALL_HELD: p->held++; break;
    case AHOY_CALL_ENDED:
        p->calls_ended++;
        p->calls_failed += e->call.cause != AHOY_CAUSE_NONE;
        p->ended_id = e->call.id;
        p->cause = e->call.cause;
        p->status = e->call.sip_status;
        p->ended_by_peer = e->call.ended_by_peer;
        p->stats = e->call.stats;
        (void) view_copy(view_str(e->call.text), p->text, sizeof p->text);
        (void) view_copy(view_str(e->call.reason), p->reason, sizeof p->reason);
        break;
    case AHOY_CALL_EARLY: p->early++; break;
    case AHOY_CALL_CALLING: break;
    }
}

static void take_media(struct phone *p, const struct ahoy_event *e)
{
    p->media_events++;
    p->trouble_now = e->media.trouble;
    if (e->media.trouble)
        p->trouble = e->media.trouble;
    p->sending = e->media.sending;
    p->receiving = e->media.receiving;
    p->held_by_peer = e->media.held_by_peer;
    p->muted = e->media.muted;
    (void) view_copy(view_str(e->media.codec), p->codec, sizeof p->codec);
    (void) view_copy(view_str(e->media.remote), p->remote, sizeof p->remote);
}

static void take_account(struct phone *p, const struct ahoy_event *e)
{
    p->account = e->account.state;
    p->account_cause = e->account.cause;
    p->account_removed |= e->account.removed;
    p->registered += e->account.state == AHOY_ACCOUNT_REGISTERED;
    (void) view_copy(view_str(e->account.text), p->account_text, sizeof p->account_text);
}

static void take_conference(struct phone *p, const struct ahoy_event *e)
{
    p->conferences++;
    p->conferences_over += e->conference.over;
    p->conference = e->conference.over ? 0 : e->conference.id;
    p->members = e->conference.call_count;
    p->local = e->conference.local;
    for (uint32_t i = 0; i < e->conference.speaker_count; i++)
        if (e->conference.speakers[i] < 64)
            p->spoke |= (uint64_t) 1 << e->conference.speakers[i];
}

static void take(struct phone *p, const struct ahoy_event *e)
{
    size_t n = strlen(p->digits);
    switch (e->type) {
    case AHOY_EVENT_CALL_STATE: take_call(p, e); break;
    case AHOY_EVENT_CALL_MEDIA: take_media(p, e); break;
    case AHOY_EVENT_ACCOUNT: take_account(p, e); break;
    case AHOY_EVENT_CALL_STATS: p->stats = e->stats.stats; break;
    case AHOY_EVENT_CALL_REPORT:
        p->reports++;
        (void) view_copy(view_str(e->report.kind), p->report_kind, sizeof p->report_kind);
        (void) view_copy(view_str(e->report.body), p->report, sizeof p->report);
        break;
    case AHOY_EVENT_CALL_DTMF:
        if (n + 1 < sizeof p->digits)
            p->digits[n] = e->dtmf.digit;
        p->digit_ms = e->dtmf.duration_ms;
        break;
    case AHOY_EVENT_RESULT:
        p->result = e->result.err;
        p->result_status = e->result.sip_status;
        p->results_ok += e->result.err == AHOY_OK;
        p->results_bad += e->result.err != AHOY_OK;
        break;
    case AHOY_EVENT_OVERFLOW: p->dropped += e->overflow.dropped; break;
    case AHOY_EVENT_NETWORK: p->network++; break;
    case AHOY_EVENT_CONFERENCE: take_conference(p, e); break;
    case AHOY_EVENT_FILE:
        p->files_played += !e->file.recording;
        p->files_recorded += e->file.recording && e->file.err == AHOY_OK;
        p->files_failed += e->file.err != AHOY_OK;
        break;
    case AHOY_EVENT_MUTED_SPEECH: p->muted_hints++; break;
    case AHOY_EVENT_DEVICES:
    case AHOY_EVENT_TRACE:
    case AHOY_EVENT_DOCTOR: break;
    }
}

void phone_pump(struct phone *p)
{
    for (struct ahoy_event *e; (e = ahoy_engine_next_event(p->engine)); ahoy_event_free(e))
        take(p, e);
}

bool phone_run(struct phone *a, struct phone *b, bool (*done)(struct phone *a, struct phone *b), int limit_ms)
{
    for (int ms = 0; ms <= limit_ms; ms += 10) {
        phone_pump(a);
        if (b)
            phone_pump(b);
        if (done(a, b))
            return true;
        sim_run(a->sim, SYS_MS(10));
    }
    return false;
}

static bool never(struct phone *a, struct phone *b)
{
    (void) a;
    (void) b;
    return false;
}

void phone_run_ms(struct phone *a, struct phone *b, int ms)
{
    (void) phone_run(a, b, never, ms);
}

bool phone_both_talk(struct phone *a, struct phone *b)
{
    return a->state == AHOY_CALL_CONFIRMED && b->state == AHOY_CALL_CONFIRMED;
}

bool phone_both_ended(struct phone *a, struct phone *b)
{
    return a->calls_ended > 0 && b->calls_ended > 0;
}

bool phone_one_ended(struct phone *a, struct phone *b)
{
    (void) b;
    return a->calls_ended > 0;
}

bool phone_it_rings(struct phone *a, struct phone *b)
{
    return a->state == AHOY_CALL_RINGING && b->rang > 0;
}

bool phone_registered(struct phone *a, struct phone *b)
{
    return a->account == AHOY_ACCOUNT_REGISTERED && (!b || b->account == AHOY_ACCOUNT_REGISTERED);
}

bool phone_had_result(struct phone *a, struct phone *b)
{
    (void) b;
    return a->results_ok + a->results_bad > 0;
}

bool phone_result(struct phone *a, struct phone *b, enum ahoy_err want)
{
    a->results_ok = a->results_bad = 0;
    return phone_run(a, b, phone_had_result, 10000) && a->result == want;
}

/* ---- two telephones ---------------------------------------------------------------------------------------------- */

bool world_write_said(const char *path, unsigned seconds, uint64_t seed)
{
    struct wav_writer *w;
    struct rng rng;
    double phase = 0, hz = 300, level = 0.1;
    rng_init_u64(&rng, seed);
    if (wav_writer_open(&w, path, WAV_PCM16, 16000, 1))
        return false;
    for (unsigned ms = 0; ms < 1000 * seconds; ms++) {
        int16_t pcm[16];
        if (ms % 70 == 0) {
            hz = 150 + 1500 * rng_unit(&rng);
            level = 0.05 + 0.3 * rng_unit(&rng);
        }
        for (int i = 0; i < 16; i++) {
            phase += hz / 16000;
            pcm[i] = (int16_t) (32767 * level * sin(6.283185307 * phase));
        }
        if (wav_writer_put(w, pcm, 16)) {
            (void) wav_writer_close(w);
            return false;
        }
    }
    return wav_writer_close(w) == AHOY_OK;
}

static bool make_files(struct world *w, unsigned seconds)
{
    if (!temp_make(w->dir, sizeof w->dir))
        return false;
    (void) snprintf(w->said, sizeof w->said, "%s/said.wav", w->dir);
    (void) snprintf(w->heard_a, sizeof w->heard_a, "%s/a.wav", w->dir);
    (void) snprintf(w->heard_b, sizeof w->heard_b, "%s/b.wav", w->dir);
    (void) snprintf(w->other, sizeof w->other, "%s/other.wav", w->dir);
    (void) snprintf(w->sound_a, sizeof w->sound_a, "file:%s,%s", w->said, w->heard_a);
    (void) snprintf(w->sound_b, sizeof w->sound_b, "file:%s,%s", w->said, w->heard_b);
    return world_write_said(w->said, seconds, 7);
}

enum ahoy_err world_open(struct world *w, unsigned seconds)
{
    *w = (struct world){ .sim = NULL };
    if (seconds > 0 && !make_files(w, seconds))
        return AHOY_ERR_IO;
    enum ahoy_err err = sim_create(&w->sim, 42);
    if (!err)
        err = sim_host(w->sim, "192.0.2.1", &w->host_a);
    if (!err)
        err = sim_host(w->sim, "192.0.2.2", &w->host_b);
    if (!err)
        err = phone_open(&w->a, w->sim, w->host_a, "192.0.2.1:5060");
    if (!err)
        err = phone_open(&w->b, w->sim, w->host_b, "192.0.2.2:5060");
    return err;
}

void world_close(struct t *t, struct world *w)
{
    phone_close_checked(t, &w->a);
    phone_close_checked(t, &w->b);
    sim_destroy(w->sim);
    temp_remove(w->dir);
}

bool world_call(struct world *w, const struct ahoy_media_config *media_a, const struct ahoy_media_config *media_b,
                uint32_t max_s)
{
    struct ahoy_listen_config listen = { .auto_answer = true, .media = *media_b };
    struct ahoy_call_config call = { .uri = "sip:bob@192.0.2.2", .media = *media_a, .max_s = max_s };
    return !ahoy_listen(w->b.engine, &listen) && !ahoy_call_place(w->a.engine, &call, &w->a.placed)
           && phone_run(&w->a, &w->b, phone_both_talk, 5000);
}

double world_score(const struct world *w, const char *heard)
{
    struct ahoy_sound_score score;
    return ahoy_sound_compare(w->said, heard, &score) ? -1 : 100 * score.correlation;
}
