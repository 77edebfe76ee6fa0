/*
 * Against SIPp: its own scenarios and ours (sipp/), where a peer has to do what telephones seldom do. T_REAL throughout:
 * these are real processes and real time, which cannot be run again for each allocation.
 */
#include "support_ahoy.h"

#include "support/vq_abnf.h"

#include "base/mem.h"

#include <stdio.h>

/* SIPp with the arguments that all its runs share; returns when it listens. First the scenario ("uac" and "uas" are its own,
 * others are files of ours), then what else it needs. */
static struct proc *sipp(struct lab *lab, uint16_t port, const char *const args[])
{
    const char *scenario = args[0];
    char file[2 * LAB_PATH_BYTES], own[16], media[16], log[64];
    bool built_in = strcmp(scenario, "uac") == 0 || strcmp(scenario, "uas") == 0;
    const char *argv[48] = { "sipp",
                             "-i",
                             "127.0.0.1",
                             "-p",
                             own,
                             "-mi",
                             "127.0.0.1",
                             "-mp",
                             media,
                             "-m",
                             "1",
                             "-nostdin",
                             "-timeout",
                             "150s",
                             "-timeout_error",
                             "-trace_err",
                             "-error_file",
                             log,
                             built_in ? "-sn" : "-sf",
                             built_in ? scenario : file };
    size_t n = 20;
    if (strchr(scenario, '.')) /* made by the test */
        (void) snprintf(file, sizeof file, "%s/%s", lab->dir, scenario);
    else
        (void) snprintf(file, sizeof file, "%s/../interop/sipp/%s.xml", TEST_VECTORS, scenario);
    (void) snprintf(own, sizeof own, "%u", port);
    (void) snprintf(media, sizeof media, "%u", proc_port());
    (void) snprintf(log, sizeof log, "sipp-%u.log", port);
    bool tcp = false;
    for (size_t i = 1; args[i] && n < AHOY_COUNT(argv) - 1; i++) {
        argv[n++] = args[i];
        tcp = tcp || strcmp(args[i], "t1") == 0;
    }
    struct proc *p = lab_start(lab, argv);
    bool calls = strncmp(scenario, "uac", 3) == 0; /* nobody calls it, and it may have ended before we look */
    return p && (calls || lab_taken(lab, port, tcp, WAIT_MS)) ? p : NULL;
}
#define SIPP(lab, port, ...) sipp((lab), (port), (const char *const[]){ __VA_ARGS__, NULL })

/* uas_status with its status put in, since SIPp takes no variable there: written to the lab's folder. */
static bool refusing(struct t *t, const struct lab *lab, const char *status)
{
    static const char file[] = "../interop/sipp/uas_status.xml";
    struct view text, rest;
    if (!t_read_file(t, file, &text))
        return false;
    rest = text;
    struct view before = view_cut(&rest, '@');
    (void) view_cut(&rest, '@');
    bool ok = lab_write(lab, "uas_status.xml", "%.*s%s%.*s", VIEW_ARG(before), status, VIEW_ARG(rest));
    mem_free((char *) (uintptr_t) text.p);
    return ok;
}

/* A phone of ours that takes calls. */
static struct proc *listener(struct lab *lab, const char *audio, const char *how, const char *value, uint16_t *port)
{
    struct proc *p = AHOY(lab, "listen", "--config", "none", "--bind", "127.0.0.1:0", "--json", "--audio", audio, how,
                          value);
    *port = ahoy_ready(p);
    return *port ? p : NULL;
}

/* "127.0.0.1:PORT" */
static const char *at(uint16_t port, char text[LAB_PATH_BYTES])
{
    (void) snprintf(text, LAB_PATH_BYTES, "127.0.0.1:%u", port);
    return text;
}

/* ---- SIPp calls us ------------------------------------------------------------------------------------------------ */

