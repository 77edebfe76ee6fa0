/*
 * Against baresip 1.0: calls both ways in three codecs, the sound recorded at both ends, and our exchange as its registrar.
 * T_REAL throughout: real processes, real time.
 */
#include "support_peers.h"

#include <stdio.h>

/* libopus keeps how it sounds rather than the wave, and both sides stretch time a little while a call begins. */
enum { OPUS_PERCENT = 65, WAVE_PERCENT = 70 };

static double least_of(const char *codec)
{
    return (strcmp(codec, "opus") == 0 ? OPUS_PERCENT : WAVE_PERCENT) / 100.0;
}

static const char *direct(uint16_t port, char account[LAB_PATH_BYTES])
{
    (void) snprintf(account, LAB_PATH_BYTES, "<sip:bob@127.0.0.1:%u;transport=udp>;regint=0;answermode=auto", port);
    return account;
}

static void we_call(struct t *t, const char *codec, const char *theirs)
{
    struct lab lab;
    struct proc *phone, *peer;
    char uri[LAB_PATH_BYTES], account[LAB_PATH_BYTES], heard[LAB_PATH_BYTES], files[2 * LAB_PATH_BYTES + 8];
    uint16_t port = proc_port();
    T_CHECK(lab_open(&lab));
    T_CHECK(speech_make(&lab, "ours.wav", 48000, 0) && speech_make(&lab, "theirs.wav", 48000, 3));
    T_CHECK((peer = baresip_start(
                 &lab, &(struct baresip_config){ "bob", port, direct(port, account), theirs, "theirs.wav" })));
    T_CHECK((phone = AHOY(&lab, "call", uri_of("bob", port, uri), "--config", "none", "--bind", "127.0.0.1:0", "--json",
                          "--codec", codec, "--max", "5", "--audio", files_of(&lab, "ours.wav", "heard.wav", files))));
    const char *line = ahoy_summary(phone);
    T_CHECK(json_is(line, "result", "done"));
    T_CHECK(json_number(line, "rtp_in") > 150 && json_number(line, "rtp_out") > 150);
    T_EQ(proc_exit(phone, WAIT_MS), 0);
    T_CHECK(baresip_heard(peer, "bob", heard)[0]);
    T_HEARD(&lab, "theirs.wav", "heard.wav", least_of(codec));
    T_HEARD(&lab, "ours.wav", heard, least_of(codec));
out:
    lab_close(&lab, t->failed);
}

static void they_call(struct t *t, const char *codec, const char *theirs)
{
    struct lab lab;
    struct proc *phone, *peer;
    char uri[LAB_PATH_BYTES], account[LAB_PATH_BYTES], heard[LAB_PATH_BYTES], files[2 * LAB_PATH_BYTES + 8];
    uint16_t port = proc_port(), ours;
    T_CHECK(lab_open(&lab));
    T_CHECK(speech_make(&lab, "ours.wav", 48000, 1) && speech_make(&lab, "theirs.wav", 48000, 4));
    T_CHECK((phone = AHOY(&lab, "listen", "--config", "none", "--bind", "127.0.0.1:0", "--json", "--codec", codec,
                          "--audio", files_of(&lab, "ours.wav", "heard.wav", files))));
    T_CHECK((ours = ahoy_ready(phone)));
    T_CHECK((peer = baresip_start(
                 &lab, &(struct baresip_config){ "bob", port, direct(port, account), theirs, "theirs.wav" })));
    T_CHECK(proc_say(peer, "/dial %s", uri_of("x", ours, uri)));
    T_CHECK(ahoy_state(phone, "confirmed"));
    T_CHECK(ahoy_lasted(phone, SPEECH_MS + 500));
    T_CHECK(proc_say(peer, "/hangup"));
    T_CHECK(proc_wait_both(phone, "\"state\":\"ended\"", "\"ended_by_peer\":true", WAIT_MS));
    T_CHECK(json_number(phone->line, "rtp_in") > 150);
    T_CHECK(baresip_heard(peer, "bob", heard)[0]);
    T_HEARD(&lab, "theirs.wav", "heard.wav", least_of(codec));
    T_HEARD(&lab, "ours.wav", heard, least_of(codec));
out:
    lab_close(&lab, t->failed);
}

