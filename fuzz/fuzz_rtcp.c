/*
 * RTCP from the wire: every parser on every packet, and a session that takes the datagram and answers. The first byte
 * chooses whether reduced-size packets were agreed; what is printed again must parse.
 */
#include "rtp/session.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void parse_sdes(const struct rtcp_packet *p)
{
    struct rtcp_sdes_iter it;
    struct rtcp_sdes_item item;
    rtcp_sdes_begin(p, &it);
    while (!rtcp_sdes_next(&it, &item)) {
        uint8_t wire[300];
        struct rtcp_out o;
        rtcp_out_init(&o, wire, sizeof wire);
        rtcp_put_sdes(&o, &item, 1);
        if (rtcp_out_err(&o))
            abort();
    }
}

static void parse_xr(const struct rtcp_packet *p)
{
    struct rtcp_xr_iter it;
    struct rtcp_xr_block b;
    struct rtcp_dlrr dlrr[4];
    struct rtcp_voip voip;
    struct rtcp_rle rle;
    struct rtcp_runs runs;
    struct rtcp_summary summary;
    uint64_t ntp;
    size_t n;
    if (rtcp_xr_begin(p, &it))
        return;
    while (!rtcp_xr_next(&it, &b)) {
        if (!rtcp_parse_dlrr(&b, dlrr, 4, &n) && n > 4)
            abort();
        if (!rtcp_parse_rrtr(&b, &ntp) && !rtcp_parse_voip(&b, &voip))
            abort(); /* no block is both */
        if (!rtcp_parse_rle(&b, &rle) && !rtcp_rle_count(&rle, &runs)
            && (runs.lost > runs.packets || runs.runs > runs.lost))
            abort();
        if (!rtcp_parse_summary(&b, &summary)) {
            uint8_t wire[64];
            struct rtcp_out o;
            rtcp_out_init(&o, wire, sizeof wire);
            rtcp_put_xr(&o, 1, &(struct rtcp_xr_parts){ .summary = &summary });
            if (rtcp_out_err(&o))
                abort();
        }
    }
}

static void parse_all(struct view datagram)
{
    struct rtcp_packet p;
    while (!rtcp_next(&datagram, &p)) {
        struct rtcp_reports r;
        struct rtcp_bye bye;
        struct rtcp_app app;
        struct rtcp_feedback fb;
        if (!rtcp_parse_reports(&p, &r)) {
            for (size_t i = 0; i < r.n; i++)
                (void) rtcp_report_at(&r, i);
        }
        if (!rtcp_parse_bye(&p, &bye)) {
            for (size_t i = 0; i < bye.n; i++)
                (void) rtcp_bye_ssrc(&bye, i);
        }
        if (!rtcp_parse_app(&p, &app) && app.name.n != 4)
            abort();
        if (!rtcp_parse_feedback(&p, &fb) && fb.fci.n > p.body.n)
            abort();
        parse_sdes(&p);
        parse_xr(&p);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct rng rng;
    struct rtp_session *s = NULL;
    if (size < 1)
        return 0;
    struct view datagram = view_of((const char *) data + 1, size - 1);
    parse_all(datagram);
    rng_init_u64(&rng, 1);
    struct rtp_session_config c = { .rng = &rng,
                                    .cname = VIEW("fuzz"),
                                    .ssrc = 0x01020304,
                                    .send_clock_hz = 8000,
                                    .receive_clock_hz = 8000,
                                    .reduced_size = (data[0] & 1) != 0,
                                    .xr = {
                                        .rrtr = (data[0] & 2) != 0, .voip = true, .summary = true, .loss_rle = true } };
    if (rtp_session_create(&s, &c))
        return 0;
    int64_t now = 0;
    for (int i = 0; i < 3; i++) {
        struct rtp_rtcp_news news;
        uint8_t wire[512];
        size_t n;
        (void) !rtp_session_rtcp(s, datagram, NULL, now, &news);
        now = AHOY_MAX(now, rtp_session_rtcp_due_us(s));
        if (!rtp_session_rtcp_build(s, now, wire, sizeof wire, &n) && rtcp_check(view_of((char *) wire, n), false))
            abort();
    }
    struct rtp_stats st;
    rtp_session_stats(s, &st);
    rtp_session_destroy(s);
    return 0;
}