static void test_its_own_caller_makes_twenty_calls(struct t *t)
{
    struct lab lab;
    struct proc *phone, *peer;
    char where[LAB_PATH_BYTES];
    uint16_t port;
    T_CHECK(lab_open(&lab));
    T_CHECK((phone = listener(&lab, "null", "--codec", "pcmu", &port)));
    T_CHECK((peer = SIPP(&lab, proc_port(), "uac", "-m", "20", "-r", "20", "-d", "300", at(port, where))));
    T_EQ(proc_exit(peer, WAIT_MS), 0);
    for (int i = 0; i < 20; i++)
        T_CHECK(proc_wait_both(phone, "\"state\":\"ended\"", "\"ended_by_peer\":true", WAIT_MS));
    T_CHECK(proc_say(phone, "{\"id\":1,\"cmd\":\"quit\"}"));
    T_EQ(proc_exit(phone, WAIT_MS), 0);
out:
    lab_close(&lab, t->failed);
}

static void test_its_speech_is_recorded(struct t *t)
{
    struct lab lab;
    struct proc *phone, *peer;
    char where[LAB_PATH_BYTES], files[2 * LAB_PATH_BYTES + 8];
    uint16_t port;
    T_CHECK(lab_open(&lab));
    T_CHECK(speech_make(&lab, "said.wav", 48000, 0) && speech_make_alaw(&lab, "said.al", 0));
    T_CHECK((phone = listener(&lab, files_of(&lab, "said.wav", "heard.wav", files), "--codec", "pcma", &port)));
    T_CHECK((peer = SIPP(&lab, proc_port(), "uac_play", at(port, where))));
    T_EQ(proc_exit(peer, WAIT_MS), 0);
    T_CHECK(ahoy_state(phone, "ended") || proc_said(phone, "\"state\":\"ended\""));
    T_CHECK(json_number(phone->line, "rtp_in") > 100);
    T_HEARD(&lab, "said.wav", "heard.wav", 0.7);
out:
    lab_close(&lab, t->failed);
}

static void test_an_offer_may_come_late(struct t *t)
{
    struct lab lab;
    struct proc *phone, *peer;
    char where[LAB_PATH_BYTES], files[2 * LAB_PATH_BYTES + 8];
    uint16_t port;
    T_CHECK(lab_open(&lab));
    T_CHECK(speech_make(&lab, "said.wav", 48000, 1));
    T_CHECK((phone = listener(&lab, files_of(&lab, "said.wav", "heard.wav", files), "--codec", "pcmu", &port)));
    T_CHECK((peer = SIPP(&lab, proc_port(), "uac_late_offer", "-rtp_echo", at(port, where))));
    T_EQ(proc_exit(peer, WAIT_MS), 0);
    T_CHECK(proc_wait(phone, "\"state\":\"ended\"", WAIT_MS));
    T_HEARD(&lab, "said.wav", "heard.wav", 0.7);
out:
    lab_close(&lab, t->failed);
}

static void test_it_puts_us_on_hold_and_back(struct t *t)
{
    struct lab lab;
    struct proc *phone, *peer;
    char where[LAB_PATH_BYTES];
    uint16_t port;
    T_CHECK(lab_open(&lab));
    T_CHECK((phone = listener(&lab, "null", "--codec", "pcmu", &port)));
    T_CHECK((peer = SIPP(&lab, proc_port(), "uac_hold", at(port, where))));
    T_EQ(proc_exit(peer, WAIT_MS), 0);
    T_CHECK(proc_wait_both(phone, "call.media", "\"sending\":true,\"receiving\":true", WAIT_MS));
    T_CHECK(proc_wait_both(phone, "call.media", "\"sending\":false", WAIT_MS));
    T_CHECK(proc_wait_both(phone, "call.media", "\"sending\":true,\"receiving\":true", WAIT_MS));
out:
    lab_close(&lab, t->failed);
}

static void test_it_cancels_while_we_ring(struct t *t)
{
    struct lab lab;
    struct proc *phone, *peer;
    char where[LAB_PATH_BYTES];
    uint16_t port;
    T_CHECK(lab_open(&lab));
    T_CHECK((phone = listener(&lab, "null", "--answer", "180", &port)));
    T_CHECK((peer = SIPP(&lab, proc_port(), "uac_cancel", at(port, where))));
    T_EQ(proc_exit(peer, WAIT_MS), 0);
    T_CHECK(proc_wait_both(phone, "\"state\":\"ended\"", "\"ended_by_peer\":true", WAIT_MS));
out:
    lab_close(&lab, t->failed);
}

