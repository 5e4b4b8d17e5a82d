#include "sasl/token.h"

bool token_is_valid(struct str text)
{
    for (size_t i = 0; i < text.len; i++)
        if (!char_is_alnum(text.ptr[i]) && !str_has(STR("-._~+/=:|"), text.ptr[i]))
            return false;
    return text.len > 0;
}
