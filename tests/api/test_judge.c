/* Figures in words. */
#include "ahoy/quality.h"

#include "support/t.h"

static struct ahoy_call_stats fine(void)
{
    struct ahoy_call_stats s;
    ahoy_call_stats_init(&s);
    s.duration_ms = 20000;
    s.rtp_in = s.rtp_out = s.expected = 1000;
    s.mos = s.mos_lq = 4.2;
    s.level_out_dbfs = s.loudest_out_dbfs = -25;
    return s;
}

static void says(struct t *t, const struct ahoy_call_stats *s, enum ahoy_grade grade, enum ahoy_spoiler spoiler,
                 const char *text)
{
    struct ahoy_judgement j;
    ahoy_call_judge(s, &j);
    T_EQ(j.grade, grade);
    T_EQ(j.spoiler, spoiler);
    T_STR(j.text, text);
    T_EQ(j.advice[0] != '\0', spoiler != AHOY_SPOILER_NONE);
out:
    return;
}

static void test_a_good_call_is_told_in_a_line(struct t *t)
{
    struct ahoy_call_stats s = fine();
    says(t, &s, AHOY_GRADE_GOOD, AHOY_SPOILER_NONE, "sound: good, 4.2 of 5; nothing lost");
    s.lost = 13;
    s.recovered_fec = 12;
    s.concealed_ms = 20;
    s.loss = 0.001;
    s.delay_ms = 85;
    s.remote_mos = 4.1;
    says(t, &s, AHOY_GRADE_GOOD, AHOY_SPOILER_NONE,
         "sound: good, 4.2 of 5; 1.3 % lost, all but 20 ms repaired; 85 ms mouth to ear; they hear 4.1");
    s.concealed_ms = 0;
    s.remote_estimated = true;
    says(t, &s, AHOY_GRADE_GOOD, AHOY_SPOILER_NONE,
         "sound: good, 4.2 of 5; 1.3 % lost, all repaired; 85 ms mouth to ear; they hear about 4.1");
}

static void test_a_bad_call_is_told_with_its_cause(struct t *t)
{
    struct ahoy_call_stats s = fine();
    s.mos = 2.4;
    s.lost = 100;
    s.late = 3;
    s.loss = 0.1;
    s.concealed_ms = 2000;
    says(t, &s, AHOY_GRADE_BAD, AHOY_SPOILER_LOSS, "sound: bad, 2.4 of 5; 10.3 % lost, 2000 ms made up");
    s.lost = 3;
    s.late = 100;
    s.mos = 3.2;
    says(t, &s, AHOY_GRADE_POOR, AHOY_SPOILER_JITTER,
         "sound: poor, 3.2 of 5; 10.3 % lost (mostly by coming late), 2000 ms made up");
    s = fine();
    s.mos = 3.7;
    s.delay_ms = 400;
    says(t, &s, AHOY_GRADE_FAIR, AHOY_SPOILER_DELAY, "sound: fair, 3.7 of 5; nothing lost; 400 ms mouth to ear");
    s.delay_ms = 200; /* and it is that which takes most: 4.2 without */
    says(t, &s, AHOY_GRADE_FAIR, AHOY_SPOILER_DELAY, "sound: fair, 3.7 of 5; nothing lost; 200 ms mouth to ear");
    s.delay_ms = 80;
    s.mos_lq = 3.75;
    says(t, &s, AHOY_GRADE_FAIR, AHOY_SPOILER_CODEC, "sound: fair, 3.7 of 5; nothing lost; 80 ms mouth to ear");
    s.concealed_ms = 600; /* all came, and some of it too late to go on without a break */
    says(t, &s, AHOY_GRADE_FAIR, AHOY_SPOILER_JITTER,
         "sound: fair, 3.7 of 5; nothing lost, 600 ms made up; 80 ms mouth to ear");
}

static void test_the_other_side_counts_too(struct t *t)
{
    struct ahoy_call_stats s = fine();
    s.remote_mos = 2.5;
    says(t, &s, AHOY_GRADE_GOOD, AHOY_SPOILER_REMOTE_LOSS, "sound: good, 4.2 of 5; nothing lost; they hear 2.5");
    s = fine();
    s.remote_deaf = true;
    says(t, &s, AHOY_GRADE_GOOD, AHOY_SPOILER_REMOTE_DEAF, "sound: good, 4.2 of 5; nothing lost");
    s = fine();
    s.send_stopped = true;
    says(t, &s, AHOY_GRADE_GOOD, AHOY_SPOILER_STOPPED, "sound: good, 4.2 of 5; nothing lost");
    s = fine();
    s.level_out_dbfs = -100; /* a pause */
    says(t, &s, AHOY_GRADE_GOOD, AHOY_SPOILER_NONE, "sound: good, 4.2 of 5; nothing lost");
    s.loudest_out_dbfs = -100;
    says(t, &s, AHOY_GRADE_GOOD, AHOY_SPOILER_SILENT, "sound: good, 4.2 of 5; nothing lost");
    ahoy_call_stats_init(&s);
    s.delay_ms = 24; /* of nothing */
    says(t, &s, AHOY_GRADE_UNKNOWN, AHOY_SPOILER_NONE, "sound: none came");
    s.delay_ms = -1;
    s = fine();
    s.mos = 3.96;
    says(t, &s, AHOY_GRADE_GOOD, AHOY_SPOILER_NONE, "sound: good, 4.0 of 5; nothing lost");
    ahoy_call_stats_init(&s);
    s.rtp_in = s.expected = 10;
    s.mos = 4;
    says(t, &s, AHOY_GRADE_UNKNOWN, AHOY_SPOILER_NONE, "sound: too little to judge");
}

