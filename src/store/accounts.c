#include "store/accounts.h"

#include "base/arena.h"
#include "base/buf.h"
#include "base/encode.h"
#include "base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <ini.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MAX_ACCOUNTS = 256, PATH_BYTES = 4096, FILE_BYTES = 1 << 20, ARENA_BYTES = 1 << 20, VALUE_BYTES = 512 };

struct store_accounts {
    char dir[PATH_BYTES - 32];
    struct arena arena; /* of all strings */
    struct ahoy_account_config *account;
    size_t count;
};

/* ---- keys --------------------------------------------------------------------------------------------------------- */

static const struct {
    const char *key;
    size_t offset;
} texts[] = {
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

/* ---- reading ------------------------------------------------------------------------------------------------------ */

struct reading {
    struct store_accounts *s;
    bool nomem, secrets;
    const char *wrong; /* static: what is wrong with the line at which reading stopped */
};

static struct ahoy_account_config *section(struct reading *r, const char *name)
{
    struct store_accounts *s = r->s;
    for (size_t i = 0; i < s->count; i++)
        if (view_eq(view_str(s->account[i].name), view_str(name)))
            return &s->account[i];
    if (r->secrets)
        return NULL; /* a password left over from an account that was taken out by hand */
    if (s->count == MAX_ACCOUNTS) {
        r->wrong = "too many accounts";
        return NULL;
    }
    bool ok = true;
    const char *kept = keep(s, name, &ok);
    struct ahoy_account_config *list = ok ? mem_realloc(s->account, (s->count + 1) * sizeof *list) : NULL;
    if (!list) {
        r->nomem = true;
        return NULL;
    }
    s->account = list;
    list[s->count] = (struct ahoy_account_config){ .name = kept };
    return &list[s->count++];
}

static bool read_secret(struct reading *r, struct ahoy_account_config *a, const char *key, const char *value)
{
    bool ok = true;
    char plain[VALUE_BYTES];
    size_t n;
    if (view_eq(view_str(key), VIEW("password_base64"))) {
        if (decode_base64(view_str(value), plain, sizeof plain - 1, &n)) {
            r->wrong = "password_base64 is not Base64";
            return false;
        }
        plain[n] = '\0';
        a->password = keep(r->s, plain, &ok);
        mem_wipe(plain, sizeof plain);
    } else if (view_eq(view_str(key), VIEW("password"))) {
        a->password = keep(r->s, value, &ok);
    } else {
        r->wrong = "unknown key; there are password and password_base64";
        return false;
    }
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
        r->wrong = "transport must be auto, udp or tcp";
        return false;
    }
    if (view_eq(view_str(key), VIEW("register"))) {
        a->no_register = view_ieq(view_str(value), VIEW("no"));
        return true;
    }
    if (view_eq(view_str(key), VIEW("expires"))) {
        if (view_u32(view_str(value), &a->expires_s) == AHOY_OK)
            return true;
        r->wrong = "expires must be a number of seconds";
        return false;
    }
    r->wrong = "unknown key; there are uri, display_name, user, realm, registrar, proxy, transport, register, expires";
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

static enum ahoy_err read_file(struct store_accounts *s, const char *name, bool secrets, char *why, size_t why_size)
{
    char path[PATH_BYTES];
    struct reading r = { .s = s, .secrets = secrets };
    snprintf(path, sizeof path, "%s/%s", s->dir, name);
    FILE *f = fopen(path, "re");
    if (!f && errno == ENOENT)
        return AHOY_OK;
    if (!f) {
        snprintf(why, why_size, "%s cannot be read", path);
        return AHOY_ERR_ACCESS;
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

void store_accounts_close(struct store_accounts *s)
{
    if (!s)
        return;
    for (size_t i = 0; i < s->count; i++)
        if (s->account[i].password)
            mem_wipe((void *) (uintptr_t) s->account[i].password, strlen(s->account[i].password));
    arena_fini(&s->arena);
    mem_free(s->account);
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

/* ---- writing ------------------------------------------------------------------------------------------------------ */

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

static void print_account(const struct ahoy_account_config *a, struct buf *out)
{
    struct ahoy_account_config copy = *a;
    buf_printf(out, "[%s]\n", a->name);
    for (size_t i = 0; i < AHOY_COUNT(texts); i++)
        if (*text_at(&copy, i))
            buf_printf(out, "%s = %s\n", texts[i].key, *text_at(&copy, i));
    if (a->transport != AHOY_TRANSPORT_AUTO)
        buf_printf(out, "transport = %s\n", transports[a->transport]);
    if (a->no_register)
        buf_str(out, "register = no\n");
    if (a->expires_s > 0)
        buf_printf(out, "expires = %u\n", (unsigned) a->expires_s);
    buf_char(out, '\n');
}

static void print_secret(const struct ahoy_account_config *a, struct buf *out)
{
    char code[ENCODE_BASE64_SIZE(VALUE_BYTES)];
    if (!a->password)
        return;
    if (plain_enough(a->password)) {
        buf_printf(out, "[%s]\npassword = %s\n\n", a->name, a->password);
        return;
    }
    encode_base64(a->password, AHOY_MIN(strlen(a->password), (size_t) VALUE_BYTES), code);
    buf_printf(out, "[%s]\npassword_base64 = %s\n\n", a->name, code);
    mem_wipe(code, sizeof code);
}

static enum ahoy_err write_all(const struct store_accounts *s, const struct ahoy_account_config *list, size_t n)
{
    struct buf settings, secrets;
    buf_init(&settings, FILE_BYTES);
    buf_init(&secrets, FILE_BYTES);
    buf_str(&settings, "# Accounts of Ahoy. Passwords are in secrets.ini.\n\n");
    for (size_t i = 0; i < n; i++) {
        print_account(&list[i], &settings);
        print_secret(&list[i], &secrets);
    }
    enum ahoy_err err = make_dirs(s->dir);
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

/* A value must fit a line, and a name a section's head. */
static bool fits(const char *v)
{
    return !v || (strlen(v) < 180 && !strpbrk(v, "\r\n"));
}

static bool may_be_stored(struct ahoy_account_config *a)
{
    if (!a->uri || !a->uri[0] || (a->name && (!a->name[0] || strpbrk(a->name, "[];#"))))
        return false;
    for (size_t i = 0; i < AHOY_COUNT(texts); i++)
        if (!fits(*text_at(a, i)))
            return false;
    return fits(a->name) && (!a->password || strlen(a->password) < VALUE_BYTES);
}

enum ahoy_err store_accounts_put(struct store_accounts *s, const struct ahoy_account_config *cfg)
{
    struct ahoy_account_config a = *cfg;
    bool ok = true;
    if (!may_be_stored(&a))
        return AHOY_ERR_INVAL;
    if (s->count == MAX_ACCOUNTS)
        return AHOY_ERR_LIMIT;
    a.name = keep(s, cfg->name ? cfg->name : cfg->uri, &ok);
    a.password = keep(s, cfg->password, &ok);
    for (size_t i = 0; i < AHOY_COUNT(texts); i++)
        *text_at(&a, i) = keep(s, *text_at(&a, i), &ok);
    struct ahoy_account_config *list = ok ? mem_alloc((s->count + 1) * sizeof *list) : NULL;
    if (!list)
        return AHOY_ERR_NOMEM;
    size_t n = 0;
    bool replaced = false;
    for (size_t i = 0; i < s->count; i++) {
        bool same = view_eq(view_str(s->account[i].name), view_str(a.name));
        list[n++] = same ? a : s->account[i];
        replaced |= same;
    }
    if (!replaced)
        list[n++] = a;
    enum ahoy_err err = write_all(s, list, n);
    if (err) {
        mem_free(list);
        return err;
    }
    mem_free(s->account);
    s->account = list;
    s->count = n;
    return AHOY_OK;
}

enum ahoy_err store_accounts_remove(struct store_accounts *s, const char *name)
{
    for (size_t i = 0; i < s->count; i++) {
        if (!view_eq(view_str(s->account[i].name), view_str(name)))
            continue;
        struct ahoy_account_config gone = s->account[i];
        memmove(&s->account[i], &s->account[i + 1], (s->count - i - 1) * sizeof gone);
        enum ahoy_err err = write_all(s, s->account, s->count - 1);
        if (!err) {
            s->count--;
            return AHOY_OK;
        }
        memmove(&s->account[i + 1], &s->account[i], (s->count - i - 1) * sizeof gone);
        s->account[i] = gone;
        return err;
    }
    return AHOY_ERR_NOT_FOUND;
}
