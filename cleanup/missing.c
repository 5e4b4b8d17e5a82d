/* The end of the header: what is missing there is added, in this order: Message-Id, Date, From,
 * To. */
#include "base/log.h"
#include "base/utf8.h"
#include "cleanup/output.h"
#include "text/address.h"
#include "text/date.h"

#include <time.h>

/* Headers of an original message and of one that is sent on (RFC 5322 section 3.6.6). */
struct header_names {
    enum header_id message_id, date, from;
    const char *message_id_text, *date_text, *from_text;
};

static const struct header_names original = {
    HEADER_MESSAGE_ID, HEADER_DATE, HEADER_FROM, "Message-Id: ", "Date: ", "From: ",
};
static const struct header_names resent = {
    HEADER_RESENT_MESSAGE_ID, HEADER_RESENT_DATE, HEADER_RESENT_FROM,
    "Resent-Message-Id: ",    "Resent-Date: ",    "Resent-From: ",
};

static void put_header(struct message *m, const char *name, struct str value)
{
    BUF_AUTO(line, 0);

    buf_join(&line, str_from(name), value);
    output_lines(m, buf_str(&line));
}

/* Unique because the part of the id before the inode does not come again within a second. */
static void format_message_id(struct message *m, struct buf *out)
{
    struct tm utc;

    buf_addc(out, '<');
    if (!queue_id_is_long(&m->c->writer.id)) {
        date_utc(m->opened.tv_sec, &utc);
        buf_addf(out, "%04d%02d%02d%02d%02d%02d.", utc.tm_year + 1900, utc.tm_mon + 1, utc.tm_mday,
                 utc.tm_hour, utc.tm_min, utc.tm_sec);
    }
    buf_join(out, str_from(message_id(m)), STR("@"), site_conf.myhostname, STR(">"));
}

static void put_message_id(struct message *m, const struct header_names *names)
{
    bool is_resent = names == &resent;
    BUF_AUTO(value, 0);

    format_message_id(m, &value);
    put_header(m, names->message_id_text, buf_str(&value));
    log_info("%s: %s=" STR_FMT, message_id(m), is_resent ? "resent-message-id" : "message-id",
             STR_ARG(buf_str(&value)));
    m->content.logged_id |= !is_resent;
}

static void put_date(struct message *m, const struct header_names *names)
{
    time_t when = m->env.arrival.tv_sec;
    struct tm local;
    BUF_AUTO(value, 0);

    localtime_r(&when, &local);
    date_format(&local, local.tm_gmtoff, str_from_null(local.tm_zone), &value);
    put_header(m, names->date_text, buf_str(&value));
}

static bool is_plain_q(unsigned char c)
{
    return char_is_alnum((char)c) || c == '!' || c == '*' || c == '/';
}

/* RFC 2047 encoded words of at most 75 columns; a character is never split between two. */
static void encode_words(struct str text, struct str charset, struct buf *out)
{
    size_t used = 0;

    while (text.len) {
        struct str before = text;
        uint32_t rune;
        if (!utf8_next(&text, &rune))
            text = str_skip(text, 1);
        size_t bytes = before.len - text.len;
        if (used == 0 || used + 3 * bytes + 2 > 75) {
            if (used)
                buf_add(out, STR("?= "));
            buf_join(out, STR("=?"), charset, STR("?Q?"));
            used = charset.len + 5;
        }
        for (size_t i = 0; i < bytes; i++) {
            unsigned char c = (unsigned char)before.ptr[i];
            if (is_plain_q(c))
                buf_addc(out, (char)c);
            else if (c == ' ')
                buf_addc(out, '_');
            else
                buf_addf(out, "=%02X", c);
            used += is_plain_q(c) || c == ' ' ? 1 : 3;
        }
    }
    if (used)
        buf_add(out, STR("?="));
}

static void format_name(struct str name, struct buf *out)
{
    if (utf8_is_ascii(name))
        address_quote_phrase(name, out);
    else
        encode_words(name, cleanup_conf.full_name_encoding_charset, out);
}

static void put_from(struct message *m, const struct header_names *names)
{
    bool obsolete = str_equal_nocase(site_conf.header_from_format, STR("obsolete"));
    struct str name = m->env.full_name;
    BUF_AUTO(value, 0);
    BUF_AUTO(address, 0);

    address_quote(m->env.sender, &address);
    if (address.len == 0) {
        buf_add(&value,
                obsolete ? STR("MAILER-DAEMON (Mail Delivery System)") : STR("MAILER-DAEMON"));
    } else if (name.len == 0) {
        buf_add(&value, buf_str(&address));
    } else if (obsolete) {
        buf_join(&value, buf_str(&address), STR(" ("), name, STR(")"));
    } else {
        format_name(name, &value);
        buf_join(&value, STR(" <"), buf_str(&address), STR(">"));
    }
    put_header(m, names->from_text, buf_str(&value));
}

static bool has_visible_recipients(const struct message *m)
{
    const bool *seen = m->content.seen;

    return seen[HEADER_TO] || seen[HEADER_CC] ||
           (m->content.resent && (seen[HEADER_RESENT_TO] || seen[HEADER_RESENT_CC]));
}

void headers_complete(struct message *m)
{
    const struct header_names *names = m->content.resent ? &resent : &original;
    const bool *seen = m->content.seen;

    if (!message_is_wanted(m))
        return;
    if (cleanup_conf.always_add_missing_headers || headers_rewrites(m)) {
        if (!seen[names->message_id])
            put_message_id(m, names);
        if (!seen[names->date])
            put_date(m, names);
        if (!seen[names->from])
            put_from(m, names);
        if (!has_visible_recipients(m) && cleanup_conf.undisclosed_recipients_header.len)
            output_lines(m, cleanup_conf.undisclosed_recipients_header);
    }
    /* Content filters pass headers on, not what was said in SMTP. */
    if ((m->sendopts & SENDOPT_REQUIRETLS) && site_conf.requiretls_esmtp_header &&
        !seen[HEADER_REQUIRE_TLS_ESMTP])
        put_header(m, "Require-TLS-ESMTP: ", STR("yes"));
    if (!m->content.logged_id)
        log_info("%s: message-id=<>", message_id(m));
    m->content.logged_id = true;
}
