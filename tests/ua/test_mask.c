/* What a trace may show of a message. */
#include "support/t.h"
#include "ua/impl.h"

static void masked(struct t *t, const char *message, const char *want)
{
    struct buf b;
    buf_init(&b, 4096);
    ua_mask(view_str(message), &b);
    T_OK(buf_err(&b));
    T_VIEW(buf_content(&b), want);
out:
    buf_fini(&b);
}

static void test_digest_responses_are_hidden_however_they_are_written(struct t *t)
{
    masked(t, "Authorization: Digest username=\"a\", response=\"0123\", qop=auth\r\n",
           "Authorization: Digest username=\"a\", response=\"****\", qop=auth\r\n");
    masked(t, "proxy-authorization : digest Response = \"01\" , nonce=\"n\"\r\n",
           "proxy-authorization : digest Response = \"****\" , nonce=\"n\"\r\n");
    masked(t, "Authorization: Digest response=0123,a=b\r\n", "Authorization: Digest response=****,a=b\r\n");
    masked(t, "Authorization: Digest a=b,\r\n response=\"01\"\r\nTo: x\r\n",
           "Authorization: Digest a=b,\r\n response=\"****\"\r\nTo: x\r\n");
    masked(t, "Authorization: Digest response=\"01", "Authorization: Digest response=\"****");
}

static void test_credentials_of_other_schemes_are_hidden_whole(struct t *t)
{
    masked(t, "Authorization: Bearer abc.def\r\nTo: x\r\n", "Authorization: Bearer ****\r\nTo: x\r\n");
    masked(t, "Authorization: Basic\r\n YWxhZGRpbg==\r\nTo: x\r\n", "Authorization: ****\r\n****\r\nTo: x\r\n");
}

static void test_keys_in_descriptions_are_hidden(struct t *t)
{
    masked(t, "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:AbCd+/=|2^20 x\r\n",
           "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:****|2^20 x\r\n");
}

static void test_everything_else_stays(struct t *t)
{
    static const char message[] =
        "INVITE sip:a@b SIP/2.0\r\nTo: <sip:response=x@b>\r\nWWW-Authenticate: Digest nonce=\"n\"\r\n\r\n"
        "response=\"this is a body\"\n\n";
    masked(t, message, message);
    masked(t, "", "");
    masked(t, "\n", "\n");
}

T_MAIN(T(test_digest_responses_are_hidden_however_they_are_written),
       T(test_credentials_of_other_schemes_are_hidden_whole), T(test_keys_in_descriptions_are_hidden),
       T(test_everything_else_stays))
