/*
 * One call: a leg (sip/invite.h) and its sound (media/media.h). Private to ua/.
 *
 *     out:  LOCATING → OPENING (ports) → SIGNALLING → … → CLOSING (sound) → gone
 *     in:   SIGNALLING (rings) → OPENING when it is answered → SIGNALLING → … → CLOSING → gone
 */
#ifndef AHOY_UA_CALL_H
#define AHOY_UA_CALL_H

#include "ua/impl.h"

struct ua_call_end {
    enum ahoy_cause cause;
    bool by_peer;
    unsigned status;
    char reason[160];
    char text[UA_TEXT_BYTES];
};

struct ua_call {
    struct list_link link;
    struct ua *ua;
    ahoy_call_id id;
    struct ua_account *account; /* NULL: none, or it was removed */
    ahoy_account_id account_id; /* of its events, also when the account is gone */
    bool incoming;
    enum ahoy_call_state state;

    struct sip_locate *locate;
    struct sip_invite *inv;
    struct media_session *media;
    bool media_ready;
    struct ua_media config;

    char *uri, *from, *routes; /* outgoing */
    char peer_uri[UA_URI_BYTES], peer_name[128], call_id[256];
    uint32_t ring_s, max_s, hold_after_s;

    struct media_ringer *ringer; /* it rings here, or there and is heard */
    struct sys_timer answer_timer, max_timer, hold_timer;
    int64_t begun_us, answered_us, ended_us;

    bool answering;         /* answer as soon as the sound's ports are open */
    unsigned answer_status; /* 200, or 183 for sound before the answer */
    ahoy_command_id answer_command;
    struct buf early; /* the description sent in 183, for the 200 */

    bool hold_wanted, held_by_peer, muted;
    ahoy_command_id change_command; /* of the re-INVITE that is wanted or under way */
    bool change_wanted, change_running, change_is_hold;
    bool change_bad; /* its answer was useless */
    bool hold_later; /* hold_after_s came while another change was under way */
    struct media_codecs codecs_wanted;

    struct ua_conference *conference; /* NULL: none */
    struct list_link member;          /* of its calls */

    struct media_info info;
    bool over;
    bool itself; /* the call came in again at this telephone, which takes none now */
    enum ahoy_cause rtp_trouble, device_trouble;
    bool heard; /* sound came, before the trouble */
    char device_text[MEDIA_WHY_BYTES];
    struct ua_call_end end;

    struct ua_names *names; /* of the report (report.c); NULL: not needed yet */
    bool alerted;
};

/* act.c */
struct ua_call *ua_call_find(const struct ua *ua, ahoy_call_id id); /* that is alive */
AHOY_MUST_USE enum ahoy_err ua_record_parse(const struct ahoy_record_config *cfg, struct media_record *out);

/* call.c */
struct ua_call *ua_call_new(struct ua *ua, ahoy_call_id id, bool incoming);
void ua_call_set_state(struct ua_call *c, enum ahoy_call_state state);
void ua_call_emit(struct ua_call *c, enum ahoy_call_state state);
void ua_call_fill_stats(const struct ua_call *c, const struct media_stats *m, struct ahoy_call_stats *out);

/** Over: keeps why, lets the leg go, closes the sound; ENDED is told when that is done. */
void ua_call_finish(struct ua_call *c, unsigned status, enum ahoy_err err, bool by_peer, struct view reason);

/** Over: nobody picked up in the time that we gave. */
void ua_call_finish_unanswered(struct ua_call *c);

/** Over by nobody's fault. */
void ua_call_finish_quietly(struct ua_call *c, bool by_peer, unsigned status, struct view reason);

/* The sound is closed, its files are complete. */
void ua_call_media_closed(struct ua_call *c, const struct media_stats *m);

/* call_media.c: an incoming call is heard to ring, until it is answered or over. */
void ua_call_ring(struct ua_call *c);
void ua_call_ring_no_more(struct ua_call *c);

/* call_tones.c */
bool ua_tones_parse(const char *text, const struct audio_spec *device, bool echo, struct ua_media *m);
void ua_call_ring_back(struct ua_call *c); /* until ua_call_ring_no_more */
bool ua_call_waiting(struct ua_call *c);   /* the same; false: no other call stands, or tones are off */
void ua_call_end_tone(struct ua_call *c);

/* call_media.c: opens the sound; then ua_call_media_ready. */
AHOY_MUST_USE enum ahoy_err ua_call_open_media(struct ua_call *c, const struct addr *local);
void ua_call_emit_media(struct ua_call *c);
/* What is known of why no sound comes, as a sentence for people; false: nothing is, and a firewall is likely. */
bool ua_call_why_silent(const struct ua_call *c, const struct media_stats *m, struct buf *out);

/* call_sip.c */
void ua_call_media_ready(struct ua_call *c);
void ua_call_answer_now(struct ua_call *c, unsigned status);
void ua_call_hang_up(struct ua_call *c, unsigned status);
void ua_call_confirmed(struct ua_call *c);

/* report.c: quality reports (RFC 6035). */
void ua_report_keep_names(struct ua_call *c);                         /* before the leg goes */
void ua_report_end(struct ua_call *c, const struct media_stats *s);   /* publishes the last one, if anybody wants it */
void ua_report_watch(struct ua_call *c, const struct media_stats *s); /* once a second: alerts */
void ua_report_forget(struct ua_call *c);
AHOY_MUST_USE enum ahoy_err ua_report_now(struct ua_call *c); /* as an event. STATE: not answered yet. NOMEM */

/* call_change.c. OK: the result of `command` comes as an event. STATE: not now, or nothing to change. */
AHOY_MUST_USE enum ahoy_err ua_call_hold(struct ua_call *c, ahoy_command_id command, bool on);
AHOY_MUST_USE enum ahoy_err ua_call_reinvite(struct ua_call *c, ahoy_command_id command,
                                             const struct media_codecs *codecs);
void ua_call_hold_later(struct ua_call *c);    /* now, or behind the change under way */
void ua_call_change_beaten(struct ua_call *c); /* the peer's re-INVITE came before ours: ours waits */
void ua_call_reinvite_ready(void *arg, struct sip_invite *inv);
void ua_call_reinvited(void *arg, struct sip_invite *inv, unsigned status, struct sip_msg *response);

#endif
