#pragma once
/* text/json - members of one object (RFC 8259), for answers that are small.  Pure.
 *
 * What stands deeper is checked for its brackets and its strings, and not looked into. */
#include "base/arena.h"

enum json_kind { JSON_STRING, JSON_WORD, JSON_NESTED }; /* a word: a number, true, false, null */

struct json_member {
    struct str name; /* without its escapes, as a string's value is */
    enum json_kind kind;
    struct str value; /* of a string its text, else as it stands there */
};

/* Step through an object: `rest` begins as its text.  Names and strings live in `a`.  False at the end of a good
 * object, where `rest` is empty, or where it is broken. */
NODISCARD bool json_next(struct str *rest, struct arena *a, struct json_member *member);
/* The value of the first member of that name and kind; absent if there is none, or the object is broken. */
struct str json_find(struct str object, struct str name, enum json_kind kind, struct arena *a);
