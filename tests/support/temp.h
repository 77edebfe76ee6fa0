/*
 * Files of tests. Each test program has a root of its own in $TMPDIR/ahoy-tests-UID/, made by t_main, which is TMPDIR, HOME
 * and XDG's folders for it and for what it starts: so nothing of the user's is touched, and all of it goes when the program ends.
 * A program that was killed leaves its root behind; it is no longer locked, and the next one to start removes it.
 */
#ifndef AHOY_TESTS_SUPPORT_TEMP_H
#define AHOY_TESTS_SUPPORT_TEMP_H

#include <stdbool.h>
#include <stddef.h>

enum { TEMP_PATH_BYTES = 200, TEMP_ROOT_BYTES = 44 /* a socket's name has 108 bytes for what lies below */ };

/** Removes the roots of programs that are no more, makes this program's and points the environment at it. Once is enough. */
bool temp_begin(void);

/** Removes this program's root and what is left in it; TMPDIR is as before, so that another one may begin. */
void temp_end(void);

/** Makes a directory in TMPDIR, its name to `dir`; "" on failure. */
bool temp_make(char *dir, size_t size);

/** Makes an empty file in TMPDIR, its name to `path`; "" on failure. */
bool temp_file(char *path, size_t size);

/** Removes a directory and all in it; "" is ignored. */
void temp_remove(const char *dir);

/** dir/name to `path`; returns path. */
const char *temp_path(const char *dir, const char *name, char path[2 * TEMP_PATH_BYTES]);

/** Writes a file whole. */
bool temp_write(const char *path, const void *data, size_t n);

#endif
