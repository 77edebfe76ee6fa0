/* What the files of ua/ share. Private to ua/. */
#ifndef AHOY_UA_IMPL_H
#define AHOY_UA_IMPL_H

#include "base/list.h"
#include "media/ringer.h"
#include "sip/invite.h"
#include "sip/register.h"
#include "sip/uas.h"
#include "ua/cause.h"
#include "ua/ua.h"

enum {
    UA_MAX_TRANSPORTS = 16,
    UA_URI_BYTES = 512,
    UA_TEXT_BYTES = 600,
    UA_SDP_BYTES = 16384,
    UA_DTMF_BYTES = 128,
    UA_MAX_CALLS = 4096,
};

/* What an ahoy_media_config comes to; owns its strings. */
struct ua_media {
    struct media_codecs codecs;
    unsigned ptime_ms;
    enum media_sound sound;
    struct audio_spec device;
    bool rings; /* an incoming call that waits is heard, on `ring` */
    struct media_ringer_config ring;
    bool has_tones; /* ring-back and the like are heard, on `tones` */
    struct media_ringer_config tones;
    struct impair_config impair;
    unsigned processing; /* of enum mic_step */
    char dtmf[UA_DTMF_BYTES];
    unsigned no_rtp_ms;
};

struct ua {
    struct ua_config config;
    struct sys_loop *loop;
    struct sip_ua *core;
    struct sip_stack *stack;
    struct sip_locator *locator;
    struct media_engine *media;
    struct sys_iface_watch *watch;
    struct sip_transport *transport[UA_MAX_TRANSPORTS];
    size_t transports;
    int64_t started_us;
    bool trace;

    struct list accounts;      /* struct ua_account */
    struct list retired;       /* accounts that are gone, for their credentials' sake */
    struct list calls;         /* struct ua_call */
    struct list conferences;   /* struct ua_conference */
    struct media_ringer *tone; /* of a call that came to nothing; NULL: none */
    struct sys_timer tone_timer;
    struct list pings;          /* struct ua_ping: OPTIONS on their way */
    struct list exams;          /* struct ua_exam: the doctor's */
    struct list reports;        /* struct ua_report: quality reports on their way */
    bool collector_refuses;     /* it knows no such reports */
    int64_t collector_after_us; /* it wants none before */
    size_t call_count;

    struct ahoy_listen_config listen; /* its media member is in listen_media, its strings are gone */
    struct ua_media listen_media;
    ahoy_call_id (*next_call)(void *arg);
    void *next_call_arg;

    bool leaving;
    struct sys_timer linger;
    void (*left)(void *arg);
    void *left_arg;
};

/* ---- accounts ---------------------------------------------------------------------------------------------------- */

struct ua_account {
    struct list_link link;
    struct ua *ua;
    ahoy_account_id id;
    char *name, *uri, *display, *user, *contact_user, *registrar; /* uri with scheme */
    char *proxy;                                                  /* a Route value, or NULL */
    enum ahoy_transport transport;
    bool no_register, has_password;
    bool removing;
    bool stopping, wanted; /* unregistering; and to be registered again after that */
    uint32_t expires_s;
    struct sip_auth *auth;
    struct sip_register *reg; /* NULL while not registering */
    enum ahoy_account_state state;
    enum ahoy_cause failure; /* FAILED: of the last failure */
    char failure_text[UA_TEXT_BYTES];
};

struct ua_account *ua_account_find(const struct ua *ua, ahoy_account_id id);

/** The account a call is placed by: the one named, or with id 0 the first, or NULL. */
struct ua_account *ua_account_for(const struct ua *ua, ahoy_account_id id);

/** The account an incoming request is for, by its Request-URI and To; or NULL. */
struct ua_account *ua_account_of_request(const struct ua *ua, struct sip_msg *request);

/** Routes for requests of an account: Service-Route, or its proxy. */
struct view ua_account_routes(const struct ua_account *a);

void ua_accounts_flow_lost(struct ua *ua, struct sip_flow *flow);
void ua_accounts_network_changed(struct ua *ua);
void ua_accounts_leave(struct ua *ua);
void ua_accounts_drop(struct ua *ua);         /* at once */
void ua_accounts_wipe_retired(struct ua *ua); /* after all legs */

/* ---- calls ------------------------------------------------------------------------------------------------------- */

/** INVAL with `why` saying which option is wrong. */
AHOY_MUST_USE enum ahoy_err ua_media_parse(const struct ahoy_media_config *cfg, struct ua_media *out, const char **why);

struct ua_call;
struct ua_conference;

void ua_call_incoming(void *arg, struct sip_invite *inv, struct sip_msg *request);
void ua_calls_hang_up_all(struct ua *ua);
void ua_calls_forget_account(struct ua *ua, const struct ua_account *a);
void ua_calls_drop(struct ua *ua); /* without a word to peers; sound is still closed in order */

/** The tone of a call that came to nothing ends; its timer is `ua_tones_over`. */
void ua_tones_stop(struct ua *ua);
void ua_tones_over(void *arg);

/* ---- conferences ------------------------------------------------------------------------------------------------- */

/** A call ends or is about to: it leaves its conference, if it is in one. */
void ua_conference_forget(struct ua_call *c);

/** In the result of a command: the call is in none, NOMEM. */
AHOY_MUST_USE enum ahoy_err ua_conference_split(struct ua_call *c);

/* ---- common ------------------------------------------------------------------------------------------------------ */

void ua_emit(struct ua *ua, struct ahoy_event *event);
void ua_result(struct ua *ua, ahoy_command_id command, enum ahoy_err err, unsigned status, const char *text,
               uint32_t took_ms);

/** An outbound proxy, "host:port" or "sip:…", as a loose route: "<sip:host:port;lr>". The caller's; NULL: INVAL, NOMEM. */
char *ua_make_route(enum ahoy_transport t, const char *proxy, enum ahoy_err *err);

/** "bob", "+49…", "bob@host", "sip:…" to a URI; a bare name gets the account's domain. SYNTAX, STATE (needs one). */
AHOY_MUST_USE enum ahoy_err ua_complete_uri(const struct ua_account *a, enum ahoy_transport t, const char *text,
                                            struct buf *out);

/** Whether it begins with sip:, sips: or tel:. */
bool ua_has_scheme(struct view v);

/** Appends ";transport=tcp" and the like where a transport was asked for. */
void ua_put_transport(enum ahoy_transport t, struct buf *out);

/** Something ended: when leaving, the user agent may be done. */
void ua_check_left(struct ua *ua);

/** The local address (port 0) that a peer should be spoken to from: a named one of ours, or what the routes say. */
AHOY_MUST_USE enum ahoy_err ua_local_for(struct ua *ua, const struct addr *peer, struct addr *out);

typedef void ua_ping_fn(void *arg, const struct sip_outcome *out, uint32_t took_ms);

/** Asks OPTIONS of a URI; `fn` comes once, with CANCELLED when the agent leaves before. timeout_ms 0: RFC 3261's. */
AHOY_MUST_USE enum ahoy_err ua_ping(struct ua *ua, struct ua_account *a, const char *uri, uint32_t timeout_ms,
                                    ua_ping_fn *fn, void *arg);
void ua_pings_drop(struct ua *ua);
void ua_exams_drop(struct ua *ua);
void ua_reports_drop(struct ua *ua);

/** Replaces secrets of a SIP message (digest responses, SDES keys) by asterisks. */
void ua_mask(struct view message, struct buf *out);

#endif
