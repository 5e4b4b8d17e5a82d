#pragma once
/* postconf - show and change main.cf and master.cf. */
#include "conf/conf.h"
#include "conf/master_cf.h"

enum param_class {
    CLASS_BUILTIN = 1, /* in the parameter table */
    CLASS_SERVICE = 2, /* <transport>_destination_rate_delay and the like */
    CLASS_USER = 4,    /* set in main.cf and mentioned by a value that counts */
};
#define CLASS_ALL (CLASS_BUILTIN | CLASS_SERVICE | CLASS_USER)

/* What is to be done, and how to show it: the command line after it was understood. */
struct request {
    const char *dir;
    char mode;        /* M, F, P, a, A, b, l, m, t, T, or p for main.cf */
    char edit;        /* e, X, #, or 0 to show */
    bool defaults;    /* -d */
    bool only_set;    /* -n */
    bool hide_name;   /* -h */
    bool hide_value;  /* -H */
    bool fold;        /* -f */
    bool expand;      /* -x */
    bool quiet;       /* -q */
    unsigned classes; /* -C */
    char **overrides; /* -o name=value */
    int override_count;
    bool dir_is_given;        /* -c or MAIL_CONFIG: then config_directory counts as set */
    const char *tls_question; /* -T */
    char *const *args;
    int arg_count;
};

/* One run of the command. */
struct postconf {
    struct request req;
    struct conf *conf;
    bool conf_is_read; /* main.cf, not only defaults */
    struct arena arena;
    struct master_cf master;
    struct buf main_path, master_path;
};

/* Every name that may be shown, sorted by name. */
struct shown_param {
    struct str name;
    enum param_class class;
    const char *fallback; /* CLASS_SERVICE: the default, which is not in the table */
};
struct shown_params {
    struct shown_param *list;
    size_t count;
};

/* params.c */
void params_collect(struct postconf *pc, struct shown_params *out);
const struct shown_param *params_find(const struct shown_params *p, struct str name);
/* As written: override, main.cf, default. */
struct str params_raw(struct postconf *pc, const struct shown_param *p);
/* Values that are not expanded when read have names of their own ($home, $user). */
bool params_is_raw(struct str name);
/* Does this service's program have <service>_x parameters? */
bool params_is_delivery_agent(const struct master_entry *e);

/* usage.c: which settings count */
/* Names that main.cf sets and a value mentions (or that are restriction classes, or belong to an ldap: or sql
 * table); they become CLASS_USER entries of `params`, which stays sorted. */
void usage_add_user_params(struct postconf *pc, struct shown_params *params);
void usage_warn_undefined(struct postconf *pc, const struct shown_params *params);
void usage_warn_unused_main(struct postconf *pc, const struct shown_params *params);
void usage_warn_unused_master(struct postconf *pc, const struct shown_params *params);
/* The name is no parameter; perhaps another one was meant. */
void usage_warn_unknown(struct str name);
void usage_warn_deprecated(struct postconf *pc);

/* show_main.c, show_master.c */
void show_main(struct postconf *pc);
void show_master(struct postconf *pc);   /* -M */
void show_fields(struct postconf *pc);   /* -F */
void show_settings(struct postconf *pc); /* -P */
/* templates.c: of bounce_template_file, or of the file that is named */
void show_templates(struct postconf *pc);          /* -t */
void show_expanded_templates(struct postconf *pc); /* -b */
/* SERVICE, SERVICE/TYPE or SERVICE/TYPE/NAME, any of them `*`.  Service names may hold slashes; types end them. */
struct pattern {
    struct str service, type, name; /* absent ones match everything */
};
struct pattern pattern_parse(struct str text);
bool pattern_matches(struct str pattern, struct str text);

/* print.c */
/* `name = value`, or a part of it, with one blank between words; folded at 80 columns with -f. */
void print_setting(const struct postconf *pc, struct str name, struct str value);
/* The columns of a master.cf line; with `fold` each setting has a line of its own, and none goes beyond column 79. */
void print_master_line(struct buf *out, struct arena *arena, const struct master_field *fields,
                       size_t count, bool fold);
/* The command and its arguments as the value of `name`. */
void print_command_setting(const struct postconf *pc, struct str name,
                           const struct master_field *fields, size_t count);
void print_flush(const struct buf *out);
/* A file's or argument's value with $ expanded when -x was given; bad syntax is fatal. */
struct str expand_if_asked(struct postconf *pc, struct conf *scope, struct str raw);

/* rewrite.c */
/* Read FILE, let `edit` write the new text, and put that in its place in one step, with the old
 * file's owner and mode.  Trouble is fatal. */
void rewrite_file(const char *path,
                  void (*edit)(void *context, struct str old, struct buf *new_text), void *context);

/* edit_main.c, edit_master.c */
void edit_main(struct postconf *pc);
void edit_master(struct postconf *pc);

/* lists.c: -a -A -l -m -T */
void show_list(const struct request *req);

/* options.c */
void options_parse(struct request *req, struct arena *arena, int argc, char **argv);
