#pragma once
/* client/milter_list - which filters main.cf names, how to reach each, and what all of them are told. */
#include "milter/config.h"
#include "milter/macro.h"

struct connector;

struct milter_filter {
    struct str name;
    struct milter_settings settings;
    int entry; /* the connector's number of it; -1: it is no endpoint, which is said when it is used */
};

struct milter_list {
    struct milter_filter *items;
    size_t count;
};

/* What the process knows, from before its jail on. */
struct milter_site {
    struct arena arena;
    struct connector *connector;
    struct milter_macros defaults;              /* milter_macro_defaults */
    struct str macro_names[MILTER_STAGE_COUNT]; /* milter_connect_macros and so on */
};

/* Before the jail; reads milter_conf.  What is malformed is fatal. */
void milter_site_open(struct milter_site *site, struct connector *c);
/* Before the jail.  What is malformed is fatal; `out` lives as long as the site. */
void milter_list_open(struct milter_site *site, struct str text, struct milter_list *out);
/* Whenever it is asked for (smtpd_milter_maps): the list lives in the arena.  Filters that nobody could foresee before the
 * jail cannot be reached.  False: malformed, which has been logged. */
NODISCARD bool milter_list_find(const struct milter_site *site, struct str text, struct arena *a,
                                struct milter_list *out);
