/* Deliver to each destination that an alias, a .forward or an :include: file names. */
#include "base/log.h"
#include "local/destination_list.h"
#include "local/ends.h"
#include "local/walk.h"

/* user+ext@domain from user@domain, when the address has no extension of its own. */
static struct str with_extension(const struct branch *from, struct str address)
{
    struct address_parts parts = address_split(address);
    struct str base, extension;
    BUF_AUTO(out, 0);

    if (from->unmatched.len == 0 || address_split_extension(&from->attempt->tables->extension_rule,
                                                            parts.local, &base, NULL, &extension))
        return address;
    buf_join(&out, parts.local, from->unmatched);
    if (parts.domain.ptr)
        buf_join(&out, STR("@"), parts.domain);
    return arena_str(branch_arena(from), buf_str(&out));
}

/* Who reads what is sent to nobody. */
static struct str reader_of_nothing(struct arena *arena)
{
    BUF_AUTO(address, 0);

    buf_join(&address, site_conf.empty_address_recipient, STR("@"), site_conf.myhostname);
    return arena_str(arena, buf_str(&address));
}

static bool refuse_address(const struct branch *from, struct str address)
{
    return branch_bounce(from, "5.1.3", "bad recipient address syntax: " STR_FMT, STR_ARG(address));
}

static bool is_ours(const struct branch *from, const struct resolution *res)
{
    return str_equal(res->transport, service_name(from->attempt->d->svc)) &&
           str_equal_nocase(res->nexthop, from->attempt->d->request.nexthop);
}

bool destination_address(const struct branch *from, struct str address, bool only_mailbox)
{
    struct arena *arena = branch_arena(from);
    struct branch child = *from;

    if (address.len == 0 || str_equal(address, STR("@")))
        address = reader_of_nothing(arena);
    else if (address.ptr[address.len - 1] == '@')
        return refuse_address(from, address);
    if (!only_mailbox)
        address = with_extension(from, address);
    struct resolution res =
        rewrite_resolve(from->attempt->tables->rewriter, from->sender, address, arena);
    if (res.flags & RESOLVE_FAIL)
        return branch_defer(from, "4.3.0", "address resolver failure");
    if ((res.flags & RESOLVE_ERROR) || (str_starts(address, STR("-")) && !site_conf.allow_min_user))
        return refuse_address(from, address);
    if (!is_ours(from, &res))
        return resend_add(from, res.recipient.len ? res.recipient : address);
    child.above = from;
    child.level++;
    child.only_mailbox = only_mailbox;
    child.user = NULL;
    child.who.address = res.recipient;
    if (child.who.orig_addr.len == 0 && !child.new_owner)
        child.who.orig_addr = from->who.address;
    return branch_deliver(&child);
}

/* Whose home ~ is. */
static const struct user *home_owner(const struct branch *from)
{
    if (from->mandate)
        return from->mandate;
    return from->origin == FROM_FORWARD ? from->user : NULL; /* root's */
}

static bool deliver_to_file(const struct branch *from, struct str path)
{
    const struct user *actor = branch_actor(from, from->mandate);
    const struct user *at_home = home_owner(from);
    BUF_AUTO(full, 0);

    if (!str_has_word(local_conf.allow_mail_to_files, str_from(origin_word(from->origin))))
        return branch_bounce(from, "5.7.1", "mail to file is restricted");
    if (!str_starts(path, STR("~")))
        return file_branch(from, path, actor);
    const char *trouble = !str_starts(path, STR("~/")) ? "bad home directory syntax"
                          : at_home == NULL            ? "unknown home directory"
                                                       : NULL;
    if (trouble) {
        log_warning("%s for: " STR_FMT, trouble, STR_ARG(path));
        return branch_bounce(from, "5.3.5", "mail system configuration error");
    }
    buf_join(&full, at_home->home, str_skip(path, 1));
    return file_branch(from, buf_str(&full), actor);
}

static bool deliver_one(const struct branch *from, const struct destination *to)
{
    const char *word = origin_word(from->origin);

    switch (to->kind) {
    case DESTINATION_ADDRESS:
        break;
    case DESTINATION_COMMAND:
        if (!str_has_word(local_conf.allow_mail_to_commands, str_from(word)))
            return branch_bounce(from, "5.7.1", "mail to command is restricted");
        return command_branch(from, to->text, branch_actor(from, from->mandate));
    case DESTINATION_FILE:
        return deliver_to_file(from, to->text);
    case DESTINATION_INCLUDE:
        return include_deliver(from, to->text);
    }
    return destination_address(from, to->text, to->only_mailbox);
}

/* What one destination needs is gone before the next one's turn. */
static bool deliver_passing(const struct branch *from, const struct destination *to)
{
    ARENA_AUTO(arena);
    struct arena **passing = &from->attempt->passing, *outer = *passing;

    *passing = &arena;
    bool done = deliver_one(from, to);
    *passing = outer;
    return done;
}

bool destinations_deliver(const struct branch *from, struct str text)
{
    ARENA_AUTO(item);
    struct destination_walk walk;
    struct destination to;
    bool done = true;

    destination_walk_init(&walk, text, from->origin != FROM_ALIAS, &item,
                          (size_t)site_conf.header_address_token_limit);
    while (destination_next(&walk, &to)) {
        if (!deliver_passing(from, &to))
            done = false;
        if (destination_item_is_done(&walk))
            arena_reset(&item);
    }
    return done;
}
