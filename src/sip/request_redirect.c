/* Redirections: RFC 3261 section 8.1.3.4. */
#include "sip/request_priv.h"

#include "base/mem.h"

enum { MAX_CONTACTS = 8 };

struct candidate {
    char *uri;
    uint16_t q_milli;
};

/* A Contact that may be tried: SIP or SIPS, no way down from SIPS, and not tried before. */
static bool may_try(const struct sip_request *rq, const struct sip_uri *uri, bool *seen)
{
    struct sip_uri old;
    if (uri->scheme != SIP_SCHEME_SIP && uri->scheme != SIP_SCHEME_SIPS)
        return false;
    if (sip_uri_parse(view_str(rq->uri[rq->at]), &old) == AHOY_OK && old.scheme == SIP_SCHEME_SIPS
        && uri->scheme != SIP_SCHEME_SIPS)
        return false;
    for (size_t i = 0; i < rq->uris; i++) {
        if (sip_uri_parse(view_str(rq->uri[i]), &old) == AHOY_OK && sip_uri_equal(&old, uri)) {
            *seen = true;
            return false;
        }
    }
    return true;
}

static char *target_text(const struct sip_uri *uri)
{
    struct buf b;
    buf_init(&b, 8192);
    sip_uri_put_request(uri, &b);
    char *text = buf_err(&b) == AHOY_OK ? buf_take(&b) : NULL;
    buf_fini(&b);
    return text;
}

/* Keeps the list by falling q; equal ones in the order of the message. */
static void insert(struct candidate *list, size_t n, struct candidate c)
{
    size_t at = n;
    while (at > 0 && list[at - 1].q_milli < c.q_milli) {
        list[at] = list[at - 1];
        at--;
    }
    list[at] = c;
}

static enum ahoy_err collect(const struct sip_request *rq, const struct sip_msg *response, struct candidate *list,
                             size_t *n, bool *seen)
{
    for (const struct sip_hdr *h = sip_msg_first(response, SIP_HDR_CONTACT); h; h = sip_msg_next(response, h)) {
        struct view rest = h->value, item;
        while (*n < MAX_CONTACTS && sip_list_next(&rest, &item)) {
            struct sip_contact c;
            struct sip_uri uri;
            if (sip_contact_parse(item, &c) != AHOY_OK || c.star || sip_uri_parse(c.addr.uri, &uri) != AHOY_OK
                || !may_try(rq, &uri, seen))
                continue;
            struct candidate one = { .uri = target_text(&uri), .q_milli = c.has_q ? c.q_milli : 1000 };
            if (!one.uri)
                return AHOY_ERR_NOMEM;
            insert(list, (*n)++, one);
        }
    }
    return AHOY_OK;
}

enum ahoy_err request_redirect(struct sip_request *rq, const struct sip_msg *response)
{
    struct candidate list[MAX_CONTACTS];
    size_t n = 0;
    bool seen = false;
    if (rq->redirects >= SIP_REQUEST_MAX_REDIRECTS)
        return AHOY_ERR_LOOP;
    enum ahoy_err err = collect(rq, response, list, &n, &seen);
    if (err == AHOY_OK && n == 0)
        err = seen ? AHOY_ERR_LOOP : AHOY_ERR_NOT_FOUND;
    if (err == AHOY_OK && rq->uris + n > SIP_REQUEST_MAX_URIS) {
        size_t keep = SIP_REQUEST_MAX_URIS - rq->uris;
        while (n > keep)
            mem_free(list[--n].uri);
        if (n == 0)
            err = AHOY_ERR_LOOP;
    }
    if (err != AHOY_OK) {
        while (n > 0)
            mem_free(list[--n].uri);
        return err;
    }
    size_t first = rq->at + 1;
    for (size_t i = rq->uris; i-- > first;)
        rq->uri[i + n] = rq->uri[i];
    for (size_t i = 0; i < n; i++)
        rq->uri[first + i] = list[i].uri;
    rq->uris += n;
    rq->redirects++;
    return AHOY_OK;
}
