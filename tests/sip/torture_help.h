/* Reading the torture messages, for the tests that hold them against the parser. */
#ifndef AHOY_TESTS_SIP_TORTURE_HELP_H
#define AHOY_TESTS_SIP_TORTURE_HELP_H

#include "sip/parse_help.h"

#include "base/mem.h"

static inline bool read_vector(struct t *t, const char *folder, struct view file, struct view *out)
{
    char path[512];
    struct buf b;
    buf_init(&b, sizeof path - 1);
    /* the defective archive file stays beside it as it is; the oracle means the repaired one */
    bool repaired = view_eq(file, VIEW("baddn.dat")) && strcmp(folder, "rfc4475") == 0;
    buf_printf(&b, "%s/%.*s", folder, VIEW_ARG(repaired ? VIEW("baddn.fixed.dat") : file));
    bool copied = view_copy(buf_content(&b), path, sizeof path) && !buf_err(&b);
    buf_fini(&b);
    return copied && t_read_file(t, path, out);
}

struct outcome {
    struct sip_msg *msg;
    enum ahoy_err err;
    struct sip_fault fault;
};

/* What parser and check say; a message for a stream is cut out of it first. */
static inline void receive(struct outcome *o, struct view raw, bool stream)
{
    const struct sip_limits limits = SIP_LIMITS_DEFAULT;
    size_t scanned = 0, skip = 0, length = raw.n;
    if (stream && sip_stream_frame(raw, &limits, &scanned, &skip, &length) == AHOY_OK)
        raw = view_first(view_from(raw, skip), length);
    o->err = sip_msg_parse(&o->msg, raw, stream ? SIP_FRAMING_STREAM : SIP_FRAMING_DATAGRAM, &limits, &o->fault);
    if (!o->err)
        o->err = sip_msg_check(o->msg, &o->fault);
}

#endif
