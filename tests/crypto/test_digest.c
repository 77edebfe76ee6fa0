#include "crypto/digest.h"

#include "base/encode.h"
#include "support/t.h"

static const char *hex_of(const uint8_t *p, size_t n, char *dst)
{
    encode_hex(p, n, dst);
    return dst;
}

static void test_digests_match_published_values_of_abc(struct t *t)
{
    static const struct {
        enum crypto_digest_alg alg;
        const char *want;
    } of[] = {
        /* RFC 1321 appendix A.5 */
        { CRYPTO_MD5, "900150983cd24fb0d6963f7d28e17f72" },
        /* FIPS 180-4 examples */
        { CRYPTO_SHA1, "a9993e364706816aba3e25717850c26c9cd0d89d" },
        { CRYPTO_SHA256, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad" },
        { CRYPTO_SHA384,
          "cb00753f45a35e8bb5a03d699ac65007272c32ab0eded1631a8b605a43ff5bed8086072ba1e7cc2358baeca134c825a7" },
        { CRYPTO_SHA512, "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a"
                         "2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f" },
        { CRYPTO_SHA512_256, "53048e2681941ef99b2e29b76b4c7dabe4c2d0c634fc6d46e0e2f13107e7af23" },
    };
    const struct view parts[] = { VIEW("a"), { 0 }, VIEW("bc") };
    uint8_t out[CRYPTO_DIGEST_MAX_BYTES];
    char hex[2 * CRYPTO_DIGEST_MAX_BYTES + 1];
    for (size_t i = 0; i < AHOY_COUNT(of); i++) {
        T_OK(crypto_digest(of[i].alg, parts, AHOY_COUNT(parts), out));
        T_STR(hex_of(out, crypto_digest_bytes(of[i].alg), hex), of[i].want);
    }
out:
    return;
}

static void test_hmac_matches_rfc_2202_and_4231(struct t *t)
{
    char long_key[131];
    memset(long_key, 0xaa, sizeof long_key);
    uint8_t out[CRYPTO_DIGEST_MAX_BYTES];
    char hex[2 * CRYPTO_DIGEST_MAX_BYTES + 1];
    const struct view parts[] = { VIEW("what do ya want "), VIEW("for nothing?") };
    T_OK(crypto_hmac(CRYPTO_MD5, VIEW("Jefe"), parts, 2, out));
    T_STR(hex_of(out, 16, hex), "750c783e6ab0b503eaa86e310a5db738");
    T_OK(crypto_hmac(CRYPTO_SHA1, VIEW("Jefe"), parts, 2, out));
    T_STR(hex_of(out, 20, hex), "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79");
    T_OK(crypto_hmac(CRYPTO_SHA256, VIEW("Jefe"), parts, 2, out));
    T_STR(hex_of(out, 32, hex), "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    T_OK(crypto_hmac(CRYPTO_SHA512, VIEW("Jefe"), parts, 2, out));
    T_STR(hex_of(out, 64, hex), "164b7a7bfcf819e2e395fbe73b56e0a387bd64222e831fd610270cd7ea250554"
                                "9758bf75c05a994a6d034f65f8f0e6fdcaeab1a34d4a6b4b636e070a38bce737");
    const struct view text = VIEW("Test Using Larger Than Block-Size Key - Hash Key First");
    T_OK(crypto_hmac(CRYPTO_SHA256, view_of(long_key, sizeof long_key), &text, 1, out));
    T_STR(hex_of(out, 32, hex), "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
out:
    return;
}

static void test_comparison_tells_equal_from_unequal(struct t *t)
{
    T_CHECK(crypto_equal("abc", "abc", 3));
    T_CHECK(!crypto_equal("abc", "abd", 3));
    T_CHECK(crypto_equal(NULL, NULL, 0));
out:
    return;
}

T_MAIN(T(test_digests_match_published_values_of_abc), T(test_hmac_matches_rfc_2202_and_4231),
       T(test_comparison_tells_equal_from_unequal))
