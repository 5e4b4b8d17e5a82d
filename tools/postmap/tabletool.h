#pragma once
/* tools/postmap/tabletool - what postmap and postalias have in common. */
#include "table/source.h"
#include "table/table.h"

struct table_tool {
    const char *program;
    const char *usage;
    const char *letters; /* for getopt */
    bool aliases;        /* source files are in aliases(5) format */

    /* What the command line asked for. */
    const char *conf_dir;
    const char *query_key, *delete_key; /* "-": keys come from standard input */
    bool dump;
    bool incremental;
    bool replace, quiet_duplicates;
    bool keep_root, default_permissions;
    bool no_fold, files;
    bool nuls, no_nuls; /* asked for; neither: as the type has it */
    int utf8;           /* -1 off, 1 on, 0 as configured */
    bool headers, body, mime;
};

struct table_query;

/* The whole program; the result is its exit status: 0 if what was asked for happened (a key was
 * found, or deleted). `query_message` serves -h and -b. */
int table_tool_run(struct table_tool *tool, int argc, char **argv,
                   void (*query_message)(struct table_query *q));

/* Reads options and main.cf; returns the index of the first table in argv.  Fatal for misuse. */
int table_tool_begin(struct table_tool *tool, int argc, char **argv);
/* The TABLE_ flags for looking up. */
unsigned table_tool_flags(const struct table_tool *tool);

/* Build the index of `spec`, or with -i add standard input to it. */
void table_tool_build(const struct table_tool *tool, struct str spec);
/* -d: true if a key was there. */
bool table_tool_delete(const struct table_tool *tool, struct str spec);

/* -q, -s: the tables in argument order; each key is asked in all of them until one has it. */
struct table_query {
    const struct table_tool *tool;
    struct table **tables;
    size_t count;
    struct buf value;
    struct buf out; /* on its way to standard output */
    bool found;
};
void table_query_open(struct table_query *q, const struct table_tool *tool, char **specs,
                      size_t count);
/* One key; prints `value`. */
void table_query_one(struct table_query *q, struct str key);
/* The same as a line `key TAB value`. */
void table_query_listed(struct table_query *q, struct str key);
/* -s */
void table_query_dump(struct table_query *q);
/* Writes what is left; true if anything was found. */
bool table_query_close(struct table_query *q);

/* Calls `each` for every line of standard input. */
void table_tool_each_line(void (*each)(void *context, struct str line), void *context);
