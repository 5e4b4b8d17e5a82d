#include "smtp/extension.h"

#include "base/attr.h"

static const struct {
    struct str name, setting;
} extensions[] = {
#define SMTP_EXTENSION(id, setting, ...) [SMTP_EXTENSION_##id] = { STR(#id), STR(setting) },
#include "smtp/extensions.def"
#undef SMTP_EXTENSION
};

struct str smtp_extension_name(enum smtp_extension e) { return extensions[e].name; }

enum smtp_extension smtp_extension_find(struct str name)
{
    enum smtp_extension e = 0;

    while (e < SMTP_EXTENSION_COUNT && !str_equal_nocase(name, extensions[e].name))
        e++;
    return e;
}

unsigned smtp_extensions_discarded(struct str words, struct buf *named)
{
    bool silent = str_has_word(words, STR("silent-discard"));
    unsigned bits = 0;

    for (enum smtp_extension e = 0; words.len && e < SMTP_EXTENSION_COUNT; e++) {
        if (!str_has_word(words, extensions[e].setting))
            continue;
        bits |= 1u << e;
        if (!silent)
            buf_join(named, STR(" "), extensions[e].setting);
    }
    return bits;
}
