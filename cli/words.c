#include "cli/words.h"

#include <stdlib.h>
#include <string.h>

enum { NAME_LETTERS = 15, NUMBER_CHARS = 24, HELP_COLUMN = 20, DONE_CHARS = 512 };

/* What may follow a word. */
enum follows {
    NOTHING,
    ONE_CALL, /* [N] */
    CALLS,    /* [N N ...] */
    REST,     /* all of the line, needed */
    MAY_REST, /* all of the line, or nothing */
    LEVEL,    /* DB [N] */
};

static const struct word {
    const char *name;
    char letter; /* 0: none of its own */
    enum words_kind kind;
    enum follows follows;
    const char *syntax, *help;
    const char *cmd, *key; /* the command, and the member that takes the rest */
    int8_t on;             /* 0, 1: its member "on"; -1: none */
    const char *done;      /* said when it is done; events tell the others */
} words[] = {
    { "answer", 'a', WORDS_COMMAND, ONE_CALL, "[N]", "answer the call that rings", "answer", NULL, -1, "" },
    { "reject", 'r', WORDS_COMMAND, ONE_CALL, "[N]", "refuse the call that rings", "reject", NULL, -1, "" },
    { "hangup", 'h', WORDS_COMMAND, ONE_CALL, "[N]", "hang up", "hangup", NULL, -1, "" },
    { "hold", 0, WORDS_COMMAND, ONE_CALL, "[N]", "put on hold", "hold", NULL, -1, "" },
    { "resume", 0, WORDS_COMMAND, ONE_CALL, "[N]", "go on with a call on hold", "resume", NULL, -1, "" },
    { "mute", 'm', WORDS_COMMAND, ONE_CALL, "[N]", "they do not hear you", "mute", NULL, 1, "they do not hear you" },
    { "unmute", 'u', WORDS_COMMAND, ONE_CALL, "[N]", "they hear you again", "mute", NULL, 0, "they hear you again" },
    { "press", 'p', WORDS_COMMAND, REST, "KEYS", "press keys; a line of digits, * and # alone does so, too", "dtmf",
      "digits", -1, "pressed" },
    { "call", 'c', WORDS_CALL, REST, "ADDRESS", "call somebody else, too; who was there is put on hold", NULL, NULL, -1,
      "" },
    { "join", 'j', WORDS_COMMAND, CALLS, "[N N ...]", "one conference of all calls, or of those named", "join", NULL,
      -1, "" },
    { "split", 's', WORDS_COMMAND, ONE_CALL, "[N]", "take a call out of the conference", "split", NULL, -1,
      "it is a call by itself" },
    { "leave", 0, WORDS_COMMAND, NOTHING, "", "the others go on without us", "attend", NULL, 0,
      "the conference goes on without us" },
    { "back", 'b', WORDS_COMMAND, NOTHING, "", "and we are back", "attend", NULL, 1, "we are in the conference" },
    { "volume", 'v', WORDS_COMMAND, LEVEL, "DB [N]", "hear the other side louder (6) or quieter (-6)", "gain", NULL, -1,
      "volume" },
    { "play", 0, WORDS_COMMAND, MAY_REST, "[FILE]", "play a sound file to them; without FILE stop", "play", "file", -1,
      "" },
    { "record", 0, WORDS_COMMAND, MAY_REST, "[FILE]", "record the call; without FILE stop", "record", "file", -1, "" },
    { "list", 'l', WORDS_LIST, NOTHING, "", "the calls there are, and their numbers N", NULL, NULL, -1, "" },
    { "figures", 'f', WORDS_FIGURES, ONE_CALL, "[N]", "how the call sounds so far", NULL, NULL, -1, "" },
    { "quit", 'q', WORDS_COMMAND, NOTHING, "", "hang up everything and end", "quit", NULL, -1, "" },
    { "help", '?', WORDS_HELP, NOTHING, "", "this", NULL, NULL, -1, "" },
};

enum { WORD_COUNT = sizeof words / sizeof words[0] };

