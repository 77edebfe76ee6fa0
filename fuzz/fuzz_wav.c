/* WAV files as a stranger may send them: the header's parser and the decoder of samples. */
#include "audio/wav.h"

#include <string.h>

struct memory {
    const uint8_t *p;
    size_t n;
};

static size_t read_memory(void *arg, uint64_t at, void *dst, size_t n)
{
    const struct memory *m = arg;
    if (at >= m->n)
        return 0;
    n = AHOY_MIN(n, m->n - (size_t) at);
    memcpy(dst, m->p + at, n);
    return n;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct memory m = { data, size };
    struct wav_source src = { read_memory, &m };
    struct wav_format f;
    int16_t pcm[64];
    uint8_t raw[64 * 32 * 8];
    if (wav_parse(&src, &f))
        return 0;
    size_t frame = f.channels * wav_sample_bytes(f.coding);
    uint64_t end = f.data_at + AHOY_MIN(f.data_bytes, (uint64_t) size);
    for (uint64_t at = f.data_at; at < end;) {
        size_t got = read_memory(&m, at, raw, 64 * frame) / frame;
        if (got == 0)
            break;
        wav_decode(&f, raw, pcm, got);
        at += got * frame;
    }
    return 0;
}