static void test_options_are_answered_and_asked(struct t *t)
{
    struct lab lab;
    struct proc *phone, *peer;
    char where[LAB_PATH_BYTES], uri[LAB_PATH_BYTES];
    uint16_t port, other = proc_port();
    T_CHECK(lab_open(&lab));
    T_CHECK((phone = listener(&lab, "null", "--codec", "pcmu", &port)));
    T_CHECK((peer = SIPP(&lab, proc_port(), "uac_options", at(port, where))));
    T_EQ(proc_exit(peer, WAIT_MS), 0);
    T_CHECK((peer = SIPP(&lab, other, "uas_options")));
    T_CHECK(proc_say(phone, "{\"id\":7,\"cmd\":\"options\",\"uri\":\"%s\"}", uri_of("x", other, uri)));
    const char *line = proc_wait_both(phone, "\"event\":\"result\"", "\"id\":7", WAIT_MS);
    T_CHECK(line && strstr(line, "\"ok\":true"));
    T_EQ(json_number(line, "sip_status"), 200);
    T_EQ(proc_exit(peer, WAIT_MS), 0);
out:
    lab_close(&lab, t->failed);
}

/* ---- we call SIPp ------------------------------------------------------------------------------------------------- */

/* Calls a scenario with sound both ways through SIPp's echo; `transport` "udp" or "tcp". */
static void call_with_echo(struct t *t, const char *scenario, const char *transport)
{
    struct lab lab;
    struct proc *phone, *peer;
    char uri[LAB_PATH_BYTES], files[2 * LAB_PATH_BYTES + 8];
    uint16_t port = proc_port();
    bool tcp = strcmp(transport, "tcp") == 0;
    T_CHECK(lab_open(&lab));
    T_CHECK(speech_make(&lab, "said.wav", 48000, 2));
    T_CHECK((peer = SIPP(&lab, port, scenario, "-rtp_echo", "-t", tcp ? "t1" : "u1")));
    T_CHECK((phone = AHOY(&lab, "call", uri_of("x", port, uri), "--config", "none", "--bind", "127.0.0.1:0", "--json",
                          "--transport", transport, "--codec", "pcmu", "--max", "5", "--audio",
                          files_of(&lab, "said.wav", "heard.wav", files))));
    const char *line = ahoy_summary(phone);
    T_CHECK(json_is(line, "result", "done"));
    T_CHECK(json_is(line, "codec", "PCMU"));
    T_EQ(json_number(line, "lost"), 0);
    T_EQ(proc_exit(phone, WAIT_MS), 0);
    T_EQ(proc_exit(peer, WAIT_MS), 0);
    T_HEARD(&lab, "said.wav", "heard.wav", 0.7);
out:
    lab_close(&lab, t->failed);
}

static void test_its_own_callee_sends_our_sound_back(struct t *t)
{
    call_with_echo(t, "uas", "udp");
}

static void test_calls_go_over_tcp(struct t *t)
{
    call_with_echo(t, "uas_answer", "tcp");
}

static void test_tcp_calls_come_in(struct t *t)
{
    struct lab lab;
    struct proc *phone, *peer;
    char where[LAB_PATH_BYTES];
    uint16_t port;
    T_CHECK(lab_open(&lab));
    T_CHECK((phone = listener(&lab, "null", "--codec", "pcmu", &port)));
    T_CHECK((peer = SIPP(&lab, proc_port(), "uac", "-t", "t1", "-m", "5", "-r", "10", "-d", "200", at(port, where))));
    T_EQ(proc_exit(peer, WAIT_MS), 0);
    T_CHECK(proc_wait_both(phone, "\"state\":\"ended\"", "\"ended_by_peer\":true", WAIT_MS));
out:
    lab_close(&lab, t->failed);
}

