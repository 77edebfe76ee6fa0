/* Bodies of several parts: RFC 2046 section 5.1, RFC 5621, RFC 3204. */
#include "sip/parse_help.h"

static void test_parts_are_stepped_through(struct t *t)
{
    struct view rest = VIEW(
        "preamble\r\n--b \t\r\nContent-Type: application/sdp\r\n"
        "Content-Disposition: session;\r\n handling=required\r\n\r\nv=0\r\n"
        "\r\n--b\r\n\r\nplain --b\r\n--bc\r\n--b\r\n\r\n\r\n--b\r\nContent-ID: 1\r\n\r\n--b--\r\nepilogue --b");
    struct sip_part p;
    T_OK(sip_part_next(&rest, VIEW("b"), &p));
    T_VIEW(p.type, "application/sdp");
    T_VIEW(p.disposition, "session;\r\n handling=required");
    T_VIEW(p.body, "v=0\r\n");
    T_CHECK(view_starts(p.headers, VIEW("Content-Type")));
    T_OK(sip_part_next(&rest, VIEW("b"), &p));
    T_VIEW(p.type, "text/plain");
    T_VIEW(p.body, "plain --b\r\n--bc"); /* another boundary that only starts like ours */
    T_OK(sip_part_next(&rest, VIEW("b"), &p));
    T_VIEW(p.body, "");
    T_OK(sip_part_next(&rest, VIEW("b"), &p));
    T_VIEW(p.headers, "Content-ID: 1\r\n");
    T_ERR(sip_part_next(&rest, VIEW("b"), &p), AHOY_ERR_END);
out:;
}

static void test_bodies_of_parts_may_be_empty(struct t *t)
{
    struct view rest = VIEW("--b\r\n\r\n\r\n--b\r\nContent-ID: 1\r\n\r\n--b\r\n\r\n--b\n\nlf\n--b--");
    struct sip_part p;
    for (int i = 0; i < 3; i++) {
        T_OK(sip_part_next(&rest, VIEW("b"), &p));
        T_VIEW(p.body, "");
    }
    T_OK(sip_part_next(&rest, VIEW("b"), &p));
    T_VIEW(p.body, "lf");
    T_ERR(sip_part_next(&rest, VIEW("b"), &p), AHOY_ERR_END);
out:;
}

static void test_malformed_bodies_are_refused(struct t *t)
{
    static const char *const bad[] = { "",        "no delimiter",      "--b",
                                       "--b\r\n", "--b\r\n\r\nno end", "--b\r\nno header\r\n\r\n--b--" };
    struct sip_part p;
    for (size_t i = 0; i < AHOY_COUNT(bad); i++) {
        struct view rest = view_str(bad[i]);
        if (sip_part_next(&rest, VIEW("b"), &p) != AHOY_ERR_SYNTAX)
            t_fail(t, __FILE__, __LINE__, bad[i], "was not refused");
    }
    struct view rest = VIEW("--\r\n\r\n\r\n----");
    T_ERR(sip_part_next(&rest, VIEW(""), &p), AHOY_ERR_SYNTAX);
out:;
}

static void test_boundaries_are_unquoted(struct t *t)
{
    static const struct {
        const char *type, *boundary; /* NULL: none */
    } want[] = {
        { "multipart/mixed;boundary=abc", "abc" },
        { "Multipart/X; a=b; Boundary=\"a b;c\"", "a b;c" },
        { "multipart/mixed", NULL },
        { "multipart/mixed;boundary", NULL },
        { "multipart/mixed;boundary=\"\"", NULL },
        { "multipart/mixed;boundary=\"a\\b\"", NULL },
        { "text/plain;boundary=a", NULL },
    };
    for (size_t i = 0; i < AHOY_COUNT(want); i++) {
        struct sip_media_type type;
        struct view boundary;
        T_OK(sip_media_type_parse(view_str(want[i].type), &type));
        T_ERR(sip_multipart_boundary(&type, &boundary), want[i].boundary ? AHOY_OK : AHOY_ERR_SYNTAX);
        if (want[i].boundary)
            T_VIEW(boundary, want[i].boundary);
    }
out:;
}

static enum ahoy_err find(struct sip_msg **m, const char *raw, struct view type, struct view subtype, struct view *out)
{
    struct sip_fault fault;
    sip_msg_unref(*m);
    *m = NULL;
    enum ahoy_err err = help_parse(m, view_str(raw), &fault);
    return err ? err : sip_msg_body_of_type(*m, type, subtype, out);
}

static void test_the_session_description_is_found_beside_others(struct t *t)
{
    struct sip_msg *m = NULL;
    struct view body;
    T_OK(find(&m, HELP_INVITE "c: application/sdp\r\n\r\nv=0\r\n", VIEW("application"), VIEW("sdp"), &body));
    T_VIEW(body, "v=0\r\n");
    T_OK(find(&m,
              HELP_INVITE
              "c: multipart/mixed;boundary=\"x\"\r\n\r\n--x\r\nContent-Type: APPLICATION/ISUP;version=ansi\r\n"
              "Content-Disposition: signal;handling=optional\r\n\r\n\001\002\r\n"
              "--x\r\nc: application/sdp\r\n\r\nv=0\r\n\r\n--x--\r\n",
              VIEW("application"), VIEW("sdp"), &body));
    T_VIEW(body, "v=0\r\n");
    T_OK(sip_msg_body_of_type(m, VIEW("application"), VIEW("isup"), &body));
    T_VIEW(body, "\001\002");
    T_ERR(sip_msg_body_of_type(m, VIEW("application"), VIEW("qsig"), &body), AHOY_ERR_NOT_FOUND);
    T_ERR(find(&m, HELP_INVITE "\r\nv=0\r\n", VIEW("application"), VIEW("sdp"), &body), AHOY_ERR_NOT_FOUND);
    T_ERR(find(&m, HELP_INVITE "c: application/sdp\r\nl: 0\r\n\r\n", VIEW("application"), VIEW("sdp"), &body),
          AHOY_ERR_NOT_FOUND);
out:
    sip_msg_unref(m);
}

#define OPEN(outer, inner) "--" outer "\r\nContent-Type: multipart/alternative;boundary=" inner "\r\n\r\n"
#define SDP_IN(outer)      "--" outer "\r\nContent-Type: application/sdp\r\n\r\nv=0\r\n--" outer "--\r\n"

static void test_depth_is_limited(struct t *t)
{
    struct sip_msg *m = NULL;
    struct view body;
    T_OK(find(&m,
              HELP_INVITE "c: multipart/mixed;boundary=A\r\n\r\n" OPEN("A", "B") OPEN("B", "C")
                  SDP_IN("C") "\r\n--B--\r\n\r\n--A--",
              VIEW("application"), VIEW("sdp"), &body));
    T_VIEW(body, "v=0");
    T_ERR(find(&m,
               HELP_INVITE "c: multipart/mixed;boundary=A\r\n\r\n" OPEN("A", "B") OPEN("B", "C") OPEN("C", "D")
                   SDP_IN("D") "\r\n--C--\r\n\r\n--B--\r\n\r\n--A--",
               VIEW("application"), VIEW("sdp"), &body),
          AHOY_ERR_NOT_FOUND);
out:
    sip_msg_unref(m);
}

T_MAIN(T(test_parts_are_stepped_through), T(test_bodies_of_parts_may_be_empty), T(test_malformed_bodies_are_refused),
       T(test_boundaries_are_unquoted), T(test_the_session_description_is_found_beside_others),
       T(test_depth_is_limited))
