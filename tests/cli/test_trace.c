/* Ladders, captures written and read again, and what is peeked of a message. */
#include "cli/pcap.h"
#include "cli/peek.h"

#include "base/mem.h"
#include "support/t.h"

#include <unistd.h>

static const char invite[] = "INVITE sip:bob@example.org SIP/2.0\r\nVia: SIP/2.0/UDP a\r\ni: abc\r\nCSeq: 7 INVITE\r\n"
                             "Content-Type: application/sdp\r\nContent-Length: 4\r\n\r\nv=0\n";
static const char ringing[] = "SIP/2.0 180 Ringing\r\nCSeq: 7 INVITE\r\nCall-ID: abc\r\nContent-Length: 0\r\n\r\n";

static struct seen message(const char *from, const char *to, const char *transport, const char *text)
{
    return (struct seen){ .t_ms = 1234,
                          .unix_ms = 1700000000123,
                          .from = from,
                          .to = to,
                          .transport = transport,
                          .text = text,
                          .n = strlen(text) };
}

static void test_a_message_is_peeked_at(struct t *t)
{
    struct peek p;
    T_CHECK(peek_message(invite, strlen(invite), &p));
    T_CHECK(p.request && p.sdp);
    T_STR(p.what, "INVITE");
    T_STR(p.call_id, "abc");
    T_EQ(p.cseq, 7);
    T_STR(p.cseq_method, "INVITE");
    T_CHECK(peek_message(ringing, strlen(ringing), &p));
    T_EQ(p.status, 180);
    T_STR(p.what, "180 Ringing");
    T_CHECK(!peek_message("\r\n\r\n", 4, &p));
    T_CHECK(!peek_message("GET / HTTP/1.1\r\n", 16, &p));
    T_CHECK(!peek_message("", 0, &p));
out:;
}

static void test_messages_of_a_stream_are_framed(struct t *t)
{
    char stream[1024];
    size_t skip, n = strlen(invite);
    (void) snprintf(stream, sizeof stream, "\r\n\r\n%s%s", invite, ringing);
    T_EQ(peek_frame(stream, strlen(stream), &skip), n);
    T_EQ(skip, 4);
    for (size_t cut = 0; cut < n + 4; cut++)
        T_EQ(peek_frame(stream, cut, &skip), 0);
    T_EQ(peek_frame("no sip at all\r\n\r\n", 17, &skip), SIZE_MAX);
    T_EQ(peek_frame("INVITE sip:x SIP/2.0\r\nContent-Length: 9999999\r\n\r\n", 49, &skip), SIZE_MAX);
out:;
}

static void test_a_ladder_has_a_column_for_each_address(struct t *t)
{
    struct ladder l = { .columns = 0 };
    char buf[4096];
    struct text out;
    struct seen first = message("1.1.1.1:5060", "2.2.2.2:5060", "udp", invite);
    struct seen second = message("2.2.2.2:5060", "1.1.1.1:5060", "udp", ringing);
    text_init(&out, buf, sizeof buf);
    ladder_add(&l, &first, &out);
    ladder_add(&l, &second, &out);
    T_STR(buf, "                   1.1.1.1:5060                      2.2.2.2:5060\n"
               "     1.234               |--------- INVITE (sdp) --------->|   7 INVITE udp\n"
               "     1.234               |<--------- 180 Ringing ----------|   7 INVITE udp\n");
out:;
}

static void test_a_ladder_stands_many_addresses_and_hostile_text(struct t *t)
{
    struct ladder l = { .whole = true };
    static char buf[65536];
    char from[32], hostile[300];
    struct text out;
    text_init(&out, buf, sizeof buf);
    (void) snprintf(hostile, sizeof hostile, "SIP/2.0 200 %0200d\x1b[2J\x9b\r\nCSeq: 1 \x1b]0;x\x07\r\n\r\n\x1b[31m",
                    0);
    for (int i = 0; i < 20; i++) {
        (void) snprintf(from, sizeof from, "10.0.0.%d:5060", i);
        struct seen m = message(from, i % 2 ? from : "10.0.0.1:5060", "tcp", hostile);
        ladder_add(&l, &m, &out);
    }
    T_EQ(l.columns, LADDER_COLUMNS);
    T_CHECK(!out.cut);
    T_CHECK(!strchr(buf, 0x1b) && !strchr(buf, '\x9b') && !strchr(buf, 7));
out:;
}

