#include "support/temp.h"

#include <dirent.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

enum { NAME_BYTES = 8 /* "/XXXXXX" */, OPEN_DIRS = 8 };

static struct {
    char path[TEMP_ROOT_BYTES + NAME_BYTES];
    int lock;          /* held as long as this process lives; -1: there is none */
    char before[4096]; /* TMPDIR as it was, in which the next root is made; "": it was not set */
} root = { .lock = -1 };

/* ---- directories and files --------------------------------------------------------------------------------------- */

/* A name for mkdtemp and mkstemp; false when it is longer than there is room for. */
static bool pattern(char *path, size_t size)
{
    const char *base = getenv("TMPDIR");
    int n = snprintf(path, size, "%s/XXXXXX", base && base[0] ? base : P_tmpdir);
    return n > 0 && (size_t) n < size;
}

bool temp_make(char *dir, size_t size)
{
    if (pattern(dir, size) && mkdtemp(dir))
        return true;
    dir[0] = '\0';
    return false;
}

bool temp_file(char *path, size_t size)
{
    int fd = pattern(path, size) ? mkstemp(path) : -1;
    if (fd >= 0)
        return close(fd) == 0;
    path[0] = '\0';
    return false;
}

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *at)
{
    (void) st, (void) kind, (void) at;
    (void) remove(path); /* what cannot be removed keeps its folder, nothing else */
    return 0;
}

void temp_remove(const char *dir)
{
    if (dir[0])
        (void) nftw(dir, remove_one, OPEN_DIRS, FTW_DEPTH | FTW_PHYS);
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

/* ---- the root ---------------------------------------------------------------------------------------------------- */

/* Opens a directory that must be ours, since others may write to /tmp; -1 otherwise. */
static int open_ours(const char *path)
{
    struct stat st;
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd >= 0 && fstat(fd, &st) == 0 && st.st_uid == getuid())
        return fd;
    if (fd >= 0)
        (void) close(fd);
    return -1;
}

/* Removes what nobody holds a lock on any more. */
static void sweep(const char *all)
{
    DIR *dir = opendir(all);
    for (struct dirent *e; dir && (e = readdir(dir));) {
        char path[TEMP_PATH_BYTES];
        int n = snprintf(path, sizeof path, "%s/%s", all, e->d_name);
        int fd = e->d_name[0] != '.' && n < (int) sizeof path ? open_ours(path) : -1;
        if (fd < 0)
            continue;
        if (flock(fd, LOCK_EX | LOCK_NB) == 0)
            temp_remove(path);
        (void) close(fd);
    }
    if (dir)
        (void) closedir(dir);
}

static bool point_environment(const char *path)
{
    static const char *const ours[] = { "TMPDIR",         "HOME",          "XDG_RUNTIME_DIR", "XDG_CONFIG_HOME",
                                        "XDG_CACHE_HOME", "XDG_DATA_HOME", "XDG_STATE_HOME" };
    static const char *const others[] = {
        "DBUS_SESSION_BUS_ADDRESS", "PULSE_SERVER",        "PULSE_SINK", "PULSE_SOURCE",
        "PULSE_RUNTIME_PATH",       "PIPEWIRE_RUNTIME_DIR"
    };
    bool ok = true;
    for (size_t i = 0; i < sizeof ours / sizeof ours[0]; i++)
        ok = setenv(ours[i], path, 1) == 0 && ok;
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++)
        (void) unsetenv(others[i]);
    return ok;
}

bool temp_begin(void)
{
    const char *base = getenv("TMPDIR");
    char all[TEMP_ROOT_BYTES];
    if (root.lock >= 0)
        return true;
    int n = snprintf(all, sizeof all, "%s/ahoy-tests-%u", base && base[0] == '/' ? base : P_tmpdir, getuid());
    if (n >= (int) sizeof all)
        (void) snprintf(all, sizeof all, "%s/ahoy-tests-%u", P_tmpdir, getuid());
    (void) mkdir(all, 0700);
    /* One at a time: between a root's making and its locking it would look like one that was left behind. */
    int fd = open_ours(all);
    bool ok = fd >= 0 && flock(fd, LOCK_EX) == 0;
    if (ok)
        sweep(all);
    (void) snprintf(root.path, sizeof root.path, "%s/XXXXXX", all);
    ok = ok && mkdtemp(root.path);
    root.lock = ok ? open_ours(root.path) : -1;
    ok = root.lock >= 0 && flock(root.lock, LOCK_EX | LOCK_NB) == 0;
    (void) snprintf(root.before, sizeof root.before, "%s", base ? base : "");
    if (fd >= 0)
        (void) close(fd);
    return ok && point_environment(root.path);
}

void temp_end(void)
{
    if (root.lock < 0)
        return;
    temp_remove(root.path);
    (void) close(root.lock);
    root.lock = -1;
    (void) (root.before[0] ? setenv("TMPDIR", root.before, 1) : unsetenv("TMPDIR"));
}
