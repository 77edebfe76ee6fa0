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

static struct watch *watch_of(struct phone *p, ahoy_call_id call)
{
    for (size_t i = 0; i < PHONE_WATCHED; i++)
        if (p->watch[i].call == call)
            return &p->watch[i];
    return NULL;
}

/* Keeps the watch on a call; what there is to say of its sound comes once a second. */
static void watch(struct phone *p, const struct ahoy_event *e, struct text *t)
{
    ahoy_call_id call = e->type == AHOY_EVENT_CALL_MEDIA ? e->media.id : e->stats.id;
    struct watch *w = watch_of(p, call);
    if (!w && (w = watch_of(p, 0)))
        *w = (struct watch){ .call = call };
    if (w && e->type == AHOY_EVENT_CALL_MEDIA)
        w->speaking = e->media.sending && !e->media.muted && !phone_stands_in(p);
    else if (w && p->args->verb != CLI_ECHO) /* whose verdict comes in a moment */
        watch_second(w, &e->stats.stats, t);
}

/* What there was to hear of a call among others; a single one's is in the summary. */
static void say_end(struct phone *p, const struct ahoy_event *e)
{
    struct watch *w = watch_of(p, e->call.id);
    if (w)
        *w = (struct watch){ .call = 0 };
    if (phone_number(p, e->call.id) != 0 && e->call.stats.duration_ms > 0)
        phone_say_figures(p, e->call.id, &e->call.stats);
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
        watch(p, e, &t);
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
    case AHOY_EVENT_CALL_STATS:
        call = e->stats.id;
        watch(p, e, &t);
        break;
    case AHOY_EVENT_RESULT:
    case AHOY_EVENT_DEVICES:
    case AHOY_EVENT_DOCTOR: break;
    }
    call = phone_number(p, call);
    if (t.n > 0 && call != 0)
        say("[%u] %s", call, buf);
    else if (t.n > 0)
        say("%s", buf);
    if (e->type == AHOY_EVENT_CALL_STATE && e->call.state == AHOY_CALL_ENDED)
        say_end(p, e);
}
