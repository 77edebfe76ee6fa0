#include "sdp/format.h"

#include "base/chars.h"

#include <stdio.h>

/* RFC 3551 section 6, tables 4 and 5. */
static const struct sdp_static_type static_types[SDP_PT_STATIC_END] = {
    [0] = { "PCMU", 8000, 1 },   [3] = { "GSM", 8000, 1 },    [4] = { "G723", 8000, 1 },   [5] = { "DVI4", 8000, 1 },
    [6] = { "DVI4", 16000, 1 },  [7] = { "LPC", 8000, 1 },    [8] = { "PCMA", 8000, 1 },   [9] = { "G722", 8000, 1 },
    [10] = { "L16", 44100, 2 },  [11] = { "L16", 44100, 1 },  [12] = { "QCELP", 8000, 1 }, [13] = { "CN", 8000, 1 },
    [14] = { "MPA", 90000, 1 },  [15] = { "G728", 8000, 1 },  [16] = { "DVI4", 11025, 1 }, [17] = { "DVI4", 22050, 1 },
    [18] = { "G729", 8000, 1 },  [25] = { "CelB", 90000, 1 }, [26] = { "JPEG", 90000, 1 }, [28] = { "nv", 90000, 1 },
    [31] = { "H261", 90000, 1 }, [32] = { "MPV", 90000, 1 },  [33] = { "MP2T", 90000, 1 }, [34] = { "H263", 90000, 1 },
};

/*
 * Parameters that say which format it is rather than how to send it, and what a missing one means: AMR (RFC 4867
 * section 8.1), G.722.1 (RFC 5577 section 4.1), H.264 (RFC 6184 section 8.1).
 */
static const struct {
    const char *name, *key, *missing;
} choosing[] = {
    { "amr", "octet-align", "0" },    { "amr", "crc", "0" },
    { "amr", "robust-sorting", "0" }, { "amr-wb", "octet-align", "0" },
    { "amr-wb", "crc", "0" },         { "amr-wb", "robust-sorting", "0" },
    { "g7221", "bitrate", "" },       { "h264", "packetization-mode", "0" },
};

const struct sdp_static_type *sdp_static_type(unsigned pt)
{
    return pt < SDP_PT_STATIC_END && static_types[pt].name ? &static_types[pt] : NULL;
}

int sdp_static_pt(struct view name, uint32_t clock_hz, unsigned channels)
{
    for (int pt = 0; pt < SDP_PT_STATIC_END; pt++) {
        const struct sdp_static_type *s = &static_types[pt];
        if (s->name && s->clock_hz == clock_hz && s->channels == channels && view_ieq(view_str(s->name), name))
            return pt;
    }
    return -1;
}

bool sdp_fmtp_next(struct view *rest, struct view *key, struct view *value)
{
    while (rest->n > 0) {
        struct view v = view_trim(view_cut(rest, ';'));
        if (v.n == 0)
            continue;
        *key = view_trim(view_cut(&v, '='));
        v = view_trim(v);
        if (v.n >= 2 && v.p[0] == '"' && v.p[v.n - 1] == '"')
            v = view_of(v.p + 1, v.n - 2);
        *value = v;
        return true;
    }
    return false;
}

bool sdp_fmtp_get(struct view fmtp, struct view key, struct view *value)
{
    struct view k, v;
    while (sdp_fmtp_next(&fmtp, &k, &v))
        if (view_ieq(k, key)) {
            *value = v;
            return true;
        }
    return false;
}

uint32_t sdp_fmtp_u32(struct view fmtp, struct view key, uint32_t max, uint32_t fallback)
{
    struct view v;
    uint64_t x;
    if (!sdp_fmtp_get(fmtp, key, &v) || view_u64(v, max, &x))
        return fallback;
    return (uint32_t) x;
}

bool sdp_fmtp_has_event(struct view fmtp, unsigned event)
{
    fmtp = view_trim(fmtp);
    if (fmtp.n == 0)
        return event <= 15;
    if (view_istarts(fmtp, VIEW("events="))) /* the media type parameter's name, which SDP leaves out */
        fmtp = view_from(fmtp, 7);
    while (fmtp.n > 0) {
        struct view v = view_trim(view_cut(&fmtp, ','));
        struct view low = view_trim(view_cut(&v, '-'));
        struct view high = view_trim(v);
        uint64_t a, b;
        if (view_u64(low, 255, &a))
            continue;
        if (high.n == 0)
            b = a;
        else if (view_u64(high, 255, &b))
            continue;
        if (event >= a && event <= b)
            return true;
    }
    return false;
}

static bool id_put(struct sdp_format_id *id, struct view v)
{
    if (v.n > sizeof id->s - 1 - id->n)
        return false;
    for (size_t i = 0; i < v.n; i++)
        id->s[id->n + i] = chars_lower(v.p[i]);
    id->n = (uint8_t) (id->n + v.n);
    return true;
}

bool sdp_format_id(struct view name, uint32_t clock_hz, unsigned channels, struct view fmtp, struct sdp_format_id *out)
{
    struct sdp_format_id id = { 0 };
    if (name.n == 0 || clock_hz == 0)
        return false;
    if (view_ieq(name, VIEW("opus")) && clock_hz == 48000)
        channels = 2;
    if (view_ieq(name, VIEW("G722")) && clock_hz == 16000)
        clock_hz = 8000;
    char tail[32];
    int n = snprintf(tail, sizeof tail, "/%u/%u", (unsigned) clock_hz, channels > 0 ? channels : 1);
    if (n < 0 || !id_put(&id, name) || !id_put(&id, view_of(tail, (size_t) n)))
        return false;
    for (size_t i = 0; i < AHOY_COUNT(choosing); i++) {
        struct view value = view_str(choosing[i].missing);
        if (!view_ieq(name, view_str(choosing[i].name)))
            continue;
        (void) sdp_fmtp_get(fmtp, view_str(choosing[i].key), &value);
        if (!id_put(&id, VIEW(";")) || !id_put(&id, value))
            return false;
    }
    *out = id;
    return true;
}
