#pragma once
/* smtpd/facts - what is known of one client; the ground that all files of smtpd stand on.
 *
 * Three lifetimes meet here: `struct setup` (the process: tables and parsed parameters), `struct session`
 * (the connection), `struct transaction` (from MAIL to the end of that message). */
#include "base/arena.h"
#include "client/cleanup.h"
#include "client/milter.h"
#include "client/tls_maps.h"
#include "client/transcript.h"
#include "dns/dns.h"
#include "os/interfaces.h"
#include "os/socket.h"
#include "os/stream.h"
#include "rewrite/rewrite.h"
#include "sasl/properties.h"
#include "service/service.h"
#include "smtp/server.h"
#include "smtpd/first_lines.h"
#include "smtpd/pace.h"
#include "table/list.h"
#include "table/match.h"

struct access;
struct auth_backend;
struct connector;
struct filter_dialogue;
struct mail_sink;

struct setup_tls {
    enum tls_server_level level;
    bool wraps;                /* smtpd_tls_wrappermode: TLS from the first byte */
    struct tls_engine *engine; /* NULL: there is none, whatever the level says */
    enum tls_ask ask;
    struct tls_log_maps log;
};

/* What the process knows; opened before the jail, then read only. */
struct setup {
    struct service *svc;
    /* sendmail -bs of a user: the postdrop(1) that mail is handed to, and no questions asked; else NULL. */
    const char *postdrop;
    struct rewriter *rewriter;
    struct dns *dns;
    struct access *access; /* the restriction lists */
    struct setup_tls tls;
    const struct mail_sink *sink;
    int filter;      /* the connector's number of smtpd_proxy_filter */
    int filter_file; /* with speed_adjust: without a name, for one message after the other */
    struct interface_list interfaces;
    struct connector *connector; /* to servers of others */
    struct auth_setup {
        const struct auth_backend *backend; /* NULL: there is no AUTH */
        struct sasl_policy plain, secured;  /* which mechanisms may be used, without and with TLS */
        struct match_list *mechanism_filter, *exceptions;
    } auth;
    struct match_list *mynetworks, *xclient_hosts, *xforward_hosts, *bare_newline_exclusions,
        *limit_exceptions, *verp_clients, *forbidden_commands, *noop_commands;
    struct table_list *discard_keyword_maps, *local_recipients, *alias_maps, *mailbox_maps,
        *relay_recipients, *canonical_maps, *recipient_canonical_maps, *reject_filter_maps,
        *reject_footer_maps, *command_filter;
    struct str expansion_filter; /* smtpd_expansion_filter, escapes undone */
    struct milter_site milter_site;
    struct milter_list milters;     /* smtpd_milters */
    struct table_list *milter_maps; /* and who gets others */
    bool has_milters;               /* one of both is set, and applies here */
    bool no_milters;                /* receive_override_options */
    int cleanup_flags;
    unsigned notify;       /* enum fault: which ones the postmaster wants to hear of */
    bool logs_port;        /* log lines have the client's port */
    bool check_recipients; /* receive_override_options without no_unknown_recipient_checks */
    enum smtp_bare_newline bare_newline;
    bool names_ends; /* lines about the end of a connection begin with the queue id */
};

/* Who is at the other end. Strings live as long as the session. */
struct peer {
    struct net_addr addr, server_addr;
    struct str address;      /* "192.0.2.1"; "unknown" when there is none */
    struct str name;         /* verified, or "unknown" */
    struct str reverse_name; /* what the address's PTR says, or "unknown" */
    struct str port;
    struct str server_address, server_port;
    struct str shown; /* name[address], or name[address]:port, for log lines */
    enum dns_status name_status, reverse_status; /* why a name is unknown */
    bool is_inet;
    bool is_own; /* it connected from an address of this host; XCLIENT does not change that */
};

/* Side effects that an access table asked for, for the message under way. */
struct actions {
    bool hold, discard;
    struct str filter, redirect;
    struct buf prepend; /* header lines, LF behind each */
    struct buf bcc;     /* addresses, NUL behind each */
};

/* A table's headers and addresses; a site that needs more has a milter. */
#define ACTIONS_TEXT_MAX 65536
#define ACTIONS_INIT \
    ((struct actions){ .prepend = BUF_INIT(ACTIONS_TEXT_MAX), .bcc = BUF_INIT(ACTIONS_TEXT_MAX) })

/* What went wrong in a session, by the words of notify_classes. */
enum fault {
    FAULT_POLICY = 1 << 0,   /* a restriction refused something */
    FAULT_PROTOCOL = 1 << 1, /* the client broke the protocol */
    FAULT_RESOURCE = 1 << 2, /* the mail system could not take the message */
    FAULT_SOFTWARE = 1 << 3,
    FAULT_DATA = 1 << 4,   /* a table could not be asked */
    FAULT_BOUNCE = 1 << 5, /* mail for nobody was refused, which saves a bounce */
};

