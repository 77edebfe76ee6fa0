#include "store/accounts.h"

#include "base/arena.h"
#include "base/buf.h"
#include "base/encode.h"
#include "base/map.h"
#include "base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <ini.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    MAX_ACCOUNTS = 256,
    PATH_BYTES = 4096,
    FILE_BYTES = 1 << 20,
    ARENA_BYTES = 1 << 20,
    PASSWORD_BYTES = 512,
    VALUE_BYTES = 180, /* inih reads lines of 200 bytes … */
    LABEL_BYTES = 48,  /* … and section names of 49 */
    CHUNK_BYTES = 90,  /* of a password, in one line of Base64 */
    LABEL_HEX = 16,
};

struct store_accounts {
    char dir[PATH_BYTES - 32];
    struct arena arena; /* of all strings */
    struct ahoy_account_config *account;
    const char **label; /* of the section of account[i]: its name, unless that does not fit a section's head */
    size_t count;
};

/* ---- keys -------------------------------------------------------------------------------------------------------- */

static const struct {
    const char *key;
    size_t offset;
} texts[] = {
    { "name", offsetof(struct ahoy_account_config, name) }, /* where it is not the section's label */
    { "uri", offsetof(struct ahoy_account_config, uri) },
    { "display_name", offsetof(struct ahoy_account_config, display_name) },
    { "user", offsetof(struct ahoy_account_config, user) },
    { "realm", offsetof(struct ahoy_account_config, realm) },
    { "registrar", offsetof(struct ahoy_account_config, registrar) },
    { "proxy", offsetof(struct ahoy_account_config, proxy) },
};

static const char *const transports[] = { "auto", "udp", "tcp", "tls", "ws", "wss" };

static const char **text_at(struct ahoy_account_config *a, size_t i)
{
    return (const char **) (void *) ((char *) a + texts[i].offset);
}

static const char *keep(struct store_accounts *s, const char *text, bool *ok)
{
    struct view v;
    if (!text)
        return NULL;
    if (!arena_view(&s->arena, view_str(text), &v)) {
        *ok = false;
        return NULL;
    }
    return v.p;
}

/* ---- reading ----------------------------------------------------------------------------------------------------- */

struct reading {
    struct store_accounts *s;
    bool nomem, secrets;
    const char *wrong; /* static: what is wrong with the line at which reading stopped */
};

/* Room for one more; the two arrays grow together. */
static bool make_room(struct store_accounts *s)
{
    struct ahoy_account_config *list = mem_realloc(s->account, (s->count + 1) * sizeof *list);
    if (!list)
        return false;
    s->account = list;
    const char **label = mem_realloc((void *) s->label, (s->count + 1) * sizeof *label);
    if (!label)
        return false;
    s->label = label;
    return true;
}

static struct ahoy_account_config *section(struct reading *r, const char *name)
{
    struct store_accounts *s = r->s;
    for (size_t i = 0; i < s->count; i++)
        if (view_eq(view_str(s->label[i]), view_str(name)))
            return &s->account[i];
    if (r->secrets)
        return NULL; /* a password left over from an account that was taken out by hand */
    if (s->count == MAX_ACCOUNTS) {
        r->wrong = "too many accounts";
        return NULL;
    }
    bool ok = true;
    const char *kept = keep(s, name, &ok);
    if (!ok || !make_room(s)) {
        r->nomem = true;
        return NULL;
    }
    s->label[s->count] = kept;
    s->account[s->count] = (struct ahoy_account_config){ .name = kept };
    return &s->account[s->count++];
}

/* Long passwords take several lines, one behind the other. */
static bool append_secret(struct reading *r, struct ahoy_account_config *a, const char *value)
{
    char plain[PASSWORD_BYTES];
    size_t have = a->password ? strlen(a->password) : 0, n;
    if (have >= sizeof plain || decode_base64(view_str(value), plain + have, sizeof plain - 1 - have, &n)) {
        r->wrong = "password_base64 is not Base64, or too long";
        return false;
    }
    bool ok = true;
    if (have > 0)
        memcpy(plain, a->password, have);
    plain[have + n] = '\0';
    a->password = keep(r->s, plain, &ok);
    mem_wipe(plain, sizeof plain);
    r->nomem |= !ok;
    return ok;
}

