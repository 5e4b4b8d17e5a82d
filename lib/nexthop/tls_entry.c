#include "nexthop/tls_entry.h"

#include "base/buf.h"
#include "base/log.h"
#include "text/hostname.h"

#define SEPARATORS ", \t\r\n"

#define AT(level)  (1U << (level))
#define ANYWHERE   (~0U)
#define AT_NAMES   (AT(TLS_VERIFY) | AT(TLS_SECURE))
#define AT_MATCHES (AT_NAMES | AT(TLS_FINGERPRINT))

struct parse {
    struct tls_entry *entry;
    struct arena *arena;
    struct str where;
    struct str name; /* of the attribute under way, as written */
};

struct attribute {
    struct str name;
    size_t member; /* offset in struct tls_entry */
    bool (*take)(struct parse *p, const struct attribute *a, struct str value);
    unsigned levels;        /* where it may stand */
    const char *separators; /* of a list */
};

/* ---- kinds of attributes; false: an error that has been logged ---- */

static bool complain(const struct parse *p, const char *what, struct str value)
{
    log_warning(STR_FMT "attribute \"" STR_FMT "\" has %s: \"" STR_FMT "\"", STR_ARG(p->where),
                STR_ARG(p->name), what, STR_ARG(value));
    return false;
}

static struct str *text_at(struct parse *p, const struct attribute *a)
{
    return (struct str *)(void *)((char *)p->entry + a->member);
}

static bool is_given(const struct parse *p, struct str value)
{
    if (value.len == 0)
        log_warning(STR_FMT "attribute \"" STR_FMT "\" has empty value", STR_ARG(p->where),
                    STR_ARG(p->name));
    return value.len > 0;
}

static bool take_once(struct parse *p, const struct attribute *a, struct str value)
{
    struct str *at = text_at(p, a);

    if (at->ptr) {
        log_warning(STR_FMT "attribute \"" STR_FMT "\" is specified multiple times",
                    STR_ARG(p->where), STR_ARG(p->name));
        return false;
    }
    *at = arena_str(p->arena, value);
    return true;
}

static bool take_given_once(struct parse *p, const struct attribute *a, struct str value)
{
    return is_given(p, value) && take_once(p, a, value);
}

static void append(struct parse *p, struct str *at, struct str value, struct str end)
{
    BUF_AUTO(all, 0);

    buf_join(&all, *at, value, end);
    *at = arena_str(p->arena, buf_str(&all));
}

static bool take_list(struct parse *p, const struct attribute *a, struct str value)
{
    struct str member;

    if (!is_given(p, value))
        return false;
    while (str_token(&value, a->separators, &member))
        append(p, text_at(p, a), member, STR(" "));
    return true;
}

/* Fingerprints have colons inside. */
static bool take_match(struct parse *p, const struct attribute *a, struct str value)
{
    struct attribute list = *a;

    list.separators = p->entry->level == TLS_FINGERPRINT ? SEPARATORS "|" : SEPARATORS ":";
    return take_list(p, &list, value);
}

static bool take_choice(struct parse *p, const struct attribute *a, struct str value)
{
    enum tls_choice *at = (enum tls_choice *)(void *)((char *)p->entry + a->member);

    if (!str_equal_nocase(value, STR("yes")) && !str_equal_nocase(value, STR("no")))
        return complain(p, "bad value", value);
    *at = str_equal_nocase(value, STR("yes")) ? TLS_YES : TLS_NO;
    return true;
}

bool tls_servername_is_valid(struct str name)
{
    return hostname_is_valid(name, true) && !hostname_is_ipv4(name);
}

static bool take_servername(struct parse *p, const struct attribute *a, struct str value)
{
    if (tls_servername_is_valid(value))
        return take_once(p, a, value);
    log_warning(STR_FMT "\"" STR_FMT "=" STR_FMT "\" specifies an invalid hostname",
                STR_ARG(p->where), STR_ARG(p->name), STR_ARG(value));
    return false;
}

/* ---- what an MTA-STS policy server adds ---- */

static bool take_one_of(struct parse *p, const struct attribute *a, struct str value,
                        const char *words)
{
    return str_has_word(str_from(words), value) ? take_once(p, a, value)
                                                : complain(p, "an unexpected value", value);
}

static bool take_policy_type(struct parse *p, const struct attribute *a, struct str value)
{
    return take_one_of(p, a, value, "sts no-policy-found");
}

static bool take_policy_failure(struct parse *p, const struct attribute *a, struct str value)
{
    return take_one_of(p, a, value,
                       "sts-policy-fetch-error sts-policy-invalid sts-webpki-invalid "
                       "validation-failure");
}

static bool take_policy_domain(struct parse *p, const struct attribute *a, struct str value)
{
    return hostname_is_valid(value, true) ? take_once(p, a, value)
                                          : complain(p, "a malformed value", value);
}

static bool take_policy_ttl(struct parse *p, const struct attribute *a, struct str value)
{
    for (size_t i = 0; i < value.len; i++)
        if (!char_is_digit(value.ptr[i]))
            return complain(p, "a malformed value", value);
    return value.len ? take_once(p, a, value) : complain(p, "a malformed value", value);
}

