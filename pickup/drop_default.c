#include "pickup/drop_default.h"

static bool is_default(struct conf *conf, const char *parameter, const char *fallback)
{
    return str_equal(str_trim(conf_value(conf, str_from(parameter))), str_from(fallback));
}

bool drop_users_are_default(struct conf *conf)
{
    return is_default(conf, DROP_USERS, "static:anyone");
}

bool drop_senders_are_default(struct conf *conf)
{
    return is_default(conf, DROP_SENDERS, "static:*");
}

bool drop_policy_is_default(struct conf *conf)
{
    return drop_users_are_default(conf) && drop_senders_are_default(conf);
}
