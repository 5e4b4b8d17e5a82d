#pragma once
/* conf/conf - main.cf as a program sees it: the file, `-o name=value` overrides, expansion.
 *
 * Grammar and expansion: postconf(5); `$name`, `${name}`, `$(name)`, `${name?text}`, `${name:text}`,
 * `${name?{t}:{f}}`, `${{l} op {r}?{t}:{f}}`, `$$`.  Names that are not in the parameter table are
 * user-defined parameters and expand all the same; unknown names expand to nothing.  A myorigin that begins with `/`
 * is a file whose first line is the value, wherever it is used. */
#include "base/arena.h"
#include "base/buf.h"
#include "conf/params.h"

struct conf;

/* Read DIR/main.cf.  NULL when it cannot be read or parsed; then `error` (never NULL) holds the text
 * of the log line, e.g. "open /etc/postfix/main.cf: No such file or directory". */
NODISCARD struct conf *conf_open(const char *dir, struct buf *error);
/* The same from a copy of that file. */
NODISCARD struct conf *conf_open_copy(const char *dir, int fd, struct buf *error);
/* main.cf as it was read. */
struct str conf_text(const struct conf *c);
/* A configuration without a file, for tests and for `postconf -d`. */
struct conf *conf_new(void);
void conf_close(struct conf *c);

const char *conf_directory(const struct conf *c);
/* -o name=value: wins over main.cf.  Also sets service_name, process_name, stress ... */
void conf_override(struct conf *c, struct str name, struct str value);
/* For postconf: `myorigin = /etc/mailname` stays a path. */
void conf_show_as_written(struct conf *c);
/* A second view of the same file without the overrides (lib/rewrite reads with those of its own service). */
struct conf *conf_fork_without_overrides(const struct conf *c);

/* The unexpanded value: override, main.cf, or the table's default; STR_NONE if no such name. */
struct str conf_raw(struct conf *c, struct str name);
bool conf_is_set(const struct conf *c, struct str name); /* by override or main.cf */
/* The line of main.cf that sets it; 0: none does. */
unsigned conf_line_of(const struct conf *c, struct str name);
/* The expanded value, owned by the conf; empty for an unknown name. */
struct str conf_value(struct conf *c, struct str name);
/* Expand any text (a -o value, a template) the same way; the result lives in `a`. */
struct str conf_expand(struct conf *c, struct str text, struct arena *a);

/* The same for those who go on when a value is bad: false with the reason in `error`. */
NODISCARD bool conf_try_value(struct conf *c, struct str name, struct str *value,
                              struct buf *error);
NODISCARD bool conf_try_expand(struct conf *c, struct str text, struct arena *a, struct str *value,
                               struct buf *error);
/* Its text, "" when it cannot be had: for what is told on the way to an end, and for who must not end because of it. */
const char *conf_text_or_none(struct conf *c, const char *name);
/* Walk over what main.cf sets (not the overrides), in no particular order. */
void conf_each_setting(const struct conf *c,
                       void (*each)(void *context, struct str name, struct str value),
                       void *context);

/* What a program asks at its start it seldom asks again: forget what was worked out (the values stay valid). */
void conf_settle(struct conf *c);
/* Fill the struct of a parameter set (params.h).  A bad value is fatal with the field's standard message ("bad
 * numerical configuration: x = y" ...), behind a line that names the place.  Strings live as long as the conf and are
 * followed by a NUL. */
void conf_fill(struct conf *c, const struct param_set *set, void *params);
/* What every program does first: site_conf, and a look at the values that all of them depend on. */
void conf_fill_site(struct conf *c);
/* The smtp sets filled from the lmtp_ names (smtp_x is read from lmtp_x where that exists). */
void conf_fill_lmtp(struct conf *c, const struct param_set *set, void *params);

/* Per-service parameters such as <transport>_destination_concurrency_limit: the value of
 * SERVICE + SUFFIX if set, else of `fallback` (a parameter name, e.g.
 * "default_destination_concurrency_limit").  Result expanded, lives with the conf. */
struct str conf_service_value(struct conf *c, struct str service, const char *suffix,
                              const char *fallback);
int64_t conf_service_int(struct conf *c, struct str service, const char *suffix,
                         const char *fallback);
int64_t conf_service_time(struct conf *c, struct str service, const char *suffix,
                          const char *fallback);

/* compatibility_level comparison: is the configured level below e.g. "3.6"? */
bool conf_level_below(struct conf *c, const char *level);
#define CONF_LEVEL_NOW "3.11" /* the newest one that changes a default */
/* Programs that read the log of an older interface do not know these forms: a site that keeps its
 * compatibility_level keeps the lines that its tools count. */
#define CONF_LEVEL_IDS_AT_END \
    "3.10" /* what ends a session or a queue file is logged with its queue id */
#define CONF_LEVEL_TLS_FEATURES "3.11" /* tls= in delivery lines, unless main.cf asks for it */
