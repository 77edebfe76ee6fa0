#include "sip/hdr.h"

#include "base/chars.h"

enum { HASH_SLOTS = 256 };

static const struct view hdr_names[SIP_HDR_COUNT] = { [SIP_HDR_OTHER] = { "", 0 },
#define NAME_(name, text, letter) [SIP_HDR_##name] = { text, sizeof(text) - 1 },
                                                      SIP_HDRS(NAME_)
#undef NAME_
};

static const uint8_t hdr_letters[26] = {
    ['b' - 'a'] = SIP_HDR_REFERRED_BY,    ['c' - 'a'] = SIP_HDR_CONTENT_TYPE, ['e' - 'a'] = SIP_HDR_CONTENT_ENCODING,
    ['f' - 'a'] = SIP_HDR_FROM,           ['i' - 'a'] = SIP_HDR_CALL_ID,      ['k' - 'a'] = SIP_HDR_SUPPORTED,
    ['l' - 'a'] = SIP_HDR_CONTENT_LENGTH, ['m' - 'a'] = SIP_HDR_CONTACT,      ['o' - 'a'] = SIP_HDR_EVENT,
    ['r' - 'a'] = SIP_HDR_REFER_TO,       ['s' - 'a'] = SIP_HDR_SUBJECT,      ['t' - 'a'] = SIP_HDR_TO,
    ['u' - 'a'] = SIP_HDR_ALLOW_EVENTS,   ['v' - 'a'] = SIP_HDR_VIA,          ['x' - 'a'] = SIP_HDR_SESSION_EXPIRES,
};

/*
 * A perfect hash over length and three letters: each name has a slot of its own. When a new header's slot is taken the
 * compiler warns of an initialiser that overrides another, and tests/sip/test_hdr.c names the slot that is missing;
 * then other factors must be searched.
 */
static const uint8_t hdr_slots[HASH_SLOTS] = {
    [1] = SIP_HDR_ROUTE,
    [6] = SIP_HDR_SIP_IF_MATCH,
    [8] = SIP_HDR_PATH,
    [10] = SIP_HDR_RETRY_AFTER,
    [12] = SIP_HDR_ACCEPT_ENCODING,
    [14] = SIP_HDR_SERVICE_ROUTE,
    [17] = SIP_HDR_SUPPORTED,
    [23] = SIP_HDR_REASON,
    [37] = SIP_HDR_MIN_EXPIRES,
    [40] = SIP_HDR_EXPIRES,
    [41] = SIP_HDR_ALLOW_EVENTS,
    [43] = SIP_HDR_ALERT_INFO,
    [45] = SIP_HDR_CSEQ,
    [55] = SIP_HDR_ACCEPT_LANGUAGE,
    [56] = SIP_HDR_CALL_INFO,
    [59] = SIP_HDR_REQUIRE,
    [60] = SIP_HDR_AUTHENTICATION_INFO,
    [67] = SIP_HDR_ALLOW,
    [83] = SIP_HDR_CONTENT_ENCODING,
    [90] = SIP_HDR_CALL_ID,
    [97] = SIP_HDR_REFER_TO,
    [104] = SIP_HDR_RSEQ,
    [109] = SIP_HDR_PRIORITY,
    [118] = SIP_HDR_USER_AGENT,
    [121] = SIP_HDR_WARNING,
    [124] = SIP_HDR_SUBJECT,
    [125] = SIP_HDR_MIN_SE,
    [126] = SIP_HDR_CONTENT_LANGUAGE,
    [127] = SIP_HDR_ERROR_INFO,
    [130] = SIP_HDR_CONTENT_TYPE,
    [132] = SIP_HDR_UNSUPPORTED,
    [134] = SIP_HDR_FROM,
    [138] = SIP_HDR_MIME_VERSION,
    [140] = SIP_HDR_PRIVACY,
    [141] = SIP_HDR_PROXY_AUTHENTICATE,
    [144] = SIP_HDR_RACK,
    [146] = SIP_HDR_PROXY_REQUIRE,
    [148] = SIP_HDR_RECORD_ROUTE,
    [154] = SIP_HDR_ACCEPT,
    [159] = SIP_HDR_JOIN,
    [175] = SIP_HDR_DATE,
    [176] = SIP_HDR_TO,
    [178] = SIP_HDR_SESSION_EXPIRES,
    [185] = SIP_HDR_WWW_AUTHENTICATE,
    [187] = SIP_HDR_SIP_ETAG,
    [191] = SIP_HDR_CONTENT_DISPOSITION,
    [193] = SIP_HDR_PROXY_AUTHORIZATION,
    [194] = SIP_HDR_CONTACT,
    [202] = SIP_HDR_REPLY_TO,
    [209] = SIP_HDR_EVENT,
    [213] = SIP_HDR_SERVER,
    [214] = SIP_HDR_TIMESTAMP,
    [218] = SIP_HDR_P_ASSERTED_IDENTITY,
    [219] = SIP_HDR_SUBSCRIPTION_STATE,
    [221] = SIP_HDR_IN_REPLY_TO,
    [222] = SIP_HDR_REPLACES,
    [231] = SIP_HDR_AUTHORIZATION,
    [232] = SIP_HDR_MAX_FORWARDS,
    [235] = SIP_HDR_VIA,
    [238] = SIP_HDR_REFERRED_BY,
    [239] = SIP_HDR_ORGANIZATION,
    [240] = SIP_HDR_CONTENT_LENGTH,
    [247] = SIP_HDR_P_PREFERRED_IDENTITY,
};