static bool read_secret(struct reading *r, struct ahoy_account_config *a, const char *key, const char *value)
{
    bool ok = true;
    if (view_eq(view_str(key), VIEW("password_base64")))
        return append_secret(r, a, value);
    if (!view_eq(view_str(key), VIEW("password"))) {
        r->wrong = "unknown key; there are password and password_base64";
        return false;
    }
    a->password = keep(r->s, value, &ok);
    r->nomem |= !ok;
    return ok;
}

static bool read_setting(struct reading *r, struct ahoy_account_config *a, const char *key, const char *value)
{
    bool ok = true;
    for (size_t i = 0; i < AHOY_COUNT(texts); i++)
        if (view_eq(view_str(key), view_str(texts[i].key))) {
            *text_at(a, i) = keep(r->s, value, &ok);
            r->nomem |= !ok;
            return ok;
        }
    if (view_eq(view_str(key), VIEW("transport"))) {
        for (size_t i = 0; i < AHOY_COUNT(transports); i++)
            if (view_ieq(view_str(value), view_str(transports[i]))) {
                a->transport = (enum ahoy_transport) i;
                return true;
            }
        r->wrong = "transport must be auto, udp, tcp, tls, ws or wss";
        return false;
    }
    if (view_eq(view_str(key), VIEW("register"))) {
        a->no_register = view_ieq(view_str(value), VIEW("no"));
        if (a->no_register || view_ieq(view_str(value), VIEW("yes")))
            return true;
        r->wrong = "register must be yes or no";
        return false;
    }
    if (view_eq(view_str(key), VIEW("expires"))) {
        if (view_u32(view_str(value), &a->expires_s) == AHOY_OK)
            return true;
        r->wrong = "expires must be a number of seconds";
        return false;
    }
    r->wrong = "unknown key; there are uri, name, display_name, user, realm, registrar, proxy, transport, register, "
               "expires";
    return false;
}

static int on_line(void *arg, const char *name, const char *key, const char *value)
{
    struct reading *r = arg;
    if (r->wrong || r->nomem)
        return 0;
    if (!name[0]) {
        r->wrong = "a setting before the first [account]";
        return 0;
    }
    struct ahoy_account_config *a = section(r, name);
    if (!a)
        return r->secrets && !r->wrong && !r->nomem;
    return r->secrets ? read_secret(r, a, key, value) : read_setting(r, a, key, value);
}

/* A file that is one: nothing that blocks, and the secrets for us alone. NULL with errno. */
static FILE *open_plain(const char *path, bool secrets)
{
    struct stat st;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0)
        return NULL;
    FILE *f = NULL;
    if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_size <= FILE_BYTES)
        f = fdopen(fd, "r");
    else
        errno = EINVAL;
    if (!f)
        close(fd);
    else if (secrets && (st.st_mode & 077) != 0)
        (void) fchmod(fd, 0600); /* somebody made it with an editor; if it cannot be helped, it is still read */
    return f;
}

static enum ahoy_err read_file(struct store_accounts *s, const char *name, bool secrets, char *why, size_t why_size)
{
    char path[PATH_BYTES];
    struct reading r = { .s = s, .secrets = secrets };
    snprintf(path, sizeof path, "%s/%s", s->dir, name);
    FILE *f = open_plain(path, secrets);
    if (!f && errno == ENOENT)
        return AHOY_OK;
    if (!f) {
        bool odd = errno == EINVAL;
        snprintf(why, why_size, odd ? "%s is no plain file of a sensible size" : "%s cannot be read", path);
        return odd ? AHOY_ERR_CONFIG : AHOY_ERR_ACCESS;
    }
    int line = ini_parse_file(f, on_line, &r);
    fclose(f);
    if (r.nomem)
        return AHOY_ERR_NOMEM;
    if (line != 0) {
        snprintf(why, why_size, "%s, line %d: %s", path, line, r.wrong ? r.wrong : "neither [account] nor key = value");
        return AHOY_ERR_CONFIG;
    }
    return AHOY_OK;
}

