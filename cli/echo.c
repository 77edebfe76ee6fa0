/*
 * `ahoy echo`: a whole call inside the process. One engine listens and sends back what it hears, another calls it over real
 * sockets on loopback; then what came back is held against what was said.
 */
#include "cli/echo.h"

#include "cli/fail.h"
#include "cli/phone.h"
#include "cli/signal_file.h"
#include "cli/verbs.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

enum {
    ECHO_DEFAULT_S = 5,
    ECHO_LEAD_MS = 1000, /* the test signal begins so long after the answer, in a call that is long enough … */
    ECHO_TAIL_MS = 400,  /* … and ends so long before the call does, for the rest of it to come back */
    SENTENCE_BYTES = 640,
    ECHO_WORTH_DB = 6, /* less was none, as with a headset */
};

struct echo {
    struct phone phone;
    struct cli_args args; /* with a limit of time */
    struct ahoy_engine *peer;
    char dir[CLI_PATH_BYTES / 2]; /* ours, temporary */
    char said[CLI_PATH_BYTES], heard[CLI_PATH_BYTES], both[CLI_PATH_BYTES], spec[2 * CLI_PATH_BYTES + 8];
    char uri[128];
    bool recorded; /* the call was recorded, and is still to be taken apart */
    struct echo_result result;
};

/* ---- the sound --------------------------------------------------------------------------------------------------- */

static bool has_devices(void)
{
    struct ahoy_device *list = NULL;
    size_t n = 0;
    bool in = false, out = false;
    if (ahoy_device_list(&list, &n, NULL, 0))
        return false;
    for (size_t i = 0; i < n; i++) {
        in = in || list[i].capture;
        out = out || list[i].playback;
    }
    ahoy_free(list);
    return in && out;
}

static int choose_sound(struct echo *x, const struct cli_args *args, uint32_t seconds)
{
    const char *tmp = getenv("TMPDIR");
    (void) snprintf(x->dir, sizeof x->dir, "%.200s/ahoy-echo-XXXXXX", tmp && *tmp ? tmp : "/tmp");
    if (!mkdtemp(x->dir))
        return fail(EXIT_CONFIG, "cannot make a temporary folder (%s); set TMPDIR to one that can be written", x->dir);
    (void) snprintf(x->said, sizeof x->said, "%s/said.wav", x->dir);
    (void) snprintf(x->heard, sizeof x->heard, "%s/heard.wav", x->dir);
    (void) snprintf(x->both, sizeof x->both, "%s/call.wav", x->dir);
    if (args->audio || has_devices()) {
        x->recorded = true;
        return EXIT_DONE;
    }
    x->result.test_signal = true;
    if (!signal_file_write(x->said, seconds * 1000 - ECHO_TAIL_MS, seconds > 2 ? ECHO_LEAD_MS : 0))
        return fail(EXIT_CONFIG, "cannot write the test signal into %s; is the disk full?", x->dir);
    (void) snprintf(x->spec, sizeof x->spec, "file:%s,%s", x->said, x->heard);
    return EXIT_DONE;
}

static void measure(struct echo *x)
{
    if (x->recorded && !signal_file_split(x->both, x->said, x->heard))
        return;
    x->result.compared = ahoy_sound_compare(x->said, x->heard, &x->result.score) == AHOY_OK;
}

/* ---- the verdict ------------------------------------------------------------------------------------------------- */

static const char *name_of_codec(const char *codec)
{
    static const char *const names[][2] = {
        { "opus", "Opus" }, { "g722", "G.722" }, { "pcmu", "G.711 µ-law" }, { "pcma", "G.711 A-law" }, { "l16", "L16" }
    };
    for (size_t i = 0; i < CLI_COUNT(names); i++)
        if (strcasecmp(codec, names[i][0]) == 0)
            return names[i][1];
    return codec;
}

