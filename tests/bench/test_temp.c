/* A benchmark makes one root for its files after the other. */
#include "support/temp.h"

#include "support/t.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static void test_a_root_is_made_behind_another(struct t *t)
{
    struct stat st;
    char dir[TEMP_PATH_BYTES];
    for (int i = 0; i < 3; i++) {
        temp_end();
        T_CHECK(temp_begin());
        T_CHECK(temp_make(dir, sizeof dir));
        T_CHECK(stat(dir, &st) == 0 && S_ISDIR(st.st_mode));
    }
out:;
}

static void test_the_environment_is_as_it_was(struct t *t)
{
    temp_end();
    T_EQ(setenv("TMPDIR", "/tmp", 1), 0);
    T_CHECK(temp_begin());
    T_CHECK(strcmp(getenv("TMPDIR"), "/tmp") != 0);
    temp_end();
    T_STR(getenv("TMPDIR"), "/tmp");
    T_EQ(unsetenv("TMPDIR"), 0);
    T_CHECK(temp_begin());
    T_CHECK(getenv("TMPDIR") != NULL);
    temp_end();
    T_CHECK(getenv("TMPDIR") == NULL);
    T_CHECK(temp_begin());
out:;
}

T_MAIN(T_PLAIN(test_a_root_is_made_behind_another), T_PLAIN(test_the_environment_is_as_it_was))
