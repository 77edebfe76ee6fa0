/* What both kinds of transactions share: identity and time. RFC 3261 sections 17.1.3, 17.2.3, table 4. */
#include "sip/txn.h"

#include "base/chars.h"
#include "sip/txn_priv.h"

void sip_txn_timer_arm(struct sip_txn_timer *t, struct sys_loop *loop)
{
    int64_t next = AHOY_MIN(t->resend_us, t->expire_us);
    if (next == INT64_MAX)
        sys_timer_stop(&t->timer);
    else
        sys_timer_start_at(loop, &t->timer, next);
}

void sip_txn_timer_back_off(struct sip_txn_timer *t, uint32_t max_ms)
{
    t->interval_ms = t->interval_ms > max_ms / 2 ? max_ms : t->interval_ms * 2;
    t->resend_us += SYS_MS(t->interval_ms);
}

uint64_t sip_txn_e_reaches_t2_ms(const struct sip_timers *timers)
{
    uint64_t at = 0;
    for (uint64_t e = timers->t1_ms; e < timers->t2_ms; e *= 2)
        at += e;
    return at;
}

/* Host names are compared without case. What is too long for that is no host that a peer writes in two ways. */
static struct view lower_host(struct view host, char text[64])
{
    if (host.n > 64)
        return host;
    for (size_t i = 0; i < host.n; i++)
        text[i] = chars_lower(host.p[i]);
    return view_of(text, host.n);
}

void sip_txn_server_key(const struct sip_stack *s, const struct sip_msg *m, const struct sip_core *core,
                        enum sip_method method, struct sip_digest *out)
{
    struct view name = method == SIP_METHOD_UNKNOWN ? m->method_text : view_str(sip_method_name(method));
    if (sip_branch_is_3261(core->via.branch)) {
        char host[64], port[2] = { (char) (core->via.port >> 8), (char) core->via.port };
        struct view parts[] = { VIEW("3261"), core->via.branch, lower_host(core->via.host, host),
                                view_of(port, sizeof port), name };
        sip_stack_digest(s, parts, AHOY_COUNT(parts), out);
        return;
    }
    /* RFC 2543. The To tag is left out: an ACK's differs from its INVITE's, and no two requests differ in it alone. */
    uint32_t n = core->cseq.number;
    char number[4] = { (char) (n >> 24), (char) (n >> 16), (char) (n >> 8), (char) n };
    struct view parts[] = { VIEW("2543"),   m->uri, core->from_tag, core->call_id, view_of(number, sizeof number),
                            core->via.text, name };
    sip_stack_digest(s, parts, AHOY_COUNT(parts), out);
}
