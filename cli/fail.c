#include "cli/fail.h"

#include <stdarg.h>
#include <stdio.h>

int fail(int status, const char *fmt, ...)
{
    char line[2048];
    va_list ap;
    va_start(ap, fmt);
    (void) vsnprintf(line, sizeof line, fmt, ap);
    va_end(ap);
    warn("%s", line);
    return status;
}

static enum ahoy_cause cause_of(enum ahoy_err err)
{
    switch (err) {
    case AHOY_OK: return AHOY_CAUSE_NONE;
    case AHOY_ERR_DNS_NAME:
    case AHOY_ERR_DNS_EMPTY:
    case AHOY_ERR_DNS_SERVER: return AHOY_CAUSE_DNS;
    case AHOY_ERR_TIMEOUT:
    case AHOY_ERR_REFUSED:
    case AHOY_ERR_UNREACHABLE:
    case AHOY_ERR_RESET:
    case AHOY_ERR_CLOSED: return AHOY_CAUSE_NO_ANSWER_NET;
    case AHOY_ERR_TLS: return AHOY_CAUSE_TLS;
    case AHOY_ERR_AUTH: return AHOY_CAUSE_AUTH;
    case AHOY_ERR_ADDR_IN_USE:
    case AHOY_ERR_ADDR_UNAVAILABLE:
    case AHOY_ERR_ACCESS: return AHOY_CAUSE_LOCAL_SOCKET;
    case AHOY_ERR_DEVICE: return AHOY_CAUSE_DEVICE;
    default: return AHOY_CAUSE_CONFIG;
    }
}

int fail_status(enum ahoy_err err)
{
    return err == AHOY_ERR_INVAL || err == AHOY_ERR_SYNTAX ? EXIT_USAGE : ahoy_cause_exit_status(cause_of(err));
}
