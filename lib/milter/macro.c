#include "milter/macro.h"

#include "milter/payload.h"

#define SEPARATORS ", \t\r\n"

static struct str without_braces(struct str name)
{
    if (str_starts(name, STR("{")) && str_ends(name, STR("}")))
        return str_sub(name, 1, name.len - 1);
    return name;
}

static const struct milter_macro *find(const struct milter_macros *macros, struct str name)
{
    for (size_t i = 0; i < macros->count; i++)
        if (str_equal(name, macros->items[i].name))
            return &macros->items[i];
    return NULL;
}

/* Cuts "name=value" or "{name}=value" at the equals sign. */
static bool split(struct str item, struct milter_macro *out)
{
    struct str value = item, name = str_trim(str_cut(&value, '='));

    if (!str_has(item, '=') || without_braces(name).len == 0)
        return false;
    *out = (struct milter_macro){ without_braces(name), str_trim(value) };
    return true;
}

/* The next item.  A group in braces is an item, unless an equals sign follows: then it is a name. */
static bool take_item(struct str *text, struct str *item)
{
    struct str rest, inside;

    while (text->len && (char_is_space(text->ptr[0]) || text->ptr[0] == ','))
        *text = str_skip(*text, 1);
    rest = *text;
    if (str_starts(rest, STR("{")) && str_take_group(&rest, &inside) &&
        !str_starts(rest, STR("="))) {
        *item = str_trim(inside);
        *text = rest;
        return true;
    }
    return str_token(text, SEPARATORS, item);
}

static void add(struct arena *a, struct milter_macros *out, const struct milter_macro *macro)
{
    out->items[out->count++] =
        (struct milter_macro){ arena_str(a, macro->name), arena_str(a, macro->value) };
}

bool milter_macros_parse(struct arena *a, struct str text, struct milter_macros *out,
                         struct buf *remarks, struct buf *why)
{
    struct str rest = text, item;
    struct milter_macros found = { .items = NULL };
    struct milter_macro macro;

    /* Each item has an equals sign and is more than two bytes. */
    found.items = arena_alloc(a, (text.len / 2 + 1) * sizeof *found.items);
    while (take_item(&rest, &item)) {
        if (!split(item, &macro)) {
            buf_join(why, STR("malformed default macro entry: \""), item, STR("\" in \""), text,
                     STR("\""));
            return false;
        }
        if (find(&found, macro.name))
            buf_join(remarks, STR("ignoring multiple default macro entries for {"), macro.name,
                     STR("} in \""), text, STR("\"\n"));
        else
            add(a, &found, &macro);
    }
    *out = found;
    return true;
}

void milter_macros_format(struct str names, const struct milter_macros *defaults,
                          milter_macro_fn *value_of, void *context, struct buf *out)
{
    struct str name;

    while (str_token(&names, SEPARATORS, &name)) {
        struct str bare = without_braces(name), value = value_of(context, bare);
        const struct milter_macro *by_default = value.ptr ? NULL : find(defaults, bare);
        if (by_default)
            value = by_default->value;
        if (value.ptr == NULL)
            continue;
        milter_put_string(out, name);
        milter_put_string(out, value);
    }
}
