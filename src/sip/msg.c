#include "sip/msg.h"

#include "base/chars.h"
#include "base/mem.h"
#include "sip/hdr.h"
#include "sip/scan.h"

/* Header fields of most messages fit a table on the stack; it is copied once their number is known. */
enum { SCRATCH_HEADERS = 48 };

/* A message is one piece of memory: this, the table of header fields, the bytes. */
struct msg_block {
    struct sip_msg msg;
    struct sip_core core;
    struct sip_hdr table[];
};

/* A parse under way. Views point into `raw` until the message has its own copy. */
struct parse {
    struct view raw;
    const char *p, *end;
    struct sip_msg start; /* the start line, before the message exists */
    struct sip_hdr *table;
    uint32_t count, room;
    struct msg_block *block; /* once the scratch table was too small */
    uint32_t content_lengths;
    size_t content_length;
    bool content_length_bad;
    const char *content_length_at;
    const char *body;
    enum ahoy_err err;
    struct sip_fault fault; /* the first one */
};

static void set_fault(struct parse *ps, uint16_t status, const char *at, const char *text)
{
    if (ps->err)
        return;
    ps->err = AHOY_ERR_SYNTAX;
    ps->fault = (struct sip_fault){ .status = status, .offset = (uint32_t) (at - ps->raw.p), .text = text };
}

static struct msg_block *block_create(size_t headers, size_t bytes)
{
    return mem_alloc(sizeof(struct msg_block) + headers * sizeof(struct sip_hdr) + bytes + 1);
}

/* "SIP/" digits "." digits */
static bool is_version(struct view v)
{
    if (!view_istarts(v, VIEW("SIP/")))
        return false;
    struct view minor = view_from(v, 4), major = view_cut(&minor, '.');
    uint64_t x;
    return view_u64(major, UINT64_MAX, &x) != AHOY_ERR_SYNTAX && view_u64(minor, UINT64_MAX, &x) != AHOY_ERR_SYNTAX;
}

static bool is_version_2(struct view v)
{
    return v.n == 7 && (memcmp(v.p, "SIP/2.0", 7) == 0 || view_ieq(v, VIEW("SIP/2.0")));
}

/* Status-Line of RFC 3261 section 7.2. The space behind the code may be missing when there is no phrase. */
static bool parse_status_line(struct parse *ps, struct view line)
{
    struct view rest = line;
    struct view version = view_cut(&rest, ' ');
    if (!is_version_2(version))
        return false;
    struct view code = view_cut(&rest, ' ');
    uint16_t status;
    if (code.n != 3 || view_u16(code, &status) || status < 100 || status > 699)
        return false;
    ps->start.version = version;
    ps->start.status = status;
    ps->start.reason = rest;
    return true;
}

/* Request-Line of RFC 3261 section 7.1. False: this is no SIP request. */
static bool parse_request_line(struct parse *ps, struct view line)
{
    struct sip_msg *m = &ps->start;
    const char *end = line.p + line.n, *last = sip_trim_end(line.p, end);
    const char *version = last;
    while (version > line.p && version[-1] != ' ' && version[-1] != '\t')
        version--;
    m->version = sip_span(version, last);
    if (!is_version(m->version))
        return false;
    m->is_request = true;
    const char *p = sip_skip(line.p, version, SIP_C_TOKEN);
    m->method_text = sip_span(line.p, p);
    m->method = sip_method_of(m->method_text);
    m->uri = sip_trim(sip_span(p, version));
    if (m->method_text.n == 0 || p == version || *p != ' ')
        set_fault(ps, 400, p, "Bad method");
    else if (m->uri.n == 0)
        set_fault(ps, 400, p, "No Request-URI");
    else if (m->uri.p != p + 1 || m->uri.p + m->uri.n + 1 != version || last != end || view_find(m->uri, ' ') < m->uri.n
             || view_find(m->uri, '\t') < m->uri.n)
        set_fault(ps, 400, p, "White space in the request line");
    if (!is_version_2(m->version)) {
        ps->err = AHOY_OK; /* other faults do not matter to whom speaks another version */
        set_fault(ps, 505, version, "SIP version not supported");
    }
    return true;
}

static bool parse_start_line(struct parse *ps)
{
    const char *next;
    while ((next = sip_empty_line(ps->p, ps->end)) != NULL) /* RFC 3261 section 7.5 */
        ps->p = next;
    ps->raw = sip_span(ps->p, ps->end);
    const char *start = ps->p, *p = sip_find_control(start, ps->end);
    if (p == start || p == ps->end || (next = sip_empty_line(p, ps->end)) == NULL)
        return false;
    ps->p = next;
    struct view line = sip_span(start, p);
    if (view_istarts(line, VIEW("SIP/")))
        return parse_status_line(ps, line);
    return parse_request_line(ps, line);
}

