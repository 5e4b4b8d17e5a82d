#pragma once
/* table/plugins/ldap_text - the texts of LDAP: filters, names of entries, lists of servers.  Pure. */
#include "base/buf.h"

/* For key_format: a part of a filter (RFC 4515) and of a distinguished name (RFC 4514).  The context is of no use. */
bool ldap_quote_filter(void *context, struct str part, struct buf *out);
bool ldap_quote_name(void *context, struct str part, struct buf *out);

/* Hosts, host:port and URLs as one list of URLs with blanks between; `port` is for hosts without one. */
void ldap_join_servers(struct str servers, int port, struct buf *out);
/* The first of these URLs whose scheme is none of LDAP's version 2: "ldaps", "ldapi".  Empty: there is none. */
struct str ldap_modern_scheme(struct str urls);
bool ldap_has_scheme(struct str urls, struct str scheme);
/* "mail;lang-en" is the attribute "mail". */
struct str ldap_base_name(const char *attribute);
