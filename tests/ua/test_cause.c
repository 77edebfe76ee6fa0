/* Causes and sentences. */
#include "support/t.h"
#include "ua/cause.h"

static void test_each_status_has_its_cause(struct t *t)
{
    T_EQ(cause_of(486, AHOY_OK), AHOY_CAUSE_BUSY);
    T_EQ(cause_of(600, AHOY_OK), AHOY_CAUSE_BUSY);
    T_EQ(cause_of(603, AHOY_OK), AHOY_CAUSE_DECLINED);
    T_EQ(cause_of(404, AHOY_OK), AHOY_CAUSE_NOT_FOUND);
    T_EQ(cause_of(407, AHOY_OK), AHOY_CAUSE_AUTH);
    T_EQ(cause_of(480, AHOY_OK), AHOY_CAUSE_NO_ANSWER);
    T_EQ(cause_of(488, AHOY_OK), AHOY_CAUSE_NOT_ACCEPTABLE);
    T_EQ(cause_of(503, AHOY_OK), AHOY_CAUSE_SIP);
    T_EQ(cause_of(302, AHOY_OK), AHOY_CAUSE_SIP);
    T_EQ(cause_of(0, AHOY_OK), AHOY_CAUSE_NONE);
    T_EQ(cause_of(200, AHOY_OK), AHOY_CAUSE_NONE);
    T_EQ(cause_of(0, AHOY_ERR_TIMEOUT), AHOY_CAUSE_NO_ANSWER_NET);
    T_EQ(cause_of(0, AHOY_ERR_DNS_NAME), AHOY_CAUSE_DNS);
    T_EQ(cause_of(0, AHOY_ERR_ADDR_IN_USE), AHOY_CAUSE_LOCAL_SOCKET);
out:
    return;
}

static void sentence(struct t *t, unsigned status, enum ahoy_err err, const struct cause_subject *s, const char *want)
{
    struct buf b;
    buf_init(&b, 600);
    cause_sentence(status, err, s, &b);
    T_OK(buf_err(&b));
    T_VIEW(buf_content(&b), want);
out:
    buf_fini(&b);
}

static void test_a_sentence_names_who_what_and_the_words_from_afar(struct t *t)
{
    sentence(t, 486, AHOY_OK, &(struct cause_subject){ .peer = VIEW("sip:bob@b"), .reason = VIEW("Busy Here") },
             "sip:bob@b: busy; try again later (486 Busy Here)");
    sentence(t, 403, AHOY_OK, &(struct cause_subject){ .server = VIEW("b") },
             "the server forbids it; the account may be blocked, or not allowed to do this (403, from b)");
    sentence(t, 0, AHOY_ERR_TIMEOUT, &(struct cause_subject){ .peer = VIEW("x"), .server = VIEW("b") },
             "x: no answer from the server; check its address and port, and whether a firewall is between (b)");
    sentence(
        t, 401, AHOY_OK, &(struct cause_subject){ .no_password = true },
        "the server wants a user name and a password, and none was given; give them with --user and --password-env, "
        "or store an account: `ahoy account add` (401)");
    sentence(t, 0, AHOY_ERR_REFUSED, &(struct cause_subject){ .peer = VIEW("sip:x@b"), .server = VIEW("b") },
             "sip:x@b: nothing listens at that address and port; check both, and that the server runs");
    sentence(t, 0, AHOY_ERR_STATE, &(struct cause_subject){ .why = VIEW("needs an account") }, "needs an account");
}

static void test_every_error_and_status_has_a_sentence(struct t *t)
{
    struct buf b;
    struct cause_subject none = { .peer = { .n = 0 } };
    buf_init(&b, 600);
    for (unsigned status = 300; status < 700; status++) {
        buf_clear(&b);
        cause_sentence(status, AHOY_OK, &none, &b);
        T_CHECK(b.n > 8 || buf_err(&b));
    }
    for (int err = AHOY_ERR_INTERNAL; err < 0; err++) {
        buf_clear(&b);
        cause_sentence(0, (enum ahoy_err) err, &none, &b);
        T_CHECK(b.n > 5 || buf_err(&b));
        T_CHECK(cause_of(0, (enum ahoy_err) err) != AHOY_CAUSE_NONE);
    }
out:
    buf_fini(&b);
}

T_MAIN(T(test_each_status_has_its_cause), T(test_a_sentence_names_who_what_and_the_words_from_afar),
       T(test_every_error_and_status_has_a_sentence))
