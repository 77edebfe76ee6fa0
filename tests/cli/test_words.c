/* What a person types while the phone runs. */
#include "base/mem.h"
#include "base/view.h"
#include "cli/words.h"

#include "support/t.h"

#include <string.h>

/* The command that a line stands for, without what is said when it is done; or what is wrong. */
static bool reads(const char *line, const char *want)
{
    char why[256] = "", *got = NULL;
    struct text t;
    struct words w;
    text_init(&t, why, sizeof why);
    if (words_read(line, &w, &t))
        return false;
    if (w.command) {
        (void) json_object_del(w.command, "id");
        got = json_dumps(w.command, JSON_COMPACT | JSON_SORT_KEYS);
    }
    bool same = strcmp(got ? got : why, want) == 0;
    if (!same)
        (void) fprintf(stderr, "%s: %s\n", line, got ? got : why);
    json_malloc_t take;
    json_free_t give;
    json_get_alloc_funcs(&take, &give);
    if (got)
        give(got);
    json_decref(w.command);
    return same;
}

static void test_words_are_commands_in_short(struct t *t)
{
    T_CHECK(reads("mute", "{\"cmd\":\"mute\",\"on\":true}"));
    T_CHECK(reads("  u 2 ", "{\"call\":2,\"cmd\":\"mute\",\"on\":false}"));
    T_CHECK(reads("hold 12", "{\"call\":12,\"cmd\":\"hold\"}"));
    T_CHECK(reads("ho", "{\"cmd\":\"hold\"}"));
    T_CHECK(reads("j", "{\"cmd\":\"join\"}"));
    T_CHECK(reads("join 1, 3 4", "{\"calls\":[1,3,4],\"cmd\":\"join\"}"));
    T_CHECK(reads("a", "{\"cmd\":\"answer\"}"));
    T_CHECK(reads("r 3", "{\"call\":3,\"cmd\":\"reject\",\"code\":603}"));
    T_CHECK(reads("123#", "{\"cmd\":\"dtmf\",\"digits\":\"123#\"}"));
    T_CHECK(reads("*1,,9d", "{\"cmd\":\"dtmf\",\"digits\":\"*1,,9d\"}"));
    T_CHECK(reads("press abcd", "{\"cmd\":\"dtmf\",\"digits\":\"abcd\"}"));
    T_CHECK(reads("v -6.5 2", "{\"call\":2,\"cmd\":\"gain\",\"db\":-6.5}"));
    T_CHECK(reads("play a file.wav", "{\"cmd\":\"play\",\"file\":\"a file.wav\"}"));
    T_CHECK(reads("record", "{\"cmd\":\"record\"}"));
    T_CHECK(reads("leave", "{\"cmd\":\"attend\",\"on\":false}"));
    T_CHECK(reads("b", "{\"cmd\":\"attend\",\"on\":true}"));
    T_CHECK(reads("q", "{\"cmd\":\"quit\"}"));
    T_CHECK(reads("", "") && reads(" \t", ""));
out:;
}

static void test_what_is_wrong_is_told(struct t *t)
{
    T_CHECK(reads("transfer sip:eve@b", "calls cannot be transferred yet; `call` the other one and `join`, then "
                                        "`leave` the two to themselves"));
    T_CHECK(reads("unhold", "say resume"));
    T_CHECK(reads("hodl", "there is no word 'hodl'; did you mean hold?"));
    T_CHECK(reads("re", "'re' may be reject or resume"));
    T_CHECK(reads("frobnicate\x1b", "there is no word 'frobnicate?'; ? tells those there are"));
    T_CHECK(reads("hold him", "hold takes the number of a call; `list` tells them"));
    T_CHECK(reads("hold 1 2", "hold takes the number of a call; `list` tells them"));
    T_CHECK(reads("hold 0", "hold takes the number of a call; `list` tells them"));
    T_CHECK(reads("join 1 x", "join takes the number of a call, or some; `list` tells them"));
    T_CHECK(reads("hold 99999999999999999999999999999", "hold takes the number of a call; `list` tells them"));
    T_CHECK(reads("volume loud", "volume takes decibels, from -100 to 60"));
    T_CHECK(reads("v nan", "volume takes decibels, from -100 to 60"));
    T_CHECK(reads("v 1000", "volume takes decibels, from -100 to 60"));
    T_CHECK(reads("quit now", "nothing follows quit"));
    T_CHECK(reads("press", "press needs KEYS"));
    T_CHECK(reads("call", "call needs ADDRESS"));
    T_CHECK(reads("play \xff.wav", "the name of the file is no UTF-8"));
    T_CHECK(reads("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
                  "there is no word 'aaaaaaaaaaaaaaa'; ? tells those there are"));
out:;
}

static void test_words_of_their_own(struct t *t)
{
    char why[256];
    struct text x;
    struct words w;
    text_init(&x, why, sizeof why);
    T_OK(words_read("c sip:bob@example.org", &w, &x));
    T_EQ(w.kind, WORDS_CALL);
    T_STR(w.rest, "sip:bob@example.org");
    T_OK(words_read("f 3", &w, &x));
    T_CHECK(w.kind == WORDS_FIGURES && w.call == 3 && !w.command);
    T_OK(words_read("l", &w, &x));
    T_EQ(w.kind, WORDS_LIST);
    T_OK(words_read("?", &w, &x));
    T_EQ(w.kind, WORDS_HELP);
    T_OK(words_read("answer", &w, &x));
    T_CHECK(w.answers);
    json_decref(w.command);
out:;
}

static void test_help_and_the_man_page_know_every_word(struct t *t)
{
    char help[4096];
    struct text x;
    struct view page = { .p = NULL };
    T_ALWAYS(t_read_file(t, "../../packaging/ahoy.1", &page));
    text_init(&x, help, sizeof help);
    words_help("  ", &x);
    T_CHECK(!x.cut);
    for (size_t i = 0; words_name(i); i++) {
        struct view words = view_from(page, view_search(page, VIEW(".SH WHILE IT RUNS")));
        T_CHECK(strstr(help, words_name(i)));
        if (view_search(words, view_str(words_name(i))) == words.n)
            t_fail(t, __FILE__, __LINE__, words_name(i), "is not in packaging/ahoy.1");
        T_CHECK(!t->failed);
    }
out:
    mem_free((char *) (uintptr_t) page.p);
}

T_MAIN(T_PLAIN(test_words_are_commands_in_short), T_PLAIN(test_what_is_wrong_is_told), T_PLAIN(test_words_of_their_own),
       T_PLAIN(test_help_and_the_man_page_know_every_word))
