#include "smtp-client/requiretls.h"

#include "base/log.h"
#include "conf/params.h"
#include "dns/dns.h"
#include "table/parents.h"
#include "table/table.h"

#define ITEMS_MAX 64

static const struct {
    struct str word;
    enum requiretls action;
} actions[] = {
    { STR("enforce"), REQUIRETLS_ENFORCE },   { STR("opportunistic+starttls"), REQUIRETLS_ENCRYPT },
    { STR("opportunistic"), REQUIRETLS_TRY }, { STR("disable"), REQUIRETLS_UNASKED },
    { STR("error"), REQUIRETLS_CONFUSED },
};

/* One of a policy: a table, or what holds where no table says anything. */
struct item {
    struct table *table; /* NULL: an action */
    enum requiretls action;
};

static struct {
    const char *parameter;
    struct item items[ITEMS_MAX];
    size_t count;
} policy;

/* ---- the policy ---- */

static bool find_action(struct str word, enum requiretls *action)
{
    for (size_t i = 0; i < ARRAY_LEN(actions); i++) {
        if (!str_equal_nocase(word, actions[i].word))
            continue;
        *action = actions[i].action;
        return true;
    }
    return false;
}

static struct item make_item(struct str word)
{
    struct item item = { .action = REQUIRETLS_CONFUSED };

    if (str_has(word, ':'))
        item.table = table_open(word, TABLE_DEFAULT, NULL);
    else if (!find_action(word, &item.action))
        log_warning("%s: unknown policy action: '" STR_FMT
                    "' -- ignoring the remainder of this policy",
                    policy.parameter, STR_ARG(word));
    return item;
}

void requiretls_open(bool lmtp)
{
    struct str text = smtp_conf.smtp_requiretls_policy, word;

    policy.parameter = lmtp ? "lmtp_requiretls_policy" : "smtp_requiretls_policy";
    while (policy.count < ITEMS_MAX && str_token_braced(&text, ", \t\r\n", &word, NULL))
        policy.items[policy.count++] = make_item(word);
}

static enum requiretls result_of(struct table *t, struct str value)
{
    struct str name = table_name(t);
    enum requiretls action;

    if (find_action(str_trim(value), &action))
        return action;
    if (str_has(value, ':'))
        log_warning("table " STR_FMT ": nested lookup result \"" STR_FMT
                    "\" is not allowed -- ignoring remainder of policy",
                    STR_ARG(name), STR_ARG(value));
    else if (str_find_any(str_trim(value), ", \t") != STR_NOT_FOUND)
        log_warning("table " STR_FMT ": composite lookup result \"" STR_FMT
                    "\" is not allowed -- ignoring remainder of policy",
                    STR_ARG(name), STR_ARG(value));
    else
        log_warning("%s: unknown policy action: '" STR_FMT
                    "' -- ignoring the remainder of this policy",
                    policy.parameter, STR_ARG(value));
    return REQUIRETLS_CONFUSED;
}

static enum table_result look_up(struct table *t, struct str domain, struct buf *value)
{
    struct parents p = parents_of(domain, true);
    enum table_result found = table_lookup(t, domain, value);
    struct str parent;

    while (found == TABLE_NOT_FOUND && table_takes_partial_keys(t) && parents_next(&p, &parent))
        found = table_lookup(t, parent, value);
    return found;
}

/* False: the item says nothing. */
static bool ask_item(const struct item *item, struct str domain, enum requiretls *action)
{
    BUF_AUTO(value, 1024);

    if (item->table == NULL) {
        *action = item->action;
        return true;
    }
    switch (look_up(item->table, domain, &value)) {
    case TABLE_NOT_FOUND:
        return false;
    case TABLE_FOUND:
        *action = result_of(item->table, buf_str(&value));
        return true;
    case TABLE_ERROR:
        break;
    }
    log_warning("%s: " STR_FMT ": table lookup error -- ignoring the remainder of this policy",
                policy.parameter, STR_ARG(table_name(item->table)));
    *action = REQUIRETLS_CONFUSED;
    return true;
}

enum requiretls requiretls_find(const struct delivery_request *r, struct str domain)
{
    enum requiretls action = REQUIRETLS_ENFORCE;
    ARENA_AUTO(a);

    if (!(r->sendopts & SENDOPT_REQUIRETLS) || !site_conf.requiretls_enable)
        return REQUIRETLS_UNASKED;
    struct str ascii = dns_ascii_name(domain, &a);
    if (ascii.len)
        domain = ascii;
    for (size_t i = 0; i < policy.count; i++)
        if (ask_item(&policy.items[i], domain, &action))
            break;
    return action;
}

/* ---- what is in the way ---- */

static const struct {
    const char *dsn, *feature;
} obstacles[] = {
    [REQUIRETLS_NO_POLICY] = { "4.7.10", "requiretls?" },
    [REQUIRETLS_NO_MATCHING] = { "5.7.10", "!requiretls:nocertmatch" },
    [REQUIRETLS_NO_ENCRYPTION] = { "5.7.10", "!requiretls:noencryption" },
    [REQUIRETLS_REFUSED] = { "5.7.10", "!requiretls:nostarttls" },
    [REQUIRETLS_NOT_OFFERED] = { "5.7.30", "!requiretls:nostarttls" },
    [REQUIRETLS_NO_MATCH] = { "5.7.10", "!requiretls:nocertmatch" },
    [REQUIRETLS_NOT_TAKEN] = { "5.7.30", "!requiretls:none" },
};

void requiretls_fail(enum requiretls_obstacle what, struct tls_status *status, struct arena *a,
                     struct fault *fault, const char *fmt, ...)
{
    BUF_AUTO(text, 8192);
    va_list ap;

    va_start(ap, fmt);
    buf_vaddf(&text, fmt, ap);
    va_end(ap);
    fault_set(fault, a, obstacles[what].dsn, obstacles[what].dsn[0] == '5', STR_FMT,
              STR_ARG(buf_str(&text)));
    fault->only_here = true;
    status->requiretls = obstacles[what].feature;
}

#define ASKED "Sender requested REQUIRETLS, but "
#define LEVEL ASKED "my configured TLS security level '" STR_FMT "' disables "
#define LAST  ". The last attempted server was " STR_FMT

bool requiretls_allows(enum requiretls r, enum tls_level level, struct str host,
                       const struct delivery_request *request, struct tls_status *status,
                       struct arena *a, struct fault *fault)
{
    struct str name = tls_level_name(level);

    if (r == REQUIRETLS_CONFUSED)
        requiretls_fail(REQUIRETLS_NO_POLICY, status, a, fault,
                        "REQUIRETLS policy configuration error" LAST, STR_ARG(host));
    else if (r == REQUIRETLS_ENCRYPT && level == TLS_NONE)
        requiretls_fail(REQUIRETLS_NO_ENCRYPTION, status, a, fault, LEVEL "encryption" LAST,
                        STR_ARG(name), STR_ARG(host));
    else if (r == REQUIRETLS_ENFORCE && !tls_level_matches(level))
        requiretls_fail(REQUIRETLS_NO_MATCHING, status, a, fault, LEVEL "certificate matching" LAST,
                        STR_ARG(name), STR_ARG(host));
    if (r == REQUIRETLS_ENCRYPT && level != TLS_NONE && !tls_level_matches(level))
        log_info(STR_FMT ": " LEVEL "certificate matching" LAST, STR_ARG(request->queue_id),
                 STR_ARG(name), STR_ARG(host));
    return fault->text.len == 0;
}
