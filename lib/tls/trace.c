/* Following what OpenSSL does, for who has to find out why two ends do not come together. */
#include "base/log.h"
#include "tls/engine.h"

#define ROW 16

static void log_state(const SSL *ssl, int where, int result)
{
    const struct tls_session *t = session_of(ssl);
    const char *call = t->is_server ? "SSL_accept" : "SSL_connect";

    if (where & SSL_CB_ALERT) {
        if ((result & 0xff) != SSL3_AD_CLOSE_NOTIFY)
            log_info("SSL3 alert %s:%s:%s", where & SSL_CB_READ ? "read" : "write",
                     SSL_alert_type_string_long(result), SSL_alert_desc_string_long(result));
    } else if (where & SSL_CB_LOOP) {
        log_info("%s:%s", call, SSL_state_string_long(ssl));
    } else if (where & SSL_CB_EXIT && result <= 0) {
        log_info("%s:%s in %s", call, result == 0 ? "failed" : "error", SSL_state_string_long(ssl));
    }
}

static void dump_row(const unsigned char *bytes, size_t at, size_t length)
{
    BUF_AUTO(row, 256);
    size_t end = MIN(at + ROW, length);

    buf_addf(&row, "%04zx ", at);
    for (size_t i = at; i < at + ROW; i++) {
        if (i < end)
            buf_addf(&row, "%02x%s", bytes[i], i == at + ROW / 2 - 1 ? "-" : " ");
        else
            buf_add(&row, STR("   "));
    }
    buf_addc(&row, ' ');
    for (size_t i = at; i < end; i++)
        buf_addc(&row, (char)(bytes[i] >= ' ' && bytes[i] < 0x7f ? bytes[i] : '.'));
    log_info(STR_FMT, STR_ARG(buf_str(&row)));
}

static long dump(BIO *bio, int operation, const char *bytes, size_t length, int number, long info,
                 /* NOLINTNEXTLINE(readability-non-const-parameter): the type is OpenSSL's. */
                 int result, size_t *processed)
{
    (void)number;
    (void)info;
    if (operation != (BIO_CB_READ | BIO_CB_RETURN) && operation != (BIO_CB_WRITE | BIO_CB_RETURN))
        return result;
    size_t done = result > 0 && processed ? *processed : 0;
    log_info("%s %p [%p] (%zu bytes => %d (0x%X))",
             operation == (BIO_CB_READ | BIO_CB_RETURN) ? "read from" : "write to", (void *)bio,
             (const void *)bytes, length, result > 0 ? (int)done : result,
             result > 0 ? (unsigned)done : (unsigned)result);
    for (size_t at = 0; at < done; at += ROW)
        dump_row((const unsigned char *)bytes, at, done);
    return result;
}

static void dump_packets(struct tls_session *t, bool on)
{
    BIO_set_callback_ex(SSL_get_rbio(t->ssl), on ? dump : NULL);
}

void trace_start(struct tls_session *t)
{
    if (t->log & TLS_LOG_DEBUG)
        SSL_set_info_callback(t->ssl, log_state);
    dump_packets(t, t->log & (TLS_LOG_HANDSHAKE_DUMP | TLS_LOG_SESSION_DUMP));
}

void trace_handshake_ended(struct tls_session *t)
{
    if (!(t->log & TLS_LOG_SESSION_DUMP))
        dump_packets(t, false);
}
