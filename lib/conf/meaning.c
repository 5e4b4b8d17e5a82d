/* Values whose text is a word of a closed list, a host name, a user: what no type of the parameter table tells. */
#include "base/number.h"
#include "conf/internal.h"
#include "conf/level.h"
#include "conf/own_networks.h"
#include "os/logger.h"
#include "text/hostname.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <sys/stat.h>

#define LIST_BLANKS ", \t\r\n"

/* One value being looked at. */
struct look {
    struct conf *conf;
    struct str name, value;
    const char *words; /* the closed list, if it has one */
    struct buf *problem;
};

static void in_parameter(struct look *l, struct str what, struct str value)
{
    buf_join(l->problem, STR("file "), str_from(conf_directory(l->conf)),
             STR("/main.cf: parameter "), l->name, STR(": "));
    buf_join(l->problem, what, value);
}

static void host_name(struct look *l)
{
    if (l->value.len && !hostname_is_valid(l->value, true))
        in_parameter(l, STR("bad parameter value: "), l->value);
}

static void one_word(struct look *l)
{
    if (str_find_any(l->value, LIST_BLANKS) != STR_NOT_FOUND)
        buf_join(l->problem, l->name, STR(" parameter setting must not contain multiple values: "),
                 l->value);
}

static void facility(struct look *l)
{
    if (!logger_knows_facility(l->value))
        in_parameter(l, STR("unrecognized value: "), l->value);
}

static void level(struct look *l)
{
    int64_t number;

    if (!level_parse(l->value, &number))
        buf_join(l->problem, STR("malformed compatibility level syntax: \""), l->value, STR("\""));
}

static void networks_style(struct look *l)
{
    if (!own_networks_is_style(l->value))
        buf_join(l->problem, STR("unknown mynetworks_style value: "), l->value);
}

static void known_words(struct look *l)
{
    struct str rest = l->value, word;

    while (str_token(&rest, LIST_BLANKS, &word)) {
        if (str_has_word(str_from(l->words), word))
            continue;
        buf_join(l->problem, STR("unknown "), l->name, STR(" value \""), word, STR("\" in \""));
        buf_join(l->problem, l->value, STR("\""));
        return;
    }
}

static void known_word(struct look *l)
{
    if (l->value.len && !str_has_word(str_from(l->words), l->value))
        buf_join(l->problem, STR("bad configuration: "), l->name, STR(" = "), l->value);
}

static void user(struct look *l)
{
    const struct passwd *pw = getpwnam(l->value.ptr);

    if (pw == NULL)
        in_parameter(l, STR("unknown user name value: "), l->value);
    else if (pw->pw_uid == 0)
        buf_join(l->problem, STR("file "), str_from(conf_directory(l->conf)),
                 STR("/main.cf: parameter "), l->name, STR(": user "), l->value,
                 STR(" has privileged user ID"));
}

static void group(struct look *l)
{
    const struct group *gr = getgrnam(l->value.ptr);

    if (gr == NULL)
        in_parameter(l, STR("unknown group name: "), l->value);
    else if (gr->gr_gid == 0)
        buf_join(l->problem, STR("file "), str_from(conf_directory(l->conf)),
                 STR("/main.cf: parameter "), l->name, STR(": group "), l->value,
                 STR(" has privileged group ID"));
}

/* The user that another parameter names; NULL: a fault of that one. */
static const struct passwd *user_of(struct look *l, struct str parameter)
{
    BUF_AUTO(ignored, 0);
    struct str name;

    return conf_try_value(l->conf, parameter, &name, &ignored) ? getpwnam(name.ptr) : NULL;
}

/* Whoever acts for strangers must not be the owner of the queue. */
static void user_but_no_owner(struct look *l)
{
    const struct passwd *owner = user_of(l, STR("mail_owner"));
    uid_t uid = owner ? owner->pw_uid : 0;

    user(l);
    if (l->problem->len == 0 && getpwnam(l->value.ptr)->pw_uid == uid)
        buf_join(l->problem, STR("file "), str_from(conf_directory(l->conf)),
                 STR("/main.cf: parameters "), l->name,
                 STR(" and mail_owner specify the same user "), l->value);
}

static void group_apart_from(struct look *l, const char *parameter)
{
    const struct passwd *pw = user_of(l, str_from(parameter));
    const struct group *gr = getgrnam(l->value.ptr);

    if (pw == NULL || gr == NULL || pw->pw_gid != gr->gr_gid || l->problem->len)
        return;
    buf_join(l->problem, STR("file "), str_from(conf_directory(l->conf)),
             STR("/main.cf: parameters "), str_from(parameter), STR(" and "), l->name,
             STR(": user "), str_from(pw->pw_name), STR(" and group "), l->value,
             STR(" have the same group ID: "));
    buf_add_int(l->problem, (int64_t)gr->gr_gid);
}

