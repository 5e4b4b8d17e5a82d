#pragma once
/* nexthop/destination - the syntax of a nexthop.
 *
 * One or more of  domain  domain:port  [host]  [host]:port  inet:host:port  and, for LMTP,
 * unix:path, separated by commas or blanks; each is tried when the one before could not take the
 * mail. */
#include "base/str.h"

#define SMTP_PORT 25

struct destination {
    struct str host;    /* without brackets */
    struct str service; /* port as written, absent if none */
    int port;
    bool direct;     /* [host] or inet:host: no MX lookup */
    struct str path; /* of a UNIX socket; then nothing else is set */
};

/* Cut the next destination off `nexthop`; false at the end. */
bool destination_next(struct str *nexthop, struct str *text);
/* By number or name; 0: there is no such port. */
int destination_port(struct str service);
/* False: no host's name or address, or a port that is neither a number nor a known service; `default_port` 0: there
 * is none. */
NODISCARD bool destination_parse(struct str text, bool lmtp, int default_port,
                                 struct destination *out);
