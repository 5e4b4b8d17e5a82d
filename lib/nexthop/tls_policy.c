#include "nexthop/tls_policy.h"

#include "base/log.h"
#include "conf/params.h"
#include "dns/dns.h"
#include "nexthop/anchors.h"
#include "table/list.h"
#include "text/hostname.h"

#define BLANKS ", \t\r\n"

static struct {
    bool lmtp;
    enum tls_level level; /* of main.cf */
    struct table_list *policies, *per_site;
    dane_fn *dane;
    void *dane_context;
    sts_fn *sts; /* NULL: nobody is asked */
} site;

static const char *side(void) { return site.lmtp ? "lmtp" : "smtp"; }

/* ---- main.cf ---- */

static enum tls_level general_level(void)
{
    struct str level = smtp_tls_conf.smtp_tls_security_level;

    if (level.len) {
        enum tls_level known = tls_level_parse(level);
        if (known == TLS_UNKNOWN)
            log_fatal("Invalid TLS level \"" STR_FMT "\"", STR_ARG(level));
        return known;
    }
    if (smtp_conf.smtp_enforce_tls)
        return smtp_tls_conf.smtp_tls_enforce_peername ? TLS_VERIFY : TLS_ENCRYPT;
    return smtp_conf.smtp_use_tls ? TLS_MAY : TLS_NONE;
}

void tls_policy_open(bool lmtp, dane_fn *dane, void *dane_context)
{
    site.lmtp = lmtp;
    site.dane = dane;
    site.dane_context = dane_context;
    site.level = general_level();
    site.policies =
        table_list_open(smtp_tls_conf.smtp_tls_policy_maps,
                        lmtp ? "lmtp_tls_policy_maps" : "smtp_tls_policy_maps", TABLE_DEFAULT);
    site.per_site =
        table_list_open(smtp_tls_conf.smtp_tls_per_site,
                        lmtp ? "lmtp_tls_per_site" : "smtp_tls_per_site", TABLE_DEFAULT);
    anchors_open(smtp_tls_conf.smtp_tls_trust_anchor_file);
    if (!table_list_is_empty(site.policies) && !table_list_is_empty(site.per_site))
        log_warning("%s_tls_per_site ignored when %s_tls_policy_maps is not empty.", side(),
                    side());
}

void tls_policy_use_sts(sts_fn *ask) { site.sts = ask; }

bool tls_policy_may_want_tls(void)
{
    return site.level != TLS_NONE || !table_list_is_empty(site.policies) ||
           !table_list_is_empty(site.per_site) || smtp_tls_conf.smtp_tls_wrappermode;
}

/* ---- one policy under way ---- */

struct search {
    const struct tls_question *q;
    struct arena *arena;
    struct tls_policy *policy;
    struct tls_entry entry;
    bool is_special; /* a table, or the message, has said what is wanted */
    struct fault *fault;
};

static bool is_path(const struct search *s) { return s->q->server->path.ptr != NULL; }

static bool misconfigured(struct search *s)
{
    fault_set(s->fault, s->arena, "4.7.5", false, "client TLS configuration problem");
    return false;
}

/* Not this server; why is nothing that a delivery report should say. */
static bool skip(struct search *s)
{
    s->fault->text = STR_NONE;
    return false;
}

/* ---- policy table ---- */

/* Parents are looked up for bare domains only, not for [host] or host:port. */
static enum table_result look_up_entry(struct str key, struct buf *value)
{
    enum table_result found = table_list_lookup(site.policies, key, value);

    if (found != TABLE_NOT_FOUND || !hostname_is_valid(key, true))
        return found;
    return table_list_lookup_domain(site.policies, key, false, value);
}

/* A path is its own key. */
static struct str key_of(const struct search *s)
{
    return is_path(s) ? s->q->server->path : s->q->destination;
}

static bool find_entry(struct search *s)
{
    BUF_AUTO(value, 65536);
    BUF_AUTO(where, 0);

    buf_addf(&where, "%s_tls_policy_maps, next-hop destination \"" STR_FMT "\": ", side(),
             STR_ARG(key_of(s)));
    switch (look_up_entry(key_of(s), &value)) {
    case TABLE_NOT_FOUND:
        return true;
    case TABLE_FOUND:
        s->is_special = true;
        return tls_entry_parse(buf_str(&value), buf_str(&where), s->arena, &s->entry) ||
               misconfigured(s);
    case TABLE_ERROR:
        break;
    }
    log_warning("%spolicy table lookup error", buf_cstr(&where));
    return misconfigured(s);
}

