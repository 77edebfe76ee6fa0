#include "support/vq_abnf.h"

#include <regex.h>
#include <stdio.h>
#include <stdlib.h>

/* HCOLON without folding; EQUAL and SEMI as this side may write them. */
#define COLON  "[ \t]*:[ \t]*"
#define EQ     "[ \t]*=[ \t]*"
#define WSP    "[ \t]"
#define WORD   "[]A-Za-z0-9.!%*_+`'~()<>:\\\\\"/[?-]+"
#define PLUS   "[]A-Za-z0-9.!%*_+`'~()<>:\\\\/[?{}= -]+"
#define TOKEN  "[A-Za-z0-9.!%*_+`'~-]+"
#define TIME   "[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}([.][0-9]+)?Z"
#define IP     "([0-9]{1,3}([.][0-9]{1,3}){3}|[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*)"
#define N(max) "[0-9]{1," #max "}"
#define SHARE  "[0-9]{1,3}([.][0-9]{1,2})?"
#define MOS    "[0-9]([.][0-9]{1,3})?"
#define OPT(x) "(" x WSP ")?"
#define MORE   "(" WSP PLUS ")*"
#define ADDR   "[^\r\n]*<[^<>\r\n]+>[^\r\n]*|[a-z]+:[^ \r\n]+"

enum { OPTIONAL = 1, STARTS = 2 /* of a part: the line before it is empty */ };

static const struct rule {
    int flags;
    const char *re;
} info[] = {
    { 0, "CallID" COLON WORD "(@" WORD ")?" },
    { 0, "LocalID" COLON "(" ADDR ")" },
    { 0, "RemoteID" COLON "(" ADDR ")" },
    { 0, "OrigID" COLON "(" ADDR ")" },
    { 0, "LocalAddr" COLON "IP" EQ IP WSP "PORT" EQ "[0-9]+" WSP "SSRC" EQ "0x[0-9A-Fa-f]{1,8}" },
    { 0, "RemoteAddr" COLON "IP" EQ IP WSP "PORT" EQ "[0-9]+" WSP "SSRC" EQ "0x[0-9A-Fa-f]{1,8}" },
    { 0, "LocalGroup" COLON PLUS },
    { 0, "RemoteGroup" COLON PLUS },
    { OPTIONAL, "LocalMAC" COLON "[0-9A-Fa-f]{2}(:[0-9A-Fa-f]{2})*" },
    { OPTIONAL, "RemoteMAC" COLON "[0-9A-Fa-f]{2}(:[0-9A-Fa-f]{2})*" },
}, metrics[] = {
    { 0, "Timestamps" COLON "START" EQ TIME WSP "STOP" EQ TIME },
    { OPTIONAL, "SessionDesc" COLON OPT("PT" EQ N(3)) OPT("PD" EQ WORD) OPT("SR" EQ N(6) "(;[0-9]+)*")
                    OPT("PPS" EQ N(5)) OPT("FD" EQ N(4)) OPT("FO" EQ N(5)) OPT("FPP" EQ N(2))
                        OPT("FMTP" EQ "\"" PLUS "\"") OPT("PLC" EQ "[0-3]") "(SSUP" EQ "(on|off))?" MORE },
    { OPTIONAL, "JitterBuffer" COLON OPT("JBA" EQ "[0-3]") OPT("JBR" EQ N(2)) OPT("JBN" EQ N(5)) OPT("JBM" EQ N(5))
                    "(JBX" EQ N(5) ")?" MORE },
    { OPTIONAL, "PacketLoss" COLON OPT("NLR" EQ SHARE) "(JDR" EQ SHARE ")?" MORE },
    { OPTIONAL, "BurstGapLoss" COLON OPT("BLD" EQ SHARE) OPT("BD" EQ N(7)) OPT("GLD" EQ SHARE) OPT("GD" EQ N(7))
                    "(GMIN" EQ N(3) ")?" MORE },
    { OPTIONAL, "Delay" COLON OPT("RTD" EQ N(5)) OPT("ESD" EQ N(5)) OPT("OWD" EQ N(5)) OPT("SOWD" EQ N(5))
                    OPT("IAJ" EQ N(5)) "(MAJ" EQ N(5) ")?" MORE },
    { OPTIONAL, "Signal" COLON OPT("SL" EQ "-?" N(2)) OPT("NL" EQ "-?" N(2)) "(RERL" EQ N(3) ")?" MORE },
    { OPTIONAL, "QualityEst" COLON OPT("RLQ" EQ N(3)) OPT("RLQEstAlg" EQ WORD) OPT("RCQ" EQ N(3))
                    OPT("RCQEstAlg" EQ WORD) OPT("EXTRI" EQ N(3)) OPT("ExtRIEstAlg" EQ WORD) OPT("EXTRO" EQ N(3))
                        OPT("ExtROEstAlg" EQ WORD) OPT("MOSLQ" EQ MOS) OPT("MOSLQEstAlg" EQ WORD) OPT("MOSCQ" EQ MOS)
                            OPT("MOSCQEstAlg" EQ WORD) "(QoEEstAlg" EQ WORD ")?" MORE },
};

