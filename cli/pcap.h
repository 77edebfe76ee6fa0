/*
 * Captures in the classic pcap format (libpcap's savefile). Written: raw IP (LINKTYPE_RAW) with headers made up around each SIP
 * message, checksums right. Read: Ethernet, raw IP, Linux cooked and loopback captures, UDP and TCP, IPv4 and IPv6.
 */
#ifndef AHOY_CLI_PCAP_H
#define AHOY_CLI_PCAP_H

#include "cli/ladder.h"

#include <stdio.h>

enum { PCAP_STREAMS = 32, PCAP_STREAM_BYTES = 32768, PCAP_PACKET_BYTES = 262144 };

/* One direction of a TCP connection. */
struct pcap_stream {
    uint8_t key[36]; /* addresses and ports */
    bool used;
    uint32_t seq; /* of the next byte */
    uint64_t age;
};

struct pcap_writer {
    int fd;
    struct pcap_stream stream[PCAP_STREAMS];
    uint64_t count, left_out;
};

/** Writes the file's head to `fd`, which stays the caller's. False when it cannot be written. */
bool pcap_write_begin(struct pcap_writer *w, int fd);

/** Adds a message; one whose addresses are none, or that no packet can hold, is counted in left_out. False for a write error. */
bool pcap_write(struct pcap_writer *w, const struct seen *m);

typedef void pcap_seen_fn(void *arg, const struct seen *m);

struct pcap_reader {
    FILE *file;
    pcap_seen_fn *fn;
    void *arg;
    bool swapped, nanoseconds;
    uint32_t link;
    int64_t first_ms;
    bool begun;
    uint64_t packets, messages, fragments;
    struct pcap_stream stream[PCAP_STREAMS];
    size_t held[PCAP_STREAMS];
    char bytes[PCAP_STREAMS][PCAP_STREAM_BYTES];
    uint8_t packet[PCAP_PACKET_BYTES];
    uint64_t clock;
};

/** True when the first bytes are those of a capture; `why` is set when it is of a kind that is not read here. */
bool pcap_is_capture(const uint8_t magic[4], struct text *why);

/** Reads all of `file` and hands over each SIP message. False with `why` when it is no capture that can be read. */
bool pcap_read(struct pcap_reader *r, FILE *file, pcap_seen_fn *fn, void *arg, struct text *why);

#endif
