#pragma once
/* table/plugin - table types that come as shared objects, because they need a library of their own.
 *
 * dynamicmaps.cf names them (table/dynamicmaps).  A plug-in sees this header and base; it is loaded when the first table of its
 * type is opened, and never unloaded.  Who loads it has to do with files, main.cf and the log; the plug-in has to do with
 * its library. */
#include "base/buf.h"
#include "base/log.h"

#include <sys/types.h>

/* Program and plug-in are built and installed together; another number is another build. */
#define TABLE_PLUGIN_VERSION 1
#define TABLE_PLUGIN_SYMBOL  "relevo_table_plugin"

enum plugin_result {
    PLUGIN_FOUND,
    PLUGIN_NOT_FOUND,
    PLUGIN_ERROR,  /* has been logged: try again later */
    PLUGIN_BROKEN, /* what the table's settings ask for cannot be; `out` says what in one line */
};

/* A table whose settings are a file, or parameters of main.cf (table/settings); valid while it is opened. */
struct plugin_settings {
    struct str type, name; /* "mysql", "/etc/postfix/x.cf" */
    void *context;
    /* Texts live as long as the settings.  Numbers and booleans that are none end the process. */
    struct str (*text)(void *context, const char *name, const char *standard);
    int (*number)(void *context, const char *name, int standard, int least);
    bool (*boolean)(void *context, const char *name, bool standard);
    bool (*is_set)(void *context, const char *name);
    /* A text that must not be empty. */
    struct str (*required)(void *context, const char *name);
};

/* Writes an index file of a type that has one. */
struct plugin_maker {
    /* `fd` is open for reading and writing, and empty.  NULL: errno. */
    void *(*begin)(int fd);
    bool (*add)(void *maker, struct str key, struct str value); /* false: errno */
    bool (*end)(void *maker); /* also after a failure, which it tells again; false: errno */
};

struct table_plugin {
    unsigned version;
    /* Before anything else: where lines go.  The plug-in has its own copy of base/log. */
    void (*set_log)(log_sink_fn *sink, int verbose);
    /* One of both: a table with settings, or one that is the file NAME followed by `suffix`.  NULL: `error` says why. */
    void *(*open)(const struct plugin_settings *settings, struct buf *error);
    void *(*open_file)(int fd,
                       struct buf *error); /* `fd` stays the caller's, and open until close */
    const char *suffix;
    /* The key is not empty and is UTF-8 without NUL for a table with settings.  Results are appended to `out`. */
    enum plugin_result (*lookup)(void *table, struct str key, struct buf *out);
    /* NULL: cannot be listed.  `position` is empty at first and the table's own; key and value are appended. */
    enum plugin_result (*next)(void *table, struct buf *position, struct buf *key,
                               struct buf *value);
    void (*close)(void *table);
    const struct plugin_maker *maker; /* NULL: postmap cannot build it */
};

/* What a plug-in exports. */
extern const struct table_plugin relevo_table_plugin;

/* ---- who loads them */

/* Find and load the plug-in of `type`, once per process.  NULL: `error` says why. */
NODISCARD const struct table_plugin *plugin_load(struct str type, struct buf *error);
/* Is it there to be loaded?  False: `error` says why not. */
NODISCARD bool plugin_is_there(struct str type, struct buf *error);
