/* Text, lines, the verdict's words, and the signal that stands in for a microphone. */
#include "cli/echo.h"
#include "cli/signal_file.h"
#include "cli/text.h"

#include "support/t.h"
#include "support/temp.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static void test_text_is_cut_at_its_size(struct t *t)
{
    char buf[8];
    struct text x;
    text_init(&x, buf, sizeof buf);
    text_add(&x, "%d", 12345);
    T_CHECK(!x.cut);
    text_add(&x, "%s", "678");
    T_CHECK(x.cut);
    T_STR(buf, "1234567");
    text_put(&x, "9", 1);
    T_STR(buf, "1234567");
out:;
}

static void test_numbers_are_checked(struct t *t)
{
    uint32_t x = 5;
    T_CHECK(text_number("4294967295", 0, UINT32_MAX, &x));
    T_EQ(x, UINT32_MAX);
    T_CHECK(!text_number("4294967296", 0, UINT32_MAX, &x));
    T_CHECK(!text_number("", 0, 9, &x) && !text_number("-1", 0, 9, &x) && !text_number("1 ", 0, 9, &x)
            && !text_number("3", 4, 9, &x));
    T_EQ(x, UINT32_MAX);
out:;
}

static void test_distances_count_edits(struct t *t)
{
    T_EQ(text_distance("listen", "listen"), 0);
    T_EQ(text_distance("lisen", "listen"), 1);
    T_EQ(text_distance("", "abc"), 3);
    T_EQ(text_distance("call", "echo"), 4);
    T_CHECK(text_distance("a", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa") > 30);
out:;
}

static void test_lines_come_whole_and_long_ones_are_left_out(struct t *t)
{
    static const char input[] = "one\r\ntwo\nthis line is far too long for it\nend\n";
    char buf[16], *line;
    size_t n, count = 0;
    const char *want[] = { "one", "two", "end" };
    int fds[2];
    struct lines l;
    T_ALWAYS(pipe(fds) == 0);
    bool written = write(fds[1], input, sizeof input - 1) == (ssize_t) (sizeof input - 1);
    (void) close(fds[1]);
    lines_init(&l, buf, sizeof buf);
    while (lines_read(&l, fds[0]) > 0) {
        while (lines_next(&l, &line, &n)) {
            T_CHECK(count < AHOY_COUNT(want));
            T_STR(line, want[count++]);
        }
    }
    T_CHECK(written);
    T_EQ(count, 3);
    T_CHECK(l.too_long);
out:
    (void) close(fds[0]);
}

static void test_a_strangers_words_do_not_drive_the_terminal(struct t *t)
{
    char buf[64];
    struct text x;
    text_init(&x, buf, sizeof buf);
    text_clean(&x, "a\x1b[2J\nb\xc2\x9b\xc3\xa9\xff", 12, false);
    T_STR(buf, "a?[2J?b?\xc3\xa9?");
out:;
}

static void test_the_verdict_says_what_was_measured(struct t *t)
{
    char buf[640];
    struct text x;
    struct echo_result r = { .test_signal = true,
                             .compared = true,
                             .score = { .correlation = 0.98, .delay_ms = 62, .level_dbfs = -23 } };
    r.stats = (struct ahoy_call_stats){
        .codec = "opus", .rate_hz = 48000, .rtp_in = 250, .mos = 4.4, .loudest_out_dbfs = -23
    };
    text_init(&x, buf, sizeof buf);
    T_CHECK(echo_verdict(&r, &x));
    T_STR(
        buf,
        "Sound works: Opus 48 kHz, what you say comes back after 62 ms, level -23 dBFS, 0 packets lost, similarity 0.98, MOS 4.4 "
        "(no sound card was found, so a test signal stood in for microphone and loudspeaker).");
    r.test_signal = false;
    r.stats.echo = true;
    r.stats.erle_db = 41;
    text_init(&x, buf, sizeof buf);
    T_CHECK(echo_verdict(&r, &x));
    T_CHECK(strstr(buf, "MOS 4.4 (microphone at up to -23 dBFS, loudspeaker played), what the microphone hears of the "
                        "loudspeaker is lowered by 41 dB."));
    r.stats.loudest_out_dbfs = -100;
    text_init(&x, buf, sizeof buf);
    (void) echo_verdict(&r, &x);
    T_CHECK(strstr(buf, "the microphone gives nothing but silence"));
    r.stats.loudest_out_dbfs = -23;
    r.stats.rtp_in = 0;
    text_init(&x, buf, sizeof buf);
    T_CHECK(!echo_verdict(&r, &x));
    r.stats.rtp_in = 250;
    r.score.level_dbfs = -127;
    text_init(&x, buf, sizeof buf);
    T_CHECK(!echo_verdict(&r, &x));
    T_CHECK(strstr(buf, "silent"));
    r.stats.loudest_out_dbfs = -100; /* silence was sent, and came back */
    text_init(&x, buf, sizeof buf);
    T_CHECK(echo_verdict(&r, &x));
    T_CHECK(strstr(buf, "nothing was said") && !strstr(buf, "MOS"));
    r.stats.loudest_out_dbfs = -23;
    r.score.level_dbfs = -30;
    r.stats.mos = 2.1;
    text_init(&x, buf, sizeof buf);
    T_CHECK(echo_verdict(&r, &x));
    T_CHECK(strstr(buf, "poorly"));
out:;
}

static void test_the_test_signal_is_like_itself_and_recordings_come_apart(struct t *t)
{
    char dir[64], a[80], b[80], stereo[80], l[80];
    struct ahoy_sound_score score;
    T_ALWAYS(temp_make(dir, sizeof dir));
    (void) snprintf(a, sizeof a, "%s/a.wav", dir);
    (void) snprintf(b, sizeof b, "%s/b.wav", dir);
    (void) snprintf(l, sizeof l, "%s/l.wav", dir);
    (void) snprintf(stereo, sizeof stereo, "%s/s.wav", dir);
    T_CHECK(signal_file_write(a, 2500, 1000));
    T_OK(ahoy_sound_compare(a, a, &score));
    T_CHECK(score.correlation > 0.999);
    T_NEAR(score.delay_ms, 0, 0.1);
    T_CHECK(score.level_dbfs > -35 && score.level_dbfs < -12);
    T_CHECK(!signal_file_split(a, l, b)); /* one channel only */
    T_CHECK(!signal_file_split(stereo, l, b));
out:
    temp_remove(dir);
}

T_MAIN(T(test_text_is_cut_at_its_size), T(test_numbers_are_checked), T(test_distances_count_edits),
       T(test_lines_come_whole_and_long_ones_are_left_out), T(test_a_strangers_words_do_not_drive_the_terminal),
       T(test_the_verdict_says_what_was_measured), T(test_the_test_signal_is_like_itself_and_recordings_come_apart))
