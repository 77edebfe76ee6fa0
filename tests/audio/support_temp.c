#include "support_temp.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>

bool temp_make(char dir[TEMP_PATH_BYTES])
{
    const char *base = getenv("TMPDIR");
    (void) snprintf(dir, TEMP_PATH_BYTES, "%s/ahoy-audio-XXXXXX", base && base[0] ? base : P_tmpdir);
    if (mkdtemp(dir))
        return true;
    dir[0] = '\0';
    return false;
}

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *at)
{
    (void) st, (void) kind, (void) at;
    return remove(path);
}

void temp_remove(const char *dir)
{
    if (dir[0])
        (void) nftw(dir, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

const char *temp_path(const char *dir, const char *name, char path[2 * TEMP_PATH_BYTES])
{
    (void) snprintf(path, 2 * TEMP_PATH_BYTES, "%s/%s", dir, name);
    return path;
}

bool temp_write(const char *path, const void *data, size_t n)
{
    FILE *f = fopen(path, "wb");
    bool ok = f && fwrite(data, 1, n, f) == n;
    return f && fclose(f) == 0 && ok;
}
