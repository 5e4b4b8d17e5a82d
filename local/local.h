#pragma once
/* local - what the steps of a local delivery share.
 *
 * A recipient of a request walks down: aliases, ~/.forward, mailbox (mailbox_transport,
 * mailbox_command, home_mailbox, mail_spool_directory), unknown user.  Aliases and .forward files
 * name further destinations, each of which walks down in its own `struct branch`.  Each step
 * returns true when nothing is left to do, false when the recipient must be tried again; the
 * recipient is marked as done only if all of its branches are. */
#include "base/map.h"
#include "delivery/copy.h"
#include "delivery/store.h"
#include "delivery/user.h"
#include "rewrite/rewrite.h"
#include "table/list.h"
#include "text/address.h"

#define LOCAL_NESTING_MAX 100 /* files and aliases that name each other */

/* Opened before the first request. */
struct local_tables {
    struct service *svc;
    struct rewriter *rewriter;
    struct table_list *aliases;
    struct table_list *mailbox_transports, *mailbox_commands, *fallback_transports;
    struct address_extension_rule extension_rule;
    const struct user *default_user; /* default_privs */
    unsigned mailbox_locks;
    struct str propagate; /* propagate_unmatched_extensions */
};
extern struct local_tables local_tables;

/* One recipient of a request with everything that its branches share. */
struct attempt {
    struct delivery *d;
    struct delivery_rcpt *rcpt;
    struct str delivered_to; /* for the header; frozen_delivered_to keeps it for all branches */
    struct map done;         /* destinations that had their copy */
    struct resend *resends;  /* new messages that are being gathered */
    struct arena *passing;   /* what the destination under delivery needs; NULL at the top */
};

/* Where a destination comes from. */
enum origin { FROM_REQUEST, FROM_ALIAS, FROM_FORWARD, FROM_INCLUDE };

/* One destination on its way down.  Copied for each step deeper. */
struct branch {
    struct attempt *attempt;
    const struct branch *above;    /* the branch that named us, or NULL */
    struct delivery_recipient who; /* the address under delivery */
    struct str sender;             /* the request's, or the owner of a mailing list */
    bool new_owner;                /* `sender` is such an owner: all members go by a new message */
    enum origin origin;
    const struct user *rights;  /* whose file named us; NULL: the recipient's own */
    struct str local;           /* local part in lower case, without a backslash in front */
    struct str base, extension; /* split; without an extension base is local */
    char delimiter;             /* 0: no extension */
    struct str domain;
    struct str unmatched;    /* "+ext" that goes on to the addresses named by an alias or file */
    struct str alias;        /* name of the alias that is being expanded */
    const struct user *user; /* the account, once known */
    bool only_mailbox;       /* \user: no aliases, no .forward */
    bool indirect;        /* named by an :include: file: by a new message, unless it is an alias */
    struct str forwarder; /* whose .forward named us: everybody else gets a new message */
    bool from_luser;      /* luser_relay must not lead to itself */
    int level;
};

/* recipient.c */
void local_deliver_request(struct delivery *d);
bool branch_deliver(struct branch *b);
/* Report one branch. */
bool branch_report(struct branch *b, const struct outcome *o);
bool branch_defer(struct branch *b, const char *dsn, const char *fmt, ...) PRINTF(3, 4);
bool branch_bounce(struct branch *b, const char *dsn, const char *fmt, ...) PRINTF(3, 4);
bool branch_sent(struct branch *b, const char *fmt, ...) PRINTF(2, 3);
/* First time for this destination?  Within duplicate_filter_limit. */
bool branch_is_first(struct branch *b, const char *kind, struct str name);
/* The same for what names further destinations.  Without a limit: files that name each other twice would double
 * the work with each step. */
bool branch_expands_first(struct branch *b, const char *kind, struct str name);
/* For what the branch and those below it need.  Memory for all of a list would be a hundred times its file. */
struct arena *branch_arena(const struct branch *b);

/* alias.c: true in *status when the name is an alias and has been dealt with. */
bool alias_deliver(struct branch *b, bool *status);
/* forward.c: the same for ~/.forward. */
bool forward_deliver(struct branch *b, bool *status);

/* destination.c: the value of an alias, a .forward or :include: file. */
bool destinations_deliver(struct branch *from, struct str text);
bool destination_address(struct branch *from, struct str address, bool only_mailbox);

/* mailbox.c */
bool mailbox_deliver(struct branch *b);
/* unknown.c */
bool unknown_deliver(struct branch *b);
bool pass_on(struct branch *b, struct str destination);
/* command.c, file.c */
bool command_branch(struct branch *b, struct str text, const struct user *rights);
bool mailbox_command_branch(struct branch *b, struct str text);
bool file_branch(struct branch *b, struct str path, const struct user *rights);
/* Who acts when `user` asks for it: root's mail is handled by default_privs. */
const struct user *acting_user(const struct user *user);

/* resend.c: addresses elsewhere go into new messages, one for each sender. */
/* True when nothing is left to do yet: the message is sent by resend_finish(). */
bool resend_add(struct branch *b, struct str address);
bool resend_finish(struct attempt *a);
/* Let go of the connection to cleanup(8). */
void resend_close(void);

/* macros.c: $user, $home ... in forward_path, mailbox_command, luser_relay. */
NODISCARD bool branch_expand(const struct branch *b, struct str text, struct str filter,
                             struct buf *out);

/* biff.c: tell comsat(8) where new mail begins in a mailbox. */
void biff_notify(struct str user, int64_t offset);

/* The plan for a copy to this branch; `what` is a word of prepend_delivered_header. */
struct copy_plan branch_copy_plan(const struct branch *b, unsigned flags, const char *what);