/* ---- captures ---------------------------------------------------------------------------------------------------- */

struct heard {
    size_t n;
    char from[8][64], to[8][64], transport[8][8], text[8][600];
    size_t bytes[8];
    int64_t unix_ms[8];
};

static void hear(void *arg, const struct seen *m)
{
    struct heard *h = arg;
    if (h->n == 8)
        return;
    (void) snprintf(h->from[h->n], 64, "%s", m->from);
    (void) snprintf(h->to[h->n], 64, "%s", m->to);
    (void) snprintf(h->transport[h->n], 8, "%s", m->transport);
    (void) snprintf(h->text[h->n], 600, "%.*s", (int) m->n, m->text);
    h->bytes[h->n] = m->n;
    h->unix_ms[h->n] = m->unix_ms;
    h->n++;
}

static void test_a_capture_that_was_written_reads_back(struct t *t)
{
    static struct pcap_reader reader;
    struct heard h = { .n = 0 };
    struct pcap_writer w;
    char why[200];
    struct text out;
    const struct seen sent[] = {
        message("127.0.0.1:5060", "127.0.0.1:5070", "udp", invite),
        message("[2001:db8::1%eth0]:5060", "[2001:db8::2]:5060", "udp", ringing),
        message("10.0.0.1:40000", "10.0.0.2:5060", "tcp", invite),
        message("10.0.0.2:5060", "10.0.0.1:40000", "tcp", ringing),
        message("10.0.0.1:40000", "10.0.0.2:5060", "tcp", ringing),
        message("10.0.0.1:5060", "[::1]:5060", "udp", invite), /* no packet can be that */
    };
    FILE *f = tmpfile();
    T_ALWAYS(f);
    T_CHECK(pcap_write_begin(&w, fileno(f)));
    for (size_t i = 0; i < AHOY_COUNT(sent); i++)
        T_CHECK(pcap_write(&w, &sent[i]));
    T_EQ(w.left_out, 1);
    rewind(f);
    text_init(&out, why, sizeof why);
    T_CHECK(pcap_read(&reader, f, hear, &h, &out));
    T_EQ(h.n, 5);
    for (size_t i = 0; i < 5; i++) {
        T_STR(h.text[i], sent[i].text);
        T_STR(h.transport[i], sent[i].transport);
        T_EQ(h.unix_ms[i], sent[i].unix_ms);
    }
    T_STR(h.from[0], "127.0.0.1:5060");
    T_STR(h.from[1], "[2001:db8::1]:5060");
    T_STR(h.to[3], "10.0.0.1:40000");
out:
    if (f)
        (void) fclose(f);
}

/* RFC 1071: the sum over head and data with its checksum in place is 0xffff. */
static uint32_t ones_sum(const uint8_t *p, size_t n, uint32_t sum)
{
    for (size_t i = 0; i < n; i++)
        sum += i % 2 ? p[i] : (uint32_t) p[i] << 8;
    while (sum >> 16)
        sum = (sum & 0xffff) + (sum >> 16);
    return sum;
}

static void test_checksums_of_a_capture_are_right(struct t *t)
{
    static const char *const transports[] = { "udp", "tcp" };
    uint8_t file[2048];
    for (size_t i = 0; i < AHOY_COUNT(transports); i++) {
        struct pcap_writer w;
        struct seen m = message("192.0.2.1:5060", "198.51.100.7:5061", transports[i], invite);
        FILE *f = tmpfile();
        T_ALWAYS(f);
        bool written = pcap_write_begin(&w, fileno(f)) && pcap_write(&w, &m);
        rewind(f);
        size_t n = fread(file, 1, sizeof file, f);
        (void) fclose(f);
        T_CHECK(written);
        T_CHECK(n > 24 + 16 + 20);
        const uint8_t *ip = file + 40;
        size_t payload = n - 60;
        T_EQ(ones_sum(ip, 20, 0), 0xffff);
        T_EQ(ones_sum(ip + 12, n - 40 - 12, ip[9] + (uint32_t) payload), 0xffff);
    }
out:;
}

