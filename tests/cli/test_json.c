/* Every event is encoded, and held against the tables of docs/json.md. */
#include "cli/json.h"

#include "base/mem.h"
#include "support/t.h"

#include <stdio.h>

static void use_counted_heap(void)
{
    json_set_alloc_funcs(mem_alloc, mem_free);
}

/* ---- the page ---------------------------------------------------------------------------------------------------- */

/* The lines of a section: from its title to the next. */
static struct view section(struct view page, const char *title)
{
    struct view line, rest = page;
    const char *from = NULL;
    while (view_line(&rest, &line)) {
        if (from && view_starts(line, VIEW("#")))
            return view_of(from, (size_t) (line.p - from));
        if (view_starts(line, VIEW("### ")) && view_search(line, view_str(title)) < line.n)
            from = rest.p;
    }
    return from ? view_of(from, (size_t) (page.p + page.n - from)) : view_of(NULL, 0);
}

/* "| `name` | type | …": false when the line is no row. */
static bool row(struct view line, struct view *name, struct view *type)
{
    if (!view_starts(line, VIEW("| `")))
        return false;
    struct view rest = view_from(line, 3);
    *name = view_cut(&rest, '`');
    (void) view_cut(&rest, '|');
    *type = view_trim(view_cut(&rest, '|'));
    return true;
}

static bool type_fits(struct view type, const json_t *value)
{
    if (type.n > 0 && type.p[type.n - 1] == '?')
        type.n--;
    if (view_eq(type, VIEW("any")))
        return true;
    if (view_eq(type, VIEW("integer")))
        return json_is_integer(value);
    if (view_eq(type, VIEW("boolean")))
        return json_is_boolean(value);
    if (view_eq(type, VIEW("string")))
        return json_is_string(value);
    if (view_eq(type, VIEW("array")))
        return json_is_array(value);
    if (view_eq(type, VIEW("figures")))
        return json_is_object(value);
    return view_eq(type, VIEW("number or null")) && (json_is_real(value) || json_is_null(value));
}

/* Counts the fields of `object` that a section's table describes; all that must be there are. */
static bool covers(struct view page, struct view table, const json_t *object, size_t *found)
{
    struct view line, name, type;
    char key[64];
    while (view_line(&table, &line)) {
        if (!row(line, &name, &type))
            continue;
        if (view_eq(name, VIEW("*"))) {
            if (!covers(page, section(page, "Figures of a call"), object, found))
                return false;
            continue;
        }
        if (!view_copy(name, key, sizeof key))
            return false;
        const json_t *value = json_object_get(object, key);
        bool optional = type.p[type.n - 1] == '?';
        if (!value && optional)
            continue;
        if (!value || !type_fits(type, value))
            return false;
        ++*found;
    }
    return true;
}

/* The object is what the page says, field for field. */
static bool as_on_page(struct view page, const json_t *o)
{
    char title[40];
    size_t found = 3; /* v, t_ms, event */
    const char *event = json_string_value(json_object_get(o, "event"));
    if (!event || json_integer_value(json_object_get(o, "v")) != 1 || !json_is_integer(json_object_get(o, "t_ms")))
        return false;
    (void) snprintf(title, sizeof title, "`%s`", event);
    struct view table = section(page, title);
    return table.p && covers(page, table, o, &found) && found == json_object_size(o);
}

/* ---- tests ------------------------------------------------------------------------------------------------------- */

static struct ahoy_call_stats some_stats(void)
{
    return (struct ahoy_call_stats){ .duration_ms = 1000,
                                     .codec = "opus",
                                     .rate_hz = 48000,
                                     .rtp_in = 50,
                                     .rtt_ms = -1,
                                     .mos = 4.4,
                                     .delay_ms = -1,
                                     .remote_lost_fraction = -1,
                                     .jitter_ms = NAN };
}

static struct ahoy_event some_event(size_t i)
{
    struct ahoy_event e = { .type = (enum ahoy_event_type) i, .time_ms = 12 };
    switch (e.type) {
    case AHOY_EVENT_RESULT: e.result.text = "it answered"; break;
    case AHOY_EVENT_ACCOUNT: e.account.name = e.account.uri = e.account.text = "x"; break;
    case AHOY_EVENT_CALL_STATE:
        e.call.state = AHOY_CALL_ENDED;
        e.call.peer_uri = "sip:bob@example.org";
        e.call.peer_name = "Bob \xff\xfe";
        e.call.call_id = e.call.reason = e.call.text = "x";
        e.call.stats = some_stats();
        break;
    case AHOY_EVENT_CALL_MEDIA: e.media.codec = e.media.local = e.media.remote = e.media.text = "x"; break;
    case AHOY_EVENT_CALL_STATS: e.stats.stats = some_stats(); break;
    case AHOY_EVENT_CALL_REPORT:
        e.report.kind = "session";
        e.report.body = "VQSessionReport\r\n";
        break;
    case AHOY_EVENT_CALL_DTMF: e.dtmf.digit = '#'; break;
    case AHOY_EVENT_CONFERENCE:
        e.conference.call_count = 2;
        e.conference.speaker_count = 1;
        break;
    case AHOY_EVENT_FILE: e.file.text = "x"; break;
    case AHOY_EVENT_TRACE:
        e.trace.local = e.trace.peer = "127.0.0.1:5060";
        e.trace.text = "INVITE\r\n\0\x80";
        e.trace.text_bytes = 10;
        break;
    case AHOY_EVENT_DOCTOR: e.doctor.area = e.doctor.what = e.doctor.remedy = "x"; break;
    case AHOY_EVENT_DEVICES:
    case AHOY_EVENT_NETWORK:
    case AHOY_EVENT_MUTED_SPEECH:
    case AHOY_EVENT_OVERFLOW: break;
    }
    return e;
}

