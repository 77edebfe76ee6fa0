#include "media/record.h"

#include "base/mem.h"

#include <errno.h>
#include <string.h>

enum {
    BLOCK_MS = 100,
    MAX_FLYING = 100, /* blocks on their way to the disk: ten seconds */
    CHUNK = 480,
};

/* A piece of sound on its way to the file, and back. */
struct block {
    struct sys_msg msg;
    struct record *record;
    uint32_t gap; /* frames of silence before it */
    size_t n;     /* frames */
    bool failed;  /* it could not be written */
    int16_t pcm[];
};

struct record {
    struct record_config config;
    unsigned channels;
    /* the worker's */
    int16_t *side[2]; /* a second each, joined as both are there */
    size_t side_n[2];
    struct limit limit;
    struct block *filling;
    size_t block_frames;
    uint32_t gap;
    unsigned flying;
    bool ending, closing;
    /* the files' thread's, until it comes back */
    struct sys_msg close_msg;
    struct soundfile *file;
    enum ahoy_err err;
    int system_error;
    /* whose news it is, when it is done */
    record_told_fn *told;
    void *told_arg;
};

enum ahoy_err record_create(struct record **out, const struct record_config *cfg)
{
    struct record *r = mem_zalloc(sizeof *r);
    if (!r)
        return AHOY_ERR_NOMEM;
    r->config = *cfg;
    r->channels = cfg->mixed ? 1 : 2;
    r->block_frames = (size_t) cfg->rate_hz * BLOCK_MS / 1000;
    limit_init(&r->limit);
    for (int side = 0; side < 2; side++)
        r->side[side] = mem_alloc(cfg->rate_hz * sizeof(int16_t));
    if (!r->side[0] || !r->side[1]) {
        mem_free(r->side[0]);
        mem_free(r->side[1]);
        mem_free(r);
        return AHOY_ERR_NOMEM;
    }
    r->file = cfg->file;
    *out = r;
    return AHOY_OK;
}

static void record_free(struct record *r)
{
    mem_free(r->filling);
    mem_free(r->side[0]);
    mem_free(r->side[1]);
    mem_free(r);
}

void record_discard(struct record *r)
{
    if (!r)
        return;
    (void) !soundfile_close(r->file);
    record_free(r);
}

/* ---- on the thread for files ------------------------------------------------------------------------------------- */

static void fail(struct record *r, enum ahoy_err err)
{
    if (!r->err && err) {
        r->err = err;
        r->system_error = errno;
    }
}

static void close_file(struct record *r)
{
    errno = 0;
    fail(r, soundfile_close(r->file));
    r->file = NULL;
}

static enum ahoy_err write_gap(struct record *r, uint32_t frames)
{
    static const int16_t silence[2 * CHUNK];
    enum ahoy_err err = AHOY_OK;
    for (uint32_t done = 0; done < frames && !err;) {
        uint32_t part = AHOY_MIN(frames - done, (uint32_t) CHUNK);
        err = soundfile_put(r->file, silence, part);
        done += part;
    }
    return err;
}

static void block_back(struct sys_msg *msg);
static void closed_back(struct sys_msg *msg);

static void write_block(struct sys_msg *msg)
{
    struct block *b = AHOY_CONTAINER_OF(msg, struct block, msg);
    struct record *r = b->record;
    if (r->file) {
        errno = 0;
        enum ahoy_err err = write_gap(r, b->gap);
        if (!err)
            err = soundfile_put(r->file, b->pcm, b->n);
        fail(r, err);
        if (err)
            close_file(r); /* what is there is kept */
    }
    b->failed = !r->file;
    msg->fn = block_back;
    sys_post(r->config.worker, msg);
}

static void run_close(struct sys_msg *msg)
{
    struct record *r = AHOY_CONTAINER_OF(msg, struct record, close_msg);
    if (r->file)
        close_file(r);
    msg->fn = closed_back;
    sys_post(r->config.worker, msg);
}

/* ---- on the worker ----------------------------------------------------------------------------------------------- */

static const char *sentence(const struct record *r)
{
    if (!r->err)
        return "the recording is complete";
    if (r->system_error == ENOSPC || r->system_error == EDQUOT || r->system_error == EFBIG)
        return "the recording ended: the disk is full; what was recorded before is kept";
    return "the recording ended: the file cannot be written; what was recorded before is kept";
}

static void closed_back(struct sys_msg *msg)
{
    struct record *r = AHOY_CONTAINER_OF(msg, struct record, close_msg);
    r->config.done(r->config.arg, r);
}

