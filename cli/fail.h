/* How the command fails: one line on standard error with cause and remedy, and the exit status that scripts rely on. */
#ifndef AHOY_CLI_FAIL_H
#define AHOY_CLI_FAIL_H

#include "ahoy/types.h"
#include "cli/text.h"

enum { EXIT_DONE = 0, EXIT_USAGE = 2, EXIT_CONFIG = 16, EXIT_SIP = 25 };

/** Says why on standard error and gives `status` back. */
int fail(int status, const char *fmt, ...) CLI_PRINTF(2, 3);

/** Exit status for a failed call into the library. */
int fail_status(enum ahoy_err err);

/** The same for stored accounts that cannot be read: `why` is what the store said, or "". */
int fail_store(enum ahoy_err err, const char *why);

#endif
