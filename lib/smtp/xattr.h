#pragma once
/* smtp/xattr - the attributes of XCLIENT and XFORWARD. */
#include "base/arena.h"
#include "base/buf.h"
#include "base/str.h"

enum smtp_xattr {
    SMTP_XATTR_NAME,
    SMTP_XATTR_ADDR,
    SMTP_XATTR_PORT,
    SMTP_XATTR_PROTO,
    SMTP_XATTR_HELO,
    SMTP_XATTR_REVERSE_NAME,
    SMTP_XATTR_LOGIN,
    SMTP_XATTR_DESTADDR,
    SMTP_XATTR_DESTPORT,
    SMTP_XATTR_IDENT,
    SMTP_XATTR_SOURCE,
    SMTP_XATTR_COUNT,
};

enum smtp_xvalue {
    SMTP_XVALUE_ABSENT, /* the attribute was not sent */
    SMTP_XVALUE_GIVEN,
    SMTP_XVALUE_UNAVAILABLE, /* [UNAVAILABLE] */
    SMTP_XVALUE_TEMPORARY,   /* [TEMPUNAVAIL] */
};

/* Values are decoded (xtext), addresses without the IPV6: tag. */
struct smtp_xattrs {
    enum smtp_xvalue kind[SMTP_XATTR_COUNT];
    struct str value[SMTP_XATTR_COUNT];
};

struct str smtp_xattr_name(enum smtp_xattr attr);
struct smtp_xattr_rules {
    bool xclient; /* not XFORWARD */
    bool ipv6;    /* inet_protocols: addresses may be of that kind */
};

/* Parse `NAME=x ADDR=y`; which names exist depends on the command.  On failure `error` is the text
 * of the 501 reply ("5.5.4 Bad PORT syntax: x"), in the arena. */
NODISCARD bool smtp_xattrs_parse(struct str args, const struct smtp_xattr_rules *rules,
                                 struct arena *a, struct smtp_xattrs *out, struct str *error);
/* ` NAME=value` for an XFORWARD or XCLIENT command; the value is encoded, empty becomes
 * [UNAVAILABLE]. IPv6 addresses get their tag. */
void smtp_xattr_format(enum smtp_xattr attr, struct str value, struct buf *out);
