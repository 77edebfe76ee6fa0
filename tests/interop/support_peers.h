/* Other people's telephones, set up in a lab's folder: baresip and linphonec. */
#ifndef AHOY_TESTS_INTEROP_SUPPORT_PEERS_H
#define AHOY_TESTS_INTEROP_SUPPORT_PEERS_H

#include "support_ahoy.h"

struct baresip_config {
    const char *name; /* its folder; recordings are name/dump-…-dec.wav */
    uint16_t port;
    const char *account; /* a line of its accounts file, without the codecs */
    const char *codecs;  /* "opus/48000/2,g722/16000/1,pcmu/8000/1" */
    const char *said;    /* WAV file in the lab's folder, 48 kHz */
};

/** Starts baresip and waits until it answers. It takes calls by itself, when the account says so. */
struct proc *baresip_start(struct lab *lab, const struct baresip_config *cfg);

/** Waits until baresip's call is over, and gives the name of what it heard. "" for none. */
const char *baresip_heard(struct proc *p, const char *name, char file[LAB_PATH_BYTES]);

struct linphone_config {
    const char *name; /* its folder */
    uint16_t port, rtp_port;
    const char *codec; /* as linphonec prints it: "opus (48000)" */
    const char *said;  /* WAV file in the lab's folder, 16 kHz */
    const char *heard; /* WAV file to be made there */
    bool xr;           /* it sends extended reports (RFC 3611) */
};

/** Starts linphonec with files for sound, taking calls by itself, and waits until it answers. */
struct proc *linphone_start(struct lab *lab, const struct linphone_config *cfg);

#endif
