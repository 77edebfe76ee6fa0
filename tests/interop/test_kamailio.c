/*
 * Two phones of ours with Kamailio 5.6 between them: registrar, stateful proxy that stays in the path, digest for everything.
 * T_REAL throughout: real processes, real time.
 */
#include "support_ahoy.h"

#include <stdio.h>

static const char config[] =
    "#!KAMAILIO\n"
    "debug=1\nlog_stderror=yes\nfork=yes\nchildren=2\ntcp_children=2\nauto_aliases=no\ndns=no\nrev_dns=no\n"
    "listen=udp:127.0.0.1:%u\nlisten=tcp:127.0.0.1:%u\n"
    "loadmodule \"tm.so\"\nloadmodule \"sl.so\"\nloadmodule \"rr.so\"\nloadmodule \"pv.so\"\nloadmodule \"maxfwd.so\"\n"
    "loadmodule \"siputils.so\"\nloadmodule \"textops.so\"\nloadmodule \"usrloc.so\"\nloadmodule \"registrar.so\"\nloadmodule \"auth.so\"\n"
    "modparam(\"usrloc\", \"db_mode\", 0)\nmodparam(\"auth\", \"qop\", \"auth\")\nmodparam(\"auth\", \"algorithm\", \"%s\")\n"
    "request_route {\n"
    "    if (!mf_process_maxfwd_header(\"10\")) { sl_send_reply(\"483\", \"Too Many Hops\"); exit; }\n"
    "    if (is_method(\"OPTIONS\") && uri==myself) { sl_send_reply(\"200\", \"OK\"); exit; }\n"
    "    if (is_method(\"CANCEL\")) { if (t_check_trans()) t_relay(); exit; }\n"
    "    if (has_totag()) {\n"
    "        if (loose_route()) { t_relay(); exit; }\n"
    "        if (is_method(\"ACK\")) { if (t_check_trans()) t_relay(); exit; }\n"
    "        sl_send_reply(\"404\", \"Not here\"); exit;\n"
    "    }\n"
    "    t_check_trans();\n"
    "    if (is_method(\"REGISTER\")) {\n"
    "        if (!pv_www_authenticate(\"$fd\", \"secret\", \"0\")) { www_challenge(\"$fd\", \"1\"); exit; }\n"
    "        save(\"location\"); exit;\n"
    "    }\n"
    "    if (!pv_proxy_authenticate(\"$fd\", \"secret\", \"0\")) { proxy_challenge(\"$fd\", \"1\"); exit; }\n"
    "    consume_credentials();\n"
    "    record_route();\n"
    "    if (!lookup(\"location\")) { sl_send_reply(\"404\", \"Not Found\"); exit; }\n"
    "    t_relay();\n"
    "}\n";

static bool kamailio_start(struct lab *lab, uint16_t port, const char *algorithm)
{
    char cfg[LAB_PATH_BYTES];
    return lab_write(lab, "kamailio.cfg", config, port, port, algorithm) && lab_mkdir(lab, "run")
           && LAB_START(lab, "/usr/sbin/kamailio", "-f", lab_path(lab, "kamailio.cfg", cfg), "-DD", "-E", "-w",
                        lab->dir, "-Y", lab->dir, "-m", "32", "-M", "4")
           && lab_ping(lab, port, WAIT_MS);
}

/* A phone that registers, and takes calls (callee NULL) or places one. */
static struct proc *phone(struct lab *lab, uint16_t server, const char *user, const char *transport, const char *callee,
                          const char *audio)
{
    char registrar[LAB_PATH_BYTES], uri[LAB_PATH_BYTES];
    (void) snprintf(registrar, sizeof registrar, "sip:127.0.0.1:%u", server);
    if (callee)
        return AHOY(lab, "call", uri_of(callee, server, uri), "--config", "none", "--bind", "127.0.0.1:0", "--json",
                    "--user", user, "--password-env", "PW", "--registrar", registrar, "--transport", transport,
                    "--codec", "g722", "--max", "5", "--audio", audio);
    return AHOY(lab, "listen", "--config", "none", "--bind", "127.0.0.1:0", "--json", "--user", user, "--password-env",
                "PW", "--registrar", registrar, "--transport", transport, "--codec", "g722", "--audio", audio);
}

