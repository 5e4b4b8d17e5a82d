/* alias_maps: system-wide aliases and mailing lists with an owner. */
#include "base/log.h"
#include "local/destination_list.h"
#include "local/walk.h"
#include "text/dsn.h"

/* What the branches above are expanding; the nearest first. */
static const struct branch *alias_above(const struct branch *b)
{
    for (b = b->above; b; b = b->above)
        if (b->alias.len)
            return b;
    return NULL;
}

static bool is_expanding(const struct branch *b, struct str name)
{
    while ((b = alias_above(b)))
        if (str_equal(b->alias, name))
            return true;
    return false;
}

/* What an alias names is handled on behalf of the owner of its table. */
static bool find_mandate(struct branch *child)
{
    struct table_list *aliases = child->attempt->tables->aliases;
    uid_t owner = table_list_last_owner(aliases);
    const struct user *user = NULL;

    if (owner != 0 && (owner == TABLE_OWNER_MANY || user_find_uid(owner, &user) != USER_FOUND)) {
        log_warning("cannot find alias database owner for " STR_FMT,
                    STR_ARG(table_list_last(aliases)));
        return false;
    }
    if (user)
        user = user_copy(branch_arena(child), user);
    child->mandate = mandate_below(NULL, FROM_ALIAS, user);
    return true;
}

static void set_owner(struct branch *child, struct str owner)
{
    child->sender = rewrite_address(child->attempt->tables->rewriter, REWRITE_LOCAL, owner,
                                    branch_arena(child));
    child->new_owner = true;
    child->who.orig_addr = STR_NONE;
}

/* The envelope sender of a mailing list is its owner-NAME.  False: lookup failure. */
static bool find_owner(struct branch *child, struct str name)
{
    BUF_AUTO(owner, 0);
    BUF_AUTO(value, 0);

    if (local_conf.reset_owner_alias) {
        child->sender = child->attempt->d->request.sender;
        child->new_owner = false;
    }
    if (!local_conf.owner_request_special || str_starts(name, STR("owner-")))
        return true;
    buf_join(&owner, STR("owner-"), name);
    switch (table_list_lookup(child->attempt->tables->aliases, buf_str(&owner), &value)) {
    case TABLE_FOUND:
        set_owner(child,
                  local_conf.expand_owner_alias ? str_trim(buf_str(&value)) : buf_str(&owner));
        return true;
    case TABLE_NOT_FOUND:
        return true;
    case TABLE_ERROR:
        break;
    }
    return false;
}

/* Who asked for a success report learns that the alias has been expanded, and nothing of its
 * members.  To a list with an owner the mail has been delivered (RFC 3461 section 5.2.7). */
static void report_expansion(struct branch *child)
{
    struct outcome o;

    if (!(child->who.dsn_notify & DSN_NOTIFY_SUCCESS) || delivery_is_probe(child->attempt->d))
        return;
    outcome_make(&o, branch_arena(child), OUTCOME_SENT, "2.0.0", "alias expanded");
    o.action = child->new_owner ? "delivered" : "expanded";
    delivery_trace(child->attempt->d, &child->who, &o);
    child->who.dsn_notify &= ~DSN_NOTIFY_SUCCESS;
    if (child->who.dsn_notify == DSN_NOTIFY_NONE) /* which would mean the default */
        child->who.dsn_notify = DSN_NOTIFY_NEVER;
}

/* The alias that leads back is to blame. */
static bool report_loop(const struct branch *above)
{
    struct branch culprit = *above;

    log_warning("alias database loop for " STR_FMT, STR_ARG(culprit.alias));
    return branch_bounce(&culprit, "5.4.6", "alias database loop for " STR_FMT,
                         STR_ARG(culprit.alias));
}

static bool expand_alias(const struct branch *b, struct str name, struct str value,
                         bool extension_is_left)
{
    struct branch child = *b;

    if (b->attempt->d->request.flags & DELIVERY_FLAG_PROBE_MTA)
        return branch_sent(b, "aliased to " STR_FMT, STR_ARG(value));
    if (is_expanding(b, name))
        return report_loop(alias_above(b));
    if (destination_list_is_empty(value, false, (size_t)site_conf.header_address_token_limit)) {
        log_warning("no recipient in alias lookup result for " STR_FMT, STR_ARG(name));
        return branch_defer(b, "4.3.0", "alias database unavailable");
    }
    if (!branch_expands_first(b, "alias", name))
        return true;
    child.above = b;
    child.level++;
    child.origin = FROM_ALIAS;
    child.alias = name;
    child.unmatched = STR_NONE;
    if (extension_is_left && str_has_word(b->attempt->tables->propagate, STR("alias")))
        child.unmatched = str_skip(b->local, b->base.len);
    if (!find_mandate(&child))
        return branch_defer(b, "4.3.0", "cannot find alias database owner");
    if (!find_owner(&child, name))
        return branch_defer(b, "4.3.0", "alias database unavailable");
    report_expansion(&child);
    return destinations_deliver(&child, value);
}

bool alias_deliver(const struct branch *b, bool *status)
{
    const struct str names[] = { b->local, b->base };
    const struct branch *above = alias_above(b);
    struct table_list *aliases = b->attempt->tables->aliases;
    BUF_AUTO(value, 0);

    if (table_list_is_empty(aliases))
        return false;
    for (size_t i = 0; i < (b->delimiter ? 2 : 1); i++) {
        /* An alias that names itself means the account of that name. */
        if (above && str_equal(above->alias, names[i]))
            continue;
        switch (table_list_lookup(aliases, names[i], &value)) {
        case TABLE_FOUND:
            *status = expand_alias(b, names[i], buf_str(&value), i == 1);
            return true;
        case TABLE_NOT_FOUND:
            continue;
        case TABLE_ERROR:
            *status = branch_defer(b, "4.3.0", "alias database unavailable");
            return true;
        }
    }
    return false;
}
