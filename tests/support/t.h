/*
 * How a test reads here:
 *
 *     static void test_parse_accepts_folding(struct t *t)
 *     {
 *         struct sip_msg *msg = NULL;
 *         T_OK(sip_msg_parse(&msg, …));
 *         T_EQ(sip_msg_status(msg), 200);
 *     out:
 *         sip_msg_unref(msg);
 *     }
 *
 *     T_MAIN(T(test_parse_accepts_folding), T(…))
 *
 * A check that does not hold records both operands and jumps to `out:`, where the test gives everything back. Each test
 * runs once plainly, then once for every allocation it makes with that allocation failing: there a check may fail (the
 * outcome is another), but the test must still reach its end, leak nothing and crash nowhere. T_ALWAYS holds in both.
 * Allocations are counted at the heap's door (base/mem.h); what a test leaves behind fails it.
 */
#ifndef AHOY_TESTS_SUPPORT_T_H
#define AHOY_TESTS_SUPPORT_T_H

#include "base/view.h"

#include <math.h>

struct t {
    const char *name;
    bool failed;    /* a check did not hold */
    bool injecting; /* this is a run with a failing allocation … */
    bool injected;  /* … and it has failed by now: another outcome is excused */
    char why[2048];
};

typedef void t_fn(struct t *t);

struct t_case {
    const char *name;
    t_fn *fn;
    unsigned stride; /* 1: every allocation fails once; n: every n-th, starting at a seeded place; 0: no such runs */
    bool real;       /* T_REAL */
};

/* A test, run with every allocation failing once. */
#define T(fn)                                                                                                          \
    {                                                                                                                  \
#fn, fn, 1, false                                                                                              \
    }
/* A test whose runs are long: every n-th allocation. Say beside it why. */
#define T_STRIDE(fn, n)                                                                                                \
    {                                                                                                                  \
#fn, fn, (n), false                                                                                            \
    }
/* A test without such runs. Say beside it why. */
#define T_PLAIN(fn)                                                                                                    \
    {                                                                                                                  \
#fn, fn, 0, false                                                                                              \
    }

/* A test with real programs in real time, without such runs. What fails while the machine had no processor to spare is run
 * again, three times at most: late sound says nothing about the programs then. On a machine with time it fails at once. */
#define T_REAL(fn)                                                                                                     \
    {                                                                                                                  \
#fn, fn, 0, true                                                                                               \
    }

#define T_MAIN(...)                                                                                                    \
    int main(int argc, char **argv)                                                                                    \
    {                                                                                                                  \
        static const struct t_case cases[] = { __VA_ARGS__ };                                                          \
        return t_main(argc, argv, cases, sizeof cases / sizeof cases[0]);                                              \
    }

/* Runs all, or those whose name contains argv[1]. Ends with cmocka's closing lines. */
int t_main(int argc, char **argv, const struct t_case *cases, size_t n);

/* True when this run has a failing allocation that has been hit: loops that wait for an outcome may give up. */
bool t_excused(struct t *t);

/* Heap blocks alive now. */
size_t t_live_blocks(void);
/* Bytes alive now, as asked for. */
size_t t_live_bytes(void);

#define T_CHECK(cond)                                                                                                  \
    do {                                                                                                               \
        if (!(cond)) {                                                                                                 \
            t_fail(t, __FILE__, __LINE__, #cond, "does not hold");                                                     \
            goto out;                                                                                                  \
        }                                                                                                              \
    } while (0)

/* Holds also when an allocation failed. */
#define T_ALWAYS(cond)                                                                                                 \
    do {                                                                                                               \
        if (!(cond)) {                                                                                                 \
            t_fail_always(t, __FILE__, __LINE__, #cond, "does not hold");                                              \
            goto out;                                                                                                  \
        }                                                                                                              \
    } while (0)

#define T_OK(expr)                                                                                                     \
    do {                                                                                                               \
        enum ahoy_err t_err_ = (expr);                                                                                 \
        if (t_err_ != AHOY_OK) {                                                                                       \
            t_fail(t, __FILE__, __LINE__, #expr, ahoy_err_name(t_err_));                                               \
            goto out;                                                                                                  \
        }                                                                                                              \
    } while (0)

/* The call fails with this error. */
#define T_ERR(expr, want)                                                                                              \
    do {                                                                                                               \
        if (!t_eq_err(t, __FILE__, __LINE__, #expr, (expr), (want)))                                                   \
            goto out;                                                                                                  \
    } while (0)

/* Integers. */
#define T_EQ(a, b)                                                                                                     \
    do {                                                                                                               \
        if (!t_eq_int(t, __FILE__, __LINE__, #a " == " #b, (long long) (a), (long long) (b)))                          \
            goto out;                                                                                                  \
    } while (0)

/* a <= b, integers. */
#define T_LE(a, b)                                                                                                     \
    do {                                                                                                               \
        if (!t_le_int(t, __FILE__, __LINE__, #a " <= " #b, (long long) (a), (long long) (b)))                          \
            goto out;                                                                                                  \
    } while (0)

/* Doubles within eps. */
#define T_NEAR(a, b, eps)                                                                                              \
    do {                                                                                                               \
        if (!t_near(t, __FILE__, __LINE__, #a " ~ " #b, (double) (a), (double) (b), (double) (eps)))                   \
            goto out;                                                                                                  \
    } while (0)

/* Zero-terminated strings; NULL equals NULL only. */
#define T_STR(a, b)                                                                                                    \
    do {                                                                                                               \
        if (!t_eq_str(t, __FILE__, __LINE__, #a " == " #b, (a), (b)))                                                  \
            goto out;                                                                                                  \
    } while (0)

/* A view against a string literal or other zero-terminated string. */
#define T_VIEW(v, s)                                                                                                   \
    do {                                                                                                               \
        if (!t_eq_view(t, __FILE__, __LINE__, #v " == " #s, (v), view_str(s)))                                         \
            goto out;                                                                                                  \
    } while (0)

#define T_MEM(a, b, n)                                                                                                 \
    do {                                                                                                               \
        if (!t_eq_view(t, __FILE__, __LINE__, #a " == " #b, view_of((const char *) (a), (n)),                          \
                       view_of((const char *) (b), (n))))                                                              \
            goto out;                                                                                                  \
    } while (0)

void t_fail(struct t *t, const char *file, int line, const char *what, const char *how);
void t_fail_always(struct t *t, const char *file, int line, const char *what, const char *how);
bool t_eq_int(struct t *t, const char *file, int line, const char *what, long long a, long long b);
bool t_le_int(struct t *t, const char *file, int line, const char *what, long long a, long long b);
bool t_near(struct t *t, const char *file, int line, const char *what, double a, double b, double eps);
bool t_eq_str(struct t *t, const char *file, int line, const char *what, const char *a, const char *b);
bool t_eq_view(struct t *t, const char *file, int line, const char *what, struct view a, struct view b);
bool t_eq_err(struct t *t, const char *file, int line, const char *what, enum ahoy_err a, enum ahoy_err b);

/* Reads a file under tests/vectors (or an absolute path) whole; free with mem_free. Allocation here never fails by
 * injection. Returns false and fails the test when the file is missing. */
#define t_read_file(t, path, out) t_read_file_in((t), TEST_VECTORS, (path), (out))
bool t_read_file_in(struct t *t, const char *folder, const char *path, struct view *out);

#endif
