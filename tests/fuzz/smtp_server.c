/* The server's dialogue: whatever a client says, in whatever pieces, the driver sees only what RFC
 * 5321 allows, the replies are the same for every chunking, each command has one, and no buffer
 * passes its ceiling. */
#include "base/buf.h"
#include "smtp/server.h"

#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool truth)
{
    if (!truth)
        abort();
}

struct driver {
    struct smtp_server s;
    struct buf log;
    bool mail, rcpt, content;
    unsigned lines, answers;
    uint8_t mood;
};

static void answer(struct driver *d, int code, struct str text)
{
    size_t before = d->s.out.len;

    smtp_server_answer(&d->s, (struct smtp_reply){ code, text });
    must(!d->s.out.full && d->s.out.len <= SMTP_OUT_MAX);
    struct str reply = str_skip(buf_str(&d->s.out), before);
    must(str_ends(reply, STR("\r\n")));
    buf_add(&d->log, reply);
    d->answers++;
}

/* Refuse some things, the same ones in every run. */
static bool likes(const struct driver *d, struct str address)
{
    return (address.len * 7 + d->mood) % 4 != 0;
}

static void judge(struct driver *d, bool yes) { answer(d, yes ? 250 : 550, STR("x")); }

static void on_command(struct driver *d, const struct smtp_event *ev)
{
    switch (ev->kind) {
    case SMTP_MAIL:
        must(!d->mail && !str_has(ev->mail->address, '\n') && !str_has(ev->mail->address, '\0'));
        d->mail = likes(d, ev->mail->address);
        judge(d, d->mail);
        break;
    case SMTP_RCPT:
        must(d->mail && ev->rcpt->address.len > 0);
        d->rcpt |= likes(d, ev->rcpt->address);
        judge(d, likes(d, ev->rcpt->address));
        break;
    case SMTP_DATA:
        must(d->mail && d->rcpt);
        d->content = d->mood & 64;
        answer(d, d->content ? 354 : 451, STR("x"));
        break;
    case SMTP_AUTH:
        answer(d, ev->initial.ptr ? 235 : 334, STR("x"));
        break;
    case SMTP_AUTH_RESPONSE:
        answer(d, ev->arg.len > 3 ? 535 : 334, STR("x"));
        break;
    case SMTP_STARTTLS:
        answer(d, 454, STR("x"));
        break;
    case SMTP_XCLIENT:
        must(!d->mail);
        answer(d, 220, STR("x"));
        break;
    default:
        must(ev->kind != SMTP_REFUSED || (ev->reply.code >= 500 && ev->fault != SMTP_FAULT_NONE));
        if (ev->reply.code)
            answer(d, ev->reply.code, ev->reply.text);
        else
            judge(d, true);
    }
}

static void on_content_end(struct driver *d, const struct smtp_event *ev)
{
    must(d->mail && d->rcpt);
    if (ev->kind == SMTP_MESSAGE)
        d->mail = d->rcpt = false;
    judge(d, d->lines % 5 != 4);
    d->content = false;
}

/* False when the dialogue is closed. */
static bool on_event(struct driver *d, const struct smtp_event *ev)
{
    switch (ev->kind) {
    case SMTP_CLOSE:
        return false;
    case SMTP_FLUSH:
        smtp_server_sent(&d->s);
        return true;
    case SMTP_EARLY_INPUT:
        must(ev->arg.len > 0);
        return true;
    case SMTP_LINE:
        if (ev->line.len % 11 == 10)
            judge(d, true);
        return true;
    case SMTP_ABANDON:
        must(d->mail);
        d->mail = d->rcpt = false;
        buf_add(&d->log, STR("[abandon]"));
        return true;
    case SMTP_BDAT:
        must(d->mail && d->rcpt && ev->size >= 0);
        if (ev->size % 16 == 15)
            judge(d, false);
        return true;
    case SMTP_TEXT:
        must(d->mail && d->rcpt && ev->arg.len <= d->s.options.line_limit + 2);
        must(!str_has(ev->arg, '\n'));
        d->lines += ev->ends_line;
        buf_join(&d->log, ev->arg, ev->ends_line ? STR("\n") : STR("\\"));
        return true;
    case SMTP_CHUNK:
    case SMTP_MESSAGE:
        on_content_end(d, ev);
        return true;
    default:
        on_command(d, ev);
        return true;
    }
}

static void talk(struct str client, size_t step, const struct smtp_server_options *options,
                 uint8_t mood, struct buf *log)
{
    struct driver d = { .mood = mood };

    smtp_server_init(&d.s, options);
    for (;;) {
        struct smtp_event ev = smtp_server_next(&d.s);
        if (ev.kind == SMTP_NEED_INPUT) {
            smtp_server_sent(&d.s);
            if (client.len == 0)
                break;
            struct str now = str_sub(client, 0, step);
            size_t room;
            char *to = smtp_server_room(&d.s, &room);
            must(room >= 4096);
            now.len = MIN(now.len, room);
            memcpy(to, now.ptr, now.len);
            smtp_server_filled(&d.s, now.len);
            client = str_skip(client, now.len);
        } else if (!on_event(&d, &ev)) {
            break;
        }
        must((smtp_server_stage(&d.s) >= SMTP_STAGE_MAIL) == d.mail);
    }
    unsigned total = 0;
    for (enum smtp_command c = SMTP_CMD_HELO; c < SMTP_CMD_COUNT; c++) {
        must(d.s.tally[c].ok <= d.s.tally[c].total);
        total += d.s.tally[c].total;
    }
    must(total <= d.answers);
    buf_add(log, buf_str(&d.log));
    smtp_server_fini(&d.s);
    buf_free(&d.log);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    BUF_AUTO(whole, 0);
    BUF_AUTO(cut, 0);

    if (size < 4 || size > 1 << 15)
        return 0;
    struct smtp_server_options options = {
        .hostname = STR("mx"),
        .line_limit = 10 + data[0] / 2,
        .sasl_line_limit = 20,
        .message_size_limit = data[1] & 1 ? 1000 : 0,
        .bare_newline = (enum smtp_bare_newline)(data[1] >> 1 & 3),
        .bare_newline_code = 550,
        .verp_filter = STR("-=+"),
        .auth = true,
        .xclient = true,
        .xforward = true,
        .starttls = true,
        .dsn = true,
        .chunking = true,
        .verp = true,
        .smtputf8 = data[1] & 8,
        .strict_smtputf8 = data[1] & 16,
        .strict_addresses = data[1] & 32,
        .helo_required = data[1] & 64,
        .watch_lines = data[1] & 128,
        .tls_required = data[2] == 255,
    };
    struct str client = { (const char *)data + 4, size - 4 };
    talk(client, client.len, &options, data[2], &whole);
    talk(client, 1 + data[3] % 70, &options, data[2], &cut);
    must(str_equal(buf_str(&whole), buf_str(&cut)));
    return 0;
}
