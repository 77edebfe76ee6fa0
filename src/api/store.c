/* The stored accounts, as include/ahoy/account.h shows them. */
#include "ahoy/account.h"

#include "base/mem.h"
#include "store/accounts.h"

struct ahoy_account_store {
    struct store_accounts *accounts;
};

enum ahoy_err ahoy_account_store_open(struct ahoy_account_store **out, const char *dir, char *why, size_t why_size)
{
    char own_why[8];
    if (!why || why_size == 0) {
        why = own_why;
        why_size = sizeof own_why;
    }
    why[0] = '\0';
    struct ahoy_account_store *s = mem_zalloc(sizeof *s);
    if (!s)
        return AHOY_ERR_NOMEM;
    enum ahoy_err err = store_accounts_open(&s->accounts, dir, why, why_size);
    if (err) {
        mem_free(s);
        return err;
    }
    *out = s;
    return AHOY_OK;
}

void ahoy_account_store_close(struct ahoy_account_store *s)
{
    if (!s)
        return;
    store_accounts_close(s->accounts);
    mem_free(s);
}

size_t ahoy_account_store_count(const struct ahoy_account_store *s)
{
    return store_accounts_count(s->accounts);
}

const struct ahoy_account_config *ahoy_account_store_get(const struct ahoy_account_store *s, size_t i)
{
    return store_accounts_get(s->accounts, i);
}

enum ahoy_err ahoy_account_store_put(struct ahoy_account_store *s, const struct ahoy_account_config *cfg)
{
    return store_accounts_put(s->accounts, cfg);
}

enum ahoy_err ahoy_account_store_remove(struct ahoy_account_store *s, const char *name)
{
    return store_accounts_remove(s->accounts, name);
}
