#include "cli/json.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { WORDS_MAX = 65536 };

json_t *json_head(const char *name, int64_t t_ms)
{
    return json_pack("{s:i, s:I, s:s}", "v", JSON_SCHEMA_VERSION, "t_ms", (json_int_t) t_ms, "event", name);
}

json_t *json_bytes(const char *p, size_t n)
{
    char copy[WORDS_MAX + 1];
    if (n > WORDS_MAX)
        n = WORDS_MAX;
    json_t *s = json_stringn(p, n);
    if (s || n == 0)
        return s;
    text_utf8(p, n, copy);
    return json_stringn(copy, n);
}

json_t *json_words(const char *s)
{
    return s ? json_bytes(s, strlen(s)) : json_null();
}

json_t *json_figure(double x, bool unknown_below_0)
{
    if (!isfinite(x) || (unknown_below_0 && x < 0))
        return json_null();
    return json_real(x);
}

bool json_add(json_t *object, const char *key, json_t *value)
{
    return json_object_set_new(object, key, value) == 0;
}

/* Adds a whole object's members; frees `more`. */
static json_t *join(json_t *object, json_t *more)
{
    if (object && more && json_object_update(object, more) == 0) {
        json_decref(more);
        return object;
    }
    json_decref(object);
    json_decref(more);
    return NULL;
}

/* Numbers that may be unknown, by their names. */
struct figure {
    const char *key;
    double value;
    bool any_sign;
};

static json_t *figures(const struct figure *f, size_t n)
{
    json_t *o = json_object();
    for (size_t i = 0; o && i < n; i++)
        if (!json_add(o, f[i].key, json_figure(f[i].value, !f[i].any_sign))) {
            json_decref(o);
            return NULL;
        }
    return o;
}

static json_t *counts(const struct ahoy_call_stats *s)
{
    json_t *o = json_pack(
        "{s:I, s:I, s:o, s:I, s:o, s:I, s:I, s:I, s:I, s:I, s:I}", "duration_ms", (json_int_t) s->duration_ms,
        "setup_ms", (json_int_t) s->setup_ms, "codec", json_words(s->codec), "rate_hz", (json_int_t) s->rate_hz,
        "send_codec", json_words(s->send_codec), "rtp_in", (json_int_t) s->rtp_in, "rtp_out", (json_int_t) s->rtp_out,
        "bytes_in", (json_int_t) s->bytes_in, "bytes_out", (json_int_t) s->bytes_out, "expected",
        (json_int_t) s->expected, "lost", (json_int_t) s->lost);
    return join(o, json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "late", (json_int_t) s->late,
                             "duplicate", (json_int_t) s->duplicate, "reordered", (json_int_t) s->reordered,
                             "recovered_fec", (json_int_t) s->recovered_fec, "recovered_red",
                             (json_int_t) s->recovered_red, "recovered_dred", (json_int_t) s->recovered_dred,
                             "concealed_ms", (json_int_t) s->concealed_ms, "gone_ms", (json_int_t) s->gone_ms,
                             "no_microphone_ms", (json_int_t) s->no_microphone_ms, "no_speaker_ms",
                             (json_int_t) s->no_speaker_ms, "dropouts", (json_int_t) s->dropouts));
}

