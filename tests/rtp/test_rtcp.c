#include "rtp/rtcp.h"

#include "support/t.h"

static struct view printed(const struct rtcp_out *o)
{
    return view_of((const char *) o->p, o->n);
}

static void test_a_compound_survives_print_and_parse(struct t *t)
{
    uint8_t wire[512];
    struct rtcp_out o;
    struct rtcp_sender_info info = { UINT64_C(0xe1e2e3e4a1a2a3a4), 160, 7, 1120 };
    struct rtcp_report r[2] = { { 0x11111111, 25, -3, 0x00010002, 80, 0xaabbccdd, 65536 },
                                { 0x22222222, 255, 0x7fffff, 9, 0, 0, 0 } };
    struct rtcp_sdes_item items[] = { { 0x33333333, RTCP_SDES_CNAME, VIEW("alice@host") },
                                      { 0x33333333, RTCP_SDES_TOOL, VIEW("ahoy") },
                                      { 0x44444444, RTCP_SDES_CNAME, VIEW("x") } };
    uint32_t leaving[] = { 0x33333333, 0x44444444 };
    rtcp_out_init(&o, wire, sizeof wire);
    rtcp_put_sr(&o, 0x33333333, &info, r, 2);
    rtcp_put_sdes(&o, items, 3);
    rtcp_put_bye(&o, leaving, 2, VIEW("done"));
    rtcp_put_app(&o, &(struct rtcp_app){ 5, 1, VIEW("NAME"), VIEW("data") });
    T_OK(rtcp_out_err(&o));
    T_OK(rtcp_check(printed(&o), false));

    struct view rest = printed(&o);
    struct rtcp_packet p;
    struct rtcp_reports reports;
    T_OK(rtcp_next(&rest, &p));
    T_EQ(p.type, RTCP_SR);
    T_OK(rtcp_parse_reports(&p, &reports));
    T_EQ(reports.ssrc, 0x33333333);
    T_CHECK(reports.has_sender && reports.sender.ntp == info.ntp && reports.sender.octets == 1120);
    T_EQ(reports.n, 2);
    T_EQ(rtcp_report_at(&reports, 0).lost, -3);
    T_EQ(rtcp_report_at(&reports, 0).lsr, 0xaabbccdd);
    T_EQ(rtcp_report_at(&reports, 1).lost, 0x7fffff);
    T_EQ(rtcp_report_at(&reports, 1).fraction_lost, 255);

    struct rtcp_sdes_iter it;
    struct rtcp_sdes_item item;
    T_OK(rtcp_next(&rest, &p));
    T_EQ(p.count, 2);
    rtcp_sdes_begin(&p, &it);
    for (size_t i = 0; i < 3; i++) {
        T_OK(rtcp_sdes_next(&it, &item));
        T_EQ(item.ssrc, items[i].ssrc);
        T_EQ(item.type, items[i].type);
        T_CHECK(view_eq(item.text, items[i].text));
    }
    T_ERR(rtcp_sdes_next(&it, &item), AHOY_ERR_END);

    struct rtcp_bye bye;
    T_OK(rtcp_next(&rest, &p));
    T_OK(rtcp_parse_bye(&p, &bye));
    T_EQ(bye.n, 2);
    T_EQ(rtcp_bye_ssrc(&bye, 1), 0x44444444);
    T_VIEW(bye.reason, "done");

    struct rtcp_app app;
    T_OK(rtcp_next(&rest, &p));
    T_OK(rtcp_parse_app(&p, &app));
    T_EQ(app.subtype, 5);
    T_VIEW(app.name, "NAME");
    T_VIEW(app.data, "data");
    T_ERR(rtcp_next(&rest, &p), AHOY_ERR_END);
out:
    return;
}

