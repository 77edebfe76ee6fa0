#include "support_sdp.h"

#include <stdio.h>

void end_codec(struct end *e, size_t cap, const char *name, uint32_t clock_hz, unsigned channels, unsigned pt)
{
    struct sdp_cap *c = &e->cap[cap];
    e->codec[cap][c->codecs++] = (struct sdp_codec){
        .name = view_str(name), .clock_hz = clock_hz, .channels = channels, .pt = pt
    };
}

void end_init(struct end *e, uint8_t host, uint16_t port)
{
    memset(e, 0, sizeof *e);
    buf_init(&e->text, SDP_MAX_BYTES);
    for (size_t i = 0; i < END_CAPS; i++)
        e->cap[i].codec = e->codec[i];
    e->cap[0].kind = SDP_AUDIO;
    e->cap[0].events = true;
    e->cap[0].dir = SDP_SENDRECV;
    e->cap[0].rtp = addr_ip4(192, 0, 2, host, port);
    e->cap[0].proto = SDP_RTP_AVP;
    e->cap[0].protos = SDP_PROTO_BIT(SDP_RTP_AVP) | SDP_PROTO_BIT(SDP_RTP_AVPF);
    e->local = (struct sdp_local){ .addr = addr_ip4(192, 0, 2, host, 0), .cap = e->cap, .caps = 1 };
    end_codec(e, 0, "opus", 48000, 2, 96);
    end_codec(e, 0, "G722", 8000, 1, 0);
    end_codec(e, 0, "PCMA", 8000, 1, 0);
    end_codec(e, 0, "PCMU", 8000, 1, 0);
}

void end_second_audio(struct end *e, uint16_t port)
{
    e->cap[1] = e->cap[0];
    e->cap[1].codec = e->codec[1];
    e->cap[1].codecs = 0;
    e->cap[1].rtp.port = port;
    e->local.caps = 2;
    end_codec(e, 1, "PCMU", 8000, 1, 0);
}

enum ahoy_err end_open(struct end *e)
{
    return sdp_session_create(&e->s,
                              &(struct sdp_session_config){ .user = VIEW("ahoy"), .id = 1000, .addr = e->local.addr });
}

void end_close(struct end *e)
{
    sdp_session_destroy(e->s);
    buf_fini(&e->text);
    e->s = NULL;
}

enum ahoy_err end_offer(struct end *e)
{
    buf_clear(&e->text);
    return sdp_session_offer(e->s, &e->local, &e->text);
}

enum ahoy_err end_answer(struct end *e, struct view offer)
{
    buf_clear(&e->text);
    enum ahoy_err err = sdp_session_receive_offer(e->s, offer, &e->why);
    return err ? err : sdp_session_answer(e->s, &e->local, &e->text);
}

enum ahoy_err end_answer_str(struct end *e, const char *offer)
{
    return end_answer(e, view_str(offer));
}

enum ahoy_err end_take(struct end *e, struct view answer)
{
    return sdp_session_apply_answer(e->s, answer, true, &e->why);
}

enum ahoy_err end_take_str(struct end *e, const char *answer)
{
    return end_take(e, view_str(answer));
}

enum ahoy_err end_exchange(struct end *offerer, struct end *answerer)
{
    enum ahoy_err err = end_offer(offerer);
    if (!err)
        err = end_answer(answerer, buf_content(&offerer->text));
    if (!err)
        err = end_take(offerer, buf_content(&answerer->text));
    return err;
}

uint64_t end_version(const struct end *e)
{
    struct view text = buf_content(&e->text), line;
    while (view_line(&text, &line))
        if (view_starts(line, VIEW("o="))) {
            uint64_t x = 0;
            (void) view_cut(&line, ' ');
            (void) view_cut(&line, ' ');
            return view_u64(view_cut(&line, ' '), UINT64_MAX, &x) ? 0 : x;
        }
    return 0;
}

struct view vector_find(struct view file, const char *key)
{
    struct view line, found = { 0 };
    bool in = false;
    while (view_line(&file, &line)) {
        bool head = view_starts(line, VIEW("== "));
        if (head && in)
            break;
        if (head)
            in = view_eq(view_from(line, 3), view_str(key));
        else if (in)
            found = found.p ? view_of(found.p, (size_t) (line.p + line.n - found.p)) : line;
    }
    return found;
}
