#include "tools/postcat/dump.h"

#include "base/number.h"

#include <time.h>

#define FLUSH_AT  (64UL * 1024)
#define TIME_ROOM 64

enum part { PART_ENVELOPE, PART_HEADER, PART_BODY, PART_EXTRACTED, PART_END };

struct dump {
    struct queue_file *file;
    const char *name;
    const struct dump_options *o;
    struct buf *out;
    enum part part;
    bool continued;  /* the line before goes on */
    bool unfinished; /* content whose last piece had no line end */
};

/* ---- pieces of lines ---- */

static void put_prefix(struct dump *d, const struct record *rec)
{
    if (d->o->file_names)
        buf_join(d->out, str_from(d->name), STR(": "));
    if (d->o->offsets)
        buf_addf(d->out, "%9lld ", (long long)d->file->record_at);
    if (d->o->types)
        buf_addf(d->out, "%3d ", (unsigned char)rec->type);
}

static void put_banner(struct dump *d, const struct record *rec, const char *text)
{
    if (!d->o->envelope)
        return;
    if (rec)
        put_prefix(d, rec);
    else if (d->o->file_names)
        buf_join(d->out, str_from(d->name), STR(": "));
    buf_join(d->out, STR("*** "), str_from(text), STR(" "), str_from(d->name), STR(" ***\n"));
}

static void put_time(struct dump *d, struct str text)
{
    char formatted[TIME_ROOM];
    int64_t seconds;
    struct tm tm;
    time_t when;

    if (!number_parse(str_trim(str_cut(&text, ' ')), &seconds))
        return;
    when = (time_t)seconds;
    if (localtime_r(&when, &tm) &&
        strftime(formatted, sizeof formatted, "%a %b %e %H:%M:%S %Y", &tm))
        buf_add_cstr(d->out, formatted);
}

static void put_name(struct dump *d, const char *name)
{
    buf_join(d->out, str_from(name ? name : "unknown_record_type"), STR(": "));
}

/* ---- envelope and extracted records ---- */

static void put_named(struct dump *d, const struct record *rec)
{
    struct str name, value;

    put_prefix(d, rec);
    if (rec->type == REC_ATTR && record_split_attr(rec->payload, &name, &value) &&
        str_equal(name, STR("create_time"))) {
        buf_add_cstr(d->out, "create_time: ");
        put_time(d, value);
    } else if (rec->type == REC_TIME || rec->type == REC_CREATE) {
        put_name(d, record_name(rec->type, false));
        put_time(d, rec->payload);
    } else {
        put_name(d, record_name(rec->type, false));
        buf_add(d->out, rec->payload);
    }
    buf_addc(d->out, '\n');
}

/* The warning time is a number of seconds; 0 means that the warning was sent. */
static void put_warning_time(struct dump *d, const struct record *rec)
{
    int64_t seconds;

    put_prefix(d, rec);
    put_name(d, record_name(rec->type, false));
    if (number_parse(str_trim(rec->payload), &seconds) && seconds == 0)
        buf_add_cstr(d->out, "0");
    else
        put_time(d, str_trim(rec->payload));
    buf_addc(d->out, '\n');
}

/* ---- content ---- */

static bool is_hidden(const struct dump *d)
{
    return d->part == PART_HEADER ? !d->o->header : d->part == PART_BODY && !d->o->body;
}

/* Each record has a line of its own, and pieces of long lines are not joined. */
static bool shows_records(const struct dump *d)
{
    return d->o->verbose || d->o->offsets || d->o->types;
}

static void put_content(struct dump *d, const struct record *rec)
{
    if (!d->continued || shows_records(d))
        put_prefix(d, rec);
    if (d->o->verbose)
        put_name(d, record_name(rec->type, true));
    buf_add(d->out, rec->payload);
    if (rec->type == REC_TEXT || shows_records(d))
        buf_addc(d->out, '\n');
}

