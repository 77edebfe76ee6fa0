/*
 * Events and answers as JSON: what docs/json.md describes and tests/cli/test_json.c holds. A function gives NULL when there
 * is no memory; the caller owns what it gets.
 */
#ifndef AHOY_CLI_JSON_H
#define AHOY_CLI_JSON_H

#include "ahoy/ahoy.h"
#include "cli/text.h"

#include <jansson.h>

enum { JSON_SCHEMA_VERSION = 1 };

/** {"v":1,"t_ms":…,"event":name}. */
json_t *json_head(const char *name, int64_t t_ms);

/** A string of any bytes: those that are not UTF-8 become '?'. NULL gives JSON null. At most 64 KiB are kept. */
json_t *json_words(const char *s);
json_t *json_bytes(const char *p, size_t n);

/** A number, or null when it is unknown (negative, and `unknown_below_0`) or no number. */
json_t *json_figure(double x, bool unknown_below_0);

/** Moves `value` into `object`; false (and `value` freed) when either is NULL or there is no memory. */
bool json_add(json_t *object, const char *key, json_t *value);

json_t *json_stats(const struct ahoy_call_stats *s);
json_t *json_account(const struct ahoy_account_info *a);
json_t *json_call(const struct ahoy_call_info *c);
json_t *json_device(const struct ahoy_device *d);
json_t *json_event(const struct ahoy_event *e);

/* How a call went; the "summary" event. */
struct summary {
    enum ahoy_cause cause;
    unsigned sip_status;
    char reason[160], text[512];
    bool ended_by_peer;
    bool srtp, ice;
    uint32_t calls; /* of listen */
    struct ahoy_call_stats stats;
};
json_t *json_summary(const struct summary *s, int64_t t_ms);

/** One line with its end. `n` bytes, to be freed with json_line_free. NULL when there is no memory. Takes nothing over. */
char *json_line(const json_t *object, size_t *n);
void json_line_free(char *line);

/** Writes one line to standard output and frees the object; false when standard output is gone. NULL is ignored. */
bool json_say(json_t *object);

#endif
