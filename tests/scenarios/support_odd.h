/* A call between a telephone at 192.0.2.1 and a peer of text at 192.0.2.9. */
#ifndef AHOY_TESTS_SUPPORT_ODD_H
#define AHOY_TESTS_SUPPORT_ODD_H

#include "support/phone.h"
#include "support_raw.h"

struct odd {
    struct sim *sim;
    struct sys_host *host_a, *host_r;
    struct phone a;
    struct raw r;
};

enum ahoy_err odd_open(struct odd *o);
void odd_close(struct t *t, struct odd *o);

/* The phone calls, with PCMU and PCMA, and the peer answers 200 with `sdp`. */
bool odd_call(struct odd *o, const char *sdp);
bool odd_talks(struct phone *a, struct phone *b); /* the first, for phone_run */

/* The peer calls the phone, which answers at once; with PCMU, or with other codecs. */
bool odd_called(struct odd *o, const char *sdp);
bool odd_called_with(struct odd *o, const char *codecs, const char *sdp);

/* The peer hangs up. */
void odd_hang_up(struct odd *o);

#endif
