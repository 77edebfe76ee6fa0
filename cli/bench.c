/* `ahoy bench`: the benchmarks are programs of their own beside this one. */
#include "cli/fail.h"
#include "cli/paths.h"
#include "cli/verbs.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

int verb_bench(const struct cli_args *args)
{
    char name[64], path[CLI_PATH_BYTES], *argv[CLI_WORDS_MAX + 3] = { path };
    struct text t;
    size_t n = 1;
    if (!text_among(args->words[0], CLI_BENCHMARKS))
        return fail(EXIT_USAGE, "there is no benchmark '%s'; there are " CLI_BENCHMARKS, args->words[0]);
    text_init(&t, name, sizeof name);
    text_add(&t, "ahoy-bench-%s", args->words[0]);
    if (!paths_sibling(name, path) || access(path, X_OK) != 0)
        return fail(EXIT_CONFIG, "%s is not there: ./dev bench builds the benchmarks and runs them", name);
    for (size_t i = 1; i < args->word_count; i++)
        argv[n++] = (char *) (uintptr_t) args->words[i];
    if (args->json)
        argv[n++] = (char *) (uintptr_t) "--json";
    (void) execv(path, argv);
    return fail(EXIT_CONFIG, "%s cannot be run: %s", path, strerror(errno));
}
