#pragma once
/* What the files of smtpd/access share. */
#include "base/map.h"
#include "smtpd/access/access.h"

struct policy;
struct rule_list;

/* One restriction as written: a row of the rule table and its argument. */
struct rule {
    const struct rule_type *type;
    struct str name, argument;
    struct table_list *maps;        /* check_*_access, check_address_map */
    struct str search_order;        /* check_ccert_access */
    struct rule_list *restrictions; /* a restriction class */
    const struct policy *policy;
};

struct rule_list {
    const char *parameter;
    struct rule *rules;
    size_t count;
};

struct access {
    struct conf *conf;
    struct setup *setup;
    struct table_list *login_maps;          /* smtpd_sender_login_maps */
    struct table_list *client_certificates; /* relay_clientcerts */
    struct match_list *mx_backup_networks;
    struct match_list *logged_permits; /* smtpd_log_access_permit_actions */
    struct arena arena;                /* the process's */
    struct rule_list connect, helo, sender, relay, recipient, data, end_of_data, etrn, rewrite;
    struct map classes;  /* name -> struct rule_list * */
    struct map policies; /* services by their text */
    struct table_list *rbl_replies;
    const struct access_watcher *watcher; /* NULL: nobody looks */
};

/* What a restriction is about; decides the words and status codes of replies. */
enum subject_kind {
    SUBJECT_LIST, /* of a restriction: whatever the list that it stands in is about */
    SUBJECT_CLIENT,
    SUBJECT_REVERSE_CLIENT,
    SUBJECT_HELO,
    SUBJECT_SENDER,
    SUBJECT_RECIPIENT,
    SUBJECT_ETRN,
    SUBJECT_DATA,
    SUBJECT_END_OF_DATA,
    SUBJECT_CERTIFICATE,
    SUBJECT_LOGIN,
    SUBJECT_REWRITE, /* local_header_rewrite_clients: no reply ever comes of it */
};

enum outcome_kind {
    JUDGE_NEXT,   /* DUNNO: look at the next restriction */
    JUDGE_PERMIT, /* this list is done: yes */
    JUDGE_REJECT, /* all is done: `reply` */
};

/* One evaluation, from the first list to the last. */
struct judge {
    struct session *s;
    struct access *access;
    const struct smtp_rcpt *rcpt;    /* NULL before RCPT */
    struct resolution rcpt_resolved; /* valid when rcpt_is_resolved */
    bool rcpt_is_resolved;
    struct resolution sender_resolved;
    bool sender_is_resolved;
    struct str etrn_domain;
    enum subject_kind subject; /* of the list being judged */
    int depth;                 /* nested classes */
    bool in_default_action;    /* of a policy service that did not answer */
    bool warn;                 /* warn_if_reject stands before the restriction under way */
    struct smtp_reply reply;
    struct smtp_reply defer_if_permit, defer_if_reject; /* code 0: not set */
    struct str entry_table, entry_key; /* of the access table whose answer is carried out */
    struct actions
        *actions; /* where side effects go; NULL: there is nothing that they could be about */
    struct arena *arena;
};

typedef enum outcome_kind rule_fn(struct judge *j, const struct rule *rule);

struct rule_type {
    const char *name;
    rule_fn *judge;
    enum { RULE_PLAIN, RULE_MAPS, RULE_WORD, RULE_SERVER } argument;
    enum subject_kind about; /* what it looks at, in whatever list it stands */
    enum dns_type servers;   /* check_*_{a,mx,ns}_access: which ones of that */
    bool ends_list;          /* it always decides: what is behind it is a mistake */
    enum access_asks asks;
};

const struct rule_type *rule_type_find(struct str name);

enum outcome_kind rule_list_judge(struct judge *j, const struct rule_list *list);
/* Parse the restrictions in `text`; unknown names become a rule that defers with 451 4.3.5 and says why in the log.  All
 * but the tables that it names lives in `arena`. */
void rule_list_parse(struct access *a, struct arena *arena, struct str text, const char *parameter,
                     struct rule_list *out);
/* smtpd_restriction_classes. */
void rule_classes_open(struct access *a);

/* `CODE x.y.z <X>: CLASS rejected: TEXT` with the subject of the list. */
enum outcome_kind judge_reject(struct judge *j, int code, const char *status, const char *fmt, ...)
    PRINTF(4, 5);
/* The same without the `<X>: CLASS rejected: ` part. */
enum outcome_kind judge_reject_text(struct judge *j, int code, const char *status, const char *fmt,
                                    ...) PRINTF(4, 5);
enum outcome_kind judge_lookup_failure(struct judge *j);
enum outcome_kind judge_configuration_error(struct judge *j);
/* Remember a deferral that counts only when everything else would permit: something that might have refused could not
 * be found out. */
void judge_defer_if_permit(struct judge *j, int code, const char *status, const char *fmt, ...)
    PRINTF(4, 5);
/* A question about `kind` has no answer, which is settled as a tempfail action says: defer_if_permit, or at once. */
enum outcome_kind judge_unanswered(struct judge *j, struct str action, int code, const char *status,
                                   enum subject_kind kind, const char *text);
/* Or only when it would reject: something that might have permitted could not be found out. */
void judge_defer_if_reject(struct judge *j, int code, const char *status, const char *fmt, ...)
    PRINTF(4, 5);
/* The same about something else than the list's subject. */
void judge_defer_if_reject_about(struct judge *j, int code, const char *status,
                                 enum subject_kind kind, struct str what, const char *text);
/* A status about the wrong kind of address would mislead its reader: recipient details become sender details and the
 * reverse; what is no address gets none.  The result lives in the judge's arena. */
struct str judge_fit_status(struct judge *j, enum subject_kind about, struct str status);
/* smtpd_log_access_permit_actions; `table`: the one that said so, or empty. */
void judge_log_permit(struct judge *j, struct str action, struct str table);
/* X of the subject: the name and address, the HELO name, an address, DATA ... */
struct str judge_subject_text(struct judge *j);
const char *judge_subject_class(enum subject_kind kind);

/* The recipient / sender of this judgement, resolved once. */
const struct resolution *judge_recipient(struct judge *j);
const struct resolution *judge_sender(struct judge *j);

/* Nobody can log in: then nothing is asked of anybody, and the log says so. */
void judge_ignore_login_rule(struct str restriction);
/* Is the recipient somewhere we deliver or relay for, without routing of the sender's own? */
enum table_result judge_is_authorised_destination(struct judge *j);
/* Notices that nobody wants go to an address that needs no table; qmgr discards what comes there. */
bool judge_is_double_bounce(const struct resolution *r);
/* Is it a word of check_ccert_access's search_order? */
bool certificate_search_is_known(struct str word);
/* Is this mail from the sender of our probes, who exists whatever tables say? */
bool judge_is_probe_sender(const struct judge *j);
/* Reject an address that no table lists. */
enum outcome_kind judge_unlisted(struct judge *j, const struct resolution *r, struct str path,
                                 bool is_sender);

/* The service that the argument of check_policy_service names; NULL when it names none.  Before the jail. */
struct policy *policy_open(struct access *a, struct str text);

/* What judges the words of the language (by subject, one file each), and what stands for no word of it. */
#define RULE(word, function, takes, subject, which, decides, whom) rule_fn rule_##function;
#include "smtpd/access/rules.def"
#undef RULE
rule_fn rule_class, rule_check_default_access;
/* One restriction, as it stands in that list. */
enum outcome_kind rule_judge(struct judge *j, const struct rule_list *list,
                             const struct rule *rule);
