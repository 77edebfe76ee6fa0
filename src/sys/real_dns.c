/*
 * Names in the real world: c-ares asks, retries and falls back to TCP; the answers are read by sys/dns_wire.h, because
 * c-ares 1.18 does not tell the time to live of SRV and NAPTR records. The channel is made at the first look-up of a
 * loop and made anew when the system's resolver settings have changed (another network).
 */
#include "base/chars.h"
#include "base/mem.h"
#include "sys/dns_wire.h"
#include "sys/real.h"

#include <ares.h>
#include <netdb.h>
#include <sys/stat.h>
#include <unistd.h>

enum { DNS_TIMEOUT_MS = 1500, DNS_TRIES = 3, DNS_CLASS_IN = 1, DNS_HOSTS_TTL_S = 60 };

struct real_dns {
    struct real_loop *loop;
    ares_channel channel;
    struct list sockets; /* dns_socket */
    struct sys_timer timer;
    size_t pending; /* queries that c-ares knows */
    unsigned servers_changed;
    struct timespec resolv_changed;
};

struct dns_socket {
    struct list_link link;
    struct real_dns *dns;
    uv_poll_t poll;
    ares_socket_t fd;
    int events;
    bool closed;
};

struct real_query {
    struct sys_dns_query base;
    enum sys_dns_type type;
    struct sys_timer later; /* the answer is told from the loop, never from inside of c-ares */
    enum ahoy_err err;
    struct sys_dns_record *record;
    size_t records;
    bool in_ares, cancelled;
};

/* ---- c-ares on the loop ---- */

static void rearm(struct real_dns *d)
{
    struct timeval tv;
    if (ares_timeout(d->channel, NULL, &tv))
        sys_timer_start(&d->loop->base, &d->timer, SYS_S(tv.tv_sec) + tv.tv_usec);
    else
        sys_timer_stop(&d->timer);
}

