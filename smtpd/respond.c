/* What happens to every reply on its way out: soft_bounce, the footer, delays for clients that make
 * many mistakes, and the limit where patience ends. */
#include "smtpd/respond.h"

#include "base/log.h"

#include <time.h>

/* soft_bounce turns a 5xx into a 4xx, in the enhanced status too. */
static struct smtp_reply soften(struct smtp_reply r, struct arena *a)
{
    if (!site_conf.soft_bounce || r.code < 500)
        return r;
    r.code -= 100;
    if (dsn_status_length(r.text) && r.text.ptr[0] == '5') {
        char *text = arena_cstr(a, r.text);
        text[0] = '4';
        r.text = (struct str){ text, r.text.len };
    }
    return r;
}

struct footer_name {
    struct str name;
    struct str (*value)(struct session *s);
};

static struct str client_address(struct session *s) { return s->peer.address; }
static struct str client_name(struct session *s) { return s->peer.name; }
static struct str client_port(struct session *s) { return s->peer.port; }
static struct str helo_name(struct session *s) { return s->helo; }
static struct str recipient(struct session *s) { return s->t.last_rcpt_path; }
static struct str sender(struct session *s) { return s->t.sender_path; }
static struct str server_name(struct session *s)
{
    (void)s;
    return site_conf.myhostname;
}
static struct str local_time(struct session *s)
{
    char text[64];
    time_t now = time(NULL);
    struct tm local;

    localtime_r(&now, &local);
    size_t n = strftime(text, sizeof text, "%b %d %H:%M:%S", &local);
    return arena_str(&s->arena, (struct str){ text, n });
}

static const struct footer_name footer_names[] = {
    { { "client_address", 14 }, client_address }, { { "client_name", 11 }, client_name },
    { { "client_port", 11 }, client_port },       { { "helo_name", 9 }, helo_name },
    { { "localtime", 9 }, local_time },           { { "recipient", 9 }, recipient },
    { { "sender", 6 }, sender },                  { { "server_name", 11 }, server_name },
};

static void put_footer_value(struct session *s, struct str name, struct buf *out)
{
    for (size_t i = 0; i < ARRAY_LEN(footer_names); i++)
        if (str_equal(name, footer_names[i].name))
            buf_add(out, footer_names[i].value(s));
}

/* $name and ${name}; `\n` in the template begins another line. */
static void expand_footer(struct session *s, struct str text, struct buf *out)
{
    while (text.len) {
        size_t special = str_find_any(text, "$\\");
        buf_add(out, str_sub(text, 0, special));
        if (special == STR_NOT_FOUND)
            return;
        text = str_skip(text, special);
        if (str_skip_prefix(&text, STR("\\n"))) {
            buf_addc(out, '\n');
            continue;
        }
        if (text.ptr[0] == '\\') {
            buf_addc(out, '\\');
            text = str_skip(text, 1);
            continue;
        }
        text = str_skip(text, 1);
        bool braced = str_skip_prefix(&text, STR("{"));
        size_t n = 0;
        while (n < text.len && (char_is_alnum(text.ptr[n]) || text.ptr[n] == '_'))
            n++;
        put_footer_value(s, str_sub(text, 0, n), out);
        text = str_skip(text, n);
        if (braced)
            (void)str_skip_prefix(&text, STR("}"));
    }
}

/* Each footer line repeats the code and, where the reply has one, the enhanced status. */
static struct smtp_reply add_footer(struct session *s, struct smtp_reply r, struct arena *a)
{
    BUF_AUTO(found, 0);
    BUF_AUTO(footer, 0);
    BUF_AUTO(text, 0);
    struct str pattern = smtpd_conf.smtpd_reject_footer;
    BUF_AUTO(key, 0);

    buf_addf(&key, "%d " STR_FMT, r.code, STR_ARG(r.text));
    if (!table_list_is_empty(s->setup->reject_footer_maps) &&
        table_list_lookup(s->setup->reject_footer_maps, buf_str(&key), &found) == TABLE_FOUND)
        pattern = buf_str(&found);
    if (pattern.len == 0)
        return r;
    expand_footer(s, pattern, &footer);
    size_t status = dsn_status_length(r.text);
    buf_add(&text, r.text);
    for (struct str rest = buf_str(&footer); rest.len;) {
        buf_addc(&text, '\n');
        if (status)
            buf_join(&text, str_sub(r.text, 0, status), STR(" "));
        buf_add(&text, str_cut(&rest, '\n'));
    }
    return (struct smtp_reply){ r.code, arena_str(a, buf_str(&text)) };
}

/* Too many mistakes: say so and hang up instead of giving the reply. */
static bool patience_is_over(struct session *s)
{
    unsigned hard = (unsigned)smtpd_conf.smtpd_hard_error_limit;

    return s->dialogue.errors + 1 > hard && hard > 0;
}

static void give_up(struct session *s)
{
    BUF_AUTO(text, 512);

    buf_join(&text, STR("4.7.0 "), site_conf.myhostname, STR(" Error: too many errors"));
    s->end_reason = "too many errors";
    smtp_server_close(&s->dialogue, (struct smtp_reply){ 421, buf_str(&text) });
}

static void slow_down(struct session *s)
{
    if ((int)s->dialogue.errors >= smtpd_conf.smtpd_soft_error_limit && smtpd_conf.smtpd_error_sleep_time > 0 &&
        session_flush(s)) {
        struct timespec pause = { .tv_sec = smtpd_conf.smtpd_error_sleep_time };
        (void)nanosleep(&pause, NULL);
    }
}

void session_answer(struct session *s, struct smtp_reply reply)
{
    ARENA_AUTO(arena);

    if (reply_refuses(reply)) {
        slow_down(s);
        reply = add_footer(s, soften(reply, &arena), &arena);
    }
    smtp_server_answer(&s->dialogue, reply);
    if (reply.code == 421 || reply.code == 521)
        return;
    if (reply_refuses(reply) && patience_is_over(s))
        give_up(s);
    else if ((int)s->dialogue.junk > smtpd_conf.smtpd_junk_command_limit)
        give_up(s);
}
