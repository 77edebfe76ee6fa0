/* Accounts on disk: what was put comes back, secrets stay secret, odd files are refused with a sentence. */
#include "store/accounts.h"
#include "support/t.h"
#include "support/temp.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

struct shelf {
    char dir[64], sub[80], accounts[110], secrets[110];
    struct store_accounts *s;
    char why[300];
};

static bool shelf_open(struct shelf *f)
{
    *f = (struct shelf){ .s = NULL };
    if (!temp_make(f->dir, sizeof f->dir))
        return false;
    (void) snprintf(f->sub, sizeof f->sub, "%s/a", f->dir);
    (void) snprintf(f->accounts, sizeof f->accounts, "%s/accounts.ini", f->sub);
    (void) snprintf(f->secrets, sizeof f->secrets, "%s/secrets.ini", f->sub);
    return true;
}

static void shelf_close(struct shelf *f)
{
    store_accounts_close(f->s);
    (void) chmod(f->sub, 0700);
    temp_remove(f->dir);
}

static enum ahoy_err again(struct shelf *f)
{
    store_accounts_close(f->s);
    f->s = NULL;
    return store_accounts_open(&f->s, f->sub, f->why, sizeof f->why);
}

static bool write_file(struct shelf *f, const char *path, const char *text)
{
    (void) mkdir(f->sub, 0700);
    FILE *file = fopen(path, "w");
    if (!file)
        return false;
    bool ok = fputs(text, file) >= 0;
    return fclose(file) == 0 && ok;
}

static void test_what_was_put_comes_back(struct t *t)
{
    struct shelf f;
    T_CHECK(shelf_open(&f));
    T_OK(again(&f));
    T_EQ(store_accounts_count(f.s), 0);
    struct ahoy_account_config a = { .name = "work",
                                     .uri = "sip:alice@example.org;transport=tcp",
                                     .display_name = "Alice \"A\" Liddell",
                                     .user = "alice=1",
                                     .password = "secret",
                                     .realm = "example.org",
                                     .registrar = "sip:192.0.2.9:5070",
                                     .proxy = "sip:192.0.2.8;lr",
                                     .transport = AHOY_TRANSPORT_TCP,
                                     .no_register = true,
                                     .expires_s = 77 };
    T_OK(store_accounts_put(f.s, &a));
    T_OK(store_accounts_put(f.s, &(struct ahoy_account_config){ .uri = "bob@example.org" }));
    T_OK(again(&f));
    T_EQ(store_accounts_count(f.s), 2);
    const struct ahoy_account_config *b = store_accounts_get(f.s, 0);
    T_STR(b->name, a.name);
    T_STR(b->uri, a.uri);
    T_STR(b->display_name, a.display_name);
    T_STR(b->user, a.user);
    T_STR(b->password, a.password);
    T_STR(b->realm, a.realm);
    T_STR(b->registrar, a.registrar);
    T_STR(b->proxy, a.proxy);
    T_EQ(b->transport, AHOY_TRANSPORT_TCP);
    T_CHECK(b->no_register);
    T_EQ(b->expires_s, 77);
    T_STR(store_accounts_get(f.s, 1)->name, "bob@example.org");
    T_CHECK(!store_accounts_get(f.s, 1)->password);
    T_CHECK(!store_accounts_get(f.s, 2));
    a.password = NULL;
    a.expires_s = 0;
    T_OK(store_accounts_put(f.s, &a)); /* by name, in its place */
    T_ERR(store_accounts_remove(f.s, "nobody"), AHOY_ERR_NOT_FOUND);
    T_OK(store_accounts_remove(f.s, "bob@example.org"));
    T_OK(again(&f));
    T_EQ(store_accounts_count(f.s), 1);
    T_CHECK(!store_accounts_get(f.s, 0)->password);
out:
    shelf_close(&f);
}

