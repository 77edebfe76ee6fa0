/*
 * SIP messages as they come from the wire: framing, parsing, checking, every typed header value, bodies of several
 * parts, the response to what came and that response parsed again. The first byte chooses datagram or stream.
 */
#include "base/mem.h"
#include "sip/build.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct sip_limits limits = SIP_LIMITS_DEFAULT;

static void walk_params(struct view params)
{
    struct view name, value;
    while (sip_param_next(&params, &name, &value) == AHOY_OK)
        AHOY_ASSERT(name.n > 0);
}

static void walk_item(struct view item)
{
    struct sip_via via;
    struct sip_contact contact;
    struct sip_cseq cseq;
    struct sip_media_type type;
    struct sip_uri uri;
    struct addr ip;
    uint32_t seconds;
    if (sip_via_parse(item, &via) == AHOY_OK) {
        walk_params(via.params);
        (void) !sip_via_received(&via, &ip);
        (void) sip_branch_is_3261(via.branch);
    }
    if (sip_contact_parse(item, &contact) == AHOY_OK && !contact.star) {
        walk_params(contact.addr.params);
        struct view tag = sip_addr_tag(&contact.addr);
        AHOY_ASSERT(tag.n <= item.n);
        if (sip_uri_parse(contact.addr.uri, &uri) == AHOY_OK)
            AHOY_ASSERT(sip_uri_equal(&uri, &uri));
    }
    (void) !sip_cseq_parse(item, &cseq);
    (void) !sip_delta_parse(item, &seconds);
    if (sip_media_type_parse(item, &type) == AHOY_OK)
        walk_params(type.params);
    struct buf b;
    buf_init(&b, SIP_BUILD_MAX_BYTES);
    sip_unquote(item, &b);
    sip_build_display(&b, item);
    buf_fini(&b);
}

static void walk_headers(const struct sip_msg *m)
{
    for (uint32_t i = 0; i < m->hdr_count; i++) {
        struct view rest = m->hdr[i].value, item;
        walk_item(rest);
        while (sip_list_next(&rest, &item))
            walk_item(item);
    }
    for (unsigned id = 1; id < SIP_HDR_COUNT; id++) {
        uint32_t n = 0;
        for (const struct sip_hdr *h = sip_msg_first(m, (enum sip_hdr_id) id); h; h = sip_msg_next(m, h))
            n++;
        AHOY_ASSERT(n <= m->hdr_count);
    }
    (void) sip_msg_has_token(m, SIP_HDR_SUPPORTED, VIEW("timer"));
}

static void walk_body(const struct sip_msg *m)
{
    struct sip_media_type type;
    struct view boundary, rest = m->body, found;
    struct sip_part part;
    (void) !sip_msg_body_of_type(m, VIEW("application"), VIEW("sdp"), &found);
    if (sip_media_type_parse(sip_msg_value(m, SIP_HDR_CONTENT_TYPE), &type) || sip_multipart_boundary(&type, &boundary))
        boundary = VIEW("b");
    while (sip_part_next(&rest, boundary, &part) == AHOY_OK)
        AHOY_ASSERT(part.body.n <= m->body.n);
}

/* Whatever came, the answer to it is well-formed. */
static void answer(struct sip_msg *m, unsigned status, const char *text)
{
    const struct addr from = addr_ip4(192, 0, 2, 1, 5060);
    struct sip_msg *back = NULL;
    struct sip_fault fault;
    struct buf b;
    buf_init(&b, SIP_BUILD_MAX_BYTES);
    sip_build_response(&b, m, status, view_str(text), VIEW("tag"), &from);
    sip_build_body(&b, VIEW(""), VIEW(""));
    if (buf_err(&b) != AHOY_ERR_LIMIT) {
        AHOY_ASSERT(!buf_err(&b));
        AHOY_ASSERT(sip_msg_parse(&back, buf_content(&b), SIP_FRAMING_STREAM, &limits, &fault) == AHOY_OK);
        AHOY_ASSERT(back->status == status);
        AHOY_ASSERT(back->hdr_count <= m->hdr_count + 1);
        sip_msg_unref(back);
    }
    buf_fini(&b);
}

/* In small steps the stream is cut where it is cut in one. */
static void frame_in_steps(struct view raw, enum ahoy_err want, size_t want_length)
{
    size_t scanned = 0, skip = 0, length = 0, dropped = 0, step = raw.n / 16 + 1;
    enum ahoy_err err = AHOY_ERR_INCOMPLETE;
    for (size_t n = 0; err == AHOY_ERR_INCOMPLETE && n < raw.n;) {
        n = AHOY_MIN(n + step, raw.n);
        err = sip_stream_frame(view_of(raw.p + dropped, n - dropped), &limits, &scanned, &skip, &length);
        dropped += skip;
    }
    if (raw.n > 0)
        AHOY_ASSERT(err == want && (err || length == want_length));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    bool stream = (data[0] & 1) != 0;
    /* A copy of its own, so that reading past the end is seen. */
    char *copy = mem_alloc(size);
    if (!copy)
        return 0;
    memcpy(copy, data + 1, size - 1);
    struct view raw = view_of(copy, size - 1);
    if (stream) {
        size_t scanned = 0, skip = 0, length = 0;
        enum ahoy_err err = sip_stream_frame(raw, &limits, &scanned, &skip, &length);
        frame_in_steps(raw, err, length);
        AHOY_ASSERT(skip + length <= raw.n);
        raw = view_first(view_from(raw, skip), length);
    }
    struct sip_msg *m = NULL;
    struct sip_fault fault = { .text = "" };
    enum ahoy_err err = sip_msg_parse(&m, raw, stream ? SIP_FRAMING_STREAM : SIP_FRAMING_DATAGRAM, &limits, &fault);
    if (!err)
        err = sip_msg_check(m, &fault);
    if (m) {
        AHOY_ASSERT(m->head.n + m->body.n <= raw.n);
        AHOY_ASSERT(!err || fault.offset <= raw.n);
        walk_headers(m);
        walk_body(m);
        if (m->is_request)
            answer(m, err && fault.status ? fault.status : 200, err ? fault.text : "");
    }
    sip_msg_unref(m);
    mem_free(copy);
    return 0;
}
