#pragma once
/* smtp-client/tlsrpt - whether TLS worked is told to a collector, which reports it to the domain (RFC 8460).
 *
 * A report is one datagram, in the form that libtlsrpt of 2025 has.  The collector's socket is connected to before the jail,
 * because nobody in it may: one that is made anew later gets the reports of the processes that start from then on. */
#include "dns/dns.h"
#include "smtp-client/session.h"

/* Before the jail. */
void tlsrpt_open(struct dns *dns, bool lmtp);

/* How a new connection went; at most one of these for each. */
enum tlsrpt_failure {
    TLSRPT_STARTTLS_NOT_SUPPORTED,
    TLSRPT_CERTIFICATE_HOST_MISMATCH,
    TLSRPT_CERTIFICATE_NOT_TRUSTED,
    TLSRPT_CERTIFICATE_EXPIRED,
    TLSRPT_VALIDATION_FAILURE,
    TLSRPT_STS_POLICY_FETCH_ERROR,
    TLSRPT_STS_POLICY_INVALID,
    TLSRPT_STS_WEBPKI_INVALID,
    TLSRPT_TLSA_INVALID,
};
void tlsrpt_success(const struct client_session *s, const struct session_purpose *purpose);
/* `reason` may be absent. */
void tlsrpt_failure(const struct client_session *s, const struct session_purpose *purpose,
                    enum tlsrpt_failure failure, struct str reason);
/* What the handshake found out about the server's certificate. */
void tlsrpt_handshake(const struct client_session *s, const struct session_purpose *purpose);