static void test_what_the_microphone_knows_is_told(struct t *t)
{
    struct ahoy_call_stats s = fine();
    s.mic_known = s.echo = true;
    s.mic_speech = 0.4;
    s.mic_noise_dbfs = -62;
    s.mic_gain_db = 3;
    s.erle_db = 43.4;
    says(t, &s, AHOY_GRADE_GOOD, AHOY_SPOILER_NONE,
         "sound: good, 4.2 of 5; nothing lost; our loudspeaker's echo is lowered by 43 dB");
    s.erle_db = 2; /* a headset's */
    says(t, &s, AHOY_GRADE_GOOD, AHOY_SPOILER_NONE, "sound: good, 4.2 of 5; nothing lost");
    s.mic_noise_dbfs = -38;
    says(t, &s, AHOY_GRADE_GOOD, AHOY_SPOILER_NOISE, "sound: good, 4.2 of 5; nothing lost");
    s.mic_gain_db = 18;
    says(t, &s, AHOY_GRADE_GOOD, AHOY_SPOILER_QUIET, "sound: good, 4.2 of 5; nothing lost");
    s.mic_speech = 0.1; /* too little to say */
    says(t, &s, AHOY_GRADE_GOOD, AHOY_SPOILER_NOISE, "sound: good, 4.2 of 5; nothing lost");
    s.mic_known = false;
    says(t, &s, AHOY_GRADE_GOOD, AHOY_SPOILER_NONE, "sound: good, 4.2 of 5; nothing lost");
}

/* What could not be heard or said at all comes before how the rest sounds. */
static void test_a_missing_device_is_the_first_cause(struct t *t)
{
    struct ahoy_call_stats s = fine();
    s.loudest_out_dbfs = -100;
    s.send_stopped = true;
    s.no_microphone_ms = s.no_speaker_ms = 20000;
    says(t, &s, AHOY_GRADE_UNKNOWN, AHOY_SPOILER_NO_DEVICE,
         "no loudspeaker and no microphone; what came: good, 4.2 of 5; nothing lost");
    s.no_microphone_ms = 0;
    says(t, &s, AHOY_GRADE_UNKNOWN, AHOY_SPOILER_NO_SPEAKER, "no loudspeaker; what came: good, 4.2 of 5; nothing lost");
    s.no_speaker_ms = 4000; /* it came back */
    says(t, &s, AHOY_GRADE_GOOD, AHOY_SPOILER_NO_SPEAKER,
         "no loudspeaker for 4 s; sound: good, 4.2 of 5; nothing lost");
    s.no_speaker_ms = 0;
    s.no_microphone_ms = 19900;
    says(t, &s, AHOY_GRADE_GOOD, AHOY_SPOILER_NO_MICROPHONE, "no microphone; sound: good, 4.2 of 5; nothing lost");
    s = fine();
    s.no_speaker_ms = s.no_microphone_ms = 2000; /* a stumble */
    says(t, &s, AHOY_GRADE_GOOD, AHOY_SPOILER_NONE, "sound: good, 4.2 of 5; nothing lost");
    s.duration_ms = 0;
    s.no_speaker_ms = s.no_microphone_ms = 40; /* its first moments */
    says(t, &s, AHOY_GRADE_GOOD, AHOY_SPOILER_NONE, "sound: good, 4.2 of 5; nothing lost");
    s.duration_ms = 200000; /* long ago */
    s.no_speaker_ms = 3500;
    says(t, &s, AHOY_GRADE_GOOD, AHOY_SPOILER_NONE, "sound: good, 4.2 of 5; nothing lost");
}

/* A phone that dies says no word: the network is not blamed, nor our breaker that stops what nobody takes. */
static void test_a_peer_that_is_gone_is_told_as_that(struct t *t)
{
    struct ahoy_call_stats s = fine();
    struct ahoy_judgement j;
    s.gone_ms = 12300;
    s.send_stopped = true;
    says(t, &s, AHOY_GRADE_GOOD, AHOY_SPOILER_GONE, "sound: good, 4.2 of 5; nothing lost; then nothing came for 12 s");
    s.mos = 2.4;
    s.lost = 100;
    s.loss = 0.1;
    says(t, &s, AHOY_GRADE_BAD, AHOY_SPOILER_GONE,
         "sound: bad, 2.4 of 5; 10.0 % lost, 0 ms made up; then nothing came for 12 s");
    ahoy_call_judge(&s, &j);
    T_STR(j.advice, "the other side was heard and fell silent without a word: its phone, or the way to it, is gone");
    T_STR(ahoy_spoiler_name(AHOY_SPOILER_GONE), "gone");
out:
    return;
}

static void test_names_are_stable(struct t *t)
{
    T_STR(ahoy_grade_name(AHOY_GRADE_BAD), "bad");
    T_STR(ahoy_grade_name((enum ahoy_grade) 99), "unknown");
    T_STR(ahoy_spoiler_name(AHOY_SPOILER_REMOTE_DEAF), "remote-deaf");
    T_STR(ahoy_spoiler_name(AHOY_SPOILER_SILENT), "silent");
    T_STR(ahoy_spoiler_name(AHOY_SPOILER_NOISE), "noise");
    T_STR(ahoy_spoiler_name(AHOY_SPOILER_NO_DEVICE), "no-device");
    T_STR(ahoy_spoiler_name(AHOY_SPOILER_NO_MICROPHONE), "no-microphone");
out:
    return;
}

T_MAIN(T(test_a_good_call_is_told_in_a_line), T(test_a_bad_call_is_told_with_its_cause),
       T(test_the_other_side_counts_too), T(test_what_the_microphone_knows_is_told),
       T(test_a_missing_device_is_the_first_cause), T(test_a_peer_that_is_gone_is_told_as_that),
       T(test_names_are_stable))
