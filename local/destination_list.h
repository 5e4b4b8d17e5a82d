#pragma once
/* local/destination_list - the value of an alias, the text of a .forward or :include: file, taken
 * apart. */
#include "text/address.h"

enum destination_kind {
    DESTINATION_ADDRESS,
    DESTINATION_COMMAND,
    DESTINATION_FILE,
    DESTINATION_INCLUDE
};

struct destination {
    enum destination_kind kind;
    struct str text; /* address in internal form, command line, or path (from / or ~/); lives in the
                          arena or in the text */
    bool only_mailbox; /* \user */
};

struct destination_walk {
    struct str rest;
    struct arena *arena;
    size_t token_limit;
    struct address_list addresses; /* of the present item, from `next` on */
    size_t next;
    bool only_mailbox, at_line_start;
};

/* <> and what holds nothing but comments name nobody; "" is the null address, which has a reader
 * (empty_address_recipient).  Items are separated by commas and line ends, a command or a path ends at a blank too; quotes,
 * comments in parentheses and <> hold an item together.  Lines of a file that begin with `#` are comments. */
void destination_walk_init(struct destination_walk *w, struct str text, bool is_file,
                           struct arena *arena, size_t token_limit);
bool destination_next(struct destination_walk *w, struct destination *out);
/* Nobody is named: comments, commas, empty groups. */
bool destination_list_is_empty(struct str text, bool is_file, size_t token_limit);
/* Between two items: the arena may be emptied. */
bool destination_item_is_done(const struct destination_walk *w);
