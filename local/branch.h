#pragma once
/* local/branch - one destination on its way down, what it shares with the others of its recipient, and how it is
 * reported. */
#include "base/map.h"
#include "client/cleanup.h"
#include "delivery/copy.h"
#include "local/mandate.h"
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

/* Kept from one message to the next. */
struct local_links {
    struct cleanup_client cleanup; /* for new messages */
    struct biff *biff;
};

/* One recipient of a request with everything that its branches share. */
struct attempt {
    const struct local_tables *tables;
    struct local_links *links;
    struct delivery *d;
    struct delivery_rcpt *rcpt;
    struct map done;        /* destinations that had their copy */
    struct resend *resends; /* new messages that are being gathered */
    struct arena *passing;  /* what the destination under delivery needs; NULL at the top */
};

/* Copied for each step deeper. */
struct branch {
    struct attempt *attempt;
    const struct branch *above;    /* the branch that named us, or NULL */
    struct delivery_recipient who; /* the address under delivery */
    struct str delivered_to; /* for the header; with frozen_delivered_to that of the recipient */
    struct str sender;       /* the request's, or the owner of a mailing list */
    bool new_owner;          /* `sender` is such an owner: all members go by a new message */
    enum origin origin;
    const struct user *mandate; /* on whose behalf (local/mandate.h); set by what named us */
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

/* Report one branch.  Each step of a delivery returns what these return: true when nothing is left to do, false when
 * the recipient must be tried again. */
bool branch_report(const struct branch *b, const struct outcome *o);
bool branch_defer(const struct branch *b, const char *dsn, const char *fmt, ...) PRINTF(3, 4);
bool branch_bounce(const struct branch *b, const char *dsn, const char *fmt, ...) PRINTF(3, 4);
bool branch_sent(const struct branch *b, const char *fmt, ...) PRINTF(2, 3);

/* First time for this destination?  Within duplicate_filter_limit. */
bool branch_is_first(const struct branch *b, const char *kind, struct str name);
/* The same for what names further destinations.  Without a limit: files that name each other twice would double
 * the work with each step. */
bool branch_expands_first(const struct branch *b, const char *kind, struct str name);

/* For what the branch and those below it need.  Memory for all of a list would be a hundred times its file. */
struct arena *branch_arena(const struct branch *b);
/* Who acts for `user`: default_privs for nobody in particular and for root. */
const struct user *branch_actor(const struct branch *b, const struct user *user);
/* `name` as the same thing done by this actor: done by another it is another. */
struct str branch_acted(const struct branch *b, const struct user *actor, struct str name);

/* The plan for a copy to this branch; `what` is a word of prepend_delivered_header. */
struct copy_plan branch_copy_plan(const struct branch *b, unsigned flags, const char *what);

/* macros.c: $user, $home ... in forward_path, mailbox_command, luser_relay. */
NODISCARD bool branch_expand(const struct branch *b, struct str text, struct str filter,
                             struct buf *out);
