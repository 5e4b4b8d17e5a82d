/* Recipients without an account. */
#include "base/log.h"
#include "local/ends.h"
#include "local/walk.h"

/* Mail for these must not bounce: it would come back. */
static bool is_required_name(struct str local)
{
    return str_equal_nocase(local, STR("mailer-daemon")) ||
           str_equal_nocase(local, STR("postmaster")) ||
           str_equal_nocase(local, site_conf.double_bounce_sender);
}

static bool to_luser_relay(const struct branch *b)
{
    BUF_AUTO(address, 0);
    struct branch from = *b;

    if (!branch_expand(b, local_conf.luser_relay, STR_NONE, &address))
        return branch_defer(b, "4.3.5", "mail system configuration error");
    from.from_luser = true;
    from.unmatched = STR_NONE;
    return destination_address(&from, arena_str(branch_arena(b), buf_str(&address)), false);
}

static bool discard(const struct branch *b)
{
    if (!str_equal_nocase(b->local, site_conf.double_bounce_sender))
        log_warning("required alias not found: " STR_FMT, STR_ARG(b->local));
    return branch_sent(b, "discarded");
}

bool unknown_deliver(const struct branch *b)
{
    BUF_AUTO(value, 0);
    enum table_result result =
        table_list_lookup(b->attempt->tables->fallback_transports, b->base, &value);

    if (result == TABLE_ERROR)
        return branch_defer(b, "4.3.0", "table lookup failure");
    if (result == TABLE_FOUND)
        return handover_branch(b, buf_str(&value));
    if (local_conf.fallback_transport.len)
        return handover_branch(b, local_conf.fallback_transport);
    if (local_conf.luser_relay.len && !b->from_luser)
        return to_luser_relay(b);
    if (is_required_name(b->local))
        return discard(b);
    return branch_bounce(b, "5.1.1", "unknown user: \"" STR_FMT "\"", STR_ARG(b->base));
}