static void test_sound_before_the_answer_is_heard(struct t *t)
{
    struct lab lab;
    struct proc *phone, *peer;
    char uri[LAB_PATH_BYTES], files[2 * LAB_PATH_BYTES + 8];
    uint16_t port = proc_port();
    T_CHECK(lab_open(&lab));
    T_CHECK(speech_make(&lab, "said.wav", 48000, 3));
    T_CHECK((peer = SIPP(&lab, port, "uas_early", "-rtp_echo")));
    T_CHECK((phone = AHOY(&lab, "call", uri_of("x", port, uri), "--config", "none", "--bind", "127.0.0.1:0", "--json",
                          "--codec", "pcmu", "--max", "2", "--audio", files_of(&lab, "said.wav", "heard.wav", files))));
    T_CHECK(ahoy_state(phone, "early"));
    T_CHECK(proc_wait_both(phone, "call.media", "\"running\":true", WAIT_MS));
    T_CHECK(ahoy_state(phone, "confirmed"));
    T_EQ(proc_exit(phone, WAIT_MS), 0);
    T_EQ(proc_exit(peer, WAIT_MS), 0);
    T_HEARD(&lab, "said.wav", "heard.wav", 0.7); /* the first 3.5 s came before the answer */
out:
    lab_close(&lab, t->failed);
}

static void test_of_three_that_pick_up_two_are_let_go(struct t *t)
{
    struct lab lab;
    struct proc *phone, *peer;
    char uri[LAB_PATH_BYTES];
    uint16_t port = proc_port();
    T_CHECK(lab_open(&lab));
    T_CHECK((peer = SIPP(&lab, port, "uas_fork", "-rtp_echo")));
    T_CHECK((phone = AHOY(&lab, "call", uri_of("fork", port, uri), "--config", "none", "--bind", "127.0.0.1:0",
                          "--json", "--codec", "pcmu", "--max", "2", "--audio", "tone:440")));
    T_CHECK(json_is(ahoy_summary(phone), "result", "done"));
    T_EQ(proc_exit(phone, WAIT_MS), 0);
    T_EQ(proc_exit(peer, WAIT_MS), 0);
    T_EQ(proc_said_times(phone, "\"state\":\"confirmed\""), 1);
out:
    lab_close(&lab, t->failed);
}

static void test_a_redirection_is_followed(struct t *t)
{
    struct lab lab;
    struct proc *phone, *first, *second;
    char uri[LAB_PATH_BYTES], elsewhere[LAB_PATH_BYTES];
    uint16_t port = proc_port(), other = proc_port();
    T_CHECK(lab_open(&lab));
    T_CHECK((first = SIPP(&lab, port, "uas_redirect", "-key", "elsewhere", at(other, elsewhere))));
    T_CHECK((second = SIPP(&lab, other, "uas_answer", "-rtp_echo")));
    T_CHECK((phone = AHOY(&lab, "call", uri_of("x", port, uri), "--config", "none", "--bind", "127.0.0.1:0", "--json",
                          "--codec", "pcmu", "--max", "1", "--audio", "tone:440")));
    T_CHECK(json_is(ahoy_summary(phone), "result", "done"));
    T_EQ(proc_exit(first, WAIT_MS), 0);
    T_EQ(proc_exit(second, WAIT_MS), 0);
    T_EQ(proc_exit(phone, WAIT_MS), 0);
out:
    lab_close(&lab, t->failed);
}

/* SIPp knows MD5 only; SHA-256 is held between our exchange and our phone, in test_command. */
static void authenticate(struct t *t, const char *scenario, const char *password, int exit_status)
{
    struct lab lab;
    struct proc *phone, *peer;
    char uri[LAB_PATH_BYTES];
    uint16_t port = proc_port();
    T_CHECK(lab_open(&lab));
    T_CHECK(lab_env(&lab, "PW", password));
    T_CHECK((peer = SIPP(&lab, port, scenario, "-rtp_echo")));
    T_CHECK((phone = AHOY(&lab, "call", uri_of("x", port, uri), "--config", "none", "--bind", "127.0.0.1:0", "--json",
                          "--user", "alice", "--password-env", "PW", "--codec", "pcmu", "--max", "1", "--audio",
                          "tone:440")));
    T_CHECK(json_is(ahoy_summary(phone), "result", exit_status == 0 ? "done" : "not-authorised"));
    T_EQ(proc_exit(phone, WAIT_MS), exit_status);
    T_EQ(proc_exit(peer, WAIT_MS), 0);
out:
    lab_close(&lab, t->failed);
}

