/* Quality reports (RFC 6035), held against its grammar. */
#include "rtp/vqreport.h"

#include "support/t.h"
#include "support/vq_abnf.h"

static struct vqreport_metrics some_metrics(void)
{
    struct vqreport_metrics m = { .start_ms = INT64_C(1097432623500),
                                  .stop_ms = INT64_C(1097432762000),
                                  .pt = 96,
                                  .codec = VIEW("opus"),
                                  .rate_hz = 48000,
                                  .frame_ms = 20,
                                  .has_voip = true,
                                  .loss = -1,
                                  .jitter_ms = 2.4,
                                  .round_trip_ms = 200,
                                  .one_way_ms = 190,
                                  .r_lq = 88,
                                  .r_cq = 300,
                                  .mos_lq = 4.1,
                                  .mos_cq = 3.996,
                                  .algorithm = VIEW("G.107.2") };
    rtcp_voip_init(&m.voip, 1);
    m.voip.loss_rate = 13;
    m.voip.discard_rate = 255;
    m.voip.burst_ms = 500;
    m.voip.end_system_ms = 140;
    m.voip.signal_dbm = -18;
    m.voip.noise_dbm = -120;
    m.voip.rx_config = rtcp_voip_rx_config(RTCP_VOIP_PLC_ENHANCED, RTCP_VOIP_JB_ADAPTIVE, 0);
    m.voip.jitter_nominal_ms = 40;
    return m;
}

static struct vqreport some_report(void)
{
    return (struct vqreport){ .call_term = true,
                              .call_id = VIEW("6dg37f{1}890463@192.0.2.1"),
                              .local_tag = VIEW("a1"),
                              .remote_tag = VIEW("b;2"),
                              .local_id = VIEW("\"Alice\" <sip:alice@example.org>"),
                              .remote_id = VIEW("sip:bill@example.net"),
                              .we_called = true,
                              .local_group = VIEW("example.org"),
                              .remote_group = VIEW("[2001:db8::1]"),
                              .local = addr_any(ADDR_IP4, 4000),
                              .remote = addr_any(ADDR_IP6, 5000),
                              .local_ssrc = 0x1a3b5c7d,
                              .remote_ssrc = 7,
                              .local_metrics = some_metrics() };
}

static void holds(struct t *t, const struct vqreport *r, const char *text)
{
    struct buf b;
    unsigned where = 0;
    buf_init(&b, VQREPORT_MAX_BYTES);
    vqreport_print(r, &b);
    T_OK(buf_err(&b));
    if (!vq_abnf_check(buf_content(&b), &where))
        T_STR(buf_cstr(&b), "what the grammar has");
    if (text && !strstr(buf_cstr(&b), text))
        T_STR(buf_cstr(&b), text);
out:
    buf_fini(&b);
}

static void test_a_report_is_what_the_grammar_has(struct t *t)
{
    struct vqreport r = some_report();
    holds(t, &r, "VQSessionReport:CallTerm\r\nCallID:6dg37f_1_890463@192.0.2.1\r\n");
    holds(t, &r, "SSRC=0x1A3B5C7D\r\nRemoteAddr:IP=:: PORT=5000 SSRC=0x00000007\r\n");
    holds(t, &r, "Timestamps:START=2004-10-10T18:23:43.500Z STOP=2004-10-10T18:26:02.000Z\r\n");
    holds(t, &r, "PacketLoss:NLR=5.08 JDR=99.61\r\n");
    holds(t, &r, "Signal:SL=-18 NL=-99 \r\n");
    holds(t, &r, "QualityEst:RLQ=88 RCQ=120 MOSLQ=4.10 MOSCQ=4.00 QoEEstAlg=G.107.2\r\n");
    holds(t, &r, "\r\nDialogID:6dg37f_1_890463@192.0.2.1;to-tag=b_2;from-tag=a1");
    r.has_remote = true;
    r.remote_metrics = some_metrics();
    r.remote_metrics.loss = 0.0123;
    r.remote_metrics.voip.rerl_db = 55;
    holds(t, &r, "RemoteMetrics:\r\nTimestamps:");
    holds(t, &r, "PacketLoss:NLR=1.23 JDR");
    holds(t, &r, "NL=-99 RERL=55\r\n");
    r.we_called = false;
    holds(t, &r, "OrigID:sip:bill@example.net\r\n");
    r.kind = VQREPORT_ALERT;
    r.alert_type = "MOSCQ";
    r.alert_severity = "Critical";
    r.alert_dir = "local";
    holds(t, &r, "VQAlertReport:Type=MOSCQ Severity=Critical Dir=local\r\n");
    r.has_remote = false;
    holds(t, &r, "QoEEstAlg=G.107.2\r\nDialogID:");
}

static void test_what_is_not_known_is_left_out(struct t *t)
{
    struct vqreport r = some_report();
    r.local_metrics = (struct vqreport_metrics){ .pt = -1,
                                                 .loss = -1,
                                                 .jitter_ms = -1,
                                                 .round_trip_ms = -1,
                                                 .one_way_ms = -1,
                                                 .r_lq = -1,
                                                 .r_cq = -1,
                                                 .mos_lq = -1,
                                                 .mos_cq = -1 };
    r.remote_tag = r.call_id = r.remote_group = view_of(NULL, 0);
    r.local_id = VIEW("<sip:a@b>\r\nDialogID:x"); /* no line of its own comes of it */
    holds(t, &r, "CallID:unknown\r\n");
    holds(t, &r, "LocalMetrics:\r\nTimestamps:START=1970-01-01T00:00:00.000Z STOP=1970-01-01T00:00:00.000Z\r\n");
    r.local_metrics.jitter_ms = 3;
    r.local_metrics.loss = 0.5;
    holds(t, &r, "PacketLoss:NLR=50.00 \r\nDelay:IAJ=3 \r\n");
    r.call_id = VIEW("@192.0.2.1"); /* no Call-ID, but peers write any */
    holds(t, &r, "CallID:_@192.0.2.1\r\n");
    r.call_id = VIEW("id@");
    holds(t, &r, "CallID:id@_\r\n");
    r.local_metrics.stop_ms = INT64_C(1709251199999); /* a leap day's last moment */
    holds(t, &r, "STOP=2024-02-29T23:59:59.999Z\r\n");
}

/* The checker can fail. */
static void test_the_grammar_refuses_what_it_should(struct t *t)
{
    static const char *const wrong[] = { "VQSessionReport\r\n", "", "VQSessionReport:Call\r\nCallID:x\r\n" };
    struct vqreport r = some_report();
    struct buf b;
    unsigned where;
    for (size_t i = 0; i < AHOY_COUNT(wrong); i++)
        T_CHECK(!vq_abnf_check(view_str(wrong[i]), &where));
    buf_init(&b, VQREPORT_MAX_BYTES);
    vqreport_print(&r, &b);
    buf_str(&b, "\r\nmore");
    T_OK(buf_err(&b));
    T_CHECK(!vq_abnf_check(buf_content(&b), &where));
    T_NEAR(vq_abnf_value(buf_content(&b), "LocalMetrics:", "Delay:", "RTD"), 200, 0);
    T_NEAR(vq_abnf_value(buf_content(&b), "LocalMetrics:", "Delay:", "OWD="), -1, 0);
out:
    buf_fini(&b);
}

T_MAIN(T(test_a_report_is_what_the_grammar_has), T(test_what_is_not_known_is_left_out),
       T(test_the_grammar_refuses_what_it_should))
