#include "cli/pcap.h"

#include "cli/peek.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>

enum {
    LINK_NULL = 0,
    LINK_ETHERNET = 1,
    LINK_RAW_BSD = 12,
    LINK_RAW_OPENBSD = 14,
    LINK_RAW = 101,
    LINK_LOOP = 108,
    LINK_COOKED = 113,
    LINK_IP4 = 228,
    LINK_IP6 = 229,
    LINK_COOKED2 = 276,
    ETHER_IP4 = 0x0800,
    ETHER_IP6 = 0x86dd,
    ETHER_VLAN = 0x8100,
    ETHER_QINQ = 0x88a8,
};

struct bytes {
    const uint8_t *p;
    size_t n;
};

/* A segment or datagram on its way through the reader. */
struct segment {
    char from[LADDER_ADDRESS], to[LADDER_ADDRESS];
    uint8_t key[36];
    int64_t unix_ms;
    struct bytes data;
};

static uint32_t get16(const uint8_t *p)
{
    return (uint32_t) (p[0] << 8 | p[1]);
}

static uint32_t get32(const uint8_t *p)
{
    return get16(p) << 16 | get16(p + 2);
}

static uint32_t file32(const struct pcap_reader *r, const uint8_t *p)
{
    uint32_t x = get32(p);
    return r->swapped ? (x >> 24 | (x >> 8 & 0xff00) | (x << 8 & 0xff0000) | x << 24) : x;
}

static bool drop(struct bytes *b, size_t n)
{
    if (b->n < n)
        return false;
    b->p += n;
    b->n -= n;
    return true;
}

static void hand_over(struct pcap_reader *r, const struct segment *s, const char *transport, const char *p, size_t n)
{
    struct seen m = { .t_ms = s->unix_ms - r->first_ms,
                      .unix_ms = s->unix_ms,
                      .from = s->from,
                      .to = s->to,
                      .transport = transport,
                      .text = p,
                      .n = n };
    r->messages++;
    r->fn(r->arg, &m);
}

/* ---- TCP --------------------------------------------------------------------------------------------------------- */

static size_t stream_of(struct pcap_reader *r, const uint8_t key[36], uint32_t seq)
{
    size_t oldest = 0;
    for (size_t i = 0; i < PCAP_STREAMS; i++) {
        struct pcap_stream *s = &r->stream[i];
        if (s->used && memcmp(s->key, key, sizeof s->key) == 0) {
            s->age = ++r->clock;
            return i;
        }
        if (s->age < r->stream[oldest].age)
            oldest = i;
    }
    r->stream[oldest] = (struct pcap_stream){ .used = true, .seq = seq, .age = ++r->clock };
    memcpy(r->stream[oldest].key, key, sizeof r->stream[oldest].key);
    r->held[oldest] = 0;
    return oldest;
}

/* Takes whole messages off the front of what a stream holds. */
static void stream_messages(struct pcap_reader *r, size_t i, const struct segment *s)
{
    char *p = r->bytes[i];
    size_t skip = 0, at = 0;
    while (at < r->held[i]) {
        size_t n = peek_frame(p + at, r->held[i] - at, &skip);
        if (n == SIZE_MAX) { /* not SIP, or the beginning is missing: wait for a segment that begins well */
            at = r->held[i];
            break;
        }
        if (n == 0)
            break;
        hand_over(r, s, "tcp", p + at + skip, n);
        at += skip + n;
    }
    memmove(p, p + at, r->held[i] - at);
    r->held[i] -= at;
}

