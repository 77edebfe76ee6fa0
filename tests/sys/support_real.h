/* A loop of the real world with a watchdog, so that a test that waits in vain fails instead of hanging. */
#ifndef AHOY_TESTS_SYS_SUPPORT_REAL_H
#define AHOY_TESTS_SYS_SUPPORT_REAL_H

#include "support/t.h"
#include "sys/loop.h"

struct real {
    struct t *t;
    struct sys_host *host;
    struct sys_loop *loop;
    struct sys_timer dog;
    int ticks; /* until the watchdog stops the loop */
    bool barked;
};

enum ahoy_err real_open(struct real *r, struct t *t);
void real_close(struct real *r);

/* Runs the loop until somebody stops it; false when the watchdog did, after about ten seconds, or soon after an
 * allocation * was made to fail. */
bool real_run(struct real *r);

/* Runs the loop for so long. */
void real_run_for(struct real *r, int64_t us);

#endif
