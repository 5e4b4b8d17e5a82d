#include "smtpd/setup.h"

#include "base/log.h"
#include "client/debug_peer.h"
#include "client/dns_filter.h"
#include "client/tlsmgr.h"
#include "ipc/connector.h"
#include "smtpd/access/access.h"
#include "smtpd/auth.h"
#include "smtpd/mail_sink.h"
#include "smtpd/milters.h"
#include "smtpd/notice.h"
#include "smtpd/proxy.h"
#include "smtpd/tls_setup.h"
#include "text/escape.h"

#include <pwd.h>
#include <unistd.h>

static struct setup setup; /* the process's; nobody changes it once it is open */

static struct match_list *open_list(struct str text, const char *parameter)
{
    return match_list_open(text, parameter, match_flags_for(parameter));
}

static struct table_list *open_maps(struct str text, const char *parameter)
{
    return table_list_open(text, parameter, TABLE_DEFAULT);
}

static void open_recipient_tables(void)
{
    setup.local_recipients = open_maps(site_conf.local_recipient_maps, "local_recipient_maps");
    setup.alias_maps = open_maps(site_conf.virtual_alias_maps, "virtual_alias_maps");
    setup.mailbox_maps = open_maps(site_conf.virtual_mailbox_maps, "virtual_mailbox_maps");
    setup.relay_recipients = open_maps(site_conf.relay_recipient_maps, "relay_recipient_maps");
    setup.canonical_maps = open_maps(site_conf.canonical_maps, "canonical_maps");
    setup.recipient_canonical_maps =
        open_maps(site_conf.recipient_canonical_maps, "recipient_canonical_maps");
}

static const struct {
    struct str word;
    int clears; /* bits of enum cleanup_flag */
    bool skips_recipients, skips_milters;
} overrides[] = {
    { STR("no_address_mappings"), CLEANUP_FLAG_MAP_OK | CLEANUP_FLAG_BCC_OK, false, false },
    { STR("no_header_body_checks"), CLEANUP_FLAG_FILTER, false, false },
    { STR("no_milters"), 0, false, true },
    { STR("no_unknown_recipient_checks"), 0, true, false },
};

static void apply_override(struct str word)
{
    for (size_t i = 0; i < ARRAY_LEN(overrides); i++) {
        if (!str_equal_nocase(word, overrides[i].word))
            continue;
        setup.cleanup_flags &= ~overrides[i].clears;
        setup.check_recipients = setup.check_recipients && !overrides[i].skips_recipients;
        setup.no_milters |= overrides[i].skips_milters;
        return;
    }
    log_fatal("unknown receive_override_options value \"" STR_FMT "\" in \"" STR_FMT "\"",
              STR_ARG(word), STR_ARG(site_conf.receive_override_options));
}

static void open_resolver(void)
{
    setup.dns = dns_open("/etc/hosts");
    dns_filter_open(setup.dns, smtpd_conf.smtpd_dns_reply_filter, "smtpd_dns_reply_filter");
}

static void open_client_lists(void)
{
    setup.mynetworks = open_list(smtpd_conf.mynetworks, "mynetworks");
    setup.xclient_hosts =
        open_list(smtpd_conf.smtpd_authorized_xclient_hosts, "smtpd_authorized_xclient_hosts");
    setup.xforward_hosts =
        open_list(smtpd_conf.smtpd_authorized_xforward_hosts, "smtpd_authorized_xforward_hosts");
    setup.bare_newline_exclusions = open_list(smtpd_conf.smtpd_forbid_bare_newline_exclusions,
                                              "smtpd_forbid_bare_newline_exclusions");
    setup.verp_clients =
        open_list(smtpd_conf.smtpd_authorized_verp_clients, "smtpd_authorized_verp_clients");
    setup.limit_exceptions = open_list(smtpd_conf.smtpd_client_event_limit_exceptions,
                                       "smtpd_client_event_limit_exceptions");
    setup.auth.exceptions =
        open_list(smtpd_conf.smtpd_sasl_exceptions_networks, "smtpd_sasl_exceptions_networks");
    if (!smtp_bare_newline_parse(smtpd_conf.smtpd_forbid_bare_newline, &setup.bare_newline))
        log_fatal("invalid smtpd_forbid_bare_newline parameter value: \"" STR_FMT "\"",
                  STR_ARG(smtpd_conf.smtpd_forbid_bare_newline));
}

