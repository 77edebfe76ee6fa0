#include "rtp/vqreport.h"

#include <inttypes.h>
#include <math.h>

/* ---- parts of the grammar (RFC 6035 section 4.6.1) --------------------------------------------------------------- */

static bool is_alnum(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static void put_among(struct buf *out, struct view v, const char *others)
{
    for (size_t i = 0; i < v.n; i++)
        buf_char(out, is_alnum(v.p[i]) || (v.p[i] && strchr(others, v.p[i])) ? v.p[i] : '_');
}

#define WORD_CHARS "-.!%*_+`'~()<>:\\/[]?"

static void put_word(struct buf *out, struct view v)
{
    put_among(out, v, WORD_CHARS "\"");
}

static void put_words(struct buf *out, struct view v)
{
    put_among(out, v, WORD_CHARS "{}= ");
}

static void put_token(struct buf *out, struct view v)
{
    put_among(out, v, "-.!%*_+`'~");
}

/* word [ "@" word ]; a word is not empty, whatever peers write. */
static void put_call_id(struct buf *out, struct view v)
{
    struct view rest = v, user = view_cut(&rest, '@');
    put_word(out, user.n > 0 ? user : VIEW("_"));
    if (user.n < v.n) {
        buf_char(out, '@');
        put_word(out, rest.n > 0 ? rest : VIEW("_"));
    }
}

/* A name-addr or addr-spec of a header field: it is one line. */
static void put_address(struct buf *out, struct view v)
{
    for (size_t i = 0; i < v.n; i++)
        buf_char(out, (unsigned char) v.p[i] < ' ' ? ' ' : v.p[i]);
}

/* A decimal fraction with two digits behind the point, whatever the program's locale says. */
static void put_decimal(struct buf *out, const char *name, double x)
{
    unsigned hundredths = (unsigned) lround(x * 100);
    buf_printf(out, "%s=%u.%02u", name, hundredths / 100, hundredths % 100);
}

static void put_percent(struct buf *out, const char *name, double share)
{
    put_decimal(out, name, AHOY_MIN(AHOY_MAX(share, 0.0), 1.0) * 100);
}

static unsigned whole(double x, double most)
{
    return (unsigned) lround(AHOY_MIN(AHOY_MAX(x, 0.0), most));
}

/* date-time of RFC 3339 in UTC; the calendar is Howard Hinnant's days_from_civil turned round. */
static void put_time(struct buf *out, int64_t unix_ms)
{
    int64_t ms = AHOY_MAX(unix_ms, (int64_t) 0), s = ms / 1000, day = s / 86400, of_day = s % 86400;
    int64_t z = day + 719468, era = z / 146097, doe = z % 146097;
    int64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
    int64_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100), mp = (5 * doy + 2) / 153;
    int64_t month = mp < 10 ? mp + 3 : mp - 9, year = yoe + era * 400 + (month <= 2);
    buf_printf(out, "%04u-%02u-%02uT%02u:%02u:%02u.%03uZ", (unsigned) year, (unsigned) month,
               (unsigned) (doy - (153 * mp + 2) / 5 + 1), (unsigned) (of_day / 3600), (unsigned) (of_day / 60 % 60),
               (unsigned) (of_day % 60), (unsigned) (ms % 1000));
}

/* ---- metrics ----------------------------------------------------------------------------------------------------- */

/*
 * Each parameter but the last of a line is followed by white space, the last one not; where the last one is left out the
 * white space of the one before stays, as the grammar has it.
 */
static void put_description(const struct vqreport_metrics *m, struct buf *out)
{
    if (m->codec.n == 0)
        return;
    buf_str(out, "SessionDesc:");
    if (m->pt >= 0)
        buf_printf(out, "PT=%d ", m->pt & 0x7f);
    buf_str(out, "PD=");
    put_word(out, m->codec);
    buf_printf(out, " SR=%" PRIu32 " ", AHOY_MIN(m->rate_hz, UINT32_C(999999)));
    if (m->frame_ms > 0 && m->frame_ms < 1000)
        buf_printf(out, "PPS=%u FD=%u FPP=1 ", 1000 / m->frame_ms, m->frame_ms);
    if (m->has_voip)
        buf_printf(out, "PLC=%u ", (unsigned) m->voip.rx_config >> 6);
    buf_printf(out, "SSUP=%s\r\n", m->dtx ? "on" : "off");
}

