/* Where the command keeps what: settings, sockets of running phones, its sibling programs. */
#ifndef AHOY_CLI_PATHS_H
#define AHOY_CLI_PATHS_H

#include "cli/options.h"

enum { CLI_PATH_BYTES = 512 };

/** --config, or $XDG_CONFIG_HOME/ahoy, or ~/.config/ahoy. False (and "") when no file may be touched or there is no home. */
bool paths_config(const struct cli_args *args, char out[CLI_PATH_BYTES]);

/**
 * The folder of the sockets of running phones: $XDG_RUNTIME_DIR/ahoy, or `run` under the settings. With `make` it is created
 * with mode 0700, and one that others may write to is refused. False when there is none.
 */
bool paths_runtime(const struct cli_args *args, bool make, char out[CLI_PATH_BYTES]);

/** A program beside this one. */
bool paths_sibling(const char *name, char out[CLI_PATH_BYTES]);

#endif
