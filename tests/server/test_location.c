/* Bindings in SQLite: what is put in comes out, nothing that has expired does, and a file outlives its reader. */
#include "server/location.h"

#include "base/mem.h"
#include "support/t.h"
#include "support/temp.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

struct seen {
    size_t n;
    char all[512]; /* contacts with a space behind each */
    struct location_binding last;
    char params[64], path[64];
};

static bool see(void *arg, const struct location_binding *b)
{
    struct seen *s = arg;
    size_t n = strlen(s->all);
    s->n++;
    snprintf(s->all + n, sizeof s->all - n, "%.*s ", VIEW_ARG(b->contact));
    (void) view_copy(b->params, s->params, sizeof s->params);
    (void) view_copy(b->path, s->path, sizeof s->path);
    s->last = *b;
    return true;
}

static struct location_binding binding(const char *contact, int64_t expires_ms, uint16_t q)
{
    return (struct location_binding){ .contact = view_str(contact),
                                      .params = VIEW(";q=0.5"),
                                      .call_id = VIEW("c'\"; DROP TABLE binding"),
                                      .cseq = 7,
                                      .expires_ms = expires_ms,
                                      .q_milli = q,
                                      .path = VIEW("<sip:p;lr>"),
                                      .proto = SIP_PROTO_UDP,
                                      .source = addr_ip4(203, 0, 113, 5, 4096),
                                      .port = 5060 };
}

static enum ahoy_err put(struct location *l, const char *key, const char *contact, int64_t expires_ms, uint16_t q)
{
    struct location_binding b = binding(contact, expires_ms, q);
    return location_put(l, key, &b);
}

static void test_bindings_come_best_first_and_whole(struct t *t)
{
    struct location *l = NULL;
    struct seen s = { 0 };
    char why[200];
    T_OK(location_open(&l, NULL, why, sizeof why));
    T_OK(put(l, "alice", "sip:a@h1", 5000, 100));
    T_OK(put(l, "alice", "sip:a@h2", 4000, 900));
    T_OK(put(l, "bob", "sip:b@h3", 5000, 1000));
    T_OK(put(l, "alice", "sip:a@h4", 6000, 100));
    T_OK(location_each(l, "alice", 1000, see, &s));
    T_STR(s.all, "sip:a@h2 sip:a@h4 sip:a@h1 ");
    T_STR(s.params, ";q=0.5");
    T_STR(s.path, "<sip:p;lr>");
    T_EQ(s.last.cseq, 7);
    T_EQ(s.last.expires_ms, 5000);
    T_EQ(s.last.proto, SIP_PROTO_UDP);
    T_EQ(s.last.port, 5060);
    struct addr want = addr_ip4(203, 0, 113, 5, 4096);
    T_CHECK(addr_eq(&s.last.source, &want));
    s = (struct seen){ 0 };
    T_OK(location_by_contact(l, VIEW("sip:b@h3"), 1000, see, &s));
    T_EQ(s.n, 1);
out:
    location_close(l);
}

static void test_what_expired_is_not_found_nor_counted(struct t *t)
{
    struct location *l = NULL;
    struct seen s = { 0 };
    char why[200];
    T_OK(location_open(&l, NULL, why, sizeof why));
    T_OK(put(l, "alice", "sip:a@h1", 5000, 1000));
    T_OK(put(l, "alice", "sip:a@h2", 6000, 1000));
    T_EQ(location_count(l, 4999), 2);
    T_EQ(location_count(l, 5000), 1);
    T_OK(location_each(l, "alice", 5000, see, &s));
    T_STR(s.all, "sip:a@h2 ");
    location_sweep(l, 6000);
    T_EQ(location_count(l, 0), 0);
out:
    location_close(l);
}

static void test_changes_are_replaced_removed_and_rolled_back(struct t *t)
{
    struct location *l = NULL;
    struct seen s = { 0 };
    char why[200];
    T_OK(location_open(&l, NULL, why, sizeof why));
    T_OK(location_begin(l));
    T_OK(put(l, "alice", "sip:a@h1", 5000, 1000));
    T_OK(put(l, "alice", "sip:a@h2", 5000, 1000));
    T_OK(location_commit(l));
    T_OK(put(l, "alice", "sip:a@h1", 9000, 1000));
    T_EQ(location_count(l, 0), 2);
    T_OK(location_begin(l));
    T_OK(location_remove_all(l, "alice"));
    T_EQ(location_count(l, 0), 0);
    location_rollback(l);
    T_EQ(location_count(l, 0), 2);
    T_OK(location_remove(l, "alice", VIEW("sip:a@h2")));
    T_OK(location_each(l, "alice", 0, see, &s));
    T_STR(s.all, "sip:a@h1 ");
    T_EQ(s.last.expires_ms, 9000);
out:
    location_close(l);
}

static void test_a_file_keeps_bindings_and_the_secret_for_its_owner_alone(struct t *t)
{
    char dir[64], path[80], why[200];
    struct location *l = NULL;
    struct seen s = { 0 };
    struct stat st;
    uint64_t first = 1234567, second = 7654321;
    T_CHECK(temp_make(dir, sizeof dir));
    snprintf(path, sizeof path, "%s/l.db", dir);
    T_OK(location_open(&l, path, why, sizeof why));
    T_OK(put(l, "alice", "sip:a@h1", 5000, 1000));
    T_OK(location_secret(l, &first, sizeof first));
    T_EQ(first, 1234567);
    T_CHECK(stat(path, &st) == 0);
    T_EQ(st.st_mode & 0777, 0600);
    location_close(l);
    l = NULL;
    T_OK(location_open(&l, path, why, sizeof why));
    T_OK(location_each(l, "alice", 1, see, &s));
    T_EQ(s.n, 1);
    T_OK(location_secret(l, &second, sizeof second));
    T_EQ(second, 1234567);
out:
    location_close(l);
    temp_remove(dir);
}

static void test_a_file_that_is_no_database_is_refused_with_a_reason(struct t *t)
{
    static const char text[] = "this is a shopping list, not a database: milk, eggs, bread and cheese";
    char path[64], why[200] = "";
    struct location *l = NULL;
    T_CHECK(temp_file(path, sizeof path) && temp_write(path, text, sizeof text - 1));
    T_ERR(location_open(&l, path, why, sizeof why), AHOY_ERR_STORE);
    T_CHECK(strstr(why, "cannot be opened"));
    T_ERR(location_open(&l, "/nonexistent/l.db", why, sizeof why), AHOY_ERR_STORE);
out:
    unlink(path);
    location_close(l);
}

T_MAIN(T(test_bindings_come_best_first_and_whole), T(test_what_expired_is_not_found_nor_counted),
       T(test_changes_are_replaced_removed_and_rolled_back),
       T(test_a_file_keeps_bindings_and_the_secret_for_its_owner_alone),
       T(test_a_file_that_is_no_database_is_refused_with_a_reason))