json_t *json_stats(const struct ahoy_call_stats *s)
{
    const struct figure f[] = { { "loss", s->loss, false },
                                { "burst", s->burst, false },
                                { "jitter_ms", s->jitter_ms, false },
                                { "rtt_ms", s->rtt_ms, false },
                                { "buffer_ms", s->buffer_ms, false },
                                { "buffer_target_ms", s->buffer_target_ms, false },
                                { "device_in_ms", s->device_in_ms, false },
                                { "device_out_ms", s->device_out_ms, false },
                                { "clock_in_ppm", s->clock_known ? s->clock_in_ppm : NAN, true },
                                { "clock_out_ppm", s->clock_known ? s->clock_out_ppm : NAN, true },
                                { "end_system_ms", s->end_system_ms, false },
                                { "delay_ms", s->delay_ms, false },
                                { "mos", s->mos, false },
                                { "mos_lq", s->mos_lq, false },
                                { "mos_now", s->mos_now, false },
                                { "r_factor", s->r_factor, false },
                                { "level_in_dbfs", s->level_in_dbfs, true },
                                { "level_out_dbfs", s->level_out_dbfs, true },
                                { "loudest_out_dbfs", s->loudest_out_dbfs, true },
                                { "mic_speech", s->mic_known ? s->mic_speech : NAN, true },
                                { "mic_noise_dbfs", s->mic_known ? s->mic_noise_dbfs : NAN, true },
                                { "mic_gain_db", s->mic_known ? s->mic_gain_db : NAN, true },
                                { "erle_db", s->echo ? s->erle_db : NAN, true },
                                { "echo_delay_ms", s->echo ? s->echo_delay_ms : NAN, true },
                                { "echo_drift_ppm", s->echo ? s->echo_drift_ppm : NAN, true },
                                { "cpu", s->cpu, false },
                                { "remote_lost_fraction", s->remote_lost_fraction, false },
                                { "remote_jitter_ms", s->remote_jitter_ms, false },
                                { "remote_burst", s->remote_burst, false },
                                { "remote_loss", s->remote_loss, false },
                                { "remote_discarded", s->remote_discarded, false },
                                { "remote_buffer_ms", s->remote_buffer_ms, false },
                                { "remote_end_system_ms", s->remote_end_system_ms, false },
                                { "remote_delay_ms", s->remote_delay_ms, false },
                                { "remote_mos", s->remote_mos, false },
                                { "remote_mos_lq", s->remote_mos_lq, false },
                                { "remote_r_factor", s->remote_r_factor, false } };
    struct ahoy_judgement j;
    ahoy_call_judge(s, &j);
    json_t *o = join(counts(s), figures(f, CLI_COUNT(f)));
    return join(o, json_pack("{s:I, s:s, s:b, s:b, s:b, s:s, s:s}", "saving", (json_int_t) s->saving, "model", s->model,
                             "send_stopped", (int) s->send_stopped, "remote_deaf", (int) s->remote_deaf,
                             "remote_estimated", (int) s->remote_estimated, "grade", ahoy_grade_name(j.grade),
                             "spoiler", ahoy_spoiler_name(j.spoiler)));
}

json_t *json_account(const struct ahoy_account_info *a)
{
    return json_pack("{s:I, s:o, s:o, s:s, s:o, s:i, s:o, s:I, s:I}", "account", (json_int_t) a->id, "name",
                     json_words(a->name), "uri", json_words(a->uri), "state", ahoy_account_state_name(a->state),
                     "registrar", json_words(a->registrar), "sip_status", (int) a->sip_status, "reason",
                     json_words(a->reason), "expires_in_s", (json_int_t) a->expires_in_s, "retry_in_s",
                     (json_int_t) a->retry_in_s);
}

json_t *json_call(const struct ahoy_call_info *c)
{
    return json_pack("{s:I, s:I, s:s, s:b, s:b, s:b, s:b, s:o, s:o, s:o, s:o}", "call", (json_int_t) c->id, "account",
                     (json_int_t) c->account, "state", ahoy_call_state_name(c->state), "incoming", (int) c->incoming,
                     "muted", (int) c->muted, "held_by_us", (int) c->held_by_us, "held_by_peer", (int) c->held_by_peer,
                     "peer_uri", json_words(c->peer_uri), "peer_name", json_words(c->peer_name), "call_id",
                     json_words(c->call_id), "stats", json_stats(&c->stats));
}

json_t *json_device(const struct ahoy_device *d)
{
    return json_pack("{s:o, s:o, s:b, s:b, s:b, s:o, s:b, s:b, s:o, s:I}", "spec", json_words(d->spec), "description",
                     json_words(d->description), "capture", (int) d->capture, "playback", (int) d->playback, "default",
                     (int) d->is_default, "latency_ms", json_figure(d->latency_ms, true), "monitor", (int) d->monitor,
                     "muted", (int) d->muted, "volume", json_figure(d->volume, true), "rate_hz",
                     (json_int_t) d->rate_hz);
}

/* ---- events ------------------------------------------------------------------------------------------------------ */

static const char *transport_name(enum ahoy_transport t)
{
    static const char *const name[] = { "auto", "udp", "tcp", "tls", "ws", "wss" };
    return (size_t) t < CLI_COUNT(name) ? name[t] : "unknown";
}

