/*
 * A session description (RFC 8866, RFC 4566): text in, views into that text out, and back to text.
 *
 * The parser is pure and linear in the size of the text. It is generous with what real devices send: LF or CR alone as
 * line end, missing s= or t=, o= with oddities, extra blanks, blank lines and zero bytes at the end, lines and
 * attributes it does not know. Every line is kept in its place, so printing gives all of it back. What cannot be
 * understood at all fails with an offset and a reason. Values hold no CR, LF or zero byte, so nothing can be smuggled
 * into a printed line.
 */
#ifndef AHOY_SDP_SDP_H
#define AHOY_SDP_SDP_H

#include "base/addr.h"
#include "base/arena.h"
#include "base/buf.h"

enum {
    SDP_MAX_BYTES = 65536,      /* longest text taken or made */
    SDP_MAX_LINES = 4096,       /* in one description */
    SDP_MAX_MEDIA = 32,         /* m= sections */
    SDP_MAX_FORMATS = 128,      /* in one m= line: as many as there are payload types */
    SDP_ARENA_BYTES = 1u << 20, /* what the largest legal description takes from an arena */
};

enum sdp_kind { SDP_KIND_OTHER, SDP_AUDIO, SDP_VIDEO, SDP_TEXT, SDP_APPLICATION, SDP_IMAGE, SDP_MESSAGE };

/* Transport profiles. The two SDP_TLS_… are DTLS-SRTP (RFC 5764), written UDP/TLS/RTP/SAVP and …/SAVPF. */
enum sdp_proto {
    SDP_PROTO_OTHER,
    SDP_RTP_AVP,   /* RFC 3551 */
    SDP_RTP_AVPF,  /* RFC 4585 */
    SDP_RTP_SAVP,  /* RFC 3711 */
    SDP_RTP_SAVPF, /* RFC 5124 */
    SDP_TLS_SAVP,
    SDP_TLS_SAVPF,
};

#define SDP_PROTO_BIT(proto) (1u << (proto))

/* A direction seen from the side that wrote it: bit 0 sends, bit 1 receives. */
enum sdp_dir { SDP_INACTIVE = 0, SDP_SENDONLY = 1, SDP_RECVONLY = 2, SDP_SENDRECV = 3 };

/* One line as it came. Of "a=name:value" name and value are cut apart; other lines have the empty name. */
struct sdp_line {
    char type;         /* the letter before '='; 0 for a line that is not of the form x=… */
    bool has_value;    /* a= only: there was a colon */
    struct view name;  /* a= only */
    struct view value; /* a=: behind the colon; others: behind '='; type 0: the whole line */
    size_t offset;     /* of the line in the text */
};

struct sdp_lines {
    const struct sdp_line *v;
    size_t n;
};

/* o= (RFC 8866 section 5.2). Fields a device left out are empty. */
struct sdp_origin {
    struct view user, id, version, net_type, addr_type, host;
    uint64_t id_num, version_num; /* 0 where the text is no number of 64 bits */
};

/* A connection address, from c= or a=rtcp. */
struct sdp_conn {
    bool present;
    bool null;        /* 0.0.0.0 or ::, "on hold" of RFC 2543 */
    struct view host; /* without "/ttl/count" */
    struct addr addr; /* port 0; family ADDR_NONE when host is a name */
};

/* One format of an m= line with its rtpmap and fmtp, or with what RFC 3551 says about a static payload type. */
struct sdp_format {
    struct view text;  /* as in the m= line */
    int pt;            /* 0 … 127, or -1 when it is no RTP payload type */
    struct view name;  /* encoding name; empty when unknown */
    uint32_t clock_hz; /* of RTP timestamps; 0 when unknown */
    unsigned channels; /* 1 when not said; 0 when the name is unknown */
    bool is_static;    /* there was no rtpmap, RFC 3551 spoke */
    struct view fmtp;  /* parameters, or empty */
};

