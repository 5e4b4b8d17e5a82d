#pragma once
/* milter/config - what main.cf says about filters: a list of them, and settings of each. */
#include "base/arena.h"
#include "base/buf.h"
#include "milter/milter.h"

/* Times in seconds. */
struct milter_settings {
    int connect_timeout, command_timeout, content_timeout;
    struct str default_action;
    struct str protocol;
};

struct milter_service {
    struct str name; /* "inet:host:port", "unix:path", "local:path", as it was given */
    struct milter_settings settings;
};

/* smtpd_milters and its like: names with blanks or commas between them, or groups `{ name, setting = value, ... }`.  Strings
 * and services live in the arena.  False: `why` says it. */
NODISCARD bool milter_list_parse(struct arena *a, struct str text,
                                 const struct milter_settings *defaults,
                                 struct milter_service **services, size_t *count, struct buf *why);

/* Is the name that of an endpoint?  False: `why` says it. */
NODISCARD bool milter_name_is_valid(struct str name, struct buf *why);
/* milter_protocol: a version, and words that change it.  False: `why` says it. */
NODISCARD bool milter_protocol_parse(struct str text, struct milter_protocol *out, struct buf *why);

/* milter_default_action. */
enum milter_default {
    MILTER_DEFAULT_ACCEPT,
    MILTER_DEFAULT_REJECT,
    MILTER_DEFAULT_TEMPFAIL,
    MILTER_DEFAULT_SHUTDOWN,
    MILTER_DEFAULT_QUARANTINE,
    MILTER_DEFAULT_UNKNOWN,
};
enum milter_default milter_default_parse(struct str action);