static void test_passwords_of_any_kind_come_back(struct t *t)
{
    static const char *const odd[] = {
        "",      " ",         " both ends ", "semi ; colon",         "#hash", "\"quoted\"", "[x]",
        "a=b:c", "tab\there", "line\r\nend", "\x01\x7f\xff\xc3\xa4", "=",     "%s%n"
    };
    struct shelf f;
    char name[20], lengthy[512];
    T_CHECK(shelf_open(&f));
    T_OK(again(&f));
    memset(lengthy, ' ', sizeof lengthy - 1);
    lengthy[sizeof lengthy - 1] = '\0';
    for (size_t i = 0; i < AHOY_COUNT(odd); i++) {
        (void) snprintf(name, sizeof name, "n%zu", i);
        T_OK(store_accounts_put(f.s,
                                &(struct ahoy_account_config){ .name = name, .uri = "sip:a@b", .password = odd[i] }));
    }
    for (size_t n = 149; n < sizeof lengthy; n += 37) {
        (void) snprintf(name, sizeof name, "l%zu", n);
        T_OK(store_accounts_put(f.s, &(struct ahoy_account_config){ .name = name,
                                                                    .uri = "sip:a@b",
                                                                    .password = lengthy + sizeof lengthy - 1 - n }));
    }
    T_OK(again(&f));
    for (size_t i = 0; i < AHOY_COUNT(odd); i++)
        T_STR(store_accounts_get(f.s, i)->password, odd[i]);
    for (size_t i = AHOY_COUNT(odd), n = 149; n < sizeof lengthy; n += 37, i++)
        T_EQ(strlen(store_accounts_get(f.s, i)->password), n);
out:
    shelf_close(&f);
}

static void test_names_of_any_kind_come_back(struct t *t)
{
    static const char *const odd[] = {
        "sip:firstname.lastname@telephone.department.company.example.org:5080", "[x]", "a;b",  "a#b",
        "sip:firstname.lastname@telephone.department.company.example.org:5081", "=",   "a:b=c"
    };
    struct shelf f;
    T_CHECK(shelf_open(&f));
    T_OK(again(&f));
    for (size_t i = 0; i < AHOY_COUNT(odd); i++)
        T_OK(store_accounts_put(f.s,
                                &(struct ahoy_account_config){ .name = odd[i], .uri = "sip:a@b", .password = odd[i] }));
    T_OK(again(&f));
    T_EQ(store_accounts_count(f.s), AHOY_COUNT(odd));
    for (size_t i = 0; i < AHOY_COUNT(odd); i++) {
        T_STR(store_accounts_get(f.s, i)->name, odd[i]);
        T_STR(store_accounts_get(f.s, i)->password, odd[i]);
    }
out:
    shelf_close(&f);
}

static void test_what_a_line_cannot_keep_is_refused(struct t *t)
{
    struct shelf f;
    char lengthy[300];
    memset(lengthy, 'x', sizeof lengthy - 1);
    lengthy[sizeof lengthy - 1] = '\0';
    T_CHECK(shelf_open(&f));
    T_OK(again(&f));
    T_ERR(store_accounts_put(f.s, &(struct ahoy_account_config){ .name = "x" }), AHOY_ERR_INVAL);
    T_ERR(store_accounts_put(f.s, &(struct ahoy_account_config){ .uri = "a\nuri = b" }), AHOY_ERR_INVAL);
    T_ERR(store_accounts_put(f.s, &(struct ahoy_account_config){ .uri = lengthy }), AHOY_ERR_INVAL);
    T_ERR(store_accounts_put(f.s, &(struct ahoy_account_config){ .uri = "a", .display_name = "Bob ; no" }),
          AHOY_ERR_INVAL);
    T_ERR(store_accounts_put(f.s, &(struct ahoy_account_config){ .uri = "a", .display_name = " Bob" }), AHOY_ERR_INVAL);
    T_EQ(store_accounts_count(f.s), 0);
out:
    shelf_close(&f);
}

static void test_secrets_are_for_us_alone(struct t *t)
{
    struct shelf f;
    struct stat st;
    T_CHECK(shelf_open(&f));
    T_OK(again(&f));
    T_OK(store_accounts_put(f.s, &(struct ahoy_account_config){ .uri = "sip:a@b", .password = "p" }));
    T_EQ(stat(f.secrets, &st), 0);
    T_EQ(st.st_mode & 0777, 0600);
    T_EQ(stat(f.sub, &st), 0);
    T_EQ(st.st_mode & 0777, 0700);
    T_EQ(chmod(f.secrets, 0644), 0);
    T_OK(again(&f));
    T_EQ(stat(f.secrets, &st), 0);
    T_EQ(st.st_mode & 0777, 0600);
out:
    shelf_close(&f);
}

