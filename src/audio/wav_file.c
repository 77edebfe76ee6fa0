#include "audio/codec_impl.h"
#include "audio/path.h"
#include "audio/sndfile.h"
#include "audio/wav.h"
#include "base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    WAV_BLOCK_BYTES = 4096,
    WAV_FILE_BYTES = 32768 /* a third of a second at 48 kHz goes to or comes from the file at once */
};

/* ---- reading ----------------------------------------------------------------------------------------------------- */

struct wav_reader {
    FILE *file; /* NULL when libsndfile reads */
    struct sndfile *other;
    struct wav_format format;
    uint64_t left_bytes;
    char room[WAV_FILE_BYTES];
};

static size_t read_at(void *arg, uint64_t at, void *dst, size_t n)
{
    FILE *f = arg;
    if (at > INT64_MAX || fseeko(f, (off_t) at, SEEK_SET) != 0)
        return 0;
    return fread(dst, 1, n, f);
}

/* FIFOs, directories and devices are refused: they could block the thread that reads. */
static enum ahoy_err open_regular(FILE **out, const char *path)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return path_error(errno);
    struct stat st;
    FILE *f = NULL;
    enum ahoy_err err = AHOY_ERR_FORMAT;
    if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode)) {
        f = fdopen(fd, "rb");
        err = f ? AHOY_OK : AHOY_ERR_NOMEM;
    }
    if (err) {
        (void) close(fd);
        return err;
    }
    *out = f;
    return AHOY_OK;
}

enum ahoy_err wav_reader_open(struct wav_reader **out, const char *path)
{
    struct wav_reader *r = mem_zalloc(sizeof *r);
    if (!r)
        return AHOY_ERR_NOMEM;
    enum ahoy_err err = open_regular(&r->file, path);
    if (err)
        goto fail;
    (void) setvbuf(r->file, r->room, _IOFBF, sizeof r->room);
    struct wav_source src = { .read = read_at, .arg = r->file };
    err = wav_parse(&src, &r->format);
    if (err) { /* not ours: FLAC, Ogg or a rarer kind of WAV */
        unsigned channels = 0;
        (void) fclose(r->file);
        r->file = NULL;
        err = sndfile_open(&r->other, path, &r->format.rate_hz, &channels);
        if (err)
            goto fail;
        r->format.channels = (uint16_t) channels;
    } else if (fseeko(r->file, (off_t) r->format.data_at, SEEK_SET) != 0) {
        err = AHOY_ERR_IO;
        goto fail;
    }
    r->left_bytes = r->format.data_bytes;
    *out = r;
    return AHOY_OK;
fail:
    wav_reader_close(r);
    return err;
}

void wav_reader_close(struct wav_reader *r)
{
    if (!r)
        return;
    if (r->file)
        (void) fclose(r->file);
    sndfile_close(r->other);
    mem_free(r);
}

uint32_t wav_reader_hz(const struct wav_reader *r)
{
    return r->format.rate_hz;
}

unsigned wav_reader_channels(const struct wav_reader *r)
{
    return r->format.channels;
}

size_t wav_reader_read(struct wav_reader *r, int16_t *pcm, size_t n)
{
    if (r->other)
        return sndfile_read(r->other, pcm, n);
    uint8_t block[WAV_BLOCK_BYTES];
    size_t frame = r->format.channels * wav_sample_bytes(r->format.coding);
    size_t made = 0;
    while (made < n && r->left_bytes >= frame) {
        size_t want = AHOY_MIN(AHOY_MIN(n - made, sizeof block / frame), (size_t) (r->left_bytes / frame));
        size_t got = fread(block, frame, want, r->file);
        wav_decode(&r->format, block, pcm + made, got);
        made += got;
        r->left_bytes -= got * frame;
        if (got < want)
            r->left_bytes = 0;
    }
    return made;
}

enum ahoy_err wav_reader_rewind(struct wav_reader *r)
{
    if (r->other)
        return sndfile_rewind(r->other);
    r->left_bytes = r->format.data_bytes;
    return fseeko(r->file, (off_t) r->format.data_at, SEEK_SET) == 0 ? AHOY_OK : AHOY_ERR_IO;
}

/* ---- writing ----------------------------------------------------------------------------------------------------- */

