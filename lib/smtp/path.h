#pragma once
/* smtp/path - the arguments of MAIL and RCPT. */
#include "base/arena.h"
#include "base/attr.h"
#include "base/str.h"
#include "text/dsn.h"

#include <stdint.h>

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
    struct str auth;  /* AUTH= as it was given; absent without it and for `<>` */
    bool verp;
    struct str verp_delimiters; /* two characters; empty: the default ones */
};

struct smtp_rcpt {
    struct str path;
    struct str address;
    unsigned notify;  /* enum dsn_notify */
    struct str orcpt; /* "type;address" decoded; absent without ORCPT= */
};

/* Domains that are no host names of old, which a site may take all the same. */
struct smtp_odd_domains {
    bool utf8;    /* smtputf8_enable */
    bool none;    /* user@ (resolve_null_domain) */
    bool numeric; /* user@192.0.2.1 (resolve_numeric_domain) */
};

/* What the options of the dialogue allow. */
struct smtp_path_rules {
    bool strict; /* angle brackets required, no comments (strict_rfc821_envelopes) */
    struct smtp_odd_domains odd_domains;
    bool smtputf8, strict_smtputf8, requiretls, dsn, verp;
    bool auth;
    int64_t size_limit;   /* 0: none */
    size_t address_limit; /* longer addresses, in either form, are none (0: no limit) */
    size_t value_limit;   /* the same for what ENVID and ORCPT say */
    struct str verp_filter;
};

/* What is wrong with an argument. `text` includes the enhanced status; both may lie in the arena.
 */
struct smtp_path_error {
    int code;
    struct str text;
    enum {
        SMTP_PATH_SYNTAX,
        SMTP_PATH_ADDRESS,
        SMTP_PATH_NOTIFY,
        SMTP_PATH_OPTION,
        SMTP_PATH_SIZE
    } what;
    struct str arg; /* the address or word that is to blame */
};

/* Arguments of MAIL (`FROM:<a@b> SIZE=1`) and RCPT.  The parts of `out` lie in `args` or in the
 * arena. `utf8`: the transaction declared SMTPUTF8.  MAIL is filled too when SMTP_PATH_SIZE is wrong. */
NODISCARD bool smtp_mail_parse(struct str args, const struct smtp_path_rules *rules,
                               struct arena *a, struct smtp_mail *out,
                               struct smtp_path_error *error);
NODISCARD bool smtp_rcpt_parse(struct str args, const struct smtp_path_rules *rules, bool utf8,
                               struct arena *a, struct smtp_rcpt *out,
                               struct smtp_path_error *error);
/* A bare address, as VRFY has it; the empty one is refused. */
NODISCARD bool smtp_path_parse(struct str text, const struct smtp_path_rules *rules,
                               struct arena *a, struct str *path, struct str *address);
