#include "base/base.h"

#include <stdio.h>
#include <stdlib.h>

const char *ahoy_err_name(enum ahoy_err err)
{
    switch ((int) err) {
#define NAME_(name, code, text)                                                                                        \
    case code: return #name;
        AHOY_ERRORS(NAME_)
#undef NAME_
    default: return "UNKNOWN";
    }
}

const char *ahoy_err_text(enum ahoy_err err)
{
    switch ((int) err) {
#define TEXT_(name, code, text)                                                                                        \
    case code: return text;
        AHOY_ERRORS(TEXT_)
#undef TEXT_
    default: return "unknown error";
    }
}

AHOY_NORETURN void ahoy_assert_failed(const char *cond, const char *file, int line)
{
    fprintf(stderr, "%s:%d: broken promise: %s\n", file, line, cond);
    abort();
}
