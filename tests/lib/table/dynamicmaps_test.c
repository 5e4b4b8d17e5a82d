#include "lib/table/harness.h"
#include "table/dynamicmaps.h"

#include <sys/stat.h>

/* The files are read once in a process, so there is one test. */
static void rows_of_the_file_and_of_the_folder_name_types(void **state UNUSED)
{
    write_file("dynamicmaps.cf", "# comment\n\nsqlite\tpostfix-sqlite.so  dict_sqlite_open\t\n"
                                 "cdb /opt/cdb.so dict_cdb_open mkmap_cdb_open\n"
                                 "sqlite other.so dict_sqlite_open\n");
    assert_int_equal(mkdir(scratch_path("dynamicmaps.cf.d"), 0755), 0);
    write_file("dynamicmaps.cf.d/ldap", "ldap postfix-ldap.so dict_ldap_open\n");
    write_file("dynamicmaps.cf.d/open", "open postfix-open.so dict_open_open\n");
    assert_int_equal(chmod(scratch_path("dynamicmaps.cf.d/open"), 0666), 0);
    site_conf.meta_directory = str_from(scratch);
    site_conf.shlib_directory = STR("/lib/x");

    const struct dynamicmap *sqlite = dynamicmaps_find(STR("sqlite"));
    assert_string_equal(sqlite->path, "/lib/x/postfix-sqlite.so");
    assert_false(sqlite->can_be_built);
    const struct dynamicmap *cdb = dynamicmaps_find(STR("cdb"));
    assert_string_equal(cdb->path, "/opt/cdb.so");
    assert_true(cdb->can_be_built);
    assert_string_equal(dynamicmaps_find(STR("ldap"))->path, "/lib/x/postfix-ldap.so");
    assert_null(dynamicmaps_find(STR("open")));
    assert_null(dynamicmaps_find(STR("foo")));
    assert_ptr_equal(dynamicmaps_at(0), sqlite);
    assert_null(dynamicmaps_at(3));
    assert_non_null(strstr(buf_cstr(&logged), "ignoring duplicate entry for \"sqlite\""));
    assert_non_null(
        strstr(buf_cstr(&logged),
               "/open: file is owned or writable by other users -- skipping this file"));
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(
        rows_of_the_file_and_of_the_folder_name_types) };

    return cmocka_run_group_tests(tests, harness_begin, harness_end);
}
