#pragma once
/* rewrite/mapping - what becomes of one address on its way into the queue: canonical maps, masquerading, virtual aliases,
 * blind copies.  Addresses are in internal form; results live in the arena. */
#include "rewrite/rewrite.h"
#include "table/list.h"
#include "table/match.h"

/* Where an address stands: each kind of mapping has a list of the places where it applies. */
enum address_role {
    ROLE_ENVELOPE_SENDER = 1 << 0,
    ROLE_ENVELOPE_RECIPIENT = 1 << 1,
    ROLE_HEADER_SENDER = 1 << 2,
    ROLE_HEADER_RECIPIENT = 1 << 3,
};
#define ROLE_SENDER    (ROLE_ENVELOPE_SENDER | ROLE_HEADER_SENDER)
#define ROLE_RECIPIENT (ROLE_ENVELOPE_RECIPIENT | ROLE_HEADER_RECIPIENT)

/* A list of address maps and the places (enum address_role) that it is for. */
struct address_maps {
    struct table_list *tables;
    unsigned roles;
};

/* The site's maps; opened before the jail. */
struct mapping {
    struct rewriter *rewriter; /* somebody else's */
    struct address_maps sender_canonical, recipient_canonical, canonical;
    struct table_list *virtual_aliases, *sender_bcc, *recipient_bcc;
    bool canonical_extensions, virtual_extensions; /* propagate_unmatched_extensions */
    unsigned masquerade_roles;
    struct match_list *masquerade_exceptions;
};

/* cleanup_conf is filled. */
void mapping_open(struct mapping *m, struct rewriter *rewriter, struct conf *conf);

/* Canonical maps and then masquerading of an address in that place.  False: a lookup failed,
 * `parameter` names it. */
NODISCARD bool mapping_apply(const struct mapping *m, enum address_role role, struct str *address,
                             struct arena *a, const char **parameter);

/* One of them alone. */
NODISCARD bool mapping_canonical(const struct mapping *m, enum address_role role,
                                 struct str *address, struct arena *a, const char **parameter);
NODISCARD bool mapping_hide_host(const struct mapping *m, enum address_role role,
                                 struct str *address, struct arena *a, const char **parameter);

/* masquerade_domains: the first of `domains` that is the address's domain or a parent of it
 * decides; `!domain` leaves it alone.  Pure. */
struct str mapping_masquerade(struct str domains, struct str address, struct arena *a);

enum expansion {
    EXPANSION_OK,
    EXPANSION_FAILED,
    EXPANSION_NESTING,
    EXPANSION_SIZE,
    EXPANSION_LENGTH,
};

struct address_set {
    struct str *items;
    size_t count, room;
};

void address_set_add(struct address_set *set, struct str address, struct arena *a);

/* All that virtual_alias_maps makes of an address; the address itself when it is no alias.
 * `failed_at` names the key whose lookup failed or that leads too deep. */
enum expansion mapping_expand(const struct mapping *m, struct str address, struct arena *a,
                              struct address_set *out, struct str *failed_at);
/* The log line's words for a failed expansion. */
const char *expansion_text(enum expansion e);
/* Result of a bcc map for an address, complete; empty if there is none.  False: the lookup
 * failed. */
NODISCARD bool mapping_bcc(const struct mapping *m, struct table_list *maps, struct str address,
                           struct arena *a, struct str *bcc);