/* Moves the table into a block that has room for all lines to come. */
static enum ahoy_err grow_table(struct parse *ps, const struct sip_limits *limits)
{
    size_t room = ps->count;
    size_t most = AHOY_MIN(limits->max_headers, (uint32_t) SIP_HEADERS_MOST);
    for (const char *p = ps->p; p && p < ps->end && room < most; room++) {
        p = memchr(p, '\n', (size_t) (ps->end - p));
        p = p ? p + 1 : NULL;
    }
    ps->block = block_create(room, ps->raw.n);
    if (!ps->block)
        return AHOY_ERR_NOMEM;
    memcpy(ps->block->table, ps->table, ps->count * sizeof *ps->table);
    ps->table = ps->block->table;
    ps->room = (uint32_t) room;
    return AHOY_OK;
}

static void note_content_length(struct parse *ps, const struct sip_line *line)
{
    ps->content_lengths++;
    ps->content_length_at = line->name.p;
    if (ps->content_lengths == 1)
        ps->content_length_bad = sip_content_length(line->value, &ps->content_length) != AHOY_OK;
}

static enum ahoy_err parse_header_lines(struct parse *ps, const struct sip_limits *limits)
{
    while (ps->p < ps->end) {
        const char *p = ps->p;
        ps->body = sip_empty_line(p, ps->end);
        if (ps->body)
            return AHOY_OK;
        struct sip_line line;
        sip_line_scan(p, ps->end, &line);
        if (line.bare_cr)
            set_fault(ps, 400, p, "Bare CR in a header field");
        if (line.name.n == 0) {
            set_fault(ps, 400, p, "Malformed header field");
        } else {
            if (ps->count == limits->max_headers || ps->count == SIP_HEADERS_MOST) {
                set_fault(ps, 513, p, "Too many header fields");
                ps->err = AHOY_ERR_LIMIT;
                return AHOY_OK;
            }
            if (ps->count == ps->room && grow_table(ps, limits))
                return AHOY_ERR_NOMEM;
            enum sip_hdr_id id = sip_hdr_id_of(line.name);
            ps->table[ps->count++] = (struct sip_hdr){ .id = id, .name = line.name, .value = line.value };
            if (id == SIP_HDR_CONTENT_LENGTH)
                note_content_length(ps, &line);
        }
        ps->p = line.next;
    }
    return AHOY_OK;
}

/* Where the body ends (RFC 3261 section 18.3). */
static const char *find_body_end(struct parse *ps, enum sip_framing framing)
{
    size_t rest = (size_t) (ps->end - ps->body);
    if (ps->content_lengths > 1)
        set_fault(ps, 400, ps->content_length_at, "More than one Content-Length");
    else if (ps->content_length_bad)
        set_fault(ps, 400, ps->content_length_at, "Bad Content-Length");
    else if (ps->content_lengths == 0 && framing == SIP_FRAMING_STREAM)
        set_fault(ps, 400, ps->body, "Content-Length is missing");
    else if (ps->content_lengths == 1 && ps->content_length > rest)
        set_fault(ps, 400, ps->content_length_at, "Content-Length is larger than the body");
    else if (ps->content_lengths == 1)
        return ps->body + ps->content_length;
    return ps->end;
}

static struct view moved(struct view v, const char *from, char *to)
{
    return v.p ? view_of(to + (v.p - from), v.n) : v;
}

/* Makes the message of what was found: one allocation, and all views moved to its own bytes. */
static enum ahoy_err finish(struct parse *ps, const char *end, struct sip_msg **out)
{
    size_t bytes = (size_t) (end - ps->raw.p);
    struct msg_block *b = ps->block;
    if (!b) {
        b = block_create(ps->count, bytes);
        if (!b)
            return AHOY_ERR_NOMEM;
        ps->room = ps->count;
    }
    const char *from = ps->raw.p;
    char *to = (char *) (b->table + ps->room);
    memcpy(to, from, bytes);
    to[bytes] = '\0';
    struct sip_msg *m = &b->msg;
    *m = ps->start;
    m->refs = 1;
    m->core = &b->core;
    m->hdr = b->table;
    m->hdr_count = ps->count;
    m->method_text = moved(m->method_text, from, to);
    m->uri = moved(m->uri, from, to);
    m->reason = moved(m->reason, from, to);
    m->version = moved(m->version, from, to);
    m->head = view_of(to, (size_t) (ps->body - from));
    m->body = view_of(to + (ps->body - from), (size_t) (end - ps->body));
    for (uint32_t i = 0; i < ps->count; i++) {
        const struct sip_hdr *h = &ps->table[i];
        b->table[i] = (struct sip_hdr){ h->id, moved(h->name, from, to), moved(h->value, from, to) };
        if (m->first[h->id] == 0)
            m->first[h->id] = (uint16_t) (i + 1);
    }
    ps->block = NULL;
    *out = m;
    return AHOY_OK;
}