/* What other telephones have, and what comes nearest to it here. */
static const struct {
    const char *name, *instead;
} elsewhere[] = {
    { "transfer",
      "calls cannot be transferred yet; `call` the other one and `join`, then `leave` the two to themselves" },
    { "dial", "say call and an address" },
    { "accept", "say answer" },
    { "unhold", "say resume" },
    { "exit", "say hangup, or quit to end everything" },
};

const char *words_name(size_t i)
{
    return i < WORD_COUNT ? words[i].name : NULL;
}

void words_help(const char *indent, struct text *out)
{
    for (size_t i = 0; i < WORD_COUNT; i++) {
        char left[64];
        struct text t;
        text_init(&t, left, sizeof left);
        text_add(&t, "%s%s%s", words[i].name, *words[i].syntax ? " " : "", words[i].syntax);
        text_add(out, "%s%c  %-*s %s\n", indent, words[i].letter ? words[i].letter : ' ', HELP_COLUMN, left,
                 words[i].help);
    }
}

/* ---- reading ----------------------------------------------------------------------------------------------------- */

static const char *behind_spaces(const char *s)
{
    return s + strspn(s, " \t");
}

/* The word of that name, letter or beginning; NULL: none, or more than one. */
static const struct word *find(const char *name, size_t n, struct text *why)
{
    const struct word *found = NULL;
    char given[NAME_LETTERS + 1] = "";
    for (size_t i = 0; i < WORD_COUNT; i++)
        if ((n == 1 && *name == words[i].letter) || (strlen(words[i].name) == n && memcmp(words[i].name, name, n) == 0))
            return &words[i];
    for (size_t i = 0; i < WORD_COUNT && n <= NAME_LETTERS; i++) {
        if (strncmp(words[i].name, name, n) != 0)
            continue;
        if (found) {
            text_add(why, "'%.*s' may be %s or %s", (int) n, name, found->name, words[i].name);
            return NULL;
        }
        found = &words[i];
    }
    if (found)
        return found;
    for (size_t i = 0; i < sizeof elsewhere / sizeof elsewhere[0]; i++) {
        if (strlen(elsewhere[i].name) != n || memcmp(elsewhere[i].name, name, n) != 0)
            continue;
        text_add(why, "%s", elsewhere[i].instead);
        return NULL;
    }
    if (n <= NAME_LETTERS)
        memcpy(given, name, n);
    text_add(why, "there is no word '");
    text_clean(why, name, n <= NAME_LETTERS ? n : NAME_LETTERS, false);
    text_add(why, "'");
    for (size_t i = 0; i < WORD_COUNT && given[0]; i++)
        if (text_distance(given, words[i].name) <= (strlen(given) > 3 ? 2 : 1)) {
            text_add(why, "; did you mean %s?", words[i].name);
            return NULL;
        }
    text_add(why, "; ? tells those there are");
    return NULL;
}

/* The next number of a call in *at. False: there is something else. */
static bool take_call(const char **at, ahoy_call_id *out)
{
    char number[NUMBER_CHARS];
    uint32_t x;
    size_t n = strcspn(*at, " \t,");
    if (n >= sizeof number)
        return false;
    memcpy(number, *at, n);
    number[n] = 0;
    if (!text_number(number, 1, UINT32_MAX, &x))
        return false;
    *out = x;
    *at += n;
    *at += strspn(*at, " \t,");
    return true;
}

static enum ahoy_err set(json_t *o, const char *key, json_t *value)
{
    return json_object_set_new(o, key, value) == 0 ? AHOY_OK : AHOY_ERR_NOMEM;
}

static bool take_level(const char **at, double *db)
{
    char *end;
    *db = strtod(*at, &end);
    if (end == *at || (*end && *end != ' ' && *end != '\t') || !(*db >= -100 && *db <= 60))
        return false;
    *at = behind_spaces(end);
    return true;
}