static void test_a_401_gets_its_digest(struct t *t)
{
    authenticate(t, "uas_auth", "secret", 0);
}

static void test_a_407_gets_its_digest(struct t *t)
{
    authenticate(t, "uas_proxy_auth", "secret", 0);
}

static void test_a_wrong_password_ends_with_13(struct t *t)
{
    authenticate(t, "uas_auth", "wrong", 13);
}

static void test_each_refusal_has_its_exit_status(struct t *t)
{
    static const struct {
        const char *status;
        int exit_status;
    } cases[] = { { "486", 20 }, { "600", 20 }, { "603", 21 }, { "404", 22 }, { "410", 22 },
                  { "484", 22 }, { "604", 22 }, { "480", 23 }, { "408", 23 }, { "488", 24 },
                  { "606", 24 }, { "403", 13 }, { "500", 25 }, { "420", 25 } };
    struct lab lab;
    char uri[LAB_PATH_BYTES];
    T_CHECK(lab_open(&lab));
    for (size_t i = 0; i < AHOY_COUNT(cases); i++) {
        uint16_t port = proc_port();
        T_CHECK(refusing(t, &lab, cases[i].status));
        struct proc *peer = SIPP(&lab, port, "uas_status.xml");
        T_CHECK(peer);
        struct proc *phone = AHOY(&lab, "call", uri_of("x", port, uri), "--config", "none", "--bind", "127.0.0.1:0",
                                  "--audio", "null");
        T_EQ(proc_exit(phone, WAIT_MS), cases[i].exit_status);
        T_CHECK(proc_said(phone, "ahoy: ")); /* a line that says what it was */
        T_EQ(proc_exit(peer, WAIT_MS), 0);
        (void) proc_end(phone);
        (void) proc_end(peer);
    }
out:
    lab_close(&lab, t->failed);
}

static void test_hanging_up_while_it_rings_cancels(struct t *t)
{
    struct lab lab;
    struct proc *phone, *peer;
    char uri[LAB_PATH_BYTES];
    uint16_t port = proc_port();
    T_CHECK(lab_open(&lab));
    T_CHECK((peer = SIPP(&lab, port, "uas_cancelled")));
    T_CHECK((phone = AHOY(&lab, "call", uri_of("x", port, uri), "--config", "none", "--bind", "127.0.0.1:0", "--json",
                          "--audio", "null")));
    T_CHECK(ahoy_state(phone, "ringing"));
    T_CHECK(proc_say(phone, "{\"id\":1,\"cmd\":\"hangup\"}"));
    T_CHECK(ahoy_summary(phone));
    T_EQ(proc_exit(peer, WAIT_MS), 0);
out:
    lab_close(&lab, t->failed);
}

static void test_a_call_that_stands_despite_cancel_is_ended(struct t *t)
{
    struct lab lab;
    struct proc *phone, *peer;
    char uri[LAB_PATH_BYTES];
    uint16_t port = proc_port();
    T_CHECK(lab_open(&lab));
    T_CHECK((peer = SIPP(&lab, port, "uas_cancel_crosses")));
    T_CHECK((phone = AHOY(&lab, "call", uri_of("x", port, uri), "--config", "none", "--bind", "127.0.0.1:0", "--json",
                          "--audio", "null")));
    T_CHECK(ahoy_state(phone, "ringing"));
    T_CHECK(proc_say(phone, "{\"id\":1,\"cmd\":\"hangup\"}"));
    T_CHECK(ahoy_summary(phone));
    T_EQ(proc_exit(peer, WAIT_MS), 0); /* it saw its 200 acknowledged, and a BYE */
out:
    lab_close(&lab, t->failed);
}

