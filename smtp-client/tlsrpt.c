#include "smtp-client/tlsrpt.h"

#include "base/log.h"
#include "conf/params.h"
#include "text/hostname.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define REPORT_MAX (64UL * 1024)

static struct {
    bool enabled;
    struct dns *dns;
    int fd;
    int error; /* of connecting; 0: it is connected */
} rpt = { .fd = -1 };

/* In the words of RFC 8460, with the numbers of the datagram. */
static const struct {
    const char *name;
    int code;
} failures[] = {
    [TLSRPT_STARTTLS_NOT_SUPPORTED] = { "starttls_not_supported", 201 },
    [TLSRPT_CERTIFICATE_HOST_MISMATCH] = { "certificate_host_mismatch", 202 },
    [TLSRPT_CERTIFICATE_NOT_TRUSTED] = { "certificate_not_trusted", 203 },
    [TLSRPT_CERTIFICATE_EXPIRED] = { "certificate_expired", 204 },
    [TLSRPT_VALIDATION_FAILURE] = { "validation_failure", 205 },
    [TLSRPT_STS_POLICY_FETCH_ERROR] = { "sts_policy_fetch_error", 301 },
    [TLSRPT_STS_POLICY_INVALID] = { "sts_policy_invalid", 302 },
    [TLSRPT_STS_WEBPKI_INVALID] = { "sts_webpki_invalid", 303 },
    [TLSRPT_TLSA_INVALID] = { "tlsa_invalid", 304 },
};

/* ---- the collector ---- */

static int connect_collector(struct str path)
{
    struct sockaddr_un a = { .sun_family = AF_UNIX };

    if (path.len >= sizeof a.sun_path) {
        errno = ENAMETOOLONG;
        return -1;
    }
    memcpy(a.sun_path, path.ptr, path.len);
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd >= 0 && connect(fd, (struct sockaddr *)&a, sizeof a) == 0)
        return fd;
    int error = errno;
    if (fd >= 0)
        close(fd);
    errno = error;
    return -1;
}

static const char *what_is_in_the_way(bool lmtp)
{
    struct str level = smtp_conf.smtp_dns_support_level;

    if (lmtp)
        return "TLSRPT support is not implemented for LMTP";
    if (smtp_tls_conf.smtp_tlsrpt_socket_name.len == 0)
        return "TLSRPT support: parameter smtp_tlsrpt_socket_name has empty value -- TLSRPT "
               "support will be disabled";
    if (level.len ? str_equal_nocase(level, STR("disabled")) : site_conf.disable_dns_lookups)
        return "Cannot enable TLSRPT support: DNS is disabled";
    return NULL;
}

void tlsrpt_open(struct dns *dns, bool lmtp)
{
    const char *obstacle;

    if (!smtp_tls_conf.smtp_tlsrpt_enable)
        return;
    if ((obstacle = what_is_in_the_way(lmtp)) != NULL) {
        log_warning("%s", obstacle);
        return;
    }
    rpt.enabled = true;
    rpt.dns = dns;
    rpt.fd = connect_collector(smtp_tls_conf.smtp_tlsrpt_socket_name);
    rpt.error = rpt.fd < 0 ? errno : 0;
}

static void warn_unsent(int error)
{
    log_warning("Could not report TLS handshake result to tlsrpt library: %s (errno %d)",
                strerror(error), error);
}

