/* libosip2's parser, as its own transactions use it. */
#include "parse.h"

#include <stdlib.h>
#include <string.h>
#include <sys/time.h>

#include <osipparser2/osip_parser.h>

bool parse_osip_init(void)
{
    return parser_init() == 0;
}

bool parse_osip(const char *text, size_t n, struct parse_fields *out)
{
    osip_message_t *m = NULL;
    if (osip_message_init(&m) != 0)
        return false;
    bool ok = osip_message_parse(m, text, n) == 0;
    osip_via_t *via = NULL;
    osip_generic_param_t *branch = NULL, *from_tag = NULL, *to_tag = NULL;
    osip_header_t *max_forwards = NULL;
    ok = ok && osip_message_get_via(m, 0, &via) >= 0 && m->from && m->to && m->call_id && m->cseq;
    if (ok) {
        osip_via_param_get_byname(via, "branch", &branch);
        osip_from_get_tag(m->from, &from_tag);
        osip_to_get_tag(m->to, &to_tag);
        osip_message_get_max_forwards(m, 0, &max_forwards);
        const char *b = branch ? branch->gvalue : "", *f = from_tag ? from_tag->gvalue : "";
        const char *t = to_tag ? to_tag->gvalue : "", *id = m->call_id->number;
        size_t call_id_bytes = strlen(id) + (m->call_id->host ? strlen(m->call_id->host) + 1 : 0);
        *out = (struct parse_fields){
            .branch_bytes = strlen(b),
            .host_bytes = strlen(via->host),
            .from_tag_bytes = strlen(f),
            .to_tag_bytes = strlen(t),
            .call_id_bytes = call_id_bytes,
            .branch_first = b[0],
            .from_tag_first = f[0],
            .to_tag_first = t[0],
            .call_id_first = id[0],
            .cseq = (uint32_t) strtoul(m->cseq->number, NULL, 10),
            .max_forwards = max_forwards ? (uint32_t) strtoul(max_forwards->hvalue, NULL, 10) : 0,
        };
    }
    osip_message_free(m);
    return ok;
}
