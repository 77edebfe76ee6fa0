#include "tool.h"

#include "base/view.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

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

int tool_options(const struct tool_option *list, size_t n, int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        const struct tool_option *o = find(list, n, argv[i]);
        if (o && o->flag)
            *o->flag = true;
        else if (o && i + 1 < argc && take(o, argv[i + 1]))
            i++;
        else
            return i;
    }
    return 0;
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