static bool take_policy_string(struct parse *p, const struct attribute *a, struct str value)
{
    append(p, text_at(p, a), value, STR("\n"));
    return true;
}

static bool take_mx_pattern(struct parse *p, const struct attribute *a, struct str value)
{
    struct str host = value;

    (void)str_skip_prefix(&host, STR("*."));
    if (!hostname_is_valid(host, true))
        return complain(p, "a malformed value", value);
    append(p, text_at(p, a), value, STR(" "));
    return true;
}

#define MEMBER(name) offsetof(struct tls_entry, name)

static const struct attribute attributes[] = {
    { STR("match"), MEMBER(match), take_match, AT_MATCHES, NULL },
    { STR("ciphers"), MEMBER(ciphers), take_given_once, ANYWHERE, NULL },
    { STR("exclude"), MEMBER(exclude), take_once, ANYWHERE, NULL },
    { STR("protocols"), MEMBER(protocols), take_once, ANYWHERE, NULL },
    { STR("servername"), MEMBER(servername), take_servername, ANYWHERE, NULL },
    { STR("tafile"), MEMBER(anchors), take_list, AT_NAMES, SEPARATORS },
    { STR("connection_reuse"), MEMBER(reuse), take_choice, ANYWHERE, NULL },
    { STR("enable_rpk"), MEMBER(raw_key), take_choice, ANYWHERE, NULL },
    { STR("policy_type"), MEMBER(sts.type), take_policy_type, ANYWHERE, NULL },
    { STR("policy_domain"), MEMBER(sts.domain), take_policy_domain, ANYWHERE, NULL },
    { STR("policy_ttl"), MEMBER(sts.ttl), take_policy_ttl, ANYWHERE, NULL },
    { STR("policy_failure"), MEMBER(sts.failure), take_policy_failure, ANYWHERE, NULL },
    { STR("policy_string"), MEMBER(sts.strings), take_policy_string, ANYWHERE, NULL },
    { STR("mx_host_pattern"), MEMBER(sts.patterns), take_mx_pattern, ANYWHERE, NULL },
};

/* ---- the entry ---- */

static const struct attribute *find_attribute(struct str name)
{
    for (size_t i = 0; i < ARRAY_LEN(attributes); i++)
        if (str_equal_nocase(name, attributes[i].name))
            return &attributes[i];
    return NULL;
}

static bool take_attribute(struct parse *p, struct str text)
{
    struct str value = text;

    p->name = str_trim(str_cut(&value, '='));
    if (!str_has(text, '=') || p->name.len == 0) {
        log_warning(STR_FMT "malformed attribute/value pair \"" STR_FMT "\": missing %s",
                    STR_ARG(p->where), STR_ARG(text),
                    p->name.len ? "'=' after attribute name" : "attribute name");
        return false;
    }
    const struct attribute *a = find_attribute(p->name);
    if (a == NULL) {
        log_warning(STR_FMT "invalid attribute name: \"" STR_FMT "\"", STR_ARG(p->where),
                    STR_ARG(p->name));
        return false;
    }
    p->name = a->name;
    if (!(a->levels & AT(p->entry->level))) {
        struct str level = tls_level_name(p->entry->level);
        log_warning(STR_FMT "attribute \"" STR_FMT "\" invalid at security level \"" STR_FMT "\"",
                    STR_ARG(p->where), STR_ARG(p->name), STR_ARG(level));
        return false;
    }
    return a->take(p, a, str_trim(value));
}

static bool sts_is_complete(const struct parse *p)
{
    const struct sts_policy *s = &p->entry->sts;

    if (s->type.ptr ||
        !(s->domain.ptr || s->ttl.ptr || s->failure.ptr || s->strings.ptr || s->patterns.ptr))
        return true;
    log_warning(STR_FMT "built-in policy has unexpected attribute policy_ttl, policy_domain, "
                        "policy_string, mx_host_pattern or policy_failure",
                STR_ARG(p->where));
    return false;
}

static bool take_level(struct parse *p, struct str *text)
{
    struct str word;

    if (!str_token(text, SEPARATORS, &word)) {
        log_warning(STR_FMT "invalid empty policy", STR_ARG(p->where));
        return false;
    }
    p->entry->level = tls_level_parse(word);
    if (p->entry->level == TLS_UNKNOWN)
        log_warning(STR_FMT "invalid security level \"" STR_FMT "\"", STR_ARG(p->where),
                    STR_ARG(word));
    return p->entry->level != TLS_UNKNOWN;
}

bool tls_entry_parse(struct str text, struct str where, struct arena *a, struct tls_entry *out)
{
    struct parse p = { .entry = out, .arena = a, .where = where };
    struct str word;

    *out = (struct tls_entry){ .level = TLS_UNKNOWN };
    if (!take_level(&p, &text))
        return false;
    while (str_token_braced(&text, SEPARATORS, &word, NULL))
        if (out->level == TLS_NONE)
            log_warning(STR_FMT "ignoring attribute \"" STR_FMT "\" with TLS disabled",
                        STR_ARG(where), STR_ARG(word));
        else if (!take_attribute(&p, word))
            return false;
    return sts_is_complete(&p);
}
