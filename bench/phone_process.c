/* Phones as processes: ours and those of Debian, each with settings of its own; with files or PulseAudio for sound. */
#include "phone.h"

#include "base/view.h"

#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum { MAX_ARGS = 40, STOP_WAIT_MS = 2000 };

static char ahoy_path[PATH_MAX];

void phone_find_ahoy(const char *argv0)
{
    char self[PATH_MAX];
    const char *dir = getenv("AHOY_BIN");
    ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);
    self[n > 0 ? n : 0] = '\0';
    if (n <= 0)
        snprintf(self, sizeof self, "%s", argv0);
    snprintf(ahoy_path, sizeof ahoy_path, "%s/ahoy", dir ? dir : dirname(self));
}

const char *phone_ahoy(void)
{
    return ahoy_path;
}

const char *phone_name(enum phone_kind kind)
{
    static const char *const names[PHONE_KINDS] = { "ahoy", "baresip", "linphonec" };
    return names[kind];
}

static const char *path_of(enum phone_kind kind)
{
    return kind == PHONE_AHOY ? ahoy_path : kind == PHONE_BARESIP ? "/usr/bin/baresip" : "/usr/bin/linphonec";
}

bool phone_installed(enum phone_kind kind)
{
    return access(path_of(kind), X_OK) == 0;
}

/* ---- settings ---------------------------------------------------------------------------------------------------- */

static FILE *open_in(const char *dir, const char *name)
{
    char path[PATH_MAX];
    snprintf(path, sizeof path, "%s/%s", dir, name);
    return fopen(path, "w");
}

static bool close_all(FILE *a, FILE *b)
{
    bool ok = a && b;
    ok = (!a || fclose(a) == 0) && ok;
    return (!b || fclose(b) == 0) && ok;
}

/* Its sound: files, or PulseAudio through ALSA's plug-in, for Debian's baresip has no module for PulseAudio. */
static void write_baresip_sound(FILE *config, const struct phone_config *cfg)
{
    if (cfg->sink)
        fprintf(config, "audio_player alsa,pulse\naudio_source alsa,pulse\nmodule alsa.so\n");
    else
        fprintf(config, "audio_player aufile,%s/out.wav\naudio_source aufile,%s\nmodule aufile.so\n", cfg->dir,
                cfg->wav);
    if (cfg->listen)
        fprintf(config, "sip_listen 127.0.0.1:%u\n", cfg->listen);
}

static bool write_baresip(const struct phone_config *cfg)
{
    FILE *config = open_in(cfg->dir, "config"), *accounts = open_in(cfg->dir, "accounts");
    FILE *contacts = open_in(cfg->dir, "contacts"); /* or it writes examples */
    if (contacts)
        fclose(contacts);
    if (config)
        fprintf(config,
                "audio_alert aufile,%s/alert.wav\n"
                "ausrc_srate %u\nauplay_srate %u\nausrc_channels 1\nauplay_channels 1\n"
                "opus_bitrate 32000\nopus_complexity 5\nopus_stereo no\nopus_sprop_stereo no\n"
                "module_path /usr/lib/baresip/modules\nmodule stdio.so\nmodule opus.so\nmodule g711.so\n"
                "module_tmp account.so\nmodule_app menu.so\n",
                cfg->dir, cfg->rate_hz, cfg->rate_hz);
    if (config)
        write_baresip_sound(config, cfg);
    if (accounts)
        fprintf(
            accounts,
            "<sip:bench@127.0.0.1:%u;transport=udp>;auth_user=bench;auth_pass=secret;regint=%d;audio_codecs=%s;ptime=%u%s\n",
            cfg->registrar ? cfg->registrar
            : cfg->call    ? cfg->call
                           : cfg->listen,
            cfg->registrar ? 3600 : 0, strcmp(cfg->codec, "opus") == 0 ? "opus/48000/2" : "pcmu/8000/1",
            cfg->ptime_ms ? cfg->ptime_ms : 20, cfg->listen ? ";answermode=auto" : "");
    return close_all(config, accounts);
}

