#pragma once
/* smtpd/starttls - a session becomes a TLS session: at the client's word, or before the first one. */
#include "smtpd/facts.h"

void starttls_handle(struct session *s, const struct smtp_event *ev);
/* smtpd_tls_wrappermode: shake hands before the greeting.  False, logged: the session is over.  `objection` with code 0
 * becomes the one that there is to a client that lacks the certificate it must have, or makes too many sessions. */
NODISCARD bool starttls_at_once(struct session *s, struct smtp_reply *objection);