/* ---- the table of old ---- */

/* From weak to strong, as far as two entries for one server are concerned. */
static const struct {
    struct str word;
    enum tls_level level;
} site_words[] = {
    { STR("MAY"), TLS_MAY },
    { STR("NONE"), TLS_NONE },
    { STR("MUST_NOPEERMATCH"), TLS_ENCRYPT },
    { STR("MUST"), TLS_VERIFY },
};

/* False: a lookup failed, or nobody knows the word. */
static bool look_up_site(const char *kind, struct str key, size_t *strongest)
{
    BUF_AUTO(value, 1024);
    enum table_result found = table_list_lookup(site.per_site, key, &value);

    if (found != TABLE_FOUND)
        return found == TABLE_NOT_FOUND;
    for (size_t i = 0; i < ARRAY_LEN(site_words); i++)
        if (str_equal_nocase(str_trim(buf_str(&value)), site_words[i].word)) {
            *strongest = MAX(*strongest, i + 1);
            return true;
        }
    log_warning("%s_tls_per_site: unknown TLS policy '%s' for %s " STR_FMT, side(),
                buf_cstr(&value), kind, STR_ARG(key));
    return false;
}

static bool find_site_level(struct search *s)
{
    size_t strongest = 0; /* index behind the word; 0: none */

    if (!look_up_site("next-hop destination", key_of(s), &strongest) ||
        !look_up_site("server hostname", s->q->server->name, &strongest))
        return misconfigured(s);
    if (strongest == 0)
        return true;
    s->is_special = true;
    enum tls_level level = site_words[strongest - 1].level;
    if (level != TLS_MAY || site.level < TLS_MAY)
        s->entry.level = level;
    return true;
}

/* ---- level ---- */

static bool find_level(struct search *s)
{
    s->entry = (struct tls_entry){ .level = site.level };
    if (s->q->optional) {
        s->is_special = true;
        if (s->entry.level > TLS_MAY)
            s->entry.level = smtp_tls_conf.smtp_tls_wrappermode ? TLS_ENCRYPT : TLS_MAY;
        return true;
    }
    if (!table_list_is_empty(site.policies))
        return find_entry(s);
    return table_list_is_empty(site.per_site) || find_site_level(s);
}

static bool fit_path(struct search *s)
{
    if (s->entry.level == TLS_MAY) {
        log_warning("smtp_connect_local: opportunistic TLS encryption is not appropriate for "
                    "unix-domain destinations.");
        s->entry.level = TLS_NONE;
    }
    if (!tls_level_is_dane(s->entry.level))
        return true;
    struct str level = tls_level_name(s->entry.level);
    log_warning(STR_FMT ": the \"" STR_FMT
                        "\" security level is invalid for delivery via unix-domain sockets",
                STR_ARG(s->q->destination), STR_ARG(level));
    return misconfigured(s);
}

/* A server that waits for a handshake is not spoken to in plain. */
static bool fit_wrapper(struct search *s)
{
    if (!smtp_tls_conf.smtp_tls_wrappermode || tls_level_is_mandatory(s->policy->level))
        return true;
    log_warning("%s_tls_wrappermode requires \"%s_tls_security_level = encrypt\" (or stronger)",
                side(), side());
    return skip(s);
}

/* ---- names ---- */

static struct str nexthop_of(const struct search *s)
{
    return is_path(s) ? site_conf.myhostname : s->q->domain;
}

/* As certificates have names, or as it stands. */
static struct str in_ascii(struct search *s, struct str name)
{
    bool below = str_starts(name, STR(".")) && name.len > 1;
    struct str ascii = dns_ascii_name(below ? str_skip(name, 1) : name, s->arena);
    BUF_AUTO(text, 0);

    if (ascii.len == 0 || str_ends(name, STR(".")))
        return name;
    buf_join(&text, below ? STR(".") : STR(""), ascii);
    return arena_str(s->arena, buf_str(&text));
}

static void add_name(struct search *s, struct buf *names, struct str pattern)
{
    BUF_AUTO(below, 0);

    if (str_equal_nocase(pattern, STR("nexthop")))
        pattern = nexthop_of(s);
    else if (str_equal_nocase(pattern, STR("hostname")))
        pattern = s->q->server->name;
    else if (str_equal_nocase(pattern, STR("dot-nexthop"))) {
        buf_join(&below, STR("."), nexthop_of(s));
        pattern = buf_str(&below);
    }
    buf_join(names, in_ascii(s, pattern), STR(" "));
}

