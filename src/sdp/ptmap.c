#include "sdp/ptmap.h"

#include "base/mem.h"

void ptmap_fini(struct ptmap *m)
{
    mem_free(m->v);
    *m = (struct ptmap){ 0 };
}

enum ahoy_err ptmap_copy(struct ptmap *to, const struct ptmap *from)
{
    if (from->n == 0)
        return AHOY_OK;
    to->v = mem_alloc(from->n * sizeof *to->v);
    if (!to->v)
        return AHOY_ERR_NOMEM;
    memcpy(to->v, from->v, from->n * sizeof *to->v);
    to->n = to->cap = from->n;
    return AHOY_OK;
}

static struct ptmap_entry *find(const struct ptmap *m, enum ptmap_owner owner, unsigned pt)
{
    for (size_t i = 0; i < m->n; i++)
        if (m->v[i].pt == pt && m->v[i].owner == owner)
            return &m->v[i];
    return NULL;
}

const struct sdp_format_id *ptmap_get(const struct ptmap *m, enum ptmap_owner owner, unsigned pt)
{
    const struct ptmap_entry *e = find(m, owner, pt);
    return e ? &e->id : NULL;
}

int ptmap_ours(const struct ptmap *m, const struct sdp_format_id *id)
{
    for (size_t i = m->n; i-- > 0;)
        if (m->v[i].owner == PTMAP_OURS && sdp_format_id_eq(&m->v[i].id, id))
            return m->v[i].pt;
    return -1;
}

enum ahoy_err ptmap_put(struct ptmap *m, enum ptmap_owner owner, unsigned pt, const struct sdp_format_id *id)
{
    struct ptmap_entry *e = find(m, owner, pt);
    if (e) {
        if (owner == PTMAP_THEIRS)
            e->id = *id;
        return AHOY_OK;
    }
    if (m->n == m->cap) {
        size_t cap = m->cap > 0 ? 2 * m->cap : 8;
        struct ptmap_entry *v = mem_realloc(m->v, cap * sizeof *v);
        if (!v)
            return AHOY_ERR_NOMEM;
        m->v = v;
        m->cap = cap;
    }
    m->v[m->n++] = (struct ptmap_entry){ .id = *id, .pt = (uint8_t) pt, .owner = (uint8_t) owner };
    return AHOY_OK;
}
