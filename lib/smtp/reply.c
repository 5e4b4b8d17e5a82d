#include "smtp/reply.h"

#include "base/utf8.h"
#include "text/dsn.h"

/* Bytes of one reply, with those that are not kept, after which the server is taken for mad. */
#define PATIENCE (1024UL * 1024)

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
        size_t at = out->len;
        buf_add(out, line);
        if (out->len > at)
            utf8_mask_controls(out->ptr + at, out->len - at);
        buf_add(out, STR("\r\n"));
    } while (more);
}

struct smtp_reply smtp_reply_soften(struct smtp_reply reply, struct arena *a)
{
    if (reply.code < 500)
        return reply;
    reply.code -= 100;
    if (dsn_status_length(reply.text) && reply.text.ptr[0] == '5') {
        char *text = arena_cstr(a, reply.text);
        text[0] = '4';
        reply.text = (struct str){ text, reply.text.len };
    }
    return reply;
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

enum smtp_class smtp_class_of(int code)
{
    return code >= 200 && code <= 599 ? (enum smtp_class)(code / 100) : SMTP_NONSENSE;
}

/* Code of a line that is part of a reply, 0 for anything else. `last`: no hyphen. */
static int line_code(struct str line, bool *last)
{
    *last = line.len == 3 || (line.len > 3 && line.ptr[3] != '-');
    if (line.len > 3 && line.ptr[3] != ' ' && line.ptr[3] != '-')
        return 0;
    return three_digits(line);
}

static bool has_status_class(int code)
{
    enum smtp_class c = smtp_class_of(code);

    return c == SMTP_YES || c == SMTP_LATER || c == SMTP_NEVER;
}

static void make_status(int code, char made[8])
{
    memcpy(made, "5.5.0", 6);
    if (has_status_class(code)) {
        made[0] = (char)('0' + code / 100);
        made[2] = '0';
    }
}

static bool status_fits(struct str status, int code)
{
    return has_status_class(code) && status.ptr[0] - '0' == code / 100;
}

/* The lines up to the one that passes the limit. */
static struct str within_limit(struct str text, size_t limit)
{
    if (text.len < limit)
        return text;
    size_t rest = str_find(str_skip(text, limit), '\n');
    return rest == STR_NOT_FOUND ? text : str_sub(text, 0, limit + rest);
}

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
    answer->all = answer->text = text;
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

static void note(const struct smtp_reply_reader *r, enum smtp_note what, struct str text)
{
    if (r->note)
        r->note(r->context, what, text);
}

static void note_line(const struct smtp_reply_reader *r, struct str line, int code, size_t before)
{
    note(r, SMTP_NOTE_HEARD, line);
    if (code == 0)
        note(r, SMTP_NOTE_NO_REPLY, line);
    if (before < r->line_limit && r->text.len >= r->line_limit && before > 0)
        note(r, SMTP_NOTE_LONG_REPLY, buf_str(&r->text));
}

/* One line without its end; true if it ends the reply. */
static bool add_line(struct smtp_reply_reader *r, struct str line)
{
    BUF_AUTO(clean, SMTP_REPLY_MAX);
    BUF_AUTO(changed, SMTP_REPLY_MAX);
    size_t before = r->text.len;
    bool last;

    buf_add_printable(&clean, line);
    line = buf_str(&clean);
    if (r->filter && r->filter(r->context, line, &changed)) {
        buf_clear(&clean);
        buf_add_printable(&clean, buf_str(&changed));
        line = buf_str(&clean);
    }
    if (before)
        buf_addc(&r->text, '\n');
    buf_add(&r->text, line);
    int code = line_code(line, &last);
    note_line(r, line, code, before);
    return code && last;
}

static struct str without_cr(struct str line)
{
    while (line.len && line.ptr[line.len - 1] == '\r')
        line.len--;
    return line;
}

static struct str cut_line(const struct smtp_reply_reader *r, struct str line)
{
    line = without_cr(line);
    if (line.len <= r->line_limit)
        return line;
    line = without_cr(str_sub(line, 0, r->line_limit));
    note(r, SMTP_NOTE_LONG_LINE, line);
    return line;
}

/* Take what there is of the next line: all of it, or more of it than is kept. */
static bool take_line(struct smtp_reply_reader *r, struct str *in, struct str *line)
{
    size_t lf = str_find(*in, '\n');
    bool ends = lf != STR_NOT_FOUND;

    if (!ends && in->len < r->line_limit + 2 && !(r->skipping && in->len))
        return false;
    *line = str_sub(*in, 0, ends ? lf : in->len);
    *in = str_skip(*in, line->len + ends);
    r->passed += line->len + ends;
    r->skipping = !ends;
    return true;
}

enum smtp_reply_result smtp_reply_read(struct smtp_reply_reader *r, struct str *in,
                                       struct smtp_answer *answer)
{
    struct str line;

    if (r->complete) {
        buf_clear(&r->text);
        r->complete = false;
        r->passed = 0;
    }
    for (;;) {
        bool was_skipping = r->skipping;
        if (!take_line(r, in, &line))
            return SMTP_REPLY_MORE;
        if (r->passed > PATIENCE || r->text.len + r->line_limit + 2 > SMTP_REPLY_MAX)
            return SMTP_REPLY_BAD;
        if (was_skipping)
            continue;
        r->complete = add_line(r, cut_line(r, line));
        if (r->complete) {
            describe(buf_str(&r->text), r->status_made, answer);
            answer->text = within_limit(answer->all, r->line_limit);
            return SMTP_REPLY_OK;
        }
    }
}
