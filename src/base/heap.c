#include "base/heap.h"

static bool before(const struct heap_node *a, const struct heap_node *b)
{
    return a->key != b->key ? a->key < b->key : a->order < b->order;
}

static struct heap_node *meld(struct heap_node *a, struct heap_node *b)
{
    if (!a)
        return b;
    if (!b)
        return a;
    if (before(b, a)) {
        struct heap_node *t = a;
        a = b;
        b = t;
    }
    b->prev = a;
    b->next = a->child;
    if (a->child)
        a->child->prev = b;
    a->child = b;
    a->next = a->prev = NULL;
    return a;
}

/* Two-pass pairing, without recursion: pairs left to right onto a stack, then melds the stack. */
static struct heap_node *pair_up(struct heap_node *first)
{
    struct heap_node *stack = NULL;
    while (first) {
        struct heap_node *a = first;
        struct heap_node *b = a->next;
        first = b ? b->next : NULL;
        a->next = a->prev = NULL;
        if (b)
            b->next = b->prev = NULL;
        a = meld(a, b);
        a->next = stack;
        stack = a;
    }
    struct heap_node *root = NULL;
    while (stack) {
        struct heap_node *next = stack->next;
        stack->next = NULL;
        root = meld(root, stack);
        stack = next;
    }
    return root;
}

void heap_insert(struct heap *h, struct heap_node *n, int64_t key)
{
    AHOY_ASSERT(!n->linked);
    *n = (struct heap_node){ .key = key, .order = h->inserted++, .linked = true };
    h->root = meld(h->root, n);
    h->count++;
}

void heap_remove(struct heap *h, struct heap_node *n)
{
    if (!n->linked)
        return;
    struct heap_node *below = pair_up(n->child);
    if (n == h->root) {
        h->root = below;
    } else {
        if (n->prev->child == n)
            n->prev->child = n->next;
        else
            n->prev->next = n->next;
        if (n->next)
            n->next->prev = n->prev;
        h->root = meld(h->root, below);
    }
    *n = (struct heap_node){ 0 };
    h->count--;
}
