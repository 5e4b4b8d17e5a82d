#pragma once
#include "base/attr.h"

#include <stdbool.h>
#include <stddef.h>

/* Intrusive doubly linked ring.  The head is a node of its own; an element embeds a node. */
struct list {
    struct list *prev, *next;
};

static inline void list_init(struct list *head) { head->prev = head->next = head; }
static inline bool list_is_empty(const struct list *head) { return head->next == head; }
static inline void list_insert_after(struct list *at, struct list *node)
{
    node->prev = at;
    node->next = at->next;
    at->next->prev = node;
    at->next = node;
}
static inline void list_append(struct list *head, struct list *node)
{
    list_insert_after(head->prev, node);
}
static inline void list_prepend(struct list *head, struct list *node)
{
    list_insert_after(head, node);
}
/* Safe on a node that was initialised and is in no list. */
static inline void list_remove(struct list *node)
{
    node->prev->next = node->next;
    node->next->prev = node->prev;
    list_init(node);
}

#define LIST_ITEM(node, type, member) CONTAINER_OF(node, type, member)
#define LIST_FIRST(head, type, member) \
    (list_is_empty(head) ? NULL : LIST_ITEM((head)->next, type, member))
/* The current element may be removed inside the loop. */
#define LIST_FOREACH(head, node)                                                      \
    for (struct list *node = (head)->next, *node##_next = node->next; node != (head); \
         node = node##_next, node##_next = node->next)