static void tell(struct sys_msg *msg)
{
    struct record *r = AHOY_CONTAINER_OF(msg, struct record, close_msg);
    r->told(r->told_arg, r->err, sentence(r));
    record_free(r);
}

void record_tell(struct record *r, struct sys_loop *loop, record_told_fn *told, void *arg)
{
    r->told = told;
    r->told_arg = arg;
    r->close_msg.fn = tell;
    sys_post(loop, &r->close_msg);
}

static void post_close(struct record *r)
{
    if (r->closing)
        return;
    r->closing = true;
    r->close_msg.fn = run_close;
    sys_post(r->config.files, &r->close_msg);
}

static void block_back(struct sys_msg *msg)
{
    struct block *b = AHOY_CONTAINER_OF(msg, struct block, msg);
    struct record *r = b->record;
    r->flying--;
    if (b->failed)
        post_close(r);
    mem_free(b);
}

/* Sends what has been gathered; under too much of it, or without memory, silence of its length takes its place. */
static void flush(struct record *r)
{
    struct block *b = r->filling;
    if (!b || b->n == 0)
        return;
    r->filling = NULL;
    if (r->flying >= MAX_FLYING || r->closing) {
        r->gap += b->gap + (uint32_t) b->n;
        mem_free(b);
        return;
    }
    r->flying++;
    b->msg.fn = write_block;
    sys_post(r->config.files, &b->msg);
}

static void gather(struct record *r, const int16_t *pcm, size_t n)
{
    while (n > 0) {
        if (!r->filling) {
            r->filling = mem_alloc(sizeof *r->filling + r->block_frames * r->channels * sizeof(int16_t));
            if (!r->filling) {
                r->gap += (uint32_t) n;
                return;
            }
            *r->filling = (struct block){ .record = r, .gap = r->gap };
            r->gap = 0;
        }
        struct block *b = r->filling;
        size_t part = AHOY_MIN(n, r->block_frames - b->n);
        memcpy(b->pcm + b->n * r->channels, pcm, part * r->channels * sizeof *pcm);
        b->n += part;
        pcm += part * r->channels;
        n -= part;
        if (b->n == r->block_frames)
            flush(r);
    }
}

static void join_chunk(struct record *r, size_t at, size_t n)
{
    int16_t both[2 * CHUNK];
    int32_t sum[CHUNK];
    const int16_t *left = r->side[RECORD_LEFT] + at, *right = r->side[RECORD_RIGHT] + at;
    if (r->config.mixed) {
        for (size_t i = 0; i < n; i++)
            sum[i] = (int32_t) left[i] + right[i];
        limit_run(&r->limit, sum, both, n, r->config.rate_hz);
    } else {
        for (size_t i = 0; i < n; i++) {
            both[2 * i] = left[i];
            both[2 * i + 1] = right[i];
        }
    }
    gather(r, both, n);
}

/* Hands on what both sides have. */
static void join_sides(struct record *r)
{
    size_t done = 0, both_n = AHOY_MIN(r->side_n[0], r->side_n[1]);
    while (done < both_n) {
        size_t part = AHOY_MIN(both_n - done, (size_t) CHUNK);
        join_chunk(r, done, part);
        done += part;
    }
    for (int k = 0; k < 2 && done > 0; k++) {
        r->side_n[k] -= done;
        memmove(r->side[k], r->side[k] + done, r->side_n[k] * sizeof(int16_t));
    }
}

/* Silence for a side up to `n` samples. */
static void pad_side(struct record *r, int side, size_t n)
{
    if (r->side_n[side] >= n)
        return;
    memset(r->side[side] + r->side_n[side], 0, (n - r->side_n[side]) * sizeof(int16_t));
    r->side_n[side] = n;
}

void record_put(struct record *r, int side, const int16_t *pcm, size_t n)
{
    size_t second = r->config.rate_hz;
    if (r->ending || r->closing)
        return;
    n = AHOY_MIN(n, second - r->side_n[side]);
    memcpy(r->side[side] + r->side_n[side], pcm, n * sizeof *pcm);
    r->side_n[side] += n;
    if (r->side_n[side] == second) /* a second ahead of the other: that one is taken to be silent */
        pad_side(r, 1 - side, second / 2);
    join_sides(r);
}

void record_end(struct record *r)
{
    if (r->ending)
        return;
    r->ending = true;
    if (r->closing)
        return;                                         /* it could not be written; `done` is on its way */
    size_t most = AHOY_MAX(r->side_n[0], r->side_n[1]); /* what only one side has said yet */
    pad_side(r, 0, most);
    pad_side(r, 1, most);
    join_sides(r);
    flush(r);
    post_close(r);
}
