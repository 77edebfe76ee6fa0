/* What a failure means to a person: a cause that scripts can act on, and one sentence with cause and remedy. Pure. */
#ifndef AHOY_UA_CAUSE_H
#define AHOY_UA_CAUSE_H

#include "ahoy/types.h"
#include "base/buf.h"

/** Of a final SIP status (300-699) or, with status 0, of an error. */
enum ahoy_cause cause_of(unsigned status, enum ahoy_err err);

/** What the failure is about. Empty views are left out of the sentence. */
struct cause_subject {
    struct view peer;   /* the URI called, the account */
    struct view server; /* host the request went to */
    struct view reason; /* reason phrase from afar */
    struct view why;    /* says more than the text of the status or the error, and stands in its place */
    bool no_password;   /* none was given for the account: a challenge asks for one, and refuses none */
};

/** Appends the sentence, such as "sip:bob@example.org: busy; try again later (486 Busy Here)". */
void cause_sentence(unsigned status, enum ahoy_err err, const struct cause_subject *s, struct buf *out);

#endif
