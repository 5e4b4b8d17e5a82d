#pragma once
/* postmulti - the instances of the mail system on this machine: list them, run a command for each, add, change and
 * remove them.
 *
 * The primary instance is the one in the default configuration directory; its main.cf names the others. */
#include "base/arena.h"
#include "conf/conf.h"

/* ---- options.c: the command line after it was understood ---- */

enum edit_trait {
    EDIT_ADDS = 1,    /* makes another instance, in a place among the others; takes name=value */
    EDIT_REMOVES = 2, /* a secondary instance that is not enabled */
    EDIT_CHANGES = 4, /* any instance, which stays one */
    EDIT_ASSIGNS = 8, /* takes -I and -G */
};

struct edit_action {
    const char *name;
    unsigned traits; /* enum edit_trait */
};

struct request {
    char mode;                        /* e l p x */
    char selector;                    /* a g i; 0: none was given */
    const char *selected;             /* of -g and -i */
    const struct edit_action *action; /* -e */
    const char *new_name, *new_group; /* -I and -G: NULL not given, "" none (`-`) */
    bool reverse;                     /* -R */
    bool json;                        /* -j */
    char **args;                      /* the command, or name=value */
    int arg_count;
};

/* Anything that is not clear is fatal. */
void options_parse(struct request *r, int argc, char **argv);

/* ---- instances.c ---- */

struct instance {
    struct conf *conf;
    /* All of them are "" when there is none. */
    const char *config_directory, *queue_directory, *data_directory, *name, *group;
    bool enabled;
    bool is_primary;
};

struct site {
    struct instance
        *list; /* the primary instance first, then in the order of multi_instance_directories */
    size_t count;
    struct postmulti_params params; /* of the primary instance */
    struct arena arena;
};

/* `primary` and those that its main.cf names.  One that cannot be read is fatal, and so are two that want the same. */
void site_open(struct site *s, struct conf *primary);
/* An instance as its main.cf has it; fatal when that cannot be read. */
struct instance instance_open(const char *dir);
/* Fatal when two instances want the same name or directory. */
void site_check(struct site *s);
/* Do -a, -g and -i mean this one?  All are meant when nothing was said. */
bool is_selected(const struct request *r, const struct instance *i);

/* ---- list.c, run.c, edit.c ---- */
void list_instances(const struct site *s, const struct request *r);
/* The exit status: 1 when the command failed for any of them. */
int run_postfix(const struct site *s, const struct request *r); /* -p */
int run_command(const struct site *s, const struct request *r); /* -x */
/* What a program that is run for an instance finds in its environment. */
void export_instance(const struct instance *i);
void export_text(const char *name, const char *value);
NORETURN void edit_instances(struct site *s, const struct request *r); /* -e */
