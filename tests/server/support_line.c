#include "server/support_line.h"
#include "support/temp.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* The digest of carol:ahoy:third. */
static const char *const users[] = {
    "alice:secret",
    "bob:hidden",
    "carol:{HA1-SHA-256}4de8cda0d3a1d3220c434a17f528986028cce1f63335c973a844fad55d305dcc",
};

enum ahoy_err line_open(struct line *l, const struct ahoy_exchange_config *cfg, size_t phones)
{
    struct ahoy_exchange_config usual = { .users = users, .user_count = AHOY_COUNT(users) };
    struct ahoy_listen_config quiet = { .media = { .audio = "null" } };
    *l = (struct line){ .phones = phones };
    if (!temp_make(l->dir, sizeof l->dir))
        return AHOY_ERR_IO;
    snprintf(l->said, sizeof l->said, "%s/said.wav", l->dir);
    if (!world_write_said(l->said, LINE_SAID_S, 7))
        return AHOY_ERR_IO;
    enum ahoy_err err = exch_open(&l->w, cfg ? cfg : &usual);
    for (size_t i = 0; !err && i < phones; i++) {
        char ip[32], bind[40];
        snprintf(ip, sizeof ip, "192.0.2.%zu", 101 + i);
        snprintf(bind, sizeof bind, "%s:5060", ip);
        snprintf(l->heard[i], sizeof l->heard[i], "%s/%zu.wav", l->dir, i);
        snprintf(l->sound[i], sizeof l->sound[i], "file:%s,%s", l->said, l->heard[i]);
        if (!(err = sim_host(l->w.sim, ip, &l->host[i])))
            err = phone_open(&l->phone[i], l->w.sim, l->host[i], bind);
        if (!err)
            err = ahoy_listen(l->phone[i].engine, &quiet);
    }
    return err;
}

void line_close(struct line *l)
{
    for (size_t i = 0; i < l->phones; i++) {
        phone_close(&l->phone[i]);
    }
    exch_close(&l->w);
    temp_remove(l->dir);
}

enum ahoy_err line_account(struct line *l, size_t phone, const char *user, const char *password,
                           enum ahoy_transport transport)
{
    char uri[64];
    snprintf(uri, sizeof uri, "sip:%s@192.0.2.9", user);
    struct ahoy_account_config cfg = { .uri = uri, .password = password, .transport = transport };
    return ahoy_account_add(l->phone[phone].engine, &cfg, NULL);
}

bool line_run(struct line *l, size_t a, size_t b, bool (*done)(struct phone *a, struct phone *b), int limit_ms)
{
    return phone_run(&l->phone[a], b == a ? NULL : &l->phone[b], done, limit_ms);
}

bool line_register(struct line *l, size_t phone, const char *user, const char *password, enum ahoy_transport transport)
{
    return line_account(l, phone, user, password, transport) == AHOY_OK
           && line_run(l, phone, phone, phone_registered, 10000);
}

enum ahoy_err line_answering(struct line *l, size_t phone)
{
    struct ahoy_listen_config cfg = { .auto_answer = true, .media = { .audio = l->sound[phone] } };
    return ahoy_listen(l->phone[phone].engine, &cfg);
}

enum ahoy_err line_call(struct line *l, size_t phone, const char *uri, uint32_t max_s)
{
    struct ahoy_call_config cfg = { .uri = uri, .media = { .audio = l->sound[phone] }, .max_s = max_s };
    return ahoy_call_place(l->phone[phone].engine, &cfg, NULL);
}

int line_likeness(struct line *l, size_t phone)
{
    struct ahoy_sound_score s;
    return ahoy_sound_compare(l->said, l->heard[phone], &s) ? -1000 : (int) (100 * s.correlation);
}

int line_level(struct line *l, size_t phone)
{
    struct ahoy_sound_score s;
    return ahoy_sound_compare(l->said, l->heard[phone], &s) ? -1000 : (int) s.level_dbfs;
}
