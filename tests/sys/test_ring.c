#include "sys/ring.h"

#include "support/t.h"

#include <pthread.h>
#include <sched.h>

static void test_takes_what_fits_and_wraps(struct t *t)
{
    struct sys_ring *r = NULL;
    uint32_t in[8] = { 1, 2, 3, 4, 5, 6, 7, 8 }, out[8];
    T_OK(sys_ring_create(&r, 5, sizeof in[0])); /* 8 */
    T_EQ(sys_ring_get(r, out, 8), 0);
    for (int round = 0; round < 20; round++) {
        T_EQ(sys_ring_put(r, in, 5), 5);
        T_EQ(sys_ring_put(r, in + 5, 8), 3);
        T_EQ(sys_ring_put(r, in, 1), 0);
        T_EQ(sys_ring_count(r), 8);
        T_EQ(sys_ring_get(r, out, 3), 3);
        T_MEM(out, in, sizeof in[0] * 3);
        T_EQ(sys_ring_skip(r, 2), 2);
        T_EQ(sys_ring_get(r, out, 8), 3);
        T_EQ(out[2], 8);
        T_EQ(sys_ring_skip(r, 1), 0);
        T_EQ(sys_ring_put(r, in, 3), 3); /* moves the place where it wraps */
        T_EQ(sys_ring_skip(r, 9), 3);
    }
    struct sys_ring *none = NULL;
    T_ERR(sys_ring_create(&none, 0, 4), AHOY_ERR_INVAL);
    T_ERR(sys_ring_create(&none, SIZE_MAX / 2, 4), AHOY_ERR_INVAL);
out:
    sys_ring_destroy(r);
}

enum { PASSED = 200000 };

static void *produce(void *arg)
{
    uint32_t next = 0;
    while (next < PASSED) {
        uint32_t part[7];
        size_t n = 0;
        while (n < 7 && next + n < PASSED) {
            part[n] = next + (uint32_t) n;
            n++;
        }
        size_t done = sys_ring_put(arg, part, n);
        next += (uint32_t) done;
        if (done == 0)
            sched_yield();
    }
    return NULL;
}

static void test_two_threads_pass_everything_in_order(struct t *t)
{
    struct sys_ring *r = NULL;
    pthread_t thread;
    bool started = false;
    uint32_t want = 0;
    bool disorder = false;
    T_OK(sys_ring_create(&r, 64, sizeof want));
    T_ALWAYS(pthread_create(&thread, NULL, produce, r) == 0);
    started = true;
    while (want < PASSED) {
        uint32_t part[11];
        size_t n = sys_ring_get(r, part, 11);
        for (size_t i = 0; i < n; i++)
            disorder = disorder || part[i] != want++;
        if (n == 0)
            sched_yield();
    }
    T_CHECK(!disorder);
out:
    if (started)
        pthread_join(thread, NULL);
    sys_ring_destroy(r);
}

T_MAIN(T(test_takes_what_fits_and_wraps), T(test_two_threads_pass_everything_in_order))
