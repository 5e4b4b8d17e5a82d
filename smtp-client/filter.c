#include "smtp-client/filter.h"

#include "base/log.h"
#include "base/mem.h"
#include "rewrite/map.h"
#include "smtp-client/wire.h"
#include "text/address.h"
#include "text/mime.h"

#include <stdlib.h>

#define FOLD_COLUMNS 69
#define ACTION_MAX   (64UL * 1024)
#define LOGGED_MAX   60 /* of a header or line that a check has matched */

/* Tables of the process. */
static struct {
    struct rewriter *rewriter;
    struct table_list *generic, *header[3], *body; /* header: by enum mime_part */
    bool extend;
} maps;

struct filter {
    struct delivery *d;
    struct client_session *s;
    struct mime *mime;
    bool stopped; /* the connection takes no more */
    bool failed;  /* a lookup */
    unsigned remarks;
};

void filter_open(struct conf *conf)
{
    maps.generic = table_list_open(smtp_conf.smtp_generic_maps, "smtp_generic_maps", TABLE_DEFAULT);
    maps.header[MIME_PRIMARY] =
        table_list_open(smtp_conf.smtp_header_checks, "smtp_header_checks", TABLE_FOLD);
    maps.header[MIME_MULTIPART] =
        table_list_open(smtp_conf.smtp_mime_header_checks, "smtp_mime_header_checks", TABLE_FOLD);
    maps.header[MIME_NESTED] = table_list_open(smtp_conf.smtp_nested_header_checks,
                                               "smtp_nested_header_checks", TABLE_FOLD);
    maps.body = table_list_open(smtp_conf.smtp_body_checks, "smtp_body_checks", TABLE_FOLD);
    maps.extend = str_has_word(smtp_conf.propagate_unmatched_extensions, STR("generic"));
    if (!table_list_is_empty(maps.generic))
        maps.rewriter = rewrite_open(conf, site_conf.rewrite_service_name);
}

bool filter_map_address(struct str *address, struct arena *a)
{
    return maps.rewriter == NULL || address->len == 0 ||
           rewrite_map_address(maps.rewriter, maps.generic, maps.extend, 1, address, a);
}

bool filter_may_convert(const struct delivery *d, const struct client_session *s)
{
    return !str_equal_nocase(d->request.encoding, STR("7bit")) &&
           !site_conf.disable_mime_output_conversion &&
           !(s->dialogue.offer.extensions & SMTP_EXT_8BITMIME);
}

static bool needs_conversion(const struct delivery *d, const struct client_session *s)
{
    return str_equal_nocase(d->request.encoding, STR("8bit")) && filter_may_convert(d, s);
}

bool filter_applies(const struct delivery *d, const struct client_session *s)
{
    return maps.rewriter || !table_list_is_empty(maps.header[MIME_PRIMARY]) ||
           !table_list_is_empty(maps.header[MIME_MULTIPART]) ||
           !table_list_is_empty(maps.header[MIME_NESTED]) || !table_list_is_empty(maps.body) ||
           needs_conversion(d, s);
}

static void put(struct filter *f, struct str piece, bool ends_line)
{
    if (!f->failed && !f->stopped && !session_write(f->s, piece, ends_line))
        f->stopped = true;
}

static void put_lines(struct filter *f, struct str text)
{
    while (text.len)
        put(f, str_cut(&text, '\n'), true);
}

/* ---- checks: the actions that make sense for mail that is leaving ---- */

enum check { CHECK_KEEP, CHECK_DROP, CHECK_REPLACE };

/* A message has room for millions of matches; the log hears of the first. */
static bool may_remark(struct filter *f)
{
    return log_may_remark(&f->remarks, f->d->request.queue_id);
}

static void log_check(struct filter *f, const char *action, const char *part, struct str text,
                      struct str note)
{
    log_info(STR_FMT ": %s: %s " STR_FMT "%s" STR_FMT, STR_ARG(f->d->request.queue_id), action,
             part, STR_ARG(str_sub(text, 0, LOGGED_MAX)), note.len ? ": " : "", STR_ARG(note));
}

static const struct check_action {
    const char *name, *logged; /* logged: NULL for silent actions */
    enum check result;
    bool needs_text; /* a line of its own, and a header line among headers */
} check_actions[] = {
    { "DUNNO", NULL, CHECK_KEEP, false },          { "OK", NULL, CHECK_KEEP, false },
    { "IGNORE", NULL, CHECK_DROP, false },         { "WARN", "warning", CHECK_KEEP, false },
    { "INFO", "info", CHECK_KEEP, false },         { "STRIP", "strip", CHECK_DROP, false },
    { "REPLACE", "replace", CHECK_REPLACE, true }, { "PREPEND", "prepend", CHECK_KEEP, true },
};

static const struct check_action *find_action(struct str name)
{
    for (size_t i = 0; i < ARRAY_LEN(check_actions); i++)
        if (str_equal_nocase(name, str_from(check_actions[i].name)))
            return &check_actions[i];
    return NULL;
}

/* False: the action's text is none, and the line stays as it is. */
static bool text_is_usable(struct filter *f, const struct check_action *action,
                           struct table_list *tables, struct str argument)
{
    bool is_header = tables != maps.body;
    struct str name, value;

