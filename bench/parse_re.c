/* libre's parser (baresip's), as its own transactions use it. */
#include "parse.h"

#define HAVE_STDBOOL_H /* or libre makes a bool of its own */
#include <re.h>

static struct mbuf *loaded;

bool parse_re_load(const char *text, size_t n)
{
    loaded = mbuf_alloc(n);
    return loaded && mbuf_write_mem(loaded, (const uint8_t *) text, n) == 0;
}

void parse_re_unload(void)
{
    loaded = mem_deref(loaded);
}

static char first(const struct pl *pl)
{
    return pl->l > 0 ? pl->p[0] : '\0';
}

bool parse_re(const char *text, size_t n, struct parse_fields *out)
{
    struct sip_msg *m = NULL;
    (void) text;
    (void) n;
    mbuf_set_pos(loaded, 0);
    if (sip_msg_decode(&m, loaded))
        return false;
    const char *colon = pl_strchr(&m->via.sentby, ':'); /* libre keeps the port with the host */
    *out = (struct parse_fields){
        .branch_bytes = m->via.branch.l,
        .host_bytes = colon ? (size_t) (colon - m->via.sentby.p) : m->via.sentby.l,
        .from_tag_bytes = m->from.tag.l,
        .to_tag_bytes = m->to.tag.l,
        .call_id_bytes = m->callid.l,
        .branch_first = first(&m->via.branch),
        .from_tag_first = first(&m->from.tag),
        .to_tag_first = first(&m->to.tag),
        .call_id_first = first(&m->callid),
        .cseq = m->cseq.num,
        .max_forwards = pl_isset(&m->maxfwd) ? pl_u32(&m->maxfwd) : 0,
    };
    mem_deref(m);
    return true;
}
