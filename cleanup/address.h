#pragma once
/* cleanup/address - what becomes of one address: canonical maps, masquerading, virtual aliases.
 * Addresses are in internal form; results live in the arena. */
#include "cleanup/cleanup.h"

/* Canonical maps and masquerading of an address in that place.  False: a lookup failed,
 * `parameter` names it. */
NODISCARD bool address_map(struct cleanup *c, enum address_role role, struct str *address,
                           struct arena *a, const char **parameter);

/* masquerade_domains: the first of `domains` that is the address's domain or a parent of it
 * decides; `!domain` leaves it alone.  Pure. */
struct str address_masquerade(struct str domains, struct str address, struct arena *a);

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
enum expansion address_expand(struct cleanup *c, struct str address, struct arena *a,
                              struct address_set *out, struct str *failed_at);
/* The log line's words for a failed expansion. */
const char *expansion_text(enum expansion e);
/* Result of a bcc map for an address, complete; empty if there is none.  False: the lookup
 * failed. */
NODISCARD bool address_bcc(struct cleanup *c, struct table_list *maps, struct str address,
                           struct arena *a, struct str *bcc);
