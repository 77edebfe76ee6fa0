#include "sound/sip_call.h"

#include <arpa/inet.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { RESEND_MS = 500, TEXT = 4096, MAX_PAYLOAD = 1400 };

static int udp_on_loopback(uint16_t *port)
{
    struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr = { htonl(INADDR_LOOPBACK) } };
    socklen_t len = sizeof a;
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || bind(fd, (struct sockaddr *) &a, sizeof a) < 0 || getsockname(fd, (struct sockaddr *) &a, &len) < 0)
        return fd;
    *port = ntohs(a.sin_port);
    return fd;
}

static uint16_t port_of(int fd)
{
    struct sockaddr_in a = { 0 };
    socklen_t len = sizeof a;
    return getsockname(fd, (struct sockaddr *) &a, &len) == 0 ? ntohs(a.sin_port) : 0;
}

static void send_request(const struct sip_call *c, const char *method, unsigned cseq, const char *body)
{
    char text[TEXT];
    unsigned port = port_of(c->sip);
    int n = snprintf(text, sizeof text,
                     "%s %s SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:%u;branch=z9hG4bK%s%s%u\r\nMax-Forwards: 70\r\n"
                     "From: <sip:tester@127.0.0.1:%u>;tag=%s\r\nTo: %s\r\nCall-ID: %s\r\nCSeq: %u %s\r\n"
                     "Contact: <sip:tester@127.0.0.1:%u>\r\n%sContent-Length: %zu\r\n\r\n%s",
                     method, c->target, port, c->id, method, cseq, port, c->id, c->to, c->id, cseq, method, port,
                     body[0] ? "Content-Type: application/sdp\r\n" : "", strlen(body), body);
    if (n > 0 && (size_t) n < sizeof text)
        (void) sendto(c->sip, text, (size_t) n, 0, (const struct sockaddr *) &c->peer, sizeof c->peer);
}

static void describe(const struct sip_call *c, const struct audio_codec *codec, char *text, size_t size)
{
    char channels[8] = "";
    if (codec->channels > 1)
        (void) snprintf(channels, sizeof channels, "/%u", codec->channels);
    (void) snprintf(text, size,
                    "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio %u RTP/AVP %u\r\n"
                    "a=rtpmap:%u %s/%u%s\r\na=ptime:20\r\n%s",
                    port_of(c->rtp), c->payload_type, c->payload_type, codec->name, (unsigned) codec->clock_hz,
                    channels, codec->ops->recover ? "a=fmtp:96 useinbandfec=1\r\n" : "");
}

/* Copies what stands behind `key` up to one of the `stops`. */
static bool copy_after(const char *text, const char *key, const char *stops, char *dst, size_t size)
{
    const char *from = strstr(text, key);
    if (!from)
        return false;
    from += strlen(key);
    size_t n = strcspn(from, stops);
    if (n == 0 || n >= size)
        return false;
    memcpy(dst, from, n);
    dst[n] = '\0';
    return true;
}

/* A 200 to the INVITE: where to send, and how to speak of the call from now on. */
static bool take_answer(struct sip_call *c, const char *text)
{
    char port[16], address[64] = "127.0.0.1";
    if (!copy_after(text, "\r\nTo: ", "\r\n", c->to, sizeof c->to)
        || !copy_after(text, "\r\nm=audio ", " ", port, sizeof port))
        return false;
    if (strstr(text, "\r\nContact: <"))
        (void) copy_after(text, "\r\nContact: <", ">\r\n", c->target, sizeof c->target);
    (void) copy_after(text, "\r\nc=IN IP4 ", " /\r\n", address, sizeof address);
    c->media = (struct sockaddr_in){ .sin_family = AF_INET, .sin_port = htons((uint16_t) strtoul(port, NULL, 10)) };
    return inet_pton(AF_INET, address, &c->media.sin_addr) == 1 && c->media.sin_port != 0;
}

/* The next message, if one comes within `ms`. */
static bool receive(const struct sip_call *c, char text[TEXT], int ms)
{
    struct pollfd ready = { .fd = c->sip, .events = POLLIN };
    if (poll(&ready, 1, ms) <= 0)
        return false;
    ssize_t n = recv(c->sip, text, TEXT - 1, 0);
    text[n > 0 ? n : 0] = '\0';
    return n > 0;
}

bool sip_call_start(struct sip_call *c, uint16_t port, const struct audio_codec *codec, int limit_ms)
{
    char body[TEXT / 4], text[TEXT];
    uint16_t ours = 0, sound = 0;
    *c = (struct sip_call){ .payload_type = codec->static_pt >= 0 ? (unsigned) codec->static_pt : 96 };
    c->sip = udp_on_loopback(&ours);
    c->rtp = udp_on_loopback(&sound);
    c->peer = (struct sockaddr_in){ .sin_family = AF_INET,
                                    .sin_port = htons(port),
                                    .sin_addr = { htonl(INADDR_LOOPBACK) } };
    (void) snprintf(c->id, sizeof c->id, "bench%u", ours);
    (void) snprintf(c->target, sizeof c->target, "sip:bench@127.0.0.1:%u", port);
    (void) snprintf(c->to, sizeof c->to, "<%.200s>", c->target);
    if (ours == 0 || sound == 0)
        return false;
    describe(c, codec, body, sizeof body);
    bool heard = false;
    for (int ms = 0; ms < limit_ms; ms += RESEND_MS) {
        if (!heard)
            send_request(c, "INVITE", 1, body);
        for (int left = RESEND_MS; receive(c, text, left); left = RESEND_MS / 4) {
            if (strncmp(text, "SIP/2.0 ", 8) != 0)
                continue;
            heard = true;
            if (text[8] > '2')
                return false;
            if (text[8] == '2' && take_answer(c, text)) {
                send_request(c, "ACK", 1, "");
                return true;
            }
        }
    }
    return false;
}

void sip_call_serve(struct sip_call *c)
{
    char text[TEXT];
    while (receive(c, text, 0))
        if (strncmp(text, "SIP/2.0 2", 9) == 0 && strstr(text, " INVITE\r\n"))
            send_request(c, "ACK", 1, "");
}

void sip_call_end(struct sip_call *c)
{
    char text[TEXT];
    if (c->media.sin_port != 0) {
        send_request(c, "BYE", 2, "");
        (void) receive(c, text, RESEND_MS);
    }
    if (c->sip > 0)
        close(c->sip);
    if (c->rtp > 0)
        close(c->rtp);
    *c = (struct sip_call){ 0 };
}

void sip_call_send(const struct sip_call *c, uint16_t seq, uint32_t timestamp, const uint8_t *payload, size_t n)
{
    uint8_t packet[12 + MAX_PAYLOAD] = { 0x80, (uint8_t) c->payload_type };
    const uint32_t ssrc = 0x62656e63;
    if (n > MAX_PAYLOAD)
        return;
    for (int i = 0; i < 2; i++)
        packet[2 + i] = (uint8_t) (seq >> (8 - 8 * i));
    for (int i = 0; i < 4; i++) {
        packet[4 + i] = (uint8_t) (timestamp >> (24 - 8 * i));
        packet[8 + i] = (uint8_t) (ssrc >> (24 - 8 * i));
    }
    memcpy(packet + 12, payload, n);
    (void) sendto(c->rtp, packet, 12 + n, 0, (const struct sockaddr *) &c->media, sizeof c->media);
}
