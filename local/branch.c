#include "local/branch.h"

#include <stdarg.h>

struct arena *branch_arena(const struct branch *b)
{
    struct attempt *a = b->attempt;

    return a->passing ? a->passing : &a->d->arena;
}

bool branch_report(const struct branch *b, const struct outcome *o)
{
    /* Not of what has no sender: an owner who is on the list would have reports of reports without end. */
    bool has_sender = b->attempt->d->request.sender.len > 0;
    struct str owner = b->new_owner && has_sender ? b->sender : STR_NONE;

    return delivery_report_owned(b->attempt->d, &b->who, o, owner);
}

static PRINTF(4, 0) bool report_text(const struct branch *b, enum outcome_status status,
                                     const char *dsn, const char *fmt, va_list ap)
{
    BUF_AUTO(text, 4096);
    struct outcome o;

    buf_vaddf(&text, fmt, ap);
    outcome_make(&o, branch_arena(b), status, dsn, "%s", buf_cstr(&text));
    return branch_report(b, &o);
}

bool branch_defer(const struct branch *b, const char *dsn, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    bool done = report_text(b, OUTCOME_DEFERRED, dsn, fmt, ap);
    va_end(ap);
    return done;
}

bool branch_bounce(const struct branch *b, const char *dsn, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    bool done = report_text(b, OUTCOME_BOUNCED, dsn, fmt, ap);
    va_end(ap);
    return done;
}

bool branch_sent(const struct branch *b, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    bool done = report_text(b, OUTCOME_SENT, "2.0.0", fmt, ap);
    va_end(ap);
    return done;
}

static bool is_first(const struct branch *b, const char *kind, struct str name, bool remember)
{
    struct map *done = &b->attempt->done;
    BUF_AUTO(key, 0);

    buf_join(&key, str_from(kind), STR(" "), name);
    if (map_has(done, buf_str(&key)))
        return false;
    if (remember)
        (void)map_set(done, buf_str(&key), b->attempt);
    return true;
}

bool branch_is_first(const struct branch *b, const char *kind, struct str name)
{
    return is_first(b, kind, name,
                    site_conf.duplicate_filter_limit == 0 ||
                        b->attempt->done.count < (size_t)site_conf.duplicate_filter_limit);
}

bool branch_expands_first(const struct branch *b, const char *kind, struct str name)
{
    return is_first(b, kind, name, true);
}

const struct user *branch_actor(const struct branch *b, const struct user *user)
{
    return user && user->uid != 0 ? user : b->attempt->tables->default_user;
}

struct str branch_acted(const struct branch *b, const struct user *actor, struct str name)
{
    BUF_AUTO(key, 0);

    buf_join(&key, actor->name, STR(" "), name);
    return arena_str(branch_arena(b), buf_str(&key));
}

struct copy_plan branch_copy_plan(const struct branch *b, unsigned flags, const char *what)
{
    const struct attempt *a = b->attempt;
    bool delivered_to = str_has_word(local_conf.prepend_delivered_header, str_from(what));

    return (struct copy_plan){
        .flags = flags | COPY_RETURN_PATH | (delivered_to ? COPY_DELIVERED_TO : 0) |
                 (site_conf.enable_original_recipient ? COPY_ORIG_TO : 0),
        .sender = b->sender,
        .orig_to = b->who.orig_addr,
        .delivered_to = b->delivered_to,
        .now = a->d->times.deliver_start.tv_sec,
    };
}
