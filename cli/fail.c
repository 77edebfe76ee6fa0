#include "cli/fail.h"

#include <stdarg.h>
#include <stdio.h>

int fail(int status, const char *fmt, ...)
{
    char line[2048];
    va_list ap;
    va_start(ap, fmt);
    (void) vsnprintf(line, sizeof line, fmt, ap);
    va_end(ap);
    warn("%s", line);
    return status;
}

int fail_status(enum ahoy_err err)
{
    enum ahoy_cause cause = ahoy_cause_of_err(err);
    if (err == AHOY_ERR_INVAL || err == AHOY_ERR_SYNTAX)
        return EXIT_USAGE;
    /* Nobody was asked yet, so it is no answer of another side. */
    return ahoy_cause_exit_status(cause == AHOY_CAUSE_SIP || cause == AHOY_CAUSE_NOT_ACCEPTABLE ? AHOY_CAUSE_CONFIG
                                                                                                : cause);
}

int fail_store(enum ahoy_err err, const char *why)
{
    return fail(fail_status(err), "%s; mend it, or move the file away and store the accounts again",
                why[0] ? why : ahoy_err_text(err));
}
