#pragma once
/* table/settings - what a table with parameters of its own is told.  `type:/path` and `type:./path` name a file of
 * main.cf's syntax, in which nothing is expanded; `type:word` stands for the parameters word_NAME of main.cf. */
#include "base/arena.h"
#include "table/driver.h"

struct conf;

struct table_settings {
    struct arena arena;
    struct table_setting *first;
    struct str source;    /* for complaints: the file, or word */
    struct conf *main_cf; /* NULL: it is a file */
};

/* Is that, behind the colon, the name of a file? */
bool table_settings_are_file(struct str name);
/* False: `error` says why. */
NODISCARD bool table_settings_open(struct table_settings *s, struct table *t, struct buf *error);
void table_settings_free(struct table_settings *s);
/* Texts live as long as the settings. */
struct str table_settings_text(struct table_settings *s, const char *name, const char *standard);
bool table_settings_has(struct table_settings *s, const char *name);
/* What is no number, or less than `least`, what is neither yes nor no, and an empty text end the process. */
int table_settings_number(struct table_settings *s, const char *name, int standard, int least);
bool table_settings_boolean(struct table_settings *s, const char *name, bool standard);
struct str table_settings_required(struct table_settings *s, const char *name);

/* For a process that works for another one, which could read the file: from now on `name` contains `text`.  Kept. */
void table_settings_give(struct str name, struct str text);
