#include "crypto/digest.h"

#include "base/mem.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>

static const EVP_MD *digest_md(enum crypto_digest_alg alg)
{
    switch (alg) {
    case CRYPTO_MD5: return EVP_md5();
    case CRYPTO_SHA1: return EVP_sha1();
    case CRYPTO_SHA256: return EVP_sha256();
    case CRYPTO_SHA384: return EVP_sha384();
    case CRYPTO_SHA512: return EVP_sha512();
    case CRYPTO_SHA512_256: return EVP_sha512_256();
    }
    return NULL;
}

size_t crypto_digest_bytes(enum crypto_digest_alg alg)
{
    switch (alg) {
    case CRYPTO_MD5: return 16;
    case CRYPTO_SHA1: return 20;
    case CRYPTO_SHA256: return 32;
    case CRYPTO_SHA384: return 48;
    case CRYPTO_SHA512: return 64;
    case CRYPTO_SHA512_256: return 32;
    }
    return 0;
}

static size_t digest_block_bytes(enum crypto_digest_alg alg)
{
    return alg == CRYPTO_SHA384 || alg == CRYPTO_SHA512 || alg == CRYPTO_SHA512_256 ? 128 : 64;
}

/* Digest of `lead` (may be empty) and the parts; the context is used again for the next. */
static enum ahoy_err digest_run(EVP_MD_CTX *ctx, const EVP_MD *md, struct view lead, const struct view *parts, size_t n,
                                uint8_t *out)
{
    if (!md || EVP_DigestInit_ex(ctx, md, NULL) != 1)
        return AHOY_ERR_UNSUPPORTED;
    bool ok = lead.n == 0 || EVP_DigestUpdate(ctx, lead.p, lead.n) == 1;
    for (size_t i = 0; ok && i < n; i++)
        ok = parts[i].n == 0 || EVP_DigestUpdate(ctx, parts[i].p, parts[i].n) == 1;
    return ok && EVP_DigestFinal_ex(ctx, out, NULL) == 1 ? AHOY_OK : AHOY_ERR_NOMEM;
}

enum ahoy_err crypto_digest(enum crypto_digest_alg alg, const struct view *parts, size_t n, uint8_t *out)
{
    uint8_t value[CRYPTO_DIGEST_MAX_BYTES];
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    if (!ctx)
        return AHOY_ERR_NOMEM;
    enum ahoy_err err = digest_run(ctx, digest_md(alg), (struct view){ 0 }, parts, n, value);
    EVP_MD_CTX_free(ctx);
    if (err == AHOY_OK)
        memcpy(out, value, crypto_digest_bytes(alg));
    mem_wipe(value, sizeof value);
    return err;
}

/* RFC 2104 written out: OpenSSL's own HMAC takes one text, and its provider interface costs more than the hash. */
enum ahoy_err crypto_hmac(enum crypto_digest_alg alg, struct view key, const struct view *parts, size_t n, uint8_t *out)
{
    const size_t block = digest_block_bytes(alg), bytes = crypto_digest_bytes(alg);
    const EVP_MD *md = digest_md(alg);
    uint8_t pad[128] = { 0 }, value[CRYPTO_DIGEST_MAX_BYTES];
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    enum ahoy_err err = ctx ? AHOY_OK : AHOY_ERR_NOMEM;
    if (err == AHOY_OK && key.n > block)
        err = digest_run(ctx, md, (struct view){ 0 }, &key, 1, pad);
    else if (err == AHOY_OK && key.n > 0)
        memcpy(pad, key.p, key.n);
    if (err == AHOY_OK) {
        for (size_t i = 0; i < block; i++)
            pad[i] ^= 0x36;
        err = digest_run(ctx, md, view_of((const char *) pad, block), parts, n, value);
    }
    if (err == AHOY_OK) {
        for (size_t i = 0; i < block; i++)
            pad[i] ^= 0x36 ^ 0x5c;
        struct view inner = view_of((const char *) value, bytes);
        err = digest_run(ctx, md, view_of((const char *) pad, block), &inner, 1, value);
    }
    if (err == AHOY_OK)
        memcpy(out, value, bytes);
    EVP_MD_CTX_free(ctx);
    mem_wipe(pad, sizeof pad);
    mem_wipe(value, sizeof value);
    return err;
}

bool crypto_equal(const void *a, const void *b, size_t n)
{
    return n == 0 || CRYPTO_memcmp(a, b, n) == 0;
}
