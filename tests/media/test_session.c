/* Two media sessions against each other, without any SIP: exchanges, refusals, rollback, the life of endpoints. */
#include "base/mem.h"
#include "media/media.h"
#include "support/mem_fail.h"
#include "support/t.h"
#include "support/temp.h"
#include "sys/sim.h"

struct end {
    struct media_engine *engine;
    struct media_session *s;
    struct sys_loop *loop;
    bool ready, closed;
    enum ahoy_err err;
    unsigned infos, endpoint_closes, recorded;
    struct media_info info;
    struct media_stats stats;
};

struct pair {
    struct sim *sim;
    struct end e[2];
};

static void on_ready(void *arg, enum ahoy_err err, const char *why)
{
    struct end *e = arg;
    (void) why;
    e->ready = true;
    e->err = err;
}

static void on_info(void *arg, const struct media_info *info)
{
    struct end *e = arg;
    e->info = *info;
    e->infos++;
}

static void on_recorded(void *arg, enum ahoy_err err, const char *why)
{
    struct end *e = arg;
    (void) why;
    e->recorded += err == AHOY_OK;
}

static void on_closed(void *arg, const struct media_stats *stats)
{
    struct end *e = arg;
    e->closed = true;
    e->stats = *stats;
}

static void say(void *arg, int16_t *pcm, size_t n)
{
    (void) arg;
    for (size_t i = 0; i < n; i++)
        pcm[i] = i % 16 < 8 ? 5000 : -5000;
}

static void endpoint_closed(void *arg)
{
    ((struct end *) arg)->endpoint_closes++;
}

static enum ahoy_err end_open(struct pair *p, struct end *e, const char *ip, const char *codecs, uint16_t low,
                              uint16_t high)
{
    struct sys_host *host;
    struct media_session_config cfg = { .sound = MEDIA_SOUND_ENDPOINT };
    struct media_handler handler = {
        .ready = on_ready, .info = on_info, .recorded = on_recorded, .closed = on_closed, .arg = e
    };
    enum ahoy_err err = sim_host(p->sim, ip, &host);
    if (!err)
        err = sys_loop_create(host, &e->loop);
    struct media_engine_config engine = { .loop = e->loop, .port_low = low, .port_high = high };
    if (!err)
        err = media_engine_create(&e->engine, &engine);
    if (!err)
        err = addr_parse_ip(view_str(ip), &cfg.local);
    if (!err)
        err = media_codecs_parse(view_str(codecs), &cfg.codecs);
    cfg.endpoint = (struct media_endpoint){ .rate_hz = 8000, .read = say, .close = endpoint_closed, .arg = e };
    if (!err)
        err = media_session_open(&e->s, e->engine, &cfg, &handler);
    if (!err)
        sim_run(p->sim, SYS_MS(5));
    return err;
}

static enum ahoy_err pair_open(struct pair *p, const char *codecs_a, const char *codecs_b)
{
    *p = (struct pair){ .sim = NULL };
    enum ahoy_err err = sim_create(&p->sim, 3);
    if (!err)
        err = end_open(p, &p->e[0], "192.0.2.1", codecs_a, 0, 0);
    return err ? err : end_open(p, &p->e[1], "192.0.2.2", codecs_b, 0, 0);
}

static void pair_close(struct t *t, struct pair *p)
{
    for (int i = 0; i < 2; i++) {
        struct end *e = &p->e[i];
        if (e->s)
            media_session_close(e->s);
        if (p->sim)
            sim_run(p->sim, SYS_S(1));
        T_ALWAYS(!e->s || e->closed);
        T_ALWAYS(!e->s || e->endpoint_closes == 1); /* also when no sound ever ran */
    }
out:
    for (int i = 0; i < 2; i++) {
        media_engine_destroy(p->e[i].engine);
        if (p->e[i].loop)
            sys_loop_destroy(p->e[i].loop);
    }
    sim_destroy(p->sim);
}

/* a offers, b answers, a applies. */
static enum ahoy_err exchange(struct end *a, struct end *b)
{
    struct buf offer, answer;
    struct sdp_error why;
    buf_init(&offer, 8192);
    buf_init(&answer, 8192);
    enum ahoy_err err = media_session_offer(a->s, &offer);
    if (!err)
        err = media_session_answer(b->s, buf_content(&offer), &answer, &why);
    if (!err)
        err = media_session_apply(a->s, buf_content(&answer), true, &why);
    if (err)
        media_session_rollback(a->s);
    buf_fini(&offer);
    buf_fini(&answer);
    return err;
}

