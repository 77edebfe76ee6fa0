/* One end of an offer/answer exchange, with a telephone's usual capabilities, and vectors by name. */
#ifndef AHOY_TESTS_SDP_SUPPORT_SDP_H
#define AHOY_TESTS_SDP_SUPPORT_SDP_H

#include "sdp/format.h"
#include "sdp/offer.h"

#include "support/t.h"

enum { END_CAPS = 4, END_CODECS = 8 };

struct end {
    struct sdp_session *s;
    struct sdp_codec codec[END_CAPS][END_CODECS];
    struct sdp_cap cap[END_CAPS];
    struct sdp_local local;
    struct buf text; /* what was said last */
    struct sdp_error why;
};

/* No session yet: one audio stream with opus, G722, PCMA, PCMU and events at 192.0.2.<host>:<port>. */
void end_init(struct end *e, uint8_t host, uint16_t port);
/* Adds a codec to a stream. */
void end_codec(struct end *e, size_t cap, const char *name, uint32_t clock_hz, unsigned channels, unsigned pt);
/* A second stream like the first, with PCMU alone. */
void end_second_audio(struct end *e, uint16_t port);
enum ahoy_err end_open(struct end *e);
void end_close(struct end *e);

/* The text of the end's next offer, in e->text. */
enum ahoy_err end_offer(struct end *e);
/* Takes an offer and answers it, in e->text. */
enum ahoy_err end_answer(struct end *e, struct view offer);
enum ahoy_err end_answer_str(struct end *e, const char *offer);
/* Takes the final answer. */
enum ahoy_err end_take(struct end *e, struct view answer);
enum ahoy_err end_take_str(struct end *e, const char *answer);
/* A whole exchange between two of ours. */
enum ahoy_err end_exchange(struct end *offerer, struct end *answerer);

static inline bool end_says(const struct end *e, const char *part)
{
    struct view text = buf_content(&e->text);
    return view_search(text, view_str(part)) < text.n;
}

/* The o= version in the text said last. */
uint64_t end_version(const struct end *e);

/* The description under "== key" in a vector file; empty when there is none. */
struct view vector_find(struct view file, const char *key);

/* An offer from 192.0.2.9 with one m= line and what follows it. */
#define OFFER(version, m, rest)                                                                                        \
    "v=0\r\no=peer 7 " version " IN IP4 192.0.2.9\r\ns=-\r\nc=IN IP4 192.0.2.9\r\nt=0 0\r\n" m "\r\n" rest

#endif
