#include "cli/phone.h"

#include "cli/fail.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <unistd.h>

enum {
    LEAVE_MS = 900,  /* for BYEs to be answered, at the end … */
    LINGER_MS = 800, /* … and for registrations to be taken back: together less than two seconds */
    TONE_MS = 2500,  /* the tone of a call that came to nothing is heard out */
    ONE_WISH_MS = 200,
    SUMMARY_LINE = 512,
};

/* ---- opening ----------------------------------------------------------------------------------------------------- */

static void wake(void *arg)
{
    const struct phone *p = arg;
    uint64_t one = 1;
    (void) !write(p->wake_fd, &one, sizeof one); /* EAGAIN: it is awake already */
}

static void log_line(void *arg, enum ahoy_log_level level, const char *room, const char *line)
{
    static const char *const name[] = { "error", "warning", "info", "debug" };
    (void) arg;
    warn("%s %s: %s", (size_t) level < CLI_COUNT(name) ? name[level] : "?", room, line);
}

struct ahoy_engine_config phone_engine_config(const struct cli_args *args)
{
    struct ahoy_engine_config cfg = AHOY_ENGINE_CONFIG_DEFAULT;
    cfg.log_level = args->verbose == 0 ? AHOY_LOG_WARNING : args->verbose == 1 ? AHOY_LOG_INFO : AHOY_LOG_DEBUG;
    cfg.log = log_line;
    cfg.binds = args->binds.v;
    cfg.bind_count = args->binds.n;
    cfg.quality_collector = args->quality_report;
    return cfg;
}

