/*
 * Who may do what. A wrong password is challenged again, as Kamailio and Asterisk do: a telephone whose nonce or user
 * was changed recovers by itself, and one that has nothing else to offer stops (RFC 3261 section 22.2). Telephones that
 * do not stop are told 403 after a while; the right password is let in at any time, so nobody can lock others out.
 */
#include "server/exchange.h"

enum { WRONG_MOST = 20, WRONG_WITHIN_MS = 60000, CHALLENGE_BYTES = 4096 };

static bool is_too_often(struct exchange *x, const struct addr *peer, int64_t now_ms)
{
    char key[ADDR_KEY_BYTES];
    struct addr ip = addr_with_port(peer, 0);
    uint64_t who = map_hash(x->key, addr_key(&ip, key));
    struct exchange_guard *g = &x->guard[who % EXCHANGE_GUARD_SLOTS];
    if (g->who != who || now_ms - g->since_ms > WRONG_WITHIN_MS)
        *g = (struct exchange_guard){ .who = who, .since_ms = now_ms };
    return ++g->count > WRONG_MOST;
}

static void challenge(struct exchange *x, struct sip_server_txn *txn, int64_t now_ms, bool proxy, bool stale)
{
    struct buf extra;
    buf_init(&extra, CHALLENGE_BYTES);
    if (sip_auth_server_challenge(x->auth, now_ms, proxy, stale, &extra))
        exchange_reply(txn, 500, view_of(NULL, 0));
    else
        exchange_reply(txn, proxy ? 407 : 401, buf_content(&extra));
    buf_fini(&extra);
}

static void wrong(struct exchange *x, struct sip_server_txn *txn, int64_t now_ms, bool proxy)
{
    char text[ADDR_TEXT_BYTES];
    const struct addr *peer = sip_flow_peer(sip_server_txn_flow(txn));
    x->counts.refused++;
    exchange_news(x, "wrong user or password from %s", addr_print(peer, text));
    if (is_too_often(x, peer, now_ms))
        exchange_reply(txn, 403, view_of(NULL, 0));
    else
        challenge(x, txn, now_ms, proxy, false);
}

bool guard_admits(struct exchange *x, struct sip_server_txn *txn, struct sip_msg *request, bool proxy,
                  struct sip_auth_identity *who)
{
    int64_t now_ms = sys_now_us(x->loop) / 1000;
    if (x->open) {
        who->user = view_of(NULL, 0);
        return true;
    }
    switch (sip_auth_server_verify(x->auth, now_ms, request, proxy, users_lookup, x->users, who)) {
    case SIP_AUTH_VERDICT_OK: return true;
    case SIP_AUTH_VERDICT_NONE: challenge(x, txn, now_ms, proxy, false); break;
    case SIP_AUTH_VERDICT_STALE: challenge(x, txn, now_ms, proxy, true); break;
    case SIP_AUTH_VERDICT_WRONG: wrong(x, txn, now_ms, proxy); break;
    case SIP_AUTH_VERDICT_BAD: exchange_refuse(x, txn, 400, view_of(NULL, 0)); break;
    }
    return false;
}

bool guard_is_user(struct view user, const char *key)
{
    struct buf b;
    buf_init(&b, EXCHANGE_KEY_BYTES);
    sip_uri_escape_user(user, &b);
    bool same = buf_err(&b) == AHOY_OK && view_eq(buf_content(&b), view_str(key));
    buf_fini(&b);
    return same;
}

bool guard_admits_caller(struct exchange *x, struct sip_server_txn *txn, struct sip_msg *request,
                         const struct sip_core *core)
{
    struct sip_auth_identity who;
    struct sip_uri from;
    char key[EXCHANGE_KEY_BYTES];
    if (!guard_admits(x, txn, request, true, &who))
        return false;
    if (view_empty(who.user) || sip_uri_parse(core->from.uri, &from) || !exchange_is_our_name(x, &from))
        return true;
    if (exchange_key(&from, key) == AHOY_OK && guard_is_user(who.user, key))
        return true;
    exchange_refuse(x, txn, 403, view_of(NULL, 0)); /* somebody else's name */
    return false;
}
