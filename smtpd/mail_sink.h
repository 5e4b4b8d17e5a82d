#pragma once
/* smtpd/mail_sink - where a message goes as it comes in.  The transaction calls begin, then recipient for each of
 * them, content, text for each piece, end; or abort instead of whatever is still to come. */
#include "smtpd/facts.h"

/* What a step answers when nothing is wrong; any other reply refuses what the client asked for. */
#define MAIL_SINK_GOES_ON ((struct smtp_reply){ 0 })

struct mail_sink {
    bool keeps_mail; /* in the queue; its message has an id from `begin` on */
    /* Take what the transaction knows of the client and the sender. */
    struct smtp_reply (*begin)(struct session *s);
    /* `line` is the client's command. */
    struct smtp_reply (*recipient)(struct session *s, const struct smtp_rcpt *rcpt,
                                   struct str line);
    /* There will be no more recipients: the content begins, with the header that we add. */
    struct smtp_reply (*content)(struct session *s);
    void (*text)(struct session *s, struct str text, bool ends_line);
    /* The message is complete, and came by DATA or BDAT: what is answered.  Its text may lie in the arena. */
    struct smtp_reply (*end)(struct session *s, enum smtp_command how, struct arena *a);
    void (*abort)(struct session *s);
};

extern const struct mail_sink mail_sink_cleanup;
/* smtpd_proxy_filter: at once, or (speed_adjust) when the message is complete. */
extern const struct mail_sink mail_sink_filter, mail_sink_filter_later;

/* Before the jail: the one that main.cf asks for; and, for each process, what it must not share with others. */
const struct mail_sink *mail_sink_open(struct setup *setup);
void mail_sink_open_own(struct setup *setup);

/* What a message over message_size_limit gets, whoever notices it. */
#define MAIL_SINK_TOO_BIG                             \
    {                                                 \
        552, STR("5.3.4 Error: message file too big") \
    }
/* The mail system is in trouble, which has been logged. */
#define MAIL_SINK_TROUBLE                               \
    {                                                   \
        451, STR("4.3.0 Error: queue file write error") \
    }
