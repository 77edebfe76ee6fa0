/*
 * Thousands of calls between two agents through a network that loses a third of the packets and delays, doubles and
 * reorders the rest. Whatever happens to a call, both ends agree about it, and when the last timer has run nothing is
 * left.
 *
 * What agreement means here, as the RFCs allow it:
 *
 *   - nobody is in a call that the other end has left;
 *   - who was told a final status was told the one the other end gave;
 *   - a session that one end took for confirmed was accepted by the other;
 *   - when the network said nothing for 64 * T1 (408 TIMEOUT), that end is out, and the other ends as well.
 *
 * One case is beyond RFC 3261: every one of the 11 copies of a BYE may be lost. RFC 4028 exists for it, and the test
 * does what it would do: an end that still thinks itself in a call asks, and the answer 481 ends it.
 */
#include "base/mem.h"
#include "sip/invite.h"
#include "support/t.h"
#include "sys/sim.h"

#include <stdio.h>

enum scene {
    CALLER_HANGS_UP,
    CALLEE_HANGS_UP,
    BOTH_HANG_UP,
    REJECTED,
    CANCELLED,
    CANCEL_MEETS_ANSWER,
    REINVITE,
    GLARE,
    LATE_OFFER,
    HANGS_UP_AT_ONCE,
    SCENES
};

struct storm;
struct call;

struct side {
    struct call *call;
    struct sip_invite *inv;
    struct sys_timer timer;
    int step;
    bool confirmed, accepted;
    unsigned ended; /* how often */
    struct sip_invite_end end;
    unsigned rejected; /* status it answered */
};

struct call {
    struct storm *storm;
    uint32_t number;
    enum scene scene;
    uint32_t ring_ms, talk_ms;
    struct side caller, callee;
    struct sys_timer start;
};

struct party {
    struct storm *storm;
    struct sys_host *host;
    struct sys_loop *loop;
    struct sip_stack *stack;
    struct sip_locator *locator;
    struct sip_ua *ua;
};

struct storm {
    struct sim *sim;
    struct rng rng;
    struct party a, b; /* a calls b */
    struct call *call;
    uint32_t calls, audited, reinvited, glares, timeouts, unseen;
};

static const struct view none = { 0 };
static const struct sip_body offer = { .type = VIEW("application/sdp"), .data = VIEW("v=0 offer") };
static const struct sip_body answer = { .type = VIEW("application/sdp"), .data = VIEW("v=0 answer") };

static struct party *party_of(const struct side *s)
{
    return s == &s->call->caller ? &s->call->storm->a : &s->call->storm->b;
}

/* Out of memory, which only the small storm sees: the leg ends by itself. */
static void let_go(struct side *s)
{
    sip_invite_release(s->inv);
    s->inv = NULL;
    s->ended++;
}

static void wait_ms(struct side *s, uint32_t ms)
{
    sys_timer_start(party_of(s)->loop, &s->timer, SYS_MS(ms));
}

/* ---- what owners do ---------------------------------------------------------------------------------------------- */

static void on_offer(void *arg, struct sip_invite *inv, const struct sip_body *body, struct sip_msg *msg)
{
    (void) arg;
    (void) msg;
    if (sip_invite_answer(inv, view_empty(body->data) ? &offer : &answer))
        sip_invite_hangup(inv, NULL);
}

static void on_confirmed(void *arg, struct sip_invite *inv, struct sip_msg *msg)
{
    struct side *s = arg;
    bool is_caller = s == &s->call->caller;
    (void) inv;
    (void) msg;
    s->confirmed = true;
    switch (s->call->scene) {
    case CALLEE_HANGS_UP:
        if (!is_caller)
            wait_ms(s, s->call->talk_ms);
        break;
    case BOTH_HANG_UP:
    case GLARE: wait_ms(s, s->call->talk_ms); break;
    default:
        if (is_caller)
            wait_ms(s, s->call->talk_ms);
        break;
    }
}

static void on_reinvited(void *arg, struct sip_invite *inv, unsigned status, struct sip_msg *response)
{
    struct side *s = arg;
    (void) inv;
    (void) response;
    if (status >= 200 && status < 300)
        s->call->storm->reinvited++;
    wait_ms(s, 200);
}

