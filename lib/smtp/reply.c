#include "smtp/reply.h"

#include "text/dsn.h"

static int three_digits(struct str s)
{
    int code = 0;

    if (s.len < 3)
        return 0;
    for (size_t i = 0; i < 3; i++) {
        if (!char_is_digit(s.ptr[i]))
            return 0;
        code = code * 10 + (s.ptr[i] - '0');
    }
    return code;
}

/* ---- ours ---- */

void smtp_reply_format(struct smtp_reply reply, struct buf *out)
{
    bool more;

    do {
        more = str_has(reply.text, '\n');
        struct str line = str_cut(&reply.text, '\n');
        buf_add_int(out, reply.code);
        buf_addc(out, more ? '-' : ' ');
        buf_add_printable(out, line);
        buf_add(out, STR("\r\n"));
    } while (more);
}

bool smtp_reply_split(struct str whole, struct smtp_reply *reply)
{
    int code = three_digits(whole);

    if (code < 200 || code > 599 || (whole.len > 3 && whole.ptr[3] != ' '))
        return false;
    *reply = (struct smtp_reply){ code, str_skip(whole, 4) };
    return true;
}

/* ---- a server's ---- */

void smtp_reply_reader_init(struct smtp_reply_reader *r, size_t line_limit)
{
    *r = (struct smtp_reply_reader){ .line_limit = MAX(line_limit, 4),
                                     .text = BUF_INIT(SMTP_REPLY_MAX) };
}

void smtp_reply_reader_fini(struct smtp_reply_reader *r) { buf_free(&r->text); }

/* Code of a line that is part of a reply, 0 for anything else. `last`: no hyphen. */
static int line_code(struct str line, bool *last)
{
    int code = three_digits(line);

    *last = line.len == 3 || (line.len > 3 && line.ptr[3] != '-');
    if (line.len > 3 && line.ptr[3] != ' ' && line.ptr[3] != '-')
        return 0;
    return code >= 200 && code <= 599 ? code : 0;
}

static void make_status(int code, char made[8])
{
    made[0] = (char)('0' + code / 100);
    memcpy(made + 1, ".0.0", 5);
}

/* A 3yz reply has no status class of its own. */
static bool status_fits(struct str status, int code) { return status.ptr[0] - '0' == code / 100; }

/* The last line decides; servers repeat the status in each. */
static void describe(struct str text, char made[8], struct smtp_answer *answer)
{
    struct str last = text;
    size_t lf = str_rfind(text, '\n');
    bool ends;

    if (lf != STR_NOT_FOUND)
        last = str_skip(text, lf + 1);
    int code = line_code(last, &ends);
    struct dsn_split split = dsn_status_split(str_skip(last, 4), STR_NONE);
    make_status(code, made);
    answer->has_status = split.status.len && status_fits(split.status, code);
    answer->code = code;
    answer->text = text;
    answer->status = answer->has_status ? split.status : (struct str){ made, 5 };
    answer->message = answer->has_status ? split.text : str_skip(last, 4);
}

bool smtp_answer_parse(struct str text, char made[8], struct smtp_answer *answer)
{
    struct str last = text;
    size_t lf = str_rfind(text, '\n');
    bool ends;

    if (lf != STR_NOT_FOUND)
        last = str_skip(text, lf + 1);
    if (line_code(last, &ends) == 0 || !ends)
        return false;
    describe(text, made, answer);
    return true;
}

/* One line without its end; true if it ends the reply. */
static bool add_line(struct smtp_reply_reader *r, struct str line)
{
    BUF_AUTO(changed, SMTP_REPLY_MAX);
    bool last;

    if (r->filter && r->filter(r->filter_context, line, &changed))
        line = buf_str(&changed);
    if (r->text.len)
        buf_addc(&r->text, '\n');
    size_t start = r->text.len;
    buf_add(&r->text, line);
    for (size_t i = start; i < r->text.len; i++)
        if (r->text.ptr[i] == '\n' || r->text.ptr[i] == '\0')
            r->text.ptr[i] = ' ';
    return line_code(str_skip(buf_str(&r->text), start), &last) && last;
}

static struct str cut_line(const struct smtp_reply_reader *r, struct str line)
{
    line = str_sub(line, 0, r->line_limit);
    while (line.len && line.ptr[line.len - 1] == '\r')
        line.len--;
    return line;
}

/* The next line that is complete, cut at the limit. */
static bool take_line(struct smtp_reply_reader *r, struct str *in, struct str *line)
{
    size_t lf = str_find(*in, '\n');

    if (lf == STR_NOT_FOUND)
        return false;
    *line = str_sub(*in, 0, lf);
    *in = str_skip(*in, lf + 1);
    *line = cut_line(r, *line);
    return true;
}

enum smtp_reply_result smtp_reply_read(struct smtp_reply_reader *r, struct str *in,
                                       struct smtp_answer *answer)
{
    struct str line;

    if (r->complete) {
        buf_clear(&r->text);
        r->complete = false;
    }
    for (;;) {
        bool was_skipping = r->skipping;
        if (take_line(r, in, &line)) {
            r->skipping = false;
        } else if (in->len >= r->line_limit + 2 || (was_skipping && in->len)) {
            /* A line that is longer than we keep: what is kept is complete, the rest goes by. */
            line = cut_line(r, *in);
            *in = STR("");
            r->skipping = true;
        } else {
            return SMTP_REPLY_MORE;
        }
        if (was_skipping)
            continue;
        if (r->text.len + r->line_limit + 2 > SMTP_REPLY_MAX)
            return SMTP_REPLY_BAD;
        r->complete = add_line(r, line);
        if (r->complete) {
            describe(buf_str(&r->text), r->status_made, answer);
            return SMTP_REPLY_OK;
        }
    }
}
