#include "crypto/random.h"

#include "base/mem.h"

#include <errno.h>
#include <sys/random.h>

enum ahoy_err crypto_random(void *p, size_t n)
{
    uint8_t *at = p;
    size_t left = n;
    while (left > 0) {
        ssize_t got = getrandom(at, left, 0);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0) {
            mem_wipe(p, n);
            return AHOY_ERR_IO;
        }
        at += got;
        left -= (size_t) got;
    }
    return AHOY_OK;
}
