#include "base/log.h"
#include "base/mem.h"
#include "conf/internal.h"
#include "conf/level.h"
#include "conf/main_cf.h"
#include "os/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>

#define MAIN_CF_MAX (64 << 20)
#define VALUE_MAX   (4 << 20) /* an expanded value; `a = $b$b` repeated must not fill the memory */

/* What main.cf says; shared by a conf and its forks, never changed after it was read. */
struct conf_file {
    unsigned users;
    char *dir;
    struct buf text;
    struct arena arena;
    struct map settings; /* name -> struct setting */
};

struct setting {
    struct str value;
    unsigned line;
};

/* The expanded value of one name, or the note that it is being worked on. */
struct expanded {
    struct str value;
    bool ready;
};

struct conf {
    struct conf_file *file;
    struct map overrides; /* name -> struct str */
    struct map expanded;  /* name -> struct expanded, in `memo` */
    struct arena arena, memo;
};

static struct conf_file *file_new(const char *dir)
{
    struct conf_file *f = mem_alloc(sizeof *f);

    *f = (struct conf_file){ .dir = mem_copy_cstr(dir), .text = BUF_INIT(MAIN_CF_MAX) };
    return f;
}

static void file_release(struct conf_file *f)
{
    if (--f->users > 0)
        return;
    map_free(&f->settings, NULL);
    arena_free(&f->arena);
    buf_free(&f->text);
    free(f->dir);
    free(f);
}

static struct conf *view_of(struct conf_file *f)
{
    struct conf *c = mem_alloc(sizeof *c);

    f->users++;
    c->file = f;
    return c;
}

static struct str *keep(struct arena *a, struct str value)
{
    struct str *copy = arena_alloc(a, sizeof *copy);

    *copy = value;
    return copy;
}

struct reading {
    struct conf_file *file;
    struct str path;
};

static void add_setting(void *context, const struct main_cf_setting *s)
{
    struct reading *r = context;
    struct arena *a = &r->file->arena;
    struct setting *new = arena_alloc(a, sizeof *new);

    *new = (struct setting){ arena_str(a, s->value), s->line };
    const struct setting *old = map_set(&r->file->settings, s->name, new);
    if (old)
        log_warning(STR_FMT ", line %u: overriding earlier entry: " STR_FMT "=" STR_FMT,
                    STR_ARG(r->path), s->line, STR_ARG(s->name), STR_ARG(old->value));
}

/* main.cf below f->dir, or the copy of it that `copy_fd` is. */
static bool read_file(struct conf_file *f, int copy_fd, struct buf *error)
{
    BUF_AUTO(path, 0);
    buf_join(&path, str_from(f->dir), STR("/main.cf"));
    struct reading reading = { f, buf_str(&path) };

    if (copy_fd >= 0 ? !fd_pread_all(copy_fd, &f->text)
                     : !fd_read_plain_file(buf_cstr(&path), &f->text)) {
        buf_join(error, STR("open "), buf_str(&path), STR(": "), str_from(strerror(errno)));
        return false;
    }
    return main_cf_parse(buf_str(&f->text), reading.path, &f->arena, add_setting, &reading, error);
}

static struct conf *open_conf(const char *dir, int copy_fd, struct buf *error)
{
    struct conf *c = view_of(file_new(dir));

    if (!read_file(c->file, copy_fd, error)) {
        conf_close(c);
        return NULL;
    }
    return c;
}

struct conf *conf_open(const char *dir, struct buf *error) { return open_conf(dir, -1, error); }

struct conf *conf_open_copy(const char *dir, int fd, struct buf *error)
{
    return open_conf(dir, fd, error);
}

struct str conf_text(const struct conf *c) { return buf_str(&c->file->text); }

struct conf *conf_new(void) { return view_of(file_new("/etc/postfix")); }

struct conf *conf_fork_without_overrides(const struct conf *c) { return view_of(c->file); }

void conf_settle(struct conf *c)
{
    map_free(&c->expanded, NULL);
    arena_free(&c->memo);
}

void conf_close(struct conf *c)
{
    if (c == NULL)
        return;
    map_free(&c->overrides, NULL);
    conf_settle(c);
    arena_free(&c->arena);
    file_release(c->file);
    free(c);
}

const char *conf_directory(const struct conf *c) { return c->file->dir; }

void conf_override(struct conf *c, struct str name, struct str value)
{
    map_set(&c->overrides, name, keep(&c->arena, arena_str(&c->arena, value)));
    conf_settle(c); /* other values may mention this one */
}

static const struct str *find_setting(struct conf *c, struct str name)
{
    const struct str *value = map_get(&c->overrides, name);
    const struct setting *setting = value ? NULL : map_get(&c->file->settings, name);

    return setting ? &setting->value : value;
}

