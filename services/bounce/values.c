#include "services/bounce/values.h"

#include "base/log.h"
#include "base/number.h"

/* Times that templates may convert, and the unit that main.cf assumes. */
static const struct {
    struct str name;
    char unit;
} times[] = {
    { STR("delay_warning_time"), 'h' },
    { STR("maximal_queue_lifetime"), 'd' },
    { STR("bounce_queue_lifetime"), 'd' },
};

struct names {
    struct conf *conf;
    enum template_kind kind;
    const struct bounce_template *t;
};

static struct str value_of(void *context, struct str name)
{
    const struct names *n = context;

    return conf_value(n->conf, name);
}

static bool seconds_of(void *context, struct str name, int64_t *out)
{
    const struct names *n = context;

    for (size_t i = 0; i < ARRAY_LEN(times); i++)
        if (str_equal(name, times[i].name))
            return time_parse(conf_value(n->conf, name), times[i].unit, out);
    return false;
}

static void warn_zero(void *context, struct str name)
{
    const struct names *n = context;

    log_warning(STR_FMT ": zero result in " STR_FMT " template conversion of parameter \"" STR_FMT
                        "\"",
                STR_ARG(n->t->origin), STR_ARG(template_kind_name(n->kind)), STR_ARG(name));
    log_warning("the value of that parameter is smaller than the unit that the template asks for");
    log_warning("specify a template with a smaller unit in bounce_template_file");
}

void template_expand_conf(struct conf *conf, enum template_kind kind,
                          const struct bounce_template *t, struct buf *out)
{
    struct names names = { conf, kind, t };
    struct template_values values = { value_of, seconds_of, warn_zero, &names };

    template_expand(t->text, &values, out);
}
