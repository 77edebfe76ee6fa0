/*
 * Against linphonec 5.1: calls both ways in three codecs, the sound recorded at both ends, and our exchange as its registrar.
 * T_REAL throughout: real processes, real time.
 */
#include "support_peers.h"

#include <stdio.h>

/* libopus keeps how it sounds rather than the wave, and both sides stretch time, linphonec throughout a call. */
enum { OPUS_PERCENT = 65, WAVE_PERCENT = 70 };

static double least_of(const char *codec)
{
    return (strcmp(codec, "opus") == 0 ? OPUS_PERCENT : WAVE_PERCENT) / 100.0;
}

static bool speeches(const struct lab *lab)
{
    return speech_make(lab, "ours.wav", 48000, 0) && speech_make(lab, "theirs.wav", 16000, 4);
}

static struct proc *linphone(struct lab *lab, uint16_t port, const char *codec)
{
    return linphone_start(lab,
                          &(struct linphone_config){ "lin", port, proc_port(), codec, "theirs.wav", "lin.wav", false });
}

static void we_call(struct t *t, const char *codec, const char *theirs)
{
    struct lab lab;
    struct proc *phone, *peer;
    char uri[LAB_PATH_BYTES], files[2 * LAB_PATH_BYTES + 8];
    uint16_t port = proc_port();
    T_CHECK(lab_open(&lab));
    T_CHECK(speeches(&lab));
    T_CHECK((peer = linphone(&lab, port, theirs)));
    T_CHECK((phone = AHOY(&lab, "call", uri_of("lin", port, uri), "--config", "none", "--bind", "127.0.0.1:0", "--json",
                          "--codec", codec, "--max", "5", "--audio", files_of(&lab, "ours.wav", "heard.wav", files))));
    const char *line = ahoy_summary(phone);
    T_CHECK(json_is(line, "result", "done"));
    T_CHECK(json_number(line, "rtp_in") > 150 && json_number(line, "rtp_out") > 150);
    T_EQ(proc_exit(phone, WAIT_MS), 0);
    T_CHECK(proc_say(peer, "quit"));
    T_CHECK(proc_exit(peer, WAIT_MS) >= 0); /* the recording is complete now */
    T_HEARD(&lab, "theirs.wav", "heard.wav", least_of(codec));
    T_HEARD(&lab, "ours.wav", "lin.wav", least_of(codec));
out:
    lab_close(&lab, t->failed);
}

static void it_calls(struct t *t, const char *codec, const char *theirs)
{
    struct lab lab;
    struct proc *phone, *peer;
    char uri[LAB_PATH_BYTES], files[2 * LAB_PATH_BYTES + 8];
    uint16_t ours;
    T_CHECK(lab_open(&lab));
    T_CHECK(speeches(&lab));
    T_CHECK((phone = AHOY(&lab, "listen", "--config", "none", "--bind", "127.0.0.1:0", "--json", "--codec", codec,
                          "--audio", files_of(&lab, "ours.wav", "heard.wav", files))));
    T_CHECK((ours = ahoy_ready(phone)));
    T_CHECK((peer = linphone(&lab, proc_port(), theirs)));
    T_CHECK(proc_say(peer, "call %s", uri_of("x", ours, uri)));
    T_CHECK(ahoy_state(phone, "confirmed"));
    T_CHECK(ahoy_lasted(phone, SPEECH_MS + 500));
    T_CHECK(proc_say(peer, "terminate"));
    T_CHECK(proc_wait_both(phone, "\"state\":\"ended\"", "\"ended_by_peer\":true", WAIT_MS));
    T_CHECK(json_number(phone->line, "rtp_in") > 150);
    T_CHECK(proc_say(peer, "quit"));
    T_CHECK(proc_exit(peer, WAIT_MS) >= 0);
    T_HEARD(&lab, "theirs.wav", "heard.wav", least_of(codec));
    T_HEARD(&lab, "ours.wav", "lin.wav", least_of(codec));
out:
    lab_close(&lab, t->failed);
}

/*
 * With extended reports agreed, VoIP metrics go both ways: it takes ours and goes on as before, and what it hears is what it
 * says itself. (It knows neither its end system delay nor echo, and rates a clean call 4.9.)
 */
static void test_extended_reports_go_both_ways(struct t *t)
{
    struct lab lab;
    struct proc *phone, *peer;
    char uri[LAB_PATH_BYTES], files[2 * LAB_PATH_BYTES + 8];
    uint16_t port = proc_port();
    struct linphone_config cfg = { "lin", port, 0, "PCMU (8000)", "theirs.wav", "lin.wav", true };
    T_CHECK(lab_open(&lab));
    T_CHECK(speeches(&lab));
    cfg.rtp_port = proc_port();
    T_CHECK((peer = linphone_start(&lab, &cfg)));
    T_CHECK(
        (phone = AHOY(&lab, "call", uri_of("lin", port, uri), "--config", "none", "--bind", "127.0.0.1:0", "--json",
                      "--codec", "pcmu", "--max", "14", "--audio", files_of(&lab, "ours.wav", "heard.wav", files))));
    const char *line = ahoy_summary(phone);
    T_CHECK(json_is(line, "result", "done"));
    T_CHECK(json_is(line, "grade", "good"));
    T_CHECK(strstr(line, "\"remote_estimated\":false"));
    T_CHECK(json_number(line, "remote_mos") > 4 && json_number(line, "remote_mos_lq") > 4);
    T_CHECK(json_number(line, "remote_r_factor") > 80 && json_number(line, "remote_r_factor") <= 100);
    T_CHECK(json_number(line, "remote_loss") < 0.05 && json_number(line, "remote_discarded") < 0.05);
    T_CHECK(json_number(line, "remote_buffer_ms") > 0 && json_number(line, "remote_lost_fraction") < 0.05);
    T_CHECK(json_number(line, "rtt_ms") >= 0 && json_number(line, "rtt_ms") < 100);
    T_CHECK(json_number(line, "rtp_in") > 400);
    T_EQ(proc_exit(phone, WAIT_MS), 0);
    T_CHECK(proc_say(peer, "quit"));
    T_CHECK(proc_exit(peer, WAIT_MS) >= 0);
    T_HEARD(&lab, "ours.wav", "lin.wav", WAVE_PERCENT / 100.0);
out:
    lab_close(&lab, t->failed);
}

