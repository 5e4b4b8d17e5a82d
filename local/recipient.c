/* One recipient from its address to its end. */
#include "base/log.h"
#include "local/local.h"
#include "text/casefold.h"

#include <stdarg.h>

struct arena *branch_arena(const struct branch *b)
{
    struct attempt *a = b->attempt;

    return a->passing ? a->passing : &a->d->arena;
}

bool branch_report(struct branch *b, const struct outcome *o)
{
    /* Not of what has no sender: an owner who is on the list would have reports of reports without end. */
    bool has_sender = b->attempt->d->request.sender.len > 0;
    struct str owner = b->new_owner && has_sender ? b->sender : STR_NONE;

    return delivery_report_owned(b->attempt->d, &b->who, o, owner);
}

static PRINTF(4, 0) bool report_text(struct branch *b, enum outcome_status status, const char *dsn,
                                     const char *fmt, va_list ap)
{
    BUF_AUTO(text, 4096);
    struct outcome o;

    buf_vaddf(&text, fmt, ap);
    outcome_make(&o, branch_arena(b), status, dsn, "%s", buf_cstr(&text));
    return branch_report(b, &o);
}

bool branch_defer(struct branch *b, const char *dsn, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    bool done = report_text(b, OUTCOME_DEFERRED, dsn, fmt, ap);
    va_end(ap);
    return done;
}

bool branch_bounce(struct branch *b, const char *dsn, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    bool done = report_text(b, OUTCOME_BOUNCED, dsn, fmt, ap);
    va_end(ap);
    return done;
}

bool branch_sent(struct branch *b, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    bool done = report_text(b, OUTCOME_SENT, "2.0.0", fmt, ap);
    va_end(ap);
    return done;
}

static bool is_first(struct branch *b, const char *kind, struct str name, bool remember)
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

bool branch_is_first(struct branch *b, const char *kind, struct str name)
{
    return is_first(b, kind, name,
                    site_conf.duplicate_filter_limit == 0 ||
                        b->attempt->done.count < (size_t)site_conf.duplicate_filter_limit);
}

bool branch_expands_first(struct branch *b, const char *kind, struct str name)
{
    return is_first(b, kind, name, true);
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
        .delivered_to = a->delivered_to,
        .now = a->d->times.deliver_start.tv_sec,
    };
}

static struct str lower_case(struct arena *a, struct str s)
{
    BUF_AUTO(lower, 0);

    if (site_conf.smtputf8_enable)
        casefold_utf8(s, &lower);
    else
        buf_add_lower(&lower, s);
    return arena_str(a, buf_str(&lower));
}

/* `\user`: no aliases, no .forward. */
static bool is_plain_mailbox(struct str address) { return str_starts(address, STR("\\")); }

/* The parts of the branch's address. */
static void take_apart(struct branch *b)
{
    struct address_parts parts = address_split(b->who.address);
    struct str local = parts.local;

    if (is_plain_mailbox(b->who.address)) {
        b->only_mailbox = true;
        b->who.address = str_skip(b->who.address, 1);
        local = str_skip(local, 1);
    }
    b->local = lower_case(branch_arena(b), local);
    b->domain = parts.domain;
    b->extension = STR_NONE;
    b->delimiter = 0;
    if (!address_split_extension(&local_tables.extension_rule, b->local, &b->base, &b->delimiter,
                                 &b->extension))
        b->base = b->local;
}

static bool is_bad_name(struct str local)
{
    return str_has(local, '\0') || str_find_any(local, "\r\n") != STR_NOT_FOUND;
}

/* No alias; members of lists with an owner, of :include: files and other people's addresses in
 * .forward files leave in a new message, so that a failure concerns nobody else. */
static bool must_resend(const struct branch *b)
{
    return b->new_owner || b->indirect || (b->forwarder.len && !str_equal(b->forwarder, b->base));
}

/* It outlives the branch: new messages say it, too. */
static void set_delivered_to(struct branch *b)
{
    struct attempt *a = b->attempt;

    if (!str_equal(a->delivered_to, b->who.address))
        a->delivered_to = arena_str(&a->d->arena, b->who.address);
}

bool branch_deliver(struct branch *b)
{
    bool status;

    take_apart(b);
    if (b->level > LOCAL_NESTING_MAX)
        return branch_bounce(b, "5.4.6", "recipient nesting limit exceeded");
    if (b->local.len == 0)
        return branch_bounce(b, "5.1.3", "null username in \"" STR_FMT "\"",
                             STR_ARG(b->who.address));
    if (is_bad_name(b->local))
        return branch_bounce(b, "5.1.3", "bad recipient address syntax: " STR_FMT,
                             STR_ARG(b->who.address));
    if (copy_is_looping(b->attempt->d, b->who.address))
        return branch_bounce(b, "5.4.6", "mail forwarding loop for " STR_FMT,
                             STR_ARG(b->who.address));
    if (!local_conf.frozen_delivered_to || b->attempt->delivered_to.len == 0)
        set_delivered_to(b);
    if (!b->only_mailbox && alias_deliver(b, &status))
        return status;
    if (must_resend(b))
        return resend_add(b, b->who.address);
    switch (user_find(b->base, &b->user)) {
    case USER_FOUND:
        b->user = user_copy(branch_arena(b), b->user);
        break;
    case USER_UNKNOWN:
        b->user = NULL;
        break;
    case USER_ERROR:
        return branch_defer(b, "4.0.0", "user lookup error");
    }
    if (!b->only_mailbox && b->user && forward_deliver(b, &status))
        return status;
    return mailbox_deliver(b);
}

static void deliver_recipient(struct delivery *d, struct delivery_rcpt *rcpt)
{
    struct attempt a = { .d = d, .rcpt = rcpt, .done = MAP_INIT };
    struct branch b = {
        .attempt = &a, .who = rcpt->info, .sender = d->request.sender, .origin = FROM_REQUEST
    };
    bool done = branch_deliver(&b);

    if (!resend_finish(&a))
        done = false;
    map_free(&a.done, NULL);
    delivery_settle(d, rcpt, done);
}

void local_deliver_request(struct delivery *d)
{
    d->relay = service_name(d->svc);
    for (size_t i = 0; i < d->count; i++)
        deliver_recipient(d, &d->recipients[i]);
}
