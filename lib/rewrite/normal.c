/* Putting one address into standard form: ADDRESS_REWRITING behaviour, one rule a function. */
#include "rewrite/internal.h"

static struct str join_at(struct arena *a, struct str local, struct str domain)
{
    BUF_AUTO(text, 0);

    buf_join(&text, local, STR("@"), domain);
    return arena_str(a, buf_str(&text));
}

/* @a,@b:user@c -> user@c */
static struct str strip_source_route(struct str address)
{
    while (str_starts(address, STR("@"))) {
        size_t colon = str_find(address, ':');
        if (colon == STR_NOT_FOUND)
            break;
        address = str_skip(address, colon + 1);
    }
    return address;
}

/* site!user -> user@site, for an address without a domain. */
static struct str swap_bang(struct str address, struct arena *a)
{
    struct str rest = address;
    struct str site = str_cut(&rest, '!');

    return site.len && rest.len ? join_at(a, rest, site) : address;
}

/* user%domain -> user@domain, for an address without a domain. */
static struct str swap_percent(struct str address, struct arena *a)
{
    size_t at = str_rfind(address, '%');

    return join_at(a, str_sub(address, 0, at), str_skip(address, at + 1));
}

static struct str give_domain(struct rewriter *r, struct str address, struct str origin,
                              struct arena *a)
{
    if (r->own.swap_bangpath && str_has(address, '!'))
        address = swap_bang(address, a);
    if (!str_has(address, '@') && r->own.allow_percent_hack && str_has(address, '%'))
        address = swap_percent(address, a);
    if (!str_has(address, '@') && r->own.append_at_myorigin && origin.len)
        address = join_at(a, address, origin);
    return address;
}

static bool is_literal(struct str domain) { return str_starts(domain, STR("[")); }

struct str rewrite_normalise(struct rewriter *r, struct str address, struct str origin,
                             struct str domain, struct arena *a)
{
    if (address.len == 0)
        return address;
    address = strip_source_route(address);
    if (!str_has(address, '@'))
        address = give_domain(r, address, origin, a);
    size_t at = str_rfind(address, '@');
    if (at == STR_NOT_FOUND)
        return arena_str(a, address);
    struct str local = str_sub(address, 0, at), host = str_skip(address, at + 1);
    /* A final dot says that the name is complete. */
    if (str_ends(host, STR(".")) && host.len > 1)
        return join_at(a, local, str_sub(host, 0, host.len - 1));
    if (r->own.append_dot_mydomain && domain.len && host.len && !str_has(host, '.') &&
        !is_literal(host)) {
        BUF_AUTO(full, 0);
        buf_join(&full, host, STR("."), domain);
        return join_at(a, local, buf_str(&full));
    }
    return join_at(a, local, host);
}

struct str rewrite_quoted(struct rewriter *r, enum rewrite_context context, struct str local,
                          struct arena *a)
{
    struct str origin =
        context == REWRITE_LOCAL ? r->site.myorigin : r->site.remote_header_rewrite_domain;

    if (r->own.resolve_dequoted_address || origin.len == 0 || !r->own.append_at_myorigin)
        return rewrite_address(r, context, local, a);
    return join_at(a, local, origin);
}

struct str rewrite_address(struct rewriter *r, enum rewrite_context context, struct str address,
                           struct arena *a)
{
    struct str remote = r->site.remote_header_rewrite_domain;

    if (context == REWRITE_LOCAL)
        return rewrite_normalise(r, address, r->site.myorigin, r->site.mydomain, a);
    if (remote.len == 0)
        return arena_str(a, address);
    return rewrite_normalise(r, address, remote, remote, a);
}
