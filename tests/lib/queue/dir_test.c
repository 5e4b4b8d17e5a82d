#include "os/fd.h"
#include "queue/dir.h"
#include "scratch.h"

#include <errno.h>
#include <fcntl.h>

static const struct queue_layout flat = { STR_NONE, 1 };
static const struct queue_layout hashed = { STR("deferred, defer"), 1 };
static const struct queue_layout deep = { STR("deferred"), 3 };

static struct queue_id id_of(const char *text)
{
    struct queue_id id;

    assert_true(queue_id_parse(str_from(text), &id));
    return id;
}

static void put(const char *path, const char *content)
{
    FD_AUTO(fd, open(path, O_WRONLY | O_CREAT | O_EXCL, 0700));

    assert_true(fd >= 0);
    assert_true(fd_write_all(fd, str_from(content)));
}

static void paths_follow_the_layout(void **state)
{
    static const struct {
        const struct queue_layout *layout;
        const char *queue, *id, *path;
    } cases[] = {
        { &flat, "deferred", "B084552CCBC", "deferred/B084552CCBC" },
        { &hashed, "deferred", "B084552CCBC", "deferred/B/B084552CCBC" },
        { &hashed, "defer", "B084552CCBC", "defer/B/B084552CCBC" },
        { &hashed, "incoming", "B084552CCBC", "incoming/B084552CCBC" },
        { &hashed, "deferred", "4jX2zh2S8KzmtFR", "deferred/5/4jX2zh2S8KzmtFR" },
        { &deep, "deferred", "B084552CCBC", "deferred/B/0/8/B084552CCBC" },
        { &deep, "deferred", "ab", "deferred/a/b/_/ab" },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct queue_id id = id_of(cases[i].id);
        BUF_AUTO(path, 0);
        queue_path(cases[i].layout, cases[i].queue, &id, &path);
        assert_string_equal(buf_cstr(&path), cases[i].path);
    }
}

static void a_file_is_found_where_an_older_layout_put_it(void **state)
{
    const char *const places[] = { "deferred/B084552CCBC", "deferred/B/B084552CCBC",
                                   "deferred/B/0/B084552CCBC", "deferred/B/0/8/B084552CCBC" };
    const struct queue_layout *const layouts[] = { &flat, &hashed, &deep };
    struct queue_id id = id_of("B084552CCBC");

    (void)state;
    assert_true(queue_make_parents("deferred/B/0/8/x"));
    for (size_t i = 0; i < ARRAY_LEN(places); i++)
        for (size_t k = 0; k < ARRAY_LEN(layouts); k++) {
            struct stat st;
            put(places[i], "x");
            FD_AUTO(fd, queue_open(layouts[k], "deferred", &id, O_RDONLY));
            assert_true(fd >= 0);
            assert_true(queue_stat(layouts[k], "deferred", &id, &st));
            assert_true(queue_remove(layouts[k], "deferred", &id));
            assert_int_equal(access(places[i], F_OK), -1);
        }
    assert_int_equal(queue_open(&hashed, "deferred", &id, O_RDONLY), -1);
    assert_int_equal(errno, ENOENT);
    assert_false(queue_remove(&flat, "deferred", &id));
}

static void renaming_makes_the_directories_it_needs(void **state)
{
    struct queue_id id = id_of("B084552CCBC"), other = id_of("C084552CCBC");

    (void)state;
    put("active/B084552CCBC", "x");
    assert_true(queue_rename(&deep, "active", "deferred", &id));
    assert_int_equal(access("deferred/B/0/8/B084552CCBC", F_OK), 0);
    assert_true(queue_rename(&hashed, "deferred", "active", &id));
    assert_int_equal(access("active/B084552CCBC", F_OK), 0);
    assert_false(queue_rename(&hashed, "active", "deferred", &other));
    assert_int_equal(errno, ENOENT);
}

static void creating_makes_the_directories_it_needs(void **state)
{
    struct queue_id id = id_of("B084552CCBC");

    (void)state;
    FD_AUTO(fd, queue_create(&hashed, "defer", &id, O_WRONLY | O_APPEND, 0600));
    assert_true(fd >= 0);
    assert_int_equal(access("defer/B/B084552CCBC", F_OK), 0);
}

static void a_symbolic_link_is_not_opened(void **state)
{
    struct queue_id id = id_of("B084552CCBC");

    (void)state;
    put("active/x", "secret");
    assert_int_equal(symlink("x", "active/B084552CCBC"), 0);
    assert_int_equal(queue_open(&flat, "active", &id, O_RDONLY), -1);
}

static void a_scan_sees_every_file_at_any_depth_once(void **state)
{
    const char *const files[] = { "deferred/AAAAA1", "deferred/B/BAAAA2", "deferred/B/0/BAAAA3" };
    struct queue_id id;
    int seen = 0;

    (void)state;
    assert_true(queue_make_parents("deferred/B/0/x"));
    for (size_t i = 0; i < ARRAY_LEN(files); i++)
        put(files[i], "");
    put("deferred/12345.99", ""); /* being created */
    assert_int_equal(symlink("AAAAA1", "deferred/LINK"), 0);
    struct queue_scan *s = queue_scan_open("deferred");
    while (queue_scan_next(s, &id)) {
        size_t i = 0;
        while (i < ARRAY_LEN(files) && strcmp(files[i], queue_scan_path(s)) != 0)
            i++;
        assert_in_range(i, 0, ARRAY_LEN(files) - 1);
        assert_false(seen & 1 << i);
        seen |= 1 << i;
        assert_string_equal(strrchr(files[i], '/') + 1, id.text);
    }
    assert_int_equal(seen, 7);
    queue_scan_close(s);
}

static void a_missing_queue_is_empty(void **state)
{
    struct queue_scan *s = queue_scan_open("nowhere");
    struct queue_id id;

    (void)state;
    assert_false(queue_scan_next(s, &id));
    assert_false(queue_scan_next(s, &id));
    queue_scan_close(s);
}

static void directories_nested_without_end_do_not_hurt(void **state)
{
    char path[256] = "deferred/";
    struct queue_id id;

    (void)state;
    for (int i = 0; i < 30; i++)
        strcat(path, "a/");
    strcat(path, "x");
    assert_true(queue_make_parents(path));
    put(path, "");
    struct queue_scan *s = queue_scan_open("deferred");
    assert_false(queue_scan_next(s, &id));
    queue_scan_close(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(paths_follow_the_layout),
        SCRATCH_TEST(a_file_is_found_where_an_older_layout_put_it),
        SCRATCH_TEST(renaming_makes_the_directories_it_needs),
        SCRATCH_TEST(creating_makes_the_directories_it_needs),
        SCRATCH_TEST(a_symbolic_link_is_not_opened),
        SCRATCH_TEST(a_scan_sees_every_file_at_any_depth_once),
        SCRATCH_TEST(a_missing_queue_is_empty),
        SCRATCH_TEST(directories_nested_without_end_do_not_hurt),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
