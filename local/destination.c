/* Deliver to each destination that an alias, a .forward or an :include: file names. */
#include "base/log.h"
#include "delivery/rights.h"
#include "local/destination_list.h"
#include "local/local.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#define INCLUDE_MAX (16UL * 1024 * 1024)

const struct user *acting_user(const struct user *user)
{
    return user == NULL || user->uid == 0 ? local_tables.default_user : user;
}

static const char *origin_word(enum origin origin)
{
    static const char *const words[] = { [FROM_REQUEST] = "",
                                         [FROM_ALIAS] = "alias",
                                         [FROM_FORWARD] = "forward",
                                         [FROM_INCLUDE] = "include" };

    return words[origin];
}

/* user+ext@domain from user@domain, when the address has no extension of its own. */
static struct str with_extension(const struct branch *from, struct str address)
{
    struct address_parts parts = address_split(address);
    struct str base, extension;
    BUF_AUTO(out, 0);

    if (from->unmatched.len == 0 ||
        address_split_extension(&local_tables.extension_rule, parts.local, &base, NULL, &extension))
        return address;
    buf_join(&out, parts.local, from->unmatched);
    if (parts.domain.ptr)
        buf_join(&out, STR("@"), parts.domain);
    return arena_str(branch_arena(from), buf_str(&out));
}

static bool is_ours(const struct branch *from, const struct resolution *res)
{
    return str_equal(res->transport, service_name(local_tables.svc)) &&
           str_equal_nocase(res->nexthop, from->attempt->d->request.nexthop);
}

bool destination_address(struct branch *from, struct str address, bool only_mailbox)
{
    struct arena *arena = branch_arena(from);
    struct branch child = *from;

    if (address.len == 0)
        address = site_conf.empty_address_recipient;
    else if (address.ptr[address.len - 1] == '@')
        return branch_bounce(from, "5.1.3", "bad recipient address syntax: " STR_FMT,
                             STR_ARG(address));
    if (!only_mailbox)
        address = with_extension(from, address);
    struct resolution res = rewrite_resolve(local_tables.rewriter, from->sender, address, arena);
    if (res.flags & RESOLVE_FAIL)
        return branch_defer(from, "4.3.0", "address resolver failure");
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

/* An :include: file with its owner, opened with the rights of whoever named it.  -1: errno. */
static int open_include(const char *path, const struct user *reader, struct stat *st)
{
    rights_enter(reader->uid, reader->gid);
    int fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    int error = errno;
    rights_leave();
    if (fd >= 0 && (fstat(fd, st) != 0 || !S_ISREG(st->st_mode))) {
        fd_close(&fd);
        error = EINVAL;
    }
    errno = error;
    return fd;
}

/* One file has many names, and may be named by all of them in many others. */
static bool is_first_time(struct branch *from, const struct stat *st)
{
    BUF_AUTO(file, 64);

    buf_addf(&file, "%llx %llx", (unsigned long long)st->st_dev, (unsigned long long)st->st_ino);
    return branch_expands_first(from, "include", buf_str(&file));
}

static bool include_trouble(struct branch *from, const char *name)
{
    bool missing = errno == ENOENT;

    log_warning("unable to lookup :include: file %s: %m", name);
    return missing ? branch_bounce(from, "5.3.5", "mail system configuration error")
                   : branch_defer(from, "4.3.5", "mail system configuration error");
}

/* A file that anybody may write to speaks for nobody. */
static const struct user *include_owner(const struct stat *st)
{
    const struct user *owner;

    if (st->st_uid == 0 || (st->st_mode & S_IWOTH) ||
        user_find_uid(st->st_uid, &owner) != USER_FOUND)
        return local_tables.default_user;
    return owner;
}

static bool include(struct branch *from, struct str path)
{
    BUF_AUTO(text, INCLUDE_MAX);
    struct branch child = *from;
    struct stat st;

    if (from->level >= LOCAL_NESTING_MAX)
        return branch_bounce(from, "5.4.6", ":include: nesting limit exceeded");
    if (!str_starts(path, STR("/")))
        return branch_bounce(from, "5.3.5", "mail system configuration error");
    const char *name = arena_cstr(branch_arena(from), path);
    FD_AUTO(fd, open_include(name, acting_user(from->rights), &st));
    if (fd < 0)
        return include_trouble(from, name);
    if (!is_first_time(from, &st))
        return true;
    if (!fd_read_all(fd, &text))
        return include_trouble(from, name);
    child.above = from;
    child.level++;
    child.origin = FROM_INCLUDE;
    child.indirect = true;
    child.rights = user_copy(branch_arena(from), include_owner(&st));
    return destinations_deliver(&child, buf_str(&text));
}

static bool deliver_to_file(struct branch *from, struct str path)
{
    BUF_AUTO(at_home, 4096);

    if (!str_has_word(local_conf.allow_mail_to_files, str_from(origin_word(from->origin))))
        return branch_bounce(from, "5.7.1", "mail to file is restricted");
    if (!str_starts(path, STR("~")))
        return file_branch(from, path, acting_user(from->rights));
    if (from->origin != FROM_FORWARD || from->user == NULL) {
        log_warning("unknown home directory for: " STR_FMT, STR_ARG(path));
        return branch_bounce(from, "5.3.5", "mail system configuration error");
    }
    buf_join(&at_home, from->user->home, str_skip(path, 1));
    return file_branch(from, arena_str(branch_arena(from), buf_str(&at_home)),
                       acting_user(from->rights));
}

static bool deliver_one(struct branch *from, const struct destination *to)
{
    const char *word = origin_word(from->origin);

    switch (to->kind) {
    case DESTINATION_ADDRESS:
        break;
    case DESTINATION_COMMAND:
        if (!str_has_word(local_conf.allow_mail_to_commands, str_from(word)))
            return branch_bounce(from, "5.7.1", "mail to command is restricted");
        return command_branch(from, to->text, acting_user(from->rights));
    case DESTINATION_FILE:
        return deliver_to_file(from, to->text);
    case DESTINATION_INCLUDE:
        return include(from, to->text);
    }
    return destination_address(from, to->text, to->only_mailbox);
}

/* What one destination needs is gone before the next one's turn. */
static bool deliver_passing(struct branch *from, const struct destination *to)
{
    ARENA_AUTO(arena);
    struct arena **passing = &from->attempt->passing, *outer = *passing;

    *passing = &arena;
    bool done = deliver_one(from, to);
    *passing = outer;
    return done;
}

bool destinations_deliver(struct branch *from, struct str text)
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
