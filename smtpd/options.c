#include "smtpd/options.h"

#include "base/log.h"
#include "os/interfaces.h"
#include "queue/record.h"
#include "smtpd/auth.h"

static void discard(struct smtp_server_options *o, struct str words)
{
    BUF_AUTO(named, 1024);

    smtp_server_discard(o, smtp_extensions_discarded(words, &named));
    if (named.len)
        log_info("discarding EHLO keywords:" STR_FMT, STR_ARG(buf_str(&named)));
}

static void discard_keywords(struct session *s, struct smtp_server_options *o)
{
    BUF_AUTO(words, 0);
    enum table_result found = TABLE_NOT_FOUND;

    if (!table_list_is_empty(s->setup->discard_keyword_maps))
        found = table_list_lookup(s->setup->discard_keyword_maps, s->peer.address, &words);
    if (found == TABLE_NOT_FOUND)
        buf_add(&words, smtpd_conf.smtpd_discard_ehlo_keywords);
    if (found == TABLE_ERROR) {
        log_warning("don't know what EHLO features to announce to " STR_FMT,
                    STR_ARG(s->peer.shown));
        s->offer_unknown = true;
    }
    discard(o, buf_str(&words));
}

static bool listed(struct match_list *list, const struct peer *p)
{
    return !match_list_is_empty(list) && match_host_address(list, p->name, p->address) == MATCH_YES;
}

/* Whom an extension is announced to.  When nobody can say, EHLO is refused: a client that should have it must not do
 * without. */
static bool announced(struct session *s, struct match_list *list, const char *extension)
{
    enum match_result result = match_list_is_empty(list)
                                   ? MATCH_NO
                                   : match_host_address(list, s->peer.name, s->peer.address);

    if (result == MATCH_ERROR) {
        log_warning("don't know if EHLO feature %s should be announced to " STR_FMT, extension,
                    STR_ARG(s->peer.shown));
        s->offer_unknown = true;
    }
    return result == MATCH_YES;
}

void options_for_session(struct session *s, struct smtp_server_options *out)
{
    const struct setup *setup = s->setup;
    bool trusted = setup->postdrop == NULL;

    s->offer_unknown = false;
    *out = (struct smtp_server_options){
        .hostname = site_conf.myhostname,
        .line_limit = (size_t)site_conf.line_length_limit,
        .sasl_line_limit = (size_t)smtpd_conf.smtpd_sasl_response_limit,
        .message_size_limit = site_conf.message_size_limit,
        .bare_newline =
            listed(setup->bare_newline_exclusions, &s->peer) ? SMTP_BARE_NO : setup->bare_newline,
        .bare_newline_code = smtpd_conf.smtpd_forbid_bare_newline_reject_code,
        .verp_filter = site_conf.verp_delimiter_filter,
        .address_limit = RECORD_FACT_MAX,
        .value_limit = RECORD_ATTR_MAX - sizeof "dsn_orig_rcpt", /* the longest name, and `=` */
        .pipelining = true,
        .size = true,
        .vrfy = !site_conf.disable_vrfy_command,
        .vrfy_disabled = site_conf.disable_vrfy_command,
        .etrn = true,
        /* Also without an engine: 454 tells more than silence. */
        .starttls = !s->is_piped && !setup->tls.wraps && setup->tls.level != TLS_SERVER_NONE,
        .tls_required = !s->is_piped && setup->tls.level == TLS_SERVER_ENCRYPT,
        .auth = auth_offer(s),
        .auth_mechanisms = buf_str(&s->auth.mechanisms),
        .auth_old_style = smtpd_conf.broken_sasl_auth_clients,
        .hide_auth = announced(s, setup->auth.exceptions, "AUTH"),
        .xclient = trusted && announced(s, setup->xclient_hosts, "XCLIENT"),
        .xforward = s->may_forward || (trusted && announced(s, setup->xforward_hosts, "XFORWARD")),
        .enhanced_codes = true,
        .eightbit = true,
        .dsn = true,
        .smtputf8 = site_conf.smtputf8_enable,
        .requiretls = site_conf.requiretls_enable,
        .ipv6 = protocols_include(site_conf.inet_protocols, AF_INET6),
        .chunking = true,
        .verp = announced(s, setup->verp_clients, "XVERP"),
        .helo_required = smtpd_conf.smtpd_helo_required,
        .strict_addresses = smtpd_conf.strict_rfc821_envelopes,
        .odd_domains = { .utf8 = site_conf.smtputf8_enable,
                         .none = rewrite_takes_null_domains(setup->rewriter),
                         .numeric = rewrite_takes_numeric_domains(setup->rewriter) },
        .strict_smtputf8 = site_conf.strict_smtputf8,
        .watch_lines = true,
        .junk_limit = (unsigned)smtpd_conf.smtpd_junk_command_limit,
    };
    discard_keywords(s, out);
}
