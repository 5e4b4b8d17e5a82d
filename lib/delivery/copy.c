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

static bool write_out(struct copier *c, int fd, int64_t *written)
{
    int64_t after = *written + (int64_t)c->out.len;

    if (c->plan->max_bytes && after > c->plan->max_bytes) {
        errno = EFBIG;
        return false;
    }
    if (!fd_write_until(fd, buf_str(&c->out), c->plan->until))
        return false;
    *written = after;
    buf_clear(&c->out);
    return true;
}

static enum copy_result copy_body(struct copier *c, struct delivery *d, int fd, int64_t *written)
{
    struct queue_file *f = delivery_content(d);
    struct record rec;

    for (;;) {
        if (queue_file_read(f, &rec) != QUEUE_READ_RECORD)
            return COPY_CORRUPT;
        if (rec.type == REC_EXTRACTED)
            return COPY_OK;
        if (rec.type != REC_TEXT && rec.type != REC_TEXT_PART)
            return COPY_CORRUPT;
        copier_text(c, rec.payload, rec.type == REC_TEXT);
        if (c->out.len >= WRITE_AT && !write_out(c, fd, written))
            return COPY_WRITE;
    }
}

enum copy_result copy_message(struct delivery *d, const struct copy_plan *plan, int fd)
{
    struct copier c;
    int64_t written = 0;

    copier_init(&c, plan);
    (void)buf_reserve(&c.out, MIN((size_t)MAX(d->request.data_size, 0) + 1024, WRITE_AT + 4096));
    copier_head(&c);
    enum copy_result result = copy_body(&c, d, fd, &written);
    if (result == COPY_OK) {
        copier_end(&c);
        if (!write_out(&c, fd, &written))
            result = COPY_WRITE;
    }
    int error = errno;
    buf_free(&c.out);
    errno = error;
    return result;
}

static bool names_address(struct str line, struct str address)
{
    BUF_AUTO(internal, 4096);

    if (!str_skip_prefix_nocase(&line, STR("Delivered-To")))
        return false;
    line = str_trim(line);
    if (line.len == 0 || line.ptr[0] != ':')
        return false;
    line = str_trim(str_skip(line, 1));
    return str_equal_nocase(line, address) ||
           (address_unquote(line, &internal) && str_equal_nocase(buf_str(&internal), address));
}

bool copy_is_looping(struct delivery *d, struct str address)
{
    struct queue_file *f = delivery_content(d);
    bool at_line_start = true;
    struct record rec;

    while (queue_file_read(f, &rec) == QUEUE_READ_RECORD &&
           (rec.type == REC_TEXT || rec.type == REC_TEXT_PART)) {
        if (at_line_start && rec.payload.len == 0)
            return false;
        if (at_line_start && (rec.payload.ptr[0] | 0x20) == 'd' &&
            names_address(rec.payload, address))
            return true;
        if (at_line_start && !header_is_continuation(rec.payload) && !header_is_line(rec.payload))
            return false;
        at_line_start = rec.type == REC_TEXT;
    }
    return false;
}
