/* Where an address goes: its class, then transport and nexthop, then the maps that override them. */
#include "queue/record.h"
#include "rewrite/internal.h"
#include "rewrite/map.h"
#include "text/address.h"
#include "text/hostname.h"

/* How often routing in the local part is unwrapped (a%b%c@here); an address is short, this is a fuse. */
#define UNWRAP_LIMIT 100

#define LOOKED_AT_MAX 100 /* domains that were looked for in several classes */

/* With a prefix it is one fact of the queue. */
#define RESULT_MAX (RECORD_FACT_MAX - 64)

struct split {
    struct str local, domain;
};

bool rewrite_result_fits(const struct table_list *maps, struct str value)
{
    if (value.len <= RESULT_MAX)
        return true;
    log_warning("%s: a result of " STR_FMT " with %zu bytes is too long",
                table_list_parameter(maps), STR_ARG(table_list_last(maps)), value.len);
    return false;
}

static struct split split_address(struct str address)
{
    size_t at = str_rfind(address, '@');

    if (at == STR_NOT_FOUND)
        return (struct split){ address, STR_NONE };
    return (struct split){ str_sub(address, 0, at), str_skip(address, at + 1) };
}

static bool has_routing(struct rewriter *r, struct str local)
{
    return str_has(local, '@') || (r->own.allow_percent_hack && str_has(local, '%')) ||
           (r->own.swap_bangpath && str_has(local, '!'));
}

/* Routing that is written in quotes is none for us, but may be for the next host. */
static bool may_unwrap(struct rewriter *r, struct str local)
{
    BUF_AUTO(address, 0);

    buf_join(&address, local, STR("@x"));
    return r->own.resolve_dequoted_address || !address_needs_quote(buf_str(&address));
}

/* a@b@here, a%b@here, b!a@here: we are asked to pass it on. */
static struct str unwrap(struct rewriter *r, struct str local, struct arena *a)
{
    size_t percent = str_rfind(local, '%');

    if (!str_has(local, '@') && r->own.allow_percent_hack && percent != STR_NOT_FOUND &&
        !(r->own.swap_bangpath && str_has(local, '!'))) {
        char *copy = arena_cstr(a, local);
        copy[percent] = '@';
        local = str_from(copy);
    }
    return rewrite_address(r, REWRITE_LOCAL, local, a);
}

struct class_rule {
    const char *parameter;
    unsigned flag;
    enum match_result (*matches)(struct rewriter *r, struct str domain);
    void (*route)(struct rewriter *r, struct resolution *res, struct str domain, struct str sender,
                  struct arena *a);
};

static enum match_result is_alias_domain(struct rewriter *r, struct str domain)
{
    return match_domain(r->alias_domains, domain);
}

static enum match_result is_mailbox_domain(struct rewriter *r, struct str domain)
{
    return match_domain(r->mailbox_domains, domain);
}

static enum match_result is_relay_domain(struct rewriter *r, struct str domain)
{
    return match_domain(r->relay_domains, domain);
}

static enum match_result is_any_domain(struct rewriter *r, struct str domain)
{
    (void)r;
    (void)domain;
    return MATCH_YES;
}

static void set_route(struct resolution *res, struct str value, struct str domain)
{
    rewrite_split_transport(value, &res->transport, &res->nexthop);
    if (res->nexthop.len == 0)
        res->nexthop = domain;
}

static void route_local(struct rewriter *r, struct resolution *res, struct str domain,
                        struct str sender, struct arena *a)
{
    (void)sender;
    (void)a;
    set_route(res, r->own.local_transport, domain);
}

static void route_alias(struct rewriter *r, struct resolution *res, struct str domain,
                        struct str sender, struct arena *a)
{
    (void)domain;
    (void)sender;
    (void)a;
    res->transport = r->site.error_service_name;
    res->nexthop = r->site.show_user_unknown_table_name
                       ? STR("5.1.1 User unknown in virtual alias table")
                       : STR("5.1.1 User unknown");
}

static void route_mailbox(struct rewriter *r, struct resolution *res, struct str domain,
                          struct str sender, struct arena *a)
{
    (void)sender;
    (void)a;
    set_route(res, r->site.virtual_transport, domain);
}

/* A sender-dependent map: user+ext@domain, user@domain, @domain; `null_key` stands for the null sender.
 * The result DUNNO means "as if not listed". */
static enum table_result sender_lookup(struct rewriter *r, struct table_list *maps,
                                       struct str sender, struct str null_key, struct buf *value)
{
    struct address_walk walk = { .keys = ADDRESS_KEY_FULL | ADDRESS_KEY_AT_DOMAIN,
                                 .delimiters = r->site.recipient_delimiter };
    enum table_result found;

