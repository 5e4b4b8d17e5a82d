#pragma once
/* What the table tests share: captured log lines and scratch files. */

#include "base/log.h"
#include "conf/params.h"
#include "table/table.h"
#include "unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* Every line that was logged since the last harness_reset(), joined by LF. */
static struct buf logged = BUF_INIT(0);
static char scratch[64];

UNUSED static void capture(enum log_level level UNUSED, struct str text)
{
    buf_join(&logged, text, STR("\n"));
}

UNUSED static void harness_reset(void) { buf_clear(&logged); }

UNUSED static int harness_begin(void **state UNUSED)
{
    log_set_sink(capture);
    site_conf.default_database_type = STR("lmdb");
    site_conf.smtputf8_enable = true;
    site_conf.double_bounce_sender = STR("double-bounce");
    table_conf.proxy_read_maps = STR("proxy:inline:{x=1} proxy:static:x proxy:regexp:{{/x/ y}}");
    table_conf.lmdb_map_size = 1 << 20;
    snprintf(scratch, sizeof scratch, "/tmp/table_test.XXXXXX");
    return mkdtemp(scratch) ? 0 : -1;
}

UNUSED static int harness_end(void **state UNUSED)
{
    char command[128];

    buf_free(&logged);
    snprintf(command, sizeof command, "rm -rf %s", scratch);
    return system(command);
}

/* The path of `name` in the scratch folder; one at a time. */
UNUSED static const char *scratch_path(const char *name)
{
    static char path[160];

    snprintf(path, sizeof path, "%s/%s", scratch, name);
    return path;
}

UNUSED static void write_file(const char *name, const char *text)
{
    FILE *f = fopen(scratch_path(name), "w");

    assert_non_null(f);
    assert_true(fputs(text, f) >= 0);
    assert_int_equal(fclose(f), 0);
}

UNUSED static void assert_str(struct str got, const char *want)
{
    BUF_AUTO(text, 0);

    buf_add(&text, got);
    assert_string_equal(buf_cstr(&text), want);
}

/* What `key` gives in a table of this name: the value, "-" when absent, "!" for an error. */
UNUSED static void assert_lookup(const char *spec, unsigned flags, const char *key,
                                 const char *want)
{
    struct table *t = table_open(str_from(spec), flags, NULL);
    BUF_AUTO(value, 0);
    enum table_result result = table_lookup(t, str_from(key), &value);

    if (result != TABLE_FOUND)
        buf_add(&value, result == TABLE_NOT_FOUND ? STR("-") : STR("!"));
    if (strcmp(buf_cstr(&value), want) != 0)
        print_error("table %s, key %s:\n", spec, key);
    assert_string_equal(buf_cstr(&value), want);
    table_close(t);
}
