/* Any text is a rule of a regexp, pcre or cidr table, and any key may be looked up in it. */
#include "table/table.h"

#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void ask(struct str type, struct str rules, struct str key)
{
    BUF_AUTO(spec, 0);
    BUF_AUTO(value, 0);

    buf_join(&spec, type, STR(":{"), rules, STR("}"));
    struct table *t = table_open(buf_str(&spec), TABLE_QUIET, NULL);
    if (table_is_open(t) && table_lookup(t, key, &value) == TABLE_ERROR && str_equal(type, STR("cidr")))
        abort(); /* nothing can go wrong with comparing addresses */
    table_close(t);
}

/* The first line is the key, the rest the rules. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str rules = { (const char *)data, size }, key = str_cut(&rules, '\n');

    if (size > 512 || str_has((struct str){ (const char *)data, size }, '\0'))
        return 0;
    ask(STR("cidr"), rules, key);
    ask(STR("regexp"), rules, key);
    ask(STR("pcre"), rules, key);
    ask(STR("inline"), rules, key);
    return 0;
}