static void settle_names(struct search *s)
{
    bool verify = s->policy->level == TLS_VERIFY;
    struct str list = s->entry.match.len ? s->entry.match
                      : verify           ? smtp_tls_conf.smtp_tls_verify_cert_match
                                         : smtp_tls_conf.smtp_tls_secure_cert_match;
    BUF_AUTO(names, 65536);
    struct str pattern;

    while (str_token(&list, BLANKS ":", &pattern))
        add_name(s, &names, pattern);
    s->policy->names = arena_str(s->arena, buf_str(&names));
}

static bool settle_servername(struct search *s)
{
    struct str name =
        s->entry.servername.len ? s->entry.servername : smtp_tls_conf.smtp_tls_servername;

    if (name.len == 0)
        return true;
    if (!tls_servername_is_valid(name)) {
        log_warning("\"%s_tls_servername = " STR_FMT "\" specifies an invalid hostname", side(),
                    STR_ARG(name));
        return misconfigured(s);
    }
    if (str_equal_nocase(name, STR("hostname")))
        name = s->q->server->name;
    else if (str_equal_nocase(name, STR("nexthop")))
        name = nexthop_of(s);
    name = in_ascii(s, name);
    if (tls_servername_is_valid(name)) /* an address is no name */
        s->policy->servername = name;
    return true;
}

/* Pairs of hexadecimal digits, with or without colons between them. */
static bool is_fingerprint(struct str text)
{
    size_t digits = 0;

    for (size_t i = 0; i < text.len; i++)
        if (str_has(STR("0123456789abcdefABCDEF"), text.ptr[i]))
            digits++;
        else if (text.ptr[i] != ':' || digits % 2)
            return false;
    return digits && digits % 2 == 0;
}

static struct str fingerprints(struct search *s, struct str list)
{
    BUF_AUTO(good, 65536);
    struct str one;

    while (str_token(&list, BLANKS, &one))
        if (is_fingerprint(one))
            buf_join(&good, one, STR(" "));
        else
            log_warning("malformed fingerprint value: " STR_FMT, STR_ARG(one));
    return arena_str(s->arena, buf_str(&good));
}

static bool settle_digests(struct search *s)
{
    s->policy->digests = fingerprints(
        s, s->entry.match.len ? s->entry.match : smtp_tls_conf.smtp_tls_fingerprint_cert_match);
    if (s->policy->digests.len)
        return true;
    log_warning("nexthop domain " STR_FMT ": configured at fingerprint security level, but with "
                "no fingerprints to match.",
                STR_ARG(s->q->destination));
    return misconfigured(s);
}

/* ---- what DNS says ---- */

static bool settle_dane(struct search *s)
{
    struct tls_policy *p = s->policy;

    p->level = s->entry.level;
    if (!tls_level_is_dane(p->level))
        return true;
    if (!site.dane(site.dane_context, s->q, s->arena, p, s->fault))
        return false;
    s->entry.level = p->level;
    return true;
}

/* ---- MTA-STS ---- */

/* Records of DNSSEC come first, and what the site itself says of a destination before both. */
static bool may_have_sts(const struct search *s)
{
    return site.sts && !site.lmtp && !s->is_special && s->entry.level == TLS_MAY &&
           hostname_is_valid(s->q->destination, true);
}

static bool consult_sts(struct search *s)
{
    BUF_AUTO(entry, 65536);
    BUF_AUTO(where, 0);

    if (!may_have_sts(s))
        return true;
    site.sts(dns_ascii_name(s->q->domain, s->arena), &entry);
    if (entry.len == 0)
        return true;
    buf_addf(&where, "MTA-STS policy of \"" STR_FMT "\": ", STR_ARG(s->q->domain));
    return tls_entry_parse(buf_str(&entry), buf_str(&where), s->arena, &s->entry) ||
           misconfigured(s);
}

/* `*.x` is one label above x. */
static bool fits_pattern(struct str host, struct str pattern)
{
    if (str_skip_prefix(&pattern, STR("*.")))
        (void)str_cut(&host, '.');
    return host.len && str_equal_nocase(host, pattern);
}