static void test_we_call_in_opus(struct t *t)
{
    we_call(t, "opus", "opus/48000/2");
}

static void test_we_call_in_g722(struct t *t)
{
    we_call(t, "g722", "g722/16000/1");
}

static void test_we_call_in_pcmu(struct t *t)
{
    we_call(t, "pcmu", "pcmu/8000/1");
}

static void test_it_calls_in_opus(struct t *t)
{
    they_call(t, "opus", "opus/48000/2");
}

static void test_it_calls_in_g722(struct t *t)
{
    they_call(t, "g722", "g722/16000/1");
}

static void test_it_calls_in_pcmu(struct t *t)
{
    they_call(t, "pcmu", "pcmu/8000/1");
}

static void test_no_codec_in_common_ends_with_24(struct t *t)
{
    struct lab lab;
    struct proc *phone;
    char uri[LAB_PATH_BYTES], account[LAB_PATH_BYTES];
    uint16_t port = proc_port();
    T_CHECK(lab_open(&lab));
    T_CHECK(speech_make(&lab, "theirs.wav", 48000, 3));
    T_CHECK(baresip_start(
        &lab, &(struct baresip_config){ "bob", port, direct(port, account), "opus/48000/2", "theirs.wav" }));
    T_CHECK((phone = AHOY(&lab, "call", uri_of("bob", port, uri), "--config", "none", "--bind", "127.0.0.1:0", "--json",
                          "--codec", "pcmu", "--audio", "null")));
    T_EQ(proc_exit(phone, WAIT_MS), 24);
out:
    lab_close(&lab, t->failed);
}

/* ---- our exchange ------------------------------------------------------------------------------------------------- */

static const char *member(const char *user, uint16_t exchange, char account[LAB_PATH_BYTES])
{
    (void) snprintf(account, LAB_PATH_BYTES,
                    "<sip:%s@127.0.0.1:%u;transport=udp>;auth_user=%s;auth_pass=%s-secret;regint=60;answermode=auto",
                    user, exchange, user, user);
    return account;
}

static void test_two_of_it_talk_through_our_exchange(struct t *t)
{
    struct lab lab;
    struct proc *exchange, *alice, *bob;
    char udp[64], tcp[64], account[LAB_PATH_BYTES], uri[LAB_PATH_BYTES], a[LAB_PATH_BYTES], b[LAB_PATH_BYTES];
    uint16_t port = proc_port();
    static const char codec[] = "pcmu/8000/1";
    T_CHECK(lab_open(&lab));
    (void) snprintf(udp, sizeof udp, "udp:127.0.0.1:%u", port);
    (void) snprintf(tcp, sizeof tcp, "tcp:127.0.0.1:%u", port);
    T_CHECK(speech_make(&lab, "alice.wav", 48000, 0) && speech_make(&lab, "bob.wav", 48000, 4));
    T_CHECK((exchange = AHOY(&lab, "serve", "--listen", udp, "--listen", tcp, "--user", "alice:alice-secret", "--user",
                             "bob:bob-secret", "--json")));
    T_EQ(ahoy_ready(exchange), port);
    T_CHECK((alice = baresip_start(&lab, &(struct baresip_config){ "alice", proc_port(), member("alice", port, account),
                                                                   codec, "alice.wav" })));
    T_CHECK((bob = baresip_start(&lab, &(struct baresip_config){ "bob", proc_port(), member("bob", port, account),
                                                                 codec, "bob.wav" })));
    T_CHECK(proc_said(alice, "200 OK") || proc_wait(alice, "200 OK", WAIT_MS));
    T_CHECK(proc_said(bob, "200 OK") || proc_wait(bob, "200 OK", WAIT_MS));
    T_CHECK(proc_say(alice, "/dial %s", uri_of("bob", port, uri)));
    T_CHECK(proc_wait(alice, "[0:00:05]", WAIT_MS)); /* its clock of the call */
    T_CHECK(proc_say(alice, "/hangup"));
    T_CHECK(baresip_heard(alice, "alice", a)[0]);
    T_CHECK(baresip_heard(bob, "bob", b)[0]);
    T_HEARD(&lab, "bob.wav", a, 0.7);
    T_HEARD(&lab, "alice.wav", b, 0.7);
out:
    lab_close(&lab, t->failed);
}

