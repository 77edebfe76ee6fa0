/*
 * The command as scripts see it: exit statuses, signals, JSON over standard input, accounts, status and trace of a running
 * phone. T_REAL throughout: real processes, real time.
 */
#include "support_ahoy.h"

#include "base/mem.h"

#include <dlfcn.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#define QUIET "--config", "none", "--bind", "127.0.0.1:0"

/* Runs to its end; what it said is in the process until the lab closes. */
#define RUN(lab, want, ...)                                                                                            \
    do {                                                                                                               \
        run = AHOY((lab), __VA_ARGS__);                                                                                \
        T_EQ(proc_exit(run, WAIT_MS), (want));                                                                         \
    } while (0)

static void test_each_cause_has_its_exit_status(struct t *t)
{
    struct lab lab;
    struct proc *run;
    T_CHECK(lab_open(&lab));
    RUN(&lab, 10, "call", "sip:bob@nowhere.invalid", QUIET, "--audio", "null");
    T_CHECK(proc_said(run, "ahoy: ") && proc_said(run, "not found"));
    RUN(&lab, 11, "call", "sip:bob@127.0.0.1:9", QUIET, "--audio", "null");
    RUN(&lab, 2, "call");
    T_CHECK(proc_said(run, "needs a URI"));
    RUN(&lab, 2, "devices", "test", "frobnicate");
    T_CHECK(proc_said(run, "is no device; it should look like"));
    RUN(&lab, 2, "frobnicate");
    RUN(&lab, 2, "call", "sip:x@127.0.0.1", "--nonsense");
    RUN(&lab, 2, "call", "sip:x@127.0.0.1", QUIET, "--codec", "bad");
    RUN(&lab, 16, "listen", "--account", "nobody", "--bind", "127.0.0.1:0", "--audio", "null");
    RUN(&lab, 2, "listen", QUIET, "--audio", "null", "--processing", "ns,rnn");
    if (!dlopen("librnnoise.so.0", RTLD_LAZY)) {
        RUN(&lab, 16, "listen", QUIET, "--audio", "null", "--processing", "hpf,rnn");
        T_CHECK(proc_said(run, "librnnoise.so.0, which is not installed") && proc_said(run, "ns in place of rnn"));
    }
out:
    lab_close(&lab, t->failed);
}

static void test_a_failure_is_told_in_one_line(struct t *t)
{
    struct lab lab;
    struct proc *run;
    T_CHECK(lab_open(&lab));
    T_CHECK(lab_env(&lab, "PULSE_SERVER", "unix:/nonexistent"));
    RUN(&lab, 11, "call", "sip:bob@127.0.0.1:9", QUIET); /* whose tone nobody would hear */
    T_EQ(proc_said_times(run, "ahoy: "), 1);
out:
    lab_close(&lab, t->failed);
}

static void test_files_are_tried_before_anybody_is_called(struct t *t)
{
    struct lab lab;
    struct proc *run;
    T_CHECK(lab_open(&lab));
    RUN(&lab, 2, "call", "sip:bob@127.0.0.1:9", QUIET, "--audio", "null", "--record", "talk.mp3");
    T_CHECK(proc_said(run, ".wav, .flac or .opus") && !proc_said(run, "calling"));
    RUN(&lab, 16, "call", "sip:bob@127.0.0.1:9", QUIET, "--audio", "null", "--record", "nowhere/talk.wav");
    T_CHECK(proc_said(run, "--record nowhere/talk.wav cannot be written") && !proc_said(run, "calling"));
    RUN(&lab, 16, "listen", QUIET, "--audio", "null", "--play", "nothing.wav");
    T_CHECK(proc_said(run, "--play nothing.wav cannot be read"));
    RUN(&lab, 16, "call", "sip:bob@127.0.0.1:9", QUIET, "--audio", "file:nothing.wav,out.wav");
    T_CHECK(proc_said(run, "nothing.wav cannot be read"));
    RUN(&lab, 16, "call", "sip:bob@127.0.0.1:9", QUIET, "--audio", "file:,nowhere/out.wav");
    RUN(&lab, 11, "call", "sip:bob@127.0.0.1:9", QUIET, "--audio", "file:,out.wav");
    RUN(&lab, 11, "call", "sip:bob@127.0.0.1:9", QUIET, "--audio", "null", "--record", "TALK.Opus");
out:
    lab_close(&lab, t->failed);
}

