/* Between the parse benchmark and each parser it drives. Plain types only: the parsers' own names collide. */
#ifndef AHOY_BENCH_PARSE_H
#define AHOY_BENCH_PARSE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * What a transaction needs of a message, read from the parser's result. Each parser reports the same of the same
 * message, which the benchmark checks before it measures: lengths prove that a field was found whole, first bytes that
 * it was touched.
 */
struct parse_fields {
    size_t branch_bytes, host_bytes, from_tag_bytes, to_tag_bytes, call_id_bytes;
    char branch_first, from_tag_first, to_tag_first, call_id_first;
    uint32_t cseq, max_forwards; /* 0 for a response without Max-Forwards */
};

/* Parses the message, reads the fields, frees everything. `text` has a zero byte behind it. */
typedef bool parse_fn(const char *text, size_t n, struct parse_fields *out);

bool parse_osip_init(void);
parse_fn parse_osip;
/* libre reads from a buffer object of its own; it is filled once, outside the measured loop, in libre's favour. */
bool parse_re_load(const char *text, size_t n);
void parse_re_unload(void);
parse_fn parse_re;

/* The messages: names, texts with a zero byte behind them. Allocated once; NULL when there is no memory. */
struct parse_message {
    const char *name;
    char *text;
    size_t n;
};
enum { PARSE_MESSAGES = 5 };
bool parse_messages_make(struct parse_message out[PARSE_MESSAGES]);
void parse_messages_free(struct parse_message m[PARSE_MESSAGES]);

#endif
