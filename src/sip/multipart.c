/* Bodies of several parts: RFC 2046 section 5.1, RFC 5621. */
#include "sip/hdr.h"

#include "sip/scan.h"

enum { BOUNDARY_MOST_BYTES = 200, DEPTH_MOST = 3 };

enum delimiter { DELIMITER_NONE, DELIMITER_PART, DELIMITER_END };

/*
 * Whether `v` starts with a delimiter line; *behind it. RFC 2046 takes any line that starts with the boundary for one,
 * but a part may hold another multipart whose boundary only starts like ours.
 */
static enum delimiter at_delimiter(struct view v, struct view boundary, struct view *behind)
{
    if (v.n < boundary.n + 2 || v.p[0] != '-' || v.p[1] != '-' || memcmp(v.p + 2, boundary.p, boundary.n) != 0)
        return DELIMITER_NONE;
    v = view_from(v, boundary.n + 2);
    *behind = v;
    if (view_starts(v, VIEW("--")))
        return DELIMITER_END;
    const char *p = v.p, *end = v.p + v.n;
    while (p < end && (*p == ' ' || *p == '\t'))
        p++;
    p = sip_empty_line(p, end);
    if (p)
        *behind = sip_span(p, end);
    return p ? DELIMITER_PART : DELIMITER_NONE;
}

/* The next delimiter. *before ends at the line end in front of it, which belongs to it; *at is the delimiter itself. */
static enum delimiter find_delimiter(struct view v, struct view boundary, struct view *before, struct view *at,
                                     struct view *behind)
{
    *before = view_first(v, 0);
    *at = v;
    enum delimiter found = at_delimiter(v, boundary, behind);
    for (size_t from = 0; !found && from < v.n;) {
        size_t lf = from + view_find(view_from(v, from), '\n');
        *before = view_first(v, lf > 0 && v.p[lf - 1] == '\r' ? lf - 1 : lf);
        *at = view_from(v, lf + 1);
        found = at_delimiter(*at, boundary, behind);
        from = lf + 1;
    }
    return found;
}

/* The header fields in front of a part's empty line. A part without them starts with the empty line. */
static enum ahoy_err part_head(struct view part, struct sip_part *out)
{
    const char *end = part.p + part.n, *p = part.p, *body;
    *out = (struct sip_part){ .type = VIEW("text/plain") };
    while ((body = sip_empty_line(p, end)) == NULL) {
        if (p == end) { /* header fields alone: the body is optional */
            body = end;
            break;
        }
        struct sip_line line;
        sip_line_scan(p, end, &line);
        if (sip_hdr_id_of(line.name) == SIP_HDR_CONTENT_TYPE)
            out->type = line.value;
        else if (sip_hdr_id_of(line.name) == SIP_HDR_CONTENT_DISPOSITION)
            out->disposition = line.value;
        if (line.name.n == 0)
            return AHOY_ERR_SYNTAX;
        p = line.next;
    }
    out->headers = sip_span(part.p, p);
    out->body = sip_span(body, end);
    return AHOY_OK;
}

enum ahoy_err sip_part_next(struct view *rest, struct view boundary, struct sip_part *out)
{
    struct view part, at, behind;
    if (boundary.n == 0 || boundary.n > BOUNDARY_MOST_BYTES || rest->n == 0)
        return AHOY_ERR_SYNTAX;
    switch (find_delimiter(*rest, boundary, &part, &at, &behind)) {
    case DELIMITER_END: return AHOY_ERR_END;
    case DELIMITER_NONE: return AHOY_ERR_SYNTAX;
    case DELIMITER_PART: break;
    }
    struct sip_part found;
    struct view next;
    if (!find_delimiter(behind, boundary, &part, &next, &at) || part_head(part, &found))
        return AHOY_ERR_SYNTAX;
    *rest = next;
    *out = found;
    return AHOY_OK;
}

enum ahoy_err sip_multipart_boundary(const struct sip_media_type *t, struct view *out)
{
    struct view value;
    if (!view_ieq(t->type, VIEW("multipart")) || !sip_param(t->params, VIEW("boundary"), &value))
        return AHOY_ERR_SYNTAX;
    if (value.n >= 2 && value.p[0] == '"')
        value = view_of(value.p + 1, value.n - 2);
    if (value.n == 0 || value.n > BOUNDARY_MOST_BYTES || view_find(value, '\\') < value.n)
        return AHOY_ERR_SYNTAX; /* no character of a boundary needs an escape */
    *out = value;
    return AHOY_OK;
}

struct wanted {
    struct view type, subtype;
};

/* The body itself or a part of it. `depth` is how many multiparts it is inside of. */
static enum ahoy_err find_body(struct view type_text, struct view body, const struct wanted *want, unsigned depth,
                               struct view *out)
{
    struct sip_media_type type;
    struct view boundary;
    if (sip_media_type_parse(type_text, &type))
        return AHOY_ERR_NOT_FOUND;
    if (sip_media_type_is(&type, want->type, want->subtype)) {
        *out = body;
        return AHOY_OK;
    }
    if (depth == DEPTH_MOST || sip_multipart_boundary(&type, &boundary))
        return AHOY_ERR_NOT_FOUND;
    struct sip_part part;
    while (sip_part_next(&body, boundary, &part) == AHOY_OK)
        if (find_body(part.type, part.body, want, depth + 1, out) == AHOY_OK)
            return AHOY_OK;
    return AHOY_ERR_NOT_FOUND;
}

enum ahoy_err sip_msg_body_of_type(const struct sip_msg *m, struct view type, struct view subtype, struct view *out)
{
    const struct wanted want = { type, subtype };
    const struct sip_hdr *h = sip_msg_first(m, SIP_HDR_CONTENT_TYPE);
    if (!h || m->body.n == 0)
        return AHOY_ERR_NOT_FOUND;
    return find_body(h->value, m->body, &want, 0, out);
}