static void test_the_exchange_takes_addresses_as_a_phone_does(struct t *t)
{
    struct lab lab;
    struct proc *exchange, *run;
    char dir[LAB_PATH_BYTES], uri[LAB_PATH_BYTES], tcp[64], registrar[64];
    uint16_t port;
    T_CHECK(lab_open(&lab) && lab_mkdir(&lab, "settings"));
    (void) lab_path(&lab, "settings", dir);
    RUN(&lab, 2, "serve", "--bind", "127.0.0.1:0", "--config", dir);
    T_CHECK(proc_said(run, "nobody could register"));
    RUN(&lab, 16, "serve", "--listen", "nonsense", "--open");
    T_CHECK(proc_said(run, "it should look like 127.0.0.1:5060"));
    T_CHECK(lab_write(&lab, "settings/users", "alice:secret\n"));
    T_CHECK((exchange = AHOY(&lab, "serve", "--bind", "127.0.0.1:0", "--config", dir, "--json")));
    T_CHECK((port = ahoy_ready(exchange)));
    (void) snprintf(tcp, sizeof tcp, "tcp:127.0.0.1:%u", port);
    (void) snprintf(registrar, sizeof registrar, "sip:127.0.0.1:%u", port);
    T_CHECK(proc_said(exchange, tcp)); /* both, on one port */
    T_CHECK(lab_env(&lab, "PW", "secret"));
    RUN(&lab, 0, "call", uri_of("echo", port, uri), QUIET, "--audio", "null", "--user", "alice", "--password-env", "PW",
        "--registrar", registrar, "--max", "1");
    T_CHECK(lab_env(&lab, "GUESS", "wrong"));
    RUN(&lab, 13, "call", uri_of("echo", port, uri), QUIET, "--audio", "null", "--user", "alice", "--password-env",
        "GUESS", "--registrar", registrar);
out:
    lab_close(&lab, t->failed);
}

static void test_the_doctor_goes_on_without_accounts_it_cannot_read(struct t *t)
{
    struct lab lab;
    struct proc *run;
    char dir[LAB_PATH_BYTES];
    T_CHECK(lab_open(&lab) && lab_mkdir(&lab, "settings"));
    (void) lab_path(&lab, "settings", dir);
    T_CHECK(lab_write(&lab, "settings/accounts.ini", "this is no line of it\n"));
    RUN(&lab, 16, "doctor", "--config", dir, "--bind", "127.0.0.1:0");
    T_CHECK(proc_said(run, "accounts.ini, line 1") && proc_said(run, "-> mend it") && proc_said(run, "listening on"));
    RUN(&lab, 16, "doctor", "--config", dir, "--bind", "127.0.0.1:0", "--json");
    T_CHECK(proc_said(run, "\"area\":\"accounts\"") && proc_said(run, "\"area\":\"devices\""));
    T_CHECK(lab_write(&lab, "settings/accounts.ini", "[al]\nuri = sip:\n"));
    RUN(&lab, 16, "call", "bob", "--config", dir, "--bind", "127.0.0.1:0", "--audio", "null");
    T_CHECK(proc_said(run, "stored account 'al'"));
out:
    lab_close(&lab, t->failed);
}

