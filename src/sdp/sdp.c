#include "sdp/sdp.h"

static const char *const kind_names[] = {
    [SDP_KIND_OTHER] = "",
    [SDP_AUDIO] = "audio",
    [SDP_VIDEO] = "video",
    [SDP_TEXT] = "text",
    [SDP_APPLICATION] = "application",
    [SDP_IMAGE] = "image",
    [SDP_MESSAGE] = "message",
};

static const char *const proto_names[] = {
    [SDP_PROTO_OTHER] = "",
    [SDP_RTP_AVP] = "RTP/AVP",
    [SDP_RTP_AVPF] = "RTP/AVPF",
    [SDP_RTP_SAVP] = "RTP/SAVP",
    [SDP_RTP_SAVPF] = "RTP/SAVPF",
    [SDP_TLS_SAVP] = "UDP/TLS/RTP/SAVP",
    [SDP_TLS_SAVPF] = "UDP/TLS/RTP/SAVPF",
};

static const char *const dir_names[] = {
    [SDP_INACTIVE] = "inactive",
    [SDP_SENDONLY] = "sendonly",
    [SDP_RECVONLY] = "recvonly",
    [SDP_SENDRECV] = "sendrecv",
};

const char *sdp_kind_name(enum sdp_kind kind)
{
    return kind_names[kind];
}

const char *sdp_proto_name(enum sdp_proto proto)
{
    return proto_names[proto];
}

const char *sdp_dir_name(enum sdp_dir dir)
{
    return dir_names[dir];
}

void sdp_print(const struct sdp *sdp, struct buf *out)
{
    for (size_t i = 0; i < sdp->lines.n; i++) {
        const struct sdp_line *l = &sdp->lines.v[i];
        if (l->type) {
            buf_char(out, l->type);
            buf_char(out, '=');
        }
        buf_view(out, l->name);
        if (l->has_value)
            buf_char(out, ':');
        buf_view(out, l->value);
        buf_str(out, "\r\n");
    }
}

const struct sdp_line *sdp_attr(struct sdp_lines scope, struct view name, const struct sdp_line *after)
{
    const struct sdp_line *end = scope.v + scope.n;
    for (const struct sdp_line *l = after ? after + 1 : scope.v; l < end; l++)
        if (l->type == 'a' && view_ieq(l->name, name))
            return l;
    return NULL;
}

bool sdp_attr_inherited(const struct sdp *sdp, const struct sdp_media *media, struct view name, struct view *value)
{
    const struct sdp_line *l = sdp_attr(media->lines, name, NULL);
    if (!l)
        l = sdp_attr(sdp->session_lines, name, NULL);
    if (!l)
        return false;
    *value = l->value;
    return true;
}

bool sdp_group_has(const struct sdp *sdp, struct view semantics, struct view mid, bool *first)
{
    const struct sdp_line *l = NULL;
    while (mid.n > 0 && (l = sdp_attr(sdp->session_lines, VIEW("group"), l)) != NULL) {
        struct view rest = l->value;
        if (!view_ieq(view_cut(&rest, ' '), semantics))
            continue;
        bool is_first = true;
        while (rest.n > 0) {
            struct view v = view_trim(view_cut(&rest, ' '));
            if (v.n == 0)
                continue;
            if (view_eq(v, mid)) {
                if (first)
                    *first = is_first;
                return true;
            }
            is_first = false;
        }
    }
    return false;
}

struct addr sdp_media_rtp(const struct sdp_media *media)
{
    return addr_with_port(&media->conn.addr, media->port);
}

struct addr sdp_media_rtcp(const struct sdp_media *media)
{
    const struct sdp_conn *c = media->rtcp_conn.present ? &media->rtcp_conn : &media->conn;
    uint16_t next = media->port > 0 && media->port < UINT16_MAX ? (uint16_t) (media->port + 1) : 0;
    return addr_with_port(&c->addr, media->rtcp_port > 0 ? media->rtcp_port : next);
}

const struct sdp_format *sdp_media_format(const struct sdp_media *media, unsigned pt)
{
    for (size_t i = 0; i < media->formats; i++)
        if (media->format[i].pt >= 0 && (unsigned) media->format[i].pt == pt)
            return &media->format[i];
    return NULL;
}
