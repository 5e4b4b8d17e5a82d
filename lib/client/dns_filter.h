#pragma once
/* client/dns_filter - smtp_dns_reply_filter, smtpd_dns_reply_filter: tables that judge each record of an
 * answer.  The one action is IGNORE. */
#include "dns/dns.h"

/* Before the jail.  `parameter`: the name of the parameter that `tables` comes from. */
void dns_filter_open(struct dns *d, struct str tables, const char *parameter);
