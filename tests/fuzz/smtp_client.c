/* The client's dialogue and the reply parser: whatever a server says, in whatever pieces, the
 * driver sees the same, verdicts come for recipients that were asked about, and content goes only
 * where it was granted. */
#include "base/buf.h"
#include "smtp/client.h"

#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define RECIPIENTS 5

static void must(bool truth)
{
    if (!truth)
        abort();
}

struct driver {
    struct smtp_client c;
    struct buf log, sent;
    struct smtp_transaction t;
    bool asked[RECIPIENTS], accepted[RECIPIENTS];
    bool in_transaction, mail_ok;
    int rounds;
};

static struct smtp_rcpt recipient(void *context, size_t index)
{
    struct driver *d = context;

    must(index < RECIPIENTS && !d->asked[index]);
    d->asked[index] = true;
    return (struct smtp_rcpt){ .path = STR("a\r\nb@c"),
                               .orcpt = STR("rfc822;x"),
                               .notify = DSN_NOTIFY_NEVER };
}

static void check_answer(const struct smtp_answer *a)
{
    char made[8];
    struct smtp_answer again;

    enum smtp_class c = smtp_class_of(a->code);
    bool has_class = c == SMTP_YES || c == SMTP_LATER || c == SMTP_NEVER;

    must(a->code >= 0 && a->code <= 999 && dsn_status_is_valid(a->status));
    must(a->status.ptr[0] - '0' == (has_class ? (int)c : 5));
    must(a->text.len <= a->all.len && a->all.len <= SMTP_REPLY_MAX);
    must(smtp_answer_parse(a->all, made, &again) && again.code == a->code &&
         str_equal(again.message, a->message));
}

static void use_session(struct driver *d)
{
    must(!d->in_transaction);
    switch (d->rounds++) {
    case 0:
        smtp_client_auth(&d->c, STR("X"), STR(""));
        break;
    case 1:
    case 3:
        d->in_transaction = true;
        memset(d->asked, 0, sizeof d->asked);
        memset(d->accepted, 0, sizeof d->accepted);
        smtp_client_begin(&d->c, &d->t);
        break;
    case 2:
        smtp_client_rset(&d->c, true);
        break;
    default:
        smtp_client_quit(&d->c);
    }
}

static void on_verdict(struct driver *d, const struct smtp_client_event *ev)
{
    must(d->in_transaction);
    if (ev->kind == SMTP_CLIENT_MAIL)
        d->mail_ok = ev->answer.code < 300;
    if (ev->kind == SMTP_CLIENT_RCPT) {
        must(d->mail_ok && d->asked[ev->recipient]);
        d->accepted[ev->recipient] = ev->answer.code < 300;
    }
    if (ev->kind == SMTP_CLIENT_ACCEPTED)
        must(d->accepted[ev->recipient]);
}

static void on_send(struct driver *d)
{
    bool any = false;

    for (size_t i = 0; i < RECIPIENTS; i++)
        any |= d->accepted[i];
    must(any && d->mail_ok);
    for (int i = 0; i < 5; i++)
        if (smtp_client_write(&d->c, STR(".x\n."), i % 2))
            smtp_client_sent(&d->c);
    smtp_client_end(&d->c);
}

static bool on_event(struct driver *d, const struct smtp_client_event *ev)
{
    if (ev->answer.code)
        check_answer(&ev->answer);
    buf_addf(&d->log, "%d %d %d %zu ", ev->kind, ev->step, ev->answer.code, ev->recipient);
    buf_add(&d->log, ev->answer.text);
    switch (ev->kind) {
    case SMTP_CLIENT_CLOSE:
    case SMTP_CLIENT_BAD:
        return false;
    case SMTP_CLIENT_READY:
        use_session(d);
        break;
    case SMTP_CLIENT_REFUSED:
        smtp_client_quit(&d->c);
        break;
    case SMTP_CLIENT_AUTH:
        if (ev->answer.code == 334)
            smtp_client_auth_cancel(&d->c);
        break;
    case SMTP_CLIENT_MAIL:
    case SMTP_CLIENT_RCPT:
    case SMTP_CLIENT_DATA:
    case SMTP_CLIENT_ACCEPTED:
        on_verdict(d, ev);
        break;
    case SMTP_CLIENT_SEND:
        on_send(d);
        break;
    case SMTP_CLIENT_DONE:
        d->in_transaction = false;
        break;
    default:
        break;
    }
    return true;
}

static void talk(struct str server, size_t step, const struct smtp_client_options *options,
                 struct buf *log)
{
    struct driver d = { .t = { .sender = STR("s"),
                               .size = 3,
                               .recipients = RECIPIENTS,
                               .recipient = recipient,
                               .auth = true } };

    d.t.context = &d;
    d.t.forward = &(struct smtp_forward){ .name = STR("n") };
    smtp_client_init(&d.c, options);
    for (;;) {
        struct smtp_client_event ev = smtp_client_next(&d.c);
        if (ev.kind == SMTP_CLIENT_NEED_INPUT) {
            if (server.len == 0)
                break;
            buf_add(&d.sent, buf_str(&d.c.out));
            smtp_client_sent(&d.c);
            smtp_client_feed(&d.c, str_sub(server, 0, step));
            server = str_skip(server, step);
        } else if (!on_event(&d, &ev)) {
            break;
        }
    }
    buf_join(log, buf_str(&d.log), buf_str(&d.sent), buf_str(&d.c.out));
    smtp_client_fini(&d.c);
    buf_free(&d.log);
    buf_free(&d.sent);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    BUF_AUTO(whole, 0);
    BUF_AUTO(cut, 0);

    if (size < 3 || size > 1 << 15)
        return 0;
    struct smtp_client_options options = {
        .helo_name = STR("h"),
        .lmtp = data[0] & 1,
        .never_esmtp = data[0] & 2,
        .ehlo_if_announced = data[0] & 4,
        .reply_line_limit = 20 + data[0] / 8,
        .window = data[1] & 1 ? 0 : data[1],
        .line_limit = 7,
    };
    struct str server = { (const char *)data + 3, size - 3 };
    talk(server, server.len, &options, &whole);
    talk(server, 1 + data[2], &options, &cut);
    /* A small window makes what is sent depend on when replies come. */
    must(!(data[1] & 1) || str_equal(buf_str(&whole), buf_str(&cut)));
    return 0;
}
