/*
 * The doctor: looks at ports, names, servers, registrations and sound devices, in that order, and tells each finding in
 * a sentence with a remedy. Look-ups and OPTIONS run on the signalling loop; sound servers are asked on the thread
 * where devices are opened, since they may take two seconds.
 */
#include "ua/doctor_sound.h"
#include "ua/impl.h"

#include "base/mem.h"
#include "sys/dns.h"

#include <stdio.h>

enum { PING_MS = 4000, HOSTS_MAX = 8, HOST_BYTES = 256 };

struct exam_host {
    struct ua_exam *exam;
    char host[HOST_BYTES];
    char uri[UA_URI_BYTES];
    struct ua_account *account;
    struct sys_dns_query *query;
};

struct ua_exam {
    struct list_link link;
    struct ua *ua;
    ahoy_command_id command;
    struct exam_host host[HOSTS_MAX];
    size_t hosts;
    unsigned waiting;
    enum ahoy_verdict worst;
    enum ahoy_cause worst_cause;
    struct exam_devices *devices;
};

/* On its way to the devices' thread and back. */
struct exam_devices {
    struct sys_msg msg;
    struct ua_exam *exam; /* NULL: nobody waits any more */
    struct sys_loop *home;
    struct audio_device_info *list;
    size_t n;
    char why[AUDIO_WHY_BYTES];
};

static void finding(struct ua_exam *x, enum ahoy_verdict verdict, enum ahoy_cause cause, const char *area,
                    const char *what, const char *remedy)
{
    struct ahoy_event e = { .type = AHOY_EVENT_DOCTOR };
    if (verdict != AHOY_VERDICT_DONE && verdict > x->worst) {
        x->worst = verdict;
        x->worst_cause = cause;
    }
    e.doctor = (struct ahoy_finding){
        .command = x->command, .verdict = verdict, .cause = cause, .area = area, .what = what, .remedy = remedy
    };
    ua_emit(x->ua, &e);
}

static void exam_free(struct ua_exam *x)
{
    list_remove(&x->link);
    for (size_t i = 0; i < x->hosts; i++)
        sys_dns_cancel(x->host[i].query);
    mem_free(x);
}

static void one_done(struct ua_exam *x)
{
    if (--x->waiting > 0)
        return;
    finding(x, AHOY_VERDICT_DONE, x->worst_cause, "all",
            x->worst == AHOY_VERDICT_OK ? "everything looked at works" : "see above for what does not work", "");
    exam_free(x);
}

/* ---- ports and addresses ----------------------------------------------------------------------------------------- */

static void look_at_ports(struct ua_exam *x)
{
    struct sys_iface iface[32];
    char text[80], line[300], ip[ADDR_TEXT_BYTES];
    for (size_t i = 0; ua_listening(x->ua, i, text); i++) {
        snprintf(line, sizeof line, "listening on %s", text);
        finding(x, AHOY_VERDICT_OK, AHOY_CAUSE_NONE, "ports", line, "");
    }
    size_t n = sys_host_ifaces(sys_loop_host(x->ua->loop), iface, AHOY_COUNT(iface)), outside = 0;
    for (size_t i = 0; i < n; i++) {
        if (iface[i].loopback || addr_is_link_local(&iface[i].addr))
            continue;
        outside++;
        bool private = addr_is_private(&iface[i].addr);
        snprintf(line, sizeof line, "%s has the address %s%s", iface[i].name, addr_print_ip(&iface[i].addr, false, ip),
                 !private                           ? ""
                 : iface[i].addr.family == ADDR_IP6 ? ", which is private: the internet is not reached from it"
                                                    : ", which is private: a NAT is between it and the internet");
        finding(x, AHOY_VERDICT_OK, AHOY_CAUSE_NONE, "network", line, "");
    }
    if (outside == 0)
        finding(x, AHOY_VERDICT_WARNING, AHOY_CAUSE_NO_ANSWER_NET, "network",
                "this machine has no address but its own loopback", "connect it to a network to reach other machines");
}

/* ---- a server: name, then OPTIONS -------------------------------------------------------------------------------- */

