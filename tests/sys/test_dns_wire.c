#include "sys/dns_wire.h"

#include "base/mem.h"
#include "base/rng.h"

#include "support/t.h"
#include "support_dnsd.h"

static void put_u16(struct buf *b, unsigned x)
{
    buf_char(b, (char) (x >> 8));
    buf_char(b, (char) (x & 0xff));
}

/* A header and the question "a.b" of a type. */
static void put_head(struct buf *b, unsigned type, unsigned answers)
{
    put_u16(b, 1);
    put_u16(b, 0x8180);
    put_u16(b, 1);
    put_u16(b, answers);
    put_u16(b, 0);
    put_u16(b, 0);
    dnsd_put_name(b, "a.b");
    put_u16(b, type);
    put_u16(b, 1);
}

/* A record whose owner points at the question. */
static void put_rr(struct buf *b, unsigned type, unsigned ttl_high, struct view data)
{
    put_u16(b, 0xc00c);
    put_u16(b, type);
    put_u16(b, 1);
    put_u16(b, ttl_high);
    put_u16(b, 5);
    put_u16(b, (unsigned) data.n);
    buf_view(b, data);
}

static void test_reads_no_further_than_the_message(struct t *t)
{
    struct buf b;
    struct sys_dns_record r[4];
    size_t n;
    buf_init(&b, 1000);
    put_head(&b, SYS_DNS_SRV, 2);
    put_rr(&b, SYS_DNS_SRV, 0, VIEW("\0\1\0\2\0\3\xc0\x0c"));
    put_rr(&b, SYS_DNS_SRV, 0x8000, VIEW("\0\4\0\5\0\6\1x\xc0\x0c"));
    T_OK(buf_err(&b));
    T_OK(dns_wire_read(b.p, b.n, SYS_DNS_SRV, r, 4, &n));
    T_EQ(n, 2);
    T_STR(r[0].u.srv.target, "a.b");
    T_STR(r[1].u.srv.target, "x.a.b");
    T_EQ(r[0].ttl_s, 5);
    T_EQ(r[1].ttl_s, 0); /* the highest bit: RFC 2181 section 8 */
    T_OK(dns_wire_read(b.p, b.n, SYS_DNS_SRV, r, 1, &n));
    T_EQ(n, 1);
    T_OK(dns_wire_read(b.p, b.n, SYS_DNS_A, r, 4, &n));
    T_EQ(n, 0);
    for (size_t cut = 0; cut < b.n; cut++) { /* in a block of its own, so that a byte too many is seen */
        char *copy = view_dup(view_of(b.p, cut));
        T_CHECK(copy != NULL);
        n = 0;
        enum ahoy_err err = dns_wire_read(copy, cut, SYS_DNS_SRV, r, 4, &n);
        mem_free(copy);
        T_CHECK(cut >= 12 + 5 + 4 ? err == AHOY_OK && n < 2 : err == AHOY_ERR_SYNTAX);
    }
out:
    buf_fini(&b);
}

static void test_rings_of_pointers_and_strange_labels_end(struct t *t)
{
    struct buf b;
    struct sys_dns_record r[4];
    size_t n = 9;
    static const char *const bad[] = { "\0\1\0\2\0\3\xc0\x27", "\0\1\0\2\0\3\xff\xff", "\0\1\0\2\0\3\x02x.\0",
                                       "\0\1\0\2\0\3\x80x" };
    static const size_t bad_n[] = { 8, 8, 10, 8 };
    buf_init(&b, 1000);
    put_head(&b, SYS_DNS_SRV, 4);
    for (int i = 0; i < 4; i++)
        put_rr(&b, SYS_DNS_SRV, 0, view_of(bad[i], bad_n[i]));
    T_OK(buf_err(&b));
    T_OK(dns_wire_read(b.p, b.n, SYS_DNS_SRV, r, 4, &n));
    T_EQ(n, 0);
    buf_clear(&b);
    put_head(&b, SYS_DNS_A, 1);
    put_rr(&b, 5, 0, VIEW("\xc0\x0c")); /* an alias for itself */
    T_OK(dns_wire_read(b.p, b.n, SYS_DNS_A, r, 4, &n));
    T_EQ(n, 0);
out:
    buf_fini(&b);
}

static void test_survives_noise(struct t *t)
{
    struct rng rng;
    struct sys_dns_record r[4];
    rng_init_u64(&rng, 4);
    for (int i = 0; i < 20000; i++) {
        char noise[80];
        size_t n, len = rng_below(&rng, sizeof noise);
        rng_bytes(&rng, noise, sizeof noise);
        for (size_t k = 0; k < sizeof noise; k++)
            noise[k] = noise[k] & 7 ? (char) (noise[k] & 3) : noise[k];
        noise[5] = 1;
        char *copy = view_dup(view_of(noise, len));
        T_CHECK(copy != NULL);
        (void) !dns_wire_read(copy, len, SYS_DNS_NAPTR, r, 4, &n);
        mem_free(copy);
    }
out:
    return;
}

T_MAIN(T(test_reads_no_further_than_the_message), T(test_rings_of_pointers_and_strange_labels_end),
       T_PLAIN(test_survives_noise)) /* allocates only for the sanitizer's sake */
