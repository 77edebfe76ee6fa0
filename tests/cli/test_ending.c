/* How calls end, in the words that people read first. */
#include "cli/ending.h"

#include "support/t.h"

#include <string.h>

static const struct ending_side side = { .give_up_after_s = 30, .max_s = 5, .has_password = true };

struct told {
    enum ahoy_cause cause;
    bool incoming, by_peer;
    uint16_t status;
    const char *reason;
    uint32_t duration_ms;
    const char *want;
};

static void test_each_end_is_called_by_its_name(struct t *t)
{
    static const struct told all[] = {
        { AHOY_CAUSE_NO_ANSWER_NET, false, false, 0, "", 0, "no call: not reachable" },
        { AHOY_CAUSE_DNS, false, false, 0, "", 0, "no call: no address for the name of the server" },
        { AHOY_CAUSE_BUSY, false, true, 486, "Busy Here", 0, "no call: busy (486 Busy Here)" },
        { AHOY_CAUSE_DECLINED, false, true, 603, "Decline", 0, "no call: declined (603 Decline)" },
        { AHOY_CAUSE_NOT_FOUND, false, true, 404, "Not Found", 0,
          "no call: nobody of that address there (404 Not Found)" },
        { AHOY_CAUSE_AUTH, false, true, 407, "Proxy Authentication Required", 0,
          "no call: wrong user name or password (407 Proxy Authentication Required)" },
        { AHOY_CAUSE_AUTH, false, true, 403, "No", 0, "no call: forbidden (403 No)" },
        { AHOY_CAUSE_NO_ANSWER, false, false, 0, "", 0, "no call: not answered within 30 s" },
        { AHOY_CAUSE_NO_ANSWER, false, true, 480, "", 0, "no call: not available (480)" },
        { AHOY_CAUSE_NOT_ACCEPTABLE, false, true, 488, "", 0, "no call: no kind of sound in common (488)" },
        { AHOY_CAUSE_SIP, false, true, 503, "\x1b[31mred", 0, "no call: the server failed (503 ?[31mred)" },
        { AHOY_CAUSE_NONE, false, false, 487, "Request Terminated", 0, "no call: we gave up" },
        { AHOY_CAUSE_NONE, true, true, 487, "the caller gave up", 0, "missed call: the caller gave up" },
        { AHOY_CAUSE_NO_ANSWER, true, false, 480, "", 0, "missed call: nobody answered here" },
        { AHOY_CAUSE_NONE, true, false, 486, "Busy Here", 0, "no call: we refused (486 Busy Here)" },
        { AHOY_CAUSE_NONE, false, false, 200, "", 0, "call ended after 0.0 s: we hung up" },
        { AHOY_CAUSE_NONE, false, true, 200, "", 2500, "call ended after 2.5 s: the other side hung up" },
        { AHOY_CAUSE_NO_RTP, false, false, 200, "", 2500, "call ended after 2.5 s: we hung up" },
        { AHOY_CAUSE_NONE, false, false, 200, "", 5001, "call ended after 5.0 s: we hung up, as --max 5 says" },
        { AHOY_CAUSE_NO_ANSWER_NET, false, false, 0, "", 9000, "call ended after 9.0 s: the other side is gone" },
        { AHOY_CAUSE_SIP, false, true, 481, "", 9000,
          "call ended after 9.0 s: the other side has forgotten the call (481)" },
    };
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        char line[256];
        struct text x;
        struct ahoy_event e = { .type = AHOY_EVENT_CALL_STATE };
        e.call.state = AHOY_CALL_ENDED;
        e.call.cause = all[i].cause;
        e.call.incoming = all[i].incoming;
        e.call.ended_by_peer = all[i].by_peer;
        e.call.sip_status = all[i].status;
        e.call.reason = all[i].reason;
        e.call.stats.duration_ms = all[i].duration_ms;
        text_init(&x, line, sizeof line);
        ending_call(&e, &side, &x);
        T_STR(line, all[i].want);
    }
out:;
}

static void test_every_cause_has_words(struct t *t)
{
    for (int cause = AHOY_CAUSE_NONE; cause <= AHOY_CAUSE_ONE_WAY; cause++) {
        char line[256];
        struct text x;
        struct ahoy_event e = { .type = AHOY_EVENT_ACCOUNT };
        e.account.cause = (enum ahoy_cause) cause;
        e.account.sip_status = 401;
        text_init(&x, line, sizeof line);
        ending_account(&e, &(struct ending_side){ .max_s = 0 }, &x);
        T_CHECK(e.account.cause != AHOY_CAUSE_AUTH || strstr(line, "are needed"));
        T_CHECK(x.n > 8 && strstr(line, "(401)"));
    }
out:;
}

T_MAIN(T(test_each_end_is_called_by_its_name), T(test_every_cause_has_words))