unsigned conf_line_of(struct conf *c, struct str name)
{
    const struct setting *setting = map_get(&c->file->settings, name);

    return setting ? setting->line : 0;
}

bool conf_is_set(struct conf *c, struct str name) { return find_setting(c, name) != NULL; }

/* As written in main.cf, by -o or as the default: lives as long as `c` and is followed by a NUL.  True: the text is
 * to be computed. */
static bool find_written(struct conf *c, struct str name, struct str *raw)
{
    const struct str *value = find_setting(c, name);

    if (value) {
        *raw = *value;
        return false;
    }
    const struct param *p = param_find(name);
    *raw = p ? str_from(param_fallback(p)) : STR_NONE;
    return str_starts(*raw, STR("("));
}

/* Like conf_raw().  A computed default may need other values, whose expansion can fail. */
static bool find_raw(struct conf *c, struct str name, unsigned depth, struct str *raw,
                     struct buf *error)
{
    return !find_written(c, name, raw) || conf_compute_default(c, name, depth, raw, error);
}

static bool expand_named(void *context, struct str name, unsigned depth, struct str *value,
                         struct buf *error);
static bool has_value(void *context, struct str name);

static struct expand_names names_of(struct conf *c)
{
    return (struct expand_names){ .value = expand_named, .is_set = has_value, .context = c };
}

static bool expand_raw(struct conf *c, struct str raw, unsigned depth, struct arena *a,
                       struct str *value, struct buf *error)
{
    BUF_AUTO(text, VALUE_MAX);
    struct expand_names names = names_of(c);

    if (!expand_text(&names, raw, depth, &text, error))
        return false;
    *value = arena_str(a, buf_str(&text));
    return true;
}

/* Most values mention no other: they are what was written, and there is nothing to remember. */
static bool is_plain(struct conf *c, struct str name, struct str *value)
{
    struct str raw;

    if (find_written(c, name, &raw) || str_has(raw, '$'))
        return false;
    *value = raw;
    return true;
}

static bool expand_named(void *context, struct str name, unsigned depth, struct str *value,
                         struct buf *error)
{
    struct conf *c = context;
    struct str raw;

    if (is_plain(c, name, value))
        return true;
    struct expanded *known = map_get(&c->expanded, name);
    if (known == NULL) {
        known = arena_alloc(&c->memo, sizeof *known);
        map_set(&c->expanded, name, known);
        if (!find_raw(c, name, depth, &raw, error) ||
            !expand_raw(c, raw, depth, &c->arena, &known->value, error)) {
            map_remove(&c->expanded, name);
            return false;
        }
        known->ready = true;
    }
    if (!known->ready) {
        buf_clear(error);
        buf_join(error, STR("unreasonable macro call nesting: \""), name, STR("\""));
        return false;
    }
    *value = known->value;
    return true;
}

/* As everywhere in this language, `${name?...}` looks at the value as written. */
static bool has_value(void *context, struct str name)
{
    BUF_AUTO(error, 0);
    struct str raw;

    return !find_raw(context, name, EXPAND_DEPTH_MAX, &raw, &error) || raw.len > 0;
}

bool conf_try_value(struct conf *c, struct str name, unsigned depth, struct str *value,
                    struct buf *error)
{
    return expand_named(c, name, depth, value, error);
}

bool conf_try_expand(struct conf *c, struct str text, struct arena *a, struct str *value,
                     struct buf *error)
{
    return expand_raw(c, text, 0, a, value, error);
}

/* A configuration that cannot be expanded is one that nobody should run with. */
static NORETURN void expansion_failed(const struct buf *error)
{
    log_warning(STR_FMT, STR_ARG(buf_str(error)));
    log_fatal("dictionary mail_dict: macro processing error");
}

struct str conf_raw(struct conf *c, struct str name)
{
    BUF_AUTO(error, 0);
    struct str raw;

    if (!find_raw(c, name, 0, &raw, &error))
        expansion_failed(&error);
    return raw;
}

struct str conf_value(struct conf *c, struct str name)
{
    BUF_AUTO(error, 0);
    struct str value;

    if (!expand_named(c, name, 0, &value, &error))
        expansion_failed(&error);
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

struct arena *conf_arena(struct conf *c) { return &c->arena; }

void conf_each_setting(struct conf *c,
                       void (*each)(void *context, struct str name, struct str value),
                       void *context)
{
    struct map_cursor cursor = { 0 };
    struct str name;
    void *value;

    while (map_next(&c->file->settings, &cursor, &name, &value))
        each(context, name, ((const struct setting *)value)->value);
}