static void say_source(const struct echo_result *r, struct text *t)
{
    if (r->test_signal)
        text_add(t, " (no sound card was found, so a test signal stood in for microphone and loudspeaker)");
    else if (r->audio)
        text_add(t, " (with %s for microphone and loudspeaker)", r->audio);
    else if (r->stats.loudest_out_dbfs <= ECHO_SILENT_DBFS)
        text_add(t, "; the microphone gives nothing but silence: it may be muted, or the wrong one is chosen");
    else
        text_add(t, " (microphone at up to %.0f dBFS, loudspeaker played)", r->stats.loudest_out_dbfs);
    if (r->stats.echo && r->stats.erle_db >= ECHO_WORTH_DB)
        text_add(t, ", what the microphone hears of the loudspeaker is lowered by %.0f dB", r->stats.erle_db);
}

bool echo_verdict(const struct echo_result *r, struct text *t)
{
    bool heard = r->compared && r->score.level_dbfs > ECHO_SILENT_DBFS;
    bool quiet = r->stats.loudest_out_dbfs <= ECHO_SILENT_DBFS && !heard && r->stats.rtp_in > 0;
    bool works = r->stats.rtp_in > 0 && (heard || quiet);
    bool poor = works && heard && (r->score.correlation < 0.7 || (r->stats.mos >= 0 && r->stats.mos < 3.0));
    text_add(t, !works  ? "Sound does not work: "
                : quiet ? "The call works, but nothing was said: "
                : poor  ? "Sound works, but poorly: "
                        : "Sound works: ");
    if (r->stats.rtp_in == 0) {
        text_add(t, "nothing came back; a firewall on this machine may block UDP on loopback");
        return false;
    }
    text_add(t, "%s %g kHz", name_of_codec(r->stats.codec), r->stats.rate_hz / 1000.0);
    if (heard)
        text_add(t, ", what you say comes back after %.0f ms, level %.0f dBFS", r->score.delay_ms, r->score.level_dbfs);
    text_add(t, ", %llu packet%s lost", (unsigned long long) r->stats.lost, r->stats.lost == 1 ? "" : "s");
    if (heard)
        text_add(t, ", similarity %.2f", r->score.correlation);
    else if (!quiet)
        text_add(t, ", but what came back is silent");
    if (r->stats.mos >= 0 && heard)
        text_add(t, ", MOS %.1f", r->stats.mos);
    say_source(r, t);
    text_add(t, ".");
    return works;
}

static void say_verdict(struct echo *x)
{
    struct phone *p = &x->phone;
    struct echo_result *r = &x->result;
    char sentence[SENTENCE_BYTES];
    struct text t;
    text_init(&t, sentence, sizeof sentence);
    r->stats = p->summary.stats;
    if (p->summary.cause != AHOY_CAUSE_NONE) {
        text_add(&t, "Sound does not work: %s", p->summary.text);
        p->status = fail(ahoy_cause_exit_status(p->summary.cause), "%s", p->summary.text);
    } else if (r->stats.duration_ms == 0 && p->interrupted) {
        text_add(&t, "The test was broken off before it began.");
    } else if (!echo_verdict(r, &t) && !p->interrupted) {
        p->summary.cause = r->stats.rtp_in == 0 ? AHOY_CAUSE_NO_RTP : AHOY_CAUSE_ONE_WAY;
        p->status = fail(ahoy_cause_exit_status(p->summary.cause), "%s", sentence);
    }
    if (r->compared) /* what was measured from mouth to ear outdoes what was estimated */
        p->summary.stats.delay_ms = r->score.delay_ms;
    json_t *o = p->json ? json_summary(&p->summary, phone_now(p)) : NULL;
    json_t *more = json_pack("{s:b, s:s, s:o, s:o, s:o}", "test_signal", (int) r->test_signal, "verdict", sentence,
                             "similarity", json_figure(r->compared ? r->score.correlation : -1, true), "level_dbfs",
                             r->compared ? json_figure(r->score.level_dbfs, false) : json_null(), "gain_db",
                             r->compared ? json_figure(r->score.gain_db, false) : json_null());
    if (o && more && json_object_update(o, more) == 0)
        phone_tell(p, o);
    else
        json_decref(o);
    json_decref(more);
    if (!p->json)
        say("%s", sentence);
}

