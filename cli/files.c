/* --record and --play: files that go with a call from the moment it stands. */
#include "cli/fail.h"
#include "cli/phone.h"

#include <errno.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

/* What stands behind the last dot of the file's name, or "". */
static const char *suffix_of(const char *file)
{
    const char *slash = strrchr(file, '/'), *dot = strrchr(file, '.');
    return dot && (!slash || dot > slash) ? dot + 1 : "";
}

static bool can_write(const char *file)
{
    char dir[CLI_PATH_BYTES];
    const char *slash = strrchr(file, '/');
    struct text t;
    if (access(file, F_OK) == 0)
        return access(file, W_OK) == 0;
    text_init(&t, dir, sizeof dir);
    text_put(&t, slash ? file : ".", slash == file || !slash ? 1 : (size_t) (slash - file));
    if (t.cut)
        errno = ENAMETOOLONG;
    return !t.cut && access(dir, W_OK) == 0;
}

/* "file:IN.wav,OUT.wav": IN can be read, OUT be written; either may be left out. */
static int try_audio(const char *audio)
{
    char in[CLI_PATH_BYTES];
    struct text t;
    if (!audio || strncmp(audio, "file:", 5) != 0)
        return EXIT_DONE;
    const char *comma = strchr(audio + 5, ',');
    text_init(&t, in, sizeof in);
    text_put(&t, audio + 5, comma ? (size_t) (comma - audio) - 5 : strlen(audio + 5));
    if (in[0] && access(in, R_OK) != 0)
        return fail(EXIT_CONFIG, "--audio %s: %s cannot be read: %s", audio, in, strerror(errno));
    if (comma && comma[1] && !can_write(comma + 1))
        return fail(EXIT_CONFIG, "--audio %s: %s cannot be written: %s", audio, comma + 1, strerror(errno));
    return EXIT_DONE;
}

int phone_try_files(const struct cli_args *args)
{
    static const char *const known[] = { "wav", "flac", "opus", "ogg" };
    bool fits = !args->record;
    for (size_t i = 0; i < CLI_COUNT(known) && !fits; i++)
        fits = strcasecmp(suffix_of(args->record), known[i]) == 0;
    if (!fits)
        return fail(EXIT_USAGE, "--record %s: a recording is .wav, .flac or .opus, and its name says which",
                    args->record);
    if (args->record && !can_write(args->record))
        return fail(EXIT_CONFIG, "--record %s cannot be written: %s", args->record, strerror(errno));
    if (args->play && access(args->play, R_OK) != 0)
        return fail(EXIT_CONFIG, "--play %s cannot be read: %s", args->play, strerror(errno));
    return try_audio(args->audio);
}

/* The file for a call: as named, and with the call's number before the suffix from the second call on. */
static void name_for(const struct phone *p, const struct ahoy_event *e, char *path, size_t size)
{
    const char *file = p->args->record, *slash = strrchr(file, '/'), *dot = strrchr(file, '.');
    size_t stem = dot && (!slash || dot > slash + 1) ? (size_t) (dot - file) : strlen(file);
    struct text t;
    text_init(&t, path, size);
    if (p->recorded == 0)
        text_add(&t, "%s", file);
    else
        text_add(&t, "%.*s-%u%s", (int) stem, file, e->call.id, file + stem);
}

void phone_start_files(struct phone *p, const struct ahoy_event *e)
{
    char path[CLI_PATH_BYTES];
    ahoy_command_id wait = 0;
    if (e->type != AHOY_EVENT_CALL_STATE || e->call.state != AHOY_CALL_CONFIRMED || e->call.stats.duration_ms > 0)
        return; /* a call that is resumed is no new one */
    if (p->args->record) {
        name_for(p, e, path, sizeof path);
        struct ahoy_record_config cfg = { .path = path, .mixed = p->args->record_mixed };
        if (ahoy_call_record(p->engine, e->call.id, &cfg, &wait) == AHOY_OK)
            p->recording = wait;
        p->recorded++;
    }
    if (p->args->play) {
        struct ahoy_play_config cfg = { .path = p->args->play };
        if (ahoy_call_play(p->engine, e->call.id, &cfg, &wait) == AHOY_OK)
            p->playing = wait;
    }
}

void phone_check_files(struct phone *p, const struct ahoy_event *e)
{
    bool record = e->result.command != 0 && e->result.command == p->recording;
    bool play = e->result.command != 0 && e->result.command == p->playing;
    if ((!record && !play) || !e->result.err)
        return;
    const char *why = e->result.err == AHOY_ERR_UNSUPPORTED      ? "libsndfile is needed for it, and is not installed"
                      : e->result.err == AHOY_ERR_FORMAT && play ? "it is no sound file; WAV, FLAC and Ogg are read"
                      : e->result.err == AHOY_ERR_IO && record   ? "the disk is full, or does not take it"
                                                                 : ahoy_err_text(e->result.err);
    warn("%s %s cannot be %s: %s", record ? "--record" : "--play", record ? p->args->record : p->args->play,
         record ? "written" : "played", why);
}
