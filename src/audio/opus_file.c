/*
 * Ogg Opus (RFC 7845): an identification header, tags, then pages of a second. Two channels are two mono streams without
 * coupling (mapping family 1): two people are no stereo picture, and joint coding would let one leak into the other.
 */
#include "audio/ogg.h"
#include "audio/path.h"
#include "audio/resample.h"
#include "audio/soundfile_impl.h"
#include "base/mem.h"

#include <opus/opus_multistream.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum {
    OPUS_FILE_HZ = 48000, /* granule positions count in it, always (RFC 7845 section 4) */
    OPUS_FRAME = OPUS_FILE_HZ / 50,
    OPUS_PACKET_BYTES = 2 * (1275 + 2),
    OPUS_BPS = 32000, /* of each channel */
    OPUS_COMPLEXITY = 9,
    OPUS_CHUNK = 480,                /* frames converted at a time */
    OPUS_CONVERTED = 8 * OPUS_CHUNK, /* room for what a chunk of 8 kHz becomes */
};

struct opus_file {
    FILE *file;
    OpusMSEncoder *encoder; /* in `state` */
    void *state;
    struct resample *resample[2]; /* to 48 kHz; NULL: they come so */
    unsigned channels;
    uint32_t rate_hz;
    uint64_t samples_in; /* frames at rate_hz */
    uint64_t coded;      /* frames at 48 kHz, of whole packets */
    uint32_t pre_skip;
    int16_t frame[2 * OPUS_FRAME];
    size_t frame_n;
    struct ogg_writer ogg;
    uint64_t page_from; /* `coded` at the beginning of the page */
    uint8_t page[OGG_PAGE_BYTES];
};

static enum ahoy_err write_page(struct opus_file *f, unsigned flags)
{
    size_t n = ogg_take(&f->ogg, flags, f->page);
    f->page_from = f->coded;
    return fwrite(f->page, 1, n, f->file) == n && fflush(f->file) == 0 ? AHOY_OK : AHOY_ERR_IO;
}

static void put_le(uint8_t *p, uint32_t x, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++)
        p[i] = (uint8_t) (x >> 8 * i & 0xff);
}

/* RFC 7845 section 5: each header has its pages to itself. */
static enum ahoy_err write_headers(struct opus_file *f)
{
    static const char vendor[] = "Ahoy", comment[] = "ENCODER=Ahoy " AHOY_VERSION;
    uint8_t head[23] = "OpusHead", tags[80] = "OpusTags";
    size_t n = 19, vendor_n = sizeof vendor - 1, comment_n = sizeof comment - 1;
    head[8] = 1;
    head[9] = (uint8_t) f->channels;
    put_le(head + 10, f->pre_skip, 2);
    put_le(head + 12, f->rate_hz, 4);
    put_le(head + 16, 0, 2); /* gain */
    if (f->channels == 2) {
        static const uint8_t map[] = { 1, 2, 0, 0, 1 }; /* family 1: two streams, none coupled */
        memcpy(head + 18, map, sizeof map);
        n = sizeof head;
    }
    if (!ogg_put(&f->ogg, head, n, 0))
        return AHOY_ERR_INTERNAL;
    enum ahoy_err err = write_page(f, OGG_FIRST);
    if (err)
        return err;
    put_le(tags + 8, (uint32_t) vendor_n, 4);
    memcpy(tags + 12, vendor, vendor_n);
    put_le(tags + 12 + vendor_n, 1, 4);
    put_le(tags + 16 + vendor_n, (uint32_t) comment_n, 4);
    memcpy(tags + 20 + vendor_n, comment, comment_n);
    if (!ogg_put(&f->ogg, tags, 20 + vendor_n + comment_n, 0))
        return AHOY_ERR_INTERNAL;
    return write_page(f, 0);
}

static enum ahoy_err open_encoder(struct opus_file *f)
{
    static const unsigned char map[] = { 0, 1 };
    opus_int32 look_ahead = 0;
    opus_int32 bytes = opus_multistream_encoder_get_size((int) f->channels, 0);
    f->state = mem_alloc((size_t) bytes);
    if (!f->state)
        return AHOY_ERR_NOMEM;
    f->encoder = f->state;
    if (opus_multistream_encoder_init(f->encoder, OPUS_FILE_HZ, (int) f->channels, (int) f->channels, 0, map,
                                      OPUS_APPLICATION_AUDIO)
        != OPUS_OK)
        return AHOY_ERR_UNSUPPORTED;
    opus_int32 bps = (opus_int32) (f->channels * OPUS_BPS);
    (void) opus_multistream_encoder_ctl(f->encoder, OPUS_SET_BITRATE(bps));
    (void) opus_multistream_encoder_ctl(f->encoder, OPUS_SET_COMPLEXITY((opus_int32) OPUS_COMPLEXITY));
    if (opus_multistream_encoder_ctl(f->encoder, OPUS_GET_LOOKAHEAD(&look_ahead)) != OPUS_OK)
        return AHOY_ERR_UNSUPPORTED;
    f->pre_skip = (uint32_t) look_ahead;
    return AHOY_OK;
}

static enum ahoy_err open_resamplers(struct opus_file *f)
{
    enum ahoy_err err = AHOY_OK;
    if (f->rate_hz == OPUS_FILE_HZ)
        return AHOY_OK;
    for (unsigned c = 0; c < f->channels && !err; c++)
        err = resample_create(&f->resample[c], f->rate_hz, OPUS_FILE_HZ, RESAMPLE_VOICE);
    if (err)
        return err;
    f->pre_skip += (uint32_t) (resample_delay_ms(f->resample[0]) * OPUS_FILE_HZ / 1000
                               + 0.5); /* so that time is kept */
    return AHOY_OK;
}

