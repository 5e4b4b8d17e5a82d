/* The last steps for a user of this system: another transport, a command, or a mailbox. */
#include "delivery/rights.h"
#include "local/ends.h"
#include "local/walk.h"

#include <errno.h>
#include <sys/stat.h>

static bool home_is_there(const struct user *user)
{
    struct stat st;

    rights_enter(user->uid, user->gid);
    bool ok = stat(user->home.ptr, &st) == 0;
    int error = errno;
    rights_leave();
    errno = error;
    return ok;
}

/* True when `act` takes the recipient, by the setting in `tables` for the account or the one for
 * all; its result is in *status. */
static bool by_setting(const struct branch *b, struct table_list *tables, struct str for_all,
                       bool (*act)(const struct branch *b, struct str setting), bool *status)
{
    BUF_AUTO(value, 0);

    switch (table_list_lookup(tables, b->base, &value)) {
    case TABLE_FOUND:
        *status = act(b, buf_str(&value));
        return true;
    case TABLE_ERROR:
        *status = branch_defer(b, "4.3.0", "table lookup failure");
        return true;
    case TABLE_NOT_FOUND:
        break;
    }
    if (for_all.len == 0)
        return false;
    *status = act(b, for_all);
    return true;
}

static bool other_transport(const struct branch *b, bool *status)
{
    return by_setting(b, b->attempt->tables->mailbox_transports, local_conf.mailbox_transport,
                      handover_branch, status);
}

static bool by_command(const struct branch *b, bool *status)
{
    return by_setting(b, b->attempt->tables->mailbox_commands, local_conf.mailbox_command,
                      mailbox_command_branch, status);
}

bool mailbox_deliver(const struct branch *b)
{
    bool status;

    if (!branch_is_first(b, "mailbox", b->local)) /* luser_relay may lead back to who is unknown */
        return b->from_luser && b->user == NULL ? unknown_deliver(b) : true;
    if (other_transport(b, &status))
        return status;
    if (b->user == NULL)
        return unknown_deliver(b);
    if (local_conf.require_home_directory && !home_is_there(b->user))
        return branch_defer(b, "4.3.0", "cannot access home directory " STR_FMT ": %s",
                            STR_ARG(b->user->home), strerror(errno));
    if (by_command(b, &status))
        return status;
    return mailbox_branch(b);
}
