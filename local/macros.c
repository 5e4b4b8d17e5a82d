#include "base/log.h"
#include "local/branch.h"
#include "text/macro.h"

static bool is(struct str name, const char *word) { return str_equal(name, str_from(word)); }

static bool user_value(const struct branch *b, struct str name, struct str *value)
{
    static const struct user nobody_here;
    const struct user *u = b->user ? b->user : &nobody_here;

    if (is(name, "home"))
        *value = u->home;
    else if (is(name, "shell"))
        *value = u->shell;
    else if (is(name, "user"))
        *value = b->base;
    else
        return false;
    return true;
}

/* What the address has, or else the first that it could have. */
static struct str delimiter_of(const struct branch *b)
{
    if (b->delimiter)
        return (struct str){ &b->delimiter, 1 };
    return str_sub(site_conf.recipient_delimiter, 0, MIN(site_conf.recipient_delimiter.len, 1));
}

static bool value_of(const void *context, struct str name, struct str *value)
{
    const struct branch *b = context;

    if (is(name, "local"))
        *value = b->local;
    else if (is(name, "domain"))
        *value = b->domain;
    else if (is(name, "recipient"))
        *value = b->who.address;
    else if (is(name, "extension"))
        *value = b->extension;
    else if (is(name, "recipient_delimiter"))
        *value = delimiter_of(b);
    else if (is(name, "sender"))
        *value = b->sender;
    else if (is(name, "original_recipient"))
        *value = b->who.orig_addr;
    else
        return user_value(b, name, value);
    return true;
}

bool branch_expand(const struct branch *b, struct str text, struct str filter, struct buf *out)
{
    struct macro_source source = { value_of, b, filter };
    struct str bad;

    if (macro_expand(text, &source, out, &bad))
        return true;
    log_warning("unknown macro name \"" STR_FMT "\" in expansion request \"" STR_FMT "\"",
                STR_ARG(bad), STR_ARG(text));
    return false;
}
