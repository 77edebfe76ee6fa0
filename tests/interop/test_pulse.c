/*
 * A virtual cable: two phones of ours on a sound server of the test's own, whose null sinks are their speakers and the
 * monitors of other null sinks their microphones. T_REAL: real processes, real time.
 */
#include "support/pulse.h"
#include "support_ahoy.h"

#include <stdio.h>

static struct pulse_daemon the_daemon; /* one for all tests: starting it takes long */

static bool daemon_start(struct lab *lab)
{
    static const char *const sinks[] = { "to_alice", "from_alice", "to_bob", "from_bob" };
    bool started = the_daemon.part[0] > 0, ok = pulse_daemon_start(&the_daemon);
    for (size_t i = 0; i < AHOY_COUNT(sinks) && ok && !started; i++) {
        char command[128];
        (void) snprintf(command, sizeof command, "load-module module-null-sink sink_name=%s rate=48000 channels=1",
                        sinks[i]);
        ok = pulse_daemon_command(&the_daemon, command);
    }
    return ok && lab_env(lab, "PULSE_SERVER", the_daemon.server);
}

/* What a person says into the microphone, and what comes out of the speaker: PulseAudio's own tools. */
static struct proc *say(struct lab *lab, const char *sink, const char *wav)
{
    char device[64], file[LAB_PATH_BYTES];
    (void) snprintf(device, sizeof device, "--device=%s", sink);
    return LAB_START(lab, "paplay", device, lab_path(lab, wav, file));
}

static void test_two_phones_talk_by_sound_devices(struct t *t)
{
    struct lab lab;
    struct proc *alice, *bob, *mouth, *ear;
    char uri[LAB_PATH_BYTES], file[LAB_PATH_BYTES];
    uint16_t port;
    T_CHECK(lab_open(&lab));
    T_CHECK(speech_make(&lab, "said.wav", 48000, 0));
    T_CHECK(daemon_start(&lab));
    T_CHECK((bob = AHOY(&lab, "listen", "--config", "none", "--bind", "127.0.0.1:0", "--json", "--codec", "g722",
                        "--audio", "pulse:from_bob.monitor,to_bob")));
    T_CHECK((port = ahoy_ready(bob)));
    T_CHECK((alice = AHOY(&lab, "call", uri_of("bob", port, uri), "--config", "none", "--bind", "127.0.0.1:0", "--json",
                          "--codec", "g722", "--audio", "pulse:from_alice.monitor,to_alice")));
    T_CHECK(ahoy_state(alice, "confirmed"));
    T_CHECK(ahoy_state(bob, "confirmed"));
    T_CHECK(ahoy_lasted(bob, 1000)); /* the devices run */
    T_CHECK((ear = LAB_START(&lab, "parecord", "--device=to_bob.monitor", "--rate=48000", "--channels=1",
                             "--format=s16le", "--file-format=wav", lab_path(&lab, "heard.wav", file))));
    T_CHECK((mouth = say(&lab, "from_alice", "said.wav")));
    T_CHECK(ahoy_lasted(bob, 1000 + SPEECH_MS + 2500));
    (void) proc_end(mouth);
    (void) proc_end(ear);
    T_CHECK(proc_say(alice, "{\"id\":1,\"cmd\":\"hangup\"}"));
    const char *line = ahoy_summary(alice);
    T_CHECK(json_is(line, "result", "done"));
    T_EQ(proc_exit(alice, WAIT_MS), 0);
    T_HEARD(&lab, "said.wav", "heard.wav",
            0.5); /* null sinks run in bursts, which play-out follows; other speech scores 0.33 */
out:
    lab_close(&lab, t->failed);
}

