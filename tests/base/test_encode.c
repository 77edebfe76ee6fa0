#include "base/encode.h"

#include "base/rng.h"
#include "support/t.h"

/* RFC 4648 section 10. */
static void test_base64_and_hex_match_the_rfc(struct t *t)
{
    static const char *const vector[][3] = {
        { "", "", "" },
        { "f", "Zg==", "66" },
        { "fo", "Zm8=", "666f" },
        { "foo", "Zm9v", "666f6f" },
        { "foob", "Zm9vYg==", "666f6f62" },
        { "fooba", "Zm9vYmE=", "666f6f6261" },
        { "foobar", "Zm9vYmFy", "666f6f626172" },
    };
    for (size_t i = 0; i < AHOY_COUNT(vector); i++) {
        char text[32], back[16];
        size_t n, len = strlen(vector[i][0]);
        encode_base64(vector[i][0], len, text);
        T_STR(text, vector[i][1]);
        T_OK(decode_base64(view_str(text), back, sizeof back, &n));
        T_EQ(n, len);
        T_MEM(back, vector[i][0], n);
        encode_hex(vector[i][0], len, text);
        T_STR(text, vector[i][2]);
        T_OK(decode_hex(view_str(text), back, sizeof back, &n));
        T_EQ(n, len);
        T_MEM(back, vector[i][0], n);
    }
out:
    return;
}

static void test_random_bytes_come_back_in_place(struct t *t)
{
    struct rng r;
    uint8_t in[100], out[100];
    char text[ENCODE_BASE64_SIZE(100)];
    size_t n;
    rng_init_u64(&r, 2);
    for (size_t len = 0; len <= 100; len++) {
        rng_bytes(&r, in, len);
        encode_base64(in, len, text);
        T_EQ(strlen(text) + 1, ENCODE_BASE64_SIZE(len));
        T_OK(decode_base64(view_str(text), out, len, &n)); /* exactly the room there is */
        T_EQ(n, len);
        T_MEM(out, in, len);
        if (len > 0)
            T_ERR(decode_base64(view_str(text), out, len - 1, &n), AHOY_ERR_LIMIT);
    }
out:
    return;
}

static void test_broken_text_is_refused(struct t *t)
{
    static const char *const bad64[] = {
        "Z",     "Zg=",      "=",        "==",    "====",   "Zg===", "Z===",
        "Zm9v=", "Zm9v====", "Zg==Zg==", "Zm 9v", "Zm9v\n", "Zm9-",  "\xff\xff\xff\xff"
    };
    static const char *const bad16[] = { "f", "0g", " 0", "0x" };
    uint8_t out[32];
    size_t n = 77;
    for (size_t i = 0; i < AHOY_COUNT(bad64); i++)
        T_ERR(decode_base64(view_str(bad64[i]), out, sizeof out, &n), AHOY_ERR_SYNTAX);
    for (size_t i = 0; i < AHOY_COUNT(bad16); i++)
        T_ERR(decode_hex(view_str(bad16[i]), out, sizeof out, &n), AHOY_ERR_SYNTAX);
    T_ERR(decode_hex(VIEW("00112233"), out, 3, &n), AHOY_ERR_LIMIT);
    T_EQ(n, 77);
    T_OK(decode_base64(VIEW("Zm8"), out, sizeof out, &n)); /* padding may be left out */
    T_EQ(n, 2);
    T_OK(decode_hex(VIEW("aBCd"), out, sizeof out, &n));
    T_EQ(out[0], 0xab);
out:
    return;
}

static void test_a_hex_number_has_as_many_digits_as_it_may(struct t *t)
{
    static const char *const bad[] = { "", "12345", "12g4", " 1", "-1", "0x1" };
    uint32_t x = 77;
    for (size_t i = 0; i < AHOY_COUNT(bad); i++)
        T_ERR(decode_hex_u32(view_str(bad[i]), 4, &x), AHOY_ERR_SYNTAX);
    T_EQ(x, 77);
    T_OK(decode_hex_u32(VIEW("0"), 4, &x));
    T_EQ(x, 0);
    T_OK(decode_hex_u32(VIEW("fFfFffff"), 8, &x));
    T_EQ(x, UINT32_MAX);
out:;
}

T_MAIN(T(test_base64_and_hex_match_the_rfc), T(test_random_bytes_come_back_in_place), T(test_broken_text_is_refused),
       T(test_a_hex_number_has_as_many_digits_as_it_may))
