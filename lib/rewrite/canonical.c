/* Canonical maps, masquerading and bcc maps (rewrite/mapping.h). */
#include "rewrite/map.h"
#include "rewrite/mapping.h"
#include "text/address.h"

#define CANONICAL_STEPS 100 /* results are mapped again until nothing changes; a loop ends here */
#define RESULT_MAX      (64UL * 1024)

struct str mapping_masquerade(struct str domains, struct str address, struct arena *a)
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

bool mapping_canonical(const struct mapping *m, enum address_role role, struct str *address,
                       struct arena *a, const char **parameter)
{
    const struct {
        const struct address_maps *maps;
        const char *parameter;
    } steps[] = {
        { &m->sender_canonical, "sender_canonical_maps" },
        { &m->recipient_canonical, "recipient_canonical_maps" },
        { &m->canonical, "canonical_maps" },
    };

    for (size_t i = 0; i < ARRAY_LEN(steps); i++) {
        if (!(steps[i].maps->roles & role) || table_list_is_empty(steps[i].maps->tables))
            continue;
        *parameter = steps[i].parameter;
        if (!rewrite_map_address(m->rewriter, steps[i].maps->tables, m->canonical_extensions,
                                 CANONICAL_STEPS, address, a))
            return false;
    }
    return true;
}

bool mapping_hide_host(const struct mapping *m, enum address_role role, struct str *address,
                       struct arena *a, const char **parameter)
{
    if (!(m->masquerade_roles & role) || cleanup_conf.masquerade_domains.len == 0)
        return true;
    *parameter = "masquerade_exceptions";
    switch (match_string(m->masquerade_exceptions, address_split(*address).local)) {
    case MATCH_ERROR:
        return false;
    case MATCH_NO:
        *address = mapping_masquerade(cleanup_conf.masquerade_domains, *address, a);
        return true;
    default:
        return true;
    }
}

bool mapping_apply(const struct mapping *m, enum address_role role, struct str *address,
                   struct arena *a, const char **parameter)
{
    return mapping_canonical(m, role, address, a, parameter) &&
           mapping_hide_host(m, role, address, a, parameter);
}

bool mapping_bcc(const struct mapping *m, struct table_list *maps, struct str address,
                 struct arena *a, struct str *bcc)
{
    struct address_walk walk = rewrite_address_walk(m->rewriter, ADDRESS_KEYS_REWRITE);
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
