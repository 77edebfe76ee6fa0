/*
 * The simulated world: hosts with addresses on a virtual network, a virtual clock that jumps to the next event, and
 * impairments drawn from one seed. A run is a function of its seed: every failure replays.
 *
 * Single-threaded. Callbacks of all loops run inside sim_run and its kin.
 */
#ifndef AHOY_SYS_SIM_H
#define AHOY_SYS_SIM_H

#include "sys/dns.h"
#include "sys/loop.h"
#include "sys/tcp.h"
#include "sys/udp.h"

struct sim;

AHOY_MUST_USE enum ahoy_err sim_create(struct sim **out, uint64_t seed);

/** Destroys hosts, links and records. All loops must have been destroyed. NULL is ignored. */
void sim_destroy(struct sim *s);

/**
 * A host with one address ("192.0.2.1" or IPv6). It lives as long as the simulation. A datagram to a port where it does
 * not listen is refused: the sender's error callback hears it after the way back.
 */
AHOY_MUST_USE enum ahoy_err sim_host(struct sim *s, const char *ip, struct sys_host **out);

/** Gives a host one more address, or takes one away (sockets bound to it go silent): a changed network. */
AHOY_MUST_USE enum ahoy_err sim_host_add_ip(struct sys_host *host, const char *ip);
void sim_host_remove_ip(struct sys_host *host, const char *ip);

/** Its loops are busy for so much of the time from now on, 0 … 1, as sys_busy_us tells; nothing gets slower by it. */
void sim_host_busy(struct sys_host *host, double share);

/** What the network does to packets of one direction. Fractions are 0 … 1. TCP sees delay and loss as delay only. */
struct sim_link {
    double loss;        /* chance that a packet is lost */
    double burst;       /* mean length of a run of losses in packets; <= 1: independent (Gilbert model otherwise) */
    double duplicate;   /* chance that a packet arrives twice */
    double reorder;     /* chance that a packet is held back by reorder_us */
    double corrupt;     /* chance that one bit of the packet is flipped */
    int64_t delay_us;   /* one way; at least 10 us pass in any case */
    int64_t jitter_us;  /* uniform 0 … jitter_us on top, so packets may overtake each other */
    int64_t reorder_us; /* 0: 20 ms */
    uint32_t rate_bps;  /* 0: unlimited; else a queue of at most queue_bytes. IP and UDP headers count */
    uint32_t queue_bytes;
};

/** Applies to everything, until a pair has its own. A new simulation has 1 ms of delay and nothing else. */
void sim_default_link(struct sim *s, const struct sim_link *link);

/** Applies to packets from `from` to `to` only. */
AHOY_MUST_USE enum ahoy_err sim_pair_link(struct sim *s, struct sys_host *from, struct sys_host *to,
                                          const struct sim_link *link);

/** Cuts (or heals) both directions between two hosts; TCP connections over a cut time out. */
AHOY_MUST_USE enum ahoy_err sim_partition(struct sim *s, struct sys_host *a, struct sys_host *b, bool cut);

enum sim_nat_kind { SIM_NAT_FULL_CONE, SIM_NAT_ADDRESS_RESTRICTED, SIM_NAT_PORT_RESTRICTED, SIM_NAT_SYMMETRIC };

/**
 * Puts a host behind a NAT with this public address. Idle UDP bindings vanish after `binding_s` seconds (0: 120). Hosts
 * behind the same public address share that NAT and reach each other directly; private addresses may repeat behind
 * different ones. TCP goes out only.
 */
AHOY_MUST_USE enum ahoy_err sim_nat(struct sys_host *host, const char *public_ip, enum sim_nat_kind kind,
                                    uint32_t binding_s);

/** Adds a DNS record that all hosts see. `record` is copied. */
AHOY_MUST_USE enum ahoy_err sim_dns_add(struct sim *s, const char *name, const struct sys_dns_record *record);
AHOY_MUST_USE enum ahoy_err sim_dns_add_ip(struct sim *s, const char *name, const char *ip);
AHOY_MUST_USE enum ahoy_err sim_dns_add_srv(struct sim *s, const char *name, uint16_t priority, uint16_t weight,
                                            uint16_t port, const char *target);

/** Forgets all records of a name. */
void sim_dns_remove(struct sim *s, const char *name);

/** Makes the name server fail (DNS_SERVER after 5 s) or work again. */
void sim_dns_broken(struct sim *s, bool broken);

/** Virtual monotonic time. It starts at 1,000 s; the wall clock at 2026-01-01 00:00 UTC. */
int64_t sim_now_us(const struct sim *s);

/** Runs events up to now + us and sets the clock there. */
void sim_run(struct sim *s, int64_t us);

/** Runs until `done(arg)` is true (checked after each event) or now + limit_us; returns whether it became true. */
bool sim_run_until(struct sim *s, bool (*done)(void *arg), void *arg, int64_t limit_us);

/** Runs until nothing is left to happen or now + limit_us; returns whether it became idle. */
bool sim_run_idle(struct sim *s, int64_t limit_us);

/**
 * A tap: sees each datagram as its sender sends it (before any NAT) and whether it gets lost; for tests and ladders.
 */
typedef void sim_tap_fn(void *arg, int64_t now_us, const struct addr *src, const struct addr *dst, const void *data,
                        size_t n, bool lost);
void sim_tap(struct sim *s, sim_tap_fn *fn, void *arg);

#endif
