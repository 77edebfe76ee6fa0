#include "crypto/random.h"

#include "support/t.h"

static void test_random_bytes_differ_between_calls(struct t *t)
{
    uint8_t a[32] = { 0 }, b[32] = { 0 };
    T_OK(crypto_random(a, sizeof a));
    T_OK(crypto_random(b, sizeof b));
    T_CHECK(memcmp(a, b, sizeof a) != 0);
    T_OK(crypto_random(a, 0));
out:
    return;
}

T_MAIN(T(test_random_bytes_differ_between_calls))
