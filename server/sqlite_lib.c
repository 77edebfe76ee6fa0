#include "server/sqlite_lib.h"

#define X(result, name, args) _Static_assert(_Generic(&name, result(*) args : 1, default : 0), #name);
SQLITE_FUNCTIONS(X)
#undef X

bool sqlite_lib_open(struct sqlite_lib *lib)
{
    const struct sys_dl_symbol symbols[] = {
#define X(result, name, args) { #name, &lib->name },
        SQLITE_FUNCTIONS(X)
#undef X
    };
    return sys_dl_open(&lib->handle, "libsqlite3.so.0", symbols, AHOY_COUNT(symbols));
}
