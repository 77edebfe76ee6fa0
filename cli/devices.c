/* `ahoy devices`. */
#include "ahoy/ahoy.h"
#include "cli/fail.h"
#include "cli/json.h"
#include "cli/verbs.h"

#include <math.h>
#include <string.h>

enum { TEST_MS = 7000 /* to know the clocks */, WHY_BYTES = 512 };

static void say_device(const struct ahoy_device *d)
{
    char state[80];
    struct text t;
    text_init(&t, state, sizeof state);
    if (d->muted)
        text_add(&t, ", muted");
    if (d->volume >= 0 && round(d->volume * 100) != 100)
        text_add(&t, ", volume %.0f %%", d->volume * 100);
    if (d->latency_ms >= 0)
        text_add(&t, ", in use, %.0f ms", d->latency_ms);
    say("%c %-32s %-12s %s%s", d->is_default ? '*' : ' ', d->spec,
        d->capture && d->playback ? "both"
        : d->capture              ? "microphone"
                                  : "loudspeaker",
        d->description, state);
}

static int list(const struct cli_args *args)
{
    struct ahoy_device *devices = NULL;
    size_t n = 0;
    char why[WHY_BYTES] = "";
    enum ahoy_err err = ahoy_device_list(&devices, &n, why, sizeof why);
    if (err)
        return fail(
            fail_status(err),
            "no sound devices: %s; connect a headset and start PipeWire or PulseAudio, or use --audio null, tone:HZ or file:IN.wav",
            why[0] ? why : ahoy_err_text(err));
    for (size_t i = 0; i < n; i++) {
        const struct ahoy_device *d = &devices[i];
        if (args->json) {
            json_t *o = json_head("device", 0), *fields = json_device(d);
            if (o && fields && json_object_update(o, fields) == 0)
                (void) json_say(o);
            else
                json_decref(o);
            json_decref(fields);
        } else {
            say_device(d);
        }
    }
    ahoy_free(devices);
    if (n == 0)
        return fail(15, "there is no sound device%s%s; connect one, or use --audio null, tone:HZ or file:IN.wav",
                    why[0] ? ": " : "", why);
    return EXIT_DONE;
}

/* The default device's own name, so that the test tells what it tried. */
static bool default_spec(char *dst, size_t size)
{
    struct ahoy_device *devices = NULL;
    size_t n = 0;
    bool found = false;
    if (ahoy_device_list(&devices, &n, NULL, 0))
        return false;
    for (size_t i = 0; i < n && !found; i++)
        found = devices[i].is_default && text_copy(dst, size, devices[i].spec);
    if (!found && n > 0)
        found = text_copy(dst, size, devices[0].spec);
    ahoy_free(devices);
    return found;
}

static int test(const struct cli_args *args)
{
    char why[WHY_BYTES] = "", spec[256] = "";
    struct ahoy_device_test t;
    if (args->word_count > 1 ? !text_copy(spec, sizeof spec, args->words[1]) : !default_spec(spec, sizeof spec))
        return fail(args->word_count > 1 ? EXIT_USAGE : 15,
                    args->word_count > 1
                        ? "the name of the device is too long"
                        : "there is no sound device to test; connect one, or name one: `ahoy devices test tone:440`");
    if (!args->json)
        say("testing %s for %d s: you should hear a soft tone; say something", spec, TEST_MS / 1000);
    enum ahoy_err err = ahoy_device_test(spec, TEST_MS, &t, why, sizeof why);
    if (err == AHOY_ERR_INVAL || err == AHOY_ERR_SYNTAX)
        return fail(EXIT_USAGE,
                    "'%s' is no device; it should look like pulse:NAME or alsa:NAME, as `ahoy devices ls` "
                    "lists them",
                    spec);
    if (err)
        return fail(fail_status(err), "%s", why[0] ? why : ahoy_err_text(err));
    if (args->json) {
        json_t *o = json_pack(
            "{s:i, s:s, s:I, s:o, s:I, s:I, s:o, s:o, s:o, s:o, s:o, s:o, s:I}", "v", JSON_SCHEMA_VERSION, "event",
            "device.test", "t_ms", (json_int_t) TEST_MS, "spec", json_words(spec), "frames_captured",
            (json_int_t) t.frames_captured, "frames_played", (json_int_t) t.frames_played, "level_dbfs",
            json_figure(t.level_dbfs, false), "latency_ms", json_figure(t.latency_ms, true), "latency_in_ms",
            json_figure(t.latency_in_ms, true), "latency_out_ms", json_figure(t.latency_out_ms, true), "ppm_in",
            t.clock_known ? json_figure(t.ppm_in, false) : json_null(), "ppm_out",
            t.clock_known ? json_figure(t.ppm_out, false) : json_null(), "dropouts", (json_int_t) t.dropouts);
        (void) json_say(o);
    } else {
        char line[200];
        struct text s;
        text_init(&s, line, sizeof line);
        if (t.frames_captured == 0)
            text_add(&s, "the microphone gave nothing");
        else
            text_add(&s, "the microphone heard %.0f dBFS%s", t.level_dbfs,
                     t.level_dbfs <= -90 ? " (silence: is it muted?)" : "");
        text_add(&s, t.frames_played > 0 ? ", the tone was played" : ", the loudspeaker took nothing");
        if (t.latency_ms >= 0)
            text_add(&s, ", latency %.0f ms in and %.0f ms out", t.latency_in_ms, t.latency_out_ms);
        if (t.clock_known)
            text_add(&s, ", clocks %+.0f and %+.0f ppm", t.ppm_in, t.ppm_out);
        if (t.dropouts > 0)
            text_add(&s, ", %u dropouts", (unsigned) t.dropouts);
        say("%s", line);
    }
    return t.frames_captured > 0 || t.frames_played > 0 ? EXIT_DONE : fail(15, "the device %s does not run", spec);
}

int verb_devices(const struct cli_args *args)
{
    if (strcmp(args->words[0], "ls") == 0 && args->word_count > 1)
        return fail(EXIT_USAGE, "`ahoy devices ls` takes no name");
    return strcmp(args->words[0], "ls") == 0 ? list(args) : test(args);
}