/* ---- the call ---------------------------------------------------------------------------------------------------- */

static void on_event(struct phone *p, const struct ahoy_event *e)
{
    struct echo *x = p->on_event_arg;
    for (struct ahoy_event *other; (other = ahoy_engine_next_event(x->peer));) /* its news are ours */
        ahoy_event_free(other);
    if (e->type != AHOY_EVENT_CALL_STATE)
        return;
    if (e->call.state == AHOY_CALL_CONFIRMED && x->recorded)
        (void) !ahoy_call_record(p->engine, e->call.id, &(struct ahoy_record_config){ .path = x->both }, NULL);
    if (e->call.state == AHOY_CALL_ENDED)
        p->done = true;
}

/* The peer's address for the transport that is asked for. */
static bool peer_uri(struct echo *x, bool tcp)
{
    char **at = ahoy_engine_listening(x->peer);
    bool found = false;
    for (size_t i = 0; at && at[i] && !found; i++) {
        found = strncmp(at[i], tcp ? "tcp:" : "udp:", 4) == 0;
        if (found)
            (void) snprintf(x->uri, sizeof x->uri, "sip:echo@%.80s%s", at[i] + 4, tcp ? ";transport=tcp" : "");
    }
    ahoy_free(at);
    return found;
}

static int open_peer(struct echo *x, const struct cli_args *args)
{
    static const char *const loopback[] = { "127.0.0.1:0" };
    char why[512] = "";
    struct ahoy_engine_config cfg = phone_engine_config(args);
    struct ahoy_listen_config listen = { .auto_answer = true,
                                         .media = { .codecs = args->codec, .audio = "null", .echo = true } };
    cfg.binds = loopback;
    cfg.bind_count = 1;
    cfg.event_capacity = 64;
    enum ahoy_err err = ahoy_engine_create(&x->peer, &cfg, why, sizeof why);
    if (err) {
        x->peer = NULL;
        return fail(fail_status(err), "the echo cannot be opened: %s", why[0] ? why : ahoy_err_text(err));
    }
    err = ahoy_listen(x->peer, &listen);
    if (err || !peer_uri(x, args->transport && strcmp(args->transport, "tcp") == 0))
        return fail(EXIT_SIP, "the echo cannot be opened: %s", ahoy_err_text(err ? err : AHOY_ERR_NOT_FOUND));
    return EXIT_DONE;
}

static void remove_files(struct echo *x)
{
    if (!x->said[0])
        return;
    (void) unlink(x->said);
    (void) unlink(x->heard);
    (void) unlink(x->both);
    (void) rmdir(x->dir);
}

static int run(struct echo *x, const struct cli_args *args)
{
    static const char *const loopback[] = { "127.0.0.1:0" };
    struct phone *p = &x->phone;
    struct phone_options o = { .binds = loopback, .bind_count = 1, .on_event = on_event, .on_event_arg = x };
    ahoy_call_id call = 0;
    x->args = *args;
    x->args.max_s = args->max_s > 0 ? args->max_s : ECHO_DEFAULT_S;
    if (phone_open(p, &x->args, &o) != EXIT_DONE || (p->status = choose_sound(x, args, x->args.max_s)) != EXIT_DONE
        || (p->status = open_peer(x, args)) != EXIT_DONE)
        return p->status;
    x->result.audio = args->audio;
    if (x->result.test_signal)
        p->media.audio = x->spec;
    if (!p->json)
        say("%s", x->result.test_signal ? "calling the echo; no sound card was found, so a test signal speaks"
                                        : "calling the echo: say something");
    (void) text_copy(p->from, sizeof p->from, args->from);
    p->status = phone_place(p, x->uri, &call);
    if (p->status != EXIT_DONE)
        return p->status;
    phone_run(p);
    measure(x);
    say_verdict(x);
    return p->status;
}

int verb_echo(const struct cli_args *args)
{
    struct echo x = { .peer = NULL };
    int status = run(&x, args);
    (void) phone_close(&x.phone);
    ahoy_engine_destroy(x.peer, 200);
    remove_files(&x);
    return status;
}
