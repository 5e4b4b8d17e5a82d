#pragma once
/* smtpd/auth_backend - what smtpd asks of the process that knows passwords. */
#include "smtpd/facts.h"

enum auth_verdict_kind {
    AUTH_CHALLENGE, /* text: base64 for the client */
    AUTH_SUCCESS,   /* user */
    AUTH_FAILURE,   /* text: why, or empty */
    AUTH_TEMPORARY, /* the same, and it is not the client's fault */
};

/* Texts live until the back-end is asked again. */
struct auth_verdict {
    enum auth_verdict_kind kind;
    struct str text;
    struct str user; /* whom it is about; absent where nobody knows */
};

struct auth_backend {
    struct str type; /* smtpd_sasl_type */
    /* Before the jail. */
    void (*open)(const struct setup *setup);
    /* The mechanisms that `policy` allows, each followed by a blank.  False: the back-end cannot be asked, which is logged. */
    bool (*list)(struct session *s, struct sasl_policy policy, struct buf *mechanisms);
    /* `initial` is absent without an initial response; as the client sent it. */
    struct auth_verdict (*begin)(struct session *s, struct sasl_policy policy, struct str mechanism,
                                 struct str initial);
    struct auth_verdict (*go_on)(struct session *s, struct str response);
    /* The exchange is over, or was given up; NULL: nothing is kept for it. */
    void (*end)(void);
};

extern const struct auth_backend auth_cyrus, auth_dovecot;