static void test_it_hears_itself_at_our_echo(struct t *t)
{
    struct lab lab;
    struct proc *exchange, *alice;
    char udp[64], account[LAB_PATH_BYTES], uri[LAB_PATH_BYTES], heard[LAB_PATH_BYTES];
    uint16_t port = proc_port();
    T_CHECK(lab_open(&lab));
    (void) snprintf(udp, sizeof udp, "udp:127.0.0.1:%u", port);
    T_CHECK(speech_make(&lab, "alice.wav", 48000, 2));
    T_CHECK((exchange = AHOY(&lab, "serve", "--listen", udp, "--user", "alice:alice-secret", "--json")));
    T_EQ(ahoy_ready(exchange), port);
    T_CHECK((alice = baresip_start(&lab, &(struct baresip_config){ "alice", proc_port(), member("alice", port, account),
                                                                   "g722/16000/1", "alice.wav" })));
    T_CHECK(proc_said(alice, "200 OK") || proc_wait(alice, "200 OK", WAIT_MS));
    T_CHECK(proc_say(alice, "/dial %s", uri_of("echo", port, uri)));
    T_CHECK(proc_wait(alice, "[0:00:05]", WAIT_MS));
    T_CHECK(proc_say(alice, "/hangup"));
    T_CHECK(baresip_heard(alice, "alice", heard)[0]);
    T_HEARD(&lab, "alice.wav", heard, 0.7);
out:
    lab_close(&lab, t->failed);
}

static void test_a_wrong_password_is_not_registered(struct t *t)
{
    struct lab lab;
    struct proc *exchange, *alice;
    char udp[64], account[LAB_PATH_BYTES];
    uint16_t port = proc_port();
    T_CHECK(lab_open(&lab));
    (void) snprintf(udp, sizeof udp, "udp:127.0.0.1:%u", port);
    T_CHECK(speech_make(&lab, "alice.wav", 48000, 2));
    T_CHECK((exchange = AHOY(&lab, "serve", "--listen", udp, "--user", "alice:another", "--json")));
    T_EQ(ahoy_ready(exchange), port);
    T_CHECK((alice = baresip_start(&lab, &(struct baresip_config){ "alice", proc_port(), member("alice", port, account),
                                                                   "pcmu/8000/1", "alice.wav" })));
    T_CHECK(proc_said(alice, " 40") || proc_wait(alice, " 40", WAIT_MS)); /* 401 again, or 403 */
    T_CHECK(!proc_said(alice, "200 OK"));
out:
    lab_close(&lab, t->failed);
}

T_MAIN(T_REAL(test_we_call_in_opus), T_REAL(test_we_call_in_g722), T_REAL(test_we_call_in_pcmu),
       T_REAL(test_it_calls_in_opus), T_REAL(test_it_calls_in_g722), T_REAL(test_it_calls_in_pcmu),
       T_REAL(test_no_codec_in_common_ends_with_24), T_REAL(test_two_of_it_talk_through_our_exchange),
       T_REAL(test_it_hears_itself_at_our_echo), T_REAL(test_a_wrong_password_is_not_registered))