    if (table_list_is_empty(maps))
        return TABLE_NOT_FOUND;
    found = sender.len ? table_list_lookup_address(maps, sender, &walk, value, NULL)
                       : table_list_lookup(maps, null_key, value);
    if (found == TABLE_FOUND && str_equal_nocase(buf_str(value), STR("DUNNO")))
        return TABLE_NOT_FOUND;
    if (found == TABLE_FOUND && !rewrite_result_fits(maps, buf_str(value)))
        return TABLE_ERROR;
    return found;
}

/* The relayhost of this sender, or empty; false when a lookup failed. */
static bool find_relayhost(struct rewriter *r, struct str sender, struct arena *a, struct str *out)
{
    BUF_AUTO(value, 0);
    enum table_result found = sender_lookup(r, r->sender_relayhost_maps, sender,
                                            r->own.empty_address_relayhost_maps_lookup_key, &value);

    *out = found == TABLE_FOUND ? arena_str(a, buf_str(&value)) : r->site.relayhost;
    return found != TABLE_ERROR;
}

/* Transport without a nexthop of its own: the relayhost, else the recipient's domain. */
static void route_outward(struct rewriter *r, struct resolution *res, struct str value,
                          struct str domain, struct str sender, struct arena *a)
{
    struct str relayhost;

    rewrite_split_transport(value, &res->transport, &res->nexthop);
    if (res->nexthop.len)
        return;
    if (!find_relayhost(r, sender, a, &relayhost))
        res->flags |= RESOLVE_FAIL;
    res->nexthop = relayhost.len ? relayhost : domain;
}

static void route_relay(struct rewriter *r, struct resolution *res, struct str domain,
                        struct str sender, struct arena *a)
{
    route_outward(r, res, r->own.relay_transport, domain, sender, a);
}

static void route_default(struct rewriter *r, struct resolution *res, struct str domain,
                          struct str sender, struct arena *a)
{
    BUF_AUTO(value, 0);
    enum table_result found =
        sender_lookup(r, r->sender_transport_maps, sender,
                      r->own.empty_address_default_transport_maps_lookup_key, &value);

    if (found == TABLE_ERROR)
        res->flags |= RESOLVE_FAIL;
    route_outward(r, res,
                  found == TABLE_FOUND ? arena_str(a, buf_str(&value)) : r->own.default_transport,
                  domain, sender, a);
}

/* In the order in which a domain's class is decided; the first that matches is it. */
static const struct class_rule class_rules[] = {
    { "mydestination", RESOLVE_CLASS_LOCAL | RESOLVE_FINAL, rewrite_match_local, route_local },
    { "virtual_alias_domains", RESOLVE_CLASS_ALIAS | RESOLVE_FINAL, is_alias_domain, route_alias },
    { "virtual_mailbox_domains", RESOLVE_CLASS_VIRTUAL | RESOLVE_FINAL, is_mailbox_domain,
      route_mailbox },
    { "relay_domains", RESOLVE_CLASS_RELAY, is_relay_domain, route_relay },
    { NULL, RESOLVE_CLASS_DEFAULT, is_any_domain, route_default },
};

/* Lookups may cost something, and one warning says it all: once a domain, and not for all the domains of the world. */
static bool is_new_domain(struct rewriter *r, struct str domain)
{
    if (r->looked_at.count >= LOOKED_AT_MAX || map_has(&r->looked_at, domain))
        return false;
    map_set(&r->looked_at, domain, r);
    return true;
}

/* The first class has the domain; what the site says of it for another class does not count.  To relay for a domain of this
 * host is the default of old. */
static void warn_of_second_class(struct rewriter *r, const struct class_rule *first,
                                 struct str domain)
{
    if (first->parameter == NULL || !is_new_domain(r, domain))
        return;
    for (const struct class_rule *other = first + 1; other->parameter; other++) {
        if ((first->flag & RESOLVE_CLASS_LOCAL) && (other->flag & RESOLVE_CLASS_RELAY))
            continue;
        if (other->matches(r, domain) == MATCH_YES)
            log_warning("do not list domain " STR_FMT " in BOTH %s and %s", STR_ARG(domain),
                        first->parameter, other->parameter);
    }
}

static void classify(struct rewriter *r, struct resolution *res, struct str domain,
                     struct str sender, struct arena *a)
{
    for (size_t i = 0; i < ARRAY_LEN(class_rules); i++) {
        enum match_result match = class_rules[i].matches(r, domain);
        if (match == MATCH_NO)
            continue;
        if (match == MATCH_ERROR) {
            res->flags |= RESOLVE_FAIL;
            return;
        }
        warn_of_second_class(r, &class_rules[i], domain);
        res->flags |= class_rules[i].flag;
        class_rules[i].route(r, res, domain, sender, a);
        return;
    }
}