static void send_report(struct str text)
{
    if (rpt.fd < 0)
        warn_unsent(rpt.error);
    else if (send(rpt.fd, text.ptr, text.len, MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
        warn_unsent(errno);
}

/* ---- does the domain want reports? ---- */

/* False: a record of something else. */
static bool is_policy(struct str domain, struct str record)
{
    struct str rest = record;

    if (!str_skip_prefix(&rest, STR("v=TLSRPTv1")))
        return false;
    if (str_starts(str_trim(rest), STR(";")))
        return true;
    log_warning("TLSRPT support: ignoring malformed policy for " STR_FMT ":, \"" STR_FMT "\"",
                STR_ARG(domain), STR_ARG(record));
    return false;
}

/* Absent: no reports. */
static struct str find_record(struct str domain, struct arena *a)
{
    struct dns_record *found = NULL;
    struct str record = STR_NONE;
    BUF_AUTO(name, 512);

    buf_join(&name, STR("_smtp._tls."), domain);
    enum dns_status status = dns_query(rpt.dns, buf_str(&name), DNS_TXT, a, &found);
    if (status != DNS_OK && status != DNS_NO_DATA && status != DNS_NOT_FOUND)
        log_warning("TLSRPT support: policy lookup failed for " STR_FMT ": %s", STR_ARG(domain),
                    dns_status_text(status));
    for (struct dns_record *r = found; r; r = r->next) {
        if (!is_policy(domain, r->text))
            continue;
        if (record.ptr) {
            log_warning("TLSRPT support: Too many TLSRPT policies for " STR_FMT, STR_ARG(domain));
            return STR_NONE;
        }
        record = r->text;
    }
    return record;
}

/* ---- JSON ---- */

static void put_string(struct buf *out, struct str text)
{
    buf_addc(out, '"');
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.ptr[i];
        if (c == '"' || c == '\\')
            buf_addf(out, "\\%c", c);
        else if (c < ' ')
            buf_addf(out, "\\u%04x", c);
        else
            buf_addc(out, (char)c);
    }
    buf_addc(out, '"');
}

/* A member and a comma; what is absent is left out. */
static void put_member(struct buf *out, const char *name, struct str value)
{
    if (value.len == 0)
        return;
    buf_addf(out, "\"%s\":", name);
    put_string(out, value);
    buf_addc(out, ',');
}

static void put_list(struct buf *out, const char *name, struct str items, char separator)
{
    const char *between = "";

    if (items.len == 0)
        return;
    buf_addf(out, "\"%s\":[", name);
    while (items.len) {
        buf_add(out, str_from(between));
        put_string(out, str_cut(&items, separator));
        between = ",";
    }
    buf_add(out, STR("],"));
}

/* ---- the report ---- */

enum policy_type { POLICY_TLSA = 1, POLICY_STS = 2, POLICY_NONE = 9 };

static enum policy_type type_of(const struct tls_policy *p)
{
    if (p->pins)
        return POLICY_TLSA;
    return str_equal(p->sts.type, STR("sts")) ? POLICY_STS : POLICY_NONE;
}

static void put_pins(struct buf *out, const struct tls_pin *pin)
{
    for (; pin; pin = pin->next) {
        buf_addf(out, "%u %u %u ", pin->usage, pin->selector, pin->matching);
        for (size_t i = 0; i < pin->data.len; i++)
            buf_addf(out, "%02X", (unsigned char)pin->data.ptr[i]);
        buf_addc(out, '\n');
    }
}

static void put_policy(struct buf *out, const struct client_session *s, const struct tls_policy *p)
{
    enum policy_type type = type_of(p);
    struct str domain = type == POLICY_TLSA ? p->base
                        : p->sts.domain.len ? p->sts.domain
                                            : s->domain;
    BUF_AUTO(pins, 0);

    put_pins(&pins, p->pins);
    buf_addf(out, "\"policy-type\":%d,", (int)type);
    put_member(out, "policy-domain", domain);
    put_list(out, "policy-string", type == POLICY_TLSA ? buf_str(&pins) : p->sts.strings, '\n');
    put_list(out, "mx-host", str_trim(p->sts.patterns), ' ');
}

static struct str own_address(const struct client_session *s, struct buf *text)
{
    struct net_addr own = { .len = sizeof own.ss };

    if (getsockname(s->stream.fd, (struct sockaddr *)&own.ss, &own.len) != 0 ||
        !net_addr_format(&own, text))
        return STR_NONE;
    return buf_str(text);
}

static void put_failure(struct buf *out, const struct client_session *s,
                        enum tlsrpt_failure failure, struct str reason)
{
    BUF_AUTO(own, 64);

    buf_addf(out, "\"failure-details\":[{\"c\":%d,", failures[failure].code);
    put_member(out, "s", own_address(s, &own));
    put_member(out, "n", s->name);
    put_member(out, "r", s->address);
    put_member(out, "f", reason);
    out->len--; /* the last comma */
    buf_add(out, STR("}],"));
}

/* -1: success. */
static void report(const struct client_session *s, const struct session_purpose *purpose,
                   int failure, struct str reason)
{
    ARENA_AUTO(a);
    BUF_AUTO(text, REPORT_MAX);
    struct str record;

    if (!rpt.enabled || s->tls_optional || hostname_is_address(s->domain) ||
        (record = find_record(s->domain, &a)).len == 0)
        return;
    buf_add(&text, STR("{"));
    put_member(&text, "d", s->domain);
    put_member(&text, "pr", record);
    buf_add(&text, STR("\"policies\":[{"));
    put_policy(&text, s, purpose->tls);
    if (failure >= 0)
        put_failure(&text, s, (enum tlsrpt_failure)failure, reason);
    buf_addf(&text, "\"t\":%d,\"f\":%d}]}", failure >= 0, failure >= 0);
    if (!text.full)
        send_report(buf_str(&text));
    if (failure < 0)
        log_info("TLSRPT: status=success, domain=" STR_FMT ", receiving_mx=" STR_FMT,
                 STR_ARG(s->domain), STR_ARG(s->shown));
    else
        log_info("TLSRPT: status=failure, domain=" STR_FMT ", receiving_mx=" STR_FMT
                 ", failure_type=%s%s" STR_FMT,
                 STR_ARG(s->domain), STR_ARG(s->shown), failures[failure].name,
                 reason.len ? ", failure_reason=" : "", STR_ARG(reason));
}

void tlsrpt_success(const struct client_session *s, const struct session_purpose *purpose)
{
    report(s, purpose, -1, STR_NONE);
}

void tlsrpt_failure(const struct client_session *s, const struct session_purpose *purpose,
                    enum tlsrpt_failure failure, struct str reason)
{
    report(s, purpose, (int)failure, reason);
}

/* ---- what a handshake means ---- */

static void report_unusable(const struct client_session *s, const struct session_purpose *purpose)
{
    enum tls_level level = purpose->tls->level;

    if (tls_level_is_dane(level))
        tlsrpt_failure(s, purpose, TLSRPT_TLSA_INVALID, STR("all-TLSA-records-unusable"));
    else
        tlsrpt_failure(s, purpose, TLSRPT_VALIDATION_FAILURE,
                       level == TLS_FINGERPRINT ? STR("all-fingerprints-unusable")
                                                : STR("all-trust-anchors-unusable"));
}

/* The words of the policy server are those of the report, but for `-`. */
static void report_policy_failure(const struct client_session *s,
                                  const struct session_purpose *purpose)
{
    BUF_AUTO(name, 64);

    buf_add(&name, purpose->tls->sts.failure);
    for (size_t i = 0; i < name.len; i++)
        if (name.ptr[i] == '-')
            name.ptr[i] = '_';
    for (size_t i = 0; i < ARRAY_LEN(failures); i++)
        if (str_equal(buf_str(&name), str_from(failures[i].name)))
            tlsrpt_failure(s, purpose, (enum tlsrpt_failure)i, STR_NONE);
}

static void report_fault(const struct client_session *s, const struct session_purpose *purpose)
{
    BUF_AUTO(reason, 256);

    switch (s->tls->fault) {
    case TLS_FAULT_EXPIRED:
        tlsrpt_failure(s, purpose, TLSRPT_CERTIFICATE_EXPIRED, STR_NONE);
        break;
    case TLS_FAULT_UNTRUSTED:
        tlsrpt_failure(s, purpose, TLSRPT_CERTIFICATE_NOT_TRUSTED, STR_NONE);
        break;
    case TLS_FAULT_NAME:
        tlsrpt_failure(s, purpose, TLSRPT_CERTIFICATE_HOST_MISMATCH, STR_NONE);
        break;
    default:
        buf_add(&reason, s->tls->fault_text);
        for (size_t i = 0; i < reason.len; i++)
            if (reason.ptr[i] == ' ')
                reason.ptr[i] = '_';
        tlsrpt_failure(s, purpose, TLSRPT_VALIDATION_FAILURE, buf_str(&reason));
    }
}

void tlsrpt_handshake(const struct client_session *s, const struct session_purpose *purpose)
{
    if (s->tls->resumed && smtp_tls_conf.smtp_tlsrpt_skip_reused_handshakes)
        return;
    if (s->tls->unusable)
        report_unusable(s, purpose);
    else if (!tls_level_matches(purpose->tls->level) || s->tls->matched)
        tlsrpt_success(s, purpose);
    else if (purpose->tls->sts.failure.len)
        report_policy_failure(s, purpose);
    else
        report_fault(s, purpose);
}
