#include "base/log.h"
#include "base/number.h"
#include "conf/command.h"
#include "nexthop/anchors.h"
#include "tools/posttls-finger/finger.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define LETTERS "a:A:cCd:fF:g:h:H:k:K:l:L:m:M:o:p:P:r:Rs:St:T:vwxX"

NORETURN static void usage(void)
{
    (void)fputs("usage: posttls-finger [-cCfRSvwx] [-a family] [-t conn_tmout] [-T cmd_tmout] \\\n"
                "\t[-L logopts] [-h host_lookup] [-l level] [-d mdalg] [-g grade] \\\n"
                "\t[-p protocols] [-A tafile] [-F CAfile.pem] [-P CApath/] [-M mx_policy] \\\n"
                "\t[-s servername] [ [-H chainfiles] | [-k certfile [-K keyfile]] ] \\\n"
                "\t[-m count] [-r delay] [-o name=value] destination [match ...]\n",
                stderr);
    exit(1);
}

/* Options that are values of parameters, and what is taken for them without the option. */
static const struct setting {
    char letter;
    const char *fallback; /* NULL: as in main.cf */
    const char *parameters[2];
    const char *words; /* that the value may be; NULL: anything */
    bool adds;         /* each option adds to the list */
} settings[] = {
    { 'a', "any", { "smtp_address_preference" }, "any ipv4 ipv6", false },
    { 'A', "", { "smtp_tls_trust_anchor_file" }, NULL, true },
    { 'd', NULL, { "smtp_tls_fingerprint_digest" }, NULL, false },
    { 'F', "", { "smtp_tls_CAfile" }, NULL, false },
    { 'g', "medium", { "smtp_tls_mandatory_ciphers", "smtp_tls_ciphers" }, NULL, false },
    { 'h', "dns", { "smtp_host_lookup" }, NULL, false },
    { 'H', "", { "smtp_tls_chain_files" }, NULL, true },
    { 'k', "", { "smtp_tls_cert_file" }, NULL, false },
    { 'K', "", { "smtp_tls_key_file" }, NULL, false },
    { 'l', "dane", { "smtp_tls_security_level" }, NULL, false },
    { 'M', "dane", { "smtp_tls_dane_insecure_mx_policy" }, "dane encrypt may", false },
    { 'p', ">=TLSv1", { "smtp_tls_mandatory_protocols", "smtp_tls_protocols" }, NULL, false },
    { 'P', "", { "smtp_tls_CApath" }, NULL, false },
    { 's', "", { "smtp_tls_servername" }, NULL, false },
};

/* Parameters that are switched on by a letter alone. */
static const struct {
    char letter;
    const char *parameter;
} switches[] = {
    { 'f', "smtp_tls_force_insecure_host_tlsa_lookup" },
    { 'w', "smtp_tls_wrappermode" },
    { 'x', "smtp_tls_enable_rpk" },
};

/* What main.cf says of deliveries is not what is looked at here. */
static const struct {
    const char *parameter, *value;
} constants[] = {
    { "smtp_tls_policy_maps", "" },
    { "smtp_tls_per_site", "" },
    { "smtp_tls_exclude_ciphers", "" },
    { "smtp_tls_mandatory_exclude_ciphers", "" },
    { "smtp_tls_eccert_file", "" },
    { "smtp_tls_dcert_file", "" },
    { "smtp_tls_verify_cert_match", "hostname" },
    { "smtp_tls_secure_cert_match", "nexthop, dot-nexthop" },
    { "smtp_tls_fingerprint_cert_match", "" },
    { "ignore_mx_lookup_error", "no" },
};

/* Numbers that are no parameters. */
struct number {
    char letter;
    int *value;
    int least;
};

struct parse {
    struct finger *finger;
    struct conf *conf;
    const char *log; /* -L */
    const char *chains, *cert, *key;
};

static void set(struct parse *p, const char *parameter, struct str value)
{
    conf_override(p->conf, str_from(parameter), value);
}

