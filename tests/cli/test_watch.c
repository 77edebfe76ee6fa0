/* What is told of a call's sound while it lasts. */
#include "cli/watch.h"

#include "support/t.h"

#include <string.h>

static char said[600];

/* So many seconds more of a call with `lost` of 50 packets a second lost; what was said last is kept. */
static unsigned go_on(struct watch *w, struct ahoy_call_stats *s, unsigned seconds, unsigned lost, double mos_now)
{
    unsigned lines = 0;
    for (unsigned i = 0; i < seconds; i++) {
        char line[sizeof said];
        struct text t;
        text_init(&t, line, sizeof line);
        s->duration_ms += 1000;
        s->expected += 50;
        s->rtp_in += 50 - lost;
        s->rtp_out += 50;
        s->lost += lost;
        s->concealed_ms += lost * 10;
        s->mos = s->mos_now = mos_now;
        watch_second(w, s, &t);
        if (t.n > 0) {
            lines++;
            memcpy(said, line, sizeof line);
        }
    }
    return lines;
}

static void begin(struct watch *w, struct ahoy_call_stats *s)
{
    *w = (struct watch){ .call = 1, .speaking = true };
    ahoy_call_stats_init(s);
    (void) strcpy(s->codec, "opus");
    s->loudest_out_dbfs = -20;
}

static void test_it_is_told_when_the_sound_gets_bad_and_well_again(struct t *t)
{
    struct watch w;
    struct ahoy_call_stats s;
    begin(&w, &s);
    T_EQ(go_on(&w, &s, 600, 0, 4.3), 0);
    T_EQ(go_on(&w, &s, 2, 20, 3.0), 0); /* a moment only */
    T_EQ(go_on(&w, &s, 10, 0, 4.3), 0);
    T_EQ(go_on(&w, &s, 60, 10, 3.2), 1);
    T_STR(said, "the sound is poor now, 3.2 of 5: packets are lost on the way to us: use a cable instead of Wi-Fi, or "
                "stop what fills the line");
    T_EQ(go_on(&w, &s, 3, 0, 4.0), 0);
    T_EQ(go_on(&w, &s, 2, 10, 3.3), 0);
    T_EQ(go_on(&w, &s, 60, 0, 4.2), 1);
    T_STR(said, "the sound is good again, 4.2 of 5");
    T_EQ(go_on(&w, &s, 60, 10, 3.2), 1); /* and again */
out:;
}

static void test_a_dead_microphone_is_told_once_while_it_is_meant_to_be_heard(struct t *t)
{
    struct watch w;
    struct ahoy_call_stats s;
    begin(&w, &s);
    w.speaking = false; /* muted, or no microphone at all */
    s.loudest_out_dbfs = -100;
    T_EQ(go_on(&w, &s, 60, 0, 4.3), 0);
    w.speaking = true;
    T_EQ(go_on(&w, &s, 4, 0, 4.3), 0);
    T_EQ(go_on(&w, &s, 60, 0, 4.3), 1);
    T_CHECK(strncmp(said, "the microphone gives nothing but silence", 40) == 0);
out:;
}

static void test_what_they_hear_badly_is_told_once(struct t *t)
{
    struct watch w;
    struct ahoy_call_stats s;
    begin(&w, &s);
    s.remote_mos = 2.5;
    T_EQ(go_on(&w, &s, 2, 0, 4.3), 0); /* a moment only */
    T_EQ(go_on(&w, &s, 60, 0, 4.3), 1);
    T_CHECK(strstr(said, "the other side loses what we send"));
    s.remote_mos = 4.3;
    s.gone_ms = 3000; /* told elsewhere */
    T_EQ(go_on(&w, &s, 60, 0, 1.0), 0);
out:;
}

T_MAIN(T(test_it_is_told_when_the_sound_gets_bad_and_well_again),
       T(test_a_dead_microphone_is_told_once_while_it_is_meant_to_be_heard), T(test_what_they_hear_badly_is_told_once))
