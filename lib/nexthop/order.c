#include "nexthop/order.h"

#include <limits.h>
#include <stdlib.h>

static bool is_self(const struct target_server *s, const struct interface_list *own,
                    const struct interface_list *proxy)
{
    return interfaces_contain(own, s->address) || interfaces_contain(proxy, s->address);
}

void order_drop_self(struct target_list *l, const struct interface_list *own,
                     const struct interface_list *proxy)
{
    int best = INT_MAX;
    size_t kept = 0;

    for (size_t i = 0; i < l->count; i++)
        if (is_self(&l->servers[i], own, proxy)) {
            best = MIN(best, l->servers[i].preference);
            l->self = true;
        }
    if (!l->self)
        return;
    for (size_t i = 0; i < l->count; i++)
        if (l->servers[i].preference < best)
            l->servers[kept++] = l->servers[i];
    l->count = kept;
}

static void swap(struct target_list *l, size_t i, size_t k)
{
    struct target_server s = l->servers[i];

    l->servers[i] = l->servers[k];
    l->servers[k] = s;
}

static void shuffle(struct target_list *l, const struct order_rules *rules)
{
    for (size_t i = l->count; i > 1; i--)
        swap(l, i - 1, rules->random(rules->context) % i);
}

/* RFC 2782: among equals of an SRV answer the next one is drawn by weight. */
static void draw_by_weight(struct target_list *l, size_t from, size_t to,
                           const struct order_rules *rules)
{
    uint32_t sum = 0, at;

    for (size_t i = from; i < to; i++)
        sum += (uint32_t)l->servers[i].weight;
    if (sum == 0)
        return;
    at = rules->random(rules->context) % sum;
    for (size_t i = from; i < to; i++) {
        if (at < (uint32_t)l->servers[i].weight) {
            swap(l, from, i);
            return;
        }
        at -= (uint32_t)l->servers[i].weight;
    }
}

static void weigh(struct target_list *l, const struct order_rules *rules)
{
    for (size_t i = 0; i < l->count; i++) {
        size_t end = i;
        while (end < l->count && l->servers[end].preference == l->servers[i].preference)
            end++;
        draw_by_weight(l, i, end, rules);
    }
}

/* Lower goes first. */
static int64_t rank(const struct target_server *s, int family)
{
    return 2 * (int64_t)s->preference +
           (family != AF_UNSPEC && s->addr.ss.ss_family != family ? 1 : 0);
}

static int by_place(const void *left, const void *right)
{
    const struct target_server *l = left, *r = right;

    return (l->place > r->place) - (l->place < r->place);
}

void order_servers(struct target_list *l, const struct order_rules *rules)
{
    if (rules->random)
        shuffle(l, rules);
    /* Equals keep their order. */
    for (size_t i = 0; i < l->count; i++)
        l->servers[i].place = rank(&l->servers[i], rules->family) * TARGET_SERVERS_MAX + (int64_t)i;
    qsort(l->servers, l->count, sizeof *l->servers, by_place);
    if (rules->random)
        weigh(l, rules);
}

static size_t first_of_other_family(const struct target_list *l, size_t from)
{
    while (from < l->count && l->servers[from].addr.ss.ss_family == l->servers[0].addr.ss.ss_family)
        from++;
    return from;
}

void order_limit(struct target_list *l, size_t limit, bool balance)
{
    if (limit == 0 || l->count <= limit)
        return;
    size_t other = first_of_other_family(l, 1);
    if (balance && limit > 1 && other >= limit && other < l->count)
        swap(l, limit - 1, other);
    l->count = limit;
}
