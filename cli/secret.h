/* Passwords: out of the environment, a file, or a person's fingers. Never out of the command line. */
#ifndef AHOY_CLI_SECRET_H
#define AHOY_CLI_SECRET_H

#include "cli/options.h"

enum { SECRET_BYTES = 256 };

struct secret {
    char text[SECRET_BYTES];
    bool known;
};

/** What --password-env or --password-file say; not known when neither is given. Exit status, having said why. */
int secret_of_options(const struct cli_args *args, struct secret *out);

/** Asks on the terminal with echo off, or takes one line of standard input when that is none. Exit status. */
int secret_ask(const char *question, struct secret *out);

void secret_wipe(struct secret *s);

#endif
