#include "support_odd.h"

enum ahoy_err odd_open(struct odd *o)
{
    *o = (struct odd){ .sim = NULL };
    enum ahoy_err err = sim_create(&o->sim, 5);
    if (!err)
        err = sim_host(o->sim, "192.0.2.1", &o->host_a);
    if (!err)
        err = sim_host(o->sim, "192.0.2.9", &o->host_r);
    if (!err)
        err = raw_open(&o->r, o->sim, o->host_r, "192.0.2.9");
    return err ? err : phone_open(&o->a, o->sim, o->host_a, "192.0.2.1:5060");
}

void odd_close(struct t *t, struct odd *o)
{
    phone_close_checked(t, &o->a);
    raw_close(&o->r);
    sim_destroy(o->sim);
}

bool odd_talks(struct phone *a, struct phone *b)
{
    (void) b;
    return a->state == AHOY_CALL_CONFIRMED;
}

bool odd_call(struct odd *o, const char *sdp)
{
    struct ahoy_call_config call = { .uri = "sip:raw@192.0.2.9",
                                     .media = { .codecs = "pcmu,pcma", .audio = "tone:1000" } };
    if (ahoy_call_place(o->a.engine, &call, &o->a.placed))
        return false;
    phone_run_ms(&o->a, NULL, 100);
    if (o->r.invites == 0)
        return false;
    raw_answer(&o->r, 200, sdp);
    return phone_run(&o->a, NULL, odd_talks, 3000);
}

bool odd_called_with(struct odd *o, const char *codecs, const char *sdp)
{
    struct ahoy_listen_config listen = { .auto_answer = true, .media = { .codecs = codecs, .audio = "tone:1000" } };
    if (ahoy_listen(o->a.engine, &listen))
        return false;
    phone_run_ms(&o->a, NULL, 10);
    raw_call(&o->r, "192.0.2.1", sdp);
    phone_run_ms(&o->a, NULL, 200);
    return o->r.status == 200;
}

bool odd_called(struct odd *o, const char *sdp)
{
    return odd_called_with(o, "pcmu", sdp);
}

void odd_hang_up(struct odd *o)
{
    raw_request(&o->r, "BYE", "", NULL);
    (void) phone_run(&o->a, NULL, phone_one_ended, 2000);
}
