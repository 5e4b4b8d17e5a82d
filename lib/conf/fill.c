#include "base/log.h"
#include "base/number.h"
#include "conf/internal.h"

#include <inttypes.h>
#include <limits.h>

/* One parameter on its way into a struct: its row, the name it is read under, its value. */
struct field {
    const struct param *param;
    struct str name, value;
    char *at;
};

static bool above(const struct param *p, int64_t number) { return p->max && number > p->max; }

static int64_t read_number(const struct field *f, int64_t ceiling)
{
    int64_t number;

    if (!number_parse_range(f->value, -ceiling - 1, ceiling, &number))
        log_fatal("bad numerical configuration: " STR_FMT " = " STR_FMT, STR_ARG(f->name),
                  STR_ARG(f->value));
    if (number < f->param->min)
        log_fatal("invalid " STR_FMT " parameter value %" PRId64 " < %" PRId64, STR_ARG(f->name),
                  number, f->param->min);
    if (above(f->param, number))
        log_fatal("invalid " STR_FMT " parameter value %" PRId64 " > %" PRId64, STR_ARG(f->name),
                  number, f->param->max);
    return number;
}

static char time_unit(enum param_type type)
{
    switch (type) {
    case PARAM_TIME_M:
        return 'm';
    case PARAM_TIME_H:
        return 'h';
    case PARAM_TIME_D:
        return 'd';
    case PARAM_TIME_W:
        return 'w';
    default:
        return 's';
    }
}

static int64_t parse_time(struct str name, struct str value, enum param_type type)
{
    int64_t seconds;

    if (!time_parse(value, time_unit(type), &seconds) || seconds < 0 || seconds > INT_MAX)
        log_fatal("parameter " STR_FMT ": bad time value or unit: " STR_FMT, STR_ARG(name),
                  STR_ARG(value));
    return seconds;
}

static int read_time(const struct field *f)
{
    int64_t seconds = parse_time(f->name, f->value, f->param->type);

    if (seconds < f->param->min)
        log_fatal("invalid " STR_FMT ": %" PRId64 " (min %" PRId64 ")", STR_ARG(f->name), seconds,
                  f->param->min);
    if (above(f->param, seconds))
        log_fatal("invalid " STR_FMT ": %" PRId64 " (max %" PRId64 ")", STR_ARG(f->name), seconds,
                  f->param->max);
    return (int)seconds;
}

static bool read_bool(const struct field *f)
{
    bool truth;

    if (!bool_parse(f->value, &truth))
        log_fatal("bad boolean configuration: " STR_FMT " = " STR_FMT, STR_ARG(f->name),
                  STR_ARG(f->value));
    return truth;
}

static struct str read_text(const struct field *f)
{
    int64_t length = (int64_t)f->value.len;

    if (length < f->param->min)
        log_fatal("bad string length %" PRId64 " < %" PRId64 ": " STR_FMT " = " STR_FMT, length,
                  f->param->min, STR_ARG(f->name), STR_ARG(f->value));
    return f->value;
}

/* The members have the types of PARAM_CTYPE_x; memcpy, because a row only knows an offset. */
#define STORE(field, type, value)                      \
    do {                                               \
        type stored_ = (value);                        \
        memcpy((field)->at, &stored_, sizeof stored_); \
    } while (0)

static void read_field(struct conf *c, struct field *f)
{
    if (f->param->type == PARAM_RAW)
        f->value = conf_raw(c, f->name);
    else
        f->value = conf_value(c, f->name);
    switch (f->param->type) {
    case PARAM_INT:
        STORE(f, int, (int)read_number(f, INT_MAX));
        break;
    case PARAM_LONG:
        STORE(f, int64_t, read_number(f, INT64_MAX));
        break;
    case PARAM_BOOL:
        STORE(f, bool, read_bool(f));
        break;
    case PARAM_STR:
    case PARAM_RAW:
        STORE(f, struct str, read_text(f));
        break;
    default:
        STORE(f, int, read_time(f));
        break;
    }
}

void conf_fill(struct conf *c, const struct param_set *set, void *params)
{
    for (size_t i = 0; i < set->count; i++) {
        const struct param *p = &set->params[i];
        struct field f = { .param = p,
                           .name = str_from(param_name(p)),
                           .at = (char *)params + p->offset };
        read_field(c, &f);
    }
}

/* What is about HELO or EHLO is about LHLO there. */
static void say_lhlo(struct buf *name)
{
    size_t at = str_find_str(buf_str(name), STR("helo"));

    if (at == STR_NOT_FOUND)
        at = str_find_str(buf_str(name), STR("ehlo"));
    if (at != STR_NOT_FOUND)
        memcpy(name->ptr + at, "lhlo", 4);
}

void conf_fill_lmtp(struct conf *c, const struct param_set *set, void *params)
{
    for (size_t i = 0; i < set->count; i++) {
        const struct param *p = &set->params[i];
        BUF_AUTO(twin, 0);
        struct field f = { .param = p,
                           .name = str_from(param_name(p)),
                           .at = (char *)params + p->offset };
        struct str rest = f.name;
        if (str_skip_prefix(&rest, STR("smtp_"))) {
            buf_join(&twin, STR("lmtp_"), rest);
            say_lhlo(&twin);
            if (param_find(buf_str(&twin)))
                f.name = buf_str(&twin);
        }
        read_field(c, &f);
    }
}

/* SERVICE + SUFFIX where that is set or has a default of its own, else the fallback. */
static struct str service_name_or(struct conf *c, struct buf *name, struct str service,
                                  const char *suffix, const char *fallback)
{
    buf_join(name, service, str_from(suffix));
    if (conf_is_set(c, buf_str(name)) || param_find(buf_str(name)))
        return buf_str(name);
    return str_from(fallback);
}

struct str conf_service_value(struct conf *c, struct str service, const char *suffix,
                              const char *fallback)
{
    BUF_AUTO(name, 0);

    return conf_value(c, service_name_or(c, &name, service, suffix, fallback));
}

int64_t conf_service_int(struct conf *c, struct str service, const char *suffix,
                         const char *fallback)
{
    BUF_AUTO(name, 0);
    struct str chosen = service_name_or(c, &name, service, suffix, fallback),
               value = conf_value(c, chosen);
    int64_t number;

    if (!number_parse_range(value, 0, INT_MAX, &number))
        log_fatal("bad numerical configuration: " STR_FMT " = " STR_FMT, STR_ARG(chosen),
                  STR_ARG(value));
    return number;
}

int64_t conf_service_time(struct conf *c, struct str service, const char *suffix,
                          const char *fallback)
{
    BUF_AUTO(name, 0);
    struct str chosen = service_name_or(c, &name, service, suffix, fallback);
    const struct param *p = param_find(str_from(fallback));

    return parse_time(chosen, conf_value(c, chosen), p ? p->type : PARAM_TIME);
}
