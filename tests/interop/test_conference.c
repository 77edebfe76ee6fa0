/*
 * Three parties on loopback: our command merges its calls to baresip 1.0 (PCMU) and linphonec 5.1 (Opus). Each hears the
 * two others and not itself; the conference is recorded. T_REAL throughout: real processes, real time.
 */
#include "support_peers.h"

#include <stdio.h>

enum { SAID_S = 14, TALK_MS = 9000 };

/* What one says is in what another heard, from the third second on, wherever it is there; percent. */
static double heard(const struct lab *lab, const char *said, const char *by)
{
    double s = 100 * speech_heard(lab, said, by);
    (void) fprintf(stderr, "%s in %s: %.0f %%\n", said, by, s);
    return s;
}

static void test_three_hear_each_other(struct t *t)
{
    struct lab lab;
    struct proc *phone, *bare, *lin;
    char uri[LAB_PATH_BYTES], account[LAB_PATH_BYTES], file[LAB_PATH_BYTES], tape[LAB_PATH_BYTES];
    char files[2 * LAB_PATH_BYTES + 8];
    uint16_t bare_port = proc_port(), lin_port = proc_port();
    T_CHECK(lab_open(&lab));
    T_CHECK(wander_make(&lab, "ours.wav", 48000, SAID_S, 1) && wander_make(&lab, "bob.wav", 48000, SAID_S, 2)
            && wander_make(&lab, "lina.wav", 16000, SAID_S, 3));
    (void) snprintf(account, sizeof account, "<sip:bob@127.0.0.1:%u;transport=udp>;regint=0;answermode=auto",
                    bare_port);
    T_CHECK(
        (bare = baresip_start(&lab, &(struct baresip_config){ "bob", bare_port, account, "pcmu/8000/1", "bob.wav" })));
    T_CHECK((lin = linphone_start(&lab, &(struct linphone_config){ "lin", lin_port, proc_port(), "opus (48000)",
                                                                   "lina.wav", "lin.wav", false })));
    T_CHECK((phone = AHOY(&lab, "call", uri_of("bob", bare_port, uri), "--config", "none", "--bind", "127.0.0.1:0",
                          "--json", "--audio", files_of(&lab, "ours.wav", "heard.wav", files))));
    T_CHECK(ahoy_state(phone, "confirmed"));
    T_CHECK(proc_say(phone, "{\"cmd\":\"call\",\"uri\":\"%s\",\"audio\":\"null\"}", uri_of("lin", lin_port, uri)));
    T_CHECK(ahoy_state(phone, "confirmed"));
    T_CHECK(proc_say(phone, "{\"id\":7,\"cmd\":\"join\"}"));
    T_CHECK(proc_wait(phone, "\"event\":\"conference\"", WAIT_MS));
    T_CHECK(proc_say(phone, "{\"cmd\":\"record\",\"conference\":%d,\"mixed\":true,\"file\":\"%s\"}",
                     (int) json_number(phone->line, "conference"), lab_path(&lab, "tape.wav", tape)));
    T_CHECK(ahoy_lasted(phone, TALK_MS));
    T_CHECK(proc_say(phone, "{\"cmd\":\"quit\"}"));
    T_EQ(proc_exit(phone, WAIT_MS), 0);
    T_CHECK(baresip_heard(bare, "bob", file)[0]);
    T_CHECK(proc_say(lin, "quit"));
    T_CHECK(proc_exit(lin, WAIT_MS) >= 0);
    T_CHECK(heard(&lab, "ours.wav", file) > 40 && heard(&lab, "lina.wav", file) > 40);
    T_CHECK(heard(&lab, "ours.wav", "lin.wav") > 40 && heard(&lab, "bob.wav", "lin.wav") > 40);
    T_CHECK(heard(&lab, "bob.wav", "heard.wav") > 40 && heard(&lab, "lina.wav", "heard.wav") > 40);
    T_CHECK(heard(&lab, "bob.wav", file) < 25);
    T_CHECK(heard(&lab, "lina.wav", "lin.wav") < 25);
    T_CHECK(heard(&lab, "ours.wav", "heard.wav") < 25);
    T_CHECK(heard(&lab, "ours.wav", "tape.wav") > 35 && heard(&lab, "bob.wav", "tape.wav") > 35
            && heard(&lab, "lina.wav", "tape.wav") > 35);
out:
    lab_close(&lab, t->failed);
}

T_MAIN(T_REAL(test_three_hear_each_other))
