#include "table/driver.h"

#define ELEMENT_SEPARATORS ", \t\r\n"

static bool complain(struct buf *error, struct str what, struct str text)
{
    if (error)
        buf_join(error, what, STR(" in \""), text, STR("\""));
    return false;
}

bool table_unbrace(struct str text, struct str *inside, struct buf *error)
{
    struct str rest = text, found;

    if (!str_starts(text, STR("{")))
        return complain(error, STR("no '{' at start of text"), text);
    if (!str_take_group(&rest, &found))
        return complain(error, STR("missing '}'"), text);
    if (str_trim(rest).len > 0)
        return complain(error, STR("syntax error after '}'"), text);
    *inside = str_trim(found);
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