static void tcp_data(struct pcap_reader *r, struct segment *s, uint32_t seq)
{
    size_t i = stream_of(r, s->key, seq);
    struct pcap_stream *stream = &r->stream[i];
    uint32_t again = stream->seq - seq; /* bytes of it that were seen before */
    if (again != 0 && again < 0x80000000u) {
        if (!drop(&s->data, again))
            return;
    } else if (again != 0) { /* some are missing */
        r->held[i] = 0;
        stream->seq = seq;
    }
    stream->seq += (uint32_t) s->data.n;
    if (r->held[i] + s->data.n > PCAP_STREAM_BYTES)
        r->held[i] = 0;
    if (s->data.n > PCAP_STREAM_BYTES)
        return;
    memcpy(r->bytes[i] + r->held[i], s->data.p, s->data.n);
    r->held[i] += s->data.n;
    stream_messages(r, i, s);
}

/* ---- IP ---------------------------------------------------------------------------------------------------------- */

static void name_ends(struct segment *s, const uint8_t *src, const uint8_t *dst, bool v6, const uint8_t *ports)
{
    char ip[INET6_ADDRSTRLEN];
    size_t n = v6 ? 16 : 4;
    (void) inet_ntop(v6 ? AF_INET6 : AF_INET, src, ip, sizeof ip);
    (void) snprintf(s->from, sizeof s->from, v6 ? "[%s]:%u" : "%s:%u", ip, get16(ports));
    (void) inet_ntop(v6 ? AF_INET6 : AF_INET, dst, ip, sizeof ip);
    (void) snprintf(s->to, sizeof s->to, v6 ? "[%s]:%u" : "%s:%u", ip, get16(ports + 2));
    memset(s->key, 0, sizeof s->key);
    memcpy(s->key, src, n);
    memcpy(s->key + 16, dst, n);
    memcpy(s->key + 32, ports, 4);
}

static void transport(struct pcap_reader *r, struct segment *s, unsigned protocol, const uint8_t *src,
                      const uint8_t *dst, bool v6)
{
    const uint8_t *head = s->data.p;
    if (s->data.n < 8)
        return;
    name_ends(s, src, dst, v6, head);
    if (protocol == IPPROTO_UDP) {
        uint32_t size = get16(head + 4);
        if (size >= 8 && size < s->data.n)
            s->data.n = size;
        (void) drop(&s->data, 8);
        if (peek_is_sip((const char *) s->data.p, s->data.n))
            hand_over(r, s, "udp", (const char *) s->data.p, s->data.n);
    } else if (protocol == IPPROTO_TCP && s->data.n >= 20) {
        uint32_t seq = get32(head + 4) + (head[13] & 2 ? 1 : 0); /* SYN takes a number */
        if (drop(&s->data, (size_t) (head[12] >> 4) * 4) && s->data.n > 0)
            tcp_data(r, s, seq);
    }
}

static void ip4(struct pcap_reader *r, struct segment *s)
{
    const uint8_t *head = s->data.p;
    if (s->data.n < 20)
        return;
    size_t head_n = (size_t) (head[0] & 15) * 4, total = get16(head + 2);
    if (get16(head + 6) & 0x3fff) {
        r->fragments++;
        return;
    }
    if (total >= head_n && total < s->data.n)
        s->data.n = total;
    if (head_n >= 20 && drop(&s->data, head_n))
        transport(r, s, head[9], head + 12, head + 16, false);
}

static void ip6(struct pcap_reader *r, struct segment *s)
{
    const uint8_t *head = s->data.p;
    if (s->data.n < 40)
        return;
    unsigned next = head[6];
    size_t payload = get16(head + 4);
    (void) drop(&s->data, 40);
    if (payload > 0 && payload < s->data.n)
        s->data.n = payload;
    while (next == 0 || next == 43 || next == 60) { /* hop-by-hop, routing, destination options */
        if (s->data.n < 8)
            return;
        next = s->data.p[0];
        if (!drop(&s->data, ((size_t) s->data.p[1] + 1) * 8))
            return;
    }
    if (next == 44)
        r->fragments++;
    else
        transport(r, s, next, head + 8, head + 24, true);
}

