/* What the text of a value means: defaults, expansion, and the one value that may be a file. */
#include "base/log.h"
#include "conf/internal.h"
#include "conf/level.h"

#define VALUE_MAX  (4 << 20) /* an expanded value; `a = $b$b` repeated must not fill the memory */
#define NAMES_TOLD 8         /* of a chain of values that mention each other */

/* A name whose value is being expanded, and the one that mentions it. */
struct unfolding {
    struct str name;
    const struct unfolding *outer;
};

static bool expand_named(void *context, struct str name, unsigned depth, struct str *value,
                         struct buf *error);
static bool has_value(void *context, struct str name);

static bool is_set(void *context, struct str name) { return conf_is_set(context, name); }

/* As written in main.cf, by -o or as the default: lives as long as `c` and is followed by a NUL.  True: the text is
 * to be computed. */
static bool find_written(struct conf *c, struct str name, struct str *raw)
{
    const struct str *value = conf_find_setting(c, name);

    if (value) {
        *raw = *value;
        return false;
    }
    const struct param *p = param_find(name);
    *raw = p ? str_from(param_fallback(p)) : STR_NONE;
    return str_starts(*raw, STR("("));
}

/* A computed default may need other values, whose expansion can fail. */
static bool find_raw(struct conf *c, struct str name, unsigned depth, struct str *raw,
                     struct buf *error)
{
    const struct default_source from = { expand_named, is_set, c, depth + 1, conf_directory(c) };
    BUF_AUTO(answer, 0);

    if (!find_written(c, name, raw))
        return true;
    if (!default_compute(&from, name, &answer, error))
        return false;
    *raw = arena_str(&c->arena, buf_str(&answer));
    return true;
}

static bool expand_raw(struct conf *c, struct str raw, unsigned depth, struct arena *a,
                       struct str *value, struct buf *error)
{
    BUF_AUTO(text, VALUE_MAX);
    const struct expand_names names = { .value = expand_named, .is_set = has_value, .context = c };

    if (!expand_text(&names, raw, depth, &text, error))
        return false;
    *value = arena_str(a, buf_str(&text));
    return true;
}

/* Debian: a myorigin that begins with a slash is a file, and its first line counts. */
static bool is_origin_file(const struct conf *c, struct str name, struct str value)
{
    return str_starts(value, STR("/")) && str_equal(name, STR("myorigin")) &&
           !c->file->shown_as_written;
}

static bool read_origin(struct conf *c, struct str *value, struct buf *error)
{
    struct conf_file *f = c->file;
    const struct str *known = map_get(&f->origins, *value);
    BUF_AUTO(origin, 0);

    if (known == NULL) {
        if (!origin_read(value->ptr, &origin, error)) {
            c->origin_failed = true;
            return false;
        }
        struct str *fresh = arena_alloc(&f->arena, sizeof *fresh);
        *fresh = arena_str(&f->arena, buf_str(&origin));
        map_set(&f->origins, *value, fresh);
        known = fresh;
    }
    *value = *known;
    return true;
}

/* Most values mention no other: they are what was written, and there is nothing to remember. */
static bool is_plain(struct conf *c, struct str name, struct str *value)
{
    struct str raw;

    if (find_written(c, name, &raw) || str_has(raw, '$') || is_origin_file(c, name, raw))
        return false;
    *value = raw;
    return true;
}

static bool is_unfolding(const struct conf *c, struct str name)
{
    for (const struct unfolding *u = c->unfolding; u; u = u->outer)
        if (str_equal(u->name, name))
            return true;
    return false;
}

/* The values that lead back to `name`, from the one that was looked at last. */
static bool report_circle(const struct conf *c, struct str name, struct buf *error)
{
    unsigned told = 0;

    buf_clear(error);
    buf_join(error, STR("unreasonable macro call nesting: \""), name, STR("\" (used by "));
    for (const struct unfolding *u = c->unfolding; u; u = u->outer) {
        bool enough = ++told == NAMES_TOLD;
        buf_join(error, told > 1 ? STR(", which is used by ") : STR(""),
                 enough ? STR("others") : u->name);
        if (enough || str_equal(u->name, name))
            break;
    }
    buf_add(error, STR(")"));
    return false;
}

