#include "postscreen/setup.h"

#include "base/log.h"
#include "base/mem.h"
#include "base/number.h"
#include "postscreen/access.h"
#include "postscreen/cache.h"
#include "postscreen/ehlo_mask.h"
#include "postscreen/proxy.h"
#include "postscreen/tls_settings.h"
#include "text/escape.h"

#define RESPECTFUL_LEVEL "3.6"

static struct screen screen; /* the process's */

static enum action parse_action(const char *parameter, struct str value)
{
    static const struct {
        struct str word;
        enum action action;
    } words[] = {
        { STR("ignore"), ACTION_IGNORE },
        { STR("continue"), ACTION_IGNORE },
        { STR("enforce"), ACTION_ENFORCE },
        { STR("drop"), ACTION_DROP },
    };

    for (size_t i = 0; i < ARRAY_LEN(words); i++)
        if (str_equal_nocase(value, words[i].word))
            return words[i].action;
    log_fatal("bad %s value: " STR_FMT, parameter, STR_ARG(value));
}

static void read_actions(void)
{
#define ACTION(name) parse_action(#name, postscreen_conf.name)
    screen.actions.denied = ACTION(postscreen_denylist_action);
    screen.actions.dnsbl = ACTION(postscreen_dnsbl_action);
    screen.actions.greet = ACTION(postscreen_greet_action);
    screen.actions.pipelining = ACTION(postscreen_pipelining_action);
    screen.actions.non_smtp = ACTION(postscreen_non_smtp_command_action);
    screen.actions.bare_newline = ACTION(postscreen_bare_newline_action);
#undef ACTION
}

static void read_tests(void)
{
    const struct postscreen_params *p = &postscreen_conf;
    const bool enabled[SCREEN_TESTS] = {
        [SCREEN_PREGREET] = p->postscreen_greet_banner.len > 0,
        [SCREEN_DNSBL] = p->postscreen_dnsbl_sites.len > 0,
        [SCREEN_PIPELINING] = p->postscreen_pipelining_enable,
        [SCREEN_NON_SMTP] = p->postscreen_non_smtp_command_enable,
        [SCREEN_BARE_NEWLINE] = p->postscreen_bare_newline_enable,
    };

    for (int t = 0; t < SCREEN_TESTS; t++)
        screen.enabled |= enabled[t] ? SCREEN_BIT(t) : 0;
}

/* Values with ${stress?...} in them, as they are with stress and without. */
static void read_paces(struct conf *conf)
{
    static struct postscreen_params paces[2];
    struct str before = conf_value(conf, STR("stress"));

    for (int stress = 0; stress < 2; stress++) {
        conf_override(conf, STR("stress"), stress ? STR("yes") : STR(""));
        conf_fill(conf, &postscreen_param_set, &paces[stress]);
    }
    conf_override(conf, STR("stress"), before);
    screen.greet_wait =
        (struct stressed){ paces[0].postscreen_greet_wait, paces[1].postscreen_greet_wait };
    screen.command_time = (struct stressed){ paces[0].postscreen_command_time_limit,
                                             paces[1].postscreen_command_time_limit };
}

static void read_sites(void)
{
    static struct arena arena; /* as long as the process */
    BUF_AUTO(why, 0);

    if (!sites_parse(postscreen_conf.postscreen_dnsbl_sites, &arena, &screen.sites, &why))
        log_fatal(STR_FMT, STR_ARG(buf_str(&why)));
    for (const struct site *s = screen.sites; s; s = s->next)
        screen.site_count++;
}

/* Of the two vocabularies of log lines the old one is for sites that have not changed their compatibility_level. */
static void choose_words(struct conf *conf)
{
    bool respectful = site_conf.respectful_logging;

    screen.allowlisted = respectful ? "ALLOWLISTED" : "WHITELISTED";
    screen.denylisted = respectful ? "DENYLISTED" : "BLACKLISTED";
    screen.veto = respectful ? "ALLOWLIST VETO" : "WHITELIST VETO";
    if (!respectful && !conf_is_set(conf, STR("respectful_logging")) &&
        conf_level_below(conf, RESPECTFUL_LEVEL))
        screen.wording_note = "using backwards-compatible default setting respectful_logging=no";
}

