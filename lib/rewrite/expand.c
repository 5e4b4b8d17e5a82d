/* Virtual alias expansion (rewrite/mapping.h): a stack of addresses still to be looked up, so
 * that neither a loop nor a long list costs more than the limits allow. */
#include "base/log.h"
#include "queue/record.h"
#include "rewrite/map.h"
#include "rewrite/mapping.h"
#include "text/address.h"

#define RESULT_MAX (1024UL * 1024)

struct candidate {
    struct str address;
    int depth;
    bool final; /* the alias's own name among its results: goes no further */
};

struct expander {
    const struct mapping *m;
    struct arena *arena;
    struct candidate *stack;
    size_t count, room;
    struct address_set *out;
    struct str *failed_at;
};

static void push(struct expander *x, struct candidate item)
{
    if (x->count == x->room) {
        size_t room = x->room ? 2 * x->room : 16;
        struct candidate *grown = arena_alloc(x->arena, room * sizeof *grown);
        if (x->count)
            memcpy(grown, x->stack, x->count * sizeof *grown);
        x->stack = grown;
        x->room = room;
    }
    x->stack[x->count++] = item;
}

void address_set_add(struct address_set *set, struct str address, struct arena *a)
{
    if (set->count == set->room) {
        size_t room = set->room ? 2 * set->room : 16;
        struct str *grown = arena_alloc(a, room * sizeof *grown);
        if (set->count)
            memcpy(grown, set->items, set->count * sizeof *grown);
        set->items = grown;
        set->room = room;
    }
    set->items[set->count++] = address;
}

/* One address of an alias's value, complete. */
static struct str complete(struct expander *x, struct str alias, struct str item,
                           struct str extension)
{
    struct address_parts parts = address_split(item);
    BUF_AUTO(text, RESULT_MAX);

    if (item.len && item.ptr[0] == '@') { /* @domain: the same user there */
        buf_join(&text, address_split(alias).local, item);
    } else {
        buf_add(&text, parts.local);
        if (x->m->virtual_extensions)
            buf_add(&text, extension);
        if (parts.domain.ptr)
            buf_join(&text, STR("@"), parts.domain);
    }
    return rewrite_address(x->m->rewriter, REWRITE_LOCAL, buf_str(&text), x->arena);
}

static enum expansion no_address(struct str alias, struct str value)
{
    BUF_AUTO(quoted, RESULT_MAX);

    address_quote(alias, &quoted);
    log_warning("virtual_alias_maps lookup of " STR_FMT " returns non-address result \"" STR_FMT
                "\"",
                STR_ARG(buf_str(&quoted)), STR_ARG(value));
    return EXPANSION_FAILED;
}

/* Push what `alias` stands for, last first, so that the results come out in the order written. */
static enum expansion push_members(struct expander *x, const struct candidate *alias,
                                   struct str value, struct str extension)
{
    struct address_list list;
    size_t before = x->count;
    size_t longest = MIN((size_t)cleanup_conf.virtual_alias_address_length_limit, RECORD_FACT_MAX);

    address_list_parse(x->arena, value, (size_t)cleanup_conf.virtual_alias_expansion_limit * 8 + 64,
                       &list);
    if (list.truncated)
        return EXPANSION_SIZE;
    for (size_t i = list.count; i-- > 0;) {
        if (list.items[i].kind != ADDRESS_MAILBOX || list.items[i].address.len == 0)
            continue;
        struct str next = complete(x, alias->address, list.items[i].address, extension);
        if (next.len > longest) {
            *x->failed_at = next;
            return EXPANSION_LENGTH;
        }
        push(x,
             (struct candidate){ next, alias->depth + 1, str_equal_nocase(next, alias->address) });
        if (x->count + x->out->count > (size_t)cleanup_conf.virtual_alias_expansion_limit)
            return EXPANSION_SIZE;
    }
    return x->count == before ? no_address(alias->address, value) : EXPANSION_OK;
}

static enum expansion expand_one(struct expander *x, struct candidate item)
{
    struct address_walk walk = rewrite_address_walk(x->m->rewriter, ADDRESS_KEYS_REWRITE);
    BUF_AUTO(value, RESULT_MAX);
    BUF_AUTO(extension, RESULT_MAX);

    if (item.final) {
        address_set_add(x->out, item.address, x->arena);
        return EXPANSION_OK;
    }
    if (item.depth >= cleanup_conf.virtual_alias_recursion_limit)
        return EXPANSION_NESTING;
    switch (
        table_list_lookup_address(x->m->virtual_aliases, item.address, &walk, &value, &extension)) {
    case TABLE_NOT_FOUND:
        address_set_add(x->out, item.address, x->arena);
        return EXPANSION_OK;
    case TABLE_FOUND:
        if (value.full)
            return EXPANSION_SIZE;
        return push_members(x, &item, buf_str(&value), buf_str(&extension));
    default:
        return EXPANSION_FAILED;
    }
}

enum expansion mapping_expand(const struct mapping *m, struct str address, struct arena *a,
                              struct address_set *out, struct str *failed_at)
{
    struct expander x = { .m = m, .arena = a, .out = out, .failed_at = failed_at };

    *out = (struct address_set){ 0 };
    *failed_at = address;
    push(&x, (struct candidate){ address, 0, false });
    while (x.count) {
        struct candidate item = x.stack[--x.count];
        enum expansion result = expand_one(&x, item);
        if (result != EXPANSION_OK)
            return result;
    }
    return EXPANSION_OK;
}

const char *expansion_text(enum expansion e)
{
    static const char *const texts[] = {
        [EXPANSION_OK] = "",
        [EXPANSION_FAILED] = "map lookup problem for",
        [EXPANSION_NESTING] = "map nesting for",
        [EXPANSION_SIZE] = "map expansion size for",
        [EXPANSION_LENGTH] = "result",
    };

    return texts[e];
}
