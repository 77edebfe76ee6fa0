#include "support_engine.h"

#include <stdio.h>

enum ahoy_err engine_on_loopback(struct ahoy_engine **out, char at[80])
{
    static const char *const binds[] = { "127.0.0.1:0" };
    struct ahoy_engine_config cfg = AHOY_ENGINE_CONFIG_DEFAULT;
    cfg.binds = binds;
    cfg.bind_count = 1;
    enum ahoy_err err = ahoy_engine_create(out, &cfg, NULL, 0);
    char **list = err ? NULL : ahoy_engine_listening(*out);
    if (list)
        (void) snprintf(at, 80, "%s", list[0] + 4);
    ahoy_free(list);
    return err;
}
