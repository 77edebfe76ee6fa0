/* What every receiver checks before it acts: RFC 3261 sections 8.1.1, 8.2 and 16.3. */
#include "base/chars.h"
#include "sip/core.h"
#include "sip/scan.h"

/* ---- the core ---------------------------------------------------------------------------------------------------- */

static enum ahoy_err parse_call_id(struct view v, struct view *out)
{
    if (v.n == 0)
        return AHOY_ERR_SYNTAX;
    for (size_t i = 0; i < v.n; i++)
        if ((uint8_t) v.p[i] <= 0x20 || v.p[i] == 0x7f)
            return AHOY_ERR_SYNTAX;
    *out = v;
    return AHOY_OK;
}

static enum ahoy_err parse_max_forwards(struct view v, struct sip_core *core)
{
    uint64_t x;
    if (view_u64(v, 255, &x))
        return AHOY_ERR_SYNTAX;
    core->max_forwards = (uint8_t) x;
    core->has_max_forwards = true;
    return AHOY_OK;
}

static enum ahoy_err parse_top_via(struct view v, struct sip_core *core)
{
    struct view item;
    if (!sip_list_next(&v, &item))
        return AHOY_ERR_SYNTAX;
    return sip_via_parse(item, &core->via);
}

static enum ahoy_err parse_field(struct sip_core *core, enum sip_hdr_id id, struct view v)
{
    switch ((int) id) {
    case SIP_HDR_VIA: return parse_top_via(v, core);
    case SIP_HDR_FROM: return sip_addr_parse_tag(v, &core->from, &core->from_tag);
    case SIP_HDR_TO: return sip_addr_parse_tag(v, &core->to, &core->to_tag);
    case SIP_HDR_CALL_ID: return parse_call_id(v, &core->call_id);
    case SIP_HDR_CSEQ: return sip_cseq_parse(v, &core->cseq);
    default: return parse_max_forwards(v, core);
    }
}

enum ahoy_err sip_core_fill(struct sip_msg *m, enum sip_hdr_id *what, bool *missing)
{
    static const enum sip_hdr_id fields[] = { SIP_HDR_VIA,     SIP_HDR_FROM, SIP_HDR_TO,
                                              SIP_HDR_CALL_ID, SIP_HDR_CSEQ, SIP_HDR_MAX_FORWARDS };
    if (m->has_core)
        return AHOY_OK;
    struct sip_core *core = m->core;
    core->max_forwards = 70;
    core->has_max_forwards = false;
    for (size_t i = 0; i < AHOY_COUNT(fields); i++) {
        if (fields[i] == SIP_HDR_MAX_FORWARDS && (!m->is_request || m->first[SIP_HDR_MAX_FORWARDS] == 0))
            continue; /* optional: RFC 2543 had none */
        const struct sip_hdr *h = sip_msg_first(m, fields[i]);
        if (!h || parse_field(core, fields[i], h->value)) {
            *what = fields[i];
            *missing = !h;
            return AHOY_ERR_SYNTAX;
        }
    }
    m->has_core = true;
    return AHOY_OK;
}

enum ahoy_err sip_msg_core(struct sip_msg *m, const struct sip_core **out)
{
    enum sip_hdr_id what;
    bool missing;
    enum ahoy_err err = sip_core_fill(m, &what, &missing);
    if (!err)
        *out = m->core;
    return err;
}

/* ---- the check --------------------------------------------------------------------------------------------------- */

enum trouble { MISSING, REPEATED, MALFORMED };

/* Static texts, since a fault's text outlives the message. */
static const char *describe(enum sip_hdr_id id, enum trouble trouble)
{
    static const struct {
        enum sip_hdr_id id;
        const char *text[3];
    } texts[] = {
#define TEXTS_(id, name)                                                                                               \
    {                                                                                                                  \
        id,                                                                                                            \
        {                                                                                                              \
            "No " name, "More than one " name, "Bad " name                                                             \
        }                                                                                                              \
    }
        TEXTS_(SIP_HDR_VIA, "Via"),
        TEXTS_(SIP_HDR_FROM, "From"),
        TEXTS_(SIP_HDR_TO, "To"),
        TEXTS_(SIP_HDR_CALL_ID, "Call-ID"),
        TEXTS_(SIP_HDR_CSEQ, "CSeq"),
        TEXTS_(SIP_HDR_MAX_FORWARDS, "Max-Forwards"),
        TEXTS_(SIP_HDR_CONTACT, "Contact"),
        TEXTS_(SIP_HDR_ROUTE, "Route"),
        TEXTS_(SIP_HDR_RECORD_ROUTE, "Record-Route"),
        TEXTS_(SIP_HDR_CONTENT_TYPE, "Content-Type"),
#undef TEXTS_
    };
    for (size_t i = 0; i < AHOY_COUNT(texts); i++)
        if (texts[i].id == id)
            return texts[i].text[trouble];
    return "Bad Request";
}

static enum ahoy_err refuse(const struct sip_msg *m, struct sip_fault *fault, uint16_t status, const char *at,
                            const char *text)
{
    fault->status = !m->is_request || m->method == SIP_METHOD_ACK ? 0 : status;
    fault->offset = at ? (uint32_t) (at - m->head.p) : 0;
    fault->text = text;
    return AHOY_ERR_SYNTAX;
}