static void on_ready(void *arg, struct sip_invite *inv)
{
    struct side *s = arg;
    s->call->storm->glares++;
    if (sip_invite_reinvite(inv, none, &offer))
        wait_ms(s, 1000);
}

static void on_ended(void *arg, struct sip_invite *inv, const struct sip_invite_end *end)
{
    struct side *s = arg;
    (void) inv;
    s->ended++;
    s->end = *end;
    s->end.msg = NULL;
    s->end.phrase = s->end.reason.protocol = s->end.reason.text = none;
    sys_timer_stop(&s->timer);
    sip_invite_release(s->inv);
    s->inv = NULL;
}

static struct sip_invite_handler handler(struct side *s)
{
    return (struct sip_invite_handler){ .offer = on_offer,
                                        .confirmed = on_confirmed,
                                        .reinvited = on_reinvited,
                                        .reinvite_ready = on_ready,
                                        .ended = on_ended,
                                        .arg = s };
}

static bool in_session(const struct side *s)
{
    return s->inv && sip_invite_state(s->inv) == SIP_INVITE_CONFIRMED;
}

/* The next thing this side has in mind. */
static void on_time(void *arg)
{
    struct side *s = arg;
    struct call *c = s->call;
    bool is_caller = s == &c->caller;
    if (!s->inv)
        return;
    if (!is_caller && !s->accepted && !s->rejected) {
        if (c->scene == REJECTED) {
            s->rejected = c->number % 2 ? 486 : 603;
            if (sip_invite_reject(s->inv, s->rejected, none))
                let_go(s);
        } else if (!sip_invite_accept(s->inv, none, c->scene == LATE_OFFER ? &offer : &answer)) {
            s->accepted = true;
            if (c->scene == HANGS_UP_AT_ONCE)
                sip_invite_hangup(s->inv, NULL);
        }
        return;
    }
    if ((c->scene == GLARE || (c->scene == REINVITE && is_caller)) && in_session(s) && s->step++ == 0) {
        enum ahoy_err err = sip_invite_reinvite(s->inv, none, &offer);
        if (err && err != AHOY_ERR_AGAIN)
            wait_ms(s, 500);
        return;
    }
    sip_invite_hangup(s->inv, NULL);
}

static void on_incoming(void *arg, struct sip_invite *inv, struct sip_msg *request)
{
    struct party *p = arg;
    const struct sip_hdr *h = sip_msg_named(request, VIEW("X-Call"));
    struct sip_invite_handler hd;
    uint32_t number;
    if (!h || view_u32(h->value, &number) || number >= p->storm->calls)
        return;
    struct side *s = &p->storm->call[number].callee;
    if (s->inv || s->ended)
        return; /* an INVITE that outlived its transaction would be a second call: the test would see it */
    s->inv = inv;
    hd = handler(s);
    sip_invite_set_handler(inv, &hd);
    if (sip_invite_ring(inv, 180, none, NULL))
        s->step = 0;
    wait_ms(s, s->call->ring_ms);
}

static void on_start(void *arg)
{
    struct call *c = arg;
    struct sip_invite_config cfg = { .target = VIEW("sip:b@192.0.2.2"), .from = VIEW("<sip:a@192.0.2.1>") };
    struct sip_invite_handler hd = handler(&c->caller);
    char header[32];
    snprintf(header, sizeof header, "X-Call: %u\r\n", (unsigned) c->number);
    cfg.headers = view_str(header);
    if (c->scene != LATE_OFFER)
        cfg.offer = offer;
    if (sip_invite_call(&c->caller.inv, c->storm->a.ua, &cfg, &hd)) {
        c->caller.inv = NULL;
        return;
    }
    if (c->scene == CANCELLED || c->scene == CANCEL_MEETS_ANSWER)
        wait_ms(&c->caller, c->scene == CANCELLED ? c->ring_ms / 2 : c->ring_ms + 30);
}

/* ---- the world --------------------------------------------------------------------------------------------------- */