static void test_extended_reports_survive_print_and_parse(struct t *t)
{
    uint8_t wire[256];
    struct rtcp_out o;
    struct rtcp_voip voip, got;
    struct rtcp_dlrr dlrr[2] = { { 1, 2, 3 }, { 4, 5, 6 } }, sub[4];
    rtcp_voip_init(&voip, 77);
    T_EQ(voip.mos_cq_10, RTCP_VOIP_UNKNOWN);
    voip.loss_rate = 12;
    voip.signal_dbm = -18;
    voip.burst_ms = 120;
    voip.jitter_absolute_ms = 600;
    voip.mos_lq_10 = 41;
    rtcp_out_init(&o, wire, sizeof wire);
    rtcp_put_xr(
        &o, 9,
        &(struct rtcp_xr_parts){ .rrtr_ntp = UINT64_C(0x1234567812345678), .dlrr = dlrr, .dlrrs = 2, .voip = &voip });
    T_OK(rtcp_out_err(&o));
    T_ERR(rtcp_check(printed(&o), false), AHOY_ERR_SYNTAX); /* no report in front: reduced size only */
    T_OK(rtcp_check(printed(&o), true));

    struct view rest = printed(&o);
    struct rtcp_packet p;
    struct rtcp_xr_iter it;
    struct rtcp_xr_block b;
    uint64_t ntp;
    size_t n;
    T_OK(rtcp_next(&rest, &p));
    T_OK(rtcp_xr_begin(&p, &it));
    T_EQ(it.ssrc, 9);
    T_OK(rtcp_xr_next(&it, &b));
    T_OK(rtcp_parse_rrtr(&b, &ntp));
    T_CHECK(ntp == UINT64_C(0x1234567812345678));
    T_OK(rtcp_xr_next(&it, &b));
    T_OK(rtcp_parse_dlrr(&b, sub, 4, &n));
    T_EQ(n, 2);
    T_EQ(sub[1].dlrr, 6);
    T_OK(rtcp_parse_dlrr(&b, sub, 1, &n));
    T_EQ(n, 1);
    T_OK(rtcp_xr_next(&it, &b));
    T_OK(rtcp_parse_voip(&b, &got));
    T_MEM(&got, &voip, offsetof(struct rtcp_voip, rx_config)); /* there is a gap behind that */
    T_EQ(got.jitter_absolute_ms, 600);
    T_ERR(rtcp_xr_next(&it, &b), AHOY_ERR_END);
out:
    return;
}

static void test_feedback_survives_print_and_parse(struct t *t)
{
    uint8_t wire[64];
    struct rtcp_out o;
    rtcp_out_init(&o, wire, sizeof wire);
    rtcp_put_rr(&o, 1, NULL, 0);
    rtcp_put_feedback(&o, &(struct rtcp_feedback){ RTCP_RTPFB, 1, 2, 3, view_of("\0\x05\0\x01", 4) });
    T_OK(rtcp_out_err(&o));
    struct view rest = printed(&o);
    struct rtcp_packet p;
    struct rtcp_feedback fb;
    T_OK(rtcp_next(&rest, &p));
    T_OK(rtcp_next(&rest, &p));
    T_OK(rtcp_parse_feedback(&p, &fb));
    T_EQ(fb.format, 1);
    T_EQ(fb.media, 3);
    T_EQ(fb.fci.n, 4);
out:
    return;
}

static void test_headers_that_lie_are_refused(struct t *t)
{
    uint8_t wire[64] = { 0x80, RTCP_RR, 0, 1 };
    struct view v = view_of((char *) wire, 8);
    struct rtcp_packet p;
    struct rtcp_reports r;
    T_OK(rtcp_check(v, false));
    T_ERR(rtcp_check(view_of(NULL, 0), true), AHOY_ERR_SYNTAX);
    T_ERR(rtcp_check(view_first(v, 7), false), AHOY_ERR_SYNTAX);
    wire[3] = 2; /* longer than the datagram */
    T_ERR(rtcp_check(v, false), AHOY_ERR_SYNTAX);
    wire[3] = 1;
    wire[0] = 0x40;
    T_ERR(rtcp_check(v, false), AHOY_ERR_SYNTAX);
    wire[0] = 0x81; /* a block that is not there */
    T_OK(rtcp_next(&v, &p));
    T_ERR(rtcp_parse_reports(&p, &r), AHOY_ERR_SYNTAX);
    wire[0] = 0xa0; /* padding */
    wire[7] = 4;
    T_OK(rtcp_check(view_of((char *) wire, 8), false));
    wire[7] = 3;
    T_ERR(rtcp_check(view_of((char *) wire, 8), false), AHOY_ERR_SYNTAX);
    wire[7] = 8;
    T_ERR(rtcp_check(view_of((char *) wire, 8), false), AHOY_ERR_SYNTAX);
    wire[7] = 4; /* padding in a packet that is not the last */
    wire[8] = 0x80;
    wire[9] = RTCP_BYE;
    T_ERR(rtcp_check(view_of((char *) wire, 12), false), AHOY_ERR_SYNTAX);
out:
    return;
}

