#include "queue/bounce_log.h"

#include "base/number.h"

/* The lines of a block, in the order in which they are written. */
static const struct log_line {
    const char *name;
    enum ipc_type type;
    size_t offset;
    bool always; /* written even when empty or 0 */
} lines[] = {
    { "recipient", IPC_STR, offsetof(struct bounce_append, recipient), true },
    { "original_recipient", IPC_STR, offsetof(struct bounce_append, orig_rcpt), false },
    { "offset", IPC_LONG, offsetof(struct bounce_append, offset), false },
    { "dsn_orig_rcpt", IPC_STR, offsetof(struct bounce_append, dsn_orcpt), false },
    { "notify_flags", IPC_INT, offsetof(struct bounce_append, dsn_notify), false },
    { "status", IPC_STR, offsetof(struct bounce_append, status), true },
    { "action", IPC_STR, offsetof(struct bounce_append, action), true },
    { "diag_type", IPC_STR, offsetof(struct bounce_append, diag_type), false },
    { "diag_text", IPC_STR, offsetof(struct bounce_append, diag_text), false },
    { "mta_type", IPC_STR, offsetof(struct bounce_append, mta_type), false },
    { "mta_mname", IPC_STR, offsetof(struct bounce_append, mta_name), false },
    { "reason", IPC_STR, offsetof(struct bounce_append, reason), true },
};

static void put_line_text(struct buf *out, struct str text)
{
    size_t at = out->len;

    buf_add(out, str_sub(text, 0, BOUNCE_LOG_VALUE_MAX));
    for (size_t i = at; i < out->len; i++)
        if (out->ptr[i] == '\n' || out->ptr[i] == '\r' || out->ptr[i] == '\0')
            out->ptr[i] = ' ';
}

static void put_address(struct buf *out, struct str address)
{
    put_line_text(out, address.len ? address : STR("<>"));
}

static int64_t number_of(const struct log_line *line, const void *field)
{
    return line->type == IPC_LONG ? *(const int64_t *)field : *(const int *)field;
}

static void put_field(struct buf *out, const struct log_line *line,
                      const struct bounce_append *entry)
{
    const void *field = (const char *)entry + line->offset;

    if (line->type == IPC_STR) {
        struct str text = *(const struct str *)field;
        if (text.len == 0 && !line->always)
            return;
        buf_join(out, str_from(line->name), STR("="));
        if (line->offset == offsetof(struct bounce_append, recipient))
            put_address(out, text);
        else
            put_line_text(out, text);
    } else {
        if (number_of(line, field) <= 0)
            return;
        buf_join(out, str_from(line->name), STR("="));
        buf_add_int(out, number_of(line, field));
    }
    buf_addc(out, '\n');
}

void bounce_log_format(struct buf *out, const struct bounce_append *entry, bool old_style)
{
    buf_addc(out, '\n');
    if (old_style) {
        buf_addc(out, '<');
        put_line_text(out, entry->recipient);
        buf_add(out, STR(">: "));
        put_line_text(out, entry->reason);
        buf_addc(out, '\n');
    }
    for (size_t i = 0; i < ARRAY_LEN(lines); i++)
        if (lines[i].offset != offsetof(struct bounce_append, orig_rcpt) ||
            !str_equal(entry->orig_rcpt, entry->recipient))
            put_field(out, &lines[i], entry);
    buf_addc(out, '\n');
}

/* Reasons that end in the output of a command end in its last line break. */
static struct str trim_end(struct str s)
{
    while (s.len && char_is_space(s.ptr[s.len - 1]))
        s.len--;
    return s;
}

static void take_field(const struct log_line *line, struct str value, struct bounce_append *entry)
{
    char *field = (char *)entry + line->offset;
    int64_t number;

    if (line->type == IPC_STR)
        *(struct str *)(void *)field =
            line->offset == offsetof(struct bounce_append, reason) ? trim_end(value) : value;
    else if (!number_parse_range(value, 0, line->type == IPC_INT ? INT32_MAX : INT64_MAX, &number))
        return;
    else if (line->type == IPC_LONG)
        *(int64_t *)(void *)field = number;
    else
        *(int *)(void *)field = (int)number;
}

/* `name=value`; false for a line that is something else.  Unknown names are newer than us. */
static bool take_named_line(struct str line, struct bounce_append *entry)
{
    struct str value = line;
    struct str name = str_cut(&value, '=');

    if (name.len == line.len)
        return false;
    for (size_t i = 0; i < name.len; i++)
        if (!char_is_alnum(name.ptr[i]) && name.ptr[i] != '_')
            return false;
    for (size_t i = 0; i < ARRAY_LEN(lines); i++)
        if (str_equal(name, str_from(lines[i].name)))
            take_field(&lines[i], value, entry);
    return true;
}

/* `<address>: reason`, all that the oldest logs have. */
static bool take_old_line(struct str line, struct str *address, struct str *reason)
{
    size_t end = str_find_str(line, STR(">: "));

    if (line.len == 0 || line.ptr[0] != '<' || end == STR_NOT_FOUND)
        return false;
    *address = str_sub(line, 1, end);
    *reason = trim_end(str_skip(line, end + 3));
    return true;
}

static bool take_block(struct str *text, struct bounce_append *entry)
{
    struct str old_address = STR_NONE, old_reason = STR_NONE;
    bool old = false;

    *entry = (struct bounce_append){ 0 };
    while (text->len) {
        struct str line = str_cut(text, '\n');
        if (line.len == 0)
            break;
        if (!old && take_old_line(line, &old_address, &old_reason))
            old = true;
        else
            (void)take_named_line(line, entry);
    }
    if (entry->recipient.ptr == NULL && old) {
        entry->recipient = old_address;
        entry->reason = old_reason;
    }
    if (entry->reason.len == 0)
        entry->reason = STR("(description unavailable)");
    return entry->recipient.ptr != NULL;
}

bool bounce_log_take(struct str *text, struct bounce_append *entry)
{
    while (text->len)
        if (take_block(text, entry)) {
            if (str_equal(entry->recipient, STR("<>")))
                entry->recipient.len = 0;
            return true;
        }
    return false;
}