static bool open_party(struct t *t, struct storm *st, struct party *p, const char *ip)
{
    struct sip_ua_config uc = SIP_UA_CONFIG_DEFAULT;
    struct sip_ua_ops ops = { .incoming = on_incoming, .arg = p };
    struct sip_stack_config sc = SIP_STACK_CONFIG_DEFAULT;
    struct sip_locator_config lc = SIP_LOCATOR_CONFIG_DEFAULT;
    struct sip_transport *transport;
    struct sip_core_ops core;
    struct addr local;
    p->storm = st;
    T_OK(addr_parse(view_str(ip), 5060, &local));
    T_OK(sim_host(st->sim, ip, &p->host));
    T_OK(sys_loop_create(p->host, &p->loop));
    T_OK(sip_ua_create(&p->ua, &uc, &ops));
    sip_ua_core(p->ua, &core);
    T_OK(sip_stack_create(&p->stack, p->loop, &sc, &core));
    T_OK(sip_stack_listen(p->stack, SIP_PROTO_UDP, &local, &transport));
    T_OK(sip_locator_create(&p->locator, p->stack, &lc));
    T_OK(sip_ua_start(p->ua, p->locator));
    return true;
out:
    return false;
}

static void close_party(struct party *p)
{
    if (p->ua && sip_ua_stack(p->ua))
        sip_ua_stop(p->ua);
    sip_locator_destroy(p->locator);
    sip_stack_destroy(p->stack);
    sip_ua_destroy(p->ua);
    if (p->loop)
        sys_loop_destroy(p->loop);
}

static void plan(struct storm *st, uint32_t i, uint32_t every_ms)
{
    struct call *c = &st->call[i];
    c->storm = st;
    c->number = i;
    c->scene = (enum scene) rng_below(&st->rng, SCENES);
    c->ring_ms = rng_below(&st->rng, 3000);
    c->talk_ms = c->scene == GLARE ? 500 : rng_below(&st->rng, 5000);
    c->caller.call = c->callee.call = c;
    sys_timer_init(&c->caller.timer, on_time, &c->caller);
    sys_timer_init(&c->callee.timer, on_time, &c->callee);
    sys_timer_init(&c->start, on_start, c);
    sys_timer_start(st->a.loop, &c->start, SYS_MS((int64_t) i * every_ms));
}

/* RFC 4028's question, where only one end is left: the other answers 481. */
static void audit(struct storm *st)
{
    struct sip_invite_request rq = { .method = VIEW("OPTIONS") };
    for (uint32_t i = 0; i < st->calls; i++) {
        struct side *s[2] = { &st->call[i].caller, &st->call[i].callee };
        for (int k = 0; k < 2; k++) {
            if (!in_session(s[k]))
                continue;
            st->audited++;
            if (sip_invite_send(s[k]->inv, &rq))
                let_go(s[k]);
        }
    }
}

static bool agrees(const struct call *c)
{
    const struct side *a = &c->caller, *b = &c->callee;
    bool timeout = a->end.err == AHOY_ERR_TIMEOUT || b->end.err == AHOY_ERR_TIMEOUT;
    if (a->ended != 1 || b->ended > 1)
        return false;
    if (!b->ended) /* it never heard of the call: all INVITEs were lost, or a CANCEL came before any got through */
        return !a->confirmed && (timeout || a->end.status == 487);
    if (a->confirmed && !b->accepted)
        return false;
    if (b->confirmed && !a->confirmed && a->end.status != 487 && !timeout)
        return false;
    if (a->end.who == SIP_INVITE_REMOTE && a->end.status >= 300 && a->end.status != 487 && a->end.status != b->rejected)
        return false;
    if (b->rejected && a->end.status != b->rejected && a->end.status != 487 && !timeout)
        return false;
    return true;
}

