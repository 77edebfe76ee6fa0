/* `ahoy trace`: the SIP messages of a running phone or of a file, as a ladder and as a capture. */
#include "cli/control.h"
#include "cli/fail.h"
#include "cli/json.h"
#include "cli/ladder.h"
#include "cli/pcap.h"
#include "cli/verbs.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

enum { PHONES_MAX = 64, LINE_BYTES = 1 << 19, DRAWING_BYTES = 1 << 18 };

struct trace {
    const struct cli_args *args;
    struct ladder ladder;
    struct pcap_writer pcap;
    int pcap_fd;
    bool begun, failed;
    int64_t first_ms;
    uint64_t messages;
    char drawing[DRAWING_BYTES];
};

static void json_message(const struct seen *m)
{
    (void) json_say(json_pack("{s:i, s:I, s:s, s:b, s:s, s:o, s:o, s:I, s:o}", "v", JSON_SCHEMA_VERSION, "t_ms",
                              (json_int_t) m->t_ms, "event", "trace", "sent", 1, "transport", m->transport, "local",
                              json_words(m->from), "peer", json_words(m->to), "unix_ms", (json_int_t) m->unix_ms,
                              "text", json_bytes(m->text, m->n)));
}

static void on_seen(void *arg, const struct seen *m)
{
    struct trace *x = arg;
    struct text t;
    x->messages++;
    if (x->pcap_fd >= 0 && !pcap_write(&x->pcap, m))
        x->failed = true;
    if (x->args->json) {
        json_message(m);
        return;
    }
    text_init(&t, x->drawing, sizeof x->drawing);
    ladder_add(&x->ladder, m, &t);
    if (!text_write(STDOUT_FILENO, t.p, t.n))
        x->failed = true;
}

/* A line of JSON as --trace and the control socket give it; other events are passed over. */
static void on_line(struct trace *x, const char *line, size_t n)
{
    json_t *o = json_loadb(line, n, JSON_ALLOW_NUL, NULL);
    const char *event = json_string_value(json_object_get(o, "event"));
    const char *local = json_string_value(json_object_get(o, "local"));
    const char *peer = json_string_value(json_object_get(o, "peer"));
    const char *transport = json_string_value(json_object_get(o, "transport"));
    const json_t *text = json_object_get(o, "text");
    if (event && strcmp(event, "trace") == 0 && local && peer && transport && json_is_string(text)) {
        bool sent = json_is_true(json_object_get(o, "sent"));
        struct seen m = { .from = sent ? local : peer,
                          .to = sent ? peer : local,
                          .transport = transport,
                          .text = json_string_value(text),
                          .n = json_string_length(text) };
        int64_t t_ms = json_integer_value(json_object_get(o, "t_ms"));
        if (!x->begun)
            x->first_ms = t_ms;
        x->begun = true;
        m.t_ms = t_ms - x->first_ms;
        m.unix_ms = json_integer_value(json_object_get(o, "unix_ms"));
        on_seen(x, &m);
    }
    json_decref(o);
}

/* ---- live -------------------------------------------------------------------------------------------------------- */

static int open_signals(void)
{
    sigset_t set;
    (void) sigemptyset(&set);
    (void) sigaddset(&set, SIGINT);
    (void) sigaddset(&set, SIGTERM);
    (void) signal(SIGPIPE, SIG_IGN);
    (void) sigprocmask(SIG_BLOCK, &set, NULL);
    return signalfd(-1, &set, SFD_CLOEXEC);
}

static int follow(struct trace *x, int fd)
{
    static const char question[] = "{\"cmd\":\"trace\",\"on\":true}\n";
    char buf[LINE_BYTES], *line;
    size_t n;
    struct lines lines;
    struct pollfd fds[] = { { .fd = fd, .events = POLLIN }, { .fd = open_signals(), .events = POLLIN } };
    if (!text_write(fd, question, sizeof question - 1))
        return fail(EXIT_SIP, "the phone has gone");
    lines_init(&lines, buf, sizeof buf);
    while (!x->failed && poll(fds, CLI_COUNT(fds), -1) > 0 && !fds[1].revents) {
        if (lines_read(&lines, fd) <= 0)
            break;
        while (lines_next(&lines, &line, &n))
            on_line(x, line, n);
    }
    if (fds[1].fd >= 0)
        (void) close(fds[1].fd);
    return EXIT_DONE;
}

