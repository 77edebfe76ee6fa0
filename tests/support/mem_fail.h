/* The heap's door under test: counts blocks and makes the Nth request fail. */
#ifndef AHOY_TESTS_SUPPORT_MEM_FAIL_H
#define AHOY_TESTS_SUPPORT_MEM_FAIL_H

#include <stdbool.h>
#include <stddef.h>

/* From now on the `nth` request (1 is the next) fails, and that one alone; 0: none. */
void mem_fail_arm(unsigned long nth);

/* Whether the armed request came. */
bool mem_fail_hit(void);

/* An allocation that is neither counted for failing nor fails; free with mem_free. */
void *mem_fail_exempt_alloc(size_t n);

#endif
