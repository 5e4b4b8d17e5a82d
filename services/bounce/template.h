#pragma once
/* services/bounce/template - the texts of delivery reports: built in, or from
 * bounce_template_file. */
#include "base/arena.h"
#include "base/buf.h"

enum template_kind {
    TEMPLATE_FAILURE,
    TEMPLATE_DELAY,
    TEMPLATE_SUCCESS,
    TEMPLATE_VERIFY,
    TEMPLATE_COUNT
};

struct bounce_template {
    struct str origin; /* file name, or "[built-in]" */
    struct str charset, from, subject;
    struct str postmaster_subject; /* empty: that of the sender's copy */
    struct str text;               /* lines with their line breaks, unexpanded */
};

struct bounce_templates {
    struct bounce_template of[TEMPLATE_COUNT];
};

/* "failure", "delay", "success", "verify". */
struct str template_kind_name(enum template_kind kind);
void templates_builtin(struct bounce_templates *out);
/* Replace the built-in templates by those that `text` (a bounce_template_file) has; a template with
 * a fault is left out with a warning, headers that one lacks are those of the built-in one.  False:
 * the file is no such file from some line on, which `error` names.  Strings borrow from `text`. */
NODISCARD bool templates_parse(struct str text, struct str file, struct bounce_templates *out,
                               struct buf *error);
/* A template as it stands in a file: NAME_template = <<EOF ... EOF. */
void template_format(enum template_kind kind, const struct bounce_template *t, struct buf *out);

/* What a template may refer to: the value of a parameter (unknown names: empty). */
struct template_values {
    struct str (*value)(void *context, struct str name);
    /* A time parameter in seconds; false if `name` is none that templates may convert. */
    bool (*seconds)(void *context, struct str name, int64_t *out);
    /* `name` (such as delay_warning_time_hours) came out as 0 although the time is not. */
    void (*zero)(void *context, struct str name);
    void *context;
};
/* Expand $name, ${name} and $(name); NAME_seconds, _minutes, _hours, _days and _weeks are
 * computed. */
void template_expand(struct str text, const struct template_values *values, struct buf *out);
