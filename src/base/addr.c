#include "base/addr.h"

#include "base/encode.h"

#include <stdio.h>

static enum ahoy_err parse_ip4(struct view v, uint8_t ip[4])
{
    for (int i = 0; i < 4; i++) {
        struct view part = i < 3 ? view_cut(&v, '.') : v; /* the last is all that is left, a dot included */
        uint64_t x;
        if (part.n > 3 || view_u64(part, 255, &x))
            return AHOY_ERR_SYNTAX;
        if (part.n > 1 && part.p[0] == '0')
            return AHOY_ERR_SYNTAX; /* "010" is octal to some and decimal to others */
        ip[i] = (uint8_t) x;
    }
    return AHOY_OK;
}

/* Groups of RFC 4291 section 2.2 from one side of "::"; at the end of the address a dotted quad may end it. */
static enum ahoy_err parse_groups(struct view v, bool last, uint8_t *ip, size_t *n)
{
    *n = 0;
    bool more = v.n > 0;
    while (more) {
        size_t colon = view_find(v, ':');
        struct view part = view_first(v, colon);
        more = colon < v.n;
        v = view_from(v, colon + 1);
        if (last && !more && view_find(part, '.') < part.n) {
            if (*n > 12 || parse_ip4(part, ip + *n))
                return AHOY_ERR_SYNTAX;
            *n += 4;
            return AHOY_OK;
        }
        uint32_t g;
        if (*n > 14 || decode_hex_u32(part, 4, &g))
            return AHOY_ERR_SYNTAX;
        ip[(*n)++] = (uint8_t) (g >> 8);
        ip[(*n)++] = (uint8_t) g;
    }
    return AHOY_OK;
}

static enum ahoy_err parse_ip6(struct view v, uint8_t ip[16])
{
    uint8_t head[16], tail[16];
    size_t head_n, tail_n = 0;
    size_t gap = view_search(v, VIEW("::"));
    bool has_gap = gap < v.n;
    if (parse_groups(view_first(v, gap), !has_gap, head, &head_n))
        return AHOY_ERR_SYNTAX;
    if (has_gap && parse_groups(view_from(v, gap + 2), true, tail, &tail_n))
        return AHOY_ERR_SYNTAX;
    if (has_gap ? head_n + tail_n > 14 : head_n != 16)
        return AHOY_ERR_SYNTAX;
    memset(ip, 0, 16);
    memcpy(ip, head, head_n);
    if (tail_n > 0)
        memcpy(ip + 16 - tail_n, tail, tail_n);
    return AHOY_OK;
}

enum ahoy_err addr_parse_ip(struct view v, struct addr *out)
{
    struct addr a = { 0 };
    if (v.n >= 2 && v.p[0] == '[') {
        if (v.p[v.n - 1] != ']')
            return AHOY_ERR_SYNTAX;
        v = view_of(v.p + 1, v.n - 2);
        if (view_find(v, ':') == v.n)
            return AHOY_ERR_SYNTAX;
    }
    if (v.n == 0 || v.n > 64)
        return AHOY_ERR_SYNTAX;
    if (view_find(v, ':') == v.n) {
        a.family = ADDR_IP4;
        if (parse_ip4(v, a.ip))
            return AHOY_ERR_SYNTAX;
        *out = a;
        return AHOY_OK;
    }
    a.family = ADDR_IP6;
    size_t percent = view_find(v, '%');
    struct view ip = view_first(v, percent);
    if (percent < v.n && view_u32(view_from(v, percent + 1), &a.scope))
        return AHOY_ERR_SYNTAX;
    if (parse_ip6(ip, a.ip))
        return AHOY_ERR_SYNTAX;
    *out = a;
    return AHOY_OK;
}

enum ahoy_err addr_parse(struct view v, uint16_t default_port, struct addr *out)
{
    struct addr a;
    struct view host = v, port = { 0 };
    size_t colon = view_find(v, ':');
    if (v.n > 0 && v.p[0] == '[') {
        size_t end = view_find(v, ']');
        if (end == v.n)
            return AHOY_ERR_SYNTAX;
        host = view_first(v, end + 1);
        port = view_from(v, end + 1);
        if (port.n > 0 && port.p[0] != ':')
            return AHOY_ERR_SYNTAX;
    } else if (colon < v.n && view_find(view_from(v, colon + 1), ':') == v.n - colon - 1) {
        host = view_first(v, colon);
        port = view_from(v, colon);
    }
    if (view_eq(host, VIEW("*")))
        a = addr_any(ADDR_IP4, 0);
    else if (addr_parse_ip(host, &a))
        return AHOY_ERR_SYNTAX;
    a.port = default_port;
    if (port.n > 0) {
        enum ahoy_err err = view_u16(view_from(port, 1), &a.port);
        if (err)
            return err;
    }
    *out = a;
    return AHOY_OK;
}

