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
    if (table_is_open(t) && table_lookup(t, key, &value) == TABLE_ERROR &&
        str_equal(type, STR("cidr")))
        abort(); /* nothing can go wrong with comparing addresses */
    table_close(t);
}

/* libc unrolls repetitions of repetitions when it compiles: a memory bomb that only the
 * administrator could set off. */
static bool repeats_much(struct str rules)
{
    size_t count = 0;

    for (size_t i = 0; i < rules.len; i++) {
        bool counted = rules.ptr[i] == '{' && i + 1 < rules.len && char_is_digit(rules.ptr[i + 1]);
        count += counted ? 10 : strchr("+*?", rules.ptr[i]) != NULL;
    }
    return count > 8;
}

/* The first line is the key, the rest the rules. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str rules = { (const char *)data, size }, key = str_cut(&rules, '\n');

    if (size > 512 || str_has((struct str){ (const char *)data, size }, '\0'))
        return 0;
    ask(STR("cidr"), rules, key);
    if (!repeats_much(rules))
        ask(STR("regexp"), rules, key);
    ask(STR("pcre"), rules, key);
    ask(STR("inline"), rules, key);
    return 0;
}
