/* Challenges, credentials and Authentication-Info from the wire. What was parsed and printed must parse to the same. */
#include "sip/digest.h"

static void check_round_trip(const struct sip_credentials *c)
{
    struct buf plain, text;
    struct sip_credentials once = *c, again;
    buf_init(&plain, 1 << 16);
    buf_init(&text, 1 << 17);
    sip_digest_unescape(c->username, &plain);
    once.username = buf_content(&plain);
    sip_credentials_put(&text, &once);
    if (buf_err(&text) == AHOY_OK && buf_err(&plain) == AHOY_OK) {
        AHOY_ASSERT(sip_credentials_parse(buf_content(&text), &again) == AHOY_OK);
        AHOY_ASSERT(view_eq(again.realm, c->realm) && view_eq(again.nonce, c->nonce) && view_eq(again.uri, c->uri));
        AHOY_ASSERT(again.nc == c->nc && again.qop == c->qop
                    && again.alg == (c->algorithm.n ? c->alg : SIP_DIGEST_MD5));
    }
    buf_fini(&plain);
    buf_fini(&text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct view rest = view_of((const char *) data, n);
    struct sip_challenge challenge;
    size_t count = 0;
    while (sip_challenge_next(&rest, &challenge) == AHOY_OK)
        AHOY_ASSERT(++count <= n);
    struct sip_credentials c;
    if (sip_credentials_parse(view_of((const char *) data, n), &c) == AHOY_OK) {
        char hex[SIP_DIGEST_HEX_BYTES];
        struct sip_digest_input in = {
            .alg = c.alg,
            .sess = c.sess,
            .ha1 = VIEW("00"),
            .nonce = c.nonce,
            .cnonce = c.cnonce,
            .nc = c.nc,
            .qop = c.qop,
            .method = VIEW("REGISTER"),
            .uri = c.uri,
            .body = c.opaque,
        };
        if (c.alg != SIP_DIGEST_UNKNOWN) {
            AHOY_ASSERT(sip_digest_response(&in, hex) == AHOY_OK);
            check_round_trip(&c);
        }
        (void) sip_digest_equal(c.response, view_str("0123456789abcdef"));
    }
    struct sip_auth_info info;
    if (sip_auth_info_parse(view_of((const char *) data, n), &info) == AHOY_OK)
        AHOY_ASSERT(info.nextnonce.n <= n);
    return 0;
}
