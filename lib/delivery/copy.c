#include "delivery/copy.h"

#include "os/fd.h"
#include "text/address.h"
#include "text/date.h"
#include "text/header.h"

#include <errno.h>
#include <time.h>

#define WRITE_AT (64UL * 1024)

void copier_init(struct copier *c, const struct copy_plan *plan)
{
    *c = (struct copier){ .plan = plan, .out = BUF_INIT(0), .at_line_start = true };
}

static void end_line(struct copier *c)
{
    if (c->plan->eol.len)
        buf_add(&c->out, c->plan->eol);
    else
        buf_addc(&c->out, '\n');
}

static void separator(struct copier *c)
{
    struct tm local;

    localtime_r(&c->plan->now, &local);
    buf_add(&c->out, STR("From "));
    if (c->plan->sender.len)
        address_quote(c->plan->sender, &c->out);
    else
        buf_add(&c->out, STR("MAILER-DAEMON"));
    buf_add(&c->out, STR("  "));
    date_format_ctime(&local, &c->out);
    end_line(c);
}

static void address_header(struct copier *c, const char *name, struct str address,
                           const char *after)
{
    buf_add_cstr(&c->out, name);
    address_quote(address, &c->out);
    buf_add_cstr(&c->out, after);
    end_line(c);
}

void copier_head(struct copier *c)
{
    const struct copy_plan *p = c->plan;

    if (p->flags & COPY_FROM_LINE)
        separator(c);
    if (p->flags & COPY_RETURN_PATH)
        address_header(c, "Return-Path: <", p->sender, ">");
    if ((p->flags & COPY_ORIG_TO) && p->orig_to.len)
        address_header(c, "X-Original-To: ", p->orig_to, "");
    if (p->flags & COPY_DELIVERED_TO)
        address_header(c, "Delivered-To: ", p->delivered_to, "");
}

void copier_text(struct copier *c, struct str piece, bool ends_line)
{
    if (c->at_line_start && piece.len) {
        if (piece.ptr[0] == 'F' && (c->plan->flags & COPY_QUOTE_FROM) &&
            str_starts(piece, STR("From ")))
            buf_addc(&c->out, '>');
        else if (piece.ptr[0] == '.' && (c->plan->flags & COPY_DOT_STUFF))
            buf_addc(&c->out, '.');
    }
    buf_add(&c->out, piece);
    if (ends_line)
        end_line(c);
    c->at_line_start = ends_line;
}

void copier_end(struct copier *c)
{
    if (!c->at_line_start)
        end_line(c);
    if (c->plan->flags & COPY_BLANK_END)
        end_line(c);
}

static bool write_bytes(const struct copier *c, int fd, struct str bytes, int64_t *written)
{
    int64_t after = *written + (int64_t)bytes.len;

    if (c->plan->max_bytes && after > c->plan->max_bytes) {
        errno = EFBIG;
        return false;
    }
    if (!fd_write_until(fd, bytes, c->plan->until))
        return false;
    *written = after;
    return true;
}

static bool write_out(struct copier *c, int fd, int64_t *written)
{
    bool ok = write_bytes(c, fd, buf_str(&c->out), written);

    buf_clear(&c->out);
    return ok;
}

/* To the descriptor as it comes, or (-1) all of it into `c->out`. */
static enum copy_result copy_body(struct copier *c, struct delivery *d, int fd, int64_t *written)
{
    struct queue_file *f = delivery_content(d);
    struct record rec;

    for (;;) {
        if (queue_file_read(f, &rec) != QUEUE_READ_RECORD)
            return COPY_CORRUPT;
        if (rec.type == REC_EXTRACTED)
            break;
        if (rec.type != REC_TEXT && rec.type != REC_TEXT_PART)
            return COPY_CORRUPT;
        copier_text(c, rec.payload, rec.type == REC_TEXT);
        if (fd >= 0 && c->out.len >= WRITE_AT && !write_out(c, fd, written))
            return COPY_WRITE;
    }
    copier_end(c);
    return COPY_OK;
}

static bool is_same_body(const struct copy_body *body, const struct copy_plan *plan)
{
    return body->flags == (plan->flags & COPY_BODY_FLAGS) && str_equal(body->eol, plan->eol);
}

/* The body as an earlier copy of this kind had it.  NULL: take it from the queue file. */
static const struct copy_body *kept_body(struct delivery *d, const struct copy_plan *plan)
{
    struct copy_body *body = d->bodies;

    while (body < d->bodies + ARRAY_LEN(d->bodies) && body->copies && !is_same_body(body, plan))
        body++;
    if (body == d->bodies + ARRAY_LEN(d->bodies) || d->request.data_size > COPY_KEEP_MAX)
        return NULL;
    body->flags = plan->flags & COPY_BODY_FLAGS;
    body->eol = plan->eol;
    if (body->copies++ == 0)
        return NULL;
    if (body->text.len == 0) {
        struct copier c;
        copier_init(&c, plan);
        if (copy_body(&c, d, -1, NULL) == COPY_OK)
            body->text = c.out;
        else
            buf_free(&c.out);
    }
    return body->text.len ? body : NULL;
}

void copy_forget(struct delivery *d)
{
    for (size_t i = 0; i < ARRAY_LEN(d->bodies); i++) {
        buf_free(&d->bodies[i].text);
        d->bodies[i] = (struct copy_body){ 0 };
    }
}

/* Behind the head; a small one joins it in one write. */
static enum copy_result copy_kept(struct copier *c, const struct copy_body *body, int fd,
                                  int64_t *written)
{
    if (body->text.len < WRITE_AT) {
        buf_add(&c->out, buf_str(&body->text));
        return COPY_OK;
    }
    return write_out(c, fd, written) && write_bytes(c, fd, buf_str(&body->text), written)
               ? COPY_OK
               : COPY_WRITE;
}

enum copy_result copy_message(struct delivery *d, const struct copy_plan *plan, int fd)
{
    const struct copy_body *kept = kept_body(d, plan);
    int64_t written = 0;
    struct copier c;

    copier_init(&c, plan);
    (void)buf_reserve(&c.out, MIN((size_t)MAX(d->request.data_size, 0) + 1024, WRITE_AT + 4096));
    copier_head(&c);
    enum copy_result result =
        kept ? copy_kept(&c, kept, fd, &written) : copy_body(&c, d, fd, &written);
    if (result == COPY_OK && !write_out(&c, fd, &written))
        result = COPY_WRITE;
    int error = errno;
    buf_free(&c.out);
    errno = error;
    return result;
}
