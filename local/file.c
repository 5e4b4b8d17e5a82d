/* Destinations /file/name and /dir/name/ in aliases and .forward files. */
#include "local/local.h"

bool file_branch(struct branch *b, struct str path, const struct user *rights)
{
    struct store_fault fault = STORE_FAULT_INIT;
    bool maildir = str_ends(path, STR("/"));
    struct copy_plan plan = branch_copy_plan(b, maildir ? 0 : COPY_MBOX, "file");
    struct outcome o;
    struct store_target target = {
        .path = arena_cstr(branch_arena(b), path),
        .uid = rights->uid,
        .gid = rights->gid,
        .locks = local_tables.mailbox_locks,
        .size_limit = local_conf.mailbox_size_limit,
        .any_file = true,
    };

    if (!branch_is_first(b, "file", path))
        return true;
    if (delivery_is_probe(b->attempt->d))
        return branch_sent(b, "delivers to file: %s", target.path);
    if (store_message(b->attempt->d, &target, &plan, &fault))
        return maildir ? branch_sent(b, "delivered to maildir")
                       : branch_sent(b, "delivered to file: %s", target.path);
    BUF_AUTO(prefix, 4400);
    if (maildir)
        buf_add(&prefix, STR("maildir delivery failed: "));
    else
        buf_join(&prefix, STR("cannot append message to file "), path, STR(": "));
    store_fault_outcome(&o, branch_arena(b), &fault, buf_cstr(&prefix));
    return branch_report(b, &o);
}
