/* The messages of the parse benchmark: what a telephone sees in a call, and one that went through 33 proxies. */
#include "parse.h"

#include "base/buf.h"
#include "base/mem.h"

#define SDP                                                                                                            \
    "v=0\r\no=alice 2890844526 2890844526 IN IP4 192.0.2.101\r\ns=-\r\nc=IN IP4 192.0.2.101\r\nt=0 0\r\n"              \
    "m=audio 49172 RTP/SAVP 96 9 0 8 101\r\na=rtpmap:96 opus/48000/2\r\na=fmtp:96 useinbandfec=1\r\n"                  \
    "a=rtpmap:9 G722/8000\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:8 PCMA/8000\r\na=rtpmap:101 telephone-event/8000\r\n"    \
    "a=fmtp:101 0-15\r\na=ptime:20\r\na=sendrecv\r\n"

static const char invite_head[] =
    "From: \"Alice\" <sip:alice@atlanta.example.com>;tag=9fxced76sl\r\n"
    "To: Bob <sip:bob@biloxi.example.com>\r\n"
    "Call-ID: 3848276298220188511@atlanta.example.com\r\n"
    "CSeq: 1 INVITE\r\n"
    "Contact: <sip:alice@client.atlanta.example.com;transport=tcp>\r\n"
    "Allow: INVITE, ACK, CANCEL, OPTIONS, BYE, REFER, NOTIFY, MESSAGE, SUBSCRIBE, INFO, UPDATE, PRACK\r\n"
    "Supported: replaces, timer, 100rel, outbound, path\r\n"
    "Session-Expires: 1800;refresher=uac\r\n"
    "User-Agent: Example/1.0\r\n"
    "Content-Type: application/sdp\r\n";

static void put_body(struct buf *b)
{
    buf_printf(b, "Content-Length: %zu\r\n\r\n" SDP, sizeof SDP - 1);
}

static void put_invite(struct buf *b)
{
    buf_str(b, "INVITE sip:bob@biloxi.example.com SIP/2.0\r\n"
               "Via: SIP/2.0/UDP client.atlanta.example.com:5060;branch=z9hG4bK74bf9a8d3;rport\r\n"
               "Max-Forwards: 70\r\n");
    buf_str(b, invite_head);
    put_body(b);
}

static void put_ok(struct buf *b)
{
    buf_str(
        b,
        "SIP/2.0 200 OK\r\n"
        "Via: SIP/2.0/UDP client.atlanta.example.com:5060;branch=z9hG4bK74bf9a8d3;rport=5060;received=192.0.2.101\r\n"
        "Record-Route: <sip:ss2.biloxi.example.com;lr>, <sip:ss1.atlanta.example.com;lr>\r\n"
        "From: \"Alice\" <sip:alice@atlanta.example.com>;tag=9fxced76sl\r\n"
        "To: Bob <sip:bob@biloxi.example.com>;tag=314159\r\n"
        "Call-ID: 3848276298220188511@atlanta.example.com\r\n"
        "CSeq: 1 INVITE\r\n"
        "Contact: <sip:bob@client.biloxi.example.com;transport=tcp>\r\n"
        "Supported: replaces, timer\r\n"
        "Content-Type: application/sdp\r\n");
    put_body(b);
}

static void put_register(struct buf *b)
{
    buf_str(
        b, "REGISTER sip:registrar.biloxi.example.com SIP/2.0\r\n"
           "Via: SIP/2.0/UDP bobspc.biloxi.example.com:5060;branch=z9hG4bKnashds7;rport\r\n"
           "Max-Forwards: 70\r\n"
           "To: Bob <sip:bob@biloxi.example.com>\r\n"
           "From: Bob <sip:bob@biloxi.example.com>;tag=456248\r\n"
           "Call-ID: 843817637684230@998sdasdh09\r\n"
           "CSeq: 1826 REGISTER\r\n"
           "Contact: <sip:bob@192.0.2.4>;+sip.instance=\"<urn:uuid:00000000-0000-1000-8000-AABBCCDDEEFF>\";reg-id=1\r\n"
           "Authorization: Digest username=\"bob\", realm=\"biloxi.example.com\","
           " nonce=\"ea9c8e88df84f1cec4341ae6cbe5a359\", opaque=\"\", uri=\"sip:registrar.biloxi.example.com\","
           " response=\"dfe56131d1958046689d83306477ecc\"\r\n"
           "Expires: 7200\r\n"
           "User-Agent: Example/1.0\r\n"
           "Content-Length: 0\r\n\r\n");
}

static void put_ack(struct buf *b)
{
    buf_str(b, "ACK sip:bob@client.biloxi.example.com SIP/2.0\r\n"
               "Via: SIP/2.0/UDP client.atlanta.example.com:5060;branch=z9hG4bK74b76;rport\r\n"
               "Max-Forwards: 70\r\n"
               "Route: <sip:ss1.atlanta.example.com;lr>, <sip:ss2.biloxi.example.com;lr>\r\n"
               "From: \"Alice\" <sip:alice@atlanta.example.com>;tag=9fxced76sl\r\n"
               "To: Bob <sip:bob@biloxi.example.com>;tag=314159\r\n"
               "Call-ID: 3848276298220188511@atlanta.example.com\r\n"
               "CSeq: 2 ACK\r\n"
               "Content-Length: 0\r\n\r\n");
}

static void put_long(struct buf *b)
{
    buf_str(b, "INVITE sip:bob@biloxi.example.com SIP/2.0\r\n");
    for (int i = 33; i >= 0; i--)
        buf_printf(b, "Via: SIP/2.0/UDP ss%d.atlanta.example.com:5060;branch=z9hG4bK%08x.%d;received=192.0.2.%d\r\n", i,
                   0x2d4790u * (unsigned) (i + 1), i, i + 1);
    buf_str(b, "Max-Forwards: 37\r\n");
    buf_str(b, invite_head);
    put_body(b);
}

bool parse_messages_make(struct parse_message out[PARSE_MESSAGES])
{
    static const struct {
        const char *name;
        void (*put)(struct buf *b);
    } makers[PARSE_MESSAGES] = {
        { "INVITE", put_invite }, { "200 OK", put_ok },    { "REGISTER", put_register },
        { "ACK", put_ack },       { "34 Vias", put_long },
    };
    for (size_t i = 0; i < PARSE_MESSAGES; i++) {
        struct buf b;
        buf_init(&b, 65535);
        makers[i].put(&b);
        size_t n = b.n;
        char *text = buf_take(&b);
        buf_fini(&b);
        out[i] = (struct parse_message){ .name = makers[i].name, .text = text, .n = n };
        if (!text)
            return false;
    }
    return true;
}

void parse_messages_free(struct parse_message m[PARSE_MESSAGES])
{
    for (size_t i = 0; i < PARSE_MESSAGES; i++)
        mem_free(m[i].text);
}
