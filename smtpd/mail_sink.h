#pragma once
/* smtpd/mail_sink - where a message goes as it comes in.  The transaction calls begin, then recipient for each of
 * them, content, text for each piece, end; or abort instead of whatever is still to come. */
#include "smtpd/facts.h"

struct mail_sink {
    /* Take what the transaction knows of the client and the sender; the message has a queue id from now on.  False:
     * the mail system is in trouble, which has been logged. */
    bool (*begin)(struct session *s);
    void (*recipient)(struct session *s, const struct smtp_rcpt *rcpt);
    /* There will be no more recipients: the content begins, with the header that we add. */
    void (*content)(struct session *s);
    void (*text)(struct session *s, struct str text, bool ends_line);
    /* The message is complete, and came by DATA or BDAT: what is answered.  Its text may lie in the arena. */
    struct smtp_reply (*end)(struct session *s, enum smtp_command how, struct arena *a);
    void (*abort)(struct session *s);
};

extern const struct mail_sink mail_sink_cleanup;

/* What a message over message_size_limit gets, whoever notices it. */
#define MAIL_SINK_TOO_BIG                             \
    {                                                 \
        552, STR("5.3.4 Error: message file too big") \
    }
