/* The way of an address through cleanup(8), qmgr(8) and local(8). */
#include "base/log.h"
#include "rewrite/mapping.h"
#include "smtpd/explain/explain.h"
#include "text/address.h"

#define ALIASES_MAX 64 /* looked up in all: a list of thousands is no explanation */

struct path {
    struct explain *e;
    struct mapping mapping;
    struct rewriter *rewriter;  /* the queue manager's */
    struct table_list *aliases; /* local's */
    struct address_extension_rule extension_rule;
    struct map seen; /* names whose aliases were told */
    int aliases_told;
};

static struct step *begin_step(struct path *p, int depth, const char *kind, struct str subject)
{
    p->e->step = report_step(&p->e->report, depth, kind, subject);
    return p->e->step;
}

static void end_step(struct path *p, struct str verdict, struct str detail)
{
    step_result(&p->e->report, p->e->step, verdict, detail);
    p->e->step = NULL;
}

static void end_failed(struct path *p, const char *parameter)
{
    BUF_AUTO(text, 0);

    buf_join(&text, str_from(parameter), STR(": try again later"));
    end_step(p, STR("a look-up failed"), buf_str(&text));
}

/* ---- cleanup ---- */

/* Which of the rules of completing changed it? */
static void tell_why_rewritten(struct path *p, struct step *s, struct str before, struct str after)
{
    struct address_parts was = address_split(before), is = address_split(after);
    const struct {
        bool applies;
        const char *parameter;
    } causes[] = {
        { str_has(before, '!') && !str_has(after, '!'), "swap_bangpath" },
        { str_has(was.local, '%') && !str_has(is.local, '%'), "allow_percent_hack" },
        { !was.domain.ptr && is.domain.ptr, "append_at_myorigin" },
        { !was.domain.ptr && is.domain.ptr, "myorigin" },
        { was.domain.ptr && !str_has(was.domain, '.') && str_has(is.domain, '.'),
          "append_dot_mydomain" },
        { was.domain.ptr && !str_has(was.domain, '.') && str_has(is.domain, '.'), "mydomain" },
        { before.len == 0, "empty_address_recipient" },
    };

    for (size_t i = 0; i < ARRAY_LEN(causes); i++)
        if (causes[i].applies)
            explain_because(p->e, s, causes[i].parameter);
}

static struct str complete(struct path *p, struct str address)
{
    struct step *s = begin_step(p, 0, "rewrite", address);
    struct str start = address.len ? address : site_conf.empty_address_recipient;
    struct str result = rewrite_address(p->mapping.rewriter, REWRITE_LOCAL, start, &p->e->arena);
    bool same = str_equal(address, result);

    if (!same)
        tell_why_rewritten(p, s, address, result);
    end_step(p, same ? STR("is complete") : STR("completed"), same ? STR_NONE : result);
    return result;
}

/* What is told of one kind of mapping. */
struct mapping_words {
    const char *kind, *changed, *unchanged;
};
static const struct mapping_words canonical_words = { "canonical", "has a canonical form",
                                                      "has no canonical form" };
static const struct mapping_words masquerade_words = { "masquerade", "hides its host",
                                                       "has no host to hide" };

typedef bool map_fn(const struct mapping *m, enum address_role role, struct str *address,
                    struct arena *a, const char **parameter);

/* False: a look-up failed. */
static bool apply(struct path *p, const struct mapping_words *words, map_fn *map,
                  enum address_role role, struct str *address)
{
    struct str before = *address;
    const char *parameter = words->kind;
    struct step *s = begin_step(p, 0, words->kind, before);

    if (!map(&p->mapping, role, address, &p->e->arena, &parameter)) {
        end_failed(p, parameter);
        return false;
    }
    bool same = str_equal(before, *address);
    if (!same && map == mapping_hide_host)
        explain_because(p->e, s, "masquerade_domains");
    end_step(p, str_from(same ? words->unchanged : words->changed), same ? STR_NONE : *address);
    return true;
}

static bool map_address(struct path *p, enum address_role role, struct str *address)
{
    return !p->e->maps_addresses || (apply(p, &canonical_words, mapping_canonical, role, address) &&
                                     apply(p, &masquerade_words, mapping_hide_host, role, address));
}

static void tell_members(struct path *p, const struct address_set *members, struct str address)
{
    BUF_AUTO(text, 0);

    if (members->count == 1 && str_equal(members->items[0], address)) {
        end_step(p, STR("is no virtual alias"), STR_NONE);
        return;
    }
    for (size_t i = 0; i < members->count; i++)
        buf_join(&text, i ? STR(", ") : STR(""), members->items[i]);
    end_step(p, STR("becomes"), buf_str(&text));
}