static void test_glare_is_refused_and_tried_again(struct t *t)
{
    struct lab lab;
    struct proc *phone, *peer;
    char uri[LAB_PATH_BYTES];
    uint16_t port = proc_port();
    T_CHECK(lab_open(&lab));
    T_CHECK((peer = SIPP(&lab, port, "uas_glare")));
    T_CHECK((phone = AHOY(&lab, "call", uri_of("x", port, uri), "--config", "none", "--bind", "127.0.0.1:0", "--json",
                          "--codec", "pcmu", "--audio", "tone:440", "--hold-after", "1")));
    T_CHECK(ahoy_state(phone, "held")); /* 2.1 to 4 s after the 491 (RFC 3261 section 14.1) */
    T_CHECK(proc_say(phone, "{\"id\":1,\"cmd\":\"hangup\"}"));
    T_CHECK(ahoy_summary(phone));
    T_EQ(proc_exit(peer, WAIT_MS), 0);
out:
    lab_close(&lab, t->failed);
}

/* The command cannot lower T1, so this is an engine in this process: 64·T1 is 1.3 s. */
static void test_a_peer_that_never_answers_is_given_up(struct t *t)
{
    struct lab lab;
    struct ahoy_engine *engine = NULL;
    struct ahoy_event *e = NULL;
    char uri[LAB_PATH_BYTES];
    const char *bind = "127.0.0.1:0";
    ahoy_call_id call;
    uint16_t port = proc_port();
    T_CHECK(lab_open(&lab));
    /* It has the port, and waits for another request: SIPp drops what it does not expect. */
    T_CHECK(SIPP(&lab, port, "uas_silent"));
    struct ahoy_engine_config cfg = AHOY_ENGINE_CONFIG_DEFAULT;
    cfg.binds = &bind;
    cfg.bind_count = 1;
    cfg.t1_ms = 20;
    T_OK(ahoy_engine_create(&engine, &cfg, NULL, 0));
    T_OK(ahoy_call_place(engine, &(struct ahoy_call_config){ .uri = uri_of("x", port, uri), .media.audio = "null" },
                         &call));
    while ((e = ahoy_engine_wait(engine, WAIT_MS))
           && (e->type != AHOY_EVENT_CALL_STATE || e->call.state != AHOY_CALL_ENDED))
        ahoy_event_free(e);
    T_CHECK(e);
    T_EQ(e->call.cause, AHOY_CAUSE_NO_ANSWER_NET);
    T_EQ(ahoy_cause_exit_status(e->call.cause), 11);
out:
    ahoy_event_free(e);
    ahoy_engine_destroy(engine, 0);
    lab_close(&lab, t->failed);
}

/* ---- SIPp at our exchange ----------------------------------------------------------------------------------------- */

/* Without passwords: SIPp 3.6 ends at the sight of a SHA-256 challenge, which our exchange offers first (RFC 8760). */
static void test_it_registers_with_us_and_calls_echo(struct t *t)
{
    struct lab lab;
    struct proc *exchange, *peer;
    char where[LAB_PATH_BYTES], udp[LAB_PATH_BYTES];
    uint16_t port = proc_port();
    T_CHECK(lab_open(&lab));
    T_CHECK(speech_make_alaw(&lab, "said.al", 0));
    (void) snprintf(udp, sizeof udp, "udp:127.0.0.1:%u", port);
    T_CHECK((exchange = AHOY(&lab, "serve", "--listen", udp, "--open", "--json")));
    T_EQ(ahoy_ready(exchange), port);
    T_CHECK((peer = SIPP(&lab, proc_port(), "uac_register", at(port, where))));
    T_EQ(proc_exit(peer, WAIT_MS), 0);
    T_CHECK((peer = SIPP(&lab, proc_port(), "uac_echo", at(port, where))));
    T_EQ(proc_exit(peer, WAIT_MS), 0);
out:
    lab_close(&lab, t->failed);
}

