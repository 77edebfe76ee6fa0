#include "base/rng.h"

#include "base/encode.h"
#include "support/t.h"

/* RFC 8439 appendix A.1, test vectors 1 and 2: key and nonce zero, block counters 0 and 1. */
static void test_the_stream_is_chacha20(struct t *t)
{
    static const char *const block[] = {
        "76b8e0ada0f13d90405d6ae55386bd28bdd219b8a08ded1aa836efcc8b770dc7"
        "da41597c5157488d7724e03fb8d84a376a43b8f41518a11cc387b669b2ee6586",
        "9f07e7be5551387a98ba977c732d080dcb0f29a048e3656912c6533e32ee7aed"
        "29b721769ce64e43d57133b074d839d531ed1f28510afb45ace10a1f4b794d6f",
    };
    struct rng r;
    uint8_t seed[32] = { 0 }, out[64];
    char hex[129];
    rng_init(&r, seed);
    for (int i = 0; i < 2; i++) {
        rng_bytes(&r, out, 10); /* in pieces, across the word */
        rng_bytes(&r, out + 10, 54);
        encode_hex(out, sizeof out, hex);
        T_STR(hex, block[i]);
    }
out:
    return;
}

/* Test vector 3's key: 31 zero bytes and a 1, block counter 1. */
static void test_the_seed_is_the_key(struct t *t)
{
    struct rng r;
    uint8_t seed[32] = { [31] = 1 }, out[64];
    char hex[129];
    rng_init(&r, seed);
    rng_bytes(&r, out, sizeof out);
    rng_bytes(&r, out, sizeof out);
    encode_hex(out, sizeof out, hex);
    T_STR(hex, "3aeb5224ecf849929b9d828db1ced4dd832025e8018b8160b82284f3c949aa5a"
               "8eca00bbb4a73bdad192b5c42f73f2fd4e273644c8b36125a64addeb006c13a0");
out:
    return;
}

static void test_draws_are_uniform_and_in_range(struct t *t)
{
    enum { DRAWS = 60000 };
    struct rng r;
    int count[6] = { 0 };
    double sum = 0;
    rng_init_u64(&r, 1);
    for (int i = 0; i < DRAWS; i++) {
        uint32_t x = rng_below(&r, 6);
        T_LE(x, 5);
        count[x]++;
        double u = rng_unit(&r);
        T_CHECK(u >= 0 && u < 1);
        sum += u;
    }
    for (int i = 0; i < 6; i++)
        T_NEAR(count[i], DRAWS / 6, 400);
    T_NEAR(sum / DRAWS, 0.5, 0.01);
    T_EQ(rng_below(&r, 1), 0);
    T_CHECK(rng_below(&r, UINT32_MAX) < UINT32_MAX);
out:
    return;
}

static void test_tokens_are_words_and_replay(struct t *t)
{
    struct rng a, b;
    char one[33], two[33];
    rng_init_u64(&a, 5);
    rng_init_u64(&b, 5);
    rng_token(&a, one, 32);
    rng_token(&b, two, 32);
    T_STR(one, two);
    T_EQ(strlen(one), 32);
    T_EQ(strspn(one, "abcdefghijklmnopqrstuvwxyz0123456789"), 32);
    rng_token(&a, two, 32);
    T_CHECK(strcmp(one, two) != 0);
    rng_token(&a, two, 0);
    T_STR(two, "");
out:
    return;
}

T_MAIN(T(test_the_stream_is_chacha20), T(test_the_seed_is_the_key), T(test_draws_are_uniform_and_in_range),
       T(test_tokens_are_words_and_replay))