static void talk(struct t *t, const char *alice_transport, const char *bob_transport, const char *algorithm)
{
    struct lab lab;
    struct proc *alice, *bob;
    char files[2 * LAB_PATH_BYTES + 8];
    uint16_t port = proc_port();
    T_CHECK(lab_open(&lab));
    T_CHECK(lab_env(&lab, "PW", "secret"));
    T_CHECK(speech_make(&lab, "alice.wav", 48000, 0) && speech_make(&lab, "bob.wav", 48000, 4));
    T_CHECK(kamailio_start(&lab, port, algorithm));
    T_CHECK((bob = phone(&lab, port, "bob", bob_transport, NULL, files_of(&lab, "bob.wav", "bob-heard.wav", files))));
    T_CHECK(ahoy_ready(bob));
    T_CHECK(proc_said(bob, "\"state\":\"registered\""));
    T_CHECK((alice = phone(&lab, port, "alice", alice_transport, "bob",
                           files_of(&lab, "alice.wav", "alice-heard.wav", files))));
    T_CHECK(proc_wait_both(alice, "account.state", "\"state\":\"registered\"", WAIT_MS));
    T_CHECK(ahoy_state(bob, "confirmed"));
    const char *line = ahoy_summary(alice);
    T_CHECK(json_is(line, "result", "done"));
    T_EQ(proc_exit(alice, WAIT_MS), 0);
    T_CHECK(proc_wait_both(bob, "\"state\":\"ended\"", "\"ended_by_peer\":true", WAIT_MS));
    T_HEARD(&lab, "alice.wav", "bob-heard.wav", 0.7);
    T_HEARD(&lab, "bob.wav", "alice-heard.wav", 0.7);
out:
    lab_close(&lab, t->failed);
}

static void test_two_phones_talk_through_it_over_udp(struct t *t)
{
    talk(t, "udp", "udp", "MD5");
}

static void test_tcp_and_udp_meet_with_sha_256(struct t *t)
{
    talk(t, "tcp", "udp", "SHA-256");
}

static void test_who_is_not_there_is_not_found(struct t *t)
{
    struct lab lab;
    struct proc *alice;
    uint16_t port = proc_port();
    T_CHECK(lab_open(&lab));
    T_CHECK(lab_env(&lab, "PW", "secret"));
    T_CHECK(kamailio_start(&lab, port, "MD5"));
    T_CHECK((alice = phone(&lab, port, "alice", "udp", "nobody", "null")));
    T_EQ(proc_exit(alice, WAIT_MS), 22);
out:
    lab_close(&lab, t->failed);
}

static void test_a_wrong_password_ends_with_13(struct t *t)
{
    struct lab lab;
    struct proc *alice;
    uint16_t port = proc_port();
    T_CHECK(lab_open(&lab));
    T_CHECK(lab_env(&lab, "PW", "guessed"));
    T_CHECK(kamailio_start(&lab, port, "MD5"));
    T_CHECK((alice = phone(&lab, port, "alice", "udp", "bob", "null")));
    T_EQ(proc_exit(alice, WAIT_MS), 13);
out:
    lab_close(&lab, t->failed);
}

static void test_a_call_that_rings_is_cancelled_through_it(struct t *t)
{
    struct lab lab;
    struct proc *alice, *bob;
    char registrar[LAB_PATH_BYTES];
    uint16_t port = proc_port();
    T_CHECK(lab_open(&lab));
    T_CHECK(lab_env(&lab, "PW", "secret"));
    T_CHECK(kamailio_start(&lab, port, "MD5"));
    (void) snprintf(registrar, sizeof registrar, "sip:127.0.0.1:%u", port);
    T_CHECK((bob = AHOY(&lab, "listen", "--config", "none", "--bind", "127.0.0.1:0", "--json", "--user", "bob",
                        "--password-env", "PW", "--registrar", registrar, "--answer", "180", "--audio", "null")));
    T_CHECK(ahoy_ready(bob));
    T_CHECK((alice = phone(&lab, port, "alice", "udp", "bob", "null")));
    T_CHECK(ahoy_state(alice, "ringing"));
    T_CHECK(proc_say(alice, "{\"id\":1,\"cmd\":\"hangup\"}"));
    T_CHECK(ahoy_summary(alice));
    T_CHECK(proc_wait_both(bob, "\"state\":\"ended\"", "\"ended_by_peer\":true", WAIT_MS));
out:
    lab_close(&lab, t->failed);
}

T_MAIN(T_REAL(test_two_phones_talk_through_it_over_udp), T_REAL(test_tcp_and_udp_meet_with_sha_256),
       T_REAL(test_who_is_not_there_is_not_found), T_REAL(test_a_wrong_password_ends_with_13),
       T_REAL(test_a_call_that_rings_is_cancelled_through_it))
