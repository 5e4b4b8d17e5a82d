#pragma once
/* table/source - the text that postmap(1) and postalias(1) turn into tables, and texthash: reads
 * as it is.
 *
 * Lines as in main.cf: white space at the start continues a line, `#` lines and empty ones do not
 * count. What is wrong with a line is logged as "FILE, line N: ..." and that line is left out. */
#include "base/arena.h"
#include "base/buf.h"

struct source_entry {
    struct str key, value; /* valid until the next entry is read */
    unsigned line;
};

/* What to do with values and bad lines. */
struct source_options {
    const char *name;  /* as it appears in warnings */
    bool utf8;         /* refuse lines that are not UTF-8 */
    bool says_ignored; /* "expected format ..." ends in " -- ignoring this line" (texthash) */
    bool files; /* values are lists of file names; the entry's value is their content in base64 */
};

struct source {
    const struct source_options *options;
    struct str rest;
    unsigned lines;
    struct arena arena;
    struct buf key, value;
};

void source_init(struct source *s, const struct source_options *options, struct str text);
void source_fini(struct source *s);
/* `key white-space value`; a quoted part of the key may hold blanks, and keeps its quotes.  False
 * at the end. */
NODISCARD bool source_next(struct source *s, struct source_entry *entry);
/* aliases(5): `name: value, value ...`.  The key is the unquoted name, the value is the list in a
 * normal form ("a, b, c"). */
NODISCARD bool source_next_alias(struct source *s, struct source_entry *entry);

/* The content of the files named in `names` (blanks or commas between), in base64, appended.
 * False: `error` says "open FILE: reason". */
NODISCARD bool source_encode_files(struct str names, struct buf *out, struct buf *error);
