/* The users' file: what is taken, what is refused, and what a hostile one may do. */
#include "server/users.h"

#include "base/mem.h"
#include "support/t.h"
#include "support/temp.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define HEX32 "0123456789ABCDEF0123456789abcdef"

static enum ahoy_err make(struct users **u)
{
    struct rng rng;
    rng_init_u64(&rng, 1);
    return users_create(u, &rng);
}

static void test_a_password_and_digests_are_found_by_name_and_algorithm(struct t *t)
{
    struct users *u = NULL;
    struct sip_auth_secret s;
    T_OK(make(&u));
    T_OK(users_add(u, VIEW("alice:secret:with colon")));
    T_OK(users_add(u, VIEW("bob:{HA1-MD5}" HEX32)));
    T_OK(users_add(u, VIEW("bob:{ha1-sha-256}" HEX32 HEX32)));
    T_EQ(users_count(u), 2);
    T_CHECK(users_has(u, VIEW("alice")) && !users_has(u, VIEW("Alice")) && !users_has(u, VIEW("")));
    T_CHECK(users_lookup(u, VIEW("alice"), VIEW("r"), SIP_DIGEST_MD5, &s) && !s.is_ha1);
    T_STR(s.text, "secret:with colon");
    T_CHECK(users_lookup(u, VIEW("bob"), VIEW("r"), SIP_DIGEST_MD5, &s) && s.is_ha1);
    T_STR(s.text, "0123456789abcdef0123456789abcdef");
    T_CHECK(users_lookup(u, VIEW("bob"), VIEW("r"), SIP_DIGEST_SHA256, &s) && s.is_ha1);
    T_EQ(strlen(s.text), 64);
    T_CHECK(!users_lookup(u, VIEW("bob"), VIEW("r"), SIP_DIGEST_SHA512_256, &s));
    T_CHECK(!users_lookup(u, VIEW("carol"), VIEW("r"), SIP_DIGEST_MD5, &s));
out:
    users_destroy(u);
}

static void test_lines_that_are_no_users_are_refused(struct t *t)
{
    static const char *const bad[] = { "",
                                       "alice",
                                       ":secret",
                                       "alice:",
                                       "al\x01ice:secret",
                                       "alice:sec\tret",
                                       "bob:{HA1-MD5}",
                                       ("bob:{HA1-MD5}" HEX32 "0"),
                                       "bob:{HA1-MD5}g123456789abcdef0123456789abcdef",
                                       ("bob:{HA1-SHA-256}" HEX32) };
    struct users *u = NULL;
    char text[1200];
    T_OK(make(&u));
    for (size_t i = 0; i < AHOY_COUNT(bad); i++)
        T_ERR(users_add(u, view_str(bad[i])), AHOY_ERR_SYNTAX);
    memset(text, 'a', sizeof text);
    text[1] = ':';
    T_ERR(users_add(u, view_of(text, sizeof text)), AHOY_ERR_SYNTAX);
    T_EQ(users_count(u), 0);
out:
    users_destroy(u);
}

static bool write_file(char path[64], const void *p, size_t n)
{
    return temp_file(path, 64) && temp_write(path, p, n);
}

static void test_a_file_is_read_with_comments_and_either_line_end(struct t *t)
{
    static const char text[] = "# users\n\nalice:one\r\nbob:two\ncarol:three";
    struct users *u = NULL;
    struct sip_auth_secret s;
    char path[64], why[200];
    T_CHECK(write_file(path, text, sizeof text - 1));
    T_OK(make(&u));
    T_OK(users_load(u, path, why, sizeof why));
    T_EQ(users_count(u), 3);
    T_CHECK(users_lookup(u, VIEW("alice"), VIEW("r"), SIP_DIGEST_MD5, &s));
    T_STR(s.text, "one");
    T_CHECK(users_has(u, VIEW("carol")));
out:
    unlink(path);
    users_destroy(u);
}

static void test_a_bad_file_is_refused_with_its_line(struct t *t)
{
    struct users *u = NULL;
    char path[64] = "", why[200] = "";
    static char text[3000];
    T_OK(make(&u));
    T_ERR(users_load(u, "/nonexistent/users", why, sizeof why), AHOY_ERR_CONFIG);
    T_ERR(users_load(u, "/tmp", why, sizeof why), AHOY_ERR_CONFIG);
    T_CHECK(strstr(why, "cannot be read"));
    memset(text, 'x', sizeof text);
    memcpy(text, "alice:one\nbob:", 14);
    T_CHECK(write_file(path, text, sizeof text)); /* a line of 3,000 bytes must not be read as two */
    T_ERR(users_load(u, path, why, sizeof why), AHOY_ERR_CONFIG);
    T_CHECK(strstr(why, "line 2"));
    unlink(path);
    T_CHECK(write_file(path, "alice:one\nbob:t\0wo\n", 19));
    T_ERR(users_load(u, path, why, sizeof why), AHOY_ERR_CONFIG);
    T_CHECK(strstr(why, "line 2"));
out:
    unlink(path);
    users_destroy(u);
}

static void test_md5_alone_is_offered_until_a_stronger_digest_is_kept(struct t *t)
{
    struct rng rng;
    struct users *u = NULL;
    enum sip_digest_alg algs[SIP_DIGEST_ALG_COUNT];
    rng_init_u64(&rng, 1);
    T_OK(users_create(&u, &rng));
    T_OK(users_add(u, VIEW("alice:secret")));
    T_EQ(users_algs(u, algs), 1);
    T_EQ(algs[0], SIP_DIGEST_MD5);
    T_EQ(algs[1], SIP_DIGEST_SHA512_256); /* accepted all the same */
    T_EQ(algs[2], SIP_DIGEST_SHA256);
    T_OK(users_add(u, VIEW("bob:{HA1-SHA-256}0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef")));
    T_EQ(users_algs(u, algs), 2);
    T_EQ(algs[0], SIP_DIGEST_SHA256);
    T_EQ(algs[1], SIP_DIGEST_MD5);
out:
    users_destroy(u);
}

T_MAIN(T(test_md5_alone_is_offered_until_a_stronger_digest_is_kept),
       T(test_a_password_and_digests_are_found_by_name_and_algorithm), T(test_lines_that_are_no_users_are_refused),
       T(test_a_file_is_read_with_comments_and_either_line_end), T(test_a_bad_file_is_refused_with_its_line))
