#pragma once
/* smtpd/explain - what would become of an address, told step by step by the code that would do it.
 *
 * rcpt   what smtpd(8) answers: every restriction in order
 * path   what cleanup(8) makes of the address, where qmgr(8) sends it, which aliases local(8) knows
 *
 * Each part reads main.cf as its daemon does, with the -o settings of master.cf. */
#include "base/map.h"
#include "conf/conf.h"
#include "conf/master_cf.h"
#include "smtpd/explain/report.h"

struct explain {
    struct conf *main;                /* main.cf alone */
    struct conf *conf;                /* as the present daemon sees it */
    const struct master_entry *entry; /* of that daemon; NULL: master.cf has none */
    struct master_cf services;
    struct arena arena;
    struct report report;
    struct step *step;              /* what tables say belongs to it; NULL: to nothing */
    const char *list;               /* parameter of the restrictions being judged; NULL: none are */
    bool only_list;                 /* only what tables of that list say matters */
    const char *service;            /* --service: which smtpd */
    struct str address, sender;     /* internal form */
    struct str client, client_name; /* an address; its name, absent: not said */
    struct str helo, login;         /* absent: not said */
    bool dns;                       /* may be asked */
    struct str content_filter, redirect; /* what smtpd asks of the queue manager; absent: nothing */
    bool maps_addresses, copies;         /* what smtpd asks of cleanup */
    struct str cleanup_service;
};

/* settings.c: from here on the configuration is that of this daemon, the service of that name in master.cf. */
void explain_as(struct explain *e, struct str service);
/* The step was decided by this parameter. */
void explain_because(struct explain *e, struct step *s, const char *parameter);
/* The same, where its value is shown anyway. */
void explain_set_by(struct explain *e, struct step *s, const char *parameter);
/* What tables say, and what is logged, is noted with `e->step`. */
void explain_watch(struct explain *e);

/* rcpt.c */
void explain_rcpt(struct explain *e);
/* path.c */
/* The name of the address class, by the flags of a resolution. */
const char *explain_class_name(unsigned flags);
void explain_path(struct explain *e);