static void ping_over(void *arg, const struct sip_outcome *out, uint32_t took_ms)
{
    struct exam_host *h = arg;
    struct ua_exam *x = h->exam;
    char line[HOST_BYTES + 120];
    struct buf remedy;
    if (out->err == AHOY_ERR_CANCELLED)
        return; /* the agent leaves; the exam is freed by it */
    buf_init(&remedy, UA_TEXT_BYTES);
    struct cause_subject subject = { .server = view_of(NULL, 0) };
    if (out->status > 0) { /* any answer shows that it is there */
        snprintf(line, sizeof line, "%s speaks SIP: it answered %u after %u ms", h->host, out->status,
                 (unsigned) took_ms);
        finding(x, AHOY_VERDICT_OK, AHOY_CAUSE_NONE, "server", line, "");
    } else {
        snprintf(line, sizeof line, "%s does not answer SIP", h->host);
        cause_sentence(0, out->err, &subject, &remedy);
        finding(x, AHOY_VERDICT_FAILED, cause_of(0, out->err), "server", line, buf_cstr(&remedy));
    }
    buf_fini(&remedy);
    one_done(x);
}

static void ping_host(struct exam_host *h)
{
    if (ua_ping(h->exam->ua, h->account, h->uri, PING_MS, ping_over, h)) {
        finding(h->exam, AHOY_VERDICT_FAILED, AHOY_CAUSE_CONFIG, "server", "the server's address cannot be understood",
                "it should look like sip:HOST or HOST");
        one_done(h->exam);
    }
}

static void name_found(void *arg, enum ahoy_err err, const struct sys_dns_record *records, size_t n)
{
    struct exam_host *h = arg;
    char line[HOST_BYTES + 120], ip[ADDR_TEXT_BYTES];
    h->query = NULL;
    if (err == AHOY_OK && n > 0) {
        snprintf(line, sizeof line, "%s has the address %s%s", h->host, addr_print_ip(&records[0].u.addr, false, ip),
                 n > 1 ? " and others" : "");
        finding(h->exam, AHOY_VERDICT_OK, AHOY_CAUSE_NONE, "dns", line, "");
    } else if (err == AHOY_ERR_DNS_SERVER || err == AHOY_ERR_TIMEOUT) {
        snprintf(line, sizeof line, "the name %s cannot be looked up: the name server does not answer", h->host);
        finding(h->exam, AHOY_VERDICT_FAILED, AHOY_CAUSE_DNS, "dns", line,
                "check the network connection and /etc/resolv.conf");
    } else {
        snprintf(line, sizeof line, "the name %s has no IPv4 address (%s)", h->host, ahoy_err_text(err));
        finding(h->exam, AHOY_VERDICT_WARNING, AHOY_CAUSE_DNS, "dns", line,
                "check its spelling; a domain may have SRV records alone, then the next line tells");
    }
    ping_host(h);
}

static void look_at_host(struct ua_exam *x, struct ua_account *a, const char *server)
{
    struct buf b;
    struct sip_uri u;
    struct addr ip;
    if (x->hosts == HOSTS_MAX)
        return;
    struct exam_host *h = &x->host[x->hosts];
    buf_init(&b, UA_URI_BYTES - 1);
    if (view_istarts(view_str(server), VIEW("sip")) && view_find(view_str(server), ':') < 5)
        buf_str(&b, server);
    else
        buf_printf(&b, "sip:%s", server);
    bool ok = !buf_err(&b) && sip_uri_parse(buf_content(&b), &u) == AHOY_OK
              && view_copy(u.host, h->host, sizeof h->host) && view_copy(buf_content(&b), h->uri, sizeof h->uri);
    bool literal = ok && sip_uri_ip(&u, &ip) == AHOY_OK;
    buf_fini(&b);
    for (size_t i = 0; i < x->hosts; i++)
        if (ok && view_ieq(view_str(x->host[i].uri), view_str(h->uri)))
            return; /* looked at already */
    x->hosts++;
    x->waiting++;
    h->exam = x;
    h->account = a;
    if (!ok || literal)
        ping_host(h);
    else if (sys_dns_start(&h->query, x->ua->loop, h->host, SYS_DNS_A, name_found, h))
        name_found(h, AHOY_ERR_DNS_SERVER, NULL, 0);
}

/* ---- accounts ---------------------------------------------------------------------------------------------------- */

