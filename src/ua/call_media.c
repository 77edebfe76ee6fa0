/* A call's sound: options, opening it, what it tells. */
#include "ua/call.h"

#include "rtp/dtmf.h"
#include "sdp/format.h"

#include <stdio.h>

enum { NO_RTP_S = 10 };

static bool keep_digits(const char *digits, char dst[UA_DTMF_BYTES])
{
    if (!view_copy(view_str(digits), dst, UA_DTMF_BYTES))
        return false;
    for (const char *c = dst; *c; c++)
        if (*c != ',' && dtmf_code(*c) < 0)
            return false;
    return true;
}

/* Where it rings and with what: as asked for, else where the machine's sound is. */
static bool parse_ring(const struct ahoy_media_config *cfg, struct ua_media *m)
{
    bool machine = m->device.kind == AUDIO_PULSE || m->device.kind == AUDIO_ALSA;
    struct audio_spec *d = &m->ring.device;
    m->rings = cfg->ring ? !view_eq(view_str(cfg->ring), VIEW("off")) : machine && !cfg->echo;
    if (cfg->ring && m->rings && audio_spec_parse(view_str(cfg->ring), d))
        return false;
    if (!cfg->ring && m->rings)
        *d = m->device;
    if (d->out[0] && d->kind == AUDIO_PULSE) /* its microphone is not wanted */
        (void) view_copy(view_str(d->out), d->dev, sizeof d->dev);
    return view_copy(view_str(cfg->ring_sound), m->ring.sound, sizeof m->ring.sound);
}

enum ahoy_err ua_media_parse(const struct ahoy_media_config *cfg, struct ua_media *out, const char **why)
{
    struct ua_media m = { .ptime_ms = cfg->ptime_ms, .sound = cfg->echo ? MEDIA_SOUND_ECHO : MEDIA_SOUND_DEVICE };
    enum ahoy_err err = media_codecs_parse(view_str(cfg->codecs), &m.codecs);
    if (err) {
        *why = "unknown codec; there are opus, g722, pcmu, pcma, l16, l16/8000, l16/16000, l16/32000, l16/48000";
        return AHOY_ERR_INVAL;
    }
    if (cfg->ptime_ms != 0 && (cfg->ptime_ms < 10 || cfg->ptime_ms > 60 || cfg->ptime_ms % 10 != 0)) {
        *why = "the packet time must be 10, 20, 30, 40, 50 or 60 ms";
        return AHOY_ERR_INVAL;
    }
    if (audio_spec_parse(cfg->audio ? view_str(cfg->audio) : VIEW("pulse"), &m.device)) {
        *why = "the sound must be null, tone:HZ (20 to 20000), file:IN.wav[,OUT.wav], pulse[:DEV] or alsa:DEV";
        return AHOY_ERR_INVAL;
    }
    if (!ua_tones_parse(cfg->tones, &m.device, cfg->echo, &m)) {
        *why = "the tones must be off, auto, auto:COUNTRY or a country that is known, such as de, fr, uk, us";
        return AHOY_ERR_INVAL;
    }
    m.ring.tone = TONE_RINGBACK;
    if (!parse_ring(cfg, &m)) {
        *why = "the ring must be off, pulse[:DEV], alsa[:DEV] or file:,OUT.wav, its sound a country or a file";
        return AHOY_ERR_INVAL;
    }
    if (cfg->impair && impair_parse(view_str(cfg->impair), &m.impair)) {
        *why =
            "the impairment must look like loss=5,burst=3,jitter=40,pareto=10,spike=300,every=5,dup=1,reorder=1,rate=64k,seed=7";
        return AHOY_ERR_INVAL;
    }
    m.processing = MIC_AUTO;
    if (cfg->processing && mic_steps_parse(view_str(cfg->processing), &m.processing)) {
        *why = "the processing must be auto, off, or some of hpf,aec,ns,agc, or rnn for ns";
        return AHOY_ERR_INVAL;
    }
    if (!mic_steps_possible(m.processing)) {
        *why = "the processing rnn needs RNNoise's library (librnnoise.so.0), which is not installed; ns needs none";
        return AHOY_ERR_UNSUPPORTED;
    }
    if (!keep_digits(cfg->dtmf, m.dtmf)) {
        *why = "the digits must be at most 100 of 0-9 * # A-D and ',' for a pause";
        return AHOY_ERR_INVAL;
    }
    m.no_rtp_ms = 1000 * (cfg->no_rtp_s > 0 ? cfg->no_rtp_s : NO_RTP_S);
    *out = m;
    return AHOY_OK;
}