static bool offers_tls(enum tls_server_level level)
{
    struct tls_server_settings s;

    if (level == TLS_SERVER_NONE)
        return false;
    tls_settings_read(&postscreen_conf, &tls_conf, &s);
    if (!tls_has_certificate(&s.s))
        log_warning("No server certs available. TLS won't be enabled");
    return tls_has_certificate(&s.s);
}

static void read_dialogue(void)
{
    enum tls_server_level level = tls_settings_level(&postscreen_conf);

    screen.rules = (struct dialogue_rules){
        .hostname = site_conf.myhostname,
        .message_size_limit = site_conf.message_size_limit,
        .line_limit = (size_t)site_conf.line_length_limit,
        .command_limit = postscreen_conf.postscreen_command_count_limit,
        .helo_required = postscreen_conf.postscreen_helo_required,
        .tls_required = level == TLS_SERVER_ENCRYPT,
        .vrfy_disabled = postscreen_conf.postscreen_disable_vrfy_command,
        .utf8 = site_conf.smtputf8_enable,
    };
    screen.keywords = (1U << KEYWORDS) - 1;
    if (!offers_tls(level))
        screen.keywords &= ~(1U << KEYWORD_STARTTLS);
    if (site_conf.disable_vrfy_command)
        screen.keywords &= ~(1U << KEYWORD_VRFY);
    if (!site_conf.smtputf8_enable)
        screen.keywords &= ~(1U << KEYWORD_SMTPUTF8);
    screen.discarded = ehlo_mask_parse(postscreen_conf.postscreen_discard_ehlo_keywords);
}

/* A text whose `$` is for later may be that of smtpd, which its default names. */
static struct str follow(struct conf *conf, struct str text)
{
    struct str name = text;

    return str_skip_prefix(&name, STR("$smtpd_")) && param_find(str_skip(text, 1))
               ? conf_raw(conf, str_skip(text, 1))
               : text;
}

static void open_tables(struct conf *conf)
{
    static struct buf characters; /* as long as the process */
    const struct postscreen_params *p = &postscreen_conf;

#define MAPS(name, flags) table_list_open(p->name, #name, flags)
#define MATCHES(name)     match_list_open(p->name, #name, match_flags_for(#name))
    screen.access = access_open();
    screen.allowlist_interfaces = MATCHES(postscreen_allowlist_interfaces);
    screen.forbidden_commands = MATCHES(postscreen_forbidden_commands);
    screen.command_filter = MAPS(postscreen_command_filter, TABLE_DEFAULT | TABLE_MAY_BE_EMPTY);
    screen.footer_maps = MAPS(postscreen_reject_footer_maps, TABLE_DEFAULT);
    screen.keyword_maps = MAPS(postscreen_discard_ehlo_keyword_address_maps, TABLE_DEFAULT);
    screen.dnsbl_replies = MAPS(postscreen_dnsbl_reply_map, TABLE_DEFAULT);
#undef MAPS
#undef MATCHES
    escape_decode(follow(conf, p->postscreen_expansion_filter), &characters);
    screen.expansion_filter = buf_str(&characters);
    screen.footer = follow(conf, p->postscreen_reject_footer);
}

static int read_decimals(struct conf *conf)
{
    int64_t decimals;

    if (!number_parse_range(conf_value(conf, STR("delay_logging_resolution_limit")), 0, 6,
                            &decimals))
        log_fatal("delay_logging_resolution_limit must be between 0 and 6");
    return (int)decimals;
}

struct screen *setup_open(struct service *svc)
{
    struct conf *conf = service_conf(svc);

    screen.svc = svc;
    screen.addresses = MAP_INIT;
    screen.has_balancer = proxy_is_in_front();
    read_actions();
    read_tests();
    read_paces(conf);
    read_sites();
    choose_words(conf);
    read_dialogue();
    screen.decimals = read_decimals(conf);
    open_tables(conf);
    screen.cache = cache_open();
    return &screen;
}
