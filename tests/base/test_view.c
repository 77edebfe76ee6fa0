#include "base/view.h"

#include "base/chars.h"
#include "base/mem.h"
#include "support/t.h"

static void test_compares_byte_for_byte_and_without_case(struct t *t)
{
    struct view none = { 0 };
    T_CHECK(view_eq(none, VIEW("")));
    T_CHECK(view_eq(VIEW("a\0b"), view_of("a\0b", 3)));
    T_CHECK(!view_eq(VIEW("a\0b"), VIEW("a\0c")));
    T_CHECK(view_ieq(VIEW("Call-ID"), VIEW("cALL-id")));
    T_CHECK(!view_ieq(VIEW("@"), VIEW("`"))); /* 32 apart, but no letters */
    T_CHECK(view_cmp(VIEW("ab"), VIEW("abc")) < 0);
    T_CHECK(view_cmp(VIEW("b"), VIEW("abc")) > 0);
    T_CHECK(view_cmp(VIEW("\xff"), VIEW("a")) > 0); /* bytes are unsigned */
    T_EQ(view_cmp(none, VIEW("")), 0);
    T_CHECK(view_starts(VIEW("sip:x"), VIEW("sip:")) && !view_starts(VIEW("si"), VIEW("sip:")));
    T_CHECK(view_istarts(VIEW("SIP:x"), VIEW("sip:")) && view_starts(none, none));
out:
    return;
}

static void test_finds_bytes_and_strings(struct t *t)
{
    struct view none = { 0 };
    T_EQ(view_find(VIEW("a=b"), '='), 1);
    T_EQ(view_find(VIEW("ab"), '='), 2);
    T_EQ(view_find(none, '='), 0);
    T_EQ(view_search(VIEW("aaab"), VIEW("aab")), 1);
    T_EQ(view_search(VIEW("aaab"), VIEW("aac")), 4);
    T_EQ(view_search(VIEW("ab"), VIEW("abc")), 2);
    T_EQ(view_search(VIEW("abc"), VIEW("c")), 2);
    T_EQ(view_search(none, VIEW("")), 0);
    T_EQ(view_search(none, VIEW("x")), 0);
out:
    return;
}

static void test_cuts_and_reads_lines(struct t *t)
{
    struct view rest = VIEW("a;b;;"), line;
    T_VIEW(view_cut(&rest, ';'), "a");
    T_VIEW(view_cut(&rest, ';'), "b");
    T_VIEW(view_cut(&rest, ';'), "");
    T_CHECK(view_empty(rest));
    T_VIEW(view_cut(&rest, ';'), "");
    rest = VIEW("one\r\ntwo\n\r\nthree\r");
    T_CHECK(view_line(&rest, &line));
    T_VIEW(line, "one");
    T_CHECK(view_line(&rest, &line));
    T_VIEW(line, "two");
    T_CHECK(view_line(&rest, &line));
    T_VIEW(line, "");
    T_CHECK(view_line(&rest, &line));
    T_VIEW(line, "three");
    T_CHECK(!view_line(&rest, &line));
    T_VIEW(view_trim(VIEW(" \t\r\nx y\r\n ")), "x y");
    T_VIEW(view_trim(VIEW(" \t ")), "");
    T_VIEW(view_from(VIEW("abc"), 2), "c");
    T_VIEW(view_from(VIEW("abc"), 9), "");
    T_VIEW(view_first(VIEW("abc"), 9), "abc");
out:
    return;
}

static void test_reads_numbers_within_their_range(struct t *t)
{
    uint64_t x = 7;
    uint32_t y;
    uint16_t z;
    T_OK(view_u64(VIEW("18446744073709551615"), UINT64_MAX, &x));
    T_CHECK(x == UINT64_MAX);
    T_ERR(view_u64(VIEW("18446744073709551616"), UINT64_MAX, &x), AHOY_ERR_RANGE);
    T_ERR(view_u64(VIEW("99999999999999999999999999999999999"), UINT64_MAX, &x), AHOY_ERR_RANGE);
    T_ERR(view_u64(VIEW("99999999999999999999999999999999999x"), UINT64_MAX, &x), AHOY_ERR_SYNTAX);
    T_CHECK(x == UINT64_MAX); /* written on success only */
    T_ERR(view_u64(VIEW(""), 9, &x), AHOY_ERR_SYNTAX);
    T_ERR(view_u64(VIEW("-1"), 9, &x), AHOY_ERR_SYNTAX);
    T_ERR(view_u64(VIEW("+1"), 9, &x), AHOY_ERR_SYNTAX);
    T_ERR(view_u64(VIEW(" 1"), 9, &x), AHOY_ERR_SYNTAX);
    T_OK(view_u64(VIEW("0009"), 9, &x));
    T_EQ(x, 9);
    T_ERR(view_u32(VIEW("4294967296"), &y), AHOY_ERR_RANGE);
    T_OK(view_u32(VIEW("4294967295"), &y));
    T_EQ(y, UINT32_MAX);
    T_ERR(view_u16(VIEW("65536"), &z), AHOY_ERR_RANGE);
    T_OK(view_u16(VIEW("65535"), &z));
    T_EQ(z, 65535);
out:
    return;
}

static void test_copies_end_with_a_zero_byte(struct t *t)
{
    char dst[4];
    char *dup = NULL;
    T_CHECK(view_copy(VIEW("abc"), dst, sizeof dst));
    T_STR(dst, "abc");
    T_CHECK(!view_copy(VIEW("abcd"), dst, sizeof dst));
    T_STR(dst, "abc");
    T_CHECK(view_copy((struct view){ 0 }, dst, 1));
    T_STR(dst, "");
    dup = view_dup(VIEW("xyz"));
    T_CHECK(dup != NULL);
    T_STR(dup, "xyz");
out:
    mem_free(dup);
}

static void test_classes_are_ascii(struct t *t)
{
    for (int i = 0; i < 256; i++) {
        char c = (char) i;
        T_EQ(chars_is_digit(c), i >= '0' && i <= '9');
        T_EQ(chars_is_alpha(c), (i >= 'a' && i <= 'z') || (i >= 'A' && i <= 'Z'));
        T_EQ(chars_hex(c) >= 0, (i >= '0' && i <= '9') || (i >= 'a' && i <= 'f') || (i >= 'A' && i <= 'F'));
    }
    T_EQ(chars_hex('F'), 15);
    T_EQ(chars_lower('Z'), 'z');
    T_EQ(chars_lower('['), '[');
out:
    return;
}

T_MAIN(T(test_compares_byte_for_byte_and_without_case), T(test_finds_bytes_and_strings), T(test_cuts_and_reads_lines),
       T(test_reads_numbers_within_their_range), T(test_copies_end_with_a_zero_byte), T(test_classes_are_ascii))