/* The policy names exchangers, and the certificate only needs to be that of the exchanger. */
static bool enforce_patterns(struct search *s)
{
    struct str patterns = s->entry.sts.patterns, pattern, host = s->q->server->name;

    if (!smtp_tls_conf.smtp_tls_enforce_sts_mx_patterns || s->entry.match.len == 0 ||
        patterns.len == 0 || !str_equal(s->entry.sts.type, STR("sts")))
        return true;
    s->entry.match = STR("hostname");
    while (str_token(&patterns, BLANKS, &pattern))
        if (fits_pattern(host, pattern))
            return true;
    log_warning("MX name '" STR_FMT "' does not match STS MX pattern for '" STR_FMT "'",
                STR_ARG(host), STR_ARG(nexthop_of(s)));
    return skip(s);
}

/* ---- what there is left to say ---- */

/* Ciphers without encryption, or without a certificate, are excluded as far as the level says. */
static struct str exclusions(struct search *s)
{
    enum tls_level level = s->policy->level;
    BUF_AUTO(list, 65536);

    if (s->entry.exclude.ptr)
        buf_join(&list, s->entry.exclude);
    else if (tls_level_is_mandatory(level))
        buf_join(&list, smtp_tls_conf.smtp_tls_exclude_ciphers, STR(" "),
                 smtp_tls_conf.smtp_tls_mandatory_exclude_ciphers);
    else
        buf_join(&list, smtp_tls_conf.smtp_tls_exclude_ciphers);
    if (tls_level_is_mandatory(level))
        buf_join(&list, level == TLS_ENCRYPT ? STR(" eNULL") : STR(" aNULL"));
    return arena_str(s->arena, buf_str(&list));
}

static struct str choose(struct str said, struct str optional, struct str mandatory,
                         enum tls_level level)
{
    return said.len ? said : tls_level_is_mandatory(level) ? mandatory : optional;
}

static struct str protocols(struct search *s)
{
    const struct smtp_tls_params *c = &smtp_tls_conf;
    struct str list = choose(s->entry.protocols, c->smtp_tls_protocols,
                             c->smtp_tls_mandatory_protocols, s->policy->level);
    BUF_AUTO(text, 65536);

    if (!tls_level_is_dane(s->policy->level))
        return list;
    buf_join(&text, list, STR(" !SSLv2 !SSLv3")); /* RFC 7672 */
    return arena_str(s->arena, buf_str(&text));
}

static bool wants_raw_key(const struct search *s)
{
    enum tls_level level = s->policy->level;

    if (level > TLS_FINGERPRINT)
        return false;
    return s->entry.raw_key == TLS_UNSAID ? smtp_tls_conf.smtp_tls_enable_rpk
                                          : s->entry.raw_key == TLS_YES;
}

static bool settle_matches(struct search *s)
{
    struct tls_policy *p = s->policy;

    if (p->level == TLS_FINGERPRINT)
        return settle_digests(s);
    if (p->level != TLS_VERIFY && p->level != TLS_SECURE)
        return true;
    settle_names(s);
    struct str files =
        s->entry.anchors.len ? s->entry.anchors : smtp_tls_conf.smtp_tls_trust_anchor_file;
    return anchors_read(files, s->arena, &p->anchors) || misconfigured(s);
}

static bool settle(struct search *s)
{
    const struct smtp_tls_params *c = &smtp_tls_conf;
    struct tls_policy *p = s->policy;

    p->level = s->entry.level;
    if (!fit_wrapper(s))
        return false;
    if (p->level == TLS_NONE)
        return true;
    p->wrapper = c->smtp_tls_wrappermode;
    p->ciphers =
        choose(s->entry.ciphers, c->smtp_tls_ciphers, c->smtp_tls_mandatory_ciphers, p->level);
    p->protocols = protocols(s);
    p->exclude = exclusions(s);
    p->raw_key = wants_raw_key(s);
    p->reuse =
        s->entry.reuse == TLS_UNSAID ? c->smtp_tls_connection_reuse : s->entry.reuse == TLS_YES;
    p->sts = s->entry.sts;
    return (p->base.ptr || settle_servername(s)) && settle_matches(s);
}

bool tls_policy_find(const struct tls_question *q, struct arena *a, struct tls_policy *out,
                     struct fault *fault)
{
    struct search s = { .q = q, .arena = a, .policy = out, .fault = fault };

    *out = (struct tls_policy){ .level = TLS_UNKNOWN };
    if (find_level(&s) && (!is_path(&s) || fit_path(&s)) && settle_dane(&s) && consult_sts(&s) &&
        enforce_patterns(&s) && settle(&s))
        return true;
    if (fault->text.len)
        log_warning("TLS policy lookup for " STR_FMT "/" STR_FMT ": " STR_FMT,
                    STR_ARG(q->destination), STR_ARG(q->server->name), STR_ARG(fault->text));
    return false;
}
