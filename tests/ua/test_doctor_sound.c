/* What the doctor says of sound devices. */
#include "support/t.h"
#include "ua/doctor_sound.h"

#include <string.h>

static const struct audio_device_info mic = {
    .kind = AUDIO_PULSE, .capture = true, .is_default = true, .volume = 1, .rate_hz = 48000, .id = "m", .name = "Mic"
};
static const struct audio_device_info speaker = {
    .kind = AUDIO_PULSE, .playback = true, .is_default = true, .volume = 1, .rate_hz = 48000, .id = "s", .name = "Box"
};
static const struct audio_device_info monitor = {
    .kind = AUDIO_PULSE, .capture = true, .monitor = true, .volume = 1, .id = "s.monitor", .name = "Monitor of Box"
};

static struct doctor_sound found[DOCTOR_SOUND_FINDINGS];

static size_t look(struct audio_device_info a, struct audio_device_info b, struct audio_device_info c)
{
    const struct audio_device_info list[] = { a, b, c };
    return doctor_sound(list, AHOY_COUNT(list), "", found);
}

static void test_all_is_well(struct t *t)
{
    T_EQ(look(mic, speaker, monitor), 1);
    T_CHECK(!found[0].warning);
    T_STR(found[0].what, "1 microphone and 1 loudspeaker, by default Mic and Box");
    T_STR(found[0].remedy, "");
out:;
}

static void test_what_is_missing_is_said_with_the_reason(struct t *t)
{
    T_EQ(doctor_sound(NULL, 0, "no sound server answers", found), 1);
    T_CHECK(found[0].warning && found[0].remedy[0]);
    T_STR(found[0].what, "no microphone and no loudspeaker: no sound server answers");
    struct audio_device_info dummy = speaker, fallback = monitor;
    strcpy(dummy.id, "auto_null");
    strcpy(fallback.id, "auto_null.monitor");
    fallback.is_default = true;
    T_EQ(look(dummy, fallback, fallback), 1); /* a server's stand-in is no loudspeaker */
    T_STR(found[0].what, "no microphone and no loudspeaker");
out:;
}

static void test_what_is_muted_or_turned_down_is_named(struct t *t)
{
    struct audio_device_info m = mic, s = speaker;
    m.muted = true;
    s.volume = 0.02;
    T_EQ(look(m, s, monitor), 3);
    T_CHECK(!found[0].warning && found[1].warning && found[2].warning);
    T_STR(found[1].what, "the microphone Mic is muted");
    T_STR(found[1].remedy, "unmute it in the system's sound settings, or by `pactl set-source-mute m 0`");
    T_STR(found[2].what, "the loudspeaker Box is turned down to 2 %");
    T_STR(found[2].remedy, "turn it up in the system's sound settings, or by `pactl set-sink-volume s 100%`");
    m = mic;
    m.volume = -1; /* ALSA's: nobody knows */
    T_EQ(look(m, speaker, monitor), 1);
    m.is_default = false;
    m.muted = true; /* no call uses it by itself */
    T_EQ(look(mic, speaker, m), 1);
out:;
}

static void test_a_default_that_is_no_good_microphone_is_named(struct t *t)
{
    struct audio_device_info m = mic, echo = monitor;
    m.is_default = false;
    echo.is_default = echo.muted = true;
    T_EQ(look(m, speaker, echo), 2);
    T_STR(found[1].what, "by default no microphone is heard, but what a loudspeaker plays: Monitor of Box");
    T_CHECK(strstr(found[1].remedy, "--audio pulse:m"));
    m = mic;
    m.rate_hz = 8000;
    T_EQ(look(m, speaker, monitor), 2);
    T_STR(found[1].what, "the microphone Mic runs at 8 kHz: voices sound as from an old telephone");
out:;
}

static void test_the_worst_fits(struct t *t)
{
    struct audio_device_info m = mic, s = speaker;
    m.rate_hz = 8000;
    m.muted = s.muted = true;
    memset(m.name, 'm', sizeof m.name - 1);
    memset(m.id, 'm', sizeof m.id - 1);
    T_EQ(look(m, s, monitor), 4);
    T_CHECK(found[2].what[sizeof m.name] == 'm' && strstr(found[2].remedy, " 0`"));
out:;
}

T_MAIN(T(test_all_is_well), T(test_what_is_missing_is_said_with_the_reason),
       T(test_what_is_muted_or_turned_down_is_named), T(test_a_default_that_is_no_good_microphone_is_named),
       T(test_the_worst_fits))