static void test_the_version_tells_what_was_built(struct t *t)
{
    struct lab lab;
    struct proc *run;
    T_CHECK(lab_open(&lab));
    RUN(&lab, 0, "--version");
    T_CHECK(proc_said(run, "ahoy " AHOY_VERSION) && proc_said(run, "opus ") && proc_said(run, "microphone: "));
    RUN(&lab, 0, "--version", "--json");
    T_CHECK(proc_said(run, "\"version\":\"" AHOY_VERSION "\""));
    T_CHECK(proc_said(run, "\"microphone\":{\"chain\":\"own\"}"));
out:
    lab_close(&lab, t->failed);
}

static void test_a_taken_port_names_who_holds_it(struct t *t)
{
    struct lab lab;
    struct proc *first, *second;
    char bind[LAB_PATH_BYTES], pid[32];
    uint16_t port;
    T_CHECK(lab_open(&lab));
    T_CHECK((first = AHOY(&lab, "listen", QUIET, "--audio", "null", "--json")));
    T_CHECK((port = ahoy_ready(first)));
    (void) snprintf(bind, sizeof bind, "127.0.0.1:%u", port);
    (void) snprintf(pid, sizeof pid, "pid %d", (int) first->pid);
    T_CHECK((second = AHOY(&lab, "listen", "--config", "none", "--bind", bind, "--audio", "null")));
    T_EQ(proc_exit(second, WAIT_MS), 14);
    T_CHECK(proc_said(second, "ahoy") && proc_said(second, pid));
out:
    lab_close(&lab, t->failed);
}

/* Of the first line that says so; -1: none. */
static long t_ms_of(struct proc *p, const char *what)
{
    const char *line = proc_wait_both(p, "\"t_ms\":", what, WAIT_MS), *at = line ? strstr(line, "\"t_ms\":") : NULL;
    return at ? strtol(at + 7, NULL, 10) : -1;
}

static void test_ctrl_c_ends_a_call_at_once_with_bye(struct t *t)
{
    struct lab lab;
    struct proc *bob, *alice;
    char uri[LAB_PATH_BYTES];
    uint16_t port;
    T_CHECK(lab_open(&lab));
    T_CHECK((bob = AHOY(&lab, "listen", QUIET, "--audio", "null", "--json")));
    T_CHECK((port = ahoy_ready(bob)));
    T_CHECK((alice = AHOY(&lab, "call", uri_of("bob", port, uri), QUIET, "--audio", "null", "--json")));
    long ready_ms = t_ms_of(alice, "\"event\":\"ready\"");
    T_LE(ready_ms, t_ms_of(alice, "\"event\":\"call.state\"")); /* one clock */
    T_CHECK(ahoy_state(alice, "confirmed") && ahoy_state(bob, "confirmed"));
    int64_t began = lab_now_ms();
    proc_signal(alice, SIGINT);
    T_CHECK(ahoy_summary(alice));
    T_EQ(proc_exit(alice, WAIT_MS), 0);
    T_LE(lab_now_ms() - began, 2000);
    T_CHECK(proc_wait_both(bob, "\"state\":\"ended\"", "\"ended_by_peer\":true", WAIT_MS));
    T_CHECK(proc_said(bob, "\"sip_status\":200"));
out:
    lab_close(&lab, t->failed);
}

static bool result(struct proc *p, int id, bool ok)
{
    char key[32];
    (void) snprintf(key, sizeof key, "\"id\":%d", id);
    const char *line = proc_wait_both(p, "\"event\":\"result\"", key, WAIT_MS);
    return line && (strstr(line, "\"ok\":true") != NULL) == ok;
}

