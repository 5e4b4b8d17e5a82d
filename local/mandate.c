#include "local/mandate.h"

#include <stddef.h>

const char *origin_word(enum origin origin)
{
    static const char *const words[] = { [FROM_REQUEST] = "",
                                         [FROM_ALIAS] = "alias",
                                         [FROM_FORWARD] = "forward",
                                         [FROM_INCLUDE] = "include" };

    return words[origin];
}

const struct user *mandate_below(const struct user *above, enum origin origin,
                                 const struct user *owner)
{
    /* An alias and a .forward stand behind an address that anybody may write to: they mean the same whoever does. */
    if (origin == FROM_INCLUDE && above && above->uid != 0)
        return above;
    return owner && owner->uid != 0 ? owner : NULL;
}
