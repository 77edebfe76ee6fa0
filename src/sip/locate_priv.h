/* What locate.c (one look-up) needs of locate_box.c (what look-ups share). For these two files alone. */
#ifndef AHOY_SIP_LOCATE_PRIV_H
#define AHOY_SIP_LOCATE_PRIV_H

#include "base/list.h"
#include "base/map.h"
#include "sip/locate.h"
#include "sip/locate_plan.h"

struct sip_locator {
    struct sip_stack *stack;
    struct sip_locator_config cfg;
    struct sip_protos protos;
    struct map penalties;
    struct list penalty_order; /* oldest first */
    size_t lookups;            /* alive: for the assertion that none outlives the locator */
};

#endif