static void put_buffer(const struct rtcp_voip *v, struct buf *out)
{
    buf_printf(out, "JitterBuffer:JBA=%u JBR=%u JBN=%u JBM=%u JBX=%u\r\n", (unsigned) v->rx_config >> 4 & 3,
               (unsigned) v->rx_config & 15, v->jitter_nominal_ms, v->jitter_maximum_ms, v->jitter_absolute_ms);
}

static void put_losses(const struct vqreport_metrics *m, struct buf *out)
{
    if (m->loss < 0 && !m->has_voip)
        return;
    buf_str(out, "PacketLoss:");
    put_percent(out, "NLR", m->loss >= 0 ? m->loss : m->voip.loss_rate / 256.0);
    buf_char(out, ' ');
    if (m->has_voip)
        put_percent(out, "JDR", m->voip.discard_rate / 256.0);
    buf_str(out, "\r\n");
    if (!m->has_voip)
        return;
    buf_str(out, "BurstGapLoss:");
    put_percent(out, "BLD", m->voip.burst_density / 256.0);
    buf_printf(out, " BD=%u ", m->voip.burst_ms);
    put_percent(out, "GLD", m->voip.gap_density / 256.0);
    buf_printf(out, " GD=%u GMIN=%u\r\n", m->voip.gap_ms, AHOY_MAX(m->voip.gmin, 1u));
}

static void put_delays(const struct vqreport_metrics *m, struct buf *out)
{
    if (m->round_trip_ms < 0 && m->jitter_ms < 0 && m->one_way_ms < 0 && !m->has_voip)
        return;
    buf_str(out, "Delay:");
    if (m->round_trip_ms >= 0)
        buf_printf(out, "RTD=%u ", whole(m->round_trip_ms, 65535));
    if (m->has_voip && m->voip.end_system_ms > 0)
        buf_printf(out, "ESD=%u ", m->voip.end_system_ms);
    if (m->one_way_ms >= 0)
        buf_printf(out, "SOWD=%u ", whole(m->one_way_ms, 65535));
    if (m->jitter_ms >= 0)
        buf_printf(out, "IAJ=%u ", whole(m->jitter_ms, 65535));
    buf_str(out, "\r\n");
}

static int two_digits(int8_t dbm)
{
    return AHOY_MIN(AHOY_MAX((int) dbm, -99), 99);
}

static void put_signal(const struct rtcp_voip *v, struct buf *out)
{
    if (v->signal_dbm == RTCP_VOIP_UNKNOWN && v->noise_dbm == RTCP_VOIP_UNKNOWN && v->rerl_db == RTCP_VOIP_UNKNOWN)
        return;
    buf_str(out, "Signal:");
    if (v->signal_dbm != RTCP_VOIP_UNKNOWN)
        buf_printf(out, "SL=%d ", two_digits(v->signal_dbm));
    if (v->noise_dbm != RTCP_VOIP_UNKNOWN)
        buf_printf(out, "NL=%d ", two_digits(v->noise_dbm));
    if (v->rerl_db != RTCP_VOIP_UNKNOWN)
        buf_printf(out, "RERL=%u", v->rerl_db);
    buf_str(out, "\r\n");
}

