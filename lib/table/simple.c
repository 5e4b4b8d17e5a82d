/* Types of a few lines each: static, fail, environ. */
#include "table/driver.h"
#include "table/source.h"

#include <errno.h>
#include <stdlib.h>

/* static:value - every key has this value. */

static enum table_result static_lookup(struct table *t, struct str key UNUSED, struct str *value)
{
    *value = buf_str(&t->scratch);
    return TABLE_FOUND;
}

static bool open_static(struct table *t, struct buf *error)
{
    static const struct table_ops ops = { .lookup = static_lookup };
    struct str value = t->name;

    if (value.ptr[0] == '{') {
        BUF_AUTO(why, 0);
        if (!table_unbrace(t->name, &value, &why)) {
            buf_join(error, STR("bad static:name syntax: "), buf_str(&why));
            return false;
        }
    }
    if (!(t->flags & TABLE_VALUES_ARE_FILES))
        buf_add(&t->scratch, value);
    else if (!source_encode_files(value, &t->scratch, error))
        return false;
    t->ops = &ops;
    return true;
}

TABLE_TYPE(static, .open = open_static, .traits = TABLE_FIXED | TABLE_ENCODES_FILES);

/* fail:reason - every lookup fails. */

static enum table_result fail_lookup(struct table *t UNUSED, struct str key UNUSED,
                                     struct str *value UNUSED)
{
    errno = 0;
    return TABLE_ERROR;
}

static bool open_fail(struct table *t, struct buf *error UNUSED)
{
    static const struct table_ops ops = { .lookup = fail_lookup };

    t->ops = &ops;
    return true;
}

TABLE_TYPE(fail, .open = open_fail, .traits = TABLE_FIXED);

/* environ:anything - the environment of this process. */

static enum table_result environ_lookup(struct table *t, struct str key, struct str *value)
{
    buf_clear(&t->scratch);
    buf_add(&t->scratch, key);
    const char *text = str_has(key, '\0') ? NULL : getenv(buf_cstr(&t->scratch));
    if (text == NULL)
        return TABLE_NOT_FOUND;
    *value = str_from(text);
    return TABLE_FOUND;
}

static bool open_environ(struct table *t, struct buf *error UNUSED)
{
    static const struct table_ops ops = { .lookup = environ_lookup };

    t->ops = &ops;
    return true;
}

TABLE_TYPE(environ, .open = open_environ, .traits = TABLE_FIXED);
