#include "cli/pcap.h"

#include <arpa/inet.h>
#include <string.h>

enum {
    LINK_RAW = 101,
    HEAD_MAX = 60, /* IPv6 and TCP */
    DATA_MAX = 65535 - 60,
    PROTOCOL_TCP = 6,
    PROTOCOL_UDP = 17,
};

struct place {
    int family; /* 4 or 6 */
    uint8_t ip[16];
    uint16_t port;
};

static void put16(uint8_t *p, uint32_t x)
{
    p[0] = (uint8_t) (x >> 8);
    p[1] = (uint8_t) x;
}

static void put32(uint8_t *p, uint32_t x)
{
    put16(p, x >> 16);
    put16(p + 2, x & 0xffff);
}

/* "192.0.2.1:5060" or "[2001:db8::1%eth0]:5060". */
static bool parse_place(const char *s, struct place *out)
{
    char host[LADDER_ADDRESS];
    uint32_t port;
    const char *colon = strrchr(s, ':');
    if (!colon || !text_number(colon + 1, 0, 65535, &port))
        return false;
    bool brackets = s[0] == '[';
    size_t n = (size_t) (colon - s);
    if (brackets && (n < 2 || s[n - 1] != ']'))
        return false;
    s += brackets ? 1 : 0;
    n -= brackets ? 2 : 0;
    if (n >= sizeof host)
        return false;
    memcpy(host, s, n);
    host[n] = 0;
    host[strcspn(host, "%")] = 0;
    *out = (struct place){ .family = brackets ? 6 : 4, .port = (uint16_t) port };
    return inet_pton(brackets ? AF_INET6 : AF_INET, host, out->ip) == 1;
}

/* RFC 1071, over a run of bytes; an odd byte at the end counts as the high one. */
static uint32_t sum16(uint32_t sum, const uint8_t *p, size_t n)
{
    for (size_t i = 0; i + 1 < n; i += 2)
        sum += (uint32_t) (p[i] << 8 | p[i + 1]);
    if (n % 2)
        sum += (uint32_t) p[n - 1] << 8;
    while (sum >> 16)
        sum = (sum & 0xffff) + (sum >> 16);
    return sum;
}

static uint16_t checksum(const struct place *from, const struct place *to, uint8_t protocol, const uint8_t *head,
                         size_t head_n, const char *data, size_t n)
{
    size_t ip_n = from->family == 4 ? 4 : 16;
    uint32_t sum = sum16(0, from->ip, ip_n);
    sum = sum16(sum, to->ip, ip_n);
    sum = sum16(sum + protocol + (uint32_t) ((head_n + n) >> 16) + (uint32_t) ((head_n + n) & 0xffff), head, head_n);
    sum = sum16(sum, (const uint8_t *) data, n); /* heads have an even length */
    return (uint16_t) ~sum;
}

static size_t ip_head(uint8_t *p, const struct place *from, const struct place *to, uint8_t protocol, size_t payload)
{
    if (from->family == 6) { /* RFC 8200 section 3 */
        put32(p, 0x60000000);
        put16(p + 4, (uint32_t) payload);
        p[6] = protocol;
        p[7] = 64;
        memcpy(p + 8, from->ip, 16);
        memcpy(p + 24, to->ip, 16);
        return 40;
    }
    memset(p, 0, 20); /* RFC 791 section 3.1 */
    p[0] = 0x45;
    put16(p + 2, (uint32_t) (20 + payload));
    put16(p + 6, 0x4000);
    p[8] = 64;
    p[9] = protocol;
    memcpy(p + 12, from->ip, 4);
    memcpy(p + 16, to->ip, 4);
    put16(p + 10, (uint16_t) ~sum16(0, p, 20));
    return 20;
}

static size_t udp_head(uint8_t *p, const struct place *from, const struct place *to, const struct seen *m)
{
    put16(p, from->port);
    put16(p + 2, to->port);
    put16(p + 4, (uint32_t) (8 + m->n));
    put16(p + 6, 0);
    uint16_t sum = checksum(from, to, PROTOCOL_UDP, p, 8, m->text, m->n);
    put16(p + 6, sum ? sum : 0xffff);
    return 8;
}

static void stream_key(const struct place *from, const struct place *to, uint8_t key[36])
{
    memcpy(key, from->ip, 16);
    memcpy(key + 16, to->ip, 16);
    put16(key + 32, from->port);
    put16(key + 34, to->port);
}

/* The state of a direction; the one least used lately makes room. */
static struct pcap_stream *stream_of(struct pcap_writer *w, const struct place *from, const struct place *to)
{
    uint8_t key[36];
    struct pcap_stream *oldest = &w->stream[0];
    stream_key(from, to, key);
    for (size_t i = 0; i < PCAP_STREAMS; i++) {
        struct pcap_stream *s = &w->stream[i];
        if (s->used && memcmp(s->key, key, sizeof key) == 0)
            return s;
        if (s->age < oldest->age)
            oldest = s;
    }
    *oldest = (struct pcap_stream){ .used = true, .seq = 1 };
    memcpy(oldest->key, key, sizeof key);
    return oldest;
}

static size_t tcp_head(struct pcap_writer *w, uint8_t *p, const struct place *from, const struct place *to,
                       const struct seen *m)
{
    struct pcap_stream *there = stream_of(w, from, to);
    there->age = ++w->count;
    struct pcap_stream *back = stream_of(w, to, from);
    back->age = ++w->count;
    put16(p, from->port); /* RFC 9293 section 3.1 */
    put16(p + 2, to->port);
    put32(p + 4, there->seq);
    put32(p + 8, back->seq);
    p[12] = 5 << 4;
    p[13] = 0x18; /* PSH, ACK */
    put16(p + 14, 65535);
    put32(p + 16, 0);
    put16(p + 16, checksum(from, to, PROTOCOL_TCP, p, 20, m->text, m->n));
    there->seq += (uint32_t) m->n;
    return 20;
}

bool pcap_write_begin(struct pcap_writer *w, int fd)
{
    uint8_t head[24] = { 0 };
    *w = (struct pcap_writer){ .fd = fd };
    put32(head, 0xa1b2c3d4); /* microseconds, high byte first */
    put16(head + 4, 2);
    put16(head + 6, 4);
    put32(head + 16, 262144);
    put32(head + 20, LINK_RAW);
    return text_write(fd, (const char *) head, sizeof head);
}

bool pcap_write(struct pcap_writer *w, const struct seen *m)
{
    uint8_t head[16 + HEAD_MAX], *ip = head + 16;
    struct place from, to;
    if (!parse_place(m->from, &from) || !parse_place(m->to, &to) || from.family != to.family || m->n > DATA_MAX) {
        w->left_out++;
        return true;
    }
    bool udp = strcmp(m->transport, "udp") == 0;
    size_t ip_n = from.family == 4 ? 20 : 40;
    size_t next = udp ? udp_head(ip + ip_n, &from, &to, m) : tcp_head(w, ip + ip_n, &from, &to, m);
    (void) ip_head(ip, &from, &to, udp ? PROTOCOL_UDP : PROTOCOL_TCP, next + m->n);
    uint32_t size = (uint32_t) (ip_n + next + m->n);
    put32(head, (uint32_t) (m->unix_ms / 1000));
    put32(head + 4, (uint32_t) (m->unix_ms % 1000) * 1000);
    put32(head + 8, size);
    put32(head + 12, size);
    return text_write(w->fd, (const char *) head, 16 + ip_n + next) && text_write(w->fd, m->text, m->n);
}