static void describe(const struct call *c)
{
    printf("call %u scene %d: caller ended %u who %d status %u err %s confirmed %d; "
           "callee ended %u who %d status %u err %s confirmed %d accepted %d rejected %u\n",
           (unsigned) c->number, (int) c->scene, c->caller.ended, (int) c->caller.end.who, c->caller.end.status,
           ahoy_err_name(c->caller.end.err), c->caller.confirmed, c->callee.ended, (int) c->callee.end.who,
           c->callee.end.status, ahoy_err_name(c->callee.end.err), c->callee.confirmed, c->callee.accepted,
           c->callee.rejected);
}

static void check_agreement(struct t *t, struct storm *st)
{
    unsigned wrong = 0;
    for (uint32_t i = 0; i < st->calls; i++) {
        struct call *c = &st->call[i];
        st->unseen += !c->callee.ended;
        st->timeouts += c->caller.end.err == AHOY_ERR_TIMEOUT || c->callee.end.err == AHOY_ERR_TIMEOUT;
        if (agrees(c) || t_excused(t))
            continue;
        if (wrong++ < 10)
            describe(c);
    }
    T_EQ(wrong, 0);
    T_LE(st->timeouts, 5 + st->calls / 100);
    T_LE(st->audited, 2 + st->calls / 2000);
out:
    return;
}

static void check_nothing_is_left(struct t *t, const struct party *p)
{
    struct sip_stack_counts counts;
    sip_stack_counts(p->stack, &counts);
    T_ALWAYS(sip_ua_invite_count(p->ua) == 0);
    T_ALWAYS(sip_dialogs_count(sip_ua_dialogs(p->ua)) == 0);
    T_CHECK(counts.client_txns == 0);
    T_CHECK(counts.server_txns == 0);
out:
    return;
}

static void run_storm(struct t *t, uint64_t seed, uint32_t calls, uint32_t every_ms)
{
    const struct sim_link link = {
        .loss = 0.3, .duplicate = 0.05, .reorder = 0.1, .delay_us = 20000, .jitter_us = 30000, .reorder_us = 150000
    };
    struct storm st = { .calls = calls };
    rng_init_u64(&st.rng, seed);
    T_OK(sim_create(&st.sim, seed));
    sim_default_link(st.sim, &link);
    st.call = mem_zalloc(calls * sizeof *st.call);
    T_CHECK(st.call);
    if (!open_party(t, &st, &st.a, "192.0.2.1") || !open_party(t, &st, &st.b, "192.0.2.2"))
        goto out;
    for (uint32_t i = 0; i < calls; i++)
        plan(&st, i, every_ms);
    /* The last start, and behind it the longest tale: INVITE, talk, a re-INVITE with glare, BYE, each up to 64 * T1. */
    sim_run(st.sim, SYS_MS((int64_t) calls * every_ms) + SYS_S(180));
    audit(&st);
    sim_run(st.sim, SYS_S(400));
    check_agreement(t, &st);
    check_nothing_is_left(t, &st.a);
    check_nothing_is_left(t, &st.b);
    if (calls > 100)
        printf("%u calls: %u re-INVITEs, %u waits, %u time-outs, %u never seen, %u audited\n", (unsigned) calls,
               (unsigned) st.reinvited, (unsigned) st.glares, (unsigned) st.timeouts, (unsigned) st.unseen,
               (unsigned) st.audited);
out:
    for (uint32_t i = 0; st.call && i < calls; i++) {
        if (st.call[i].storm) {
            sys_timer_stop(&st.call[i].start);
            sys_timer_stop(&st.call[i].caller.timer);
            sys_timer_stop(&st.call[i].callee.timer);
        }
    }
    close_party(&st.a);
    close_party(&st.b);
    sim_destroy(st.sim);
    mem_free(st.call);
}

static void test_ten_thousand_calls_at_30_percent_loss_agree(struct t *t)
{
    run_storm(t, 20260, 10000, 20);
}

static void test_a_few_calls_agree_and_leave_nothing_whatever_fails(struct t *t)
{
    run_storm(t, 11, 4, 500);
}

/* The large one without failing allocations: it makes hundreds of thousands; the small one fails at each of its own. */
T_MAIN(T_PLAIN(test_ten_thousand_calls_at_30_percent_loss_agree),
       T(test_a_few_calls_agree_and_leave_nothing_whatever_fails))