/* That of the few commands with its rights, and nobody else's. */
static void group_of_nobody(struct look *l)
{
    group(l);
    group_apart_from(l, "mail_owner");
    group_apart_from(l, "default_privs");
}

/* Without it no program can be started. */
static void directory(struct look *l)
{
    struct stat st;
    int error = stat(l->value.ptr, &st) != 0 ? errno : S_ISDIR(st.st_mode) ? 0 : ENOTDIR;

    if (error)
        buf_join(l->problem, l->name, STR(": directory "), l->value, STR(": "),
                 str_from(strerror(error)));
}

#define ADDRESS_CLASSES "envelope_sender envelope_recipient header_sender header_recipient"
#define FAMILIES        "any ipv4 ipv6"
#define LOCKS           "fcntl flock dotlock"
#define LOOKUPS         "dns native"
#define DNS_LEVELS      "disabled enabled dnssec"
#define EXPANSIONS      "alias forward include"

static const struct meaning {
    struct str name;
    enum meaning_scope scope;
    void (*look)(struct look *l);
    const char *words;
} meanings[] = {
    { STR("myhostname"), MEANING_FORMS, host_name, NULL },
    { STR("mydomain"), MEANING_FORMS, host_name, NULL },
    { STR("myorigin"), MEANING_FORMS, one_word, NULL },
    { STR("compatibility_level"), MEANING_FORMS, level, NULL },
    { STR("syslog_facility"), MEANING_FORMS, facility, NULL },
    { STR("inet_protocols"), MEANING_FORMS, known_words, "all ipv4 ipv6" },
    { STR("mynetworks_style"), MEANING_FORMS, networks_style, NULL },
    { STR("queue_directory"), MEANING_ALL, directory, NULL },
    { STR("daemon_directory"), MEANING_ALL, directory, NULL },
    { STR("mail_owner"), MEANING_ALL, user, NULL },
    { STR("default_privs"), MEANING_ALL, user_but_no_owner, NULL },
    { STR("setgid_group"), MEANING_ALL, group_of_nobody, NULL },
    { STR("relevo_sandbox"), MEANING_ALL, known_word, "yes no log" },
    { STR("allow_mail_to_commands"), MEANING_ALL, known_words, EXPANSIONS },
    { STR("allow_mail_to_files"), MEANING_ALL, known_words, EXPANSIONS },
    { STR("canonical_classes"), MEANING_ALL, known_words, ADDRESS_CLASSES },
    { STR("masquerade_classes"), MEANING_ALL, known_words, ADDRESS_CLASSES },
    { STR("recipient_canonical_classes"), MEANING_ALL, known_words,
      "envelope_recipient header_recipient" },
    { STR("sender_canonical_classes"), MEANING_ALL, known_words, "envelope_sender header_sender" },
    { STR("propagate_unmatched_extensions"), MEANING_ALL, known_words,
      "canonical virtual alias forward include generic" },
    { STR("internal_mail_filter_classes"), MEANING_ALL, known_words, "bounce notify" },
    { STR("notify_classes"), MEANING_ALL, known_words,
      "bounce 2bounce data delay policy protocol resource software" },
    { STR("header_from_format"), MEANING_ALL, known_word, "standard obsolete" },
    { STR("mailbox_delivery_lock"), MEANING_ALL, known_words, LOCKS },
    { STR("virtual_mailbox_lock"), MEANING_ALL, known_words, LOCKS },
    { STR("smtp_address_preference"), MEANING_ALL, known_word, FAMILIES },
    { STR("lmtp_address_preference"), MEANING_ALL, known_word, FAMILIES },
    { STR("smtp_host_lookup"), MEANING_ALL, known_words, LOOKUPS },
    { STR("lmtp_host_lookup"), MEANING_ALL, known_words, LOOKUPS },
    { STR("smtp_dns_support_level"), MEANING_ALL, known_word, DNS_LEVELS },
    { STR("lmtp_dns_support_level"), MEANING_ALL, known_word, DNS_LEVELS },
};

static void look_at(struct conf *c, const struct meaning *m, const struct fault_sink *faults)
{
    BUF_AUTO(problem, 0);
    struct look l = { .conf = c, .name = m->name, .words = m->words, .problem = &problem };

    /* What cannot be expanded has been reported by who read it as a parameter. */
    if (!conf_try_value(c, m->name, &l.value, &problem))
        return;
    m->look(&l);
    if (problem.len)
        faults->report(faults->context, m->name, buf_str(&problem));
}

void meaning_check(struct conf *c, enum meaning_scope scope, const struct fault_sink *faults)
{
    for (size_t i = 0; i < ARRAY_LEN(meanings); i++)
        if (meanings[i].scope <= scope)
            look_at(c, &meanings[i], faults);
}
