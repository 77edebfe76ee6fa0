#include "audio/soundfile.h"

#include "audio/soundfile_impl.h"
#include "audio/wav.h"
#include "base/mem.h"

struct soundfile {
    enum soundfile_kind kind;
    union {
        struct wav_writer *wav;
        struct flac_file *flac;
        struct opus_file *opus;
    } u;
};

enum ahoy_err soundfile_kind_parse(struct view name, enum soundfile_kind *out)
{
    static const struct {
        const char *name;
        enum soundfile_kind kind;
    } kinds[] = {
        { "wav", SOUNDFILE_WAV }, { "flac", SOUNDFILE_FLAC }, { "opus", SOUNDFILE_OPUS }, { "ogg", SOUNDFILE_OPUS }
    };
    for (size_t i = 0; i < AHOY_COUNT(kinds); i++)
        if (view_ieq(name, view_str(kinds[i].name))) {
            *out = kinds[i].kind;
            return AHOY_OK;
        }
    return AHOY_ERR_NOT_FOUND;
}

enum soundfile_kind soundfile_kind_of(struct view path)
{
    size_t dot = path.n;
    enum soundfile_kind kind;
    while (dot > 0 && path.p[dot - 1] != '.' && path.p[dot - 1] != '/')
        dot--;
    struct view suffix = view_of(path.p + dot, path.n - dot);
    return soundfile_kind_parse(suffix, &kind) == AHOY_OK ? kind : SOUNDFILE_WAV;
}

enum ahoy_err soundfile_create(struct soundfile **out, const struct soundfile_config *cfg)
{
    enum ahoy_err err = AHOY_ERR_INVAL;
    if (cfg->channels < 1 || cfg->channels > 2 || cfg->rate_hz < 8000 || cfg->rate_hz > 192000)
        return AHOY_ERR_RANGE;
    struct soundfile *f = mem_zalloc(sizeof *f);
    if (!f)
        return AHOY_ERR_NOMEM;
    f->kind = cfg->kind;
    switch (cfg->kind) {
    case SOUNDFILE_WAV: err = wav_writer_open(&f->u.wav, cfg->path, WAV_PCM16, cfg->rate_hz, cfg->channels); break;
    case SOUNDFILE_FLAC: err = flac_file_create(&f->u.flac, cfg); break;
    case SOUNDFILE_OPUS: err = opus_file_create(&f->u.opus, cfg); break;
    }
    if (err) {
        mem_free(f);
        return err;
    }
    *out = f;
    return AHOY_OK;
}

enum ahoy_err soundfile_put(struct soundfile *f, const int16_t *pcm, size_t frames)
{
    switch (f->kind) {
    case SOUNDFILE_WAV: return wav_writer_put(f->u.wav, pcm, frames);
    case SOUNDFILE_FLAC: return flac_file_put(f->u.flac, pcm, frames);
    case SOUNDFILE_OPUS: return opus_file_put(f->u.opus, pcm, frames);
    }
    return AHOY_ERR_INVAL;
}

enum ahoy_err soundfile_close(struct soundfile *f)
{
    enum ahoy_err err = AHOY_OK;
    if (!f)
        return AHOY_OK;
    switch (f->kind) {
    case SOUNDFILE_WAV: err = wav_writer_close(f->u.wav); break;
    case SOUNDFILE_FLAC: err = flac_file_close(f->u.flac); break;
    case SOUNDFILE_OPUS: err = opus_file_close(f->u.opus); break;
    }
    mem_free(f);
    return err;
}
