#pragma once
/* What the files of smtpd/access share. */
#include "base/map.h"
#include "smtpd/access/access.h"

struct rule_list;

/* One restriction as written: a row of the rule table and its argument. */
struct rule {
    const struct rule_type *type;
    struct str name, argument;
    struct table_list *maps;        /* check_*_access, check_address_map */
    struct rule_list *restrictions; /* a restriction class */
    struct match_list *match;
};

struct rule_list {
    const char *parameter;
    struct rule *rules;
    size_t count;
};

struct access {
    struct conf *conf;
    struct setup *setup;
    struct table_list *login_maps; /* smtpd_sender_login_maps */
    struct match_list *mx_backup_networks;
    struct match_list *logged_permits; /* smtpd_log_access_permit_actions */
    struct arena arena;                /* the process's */
    struct rule_list connect, helo, sender, relay, recipient, data, end_of_data, etrn, rewrite;
    struct map classes;      /* name -> struct rule_list * */
    struct map inline_lists; /* restrictions that access tables answered with, by their text */
    struct table_list *rbl_replies;
};

/* What a restriction is about; decides the words and status codes of replies. */
enum subject_kind {
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
    enum { RULE_PLAIN, RULE_MAPS, RULE_WORD } argument;
};

const struct rule_type *rule_type_find(struct str name);

enum outcome_kind rule_list_judge(struct judge *j, const struct rule_list *list);
/* Parse the restrictions in `text`; unknown names become a rule that defers with 451 4.3.5 and says why in the log. */
void rule_list_parse(struct access *a, struct str text, const char *parameter,
                     struct rule_list *out);

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
/* Reject an address that no table lists. */
enum outcome_kind judge_unlisted(struct judge *j, const struct resolution *r, struct str path,
                                 bool is_sender);

/* The rows, by subject (one file each). */
rule_fn rule_permit, rule_reject, rule_defer, rule_warn_if_reject, rule_defer_if_permit,
    rule_defer_if_reject, rule_sleep, rule_unavailable, rule_never, rule_reject_plaintext_session;
rule_fn rule_permit_mynetworks, rule_permit_inet_interfaces, rule_permit_sasl_authenticated,
    rule_check_address_map;
rule_fn rule_reject_unknown_client, rule_reject_unknown_reverse_client,
    rule_reject_unauth_pipelining, rule_permit_naked_ip_address;
rule_fn rule_reject_invalid_helo, rule_reject_non_fqdn_helo;
rule_fn rule_reject_non_fqdn_sender, rule_reject_non_fqdn_recipient, rule_reject_unlisted_sender,
    rule_reject_unlisted_recipient, rule_reject_multi_recipient_bounce;
rule_fn rule_reject_sender_login_mismatch, rule_reject_known_sender_login_mismatch,
    rule_reject_authenticated_sender_login_mismatch,
    rule_reject_unauthenticated_sender_login_mismatch;
rule_fn rule_reject_unauth_destination, rule_defer_unauth_destination, rule_permit_auth_destination,
    rule_check_relay_domains, rule_permit_mx_backup;
rule_fn rule_class;
rule_fn rule_check_default_access, rule_check_client_access, rule_check_reverse_client_access,
    rule_check_helo_access, rule_check_sender_access, rule_check_recipient_access,
    rule_check_etrn_access, rule_check_sasl_access;
rule_fn rule_check_client_servers, rule_check_reverse_client_servers, rule_check_helo_servers,
    rule_check_sender_servers, rule_check_recipient_servers;
rule_fn rule_reject_unknown_helo, rule_reject_unknown_sender_domain,
    rule_reject_unknown_recipient_domain;
rule_fn rule_reject_rbl_client, rule_permit_dnswl_client, rule_reject_maps_rbl,
    rule_reject_rhsbl_client, rule_reject_rhsbl_reverse_client, rule_reject_rhsbl_helo,
    rule_reject_rhsbl_sender, rule_reject_rhsbl_recipient, rule_permit_rhswl_client;
