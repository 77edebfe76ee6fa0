/* `ahoy status`: asks every running phone what it does. */
#include "cli/control.h"
#include "cli/fail.h"
#include "cli/json.h"
#include "cli/verbs.h"

#include <poll.h>
#include <string.h>
#include <unistd.h>

enum { PHONES_MAX = 64, ANSWER_BYTES = 1 << 19, ANSWER_MS = 2000 };

static const char *string_of(const json_t *o, const char *key)
{
    const char *s = json_string_value(json_object_get(o, key));
    return s ? s : "";
}

/* The answer to our question; other news on the line are passed over. NULL when none comes. */
static json_t *ask(int fd)
{
    static const char question[] = "{\"id\":1,\"cmd\":\"status\"}\n";
    char buf[ANSWER_BYTES], *line;
    size_t n;
    struct lines lines;
    int64_t end = clock_ms() + ANSWER_MS, now;
    if (!text_write(fd, question, sizeof question - 1))
        return NULL;
    lines_init(&lines, buf, sizeof buf);
    while ((now = clock_ms()) < end) {
        struct pollfd ready = { .fd = fd, .events = POLLIN };
        if (poll(&ready, 1, (int) (end - now)) <= 0 || lines_read(&lines, fd) <= 0)
            return NULL;
        while (lines_next(&lines, &line, &n)) {
            json_t *o = json_loadb(line, n, 0, NULL);
            if (json_integer_value(json_object_get(o, "id")) == 1)
                return o;
            json_decref(o);
        }
    }
    return NULL;
}

static double figure(const json_t *o, const char *key)
{
    const json_t *v = json_object_get(o, key);
    return json_is_number(v) ? json_number_value(v) : -1;
}

static void show_sound(const json_t *stats)
{
    char line[256];
    struct text t;
    if (figure(stats, "mos") < 0)
        return;
    text_init(&t, line, sizeof line);
    text_add(&t, "    sound %s, %.1f of 5 (now %.1f), %.1f %% heard as lost", string_of(stats, "grade"),
             figure(stats, "mos"), figure(stats, "mos_now"), 100 * figure(stats, "loss"));
    if (figure(stats, "delay_ms") >= 0)
        text_add(&t, ", %.0f ms mouth to ear", figure(stats, "delay_ms"));
    if (figure(stats, "remote_mos") >= 0)
        text_add(&t, "; they hear %.1f", figure(stats, "remote_mos"));
    say("%s", line);
}

static void show_calls(const json_t *calls)
{
    size_t i;
    const json_t *c;
    json_array_foreach(calls, i, c)
    {
        const json_t *stats = json_object_get(c, "stats");
        double s = (double) json_integer_value(json_object_get(stats, "duration_ms")) / 1000.0;
        say("  call %lld: %s %s %s%s%s, %.0f s %s", (long long) json_integer_value(json_object_get(c, "call")),
            string_of(c, "state"), json_is_true(json_object_get(c, "incoming")) ? "from" : "to",
            string_of(c, "peer_uri"), json_is_true(json_object_get(c, "muted")) ? ", muted" : "",
            json_is_true(json_object_get(c, "held_by_peer")) ? ", held by them" : "", s, string_of(stats, "codec"));
        show_sound(stats);
    }
}

static void show(const json_t *o)
{
    char line[1024];
    struct text t;
    size_t i;
    const json_t *v;
    text_init(&t, line, sizeof line);
    text_add(&t, "phone %lld (ahoy %s), up %lld s, on", (long long) json_integer_value(json_object_get(o, "pid")),
             string_of(o, "verb"), (long long) json_integer_value(json_object_get(o, "uptime_ms")) / 1000);
    json_array_foreach(json_object_get(o, "listening"), i, v)
        text_add(&t, " %s", json_string_value(v) ? json_string_value(v) : "");
    say("%s", line);
    json_array_foreach(json_object_get(o, "accounts"), i, v)
        say("  account %s: %s%s%s", string_of(v, "name"), string_of(v, "state"), *string_of(v, "reason") ? ", " : "",
            string_of(v, "reason"));
    show_calls(json_object_get(o, "calls"));
}

int verb_status(const struct cli_args *args)
{
    uint32_t pids[PHONES_MAX];
    char dir[CLI_PATH_BYTES];
    size_t n = paths_runtime(args, false, dir) ? control_list(dir, pids, PHONES_MAX) : 0, alive = 0;
    for (size_t i = 0; i < n; i++) {
        int fd = control_connect(dir, pids[i]);
        json_t *o = fd >= 0 ? ask(fd) : NULL;
        if (fd >= 0)
            (void) close(fd);
        if (!o)
            continue;
        alive++;
        if (args->json) {
            (void) json_object_set_new(o, "event", json_string("status"));
            (void) json_object_del(o, "id");
            (void) json_say(json_incref(o));
        } else {
            show(o);
        }
        json_decref(o);
    }
    if (alive == 0 && !args->json)
        say("no phone is running; `ahoy listen` starts one");
    return EXIT_DONE;
}
