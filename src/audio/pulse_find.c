#include "audio/pulse_find.h"

static bool is(const char *name, const char *wanted)
{
    return view_eq(view_str(name), view_str(wanted));
}

static bool needs_no_look(const char *name)
{
    return name[0] == '@' || strspn(name, "0123456789") == strlen(name);
}

static void answered(struct pulse_find *f)
{
    if (++f->answers == 2)
        f->done(f->arg);
}

static void on_source(pa_context *c, const pa_source_info *info, int eol, void *arg)
{
    struct pulse_find *f = arg;
    (void) c;
    if (eol)
        answered(f);
    else if (is(info->name, f->source))
        f->source_found = true;
}

static void on_sink(pa_context *c, const pa_sink_info *info, int eol, void *arg)
{
    struct pulse_find *f = arg;
    (void) c;
    if (eol)
        answered(f);
    else if (is(info->name, f->sink))
        f->sink_found = true;
}

bool pulse_find_start(struct pulse_find *f)
{
    const struct pulse_lib *lib = &f->link->lib;
    f->answers = 0;
    f->source_found = needs_no_look(f->source);
    f->sink_found = needs_no_look(f->sink);
    pa_operation *sources = lib->pa_context_get_source_info_list(f->link->ctx, on_source, f);
    pa_operation *sinks = lib->pa_context_get_sink_info_list(f->link->ctx, on_sink, f);
    if (sources)
        lib->pa_operation_unref(sources);
    if (sinks)
        lib->pa_operation_unref(sinks);
    return sources && sinks;
}
