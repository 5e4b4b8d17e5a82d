#include "os/watch.h"
#include "unit.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static char here[] = "/tmp/watch-XXXXXX";

static void put(const char *name, const char *text)
{
    FILE *f = fopen(name, "w");

    assert_non_null(f);
    assert_true(fputs(text, f) >= 0);
    assert_int_equal(fclose(f), 0);
}

static int enter(void **state)
{
    (void)state;
    return mkdtemp(here) && chdir(here) == 0 ? 0 : -1;
}

static void expect_change(const char *path, void (*act)(void))
{
    struct watch w = WATCH_NONE;

    watch_add(&w, str_from(path));
    assert_null(watch_changed(&w).ptr);
    act();
    struct str changed = watch_changed(&w);
    assert_int_equal(changed.len, strlen(path));
    assert_memory_equal(changed.ptr, path, changed.len);
    watch_close(&w);
}

static void write_in_place(void)
{
    int fd = open("file", O_WRONLY | O_APPEND);

    usleep(20000); /* the kernel's clock for files has steps */
    assert_int_equal(write(fd, "x", 1), 1);
    close(fd);
}

static void replace(void)
{
    put("new", "new");
    assert_int_equal(rename("new", "file"), 0);
}

static void what_is_written_to_has_changed(void **state)
{
    (void)state;
    put("file", "old");
    expect_change("file", write_in_place);
}

static void what_is_replaced_has_changed(void **state)
{
    (void)state;
    put("file", "old");
    expect_change("file", replace);
}

static void lead_elsewhere(void)
{
    put("archive2", "new");
    assert_int_equal(symlink("archive2", "link.new"), 0);
    assert_int_equal(rename("link.new", "link"), 0);
}

static void a_link_that_leads_elsewhere_has_changed(void **state)
{
    (void)state;
    put("archive1", "old");
    assert_int_equal(symlink("archive1", "link"), 0);
    expect_change("link", lead_elsewhere);
    (void)unlink("link");
}

static void the_file_behind_a_link_is_watched_too(void **state)
{
    (void)state;
    put("file", "old");
    assert_int_equal(symlink("file", "link"), 0);
    expect_change("link", replace);
    (void)unlink("link");
}

static void make_it(void)
{
    usleep(20000);
    put("missing", "here");
}

static void a_file_that_was_missing_is_noticed(void **state)
{
    char path[64];

    (void)state;
    (void)snprintf(path, sizeof path, "%s/missing", here);
    expect_change(path, make_it);
}

static void a_circle_of_links_ends(void **state)
{
    struct watch w = WATCH_NONE;

    (void)state;
    assert_int_equal(symlink("b", "a"), 0);
    assert_int_equal(symlink("a", "b"), 0);
    watch_add(&w, STR("a"));
    assert_null(watch_changed(&w).ptr);
    watch_close(&w);
}

static int leave(void **state)
{
    static const char *const names[] = { "file", "archive1", "archive2", "a", "b", "missing" };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        (void)unlink(names[i]);
    return chdir("/") == 0 ? rmdir(here) : -1;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_written_to_has_changed),
        cmocka_unit_test(what_is_replaced_has_changed),
        cmocka_unit_test(a_link_that_leads_elsewhere_has_changed),
        cmocka_unit_test(the_file_behind_a_link_is_watched_too),
        cmocka_unit_test(a_file_that_was_missing_is_noticed),
        cmocka_unit_test(a_circle_of_links_ends),
    };

    return cmocka_run_group_tests(tests, enter, leave);
}