/* Signals come through a file descriptor, so that nothing runs inside a handler. Before any thread is made. */
static int open_signals(void)
{
    sigset_t set;
    (void) sigemptyset(&set);
    (void) sigaddset(&set, SIGINT);
    (void) sigaddset(&set, SIGTERM);
    (void) sigaddset(&set, SIGHUP);
    (void) signal(SIGPIPE, SIG_IGN);
    (void) signal(SIGTTIN, SIG_IGN); /* in the background a terminal is not ours to read, and we go on */
    if (pthread_sigmask(SIG_BLOCK, &set, NULL) != 0)
        return -1;
    return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

void phone_kill_on_signals(void)
{
    sigset_t set;
    (void) sigfillset(&set);
    (void) pthread_sigmask(SIG_UNBLOCK, &set, NULL);
}

static enum ahoy_transport transport_of(const char *name)
{
    if (!name)
        return AHOY_TRANSPORT_AUTO;
    return strcmp(name, "tcp") == 0 ? AHOY_TRANSPORT_TCP : AHOY_TRANSPORT_UDP;
}

static bool media_ports(const char *s, struct ahoy_engine_config *cfg)
{
    char low[8];
    uint32_t a, b;
    size_t n = strcspn(s, "-");
    if (s[n] != '-' || n >= sizeof low)
        return false;
    memcpy(low, s, n);
    low[n] = 0;
    if (!text_number(low, 1, 65535, &a) || !text_number(s + n + 1, 1, 65535, &b) || a > b)
        return false;
    cfg->media_port_low = (uint16_t) a;
    cfg->media_port_high = (uint16_t) b;
    return true;
}

static int open_engine(struct phone *p, const struct phone_options *o)
{
    char why[512] = "";
    struct ahoy_engine_config cfg = phone_engine_config(p->args);
    cfg.log_arg = p;
    cfg.wakeup = wake;
    cfg.wakeup_arg = p;
    cfg.transport = o->listen_transport;
    cfg.any_port = o->any_port;
    cfg.trace = p->trace_fd >= 0 || p->args->verbose >= 2;
    if (o->bind_count > 0) {
        cfg.binds = o->binds;
        cfg.bind_count = o->bind_count;
    }
    if (p->args->media_ports && !media_ports(p->args->media_ports, &cfg))
        return fail(EXIT_USAGE, "--media-ports must look like 10000-10100, not '%s'", p->args->media_ports);
    enum ahoy_err err = ahoy_engine_create(&p->engine, &cfg, why, sizeof why);
    if (err) {
        p->engine = NULL;
        return fail(fail_status(err), "%s", why[0] ? why : ahoy_err_text(err));
    }
    p->started_ms = clock_ms() - ahoy_engine_time_ms(p->engine); /* what is told has the clock of events */
    return EXIT_DONE;
}

static void open_control(struct phone *p)
{
    char dir[CLI_PATH_BYTES], why[256];
    struct text t;
    if (p->args->config && strcmp(p->args->config, "none") == 0)
        return;
    text_init(&t, why, sizeof why);
    if (!paths_runtime(p->args, true, dir))
        text_add(&t, "there is no folder for it that is ours alone");
    else
        (void) control_open(&p->control, dir, &t);
    if (t.n > 0 && p->args->verbose > 0)
        warn("no `ahoy status` and `ahoy trace` for this phone: %s", why);
}

/* The country of the locale ("de_AT.UTF-8"), whose tones its people know. */
static const char *tones_of_locale(struct phone *p)
{
    static const char *const names[] = { "LC_ALL", "LC_TELEPHONE", "LANG" };
    struct text t;
    text_init(&t, p->tones, sizeof p->tones);
    text_add(&t, "auto");
    for (size_t i = 0; i < CLI_COUNT(names); i++) {
        const char *locale = getenv(names[i]), *country = locale ? strchr(locale, '_') : NULL;
        if (!locale || !locale[0])
            continue;
        if (country && strspn(country + 1, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") == 2)
            text_add(&t, ":%.2s", country + 1);
        break;
    }
    return p->tones;
}

int phone_open(struct phone *p, const struct cli_args *args, const struct phone_options *o)
{
    memset(p, 0, offsetof(struct phone, lines));
    p->args = args;
    p->json = args->json;
    p->wake_fd = p->signal_fd = p->trace_fd = -1;
    p->on_event = o->on_event;
    p->on_event_arg = o->on_event_arg;
    p->started_ms = clock_ms();
    ahoy_call_stats_init(&p->summary.stats);
    p->transport = transport_of(args->transport);
    p->media = (struct ahoy_media_config){ .codecs = args->codec,
                                           .ptime_ms = args->ptime_ms,
                                           .audio = args->audio,
                                           .processing = args->processing,
                                           .tones = args->tones ? args->tones : tones_of_locale(p),
                                           .ring = args->ring,
                                           .ring_sound = args->ring_sound,
                                           .impair = args->impair,
                                           .dtmf = args->dtmf };
    control_init(&p->control, &p->lines.control);
    lines_init(&p->console, p->lines.console, sizeof p->lines.console);
    p->console_open = args->json;
    p->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    p->signal_fd = open_signals();
    if (p->wake_fd < 0 || p->signal_fd < 0)
        return p->status = fail(14, "the system gives no file descriptors: %s", strerror(errno));
    if (args->trace_file) {
        p->trace_fd = open(args->trace_file, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
        if (p->trace_fd < 0)
            return p->status = fail(EXIT_CONFIG, "cannot write --trace %s: %s", args->trace_file, strerror(errno));
    }
    p->status = open_engine(p, o);
    if (p->status == EXIT_DONE && o->control)
        open_control(p);
    return p->status;
}

int64_t phone_now(const struct phone *p)
{
    return p->engine ? ahoy_engine_time_ms(p->engine) : clock_ms() - p->started_ms;
}

/* ---- telling ----------------------------------------------------------------------------------------------------- */

static void tell_line(struct phone *p, const json_t *o, bool trace)
{
    size_t n = 0;
    char *line = json_line(o, &n);
    if (!line)
        return;
    if (p->json && !trace && !text_write(STDOUT_FILENO, line, n))
        phone_leave(p);
    for (int i = 0; i < CONTROL_CLIENTS; i++)
        if (p->control.client[i].fd >= 0 && (!trace || p->control.client[i].trace))
            control_send(&p->control, i, line, n);
    if (trace && p->trace_fd >= 0)
        (void) text_write(p->trace_fd, line, n);
    json_line_free(line);
}

void phone_tell(struct phone *p, json_t *o)
{
    tell_line(p, o, false);
    json_decref(o);
}

void phone_answer(struct phone *p, int source, json_t *o)
{
    size_t n = 0;
    char *line = json_line(o, &n);
    if (source == PHONE_CONSOLE && !p->json)
        phone_say_reply(o);
    else if (line && source == PHONE_CONSOLE)
        (void) text_write(STDOUT_FILENO, line, n);
    else if (line)
        control_send(&p->control, source, line, n);
    json_line_free(line);
    json_decref(o);
}

static void tell_event(struct phone *p, const struct ahoy_event *e)
{
    bool clients = false, trace = e->type == AHOY_EVENT_TRACE;
    for (size_t i = 0; i < CONTROL_CLIENTS; i++)
        clients = clients || p->control.client[i].fd >= 0;
    if (clients || p->json || (trace && p->trace_fd >= 0)) {
        json_t *o = json_event(e);
        tell_line(p, o, trace);
        json_decref(o);
    }
    if (!p->json || trace)
        phone_say_event(p, e);
}

static void keep_summary(struct phone *p, const struct ahoy_event *e)
{
    struct summary *s = &p->summary;
    if (e->type == AHOY_EVENT_CALL_MEDIA && e->media.running) {
        s->srtp = e->media.srtp;
        s->ice = e->media.ice;
    }
    if (e->type == AHOY_EVENT_CALL_MEDIA) {
        p->no_device = e->media.trouble == AHOY_CAUSE_DEVICE;
        if (p->no_device)
            (void) text_copy(s->text, sizeof s->text, e->media.text);
    }
    if (e->type != AHOY_EVENT_CALL_STATE || e->call.state != AHOY_CALL_ENDED || (e->call.incoming && !p->many))
        return; /* a phone that calls refuses what comes in, and that is no news */
    s->calls++;
    s->cause = e->call.cause;
    s->sip_status = e->call.sip_status;
    s->ended_by_peer = e->call.ended_by_peer;
    s->stats = e->call.stats;
    (void) text_copy(s->reason, sizeof s->reason, e->call.reason);
    if (s->cause == AHOY_CAUSE_NONE && p->no_device && !p->many)
        s->cause = AHOY_CAUSE_DEVICE; /* the call was signalled well, and nobody heard a thing */
    else
        (void) text_copy(s->text, sizeof s->text, e->call.text);
}

bool phone_stands_in(const struct phone *p)
{
    const char *audio = p->args->audio;
    return audio && strncmp(audio, "pulse", 5) != 0 && strncmp(audio, "alsa", 4) != 0;
}

ahoy_call_id phone_number(const struct phone *p, ahoy_call_id call)
{
    return p->many || p->numbered ? call : 0;
}

void phone_say_figures(const struct phone *p, ahoy_call_id call, const struct ahoy_call_stats *s)
{
    char line[SUMMARY_LINE], which[16] = "";
    struct ahoy_judgement j;
    struct text t;
    if (call != 0)
        (void) snprintf(which, sizeof which, "[%u] ", call);
    text_init(&t, line, sizeof line);
    text_add(&t, "%.1f s", s->duration_ms / 1000.0);
    if (s->codec[0])
        text_add(&t, ", %s %g kHz", s->codec, s->rate_hz / 1000.0);
    text_add(&t, ", %llu packets in, %llu out, %llu lost, %llu late, jitter %.1f ms", (unsigned long long) s->rtp_in,
             (unsigned long long) s->rtp_out, (unsigned long long) s->lost, (unsigned long long) s->late, s->jitter_ms);
    if (s->rtt_ms >= 0)
        text_add(&t, ", round trip %.1f ms", s->rtt_ms);
    say("%s%s", which, line);
    ahoy_call_judge(s, &j);
    say("%s%s", which, j.text);
    if (j.advice[0] && !(j.spoiler == AHOY_SPOILER_SILENT && phone_stands_in(p)))
        say("%s%s", which, j.advice);
}

void phone_say_summary(struct phone *p)
{
    phone_tell(p, json_summary(&p->summary, phone_now(p)));
    if (!p->json && !p->many && !p->numbered && p->summary.stats.duration_ms > 0) /* else each call's end has told */
        phone_say_figures(p, 0, &p->summary.stats);
}

/* ---- the loop ---------------------------------------------------------------------------------------------------- */

size_t phone_calls(struct phone *p)
{
    struct ahoy_call_info *list = NULL;
    size_t n = 0;
    if (ahoy_call_list(p->engine, &list, &n))
        return 0;
    ahoy_free(list);
    return n;
}

static void hang_up_all(struct phone *p)
{
    struct ahoy_call_info *list = NULL;
    size_t n = 0;
    if (ahoy_call_list(p->engine, &list, &n))
        return;
    for (size_t i = 0; i < n; i++)
        (void) !ahoy_call_hangup(p->engine, list[i].id, NULL);
    ahoy_free(list);
}

void phone_leave(struct phone *p)
{
    if (p->leaving)
        return;
    p->leaving = true;
    p->leave_at_ms = clock_ms() + LEAVE_MS;
    hang_up_all(p);
}

static void on_engine(struct phone *p)
{
    uint64_t count;
    (void) !read(p->wake_fd, &count, sizeof count);
    for (struct ahoy_event *e; (e = ahoy_engine_next_event(p->engine)); ahoy_event_free(e)) {
        if (e->type == AHOY_EVENT_RESULT) {
            (void) phone_answer_pending(p, e);
            phone_check_files(p, e);
        } else {
            keep_summary(p, e);
            tell_event(p, e);
            phone_start_files(p, e);
        }
        if (p->on_event)
            p->on_event(p, e);
    }
}

static void on_signal(struct phone *p)
{
    struct signalfd_siginfo info;
    while (read(p->signal_fd, &info, sizeof info) == (ssize_t) sizeof info) {
        /* Some wrappers send a signal to us and to our process group: both are one wish. */
        if (p->interrupted && clock_ms() - p->interrupted_ms < ONE_WISH_MS)
            continue;
        if (p->interrupted) { /* the second time at once */
            control_close(&p->control);
            _exit(128 + (int) info.ssi_signo);
        }
        p->interrupted = true;
        p->interrupted_ms = clock_ms();
        if (p->args->verbose > 0)
            warn("signal %u: hanging up", info.ssi_signo);
        phone_leave(p);
    }
}

static void on_client(struct phone *p, int i)
{
    struct control_client *k = &p->control.client[i];
    char *line;
    size_t n;
    long got = lines_read(&k->lines, k->fd);
    if (got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR)) {
        control_drop(&p->control, i);
        phone_update_trace(p);
        return;
    }
    while (k->fd >= 0 && lines_next(&k->lines, &line, &n))
        phone_command(p, i, line, n);
    if (k->lines.too_long)
        control_drop(&p->control, i);
}

void phone_update_trace(struct phone *p)
{
    ahoy_engine_set_trace(p->engine, p->trace_fd >= 0 || p->args->verbose >= 2 || control_any_trace(&p->control));
}

static int timeout_of(const struct phone *p, int64_t now)
{
    int64_t at = p->leave_at_ms ? p->leave_at_ms : p->end_at_ms;
    if (at == 0)
        return -1;
    return at <= now ? 0 : at - now > 60000 ? 60000 : (int) (at - now);
}

static void check_deadlines(struct phone *p)
{
    int64_t now = clock_ms();
    if (!p->leaving && p->end_at_ms && now >= p->end_at_ms) {
        p->end_at_ms = 0;
        p->ending = true;
    }
    if (!p->leaving && p->ending && phone_calls(p) == 0) /* a call that stands has its own limit */
        phone_leave(p);
    if (p->leaving && (now >= p->leave_at_ms || phone_calls(p) == 0)) {
        on_engine(p); /* the last call's end may have come meanwhile */
        p->done = true;
    }
}

enum {
    POLL_SIGNAL,
    POLL_ENGINE,
    POLL_CONSOLE,
    POLL_CONTROL,
    POLL_CLIENTS,
    POLL_COUNT = POLL_CLIENTS + CONTROL_CLIENTS
};

void phone_run(struct phone *p)
{
    while (!p->done) {
        struct pollfd fds[POLL_COUNT] = {
            [POLL_SIGNAL] = { .fd = p->signal_fd, .events = POLLIN },
            [POLL_ENGINE] = { .fd = p->wake_fd, .events = POLLIN },
            [POLL_CONSOLE] = { .fd = phone_console_readable(p) ? STDIN_FILENO : -1, .events = POLLIN },
            [POLL_CONTROL] = { .fd = p->control.fd, .events = POLLIN },
        };
        for (size_t i = 0; i < CONTROL_CLIENTS; i++)
            fds[POLL_CLIENTS + i] = (struct pollfd){ .fd = p->control.client[i].fd, .events = POLLIN };
        if (poll(fds, POLL_COUNT, timeout_of(p, clock_ms())) < 0 && errno != EINTR)
            break;
        if (fds[POLL_SIGNAL].revents)
            on_signal(p);
        if (fds[POLL_ENGINE].revents)
            on_engine(p);
        if (fds[POLL_CONSOLE].revents)
            phone_on_console(p);
        for (int i = 0; i < CONTROL_CLIENTS; i++)
            if (fds[POLL_CLIENTS + i].revents && p->control.client[i].fd >= 0)
                on_client(p, i);
        if (fds[POLL_CONTROL].revents)
            (void) control_accept(&p->control);
        check_deadlines(p);
    }
}

int phone_close(struct phone *p)
{
    control_close(&p->control);
    phone_kill_on_signals();
    bool tone = p->args->verb == CLI_CALL && p->summary.cause != AHOY_CAUSE_NONE && !p->interrupted;
    ahoy_engine_destroy(p->engine, tone ? TONE_MS : LINGER_MS);
    phone_forget_pending(p);
    if (p->wake_fd >= 0)
        (void) close(p->wake_fd);
    if (p->signal_fd >= 0)
        (void) close(p->signal_fd);
    if (p->trace_fd >= 0)
        (void) close(p->trace_fd);
    return p->status;
}

/* ---- placing calls ----------------------------------------------------------------------------------------------- */

/* An option whose value means nothing: what it takes, as the help has it. */
static int fail_option(const char *name, const char *value)
{
    for (size_t i = 0; i < cli_option_count; i++)
        if (strcmp(cli_options[i].name, name) == 0)
            return fail(EXIT_USAGE, "--%s '%s' cannot be understood; --%s %s: %s", name, value, name,
                        cli_options[i].value, cli_options[i].help);
    return fail(EXIT_USAGE, "--%s '%s' cannot be understood", name, value);
}

int phone_blame(struct phone *p, const char *uri)
{
    const struct ahoy_media_config *m = &p->media;
    const struct {
        const char *option, *value;
        struct ahoy_media_config alone;
    } suspects[] = {
        { "codec", m->codecs, { .codecs = m->codecs } },
        { "audio", m->audio, { .audio = m->audio } },
        { "processing", m->processing, { .processing = m->processing } },
        { "tones", m->tones, { .tones = m->tones } },
        { "ring", m->ring, { .ring = m->ring } },
        { "ring-sound", m->ring_sound, { .ring_sound = m->ring_sound } },
        { "impair", m->impair, { .impair = m->impair } },
        { "dtmf", m->dtmf, { .dtmf = m->dtmf } },
    };
    for (size_t i = 0; i < CLI_COUNT(suspects); i++) {
        struct ahoy_listen_config probe = { .media = suspects[i].alone };
        enum ahoy_err err = suspects[i].value ? ahoy_listen(p->engine, &probe) : AHOY_OK;
        if (err == AHOY_ERR_UNSUPPORTED)
            return fail(EXIT_CONFIG,
                        "--processing %s needs RNNoise's library, librnnoise.so.0, which is not installed (Debian 14: "
                        "librnnoise0); ns in place of rnn needs none",
                        suspects[i].value);
        if (err == AHOY_ERR_INVAL)
            return fail_option(suspects[i].option, suspects[i].value);
    }
    if (m->ptime_ms % 10 != 0)
        return fail(EXIT_USAGE, "--ptime must be 10, 20, 30, 40, 50 or 60");
    if (uri)
        return fail(EXIT_USAGE, "'%s' is no address that can be called; it should look like sip:bob@example.org", uri);
    return fail(EXIT_USAGE, "the options do not fit together");
}

int phone_place(struct phone *p, const char *uri, ahoy_call_id *out)
{
    struct ahoy_call_config cfg = {
        .account = p->account,
        .uri = uri,
        .from = p->account == 0 && p->from[0] ? p->from : NULL,
        .proxy = p->args->proxy,
        .transport = p->transport,
        .media = p->media,
        .ring_s = p->args->give_up_after_s ? p->args->give_up_after_s : PHONE_GIVE_UP_AFTER_S,
        .max_s = p->args->max_s,
        .hold_after_s = p->args->hold_after_s,
    };
    if (p->account == 0 && !strpbrk(uri, "@:"))
        return fail(EXIT_USAGE, "'%s' needs a server: call sip:%s@example.org, or store an account: `ahoy account add`",
                    uri, uri);
    enum ahoy_err err = ahoy_call_place(p->engine, &cfg, out);
    if (err == AHOY_ERR_INVAL || err == AHOY_ERR_UNSUPPORTED)
        return phone_blame(p, uri);
    return err ? fail(fail_status(err), "cannot call %s: %s", uri, ahoy_err_text(err)) : EXIT_DONE;
}