enum ahoy_err ua_check_media(const struct ahoy_media_config *cfg)
{
    struct ua_media m;
    const char *why;
    return ua_media_parse(cfg, &m, &why);
}

void ua_call_ring(struct ua_call *c)
{
    if (c->ringer || ua_call_waiting(c) || !c->config.rings)
        return;
    if (media_ringer_start(&c->ringer, c->ua->media, &c->config.ring))
        log_write(c->ua->config.log, LOG_WARN, "ua", "it rings in silence: out of memory");
}

void ua_call_ring_no_more(struct ua_call *c)
{
    media_ringer_stop(c->ringer);
    c->ringer = NULL;
}

bool ua_call_why_silent(const struct ua_call *c, const struct media_stats *m, struct buf *out)
{
    char remote[ADDR_TEXT_BYTES];
    if (m->strange_pt >= 0) {
        const struct sdp_static_type *type = sdp_static_type((unsigned) m->strange_pt);
        buf_printf(
            out,
            "the other side sends sound of a kind that was not agreed on (%s%sRTP payload type %d), which cannot "
            "be heard; another codec may help, see --codec",
            type ? type->name : "", type ? ", " : "", m->strange_pt);
    } else if (m->remote_refuses) {
        buf_printf(out,
                   "nobody listens at %s, where the other side wants its sound sent, and none comes from it; its "
                   "phone may have to be restarted, or a NAT on the way changes ports",
                   addr_print(&c->info.remote, remote));
    } else if (m->remote_reports) {
        buf_str(out, "the other side's reports come, but no sound: it may be muted there, or have no microphone");
    }
    return out->n > 0;
}

static const char *trouble_text(const struct ua_call *c, struct buf *why)
{
    if (c->heard)
        return "nothing comes from the other side any more; its phone, or the way to it, may be gone";
    return ua_call_why_silent(c, media_session_stats(c->media), why)
               ? buf_cstr(why)
               : "no sound comes from the other side; a firewall or NAT may keep it out";
}

static void emit_media(struct ua_call *c, const char *news)
{
    char local[ADDR_TEXT_BYTES] = "", remote[ADDR_TEXT_BYTES] = "", codec[32] = "";
    struct ahoy_event e = { .type = AHOY_EVENT_CALL_MEDIA };
    struct buf why;
    buf_init(&why, UA_TEXT_BYTES);
    if (c->info.codec)
        snprintf(codec, sizeof codec, "%s/%u", c->info.codec->name, (unsigned) c->info.codec->rate_hz);
    e.media.id = c->id;
    e.media.running = c->info.running;
    e.media.sending = c->info.sending;
    e.media.receiving = c->info.receiving;
    e.media.held_by_peer = c->held_by_peer;
    e.media.muted = c->muted;
    e.media.codec = codec;
    e.media.local = c->info.local.family ? addr_print(&c->info.local, local) : local;
    e.media.remote = c->info.remote.family ? addr_print(&c->info.remote, remote) : remote;
    e.media.trouble = c->rtp_trouble ? c->rtp_trouble : c->device_trouble;
    e.media.text = c->rtp_trouble ? trouble_text(c, &why) : c->device_trouble ? c->device_text : news;
    ua_emit(c->ua, &e);
    buf_fini(&why);
}

void ua_call_emit_media(struct ua_call *c)
{
    emit_media(c, "");
}

static void on_ready(void *arg, enum ahoy_err err, const char *why)
{
    struct ua_call *c = arg;
    if (err) {
        log_write(c->ua->config.log, LOG_ERROR, "media", "%s", why);
        if (c->inv)
            sip_invite_hangup(c->inv, &(struct sip_invite_reason){ .protocol = VIEW("SIP"), .cause = 500 });
        ua_call_finish(c, 0, err, false, view_str(why));
        return;
    }
    c->media_ready = true;
    ua_call_media_ready(c);
}

