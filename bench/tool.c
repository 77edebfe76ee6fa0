#include "tool.h"

#include "base/view.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { EXIT_USAGE = 2 };

/* ---- options ----------------------------------------------------------------------------------------------------- */

static const struct tool_option *find(const struct tool_option *list, size_t n, const char *name)
{
    for (size_t i = 0; i < n; i++)
        if (strcmp(list[i].name, name) == 0)
            return &list[i];
    return NULL;
}

static bool take(const struct tool_option *o, const char *value)
{
    uint64_t number;
    if (o->text) {
        *o->text = value;
        return true;
    }
    if (view_u64(view_str(value), o->most, &number) || number < o->least)
        return false;
    *o->number = (unsigned) number;
    return true;
}

static void say_help(const struct tool_usage *u)
{
    printf("%s: %s\n\n", u->program, u->what);
    for (size_t i = 0; i < u->n; i++) {
        const struct tool_option *o = &u->list[i];
        printf("  %-12s %-10s %s", o->name, o->value ? o->value : "", o->help);
        if (o->number)
            printf(", %u to %u", o->least, o->most);
        printf("\n");
    }
    printf("  %-12s %-10s this help\n", "--help", "");
}

static void say_wrong(const struct tool_usage *u, const char *word, const char *value)
{
    const struct tool_option *o = find(u->list, u->n, word);
    if (!o)
        fprintf(stderr, "%s: there is no option '%s'; --help tells those there are\n", u->program, word);
    else if (!value)
        fprintf(stderr, "%s: %s needs %s: %s\n", u->program, word, o->value, o->help);
    else
        fprintf(stderr, "%s: %s is a number from %u to %u, not '%s'\n", u->program, word, o->least, o->most, value);
}

bool tool_options(const struct tool_usage *u, int argc, char **argv, int *status)
{
    for (int i = 1; i < argc; i++) {
        const struct tool_option *o = find(u->list, u->n, argv[i]);
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) {
            say_help(u);
            *status = EXIT_SUCCESS;
            return false;
        }
        if (o && o->flag) {
            *o->flag = true;
        } else if (o && i + 1 < argc && take(o, argv[i + 1])) {
            i++;
        } else {
            say_wrong(u, argv[i], i + 1 < argc ? argv[i + 1] : NULL);
            *status = EXIT_USAGE;
            return false;
        }
    }
    return true;
}

/* ---- clocks ------------------------------------------------------------------------------------------------------ */

static double seconds(clockid_t clock)
{
    struct timespec t = { 0 };
    (void) clock_gettime(clock, &t);
    return (double) t.tv_sec + (double) t.tv_nsec * 1e-9;
}

double tool_now_ms(void)
{
    return seconds(CLOCK_MONOTONIC) * 1000;
}

double tool_cpu_s(void)
{
    return seconds(CLOCK_PROCESS_CPUTIME_ID);
}

/* ---- figures ----------------------------------------------------------------------------------------------------- */

static int by_value(const void *a, const void *b)
{
    double x = *(const double *) a, y = *(const double *) b;
    return x < y ? -1 : x > y;
}

void tool_sort(double *v, size_t n)
{
    qsort(v, n, sizeof *v, by_value);
}

double tool_median(double *v, size_t n)
{
    tool_sort(v, n);
    return v[n / 2];
}
