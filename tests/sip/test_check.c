/* What every receiver checks: RFC 3261 sections 8.1.1, 8.2 and 16.3. */
#include "sip/parse_help.h"

struct row {
    const char *raw;
    unsigned status;
    const char *text;
};

static void refused(struct t *t, const struct row *rows, size_t n)
{
    struct sip_msg *m = NULL;
    for (size_t i = 0; i < n; i++) {
        struct sip_fault fault = { 0 };
        T_ERR(help_accept(&m, view_str(rows[i].raw), &fault), AHOY_ERR_SYNTAX);
        T_STR(fault.text, rows[i].text);
        T_EQ(fault.status, rows[i].status);
        sip_msg_unref(m);
        m = NULL;
    }
out:
    sip_msg_unref(m);
}

static void accepted(struct t *t, const char *const *raw, size_t n)
{
    struct sip_msg *m = NULL;
    for (size_t i = 0; i < n; i++) {
        struct sip_fault fault = { .text = "" };
        enum ahoy_err err = help_accept(&m, view_str(raw[i]), &fault);
        T_STR(err == AHOY_ERR_SYNTAX ? fault.text : "", "");
        T_OK(err);
        sip_msg_unref(m);
        m = NULL;
    }
out:
    sip_msg_unref(m);
}

#define LINE "OPTIONS sip:b@example.com SIP/2.0\r\n"
#define VIA  "Via: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKabc\r\n"
#define FROM "From: <sip:a@example.com>;tag=1\r\n"
#define TO   "To: <sip:b@example.com>\r\n"
#define ID   "Call-ID: c1@example.com\r\n"
#define CSEQ "CSeq: 7 OPTIONS\r\n"

static void test_mandatory_headers_must_be_there(struct t *t)
{
    static const struct row rows[] = {
        { LINE FROM TO ID CSEQ "\r\n", 400, "No Via" }, { LINE VIA TO ID CSEQ "\r\n", 400, "No From" },
        { LINE VIA FROM ID CSEQ "\r\n", 400, "No To" }, { LINE VIA FROM TO CSEQ "\r\n", 400, "No Call-ID" },
        { LINE VIA FROM TO ID "\r\n", 400, "No CSeq" },
    };
    refused(t, rows, AHOY_COUNT(rows));
}

static void test_mandatory_headers_must_be_there_once(struct t *t)
{
    static const struct row rows[] = {
        { LINE VIA FROM FROM TO ID CSEQ "\r\n", 400, "More than one From" },
        { LINE VIA FROM TO "t: <sip:c@d>\r\n" ID CSEQ "\r\n", 400, "More than one To" },
        { LINE VIA FROM TO ID "i: x\r\n" CSEQ "\r\n", 400, "More than one Call-ID" },
        { LINE VIA FROM TO ID CSEQ CSEQ "\r\n", 400, "More than one CSeq" },
        { LINE VIA FROM TO ID CSEQ "Max-Forwards: 1\r\nMax-Forwards: 1\r\n\r\n", 400, "More than one Max-Forwards" },
    };
    refused(t, rows, AHOY_COUNT(rows));
}

