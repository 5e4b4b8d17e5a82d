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

/* False: `error` says why. */
NODISCARD bool table_settings_open(struct table_settings *s, struct table *t, struct buf *error);
void table_settings_free(struct table_settings *s);
/* Texts live as long as the settings. */
struct str table_settings_text(struct table_settings *s, const char *name, const char *standard);
/* What is no number, or less than `least`, ends the process. */
int table_settings_number(struct table_settings *s, const char *name, int standard, int least);