/* The numbers of calls that follow. */
static enum ahoy_err add_calls(const struct word *w, const char *at, struct words *out, struct text *why)
{
    enum ahoy_err err = AHOY_OK;
    json_t *list = w->follows == CALLS && *at ? json_array() : NULL;
    if (w->follows == CALLS && *at && !list)
        return AHOY_ERR_NOMEM;
    for (unsigned i = 0; !err && *at; i++) {
        if (!take_call(&at, &out->call) || (i > 0 && !list)) {
            text_add(why, "%s takes the number of a call%s; `list` tells them", w->name, list ? ", or some" : "");
            out->kind = WORDS_WRONG;
            break;
        }
        if (list && json_array_append_new(list, json_integer((json_int_t) out->call)))
            err = AHOY_ERR_NOMEM;
    }
    if (list)
        return set(out->command, "calls", list) ? AHOY_ERR_NOMEM : err;
    return !err && out->call > 0 && out->command ? set(out->command, "call", json_integer((json_int_t) out->call))
                                                 : err;
}

static enum ahoy_err add_what_follows(const struct word *w, const char *at, struct words *out, struct text *why)
{
    double db;
    switch (w->follows) {
    case REST:
    case MAY_REST:
        if (!*at && w->follows == REST) {
            text_add(why, "%s needs %s", w->name, w->syntax);
            out->kind = WORDS_WRONG;
        }
        out->rest = at;
        if (*at && w->key && json_object_set_new(out->command, w->key, json_string(at))) {
            text_add(why, "the name of the file is no UTF-8");
            out->kind = WORDS_WRONG;
        }
        return AHOY_OK;
    case LEVEL:
        if (!take_level(&at, &db)) {
            text_add(why, "%s takes decibels, from -100 to 60", w->name);
            out->kind = WORDS_WRONG;
            return AHOY_OK;
        }
        if (set(out->command, "db", json_real(db)))
            return AHOY_ERR_NOMEM;
        break;
    case NOTHING:
        if (*at) {
            text_add(why, "nothing follows %s", w->name);
            out->kind = WORDS_WRONG;
        }
        return AHOY_OK;
    case ONE_CALL:
    case CALLS: break;
    }
    return add_calls(w, at, out, why);
}

/* What is said when it is done. */
static json_t *done_text(const struct word *w, const char *rest)
{
    char buf[DONE_CHARS];
    struct text t;
    text_init(&t, buf, sizeof buf);
    text_add(&t, "%s", w->done);
    if (w->follows == REST || w->follows == LEVEL) {
        text_add(&t, " ");
        text_clean(&t, rest, strlen(rest), false);
    } else if (w->follows == MAY_REST) {
        text_add(&t, *rest ? "%sing " : "%sing ends", *w->name == 'p' ? "play" : "record");
        text_clean(&t, rest, strlen(rest), false);
    }
    return json_string(buf);
}

static enum ahoy_err understand(const struct word *w, const char *rest, struct words *out, struct text *why)
{
    enum ahoy_err err = AHOY_OK;
    out->kind = w->kind;
    out->answers = w->cmd && strcmp(w->cmd, "answer") == 0;
    if (w->kind == WORDS_COMMAND && !(out->command = json_pack("{s:s}", "cmd", w->cmd)))
        return AHOY_ERR_NOMEM;
    if (out->command && w->on >= 0)
        err = set(out->command, "on", json_boolean(w->on));
    if (!err && out->command && strcmp(w->cmd, "reject") == 0)
        err = set(out->command, "code", json_integer(603)); /* by a person: not at another phone either */
    if (!err)
        err = add_what_follows(w, rest, out, why);
    if (!err && out->command)
        err = set(out->command, "id", done_text(w, rest));
    return err;
}

enum ahoy_err words_read(const char *line, struct words *out, struct text *why)
{
    const struct word *w;
    *out = (struct words){ .kind = WORDS_NONE };
    line = behind_spaces(line);
    size_t n = strcspn(line, " \t"), keys = strspn(line, "0123456789*#,ABCDabcd");
    if (n == 0)
        return AHOY_OK;
    out->kind = WORDS_WRONG;
    if (line[keys] == 0 && strchr("0123456789*#", line[0]))
        w = find("press", 5, why), n = 0;
    else
        w = find(line, n, why);
    enum ahoy_err err = w ? understand(w, behind_spaces(line + n), out, why) : AHOY_OK;
    if (err || out->kind == WORDS_WRONG) {
        json_decref(out->command);
        out->command = NULL;
    }
    return err;
}
