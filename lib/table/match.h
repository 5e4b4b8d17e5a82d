#pragma once
/* table/match - lists that answer yes or no: mydestination, mynetworks, relay_domains,
 * debug_peer_list ...
 *
 * Elements, first match wins: a name or address, `.domain` (its subdomains), `net/mask`,
 * `[v6]/mask`, `type:table` (the key is there; what it maps to does not matter), `/file` (read in
 * place, once, at open), and `!` in front of any of these. */
#include "table/table.h"

struct match_list;

enum match_result { MATCH_NO, MATCH_YES, MATCH_ERROR }; /* MATCH_ERROR is logged: try again later */

enum match_flag {
    MATCH_SUBDOMAINS =
        1 << 0, /* `domain` also means its subdomains; without it only `.domain` does */
};

/* MATCH_SUBDOMAINS if parent_domain_matches_subdomains names this parameter, else 0. */
unsigned match_flags_for(const char *parameter);

/* `text` is the parameter's expanded value, `parameter` its name for log lines (kept).  Never
 * NULL.  A file that cannot be read makes every match that gets as far an error. */
struct match_list *match_list_open(struct str text, const char *parameter, unsigned flags);
void match_list_close(struct match_list *l);          /* NULL is fine */
bool match_list_is_empty(const struct match_list *l); /* NULL counts as empty */

/* Whole strings, compared without case: user names, queue names, service names. */
NODISCARD enum match_result match_string(struct match_list *l, struct str s);
/* Domain names. */
NODISCARD enum match_result match_domain(struct match_list *l, struct str domain);
/* An IPv4 or IPv6 address as text, without brackets. */
NODISCARD enum match_result match_address(struct match_list *l, struct str address);
/* A client: each element is tried on its name, then on its address. */
NODISCARD enum match_result match_host_address(struct match_list *l, struct str name,
                                               struct str address);