static void begin(struct parse *p)
{
    for (size_t i = 0; i < ARRAY_LEN(settings); i++)
        for (size_t k = 0; k < 2; k++)
            if (settings[i].fallback && settings[i].parameters[k])
                set(p, settings[i].parameters[k], str_from(settings[i].fallback));
    for (size_t i = 0; i < ARRAY_LEN(switches); i++)
        set(p, switches[i].parameter, STR("no"));
    for (size_t i = 0; i < ARRAY_LEN(constants); i++)
        set(p, constants[i].parameter, str_from(constants[i].value));
}

/* ---- one option ---- */

NORETURN static void bad_value(int letter, const char *value)
{
    log_fatal("bad '-%c' option value: %s", letter, value);
}

static void apply_setting(struct parse *p, const struct setting *s, const char *value)
{
    BUF_AUTO(text, 0);

    if (s->words && !str_has_word(str_from(s->words), str_from(value)))
        bad_value(s->letter, value);
    for (size_t k = 0; k < 2 && s->parameters[k]; k++) {
        buf_clear(&text);
        if (s->adds)
            buf_join(&text, conf_raw(p->conf, str_from(s->parameters[k])), STR(" "));
        buf_add_cstr(&text, value);
        set(p, s->parameters[k], buf_str(&text));
    }
}

static bool is_setting(struct parse *p, int letter, const char *value)
{
    for (size_t i = 0; i < ARRAY_LEN(settings); i++) {
        if (settings[i].letter != letter)
            continue;
        apply_setting(p, &settings[i], value);
        return true;
    }
    return false;
}

static bool is_switch(struct parse *p, int letter)
{
    for (size_t i = 0; i < ARRAY_LEN(switches); i++) {
        if (switches[i].letter != letter)
            continue;
        set(p, switches[i].parameter, STR("yes"));
        return true;
    }
    return false;
}

static bool is_number(struct finger *f, int letter, const char *value)
{
    const struct number numbers[] = {
        { 'm', &f->reconnects, 0 },
        { 'r', &f->delay_s, 0 },
        { 't', &f->greeting_s, 1 },
        { 'T', &f->command_s, 1 },
    };
    int64_t number;

    for (size_t i = 0; i < ARRAY_LEN(numbers); i++) {
        if (numbers[i].letter != letter)
            continue;
        if (!number_parse_range(str_from(value), numbers[i].least, INT_MAX / 1000, &number))
            bad_value(letter, value);
        *numbers[i].value = (int)number;
        return true;
    }
    return false;
}

static void override(struct parse *p, const char *text)
{
    struct str value = str_from(text);

    if (!str_has(value, '='))
        usage();
    struct str name = str_cut(&value, '=');
    conf_override(p->conf, str_trim(name), str_trim(value));
}

static void look_up_services(struct parse *p)
{
    set(p, "use_srv_lookup", STR("smtp, lmtp, submission, submissions, smtps"));
}

static void apply_letter(struct parse *p, int letter, const char *value)
{
    struct finger *f = p->finger;

    switch (letter) {
    case 'c':
        f->hides_chat = true;
        break;
    case 'C':
        f->shows_chain = true;
        break;
    case 'L':
        p->log = value;
        break;
    case 'o':
        override(p, value);
        break;
    case 'R':
        look_up_services(p);
        break;
    case 'S':
        f->lmtp = true;
        break;
    case 'v':
        command_more_verbose();
        break;
    case 'X':
        log_fatal("-X: this command does not speak to tlsproxy(8)");
    default:
        usage();
    }
}

static void note_certificate(struct parse *p, int letter, const char *value)
{
    const char **place = letter == 'H' ? &p->chains : letter == 'k' ? &p->cert : &p->key;

    if (letter == 'H' || letter == 'k' || letter == 'K')
        *place = value;
}

static void apply(struct parse *p, int letter, const char *value)
{
    note_certificate(p, letter, value);
    if (!is_setting(p, letter, value) && !is_switch(p, letter) &&
        !is_number(p->finger, letter, value))
        apply_letter(p, letter, value);
}

/* ---- what options mean together ---- */

static void check_lookup(struct parse *p)
{
    struct str list = conf_value(p->conf, STR("smtp_host_lookup")), rest = list, word;

    while (str_token(&rest, ", \t\r\n", &word))
        if (!str_equal_nocase(word, STR("dns")) && !str_equal_nocase(word, STR("native")))
            log_fatal("unknown -h option value \"" STR_FMT "\" in \"" STR_FMT "\"", STR_ARG(word),
                      STR_ARG(list));
    set(p, "smtp_dns_support_level",
        str_has_word(list, STR("dns")) ? STR("dnssec") : STR("enabled"));
}

