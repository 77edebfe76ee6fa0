#include "base/addr.h"

#include "support/t.h"

#include <arpa/inet.h>

static void test_ip_literals_print_as_they_should(struct t *t)
{
    static const char *const pair[][2] = {
        { "192.0.2.1", "192.0.2.1" },
        { "0.0.0.0", "0.0.0.0" },
        { "255.255.255.255", "255.255.255.255" },
        { "2001:db8::1", "2001:db8::1" },
        { "[2001:db8::1]", "2001:db8::1" },
        { "2001:0DB8:0:0:0:0:0:0001", "2001:db8::1" },
        { "::", "::" },
        { "::1", "::1" },
        { "1::", "1::" },
        { "2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1" },    /* the first of equal runs, RFC 5952 section 4.2.3 */
        { "2001:0:0:1:0:0:0:1", "2001:0:0:1::1" },          /* the longest run */
        { "2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1" }, /* a single zero is not shortened */
        { "1:2:3:4:5:6:7::", "1:2:3:4:5:6:7:0" },
        { "::2:3:4:5:6:7:8", "0:2:3:4:5:6:7:8" },
        { "::ffff:192.0.2.1", "::ffff:c000:201" },
        { "64:ff9b::192.0.2.33", "64:ff9b::c000:221" },
        { "1:2:3:4:5:6:1.2.3.4", "1:2:3:4:5:6:102:304" },
        { "fe80::1%7", "fe80::1%7" },
        { "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff%4294967295", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff%4294967295" },
    };
    for (size_t i = 0; i < AHOY_COUNT(pair); i++) {
        struct addr a, b;
        char text[ADDR_TEXT_BYTES];
        T_OK(addr_parse_ip(view_str(pair[i][0]), &a));
        T_STR(addr_print_ip(&a, false, text), pair[i][1]);
        T_OK(addr_parse_ip(view_str(text), &b));
        T_CHECK(addr_eq(&a, &b));
        T_EQ(a.port, 0);
    }
out:
    return;
}

static void test_what_is_no_ip_literal_is_refused(struct t *t)
{
    static const char *const bad[] = {
        "",
        "1",
        "1.2.3",
        "1.2.3.4.",
        "1.2.3.4.5",
        ".1.2.3.4",
        "1..2.3",
        "1.2.3.256",
        "01.2.3.4",
        "1.2.3.4 ",
        " 1.2.3.4",
        "1.2.3.-4",
        "1.2.3.0x4",
        "[1.2.3.4]",
        "example.org",
        "[",
        "]",
        "[]",
        "[::1",
        "::1]",
        ":",
        ":::",
        "1:2:3:4:5:6:7",
        "1:2:3:4:5:6:7:8:9",
        "1::2::3",
        "1:2:3:4:5:6:7:8::",
        "::1:2:3:4:5:6:7:8",
        "12345::",
        "g::",
        "1:2:3:4:5:6:7:",
        ":1:2:3:4:5:6:7",
        "1.2.3.4::",
        "::1.2.3.4:5",
        "::1.2.3",
        "::1.2.3.4.",
        "1:2:3:4:5:6:7:1.2.3.4",
        "fe80::1%",
        "fe80::1%eth0",
        "fe80::1%4294967296",
        "%1",
        "fe80::%1%2",
    };
    struct addr a = addr_ip4(9, 9, 9, 9, 9), before = a;
    for (size_t i = 0; i < AHOY_COUNT(bad); i++) {
        enum ahoy_err err = addr_parse_ip(view_str(bad[i]), &a);
        if (err != AHOY_ERR_SYNTAX)
            t_fail(t, __FILE__, __LINE__, bad[i], "is taken");
        T_CHECK(err == AHOY_ERR_SYNTAX && addr_eq(&a, &before));
    }
out:
    return;
}

static void test_agrees_with_the_system_on_random_addresses(struct t *t)
{
    uint32_t x = 1;
    for (int i = 0; i < 20000; i++) {
        struct addr a = { .family = ADDR_IP6 }, b;
        char ours[ADDR_TEXT_BYTES];
        uint8_t back[16];
        for (int k = 0; k < 16; k++) {
            x = x * 1664525 + 1013904223;
            a.ip[k] = x >> 29 < 5 ? 0 : (uint8_t) (x >> 20); /* many zeros */
        }
        T_EQ(inet_pton(AF_INET6, addr_print_ip(&a, false, ours), back), 1);
        T_MEM(back, a.ip, 16);
        T_OK(addr_parse_ip(view_str(ours), &b));
        T_CHECK(addr_eq(&a, &b));
        char theirs[INET6_ADDRSTRLEN];
        T_CHECK(inet_ntop(AF_INET6, a.ip, theirs, sizeof theirs) != NULL);
        T_OK(addr_parse_ip(view_str(theirs), &b));
        T_CHECK(addr_eq(&a, &b));
    }
out:
    return;
}

static void test_ports_are_taken_and_printed(struct t *t)
{
    static const char *const pair[][2] = {
        { "192.0.2.1", "192.0.2.1:5060" },
        { "192.0.2.1:80", "192.0.2.1:80" },
        { "[::1]:80", "[::1]:80" },
        { "[::1]", "[::1]:5060" },
        { "::1", "[::1]:5060" },
        { "*", "0.0.0.0:5060" },
        { "*:0", "0.0.0.0:0" },
        { "[fe80::1%2]:65535", "[fe80::1%2]:65535" },
    };
    static const char *const bad[] = { "",        ":80",    "*:",   "1.2.3.4:", "1.2.3.4:x",
                                       "[::1]80", "[::1]:", "[::1", "host:80",  "[1.2.3.4]:80" };
    char text[ADDR_TEXT_BYTES];
    struct addr a;
    for (size_t i = 0; i < AHOY_COUNT(pair); i++) {
        T_OK(addr_parse(view_str(pair[i][0]), 5060, &a));
        T_STR(addr_print(&a, text), pair[i][1]);
    }
    for (size_t i = 0; i < AHOY_COUNT(bad); i++)
        T_ERR(addr_parse(view_str(bad[i]), 5060, &a), AHOY_ERR_SYNTAX);
    T_ERR(addr_parse(VIEW("1.2.3.4:65536"), 5060, &a), AHOY_ERR_RANGE);
    a = (struct addr){ 0 };
    T_STR(addr_print(&a, text), "none");
out:
    return;
}

static bool is(const char *text, bool (*what)(const struct addr *a))
{
    struct addr a;
    return addr_parse_ip(view_str(text), &a) == AHOY_OK && what(&a);
}

static void test_kinds_of_addresses(struct t *t)
{
    T_CHECK(is("0.0.0.0", addr_is_any) && is("::", addr_is_any) && !is("::1", addr_is_any));
    T_CHECK(is("127.9.9.9", addr_is_loopback) && is("::1", addr_is_loopback) && !is("128.0.0.1", addr_is_loopback));
    T_CHECK(is("169.254.3.4", addr_is_link_local) && is("febf::1", addr_is_link_local));
    T_CHECK(!is("fec0::1", addr_is_link_local) && !is("169.253.0.1", addr_is_link_local));
    T_CHECK(is("10.0.0.1", addr_is_private) && is("172.31.0.1", addr_is_private) && !is("172.32.0.1", addr_is_private));
    T_CHECK(is("192.168.0.1", addr_is_private) && is("100.127.0.1", addr_is_private));
    T_CHECK(!is("100.128.0.1", addr_is_private) && is("fd00::1", addr_is_private) && !is("fe00::1", addr_is_private));
    T_CHECK(is("239.0.0.1", addr_is_multicast) && is("ff02::1", addr_is_multicast));
    T_CHECK(!is("240.0.0.1", addr_is_multicast));
out:
    return;
}

static void test_keys_tell_addresses_apart(struct t *t)
{
    struct addr a = addr_ip4(1, 2, 3, 4, 5), b = addr_with_port(&a, 6), c = a;
    char ka[ADDR_KEY_BYTES], kb[ADDR_KEY_BYTES];
    T_CHECK(!view_eq(addr_key(&a, ka), addr_key(&b, kb)));
    T_CHECK(addr_eq_ip(&a, &b) && !addr_eq(&a, &b));
    T_CHECK(view_eq(addr_key(&a, ka), addr_key(&c, kb)));
    c.scope = 1;
    T_CHECK(!view_eq(addr_key(&a, ka), addr_key(&c, kb)));
    c = addr_any(ADDR_IP6, 5);
    b = addr_any(ADDR_IP4, 5);
    T_CHECK(!view_eq(addr_key(&b, ka), addr_key(&c, kb)));
out:
    return;
}

T_MAIN(T(test_ip_literals_print_as_they_should), T(test_what_is_no_ip_literal_is_refused),
       T(test_agrees_with_the_system_on_random_addresses), T(test_ports_are_taken_and_printed),
       T(test_kinds_of_addresses), T(test_keys_tell_addresses_apart))
