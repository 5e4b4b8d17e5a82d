#include "milter/config.h"

#include "base/number.h"

#define SEPARATORS ", \t\r\n"

/* ---- settings in braces */

static const struct setting {
    const char *name;
    size_t offset;
    bool is_time; /* else text */
} setting_table[] = {
    { "connect_timeout", offsetof(struct milter_settings, connect_timeout), true },
    { "command_timeout", offsetof(struct milter_settings, command_timeout), true },
    { "content_timeout", offsetof(struct milter_settings, content_timeout), true },
    { "default_action", offsetof(struct milter_settings, default_action), false },
    { "protocol", offsetof(struct milter_settings, protocol), false },
};

static const struct setting *find_setting(struct str name)
{
    for (size_t i = 0; i < ARRAY_LEN(setting_table); i++)
        if (str_equal(name, str_from(setting_table[i].name)))
            return &setting_table[i];
    return NULL;
}

static bool refuse(struct buf *why, const char *what, struct str text)
{
    buf_join(why, str_from(what), STR(": \""), text, STR("\""));
    return false;
}

static void skip(struct str *s, const char *set)
{
    while (s->len && strchr(set, s->ptr[0]))
        *s = str_skip(*s, 1);
}

/* One setting: `name=value`, with blanks around the equals sign if you like, or the same in braces, and then the value may
 * have blanks. */
static bool take_item(struct str *text, struct str *name, struct str *value)
{
    bool braced = false;
    struct str item;

    skip(text, SEPARATORS);
    if (str_starts(*text, STR("{"))) {
        (void)str_token_braced(text, SEPARATORS, &item, &braced);
        *value = item;
        *name = str_trim(str_cut(value, '='));
        *value = str_trim(*value);
        return true;
    }
    size_t end = str_find_any(*text, "=" SEPARATORS);
    if (text->len == 0)
        return false;
    *name = str_sub(*text, 0, end);
    *text = end == STR_NOT_FOUND ? STR("") : str_skip(*text, end);
    skip(text, " \t\r\n");
    *value = STR_NONE;
    if (!str_skip_prefix(text, STR("=")))
        return true;
    skip(text, " \t\r\n");
    if (!str_token_braced(text, SEPARATORS, value, NULL))
        *value = STR("");
    return true;
}

static bool apply(struct arena *a, struct milter_settings *settings, struct str name,
                  struct str value, struct buf *why)
{
    const struct setting *setting = find_setting(name);
    int64_t seconds;
    BUF_AUTO(shown, 0);

    buf_join(&shown, name, value.ptr ? STR(" = ") : STR(""), value);
    if (setting == NULL || value.ptr == NULL)
        return refuse(why, "unknown option", buf_str(&shown));
    void *at = (char *)settings + setting->offset;
    if (!setting->is_time) {
        *(struct str *)at = arena_str(a, value);
        return true;
    }
    if (!time_parse(value, 's', &seconds) || seconds < 1 || seconds > INT32_MAX)
        return refuse(why, "bad time value", buf_str(&shown));
    *(int *)at = (int)seconds;
    return true;
}

/* ---- the list */

static bool take_group(struct arena *a, struct str group, struct milter_service *service,
                       struct buf *why)
{
    struct str rest = group, name, value;

    if (!str_token(&rest, SEPARATORS, &name))
        return refuse(why, "empty milter definition", group);
    service->name = arena_str(a, name);
    while (take_item(&rest, &name, &value))
        if (!apply(a, &service->settings, name, value, why))
            return false;
    return true;
}

static size_t count_items(struct str text)
{
    struct str item;
    size_t count = 0;

    while (str_token_braced(&text, SEPARATORS, &item, NULL))
        count++;
    return count;
}

/* A brace without its partner would make one of the rest of the list. */
static bool has_partner(struct str text)
{
    struct str inside;

    skip(&text, SEPARATORS);
    return !str_starts(text, STR("{")) || str_take_group(&text, &inside);
}

bool milter_list_parse(struct arena *a, struct str text, const struct milter_settings *defaults,
                       struct milter_service **services, size_t *count, struct buf *why)
{
    size_t room = count_items(text), used = 0;
    struct milter_service *all = arena_alloc(a, (room + 1) * sizeof *all);
    struct str item;
    bool braced = false;

    for (;; used++) {
        struct milter_service *service = &all[used];
        if (!has_partner(text))
            return refuse(why, "milter service syntax error", text);
        if (!str_token_braced(&text, SEPARATORS, &item, &braced))
            break;
        service->settings = *defaults;
        service->name = braced ? STR("") : arena_str(a, item);
        if (braced && !take_group(a, item, service, why))
            return false;
    }
    *services = all;
    *count = used;
    return true;
}

/* ---- what a service's own words mean; a fault in them concerns that service only */

bool milter_name_is_valid(struct str name, struct buf *why)
{
    struct str endpoint = name, transport = str_cut(&endpoint, ':');

    if (!str_has(name, ':') || endpoint.len == 0) {
        buf_join(why, STR("Milter service needs transport:endpoint instead of \""), name,
                 STR("\""));
        return false;
    }
    if (str_equal(transport, STR("inet")) || str_equal(transport, STR("unix")) ||
        str_equal(transport, STR("local")))
        return true;
    buf_join(why, STR("invalid transport name: "), transport, STR(" in Milter service: "), name);
    return false;
}

static const struct {
    const char *word;
    int version; /* 0: an option */
    uint32_t steps;
} protocol_words[] = {
    { "2", 2, 0x7f },
    { "3", 3, 0x17f },
    { "4", 4, 0x37f },
    { "6", 6, 0x1fffff },
    { "no_header_reply", 0, MILTER_MUTE_HEADER },
};

static bool add_word(struct milter_protocol *p, struct str word)
{
    for (size_t i = 0; i < ARRAY_LEN(protocol_words); i++) {
        if (!str_equal_nocase(word, str_from(protocol_words[i].word)))
            continue;
        if (protocol_words[i].version && p->version)
            return false;
        p->version |= protocol_words[i].version;
        p->steps |= protocol_words[i].steps;
        return true;
    }
    return false;
}

bool milter_protocol_parse(struct str text, struct milter_protocol *out, struct buf *why)
{
    struct milter_protocol found = { 0 };
    struct str rest = text, word;

    while (str_token(&rest, SEPARATORS, &word)) {
        if (add_word(&found, word))
            continue;
        buf_join(why, STR("bad protocol information: "), text);
        return false;
    }
    if (found.version == 0) {
        buf_add(why, STR("no protocol version information"));
        return false;
    }
    *out = found;
    return true;
}

enum milter_default milter_default_parse(struct str action)
{
    static const char *const names[] = {
        [MILTER_DEFAULT_ACCEPT] = "accept",         [MILTER_DEFAULT_REJECT] = "reject",
        [MILTER_DEFAULT_TEMPFAIL] = "tempfail",     [MILTER_DEFAULT_SHUTDOWN] = "shutdown",
        [MILTER_DEFAULT_QUARANTINE] = "quarantine",
    };

    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (str_equal_nocase(action, str_from(names[i])))
            return (enum milter_default)i;
    return MILTER_DEFAULT_UNKNOWN;
}
