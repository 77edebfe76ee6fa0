/* Events in plain English, a line each. */
#include "cli/ending.h"
#include "cli/phone.h"

#include <string.h>
#include <unistd.h>

enum { SAY_BYTES = 1024, SAY_TRACE_BYTES = 70000 };

static void name_peer(const struct ahoy_event *e, struct text *t)
{
    const char *name = e->call.peer_name, *uri = e->call.peer_uri ? e->call.peer_uri : "";
    if (name && *name) {
        text_clean(t, name, strlen(name), false);
        text_add(t, " <");
    }
    text_clean(t, uri, strlen(uri), false);
    if (name && *name)
        text_add(t, ">");
}

static struct ending_side our_side(const struct phone *p)
{
    const struct cli_args *args = p->args;
    return (struct ending_side){ .give_up_after_s = args->give_up_after_s ? args->give_up_after_s
                                                                          : PHONE_GIVE_UP_AFTER_S,
                                 .max_s = args->verb == CLI_ECHO ? 0 : args->max_s /* whose length nobody chose */,
                                 .has_password = p->has_password,
                                 .leaving = p->leaving };
}

static void say_call(const struct phone *p, const struct ahoy_event *e, struct text *t)
{
    const struct ending_side side = our_side(p);
    switch (e->call.state) {
    case AHOY_CALL_CALLING: text_add(t, "calling "); break;
    case AHOY_CALL_RINGING: text_add(t, e->call.incoming ? "call from " : "ringing at "); break;
    case AHOY_CALL_EARLY: text_add(t, "sound before the answer from "); break;
    case AHOY_CALL_CONFIRMED: text_add(t, "talking to "); break;
    case AHOY_CALL_HELD: text_add(t, "on hold: "); break;
    case AHOY_CALL_ENDED: ending_call(e, &side, t); return;
    }
    name_peer(e, t);
    if (e->call.state == AHOY_CALL_CALLING && p->console_open && !p->many && !p->numbered)
        text_add(t, "; Ctrl-C hangs up, ? and Enter tells what you can say");
    if (p->ask && e->call.incoming && e->call.state == AHOY_CALL_RINGING)
        text_add(t, "   a: answer, r: refuse, ?: more");
}

/* Whether a call's trouble is another one than the last that was told. */
static bool is_new_trouble(struct phone *p, const struct ahoy_event *e)
{
    char was[sizeof p->trouble.text];
    ahoy_call_id call = p->trouble.call;
    (void) text_copy(was, sizeof was, p->trouble.text);
    if (e->media.trouble == AHOY_CAUSE_NONE && call != e->media.id)
        return false; /* another call's goes on */
    p->trouble.call = e->media.id;
    (void) text_copy(p->trouble.text, sizeof p->trouble.text, e->media.trouble ? e->media.text : "");
    return e->media.trouble && (call != e->media.id || strcmp(was, p->trouble.text) != 0);
}

static void say_media(struct phone *p, const struct ahoy_event *e, struct text *t)
{
    const char *way = e->media.sending && e->media.receiving ? "both ways"
                      : e->media.sending                     ? "to them only"
                      : e->media.receiving                   ? "from them only"
                                                             : "paused";
    if (is_new_trouble(p, e)) {
        text_add(t, "trouble with the sound: ");
        text_clean(t, e->media.text, strlen(e->media.text), false);
    } else if (!e->media.trouble && e->media.text
               && *e->media.text) { /* a device's news: it is open, back, another one */
        text_clean(t, e->media.text, strlen(e->media.text), false);
    } else if (e->media.running) {
        text_add(t, "sound: %s, %s", e->media.codec, way);
        if (*e->media.remote)
            text_add(t, ", %s to %s", e->media.local, e->media.remote);
        if (e->media.muted)
            text_add(t, "; you are muted");
    }
}