/* One message: everything that MAIL began and that dies together in transaction_end(). */
struct transaction {
    struct arena arena;
    bool active;
    struct str sender;           /* internal form */
    struct str sender_path;      /* the same without a source route: what replies and logs show */
    struct smtp_mail mail;       /* parameters; strings in the arena */
    struct str mail_line;        /* the command that began it */
    struct smtp_rcpt first_rcpt; /* accepted: what can be named when it is the only one */
    struct str last_rcpt_path;   /* as replies and logs show it */
    int rcpt_accepted;
    struct smtp_reply doubt; /* the sender's: see struct doubts */
    struct str instance;     /* how policy services know it; empty until one is asked */
    unsigned overshoot;      /* recipients refused because they are beyond the limit */
    bool open;               /* the sink has taken it */
    bool in_content;
    struct first_lines first_lines;
    int64_t content_bytes;
    bool too_big;
    struct actions actions;
};

/* A message for smtpd_proxy_filter (filter_sink.c). */
struct filter_state {
    struct filter_dialogue *dialogue; /* the one under way, or NULL */
    struct smtp_encoder encoder;
    struct buf out; /* speed_adjust: what comes next in the file */
    off_t written;
    bool failed; /* the file cannot be written */
};

/* Who has logged in, and how he did; both absent: nobody. */
struct login {
    struct str name;
    struct str method; /* what AUTH says, or XCLIENT */
};

/* AUTH, whether it succeeds or not. */
struct auth_state {
    struct buf mechanisms; /* offered to this client */
    struct str mechanism;  /* as the client names it */
    struct str user;       /* whom the back-end spoke of last */
};

/* What XFORWARD said, empty where it said nothing; absent without XFORWARD since the last EHLO,
 * HELO or RSET. */
struct forwarded {
    struct str name, address, port, proto, helo, ident, source;
};

/* With smtpd_delay_reject = no: what a list had said by itself that judged the connection and the greeting, if nothing
 * speaks against a recipient either (defer_if_permit).  Code 0: nothing. */
struct doubts {
    struct smtp_reply connection, greeting;
};

/* What filters know of a session, and have said to it. */
struct session_milters {
    struct milter_chain chain; /* closed: none looks at this client */
    struct milter_list list;
    struct arena arena; /* of a list that a table gave */
    struct milter_verdict
        objection;        /* to the connection or the greeting; it stands for all that follows */
    bool heard;           /* of the transaction */
    bool held;            /* the log says that this message is held */
    bool is_content;      /* macros are wanted for the content */
    struct str recipient; /* the one under way; absent: none */
    struct smtp_reply rejection; /* it was refused by us; code 0: it was not */
};

struct session {
    const struct setup *setup;
    struct stream stream;
    struct smtp_server dialogue;
    const struct tls_facts *tls; /* of the stream; NULL: plain text */
    struct str early;            /* what came behind a balancer's header, when that is TLS */
    struct peer peer;
    struct arena arena;   /* who the client is; see session_keep() */
    struct arena scratch; /* the command under way */
    unsigned changes;     /* of what lies in `arena`, since it was last compacted */
    struct str helo;      /* as given; absent before the greeting */
    struct doubts doubts;
    struct login login;
    struct auth_state auth;
    struct pace pace;
    struct transcript transcript;
    unsigned faults; /* enum fault */
    bool unlisted;   /* the refusal under way is for an address that nobody has */
    struct cleanup_client cleanup;
    struct filter_state filter;
    struct transaction t;
    unsigned instances;      /* of messages that policy services were asked about */
    enum smtp_command where; /* what is being judged: the WHERE of reject lines */
    bool is_piped;           /* sendmail -bs: there are no turns to keep */
    bool
        may_forward; /* XFORWARD is the right of the connection, not of the one that XCLIENT names */
    bool logged_bare_lf, logged_early;
    bool message_ended; /* and no command has come since */
    bool offer_unknown; /* a table that decides about extensions could not be asked */
    bool counted;       /* anvil knows of this connection ... */
    int connections;    /* ... and of so many of this client at once */
    struct session_milters milters;
    struct forwarded forwarded;
    struct buf deny_text;   /* what a client gets who was refused for good; stays where it is */
    const char *end_reason; /* "lost connection", "timeout", "too many errors" or NULL */
};

/* Facts about a session that any file may need. */

/* "QID" of the message under way, or "NOQUEUE". */
const char *session_queue_id(const struct session *s);
/* "SMTP" or "ESMTP". */
struct str session_protocol(const struct session *s);
/* The client has said who it is; guests have not. */
bool session_has_login(const struct session *s);
/* Nobody reads along. */
bool session_is_secured(const struct session *s);
/* `@a,@b:user@c` without the way there. */
struct str session_shown_address(struct str address);
/* A string in `arena` has been replaced: once in a while those that still count move to a new arena, so that a
 * client who says HELO or XCLIENT for ever gains no memory by it. */
void session_keep(struct session *s);
