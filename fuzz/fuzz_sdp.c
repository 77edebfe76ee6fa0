/*
 * The first byte chooses what happens to the rest: parse, print and parse again must be stable; as an offer it is
 * answered, as an answer it is taken, and what we say must parse and hold to the rules.
 */
#include "sdp/format.h"
#include "sdp/offer.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_printing(struct view text)
{
    struct arena arena;
    struct buf first, second;
    struct sdp sdp;
    arena_init(&arena, 2 * SDP_ARENA_BYTES);
    buf_init(&first, 2 * SDP_MAX_BYTES);
    buf_init(&second, 2 * SDP_MAX_BYTES);
    if (sdp_parse(text, &arena, &sdp, NULL) == AHOY_OK) {
        sdp_print(&sdp, &first);
        if (first.n <= SDP_MAX_BYTES) {
            struct sdp again;
            AHOY_ASSERT(sdp_parse(buf_content(&first), &arena, &again, NULL) == AHOY_OK);
            AHOY_ASSERT(again.medias == sdp.medias && again.lines.n == sdp.lines.n);
            sdp_print(&again, &second);
            AHOY_ASSERT(view_eq(buf_content(&first), buf_content(&second)));
        }
        for (size_t i = 0; i < sdp.medias; i++) {
            struct view value;
            (void) sdp_attr_inherited(&sdp, &sdp.media[i], VIEW("fingerprint"), &value);
            (void) sdp_group_has(&sdp, VIEW("BUNDLE"), sdp.media[i].mid, NULL);
            (void) sdp_media_rtcp(&sdp.media[i]);
            for (size_t j = 0; j < sdp.media[i].formats; j++)
                (void) sdp_fmtp_has_event(sdp.media[i].format[j].fmtp, 11);
        }
    }
    buf_fini(&second);
    buf_fini(&first);
    arena_fini(&arena);
}

static const struct sdp_codec codecs[] = {
    { .name = { "opus", 4 }, .clock_hz = 48000, .channels = 2, .pt = 96 },
    { .name = { "G722", 4 }, .clock_hz = 8000 },
    { .name = { "PCMA", 4 }, .clock_hz = 8000 },
    { .name = { "PCMU", 4 }, .clock_hz = 8000 },
    { .name = { "L16", 3 }, .clock_hz = 16000 },
    { .name = { "red", 3 }, .clock_hz = 48000, .channels = 2 },
    { .name = { "AMR", 3 }, .clock_hz = 8000 },
};

/* What we say must parse, list only numbers RTP has, and have as many lines as there are streams. */
static void check_said(const struct sdp_session *s, const struct buf *text)
{
    struct arena arena;
    struct sdp sdp;
    arena_init(&arena, SDP_ARENA_BYTES);
    AHOY_ASSERT(sdp_parse(buf_content(text), &arena, &sdp, NULL) == AHOY_OK);
    for (size_t i = 0; i < sdp.medias; i++) {
        AHOY_ASSERT(sdp.media[i].formats > 0);
        if (sdp.media[i].port > 0)
            for (size_t j = 0; j < sdp.media[i].formats; j++)
                AHOY_ASSERT(sdp.media[i].format[j].pt >= 0 && sdp.media[i].format[j].name.n > 0);
    }
    if (sdp_session_state(s) == SDP_STABLE)
        AHOY_ASSERT(sdp_session_streams(s) == sdp.medias);
    for (size_t i = 0; i < sdp_session_streams(s); i++) {
        const struct sdp_stream *st = sdp_session_stream(s, i);
        AHOY_ASSERT(!st->active || (st->ptime_ms > 0 && st->formats > 0 && st->remote));
    }
    arena_fini(&arena);
}

static void exchange(struct sdp_session *s, const struct sdp_local *local, struct view text, bool as_answer)
{
    struct buf out;
    enum ahoy_err err;
    buf_init(&out, SDP_MAX_BYTES);
    if (as_answer) {
        err = sdp_session_offer(s, local, &out);
        if (!err)
            check_said(s, &out);
        if (!err && sdp_session_apply_answer(s, text, true, NULL))
            sdp_session_rollback(s);
    } else if (sdp_session_receive_offer(s, text, NULL) == AHOY_OK) {
        err = sdp_session_answer(s, local, &out);
        if (err == AHOY_ERR_UNSUPPORTED)
            err = sdp_session_answer_none(s, &out);
        if (!err)
            check_said(s, &out);
        else
            sdp_session_rollback(s);
    }
    buf_fini(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 1)
        return 0;
    unsigned how = data[0];
    struct view text = view_of((const char *) data + 1, size - 1);
    check_printing(text);
    struct sdp_cap cap[2] = { {
        .kind = SDP_AUDIO,
        .codec = codecs,
        .codecs = AHOY_COUNT(codecs),
        .events = true,
        .comfort_noise = true,
        .own_order = how & 1,
        .one_codec = how & 2,
        .rtcp_mux = how & 4,
        .dir = SDP_SENDRECV,
        .proto = SDP_RTP_AVP,
        .protos = how & 8 ? ~0u : SDP_PROTO_BIT(SDP_RTP_AVP),
        .rtp = addr_ip4(192, 0, 2, 1, 6000),
        .any_family = how & 16,
    } };
    cap[1] = cap[0];
    cap[1].kind = how & 32 ? SDP_VIDEO : SDP_AUDIO;
    struct sdp_local local = { .addr = addr_ip4(192, 0, 2, 1, 0), .cap = cap, .caps = 2 };
    struct sdp_session *s;
    if (sdp_session_create(&s, &(struct sdp_session_config){ .id = 1, .addr = local.addr }))
        return 0;
    /* The text in parts at "\n==\n" is a sequence of the peer's messages. */
    for (int i = 0; text.n > 0 && i < 4; i++) {
        size_t cut = view_search(text, VIEW("\n==\n"));
        exchange(s, &local, view_first(text, cut), (how >> 6 & 1) ^ (i & 1));
        text = view_from(text, cut + 4);
    }
    sdp_session_destroy(s);
    return 0;
}
