/* From what people write to URIs. */
#include "support/t.h"
#include "ua/impl.h"

static void completes(struct t *t, const struct ua_account *a, enum ahoy_transport tr, const char *text,
                      const char *want)
{
    struct buf b;
    buf_init(&b, UA_URI_BYTES);
    T_OK(ua_complete_uri(a, tr, text, &b));
    T_VIEW(buf_content(&b), want);
out:
    buf_fini(&b);
}

static void fails(struct t *t, const struct ua_account *a, const char *text, enum ahoy_err want)
{
    struct buf b;
    buf_init(&b, UA_URI_BYTES);
    T_ERR(ua_complete_uri(a, AHOY_TRANSPORT_AUTO, text, &b), want);
out:
    buf_fini(&b);
}

static void test_what_is_missing_is_filled_in(struct t *t)
{
    struct ua_account a = { .uri = (char[]){ "sip:alice@example.org:5070" } };
    completes(t, NULL, AHOY_TRANSPORT_AUTO, "sip:bob@b", "sip:bob@b");
    completes(t, NULL, AHOY_TRANSPORT_AUTO, "  bob@b  ", "sip:bob@b");
    completes(t, NULL, AHOY_TRANSPORT_TCP, "bob@b", "sip:bob@b;transport=tcp");
    completes(t, NULL, AHOY_TRANSPORT_TCP, "sip:bob@b;transport=udp", "sip:bob@b;transport=udp");
    completes(t, &a, AHOY_TRANSPORT_AUTO, "bob", "sip:bob@example.org:5070");
    completes(t, &a, AHOY_TRANSPORT_AUTO, "+49 30", "sip:+49%2030@example.org:5070");
    completes(t, &a, AHOY_TRANSPORT_TCP, "tel:+49-30", "sip:+4930@example.org:5070;user=phone;transport=tcp");
    completes(t, &a, AHOY_TRANSPORT_AUTO, "tel:(0)30;phone-context=+49",
              "sip:030;phone-context=+49@example.org:5070;user=phone");
    completes(t, NULL, AHOY_TRANSPORT_AUTO, "bob@[2001:db8::1]", "sip:bob@[2001:db8::1]");
}

static void test_what_cannot_be_a_uri_is_refused(struct t *t)
{
    char lengthy[UA_URI_BYTES + 20];
    memset(lengthy, 'a', sizeof lengthy - 1);
    lengthy[sizeof lengthy - 1] = '\0';
    fails(t, NULL, "", AHOY_ERR_SYNTAX);
    fails(t, NULL, "bob", AHOY_ERR_STATE);
    fails(t, NULL, "tel:+4930", AHOY_ERR_STATE);
    fails(t, NULL, "sip:", AHOY_ERR_SYNTAX);
    fails(t, NULL, "bob@", AHOY_ERR_SYNTAX);
    fails(t, NULL, "bob@b\r\nTo: x", AHOY_ERR_SYNTAX);
    struct ua_account a = { .uri = (char[]){ "sip:alice@example.org" } };
    fails(t, &a, lengthy, AHOY_ERR_LIMIT);
    T_ERR(ua_check_uri("bob", true), AHOY_ERR_INVAL);
    T_OK(ua_check_uri("bob", false));
    T_ERR(ua_check_uri("", false), AHOY_ERR_INVAL);
    T_OK(ua_check_uri("bob@b", true));
out:
    return;
}

T_MAIN(T(test_what_is_missing_is_filled_in), T(test_what_cannot_be_a_uri_is_refused))
