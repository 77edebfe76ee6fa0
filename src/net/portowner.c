#include "net/portowner.h"

#include "base/encode.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

enum { OWNER_LINE_BYTES = 512, OWNER_MOST_LINES = 100000, OWNER_MOST_FDS = 200000, TCP_LISTEN = 0x0a };

/* The next word of a line. */
static struct view word(struct view *rest)
{
    *rest = view_trim(*rest);
    return view_cut(rest, ' ');
}

/* "0100007F:13C4": words of the address in the machine's byte order, then the port. */
static bool read_addr(struct view v, struct addr *out)
{
    struct addr a = { 0 };
    struct view ip = view_cut(&v, ':');
    uint32_t x;
    if ((ip.n != 8 && ip.n != 32) || decode_hex_u32(v, 8, &x) || x > 65535)
        return false;
    a.port = (uint16_t) x;
    a.family = ip.n == 8 ? ADDR_IP4 : ADDR_IP6;
    for (size_t i = 0; i < ip.n / 8; i++) {
        if (decode_hex_u32(view_first(view_from(ip, i * 8), 8), 8, &x))
            return false;
        memcpy(a.ip + 4 * i, &x, 4);
    }
    *out = a;
    return true;
}

static bool in_the_way(const struct addr *held, const struct addr *wanted)
{
    if (held->port != wanted->port)
        return false;
    if (held->family != wanted->family) /* an IPv6 socket for any address may hold IPv4 as well */
        return addr_is_any(held) || addr_is_any(wanted);
    return addr_is_any(held) || addr_is_any(wanted) || memcmp(held->ip, wanted->ip, sizeof held->ip) == 0;
}

/* One line of /proc/net/udp and its kin: sl local remote st queues timers retransmits uid timeout inode … */
static bool read_line(struct view line, enum portowner_proto proto, const struct addr *wanted, uint64_t *inode,
                      uint32_t *uid)
{
    struct addr held;
    uint32_t state;
    (void) word(&line);
    if (!read_addr(word(&line), &held) || !in_the_way(&held, wanted))
        return false;
    (void) word(&line);
    if (decode_hex_u32(word(&line), 8, &state) || (proto == PORTOWNER_TCP && state != TCP_LISTEN))
        return false;
    for (int i = 0; i < 3; i++)
        (void) word(&line);
    if (view_u32(word(&line), uid))
        return false;
    (void) word(&line);
    return view_u64(word(&line), UINT64_MAX, inode) == AHOY_OK;
}

static bool find_socket(const char *path, enum portowner_proto proto, const struct addr *wanted, uint64_t *inode,
                        uint32_t *uid)
{
    char line[OWNER_LINE_BYTES];
    bool found = false;
    FILE *f = fopen(path, "re");
    if (!f)
        return false;
    for (int i = 0; i < OWNER_MOST_LINES && !found && fgets(line, sizeof line, f); i++)
        found = read_line(view_str(line), proto, wanted, inode, uid);
    fclose(f);
    return found;
}

/* Whether a process, by its directory, has the socket open. */
static bool has_socket(int proc, const char *want, int *fds_left)
{
    bool found = false;
    int fd = openat(proc, "fd", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
    if (!dir) {
        if (fd >= 0)
            close(fd);
        return false;
    }
    for (struct dirent *e; !found && *fds_left > 0 && (e = readdir(dir)); --*fds_left) {
        char link[64];
        ssize_t n = readlinkat(fd, e->d_name, link, sizeof link);
        found = n > 0 && view_eq(view_of(link, (size_t) n), view_str(want));
    }
    closedir(dir);
    return found;
}

static void read_program(int proc, struct portowner *out)
{
    char text[sizeof out->program];
    int fd = openat(proc, "comm", O_RDONLY | O_CLOEXEC);
    ssize_t n = fd >= 0 ? read(fd, text, sizeof text - 1) : -1;
    if (fd >= 0)
        close(fd);
    view_copy(n > 0 ? view_trim(view_of(text, (size_t) n)) : VIEW("?"), out->program, sizeof out->program);
}

static void find_process(uint64_t inode, struct portowner *out)
{
    char want[48];
    int fds_left = OWNER_MOST_FDS;
    DIR *dir = opendir("/proc");
    if (!dir)
        return;
    (void) snprintf(want, sizeof want, "socket:[%llu]", (unsigned long long) inode);
    for (struct dirent *e; out->pid == 0 && fds_left > 0 && (e = readdir(dir));) {
        uint64_t pid;
        if (view_u64(view_str(e->d_name), INT32_MAX, &pid))
            continue;
        int proc = openat(dirfd(dir), e->d_name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (proc < 0)
            continue;
        if (has_socket(proc, want, &fds_left)) {
            out->pid = (int) pid;
            read_program(proc, out);
        }
        close(proc);
    }
    closedir(dir);
}

enum ahoy_err portowner_find(enum portowner_proto proto, const struct addr *local, struct portowner *out)
{
    static const char *const table[][2] = { { "/proc/net/udp", "/proc/net/udp6" },
                                            { "/proc/net/tcp", "/proc/net/tcp6" } };
    struct portowner o = { 0 };
    uint64_t inode;
    for (int i = 0; i < 2; i++)
        if (find_socket(table[proto == PORTOWNER_TCP][i], proto, local, &inode, &o.uid)) {
            find_process(inode, &o);
            *out = o;
            return AHOY_OK;
        }
    return AHOY_ERR_NOT_FOUND;
}

const char *portowner_text(const struct portowner *o, uint16_t port, char dst[PORTOWNER_TEXT_BYTES])
{
    if (o->pid > 0)
        (void) snprintf(dst, PORTOWNER_TEXT_BYTES, "Port %u is held by %s (pid %d)", port, o->program, o->pid);
    else
        (void) snprintf(dst, PORTOWNER_TEXT_BYTES, "Port %u is held by a program of the user with id %u", port,
                        (unsigned) o->uid);
    return dst;
}