static enum ahoy_err parse_message(struct parse *ps, enum sip_framing framing, const struct sip_limits *limits,
                                   struct sip_msg **out)
{
    if (ps->raw.n > limits->max_bytes || ps->raw.n > UINT32_MAX) {
        set_fault(ps, 0, ps->raw.p, "Message too large");
        return AHOY_ERR_LIMIT;
    }
    if (ps->raw.n == 0 || !parse_start_line(ps)) {
        set_fault(ps, 0, ps->p, "Not SIP");
        ps->fault.status = 0;
        return AHOY_ERR_SYNTAX;
    }
    enum ahoy_err err = parse_header_lines(ps, limits);
    if (err)
        return err;
    if (!ps->body) {
        set_fault(ps, 400, ps->p, "No empty line behind the header fields");
        ps->body = ps->end;
    }
    const char *end = find_body_end(ps, framing);
    if (ps->err && (!ps->start.is_request || ps->start.method == SIP_METHOD_ACK)) {
        ps->fault.status = 0; /* a response is never answered, nor is an ACK */
        return ps->err;
    }
    err = finish(ps, end, out);
    return err ? err : ps->err;
}

enum ahoy_err sip_msg_parse(struct sip_msg **out, struct view raw, enum sip_framing framing,
                            const struct sip_limits *limits, struct sip_fault *fault)
{
    struct sip_hdr scratch[SCRATCH_HEADERS];
    struct parse ps = {
        .raw = raw,
        .p = raw.p,
        .end = raw.p ? raw.p + raw.n : raw.p,
        .table = scratch,
        .room = SCRATCH_HEADERS,
    };
    enum ahoy_err err = parse_message(&ps, framing, limits, out);
    if (err == AHOY_ERR_NOMEM)
        ps.fault = (struct sip_fault){ .text = "Out of memory" };
    if (err)
        *fault = ps.fault;
    mem_free(ps.block);
    return err;
}

struct sip_msg *sip_msg_ref(struct sip_msg *m)
{
    m->refs++;
    return m;
}

void sip_msg_unref(struct sip_msg *m)
{
    if (m && --m->refs == 0)
        mem_free(AHOY_CONTAINER_OF(m, struct msg_block, msg));
}

const struct sip_hdr *sip_msg_first(const struct sip_msg *m, enum sip_hdr_id id)
{
    if ((unsigned) id >= SIP_HDR_COUNT || m->first[id] == 0)
        return NULL;
    return &m->hdr[m->first[id] - 1];
}

const struct sip_hdr *sip_msg_next(const struct sip_msg *m, const struct sip_hdr *h)
{
    const struct sip_hdr *end = m->hdr + m->hdr_count;
    for (const struct sip_hdr *n = h + 1; n < end; n++)
        if (n->id == h->id && (h->id != SIP_HDR_OTHER || view_ieq(n->name, h->name)))
            return n;
    return NULL;
}

const struct sip_hdr *sip_msg_named(const struct sip_msg *m, struct view name)
{
    enum sip_hdr_id id = sip_hdr_id_of(name);
    if (id != SIP_HDR_OTHER)
        return sip_msg_first(m, id);
    for (uint32_t i = 0; i < m->hdr_count; i++)
        if (m->hdr[i].id == SIP_HDR_OTHER && view_ieq(m->hdr[i].name, name))
            return &m->hdr[i];
    return NULL;
}

struct view sip_msg_value(const struct sip_msg *m, enum sip_hdr_id id)
{
    const struct sip_hdr *h = sip_msg_first(m, id);
    return h ? h->value : view_of(NULL, 0);
}

bool sip_msg_has_token(const struct sip_msg *m, enum sip_hdr_id id, struct view token)
{
    for (const struct sip_hdr *h = sip_msg_first(m, id); h; h = sip_msg_next(m, h)) {
        struct view rest = h->value, item;
        while (sip_list_next(&rest, &item))
            if (view_ieq(item, token))
                return true;
    }
    return false;
}
