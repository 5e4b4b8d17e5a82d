#include "text/header.h"

#include "base/utf8.h"

static const struct header_info headers[] = {
    { HEADER_OTHER, STR(""), 0 },
#define HEADER(id, name, flags) { HEADER_##id, STR(name), flags },
#include "text/header.def"
#undef HEADER
};

/* The table is sorted by name, as header.def is. */
const struct header_info *header_find(struct str name)
{
    size_t low = 1, high = ARRAY_LEN(headers);

    while (low < high) {
        size_t middle = (low + high) / 2;
        int order = str_compare_nocase(name, headers[middle].name);
        if (order == 0)
            return &headers[middle];
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return NULL;
}

const struct header_info *header_by_id(enum header_id id) { return &headers[id]; }

/* RFC 5322 ftext, and 8-bit bytes (RFC 6532 does not allow them here, mail in the wild has them).
 */
static bool is_name_byte(char c) { return (unsigned char)c > ' ' && c != 0x7f && c != ':'; }

size_t header_name_length(struct str line)
{
    size_t n = 0;

    while (n < line.len && is_name_byte(line.ptr[n]))
        n++;
    size_t colon = n;
    while (colon < line.len && (line.ptr[colon] == ' ' || line.ptr[colon] == '\t'))
        colon++;
    return n > 0 && colon < line.len && line.ptr[colon] == ':' ? n : 0;
}

bool header_is_mailbox_line(struct str line)
{
    while (str_skip_prefix(&line, STR(">")))
        continue;
    return str_starts(line, STR("From "));
}

bool header_split(struct str header, struct str *name, struct str *value)
{
    size_t n = header_name_length(header);

    if (n == 0)
        return false;
    struct str rest = str_skip(header, str_find(header, ':') + 1);
    while (rest.len && (rest.ptr[0] == ' ' || rest.ptr[0] == '\t'))
        rest = str_skip(rest, 1);
    *name = str_sub(header, 0, n);
    *value = rest;
    return true;
}

void header_unfold(struct str header, struct buf *out)
{
    while (header.len) {
        struct str line = str_cut(&header, '\n');
        if (header.len && line.len && line.ptr[line.len - 1] == '\r')
            line.len--;
        buf_add(out, line);
    }
}

void header_make_harmless(char *text, size_t len)
{
    utf8_make_printable(text, len);
    for (size_t i = 0; i < len; i++)
        if (text[i] && strchr(" <>()\\\";@", text[i]))
            text[i] = '?';
}