static void test_commands_go_over_standard_input(struct t *t)
{
    struct lab lab;
    struct proc *alice, *bob;
    char uri[LAB_PATH_BYTES];
    uint16_t port;
    T_CHECK(lab_open(&lab));
    T_CHECK((bob = AHOY(&lab, "listen", QUIET, "--audio", "null", "--answer", "ask", "--json")));
    T_CHECK((port = ahoy_ready(bob)));
    T_CHECK((alice = AHOY(&lab, "listen", QUIET, "--audio", "tone:440", "--json")));
    T_CHECK(ahoy_ready(alice));
    T_CHECK(proc_say(alice, "{\"id\":1,\"cmd\":\"call\",\"uri\":\"%s\"}", uri_of("bob", port, uri))
            && result(alice, 1, true));
    T_CHECK(ahoy_state(bob, "ringing"));
    T_CHECK(proc_say(bob, "{\"id\":1,\"cmd\":\"answer\"}") && result(bob, 1, true));
    T_CHECK(ahoy_state(alice, "confirmed"));
    T_CHECK(proc_say(alice, "{\"id\":2,\"cmd\":\"dtmf\",\"digits\":\"4#\"}") && result(alice, 2, true));
    T_CHECK(proc_wait_both(bob, "call.dtmf", "\"digit\":\"4\"", WAIT_MS));
    T_CHECK(proc_wait_both(bob, "call.dtmf", "\"digit\":\"#\"", WAIT_MS));
    T_CHECK(proc_say(alice, "{\"id\":3,\"cmd\":\"hold\"}") && result(alice, 3, true));
    T_CHECK(proc_say(alice, "{\"id\":4,\"cmd\":\"resume\"}") && result(alice, 4, true));
    T_CHECK(proc_say(alice, "{\"id\":5,\"cmd\":\"frobnicate\"}") && result(alice, 5, false));
    T_CHECK(proc_say(alice, "not json"));
    T_CHECK(proc_wait_both(alice, "\"event\":\"result\"", "\"ok\":false", WAIT_MS));
    T_CHECK(proc_say(bob, "{\"id\":6,\"cmd\":\"hangup\"}") && result(bob, 6, true));
    T_CHECK(ahoy_state(alice, "ended") || proc_said(alice, "\"state\":\"ended\""));
    T_CHECK(proc_say(alice, "{\"id\":7,\"cmd\":\"quit\"}"));
    T_EQ(proc_exit(alice, WAIT_MS), 0);
out:
    lab_close(&lab, t->failed);
}

static bool says(struct proc *p, const char *word, const char *answer)
{
    return proc_say(p, "%s", word) && proc_wait(p, answer, WAIT_MS);
}

static void test_a_person_joins_two_calls_by_words(struct t *t)
{
    struct lab lab;
    struct proc *alice, *bob, *eve;
    char uri[LAB_PATH_BYTES];
    uint16_t port;
    T_CHECK(lab_open(&lab));
    T_CHECK((bob = AHOY(&lab, "listen", QUIET, "--audio", "null", "--json")));
    T_CHECK((eve = AHOY(&lab, "listen", QUIET, "--audio", "null", "--json")));
    T_CHECK((alice = AHOY(&lab, "listen", QUIET, "--audio", "null", "--answer", "ask")));
    T_CHECK(proc_wait(alice, "? and Enter tells what you can say", WAIT_MS));
    T_CHECK(says(alice, "?", "one conference of all calls"));
    T_CHECK(says(alice, "hold", "not possible: there is no call"));
    T_CHECK((port = ahoy_ready(bob)) && proc_say(alice, "call %s", uri_of("bob", port, uri)));
    T_CHECK(proc_wait(alice, "[1] talking to", WAIT_MS));
    T_CHECK(says(alice, "mute", "they do not hear you") && says(alice, "unmute", "they hear you again"));
    T_CHECK(says(alice, "12#", "pressed 12#") && proc_wait_both(bob, "call.dtmf", "\"digit\":\"#\"", WAIT_MS));
    T_CHECK((port = ahoy_ready(eve)) && proc_say(alice, "c %s", uri_of("eve", port, uri)));
    T_CHECK(proc_wait(alice, "[1] on hold", WAIT_MS)); /* one speaks to one at a time */
    T_CHECK(proc_wait(alice, "[2] talking to", WAIT_MS));
    T_CHECK(proc_say(alice, "join")
            && proc_wait_both(alice, "conference 3: calls ", ", ", WAIT_MS)); /* who is first? */
    T_CHECK(says(alice, "leave", "the conference goes on without us")
            && says(alice, "back", "we are in the conference"));
    T_CHECK(says(alice, "list", "[2] talking to"));
    T_CHECK(says(alice, "hangup 1", "[1] call ended after"));
    for (int i = 0; i < 100 && !proc_said(alice, "packets in"); i++) /* they come once a second */
        T_CHECK(proc_say(alice, "f 2") && (proc_wait(alice, "packets in", 100) || i < 99));
    T_CHECK(says(alice, "hodl", "did you mean hold?"));
    T_CHECK(proc_say(alice, "q"));
    T_EQ(proc_exit(alice, WAIT_MS), 0);
    T_CHECK(proc_wait_both(eve, "\"state\":\"ended\"", "\"ended_by_peer\":true", WAIT_MS));
out:
    lab_close(&lab, t->failed);
}