static const char *codec_name(const struct end *e)
{
    return e->info.codec ? e->info.codec->name : "";
}

static void test_sound_runs_both_ways_after_an_exchange(struct t *t)
{
    struct pair p;
    T_OK(pair_open(&p, "pcmu,pcma", "pcma"));
    T_CHECK(p.e[0].ready && !p.e[0].err);
    T_EQ(p.e[0].endpoint_closes, 0);
    T_OK(exchange(&p.e[0], &p.e[1]));
    sim_run(p.sim, SYS_S(2));
    for (int i = 0; i < 2; i++) {
        T_CHECK(p.e[i].info.running && p.e[i].info.sending && p.e[i].info.receiving);
        T_STR(codec_name(&p.e[i]), "PCMA");
        T_NEAR(media_session_stats(p.e[i].s)->rtp_in, 50, 12);
        T_LE(-25, media_session_stats(p.e[i].s)->level_in_dbfs);
    }
out:
    pair_close(t, &p);
}

static void test_what_cannot_be_agreed_changes_nothing(struct t *t)
{
    struct pair p;
    struct media_codecs list;
    T_OK(pair_open(&p, "pcmu,pcma", "pcmu,pcma"));
    T_OK(exchange(&p.e[0], &p.e[1]));
    T_OK(media_codecs_parse(VIEW("g722"), &list));
    media_session_set_codecs(p.e[0].s, &list);
    T_ERR(exchange(&p.e[0], &p.e[1]), AHOY_ERR_UNSUPPORTED);
    T_CHECK(!media_session_offering(p.e[0].s));
    sim_run(p.sim, SYS_S(1));
    T_STR(codec_name(&p.e[0]), "PCMU");
    T_OK(media_codecs_parse(VIEW("pcma"), &list));
    media_session_set_codecs(p.e[0].s, &list);
    T_OK(exchange(&p.e[0], &p.e[1])); /* the number of each codec still means that codec */
    sim_run(p.sim, SYS_S(1));
    T_STR(codec_name(&p.e[0]), "PCMA");
    T_STR(codec_name(&p.e[1]), "PCMA");
out:
    pair_close(t, &p);
}

static void test_an_early_answer_that_comes_to_nothing_is_undone(struct t *t)
{
    struct pair p;
    struct buf offer, answer;
    struct sdp_error why;
    buf_init(&offer, 8192);
    buf_init(&answer, 8192);
    T_OK(pair_open(&p, "pcmu", "pcmu"));
    T_OK(media_session_offer(p.e[0].s, &offer));
    T_OK(media_session_answer(p.e[1].s, buf_content(&offer), &answer, &why));
    T_OK(media_session_apply(p.e[0].s, buf_content(&answer), false, &why));
    T_CHECK(media_session_offering(p.e[0].s));
    sim_run(p.sim, SYS_MS(500));
    T_CHECK(p.e[0].info.running);
    media_session_rollback(p.e[0].s);
    media_session_rollback(p.e[0].s); /* nothing under way: nothing happens */
    sim_run(p.sim, SYS_MS(100));
    T_CHECK(!p.e[0].info.running);
    T_CHECK(!media_session_active(p.e[0].s));
out:
    buf_fini(&offer);
    buf_fini(&answer);
    pair_close(t, &p);
}

static void test_offers_that_cross_are_glare(struct t *t)
{
    struct pair p;
    struct buf a, b, answer;
    struct sdp_error why;
    buf_init(&a, 8192);
    buf_init(&b, 8192);
    buf_init(&answer, 8192);
    T_OK(pair_open(&p, "pcmu", "pcmu"));
    T_OK(media_session_offer(p.e[0].s, &a));
    T_OK(media_session_offer(p.e[1].s, &b));
    T_ERR(media_session_answer(p.e[0].s, buf_content(&b), &answer, &why), AHOY_ERR_STATE);
    T_EQ(answer.n, 0);
    T_ERR(media_session_offer(p.e[0].s, &answer), AHOY_ERR_STATE);
    T_CHECK(media_session_offering(p.e[0].s));
    media_session_rollback(p.e[1].s);
    T_OK(media_session_answer(p.e[1].s, buf_content(&a), &answer, &why));
    T_OK(media_session_apply(p.e[0].s, buf_content(&answer), true, &why));
out:
    buf_fini(&a);
    buf_fini(&b);
    buf_fini(&answer);
    pair_close(t, &p);
}

