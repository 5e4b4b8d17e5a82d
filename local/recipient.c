/* One recipient from its address to its end. */
#include "delivery/delivered_to.h"
#include "local/ends.h"
#include "local/local.h"
#include "local/walk.h"
#include "text/casefold.h"

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
    if (!address_split_extension(&b->attempt->tables->extension_rule, b->local, &b->base,
                                 &b->delimiter, &b->extension))
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
    if (delivered_to_has(b->attempt->d, b->who.address))
        return branch_bounce(b, "5.4.6", "mail forwarding loop for " STR_FMT,
                             STR_ARG(b->who.address));
    if (!local_conf.frozen_delivered_to || b->delivered_to.len == 0)
        b->delivered_to = b->who.address;
    if (!b->only_mailbox && alias_deliver(b, &status))
        return status;
    if (must_resend(
            b)) { /* nothing was delivered to this one: the new message says who was expanded */
        b->delivered_to = b->above->delivered_to;
        return resend_add(b, b->who.address);
    }
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

static void deliver_recipient(struct delivery *d, struct delivery_rcpt *rcpt,
                              const struct local_tables *tables, struct local_links *links)
{
    struct attempt a = { .tables = tables, .links = links, .d = d, .rcpt = rcpt, .done = MAP_INIT };
    struct branch b = {
        .attempt = &a, .who = rcpt->info, .sender = d->request.sender, .origin = FROM_REQUEST
    };
    bool done = branch_deliver(&b);

    if (!resend_finish(&a))
        done = false;
    map_free(&a.done, NULL);
    delivery_settle(d, rcpt, done);
}

void local_deliver_request(struct delivery *d, const struct local_tables *tables,
                           struct local_links *links)
{
    d->relay = service_name(d->svc);
    for (size_t i = 0; i < d->count; i++)
        deliver_recipient(d, &d->recipients[i], tables, links);
}
