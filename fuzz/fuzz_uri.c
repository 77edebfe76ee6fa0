/* URIs: parsing, comparing with themselves and each other, the canonical form, escaping there and back. */
#include "base/mem.h"
#include "sip/uri.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { OUT_MOST = 1 << 20 };

/* What is escaped and resolved again is what it was. */
static void round_trip(struct view v)
{
    struct buf escaped, back;
    buf_init(&escaped, OUT_MOST);
    buf_init(&back, OUT_MOST);
    sip_uri_escape_user(v, &escaped);
    sip_uri_unescape(buf_content(&escaped), &back);
    AHOY_ASSERT(!buf_err(&escaped) && !buf_err(&back));
    AHOY_ASSERT(view_eq(buf_content(&back), v));
    buf_fini(&escaped);
    buf_fini(&back);
}

/* The canonical form is a URI, and its own canonical form. */
static void canonical(const struct sip_uri *u)
{
    struct buf once, twice;
    struct sip_uri again;
    buf_init(&once, OUT_MOST);
    buf_init(&twice, OUT_MOST);
    if (sip_uri_aor(u, &once) == AHOY_OK) {
        AHOY_ASSERT(sip_uri_parse(buf_content(&once), &again) == AHOY_OK);
        AHOY_ASSERT(sip_uri_aor(&again, &twice) == AHOY_OK);
        AHOY_ASSERT(view_eq(buf_content(&once), buf_content(&twice)));
    }
    buf_clear(&once);
    sip_uri_put_request(u, &once);
    AHOY_ASSERT(!buf_err(&once));
    AHOY_ASSERT(sip_uri_parse(buf_content(&once), &again) == AHOY_OK);
    AHOY_ASSERT(again.scheme == u->scheme && view_eq(again.host, u->host));
    buf_fini(&once);
    buf_fini(&twice);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *copy = mem_alloc(size);
    if (!copy)
        return 0;
    if (size > 0)
        memcpy(copy, data, size);
    struct view second = view_of(copy, size), first = view_cut(&second, '\n'), value;
    struct sip_uri a, b;
    struct addr ip;
    bool has_a = sip_uri_parse(first, &a) == AHOY_OK, has_b = sip_uri_parse(second, &b) == AHOY_OK;
    round_trip(first);
    if (has_a) {
        AHOY_ASSERT(sip_uri_equal(&a, &a));
        (void) sip_uri_param(&a, VIEW("transport"), &value);
        (void) sip_uri_is_loose(&a);
        (void) !sip_uri_ip(&a, &ip);
        canonical(&a);
    }
    if (has_a && has_b)
        AHOY_ASSERT(sip_uri_equal(&a, &b) == sip_uri_equal(&b, &a));
    mem_free(copy);
    return 0;
}
