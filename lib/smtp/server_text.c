/* What the server says about itself: the EHLO reply and the session statistics. */
#include "smtp/server_state.h"

static const struct {
    size_t member;
    bool discarded;
} switches[] = {
#define SMTP_EXTENSION(id, setting, member, discarded) \
    [SMTP_EXTENSION_##id] = { offsetof(struct smtp_server_options, member), discarded },
#include "smtp/extensions.def"
#undef SMTP_EXTENSION
};

static bool *switch_of(struct smtp_server_options *o, enum smtp_extension e)
{
    return (bool *)(void *)((char *)o + switches[e].member);
}

void smtp_server_discard(struct smtp_server_options *o, unsigned extensions)
{
    for (enum smtp_extension e = 0; e < SMTP_EXTENSION_COUNT; e++)
        if (extensions & 1u << e)
            *switch_of(o, e) = switches[e].discarded;
}

static bool is_possible(const struct smtp_server *s, enum smtp_extension e)
{
    const struct smtp_server_options *o = &s->options;

    switch (e) {
    case SMTP_EXTENSION_STARTTLS:
        return !s->secured;
    case SMTP_EXTENSION_REQUIRETLS:
        return s->secured;
    case SMTP_EXTENSION_AUTH:
        return !o->hide_auth;
    case SMTP_EXTENSION_XCLIENT:
        return o->xclient;
    case SMTP_EXTENSION_XFORWARD:
        return o->xforward;
    default:
        return true;
    }
}

static void add_arguments(const struct smtp_server_options *o, enum smtp_extension e,
                          struct buf *out)
{
    if (e == SMTP_EXTENSION_SIZE && o->message_size_limit > 0) {
        buf_addc(out, ' ');
        buf_add_int(out, o->message_size_limit);
    } else if (e == SMTP_EXTENSION_AUTH) {
        buf_join(out, STR(" "), o->auth_mechanisms);
        if (o->auth_old_style)
            buf_join(out, STR("\nAUTH="), o->auth_mechanisms);
    } else if (e == SMTP_EXTENSION_XCLIENT) {
        buf_add(out, STR(" NAME ADDR PROTO HELO REVERSE_NAME PORT LOGIN DESTADDR DESTPORT"));
    } else if (e == SMTP_EXTENSION_XFORWARD) {
        buf_add(out, STR(" NAME ADDR PROTO HELO SOURCE PORT IDENT"));
    }
}

void smtp_server_ehlo_text(const struct smtp_server *s, struct buf *out)
{
    static const enum smtp_extension order[] = {
#define SAY(name) SMTP_EXTENSION_##name
        SAY(PIPELINING), SAY(SIZE),  SAY(VRFY),     SAY(ETRN),     SAY(STARTTLS),
        SAY(AUTH),       SAY(XVERP), SAY(XCLIENT),  SAY(XFORWARD), SAY(ENHANCEDSTATUSCODES),
        SAY(8BITMIME),   SAY(DSN),   SAY(SMTPUTF8), SAY(CHUNKING), SAY(REQUIRETLS),
#undef SAY
    };
    struct smtp_server_options o = s->options;

    buf_add(out, o.hostname);
    for (size_t i = 0; i < ARRAY_LEN(order); i++) {
        enum smtp_extension e = order[i];

        if (*switch_of(&o, e) == switches[e].discarded || !is_possible(s, e))
            continue;
        buf_join(out, STR("\n"), smtp_extension_name(e));
        add_arguments(&o, e, out);
    }
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
