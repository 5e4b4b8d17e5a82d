#include "table/source.h"

#include "base/base64.h"
#include "base/log.h"
#include "base/utf8.h"
#include "conf/logical_line.h"
#include "os/fd.h"
#include "table/alias_line.h"

#include <errno.h>
#include <fcntl.h>

void source_init(struct source *s, const struct source_options *options, struct str text)
{
    *s = (struct source){ .options = options, .rest = text };
}

void source_fini(struct source *s)
{
    arena_free(&s->arena);
    buf_free(&s->key);
    buf_free(&s->value);
}

static void complain(const struct source *s, unsigned line, const char *what)
{
    log_warning("%s, line %u: %s", s->options->name, line, what);
}

static void complain_about_bytes(const struct source *s, unsigned line, struct str text)
{
    BUF_AUTO(shown, 0);

    buf_add(&shown, text);
    for (size_t i = 0; i < shown.len; i++)
        if ((unsigned char)shown.ptr[i] > 127)
            shown.ptr[i] = '?';
    log_warning("%s, line %u: non-UTF-8 input \"" STR_FMT "\" -- ignoring this line",
                s->options->name, line, STR_ARG(buf_str(&shown)));
}

/* The next logical line that can be looked at. */
static bool next_line(struct source *s, struct str *text, unsigned *number)
{
    struct logical_reader reader = { .rest = s->rest, .line = s->lines, .arena = &s->arena };
    struct logical_line line;

    arena_reset(&s->arena);
    while (logical_line_next(&reader, &line)) {
        s->rest = reader.rest;
        s->lines = reader.line;
        *text = str_trim(line.text);
        *number = line.number;
        if (line.indented)
            complain(s, line.number,
                     "logical line must not start with whitespace -- ignoring this line");
        else if (str_has(*text, '\0'))
            complain(s, line.number, "NUL byte -- ignoring this line");
        else if (s->options->utf8 && !utf8_is_ascii(*text) && !utf8_is_valid(*text))
            complain_about_bytes(s, line.number, *text);
        else
            return true;
    }
    s->rest = STR_NONE;
    return false;
}

/* Length of the key: up to white space outside double quotes.  STR_NOT_FOUND: a quote is never
 * closed. */
static size_t key_length(struct str text)
{
    bool quoted = false;
    size_t i;

    for (i = 0; i < text.len && (quoted || !char_is_space(text.ptr[i])); i++) {
        if (text.ptr[i] == '"')
            quoted = !quoted;
        else if (text.ptr[i] == '\\' && i + 1 < text.len)
            i++;
    }
    return quoted ? STR_NOT_FOUND : i;
}

static bool split_line(const struct source *s, struct str text, struct source_entry *entry)
{
    size_t length = key_length(text);

    if (length == STR_NOT_FOUND) {
        log_warning("%s, line %u: unbalanced '\"' in '" STR_FMT "' -- ignoring this line",
                    s->options->name, entry->line, STR_ARG(text));
        return false;
    }
    entry->key = str_sub(text, 0, length);
    entry->value = str_trim(str_skip(text, length));
    if (entry->value.len == 0) {
        log_warning("%s, line %u: expected format: key whitespace value%s", s->options->name,
                    entry->line, s->options->says_ignored ? " -- ignoring this line" : "");
        return false;
    }
    if (entry->key.ptr[length - 1] == ':')
        complain(s, entry->line, "record is in \"key: value\" format; is this an alias file?");
    return true;
}

bool source_encode_files(struct str names, struct buf *out, struct buf *error)
{
    BUF_AUTO(content, 0);
    struct str name;

    while (str_token(&names, ", \t\r\n", &name)) {
        BUF_AUTO(path, 0);
        buf_add(&path, name);
        if (!fd_read_file(AT_FDCWD, buf_cstr(&path), &content)) {
            buf_join(error, STR("open "), name, STR(": "), str_from(strerror(errno)));
            return false;
        }
    }
    base64_encode(out, buf_str(&content));
    return true;
}

static bool encode_value(struct source *s, struct source_entry *entry)
{
    BUF_AUTO(error, 0);

    buf_clear(&s->value);
    if (!source_encode_files(entry->value, &s->value, &error)) {
        log_warning("%s, line %u: " STR_FMT ": skipping this entry", s->options->name, entry->line,
                    STR_ARG(buf_str(&error)));
        return false;
    }
    entry->value = buf_str(&s->value);
    return true;
}

bool source_next(struct source *s, struct source_entry *entry)
{
    struct str text;

    while (next_line(s, &text, &entry->line))
        if (split_line(s, text, entry) && (!s->options->files || encode_value(s, entry)))
            return true;
    return false;
}

bool source_next_alias(struct source *s, struct source_entry *entry)
{
    struct str text;

    while (next_line(s, &text, &entry->line)) {
        buf_clear(&s->key);
        buf_clear(&s->value);
        switch (alias_line_parse(text, &s->key, &s->value)) {
        case ALIAS_LINE_OK:
            entry->key = buf_str(&s->key);
            entry->value = buf_str(&s->value);
            return true;
        case ALIAS_LINE_NO_PAIR:
            complain(s, entry->line, "need name:value pair");
            break;
        case ALIAS_LINE_NOT_LOCAL:
            complain(s, entry->line, "name must be local");
            break;
        }
    }
    return false;
}
