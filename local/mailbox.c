/* The last steps for a user of this system: another transport, a command, or a mailbox. */
#include "base/log.h"
#include "delivery/pass.h"
#include "delivery/rights.h"
#include "local/local.h"

#include <errno.h>
#include <sys/stat.h>

bool pass_on(struct branch *b, struct str destination)
{
    struct outcome o;
    bool failed;
    bool done = delivery_pass(b->attempt->d, &b->who, b->sender, destination, &o, &failed);

    return failed ? branch_report(b, &o) : done;
}

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

static struct str mailbox_path(const struct branch *b, bool *in_spool)
{
    BUF_AUTO(path, 4096);
    struct str spool = delivery_conf.mail_spool_directory;

    *in_spool = local_conf.home_mailbox.len == 0;
    if (!*in_spool) {
        buf_join(&path, b->user->home, STR("/"), local_conf.home_mailbox);
    } else {
        bool maildir = str_ends(spool, STR("/"));
        buf_join(&path, spool, maildir ? STR("") : STR("/"), b->user->name,
                 maildir ? STR("/") : STR(""));
    }
    return arena_str(branch_arena(b), buf_str(&path));
}

static bool store(struct branch *b)
{
    struct store_fault fault = STORE_FAULT_INIT;
    const struct user *user = b->user;
    struct outcome o;
    bool in_spool;
    struct str path = mailbox_path(b, &in_spool);
    bool maildir = str_ends(path, STR("/"));
    struct copy_plan plan = branch_copy_plan(b, maildir ? 0 : COPY_MBOX, "file");
    struct store_target target = {
        .path = path.ptr,
        .uid = user->uid,
        .gid = user->gid,
        .locks = local_tables.mailbox_locks,
        .size_limit = local_conf.mailbox_size_limit,
        .strict_owner = delivery_conf.strict_mailbox_ownership,
        .in_spool = in_spool,
    };
    const char *kind = maildir ? "maildir" : "mailbox";

    if (delivery_is_probe(b->attempt->d))
        return branch_sent(b, "delivers to %s", kind);
    if (store_message(b->attempt->d, &target, &plan, &fault)) {
        bool done = branch_sent(b, "delivered to %s", kind);
        if (local_conf.biff && !maildir)
            biff_notify(b->user->name, plan.appended_at);
        return done;
    }
    BUF_AUTO(prefix, 4400);
    if (maildir)
        buf_add(&prefix, STR("maildir delivery failed: "));
    else
        buf_join(&prefix, STR("cannot update mailbox "), path, STR(" for user "), user->name,
                 STR(". "));
    store_fault_outcome(&o, branch_arena(b), &fault, buf_cstr(&prefix));
    return branch_report(b, &o);
}

/* True when `act` takes the recipient, by the setting in `tables` for the account or the one for
 * all; its result is in *status. */
static bool by_setting(struct branch *b, struct table_list *tables, struct str for_all,
                       bool (*act)(struct branch *b, struct str setting), bool *status)
{
    BUF_AUTO(value, 16384);

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

static bool other_transport(struct branch *b, bool *status)
{
    return by_setting(b, local_tables.mailbox_transports, local_conf.mailbox_transport, pass_on,
                      status);
}

static bool by_command(struct branch *b, bool *status)
{
    return by_setting(b, local_tables.mailbox_commands, local_conf.mailbox_command,
                      mailbox_command_branch, status);
}

bool mailbox_deliver(struct branch *b)
{
    bool status;

    if (!branch_is_first(b, "mailbox", b->local))
        return true;
    if (other_transport(b, &status))
        return status;
    if (b->user == NULL)
        return unknown_deliver(b);
    if (local_conf.require_home_directory && !home_is_there(b->user))
        return branch_defer(b, "4.3.0", "cannot access home directory " STR_FMT ": %s",
                            STR_ARG(b->user->home), strerror(errno));
    if (by_command(b, &status))
        return status;
    return store(b);
}