static void test_the_tone_of_a_busy_phone_is_heard_out(struct t *t)
{
    struct lab lab;
    struct proc *bob, *run;
    char uri[LAB_PATH_BYTES], files[2 * LAB_PATH_BYTES + 8], tones[LAB_PATH_BYTES];
    uint16_t port;
    struct view file = { 0 };
    T_CHECK(lab_open(&lab));
    T_CHECK(wander_make(&lab, "in.wav", 8000, 1, 1));
    T_CHECK((bob = AHOY(&lab, "listen", QUIET, "--audio", "null", "--answer", "486", "--json")));
    T_CHECK((port = ahoy_ready(bob)));
    RUN(&lab, 20, "call", uri_of("bob", port, uri), QUIET, "--tones", "de", "--audio",
        files_of(&lab, "in.wav", "out.wav", files));
    T_CHECK(proc_said(run, "no call: busy (486 Busy Here)"));
    T_CHECK(t_read_file(t, lab_path(&lab, "out.wav.tones.wav", tones), &file));
    T_CHECK(file.n > 48000 * 2 * 3 / 2); /* of two seconds; a busy machine begins late */
out:
    mem_free((char *) (uintptr_t) file.p);
    lab_close(&lab, t->failed);
}

static void test_echo_ends_with_a_verdict(struct t *t)
{
    struct lab lab;
    struct proc *run;
    T_CHECK(lab_open(&lab));
    T_CHECK(lab_env(&lab, "PULSE_SERVER", "unix:/nonexistent"));
    RUN(&lab, 0, "echo", "--config", "none", "--max", "3");
    T_CHECK(proc_said(run, "Sound works")); /* a busy machine may add ", but poorly" */
out:
    lab_close(&lab, t->failed);
}

static void test_accounts_are_added_listed_and_removed(struct t *t)
{
    struct lab lab;
    struct proc *run;
    char dir[LAB_PATH_BYTES];
    T_CHECK(lab_open(&lab));
    T_CHECK(lab_env(&lab, "PW", "a secret"));
    (void) lab_path(&lab, "settings", dir);
    RUN(&lab, 0, "account", "add", "alice@example.org", "--name", "al", "--no-register", "--password-env", "PW",
        "--config", dir);
    RUN(&lab, 0, "account", "ls", "--config", dir, "--json");
    T_CHECK(proc_said(run, "\"name\":\"al\"") && proc_said(run, "alice@example.org") && !proc_said(run, "a secret"));
    RUN(&lab, 0, "account", "rm", "al", "--config", dir);
    RUN(&lab, 16, "account", "rm", "al", "--config", dir);
    RUN(&lab, 0, "account", "ls", "--config", dir, "--json");
    T_CHECK(!proc_said(run, "alice"));
    RUN(&lab, 0, "account", "add", "sip:bob@example.org", "--password-env", "PW", "--config", dir);
    RUN(&lab, 0, "account", "add", "bob@example.org", "--password-env", "PW", "--config", dir);
    T_CHECK(proc_said(run, "in place of what was"));
    RUN(&lab, 0, "account", "add", "bob@example.com", "--password-env", "PW", "--config", dir);
    RUN(&lab, 16, "account", "rm", "bob", "--config", dir); /* which one? */
    RUN(&lab, 0, "account", "rm", "sip:bob@example.com", "--config", dir);
    RUN(&lab, 0, "account", "rm", "bob", "--config", dir);
    T_CHECK(proc_said(run, "bob@example.org is forgotten"));
out:
    lab_close(&lab, t->failed);
}

