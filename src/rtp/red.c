#include "rtp/red.h"

#include "base/mem.h"
#include "rtp/wire.h"

enum { REDUNDANT_HEAD_BYTES = 4, PRIMARY_HEAD_BYTES = 1 };

enum ahoy_err red_parse(struct view payload, struct red_block out[RED_MAX_BLOCKS], size_t *n)
{
    struct red_block blocks[RED_MAX_BLOCKS];
    size_t count = 0;
    struct view rest = payload;
    bool more = true;
    while (more) {
        if (rest.n == 0)
            return AHOY_ERR_SYNTAX;
        if (count == RED_MAX_BLOCKS)
            return AHOY_ERR_LIMIT;
        struct red_block *b = &blocks[count++];
        more = (wire_u8(rest.p) & 0x80) != 0;
        *b = (struct red_block){ .payload_type = wire_u8(rest.p) & 0x7f };
        if (more) {
            if (rest.n < REDUNDANT_HEAD_BYTES)
                return AHOY_ERR_SYNTAX;
            uint32_t head = wire_u32(rest.p);
            b->offset_ts = (uint16_t) (head >> 10 & RED_MAX_OFFSET);
            b->data.n = head & RED_MAX_BLOCK_BYTES;
        }
        rest = view_from(rest, more ? REDUNDANT_HEAD_BYTES : PRIMARY_HEAD_BYTES);
    }
    for (size_t i = 0; i + 1 < count; i++) {
        if (blocks[i].data.n > rest.n)
            return AHOY_ERR_SYNTAX;
        blocks[i].data = view_first(rest, blocks[i].data.n);
        rest = view_from(rest, blocks[i].data.n);
    }
    blocks[count - 1].data = rest;
    memcpy(out, blocks, count * sizeof blocks[0]);
    *n = count;
    return AHOY_OK;
}

enum ahoy_err red_print(const struct red_block *blocks, size_t n, void *dst, size_t max, size_t *written)
{
    if (n == 0)
        return AHOY_ERR_INVAL;
    size_t need = PRIMARY_HEAD_BYTES;
    for (size_t i = 0; i < n; i++) {
        bool primary = i + 1 == n;
        if (blocks[i].payload_type > 127)
            return AHOY_ERR_RANGE;
        if (!primary && (blocks[i].offset_ts > RED_MAX_OFFSET || blocks[i].data.n > RED_MAX_BLOCK_BYTES))
            return AHOY_ERR_RANGE;
        need += blocks[i].data.n + (primary ? 0 : REDUNDANT_HEAD_BYTES);
    }
    if (need > max)
        return AHOY_ERR_LIMIT;
    uint8_t *o = dst;
    for (size_t i = 0; i + 1 < n; i++) {
        wire_put32(o, UINT32_C(1) << 31 | (uint32_t) blocks[i].payload_type << 24 | (uint32_t) blocks[i].offset_ts << 10
                          | (uint32_t) blocks[i].data.n);
        o += REDUNDANT_HEAD_BYTES;
    }
    *o++ = blocks[n - 1].payload_type;
    for (size_t i = 0; i < n; i++) {
        if (blocks[i].data.n > 0)
            memcpy(o, blocks[i].data.p, blocks[i].data.n);
        o += blocks[i].data.n;
    }
    *written = need;
    return AHOY_OK;
}

/* ---- a sender ---------------------------------------------------------------------------------------------------- */

struct sent {
    bool kept;
    uint8_t payload_type;
    uint32_t timestamp;
    size_t n;
    char data[RED_MAX_BLOCK_BYTES];
};

struct red_sender {
    unsigned at; /* where the next one goes */
    struct sent sent[RED_KEPT];
};

enum ahoy_err red_sender_create(struct red_sender **out)
{
    struct red_sender *s = mem_zalloc(sizeof *s);
    if (!s)
        return AHOY_ERR_NOMEM;
    *out = s;
    return AHOY_OK;
}

void red_sender_destroy(struct red_sender *s)
{
    mem_free(s);
}

void red_sender_reset(struct red_sender *s)
{
    for (size_t i = 0; i < RED_KEPT; i++)
        s->sent[i].kept = false;
}

void red_sender_keep(struct red_sender *s, uint8_t payload_type, uint32_t timestamp, struct view copy)
{
    struct sent *to = &s->sent[s->at];
    s->at = (s->at + 1) % RED_KEPT;
    to->kept = copy.n <= RED_MAX_BLOCK_BYTES && payload_type <= 127;
    if (!to->kept)
        return;
    to->payload_type = payload_type;
    to->timestamp = timestamp;
    to->n = copy.n;
    if (copy.n > 0)
        memcpy(to->data, copy.p, copy.n);
}

/* The generation `back` packets ago, 1 … RED_KEPT, or NULL. */
static const struct sent *generation(const struct red_sender *s, unsigned back, uint32_t timestamp)
{
    const struct sent *old = &s->sent[(s->at + RED_KEPT - back) % RED_KEPT];
    return old->kept && timestamp - old->timestamp <= RED_MAX_OFFSET ? old : NULL;
}

enum ahoy_err red_sender_print(const struct red_sender *s, uint32_t generations, const struct red_block *primary,
                               uint32_t timestamp, void *dst, size_t max, size_t *written)
{
    struct red_block blocks[RED_MAX_BLOCKS];
    size_t first = RED_MAX_BLOCKS - 1; /* filled from the end: the newest generations are worth most */
    size_t need = PRIMARY_HEAD_BYTES + primary->data.n;
    if (need > max)
        return AHOY_ERR_LIMIT;
    blocks[first] = (struct red_block){ .payload_type = primary->payload_type, .data = primary->data };
    for (unsigned back = 1; back <= RED_KEPT && first > 0; back++) {
        const struct sent *old = generations >> (back - 1) & 1 ? generation(s, back, timestamp) : NULL;
        if (!old)
            continue;
        if (REDUNDANT_HEAD_BYTES + old->n > max - need)
            break;
        need += REDUNDANT_HEAD_BYTES + old->n;
        blocks[--first] = (struct red_block){ old->payload_type, (uint16_t) (timestamp - old->timestamp),
                                              view_of(old->data, old->n) };
    }
    return red_print(blocks + first, RED_MAX_BLOCKS - first, dst, max, written);
}
