#include "support/t.h"

#include "support/busy.h"
#include "support/mem_fail.h"
#include "support/temp.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { T_MOST_INJECTIONS = 200000, T_REAL_AGAIN = 3, T_BUSY_PERCENT = 40 };

void t_fail(struct t *t, const char *file, int line, const char *what, const char *how)
{
    if (t_excused(t))
        return;
    t_fail_always(t, file, line, what, how);
}

void t_fail_always(struct t *t, const char *file, int line, const char *what, const char *how)
{
    if (t->failed)
        return;
    t->failed = true;
    snprintf(t->why, sizeof t->why, "%s:%d: %s: %s", file, line, what, how);
}

bool t_excused(struct t *t)
{
    if (t->injecting && mem_fail_hit())
        t->injected = true;
    return t->injected;
}

bool t_eq_int(struct t *t, const char *file, int line, const char *what, long long a, long long b)
{
    char how[80];
    if (a == b)
        return true;
    snprintf(how, sizeof how, "%lld, not %lld", a, b);
    t_fail(t, file, line, what, how);
    return false;
}

bool t_le_int(struct t *t, const char *file, int line, const char *what, long long a, long long b)
{
    char how[80];
    if (a <= b)
        return true;
    snprintf(how, sizeof how, "%lld is above %lld", a, b);
    t_fail(t, file, line, what, how);
    return false;
}

bool t_near(struct t *t, const char *file, int line, const char *what, double a, double b, double eps)
{
    char how[120];
    if (fabs(a - b) <= eps)
        return true;
    snprintf(how, sizeof how, "%g, not within %g of %g", a, eps, b);
    t_fail(t, file, line, what, how);
    return false;
}

bool t_eq_str(struct t *t, const char *file, int line, const char *what, const char *a, const char *b)
{
    if (!a || !b) {
        if (a == b)
            return true;
        t_fail(t, file, line, what, a ? "not NULL" : "NULL");
        return false;
    }
    return t_eq_view(t, file, line, what, view_str(a), view_str(b));
}

bool t_eq_view(struct t *t, const char *file, int line, const char *what, struct view a, struct view b)
{
    char how[1200];
    if (view_eq(a, b))
        return true;
    size_t at = 0;
    while (at < a.n && at < b.n && a.p[at] == b.p[at])
        at++;
    snprintf(how, sizeof how, "\"%.*s\" (%zu bytes), not \"%.*s\" (%zu bytes); differ at %zu",
             (int) AHOY_MIN(a.n, 400u), a.p ? a.p : "", a.n, (int) AHOY_MIN(b.n, 400u), b.p ? b.p : "", b.n, at);
    t_fail(t, file, line, what, how);
    return false;
}

bool t_eq_err(struct t *t, const char *file, int line, const char *what, enum ahoy_err a, enum ahoy_err b)
{
    char how[80];
    if (a == b)
        return true;
    snprintf(how, sizeof how, "%s, not %s", ahoy_err_name(a), ahoy_err_name(b));
    t_fail(t, file, line, what, how);
    return false;
}

bool t_read_file_in(struct t *t, const char *folder, const char *path, struct view *out)
{
    char whole[1024];
    int len = path[0] == '/' ? snprintf(whole, sizeof whole, "%s", path)
                             : snprintf(whole, sizeof whole, "%s/%s", folder, path);
    FILE *f = len > 0 && (size_t) len < sizeof whole ? fopen(whole, "rb") : NULL;
    long n = -1;
    if (f && fseek(f, 0, SEEK_END) == 0)
        n = ftell(f);
    char *p = n >= 0 ? mem_fail_exempt_alloc((size_t) n + 1) : NULL;
    if (!p || fseek(f, 0, SEEK_SET) != 0 || fread(p, 1, (size_t) n, f) != (size_t) n) {
        t_fail_always(t, path, 0, "file", "cannot be read");
        if (f)
            fclose(f);
        return false;
    }
    fclose(f);
    p[n] = '\0';
    *out = view_of(p, (size_t) n);
    return true;
}

/* One run of one case; `fail_at` 0: no allocation fails. Returns whether the failing allocation was reached. */
static bool run_once(const struct t_case *c, unsigned long fail_at, struct t *t)
{
    *t = (struct t){ .name = c->name, .injecting = fail_at > 0 };
    size_t before = t_live_blocks();
    mem_fail_arm(fail_at);
    c->fn(t);
    bool hit = mem_fail_hit();
    mem_fail_arm(0);
    size_t after = t_live_blocks();
    if (after != before) {
        char how[120];
        snprintf(how, sizeof how, "%zu heap blocks before, %zu after", before, after);
        t_fail_always(t, c->name, 0, "leak", how);
    }
    return hit;
}

static void run_case(void **state)
{
    const struct t_case *c = *state;
    struct t t;
    struct busy busy;
    unsigned percent;
    busy_begin(&busy);
    run_once(c, 0, &t);
    for (int again = 0; t.failed && c->real && again < T_REAL_AGAIN; again++) {
        if ((percent = busy_percent(&busy)) < T_BUSY_PERCENT)
            break;
        (void) fprintf(stderr, "%s\n%s: again, since somebody waited for a processor %u %% of the time\n", t.why,
                       c->name, percent);
        busy_begin(&busy);
        run_once(c, 0, &t);
    }
    if (t.failed)
        fail_msg("%s", t.why);
    unsigned long first = c->stride > 1 ? 1 + (unsigned long) (strlen(c->name) * 7919u) % c->stride : 1;
    for (unsigned long at = first; c->stride > 0; at += c->stride) {
        bool hit = run_once(c, at, &t);
        if (t.failed)
            fail_msg("with allocation %lu failing: %s", at, t.why);
        if (!hit)
            break;
        if (at > T_MOST_INJECTIONS)
            fail_msg("more than %d allocations: use T_STRIDE", T_MOST_INJECTIONS);
    }
}

int t_main(int argc, char **argv, const struct t_case *cases, size_t n)
{
    struct CMUnitTest tests[200];
    size_t k = 0;
    if (!temp_begin()) {
        (void) fprintf(stderr, "%s: no folder for files can be made\n", argv[0]);
        return 1;
    }
    for (size_t i = 0; i < n && k < 200; i++)
        if (argc < 2 || strstr(cases[i].name, argv[1]))
            tests[k++] = (struct CMUnitTest){ .name = cases[i].name,
                                              .test_func = run_case,
                                              .initial_state = (void *) (uintptr_t) &cases[i] };
    int failed = _cmocka_run_group_tests(argv[0], tests, k, NULL, NULL);
    temp_end();
    return failed ? 1 : 0;
}