static enum ahoy_err check_read(const struct store_accounts *s, char *why, size_t why_size)
{
    for (size_t i = 0; i < s->count; i++)
        if (!s->account[i].uri) {
            snprintf(why, why_size, "%s/accounts.ini: [%s] has no uri", s->dir, s->account[i].name);
            return AHOY_ERR_CONFIG;
        }
    return AHOY_OK;
}

static bool find_dir(struct store_accounts *s, const char *dir)
{
    const char *base = getenv("XDG_CONFIG_HOME"), *home = getenv("HOME");
    int n;
    if (dir)
        n = snprintf(s->dir, sizeof s->dir, "%s", dir);
    else if (base && base[0] == '/')
        n = snprintf(s->dir, sizeof s->dir, "%s/ahoy", base);
    else
        n = snprintf(s->dir, sizeof s->dir, "%s/.config/ahoy", home ? home : ".");
    return n > 0 && (size_t) n < sizeof s->dir;
}

enum ahoy_err store_accounts_open(struct store_accounts **out, const char *dir, char *why, size_t why_size)
{
    struct store_accounts *s = mem_zalloc(sizeof *s);
    if (!s)
        return AHOY_ERR_NOMEM;
    arena_init(&s->arena, ARENA_BYTES);
    enum ahoy_err err = find_dir(s, dir) ? AHOY_OK : AHOY_ERR_CONFIG;
    if (err)
        snprintf(why, why_size, "the path of the configuration is too long");
    if (!err)
        err = read_file(s, "accounts.ini", false, why, why_size);
    if (!err)
        err = read_file(s, "secrets.ini", true, why, why_size);
    if (!err)
        err = check_read(s, why, why_size);
    if (err) {
        store_accounts_close(s);
        return err;
    }
    *out = s;
    return AHOY_OK;
}

/* The arena frees without wiping. */
static void wipe_password(const struct ahoy_account_config *a)
{
    if (a->password)
        mem_wipe((void *) (uintptr_t) a->password, strlen(a->password));
}

void store_accounts_close(struct store_accounts *s)
{
    if (!s)
        return;
    for (size_t i = 0; i < s->count; i++)
        wipe_password(&s->account[i]);
    arena_fini(&s->arena);
    mem_free(s->account);
    mem_free((void *) s->label);
    mem_free(s);
}

size_t store_accounts_count(const struct store_accounts *s)
{
    return s->count;
}

const struct ahoy_account_config *store_accounts_get(const struct store_accounts *s, size_t i)
{
    return i < s->count ? &s->account[i] : NULL;
}

/* ---- writing ----------------------------------------------------------------------------------------------------- */

static enum ahoy_err make_dirs(const char *dir)
{
    char path[PATH_BYTES];
    if (!view_copy(view_str(dir), path, sizeof path))
        return AHOY_ERR_LIMIT;
    for (char *at = path + 1;; at++) {
        if (*at != '/' && *at != '\0')
            continue;
        char end = *at;
        *at = '\0';
        if (mkdir(path, 0700) && errno != EEXIST)
            return errno == EACCES || errno == EROFS ? AHOY_ERR_ACCESS : AHOY_ERR_IO;
        *at = end;
        if (end == '\0')
            return AHOY_OK;
    }
}

static enum ahoy_err write_whole(int fd, struct view v)
{
    while (v.n > 0) {
        ssize_t n = write(fd, v.p, v.n);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return AHOY_ERR_IO;
        v = view_from(v, (size_t) n);
    }
    return fsync(fd) == 0 ? AHOY_OK : AHOY_ERR_IO;
}

