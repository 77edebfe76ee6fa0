/*
 * A conference on real threads with a live device: faces, signalling, the media worker, the sound server's thread and the one
 * for files, all at once. It uses threads, for ThreadSanitizer; in debug builds each device callback is a realtime section
 * that traps (base/rt.h). T_PLAIN: real time, and libpulse allocates.
 */
#include "support_engine.h"

#include "support/pulse.h"
#include "support/t.h"

#include <stdio.h>
#include <unistd.h>

enum { PEERS = 2, WAIT_MS = 20000 };

static struct pulse_daemon the_daemon;

struct party {
    struct ahoy_engine *hub, *peer;
    ahoy_call_id call[PEERS];
    ahoy_conference_id conference;
    unsigned confirmed, ended, files, results, bad;
    bool over;
    double level_in, level_out; /* the best of any call so far */
};

static void take(struct party *p, const struct ahoy_event *e)
{
    switch (e->type) {
    case AHOY_EVENT_CALL_STATE:
        p->confirmed += e->call.state == AHOY_CALL_CONFIRMED;
        p->ended += e->call.state == AHOY_CALL_ENDED;
        break;
    case AHOY_EVENT_CALL_STATS:
        p->level_in = fmax(p->level_in, e->stats.stats.level_in_dbfs);
        p->level_out = fmax(p->level_out, e->stats.stats.level_out_dbfs);
        break;
    case AHOY_EVENT_CONFERENCE:
        p->conference = e->conference.over ? 0 : e->conference.id;
        p->over |= e->conference.over;
        break;
    case AHOY_EVENT_FILE: p->files += e->file.err == AHOY_OK; break;
    case AHOY_EVENT_RESULT:
        p->results++;
        p->bad += e->result.err != AHOY_OK;
        break;
    default: break;
    }
}

/* Takes the hub's events until `*count` is `want`. */
static bool until(struct party *p, const unsigned *count, unsigned want)
{
    while (*count < want) {
        struct ahoy_event *e = ahoy_engine_wait(p->hub, WAIT_MS);
        if (!e)
            return false;
        take(p, e);
        ahoy_event_free(e);
    }
    return true;
}

static bool for_seconds(struct party *p, unsigned seconds)
{
    unsigned stats = 0;
    while (stats < seconds * PEERS) {
        struct ahoy_event *e = ahoy_engine_wait(p->hub, WAIT_MS);
        if (!e)
            return false;
        stats += e->type == AHOY_EVENT_CALL_STATS;
        take(p, e);
        ahoy_event_free(e);
    }
    return true;
}

static enum ahoy_err call_all(struct party *p, const char *at)
{
    static const char *const codecs[PEERS] = { "opus", "pcmu" };
    char uri[120];
    enum ahoy_err err = AHOY_OK;
    for (int i = 0; i < PEERS && !err; i++) {
        struct ahoy_call_config cfg = { .uri = uri, .media = { .codecs = codecs[i], .audio = "pulse" } };
        (void) snprintf(uri, sizeof uri, "sip:peer%d@%s", i, at);
        err = ahoy_call_place(p->hub, &cfg, &p->call[i]);
    }
    return err;
}

static void test_a_conference_on_a_live_device(struct t *t)
{
    struct party p = { .level_in = -100, .level_out = -100 };
    char at[80] = "", own[80] = "", tape[TEMP_PATH_BYTES + 16];
    struct ahoy_listen_config listen = { .auto_answer = true, .media = { .codecs = "opus,pcmu", .audio = "tone:600" } };
    struct ahoy_record_config record = { .path = tape };
    (void) snprintf(tape, sizeof tape, "%s/tape.wav", the_daemon.dir);
    alarm(300); /* a hang is a failure, not a night */
    T_OK(engine_on_loopback(&p.hub, own));
    T_OK(engine_on_loopback(&p.peer, at));
    T_OK(ahoy_listen(p.peer, &listen));
    T_OK(call_all(&p, at));
    T_CHECK(until(&p, &p.confirmed, PEERS));
    T_OK(ahoy_call_join(p.hub, p.call, PEERS, NULL));
    T_CHECK(until(&p, &p.results, 1));
    T_CHECK(for_seconds(&p, 1));
    T_CHECK(p.conference != 0);
    T_OK(ahoy_conference_record(p.hub, p.conference, &record, NULL));
    T_OK(ahoy_call_mute(p.hub, p.call[0], true, NULL));
    T_OK(ahoy_call_mute(p.hub, p.call[0], false, NULL));
    T_CHECK(for_seconds(&p, 2));
    T_LE(-40, p.level_in);
    T_LE(-40, p.level_out); /* each hears the other */
    T_OK(ahoy_conference_attend(p.hub, p.conference, false, NULL));
    T_OK(ahoy_conference_attend(p.hub, p.conference, true, NULL));
    T_CHECK(for_seconds(&p, 1));
    T_OK(ahoy_call_split(p.hub, p.call[0], NULL)); /* the one whose device it is */
    T_CHECK(for_seconds(&p, 1));
    T_OK(ahoy_call_join(p.hub, p.call, PEERS, NULL));
    T_CHECK(for_seconds(&p, 1));
    T_OK(ahoy_call_hangup(p.hub, p.call[0], NULL));
    T_OK(ahoy_call_hangup(p.hub, p.call[1], NULL));
    T_CHECK(until(&p, &p.ended, PEERS));
    T_CHECK(until(&p, &p.files, 1));
    T_EQ(p.bad, 0);
out:
    ahoy_engine_destroy(p.hub, 1000);
    ahoy_engine_destroy(p.peer, 1000);
    alarm(0);
}

int main(int argc, char **argv)
{
    static const struct t_case cases[] = { T_PLAIN(test_a_conference_on_a_live_device) };
    if (!pulse_daemon_init(&the_daemon) || !pulse_daemon_start(&the_daemon)) {
        fprintf(stderr, "the sound server cannot be started: is it installed?\n");
        pulse_daemon_fini(&the_daemon);
        return 1;
    }
    int failed = t_main(argc, argv, cases, AHOY_COUNT(cases));
    pulse_daemon_fini(&the_daemon);
    return failed;
}