static void print_ip6(const struct addr *a, char *dst, size_t size)
{
    uint16_t g[8];
    int best = -1, best_n = 1;
    for (int i = 0; i < 8; i++)
        g[i] = (uint16_t) (a->ip[2 * i] << 8 | a->ip[2 * i + 1]);
    for (int i = 0; i < 8;) { /* the longest run of zeros, RFC 5952 section 4.2 */
        int n = 0;
        while (i + n < 8 && g[i + n] == 0)
            n++;
        if (n > best_n) {
            best = i;
            best_n = n;
        }
        i += n > 0 ? n : 1;
    }
    size_t at = 0;
    for (int i = 0; i < 8; i++) {
        if (i == best) {
            at += (size_t) snprintf(dst + at, size - at, "::");
            i += best_n - 1;
            continue;
        }
        bool colon = i > 0 && !(best >= 0 && i == best + best_n);
        at += (size_t) snprintf(dst + at, size - at, "%s%x", colon ? ":" : "", g[i]);
    }
    if (a->scope > 0)
        (void) snprintf(dst + at, size - at, "%%%u", (unsigned) a->scope);
}

const char *addr_print_ip(const struct addr *a, bool brackets, char dst[ADDR_TEXT_BYTES])
{
    if (a->family == ADDR_IP4) {
        (void) snprintf(dst, ADDR_TEXT_BYTES, "%u.%u.%u.%u", a->ip[0], a->ip[1], a->ip[2], a->ip[3]);
    } else if (a->family == ADDR_IP6) {
        char ip[ADDR_TEXT_BYTES - 2];
        print_ip6(a, ip, sizeof ip);
        (void) snprintf(dst, ADDR_TEXT_BYTES, brackets ? "[%s]" : "%s", ip);
    } else {
        (void) snprintf(dst, ADDR_TEXT_BYTES, "none");
    }
    return dst;
}

const char *addr_print(const struct addr *a, char dst[ADDR_TEXT_BYTES])
{
    addr_print_ip(a, true, dst);
    size_t n = strlen(dst);
    if (a->family != ADDR_NONE)
        (void) snprintf(dst + n, ADDR_TEXT_BYTES - n, ":%u", a->port);
    return dst;
}

struct addr addr_ip4(uint8_t a, uint8_t b, uint8_t c, uint8_t d, uint16_t port)
{
    return (struct addr){ .family = ADDR_IP4, .port = port, .ip = { a, b, c, d } };
}

struct addr addr_any(enum addr_family family, uint16_t port)
{
    return (struct addr){ .family = family, .port = port };
}

struct addr addr_with_port(const struct addr *a, uint16_t port)
{
    struct addr b = *a;
    b.port = port;
    return b;
}

bool addr_eq_ip(const struct addr *a, const struct addr *b)
{
    return a->family == b->family && a->scope == b->scope && memcmp(a->ip, b->ip, sizeof a->ip) == 0;
}

bool addr_eq(const struct addr *a, const struct addr *b)
{
    return addr_eq_ip(a, b) && a->port == b->port;
}

bool addr_is_any(const struct addr *a)
{
    static const uint8_t zero[16] = { 0 };
    return a->family != ADDR_NONE && memcmp(a->ip, zero, sizeof zero) == 0;
}

bool addr_is_loopback(const struct addr *a)
{
    static const uint8_t one[16] = { [15] = 1 };
    return a->family == ADDR_IP4 ? a->ip[0] == 127 : a->family == ADDR_IP6 && memcmp(a->ip, one, sizeof one) == 0;
}

bool addr_is_link_local(const struct addr *a)
{
    if (a->family == ADDR_IP4)
        return a->ip[0] == 169 && a->ip[1] == 254;
    return a->family == ADDR_IP6 && a->ip[0] == 0xfe && (a->ip[1] & 0xc0) == 0x80;
}

bool addr_is_private(const struct addr *a)
{
    if (a->family == ADDR_IP6)
        return (a->ip[0] & 0xfe) == 0xfc;
    if (a->family != ADDR_IP4)
        return false;
    return a->ip[0] == 10 || (a->ip[0] == 172 && (a->ip[1] & 0xf0) == 16) || (a->ip[0] == 192 && a->ip[1] == 168)
           || (a->ip[0] == 100 && (a->ip[1] & 0xc0) == 64);
}

bool addr_is_multicast(const struct addr *a)
{
    return a->family == ADDR_IP4 ? (a->ip[0] & 0xf0) == 0xe0 : a->family == ADDR_IP6 && a->ip[0] == 0xff;
}

struct view addr_key(const struct addr *a, char key[ADDR_KEY_BYTES])
{
    key[0] = (char) a->family;
    key[1] = (char) (a->port >> 8);
    key[2] = (char) (a->port & 0xff);
    memcpy(key + 3, a->ip, sizeof a->ip);
    for (int i = 0; i < 4; i++)
        key[19 + i] = (char) (a->scope >> (8 * i) & 0xff);
    return view_of(key, ADDR_KEY_BYTES);
}