static void on_info(void *arg, const struct media_info *info)
{
    struct ua_call *c = arg;
    c->info = *info;
    c->held_by_peer = info->held_by_peer;
    if (!info->receiving || info->held_by_peer)
        c->rtp_trouble = AHOY_CAUSE_NONE; /* silence is what was agreed */
    ua_call_emit_media(c);
}

static void on_dtmf(void *arg, char digit, unsigned duration_ms)
{
    struct ua_call *c = arg;
    struct ahoy_event e = { .type = AHOY_EVENT_CALL_DTMF };
    e.dtmf.id = c->id;
    e.dtmf.digit = digit;
    e.dtmf.duration_ms = duration_ms;
    ua_emit(c->ua, &e);
}

static void on_rtp(void *arg, enum media_rtp news)
{
    struct ua_call *c = arg;
    const struct media_stats *m = media_session_stats(c->media);
    bool one_way = m->remote_hears || m->rtp_in > 0;
    c->heard = m->rtp_in > 0;
    if (news == MEDIA_RTP_SILENT)
        c->rtp_trouble = one_way ? AHOY_CAUSE_ONE_WAY : AHOY_CAUSE_NO_RTP;
    else if (c->rtp_trouble)
        c->rtp_trouble = AHOY_CAUSE_NONE;
    else
        return; /* the first packet: `info` has told that sound runs */
    emit_media(c, "sound comes again");
}

static void on_stats(void *arg, const struct media_stats *stats)
{
    struct ua_call *c = arg;
    struct ahoy_event e = { .type = AHOY_EVENT_CALL_STATS };
    e.stats.id = c->id;
    ua_call_fill_stats(c, stats, &e.stats.stats);
    ua_emit(c->ua, &e);
    ua_report_watch(c, stats);
}

static void on_sound(void *arg, enum ahoy_err err, const char *why)
{
    struct ua_call *c = arg;
    c->device_trouble = err ? AHOY_CAUSE_DEVICE : AHOY_CAUSE_NONE;
    (void) view_copy(view_str(why), c->device_text, sizeof c->device_text);
    emit_media(c, why);
}

static void emit_file(struct ua_call *c, bool recording, enum ahoy_err err, const char *text)
{
    struct ahoy_event e = { .type = AHOY_EVENT_FILE };
    e.file.call = c->id;
    e.file.recording = recording;
    e.file.err = err;
    e.file.text = text;
    ua_emit(c->ua, &e);
}

static void on_played(void *arg)
{
    emit_file(arg, false, AHOY_OK, "the file has been played to its end");
}

static void on_muted_speech(void *arg)
{
    struct ua_call *c = arg;
    struct ahoy_event e = { .type = AHOY_EVENT_MUTED_SPEECH };
    e.muted_speech.id = c->id;
    ua_emit(c->ua, &e);
}

static void on_recorded(void *arg, enum ahoy_err err, const char *why)
{
    emit_file(arg, true, err, why);
}

static void on_devices(void *arg)
{
    struct ua_call *c = arg;
    struct ahoy_event e = { .type = AHOY_EVENT_DEVICES };
    ua_emit(c->ua, &e);
}

static void on_closed(void *arg, const struct media_stats *stats)
{
    ua_call_media_closed(arg, stats);
}

enum ahoy_err ua_call_open_media(struct ua_call *c, const struct addr *local)
{
    struct media_handler handler = { .ready = on_ready,
                                     .info = on_info,
                                     .dtmf = on_dtmf,
                                     .rtp = on_rtp,
                                     .stats = on_stats,
                                     .sound = on_sound,
                                     .played = on_played,
                                     .recorded = on_recorded,
                                     .muted_speech = on_muted_speech,
                                     .devices = on_devices,
                                     .closed = on_closed,
                                     .arg = c };
    struct media_session_config cfg = { .local = *local,
                                        .codecs = c->config.codecs,
                                        .ptime_ms = c->config.ptime_ms,
                                        .sound = c->config.sound,
                                        .device = c->config.device,
                                        .impair = c->config.impair,
                                        .processing = c->config.processing,
                                        .no_rtp_ms = c->config.no_rtp_ms };
    return media_session_open(&c->media, c->ua->media, &cfg, &handler);
}