static void look_at_account(struct ua_exam *x, struct ua_account *a)
{
    char line[UA_URI_BYTES + 160];
    struct sip_uri u;
    char host[HOST_BYTES];
    switch (a->state) {
    case AHOY_ACCOUNT_REGISTERED:
        snprintf(line, sizeof line, "%s is registered for another %u s", a->uri,
                 (unsigned) (a->reg ? sip_register_left_s(a->reg) : 0));
        finding(x, AHOY_VERDICT_OK, AHOY_CAUSE_NONE, "registration", line, "");
        break;
    case AHOY_ACCOUNT_FAILED:
        snprintf(line, sizeof line, "%s is not registered", a->uri);
        finding(x, AHOY_VERDICT_FAILED, a->failure, "registration", line, a->failure_text);
        break;
    case AHOY_ACCOUNT_OFFLINE:
        snprintf(line, sizeof line, "%s does not register: it can call, but not be called", a->uri);
        finding(x, a->no_register ? AHOY_VERDICT_OK : AHOY_VERDICT_WARNING, AHOY_CAUSE_NONE, "registration", line, "");
        break;
    case AHOY_ACCOUNT_REGISTERING:
    case AHOY_ACCOUNT_LEAVING:
        snprintf(line, sizeof line, "%s is still waiting for an answer from its registrar", a->uri);
        finding(x, AHOY_VERDICT_WARNING, AHOY_CAUSE_NO_ANSWER_NET, "registration", line, "wait, then ask again");
        break;
    }
    if (sip_uri_parse(view_str(a->registrar ? a->registrar : a->uri), &u))
        return;
    snprintf(host, sizeof host, "%.*s", VIEW_ARG(u.host));
    if (a->registrar) {
        look_at_host(x, a, a->registrar);
    } else if (u.port > 0) {
        snprintf(host, sizeof host, "%.*s:%u", VIEW_ARG(u.host), u.port);
        look_at_host(x, a, host);
    } else {
        look_at_host(x, a, host);
    }
}

/* ---- sound devices ----------------------------------------------------------------------------------------------- */

static void devices_free(struct exam_devices *d)
{
    mem_free(d->list);
    mem_free(d);
}

static void devices_back(struct sys_msg *msg)
{
    struct exam_devices *d = AHOY_CONTAINER_OF(msg, struct exam_devices, msg);
    struct ua_exam *x = d->exam;
    struct doctor_sound found[DOCTOR_SOUND_FINDINGS];
    size_t n = x ? doctor_sound(d->list, d->n, d->why, found) : 0;
    for (size_t i = 0; i < n; i++)
        finding(x, found[i].warning ? AHOY_VERDICT_WARNING : AHOY_VERDICT_OK,
                found[i].warning ? AHOY_CAUSE_DEVICE : AHOY_CAUSE_NONE, "devices", found[i].what, found[i].remedy);
    devices_free(d);
    if (x) {
        x->devices = NULL;
        one_done(x);
    }
}

static void list_devices(struct sys_msg *msg)
{
    struct exam_devices *d = AHOY_CONTAINER_OF(msg, struct exam_devices, msg);
    d->n = audio_devices_list(d->list, AUDIO_MAX_DEVICES, d->why);
    d->msg.fn = devices_back;
    sys_post(d->home, &d->msg);
}

static void look_at_devices(struct ua_exam *x)
{
    struct exam_devices *d = mem_zalloc(sizeof *d);
    if (!d)
        return;
    if (!(d->list = mem_zalloc(AUDIO_MAX_DEVICES * sizeof *d->list))) {
        devices_free(d);
        return;
    }
    d->msg.fn = list_devices;
    d->home = x->ua->loop;
    d->exam = x;
    if (media_engine_post_device(x->ua->media, &d->msg)) {
        devices_free(d);
        return;
    }
    x->devices = d;
    x->waiting++;
}

/* ---- the examination --------------------------------------------------------------------------------------------- */

void ua_doctor(struct ua *ua, ahoy_command_id command, ahoy_account_id account, const char *server)
{
    struct ua_exam *x = mem_zalloc(sizeof *x);
    if (!x) {
        ua_result(ua, command, AHOY_ERR_NOMEM, 0, NULL, 0);
        return;
    }
    x->ua = ua;
    x->command = command;
    x->waiting = 1; /* this function itself */
    list_push_back(&ua->exams, &x->link);
    look_at_ports(x);
    LIST_EACH(k, &ua->accounts) {
        struct ua_account *a = LIST_ENTRY(k, struct ua_account, link);
        if (!a->removing && (account == 0 || a->id == account))
            look_at_account(x, a);
    }
    if (server && server[0])
        look_at_host(x, NULL, server);
    look_at_devices(x);
    one_done(x);
}

void ua_exams_drop(struct ua *ua)
{
    LIST_EACH(k, &ua->exams) {
        struct ua_exam *x = LIST_ENTRY(k, struct ua_exam, link);
        if (x->devices)
            x->devices->exam = NULL;
        exam_free(x);
    }
}
