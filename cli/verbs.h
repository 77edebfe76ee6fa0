/* What the verbs do: each gives the process's exit status, having said on standard error why it is not 0. */
#ifndef AHOY_CLI_VERBS_H
#define AHOY_CLI_VERBS_H

#include "cli/options.h"

int verb_echo(const struct cli_args *args);
int verb_call(const struct cli_args *args);
int verb_listen(const struct cli_args *args);
int verb_account(const struct cli_args *args);
int verb_devices(const struct cli_args *args);
int verb_doctor(const struct cli_args *args);
int verb_trace(const struct cli_args *args);
int verb_status(const struct cli_args *args);
int verb_serve(const struct cli_args *args);
int verb_bench(const struct cli_args *args);

#endif