/* ---- SIPp collects our quality reports ---------------------------------------------------------------------------- */

/* The body of the first message that a trace of SIPp's holds, by its Content-Length. */
static struct view body_of(struct view trace)
{
    struct view rest = view_from(trace, view_search(trace, VIEW("Content-Length:"))), line;
    uint32_t n = 0;
    (void) view_cut(&rest, ':');
    if (!view_line(&rest, &line) || view_u32(view_trim(line), &n))
        return view_of(NULL, 0);
    rest = view_from(trace, view_search(trace, VIEW("\r\n\r\n")) + 4);
    return view_first(rest, n);
}

static void test_a_collector_gets_our_report(struct t *t)
{
    struct lab lab;
    struct proc *phone, *peer, *collector;
    char uri[LAB_PATH_BYTES], to[LAB_PATH_BYTES], trace[LAB_PATH_BYTES];
    uint16_t port = proc_port(), other;
    struct view text = { .p = NULL };
    unsigned where = 0;
    T_CHECK(lab_open(&lab));
    T_CHECK((peer = SIPP(&lab, port, "uas", "-rtp_echo")));
    other = proc_port();
    (void) lab_path(&lab, "published.log", trace);
    T_CHECK((collector = SIPP(&lab, other, "uas_publish", "-trace_msg", "-message_file", trace)));
    T_CHECK((phone = AHOY(&lab, "call", uri_of("x", port, uri), "--config", "none", "--bind", "127.0.0.1:0", "--json",
                          "--codec", "pcmu", "--max", "3", "--audio", "tone:440", "--quality-report",
                          uri_of("collector", other, to))));
    T_CHECK(proc_wait(phone, "\"state\":\"confirmed\"", WAIT_MS));
    T_CHECK(proc_say(phone, "{\"id\":4,\"cmd\":\"report\"}"));
    T_CHECK(proc_wait_both(phone, "call.report", "\"published\":false", WAIT_MS));
    T_CHECK(ahoy_summary(phone));
    T_CHECK(proc_said(phone, "\"published\":true"));
    T_EQ(proc_exit(phone, WAIT_MS), 0);
    T_EQ(proc_exit(collector, WAIT_MS), 0);
    T_EQ(proc_exit(peer, WAIT_MS), 0);
    T_ALWAYS(t_read_file(t, trace, &text));
    T_CHECK(vq_abnf_check(body_of(text), &where));
    T_CHECK(view_starts(body_of(text), VIEW("VQSessionReport:CallTerm\r\n")));
    T_CHECK(vq_abnf_value(body_of(text), "LocalMetrics:", "QualityEst:", "MOSLQ") > 4);
out:
    mem_free((char *) (uintptr_t) text.p);
    lab_close(&lab, t->failed);
}

T_MAIN(T_REAL(test_a_collector_gets_our_report), T_REAL(test_its_own_caller_makes_twenty_calls),
       T_REAL(test_its_speech_is_recorded), T_REAL(test_an_offer_may_come_late),
       T_REAL(test_it_puts_us_on_hold_and_back), T_REAL(test_it_cancels_while_we_ring),
       T_REAL(test_options_are_answered_and_asked), T_REAL(test_its_own_callee_sends_our_sound_back),
       T_REAL(test_calls_go_over_tcp), T_REAL(test_tcp_calls_come_in), T_REAL(test_sound_before_the_answer_is_heard),
       T_REAL(test_of_three_that_pick_up_two_are_let_go), T_REAL(test_a_redirection_is_followed),
       T_REAL(test_a_401_gets_its_digest), T_REAL(test_a_407_gets_its_digest),
       T_REAL(test_a_wrong_password_ends_with_13), T_REAL(test_each_refusal_has_its_exit_status),
       T_REAL(test_hanging_up_while_it_rings_cancels), T_REAL(test_a_call_that_stands_despite_cancel_is_ended),
       T_REAL(test_glare_is_refused_and_tried_again), T_REAL(test_a_peer_that_never_answers_is_given_up),
       T_REAL(test_it_registers_with_us_and_calls_echo))
