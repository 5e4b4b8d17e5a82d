#include "postscreen/score.h"

#include "base/number.h"
#include "text/hostname.h"
#include "text/netaddr.h"

/* ---- the list ---- */

struct element {
    struct str text;   /* all of it */
    struct str weight; /* behind a star; absent: none is given */
};

static struct element split(struct str text)
{
    struct element e = { .text = text };
    size_t star = str_rfind(text, '*');

    if (star != STR_NOT_FOUND) {
        e.weight = str_skip(text, star + 1);
        e.text = str_sub(text, 0, star);
    }
    return e;
}

static bool read_weight(const struct element *e, struct str whole, int *weight, struct buf *why)
{
    int64_t value = 1;

    if (e->weight.ptr &&
        !number_parse_range(e->weight, INT32_MIN / 1000, INT32_MAX / 1000, &value)) {
        buf_join(why, STR("bad DNSBL weight factor \""), e->weight, STR("\" in \""), whole,
                 STR("\""));
        return false;
    }
    *weight = (int)value;
    return true;
}

static bool check_filter(struct str text, const struct dnslist *list, struct buf *why)
{
    size_t good;

    if (list->filter.ptr == NULL || !str_has(text, '='))
        return true;
    const char *fault = dnslist_filter_fault(list->filter, &good);
    if (fault == NULL)
        return true;
    buf_join(why, STR("bad DNSBL filter syntax: "), str_from(fault), STR(" at \""),
             str_sub(list->filter, 0, good), STR(">"), str_skip(list->filter, good), STR("<\""));
    return false;
}

static struct site *find_or_add(struct site **sites, struct str domain, struct arena *a)
{
    while (*sites && !str_equal_nocase((*sites)->domain, domain))
        sites = &(*sites)->next;
    if (*sites == NULL) {
        *sites = arena_alloc(a, sizeof **sites);
        (*sites)->domain = arena_str(a, domain);
    }
    return *sites;
}

static bool add_element(struct str whole, struct arena *a, struct site **sites, struct buf *why)
{
    struct element e = split(whole);
    struct dnslist list = dnslist_parse(e.text);
    int weight;

    if (!read_weight(&e, whole, &weight, why) || !check_filter(e.text, &list, why))
        return false;
    if (!hostname_is_valid(list.domain, false)) {
        buf_join(why, STR("bad DNSBL domain name \""), list.domain, STR("\" in \""), whole,
                 STR("\""));
        return false;
    }
    struct site *site = find_or_add(sites, list.domain, a);
    struct site_entry *entry = arena_alloc(a, sizeof *entry);
    *entry = (struct site_entry){ .next = site->entries, .list = list, .weight = weight };
    entry->list.filter = arena_str(a, list.filter);
    entry->list.domain = site->domain;
    site->entries = entry;
    return true;
}

bool sites_parse(struct str text, struct arena *a, struct site **sites, struct buf *why)
{
    struct str element;

    *sites = NULL;
    while (str_token(&text, ", \t\r\n", &element))
        if (!add_element(element, a, sites, why))
            return false;
    return true;
}

/* ---- answers ---- */

static bool is_listed(const struct site_entry *entry, struct str addresses)
{
    struct netaddr answer;
    struct str one;

    while (str_token(&addresses, " ", &one))
        if (netaddr_parse(one, &answer) && answer.size == 4 &&
            dnslist_matches(&entry->list, answer.bytes))
            return true;
    return false;
}

static void keep_shortest(int64_t *ttl, int64_t other)
{
    if (other >= 0 && (*ttl < 0 || other < *ttl))
        *ttl = other;
}

void score_add(struct score *s, const struct site *site, struct str addresses, int64_t ttl)
{
    for (const struct site_entry *e = site->entries; e; e = e->next) {
        bool listed = is_listed(e, addresses);
        keep_shortest(listed == (e->weight > 0) ? &s->bad_ttl : &s->good_ttl, ttl);
        if (!listed)
            continue;
        s->total += e->weight;
        if (s->worst == NULL || e->weight > s->worst_weight) {
            s->worst = site;
            s->worst_weight = e->weight;
        }
    }
}

int64_t score_ttl(const struct score *s, int64_t min, int64_t max)
{
    int64_t ttl = s->total <= 0 ? s->good_ttl : s->bad_ttl;

    return MAX(min, MIN(ttl, max));
}