    if (!action->needs_text ||
        (argument.len && (!is_header || header_split(argument, &name, &value))))
        return true;
    if (!may_remark(f))
        return false;
    if (argument.len == 0)
        log_warning("%s action without text in %s map", action->name, table_list_parameter(tables));
    else
        log_warning("bad %s header text \"" STR_FMT
                    "\" in %s map -- need \"headername: headervalue\"",
                    action->name, STR_ARG(argument), table_list_parameter(tables));
    return false;
}

static void keep_argument(struct buf *value, struct str argument)
{
    BUF_AUTO(copy, ACTION_MAX);

    buf_add(&copy, argument); /* it lies inside of the value */
    buf_clear(value);
    buf_add(value, buf_str(&copy));
}

/* With CHECK_REPLACE `value` holds the new text afterwards. */
static enum check take_action(struct filter *f, struct table_list *tables, const char *part,
                              struct str text, struct buf *value)
{
    struct str rest = str_trim(buf_str(value));
    size_t end = str_find_any(rest, " \t");
    struct str name = str_sub(rest, 0, end);
    struct str argument = end == STR_NOT_FOUND ? STR_NONE : str_trim(str_skip(rest, end));
    const struct check_action *action = find_action(name);

    if (action == NULL) {
        if (may_remark(f))
            log_warning("unsupported command in %s map: " STR_FMT, table_list_parameter(tables),
                        STR_ARG(rest));
        return CHECK_KEEP;
    }
    if (!text_is_usable(f, action, tables, argument))
        return CHECK_KEEP;
    if (action->logged && may_remark(f))
        log_check(f, action->logged, part, text, argument);
    if (action->result == CHECK_KEEP && action->needs_text)
        put_lines(f, argument);
    if (action->result == CHECK_REPLACE)
        keep_argument(value, argument);
    return action->result;
}

static enum check apply_checks(struct filter *f, struct table_list *tables, const char *part,
                               struct str text, struct buf *value)
{
    if (table_list_is_empty(tables))
        return CHECK_KEEP;
    enum table_result found = table_list_lookup(tables, text, value);
    f->failed |= found == TABLE_ERROR;
    return found == TABLE_FOUND ? take_action(f, tables, part, text, value) : CHECK_KEEP;
}

/* ---- generic maps in headers ---- */

static bool map_items(struct filter *f, struct address_list *list)
{
    bool changed = false;

    for (size_t i = 0; i < list->count && !list->truncated; i++) {
        struct address_item *item = &list->items[i];
        struct str address = item->address;
        if (item->kind != ADDRESS_MAILBOX || address.len == 0)
            continue;
        if (!filter_map_address(&address, &f->d->arena)) {
            f->failed = true;
            return false;
        }
        item->changed = !str_equal(address, item->address);
        item->address = address;
        changed |= item->changed;
    }
    return changed;
}

static void put_header(struct filter *f, const struct header_info *info, struct str header)
{
    struct address_list list;
    struct str name, value;
    BUF_AUTO(text, 0);
    BUF_AUTO(line, 0);

    if (maps.rewriter && info && (info->flags & HEADER_IS_ADDRESS) &&
        header_split(header, &name, &value)) {
        header_unfold(value, &text);
        address_list_parse(&f->d->arena, buf_str(&text),
                           (size_t)site_conf.header_address_token_limit, &list);
        if (map_items(f, &list)) {
            buf_join(&line, name, STR(": "));
            address_list_format(&list, line.len, FOLD_COLUMNS, &line);
            header = buf_str(&line);
        }
    }
    put_lines(f, header);
}

static void sink_header(void *context, enum mime_part part, const struct header_info *info,
                        struct str header)
{
    struct filter *f = context;
    BUF_AUTO(value, ACTION_MAX);

    switch (
        apply_checks(f, maps.header[mime_part_for_checks(part, info)], "header", header, &value)) {
    case CHECK_KEEP:
        put_header(f, part == MIME_PRIMARY ? info : NULL, header);
        break;
    case CHECK_REPLACE:
        put_header(f, info, buf_str(&value));
        break;
    case CHECK_DROP:
        break;
    }
}

static void sink_body(void *context, struct str piece, bool ends_line)
{
    struct filter *f = context;
    BUF_AUTO(value, ACTION_MAX);

    switch (apply_checks(f, maps.body, "body", piece, &value)) {
    case CHECK_KEEP:
        put(f, piece, ends_line);
        break;
    case CHECK_REPLACE:
        put(f, buf_str(&value), ends_line);
        break;
    case CHECK_DROP:
        break;
    }
}

static const struct mime_sink sink = { .header = sink_header, .body = sink_body };

struct filter *filter_new(struct delivery *d, struct client_session *s)
{
    struct filter *f = mem_alloc(sizeof *f);
    struct mime_options options = { .flags = needs_conversion(d, s) ? MIME_DOWNGRADE : 0,
                                    .header_limit = (size_t)site_conf.header_size_limit,
                                    .boundary_limit = (size_t)site_conf.mime_boundary_length_limit,
                                    .nesting_limit = (unsigned)site_conf.mime_nesting_limit };

    f->d = d;
    f->s = s;
    f->mime = mime_new(&options, &sink, f);
    return f;
}

void filter_free(struct filter *f)
{
    if (f == NULL)
        return;
    mime_free(f->mime);
    free(f);
}

bool filter_failed(const struct filter *f) { return f->failed; }

bool filter_piece(struct filter *f, struct str piece, bool ends_line)
{
    mime_line(f->mime, piece, ends_line);
    return !f->failed && !f->stopped;
}

bool filter_finish(struct filter *f)
{
    mime_finish(f->mime);
    return !f->failed && !f->stopped;
}
