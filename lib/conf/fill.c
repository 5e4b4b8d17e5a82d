#include "base/log.h"
#include "base/number.h"
#include "conf/internal.h"

#include <assert.h>
#include <inttypes.h>
#include <limits.h>

/* One parameter on its way into a struct: its row, the name it is read under, its value. */
struct field {
    const struct param *param;
    struct str name, value;
};

static bool above(const struct param *p, int64_t number) { return p->max && number > p->max; }

static bool refuse_number(const struct field *f, int64_t number, const char *sign, int64_t bound,
                          struct buf *error)
{
    buf_addf(error, "invalid " STR_FMT " parameter value %" PRId64 " %s %" PRId64, STR_ARG(f->name),
             number, sign, bound);
    return false;
}

static bool read_number(const struct field *f, int64_t ceiling, int64_t *number, struct buf *error)
{
    if (!number_parse_range(f->value, -ceiling - 1, ceiling, number)) {
        buf_join(error, STR("bad numerical configuration: "), f->name, STR(" = "), f->value);
        return false;
    }
    if (*number < f->param->min)
        return refuse_number(f, *number, "<", f->param->min, error);
    if (above(f->param, *number))
        return refuse_number(f, *number, ">", f->param->max, error);
    return true;
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

static bool refuse_time(const struct field *f, int64_t seconds, const char *which, int64_t bound,
                        struct buf *error)
{
    buf_addf(error, "invalid " STR_FMT ": %" PRId64 " (%s %" PRId64 ")", STR_ARG(f->name), seconds,
             which, bound);
    return false;
}

static bool read_time(const struct field *f, int64_t *seconds, struct buf *error)
{
    const struct param *p = f->param;

    if (!time_parse(f->value, time_unit(p->type), seconds) || *seconds < 0 || *seconds > INT_MAX) {
        buf_join(error, STR("parameter "), f->name, STR(": bad time value or unit: "), f->value);
        return false;
    }
    if (*seconds < p->min)
        return refuse_time(f, *seconds, "min", p->min, error);
    if (above(p, *seconds))
        return refuse_time(f, *seconds, "max", p->max, error);
    return true;
}

static bool read_bool(const struct field *f, bool *truth, struct buf *error)
{
    if (bool_parse(f->value, truth))
        return true;
    buf_join(error, STR("bad boolean configuration: "), f->name, STR(" = "), f->value);
    return false;
}

static bool check_length(const struct field *f, struct buf *error)
{
    int64_t length = (int64_t)f->value.len;

    if (length >= f->param->min)
        return true;
    buf_addf(error, "bad string length %" PRId64 " < %" PRId64 ": " STR_FMT " = " STR_FMT, length,
             f->param->min, STR_ARG(f->name), STR_ARG(f->value));
    return false;
}

/* The members have the types of PARAM_CTYPE_x; memcpy, because a row only knows an offset. */
#define STORE(at, type, value)                  \
    do {                                        \
        type stored_ = (type)(value);           \
        memcpy((at), &stored_, sizeof stored_); \
    } while (0)

static bool store_value(const struct field *f, char *at, struct buf *error)
{
    int64_t number;
    bool truth;

    switch (f->param->type) {
    case PARAM_INT:
        if (!read_number(f, INT_MAX, &number, error))
            return false;
        STORE(at, int, number);
        return true;
    case PARAM_LONG:
        if (!read_number(f, INT64_MAX, &number, error))
            return false;
        STORE(at, int64_t, number);
        return true;
    case PARAM_BOOL:
        if (!read_bool(f, &truth, error))
            return false;
        STORE(at, bool, truth);
        return true;
    case PARAM_STR:
    case PARAM_RAW:
        if (!check_length(f, error))
            return false;
        memcpy(at, &f->value, sizeof f->value);
        return true;
    default:
        if (!read_time(f, &number, error))
            return false;
        STORE(at, int, number);
        return true;
    }
}

bool fill_member(struct conf *c, const struct param *p, struct str name, char *at,
                 struct buf *error)
{
    struct field f = { .param = p, .name = name };

    return (p->type == PARAM_RAW ? conf_try_raw : conf_try_value)(c, name, &f.value, error) &&
           store_value(&f, at, error);
}

/* Fatal when the value cannot be used. */
static void require_member(struct conf *c, const struct param *p, struct str name, char *at)
{
    struct field f = { .param = p, .name = name };
    BUF_AUTO(error, 0);

    f.value = p->type == PARAM_RAW ? conf_raw(c, name) : conf_value(c, name);
    if (store_value(&f, at, &error))
        return;
    conf_log_place(c, name);
    log_fatal(STR_FMT, STR_ARG(buf_str(&error)));
}

void conf_fill(struct conf *c, const struct param_set *set, void *params)
{
    for (size_t i = 0; i < set->count; i++) {
        const struct param *p = &set->params[i];
        require_member(c, p, str_from(param_name(p)), (char *)params + p->offset);
    }
}

static void die_of_fault(void *context, struct str name, struct str problem)
{
    conf_log_place(context, name);
    log_fatal(STR_FMT, STR_ARG(problem));
}

/* Rows of other sets that every program of Postfix reads: a bad value is fatal for all of them. */
static const struct str read_by_all[] = {
    STR("address_verify_negative_cache"),
    STR("delay_logging_resolution_limit"),
    STR("flush_service_name"),
    STR("helpful_warnings"),
    STR("info_log_address_format"),
    STR("lmdb_map_size"),
    STR("multi_instance_enable"),
    STR("owner_request_special"),
    STR("syslog_name"),
    STR("tls_required_enable"),
};

static void require_common_values(struct conf *c)
{
    union any_value value;

    for (size_t i = 0; i < ARRAY_LEN(read_by_all); i++)
        require_member(c, param_find(read_by_all[i]), read_by_all[i], (char *)&value);
}

void conf_fill_site(struct conf *c)
{
    const struct fault_sink faults = { die_of_fault, c };

    conf_warn_of_overrides(c);
    meaning_check(c, MEANING_FORMS, &faults); /* before the defaults that depend on these */
    conf_fill(c, &site_param_set, &site_conf);
    require_common_values(c);
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
        struct str name = str_from(param_name(p)), rest = name;
        if (str_skip_prefix(&rest, STR("smtp_"))) {
            buf_join(&twin, STR("lmtp_"), rest);
            say_lhlo(&twin);
            if (param_find(buf_str(&twin)))
                name = buf_str(&twin);
        }
        require_member(c, p, name, (char *)params + p->offset);
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

/* A service may go below what stands in for its parameter: 0 is no limit. */
static int read_service_param(struct conf *c, struct str service, const char *suffix,
                              const char *fallback)
{
    struct param any = *param_find(str_from(fallback));
    BUF_AUTO(name, 0);
    int value = 0;

    assert(any.type == PARAM_INT || (any.type >= PARAM_TIME && any.type <= PARAM_TIME_W));
    any.min = any.max = 0;
    require_member(c, &any, service_name_or(c, &name, service, suffix, fallback), (char *)&value);
    return value;
}

int64_t conf_service_int(struct conf *c, struct str service, const char *suffix,
                         const char *fallback)
{
    return read_service_param(c, service, suffix, fallback);
}

int64_t conf_service_time(struct conf *c, struct str service, const char *suffix,
                          const char *fallback)
{
    return read_service_param(c, service, suffix, fallback);
}
