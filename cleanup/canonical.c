/* Canonical maps, masquerading and bcc maps (cleanup/address.h). */
#include "cleanup/address.h"
#include "text/address.h"

#define CANONICAL_STEPS 100 /* results are mapped again until nothing changes; a loop ends here */
#define RESULT_MAX      (64 * 1024)

/* One mapping step.  A result `@domain` keeps the local part. */
static struct str result_address(struct cleanup *c, struct str value, struct str extension,
                                 struct str old, bool extend, struct arena *a)
{
    struct address_list list;
    BUF_AUTO(text, RESULT_MAX);

    value = str_trim(value);
    if (value.len && value.ptr[0] == '@') {
        buf_join(&text, address_split(old).local, value);
        return rewrite_address(c->rewriter, REWRITE_LOCAL, buf_str(&text), a);
    }
    address_list_parse(a, value, 10, &list);
    if (list.count == 0 || list.items[0].kind != ADDRESS_MAILBOX)
        return old;
    struct address_parts parts = address_split(list.items[0].address);
    buf_add(&text, parts.local);
    if (extend)
        buf_add(&text, extension);
    if (parts.domain.ptr)
        buf_join(&text, STR("@"), parts.domain);
    return rewrite_address(c->rewriter, REWRITE_LOCAL, buf_str(&text), a);
}

static bool map_through(struct cleanup *c, struct table_list *tables, struct str *address,
                        struct arena *a)
{
    struct address_walk walk = cleanup_walk(c, ADDRESS_KEYS_REWRITE);
    BUF_AUTO(value, RESULT_MAX);
    BUF_AUTO(extension, RESULT_MAX);

    for (int step = 0; step < CANONICAL_STEPS; step++) {
        enum table_result found =
            table_list_lookup_address(tables, *address, &walk, &value, &extension);
        if (found != TABLE_FOUND)
            return found == TABLE_NOT_FOUND;
        struct str next = result_address(c, buf_str(&value), buf_str(&extension), *address,
                                         c->canonical_extensions, a);
        if (str_equal_nocase(next, *address))
            return true;
        *address = next;
    }
    return true;
}

struct str address_masquerade(struct str domains, struct str address, struct arena *a)
{
    struct address_parts parts = address_split(address);
    struct str word;
    BUF_AUTO(text, RESULT_MAX);

    while (parts.domain.ptr && str_token(&domains, ", \t\r\n", &word)) {
        bool excluded = str_skip_prefix(&word, STR("!"));
        if (str_equal_nocase(parts.domain, word))
            return address;
        if (parts.domain.len <= word.len || !str_ends_nocase(parts.domain, word) ||
            parts.domain.ptr[parts.domain.len - word.len - 1] != '.')
            continue;
        if (excluded)
            return address;
        buf_join(&text, parts.local, STR("@"), word);
        return arena_str(a, buf_str(&text));
    }
    return address;
}

bool address_map(struct cleanup *c, enum address_role role, struct str *address, struct arena *a,
                 const char **parameter)
{
    const struct {
        const struct address_maps *maps;
        const char *parameter;
    } steps[] = {
        { &c->sender_canonical, "sender_canonical_maps" },
        { &c->recipient_canonical, "recipient_canonical_maps" },
        { &c->canonical, "canonical_maps" },
    };

    for (size_t i = 0; i < ARRAY_LEN(steps); i++) {
        if (!(steps[i].maps->roles & role) || table_list_is_empty(steps[i].maps->tables))
            continue;
        *parameter = steps[i].parameter;
        if (!map_through(c, steps[i].maps->tables, address, a))
            return false;
    }
    if (!(c->masquerade_roles & role) || cleanup_conf.masquerade_domains.len == 0)
        return true;
    *parameter = "masquerade_exceptions";
    switch (match_string(c->masquerade_exceptions, address_split(*address).local)) {
    case MATCH_ERROR:
        return false;
    case MATCH_NO:
        *address = address_masquerade(cleanup_conf.masquerade_domains, *address, a);
        return true;
    default:
        return true;
    }
}

bool address_bcc(struct cleanup *c, struct table_list *maps, struct str address, struct arena *a,
                 struct str *bcc)
{
    struct address_walk walk = cleanup_walk(c, ADDRESS_KEYS_REWRITE);
    BUF_AUTO(value, RESULT_MAX);

    *bcc = STR_NONE;
    if (table_list_is_empty(maps))
        return true;
    switch (table_list_lookup_address(maps, address, &walk, &value, NULL)) {
    case TABLE_FOUND:
        *bcc = arena_str(a, str_trim(buf_str(&value)));
        return true;
    case TABLE_NOT_FOUND:
        return true;
    default:
        return false;
    }
}
