#include "cli/paths.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static bool join(char out[CLI_PATH_BYTES], const char *dir, const char *name)
{
    struct text t;
    text_init(&t, out, CLI_PATH_BYTES);
    text_add(&t, "%s/%s", dir, name);
    if (t.cut)
        out[0] = 0;
    return !t.cut;
}

bool paths_config(const struct cli_args *args, char out[CLI_PATH_BYTES])
{
    out[0] = 0;
    if (args->config)
        return strcmp(args->config, "none") != 0 && text_copy(out, CLI_PATH_BYTES, args->config);
    const char *xdg = getenv("XDG_CONFIG_HOME"), *home = getenv("HOME");
    if (xdg && xdg[0] == '/')
        return join(out, xdg, "ahoy");
    return home && home[0] == '/' && join(out, home, ".config/ahoy");
}

/* mkdir -p with mode 0700 for what is new. */
static bool make_all(char *path)
{
    for (char *c = path + 1; *c; c++) {
        if (*c != '/')
            continue;
        *c = 0;
        int err = mkdir(path, 0700) == 0 ? 0 : errno;
        *c = '/';
        if (err != 0 && err != EEXIST)
            return false;
    }
    return mkdir(path, 0700) == 0 || errno == EEXIST;
}

bool paths_runtime(const struct cli_args *args, bool make, char out[CLI_PATH_BYTES])
{
    char config[CLI_PATH_BYTES];
    struct stat st;
    const char *xdg = getenv("XDG_RUNTIME_DIR");
    bool found = xdg && xdg[0] == '/' ? join(out, xdg, "ahoy") : paths_config(args, config) && join(out, config, "run");
    if (!found)
        return false;
    if (make && !make_all(out))
        return false;
    if (lstat(out, &st) != 0 || !S_ISDIR(st.st_mode) || st.st_uid != geteuid())
        return false;
    return (st.st_mode & 077) == 0 || chmod(out, 0700) == 0;
}

bool paths_sibling(const char *name, char out[CLI_PATH_BYTES])
{
    ssize_t n = readlink("/proc/self/exe", out, CLI_PATH_BYTES - 1);
    if (n <= 0 || n >= CLI_PATH_BYTES - 1)
        return false;
    out[n] = 0;
    char *slash = strrchr(out, '/');
    if (!slash)
        return false;
    struct text t;
    text_init(&t, slash, CLI_PATH_BYTES - (size_t) (slash - out));
    text_add(&t, "/%s", name);
    return !t.cut;
}
