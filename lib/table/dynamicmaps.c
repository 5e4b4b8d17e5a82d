#include "table/dynamicmaps.h"

#include "base/arena.h"
#include "base/buf.h"
#include "base/log.h"
#include "conf/params.h"
#include "os/fd.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FIELDS_LEAST = 3, FIELDS_MOST = 4 };

struct row {
    struct row *next;
    struct dynamicmap map;
};

/* Of this process, as the types themselves are (table/type). */
static struct {
    struct arena arena;
    struct row *first, **end;
} maps;

static const struct dynamicmap *find(struct str type)
{
    for (const struct row *r = maps.first; r; r = r->next)
        if (str_equal(r->map.type, type))
            return &r->map;
    return NULL;
}

/* Relative names are below shlib_directory. */
static const char *place_of(struct str name)
{
    BUF_AUTO(path, 0);

    if (!str_starts(name, STR("/")))
        buf_join(&path, site_conf.shlib_directory, STR("/"));
    buf_add(&path, name);
    return arena_cstr(&maps.arena, buf_str(&path));
}

static void add(const char *file, struct str type, struct str name, bool can_be_built)
{
    if (find(type)) {
        log_warning("%s: ignoring duplicate entry for \"" STR_FMT "\"", file, STR_ARG(type));
        return;
    }
    struct row *r = arena_alloc(&maps.arena, sizeof *r);
    r->map = (struct dynamicmap){ arena_str(&maps.arena, type), place_of(name), can_be_built };
    *maps.end = r;
    maps.end = &r->next;
}

static void take_line(const char *file, int number, struct str line)
{
    struct str fields[FIELDS_MOST], word;
    size_t count = 0;

    if (str_starts(line, STR("#")))
        return;
    while (str_token(&line, " \t\r", &word))
        if (count++ < FIELDS_MOST)
            fields[count - 1] = word;
    if (count == 0)
        return;
    if (count < FIELDS_LEAST || count > FIELDS_MOST)
        log_fatal("%s, line %d: Expected \"dict-type .so-name dict-function [mkmap-function]\"",
                  file, number);
    if (!char_is_alnum(fields[0].ptr[0]))
        log_fatal("%s, line %d: unsupported dictionary type name: \"" STR_FMT "\"", file, number,
                  STR_ARG(fields[0]));
    add(file, fields[0], fields[1], count == FIELDS_MOST);
}

bool dynamicmaps_is_trusted(int fd)
{
    struct stat st;

    return fstat(fd, &st) == 0 && (st.st_uid == 0 || st.st_uid == geteuid()) &&
           (st.st_mode & (S_IWGRP | S_IWOTH)) == 0;
}

static void read_file(const char *file)
{
    BUF_AUTO(text, 0);
    int fd = open(file, O_RDONLY | O_CLOEXEC), number = 0;

    if (fd < 0 && errno != ENOENT)
        log_warning("open %s: %s", file, strerror(errno));
    if (fd < 0)
        return;
    if (!dynamicmaps_is_trusted(fd)) {
        log_warning("%s: file is owned or writable by other users -- skipping this file", file);
    } else if (fd_read_all(fd, &text)) {
        for (struct str rest = buf_str(&text); rest.len;)
            take_line(file, ++number, str_cut(&rest, '\n'));
    } else if (errno != EISDIR) {
        log_warning("read %s: %s", file, strerror(errno));
    }
    close(fd);
}

static void read_folder(const char *folder)
{
    struct dirent **entries;
    int count = scandir(folder, &entries, NULL, alphasort);

    for (int i = 0; i < count; i++) {
        BUF_AUTO(path, 0);
        if (entries[i]->d_name[0] != '.') {
            buf_join(&path, str_from(folder), STR("/"), str_from(entries[i]->d_name));
            read_file(buf_cstr(&path));
        }
        free(entries[i]);
    }
    if (count >= 0)
        free(entries);
}

static void read_once(void)
{
    BUF_AUTO(path, 0);

    if (maps.end)
        return;
    maps.end = &maps.first;
    buf_join(&path, site_conf.meta_directory, STR("/dynamicmaps.cf"));
    read_file(buf_cstr(&path));
    buf_add_cstr(&path, ".d");
    read_folder(buf_cstr(&path));
}

const struct dynamicmap *dynamicmaps_find(struct str type)
{
    read_once();
    return find(type);
}

const struct dynamicmap *dynamicmaps_at(size_t i)
{
    read_once();
    for (const struct row *r = maps.first; r; r = r->next)
        if (i-- == 0)
            return &r->map;
    return NULL;
}
