/* What the server says about itself: the EHLO reply and the session statistics. */
#include "smtp/server_state.h"

void smtp_server_ehlo_text(const struct smtp_server *s, struct buf *out)
{
    const struct smtp_server_options *o = &s->options;
    BUF_AUTO(size, 64);

    buf_add(&size, STR("SIZE"));
    if (o->message_size_limit > 0) {
        buf_addc(&size, ' ');
        buf_add_int(&size, o->message_size_limit);
    }
    const struct {
        bool shown;
        struct str keyword, arg;
    } lines[] = {
        { o->pipelining, STR("PIPELINING"), STR("") },
        { o->size, buf_str(&size), STR("") },
        { o->vrfy, STR("VRFY"), STR("") },
        { o->etrn, STR("ETRN"), STR("") },
        { o->starttls && !s->secured, STR("STARTTLS"), STR("") },
        { o->auth && !o->hide_auth, STR("AUTH "), o->auth_mechanisms },
        { o->auth && !o->hide_auth && o->auth_old_style, STR("AUTH="), o->auth_mechanisms },
        { o->verp, STR("XVERP"), STR("") },
        { o->xclient && !o->hide_xclient,
          STR("XCLIENT NAME ADDR PROTO HELO REVERSE_NAME PORT LOGIN DESTADDR DESTPORT"), STR("") },
        { o->xforward && !o->hide_xforward, STR("XFORWARD NAME ADDR PROTO HELO SOURCE PORT IDENT"),
          STR("") },
        { o->enhanced_codes, STR("ENHANCEDSTATUSCODES"), STR("") },
        { o->eightbit, STR("8BITMIME"), STR("") },
        { o->dsn, STR("DSN"), STR("") },
        { o->smtputf8, STR("SMTPUTF8"), STR("") },
        { o->chunking, STR("CHUNKING"), STR("") },
        { o->requiretls && s->secured, STR("REQUIRETLS"), STR("") },
    };

    buf_add(out, o->hostname);
    for (size_t i = 0; i < ARRAY_LEN(lines); i++)
        if (lines[i].shown)
            buf_join(out, STR("\n"), lines[i].keyword, lines[i].arg);
}

static void format_count(struct smtp_tally t, struct buf *out)
{
    buf_add_int(out, t.ok);
    if (t.ok != t.total) {
        buf_addc(out, '/');
        buf_add_int(out, t.total);
    }
}

void smtp_server_format_tally(const struct smtp_server *s, struct buf *out)
{
    struct smtp_tally all = { 0, 0 };

    for (enum smtp_command c = SMTP_CMD_HELO; c < SMTP_CMD_COUNT; c++) {
        if (s->tally[c].total == 0)
            continue;
        all.total += s->tally[c].total;
        all.ok += s->tally[c].ok;
        buf_addc(out, ' ');
        buf_add_lower(out, smtp_command_name(c));
        buf_addc(out, '=');
        format_count(s->tally[c], out);
    }
    buf_add(out, STR(" commands="));
    if (all.total)
        format_count(all, out);
    else
        buf_add(out, STR("0/0"));
}
