#pragma once
/* dns/answer - the records in the bytes of an answer.  Everything here came from a stranger. */
#include "dns/dns.h"

/* Records of `type` in the order of the answer, at most DNS_RECORDS_MAX; those with bad names
 * are left out, and the first of them is logged.  `name` is what was asked.  The result is
 * DNS_OK with at least one record, or why there is none. */
enum dns_status dns_answer_parse(struct str bytes, struct str name, enum dns_type type,
                                 struct arena *a, struct dns_record **out);
/* The name that the records of `type` belong to, at the end of all aliases.  Absent: there are none. */
struct str dns_answer_owner(struct str bytes, enum dns_type type, struct arena *a);
/* How many seconds the absence of records may be remembered, which the zone's SOA behind the answer tells (RFC 2308); -1:
 * nobody knows. */
int64_t dns_answer_negative_ttl(struct str bytes, struct arena *a);
/* Is it an answer at all, and one whose result (RCODE) is known?  c-ares takes everything else
 * for an answer without records, which would say that there is no such host. */
bool dns_answer_is_one(struct str bytes);
/* What a status of c-ares means to a caller. */
enum dns_status dns_answer_status(int ares_status);
/* "name. ttl IN MX 10 value." for the reply filter. */
void dns_record_format(const struct dns_record *r, struct str name, struct buf *out);
