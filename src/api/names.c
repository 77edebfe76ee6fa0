/* Names and numbers that scripts rely on: see docs/json.md. */
#include "ahoy/ahoy.h"

#include "audio/codec.h"
#include "audio/mic.h"
#include "base/base.h"
#include "base/mem.h"
#include "ua/cause.h"

const char *ahoy_version(void)
{
    return AHOY_VERSION;
}

struct ahoy_build ahoy_build(void)
{
    struct audio_opus_build opus = audio_opus_build();
    return (struct ahoy_build){
        .opus = opus.version, .opus_deep_plc = opus.deep_plc, .opus_dred = opus.dred, .mic = mic_chain()
    };
}

void ahoy_free(void *p)
{
    mem_free(p);
}

static const struct {
    const char *name;
    int exit_status;
} causes[] = {
    [AHOY_CAUSE_NONE] = { "none", 0 },
    [AHOY_CAUSE_DNS] = { "dns", 10 },
    [AHOY_CAUSE_NO_ANSWER_NET] = { "no-answer-from-server", 11 },
    [AHOY_CAUSE_TLS] = { "tls", 12 },
    [AHOY_CAUSE_AUTH] = { "not-authorised", 13 },
    [AHOY_CAUSE_LOCAL_SOCKET] = { "local-socket", 14 },
    [AHOY_CAUSE_DEVICE] = { "no-sound-device", 15 },
    [AHOY_CAUSE_CONFIG] = { "configuration", 16 },
    [AHOY_CAUSE_BUSY] = { "busy", 20 },
    [AHOY_CAUSE_DECLINED] = { "declined", 21 },
    [AHOY_CAUSE_NOT_FOUND] = { "not-found", 22 },
    [AHOY_CAUSE_NO_ANSWER] = { "no-answer", 23 },
    [AHOY_CAUSE_NOT_ACCEPTABLE] = { "not-acceptable", 24 },
    [AHOY_CAUSE_SIP] = { "sip-failure", 25 },
    [AHOY_CAUSE_NO_RTP] = { "no-rtp", 30 },
    [AHOY_CAUSE_ONE_WAY] = { "one-way-rtp", 31 },
};

const char *ahoy_cause_name(enum ahoy_cause cause)
{
    return (size_t) cause < AHOY_COUNT(causes) ? causes[cause].name : "unknown";
}

int ahoy_cause_exit_status(enum ahoy_cause cause)
{
    return (size_t) cause < AHOY_COUNT(causes) ? causes[cause].exit_status : 25;
}

enum ahoy_cause ahoy_cause_of_err(enum ahoy_err err)
{
    return cause_of(0, err);
}

const char *ahoy_call_state_name(enum ahoy_call_state state)
{
    static const char *const name[] = { "calling", "ringing", "early", "confirmed", "held", "ended" };
    return (size_t) state < AHOY_COUNT(name) ? name[state] : "unknown";
}

const char *ahoy_account_state_name(enum ahoy_account_state state)
{
    static const char *const name[] = { "offline", "registering", "registered", "failed", "leaving" };
    return (size_t) state < AHOY_COUNT(name) ? name[state] : "unknown";
}

const char *ahoy_event_name(enum ahoy_event_type type)
{
    static const char *const name[] = { "result",      "account.state", "call.state", "call.media",        "call.stats",
                                        "call.report", "call.dtmf",     "conference", "call.file",         "devices",
                                        "network",     "trace",         "doctor",     "call.muted_speech", "overflow" };
    return (size_t) type < AHOY_COUNT(name) ? name[type] : "unknown";
}
