#include "cli/options.h"

#define V(verb)  (1u << (verb))
#define PHONE    (V(CLI_CALL) | V(CLI_LISTEN) | V(CLI_ECHO))
#define CALLS    (V(CLI_CALL) | V(CLI_LISTEN))
#define STORED   (PHONE | V(CLI_ACCOUNT) | V(CLI_DOCTOR) | V(CLI_STATUS) | V(CLI_TRACE))
#define AT(name) offsetof(struct cli_args, name)
#define ANY      0xffffffffu

const struct cli_verb_info cli_verbs[CLI_VERB_COUNT] = {
    [CLI_ECHO] = { "echo", "", "a test call to itself over loopback: no account, no network", NULL, 0, 0,
                   "ahoy echo --codec opus" },
    [CLI_CALL] = { "call", "URI", "place a call; returns when it ends", NULL, 1, 1,
                   "ahoy call sip:bob@example.org --max 30" },
    [CLI_LISTEN] = { "listen", "", "take calls", NULL, 0, 0, "ahoy listen --bind 127.0.0.1:5060 --echo" },
    [CLI_ACCOUNT] = { "account", "add URI | ls | rm NAME | test [NAME]", "the accounts kept on this machine",
                      "add|ls|rm|test", 1, 2, "ahoy account add alice@example.org" },
    [CLI_DEVICES] = { "devices", "ls | test [DEVICE]", "sound devices: list them, or try one", "ls|test", 1, 2,
                      "ahoy devices test" },
    [CLI_DOCTOR] = { "doctor", "", "what works, what does not, what to do", NULL, 0, 0,
                     "ahoy doctor --server sip:example.org" },
    [CLI_TRACE] = { "trace", "[PID | FILE]", "SIP messages of a running phone or of a file, as a ladder", NULL, 0, 1,
                    "ahoy trace --pcap call.pcap" },
    [CLI_STATUS] = { "status", "", "phones that run on this machine, their accounts and calls", NULL, 0, 0,
                     "ahoy status" },
    [CLI_SERVE] = { "serve", "", "an exchange: registrar, proxy and test numbers", NULL, 0, 0,
                    "ahoy serve --listen udp:127.0.0.1:5060 --user alice:secret" },
    [CLI_BENCH] = { "bench", "parse | signalling | phone | latency | sound [ARGS]", "the benchmarks", NULL, 1,
                    CLI_WORDS_MAX, "ahoy bench parse --json" },
    [CLI_COMPLETION] = { "completion", "bash | zsh | fish", "a completion script for your shell", "bash|zsh|fish", 1, 1,
                         "ahoy completion bash > ~/.local/share/bash-completion/completions/ahoy" },
    [CLI_HELP] = { "help", "[VERB]", "this help, or that of a verb", NULL, 0, 1, "ahoy help call" },
    [CLI_VERSION] = { "version", "", "the version, and what is built in", NULL, 0, 0, "ahoy --version --json" },
};

