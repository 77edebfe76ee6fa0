#include "rtp/dtmf.h"

#include "rtp/wire.h"

static const char event_chars[] = "0123456789*#ABCD!";

enum ahoy_err dtmf_parse(struct view payload, struct dtmf_event *out, size_t max, size_t *n)
{
    if (payload.n == 0 || payload.n % DTMF_EVENT_BYTES > 0)
        return AHOY_ERR_SYNTAX;
    size_t count = AHOY_MIN(payload.n / DTMF_EVENT_BYTES, max);
    for (size_t i = 0; i < count; i++) {
        const char *p = payload.p + i * DTMF_EVENT_BYTES;
        out[i] = (struct dtmf_event){
            .event = wire_u8(p),
            .end = (wire_u8(p + 1) & 0x80) != 0,
            .volume = wire_u8(p + 1) & 0x3f,
            .duration = wire_u16(p + 2),
        };
    }
    *n = count;
    return AHOY_OK;
}

void dtmf_print(const struct dtmf_event *e, uint8_t dst[DTMF_EVENT_BYTES])
{
    dst[0] = e->event;
    dst[1] = (uint8_t) ((e->end ? 0x80 : 0) | AHOY_MIN(e->volume, (uint8_t) 63));
    wire_put16(dst + 2, e->duration);
}

int dtmf_code(char c)
{
    if (c >= 'a' && c <= 'd')
        c = (char) (c - 'a' + 'A');
    for (int i = 0; event_chars[i] != '\0'; i++) {
        if (event_chars[i] == c)
            return i;
    }
    return -1;
}

char dtmf_char(uint8_t event)
{
    return event < sizeof event_chars - 1 ? event_chars[event] : '\0';
}
