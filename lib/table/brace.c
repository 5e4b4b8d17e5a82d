#include "table/internal.h"

#define ELEMENT_SEPARATORS ", \t\r\n"

/* Offset behind the brace that closes the one at the start; STR_NOT_FOUND if there is none. */
static size_t matching_brace(struct str s)
{
    size_t depth = 0;

    for (size_t i = 0; i < s.len; i++) {
        if (s.ptr[i] == '{')
            depth++;
        else if (s.ptr[i] == '}' && --depth == 0)
            return i + 1;
    }
    return STR_NOT_FOUND;
}

static bool complain(struct buf *error, struct str what, struct str text)
{
    if (error)
        buf_join(error, what, STR(" in \""), text, STR("\""));
    return false;
}

bool table_unbrace(struct str text, struct str *inside, struct buf *error)
{
    if (text.len == 0 || text.ptr[0] != '{')
        return complain(error, STR("no '{' at start of text"), text);
    size_t end = matching_brace(text);
    if (end == STR_NOT_FOUND)
        return complain(error, STR("missing '}'"), text);
    if (str_trim(str_skip(text, end)).len > 0)
        return complain(error, STR("syntax error after '}'"), text);
    *inside = str_trim(str_sub(text, 1, end - 1));
    return true;
}

bool table_next_element(struct str *text, struct str *element, bool *braced, struct buf *error)
{
    size_t start = 0;

    while (start < text->len && strchr(ELEMENT_SEPARATORS, text->ptr[start]))
        start++;
    struct str from_here = str_skip(*text, start);
    if (!str_token_braced(text, ELEMENT_SEPARATORS, element, braced))
        return false;
    if (*braced && text->len && strchr(ELEMENT_SEPARATORS, text->ptr[0]) == NULL)
        return complain(error, STR("syntax error after '}'"), from_here);
    return true;
}
