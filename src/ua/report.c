/*
 * Quality reports (RFC 6035): what a call came to, as a body for who asks, and published to the collector that the
 * configuration names: at the end of each answered call, and at most once within one that has got bad.
 */
#include "ua/call.h"

#include "base/mem.h"
#include "rtp/emodel.h"
#include "rtp/vqreport.h"
#include "sip/hdr.h"

enum {
    ALERT_AFTER_MS = 10000, /* the figures of the last ten seconds mean that much only then */
    ADDRESS_BYTES = 512,
    TAG_BYTES = 128,
    PATIENCE_MS = 8000, /* a collector that does not answer keeps nobody from leaving */
};

static const double alert_mos = 3.1; /* G.107 annex B: nearly all users are dissatisfied below it */

/* Who takes part in a call, kept when its leg is gone. */
struct ua_names {
    char local[ADDRESS_BYTES], remote[ADDRESS_BYTES];
    char local_tag[TAG_BYTES], remote_tag[TAG_BYTES];
};

/* A report on its way. */
struct ua_report {
    struct list_link link;
    struct ua *ua;
    struct sip_request *rq;
};

static bool is_wanted(const struct ua *ua)
{
    return ua->config.engine->quality_collector && !ua->collector_refuses;
}

void ua_report_keep_names(struct ua_call *c)
{
    const struct sip_dialog *d = c->inv ? sip_invite_dialog(c->inv) : NULL;
    if (!d || c->names || c->answered_us == 0 || !(c->names = mem_zalloc(sizeof *c->names)))
        return; /* without memory there is no report */
    struct ua_names *n = c->names;
    (void) view_copy(sip_dialog_local(d), n->local, sizeof n->local);
    (void) view_copy(sip_dialog_remote(d), n->remote, sizeof n->remote);
    (void) view_copy(sip_dialog_local_tag(d), n->local_tag, sizeof n->local_tag);
    (void) view_copy(sip_dialog_remote_tag(d), n->remote_tag, sizeof n->remote_tag);
}

/* ---- the body ---------------------------------------------------------------------------------------------------- */

static void fill_session(const struct ua_call *c, struct vqreport_metrics *m)
{
    int64_t now_us = sys_now_us(c->ua->loop), wall_ms = sys_wall_ms(c->ua->loop);
    int64_t end_us = c->ended_us > 0 ? c->ended_us : now_us;
    *m = (struct vqreport_metrics){ .start_ms = wall_ms - (now_us - c->answered_us) / 1000,
                                    .stop_ms = wall_ms - (now_us - end_us) / 1000,
                                    .pt = -1,
                                    .loss = -1,
                                    .jitter_ms = -1,
                                    .round_trip_ms = -1,
                                    .one_way_ms = -1,
                                    .r_lq = -1,
                                    .r_cq = -1,
                                    .mos_lq = -1,
                                    .mos_cq = -1 };
}

static double one_way(const struct media_stats *s)
{
    if (s->rtt_ms < 0 || s->remote_end_system_ms < 0 || s->end_system_ms < 0)
        return -1;
    return (s->rtt_ms + s->remote_end_system_ms + s->end_system_ms) / 2;
}

/* RFC 6035 has no scale for full band: its ratings are given on the wideband one. */
static double rating(const struct media_stats *s, double r)
{
    return r >= 0 && strcmp(s->model, emodel_name(EMODEL_FULLBAND)) == 0 ? r * 129 / 148 : r;
}

static void fill_local(const struct ua_call *c, const struct media_stats *s, struct vqreport_metrics *m)
{
    fill_session(c, m);
    if (s->rx_codec) {
        m->pt = s->rx_pt;
        m->codec = view_str(s->rx_codec->name);
        m->rate_hz = s->rx_codec->rate_hz;
        m->frame_ms = s->rx_frame_ms;
    }
    m->has_voip = s->rtp_in > 0;
    m->voip = s->voip;
    m->jitter_ms = s->rtp_in > 0 ? s->jitter_ms : -1;
    m->round_trip_ms = s->rtt_ms;
    m->one_way_ms = one_way(s);
    m->r_lq = rating(s, s->r_lq);
    m->r_cq = rating(s, s->r);
    m->mos_lq = s->mos_lq;
    m->mos_cq = s->mos;
    m->algorithm = view_str(s->model);
}