/* Alice has devices and two calls; merged, both hear her microphone, and her loudspeaker plays both. */
static void test_devices_take_part_in_a_conference(struct t *t)
{
    enum { SAID_S = 7, TALK_MS = 9000 };
    struct lab lab;
    struct proc *alice, *peer[2], *mouth, *ear;
    char uri[LAB_PATH_BYTES], file[LAB_PATH_BYTES], files[2 * LAB_PATH_BYTES + 8], name[2][32];
    uint16_t port[2];
    T_CHECK(lab_open(&lab));
    T_CHECK(wander_make(&lab, "alice.wav", 48000, SAID_S, 1) && daemon_start(&lab));
    for (unsigned i = 0; i < 2; i++) {
        (void) snprintf(name[i], sizeof name[i], "peer%u.wav", i);
        T_CHECK(wander_make(&lab, name[i], 48000, SAID_S, 2 + i));
        T_CHECK((peer[i] = AHOY(&lab, "listen", "--config", "none", "--bind", "127.0.0.1:0", "--json", "--audio",
                                files_of(&lab, name[i], i == 0 ? "heard0.wav" : "heard1.wav", files))));
        T_CHECK((port[i] = ahoy_ready(peer[i])));
    }
    T_CHECK((alice = AHOY(&lab, "call", uri_of("x", port[0], uri), "--config", "none", "--bind", "127.0.0.1:0",
                          "--json", "--processing", "off", "--audio", "pulse:from_alice.monitor,to_alice")));
    T_CHECK(ahoy_state(alice, "confirmed"));
    T_CHECK(proc_say(alice, "{\"cmd\":\"call\",\"uri\":\"%s\"}", uri_of("y", port[1], uri)));
    T_CHECK(ahoy_state(alice, "confirmed"));
    T_CHECK((ear = LAB_START(&lab, "parecord", "--device=to_alice.monitor", "--rate=48000", "--channels=1",
                             "--format=s16le", "--file-format=wav", lab_path(&lab, "ear.wav", file))));
    T_CHECK((mouth = say(&lab, "from_alice", "alice.wav")));
    T_CHECK(proc_say(alice, "{\"id\":7,\"cmd\":\"join\"}"));
    T_CHECK(proc_wait(alice, "\"event\":\"conference\"", WAIT_MS));
    T_CHECK(ahoy_lasted(alice, TALK_MS));
    (void) proc_end(mouth);
    (void) proc_end(ear);
    T_CHECK(proc_say(alice, "{\"cmd\":\"quit\"}"));
    T_EQ(proc_exit(alice, WAIT_MS), 0);
    for (unsigned i = 0; i < 2; i++) {
        T_CHECK(proc_wait(peer[i], "\"state\":\"ended\"", WAIT_MS));
        T_HEARD(&lab, name[i], "ear.wav", 0.25); /* one of two, through null sinks that run in bursts; another 0.1 */
        T_HEARD(&lab, name[1 - i], i == 0 ? "heard0.wav" : "heard1.wav", 0.35);
        T_HEARD(&lab, "alice.wav", i == 0 ? "heard0.wav" : "heard1.wav", 0.25);
    }
out:
    lab_close(&lab, t->failed);
}

static void test_a_daemon_that_is_not_there_ends_with_15(struct t *t)
{
    struct lab lab;
    struct proc *phone, *bob;
    char uri[LAB_PATH_BYTES], server[LAB_PATH_BYTES + 8], native[LAB_PATH_BYTES];
    uint16_t port;
    T_CHECK(lab_open(&lab));
    (void) snprintf(server, sizeof server, "unix:%s", lab_path(&lab, "nobody", native));
    T_CHECK(lab_env(&lab, "PULSE_SERVER", server));
    T_CHECK((bob = AHOY(&lab, "listen", "--config", "none", "--bind", "127.0.0.1:0", "--json", "--audio", "null")));
    T_CHECK((port = ahoy_ready(bob)));
    T_CHECK((phone = AHOY(&lab, "call", uri_of("bob", port, uri), "--config", "none", "--bind", "127.0.0.1:0", "--json",
                          "--audio", "pulse", "--max", "3")));
    T_EQ(proc_exit(phone, WAIT_MS), 15);
out:
    lab_close(&lab, t->failed);
}

int main(int argc, char **argv)
{
    static const struct t_case cases[] = {
        T_REAL(test_two_phones_talk_by_sound_devices),
        T_REAL(test_devices_take_part_in_a_conference),
        T_REAL(test_a_daemon_that_is_not_there_ends_with_15),
    };
    int failed = !pulse_daemon_init(&the_daemon) || t_main(argc, argv, cases, AHOY_COUNT(cases));
    pulse_daemon_fini(&the_daemon);
    return failed;
}
