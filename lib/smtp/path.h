#pragma once
/* smtp/path - the arguments of MAIL and RCPT. */
#include "base/arena.h"
#include "base/str.h"
#include "text/dsn.h"

enum smtp_body { SMTP_BODY_UNKNOWN, SMTP_BODY_7BIT, SMTP_BODY_8BITMIME };

struct smtp_mail {
    struct str path;    /* as sent, without angle brackets (external form) */
    struct str address; /* internal form; empty for <> */
    int64_t size;       /* SIZE=, or -1 */
    enum smtp_body body;
    bool smtputf8;
    bool requiretls;
    enum dsn_ret ret;
    struct str envid; /* decoded; absent without ENVID= */
    struct str auth;  /* AUTH=, decoded; absent without it */
    bool verp;
    struct str verp_delimiters; /* two characters; empty: the default ones */
};

struct smtp_rcpt {
    struct str path;
    struct str address;
    unsigned notify;  /* enum dsn_notify */
    struct str orcpt; /* "type;address" decoded; absent without ORCPT= */
};
