#include "table/key_domain.h"

enum match_result key_domain_is_listed(struct match_list *list, struct str key)
{
    size_t at = str_rfind(key, '@');

    if (list == NULL)
        return MATCH_YES;
    if (at == STR_NOT_FOUND || at + 1 == key.len)
        return MATCH_NO;
    return match_domain(list, str_skip(key, at + 1));
}
