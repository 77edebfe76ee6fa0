#include "support_pair.h"

static void on_ready(void *arg, enum ahoy_err err, const char *why)
{
    (void) why;
    ((struct pair *) arg)->err = err;
}

static void ours_closed(void *arg, const struct media_stats *stats)
{
    struct pair *p = arg;
    p->closed_ours = true;
    p->stats = *stats;
}

static void theirs_closed(void *arg, const struct media_stats *stats)
{
    (void) stats;
    ((struct pair *) arg)->closed_theirs = true;
}

static void on_muted_speech(void *arg)
{
    ((struct pair *) arg)->hints++;
}

enum ahoy_err pair_agree(struct pair *p)
{
    struct buf offer, answer;
    struct sdp_error why;
    buf_init(&offer, 8192);
    buf_init(&answer, 8192);
    enum ahoy_err err = media_session_offer(p->ours, &offer);
    if (!err)
        err = media_session_answer(p->theirs, buf_content(&offer), &answer, &why);
    if (!err)
        err = media_session_apply(p->ours, buf_content(&answer), true, &why);
    if (err)
        media_session_rollback(p->ours);
    buf_fini(&offer);
    buf_fini(&answer);
    return err;
}

enum ahoy_err pair_engine(struct sim *sim, const char *ip, struct sys_loop **loop, struct media_engine **out)
{
    struct sys_host *host;
    enum ahoy_err err = sim_host(sim, ip, &host);
    if (!err)
        err = sys_loop_create(host, loop);
    struct media_engine_config engine = { .loop = *loop };
    return err ? err : media_engine_create(out, &engine);
}

enum ahoy_err pair_open(struct pair *p, const struct pair_config *cfg)
{
    struct media_session_config ours = { .sound = MEDIA_SOUND_DEVICE, .mem = cfg->mem };
    struct media_session_config theirs = { .sound = MEDIA_SOUND_ENDPOINT, .endpoint = cfg->endpoint };
    struct media_handler at_ours = {
        .ready = on_ready, .closed = ours_closed, .muted_speech = on_muted_speech, .arg = p
    };
    struct media_handler at_theirs = { .ready = on_ready, .closed = theirs_closed, .arg = p };
    ours.device.kind = AUDIO_MEM;
    enum ahoy_err err = media_codecs_parse(view_str(cfg->codec), &p->codecs);
    ours.codecs = theirs.codecs = p->codecs;
    if (!err)
        err = pair_engine(cfg->sim, cfg->ip, &p->loop, &p->engine);
    if (!err && !(err = addr_parse_ip(VIEW("192.0.2.1"), &ours.local)))
        err = addr_parse_ip(view_str(cfg->ip), &theirs.local);
    if (!err)
        err = media_session_open(&p->ours, cfg->engine, &ours, &at_ours);
    if (!err)
        err = media_session_open(&p->theirs, p->engine, &theirs, &at_theirs);
    if (err)
        return err;
    sim_run(cfg->sim, SYS_MS(5));
    return p->err ? p->err : pair_agree(p);
}

void pair_hang_up(struct pair *p)
{
    if (p->ours)
        media_session_close(p->ours);
    p->ours = NULL;
}

bool pair_end(struct pair *p, struct sim *sim)
{
    bool ours = p->ours || p->closed_ours;
    pair_hang_up(p);
    if (p->theirs)
        media_session_close(p->theirs);
    if (sim)
        sim_run(sim, SYS_S(1));
    return (!ours || p->closed_ours) && (!p->theirs || p->closed_theirs);
}

void pair_free(struct pair *p)
{
    media_engine_destroy(p->engine);
    if (p->loop)
        sys_loop_destroy(p->loop);
}