struct sdp_media {
    enum sdp_kind kind;
    struct view kind_text;
    uint16_t port;       /* 0: not wanted */
    uint32_t port_count; /* of "port/count", else 1 */
    enum sdp_proto proto;
    struct view proto_text;
    const struct sdp_format *format;
    size_t formats;
    struct sdp_conn conn;      /* the section's own c=, else the session's */
    enum sdp_dir dir;          /* the section's own, else the session's, else sendrecv */
    unsigned ptime_ms;         /* 0: not said */
    unsigned maxptime_ms;      /* 0: not said */
    int64_t bandwidth_bps;     /* b=TIAS, else b=AS in bit/s, else the session's; -1: not said */
    bool rtcp_mux;             /* RFC 5761 */
    uint16_t rtcp_port;        /* RFC 3605; 0: not said */
    struct sdp_conn rtcp_conn; /* RFC 3605, where a=rtcp named an address */
    struct view mid;           /* RFC 5888, or empty */
    struct sdp_lines lines;    /* the section, the m= line first */
};

struct sdp {
    struct sdp_lines lines;         /* all lines, in order */
    struct sdp_lines session_lines; /* those before the first m= */
    struct sdp_origin origin;
    bool has_origin;
    struct view name;     /* s= */
    struct view time;     /* the first t=, or empty */
    struct sdp_conn conn; /* the session's c= */
    enum sdp_dir dir;     /* the session's, sendrecv by default */
    const struct sdp_media *media;
    size_t medias;
};

struct sdp_error {
    size_t offset;      /* into the text */
    const char *reason; /* one lower-case phrase, static storage */
};

/**
 * Parses `text`. All of `out` points into `text` and `arena`, which both outlive it. SYNTAX, LIMIT (too big or too
 * many of something), NOMEM. `why` may be NULL; it is written on SYNTAX and LIMIT. What a failed call took from the
 * arena stays there until arena_fini.
 */
AHOY_MUST_USE enum ahoy_err sdp_parse(struct view text, struct arena *arena, struct sdp *out, struct sdp_error *why);

/** Writes all lines in their order with CRLF. Ask buf_err(). */
void sdp_print(const struct sdp *sdp, struct buf *out);

/**
 * The next attribute called `name` (case matters not) in `scope` behind `after` (NULL: the first), or NULL. For
 * everything this header has no field for: crypto (RFC 4568), fingerprint and setup (RFC 8122, RFC 5763), ICE (RFC
 * 8839), rtcp-fb (RFC 4585), group (RFC 5888).
 */
const struct sdp_line *sdp_attr(struct sdp_lines scope, struct view name, const struct sdp_line *after);

/** Value of the section's attribute, else the session's. False when neither has it. */
bool sdp_attr_inherited(const struct sdp *sdp, const struct sdp_media *media, struct view name, struct view *value);

/**
 * True when the session's a=group with these semantics ("BUNDLE", "LS"; RFC 5888, RFC 9143) lists this mid. `first`
 * (may be NULL) says whether it stands first, which for BUNDLE names the shared address.
 */
bool sdp_group_has(const struct sdp *sdp, struct view semantics, struct view mid, bool *first);

/** Where this section wants RTP: host as in c=, port. Family ADDR_NONE when the host is a name (see conn.host). */
struct addr sdp_media_rtp(const struct sdp_media *media);

/** Where it wants RTCP when rtcp-mux is not in use: a=rtcp, else RTP's port plus one (0 when there is no such port). */
struct addr sdp_media_rtcp(const struct sdp_media *media);

/** The format with this payload type, or NULL. */
const struct sdp_format *sdp_media_format(const struct sdp_media *media, unsigned pt);

/** "sendrecv", "sendonly", "recvonly", "inactive". */
const char *sdp_dir_name(enum sdp_dir dir);

/** The same stream seen from the other side: sending and receiving swapped. */
static inline enum sdp_dir sdp_dir_reverse(enum sdp_dir dir)
{
    return (enum sdp_dir)((dir & SDP_SENDONLY ? SDP_RECVONLY : 0) | (dir & SDP_RECVONLY ? SDP_SENDONLY : 0));
}

/** "RTP/AVP" and so on; "" for SDP_PROTO_OTHER. */
const char *sdp_proto_name(enum sdp_proto proto);

/** "audio" and so on; "" for SDP_KIND_OTHER. */
const char *sdp_kind_name(enum sdp_kind kind);

#endif
