/* Who has which key: the client's TLS certificate, known by its fingerprints or by who signed it. */
#include "base/log.h"
#include "smtpd/access/actions.h"
#include "smtpd/access/internal.h"

/* Who never asks for a certificate should know that nothing can come of it. */
static const struct tls_facts *warn_if_never_asked(const struct session *s, struct str restriction)
{
    if (s->setup->tls.ask == TLS_ASK_NOTHING)
        log_warning(STR_FMT " is requested, but \"smtpd_tls_ask_ccert = no\"",
                    STR_ARG(restriction));
    return NULL;
}

/* What the client has shown; NULL: nothing. */
static const struct tls_facts *shown_by(const struct session *s)
{
    return s->tls && s->tls->has_certificate ? s->tls : NULL;
}

/* To permit nobody without TLS is what is meant, so nothing is said of it then. */
static const struct tls_facts *certificate_of(const struct session *s, struct str restriction)
{
    return s->tls == NULL || shown_by(s) ? shown_by(s) : warn_if_never_asked(s, restriction);
}

/* The key first: it stays when the certificate is renewed. */
static enum table_result find_client(struct judge *j, const struct tls_facts *t)
{
    struct table_list *maps = j->access->client_certificates;
    enum table_result found = table_list_lookup(maps, t->key_fingerprint, NULL);

    return found == TABLE_NOT_FOUND ? table_list_lookup(maps, t->fingerprint, NULL) : found;
}

static enum outcome_kind permit_listed(struct judge *j, const struct tls_facts *t)
{
    switch (find_client(j, t)) {
    case TABLE_FOUND:
        return JUDGE_PERMIT;
    case TABLE_NOT_FOUND:
        break;
    case TABLE_ERROR:
        judge_defer_if_reject(j, 451, "4.3.0", "Temporary lookup failure");
        break;
    }
    return JUDGE_NEXT;
}

enum outcome_kind rule_permit_tls_clientcerts(struct judge *j, const struct rule *rule)
{
    const struct tls_facts *t = certificate_of(j->s, rule->name);

    return t ? permit_listed(j, t) : JUDGE_NEXT;
}

enum outcome_kind rule_permit_tls_all_clientcerts(struct judge *j, const struct rule *rule)
{
    const struct tls_facts *t = certificate_of(j->s, rule->name);

    if (t && t->trusted)
        return JUDGE_PERMIT;
    return t ? permit_listed(j, t) : JUDGE_NEXT;
}

/* ---- check_ccert_access ---- */

/* Words of search_order. */
static const struct {
    struct str word;
    size_t offset; /* of the text in struct tls_facts */
} searches[] = {
    { STR("cert_fingerprint"), offsetof(struct tls_facts, fingerprint) },
    { STR("pubkey_fingerprint"), offsetof(struct tls_facts, key_fingerprint) },
};

/* False: the word is none. */
static bool find_key(const struct tls_facts *t, struct str word, struct str *key)
{
    for (size_t i = 0; i < ARRAY_LEN(searches); i++) {
        if (!str_equal_nocase(word, searches[i].word))
            continue;
        *key = *(const struct str *)(const void *)((const char *)t + searches[i].offset);
        return true;
    }
    return false;
}

static enum outcome_kind check_key(struct judge *j, const struct rule *rule, struct str key)
{
    enum subject_kind before = j->subject;
    enum outcome_kind result = JUDGE_NEXT;
    BUF_AUTO(value, 0);

    if (key.len == 0)
        return JUDGE_NEXT;
    enum table_result found = table_list_lookup(rule->maps, key, &value);
    j->subject = SUBJECT_CERTIFICATE;
    if (found == TABLE_ERROR) {
        j->s->faults |= FAULT_DATA;
        result = judge_reject(j, 451, "4.3.5", "Server configuration error");
    } else if (found == TABLE_FOUND) {
        j->entry_table = table_list_last(rule->maps);
        j->entry_key = key;
        result = actions_apply(j, buf_str(&value));
    }
    j->subject = before;
    return result;
}

bool certificate_search_is_known(struct str word)
{
    static const struct tls_facts nobody;
    struct str key;

    return find_key(&nobody, word, &key);
}

enum outcome_kind rule_check_ccert_access(struct judge *j, const struct rule *rule)
{
    const struct tls_facts *shown = shown_by(j->s),
                           *t = shown ? shown : warn_if_never_asked(j->s, rule->name);
    struct str order = rule->search_order, word, key;
    enum outcome_kind result = JUDGE_NEXT;

    if (rule->maps == NULL) {
        log_warning("See earlier parsing error messages for '" STR_FMT, STR_ARG(rule->argument));
        return judge_configuration_error(j);
    }
    while (t && result == JUDGE_NEXT && str_token(&order, ", \t\r\n", &word))
        if (find_key(t, word, &key))
            result = check_key(j, rule, key);
    return result;
}
