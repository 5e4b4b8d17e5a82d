#pragma once
/* postscreen/facts - what is known of the process and of one client; the ground that the driver's files stand on.
 *
 * Ten thousand clients may be silent at a time, so a client is small: what only some need is made when they need it. */
#include "base/map.h"
#include "os/loop.h"
#include "postscreen/dialogue.h"
#include "postscreen/score.h"
#include "postscreen/trial.h"
#include "service/service.h"
#include "table/list.h"
#include "table/match.h"
#include "text/netaddr.h"

#include <netinet/in.h>

enum action { ACTION_IGNORE, ACTION_ENFORCE, ACTION_DROP };

struct access_list;
struct cache;

/* A setting that may be another one while there are many clients. */
struct stressed {
    int normal, stress; /* seconds */
};

/* What the process knows; opened before the jail, then read only, but for what is counted. */
struct screen {
    struct service *svc;
    struct loop *loop;
    unsigned enabled; /* bits of tests */
    struct {
        enum action denied, greet, dnsbl, pipelining, non_smtp, bare_newline;
    } actions;
    struct stressed greet_wait, command_time;
    struct access_list *access;
    struct match_list *allowlist_interfaces, *forbidden_commands;
    struct table_list *command_filter, *footer_maps, *keyword_maps, *dnsbl_replies;
    struct str footer, expansion_filter;
    struct site *sites;
    size_t site_count;
    struct cache *cache; /* NULL: none, or not ours any more */
    struct dialogue_rules rules;
    unsigned keywords;                           /* that EHLO offers to everybody */
    unsigned discarded;                          /* by the site's setting: bits of ehlo_mask.h */
    const char *allowlisted, *denylisted, *veto; /* words of log lines */
    const char *wording_note;                    /* behind them, once; NULL: nothing */
    int decimals;                                /* of delays in log lines */

    struct map addresses; /* of those who are here: struct address */
    size_t clients;       /* sessions; and of these: */
    size_t in_transit;    /* on their way to smtpd */
    bool has_balancer;    /* in front of us */
    bool is_stressed;
    int64_t tables_checked_ms;
};

/* Who is at one address; lives while one of its sessions does. */
struct query_set;
struct address {
    int sessions;
    bool has_passed; /* one of them, and it was logged */
    struct merits merits;
    struct query_set *queries; /* of DNS lists, under way or over; NULL: none */
    char text[INET6_ADDRSTRLEN];
};

enum client_phase {
    CLIENT_NEW,
    CLIENT_EARLY,   /* it waits for its greeting */
    CLIENT_TALKING, /* the dialogue is ours */
    CLIENT_LEAVING, /* it is on its way to smtpd */
};

struct client {
    struct screen *screen;
    struct address *address; /* NULL until it is known */
    int fd;
    int carrier; /* that takes it to smtpd, or its connection with tlsproxy; -1: none */
    enum client_phase phase;
    bool teased; /* it has heard 220- */
    bool spoke_early;
    bool vetoed; /* smtpd is not for it, whatever it passes */
    bool waits_for_lists;
    bool failed_early;     /* something before the dialogue: it takes all tests of that */
    unsigned tests_failed; /* bits: each is told once */
    struct trial trial;
    int64_t phase_began_ms;
    struct loop_timer *timer;
    struct client *next_waiting; /* for the same DNS lists */
    struct smtp_reply refusal;   /* of its recipients; a text of ours, or `refusal_text` */
    struct buf refusal_text;
    struct dialogue *dialogue; /* while it is CLIENT_TALKING */
    uint16_t port, server_port;
    char server_address[INET6_ADDRSTRLEN];
    char shown[INET6_ADDRSTRLEN + 8]; /* [A]:P */
};

static inline struct str client_address(const struct client *c)
{
    return str_from(c->address->text);
}