static const char *verdict_name(enum ahoy_verdict v)
{
    static const char *const name[] = { "ok", "warning", "failed", "done" };
    return (size_t) v < CLI_COUNT(name) ? name[v] : "unknown";
}

static json_t *result_event(const struct ahoy_event *e)
{
    json_t *o = json_pack("{s:I, s:b, s:i, s:o, s:I}", "command", (json_int_t) e->result.command, "ok",
                          (int) (e->result.err == AHOY_OK), "sip_status", (int) e->result.sip_status, "text",
                          json_words(e->result.text), "took_ms", (json_int_t) e->result.took_ms);
    if (o && e->result.err && !json_add(o, "error", json_string(ahoy_err_name(e->result.err)))) {
        json_decref(o);
        return NULL;
    }
    return o;
}

static json_t *account_event(const struct ahoy_event *e)
{
    return json_pack("{s:I, s:s, s:i, s:s, s:o, s:o, s:o, s:I, s:I}", "account", (json_int_t) e->account.id, "state",
                     ahoy_account_state_name(e->account.state), "sip_status", (int) e->account.sip_status, "cause",
                     ahoy_cause_name(e->account.cause), "name", json_words(e->account.name), "uri",
                     json_words(e->account.uri), "text", json_words(e->account.text), "expires_s",
                     (json_int_t) e->account.expires_s, "retry_in_s", (json_int_t) e->account.retry_in_s);
}

static json_t *call_event(const struct ahoy_event *e)
{
    json_t *o = json_pack("{s:I, s:I, s:s, s:b, s:o, s:o, s:o}", "call", (json_int_t) e->call.id, "account",
                          (json_int_t) e->call.account, "state", ahoy_call_state_name(e->call.state), "incoming",
                          (int) e->call.incoming, "peer_uri", json_words(e->call.peer_uri), "peer_name",
                          json_words(e->call.peer_name), "call_id", json_words(e->call.call_id));
    if (e->call.state != AHOY_CALL_ENDED)
        return o;
    return join(o, json_pack("{s:s, s:b, s:i, s:o, s:o, s:o}", "cause", ahoy_cause_name(e->call.cause), "ended_by_peer",
                             (int) e->call.ended_by_peer, "sip_status", (int) e->call.sip_status, "reason",
                             json_words(e->call.reason), "text", json_words(e->call.text), "stats",
                             json_stats(&e->call.stats)));
}

static json_t *media_event(const struct ahoy_event *e)
{
    return json_pack("{s:I, s:b, s:b, s:b, s:o, s:o, s:o, s:b, s:b, s:s, s:o}", "call", (json_int_t) e->media.id,
                     "running", (int) e->media.running, "sending", (int) e->media.sending, "receiving",
                     (int) e->media.receiving, "codec", json_words(e->media.codec), "local", json_words(e->media.local),
                     "remote", json_words(e->media.remote), "srtp", (int) e->media.srtp, "ice", (int) e->media.ice,
                     "trouble", ahoy_cause_name(e->media.trouble), "text", json_words(e->media.text));
}

static json_t *trace_event(const struct ahoy_event *e)
{
    return json_pack("{s:b, s:s, s:o, s:o, s:I, s:o}", "sent", (int) e->trace.sent, "transport",
                     transport_name(e->trace.transport), "local", json_words(e->trace.local), "peer",
                     json_words(e->trace.peer), "unix_ms", (json_int_t) clock_unix_ms(), "text",
                     json_bytes(e->trace.text, e->trace.text_bytes));
}

static json_t *doctor_event(const struct ahoy_event *e)
{
    return json_pack("{s:s, s:s, s:o, s:o, s:o}", "verdict", verdict_name(e->doctor.verdict), "cause",
                     ahoy_cause_name(e->doctor.cause), "area", json_words(e->doctor.area), "what",
                     json_words(e->doctor.what), "remedy", json_words(e->doctor.remedy));
}

static json_t *ids(const ahoy_call_id *id, size_t n)
{
    json_t *list = json_array();
    for (size_t i = 0; list && i < n; i++)
        (void) json_array_append_new(list, json_integer((json_int_t) id[i]));
    return list;
}