static bool expand(struct path *p, struct str address, struct address_set *members)
{
    struct str failed_at;
    BUF_AUTO(text, 0);

    *members = (struct address_set){ 0 };
    if (!p->e->maps_addresses) {
        address_set_add(members, address, &p->e->arena);
        return true;
    }
    (void)begin_step(p, 0, "virtual_alias", address);
    enum expansion result = mapping_expand(&p->mapping, address, &p->e->arena, members, &failed_at);
    if (result == EXPANSION_OK) {
        tell_members(p, members, address);
        return true;
    }
    buf_join(&text, str_from(expansion_text(result)), STR(" "), failed_at);
    end_step(p, STR("the message is not taken"), buf_str(&text));
    return false;
}

static void tell_copy(struct path *p, const char *kind, struct table_list *maps, struct str address)
{
    struct str bcc;

    if (!p->e->copies || table_list_is_empty(maps))
        return;
    (void)begin_step(p, 0, kind, address);
    if (!mapping_bcc(&p->mapping, maps, address, &p->e->arena, &bcc))
        end_failed(p, kind);
    else
        end_step(p, bcc.len ? STR("copy to") : STR("no copy"), bcc);
}

static void tell_sender(struct path *p)
{
    struct str sender = p->e->sender;

    if (sender.len == 0)
        return;
    report_begin(&p->e->report, "sender", STR("What cleanup makes of the sender"));
    sender = complete(p, sender);
    if (!map_address(p, ROLE_ENVELOPE_SENDER, &sender))
        return;
    tell_copy(p, "sender_bcc", p->mapping.sender_bcc, sender);
    p->e->sender = sender;
}

/* False when nothing is delivered. */
static bool tell_recipient(struct path *p, struct address_set *members)
{
    struct explain *e = p->e;

    report_begin(&e->report, "cleanup", STR("What cleanup makes of the address"));
    struct str address = complete(p, e->address);
    if (!map_address(p, ROLE_ENVELOPE_RECIPIENT, &address) || !expand(p, address, members))
        return false;
    tell_copy(p, "recipient_bcc", p->mapping.recipient_bcc, address);
    if (cleanup_conf.always_bcc.len && e->copies) {
        explain_because(e, begin_step(p, 0, "always_bcc", STR("every message")), "always_bcc");
        end_step(p, STR("copy to"), cleanup_conf.always_bcc);
    }
    return true;
}

/* ---- qmgr ---- */

static const struct class_word {
    unsigned flag;
    const char *name, *transport; /* the parameter that says how such mail goes */
} class_words[] = {
    { RESOLVE_CLASS_LOCAL, "local", "local_transport" },
    { RESOLVE_CLASS_ALIAS, "virtual alias", NULL }, /* nobody is left there */
    { RESOLVE_CLASS_VIRTUAL, "virtual mailbox", "virtual_transport" },
    { RESOLVE_CLASS_RELAY, "relay", "relay_transport" },
    { RESOLVE_CLASS_DEFAULT, "default", "default_transport" },
};

static bool is_decided_by(const struct step *s, const char *parameter)
{
    for (const struct reason *r = s->reasons; r; r = r->next)
        if (str_equal(r->parameter, str_from(parameter)))
            return true;
    return false;
}

/* Tables have told of themselves; what is left are the parameters that stand for all addresses of a class. */
static void tell_why_there(struct path *p, struct step *s, const struct class_word *class,
                           const struct resolution *r)
{
    bool by_table = is_decided_by(s, "transport_maps") || is_decided_by(s, "relocated_maps") ||
                    is_decided_by(s, "sender_dependent_default_transport_maps");

    if (!by_table && class->transport && !(r->flags & RESOLVE_ERROR))
        explain_because(p->e, s, class->transport);
    if (site_conf.relayhost.len && str_equal(r->nexthop, site_conf.relayhost))
        explain_because(p->e, s, "relayhost");
}

static const struct class_word *class_of(const struct resolution *r)
{
    size_t i = 0;

    while (i + 1 < ARRAY_LEN(class_words) && !(r->flags & class_words[i].flag))
        i++;
    return &class_words[i];
}

const char *explain_class_name(unsigned flags)
{
    const struct resolution r = { .flags = flags };

    return class_of(&r)->name;
}

/* Is it a service that runs this program? */
static bool runs(const struct explain *e, struct str service, struct str program)
{
    for (size_t i = 0; i < e->services.count; i++)
        if (str_equal(e->services.entries[i].service, service) &&
            str_equal(e->services.entries[i].command, program))
            return true;
    return false;
}

static void tell_aliases(struct path *p, int depth, struct str address);