static void check_certificates(struct parse *p)
{
    if (p->chains && (p->cert || p->key))
        log_fatal("-H names keys and certificates together: -k and -K cannot be used besides");
    if (p->key && p->cert == NULL)
        set(p, "smtp_tls_cert_file", str_from(p->key));
    if (p->cert && p->key == NULL)
        set(p, "smtp_tls_key_file", str_from(p->cert));
}

static void check_anchors(struct parse *p)
{
    struct str files = conf_value(p->conf, STR("smtp_tls_trust_anchor_file"));
    const struct tls_anchor *list = NULL;
    ARENA_AUTO(arena);

    if (!anchors_read(files, &arena, &list))
        log_fatal("Failed to load trust anchor file: " STR_FMT, STR_ARG(str_trim(files)));
}

static struct str matches(char **argv, struct buf *list)
{
    for (; *argv; argv++)
        buf_join(list, list->len ? STR(" ") : STR(""), str_from(*argv));
    return buf_str(list);
}

/* Without a fingerprint there is nothing to match, and still something to see. */
static enum tls_level expect_digests(struct parse *p, struct str list)
{
    set(p, "smtp_tls_fingerprint_cert_match", list);
    if (list.len)
        return TLS_FINGERPRINT;
    p->finger->log |= TLS_LOG_UNTRUSTED;
    return TLS_ENCRYPT;
}

static void expect_names(struct parse *p, struct str list)
{
    if (list.len == 0)
        return;
    set(p, "smtp_tls_verify_cert_match", list);
    set(p, "smtp_tls_secure_cert_match", list);
}

static void settle_level(struct parse *p, char **names)
{
    bool wrapper = str_equal(conf_value(p->conf, STR("smtp_tls_wrappermode")), STR("yes"));
    enum tls_level level = tls_level_parse(conf_value(p->conf, STR("smtp_tls_security_level")));
    BUF_AUTO(list, 0);

    (void)matches(names, &list);
    if (level == TLS_UNKNOWN)
        return; /* whoever reads the parameter complains */
    if (level == TLS_NONE && wrapper)
        log_fatal("SSL wrapper mode requires that TLS not be disabled");
    if (level == TLS_MAY)
        set(p, "smtp_tls_exclude_ciphers", STR("eNULL"));
    if (level == TLS_MAY && wrapper)
        level = TLS_ENCRYPT;
    if (level == TLS_FINGERPRINT)
        level = expect_digests(p, buf_str(&list));
    else if (tls_level_is_dane(level))
        set(p, "smtp_tls_secure_cert_match", STR("hostname, nexthop"));
    else
        expect_names(p, buf_str(&list));
    set(p, "smtp_tls_security_level", tls_level_name(level));
}

static void set_time(struct parse *p)
{
    BUF_AUTO(text, 32);

    buf_addf(&text, "%ds", p->finger->greeting_s);
    set(p, "smtp_connect_timeout", buf_str(&text));
}

void options_parse(struct finger *f, int argc, char **argv)
{
    struct parse p = { .finger = f,
                       .conf = command_conf_unchecked(NULL),
                       .log = "routine,certmatch" };
    int letter;

    f->greeting_s = f->command_s = 30;
    f->reconnects = 5;
    begin(&p);
    while ((letter = getopt(argc, argv, LETTERS)) != -1)
        apply(&p, letter, optarg);
    if (optind >= argc)
        usage();
    f->destination = str_from(argv[optind]);
    check_lookup(&p);
    check_certificates(&p);
    check_anchors(&p);
    f->log |= tls_log_parse("-L option", str_from(p.log));
    settle_level(&p, argv + optind + 1);
    set_time(&p);
    conf_fill_site(p.conf);
    conf_fill(p.conf, &smtp_param_set, &smtp_conf);
    conf_fill(p.conf, &smtp_tls_param_set, &smtp_tls_conf);
    conf_fill(p.conf, &tls_param_set, &tls_conf);
}
