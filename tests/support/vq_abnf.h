/* The grammar of RFC 6035 section 4.6.1, line by line, as regular expressions: it knows nothing of what prints reports. */
#ifndef AHOY_TESTS_SUPPORT_VQ_ABNF_H
#define AHOY_TESTS_SUPPORT_VQ_ABNF_H

#include "base/view.h"

/** Whether `body` is a VQReportEvent; else `where` gets the line (from 1) that is not what it should be. */
bool vq_abnf_check(struct view body, unsigned *where);

/** The value of "NAME=" in the first line that begins with `line` behind `part` ("LocalMetrics:", …), or below 0. */
double vq_abnf_value(struct view body, const char *part, const char *line, const char *name);

#endif
