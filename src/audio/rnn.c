#include "audio/rnn.h"

#include "audio/resample.h"
#include "base/mem.h"
#include "sys/dl.h"

#include <math.h>
#include <string.h>

/* The library is late by 20 ms: its windows overlap by a frame, and it looks one ahead. */
enum { RNN_HZ = 48000, RNN_FRAME = 480, RNN_DELAY_MS = 20, ROOM = RNN_FRAME + 8 /* resample_max_out */ };

/* As rnnoise.h of 0.2 declares them, whose types are opaque; Debian 12 has no package with that header. */
struct functions {
    int (*rnnoise_get_frame_size)(void);
    void *(*rnnoise_create)(void *model);
    void (*rnnoise_destroy)(void *state);
    float (*rnnoise_process_frame)(void *state, float *out, const float *in);
};

struct rnn {
    void *lib, *state;
    struct functions f;
    size_t block;               /* samples of 10 ms */
    struct resample *up, *down; /* NULL at 48 kHz */
};

static bool open_library(struct functions *f, void **lib, const char *soname)
{
    const struct sys_dl_symbol symbols[] = { { "rnnoise_get_frame_size", &f->rnnoise_get_frame_size },
                                             { "rnnoise_create", &f->rnnoise_create },
                                             { "rnnoise_destroy", &f->rnnoise_destroy },
                                             { "rnnoise_process_frame", &f->rnnoise_process_frame } };
    return sys_dl_open(lib, soname, symbols, AHOY_COUNT(symbols));
}

bool rnn_present(void)
{
    struct functions f;
    void *lib = NULL;
    if (!open_library(&f, &lib, RNN_SONAME))
        return false;
    bool known = f.rnnoise_get_frame_size() == RNN_FRAME;
    sys_dl_close(lib);
    return known;
}

static enum ahoy_err open_state(struct rnn *r, const char *soname)
{
    if (!open_library(&r->f, &r->lib, soname) || r->f.rnnoise_get_frame_size() != RNN_FRAME)
        return AHOY_ERR_UNSUPPORTED;
    r->state = r->f.rnnoise_create(NULL); /* the model that it has inside */
    return r->state ? AHOY_OK : AHOY_ERR_NOMEM;
}

enum ahoy_err rnn_create(struct rnn **out, const char *soname, uint32_t rate_hz)
{
    if (rate_hz != 16000 && rate_hz != 32000 && rate_hz != RNN_HZ)
        return AHOY_ERR_RANGE;
    struct rnn *r = mem_zalloc(sizeof *r);
    if (!r)
        return AHOY_ERR_NOMEM;
    r->block = rate_hz / 100;
    enum ahoy_err err = open_state(r, soname);
    if (!err && rate_hz != RNN_HZ)
        err = resample_create(&r->up, rate_hz, RNN_HZ, RESAMPLE_VOICE);
    if (!err && rate_hz != RNN_HZ)
        err = resample_create(&r->down, RNN_HZ, rate_hz, RESAMPLE_VOICE);
    if (err) {
        rnn_destroy(r);
        return err;
    }
    *out = r;
    return AHOY_OK;
}

void rnn_destroy(struct rnn *r)
{
    if (!r)
        return;
    if (r->state)
        r->f.rnnoise_destroy(r->state);
    sys_dl_close(r->lib);
    resample_destroy(r->up);
    resample_destroy(r->down);
    mem_free(r);
}

/* A frame at 48 kHz; the library takes samples in the range of 16 bits. */
static void run_frame(struct rnn *r, int16_t *pcm)
{
    float x[RNN_FRAME];
    for (size_t i = 0; i < RNN_FRAME; i++)
        x[i] = pcm[i];
    (void) r->f.rnnoise_process_frame(r->state, x, x);
    for (size_t i = 0; i < RNN_FRAME; i++)
        pcm[i] = (int16_t) lrintf(fminf(fmaxf(x[i], -32768), 32767));
}

void rnn_run(struct rnn *r, int16_t *pcm)
{
    int16_t wide[ROOM], narrow[ROOM];
    if (!r->up) {
        run_frame(r, pcm);
        return;
    }
    size_t n = resample_run(r->up, pcm, r->block, wide);
    AHOY_ASSERT(n == RNN_FRAME); /* whole blocks at simple ratios that nobody trims */
    run_frame(r, wide);
    n = resample_run(r->down, wide, RNN_FRAME, narrow);
    AHOY_ASSERT(n == r->block);
    memcpy(pcm, narrow, n * sizeof *pcm);
}

double rnn_delay_ms(const struct rnn *r)
{
    return RNN_DELAY_MS + (r->up ? resample_delay_ms(r->up) + resample_delay_ms(r->down) : 0);
}
