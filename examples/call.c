/*
 * A call with the public API alone: example-call sip:bob@example.org [AUDIO [SECONDS]]
 *
 * An engine is a telephone on threads of its own. A command returns at once; what becomes of it comes as events.
 */
#include <ahoy/ahoy.h>

#include <stdio.h>
#include <stdlib.h>

/* Tells what happens; true when the call is over. */
static bool on_event(const struct ahoy_event *e, int *status)
{
    switch (e->type) {
    case AHOY_EVENT_CALL_STATE:
        printf("%s %s\n", ahoy_call_state_name(e->call.state), e->call.peer_uri);
        if (e->call.state != AHOY_CALL_ENDED)
            return false;
        printf("%.1f s, %s, %llu packets in, %llu out\n", e->call.stats.duration_ms / 1000.0, e->call.stats.codec,
               (unsigned long long) e->call.stats.rtp_in, (unsigned long long) e->call.stats.rtp_out);
        if (e->call.cause != AHOY_CAUSE_NONE)
            fprintf(stderr, "%s\n", e->call.text);
        *status = ahoy_cause_exit_status(e->call.cause);
        return true;
    case AHOY_EVENT_CALL_MEDIA:
        printf("sound: %s to %s %s\n", e->media.codec, e->media.remote, e->media.text);
        return false;
    case AHOY_EVENT_CALL_DTMF: printf("they pressed %c\n", e->dtmf.digit); return false;
    default: return false;
    }
}

int main(int argc, char **argv)
{
    struct ahoy_engine_config engine_cfg = AHOY_ENGINE_CONFIG_DEFAULT;
    struct ahoy_call_config call_cfg = { .uri = argc > 1 ? argv[1] : NULL, .max_s = 10 };
    struct ahoy_engine *engine = NULL;
    ahoy_call_id call;
    char why[256];
    int status = 2;
    if (argc < 2) {
        fprintf(stderr, "usage: %s sip:bob@example.org [AUDIO [SECONDS]]\n", argv[0]);
        return status;
    }
    if (argc > 2)
        call_cfg.media.audio = argv[2];
    if (argc > 3)
        call_cfg.max_s = (uint32_t) strtoul(argv[3], NULL, 10);
    if (ahoy_engine_create(&engine, &engine_cfg, why, sizeof why) != AHOY_OK) {
        fprintf(stderr, "%s\n", why);
        return 14;
    }
    enum ahoy_err err = ahoy_call_place(engine, &call_cfg, &call);
    if (err != AHOY_OK)
        fprintf(stderr, "%s: %s\n", argv[1], ahoy_err_text(err));
    for (bool over = err != AHOY_OK; !over;) {
        struct ahoy_event *e = ahoy_engine_wait(engine, -1);
        over = e && on_event(e, &status);
        ahoy_event_free(e);
    }
    ahoy_engine_destroy(engine, 1000);
    return status;
}