static enum ahoy_err refuse_header(const struct sip_msg *m, struct sip_fault *fault, enum sip_hdr_id id,
                                   enum trouble trouble)
{
    const struct sip_hdr *h = sip_msg_first(m, id);
    return refuse(m, fault, 400, h ? h->name.p : NULL, describe(id, trouble));
}

static enum ahoy_err check_single(const struct sip_msg *m, struct sip_fault *fault)
{
    static const enum sip_hdr_id single[] = { SIP_HDR_FROM, SIP_HDR_TO,           SIP_HDR_CALL_ID,
                                              SIP_HDR_CSEQ, SIP_HDR_MAX_FORWARDS, SIP_HDR_CONTENT_TYPE };
    uint32_t seen[SIP_HDR_COUNT] = { 0 };
    for (uint32_t i = 0; i < m->hdr_count; i++)
        seen[m->hdr[i].id]++;
    for (size_t i = 0; i < AHOY_COUNT(single); i++)
        if (seen[single[i]] > 1)
            return refuse_header(m, fault, single[i], REPEATED);
    return AHOY_OK;
}

static bool is_uri(struct view v)
{
    struct sip_uri uri;
    return sip_uri_parse(v, &uri) == AHOY_OK;
}

/* Every item of a list of addresses. */
static bool are_addresses(const struct sip_msg *m, enum sip_hdr_id id)
{
    for (const struct sip_hdr *h = sip_msg_first(m, id); h; h = sip_msg_next(m, h)) {
        struct view rest = h->value, item;
        while (sip_list_next(&rest, &item)) {
            struct sip_contact c;
            if (sip_contact_parse(item, &c))
                return false;
            if (c.star ? id != SIP_HDR_CONTACT || m->method != SIP_METHOD_REGISTER : !is_uri(c.addr.uri))
                return false;
        }
    }
    return true;
}

/* Methods for which Contact says where to send what follows. Others ignore it (RFC 3261 section 8.2). */
static bool acts_on_contact(enum sip_method m)
{
    switch ((int) m) {
    case SIP_METHOD_INVITE:
    case SIP_METHOD_REGISTER:
    case SIP_METHOD_UPDATE:
    case SIP_METHOD_SUBSCRIBE:
    case SIP_METHOD_NOTIFY:
    case SIP_METHOD_REFER: return true;
    default: return false;
    }
}

static enum ahoy_err check_request_uri(const struct sip_msg *m, struct sip_fault *fault)
{
    struct sip_uri uri;
    if (sip_uri_parse(m->uri, &uri))
        return refuse(m, fault, 400, m->uri.p, "Bad Request-URI");
    if (uri.headers.n > 0) /* RFC 3261 table 1: they must never become header fields */
        return refuse(m, fault, 400, uri.headers.p, "Header fields in the Request-URI");
    return AHOY_OK;
}

static enum ahoy_err check_request(const struct sip_msg *m, const struct sip_core *core, struct sip_fault *fault)
{
    if (!view_eq(core->cseq.method_text, m->method_text)) {
        bool unknown = m->method == SIP_METHOD_UNKNOWN; /* RFC 4475 section 3.1.2.18 prefers 501 then */
        return refuse(m, fault, unknown ? 501 : 400, core->cseq.method_text.p,
                      unknown ? "Method not implemented" : "CSeq is of another method");
    }
    enum ahoy_err err = check_request_uri(m, fault);
    if (err)
        return err;
    static const enum sip_hdr_id lists[] = { SIP_HDR_ROUTE, SIP_HDR_RECORD_ROUTE, SIP_HDR_CONTACT };
    for (size_t i = 0; i < AHOY_COUNT(lists); i++)
        if ((lists[i] != SIP_HDR_CONTACT || acts_on_contact(m->method)) && !are_addresses(m, lists[i]))
            return refuse_header(m, fault, lists[i], MALFORMED);
    struct sip_media_type type;
    if (m->body.n > 0 && m->first[SIP_HDR_CONTENT_TYPE] > 0
        && sip_media_type_parse(sip_msg_value(m, SIP_HDR_CONTENT_TYPE), &type))
        return refuse_header(m, fault, SIP_HDR_CONTENT_TYPE, MALFORMED);
    return AHOY_OK;
}

enum ahoy_err sip_msg_check(struct sip_msg *m, struct sip_fault *fault)
{
    enum sip_hdr_id what = SIP_HDR_OTHER;
    bool missing = false;
    enum ahoy_err err = check_single(m, fault);
    if (err)
        return err;
    if (sip_core_fill(m, &what, &missing))
        return refuse_header(m, fault, what, missing ? MISSING : MALFORMED);
    const struct sip_core *core = m->core;
    if (!is_uri(core->from.uri))
        return refuse_header(m, fault, SIP_HDR_FROM, MALFORMED);
    if (!is_uri(core->to.uri))
        return refuse_header(m, fault, SIP_HDR_TO, MALFORMED);
    return m->is_request ? check_request(m, core, fault) : AHOY_OK;
}
