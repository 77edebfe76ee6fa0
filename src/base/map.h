/*
 * An intrusive hash map from bytes to the caller's structs. Keys are views that the owner keeps alive while the node is
 * in the map. The hash is keyed (SipHash-2-4), so a peer cannot choose keys that collide.
 */
#ifndef AHOY_BASE_MAP_H
#define AHOY_BASE_MAP_H

#include "base/view.h"

struct map_node {
    struct map_node *next;
    struct view key;
    uint64_t hash;
    bool linked;
};

struct map {
    struct map_node **bucket;
    size_t buckets; /* a power of two, or 0 */
    size_t count;
    uint64_t seed[2];
};

/** An empty map; `seed` is 16 random bytes. */
void map_init(struct map *m, const uint8_t seed[16]);

/** Frees the table; the nodes stay the caller's. */
void map_fini(struct map *m);

/** Puts a node in, several may share a key (the newest is found first). NOMEM leaves the map as it was. */
AHOY_MUST_USE enum ahoy_err map_put(struct map *m, struct view key, struct map_node *node);

/** The newest node with this key, or NULL. */
struct map_node *map_get(const struct map *m, struct view key);

/** The next older node with the same key, or NULL. */
struct map_node *map_get_next(const struct map_node *node);

/** Takes a node out; a node that is in no map is ignored. */
void map_remove(struct map *m, struct map_node *node);

/** Walks all nodes: start with NULL. No node may be put in or taken out during a walk. */
struct map_node *map_each(const struct map *m, const struct map_node *after);

/** Removes and returns any node, or NULL when empty: for tearing down. */
struct map_node *map_take(struct map *m);

/** SipHash-2-4 of `v`. */
uint64_t map_hash(const uint64_t seed[2], struct view v);

#define MAP_ENTRY(node, type, member) AHOY_CONTAINER_OF(node, type, member)

#endif
