#include "sys/dl.h"

#include <dlfcn.h>
#include <string.h>

bool sys_dl_open(void **lib, const char *soname, const struct sys_dl_symbol *symbols, size_t n)
{
    void *handle = dlopen(soname, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
    if (!handle)
        return false;
    for (size_t i = 0; i < n; i++) {
        void *at = dlsym(handle, symbols[i].name);
        if (!at) {
            (void) dlclose(handle);
            return false;
        }
        memcpy(symbols[i].slot, &at, sizeof at); /* POSIX: a function's address is kept by void * */
    }
    *lib = handle;
    return true;
}

void sys_dl_close(void *lib)
{
    if (lib)
        (void) dlclose(lib);
}