static void test_ports_come_from_the_range_or_not_at_all(struct t *t)
{
    struct pair p = { .sim = NULL };
    struct media_session *second = NULL;
    struct end other = { .engine = NULL };
    T_OK(sim_create(&p.sim, 3));
    T_OK(end_open(&p, &p.e[0], "192.0.2.1", "pcmu", 4000, 4001));
    T_CHECK(p.e[0].ready && !p.e[0].err);
    struct media_session_config cfg = { .sound = MEDIA_SOUND_ECHO, .ptime_ms = 20 };
    struct media_handler handler = { .ready = on_ready, .closed = on_closed, .arg = &other };
    T_OK(addr_parse_ip(VIEW("192.0.2.1"), &cfg.local));
    T_OK(media_codecs_parse(VIEW("pcmu"), &cfg.codecs));
    T_OK(media_session_open(&second, p.e[0].engine, &cfg, &handler));
    sim_run(p.sim, SYS_MS(5));
    T_CHECK(other.ready);
    T_ERR(other.err, AHOY_ERR_ADDR_IN_USE);
out:
    if (second) {
        media_session_close(second);
        sim_run(p.sim, SYS_MS(5));
    }
    pair_close(t, &p);
}

static void test_a_session_closed_at_once_says_closed_alone(struct t *t)
{
    struct pair p = { .sim = NULL };
    struct end e = { .engine = NULL };
    struct sys_host *host;
    T_OK(sim_create(&p.sim, 3));
    T_OK(sim_host(p.sim, "192.0.2.1", &host));
    T_OK(sys_loop_create(host, &p.e[0].loop));
    T_OK(media_engine_create(&p.e[0].engine, &(struct media_engine_config){ .loop = p.e[0].loop }));
    struct media_session_config cfg = { .sound = MEDIA_SOUND_ECHO };
    struct media_handler handler = { .ready = on_ready, .closed = on_closed, .arg = &e };
    T_OK(addr_parse_ip(VIEW("192.0.2.1"), &cfg.local));
    T_OK(media_codecs_parse(VIEW("pcmu"), &cfg.codecs));
    T_OK(media_session_open(&e.s, p.e[0].engine, &cfg, &handler));
    media_session_set_mute(e.s, true);
    media_session_close(e.s);
    sim_run(p.sim, SYS_MS(5));
    T_ALWAYS(e.closed);
    T_ALWAYS(!e.ready);
    cfg.ptime_ms = 15;
    T_ERR(media_session_open(&e.s, p.e[0].engine, &cfg, &handler), AHOY_ERR_INVAL);
out:
    pair_close(t, &p);
}

static void test_an_idle_engine_wakes_nobody(struct t *t)
{
    struct pair p;
    T_OK(pair_open(&p, "pcmu", "pcmu"));
    T_CHECK(sim_run_idle(p.sim, SYS_S(1))); /* sessions are open, nothing is agreed: nothing is left to happen */
out:
    pair_close(t, &p);
}

/* Somebody waits for the word that a recording is complete: no lack of memory may keep it back. */
static void test_the_end_of_a_recording_is_always_told(struct t *t)
{
    struct pair p;
    char path[TEMP_PATH_BYTES];
    T_OK(pair_open(&p, "pcmu", "pcmu"));
    T_OK(exchange(&p.e[0], &p.e[1]));
    T_CHECK(temp_file(path, sizeof path));
    for (unsigned nth = 1; nth <= 8; nth++) {
        const struct media_record how = { .path = path }, stop = { .path = NULL };
        T_OK(media_session_record(p.e[0].s, &how));
        sim_run(p.sim, SYS_MS(200));
        T_OK(media_session_record(p.e[0].s, &stop));
        mem_fail_arm(nth);
        sim_run(p.sim, SYS_MS(50));
        mem_fail_arm(0);
        T_EQ(p.e[0].recorded, nth);
    }
out:
    pair_close(t, &p);
}

T_MAIN(T_PLAIN(test_the_end_of_a_recording_is_always_told), T(test_sound_runs_both_ways_after_an_exchange),
       T(test_what_cannot_be_agreed_changes_nothing), T(test_an_early_answer_that_comes_to_nothing_is_undone),
       T(test_offers_that_cross_are_glare), T(test_ports_come_from_the_range_or_not_at_all),
       T(test_a_session_closed_at_once_says_closed_alone), T(test_an_idle_engine_wakes_nobody))
