#include "support/phone.h"

#include "sip/stack.h"
#include "ua/impl.h"

enum ahoy_err phone_open(struct phone *p, struct sim *sim, struct sys_host *host, const char *bind)
{
    struct ahoy_engine_config cfg = AHOY_ENGINE_CONFIG_DEFAULT;
    const char *binds[] = { bind };
    *p = (struct phone){ .sim = sim };
    cfg.binds = binds;
    cfg.bind_count = 1;
    return api_engine_create_on(&p->engine, host, &cfg, NULL, 0);
}

static bool left(void *arg)
{
    return api_engine_left(arg);
}

void phone_close(struct phone *p)
{
    if (!p->engine)
        return;
    api_engine_leave(p->engine, 2000);
    AHOY_ASSERT(sim_run_until(p->sim, left, p->engine, SYS_S(120)));
    ahoy_engine_destroy(p->engine, 0);
    p->engine = NULL;
}

static void take_call(struct phone *p, const struct ahoy_event *e)
{
    p->state = e->call.state;
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
        p->ended_id = e->call.id;
        p->cause = e->call.cause;
        p->status = e->call.sip_status;
        p->ended_by_peer = e->call.ended_by_peer;
        p->stats = e->call.stats;
        (void) view_copy(view_str(e->call.text), p->text, sizeof p->text);
        break;
    case AHOY_CALL_CALLING:
    case AHOY_CALL_EARLY: break;
    }
}

void phone_pump(struct phone *p)
{
    for (struct ahoy_event *e; (e = ahoy_engine_next_event(p->engine)); ahoy_event_free(e)) {
        size_t n = strlen(p->digits);
        if (e->type == AHOY_EVENT_CALL_STATE)
            take_call(p, e);
        else if (e->type == AHOY_EVENT_ACCOUNT) {
            p->account = e->account.state;
            p->cause = e->account.cause;
            (void) view_copy(view_str(e->account.text), p->account_text, sizeof p->account_text);
        } else if (e->type == AHOY_EVENT_CALL_STATS)
            p->stats = e->stats.stats;
        else if (e->type == AHOY_EVENT_CALL_DTMF && n + 1 < sizeof p->digits)
            p->digits[n] = e->dtmf.digit;
        else if (e->type == AHOY_EVENT_CALL_MEDIA && e->media.trouble)
            p->trouble = e->media.trouble;
        else if (e->type == AHOY_EVENT_RESULT)
            e->result.err ? p->results_bad++ : p->results_ok++;
    }
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

bool phone_both_talk(struct phone *a, struct phone *b)
{
    return a->state == AHOY_CALL_CONFIRMED && b->state == AHOY_CALL_CONFIRMED;
}

bool phone_both_ended(struct phone *a, struct phone *b)
{
    return a->calls_ended > 0 && b->calls_ended > 0;
}

bool phone_registered(struct phone *a, struct phone *b)
{
    return a->account == AHOY_ACCOUNT_REGISTERED && (!b || b->account == AHOY_ACCOUNT_REGISTERED);
}

bool phone_never(struct phone *a, struct phone *b)
{
    (void) a;
    (void) b;
    return false;
}

size_t phone_transactions(struct phone *p)
{
    struct sip_stack_counts n;
    sip_stack_counts(p->engine->ua->stack, &n);
    return n.client_txns + n.server_txns;
}