static void put_scores(const struct vqreport_metrics *m, struct buf *out)
{
    if (m->r_lq < 0 && m->r_cq < 0 && m->mos_lq < 0 && m->mos_cq < 0)
        return;
    buf_str(out, "QualityEst:");
    if (m->r_lq >= 0)
        buf_printf(out, "RLQ=%u ", whole(m->r_lq, 120));
    if (m->r_cq >= 0)
        buf_printf(out, "RCQ=%u ", whole(m->r_cq, 120));
    if (m->mos_lq >= 0) {
        put_decimal(out, "MOSLQ", AHOY_MIN(m->mos_lq, 4.9));
        buf_char(out, ' ');
    }
    if (m->mos_cq >= 0) {
        put_decimal(out, "MOSCQ", AHOY_MIN(m->mos_cq, 4.9));
        buf_char(out, ' ');
    }
    if (m->algorithm.n > 0) {
        buf_str(out, "QoEEstAlg=");
        put_word(out, m->algorithm);
    }
    buf_str(out, "\r\n");
}

static void put_metrics(const struct vqreport_metrics *m, struct buf *out)
{
    buf_str(out, "Timestamps:START=");
    put_time(out, m->start_ms);
    buf_str(out, " STOP=");
    put_time(out, m->stop_ms);
    buf_str(out, "\r\n");
    put_description(m, out);
    if (m->has_voip)
        put_buffer(&m->voip, out);
    put_losses(m, out);
    put_delays(m, out);
    if (m->has_voip)
        put_signal(&m->voip, out);
    put_scores(m, out);
}

/* ---- the report -------------------------------------------------------------------------------------------------- */

static void put_end(struct buf *out, const char *name, const struct addr *a, uint32_t ssrc)
{
    char ip[ADDR_TEXT_BYTES];
    struct addr plain = *a;
    plain.scope = 0;
    buf_printf(out, "%s:IP=%s PORT=%u SSRC=0x%08" PRIX32 "\r\n", name,
               a->family ? addr_print_ip(&plain, false, ip) : "0.0.0.0", a->port, ssrc);
}

static void put_line(struct buf *out, const char *name, struct view v, void (*put)(struct buf *out, struct view v))
{
    buf_printf(out, "%s:", name);
    put(out, v.n > 0 ? v : VIEW("unknown"));
    buf_str(out, "\r\n");
}

static void put_info(const struct vqreport *r, struct buf *out)
{
    put_line(out, "CallID", r->call_id, put_call_id);
    put_line(out, "LocalID", r->local_id, put_address);
    put_line(out, "RemoteID", r->remote_id, put_address);
    put_line(out, "OrigID", r->we_called ? r->local_id : r->remote_id, put_address);
    put_end(out, "LocalAddr", &r->local, r->local_ssrc);
    put_end(out, "RemoteAddr", &r->remote, r->remote_ssrc);
    put_line(out, "LocalGroup", r->local_group, put_words);
    put_line(out, "RemoteGroup", r->remote_group, put_words);
}

void vqreport_print(const struct vqreport *r, struct buf *out)
{
    if (r->kind == VQREPORT_ALERT)
        buf_printf(out, "VQAlertReport:Type=%s Severity=%s Dir=%s\r\n", r->alert_type, r->alert_severity, r->alert_dir);
    else
        buf_str(out, r->call_term ? "VQSessionReport:CallTerm\r\n" : "VQSessionReport\r\n");
    put_info(r, out);
    /* The grammar ends the lines and then the parts, so an empty line stands between these. */
    buf_str(out, "\r\nLocalMetrics:\r\n");
    put_metrics(&r->local_metrics, out);
    if (r->has_remote) {
        buf_str(out, "\r\nRemoteMetrics:\r\n");
        put_metrics(&r->remote_metrics, out);
    }
    if (r->local_tag.n == 0 || r->remote_tag.n == 0)
        return;
    buf_str(out, r->kind == VQREPORT_ALERT ? "DialogID:" : "\r\nDialogID:"); /* an alert has no empty line there */
    put_call_id(out, r->call_id);
    buf_str(out, ";to-tag=");
    put_token(out, r->we_called ? r->remote_tag : r->local_tag);
    buf_str(out, ";from-tag=");
    put_token(out, r->we_called ? r->local_tag : r->remote_tag);
}
