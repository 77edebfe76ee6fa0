#include "base/buf.h"

#include "base/mem.h"
#include "support/t.h"

static void test_grows_prints_and_ends_with_a_zero_byte(struct t *t)
{
    struct buf b;
    buf_init(&b, 10000);
    T_STR(buf_cstr(&b), "");
    buf_str(&b, "x=");
    buf_u64(&b, UINT64_MAX);
    buf_char(&b, ';');
    buf_u64(&b, 0);
    buf_view(&b, (struct view){ 0 });
    buf_printf(&b, " %s/%d", "a", -5);
    T_OK(buf_err(&b));
    T_STR(buf_cstr(&b), "x=18446744073709551615;0 a/-5");
    for (int i = 0; i < 9000; i++)
        buf_char(&b, 'y');
    T_OK(buf_err(&b));
    T_EQ(b.p[b.n], 0);
    buf_drop(&b, 2);
    buf_truncate(&b, 20);
    T_STR(buf_cstr(&b), "18446744073709551615");
    buf_clear(&b);
    T_VIEW(buf_content(&b), "");
out:
    buf_fini(&b);
}

static void test_stops_at_its_maximum_and_keeps_what_was_whole(struct t *t)
{
    struct buf b;
    buf_init(&b, 5);
    buf_str(&b, "abc");
    buf_str(&b, "def");
    buf_str(&b, "g"); /* would fit, but the text would have a hole */
    T_ERR(buf_err(&b), AHOY_ERR_LIMIT);
    T_STR(buf_cstr(&b), "abc");
    buf_printf(&b, "%d", 1);
    T_STR(buf_cstr(&b), "abc");
    T_CHECK(buf_take(&b) == NULL);
    buf_clear(&b);
    buf_str(&b, "12345");
    T_OK(buf_err(&b));
    buf_char(&b, '6');
    T_ERR(buf_err(&b), AHOY_ERR_LIMIT);
out:
    buf_fini(&b);
}

static void test_hands_its_memory_over(struct t *t)
{
    struct buf b;
    char *empty = NULL, *text = NULL;
    buf_init(&b, 100);
    empty = buf_take(&b);
    T_CHECK(empty != NULL);
    T_STR(empty, "");
    buf_str(&b, "text");
    text = buf_take(&b);
    T_CHECK(text != NULL);
    T_STR(text, "text");
    T_EQ(b.n, 0);
out:
    mem_free(empty);
    mem_free(text);
    buf_fini(&b);
}

static void test_reserved_room_can_be_filled_by_hand(struct t *t)
{
    struct buf b;
    buf_init(&b, 1000);
    T_OK(buf_reserve(&b, 500));
    memset(b.p + b.n, 'r', 500);
    b.n += 500;
    buf_char(&b, '!');
    T_OK(buf_err(&b));
    T_EQ(b.n, 501);
    T_ERR(buf_reserve(&b, 500), AHOY_ERR_LIMIT);
out:
    buf_fini(&b);
}

T_MAIN(T(test_grows_prints_and_ends_with_a_zero_byte), T(test_stops_at_its_maximum_and_keeps_what_was_whole),
       T(test_hands_its_memory_over), T(test_reserved_room_can_be_filled_by_hand))