static void tell_route(struct path *p, int depth, struct str address)
{
    struct step *s = begin_step(p, depth, "route", address);
    struct resolution r = rewrite_resolve(p->rewriter, p->e->sender, address, &p->e->arena);
    BUF_AUTO(text, 0);

    if (r.flags & RESOLVE_FAIL) {
        end_failed(p, "resolving");
        return;
    }
    const struct class_word *class = class_of(&r);
    tell_why_there(p, s, class, &r);
    buf_join(&text, STR("class "), str_from(class->name), STR(", transport "), r.transport,
             STR(", next hop "), r.nexthop);
    if (!str_equal(r.recipient, address))
        buf_join(&text, STR(", as "), r.recipient);
    end_step(p, STR("goes"), buf_str(&text));
    if (runs(p->e, r.transport, STR("local")))
        tell_aliases(p, depth + 1, r.recipient);
}

/* ---- local ---- */

/* What local(8) delivers to by other means than a transport. */
static bool is_address(const struct address_item *item)
{
    return item->kind == ADDRESS_MAILBOX && item->address.len &&
           !str_starts(item->address, STR("/")) && !str_starts(item->address, STR("|")) &&
           !str_starts(item->address, STR("\\")) && !str_starts(item->address, STR(":include:"));
}

static void follow(struct path *p, int depth, struct str value)
{
    struct address_list list;

    address_list_parse(&p->e->arena, value, (size_t)site_conf.header_address_token_limit, &list);
    for (size_t i = 0; i < list.count; i++)
        if (is_address(&list.items[i]))
            tell_route(
                p, depth,
                rewrite_address(p->rewriter, REWRITE_LOCAL, list.items[i].address, &p->e->arena));
}

/* True when there is an alias of that name. */
static bool tell_alias(struct path *p, int depth, struct str name)
{
    BUF_AUTO(value, 0);

    if (map_set(&p->seen, name, p) != NULL || p->aliases_told++ == ALIASES_MAX)
        return true; /* told, or too many to tell */
    (void)begin_step(p, depth, "alias", name);
    switch (table_list_lookup(p->aliases, name, &value)) {
    case TABLE_FOUND:
        end_step(p, STR("becomes"), str_trim(buf_str(&value)));
        follow(p, depth + 1, buf_str(&value));
        return true;
    case TABLE_NOT_FOUND:
        end_step(p, STR("is no local alias"), STR_NONE);
        return false;
    case TABLE_ERROR:
        break;
    }
    end_failed(p, "alias_maps");
    return true;
}

static void tell_aliases(struct path *p, int depth, struct str address)
{
    BUF_AUTO(lower, 0);
    struct str base, extension;

    buf_add_lower(&lower, address_split(address).local);
    if (tell_alias(p, depth, buf_str(&lower)))
        return;
    if (address_split_extension(&p->extension_rule, buf_str(&lower), &base, NULL, &extension))
        (void)tell_alias(p, depth, base);
}

static void open_local(struct path *p)
{
    struct explain *e = p->e;

    explain_as(e, STR("local"));
    conf_fill(e->conf, &local_param_set, &local_conf);
    p->aliases = table_list_open(local_conf.alias_maps, "alias_maps",
                                 TABLE_DEFAULT | TABLE_NO_SUBSTITUTION | TABLE_NO_PROXY);
    p->extension_rule = (struct address_extension_rule){
        .delimiters = site_conf.recipient_delimiter,
        .owner_request_special = local_conf.owner_request_special,
        .double_bounce = site_conf.double_bounce_sender,
    };
}

/* What goes to a filter first comes back later, and is looked at again. */
static void tell_detours(struct path *p)
{
    struct explain *e = p->e;

    if (e->redirect.len) {
        (void)begin_step(p, 0, "redirect", STR("all recipients"));
        end_step(p, STR("replaced by"), e->redirect);
    }
    if (e->content_filter.len == 0)
        return;
    explain_because(e, begin_step(p, 0, "content_filter", STR("all mail")), "content_filter");
    end_step(p, STR("goes first to"), e->content_filter);
}

void explain_path(struct explain *e)
{
    struct path p = { .e = e };
    struct address_set members;

    explain_as(e, e->cleanup_service);
    conf_fill(e->conf, &cleanup_param_set, &cleanup_conf);
    mapping_open(&p.mapping, rewrite_open(e->conf, site_conf.rewrite_service_name), e->conf);
    tell_sender(&p);
    if (!tell_recipient(&p, &members))
        return;
    open_local(&p);
    explain_as(e, STR("qmgr"));
    p.rewriter = rewrite_open(e->conf, site_conf.rewrite_service_name);
    report_begin(&e->report, "delivery", STR("Where it goes"));
    tell_detours(&p);
    for (size_t i = 0; i < members.count; i++)
        tell_route(&p, 0, members.items[i]);
    map_free(&p.seen, NULL);
}