static void test_mandatory_headers_must_be_well_formed(struct t *t)
{
    static const struct row rows[] = {
        { LINE "Via: SIP/2.0/UDP 192.0.2.1;;\r\n" FROM TO ID CSEQ "\r\n", 400, "Bad Via" },
        { LINE "Via:\r\n" FROM TO ID CSEQ "\r\n", 400, "Bad Via" },
        { LINE VIA "From: x\r\n" TO ID CSEQ "\r\n", 400, "Bad From" },
        { LINE VIA FROM "To: <sip:>\r\n" ID CSEQ "\r\n", 400, "Bad To" },
        { LINE VIA FROM TO "Call-ID:\r\n" CSEQ "\r\n", 400, "Bad Call-ID" },
        { LINE VIA FROM TO "Call-ID: a b\r\n" CSEQ "\r\n", 400, "Bad Call-ID" },
        { LINE VIA FROM TO ID "CSeq: OPTIONS\r\n\r\n", 400, "Bad CSeq" },
        { LINE VIA FROM TO ID CSEQ "Max-Forwards: 256\r\n\r\n", 400, "Bad Max-Forwards" },
        { LINE VIA FROM TO ID CSEQ "Max-Forwards: -1\r\n\r\n", 400, "Bad Max-Forwards" },
        { LINE VIA FROM TO ID "CSeq: 7 options\r\n\r\n", 400, "CSeq is of another method" },
        { "HELLO sip:b SIP/2.0\r\n" VIA FROM TO ID CSEQ "\r\n", 501, "Method not implemented" },
        { "OPTIONS b SIP/2.0\r\n" VIA FROM TO ID CSEQ "\r\n", 400, "Bad Request-URI" },
        { "OPTIONS sip:b:99999 SIP/2.0\r\n" VIA FROM TO ID CSEQ "\r\n", 400, "Bad Request-URI" },
        { "OPTIONS sip:b?x=y SIP/2.0\r\n" VIA FROM TO ID CSEQ "\r\n", 400, "Header fields in the Request-URI" },
        { LINE VIA FROM TO ID CSEQ "Route: <sip:a>, x\r\n\r\n", 400, "Bad Route" },
        { LINE VIA FROM TO ID CSEQ "Route: *\r\n\r\n", 400, "Bad Route" },
        { LINE VIA FROM TO ID CSEQ "Record-Route: <sip:a>\r\nRecord-Route: <\r\n\r\n", 400, "Bad Record-Route" },
        { HELP_INVITE "Contact: *\r\n\r\n", 400, "Bad Contact" },
        { HELP_INVITE "Contact: <sip:a>, , <sip:b>\r\n\r\n", 400, "Bad Contact" },
        { HELP_INVITE "Content-Type: x\r\n\r\nbody", 400, "Bad Content-Type" },
    };
    refused(t, rows, AHOY_COUNT(rows));
}

static void test_responses_and_acks_are_dropped_without_an_answer(struct t *t)
{
    static const struct row rows[] = {
        { "SIP/2.0 200 OK\r\n" VIA FROM TO ID "\r\n", 0, "No CSeq" },
        { "ACK sip:b SIP/2.0\r\n" VIA FROM TO ID "CSeq: 1 INVITE\r\n\r\n", 0, "CSeq is of another method" },
    };
    refused(t, rows, AHOY_COUNT(rows));
}

static void test_what_need_not_be_understood_is_let_through(struct t *t)
{
    static const char *const raw[] = {
        HELP_OPTIONS "\r\n",
        LINE VIA FROM TO ID CSEQ "\r\n", /* no Max-Forwards: RFC 2543 */
        LINE "Via: SIP/2.0/UDP a\r\n"
             "From: sip:a@b\r\n" TO ID CSEQ "\r\n",                                      /* no branch, no tag */
        HELP_OPTIONS "Expires: soon\r\nDate: never\r\nAccept: ;;;\r\nAllow: ,,\r\n\r\n", /* RFC 3261 section 8.2 */
        HELP_OPTIONS "Contact: ;;;\r\n\r\n",
        HELP_OPTIONS "Content-Type: x\r\n\r\n",
        "OPTIONS foo:bar SIP/2.0\r\n" VIA FROM TO ID CSEQ "\r\n",
        "NEW sip:b SIP/2.0\r\n" VIA FROM TO ID "CSeq: 1 NEW\r\n\r\n",
        HELP_INVITE "Contact:\r\n\r\n",
        "REGISTER sip:b SIP/2.0\r\n" VIA FROM TO ID "CSeq: 1 REGISTER\r\nContact: *\r\n\r\n",
        "SIP/2.0 200 OK\r\n" VIA FROM TO ID CSEQ "Max-Forwards: 999\r\nContact: <\r\n\r\n",
        "SIP/2.0 200 OK\r\n" VIA FROM TO ID "CSeq: 1 WHATEVER\r\n\r\n",
    };
    accepted(t, raw, AHOY_COUNT(raw));
}

T_MAIN(T(test_mandatory_headers_must_be_there), T(test_mandatory_headers_must_be_there_once),
       T(test_mandatory_headers_must_be_well_formed), T(test_responses_and_acks_are_dropped_without_an_answer),
       T(test_what_need_not_be_understood_is_let_through))
