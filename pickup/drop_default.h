#pragma once
/* pickup/drop_default - may everybody on this host send mail, and as whomever he likes? */
#include "conf/conf.h"

#define DROP_USERS   "authorized_submit_users"
#define DROP_SENDERS "local_login_sender_maps"

bool drop_users_are_default(struct conf *conf);
bool drop_senders_are_default(struct conf *conf);
/* Both: then nobody need be asked (pickup/drop_policy.h). */
bool drop_policy_is_default(struct conf *conf);