/* What the peer measured, by its XR; of plain reports only what they have measured themselves. */
static void fill_remote(const struct ua_call *c, const struct media_stats *s, struct vqreport_metrics *m)
{
    fill_session(c, m);
    if (s->tx_codec) {
        m->pt = s->tx_pt;
        m->codec = view_str(s->tx_codec->name);
        m->rate_hz = s->tx_codec->rate_hz;
        m->frame_ms = s->tx_frame_ms;
        m->dtx = s->tx_dtx;
    }
    m->has_voip = s->has_remote_voip;
    m->voip = s->remote_voip;
    m->jitter_ms = s->remote_jitter_ms;
    if (!s->has_remote_voip)
        return;
    m->round_trip_ms = s->remote_voip.round_trip_ms;
    m->one_way_ms = one_way(s);
    m->r_cq = s->remote_r;
    m->mos_lq = s->remote_mos_lq;
    m->mos_cq = s->remote_mos;
}

/* The host of an address stands for the group that figures are put together by. */
static struct view group_of(const char *address)
{
    struct sip_addr a;
    struct sip_uri u;
    if (sip_addr_parse(view_str(address), &a) || sip_uri_parse(a.uri, &u))
        return view_of(NULL, 0);
    return u.host;
}

static enum ahoy_err print(const struct ua_call *c, const struct media_stats *s, struct vqreport *r, struct buf *out)
{
    r->call_id = view_str(c->call_id);
    r->local_tag = view_str(c->names->local_tag);
    r->remote_tag = view_str(c->names->remote_tag);
    r->local_id = view_str(c->names->local);
    r->remote_id = view_str(c->names->remote);
    r->we_called = !c->incoming;
    r->local_group = group_of(c->names->local);
    r->remote_group = group_of(c->names->remote);
    r->local = c->info.local;
    r->remote = c->info.remote;
    r->local_ssrc = s->ssrc;
    r->remote_ssrc = s->remote_ssrc;
    fill_local(c, s, &r->local_metrics);
    r->has_remote = s->has_remote_voip || s->remote_jitter_ms >= 0;
    if (r->has_remote)
        fill_remote(c, s, &r->remote_metrics);
    vqreport_print(r, out);
    return buf_err(out);
}

static void tell(const struct ua_call *c, const struct vqreport *r, struct buf *body, bool published)
{
    struct ahoy_event e = { .type = AHOY_EVENT_CALL_REPORT };
    e.report.id = c->id;
    e.report.kind = r->kind == VQREPORT_ALERT ? "alert" : "session";
    e.report.published = published;
    e.report.body = buf_cstr(body);
    ua_emit(c->ua, &e);
}

enum ahoy_err ua_report_now(struct ua_call *c)
{
    struct vqreport r = { .kind = VQREPORT_SESSION };
    struct buf body;
    if (!c->media || c->answered_us == 0)
        return AHOY_ERR_STATE;
    ua_report_keep_names(c);
    if (!c->names)
        return AHOY_ERR_NOMEM;
    buf_init(&body, VQREPORT_MAX_BYTES);
    enum ahoy_err err = print(c, media_session_stats(c->media), &r, &body);
    if (!err)
        tell(c, &r, &body, false);
    buf_fini(&body);
    return err;
}

/* ---- publishing -------------------------------------------------------------------------------------------------- */

static void report_free(struct ua_report *p)
{
    struct ua *ua = p->ua;
    list_remove(&p->link);
    sip_request_destroy(p->rq);
    mem_free(p);
    ua_check_left(ua);
}

/* Section 3.2: who does not know PUBLISH or the package gets no more. Section 3.4: Retry-After is kept to. */
static void published(void *arg, struct sip_request *rq, const struct sip_outcome *out)
{
    struct ua_report *p = arg;
    struct ua *ua = p->ua;
    (void) rq;
    if (out->err)
        log_write(ua->config.log, LOG_WARN, "ua", "the quality report was not taken: %u %s", out->status,
                  ahoy_err_text(out->err));
    if (out->status == 405 || out->status == 489 || out->status == 501 || out->status == 415) {
        log_write(ua->config.log, LOG_WARN, "ua", "the collector takes no quality reports; none is sent any more");
        ua->collector_refuses = true;
    }
    if (out->err && out->has_retry_after)
        ua->collector_after_us = sys_now_us(ua->loop) + SYS_S((int64_t) out->retry_after_s);
    report_free(p);
}

