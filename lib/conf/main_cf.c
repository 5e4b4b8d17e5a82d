#include "conf/main_cf.h"

#include "base/log.h"
#include "conf/logical_line.h"

static bool is_word(struct str s)
{
    for (size_t i = 0; i < s.len; i++)
        if (char_is_space(s.ptr[i]))
            return false;
    return true;
}

/* NULL, or what is wrong with the line. */
static const char *split_setting(struct str text, struct main_cf_setting *setting)
{
    size_t equals = str_find(text, '=');

    setting->name = str_trim(str_sub(text, 0, equals));
    if (str_has(text, '\0'))
        return "NUL byte in";
    if (setting->name.len == 0)
        return "missing attribute name";
    if (equals == STR_NOT_FOUND || !is_word(setting->name))
        return "missing '=' after attribute name";
    setting->value = str_trim(str_skip(text, equals + 1));
    return NULL;
}

bool main_cf_parse(struct str text, struct str file, struct arena *arena, main_cf_fn *each,
                   void *context, struct buf *error)
{
    struct logical_reader reader = LOGICAL_READER(text, arena);
    struct logical_line line;

    while (logical_line_next(&reader, &line)) {
        struct main_cf_setting setting = { .line = line.number };
        if (line.indented) {
            log_warning(STR_FMT ": logical line must not start with whitespace: \"" STR_FMT "\"",
                        STR_ARG(file), STR_ARG(line.text));
            continue;
        }
        const char *problem = split_setting(line.text, &setting);
        if (problem) {
            buf_join(error, file, STR(", line "));
            buf_add_int(error, line.number);
            buf_join(error, STR(": "), str_from(problem), STR(": \""), line.text, STR("\""));
            return false;
        }
        each(context, &setting);
    }
    return true;
}

void main_cf_warn_of_override(struct str file, unsigned line, struct str name, struct str earlier)
{
    log_warning(STR_FMT ", line %u: overriding earlier entry: " STR_FMT "=" STR_FMT, STR_ARG(file),
                line, STR_ARG(name), STR_ARG(earlier));
}
