#include "smtpd/filter_words.h"

#include "base/log.h"
#include "smtpd/origin.h"
#include "smtpd/received.h"
#include "text/address.h"

struct str filter_mail_line(struct session *s)
{
    struct str rest = s->t.mail_line, word;
    BUF_AUTO(line, 0);

    if (!s->t.mail.requiretls)
        return s->t.mail_line;
    while (str_token(&rest, " ", &word))
        if (!str_equal_nocase(word, STR("REQUIRETLS")))
            buf_join(&line, line.len ? STR(" ") : STR(""), word);
    return arena_str(&s->scratch, buf_str(&line));
}

void filter_put_header(struct session *s, struct buf *out)
{
    BUF_AUTO(header, 0);
    struct str rest;

    smtp_encoder_init(&s->filter.encoder, 0, true);
    buf_add(&header, buf_str(&s->t.actions.prepend));
    if (!origin_is_forwarded(s))
        received_format(s, &header);
    if (s->t.mail.requiretls && site_conf.requiretls_esmtp_header)
        buf_add(&header, STR("Require-TLS-ESMTP: yes\n"));
    for (rest = buf_str(&header); rest.len;)
        smtp_encode(&s->filter.encoder, str_cut(&rest, '\n'), true, out);
}

void filter_put_text(struct session *s, struct str text, bool ends_line, struct buf *out)
{
    BUF_AUTO(clean, 0);

    if (str_has(text, '\r')) {
        buf_add(&clean, text);
        for (size_t i = 0; i < clean.len; i++)
            if (clean.ptr[i] == '\r')
                clean.ptr[i] = ' ';
        text = buf_str(&clean);
    }
    smtp_encode(&s->filter.encoder, text, ends_line, out);
}

void filter_log_verdict(const struct session *s, struct smtp_reply reply)
{
    bool accepted = reply.code / 100 == SMTP_YES;
    BUF_AUTO(said, 0);
    BUF_AUTO(sender, 0);
    BUF_AUTO(recipient, 0);
    BUF_AUTO(more, 0);

    smtp_reply_format(reply, &said);
    address_quote(s->t.sender, &sender);
    address_quote(s->t.first_rcpt.address, &recipient);
    if (s->helo.ptr)
        buf_join(&more, STR(" helo=<"), s->helo, STR(">"));
    if (s->login.name.ptr)
        buf_join(&more, STR(" sasl_username=<"), s->login.name, STR(">"));
    log_info("proxy-%s: END-OF-MESSAGE: " STR_FMT "; from=<" STR_FMT "> to=<" STR_FMT
             "> proto=" STR_FMT STR_FMT,
             accepted ? "accept" : "reject", STR_ARG(str_trim(buf_str(&said))),
             STR_ARG(buf_str(&sender)), STR_ARG(buf_str(&recipient)), STR_ARG(session_protocol(s)),
             STR_ARG(buf_str(&more)));
}
