/*
 * Accounts on disk: DIR/accounts.ini, a section an account, which people may edit, and DIR/secrets.ini with the
 * passwords, mode 0600. Files are replaced whole (written beside, synchronised, renamed), so that a crash leaves the
 * old or the new. One thread; two programs at a time: the last one to write wins.
 */
#ifndef AHOY_STORE_ACCOUNTS_H
#define AHOY_STORE_ACCOUNTS_H

#include "ahoy/account.h"
#include "base/base.h"

struct store_accounts;

/**
 * Reads; missing files are no accounts. `dir` NULL: $XDG_CONFIG_HOME/ahoy. Secrets that others may read become 0600.
 * CONFIG with a sentence in `why`, NOMEM, ACCESS.
 */
AHOY_MUST_USE enum ahoy_err store_accounts_open(struct store_accounts **out, const char *dir, char *why,
                                                size_t why_size);
void store_accounts_close(struct store_accounts *s); /* NULL is ignored; wipes passwords */

size_t store_accounts_count(const struct store_accounts *s);

/** Borrowed until the next change. NULL behind the end. */
const struct ahoy_account_config *store_accounts_get(const struct store_accounts *s, size_t i);

/**
 * Adds or replaces by name and writes. INVAL: no URI, or a value that an INI file cannot keep (180 bytes, blanks at
 * its ends, control characters, " ;"; a password may hold anything up to 511 bytes); LIMIT above 256; NOMEM, ACCESS,
 * IO. On failure nothing has changed.
 */
AHOY_MUST_USE enum ahoy_err store_accounts_put(struct store_accounts *s, const struct ahoy_account_config *cfg);

/** NOT_FOUND; NOMEM, ACCESS, IO. */
AHOY_MUST_USE enum ahoy_err store_accounts_remove(struct store_accounts *s, const char *name);

#endif