static void on_timeout(void *arg)
{
    struct real_dns *d = arg;
    ares_process_fd(d->channel, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
    rearm(d);
}

static void on_socket(uv_poll_t *poll, int status, int events)
{
    struct dns_socket *k = poll->data;
    struct real_dns *d = k->dns;
    real_touch(d->loop);
    if (status < 0) /* an error: reading or writing tells c-ares which */
        events = UV_READABLE | UV_WRITABLE;
    ares_process_fd(d->channel, events & UV_READABLE ? k->fd : ARES_SOCKET_BAD,
                    events & UV_WRITABLE && !k->closed ? k->fd : ARES_SOCKET_BAD);
    if (status < 0 && !k->closed)
        (void) uv_poll_start(&k->poll, k->events, on_socket);
    rearm(d);
}

static void socket_gone(uv_handle_t *handle)
{
    mem_free(handle->data);
}

static struct dns_socket *find_socket(struct real_dns *d, ares_socket_t fd)
{
    LIST_EACH(k, &d->sockets)
        if (LIST_ENTRY(k, struct dns_socket, link)->fd == fd)
            return LIST_ENTRY(k, struct dns_socket, link);
    return NULL;
}

/* c-ares opened a socket, waits for something else, or is about to close it. */
static void socket_state(void *arg, ares_socket_t fd, int readable, int writable)
{
    struct real_dns *d = arg;
    struct dns_socket *k = find_socket(d, fd);
    if (!readable && !writable) {
        if (k) {
            k->closed = true;
            list_remove(&k->link);
            uv_close((uv_handle_t *) &k->poll, socket_gone);
        }
        return;
    }
    if (!k) {
        k = mem_zalloc(sizeof *k);
        if (!k)
            return; /* nobody will read the answer: the query times out */
        if (uv_poll_init(&d->loop->uv, &k->poll, fd) < 0) {
            mem_free(k);
            return;
        }
        k->dns = d;
        k->fd = fd;
        k->poll.data = k;
        list_push_back(&d->sockets, &k->link);
    }
    k->events = (readable ? UV_READABLE : 0) | (writable ? UV_WRITABLE : 0);
    (void) uv_poll_start(&k->poll, k->events, on_socket);
}

/* Sockets that no child process inherits, and writes that raise no SIGPIPE when a server hangs up. */

static ares_socket_t sock_open(int family, int type, int protocol, void *arg)
{
    (void) arg;
    return socket(family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, protocol);
}

static int sock_close(ares_socket_t fd, void *arg)
{
    (void) arg;
    return close(fd);
}

static int sock_connect(ares_socket_t fd, const struct sockaddr *to, ares_socklen_t n, void *arg)
{
    (void) arg;
    return connect(fd, to, n);
}

static ares_ssize_t sock_recv(ares_socket_t fd, void *p, size_t n, int flags, struct sockaddr *from,
                              ares_socklen_t *from_n, void *arg)
{
    (void) arg;
    return recvfrom(fd, p, n, flags, from, from_n);
}

static ares_ssize_t sock_send(ares_socket_t fd, const struct iovec *iov, int n, void *arg)
{
    struct msghdr m = { .msg_iov = (struct iovec *) (uintptr_t) iov, .msg_iovlen = (size_t) n };
    (void) arg;
    return sendmsg(fd, &m, MSG_NOSIGNAL);
}

static const struct ares_socket_functions sock_functions = {
    .asocket = sock_open,
    .aclose = sock_close,
    .aconnect = sock_connect,
    .arecvfrom = sock_recv,
    .asendv = sock_send,
};

/* ---- the channel ---- */

static bool set_servers(struct real_dns *d, struct real_host *h)
{
    struct ares_addr_port_node node[SYS_MAX_NAMESERVERS];
    memset(node, 0, sizeof node);
    pthread_mutex_lock(&h->lock);
    size_t n = h->servers;
    d->servers_changed = h->servers_changed;
    for (size_t i = 0; i < n; i++) {
        const struct addr *a = &h->server[i];
        node[i].next = i + 1 < n ? &node[i + 1] : NULL;
        node[i].family = a->family == ADDR_IP4 ? AF_INET : AF_INET6;
        node[i].udp_port = node[i].tcp_port = a->port > 0 ? a->port : 53;
        memcpy(&node[i].addr, a->ip, a->family == ADDR_IP4 ? 4 : 16);
    }
    pthread_mutex_unlock(&h->lock);
    return n == 0 || ares_set_servers_ports(d->channel, node) == ARES_SUCCESS;
}

static struct timespec resolv_time(void)
{
    struct stat st;
    return stat("/etc/resolv.conf", &st) == 0 ? st.st_mtim : (struct timespec){ 0 };
}

static enum ahoy_err open_channel(struct real_dns *d)
{
    struct ares_options o = {
        .timeout = DNS_TIMEOUT_MS, .tries = DNS_TRIES, .sock_state_cb = socket_state, .sock_state_cb_data = d
    };
    d->resolv_changed = resolv_time();
    int rc = ares_init_options(&d->channel, &o, ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_SOCK_STATE_CB);
    if (rc != ARES_SUCCESS) {
        d->channel = NULL;
        return rc == ARES_ENOMEM ? AHOY_ERR_NOMEM : AHOY_ERR_DNS_SERVER;
    }
    ares_set_socket_functions(d->channel, &sock_functions, d);
    if (!set_servers(d, real_host_of(d->loop->base.host))) {
        ares_destroy(d->channel);
        d->channel = NULL;
        return AHOY_ERR_DNS_SERVER;
    }
    return AHOY_OK;
}

static void close_channel(struct real_dns *d)
{
    if (d->channel)
        ares_destroy(d->channel);
    d->channel = NULL;
    sys_timer_stop(&d->timer);
}

static bool outdated(struct real_dns *d)
{
    struct real_host *h = real_host_of(d->loop->base.host);
    struct timespec t = resolv_time();
    pthread_mutex_lock(&h->lock);
    bool other_servers = h->servers_changed != d->servers_changed;
    pthread_mutex_unlock(&h->lock);
    return other_servers || t.tv_sec != d->resolv_changed.tv_sec || t.tv_nsec != d->resolv_changed.tv_nsec;
}

/* The loop's channel, ready to be asked. */
static enum ahoy_err get_channel(struct real_loop *l, struct real_dns **out)
{
    struct real_dns *d = l->dns;
    if (!d) {
        d = mem_zalloc(sizeof *d);
        if (!d)
            return AHOY_ERR_NOMEM;
        d->loop = l;
        list_init(&d->sockets);
        sys_timer_init(&d->timer, on_timeout, d);
        l->dns = d;
    }
    if (d->channel && d->pending == 0 && outdated(d))
        close_channel(d);
    enum ahoy_err err = d->channel ? AHOY_OK : open_channel(d);
    if (!err)
        *out = d;
    return err;
}

void real_dns_free(struct real_loop *l)
{
    struct real_dns *d = l->dns;
    if (!d)
        return;
    close_channel(d); /* ends what was cancelled but not answered */
    mem_free(d);
    l->dns = NULL;
}

/* ---- one query ---- */

static void free_query(struct real_query *q)
{
    mem_free(q->record);
    mem_free(q);
}

static void on_answer(void *arg)
{
    struct real_query *q = arg;
    q->base.loop->open--;
    q->base.fn(q->base.arg, q->err, q->record, q->records);
    free_query(q);
}

static void answer_later(struct real_query *q, enum ahoy_err err)
{
    q->err = err;
    sys_timer_start(q->base.loop, &q->later, 0);
}

static enum ahoy_err error_of(int status)
{
    switch (status) {
    case ARES_SUCCESS: return AHOY_OK;
    case ARES_ENOTFOUND:
    case ARES_EBADNAME: return AHOY_ERR_DNS_NAME;
    case ARES_ENODATA: return AHOY_ERR_DNS_EMPTY;
    case ARES_ETIMEOUT: return AHOY_ERR_TIMEOUT;
    case ARES_ENOMEM: return AHOY_ERR_NOMEM;
    default: return AHOY_ERR_DNS_SERVER;
    }
}

static enum ahoy_err read_answer(struct real_query *q, const unsigned char *msg, size_t bytes)
{
    size_t n;
    struct sys_dns_record *all = mem_alloc(SYS_DNS_MAX_RECORDS * sizeof *all);
    if (!all)
        return AHOY_ERR_NOMEM;
    enum ahoy_err err = dns_wire_read(msg, bytes, q->type, all, SYS_DNS_MAX_RECORDS, &n);
    if (!err && n == 0)
        err = AHOY_ERR_DNS_EMPTY;
    if (err) {
        mem_free(all);
        return err == AHOY_ERR_SYNTAX ? AHOY_ERR_DNS_SERVER : err;
    }
    q->record = all;
    q->records = n;
    return AHOY_OK;
}

static void ares_answered(void *arg, int status, int timeouts, unsigned char *msg, int bytes)
{
    struct real_query *q = arg;
    (void) timeouts;
    q->in_ares = false;
    real_loop_of(q->base.loop)->dns->pending--;
    if (q->cancelled) {
        free_query(q);
        return;
    }
    enum ahoy_err err = error_of(status);
    answer_later(q, err || bytes < 0 ? err : read_answer(q, msg, (size_t) bytes));
}

/* "localhost" and names under it never leave the machine (RFC 6761 section 6.3). */
static bool is_localhost(const char *name)
{
    struct view v = view_str(name), local = VIEW("localhost");
    if (v.n > 0 && v.p[v.n - 1] == '.')
        v.n--;
    if (v.n < local.n || !view_ieq(view_from(v, v.n - local.n), local))
        return false;
    return v.n == local.n || v.p[v.n - local.n - 1] == '.';
}

static enum ahoy_err give_addresses(struct real_query *q, const uint8_t *const *ip, size_t n)
{
    q->record = mem_zalloc(n * sizeof *q->record);
    if (!q->record)
        return AHOY_ERR_NOMEM;
    for (size_t i = 0; i < n; i++) {
        struct sys_dns_record *r = &q->record[i];
        r->type = q->type;
        r->ttl_s = DNS_HOSTS_TTL_S;
        r->u.addr.family = q->type == SYS_DNS_A ? ADDR_IP4 : ADDR_IP6;
        memcpy(r->u.addr.ip, ip[i], q->type == SYS_DNS_A ? 4 : 16);
    }
    q->records = n;
    return AHOY_OK;
}

static enum ahoy_err give_localhost(struct real_query *q)
{
    static const uint8_t ip4[4] = { 127, 0, 0, 1 }, ip6[16] = { [15] = 1 };
    const uint8_t *ip = q->type == SYS_DNS_A ? ip4 : ip6;
    if (q->type != SYS_DNS_A && q->type != SYS_DNS_AAAA)
        return AHOY_ERR_DNS_EMPTY;
    return give_addresses(q, &ip, 1);
}

/* From the hosts file; false when it does not know the name. */
static bool ask_hosts_file(struct real_dns *d, struct real_query *q, const char *name)
{
    struct hostent *host = NULL;
    const uint8_t *ip[SYS_DNS_MAX_RECORDS];
    size_t n = 0;
    if (q->type != SYS_DNS_A && q->type != SYS_DNS_AAAA)
        return false;
    if (ares_gethostbyname_file(d->channel, name, q->type == SYS_DNS_A ? AF_INET : AF_INET6, &host) != ARES_SUCCESS)
        return false;
    while (n < SYS_DNS_MAX_RECORDS && host->h_addr_list[n]) {
        ip[n] = (const uint8_t *) host->h_addr_list[n];
        n++;
    }
    if (n > 0)
        answer_later(q, give_addresses(q, ip, n));
    ares_free_hostent(host);
    return n > 0;
}

static void ask(struct real_dns *d, struct real_query *q, const char *name)
{
    bool plain = view_find(view_str(name), '.') < strlen(name);
    q->in_ares = true;
    d->pending++;
    if (plain)
        ares_query(d->channel, name, DNS_CLASS_IN, (int) q->type, ares_answered, q);
    else /* a bare word means a machine of the local domain */
        ares_search(d->channel, name, DNS_CLASS_IN, (int) q->type, ares_answered, q);
    rearm(d);
}

enum ahoy_err real_dns_start(struct sys_dns_query **out, struct sys_loop *loop, const char *name,
                             enum sys_dns_type type, sys_dns_fn *fn, void *arg)
{
    struct real_query *q = mem_zalloc(sizeof *q);
    struct real_dns *d = NULL;
    if (!q)
        return AHOY_ERR_NOMEM;
    q->base = (struct sys_dns_query){ .loop = loop, .fn = fn, .arg = arg };
    q->type = type;
    sys_timer_init(&q->later, on_answer, q);
    if (is_localhost(name)) {
        answer_later(q, give_localhost(q));
    } else {
        enum ahoy_err err = get_channel(real_loop_of(loop), &d);
        if (err) {
            mem_free(q);
            return err;
        }
        if (!ask_hosts_file(d, q, name))
            ask(d, q, name);
    }
    loop->open++;
    *out = &q->base;
    return AHOY_OK;
}

void real_dns_cancel(struct sys_dns_query *base)
{
    struct real_query *q = (struct real_query *) base;
    base->loop->open--;
    q->cancelled = true;
    sys_timer_stop(&q->later);
    if (!q->in_ares)
        free_query(q); /* else when c-ares lets go of it */
}