static bool write_linphonec(const struct phone_config *cfg)
{
    FILE *f = open_in(cfg->dir, "linphonerc");
    if (!f)
        return false;
    fprintf(
        f,
        "[sip]\ncontact=sip:bench@127.0.0.1\nguess_hostname=0\nbind_address=127.0.0.1\nsip_port=%d\nsip_tcp_port=0\n"
        "sip_tls_port=0\nuse_ipv6=0\ndefault_proxy=0\n[video]\nenabled=0\ncapture=0\ndisplay=0\n"
        "[rtp]\naudio_rtp_port=-1\nbind_address=127.0.0.1\n",
        cfg->listen ? cfg->listen : -1);
    if (cfg->ptime_ms)
        fprintf(f, "upload_ptime=%u\ndownload_ptime=%u\n", cfg->ptime_ms, cfg->ptime_ms);
    fprintf(f, "[sound]\nechocancellation=0\n");
    if (cfg->sink)
        fprintf(f, "playback_dev_id=PulseAudio Unknown: %s\ncapture_dev_id=PulseAudio Unknown: %s\n", cfg->sink,
                cfg->source);
    if (cfg->registrar)
        fprintf(f,
                "[proxy_0]\nreg_proxy=<sip:127.0.0.1:%u;transport=udp>\nreg_identity=sip:bench@127.0.0.1:%u\n"
                "reg_expires=3600\nreg_sendregister=1\npublish=0\n"
                "[auth_info_0]\nusername=bench\npasswd=secret\nrealm=bench\n",
                cfg->registrar, cfg->registrar);
    return fclose(f) == 0;
}

bool phone_make_home(const char *dir)
{
    static const char *const parts[] = { "", "/.local", "/.local/share", "/.local/share/linphone" };
    char path[PATH_MAX];
    bool ok = true;
    for (size_t i = 0; i < AHOY_COUNT(parts); i++) {
        snprintf(path, sizeof path, "%s%s", dir, parts[i]);
        ok = mkdir(path, 0700) == 0 && ok;
    }
    return ok;
}

/* ---- processes --------------------------------------------------------------------------------------------------- */

struct args {
    const char *v[MAX_ARGS];
    size_t n;
};

static void add(struct args *a, const char *first, const char *second)
{
    a->v[a->n++] = first;
    if (second)
        a->v[a->n++] = second;
    a->v[a->n] = NULL;
}

static bool launch(struct phone *p, const struct args *a, const char *dir, const char *said)
{
    int in[2];
    *p = (struct phone){ .input = -1 };
    if (pipe2(in, O_CLOEXEC) < 0)
        return false;
    p->pid = fork();
    if (p->pid == 0) {
        int none = open("/dev/null", O_WRONLY | O_CLOEXEC);
        int out = said ? open(said, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600) : none;
        (void) prctl(PR_SET_PDEATHSIG, SIGKILL);
        (void) setenv("HOME", dir, 1);
        (void) setenv("AHOY_BENCH_PASSWORD", "secret", 1);
        if (getenv("AHOY_BENCH_LOG")) { /* to see what a phone says */
            char path[PATH_MAX];
            snprintf(path, sizeof path, "%s/log", dir);
            none = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
            out = said ? out : none;
        }
        (void) dup2(in[0], 0);
        (void) dup2(out, 1);
        (void) dup2(none, 2);
        (void) execv(a->v[0], (char *const *) a->v);
        _exit(127);
    }
    close(in[0]);
    p->input = in[1];
    return p->pid > 0;
}

bool phone_start_echo(struct phone *p, const char *dir, const char *codec, uint16_t port)
{
    char bind[32];
    struct args a = { .n = 0 };
    snprintf(bind, sizeof bind, "127.0.0.1:%u", port);
    add(&a, ahoy_path, "listen");
    add(&a, "--echo", "--json");
    add(&a, "--config", "none");
    add(&a, "--bind", bind);
    add(&a, "--codec", codec);
    add(&a, "--audio", "null");
    return launch(p, &a, dir, NULL);
}

/* A call, or waiting for one, with PulseAudio's devices. */
static bool start_ahoy_live(struct phone *p, const struct phone_config *cfg)
{
    char target[64], bind[32], audio[PATH_MAX], ptime[16];
    struct args a = { .n = 0 };
    snprintf(target, sizeof target, "sip:bench@127.0.0.1:%u", cfg->call);
    snprintf(bind, sizeof bind, "127.0.0.1:%u", cfg->listen);
    snprintf(audio, sizeof audio, "pulse:%s,%s", cfg->source, cfg->sink);
    snprintf(ptime, sizeof ptime, "%u", cfg->ptime_ms ? cfg->ptime_ms : 20);
    add(&a, ahoy_path, cfg->call ? "call" : "listen");
    if (cfg->call)
        add(&a, target, NULL);
    add(&a, "--config", "none");
    add(&a, "--bind", bind);
    add(&a, "--codec", cfg->codec);
    add(&a, "--ptime", ptime);
    add(&a, "--audio", audio);
    add(&a, "--processing", cfg->processing ? cfg->processing : "off");
    add(&a, "--json", NULL);
    return launch(p, &a, cfg->dir, cfg->out);
}

