#include "pickup/drop_policy.h"

#include "base/log.h"
#include "conf/command.h"
#include "pickup/drop_default.h"
#include "table/list.h"
#include "table/match.h"
#include "text/address.h"

#include <pwd.h>
#include <stdio.h>
#include <unistd.h>

/* The defaults let everybody in; then no table is opened and no user looked up. */
void drop_policy_require_user(struct conf *conf)
{
    if (drop_users_are_default(conf))
        return;
    struct str text = conf_value(conf, STR(DROP_USERS));
    struct match_list *users = match_list_open(text, DROP_USERS, 0);
    const char *name = command_user_name();
    enum match_result result = match_string(users, str_from(name));

    match_list_close(users);
    if (result == MATCH_ERROR)
        log_fatal(DROP_USERS ": " STR_FMT ": table lookup problem", STR_ARG(text));
    if (result == MATCH_NO)
        log_fatal("User %s(%ld) is not allowed to submit mail", name, (long)getuid());
}

/* A pattern is the whole address without its extension, "@domain", "*" or the name of the null
 * sender. */
static bool matches(struct conf *conf, struct str pattern, struct str sender)
{
    struct address_extension_rule rule = { .delimiters =
                                               conf_value(conf, STR("recipient_delimiter")) };
    struct address_parts parts = address_split(sender);
    struct str base, extension;
    BUF_AUTO(plain, 0);

    if (str_equal(pattern, STR("*")))
        return true;
    if (sender.len == 0)
        return str_equal_nocase(
            pattern, conf_value(conf, STR("empty_address_local_login_sender_maps_lookup_key")));
    if (pattern.len && pattern.ptr[0] == '@')
        return parts.domain.ptr && str_equal_nocase(str_skip(pattern, 1), parts.domain);
    if (!address_split_extension(&rule, parts.local, &base, NULL, &extension))
        return str_equal_nocase(pattern, sender);
    buf_add(&plain, base);
    if (parts.domain.ptr)
        buf_join(&plain, STR("@"), parts.domain);
    return str_equal_nocase(pattern, buf_str(&plain));
}

static bool any_matches(struct conf *conf, struct str patterns, struct str sender)
{
    struct str pattern;

    while (str_token(&patterns, ", \t\r\n", &pattern))
        if (matches(conf, pattern, sender))
            return true;
    return false;
}

static void lookup_key(struct buf *key)
{
    const struct passwd *pw = getpwuid(getuid());

    if (pw)
        buf_add_cstr(key, pw->pw_name);
    else
        buf_addf(key, "uid:%ld", (long)getuid());
}

void drop_policy_require_sender(struct conf *conf, struct str sender)
{
    if (drop_senders_are_default(conf))
        return;
    struct str text = conf_value(conf, STR(DROP_SENDERS));
    struct table_list *maps = table_list_open(text, DROP_SENDERS, TABLE_DEFAULT);
    BUF_AUTO(key, 0);
    BUF_AUTO(patterns, 0);

    lookup_key(&key);
    enum table_result result = table_list_lookup(maps, buf_str(&key), &patterns);
    table_list_close(maps);
    if (result == TABLE_ERROR)
        log_fatal(STR_FMT "(%ld): " DROP_SENDERS " table lookup error for '" STR_FMT "'",
                  STR_ARG(sender), (long)getuid(), STR_ARG(text));
    if (result == TABLE_NOT_FOUND || !any_matches(conf, buf_str(&patterns), sender))
        log_fatal(STR_FMT "(%ld): not authorized to use sender='" STR_FMT "'", STR_ARG(sender),
                  (long)getuid(), STR_ARG(sender));
}
