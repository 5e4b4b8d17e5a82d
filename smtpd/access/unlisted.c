/* Does the address exist?  Each address class has a table that lists who does. */
#include "smtpd/access/internal.h"
#include "text/address.h"

static enum table_result domain_is_local(void *context, struct str domain)
{
    return rewrite_domain_is_local(context, domain) ? TABLE_FOUND : TABLE_NOT_FOUND;
}

static enum table_result listed_in(struct judge *j, struct table_list *maps, struct str address)
{
    BUF_AUTO(value, 0);
    struct address_walk walk = { .keys = ADDRESS_KEYS_REWRITE,
                                 .delimiters = site_conf.recipient_delimiter,
                                 .localpart_first = true,
                                 .domain_is_local = domain_is_local,
                                 .context = j->s->setup->rewriter };

    if (table_list_is_empty(maps))
        return TABLE_NOT_FOUND;
    return table_list_lookup_address(maps, address, &walk, &value, NULL);
}

/* Addresses that cleanup will turn into others are as good as listed. */
static enum table_result rewritten(struct judge *j, struct str address)
{
    const struct setup *setup = j->s->setup;
    struct table_list *const maps[] = { setup->recipient_canonical_maps, setup->canonical_maps,
                                        setup->alias_maps };

    for (size_t i = 0; i < ARRAY_LEN(maps); i++) {
        enum table_result found = listed_in(j, maps[i], address);
        if (found != TABLE_NOT_FOUND)
            return found;
    }
    return TABLE_NOT_FOUND;
}

bool judge_is_double_bounce(const struct resolution *r)
{
    return (r->flags & RESOLVE_CLASS_LOCAL) &&
           str_equal_nocase(address_split(r->recipient).local, site_conf.double_bounce_sender);
}

/* Addresses that a mail system has whatever its tables say (RFC 5321 section 4.5.1); local(8) knows what to do. */
static bool is_always_there(const struct resolution *r)
{
    static const char *const names[] = { "postmaster", "mailer-daemon" };

    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if ((r->flags & RESOLVE_CLASS_LOCAL) &&
            str_equal_nocase(address_split(r->recipient).local, str_from(names[i])))
            return true;
    return judge_is_double_bounce(r);
}

struct class_list {
    unsigned class_flag;
    struct table_list *maps;
    int code;
    const char *table;
    bool required; /* the class is never "anything goes" */
};

static enum outcome_kind refuse(struct judge *j, const struct resolution *r, struct str path,
                                bool is_sender, int code, const char *table)
{
    const char *name = site_conf.show_user_unknown_table_name ? table : "";

    const char *sender_status = r->flags & RESOLVE_CLASS_ALIAS ? "5.1.7" : "5.1.0";

    j->s->unlisted = !j->warn;

    return judge_reject_text(j, code, is_sender ? sender_status : "5.1.1",
                             "<" STR_FMT ">: %s address rejected: User unknown%s%s", STR_ARG(path),
                             is_sender ? "Sender" : "Recipient", name[0] ? " in " : "", name);
}

/* An address that resolves to error: or retry: is refused with the text given there. */
static enum outcome_kind refuse_by_transport(struct judge *j, const struct resolution *r,
                                             struct str path, bool is_sender)
{
    bool hard = str_equal(r->transport, site_conf.error_service_name);
    bool alias = r->flags & RESOLVE_CLASS_ALIAS;
    int code = !hard ? 450 : alias ? smtpd_conf.unknown_virtual_alias_reject_code : 550;
    struct dsn_split given = dsn_status_split(r->nexthop, is_sender ? STR("5.1.0") : STR("5.1.1"));
    struct str status = judge_fit_status(j, is_sender ? SUBJECT_SENDER : SUBJECT_RECIPIENT,
                                         alias && is_sender ? STR("5.1.7") : given.status);

    j->s->unlisted = !j->warn;

    return judge_reject_text(j, code, arena_cstr(j->arena, status),
                             "<" STR_FMT ">: %s address rejected: " STR_FMT, STR_ARG(path),
                             is_sender ? "Sender" : "Recipient", STR_ARG(str_trim(given.text)));
}

enum outcome_kind judge_unlisted(struct judge *j, const struct resolution *r, struct str path,
                                 bool is_sender)
{
    const struct setup *setup = j->s->setup;
    const struct class_list lists[] = {
        { RESOLVE_CLASS_LOCAL, setup->local_recipients,
          smtpd_conf.unknown_local_recipient_reject_code, "local recipient table", false },
        { RESOLVE_CLASS_ALIAS, NULL, smtpd_conf.unknown_virtual_alias_reject_code,
          "virtual alias table", true },
        { RESOLVE_CLASS_VIRTUAL, setup->mailbox_maps,
          smtpd_conf.unknown_virtual_mailbox_reject_code, "virtual mailbox table", false },
        { RESOLVE_CLASS_RELAY, setup->relay_recipients,
          smtpd_conf.unknown_relay_recipient_reject_code, "relay recipient table", false },
    };
    enum table_result found = rewritten(j, r->recipient);

    if (found == TABLE_ERROR)
        return judge_lookup_failure(j);
    if (found == TABLE_FOUND || is_always_there(r))
        return JUDGE_NEXT;
    if (str_equal(r->transport, site_conf.error_service_name) ||
        str_equal(r->transport, STR("retry")))
        return refuse_by_transport(j, r, path, is_sender);
    for (size_t i = 0; i < ARRAY_LEN(lists); i++) {
        if (!(r->flags & lists[i].class_flag) ||
            (!lists[i].required && table_list_is_empty(lists[i].maps)))
            continue;
        found = listed_in(j, lists[i].maps, r->recipient);
        if (found == TABLE_ERROR)
            return judge_lookup_failure(j);
        return found == TABLE_FOUND ? JUDGE_NEXT
                                    : refuse(j, r, path, is_sender, lists[i].code, lists[i].table);
    }
    return JUDGE_NEXT;
}
