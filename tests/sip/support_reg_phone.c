#include "sip/support_reg_phone.h"

#include <stdio.h>

void reg_phone_move_nat(struct reg_phone *p)
{
    char ip[32];
    snprintf(ip, sizeof ip, "198.51.100.%u", 10 + p->moves++ % 200);
    if (sim_nat(p->w.host, ip, SIM_NAT_FULL_CONE, 0) != AHOY_OK)
        p->nat_moves = false;
}

static void on_event(void *arg, struct sip_register *r, const struct sip_register_event *e)
{
    struct reg_phone *p = arg;
    p->events++;
    p->last = *e;
    p->last.response = NULL;
    if (p->log.n)
        buf_str(&p->log, "; ");
    buf_str(&p->log, sip_register_state_name(e->state));
    if (e->state == SIP_REGISTER_REGISTERED)
        buf_printf(&p->log, " %u", (unsigned) e->expires_s);
    if (e->state == SIP_REGISTER_REGISTERED && p->nat_moves)
        reg_phone_move_nat(p);
    if (e->state == SIP_REGISTER_FAILED && e->status)
        buf_printf(&p->log, " %u", e->status);
    else if (e->err != AHOY_OK)
        buf_printf(&p->log, " %s", ahoy_err_name(e->err));
    if (e->state == SIP_REGISTER_GONE && p->destroy_at_gone) {
        sip_register_destroy(r);
        p->r = NULL;
    }
}

static void on_flow_lost(void *arg, struct sip_flow *flow, enum ahoy_err err)
{
    struct reg_phone *p = arg;
    (void) err;
    if (p->r)
        sip_register_flow_lost(p->r, flow);
}

struct sip_register_config reg_phone_config(struct reg_phone *p)
{
    struct sip_register_config c = SIP_REGISTER_CONFIG_DEFAULT;
    c.locator = p->w.locator;
    c.auth = p->w.auth;
    c.aor = VIEW("sip:alice@example.com");
    return c;
}

struct sip_register_handler reg_phone_handler(struct reg_phone *p)
{
    return (struct sip_register_handler){ .event = on_event, .arg = p };
}

enum ahoy_err reg_phone_register(struct reg_phone *p, const struct sip_register_config *cfg)
{
    const struct sip_register_handler handler = reg_phone_handler(p);
    enum ahoy_err err = sip_register_create(&p->r, cfg, &handler);
    return err == AHOY_OK ? sip_register_start(p->r) : err;
}

bool reg_phone_init(struct t *t, struct reg_phone *p, int servers)
{
    memset(p, 0, sizeof *p);
    buf_init(&p->log, 65536);
    if (!reg_init(t, &p->w, NULL))
        return false;
    p->w.flow_lost = on_flow_lost;
    p->w.flow_lost_arg = p;
    T_OK(sim_dns_add_srv(p->w.sim, "_sip._udp.example.com", 1, 0, 5060, "192.0.2.2"));
    T_CHECK(reg_server(&p->w, "192.0.2.2"));
    if (servers > 1) {
        T_OK(sim_dns_add_srv(p->w.sim, "_sip._udp.example.com", 2, 0, 5060, "192.0.2.3"));
        T_CHECK(reg_server(&p->w, "192.0.2.3"));
    }
    return true;
out:
    return false;
}

void reg_phone_fini(struct t *t, struct reg_phone *p)
{
    sip_register_destroy(p->r);
    p->r = NULL;
    buf_fini(&p->log);
    reg_fini(t, &p->w);
}

const char *reg_phone_log(struct reg_phone *p)
{
    return buf_cstr(&p->log);
}

struct sip_msg *reg_newest(const struct reg_server *s)
{
    return s->count > 0 ? s->got[s->count - 1] : NULL;
}