static void test_every_event_is_as_the_page_says(struct t *t)
{
    struct view page = { .p = NULL };
    json_t *o = NULL;
    use_counted_heap();
    T_ALWAYS(t_read_file(t, "../../docs/json.md", &page));
    for (size_t i = 0; i <= AHOY_EVENT_OVERFLOW; i++) {
        struct ahoy_event e = some_event(i);
        o = json_event(&e);
        T_CHECK(o);
        if (e.type == AHOY_EVENT_RESULT) /* the one who answers adds whose answer it is */
            T_EQ(json_object_set_new(o, "id", json_integer(1)), 0);
        if (!as_on_page(page, o))
            t_fail(t, __FILE__, __LINE__, ahoy_event_name(e.type), "is not what docs/json.md says");
        T_CHECK(!t->failed);
        json_decref(o);
        o = NULL;
    }
out:
    json_decref(o);
    mem_free((char *) (uintptr_t) page.p);
}

static void test_a_summary_is_as_the_page_says(struct t *t)
{
    struct view page = { .p = NULL };
    struct summary s = { .cause = AHOY_CAUSE_BUSY, .sip_status = 486, .reason = "Busy Here", .stats = some_stats() };
    json_t *o = NULL;
    use_counted_heap();
    T_ALWAYS(t_read_file(t, "../../docs/json.md", &page));
    o = json_summary(&s, 7);
    T_CHECK(o);
    T_CHECK(as_on_page(page, o));
    T_STR(json_string_value(json_object_get(o, "result")), "busy");
    T_CHECK(json_is_null(json_object_get(o, "rtt_ms")));
    T_CHECK(json_is_null(json_object_get(o, "jitter_ms"))); /* no number */
    T_CHECK(json_is_real(json_object_get(o, "mos")));
out:
    json_decref(o);
    mem_free((char *) (uintptr_t) page.p);
}

static void test_a_field_that_the_page_lacks_is_noticed(struct t *t)
{
    struct view page = { .p = NULL };
    struct ahoy_event e = some_event(AHOY_EVENT_CALL_DTMF);
    json_t *o = NULL;
    use_counted_heap();
    T_ALWAYS(t_read_file(t, "../../docs/json.md", &page));
    o = json_event(&e);
    T_CHECK(o);
    T_EQ(json_object_set_new(o, "secret", json_true()), 0);
    T_CHECK(!as_on_page(page, o));
    T_EQ(json_object_del(o, "secret"), 0);
    T_EQ(json_object_del(o, "digit"), 0);
    T_CHECK(!as_on_page(page, o));
out:
    json_decref(o);
    mem_free((char *) (uintptr_t) page.p);
}

static void test_bytes_that_are_no_text_become_question_marks(struct t *t)
{
    json_t *s = NULL;
    use_counted_heap();
    s = json_bytes("a\xc3\xa9\xed\xa0\x80z\xf0\x9f", 9);
    T_CHECK(s);
    T_STR(json_string_value(s), "a\xc3\xa9???z??");
out:
    json_decref(s);
}

static void test_a_line_is_one_line_with_short_figures(struct t *t)
{
    size_t n = 0;
    char *line = NULL;
    use_counted_heap();
    json_t *o = json_pack("{s:f, s:s}", "x", 4.4100000000000001, "text", "a\nb");
    T_CHECK(o);
    line = json_line(o, &n);
    T_CHECK(line);
    T_VIEW(view_of(line, n), "{\"x\":4.41,\"text\":\"a\\nb\"}\n");
out:
    json_line_free(line);
    json_decref(o);
}

T_MAIN(T(test_every_event_is_as_the_page_says), T(test_a_summary_is_as_the_page_says),
       T(test_a_field_that_the_page_lacks_is_noticed), T(test_bytes_that_are_no_text_become_question_marks),
       T(test_a_line_is_one_line_with_short_figures))
