#include "audio/sndfile.h"

#include "base/mem.h"
#include "sys/dl.h"

#include <sndfile.h>

enum { SNDFILE_MAX_CHANNELS = 32, SNDFILE_BLOCK = 2048 };

/* X(result, function, arguments) */
#define SNDFILE_FUNCTIONS(X)                                                                                           \
    X(SNDFILE *, sf_open, (const char *, int, SF_INFO *) )                                                             \
    X(sf_count_t, sf_readf_short, (SNDFILE *, short *, sf_count_t))                                                    \
    X(sf_count_t, sf_seek, (SNDFILE *, sf_count_t, int) )                                                              \
    X(int, sf_close, (SNDFILE *) )

struct sndfile {
    void *lib;
    SNDFILE *file;
    unsigned channels;
#define X(result, name, args) result(*name) args;
    SNDFILE_FUNCTIONS(X)
#undef X
};

#define X(result, name, args) _Static_assert(_Generic(&name, result(*) args : 1, default : 0), #name);
SNDFILE_FUNCTIONS(X)
#undef X

enum ahoy_err sndfile_open(struct sndfile **out, const char *path, uint32_t *rate_hz, unsigned *channels)
{
    struct sndfile *s = mem_zalloc(sizeof *s);
    if (!s)
        return AHOY_ERR_NOMEM;
    const struct sys_dl_symbol symbols[] = {
#define X(result, name, args) { #name, &s->name },
        SNDFILE_FUNCTIONS(X)
#undef X
    };
    if (!sys_dl_open(&s->lib, "libsndfile.so.1", symbols, AHOY_COUNT(symbols))) {
        mem_free(s);
        return AHOY_ERR_UNSUPPORTED;
    }
    SF_INFO info = { 0 };
    s->file = s->sf_open(path, SFM_READ, &info);
    if (!s->file || info.channels < 1 || info.channels > SNDFILE_MAX_CHANNELS || info.samplerate < 1000
        || info.samplerate > 384000) {
        sndfile_close(s);
        return AHOY_ERR_FORMAT;
    }
    s->channels = (unsigned) info.channels;
    *rate_hz = (uint32_t) info.samplerate;
    *channels = s->channels;
    *out = s;
    return AHOY_OK;
}

void sndfile_close(struct sndfile *s)
{
    if (!s)
        return;
    if (s->file)
        (void) s->sf_close(s->file);
    sys_dl_close(s->lib);
    mem_free(s);
}

size_t sndfile_read(struct sndfile *s, int16_t *pcm, size_t n)
{
    short block[SNDFILE_BLOCK];
    size_t made = 0;
    while (made < n) {
        size_t want = AHOY_MIN(n - made, SNDFILE_BLOCK / s->channels);
        sf_count_t got = s->sf_readf_short(s->file, block, (sf_count_t) want);
        if (got <= 0)
            break;
        for (size_t i = 0; i < (size_t) got; i++) {
            int32_t sum = 0;
            for (unsigned c = 0; c < s->channels; c++)
                sum += block[i * s->channels + c];
            pcm[made++] = (int16_t) (sum / (int32_t) s->channels);
        }
    }
    return made;
}

enum ahoy_err sndfile_rewind(struct sndfile *s)
{
    return s->sf_seek(s->file, 0, SF_SEEK_SET) == 0 ? AHOY_OK : AHOY_ERR_IO;
}