static void test_we_call_in_opus(struct t *t)
{
    we_call(t, "opus", "opus (48000)");
}

static void test_we_call_in_g722(struct t *t)
{
    we_call(t, "g722", "G722 (8000)");
}

static void test_we_call_in_pcmu(struct t *t)
{
    we_call(t, "pcmu", "PCMU (8000)");
}

static void test_it_calls_in_opus(struct t *t)
{
    it_calls(t, "opus", "opus (48000)");
}

static void test_it_calls_in_pcma(struct t *t)
{
    it_calls(t, "pcma", "PCMA (8000)");
}

/* ---- our exchange ------------------------------------------------------------------------------------------------- */

static struct proc *exchange_start(struct lab *lab, uint16_t port)
{
    char udp[64], tcp[64];
    (void) snprintf(udp, sizeof udp, "udp:127.0.0.1:%u", port);
    (void) snprintf(tcp, sizeof tcp, "tcp:127.0.0.1:%u", port);
    struct proc *p = AHOY(lab, "serve", "--listen", udp, "--listen", tcp, "--user", "alice:alice-secret", "--user",
                          "bob:bob-secret", "--json");
    return ahoy_ready(p) == port ? p : NULL;
}

/* It says nothing of its success; the exchange does. */
static bool linphone_register(struct proc *p, const char *user, struct proc *exchange, uint16_t port)
{
    char news[64];
    (void) snprintf(news, sizeof news, "%s registered from", user);
    return proc_say(p, "register sip:%s@127.0.0.1:%u sip:127.0.0.1:%u %s-secret", user, port, port, user)
           && proc_wait(exchange, news, WAIT_MS);
}

static void test_it_hears_itself_at_our_echo(struct t *t)
{
    struct lab lab;
    struct proc *peer, *exchange;
    char uri[LAB_PATH_BYTES];
    uint16_t port = proc_port();
    T_CHECK(lab_open(&lab));
    T_CHECK(speeches(&lab));
    T_CHECK((exchange = exchange_start(&lab, port)));
    T_CHECK((peer = linphone(&lab, proc_port(), "PCMU (8000)")));
    T_CHECK(linphone_register(peer, "alice", exchange, port));
    T_CHECK(proc_say(peer, "call %s", uri_of("echo", port, uri)));
    T_CHECK(proc_wait(peer, "Media streams established", WAIT_MS));
    T_CHECK(!proc_wait(peer, "ended", CALL_S * 1000)); /* it tells no time: this is how long we listen */
    T_CHECK(proc_say(peer, "quit"));
    T_CHECK(proc_exit(peer, WAIT_MS) >= 0);
    T_HEARD(&lab, "theirs.wav", "lin.wav", 0.7);
out:
    lab_close(&lab, t->failed);
}

static void test_it_and_baresip_talk_through_our_exchange(struct t *t)
{
    struct lab lab;
    struct proc *lin, *bob, *exchange;
    char account[LAB_PATH_BYTES], uri[LAB_PATH_BYTES], heard[LAB_PATH_BYTES];
    uint16_t port = proc_port();
    T_CHECK(lab_open(&lab));
    T_CHECK(speeches(&lab));
    T_CHECK((exchange = exchange_start(&lab, port)));
    (void) snprintf(account, sizeof account,
                    "<sip:bob@127.0.0.1:%u;transport=udp>;auth_user=bob;auth_pass=bob-secret;regint=60;answermode=auto",
                    port);
    T_CHECK((
        bob = baresip_start(&lab, &(struct baresip_config){ "bob", proc_port(), account, "pcmu/8000/1", "ours.wav" })));
    T_CHECK(proc_said(bob, "200 OK") || proc_wait(bob, "200 OK", WAIT_MS));
    T_CHECK((lin = linphone(&lab, proc_port(), "PCMU (8000)")));
    T_CHECK(linphone_register(lin, "alice", exchange, port));
    T_CHECK(proc_say(lin, "call %s", uri_of("bob", port, uri)));
    T_CHECK(proc_wait(lin, "Media streams established", WAIT_MS));
    T_CHECK(proc_wait(bob, "[0:00:05]", WAIT_MS));
    T_CHECK(proc_say(lin, "terminate"));
    T_CHECK(baresip_heard(bob, "bob", heard)[0]);
    T_CHECK(proc_say(lin, "quit"));
    T_CHECK(proc_exit(lin, WAIT_MS) >= 0);
    T_HEARD(&lab, "theirs.wav", heard, 0.7);
    T_HEARD(&lab, "ours.wav", "lin.wav", 0.7);
out:
    lab_close(&lab, t->failed);
}

T_MAIN(T_REAL(test_extended_reports_go_both_ways), T_REAL(test_we_call_in_opus), T_REAL(test_we_call_in_g722),
       T_REAL(test_we_call_in_pcmu), T_REAL(test_it_calls_in_opus), T_REAL(test_it_calls_in_pcma),
       T_REAL(test_it_hears_itself_at_our_echo), T_REAL(test_it_and_baresip_talk_through_our_exchange))