/* Who speaks changes too often to be told in lines. */
static void say_conference(const struct ahoy_event *e, struct text *t)
{
    if (e->conference.speaker_count > 0)
        return;
    text_add(t, "conference %u", e->conference.id);
    if (e->conference.over)
        text_add(t, " is over");
    for (uint32_t i = 0; i < e->conference.call_count; i++)
        text_add(t, "%s %u", i == 0 ? ": calls" : ",", e->conference.calls[i]);
    if (!e->conference.over)
        text_add(t, e->conference.local ? " and we" : ", without us");
}

static void say_account(const struct phone *p, const struct ahoy_event *e, struct text *t)
{
    const struct ending_side side = our_side(p);
    const char *uri = e->account.uri;
    switch (e->account.state) {
    case AHOY_ACCOUNT_REGISTERED: text_add(t, "registered %s for %u s", uri, e->account.expires_s); break;
    case AHOY_ACCOUNT_FAILED:
        text_add(t, "not registered: ");
        if (p->waiting) { /* it is the end, and the whole sentence follows */
            ending_account(e, &side, t);
            break;
        }
        text_clean(t, e->account.text, strlen(e->account.text), false);
        if (e->account.retry_in_s > 0)
            text_add(t, "; trying again in %u s", e->account.retry_in_s);
        break;
    case AHOY_ACCOUNT_REGISTERING: text_add(t, "registering %s", uri); break;
    case AHOY_ACCOUNT_OFFLINE:
    case AHOY_ACCOUNT_LEAVING: break;
    }
}

static void say_trace(const struct phone *p, const struct ahoy_event *e)
{
    char buf[SAY_TRACE_BYTES];
    struct text t;
    if (p->args->verbose < 2)
        return;
    text_init(&t, buf, sizeof buf);
    text_add(&t, "%s %s %s %s\n", e->trace.sent ? "sent" : "received", e->trace.local, e->trace.sent ? "->" : "<-",
             e->trace.peer);
    text_clean(&t, e->trace.text, e->trace.text_bytes, true);
    text_add(&t, "\n");
    (void) text_write(STDERR_FILENO, t.p, t.n);
}

void phone_say_event(struct phone *p, const struct ahoy_event *e)
{
    char buf[SAY_BYTES];
    struct text t;
    ahoy_call_id call = 0;
    text_init(&t, buf, sizeof buf);
    switch (e->type) {
    case AHOY_EVENT_CALL_STATE:
        call = e->call.id;
        if (p->many || !e->call.incoming)
            say_call(p, e, &t);
        break;
    case AHOY_EVENT_CALL_MEDIA:
        call = e->media.id;
        say_media(p, e, &t);
        break;
    case AHOY_EVENT_CALL_REPORT:
        call = e->report.id;
        if (e->report.published)
            text_add(&t, "quality report (%s) sent", e->report.kind);
        break;
    case AHOY_EVENT_CALL_DTMF:
        call = e->dtmf.id;
        text_add(&t, "they pressed %c", e->dtmf.digit);
        break;
    case AHOY_EVENT_MUTED_SPEECH:
        call = e->muted_speech.id;
        text_add(&t, "you are muted: they do not hear you");
        break;
    case AHOY_EVENT_CONFERENCE: say_conference(e, &t); break;
    case AHOY_EVENT_FILE:
        call = e->file.call;
        if (e->file.err)
            warn("call %u: %s", call, e->file.text);
        else if (p->args->verb != CLI_ECHO) /* whose file is a stand-in that nobody chose */
            text_add(&t, "%s", e->file.text);
        break;
    case AHOY_EVENT_ACCOUNT: say_account(p, e, &t); break;
    case AHOY_EVENT_TRACE: say_trace(p, e); break;
    case AHOY_EVENT_OVERFLOW:
        warn("%u events were lost: the phone was too busy to tell them", e->overflow.dropped);
        break;
    case AHOY_EVENT_NETWORK: text_add(&t, "the addresses of this machine have changed"); break;
    case AHOY_EVENT_RESULT:
    case AHOY_EVENT_CALL_STATS:
    case AHOY_EVENT_DEVICES:
    case AHOY_EVENT_DOCTOR: break;
    }
    if (t.n == 0)
        return;
    if ((p->many || p->numbered) && call != 0)
        say("[%u] %s", call, buf);
    else
        say("%s", buf);
}
