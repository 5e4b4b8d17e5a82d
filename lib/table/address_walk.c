/* The forms of an address that tables are asked for. */
#include "conf/params.h"
#include "table/list.h"
#include "table/parents.h"
#include "text/address.h"

/* One walk: the address taken apart, and the buffers that keys are composed in. */
struct walk {
    struct table_list *list;
    const struct address_walk *rules;
    struct buf *value;
    struct str local, domain;
    /* Of the local part; `extension` with its delimiter, absent without one. */
    struct str base, extension;
    struct buf key, quoted;
    bool partial;
    bool dropped_extension; /* the key that was tried last had none, though the address does */
};

static void split(struct walk *w, struct str address)
{
    struct address_parts parts = address_split(address);
    struct address_extension_rule rule = { .delimiters = w->rules->delimiters,
                                           .owner_request_special = !w->rules->split_owner_request,
                                           .double_bounce = site_conf.double_bounce_sender };
    struct str base, extension;

    w->local = w->base = parts.local;
    w->domain = parts.domain;
    if (rule.delimiters.len &&
        address_split_extension(&rule, parts.local, &base, NULL, &extension)) {
        w->base = base;
        w->extension = str_skip(parts.local, base.len); /* from the delimiter on */
    }
}

static enum table_result ask(struct walk *w, struct str key)
{
    return w->partial ? table_list_lookup_partial(w->list, key, w->value)
                      : table_list_lookup(w->list, key, w->value);
}

/* `local` + `behind` in external form, and as it stands where that differs. */
static enum table_result ask_local(struct walk *w, struct str local, struct str behind)
{
    enum table_result result;

    buf_clear(&w->quoted);
    buf_clear(&w->key);
    /* A local part with an @ of its own would be split there: quote it together with a domain. */
    buf_join(&w->key, local, STR("@"), STR("x"));
    address_quote(buf_str(&w->key), &w->quoted);
    buf_truncate(&w->quoted, w->quoted.len - strlen("@x"));
    bool same = str_equal(buf_str(&w->quoted), local);
    buf_add(&w->quoted, behind);
    result = ask(w, buf_str(&w->quoted));
    if (result != TABLE_NOT_FOUND || same)
        return result;
    buf_clear(&w->key);
    buf_join(&w->key, local, behind);
    return ask(w, buf_str(&w->key));
}

/* With the extension, then without. */
static enum table_result ask_both(struct walk *w, struct str behind)
{
    enum table_result result;

    w->dropped_extension = false;
    result = ask_local(w, w->local, behind);
    w->partial = true;
    if (result != TABLE_NOT_FOUND || w->extension.len == 0)
        return result;
    w->dropped_extension = true;
    return ask_local(w, w->base, behind);
}

static enum table_result ask_full(struct walk *w)
{
    BUF_AUTO(behind, 0);
    enum table_result result;

    if (w->domain.ptr)
        buf_join(&behind, STR("@"), w->domain);
    w->partial = false;
    result = ask_both(w, buf_str(&behind));
    w->partial = true;
    return result;
}

static enum table_result ask_localpart(struct walk *w)
{
    enum table_result local;

    /* Without a domain the full form is the local part already. */
    if (w->domain.ptr == NULL && (w->rules->keys & ADDRESS_KEY_FULL))
        return TABLE_NOT_FOUND;
    if (w->domain.ptr) {
        if (w->rules->domain_is_local == NULL)
            return TABLE_NOT_FOUND;
        local = w->rules->domain_is_local(w->rules->context, w->domain);
        if (local != TABLE_FOUND)
            return local;
    }
    return ask_both(w, STR_NONE);
}

static enum table_result ask_localpart_at(struct walk *w) { return ask_both(w, STR("@")); }

static enum table_result ask_domain(struct walk *w)
{
    return w->domain.len ? ask(w, w->domain) : TABLE_NOT_FOUND;
}

static enum table_result ask_parents(struct walk *w, bool dotted)
{
    struct parents parents = parents_of(w->domain, dotted);
    enum table_result result = TABLE_NOT_FOUND;
    struct str domain;

    while (result == TABLE_NOT_FOUND && parents_next(&parents, &domain))
        result = ask(w, domain);
    return result;
}

static enum table_result ask_dotted_parents(struct walk *w) { return ask_parents(w, true); }
static enum table_result ask_plain_parents(struct walk *w) { return ask_parents(w, false); }

static enum table_result ask_at_domain(struct walk *w)
{
    if (w->domain.len == 0)
        return TABLE_NOT_FOUND;
    w->dropped_extension = w->extension.len > 0;
    buf_clear(&w->key);
    buf_join(&w->key, STR("@"), w->domain);
    return ask(w, buf_str(&w->key));
}

static enum table_result walk_keys(struct walk *w)
{
    static const struct {
        unsigned key;
        enum table_result (*ask)(struct walk *w);
    } steps[] = {
        { ADDRESS_KEY_FULL, ask_full },
        { ADDRESS_KEY_LOCALPART, ask_localpart },
        { ADDRESS_KEY_DOMAIN, ask_domain },
        { ADDRESS_KEY_DOTTED_PARENTS, ask_dotted_parents },
        { ADDRESS_KEY_PARENTS, ask_plain_parents },
        { ADDRESS_KEY_LOCALPART_AT, ask_localpart_at },
        { ADDRESS_KEY_AT_DOMAIN, ask_at_domain },
    };
    unsigned first = w->rules->localpart_first ? w->rules->keys & ADDRESS_KEY_LOCALPART : 0;
    enum table_result result = first ? ask_localpart(w) : TABLE_NOT_FOUND;

    for (size_t i = 0; i < ARRAY_LEN(steps) && result == TABLE_NOT_FOUND; i++)
        if (w->rules->keys & ~first & steps[i].key)
            result = steps[i].ask(w);
    return result;
}

enum table_result table_list_lookup_address(struct table_list *l, struct str address,
                                            const struct address_walk *rules, struct buf *value,
                                            struct buf *extension)
{
    struct walk w = { .list = l, .rules = rules, .value = value, .partial = true };

    if (table_list_is_empty(l) || address.len == 0)
        return TABLE_NOT_FOUND;
    split(&w, address);
    enum table_result result = walk_keys(&w);
    if (result == TABLE_FOUND && extension) {
        buf_clear(extension);
        if (w.dropped_extension)
            buf_add(extension, w.extension);
    }
    buf_free(&w.key);
    buf_free(&w.quoted);
    return result;
}
