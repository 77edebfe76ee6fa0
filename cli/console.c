/* Standard input of a running phone: commands in JSON, or the words of a person (words.h). */
#include "cli/phone.h"
#include "cli/words.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

enum { CONSOLE_SAY_BYTES = 4096 };

bool phone_console_readable(const struct phone *p)
{
    if (!p->console_open)
        return false;
    /* In the background a terminal is the shell's. Without one there is no such group, and reading is what was asked for. */
    pid_t front = p->json ? -1 : tcgetpgrp(STDIN_FILENO);
    return front < 0 || front == getpgrp();
}

/* ---- telling ----------------------------------------------------------------------------------------------------- */

static void say_call_line(const struct ahoy_call_info *c)
{
    char line[CONSOLE_SAY_BYTES];
    struct text t;
    const char *state = c->state == AHOY_CALL_CONFIRMED ? "talking to"
                        : c->state == AHOY_CALL_HELD    ? "on hold:"
                        : c->incoming                   ? "call from"
                                                        : "calling";
    text_init(&t, line, sizeof line);
    text_add(&t, "[%u] %s ", c->id, state);
    text_clean(&t, c->peer_uri, strlen(c->peer_uri), false);
    if (c->stats.duration_ms > 0)
        text_add(&t, ", %.0f s", c->stats.duration_ms / 1000.0);
    if (c->muted)
        text_add(&t, ", muted");
    if (c->conference > 0)
        text_add(&t, ", in conference %u", c->conference);
    say("%s", line);
}

/* The calls there are; the one with this number only, unless it is 0. */
static void say_calls(struct phone *p)
{
    struct ahoy_call_info *list = NULL;
    size_t n = 0;
    if (ahoy_call_list(p->engine, &list, &n))
        return;
    if (n == 0)
        say("there is no call");
    for (size_t i = 0; i < n; i++)
        say_call_line(&list[i]);
    ahoy_free(list);
}

static void say_figures(struct phone *p, ahoy_call_id call)
{
    struct ahoy_call_info *list = NULL;
    const struct ahoy_call_info *which = NULL;
    size_t n = 0;
    if (ahoy_call_list(p->engine, &list, &n))
        return;
    for (size_t i = 0; i < n; i++)
        if ((list[i].state == AHOY_CALL_CONFIRMED || list[i].state == AHOY_CALL_HELD)
            && (call == 0 || list[i].id == call))
            which = &list[i];
    if (!which)
        say("there is no such call that stands");
    else if (which->stats.duration_ms == 0)
        say("too early: figures come once a second");
    else
        phone_say_figures(p, phone_number(p, which->id), &which->stats);
    ahoy_free(list);
}

void phone_say_reply(const json_t *o)
{
    const char *text = json_string_value(json_object_get(o, json_is_true(json_object_get(o, "ok")) ? "id" : "text"));
    char line[CONSOLE_SAY_BYTES];
    struct text t;
    if (!text || !*text)
        return;
    text_init(&t, line, sizeof line);
    text_clean(&t, text, strlen(text), false);
    say("%s%s", json_is_true(json_object_get(o, "ok")) ? "" : "not possible: ", line);
}

/* ---- reading ----------------------------------------------------------------------------------------------------- */

/* Who talks to somebody else now waits meanwhile, unless it is a conference, which goes on by itself. */
static void hold_others(struct phone *p)
{
    struct ahoy_call_info *list = NULL;
    size_t n = 0;
    if (ahoy_call_list(p->engine, &list, &n))
        return;
    for (size_t i = 0; i < n; i++)
        if (list[i].state == AHOY_CALL_CONFIRMED && !list[i].held_by_us && list[i].conference == 0)
            (void) !ahoy_call_hold(p->engine, list[i].id, true, NULL);
    ahoy_free(list);
}

static void say_help(void)
{
    char buf[CONSOLE_SAY_BYTES];
    struct text t;
    text_init(&t, buf, sizeof buf);
    words_help("  ", &t);
    (void) text_write(STDOUT_FILENO, t.p, t.n);
}

static void on_words(struct phone *p, const char *line)
{
    char why[256];
    struct text t;
    struct words w;
    ahoy_call_id call;
    text_init(&t, why, sizeof why);
    if (words_read(line, &w, &t)) {
        say("not possible: out of memory");
        return;
    }
    if (w.answers || w.kind == WORDS_CALL)
        hold_others(p);
    switch (w.kind) {
    case WORDS_COMMAND: phone_run_command(p, PHONE_CONSOLE, w.command); break;
    case WORDS_CALL:
        p->numbered = p->numbered || phone_calls(p) > 0;
        (void) phone_place(p, w.rest, &call);
        break;
    case WORDS_LIST: say_calls(p); break;
    case WORDS_FIGURES: say_figures(p, w.call); break;
    case WORDS_HELP: say_help(); break;
    case WORDS_WRONG: say("%s", why); break;
    case WORDS_NONE: break;
    }
    json_decref(w.command);
}

void phone_on_console(struct phone *p)
{
    char *line;
    size_t n;
    long got = lines_read(&p->console, STDIN_FILENO);
    /* EIO: it is the terminal of somebody in front of us just now. */
    if (got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR && errno != EIO))
        p->console_open = false;
    while (lines_next(&p->console, &line, &n)) {
        if (p->json)
            phone_command(p, PHONE_CONSOLE, line, n);
        else
            on_words(p, line);
    }
}