static void test_a_running_phone_shows_status_and_trace(struct t *t)
{
    struct lab lab;
    struct proc *phone, *trace, *run;
    char uri[LAB_PATH_BYTES], pcap[LAB_PATH_BYTES], messages[LAB_PATH_BYTES];
    uint16_t port;
    struct view file = { 0 };
    T_CHECK(lab_open(&lab));
    (void) lab_path(&lab, "call.pcap", pcap);
    (void) lab_path(&lab, "messages", messages);
    T_CHECK((phone = AHOY(&lab, "listen", "--bind", "127.0.0.1:0", "--audio", "null", "--json", "--trace", messages)));
    T_CHECK((port = ahoy_ready(phone)));
    RUN(&lab, 0, "status", "--json");
    T_CHECK(proc_said(run, "\"verb\":\"listen\"") && proc_said(run, "\"calls\":[]"));
    T_CHECK((trace = AHOY(&lab, "trace", "--pcap", pcap)));
    /* It says nothing until a message passes; calls are placed until it has seen one. */
    for (int i = 0; i < 20 && !proc_said(trace, "INVITE"); i++) {
        struct proc *call = AHOY(&lab, "call", uri_of("x", port, uri), QUIET, "--audio", "tone:440", "--max", "1");
        T_CHECK(call && proc_exit(call, WAIT_MS) >= 0);
        (void) proc_end(call);
    }
    T_CHECK(proc_said(trace, "INVITE") && proc_said(trace, "200 OK"));
    proc_signal(trace, SIGINT);
    T_EQ(proc_exit(trace, WAIT_MS), 0);
    T_CHECK(t_read_file(t, pcap, &file));
    T_CHECK(view_search(file, VIEW("INVITE sip:x@127.0.0.1")) < file.n);
    T_CHECK(proc_say(phone, "{\"id\":1,\"cmd\":\"quit\"}"));
    T_EQ(proc_exit(phone, WAIT_MS), 0);
    RUN(&lab, 0, "trace", messages);
    T_CHECK(proc_said(run, "INVITE") && proc_said(run, "BYE"));
out:
    mem_free((char *) (uintptr_t) file.p);
    lab_close(&lab, t->failed);
}

T_MAIN(T_REAL(test_each_cause_has_its_exit_status), T_REAL(test_a_failure_is_told_in_one_line),
       T_REAL(test_files_are_tried_before_anybody_is_called), T_REAL(test_the_exchange_takes_addresses_as_a_phone_does),
       T_REAL(test_the_doctor_goes_on_without_accounts_it_cannot_read), T_REAL(test_the_version_tells_what_was_built),
       T_REAL(test_a_taken_port_names_who_holds_it), T_REAL(test_ctrl_c_ends_a_call_at_once_with_bye),
       T_REAL(test_commands_go_over_standard_input), T_REAL(test_a_person_joins_two_calls_by_words),
       T_REAL(test_the_tone_of_a_busy_phone_is_heard_out), T_REAL(test_echo_ends_with_a_verdict),
       T_REAL(test_accounts_are_added_listed_and_removed), T_REAL(test_a_running_phone_shows_status_and_trace))
