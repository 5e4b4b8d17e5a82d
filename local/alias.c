/* alias_maps: system-wide aliases and mailing lists with an owner. */
#include "base/log.h"
#include "local/local.h"
#include "text/dsn.h"

#include <sys/stat.h>

#define VALUE_MAX (16UL * 1024 * 1024)

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

/* Who owns the file behind a table, by its name in the configuration.  Tables without a file are
 * the administrator's. */
static bool table_owner(struct str table, uid_t *owner)
{
    static const char *const suffixes[] = { ".lmdb", ".db", ".cdb", ".dir", "" };
    size_t at = str_find_str(table, STR(":/"));
    struct stat st;

    *owner = 0;
    if (at == STR_NOT_FOUND)
        return true;
    for (size_t i = 0; i < ARRAY_LEN(suffixes); i++) {
        BUF_AUTO(path, 4096);
        buf_join(&path, str_skip(table, at + 1), str_from(suffixes[i]));
        if (stat(buf_cstr(&path), &st) == 0) {
            *owner = st.st_uid;
            return true;
        }
    }
    return false;
}

/* Commands and files of an alias are handled with the rights of the table's owner. */
static bool find_rights(struct branch *child, struct str value)
{
    const struct user *user;
    uid_t owner;

    child->rights = local_tables.default_user;
    if (str_find_any(value, "|/:") == STR_NOT_FOUND)
        return true;
    if (!table_owner(table_list_last(local_tables.aliases), &owner))
        return false;
    if (owner == 0)
        return true;
    if (user_find_uid(owner, &user) != USER_FOUND)
        return false;
    child->rights = user_copy(branch_arena(child), user);
    return true;
}

static void set_owner(struct branch *child, struct str owner)
{
    child->sender =
        rewrite_address(local_tables.rewriter, REWRITE_LOCAL, owner, branch_arena(child));
    child->new_owner = true;
    child->who.orig_addr = STR_NONE;
}

/* The envelope sender of a mailing list is its owner-NAME.  False: lookup failure. */
static bool find_owner(struct branch *child, struct str name)
{
    BUF_AUTO(owner, 512);
    BUF_AUTO(value, VALUE_MAX);

    if (local_conf.reset_owner_alias) {
        child->sender = child->attempt->d->request.sender;
        child->new_owner = false;
    }
    if (str_starts(name, STR("owner-")))
        return true;
    buf_join(&owner, STR("owner-"), name);
    switch (table_list_lookup(local_tables.aliases, buf_str(&owner), &value)) {
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

static bool expand_alias(struct branch *b, struct str name, struct str value,
                         bool extension_is_left)
{
    struct branch child = *b;

    if (b->attempt->d->request.flags & DELIVERY_FLAG_PROBE_MTA)
        return branch_sent(b, "aliased to " STR_FMT, STR_ARG(value));
    if (is_expanding(b, name))
        return report_loop(alias_above(b));
    if (!branch_expands_first(b, "alias", name))
        return true;
    child.above = b;
    child.level++;
    child.origin = FROM_ALIAS;
    child.alias = name;
    child.unmatched = STR_NONE;
    if (extension_is_left && str_has_word(local_tables.propagate, STR("alias")))
        child.unmatched = str_skip(b->local, b->base.len);
    if (!find_rights(&child, value))
        return branch_defer(b, "4.3.0", "cannot find alias database owner");
    if (!find_owner(&child, name))
        return branch_defer(b, "4.3.0", "alias database unavailable");
    report_expansion(&child);
    return destinations_deliver(&child, value);
}

bool alias_deliver(struct branch *b, bool *status)
{
    const struct str names[] = { b->local, b->base };
    const struct branch *above = alias_above(b);
    BUF_AUTO(value, VALUE_MAX);

    if (table_list_is_empty(local_tables.aliases))
        return false;
    for (size_t i = 0; i < (b->delimiter ? 2 : 1); i++) {
        /* An alias that names itself means the account of that name. */
        if (above && str_equal(above->alias, names[i]))
            continue;
        switch (table_list_lookup(local_tables.aliases, names[i], &value)) {
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