/* relocated_maps: whoever has moved is returned with the new address, whatever the class. */
static void apply_relocated_maps(struct rewriter *r, struct resolution *res, struct arena *a)
{
    BUF_AUTO(value, 0);
    BUF_AUTO(text, 0);
    struct address_walk walk = rewrite_address_walk(r, ADDRESS_KEYS_REWRITE);

    if (table_list_is_empty(r->relocated_maps))
        return;
    /* Resolving goes by the rewrite service's settings. */
    walk.delimiters = r->site.recipient_delimiter;
    enum table_result found =
        table_list_lookup_address(r->relocated_maps, res->recipient, &walk, &value, NULL);
    if (found == TABLE_FOUND && !rewrite_result_fits(r->relocated_maps, buf_str(&value)))
        found = TABLE_ERROR;
    if (found == TABLE_ERROR)
        res->flags |= RESOLVE_FAIL;
    if (found != TABLE_FOUND)
        return;
    if (r->own.relocated_prefix_enable)
        buf_add(&text, STR("5.1.6 User has moved to "));
    buf_add(&text, buf_str(&value));
    res->transport = r->site.error_service_name;
    res->nexthop = arena_str(a, buf_str(&text));
}

static void refuse(struct rewriter *r, struct resolution *res, struct str text)
{
    res->transport = r->site.error_service_name;
    res->nexthop = text;
    res->flags |= RESOLVE_CLASS_DEFAULT | RESOLVE_ERROR;
}

/* user@192.0.2.1 is no mail address unless the site asks for [192.0.2.1]. */
static struct str numeric_domain(struct rewriter *r, struct resolution *res, struct split s,
                                 struct arena *a)
{
    BUF_AUTO(text, 0);

    if (!rewrite_takes_numeric_domains(r))
        return STR_NONE;
    buf_join(&text, s.local, STR("@["), s.domain, STR("]"));
    res->recipient = arena_str(a, buf_str(&text));
    return split_address(res->recipient).domain;
}

/* user@ is no mail address unless the site takes it for one of this host. */
static struct str null_domain(struct rewriter *r, struct resolution *res, struct split s,
                              struct arena *a)
{
    BUF_AUTO(text, 0);

    if (!rewrite_takes_null_domains(r))
        return STR_NONE;
    buf_join(&text, s.local, STR("@"), r->site.myhostname);
    res->recipient = arena_str(a, buf_str(&text));
    return split_address(res->recipient).domain;
}

/* What is neither a host's name nor an address in brackets is nowhere in the world, whatever a table says; least of all
 * may a stranger's `host:port` become a next hop. */
static bool is_mail_domain(const struct rewriter *r, struct str domain)
{
    return hostname_is_valid(domain, r->site.smtputf8_enable) ||
           hostname_literal_address(domain).ptr;
}

/* Follow routing in the local part while the domain is ours; returns the final parts. */
static struct split unwrap_all(struct rewriter *r, struct resolution *res, struct arena *a)
{
    struct split s = split_address(res->recipient);

    for (int i = 0; i < UNWRAP_LIMIT && has_routing(r, s.local); i++) {
        enum match_result local = rewrite_match_local(r, s.domain);
        if (local == MATCH_ERROR)
            res->flags |= RESOLVE_FAIL;
        res->flags |= RESOLVE_ROUTED;
        if (local != MATCH_YES || !may_unwrap(r, s.local))
            break;
        res->recipient = unwrap(r, s.local, a);
        s = split_address(res->recipient);
    }
    return s;
}

/* Somebody reads what comes for nobody here. */
static void name_a_reader(struct rewriter *r, struct resolution *res, struct split s,
                          struct arena *a)
{
    BUF_AUTO(text, 0);

    if (!(res->flags & RESOLVE_CLASS_LOCAL) || s.local.len || s.domain.len == 0)
        return;
    buf_join(&text, r->site.empty_address_recipient, STR("@"), s.domain);
    res->recipient = arena_str(a, buf_str(&text));
}

struct resolution rewrite_resolve(struct rewriter *r, struct str sender, struct str address,
                                  struct arena *a)
{
    struct resolution res = { 0 };

    if (address.len == 0)
        address = r->site.empty_address_recipient;
    res.recipient = rewrite_address(r, REWRITE_LOCAL, address, a);
    struct split s = unwrap_all(r, &res, a);
    if (s.domain.len && hostname_is_address(s.domain))
        s.domain = numeric_domain(r, &res, s, a);
    else if (s.domain.ptr && s.domain.len == 0)
        s.domain = null_domain(r, &res, s, a);
    if (s.domain.len ? !is_mail_domain(r, s.domain) : !rewrite_takes_null_domains(r)) {
        refuse(r, &res, STR("5.1.3 bad address syntax"));
    } else {
        classify(r, &res, s.domain, sender, a);
        name_a_reader(r, &res, s, a);
        if (!(res.flags & RESOLVE_FAIL))
            rewrite_apply_transport_maps(r, &res, s.domain, a);
        if (!(res.flags & RESOLVE_FAIL))
            apply_relocated_maps(r, &res, a);
    }
    return res;
}

bool rewrite_takes_null_domains(const struct rewriter *r) { return r->own.resolve_null_domain; }
bool rewrite_takes_numeric_domains(const struct rewriter *r)
{
    return r->own.resolve_numeric_domain;
}
