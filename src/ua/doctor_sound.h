/* What the doctor says of the sound devices that were found. Pure. */
#ifndef AHOY_UA_DOCTOR_SOUND_H
#define AHOY_UA_DOCTOR_SOUND_H

#include "ahoy/doctor.h"

#include "audio/device.h"

enum {
    DOCTOR_SOUND_FINDINGS = 6, /* what there is, the defaults, and at most two more of each */
    DOCTOR_SOUND_BYTES = 2 * AUDIO_NAME_BYTES + 2 * AUDIO_WHY_BYTES,
};

struct doctor_sound {
    bool warning; /* else all is well */
    char what[DOCTOR_SOUND_BYTES];
    char remedy[DOCTOR_SOUND_BYTES];
};

/**
 * Looks through a list of audio_devices_list, whose `why` says which sound system did not answer. Returns how many findings
 * were written, one at least: what there is, and then what keeps the devices of a call that names none from being heard.
 */
size_t doctor_sound(const struct audio_device_info *list, size_t n, const char *why,
                    struct doctor_sound out[DOCTOR_SOUND_FINDINGS]);

#endif