#define SESSION "VQ(Session|Interval)Report(" COLON "CallTerm)?"
#define ALERT                                                                                                          \
    "VQAlertReport" COLON "Type" EQ "(RLQ|RCQ|EXTR|MOSLQ|MOSCQ|BD|NLR|JDR|RTD|ESD|IAJ|RERL|SL|NL|" PLUS ")" WSP        \
    "Severity" EQ "(Warning|Critical|Clear)" WSP "Dir" EQ "(local|remote)"
#define DIALOG "DialogID[ \t]*:[ \t]*" WORD "(@" WORD ")?(;((to|from)-tag" EQ TOKEN "|" WORD "))*"

static bool matches(const char *re, struct view line)
{
    char whole[2048], text[1024];
    regex_t compiled;
    if (!view_copy(line, text, sizeof text))
        return false;
    (void) snprintf(whole, sizeof whole, "^(%s)$", re);
    if (regcomp(&compiled, whole, REG_EXTENDED | REG_NOSUB))
        abort(); /* the expression itself is wrong */
    bool ok = regexec(&compiled, text, 0, NULL, 0) == 0;
    regfree(&compiled);
    return ok;
}

struct reading {
    struct view rest, line;
    bool there; /* `line` waits to be matched */
    unsigned at;
};

/* The next line; it must end with CRLF unless it is the body's last. */
static bool next(struct reading *r)
{
    size_t end = view_search(r->rest, VIEW("\r\n"));
    if (r->there)
        return true;
    if (view_empty(r->rest))
        return false;
    r->line = view_first(r->rest, end);
    r->rest = view_from(r->rest, end < r->rest.n ? end + 2 : r->rest.n);
    r->at++;
    return r->there = view_find(r->line, '\r') == r->line.n && view_find(r->line, '\n') == r->line.n;
}

static bool take(struct reading *r, const char *re)
{
    if (!next(r) || !matches(re, r->line))
        return false;
    r->there = false;
    return true;
}

static bool rules(struct reading *r, const struct rule *rule, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (!take(r, rule[i].re) && rule[i].flags != OPTIONAL)
            return false;
    return true;
}

static bool part(struct reading *r, const char *name)
{
    return take(r, name) && rules(r, metrics, AHOY_COUNT(metrics));
}

static bool report(struct reading *r)
{
    bool alert = next(r) && view_starts(r->line, VIEW("VQAlert"));
    if (!take(r, alert ? ALERT : SESSION) || !rules(r, info, AHOY_COUNT(info)) || !take(r, "")
        || !part(r, "LocalMetrics" COLON))
        return false;
    bool empty = take(r, "");
    if (empty && next(r) && view_starts(r->line, VIEW("RemoteMetrics"))) {
        if (!part(r, "RemoteMetrics" COLON))
            return false;
        empty = take(r, "");
    }
    if (alert == empty && next(r)) /* only an alert's DialogID has no empty line before it */
        return false;
    if (next(r) && !take(r, DIALOG))
        return false;
    return !next(r) && view_empty(r->rest);
}

bool vq_abnf_check(struct view body, unsigned *where)
{
    struct reading r = { .rest = body };
    bool ok = report(&r);
    *where = r.at;
    return ok;
}

double vq_abnf_value(struct view body, const char *in, const char *line, const char *name)
{
    char key[64], value[32];
    struct view rest = view_from(body, view_search(body, view_str(in))), l;
    (void) snprintf(key, sizeof key, "%s=", name);
    while (view_line(&rest, &l)) {
        if (!view_starts(l, view_str(line)))
            continue;
        l = view_from(l, view_search(l, view_str(key)) + strlen(key));
        return view_copy(view_cut(&l, ' '), value, sizeof value) && value[0] ? strtod(value, NULL) : -1;
    }
    return -1;
}