/* What judges commands, and what rewords our answers. */
static void open_dialogue_tables(void)
{
    static struct buf characters; /* as long as the process */

    setup.forbidden_commands =
        open_list(smtpd_conf.smtpd_forbidden_commands, "smtpd_forbidden_commands");
    setup.noop_commands = open_list(smtpd_conf.smtpd_noop_commands, "smtpd_noop_commands");
    setup.command_filter = table_list_open(smtpd_conf.smtpd_command_filter, "smtpd_command_filter",
                                           TABLE_DEFAULT | TABLE_MAY_BE_EMPTY);
    setup.discard_keyword_maps = open_maps(smtpd_conf.smtpd_discard_ehlo_keyword_address_maps,
                                           "smtpd_discard_ehlo_keyword_address_maps");
    setup.reject_filter_maps =
        open_maps(smtpd_conf.smtpd_reject_filter_maps, "smtpd_reject_filter_maps");
    setup.reject_footer_maps =
        open_maps(smtpd_conf.smtpd_reject_footer_maps, "smtpd_reject_footer_maps");
    escape_decode(smtpd_conf.smtpd_expansion_filter, &characters);
    setup.expansion_filter = buf_str(&characters);
    debug_peer_open();
    setup.logs_port = smtpd_conf.smtpd_client_port_logging;
    setup.notify = notice_classes_parse(site_conf.notify_classes);
}

static void apply_overrides(void)
{
    struct str options = site_conf.receive_override_options, word;

    /* smtpd_milters are our own business; cleanup's are for mail that did not come by SMTP. */
    setup.cleanup_flags = CLEANUP_FLAGS_EXTERNAL & ~CLEANUP_FLAG_MILTER;
    setup.check_recipients = true;
    while (str_token(&options, ", \t\r\n", &word))
        apply_override(word);
    setup.cleanup_flags |= cleanup_utf8_flag(STR("smtpd"));
}

/* Without master only the mail system's own user may speak to cleanup. */
static void find_postdrop(void)
{
    static struct buf path; /* as long as the process */
    const struct passwd *owner = getpwnam(site_conf.mail_owner.ptr);

    if (!service_is_standalone(setup.svc) || (owner && owner->pw_uid == getuid()))
        return;
    buf_join(&path, site_conf.command_directory, STR("/postdrop"));
    setup.postdrop = buf_cstr(&path);
}

static void open_judgement(struct conf *conf)
{
    BUF_AUTO(why, 1024);

    setup.rewriter = rewrite_open(conf, site_conf.rewrite_service_name);
    open_resolver();
    if (!interfaces_resolve(site_conf.inet_interfaces, site_conf.inet_protocols, &setup.interfaces,
                            &why))
        log_fatal("config variable inet_interfaces: " STR_FMT, STR_ARG(buf_str(&why)));
    open_client_lists();
    open_dialogue_tables();
    open_recipient_tables();
    apply_overrides();
    setup.connector = connector_shared();
    setup.access = access_open(conf, &setup);
    setup.sink = mail_sink_open(&setup);
}

const struct setup *setup_open_judgement(struct conf *conf)
{
    open_judgement(conf);
    return &setup;
}

const struct setup *setup_open(struct service *svc)
{
    struct conf *conf = service_conf(svc);

    setup.svc = svc;
    find_postdrop();
    setup.names_ends = !conf_level_below(conf, CONF_LEVEL_IDS_AT_END);
    proxy_check_parameter();
    open_judgement(conf);
    tls_setup_open(&setup);
    milters_open(&setup);
    return &setup;
}

void setup_connect(void)
{
    auth_open(&setup);
    mail_sink_open_own(&setup);
    tlsmgr_close_key_files();
}
