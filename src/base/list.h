/*
 * An intrusive doubly linked list. The head is a link of its own; an unlinked link points at nothing, so list_remove
 * may be called on a link that is in no list.
 */
#ifndef AHOY_BASE_LIST_H
#define AHOY_BASE_LIST_H

#include "base/base.h"

struct list_link {
    struct list_link *prev, *next;
};

struct list {
    struct list_link head;
};

static inline void list_init(struct list *l)
{
    l->head.prev = l->head.next = &l->head;
}

static inline bool list_empty(const struct list *l)
{
    return l->head.next == &l->head;
}

static inline bool list_linked(const struct list_link *k)
{
    return k->next != NULL;
}

/* Puts `k`, which is in no list, before `at`. */
static inline void list_insert_before(struct list_link *at, struct list_link *k)
{
    k->prev = at->prev;
    k->next = at;
    at->prev->next = k;
    at->prev = k;
}

static inline void list_push_back(struct list *l, struct list_link *k)
{
    list_insert_before(&l->head, k);
}

static inline void list_push_front(struct list *l, struct list_link *k)
{
    list_insert_before(l->head.next, k);
}

static inline void list_remove(struct list_link *k)
{
    if (!k->next)
        return;
    k->prev->next = k->next;
    k->next->prev = k->prev;
    k->prev = k->next = NULL;
}

/** First link or NULL. */
static inline struct list_link *list_first(const struct list *l)
{
    return list_empty(l) ? NULL : l->head.next;
}

static inline struct list_link *list_last(const struct list *l)
{
    return list_empty(l) ? NULL : l->head.prev;
}

/** The link after `k` or NULL at the end. */
static inline struct list_link *list_next(const struct list *l, const struct list_link *k)
{
    return k->next == &l->head ? NULL : k->next;
}

/** Removes and returns the first link, or NULL. */
static inline struct list_link *list_pop_front(struct list *l)
{
    struct list_link *k = list_first(l);
    if (k)
        list_remove(k);
    return k;
}

#define LIST_ENTRY(link, type, member) AHOY_CONTAINER_OF(link, type, member)

/* The current link may be removed inside the loop; the one after it may not. */
#define LIST_EACH(k, l)                                                                                                \
    for (struct list_link *k = (l)->head.next, *k##_next_ = k->next; k != &(l)->head;                                  \
         k = k##_next_, k##_next_ = k->next)

#endif