/* Who is looked at last is who cannot be expanded; those that mention it are not to blame. */
static bool expand_value(struct conf *c, struct str name, unsigned depth, struct str *value,
                         struct buf *error)
{
    const struct unfolding here = { name, c->unfolding };
    struct str raw, found = STR_NONE;

    c->unfolding = &here;
    bool done = find_raw(c, name, depth, &raw, error) &&
                expand_raw(c, raw, depth, &c->arena, &found, error) &&
                (!is_origin_file(c, name, found) || read_origin(c, &found, error));
    c->unfolding = here.outer;
    if (done)
        *value = found;
    else if (c->culprit.len == 0)
        c->culprit = arena_str(&c->arena, name);
    return done;
}

static bool expand_named(void *context, struct str name, unsigned depth, struct str *value,
                         struct buf *error)
{
    struct conf *c = context;
    const struct str *known;

    if (is_plain(c, name, value))
        return true;
    if ((known = map_get(&c->expanded, name))) {
        *value = *known;
        return true;
    }
    if (is_unfolding(c, name))
        return report_circle(c, name, error);
    if (!expand_value(c, name, depth, value, error))
        return false;
    struct str *fresh = arena_alloc(&c->memo, sizeof *fresh);
    *fresh = *value;
    map_set(&c->expanded, name, fresh);
    return true;
}

/* As everywhere in this language, `${name?...}` looks at the value as written. */
static bool has_value(void *context, struct str name)
{
    struct conf *c = context;
    const struct str culprit = c->culprit;
    BUF_AUTO(error, 0);
    struct str raw;

    bool truth = !find_raw(c, name, EXPAND_DEPTH_MAX, &raw, &error) || raw.len > 0;
    c->culprit = culprit;
    return truth;
}

bool conf_try_raw(struct conf *c, struct str name, struct str *raw, struct buf *error)
{
    c->culprit = STR_NONE;
    return find_raw(c, name, 0, raw, error);
}

bool conf_try_value(struct conf *c, struct str name, struct str *value, struct buf *error)
{
    c->culprit = STR_NONE;
    return expand_named(c, name, 0, value, error);
}

const char *conf_text_or_none(struct conf *c, const char *name)
{
    BUF_AUTO(error, 0);
    struct str value = STR_NONE;

    return conf_try_value(c, str_from(name), &value, &error) && value.len ? value.ptr : "";
}

bool conf_try_expand(struct conf *c, struct str text, struct arena *a, struct str *value,
                     struct buf *error)
{
    c->culprit = STR_NONE;
    return expand_raw(c, text, 0, a, value, error);
}

/* A configuration that cannot be expanded is one that nobody should run with. */
static NORETURN void expansion_failed(const struct conf *c, const struct buf *error)
{
    conf_log_place(c, c->culprit);
    if (c->origin_failed)
        log_fatal(STR_FMT, STR_ARG(buf_str(error)));
    log_warning(STR_FMT, STR_ARG(buf_str(error)));
    log_fatal("dictionary mail_dict: macro processing error");
}

struct str conf_raw(struct conf *c, struct str name)
{
    BUF_AUTO(error, 0);
    struct str raw;

    if (!conf_try_raw(c, name, &raw, &error))
        expansion_failed(c, &error);
    return raw;
}

struct str conf_value(struct conf *c, struct str name)
{
    BUF_AUTO(error, 0);
    struct str value = STR_NONE;

    if (!conf_try_value(c, name, &value, &error))
        expansion_failed(c, &error);
    return value;
}

struct str conf_expand(struct conf *c, struct str text, struct arena *a)
{
    BUF_AUTO(error, 0);
    struct str value = STR_NONE;

    if (!conf_try_expand(c, text, a, &value, &error))
        expansion_failed(c, &error);
    return value;
}

bool conf_level_below(struct conf *c, const char *level)
{
    struct str have = conf_value(c, STR("compatibility_level"));
    int64_t a, b;

    if (!level_parse(have, &a) || !level_parse(str_from(level), &b))
        log_fatal("malformed compatibility level syntax: \"" STR_FMT "\"", STR_ARG(have));
    return a < b;
}
