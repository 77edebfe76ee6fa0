#include "sdp/format.h"

#include "support/t.h"

static void test_static_types_are_those_of_rfc_3551(struct t *t)
{
    const struct sdp_static_type *s = sdp_static_type(9);
    T_CHECK(s != NULL);
    T_STR(s->name, "G722");
    T_EQ(s->clock_hz, 8000);
    s = sdp_static_type(10);
    T_CHECK(s != NULL);
    T_EQ(s->channels, 2);
    T_EQ(s->clock_hz, 44100);
    T_CHECK(sdp_static_type(2) == NULL);
    T_CHECK(sdp_static_type(35) == NULL);
    T_CHECK(sdp_static_type(96) == NULL);
    T_EQ(sdp_static_pt(VIEW("pcma"), 8000, 1), 8);
    T_EQ(sdp_static_pt(VIEW("L16"), 44100, 1), 11);
    T_EQ(sdp_static_pt(VIEW("L16"), 16000, 1), -1);
    T_EQ(sdp_static_pt(VIEW("CN"), 8000, 1), 13);
out:
    return;
}

static void test_fmtp_is_a_list_of_keys_and_values(struct t *t)
{
    struct view rest = VIEW(" useinbandfec=1 ;; stereo = 0;flag; q=\"a b\" "), k, v;
    T_CHECK(sdp_fmtp_next(&rest, &k, &v));
    T_VIEW(k, "useinbandfec");
    T_VIEW(v, "1");
    T_CHECK(sdp_fmtp_next(&rest, &k, &v));
    T_VIEW(k, "stereo");
    T_VIEW(v, "0");
    T_CHECK(sdp_fmtp_next(&rest, &k, &v));
    T_VIEW(k, "flag");
    T_VIEW(v, "");
    T_CHECK(sdp_fmtp_next(&rest, &k, &v));
    T_VIEW(v, "a b");
    T_CHECK(!sdp_fmtp_next(&rest, &k, &v));
    T_CHECK(sdp_fmtp_get(VIEW("a=1;MODE=30"), VIEW("mode"), &v));
    T_VIEW(v, "30");
    T_EQ(sdp_fmtp_u32(VIEW("maxaveragebitrate=20000"), VIEW("maxaveragebitrate"), 510000, 7), 20000);
    T_EQ(sdp_fmtp_u32(VIEW("maxaveragebitrate=99999999999"), VIEW("maxaveragebitrate"), 510000, 7), 7);
    T_EQ(sdp_fmtp_u32(VIEW("x=y"), VIEW("x"), 9, 3), 3);
out:
    return;
}

static void test_event_lists_follow_rfc_4733(struct t *t)
{
    T_CHECK(sdp_fmtp_has_event(VIEW("0-15,66,70"), 0));
    T_CHECK(sdp_fmtp_has_event(VIEW("0-15,66,70"), 15));
    T_CHECK(sdp_fmtp_has_event(VIEW("0-15, 66 ,70"), 66));
    T_CHECK(!sdp_fmtp_has_event(VIEW("0-15,66,70"), 16));
    T_CHECK(!sdp_fmtp_has_event(VIEW("0-15,66,70"), 69));
    T_CHECK(sdp_fmtp_has_event(VIEW(""), 11)); /* section 2.5.1.1: DTMF and nothing else */
    T_CHECK(!sdp_fmtp_has_event(VIEW(""), 16));
    T_CHECK(sdp_fmtp_has_event(VIEW("events=0-16"), 16));
    T_CHECK(!sdp_fmtp_has_event(VIEW("x-9,-,900-1000"), 5));
out:
    return;
}

static bool same(const char *an, uint32_t ac, unsigned ach, const char *af, const char *bn, uint32_t bc, unsigned bch,
                 const char *bf)
{
    struct sdp_format_id a, b;
    return sdp_format_id(view_str(an), ac, ach, view_str(af), &a)
           && sdp_format_id(view_str(bn), bc, bch, view_str(bf), &b) && sdp_format_id_eq(&a, &b);
}

static void test_identity_levels_quirks_and_keeps_what_differs(struct t *t)
{
    struct sdp_format_id id;
    char longest[80];
    T_CHECK(same("PCMU", 8000, 1, "", "pcmu", 8000, 0, ""));
    T_CHECK(same("opus", 48000, 2, "stereo=1", "OPUS", 48000, 1, "useinbandfec=1"));
    T_CHECK(!same("opus", 48000, 2, "", "opus", 16000, 2, ""));
    T_CHECK(same("G722", 8000, 1, "", "G722", 16000, 1, ""));
    T_CHECK(!same("L16", 16000, 1, "", "L16", 16000, 2, ""));
    T_CHECK(!same("L16", 16000, 1, "", "L16", 8000, 1, ""));
    T_CHECK(!same("AMR", 8000, 1, "octet-align=1", "AMR", 8000, 1, ""));
    T_CHECK(same("AMR", 8000, 1, "octet-align=0;mode-set=0", "AMR", 8000, 1, ""));
    T_CHECK(!same("G7221", 16000, 1, "bitrate=32000", "G7221", 16000, 1, "bitrate=24000"));
    memset(longest, 'x', sizeof longest);
    T_CHECK(!sdp_format_id(view_of(longest, sizeof longest), 8000, 1, VIEW(""), &id));
    T_CHECK(!sdp_format_id(VIEW(""), 8000, 1, VIEW(""), &id));
    T_CHECK(!sdp_format_id(VIEW("x"), 0, 1, VIEW(""), &id));
out:
    return;
}

T_MAIN(T(test_static_types_are_those_of_rfc_3551), T(test_fmtp_is_a_list_of_keys_and_values),
       T(test_event_lists_follow_rfc_4733), T(test_identity_levels_quirks_and_keeps_what_differs))
