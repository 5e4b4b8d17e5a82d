#include "base/log.h"
#include "base/mem.h"
#include "conf/internal.h"
#include "conf/main_cf.h"
#include "os/fd.h"

#include <errno.h>
#include <stdlib.h>

#define MAIN_CF_MAX (64 << 20)

struct setting {
    struct str value;
    unsigned line;
    const struct setting *earlier; /* another value of the same name, which does not count */
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
    map_free(&f->origins, NULL);
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

    *new = (struct setting){ .value = arena_str(a, s->value), .line = s->line };
    const struct setting *old = map_set(&r->file->settings, s->name, new);
    if (old == NULL || str_equal(old->value, s->value))
        return;
    main_cf_warn_of_override(r->path, s->line, s->name, old->value);
    new->earlier = old;
    r->file->overridden = true;
}

void conf_warn_of_overrides(const struct conf *c)
{
    BUF_AUTO(path, 0);
    struct map_cursor cursor = { 0 };
    struct str name;
    void *value;

    buf_join(&path, str_from(c->file->dir), STR("/main.cf"));
    while (c->file->overridden && map_next(&c->file->settings, &cursor, &name, &value)) {
        const struct setting *s = value;
        if (s->earlier)
            main_cf_warn_of_override(buf_str(&path), s->earlier->line, name, s->value);
    }
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

void conf_show_as_written(struct conf *c) { c->file->shown_as_written = true; }

const struct str *conf_find_setting(const struct conf *c, struct str name)
{
    const struct str *value = map_get(&c->overrides, name);
    const struct setting *setting = value ? NULL : map_get(&c->file->settings, name);

    return setting ? &setting->value : value;
}

bool conf_is_set(const struct conf *c, struct str name)
{
    return conf_find_setting(c, name) != NULL;
}

unsigned conf_line_of(const struct conf *c, struct str name)
{
    const struct setting *setting = map_get(&c->file->settings, name);

    return setting ? setting->line : 0;
}

void conf_add_place(const struct conf *c, struct str name, struct buf *out)
{
    unsigned line = map_has(&c->overrides, name) ? 0 : conf_line_of(c, name);

    if (line == 0)
        return;
    buf_join(out, str_from(c->file->dir), STR("/main.cf, line "));
    buf_add_int(out, line);
    buf_add(out, STR(": "));
}

void conf_log_place(const struct conf *c, struct str name)
{
    BUF_AUTO(place, 0);

    conf_add_place(c, name, &place);
    if (place.len)
        log_error(STR_FMT "this value of " STR_FMT " cannot be used", STR_ARG(buf_str(&place)),
                  STR_ARG(name));
}

void conf_each_setting(const struct conf *c,
                       void (*each)(void *context, struct str name, struct str value),
                       void *context)
{
    struct map_cursor cursor = { 0 };
    struct str name;
    void *value;

    while (map_next(&c->file->settings, &cursor, &name, &value))
        each(context, name, ((const struct setting *)value)->value);
}