struct wav_writer {
    FILE *file;
    struct wav_format format; /* its samples are all that were written so far */
    uint64_t told;            /* how many bytes of them the header tells of */
    char room[WAV_FILE_BYTES];
};

/* Writes the header for what there is and goes back to the end. */
static enum ahoy_err write_header(struct wav_writer *w)
{
    uint8_t head[WAV_HEADER_BYTES];
    wav_print_header(&w->format, head);
    if (fseeko(w->file, 0, SEEK_SET) != 0 || fwrite(head, sizeof head, 1, w->file) != 1
        || fseeko(w->file, 0, SEEK_END) != 0 || fflush(w->file) != 0)
        return AHOY_ERR_IO;
    w->told = w->format.data_bytes;
    return AHOY_OK;
}

enum ahoy_err wav_writer_open(struct wav_writer **out, const char *path, enum wav_coding coding, uint32_t rate_hz,
                              unsigned channels)
{
    if ((coding != WAV_PCM16 && coding != WAV_FLOAT32 && coding != WAV_MULAW) || channels < 1 || channels > 2)
        return AHOY_ERR_RANGE;
    struct wav_writer *w = mem_zalloc(sizeof *w);
    if (!w)
        return AHOY_ERR_NOMEM;
    w->format = (struct wav_format){
        .coding = coding, .rate_hz = rate_hz, .channels = (uint16_t) channels, .data_at = WAV_HEADER_BYTES
    };
    int fd = -1;
    enum ahoy_err err = path_create(path, &fd);
    if (err)
        goto fail;
    w->file = fdopen(fd, "wb");
    if (!w->file) {
        (void) close(fd);
        err = AHOY_ERR_NOMEM;
        goto fail;
    }
    (void) setvbuf(w->file, w->room, _IOFBF, sizeof w->room);
    err = write_header(w);
    if (err)
        goto fail;
    *out = w;
    return AHOY_OK;
fail:
    if (w->file)
        (void) fclose(w->file);
    mem_free(w);
    return err;
}

static size_t encode_sample(enum wav_coding coding, int16_t x, uint8_t *p)
{
    if (coding == WAV_MULAW) {
        p[0] = g711_mulaw_encode(x);
        return 1;
    }
    float y = (float) x / 32768.0f;
    uint32_t bits;
    memcpy(&bits, &y, sizeof bits);
    for (int i = 0; i < 4; i++)
        p[i] = (uint8_t) (bits >> 8 * i);
    return 4;
}

static size_t encode_pcm16(const int16_t *restrict pcm, size_t n, uint8_t *restrict p)
{
    for (size_t i = 0; i < n; i++) {
        p[2 * i] = (uint8_t) ((uint16_t) pcm[i] & 0xff);
        p[2 * i + 1] = (uint8_t) ((uint16_t) pcm[i] >> 8);
    }
    return 2 * n;
}

enum ahoy_err wav_writer_put(struct wav_writer *w, const int16_t *pcm, size_t frames)
{
    uint8_t block[WAV_BLOCK_BYTES];
    enum wav_coding coding = w->format.coding;
    size_t sample = wav_sample_bytes(coding);
    size_t left = frames * w->format.channels;
    while (left > 0) {
        size_t n = AHOY_MIN(left, sizeof block / sample);
        size_t bytes = 0;
        if (coding == WAV_PCM16)
            bytes = encode_pcm16(pcm, n, block);
        for (size_t i = 0; i < n && coding != WAV_PCM16; i++)
            bytes += encode_sample(coding, pcm[i], block + bytes);
        if (fwrite(block, 1, bytes, w->file) != bytes)
            return AHOY_ERR_IO;
        w->format.data_bytes += bytes;
        pcm += n;
        left -= n;
    }
    if (w->format.data_bytes - w->told >= (uint64_t) w->format.rate_hz * w->format.channels * sample)
        return write_header(w);
    return AHOY_OK;
}

enum ahoy_err wav_writer_close(struct wav_writer *w)
{
    if (!w)
        return AHOY_OK;
    enum ahoy_err err = AHOY_OK;
    if (w->format.data_bytes % 2 && fputc(0, w->file) == EOF) /* a chunk has an even length in the file */
        err = AHOY_ERR_IO;
    enum ahoy_err last = write_header(w);
    if (fclose(w->file) != 0)
        last = AHOY_ERR_IO;
    mem_free(w);
    return err ? err : last;
}