static void append(uint8_t *file, size_t *n, const void *p, size_t bytes)
{
    memcpy(file + *n, p, bytes);
    *n += bytes;
}

/* A capture as tcpdump makes it on a little-endian machine, from an Ethernet with a VLAN. */
static size_t ethernet_capture(uint8_t *file, const char *text)
{
    static const uint8_t head[24] = {
        0xd4, 0xc3, 0xb2, 0xa1, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 4, 0, 1, 0, 0, 0
    };
    static const uint8_t ether[18] = { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 0x81, 0, 0, 5, 8, 0 };
    size_t size = strlen(text), all = 18 + 20 + 8 + size, n = 0;
    uint8_t packet[16] = { 16, 0, 0, 0, 0x10, 0x27, 0, 0 };
    uint8_t ip[28] = { 0x45, 0, 0, 0, 0, 0, 0, 0, 64, 17, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2, 0x13, 0xc4, 0x13, 0xc5 };
    packet[8] = packet[12] = (uint8_t) all;
    packet[9] = packet[13] = (uint8_t) (all >> 8);
    ip[3] = (uint8_t) (28 + size);
    ip[25] = (uint8_t) (8 + size);
    append(file, &n, head, sizeof head);
    append(file, &n, packet, sizeof packet);
    append(file, &n, ether, sizeof ether);
    append(file, &n, ip, sizeof ip);
    append(file, &n, text, size);
    return n;
}

static void test_an_ethernet_capture_is_read_and_cut_ones_do_no_harm(struct t *t)
{
    static struct pcap_reader reader;
    uint8_t file[1024];
    char why[200];
    size_t n = ethernet_capture(file, invite);
    for (size_t cut = n; cut > 0; cut--) {
        struct heard h = { .n = 0 };
        struct text out;
        FILE *f = fmemopen(file, cut, "rb");
        T_ALWAYS(f);
        text_init(&out, why, sizeof why);
        bool ok = pcap_read(&reader, f, hear, &h, &out);
        (void) fclose(f);
        T_EQ(ok, cut >= 24);
        T_EQ(h.n, cut == n ? 1 : 0);
        if (h.n == 1) {
            T_STR(h.from[0], "10.0.0.1:5060");
            T_STR(h.text[0], invite);
            T_EQ(h.unix_ms[0], 16010);
        }
    }
out:;
}

/* Whatever a byte is changed to, the reader ends and stays inside its buffers (the sanitizers watch). */
static void test_a_damaged_capture_is_harmless(struct t *t)
{
    static struct pcap_reader reader;
    uint8_t file[1024];
    char why[200];
    size_t n = ethernet_capture(file, ringing);
    for (size_t i = 20; i < 100; i++) {
        for (unsigned x = 0; x < 256; x += 5) {
            struct heard h = { .n = 0 };
            struct text out;
            uint8_t before = file[i];
            file[i] = (uint8_t) x;
            FILE *f = fmemopen(file, n, "rb");
            T_ALWAYS(f);
            text_init(&out, why, sizeof why);
            (void) pcap_read(&reader, f, hear, &h, &out);
            (void) fclose(f);
            file[i] = before;
        }
    }
out:;
}

T_MAIN(T(test_a_message_is_peeked_at), T(test_messages_of_a_stream_are_framed),
       T(test_a_ladder_has_a_column_for_each_address), T(test_a_ladder_stands_many_addresses_and_hostile_text),
       T(test_a_capture_that_was_written_reads_back), T(test_checksums_of_a_capture_are_right),
       T(test_an_ethernet_capture_is_read_and_cut_ones_do_no_harm), T(test_a_damaged_capture_is_harmless))