static void test_what_people_write_is_read_and_mistakes_are_named(struct t *t)
{
    struct shelf f;
    T_CHECK(shelf_open(&f));
    T_CHECK(write_file(&f, f.accounts, "; mine\n[home]\nuri=sip:me@home\ntransport = UDP\nregister = no\n"));
    T_CHECK(write_file(&f, f.secrets, "[gone]\npassword = x\n[home]\npassword=pass word\n"));
    T_OK(again(&f));
    T_EQ(store_accounts_count(f.s), 1);
    T_STR(store_accounts_get(f.s, 0)->password, "pass word");
    T_EQ(store_accounts_get(f.s, 0)->transport, AHOY_TRANSPORT_UDP);
    static const struct {
        const char *text, *why;
    } wrong[] = { { "uri = x\n", "line 1" },
                  { "[a]\nuri = x\ncolour = red\n", "line 3: unknown key" },
                  { "[a]\nuri = x\ntransport = pigeon\n", "transport must be" },
                  { "[a]\nuri = x\nexpires = soon\n", "seconds" },
                  { "[a]\nuri = x\nregister = perhaps\n", "yes or no" },
                  { "[a]\nuser = x\n", "no uri" },
                  { "[a\nuri = x\n", "line 1" } };
    for (size_t i = 0; i < AHOY_COUNT(wrong); i++) {
        T_CHECK(write_file(&f, f.accounts, wrong[i].text));
        T_ERR(again(&f), AHOY_ERR_CONFIG);
        T_CHECK(strstr(f.why, wrong[i].why));
        T_CHECK(strstr(f.why, "accounts.ini"));
    }
    T_CHECK(write_file(&f, f.accounts, "[home]\nuri=sip:me@home\n"));
    T_CHECK(write_file(&f, f.secrets, "[home]\npassword_base64 = ????\n"));
    T_ERR(again(&f), AHOY_ERR_CONFIG);
    T_CHECK(strstr(f.why, "Base64"));
out:
    shelf_close(&f);
}

static void test_a_file_that_is_none_does_not_block(struct t *t)
{
    struct shelf f;
    T_CHECK(shelf_open(&f));
    (void) mkdir(f.sub, 0700);
    T_EQ(mkfifo(f.accounts, 0600), 0);
    T_ERR(again(&f), AHOY_ERR_CONFIG);
    T_CHECK(strstr(f.why, "no plain file"));
out:
    shelf_close(&f);
}

static void test_a_directory_that_cannot_be_written_changes_nothing(struct t *t)
{
    struct shelf f;
    T_CHECK(shelf_open(&f));
    T_CHECK(write_file(&f, f.accounts, "[home]\nuri=sip:me@home\n"));
    T_OK(again(&f));
    store_accounts_close(f.s);
    f.s = NULL;
    /* Also for root, who may write anywhere: a file stands where the directory should be. */
    char under[130];
    (void) snprintf(under, sizeof under, "%s/x", f.accounts);
    T_ERR(store_accounts_open(&f.s, under, f.why, sizeof f.why), AHOY_ERR_ACCESS);
    T_OK(again(&f));
    T_EQ(unlink(f.accounts), 0);
    T_EQ(rmdir(f.sub), 0);
    T_CHECK(fclose(fopen(f.sub, "w")) == 0);
    T_ERR(store_accounts_put(f.s, &(struct ahoy_account_config){ .uri = "sip:b@c" }), AHOY_ERR_IO);
    T_EQ(store_accounts_count(f.s), 1);
    T_ERR(store_accounts_remove(f.s, "home"), AHOY_ERR_IO);
    T_EQ(store_accounts_count(f.s), 1);
    T_EQ(unlink(f.sub), 0);
out:
    (void) unlink(f.sub);
    shelf_close(&f);
}

/* The passwords' test writes two hundred files a run. */
T_MAIN(T(test_what_was_put_comes_back), T_STRIDE(test_passwords_of_any_kind_come_back, 17),
       T(test_names_of_any_kind_come_back), T(test_what_a_line_cannot_keep_is_refused),
       T(test_secrets_are_for_us_alone), T(test_what_people_write_is_read_and_mistakes_are_named),
       T(test_a_file_that_is_none_does_not_block), T(test_a_directory_that_cannot_be_written_changes_nothing))