static void opus_file_free(struct opus_file *f)
{
    for (unsigned c = 0; c < 2; c++)
        resample_destroy(f->resample[c]);
    mem_free(f->state);
    mem_free(f);
}

enum ahoy_err opus_file_create(struct opus_file **out, const struct soundfile_config *cfg)
{
    int fd = -1;
    struct opus_file *f = mem_zalloc(sizeof *f);
    if (!f)
        return AHOY_ERR_NOMEM;
    f->channels = cfg->channels;
    f->rate_hz = cfg->rate_hz;
    ogg_init(&f->ogg, cfg->serial);
    enum ahoy_err err = open_encoder(f);
    if (!err)
        err = open_resamplers(f);
    if (!err)
        err = path_create(cfg->path, &fd);
    if (!err && !(f->file = fdopen(fd, "wb"))) {
        (void) close(fd);
        err = AHOY_ERR_NOMEM;
    }
    if (!err && (err = write_headers(f)))
        (void) fclose(f->file);
    if (err) {
        opus_file_free(f);
        return err;
    }
    *out = f;
    return AHOY_OK;
}

/* Codes the frame that is full. `end` > 0: the position at which the sound ends, within this packet. */
static enum ahoy_err code_frame(struct opus_file *f, uint64_t end)
{
    uint8_t packet[OPUS_PACKET_BYTES];
    enum ahoy_err err = AHOY_OK;
    opus_int32 n = opus_multistream_encode(f->encoder, f->frame, OPUS_FRAME, packet, (opus_int32) sizeof packet);
    f->frame_n = 0;
    if (n < 0)
        return AHOY_ERR_INTERNAL;
    uint64_t granule = end > 0 ? end : f->coded + OPUS_FRAME;
    if (!ogg_put(&f->ogg, packet, (size_t) n, granule)) {
        err = write_page(f, 0);
        if (!ogg_put(&f->ogg, packet, (size_t) n, granule))
            return AHOY_ERR_INTERNAL;
    }
    f->coded += OPUS_FRAME;
    if (!err && end == 0 && f->coded - f->page_from >= OPUS_FILE_HZ)
        err = write_page(f, 0);
    return err;
}

/* Takes samples of one channel (`step` apart) into the frame from `at` on. */
static void fill(struct opus_file *f, unsigned channel, size_t at, const int16_t *pcm, size_t step, size_t n)
{
    for (size_t i = 0; i < n; i++)
        f->frame[(at + i) * f->channels + channel] = pcm[i * step];
}

/* Frames at 48 kHz, channels `apart` samples from each other, samples `step` apart. */
static enum ahoy_err take(struct opus_file *f, const int16_t *pcm, size_t apart, size_t step, size_t n)
{
    enum ahoy_err err = AHOY_OK;
    for (size_t done = 0; done < n && !err;) {
        size_t part = AHOY_MIN(n - done, OPUS_FRAME - f->frame_n);
        for (unsigned c = 0; c < f->channels; c++)
            fill(f, c, f->frame_n, pcm + c * apart + done * step, step, part);
        f->frame_n += part;
        done += part;
        if (f->frame_n == OPUS_FRAME)
            err = code_frame(f, 0);
    }
    return err;
}

/* A chunk at another rate: each channel through its own resampler, both give the same number of samples. */
static enum ahoy_err take_converted(struct opus_file *f, const int16_t *pcm, size_t n)
{
    int16_t one[OPUS_CHUNK], both[2][OPUS_CONVERTED];
    size_t made = 0;
    for (unsigned c = 0; c < f->channels; c++) {
        for (size_t i = 0; i < n; i++)
            one[i] = pcm[i * f->channels + c];
        AHOY_ASSERT(resample_max_out(f->resample[c], n) <= OPUS_CONVERTED);
        made = resample_run(f->resample[c], one, n, both[c]);
    }
    return take(f, both[0], AHOY_COUNT(both[0]), 1, made);
}

enum ahoy_err opus_file_put(struct opus_file *f, const int16_t *pcm, size_t frames)
{
    enum ahoy_err err = AHOY_OK;
    f->samples_in += frames;
    if (!f->resample[0])
        return take(f, pcm, 1, f->channels, frames);
    for (size_t done = 0; done < frames && !err;) {
        size_t part = AHOY_MIN(frames - done, (size_t) OPUS_CHUNK);
        err = take_converted(f, pcm + done * f->channels, part);
        done += part;
    }
    return err;
}

/* The codec is late by pre_skip: so much silence brings out the rest; the last position cuts what is too much. */
static enum ahoy_err drain(struct opus_file *f)
{
    uint64_t end = f->samples_in * OPUS_FILE_HZ / f->rate_hz + f->pre_skip;
    enum ahoy_err err = AHOY_OK;
    while (!err && f->coded < end) {
        memset(f->frame + f->frame_n * f->channels, 0, (OPUS_FRAME - f->frame_n) * f->channels * sizeof(int16_t));
        f->frame_n = OPUS_FRAME;
        err = code_frame(f, f->coded + OPUS_FRAME >= end ? end : 0);
    }
    return err ? err : write_page(f, OGG_LAST);
}

enum ahoy_err opus_file_close(struct opus_file *f)
{
    enum ahoy_err err = drain(f);
    if (fclose(f->file) != 0)
        err = AHOY_ERR_IO;
    opus_file_free(f);
    return err;
}