/* The first line that is no header and continues none begins the body. */
static bool ends_header(const struct dump *d, const struct record *rec)
{
    if (d->part != PART_HEADER || d->continued)
        return false;
    if (rec->payload.len && char_is_space(rec->payload.ptr[0]))
        return false;
    size_t colon = str_find(rec->payload, ':');
    if (colon == STR_NOT_FOUND || colon == 0)
        return true;
    for (size_t i = 0; i < colon; i++)
        if (rec->payload.ptr[i] <= ' ' || rec->payload.ptr[i] == 127)
            return !char_is_space(rec->payload.ptr[i]);
    return false;
}

static void take_content(struct dump *d, const struct record *rec)
{
    if (ends_header(d, rec))
        d->part = PART_BODY;
    if (!is_hidden(d))
        put_content(d, rec);
    d->continued = rec->type == REC_TEXT_PART;
    d->unfinished = d->continued && !is_hidden(d) && !shows_records(d);
}

/* ---- one record ---- */

static bool is_part_mark(const struct dump *d, const struct record *rec)
{
    return rec->type == REC_END || (rec->type == REC_MESSAGE && d->part == PART_ENVELOPE) ||
           (rec->type == REC_EXTRACTED && d->part != PART_EXTRACTED);
}

static void take_mark(struct dump *d, const struct record *rec)
{
    if (d->unfinished && d->o->envelope)
        buf_addc(d->out, '\n');
    d->continued = d->unfinished = false;
    if (rec->type == REC_MESSAGE) {
        put_banner(d, rec, "MESSAGE CONTENTS");
        d->part = PART_HEADER;
    } else if (rec->type == REC_EXTRACTED) {
        put_banner(d, rec, "HEADER EXTRACTED");
        d->part = PART_EXTRACTED;
    } else {
        put_banner(d, rec, "MESSAGE FILE END");
        d->part = PART_END;
    }
}

static void take_record(struct dump *d, const struct record *rec)
{
    bool in_content = d->part == PART_HEADER || d->part == PART_BODY;

    if (rec->type == REC_POINTER || rec->type == REC_PADDING) {
        if (d->o->verbose && !is_hidden(d) && (in_content || d->o->envelope))
            put_named(d, rec);
    } else if (is_part_mark(d, rec)) {
        take_mark(d, rec);
    } else if (in_content && (rec->type == REC_TEXT || rec->type == REC_TEXT_PART)) {
        take_content(d, rec);
    } else if (d->o->envelope) {
        if (rec->type == REC_WARN)
            put_warning_time(d, rec);
        else
            put_named(d, rec);
    }
}

/* ---- the walk ---- */

static bool jump(struct queue_file *f, const struct record *rec)
{
    int64_t target;

    if (!number_parse_range(str_trim(rec->payload), 0, f->size, &target))
        return false;
    if (target > 0)
        f->next = target;
    return true;
}

bool dump_file(struct queue_file *f, const char *name, const struct dump_options *o,
               struct buf *out, void (*flush)(struct buf *out), struct buf *why)
{
    struct dump d = { .file = f, .name = name, .o = o, .out = out };
    struct record rec;
    enum queue_read result;

    f->follow = false; /* pointers are shown */
    put_banner(&d, NULL, "ENVELOPE RECORDS");
    while ((result = queue_file_read(f, &rec)) == QUEUE_READ_RECORD) {
        take_record(&d, &rec);
        if (out->len >= FLUSH_AT)
            flush(out);
        if (d.part == PART_END && !o->raw)
            return true;
        if (rec.type == REC_POINTER && !o->raw && !jump(f, &rec)) {
            buf_add_cstr(why, "bad pointer record");
            return false;
        }
    }
    if (d.part == PART_END)
        return true;
    buf_add_cstr(why, result == QUEUE_READ_END ? "unexpected EOF in data, no end record"
                                               : "unexpected EOF in data, or a damaged record");
    return false;
}