static enum ahoy_err send_publish(struct ua_report *p, const struct ua_call *c, struct view body)
{
    struct ua *ua = p->ua;
    struct ua_account *a = c->account;
    struct buf target, headers;
    char tag[17], call_id[25];
    buf_init(&target, UA_URI_BYTES);
    buf_init(&headers, 4 * UA_URI_BYTES);
    rng_token(sip_stack_rng(ua->stack), tag, 16);
    rng_token(sip_stack_rng(ua->stack), call_id, 24);
    enum ahoy_err err = ua_complete_uri(a, AHOY_TRANSPORT_AUTO, ua->config.engine->quality_collector, &target);
    struct sip_addr from;
    bool named = sip_addr_parse(view_str(c->names->local), &from) == AHOY_OK;
    buf_str(&headers, "From: <");
    buf_view(&headers, named ? from.uri : VIEW("sip:ahoy@invalid"));
    buf_printf(&headers, ">;tag=%s\r\nTo: <%s>\r\nCall-ID: %s\r\nEvent: " VQREPORT_EVENT "\r\nExpires: 3600\r\n", tag,
               buf_cstr(&target), call_id);
    if (!err)
        err = buf_err(&headers);
    struct sip_request_config cfg = { .locator = ua->locator,
                                      .auth = a ? a->auth : NULL,
                                      .method = VIEW("PUBLISH"),
                                      .uri = buf_content(&target),
                                      .routes = a ? ua_account_routes(a) : view_of(NULL, 0),
                                      .headers = buf_content(&headers),
                                      .content_type = VIEW(VQREPORT_TYPE),
                                      .body = body,
                                      .timeout_ms = PATIENCE_MS };
    struct sip_request_handler handler = { .final = published, .arg = p };
    if (!err)
        err = sip_request_start(&p->rq, &cfg, &handler);
    buf_fini(&target);
    buf_fini(&headers);
    return err;
}

static void publish(struct ua_call *c, const struct media_stats *s, struct vqreport *r)
{
    struct ua *ua = c->ua;
    struct buf body;
    struct ua_report *p = NULL;
    ua_report_keep_names(c);
    if (!c->names || sys_now_us(ua->loop) < ua->collector_after_us)
        return;
    buf_init(&body, VQREPORT_MAX_BYTES);
    enum ahoy_err err = print(c, s, r, &body);
    if (!err && !(p = mem_zalloc(sizeof *p)))
        err = AHOY_ERR_NOMEM;
    if (p) {
        p->ua = ua;
        list_push_back(&ua->reports, &p->link);
        if ((err = send_publish(p, c, buf_content(&body)))) {
            list_remove(&p->link);
            mem_free(p);
        }
    }
    if (err)
        log_write(ua->config.log, LOG_WARN, "ua", "no quality report was sent: %s", ahoy_err_text(err));
    else
        tell(c, r, &body, true);
    buf_fini(&body);
}

void ua_report_end(struct ua_call *c, const struct media_stats *s)
{
    struct vqreport r = { .kind = VQREPORT_SESSION, .call_term = true };
    if (is_wanted(c->ua) && c->answered_us > 0)
        publish(c, s, &r);
}

/* Section 3.4 (c): one alert a call at most. */
void ua_report_watch(struct ua_call *c, const struct media_stats *s)
{
    struct vqreport r = { .kind = VQREPORT_ALERT, .alert_type = "MOSCQ", .alert_severity = "Critical" };
    bool late = c->answered_us > 0 && sys_now_us(c->ua->loop) - c->answered_us >= SYS_MS(ALERT_AFTER_MS);
    if (c->alerted || !late || !is_wanted(c->ua))
        return;
    if (s->mos_now >= 0 && s->mos_now < alert_mos)
        r.alert_dir = "local";
    else if (s->remote_told && s->remote_mos < alert_mos)
        r.alert_dir = "remote";
    else
        return;
    c->alerted = true;
    publish(c, s, &r);
}

void ua_report_forget(struct ua_call *c)
{
    mem_free(c->names);
    c->names = NULL;
}

void ua_reports_drop(struct ua *ua)
{
    LIST_EACH(k, &ua->reports)
        report_free(LIST_ENTRY(k, struct ua_report, link));
}
