#include "sys/dns_wire.h"

enum {
    DNS_HEADER_BYTES = 12,
    DNS_RR_FIXED_BYTES = 10,
    DNS_CNAME = 5,
    DNS_IN = 1,
    DNS_MOST_JUMPS = 32, /* of one compressed name */
    DNS_MOST_RECORDS = 256,
    DNS_MOST_ALIASES = 8
};

struct reader {
    const uint8_t *p;
    size_t n, at;
};

struct rr {
    char owner[SYS_DNS_NAME_BYTES];
    uint16_t type, class;
    uint32_t ttl_s;
    size_t data, data_n; /* place in the message */
};

static uint16_t u16_at(const struct reader *r, size_t at)
{
    return (uint16_t) (r->p[at] << 8 | r->p[at + 1]);
}

/*
 * A domain name as text without a final dot, the place behind it in *next (RFC 1035 sections 3.1 and 4.1.4). Pointers
 * are counted, so that a ring of them ends. A label with a dot or a byte that no host name has is refused: as text it
 * would mean another name.
 */
static bool read_name(const struct reader *r, size_t at, char out[SYS_DNS_NAME_BYTES], size_t *next)
{
    size_t n = 0;
    bool jumped = false;
    for (int jumps = 0; at < r->n;) {
        size_t len = r->p[at];
        if (len >= 0xc0) {
            if (at + 2 > r->n || ++jumps > DNS_MOST_JUMPS)
                return false;
            if (!jumped)
                *next = at + 2;
            jumped = true;
            at = (size_t) (u16_at(r, at) & 0x3fff);
            continue;
        }
        if (len > 63 || at + 1 + len > r->n)
            return false;
        if (len == 0) {
            if (!jumped)
                *next = at + 1;
            out[n] = '\0';
            return true;
        }
        if (n + (n > 0) + len >= SYS_DNS_NAME_BYTES)
            return false;
        if (n > 0)
            out[n++] = '.';
        for (size_t i = 0; i < len; i++) {
            uint8_t c = r->p[at + 1 + i];
            if (c <= ' ' || c >= 127 || c == '.')
                return false;
            out[n++] = (char) c;
        }
        at += 1 + len;
    }
    return false;
}

static bool read_rr(struct reader *r, struct rr *out)
{
    size_t at;
    if (!read_name(r, r->at, out->owner, &at) || r->n - at < DNS_RR_FIXED_BYTES)
        return false;
    out->type = u16_at(r, at);
    out->class = u16_at(r, at + 2);
    out->ttl_s = (uint32_t) u16_at(r, at + 4) << 16 | u16_at(r, at + 6);
    if (out->ttl_s > INT32_MAX)
        out->ttl_s = 0; /* RFC 2181 section 8 */
    out->data_n = u16_at(r, at + 8);
    out->data = at + DNS_RR_FIXED_BYTES;
    if (r->n - out->data < out->data_n)
        return false;
    r->at = out->data + out->data_n;
    return true;
}

/* A character-string into a zero-terminated array; false when cut short or too long. */
static bool read_string(const struct reader *r, size_t *at, size_t end, char *out, size_t size)
{
    if (*at >= end)
        return false;
    size_t n = r->p[*at];
    if (n > end - *at - 1 || n >= size)
        return false;
    for (size_t i = 0; i < n; i++)
        if (r->p[*at + 1 + i] == 0)
            return false;
    memcpy(out, r->p + *at + 1, n);
    out[n] = '\0';
    *at += 1 + n;
    return true;
}

static bool read_naptr(const struct reader *r, const struct rr *rr, struct sys_dns_record *out) /* RFC 3403 section 4 */
{
    size_t at = rr->data + 4, end = rr->data + rr->data_n, next;
    if (rr->data_n < 7)
        return false;
    out->u.naptr.order = u16_at(r, rr->data);
    out->u.naptr.preference = u16_at(r, rr->data + 2);
    return read_string(r, &at, end, out->u.naptr.flags, sizeof out->u.naptr.flags)
           && read_string(r, &at, end, out->u.naptr.service, sizeof out->u.naptr.service)
           && read_string(r, &at, end, out->u.naptr.regexp, sizeof out->u.naptr.regexp)
           && read_name(r, at, out->u.naptr.replacement, &next) && next == end;
}

static bool read_data(const struct reader *r, const struct rr *rr, struct sys_dns_record *out)
{
    size_t next;
    *out = (struct sys_dns_record){ .type = (enum sys_dns_type) rr->type, .ttl_s = rr->ttl_s };
    switch (out->type) {
    case SYS_DNS_A:
    case SYS_DNS_AAAA:
        out->u.addr.family = out->type == SYS_DNS_A ? ADDR_IP4 : ADDR_IP6;
        if (rr->data_n != (out->type == SYS_DNS_A ? 4 : 16))
            return false;
        memcpy(out->u.addr.ip, r->p + rr->data, rr->data_n);
        return true;
    case SYS_DNS_SRV: /* RFC 2782 */
        if (rr->data_n < 7)
            return false;
        out->u.srv.priority = u16_at(r, rr->data);
        out->u.srv.weight = u16_at(r, rr->data + 2);
        out->u.srv.port = u16_at(r, rr->data + 4);
        return read_name(r, rr->data + 6, out->u.srv.target, &next) && next == rr->data + rr->data_n;
    case SYS_DNS_NAPTR: return read_naptr(r, rr, out);
    default: return false;
    }
}

/* Where a name's alias leads, if the answer section has one. */
static bool follow_alias(struct reader r, unsigned answers, char name[SYS_DNS_NAME_BYTES], uint32_t *ttl_s)
{
    struct rr rr;
    char target[SYS_DNS_NAME_BYTES];
    size_t next;
    for (unsigned i = 0; i < answers && read_rr(&r, &rr); i++) {
        if (rr.type != DNS_CNAME || rr.class != DNS_IN || !view_ieq(view_str(rr.owner), view_str(name)))
            continue;
        if (!read_name(&r, rr.data, target, &next))
            return false;
        view_copy(view_str(target), name, SYS_DNS_NAME_BYTES);
        *ttl_s = AHOY_MIN(*ttl_s, rr.ttl_s);
        return true;
    }
    return false;
}

enum ahoy_err dns_wire_read(const void *msg, size_t bytes, enum sys_dns_type type, struct sys_dns_record *out,
                            size_t max, size_t *n)
{
    struct reader r = { .p = msg, .n = bytes, .at = DNS_HEADER_BYTES };
    char name[SYS_DNS_NAME_BYTES];
    uint32_t ttl_s = INT32_MAX;
    struct rr rr;
    size_t found = 0;
    if (bytes < DNS_HEADER_BYTES || u16_at(&r, 4) != 1)
        return AHOY_ERR_SYNTAX;
    unsigned answers = AHOY_MIN((unsigned) u16_at(&r, 6), (unsigned) DNS_MOST_RECORDS);
    if (!read_name(&r, r.at, name, &r.at) || r.n - r.at < 4)
        return AHOY_ERR_SYNTAX;
    r.at += 4;
    for (int i = 0; i < DNS_MOST_ALIASES; i++)
        if (!follow_alias(r, answers, name, &ttl_s))
            break;
    for (unsigned i = 0; i < answers && found < max && read_rr(&r, &rr); i++) {
        if (rr.type != (uint16_t) type || rr.class != DNS_IN || !view_ieq(view_str(rr.owner), view_str(name)))
            continue;
        rr.ttl_s = AHOY_MIN(rr.ttl_s, ttl_s);
        if (read_data(&r, &rr, &out[found]))
            found++;
    }
    *n = found;
    return AHOY_OK;
}