const struct cli_option cli_options[] = {
    /* who we are */
    { "config", 0, CLI_TEXT, STORED, AT(config), "DIR",
      "settings and accounts; none touches no file (default: $XDG_CONFIG_HOME/ahoy)", NULL, NULL, 0, 0 },
    { "account", 0, CLI_TEXT, CALLS | V(CLI_DOCTOR), AT(account), "NAME",
      "use this stored account (default: the first)", NULL, NULL, 0, 0 },
    { "from", 0, CLI_TEXT, PHONE, AT(from), "URI", "call as this address, without a stored account", NULL, NULL, 0, 0 },
    { "user", 0, CLI_TEXT, CALLS | V(CLI_ACCOUNT), AT(user), "NAME", "user name for authentication", NULL, NULL, 0, 0 },
    { "password-env", 0, CLI_TEXT, CALLS | V(CLI_ACCOUNT), AT(password_env), "VAR",
      "the password is in this environment variable", NULL, NULL, 0, 0 },
    { "password-file", 0, CLI_TEXT, CALLS | V(CLI_ACCOUNT), AT(password_file), "FILE",
      "the password is this file's first line", NULL, NULL, 0, 0 },
    { "registrar", 0, CLI_TEXT, CALLS | V(CLI_ACCOUNT), AT(registrar), "URI", "register there first, and wait for it",
      NULL, NULL, 0, 0 },
    { "proxy", 0, CLI_TEXT, CALLS | V(CLI_ACCOUNT), AT(proxy), "URI", "send everything by way of this proxy", NULL,
      NULL, 0, 0 },
    /* the network */
    { "bind", 0, CLI_REPEAT, CALLS | V(CLI_DOCTOR) | V(CLI_ACCOUNT), AT(binds), "ADDR[:PORT]",
      "local address; port 0 picks one; may be repeated", NULL, NULL, 0, 0 },
    { "transport", 0, CLI_TEXT, PHONE | V(CLI_ACCOUNT), AT(transport), "NAME",
      "udp or tcp (default: what the name service says)", "udp|tcp", "tls|ws|wss", 0, 0 },
    { "media-ports", 0, CLI_TEXT, PHONE, AT(media_ports), "LOW-HIGH", "UDP ports for sound", NULL, NULL, 0, 0 },
    { "impair", 0, CLI_TEXT, PHONE, AT(impair), "SPEC",
      "harm the packets that come in: loss=5,burst=3,jitter=40,dup=1,reorder=1,rate=64k,seed=7", NULL, NULL, 0, 0 },
    { "quality-report", 0, CLI_TEXT, CALLS, AT(quality_report), "URI",
      "send a quality report of each call there (RFC 6035)", NULL, NULL, 0, 0 },
    /* sound */
    { "codec", 0, CLI_TEXT, PHONE, AT(codec), "LIST", "opus,g722,pcmu,pcma,l16: in order of preference", NULL, NULL, 0,
      0 },
    { "ptime", 0, CLI_NUMBER, PHONE, AT(ptime_ms), "MS", "sound in a packet, 10 to 60 ms (default: 20)", NULL, NULL, 10,
      60 },
    { "audio", 0, CLI_TEXT, PHONE, AT(audio), "SPEC",
      "null, tone:HZ, file:IN.wav[,OUT.wav], pulse[:DEV] or alsa:DEV (default: the default device)", NULL, NULL, 0, 0 },
    { "dtmf", 0, CLI_TEXT, PHONE, AT(dtmf), "DIGITS", "press these keys when the call stands; ',' waits half a second",
      NULL, NULL, 0, 0 },
    { "hold-after", 0, CLI_NUMBER, V(CLI_CALL) | V(CLI_ECHO), AT(hold_after_s), "S",
      "put the call on hold so long after the answer", NULL, NULL, 1, 86400 },
    { "max", 0, CLI_NUMBER, PHONE, AT(max_s), "SECONDS", "hang up after so long; listen ends then, too", NULL, NULL, 1,
      8640000 },
    /* of later versions */
    { "srtp", 0, CLI_TEXT, PHONE, AT(srtp), "MODE", "encryption of sound: off", "off", "optional|sdes|dtls", 0, 0 },
    { "ice", 0, CLI_TEXT, PHONE, AT(ice), "MODE", "NAT traversal by ICE: off", "off", "on|trickle", 0, 0 },
    { "stun", 0, CLI_TEXT, PHONE, AT(stun), "HOST", NULL, NULL, "*", 0, 0 },
    { "turn", 0, CLI_TEXT, PHONE, AT(turn), "URI", NULL, NULL, "*", 0, 0 },
    { "100rel", 0, CLI_TEXT, PHONE, AT(prack), "MODE", "reliable provisional answers: off", "off", "on|required", 0,
      0 },
    { "session-timer", 0, CLI_TEXT, PHONE, AT(session_timer), "MODE", "session timers: off", "off", "on|required", 0,
      0 },
    { "tls-ca", 0, CLI_TEXT, PHONE, AT(tls), "FILE", NULL, NULL, "*", 0, 0 },
    { "tls-cert", 0, CLI_TEXT, PHONE, AT(tls), "FILE", NULL, NULL, "*", 0, 0 },
    { "tls-key", 0, CLI_TEXT, PHONE, AT(tls), "FILE", NULL, NULL, "*", 0, 0 },
    { "tls-trust", 0, CLI_TEXT, PHONE, AT(tls), "FINGERPRINT", NULL, NULL, "*", 0, 0 },
    /* listen */
    { "answer", 0, CLI_TEXT, V(CLI_LISTEN), AT(answer), "HOW",
      "auto (default), ask, or a SIP status: 180, 183, 300 to 699", NULL, NULL, 0, 0 },
    { "answer-after", 0, CLI_NUMBER, V(CLI_LISTEN), AT(answer_after_ms), "MS", "let it ring so long", NULL, NULL, 0,
      3600000 },
    { "echo", 0, CLI_FLAG, V(CLI_LISTEN), AT(echo), NULL, "send back what is heard", NULL, NULL, 0, 0 },
    /* account */
    { "name", 0, CLI_TEXT, V(CLI_ACCOUNT), AT(name), "NAME", "what to call the account here (default: its address)",
      NULL, NULL, 0, 0 },
    { "display-name", 0, CLI_TEXT, V(CLI_ACCOUNT), AT(display_name), "TEXT", "the name that others see", NULL, NULL, 0,
      0 },
    { "expires", 0, CLI_NUMBER, V(CLI_ACCOUNT), AT(expires_s), "SECONDS", "register for so long (default: 600)", NULL,
      NULL, 30, 86400 },
    { "no-register", 0, CLI_FLAG, V(CLI_ACCOUNT), AT(no_register), NULL, "only place calls with it", NULL, NULL, 0, 0 },
    /* serve */
    { "listen", 0, CLI_REPEAT, V(CLI_SERVE), AT(listens), "ADDR",
      "udp:ADDR:PORT or tcp:ADDR:PORT; may be repeated (default: port 5060)", NULL, NULL, 0, 0 },
    { "users", 0, CLI_TEXT, V(CLI_SERVE), AT(users_file), "FILE", "lines NAME:PASSWORD", NULL, NULL, 0, 0 },
    { "user", 0, CLI_REPEAT, V(CLI_SERVE), AT(users), "NAME:PASSWORD", "a user, for a trial; may be repeated", NULL,
      NULL, 0, 0 },
    { "open", 0, CLI_FLAG, V(CLI_SERVE), AT(open), NULL, "anybody may register and call: for a laboratory", NULL, NULL,
      0, 0 },
    { "domain", 0, CLI_TEXT, V(CLI_SERVE), AT(domain), "NAME", "the domain served (default: any host that reaches it)",
      NULL, NULL, 0, 0 },
    { "realm", 0, CLI_TEXT, V(CLI_SERVE), AT(realm), "NAME", "realm of authentication (default: the domain)", NULL,
      NULL, 0, 0 },
    { "database", 0, CLI_TEXT, V(CLI_SERVE), AT(database), "FILE", "keep registrations there (default: in memory)",
      NULL, NULL, 0, 0 },
    /* the others */
    { "server", 0, CLI_TEXT, V(CLI_DOCTOR), AT(server), "URI", "look at this server, too", NULL, NULL, 0, 0 },
    { "pcap", 0, CLI_TEXT, V(CLI_TRACE), AT(pcap), "FILE", "write a capture that Wireshark reads", NULL, NULL, 0, 0 },
    { "trace", 0, CLI_TEXT, PHONE, AT(trace_file), "FILE", "write all SIP messages there, for `ahoy trace FILE`", NULL,
      NULL, 0, 0 },
    /* everywhere */
    { "json", 0, CLI_FLAG, ANY & ~V(CLI_COMPLETION) & ~V(CLI_HELP), AT(json), NULL,
      "one JSON object a line on standard output", NULL, NULL, 0, 0 },
    { "verbose", 'v', CLI_COUNTER, ANY & ~V(CLI_COMPLETION) & ~V(CLI_HELP) & ~V(CLI_VERSION), AT(verbose), NULL,
      "more of the log on standard error; -vv with SIP messages", NULL, NULL, 0, 0 },
    { "help", 'h', CLI_FLAG, ANY, AT(help), NULL, "this help", NULL, NULL, 0, 0 },
};

const size_t cli_option_count = CLI_COUNT(cli_options);
