/* Ogg pages: checksum, lacing, sequence, positions. */
#include "audio/ogg.h"

#include "base/mem.h"
#include "support/t.h"

/* "123456789" under polynomial 0x04c11db7 from 0, without reflection or final complement. */
static void test_the_checksum_is_oggs(struct t *t)
{
    T_EQ(ogg_crc((const uint8_t *) "123456789", 9), 0x89a1897f);
    T_EQ(ogg_crc(NULL, 0), 0);
out:;
}

static uint64_t le(const uint8_t *p, size_t bytes)
{
    uint64_t x = 0;
    for (size_t i = bytes; i-- > 0;)
        x = x << 8 | p[i];
    return x;
}

static void test_a_page_holds_its_packets_lengths(struct t *t)
{
    struct ogg_writer *w = mem_alloc(sizeof *w);
    uint8_t *page = mem_alloc(OGG_PAGE_BYTES), *packet = mem_zalloc(OGG_PACKET_BYTES);
    T_CHECK(w && page && packet);
    memset(packet, 7, OGG_PACKET_BYTES);
    ogg_init(w, 0x01020304);
    T_CHECK(ogg_put(w, packet, 3, 100));
    T_CHECK(ogg_put(w, packet, 255, 200)); /* ends with a lace of 0 (RFC 3533 section 5) */
    T_CHECK(ogg_put(w, packet, 600, 300));
    size_t n = ogg_take(w, OGG_FIRST, page);
    T_EQ(n, 27 + 6 + 858);
    T_MEM(page, "OggS\0\2", 6);
    T_EQ(le(page + 6, 8), 300);
    T_EQ(le(page + 14, 4), 0x01020304);
    T_EQ(le(page + 18, 4), 0);
    T_MEM(page + 26, "\6\3\377\0\377\377\132", 7);
    uint32_t sum = (uint32_t) le(page + 22, 4);
    memset(page + 22, 0, 4);
    T_EQ(ogg_crc(page, n), sum);
    T_EQ(ogg_take(w, OGG_LAST, page), 27); /* empty, and the next in order */
    T_EQ(le(page + 18, 4), 1);
    T_EQ(page[5], OGG_LAST);
    T_EQ(le(page + 6, 8), 300);
out:
    mem_free(packet);
    mem_free(page);
    mem_free(w);
}

static void test_a_full_page_says_so(struct t *t)
{
    struct ogg_writer *w = mem_alloc(sizeof *w);
    uint8_t *page = mem_alloc(OGG_PAGE_BYTES), *packet = mem_zalloc(OGG_PACKET_BYTES);
    T_CHECK(w && page && packet);
    ogg_init(w, 1);
    for (int i = 0; i < 127; i++)
        T_CHECK(ogg_put(w, packet, 300, 0)); /* two laces each */
    T_CHECK(!ogg_put(w, packet, 300, 0));
    T_CHECK(ogg_put(w, packet, 10, 0));
    T_CHECK(!ogg_put(w, packet, 0, 0));
    T_EQ(ogg_take(w, 0, page), 27 + 255 + 127 * 300 + 10);
    T_CHECK(ogg_put(w, packet, OGG_PACKET_BYTES, 0));
    T_EQ(ogg_take(w, 0, page), 27 + 255 + OGG_PACKET_BYTES);
out:
    mem_free(packet);
    mem_free(page);
    mem_free(w);
}

T_MAIN(T(test_the_checksum_is_oggs), T(test_a_page_holds_its_packets_lengths), T(test_a_full_page_says_so))
