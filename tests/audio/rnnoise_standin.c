/*
 * A library with RNNoise's functions for test_rnn.c, so that the way to it is tested where the real one is not: it halves
 * what it gets, as late as the real one, and refuses to be made when TEST_RNN_REFUSES is defined.
 */
#include <stdlib.h>
#include <string.h>

#if defined(TEST_RNN_FRAMES) /* a library with other frames than are known */
#define STANDIN_FRAME 960
#else
#define STANDIN_FRAME 480
#endif

struct state {
    float late[2][STANDIN_FRAME];
};

__attribute__((visibility("default"))) int rnnoise_get_frame_size(void);
__attribute__((visibility("default"))) struct state *rnnoise_create(void *model);
__attribute__((visibility("default"))) void rnnoise_destroy(struct state *s);
__attribute__((visibility("default"))) float rnnoise_process_frame(struct state *s, float *out, const float *in);

int rnnoise_get_frame_size(void)
{
    return STANDIN_FRAME;
}

struct state *rnnoise_create(void *model)
{
#ifdef TEST_RNN_REFUSES
    (void) model;
    return NULL;
#else
    return model ? NULL : calloc(1, sizeof(struct state));
#endif
}

void rnnoise_destroy(struct state *s)
{
    free(s);
}

/* Two frames late. */
float rnnoise_process_frame(struct state *s, float *out, const float *in)
{
    float now[STANDIN_FRAME];
    memcpy(now, in, sizeof now);
    for (int i = 0; i < STANDIN_FRAME; i++)
        out[i] = s->late[0][i] / 2;
    memcpy(s->late[0], s->late[1], sizeof now);
    memcpy(s->late[1], now, sizeof now);
    return 1;
}
