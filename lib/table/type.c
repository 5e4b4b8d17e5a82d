#include "table/type.h"

#include "conf/params.h"
#include "table/internal.h"

static const struct table_type types[] = {
    { "btree", table_open_lmdb, TABLE_FIXED | TABLE_ENCODES_FILES, true },
    { "cidr", table_open_cidr, TABLE_ENCODES_FILES, false },
    { "debug", table_open_debug, 0, true },
    { "environ", table_open_environ, TABLE_FIXED, false },
    { "fail", table_open_fail, TABLE_FIXED, false },
    { "hash", table_open_lmdb, TABLE_FIXED | TABLE_ENCODES_FILES, true },
    { "inline", table_open_inline, TABLE_FIXED | TABLE_ENCODES_FILES, false },
    { "internal", table_open_internal, TABLE_FIXED, true },
    { "lmdb", table_open_lmdb, TABLE_FIXED | TABLE_ENCODES_FILES, true },
    { "pcre", table_open_pcre, TABLE_ENCODES_FILES, false },
    { "pipemap", table_open_pipemap, 0, false },
    { "proxy", table_open_proxy, 0, true },
    { "randmap", table_open_randmap, TABLE_FIXED | TABLE_ENCODES_FILES, false },
    { "regexp", table_open_regexp, TABLE_ENCODES_FILES, false },
    { "static", table_open_static, TABLE_FIXED | TABLE_ENCODES_FILES, false },
    { "texthash", table_open_texthash, TABLE_FIXED | TABLE_ENCODES_FILES, false },
    { "unionmap", table_open_unionmap, 0, false },
    { "unix", table_open_unix, TABLE_FIXED, false },
};

const struct table_type *table_type_find(struct str name)
{
    for (size_t i = 0; i < ARRAY_LEN(types); i++)
        if (str_equal(name, str_from(types[i].name)))
            return &types[i];
    return NULL;
}

bool table_type_exists(struct str type) { return table_type_find(type) != NULL; }

bool table_type_is_indexed(struct str type)
{
    const struct table_type *found = table_type_find(type);

    return found && found->open == table_open_lmdb;
}

void table_types(struct buf *out)
{
    for (size_t i = 0; i < ARRAY_LEN(types); i++)
        buf_join(out, str_from(types[i].name), STR("\n"));
}

/* Types that come in a package of their own; the error names it. */
static const char *const packaged[] = { "cdb",   "ldap", "memcache", "mongodb",
                                        "mysql", "nis",  "pgsql",    "sqlite" };

void table_type_unknown(struct str type, struct buf *error)
{
    buf_join(error, STR("unsupported dictionary type: "), type);
    for (size_t i = 0; i < ARRAY_LEN(packaged); i++)
        if (str_equal(type, str_from(packaged[i])))
            buf_join(error, STR(". Is the postfix-"), type, STR(" package installed?"));
}

void table_spec_split(struct str spec, struct str *type, struct str *name)
{
    if (!str_has(spec, ':')) {
        *type = site_conf.default_database_type;
        *name = spec;
        return;
    }
    *name = spec;
    *type = str_cut(name, ':');
}
