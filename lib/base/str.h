#pragma once
#include "base/attr.h"

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

/* A borrowed run of bytes.  Never owns memory, never relies on a final NUL.
 * { NULL, 0 } means "absent" where that differs from empty; str_equal() sees no difference. */
struct str {
    const char *ptr;
    size_t len;
};

/* A constant, in an expression or where a static object is initialised: nobody counts by hand. */
#define STR(literal) ((struct str){ "" literal, sizeof(literal) - 1 })
#define STR_NONE     ((struct str){ NULL, 0 })
/* For printf-like functions (log lines): log_info(STR_FMT, STR_ARG(s)). */
#define STR_FMT    "%.*s"
#define STR_ARG(s) (int)(s).len, ((s).ptr ? (s).ptr : "")

static inline struct str str_from(const char *cstr) { return (struct str){ cstr, strlen(cstr) }; }
static inline struct str str_from_null(const char *cstr)
{
    return cstr ? str_from(cstr) : STR_NONE;
}

static inline bool str_equal(struct str a, struct str b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.ptr, b.ptr, a.len) == 0);
}

/* The bytes from `from` up to (not including) `to`; both are clamped to the length. */
static inline struct str str_sub(struct str s, size_t from, size_t to)
{
    if (to > s.len)
        to = s.len;
    if (from > to)
        from = to;
    return s.ptr ? (struct str){ s.ptr + from, to - from } : s;
}
static inline struct str str_skip(struct str s, size_t n) { return str_sub(s, n, s.len); }

#define STR_NOT_FOUND ((size_t)-1)
/* Offset of the first / last `c`, of the first of any byte in `set`; STR_NOT_FOUND if there is none. */
size_t str_find(struct str s, char c);
size_t str_rfind(struct str s, char c);
size_t str_find_any(struct str s, const char *set);
/* Offset of `needle`; the second form ignores ASCII case. */
size_t str_find_str(struct str s, struct str needle);
size_t str_find_nocase(struct str s, struct str needle);
static inline bool str_has(struct str s, char c) { return str_find(s, c) != STR_NOT_FOUND; }

/* Case-insensitive for ASCII letters only, as SMTP keywords need. */
bool str_equal_nocase(struct str a, struct str b);
int str_compare(struct str a, struct str b);
int str_compare_nocase(struct str a, struct str b);
bool str_starts(struct str s, struct str prefix);
bool str_starts_nocase(struct str s, struct str prefix);
bool str_ends(struct str s, struct str suffix);
bool str_ends_nocase(struct str s, struct str suffix);

/* Cut `s` at the first `sep`: returns the part before it and advances `s` past it. */
struct str str_cut(struct str *s, char sep);
/* The same at the last `sep`: returns the part before it; without `sep` all of `s`, and `s` becomes absent. */
struct str str_cut_last(struct str *s, char sep);
/* Skip bytes of `seps`, then cut the run of other bytes that follows.  False at the end of `s`. */
bool str_token(struct str *s, const char *seps, struct str *token);
/* Is `word`, in any case, one of the words between commas and white space? */
bool str_has_word(struct str words, struct str word);
/* `s` begins with a bracket, `{` or `(`: cut it off up to the partner of that bracket; `inside` is what stands
 * between both.  False, both untouched, if there is no partner. */
NODISCARD bool str_take_group(struct str *s, struct str *inside);
/* Like str_token, but a token that begins with `{` runs to its matching `}` and is returned without both
 * braces and without the blanks next to them.  `braced`, if not NULL, tells such a token.
 * An unbalanced brace takes the rest of `s`. */
bool str_token_braced(struct str *s, const char *seps, struct str *token, bool *braced);
bool str_skip_prefix(struct str *s, struct str prefix);
bool str_skip_prefix_nocase(struct str *s, struct str prefix);
/* Without leading and trailing white space. */
struct str str_trim(struct str s);
/* For system calls: copy `s` and a NUL behind it to `out`.  False (and `out` untouched) if it needs more than
 * `room` bytes or has a NUL inside. */
NODISCARD bool str_to_cstring(struct str s, char *out, size_t room);

static inline bool char_is_digit(char c) { return c >= '0' && c <= '9'; }
static inline bool char_is_alpha(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}
static inline bool char_is_alnum(char c) { return char_is_digit(c) || char_is_alpha(c); }
/* White space as in ASCII: blank, TAB, CR, LF, VT, FF. */
static inline bool char_is_space(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }
/* Bytes that must not reach a terminal or a log line; bytes above ASCII are none. */
static inline bool char_is_control(char c) { return (unsigned char)c < ' ' || c == 0x7f; }
static inline char char_lower(char c) { return (char)(c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c); }
static inline char char_upper(char c) { return (char)(c >= 'a' && c <= 'z' ? c - ('a' - 'A') : c); }
