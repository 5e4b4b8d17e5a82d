#pragma once
/* postscreen/score - what DNS lists say of an address, added up (postscreen_dnsbl_sites).  Pure. */
#include "base/arena.h"
#include "base/buf.h"
#include "dns/dnslist.h"

#include <stdint.h>

struct site_entry {
    struct site_entry *next;
    struct dnslist list; /* `domain=filter` */
    int weight;
};

/* One domain, which is asked once, and all entries that name it. */
struct site {
    struct site *next;
    struct str domain;
    struct site_entry *entries;
};

/* `domain[=filter][*weight] ...`: everything lives in `a`.  False: `why` is what is wrong, for people. */
NODISCARD bool sites_parse(struct str text, struct arena *a, struct site **sites, struct buf *why);

struct score {
    int total;
    const struct site *worst; /* whose matching entry has the largest weight; NULL: there is none */
    int worst_weight;
    /* How long the answers may be remembered that speak for the client, and those that speak against it: the shortest; -1:
     * nobody knows. */
    int64_t good_ttl, bad_ttl;
};
#define SCORE_INIT                    \
    {                                 \
        .good_ttl = -1, .bad_ttl = -1 \
    }

/* A site has answered: addresses with blanks between, none if the client is not listed. */
void score_add(struct score *s, const struct site *site, struct str addresses, int64_t ttl);
/* Seconds that a client with less than the threshold may go without asking again. */
int64_t score_ttl(const struct score *s, int64_t min, int64_t max);