static json_t *conference_event(const struct ahoy_event *e)
{
    return json_pack("{s:I, s:o, s:b, s:o, s:b}", "conference", (json_int_t) e->conference.id, "calls",
                     ids(e->conference.calls, e->conference.call_count), "local", (int) e->conference.local, "speakers",
                     ids(e->conference.speakers, e->conference.speaker_count), "over", (int) e->conference.over);
}

static json_t *event_body(const struct ahoy_event *e)
{
    char digit[2];
    switch (e->type) {
    case AHOY_EVENT_RESULT: return result_event(e);
    case AHOY_EVENT_ACCOUNT: return account_event(e);
    case AHOY_EVENT_CALL_STATE: return call_event(e);
    case AHOY_EVENT_CALL_MEDIA: return media_event(e);
    case AHOY_EVENT_CALL_STATS:
        return join(json_pack("{s:I}", "call", (json_int_t) e->stats.id), json_stats(&e->stats.stats));
    case AHOY_EVENT_CALL_REPORT:
        return json_pack("{s:I, s:s, s:b, s:o}", "call", (json_int_t) e->report.id, "kind", e->report.kind, "published",
                         (int) e->report.published, "body", json_words(e->report.body));
    case AHOY_EVENT_CALL_DTMF:
        digit[0] = e->dtmf.digit;
        digit[1] = 0;
        return json_pack("{s:I, s:s, s:I}", "call", (json_int_t) e->dtmf.id, "digit", digit, "duration_ms",
                         (json_int_t) e->dtmf.duration_ms);
    case AHOY_EVENT_CONFERENCE: return conference_event(e);
    case AHOY_EVENT_FILE:
        return json_pack("{s:I, s:I, s:s, s:b, s:s, s:o}", "call", (json_int_t) e->file.call, "conference",
                         (json_int_t) e->file.conference, "what", e->file.recording ? "record" : "play", "ok",
                         (int) (e->file.err == AHOY_OK), "error", ahoy_err_name(e->file.err), "text",
                         json_words(e->file.text));
    case AHOY_EVENT_MUTED_SPEECH: return json_pack("{s:I}", "call", (json_int_t) e->muted_speech.id);
    case AHOY_EVENT_TRACE: return trace_event(e);
    case AHOY_EVENT_DOCTOR: return doctor_event(e);
    case AHOY_EVENT_OVERFLOW: return json_pack("{s:I}", "dropped", (json_int_t) e->overflow.dropped);
    case AHOY_EVENT_DEVICES:
    case AHOY_EVENT_NETWORK: break;
    }
    return json_object();
}

json_t *json_event(const struct ahoy_event *e)
{
    return join(json_head(ahoy_event_name(e->type), e->time_ms), event_body(e));
}

json_t *json_summary(const struct summary *s, int64_t t_ms)
{
    const struct ahoy_call_stats *c = &s->stats;
    json_t *o = json_head("summary", t_ms);
    o = join(o, json_pack("{s:s, s:i, s:o, s:I, s:b, s:o}", "result",
                          s->cause == AHOY_CAUSE_NONE ? "done" : ahoy_cause_name(s->cause), "sip_status",
                          (int) s->sip_status, "reason", json_words(s->reason), "calls", (json_int_t) s->calls,
                          "ended_by_peer", (int) s->ended_by_peer, "text", json_words(s->text)));
    o = join(o, json_stats(c));
    return join(o, json_pack("{s:s, s:s}", "srtp", s->srtp ? "on" : "off", "ice", s->ice ? "on" : "off"));
}

/* ---- lines ------------------------------------------------------------------------------------------------------- */

void json_line_free(char *line)
{
    json_malloc_t take;
    json_free_t give;
    json_get_alloc_funcs(&take, &give);
    if (line)
        give(line);
}

char *json_line(const json_t *object, size_t *n)
{
    char *line = object ? json_dumps(object, JSON_COMPACT | JSON_REAL_PRECISION(6)) : NULL;
    if (!line)
        return NULL;
    *n = strlen(line);
    line[(*n)++] = '\n'; /* in the place of the zero byte: one write makes one line */
    return line;
}

bool json_say(json_t *object)
{
    size_t n = 0;
    char *line = json_line(object, &n);
    bool ok = !line || text_write(STDOUT_FILENO, line, n);
    json_line_free(line);
    json_decref(object);
    return ok;
}