static void ip(struct pcap_reader *r, struct segment *s)
{
    if (s->data.n > 0 && s->data.p[0] >> 4 == 4)
        ip4(r, s);
    else if (s->data.n > 0 && s->data.p[0] >> 4 == 6)
        ip6(r, s);
}

/* ---- links ------------------------------------------------------------------------------------------------------- */

static bool ethernet(struct bytes *b)
{
    size_t at = 12;
    while (b->n >= at + 2 && (get16(b->p + at) == ETHER_VLAN || get16(b->p + at) == ETHER_QINQ))
        at += 4;
    if (b->n < at + 2 || (get16(b->p + at) != ETHER_IP4 && get16(b->p + at) != ETHER_IP6))
        return false;
    return drop(b, at + 2);
}

static bool strip_link(const struct pcap_reader *r, struct bytes *b)
{
    switch (r->link) {
    case LINK_ETHERNET: return ethernet(b);
    case LINK_NULL:
    case LINK_LOOP: return drop(b, 4);
    case LINK_COOKED: return drop(b, 16);
    case LINK_COOKED2: return drop(b, 20);
    default: return true;
    }
}

static bool known_link(uint32_t link)
{
    static const uint32_t known[] = { LINK_NULL, LINK_ETHERNET, LINK_RAW_BSD, LINK_RAW_OPENBSD, LINK_RAW,
                                      LINK_LOOP, LINK_COOKED,   LINK_IP4,     LINK_IP6,         LINK_COOKED2 };
    for (size_t i = 0; i < CLI_COUNT(known); i++)
        if (known[i] == link)
            return true;
    return false;
}

/* ---- the file ---------------------------------------------------------------------------------------------------- */

bool pcap_is_capture(const uint8_t magic[4], struct text *why)
{
    uint32_t x = get32(magic);
    if (x == 0x0a0d0d0a)
        text_add(why, "this is a pcapng capture; make a pcap of it with `editcap -F pcap IN OUT`");
    return x == 0xa1b2c3d4 || x == 0xd4c3b2a1 || x == 0xa1b23c4d || x == 0x4d3cb2a1 || x == 0x0a0d0d0a;
}

static bool begin(struct pcap_reader *r, struct text *why)
{
    uint8_t head[24];
    if (fread(head, sizeof head, 1, r->file) != 1 || !pcap_is_capture(head, why)) {
        text_add(why, "this is no capture");
        return false;
    }
    if (why->n > 0)
        return false;
    r->swapped = head[0] != 0xa1;
    r->nanoseconds = head[1] == 0xb2 && head[2] == 0x3c;
    r->nanoseconds = r->nanoseconds || (head[0] == 0x4d && head[1] == 0x3c);
    r->link = file32(r, head + 20) & 0xffff;
    if (known_link(r->link))
        return true;
    text_add(why, "captures of link type %u are not read here", r->link);
    return false;
}

bool pcap_read(struct pcap_reader *r, FILE *file, pcap_seen_fn *fn, void *arg, struct text *why)
{
    uint8_t head[16];
    memset(r, 0, sizeof *r);
    r->file = file;
    r->fn = fn;
    r->arg = arg;
    if (!begin(r, why))
        return false;
    while (fread(head, sizeof head, 1, file) == 1) {
        uint32_t size = file32(r, head + 8);
        if (size > PCAP_PACKET_BYTES) {
            text_add(why, "packet %llu claims to have %u bytes; the file is damaged",
                     (unsigned long long) r->packets + 1, size);
            return false;
        }
        if (size > 0 && fread(r->packet, size, 1, file) != 1)
            break; /* the capture was cut short */
        struct segment s = { .data = { r->packet, size } };
        s.unix_ms = (int64_t) file32(r, head) * 1000 + file32(r, head + 4) / (r->nanoseconds ? 1000000 : 1000);
        if (!r->begun) {
            r->begun = true;
            r->first_ms = s.unix_ms;
        }
        r->packets++;
        if (strip_link(r, &s.data))
            ip(r, &s);
    }
    return true;
}
