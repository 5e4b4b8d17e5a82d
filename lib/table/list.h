#pragma once
/* table/list - tables asked in order, as in `virtual_alias_maps = hash:/a, inline:{k=v},
 * regexp:/b`.
 *
 * The first table that has the key decides; a table that fails ends the search with TABLE_ERROR,
 * because a later one might answer what the failing one was meant to override. */
#include "table/table.h"

struct table_list;

/* `text` is the parameter's expanded value; elements are separated by commas and white space,
 * braces hold an element together.  `parameter` is its name for log lines and is kept.  Never
 * NULL; an empty list finds nothing. */
struct table_list *table_list_open(struct str text, const char *parameter, unsigned flags);
void table_list_close(struct table_list *l);          /* NULL is fine */
bool table_list_is_empty(const struct table_list *l); /* NULL counts as empty */
const char *table_list_parameter(const struct table_list *l);
/* The table that gave the last TABLE_FOUND or TABLE_ERROR: "hash:/a"; STR_NONE before. */
struct str table_list_last(const struct table_list *l);
/* That table's owner, as table_owner() tells it. */
uid_t table_list_last_owner(const struct table_list *l);

/* `value` may be NULL and is untouched unless the key is found.  An empty result is an error
 * (TABLE_ERROR, logged), and an empty key is in no table. */
NODISCARD enum table_result table_list_lookup(struct table_list *l, struct str key,
                                              struct buf *value);
/* The same, only in tables that take parts of addresses and names (table_takes_partial_keys). */
NODISCARD enum table_result table_list_lookup_partial(struct table_list *l, struct str key,
                                                      struct buf *value);

/* Which keys an address is looked up under.  They are tried in this order; each form that has the
 * extension is tried with it first, then without (user+ext@domain, user@domain, user+ext, user,
 * ...). */
enum address_key {
    ADDRESS_KEY_FULL = 1 << 0,           /* user+ext@domain, user@domain */
    ADDRESS_KEY_LOCALPART = 1 << 1,      /* user+ext, user: without a domain, or with a local one */
    ADDRESS_KEY_DOMAIN = 1 << 2,         /* domain */
    ADDRESS_KEY_DOTTED_PARENTS = 1 << 3, /* .domain for every parent domain */
    ADDRESS_KEY_PARENTS = 1 << 4,        /* the parent domains without a dot */
    ADDRESS_KEY_LOCALPART_AT = 1 << 5,   /* user+ext@, user@ (access tables) */
    ADDRESS_KEY_AT_DOMAIN = 1 << 6,      /* @domain */
};
/* canonical, generic, virtual, relocated, bcc, mailbox and recipient maps */
#define ADDRESS_KEYS_REWRITE (ADDRESS_KEY_FULL | ADDRESS_KEY_LOCALPART | ADDRESS_KEY_AT_DOMAIN)
/* access tables; add one of the two PARENTS flags as parent_domain_matches_subdomains says */
#define ADDRESS_KEYS_ACCESS (ADDRESS_KEY_FULL | ADDRESS_KEY_DOMAIN | ADDRESS_KEY_LOCALPART_AT)

struct address_walk {
    unsigned keys;
    struct str delimiters;    /* recipient_delimiter */
    bool split_owner_request; /* owner_request_special = no: owner-x, x-request may be split */
    /* For who only wants to know whether there is an entry: ADDRESS_KEY_LOCALPART before the others.  Users are
     * listed by it, and to ask the name service for a name that nobody has is what costs most. */
    bool localpart_first;
    /* Says whether ADDRESS_KEY_LOCALPART applies to a domain; TABLE_FOUND is yes.  NULL: it never
     * does, except for an address without a domain. */
    enum table_result (*domain_is_local)(void *context, struct str domain);
    void *context;
};

/* Look an address up.  `address` is in internal form (not quoted); keys are tried in external form
 * ("a b"@domain) and, where that differs, as they stand.  `value` is replaced when found;
 * `extension` (may be NULL) then holds the extension with its delimiter if the key that matched
 * had none, else it is empty. */
NODISCARD enum table_result table_list_lookup_address(struct table_list *l, struct str address,
                                                      const struct address_walk *walk,
                                                      struct buf *value, struct buf *extension);

/* A host or domain name under its own name and then its parents, `.parent` or (with
 * `plain_parents`) `parent`. */
NODISCARD enum table_result table_list_lookup_domain(struct table_list *l, struct str domain,
                                                     bool plain_parents, struct buf *value);
/* An IP address as text under itself and then each shorter prefix: 1.2.3.4, 1.2.3, 1.2, 1; IPv6 at
 * its colons. */
NODISCARD enum table_result table_list_lookup_ip(struct table_list *l, struct str address,
                                                 struct buf *value);
