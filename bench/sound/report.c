#include "sound/report.h"

static bool any(const struct outcome *o)
{
    return o->has[IDEAL_FEC];
}

const char *report_name(const struct report *r)
{
    switch (r->mode) {
    case REPORT_RECEIVER: return "receiver";
    case REPORT_CALL: return "call";
    case REPORT_SHORT: return "short";
    case REPORT_PHONE:
    case REPORT_PHONE_CALL: break;
    }
    return r->phone_name;
}

void report_head(const struct report *r, FILE *to)
{
    const struct run_config *c = &r->config;
    char ticks[48] = "asked as its sound runs out";
    if (c->tick_ms > 0 && r->mode == REPORT_RECEIVER)
        (void) snprintf(ticks, sizeof ticks, "ticks of %u ms", c->tick_ms);
    if (r->mode >= REPORT_PHONE)
        (void) snprintf(ticks, sizeof ticks, "%s",
                        r->mode == REPORT_PHONE ? "by PulseAudio" : "by PulseAudio, called by ahoy");
    fprintf(to, "%s, %s, %u ms, %u seed%s, %s", report_name(r), r->codec, c->ptime_ms, c->seeds,
            c->seeds == 1 ? "" : "s", ticks);
    if (c->codec->ops->recover && r->mode != REPORT_RECEIVER && r->mode != REPORT_PHONE)
        fprintf(to, ", libopus %s", audio_opus_build().version);
    else if (c->codec->ops->recover)
        fprintf(to, ", libopus %s, %u bit/s, told of %u %% loss", audio_opus_build().version, (unsigned) c->bitrate_bps,
                c->expect_percent);
    fprintf(to, "\n%-8s %21s  %13s  %21s  %13s  %9s %11s %6s %11s", "", "pq", "rigid pq", "estoi", "lsd dB",
            "concealed", "delay ms", "", "kbit/s");
    fprintf(to, "  %s\n", r->mode == REPORT_CALL ? "first piece" : r->mode == REPORT_RECEIVER ? "pq, ideal with" : "");
    fprintf(to, "%-8s %6s %6s %7s  %6s %6s  %6s %6s %7s  %6s %6s  %8s%% %5s %5s %6s %5s %5s ", "", "ours", "ideal",
            "ratio", "ours", "ideal", "ours", "ideal", "ratio", "ours", "ideal", "", "mean", "med.", "95 %", "sent",
            "wire");
    for (int i = IDEAL_RED1; i < IDEALS && r->mode == REPORT_RECEIVER; i++)
        fprintf(to, " %7s", ideal_names[i]);
    fprintf(to, "%s\n", r->mode == REPORT_CALL ? "      pq" : "");
}

static void pair(FILE *to, int decimals, double ours, double ideal, bool has)
{
    fprintf(to, " %6.*f", decimals, ours);
    if (has)
        fprintf(to, " %6.*f", decimals, ideal);
    else
        fprintf(to, " %6s", "-");
}

static void ratio(FILE *to, double ours, double ideal, bool has)
{
    if (has && ideal > 0)
        fprintf(to, " %7.3f ", ours / ideal);
    else
        fprintf(to, " %7s ", "-");
}

void report_row(const struct report_row *row, FILE *to)
{
    const struct outcome *o = &row->outcome;
    const struct figures *a = &o->ours, *b = &o->ideal[IDEAL_FEC];
    fprintf(to, "%-8s", row->condition->name);
    pair(to, 2, a->pq, b->pq, any(o));
    ratio(to, a->pq, b->pq, any(o));
    pair(to, 2, a->pq_rigid, b->pq_rigid, any(o));
    fprintf(to, " ");
    pair(to, 3, a->estoi, b->estoi, any(o));
    ratio(to, a->estoi, b->estoi, any(o));
    pair(to, 1, a->lsd_db, b->lsd_db, any(o));
    if (o->real_phone)
        fprintf(to, "  %9s", "-");
    else
        fprintf(to, "  %9.1f", a->concealed_ms / 10 / o->seconds);
    fprintf(to, " %5.0f %5.0f %6.0f %5.1f %5.1f ", a->delay_ms, a->delay_median_ms, a->delay_95_ms,
            o->payload_bps / 1000, o->wire_bps / 1000);
    if (o->has_first)
        fprintf(to, " %7.2f", o->first_pq);
    for (int i = IDEAL_RED1; i < IDEALS && !o->whole_call && !o->real_phone; i++)
        if (o->has[i])
            fprintf(to, " %7.2f", o->ideal[i].pq);
        else
            fprintf(to, " %7s", "-");
    fprintf(to, "\n");
    (void) fflush(to);
}

static void json_figures(FILE *to, const struct figures *f)
{
    fprintf(to, "{\"pq\":%.3f,\"pq_rigid\":%.3f,\"estoi\":%.4f,\"lsd_db\":%.2f,\"concealed_ms\":%.0f", f->pq,
            f->pq_rigid, f->estoi, f->lsd_db, f->concealed_ms);
}

static void json_row(FILE *to, const struct report_row *row)
{
    const struct outcome *o = &row->outcome;
    fprintf(to, "{\"name\":\"%s\",\"ours\":", row->condition->name);
    json_figures(to, &o->ours);
    fprintf(to,
            ",\"delay_ms\":%.1f,\"delay_median_ms\":%.1f,\"delay_95_ms\":%.1f,\"payload_bps\":%.0f,\"wire_bps\":%.0f",
            o->ours.delay_ms, o->ours.delay_median_ms, o->ours.delay_95_ms, o->payload_bps, o->wire_bps);
    fprintf(to, ",\"lost\":%.4f", o->lost);
    if (o->has_first)
        fprintf(to, ",\"first_pq\":%.3f", o->first_pq);
    if (o->whole_call)
        fprintf(to, "}");
    else
        fprintf(to, ",\"late\":%.4f}", o->late);
    for (int i = 0; i < IDEALS; i++) {
        if (!o->has[i])
            continue;
        fprintf(to, ",\"%s\":", i == IDEAL_FEC ? "ideal" : ideal_names[i]);
        json_figures(to, &o->ideal[i]);
        fprintf(to, "}");
    }
    if (any(o))
        fprintf(to, ",\"pq_ratio\":%.4f,\"estoi_ratio\":%.4f", o->ours.pq / o->ideal[IDEAL_FEC].pq,
                o->ours.estoi / o->ideal[IDEAL_FEC].estoi);
    fprintf(to, "}");
}

void report_json(const struct report *reports, size_t n, FILE *to)
{
    fprintf(to, "{\"bench\":\"sound\",\"opus\":\"%s\",\"tables\":[", audio_opus_build().version);
    for (size_t k = 0; k < n; k++) {
        const struct report *r = &reports[k];
        fprintf(to, "%s{\"mode\":\"%s\",\"codec\":\"%s\",\"seeds\":%u,\"first_seed\":%u,\"conditions\":[",
                k > 0 ? "," : "", report_name(r), r->codec, r->config.seeds, r->config.first_seed);
        for (size_t i = 0; i < r->n; i++) {
            fprintf(to, "%s", i > 0 ? "," : "");
            json_row(to, &r->row[i]);
        }
        fprintf(to, "]}");
    }
    fprintf(to, "]}\n");
}
