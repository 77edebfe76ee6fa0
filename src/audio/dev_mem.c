/* mem: memory as microphone and loudspeaker, for tests. */
#include "audio/device_impl.h"
#include "base/mem.h"

struct audio_mem {
    bool loop, open;
    size_t n; /* samples of said */
    uint64_t read;
    size_t max_heard, n_heard;
    int16_t *heard; /* behind said in the same allocation */
    int16_t said[];
};

enum ahoy_err audio_mem_create(struct audio_mem **out, const int16_t *said, size_t n, bool loop, size_t max_heard)
{
    if (n > SIZE_MAX / 8 || max_heard > SIZE_MAX / 8)
        return AHOY_ERR_RANGE;
    struct audio_mem *m = mem_alloc(sizeof *m + (n + max_heard) * sizeof *said);
    if (!m)
        return AHOY_ERR_NOMEM;
    *m = (struct audio_mem){ .loop = loop, .n = n, .max_heard = max_heard, .heard = m->said + n };
    if (n > 0)
        memcpy(m->said, said, n * sizeof *said);
    *out = m;
    return AHOY_OK;
}

void audio_mem_destroy(struct audio_mem *m)
{
    mem_free(m);
}

const int16_t *audio_mem_heard(const struct audio_mem *m, size_t *n)
{
    *n = m->n_heard;
    return m->heard;
}

uint64_t audio_mem_read_count(const struct audio_mem *m)
{
    return m->read;
}

static enum ahoy_err mem_open(void **out, const struct audio_device_config *cfg, struct audio_way *capture,
                              struct audio_way *playback, char why[AUDIO_WHY_BYTES])
{
    (void) capture, (void) playback, (void) why;
    if (!cfg->mem)
        return AHOY_ERR_INVAL;
    if (cfg->mem->open)
        return AHOY_ERR_STATE;
    cfg->mem->open = true;
    *out = cfg->mem;
    return AHOY_OK;
}

static void mem_close(void *b)
{
    struct audio_mem *m = b;
    m->open = false;
}

static void mem_read(void *b, int16_t *pcm, size_t n)
{
    struct audio_mem *m = b;
    for (size_t i = 0; i < n; i++) {
        bool more = m->n > 0 && (m->loop || m->read < m->n);
        pcm[i] = more ? m->said[m->read % m->n] : 0;
        m->read += more;
    }
}

static void mem_write(void *b, const int16_t *pcm, size_t n)
{
    struct audio_mem *m = b;
    size_t some = AHOY_MIN(n, m->max_heard - m->n_heard);
    memcpy(m->heard + m->n_heard, pcm, some * sizeof *pcm);
    m->n_heard += some;
}

const struct audio_backend_ops audio_mem_ops = {
    .open = mem_open, .close = mem_close, .read = mem_read, .write = mem_write
};