static void test_sdes_that_ends_early_is_refused(struct t *t)
{
    struct rtcp_packet p = { RTCP_SDES, 1,
                             view_of("\0\0\0\x01\x01\x05"
                                     "ab",
                                     8) };
    struct rtcp_sdes_iter it;
    struct rtcp_sdes_item item;
    rtcp_sdes_begin(&p, &it);
    T_ERR(rtcp_sdes_next(&it, &item), AHOY_ERR_SYNTAX);
    p.body = view_of("\0\0\0\x01\x01\x02"
                     "ab",
                     8); /* no null item */
    rtcp_sdes_begin(&p, &it);
    T_OK(rtcp_sdes_next(&it, &item));
    T_ERR(rtcp_sdes_next(&it, &item), AHOY_ERR_SYNTAX);
    p.count = 31; /* chunks that are not there */
    p.body = view_of("\0\0\0\x01\0\0\0\0", 8);
    rtcp_sdes_begin(&p, &it);
    T_ERR(rtcp_sdes_next(&it, &item), AHOY_ERR_SYNTAX);
    struct rtcp_bye bye;
    p = (struct rtcp_packet){ RTCP_BYE, 1,
                              view_of("\0\0\0\x01\x09"
                                      "abc",
                                      8) };
    T_ERR(rtcp_parse_bye(&p, &bye), AHOY_ERR_SYNTAX);
    p.count = 3;
    T_ERR(rtcp_parse_bye(&p, &bye), AHOY_ERR_SYNTAX);
out:
    return;
}

static void test_printing_stops_at_the_limit_and_leaves_whole_packets(struct t *t)
{
    uint8_t wire[64];
    for (size_t max = 0; max < 40; max++) {
        struct rtcp_out o;
        rtcp_out_init(&o, wire, max);
        rtcp_put_rr(&o, 1, NULL, 0);
        rtcp_put_sdes(&o, &(struct rtcp_sdes_item){ 1, RTCP_SDES_CNAME, VIEW("abcdefgh") }, 1);
        T_EQ(rtcp_out_err(&o), max < 28 ? AHOY_ERR_LIMIT : AHOY_OK);
        T_EQ(o.n, max < 8 ? 0 : max < 28 ? 8 : 28);
    }
    struct rtcp_out o;
    char name[300] = { 0 };
    rtcp_out_init(&o, wire, sizeof wire);
    rtcp_put_sdes(&o, &(struct rtcp_sdes_item){ 1, RTCP_SDES_CNAME, view_of(name, 256) }, 1);
    T_ERR(rtcp_out_err(&o), AHOY_ERR_INVAL);
    T_EQ(o.n, 0);
out:
    return;
}

static void test_ntp_and_units_convert(struct t *t)
{
    /* RFC 3550 section 6.4.1 / figure 2: 46864.500 s and 5.250 s. */
    T_EQ(rtcp_units_from_us(5250000), 0x00054000);
    T_EQ(rtcp_units_to_us(0x00054000), 5250000);
    T_EQ(rtcp_units_from_us(-5), 0);
    T_EQ(rtcp_units_from_us(INT64_MAX), UINT32_MAX);
    T_CHECK(rtcp_ntp_from_unix_us(0) == UINT64_C(2208988800) << 32);
    T_CHECK(rtcp_ntp_from_unix_us(500000) == (UINT64_C(2208988800) << 32 | 0x80000000u));
    static const int64_t times[] = { 0, 1, 999999, 1767225600123456, -1 };
    for (size_t i = 0; i < AHOY_COUNT(times); i++)
        T_EQ(rtcp_ntp_to_unix_us(rtcp_ntp_from_unix_us(times[i])), times[i]);
    T_EQ(rtcp_ntp_middle(UINT64_C(0x1111222233334444)), 0x22223333);
out:
    return;
}

T_MAIN(T(test_a_compound_survives_print_and_parse), T(test_extended_reports_survive_print_and_parse),
       T(test_feedback_survives_print_and_parse), T(test_headers_that_lie_are_refused),
       T(test_sdes_that_ends_early_is_refused), T(test_printing_stops_at_the_limit_and_leaves_whole_packets),
       T(test_ntp_and_units_convert))