static enum ahoy_err replace_file(const struct store_accounts *s, const char *name, const struct buf *content)
{
    char path[PATH_BYTES], beside[PATH_BYTES + 8];
    if (buf_err(content))
        return buf_err(content);
    snprintf(path, sizeof path, "%s/%s", s->dir, name);
    snprintf(beside, sizeof beside, "%s.new", path);
    (void) unlink(beside);
    int fd = open(beside, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return errno == EACCES || errno == EROFS ? AHOY_ERR_ACCESS : AHOY_ERR_IO;
    enum ahoy_err err = write_whole(fd, buf_content(content));
    if (close(fd) != 0 && !err)
        err = AHOY_ERR_IO;
    if (!err && rename(beside, path) != 0)
        err = AHOY_ERR_IO;
    if (err)
        (void) unlink(beside);
    return err;
}

/* inih cuts comments off values and trims them: what would suffer is written as Base64. */
static bool plain_enough(const char *v)
{
    if (strlen(v) > 150)
        return false;
    for (const char *c = v; *c; c++)
        if (*c <= ' ' || *c == ';' || *c == '#' || *c == '"' || *c == 0x7f)
            return false;
    return true;
}

static void print_account(const struct ahoy_account_config *a, const char *label, struct buf *out)
{
    struct ahoy_account_config copy = *a;
    buf_printf(out, "[%s]\n", label);
    for (size_t i = 0; i < AHOY_COUNT(texts); i++) {
        const char *value = *text_at(&copy, i);
        bool is_label = texts[i].offset == offsetof(struct ahoy_account_config, name)
                        && view_eq(view_str(value), view_str(label));
        if (value && !is_label)
            buf_printf(out, "%s = %s\n", texts[i].key, value);
    }
    if (a->transport != AHOY_TRANSPORT_AUTO)
        buf_printf(out, "transport = %s\n", transports[a->transport]);
    if (a->no_register)
        buf_str(out, "register = no\n");
    if (a->expires_s > 0)
        buf_printf(out, "expires = %u\n", (unsigned) a->expires_s);
    buf_char(out, '\n');
}

static void print_secret(const struct ahoy_account_config *a, const char *label, struct buf *out)
{
    char code[ENCODE_BASE64_SIZE(CHUNK_BYTES)];
    if (!a->password)
        return;
    buf_printf(out, "[%s]\n", label);
    if (plain_enough(a->password)) {
        buf_printf(out, "password = %s\n\n", a->password);
        return;
    }
    for (struct view rest = view_str(a->password); rest.n > 0; rest = view_from(rest, CHUNK_BYTES)) {
        encode_base64(rest.p, AHOY_MIN(rest.n, (size_t) CHUNK_BYTES), code);
        buf_printf(out, "password_base64 = %s\n", code);
    }
    buf_char(out, '\n');
    mem_wipe(code, sizeof code);
}

/* All but the one at `skip` (SIZE_MAX: all). */
static enum ahoy_err write_all(const struct store_accounts *s, size_t skip)
{
    struct buf settings, secrets;
    buf_init(&settings, FILE_BYTES);
    buf_init(&secrets, FILE_BYTES);
    buf_str(&settings, "# Accounts of Ahoy. Passwords are in secrets.ini.\n\n");
    enum ahoy_err err = buf_reserve(&secrets, FILE_BYTES / 8); /* so that it seldom moves and leaves copies behind */
    for (size_t i = 0; i < s->count; i++) {
        if (i == skip)
            continue;
        print_account(&s->account[i], s->label[i], &settings);
        print_secret(&s->account[i], s->label[i], &secrets);
    }
    if (!err)
        err = make_dirs(s->dir);
    if (!err)
        err = replace_file(s, "secrets.ini", &secrets);
    if (!err)
        err = replace_file(s, "accounts.ini", &settings);
    if (secrets.p)
        mem_wipe(secrets.p, secrets.n);
    buf_fini(&settings);
    buf_fini(&secrets);
    return err;
}

/* ---- changing ---------------------------------------------------------------------------------------------------- */

/* What inih gives back as it was: one line, no blanks at its ends, nothing that it takes for a comment. */
static bool fits(const char *v)
{
    if (!v)
        return true;
    size_t n = strlen(v);
    if (n >= VALUE_BYTES || (n > 0 && view_trim(view_str(v)).n != n) || v[0] == ';')
        return false;
    for (size_t i = 0; i < n; i++)
        if ((unsigned char) v[i] < ' ' || (v[i] == ';' && v[i - 1] == ' '))
            return false;
    return true;
}

static bool may_be_stored(struct ahoy_account_config *a)
{
    if (!a->uri || !a->uri[0] || (a->name && !a->name[0]) || (size_t) a->transport >= AHOY_COUNT(transports))
        return false;
    for (size_t i = 0; i < AHOY_COUNT(texts); i++)
        if (!fits(*text_at(a, i)))
            return false;
    return !a->password || strlen(a->password) < PASSWORD_BYTES;
}

/* A name that fits a section's head is its label; another one gets a label that it always has. */
static const char *label_of(struct store_accounts *s, const char *name, bool *ok)
{
    static const uint64_t seed[2] = { 0 };
    char label[LABEL_BYTES];
    if (strlen(name) < LABEL_BYTES && !strpbrk(name, "[];#"))
        return keep(s, name, ok);
    snprintf(label, sizeof label, "account-%0*llx", LABEL_HEX, (unsigned long long) map_hash(seed, view_str(name)));
    return keep(s, label, ok);
}

static size_t find(const struct store_accounts *s, const char *name)
{
    size_t i = 0;
    while (i < s->count && !view_eq(view_str(s->account[i].name), view_str(name)))
        i++;
    return i;
}

enum ahoy_err store_accounts_put(struct store_accounts *s, const struct ahoy_account_config *cfg)
{
    struct ahoy_account_config a = *cfg;
    bool ok = true;
    if (!a.name)
        a.name = a.uri;
    if (!may_be_stored(&a))
        return AHOY_ERR_INVAL;
    size_t at = find(s, a.name);
    if (at == MAX_ACCOUNTS)
        return AHOY_ERR_LIMIT;
    for (size_t i = 0; i < AHOY_COUNT(texts); i++)
        *text_at(&a, i) = keep(s, *text_at(&a, i), &ok);
    const char *label = ok ? label_of(s, a.name, &ok) : NULL;
    a.password = keep(s, cfg->password, &ok);
    if (!ok || !make_room(s))
        return AHOY_ERR_NOMEM;
    bool is_new = at == s->count;
    struct ahoy_account_config before = is_new ? a : s->account[at];
    const char *label_before = is_new ? label : s->label[at];
    s->account[at] = a;
    s->label[at] = label;
    s->count += is_new;
    enum ahoy_err err = write_all(s, SIZE_MAX);
    if (err) {
        wipe_password(&a);
        s->account[at] = before;
        s->label[at] = label_before;
        s->count -= is_new;
        return err;
    }
    if (!is_new)
        wipe_password(&before);
    return AHOY_OK;
}

enum ahoy_err store_accounts_remove(struct store_accounts *s, const char *name)
{
    size_t at = find(s, name);
    if (at == s->count)
        return AHOY_ERR_NOT_FOUND;
    enum ahoy_err err = write_all(s, at);
    if (err)
        return err;
    wipe_password(&s->account[at]);
    s->count--;
    memmove(&s->account[at], &s->account[at + 1], (s->count - at) * sizeof *s->account);
    memmove((void *) &s->label[at], (const void *) &s->label[at + 1], (s->count - at) * sizeof *s->label);
    return AHOY_OK;
}
