#pragma once
/* pickup/drop_policy - who may submit mail, and as whom. */
#include "conf/conf.h"

/* authorized_submit_users.  Fatal when the user is not in it, or when that cannot be told. */
void drop_policy_require_user(struct conf *conf);
/* local_login_sender_maps: may the user send with this envelope sender (internal form)?  Fatal
 * if not. */
void drop_policy_require_sender(struct conf *conf, struct str sender);
