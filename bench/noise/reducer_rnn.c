/* RNNoise alone, as `--processing rnn` has it. */
#include "noise/noise.h"

#include "audio/rnn.h"
#include "base/mem.h"

#include <string.h>

struct network {
    struct rnn *rnn;
    size_t frame;
};

static void destroy(void *self)
{
    struct network *n = self;
    rnn_destroy(n->rnn);
    mem_free(n);
}

static void *create(unsigned rate_hz)
{
    struct network *n = mem_zalloc(sizeof *n);
    if (!n || rnn_create(&n->rnn, RNN_SONAME, rate_hz)) {
        mem_free(n);
        return NULL;
    }
    n->frame = rate_hz / 100;
    return n;
}

static void run(void *self, const int16_t *in, int16_t *out)
{
    struct network *n = self;
    memcpy(out, in, n->frame * sizeof *in);
    rnn_run(n->rnn, out);
}

const struct reducer reducer_rnn = { "RNNoise", create, run, destroy };
