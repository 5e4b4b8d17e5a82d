/* Files and Maildirs: /file/name and /dir/name/ in aliases and .forward files, and the account's own mailbox. */
#include "delivery/store.h"
#include "local/biff.h"
#include "local/ends.h"

static bool is_maildir(struct str path) { return str_ends(path, STR("/")); }

/* False: `o` says why.  `mbox_words` stand before the reason when it is no Maildir. */
static bool store(const struct branch *b, const struct store_target *target, struct copy_plan *plan,
                  struct str mbox_words, struct outcome *o)
{
    struct store_fault fault = STORE_FAULT_INIT;
    bool maildir = is_maildir(str_from(target->path));

    if (store_message(b->attempt->d, target, plan, &fault))
        return true;
    store_fault_outcome(o, branch_arena(b), &fault,
                        maildir ? STR("maildir delivery failed: ") : mbox_words);
    return false;
}

bool file_branch(const struct branch *b, struct str path, const struct user *actor)
{
    bool maildir = is_maildir(path);
    struct copy_plan plan = branch_copy_plan(b, maildir ? 0 : COPY_MBOX, "file");
    struct store_target target = {
        .path = arena_cstr(branch_arena(b), path),
        .uid = actor->uid,
        .gid = actor->gid,
        .locks = b->attempt->tables->mailbox_locks,
        .size_limit = local_conf.mailbox_size_limit,
        .any_file = true,
    };
    BUF_AUTO(words, 0);
    struct outcome o;

    if (!branch_is_first(b, "file", branch_acted(b, actor, path)))
        return true;
    if (delivery_is_probe(b->attempt->d))
        return branch_sent(b, "delivers to file: %s", target.path);
    buf_join(&words, STR("cannot append message to file "), path, STR(": "));
    if (!store(b, &target, &plan, buf_str(&words), &o))
        return branch_report(b, &o);
    return maildir ? branch_sent(b, "delivered to maildir")
                   : branch_sent(b, "delivered to file: %s", target.path);
}

static struct str mailbox_path(const struct branch *b)
{
    struct str spool = delivery_conf.mail_spool_directory;
    BUF_AUTO(path, 0);

    if (local_conf.home_mailbox.len)
        buf_join(&path, b->user->home, STR("/"), local_conf.home_mailbox);
    else if (is_maildir(spool))
        buf_join(&path, spool, b->user->name, STR("/"));
    else
        buf_join(&path, spool, STR("/"), b->user->name);
    return arena_str(branch_arena(b), buf_str(&path));
}

bool mailbox_branch(const struct branch *b)
{
    const struct user *user = b->user;
    struct str path = mailbox_path(b);
    bool maildir = is_maildir(path);
    const char *kind = maildir ? "maildir" : "mailbox";
    struct copy_plan plan = branch_copy_plan(b, maildir ? 0 : COPY_MBOX, "file");
    struct store_target target = {
        .path = path.ptr,
        .uid = user->uid,
        .gid = user->gid,
        .locks = b->attempt->tables->mailbox_locks,
        .size_limit = local_conf.mailbox_size_limit,
        .strict_owner = delivery_conf.strict_mailbox_ownership,
        .in_spool = local_conf.home_mailbox.len == 0,
    };
    BUF_AUTO(words, 0);
    struct outcome o;

    if (delivery_is_probe(b->attempt->d))
        return branch_sent(b, "delivers to %s", kind);
    buf_join(&words, STR("cannot update mailbox "), path, STR(" for user "), user->name, STR(". "));
    if (!store(b, &target, &plan, buf_str(&words), &o))
        return branch_report(b, &o);
    bool done = branch_sent(b, "delivered to %s", kind);
    if (local_conf.biff && !maildir)
        biff_notify(b->attempt->links->biff, user->name, plan.appended_at);
    return done;
}
