/*
 * An exchange at 192.0.2.9:5060 (UDP and TCP) in the simulated network, and peers that send what the test writes and
 * keep what they get. What the peers hold is the test's.
 */
#ifndef AHOY_TESTS_SERVER_SUPPORT_EXCH_H
#define AHOY_TESTS_SERVER_SUPPORT_EXCH_H

#include "server/exchange.h"
#include "support/t.h"
#include "sys/sim.h"

enum { EXCH_MAX_GOT = 128, EXCH_MAX_PEERS = 6 };

struct exch_world;

struct exch_peer {
    struct exch_world *w;
    struct sys_host *host;
    struct sys_loop *loop;
    struct sys_udp *udp;
    struct sys_tcp *tcp;
    struct addr at;
    char name[ADDR_TEXT_BYTES]; /* "192.0.2.1:5060", as it believes */
    const char *proto;          /* of its Via: "UDP", "TCP" */
    struct sip_msg *got[EXCH_MAX_GOT];
    size_t got_count;
    struct buf in; /* bytes of a stream, not yet a message */
    bool closed;   /* its connection */
    unsigned branch;
};

struct exch_world {
    struct sim *sim;
    struct sys_host *host;
    struct ahoy_exchange *a;
    struct exchange *x;
    struct exch_peer peer[EXCH_MAX_PEERS];
    size_t peers;
    unsigned lines; /* of news */
    char news[256]; /* the last one */
};

/** `cfg`: users, domain …; listens are filled in. Ends with exch_close, also when it fails. */
enum ahoy_err exch_open(struct exch_world *w, const struct ahoy_exchange_config *cfg);

/** Starts the exchange (again) on the same host. */
enum ahoy_err exch_start(struct exch_world *w, const struct ahoy_exchange_config *cfg);

/** Stops and destroys the exchange alone. */
void exch_stop(struct exch_world *w);

/**
 * Lets the longest timers pass; then no forward, ACK, call to a test number or transaction may be left, whatever
 * failed.
 */
void exch_nothing_left(struct t *t, struct exch_world *w);

void exch_close(struct exch_world *w);
void exch_run(struct exch_world *w, int64_t ms);

/** A peer with this address and port; `tcp`: connected to the exchange. */
enum ahoy_err exch_peer(struct exch_world *w, const char *ip, uint16_t port, bool tcp, struct exch_peer **out);

/** The same by UDP behind a NAT with this public address. */
enum ahoy_err exch_peer_nat(struct exch_world *w, const char *ip, const char *public_ip, struct exch_peer **out);

/** Sends a message; LF alone becomes CRLF. */
void exch_send(struct exch_peer *p, const char *fmt, ...) AHOY_PRINTF(2, 3);

/** A request outside a dialog, with From and Contact of `user` at the peer, to "sip:TO"; Call-ID `call_id`. */
void exch_request(struct exch_peer *p, const char *method, const char *user, const char *to, const char *call_id,
                  unsigned cseq, const char *lines);

/** REGISTER of `user` at the exchange; `lines`: Contact and so on. */
void exch_register(struct exch_peer *p, const char *user, unsigned cseq, const char *lines);

/** Registers the peer itself as `user` and waits for the 200. */
bool exch_enrol(struct exch_peer *p, const char *user);

/** A request in the dialog of an INVITE's 2xx that the peer got (caller) or of an INVITE it got (callee). */
void exch_in_dialog(struct exch_peer *p, const char *method, unsigned cseq, const char *user, struct sip_msg *of);

/** Answers a request; a Contact of `user` at the peer is added, and Record-Route copied. */
void exch_reply(struct exch_peer *p, struct sip_msg *request, unsigned status, const char *user, const char *lines);

/** The nth (from 0) message that begins so; NULL without. */
struct sip_msg *exch_got(struct exch_peer *p, const char *start, size_t nth);
size_t exch_count(struct exch_peer *p, const char *start);
bool exch_has(const struct sip_msg *m, const char *text);

/** "Authorization: Digest …" for a 401, "Proxy-Authorization: …" for a 407, with its first challenge of `alg`. */
bool exch_authorize(struct sip_msg *challenge, enum sip_digest_alg alg, const char *method, const char *uri,
                    const char *user, const char *password, char *out, size_t size);

#endif