static int live(struct trace *x, uint32_t pid)
{
    uint32_t pids[PHONES_MAX];
    char dir[CLI_PATH_BYTES];
    int fd = -1, other = -1;
    size_t n = paths_runtime(x->args, false, dir) ? control_list(dir, pids, PHONES_MAX) : 0;
    for (size_t i = 0; i < n; i++) {
        if (pid != 0 && pids[i] != pid)
            continue;
        other = control_connect(dir, pids[i]);
        if (other >= 0 && fd >= 0) {
            (void) close(other);
            (void) close(fd);
            return fail(EXIT_USAGE,
                        "more than one phone is running; `ahoy status` lists them, `ahoy trace PID` follows one");
        }
        fd = other >= 0 ? other : fd;
    }
    if (fd < 0 && pid != 0)
        return fail(EXIT_USAGE, "no phone has the process id %u; `ahoy status` lists those that run", pid);
    if (fd < 0)
        return fail(EXIT_USAGE, "no phone is running; start one with `ahoy listen`, or name a file");
    int status = follow(x, fd);
    (void) close(fd);
    return status;
}

/* ---- files ------------------------------------------------------------------------------------------------------- */

static int read_lines(struct trace *x, const char *path)
{
    char buf[LINE_BYTES], *line;
    size_t n;
    struct lines lines;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return fail(EXIT_USAGE, "cannot open %s: %s", path, strerror(errno));
    lines_init(&lines, buf, sizeof buf);
    while (!x->failed && lines_read(&lines, fd) > 0)
        while (lines_next(&lines, &line, &n))
            on_line(x, line, n);
    (void) close(fd);
    return x->messages > 0
               ? EXIT_DONE
               : fail(EXIT_USAGE,
                      "there are no SIP messages in %s; it should be a capture (pcap) or written by --trace", path);
}

static int read_capture(struct trace *x, FILE *file, const char *path)
{
    struct pcap_reader reader;
    char why[200];
    struct text t;
    text_init(&t, why, sizeof why);
    if (!pcap_read(&reader, file, on_seen, x, &t))
        return fail(EXIT_USAGE, "%s: %s", path, why);
    if (reader.fragments > 0)
        warn("%llu fragments of IP packets were left out", (unsigned long long) reader.fragments);
    if (reader.messages == 0)
        return fail(EXIT_USAGE, "there is no SIP over UDP or TCP in %s (%llu packets)", path,
                    (unsigned long long) reader.packets);
    return EXIT_DONE;
}

static int from_file(struct trace *x, const char *path)
{
    uint8_t magic[4] = { 0 };
    char why[200];
    struct text t;
    FILE *file = fopen(path, "rb");
    if (!file)
        return fail(EXIT_USAGE, "cannot open %s: %s", path, strerror(errno));
    text_init(&t, why, sizeof why);
    bool capture = fread(magic, sizeof magic, 1, file) == 1 && pcap_is_capture(magic, &t);
    rewind(file);
    int status = capture ? read_capture(x, file, path) : read_lines(x, path);
    (void) fclose(file);
    return status;
}

int verb_trace(const struct cli_args *args)
{
    struct trace x = { .args = args, .pcap_fd = -1, .ladder = { .whole = args->verbose > 0 } };
    uint32_t pid = 0;
    const char *what = args->word_count > 0 ? args->words[0] : NULL;
    if (args->pcap) {
        x.pcap_fd = open(args->pcap, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
        if (x.pcap_fd < 0 || !pcap_write_begin(&x.pcap, x.pcap_fd))
            return fail(EXIT_CONFIG, "cannot write %s: %s", args->pcap, strerror(errno));
    }
    bool number = what && text_number(what, 1, INT32_MAX, &pid) && access(what, F_OK) != 0;
    int status = !what || number ? live(&x, number ? pid : 0) : from_file(&x, what);
    if (x.pcap_fd >= 0 && close(x.pcap_fd) != 0)
        x.failed = true;
    if (x.pcap.left_out > 0)
        warn("%llu messages did not fit into a packet and are not in %s", (unsigned long long) x.pcap.left_out,
             args->pcap);
    if (status == EXIT_DONE && x.failed && args->pcap)
        return fail(EXIT_CONFIG, "not everything could be written; is the disk full?");
    return status;
}
