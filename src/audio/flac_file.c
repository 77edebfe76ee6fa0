/*
 * FLAC written through libsndfile, opened when first asked for. libsndfile tells the length of a file in its header only
 * when it closes it, and reads a file without a length as empty; so the length is kept up here, about once a second.
 */
#include "audio/path.h"
#include "audio/soundfile_impl.h"
#include "base/mem.h"
#include "sys/dl.h"

#include <sndfile.h>
#include <unistd.h>

/* X(result, function, arguments) */
#define FLAC_FUNCTIONS(X)                                                                                              \
    X(SNDFILE *, sf_open_fd, (int, int, SF_INFO *, int) )                                                              \
    X(sf_count_t, sf_writef_short, (SNDFILE *, const short *, sf_count_t))                                             \
    X(int, sf_close, (SNDFILE *) )

/* STREAMINFO follows "fLaC" and its own header of 4 bytes (RFC 9639 sections 6, 8.2). */
enum { BLOCK_SIZE_AT = 10, TOTAL_AT = 21, TOTAL_BYTES = 5 };

struct flac_file {
    void *lib;
    SNDFILE *file;
    int fd;
    uint32_t rate_hz;
    uint64_t frames, told;
#define X(result, name, args) result(*name) args;
    FLAC_FUNCTIONS(X)
#undef X
};

#define X(result, name, args) _Static_assert(_Generic(&name, result(*) args : 1, default : 0), #name);
FLAC_FUNCTIONS(X)
#undef X

static enum ahoy_err end(struct flac_file *f)
{
    enum ahoy_err err = AHOY_OK;
    if (f->file && f->sf_close(f->file) != 0)
        err = AHOY_ERR_IO;
    if (f->fd >= 0 && close(f->fd) != 0)
        err = AHOY_ERR_IO;
    sys_dl_close(f->lib);
    mem_free(f);
    return err;
}

enum ahoy_err flac_file_create(struct flac_file **out, const struct soundfile_config *cfg)
{
    struct flac_file *f = mem_zalloc(sizeof *f);
    if (!f)
        return AHOY_ERR_NOMEM;
    const struct sys_dl_symbol symbols[] = {
#define X(result, name, args) { #name, &f->name },
        FLAC_FUNCTIONS(X)
#undef X
    };
    f->fd = -1;
    f->rate_hz = cfg->rate_hz;
    if (!sys_dl_open(&f->lib, "libsndfile.so.1", symbols, AHOY_COUNT(symbols))) {
        mem_free(f);
        return AHOY_ERR_UNSUPPORTED;
    }
    enum ahoy_err err = path_create(cfg->path, &f->fd);
    if (!err) {
        SF_INFO info = { .samplerate = (int) cfg->rate_hz,
                         .channels = (int) cfg->channels,
                         .format = SF_FORMAT_FLAC | SF_FORMAT_PCM_16 };
        f->file = f->sf_open_fd(f->fd, SFM_WRITE, &info, SF_FALSE);
        err = f->file ? AHOY_OK : AHOY_ERR_IO;
    }
    if (err) {
        (void) !end(f);
        return err;
    }
    *out = f;
    return AHOY_OK;
}

/* The blocks that are certainly in the file: libFLAC keeps the one it fills, and one sample more. */
static enum ahoy_err tell_length(struct flac_file *f)
{
    uint8_t block[2], total[TOTAL_BYTES];
    if (pread(f->fd, block, sizeof block, BLOCK_SIZE_AT) != (ssize_t) sizeof block
        || pread(f->fd, total, sizeof total, TOTAL_AT) != (ssize_t) sizeof total)
        return AHOY_ERR_IO;
    uint64_t size = (uint64_t) block[0] << 8 | block[1];
    uint64_t n = size > 0 ? (f->frames - 1) / size * size : 0;
    total[0] = (uint8_t) ((total[0] & 0xf0) | (n >> 32 & 0x0f)); /* 36 bits; the first four belong to the depth */
    for (int i = 1; i < TOTAL_BYTES; i++)
        total[i] = (uint8_t) (n >> (8 * (TOTAL_BYTES - 1 - i)) & 0xff);
    f->told = f->frames;
    return pwrite(f->fd, total, sizeof total, TOTAL_AT) == (ssize_t) sizeof total ? AHOY_OK : AHOY_ERR_IO;
}

enum ahoy_err flac_file_put(struct flac_file *f, const int16_t *pcm, size_t frames)
{
    if (frames == 0)
        return AHOY_OK;
    if (f->sf_writef_short(f->file, pcm, (sf_count_t) frames) != (sf_count_t) frames)
        return AHOY_ERR_IO;
    f->frames += frames;
    return f->frames - f->told >= f->rate_hz ? tell_length(f) : AHOY_OK;
}

enum ahoy_err flac_file_close(struct flac_file *f)
{
    return end(f);
}