static bool start_ahoy(struct phone *p, const struct phone_config *cfg)
{
    char registrar[64], from[64], target[64], audio[2 * PATH_MAX];
    struct args a = { .n = 0 };
    if (cfg->sink)
        return start_ahoy_live(p, cfg);
    snprintf(registrar, sizeof registrar, "sip:127.0.0.1:%u", cfg->registrar);
    snprintf(from, sizeof from, "sip:bench@127.0.0.1:%u", cfg->registrar ? cfg->registrar : cfg->call);
    snprintf(target, sizeof target, "sip:echo@127.0.0.1:%u", cfg->call);
    snprintf(audio, sizeof audio, "file:%s,%s/out.wav", cfg->wav, cfg->dir);
    add(&a, ahoy_path, cfg->call ? "call" : "listen");
    if (cfg->call)
        add(&a, target, NULL);
    add(&a, "--config", "none");
    add(&a, "--bind", "127.0.0.1:0");
    add(&a, "--from", from);
    add(&a, "--json", NULL);
    if (cfg->call) {
        add(&a, "--codec", cfg->codec);
        add(&a, "--audio", audio);
        add(&a, "--processing", cfg->processing ? cfg->processing : "off");
    } else {
        add(&a, "--registrar", registrar);
        add(&a, "--user", "bench");
        add(&a, "--password-env", "AHOY_BENCH_PASSWORD");
        add(&a, "--audio", "null");
    }
    return launch(p, &a, cfg->dir, cfg->out);
}

static bool start_baresip(struct phone *p, const struct phone_config *cfg)
{
    char dial[64];
    struct args a = { .n = 0 };
    if (!write_baresip(cfg))
        return false;
    add(&a, path_of(PHONE_BARESIP), NULL);
    add(&a, "-f", cfg->dir);
    if (cfg->call) {
        snprintf(dial, sizeof dial, "/dial sip:%s@127.0.0.1:%u", cfg->sink ? "bench" : "echo", cfg->call);
        add(&a, "-e", dial);
    }
    return launch(p, &a, cfg->dir, cfg->out);
}

static bool start_linphonec(struct phone *p, const struct phone_config *cfg)
{
    char rc[PATH_MAX], text[2 * PATH_MAX];
    struct args a = { .n = 0 };
    snprintf(rc, sizeof rc, "%s/linphonerc", cfg->dir);
    if (!write_linphonec(cfg))
        return false;
    add(&a, path_of(PHONE_LINPHONEC), NULL);
    add(&a, "-c", rc);
    if (cfg->listen)
        add(&a, "-a", NULL);
    if (!launch(p, &a, cfg->dir, cfg->out))
        return false;
    if (cfg->sink)
        return !cfg->call || dprintf(p->input, "call sip:bench@127.0.0.1:%u\n", cfg->call) > 0;
    int n = cfg->call ? snprintf(text, sizeof text,
                                 "soundcard use files\nplay %s\nrecord %s/out.wav\ncall sip:echo@127.0.0.1:%u\n",
                                 cfg->wav, cfg->dir, cfg->call)
                      : 0;
    return n == 0 || write(p->input, text, (size_t) n) == n;
}

bool phone_start(struct phone *p, enum phone_kind kind, const struct phone_config *cfg)
{
    bool ok = false;
    if (cfg->sink) { /* the defaults of whatever asks for none by name */
        (void) setenv("PULSE_SINK", cfg->sink, 1);
        (void) setenv("PULSE_SOURCE", cfg->source, 1);
    }
    switch (kind) {
    case PHONE_AHOY: ok = start_ahoy(p, cfg); break;
    case PHONE_BARESIP: ok = start_baresip(p, cfg); break;
    case PHONE_LINPHONEC: ok = start_linphonec(p, cfg); break;
    case PHONE_KINDS: break;
    }
    (void) unsetenv("PULSE_SINK");
    (void) unsetenv("PULSE_SOURCE");
    return ok;
}

void phone_stop(struct phone *p)
{
    if (p->input >= 0)
        close(p->input);
    p->input = -1;
    if (p->pid <= 0)
        return;
    (void) kill(p->pid, SIGTERM);
    struct pollfd ended = { .fd = (int) syscall(SYS_pidfd_open, p->pid, 0), .events = POLLIN };
    if (ended.fd >= 0) {
        (void) poll(&ended, 1, STOP_WAIT_MS);
        close(ended.fd);
    }
    if (waitpid(p->pid, NULL, WNOHANG) == p->pid)
        p->pid = 0;
    if (p->pid > 0) {
        (void) kill(p->pid, SIGKILL);
        (void) waitpid(p->pid, NULL, 0);
    }
    p->pid = 0;
}

double phone_said(const char *path, const char *key)
{
    char text[8192], word[64];
    double said = -1;
    int n = snprintf(word, sizeof word, "\"%s\":", key);
    FILE *f = fopen(path, "r");
    while (f && fgets(text, sizeof text, f)) {
        struct view v = view_str(text);
        size_t at = view_search(v, view_of(word, (size_t) n));
        if (at < v.n)
            said = strtod(text + at + n, NULL);
    }
    if (f)
        fclose(f);
    return said;
}
