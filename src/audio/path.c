#include "audio/path.h"

#include <errno.h>
#include <fcntl.h>

enum ahoy_err path_error(int e)
{
    switch (e) {
    case ENOENT:
    case ENOTDIR: return AHOY_ERR_NOT_FOUND;
    case EACCES:
    case EPERM:
    case EROFS: return AHOY_ERR_ACCESS;
    case ENOMEM: return AHOY_ERR_NOMEM;
    default: return AHOY_ERR_IO;
    }
}

enum ahoy_err path_create(const char *path, int *fd)
{
    int got = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC | O_NONBLOCK, 0600);
    if (got < 0)
        return path_error(errno);
    *fd = got;
    return AHOY_OK;
}