static unsigned hdr_hash(struct view name)
{
    unsigned first = (uint8_t) name.p[0] | 0x20u, middle = (uint8_t) name.p[name.n / 2] | 0x20u;
    unsigned last = (uint8_t) name.p[name.n - 1] | 0x20u;
    return ((unsigned) name.n * 29 + first * 21 + middle * 15 + last * 31) % HASH_SLOTS;
}

enum sip_hdr_id sip_hdr_id_of(struct view name)
{
    if (name.n < 2) {
        char c = name.n == 1 ? chars_lower(name.p[0]) : '\0';
        return c >= 'a' && c <= 'z' ? (enum sip_hdr_id) hdr_letters[c - 'a'] : SIP_HDR_OTHER;
    }
    enum sip_hdr_id id = (enum sip_hdr_id) hdr_slots[hdr_hash(name)];
    if (hdr_names[id].n != name.n)
        return SIP_HDR_OTHER;
    return memcmp(hdr_names[id].p, name.p, name.n) == 0 || view_ieq(hdr_names[id], name) ? id : SIP_HDR_OTHER;
}

const char *sip_hdr_name(enum sip_hdr_id id)
{
    return (unsigned) id < SIP_HDR_COUNT ? hdr_names[id].p : "";
}

static const struct view method_names[SIP_METHOD_COUNT] = { [SIP_METHOD_UNKNOWN] = { "", 0 },
#define METHOD_(name, text) [SIP_METHOD_##name] = { text, sizeof(text) - 1 },
                                                            SIP_METHODS(METHOD_)
#undef METHOD_
};

enum sip_method sip_method_of(struct view text)
{
    if (text.n < 3)
        return SIP_METHOD_UNKNOWN;
    for (unsigned m = 1; m < SIP_METHOD_COUNT; m++)
        if (method_names[m].n == text.n && method_names[m].p[0] == text.p[0]
            && memcmp(method_names[m].p, text.p, text.n) == 0)
            return (enum sip_method) m;
    return SIP_METHOD_UNKNOWN;
}

const char *sip_method_name(enum sip_method m)
{
    return (unsigned) m < SIP_METHOD_COUNT ? method_names[m].p : "";
}

static const struct view proto_names[] = {
    [SIP_PROTO_UNKNOWN] = { "", 0 },  [SIP_PROTO_UDP] = { "UDP", 3 }, [SIP_PROTO_TCP] = { "TCP", 3 },
    [SIP_PROTO_TLS] = { "TLS", 3 },   [SIP_PROTO_WS] = { "WS", 2 },   [SIP_PROTO_WSS] = { "WSS", 3 },
    [SIP_PROTO_SCTP] = { "SCTP", 4 },
};

enum sip_proto sip_proto_of(struct view text)
{
    for (unsigned p = 1; p < AHOY_COUNT(proto_names); p++)
        if (view_ieq(proto_names[p], text))
            return (enum sip_proto) p;
    return SIP_PROTO_UNKNOWN;
}

const char *sip_proto_name(enum sip_proto p)
{
    return (unsigned) p < AHOY_COUNT(proto_names) ? proto_names[p].p : "";
}

bool sip_proto_reliable(enum sip_proto p)
{
    return p != SIP_PROTO_UNKNOWN && p != SIP_PROTO_UDP;
}
