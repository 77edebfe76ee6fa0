/* A call's figures, as the public interface has them. */
#include "ua/call.h"

static void fill_sound(const struct media_stats *m, struct ahoy_call_stats *out)
{
    const struct audio_codec *codec = m->rx_codec ? m->rx_codec : m->tx_codec;
    if (codec) {
        (void) view_copy(view_str(codec->name), out->codec, sizeof out->codec);
        out->rate_hz = codec->rate_hz;
    }
    if (m->tx_codec)
        (void) view_copy(view_str(m->tx_codec->name), out->send_codec, sizeof out->send_codec);
    out->rtp_in = m->rtp_in;
    out->rtp_out = m->rtp_out;
    out->bytes_in = m->bytes_in;
    out->bytes_out = m->bytes_out;
    out->expected = m->expected;
    out->lost = m->lost;
    out->late = m->late;
    out->duplicate = m->duplicate;
    out->reordered = m->reordered;
    out->recovered_fec = m->recovered_fec;
    out->recovered_red = m->recovered_red;
    out->recovered_dred = m->recovered_dred;
    out->concealed_ms = m->concealed_ms;
    out->gone_ms = m->gone_ms;
    out->loss = m->loss;
    out->burst = m->burst;
    out->level_in_dbfs = m->level_in_dbfs;
    out->level_out_dbfs = m->level_out_dbfs;
    out->loudest_out_dbfs = m->loudest_out_dbfs;
    out->mos = m->mos;
    out->mos_lq = m->mos_lq;
    out->mos_now = m->mos_now;
    out->r_factor = m->r;
    (void) view_copy(view_str(m->model), out->model, sizeof out->model);
}

static void fill_delays(const struct media_stats *m, struct ahoy_call_stats *out)
{
    out->jitter_ms = m->jitter_ms;
    out->rtt_ms = m->rtt_ms;
    out->buffer_ms = m->buffer_ms;
    out->buffer_target_ms = m->buffer_target_ms;
    out->device_in_ms = m->device_in_ms;
    out->device_out_ms = m->device_out_ms;
    out->no_microphone_ms = m->no_microphone_ms;
    out->no_speaker_ms = m->no_speaker_ms;
    out->dropouts = m->dropouts;
    out->clock_known = m->clock_known;
    out->clock_in_ppm = m->clock_in_ppm;
    out->clock_out_ppm = m->clock_out_ppm;
    out->end_system_ms = m->end_system_ms;
    out->delay_ms = m->delay_ms;
}

static void fill_mic(const struct media_stats *m, struct ahoy_call_stats *out)
{
    out->mic_known = m->mic_known;
    out->mic_speech = m->mic_speech;
    out->mic_noise_dbfs = m->mic_noise_dbfs;
    out->mic_gain_db = m->mic_gain_db;
    out->echo = m->echo;
    out->erle_db = m->erle_db;
    out->echo_delay_ms = m->echo_delay_ms;
    out->echo_drift_ppm = m->echo_drift_ppm;
}

static void fill_remote(const struct media_stats *m, struct ahoy_call_stats *out)
{
    out->cpu = m->cpu;
    out->saving = m->saving;
    out->send_stopped = m->send_stopped;
    out->remote_deaf = m->remote_deaf && !m->remote_hears;
    out->remote_lost_fraction = m->remote_lost_fraction;
    out->remote_jitter_ms = m->remote_jitter_ms;
    out->remote_burst = m->remote_burst;
    out->remote_loss = m->remote_loss;
    out->remote_discarded = m->remote_discard;
    out->remote_buffer_ms = m->remote_buffer_ms;
    out->remote_end_system_ms = m->remote_end_system_ms;
    out->remote_delay_ms = m->remote_delay_ms;
    out->remote_mos = m->remote_mos;
    out->remote_mos_lq = m->remote_mos_lq;
    out->remote_r_factor = m->remote_r;
    out->remote_estimated = m->remote_mos >= 0 && !m->remote_told;
}

void ua_call_fill_stats(const struct ua_call *c, const struct media_stats *m, struct ahoy_call_stats *out)
{
    struct media_stats none;
    int64_t now = c->ended_us > 0 ? c->ended_us : sys_now_us(c->ua->loop);
    *out = (struct ahoy_call_stats){ 0 };
    if (c->answered_us > 0) {
        out->duration_ms = (uint32_t) ((now - c->answered_us) / 1000);
        out->setup_ms = (uint32_t) ((c->answered_us - c->begun_us) / 1000);
    }
    if (!m) {
        media_stats_init(&none);
        m = &none;
    }
    fill_sound(m, out);
    fill_delays(m, out);
    fill_mic(m, out);
    fill_remote(m, out);
}
