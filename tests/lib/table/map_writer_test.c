#include "lib/table/harness.h"
#include "table/map_writer.h"

#include <sys/stat.h>
#include <unistd.h>

static struct buf duplicates = BUF_INIT(0);

static void note_duplicate(void *context UNUSED, struct str key)
{
    buf_join(&duplicates, key, STR(" "));
}

static void publish(struct map_writer *w)
{
    const struct draft_owner owner = { .mode = 0640 };
    BUF_AUTO(error, 0);

    assert_true(map_writer_publish(w, &owner, note_duplicate, NULL, &error));
    map_writer_free(w);
}

static void add(struct map_writer *w, const char *key, const char *value)
{
    assert_true(map_writer_add(w, str_from(key), str_from(value)));
}

static const char *spec_of(const char *name)
{
    static char spec[200];

    snprintf(spec, sizeof spec, "hash:%s", scratch_path(name));
    return spec;
}

static void dump(const char *name, struct buf *out)
{
    struct table *t = table_open(str_from(spec_of(name)), TABLE_DEFAULT, NULL);
    BUF_AUTO(position, 0);
    BUF_AUTO(key, 0);
    BUF_AUTO(value, 0);

    while (table_next(t, &position, &key, &value) == TABLE_FOUND)
        buf_join(out, buf_str(&key), STR("="), buf_str(&value), STR(" "));
    table_close(t);
}

static void assert_dump(const char *name, const char *want)
{
    BUF_AUTO(out, 0);

    dump(name, &out);
    assert_string_equal(buf_cstr(&out), want);
}

static void a_published_map_can_be_asked(void **state UNUSED)
{
    static const unsigned conventions[] = { 0, MAP_WRITER_NULS };

    for (size_t i = 0; i < ARRAY_LEN(conventions); i++) {
        struct map_writer *w = map_writer_new(scratch_path("m.lmdb"), conventions[i]);
        struct stat st;

        add(w, "b", "2");
        add(w, "ab", "3");
        add(w, "a", "1");
        publish(w);
        assert_dump("m", "a=1 ab=3 b=2 ");
        assert_lookup(spec_of("m"), TABLE_DEFAULT, "AB", "3");
        assert_lookup(spec_of("m"), TABLE_DEFAULT, "c", "-");
        assert_int_equal(stat(scratch_path("m.lmdb"), &st), 0);
        assert_int_equal(st.st_mode & 0777, 0640);
    }
}

static void of_equal_keys_the_first_stays_unless_replaced(void **state UNUSED)
{
    struct map_writer *w = map_writer_new(scratch_path("d.lmdb"), MAP_WRITER_NULS);

    buf_clear(&duplicates);
    add(w, "z", "1");
    add(w, "a", "1");
    add(w, "z", "2");
    add(w, "a", "2");
    add(w, "z", "3");
    publish(w);
    assert_dump("d", "a=1 z=1 ");
    assert_str(buf_str(&duplicates), "z a z ");
    buf_clear(&duplicates);
    w = map_writer_new(scratch_path("d.lmdb"), MAP_WRITER_REPLACE);
    add(w, "z", "1");
    add(w, "z", "2");
    publish(w);
    assert_dump("d", "z=2 ");
    assert_int_equal(duplicates.len, 0);
}

static void a_map_can_be_added_to_and_deleted_from(void **state UNUSED)
{
    BUF_AUTO(error, 0);
    struct draft_owner owner = { .mode = 0604 };
    struct map_writer *w = map_writer_new(scratch_path("i.lmdb"), 0);

    assert_true(map_writer_resume(w, &owner, &error)); /* nothing there yet */
    assert_int_equal(owner.mode, 0604);
    add(w, "a", "1");
    add(w, "b", "2");
    publish(w);
    w = map_writer_new(scratch_path("i.lmdb"), MAP_WRITER_NULS);
    assert_true(
        map_writer_resume(w, &owner, &error)); /* goes on without NULs, as the file has it */
    assert_int_equal(owner.mode, 0640);        /* as publish() above made it */
    assert_int_equal(owner.uid, geteuid());
    assert_true(map_writer_delete(w, STR("a")));
    assert_false(map_writer_delete(w, STR("a")));
    assert_false(map_writer_delete(w, STR("c")));
    add(w, "a", "3");
    add(w, "b", "4");
    add(w, "c", "5");
    publish(w);
    assert_dump("i", "a=3 b=2 c=5 ");
}

static void a_reader_keeps_its_map_and_notices_the_new_one(void **state UNUSED)
{
    struct map_writer *w = map_writer_new(scratch_path("r.lmdb"), 0);
    BUF_AUTO(value, 0);
    BUF_AUTO(name, 0);

    add(w, "k", "old");
    publish(w);
    struct table *t = table_open(str_from(spec_of("r")), TABLE_DEFAULT, NULL);
    assert_false(tables_have_changed(&name));
    w = map_writer_new(scratch_path("r.lmdb"), 0);
    add(w, "k", "new");
    publish(w);
    assert_int_equal(table_lookup(t, STR("k"), &value), TABLE_FOUND);
    assert_str(buf_str(&value), "old");
    assert_true(tables_have_changed(&name));
    table_close(t);
    assert_lookup(spec_of("r"), TABLE_DEFAULT, "k", "new");
}

static void publish_one(const char *file, const char *value)
{
    struct map_writer *w = map_writer_new(scratch_path(file), 0);

    add(w, "k", value);
    publish(w);
}

static void link_to(const char *target, const char *name)
{
    char path[200];

    snprintf(path, sizeof path, "%s", scratch_path(name));
    (void)unlink(path);
    assert_int_equal(symlink(target, path), 0);
}

static void what_has_the_traditional_name_is_read_and_noticed(void **state UNUSED)
{
    BUF_AUTO(value, 0);
    BUF_AUTO(name, 0);

    publish_one("l.lmdb", "here");
    publish_one("l.new.lmdb", "moved here");
    assert_lookup(spec_of("l"), TABLE_DEFAULT, "k", "here");
    link_to("l.lmdb", "l.db");
    struct table *t = table_open(str_from(spec_of("l")), TABLE_DEFAULT, NULL);
    assert_false(tables_have_changed(&name));
    link_to("l.new.lmdb", "l.db");
    assert_true(tables_have_changed(&name));
    assert_int_equal(table_lookup(t, STR("k"), &value), TABLE_FOUND);
    assert_str(buf_str(&value), "here");
    table_close(t);
    assert_lookup(spec_of("l"), TABLE_DEFAULT, "k", "moved here");
    link_to("nowhere", "l.db");
    assert_lookup(spec_of("l"), TABLE_DEFAULT, "k", "here");
}

static void an_index_that_was_missing_is_noticed_when_it_comes(void **state UNUSED)
{
    BUF_AUTO(name, 0);
    BUF_AUTO(error, 0);

    for (int i = 0; i < 2; i++) {
        struct table *t = table_open(str_from(spec_of("later/late")), TABLE_DEFAULT, &error);
        assert_false(table_is_open(t));
        assert_false(tables_have_changed(&name));
        if (i == 0)
            assert_int_equal(mkdir(scratch_path("later"), 0755), 0);
        else
            publish_one("later/late.lmdb", "here at last");
        assert_true(tables_have_changed(&name));
        table_close(t);
    }
    assert_lookup(spec_of("later/late"), TABLE_DEFAULT, "k", "here at last");
}

static void keys_that_no_table_can_hold_are_refused(void **state UNUSED)
{
    struct map_writer *w = map_writer_new(scratch_path("k.lmdb"), MAP_WRITER_NULS);
    char key[600];

    memset(key, 'k', sizeof key);
    assert_false(map_writer_add(w, STR(""), STR("v")));
    assert_false(map_writer_add(w, (struct str){ key, 511 }, STR("v")));
    assert_true(map_writer_add(w, (struct str){ key, 510 }, STR("v")));
    publish(w);
    key[510] = '\0';
    assert_lookup(spec_of("k"), TABLE_DEFAULT, key, "v");
    key[510] = 'k';
    key[599] = '\0';
    assert_lookup(spec_of("k"), TABLE_DEFAULT, key, "-");
}

/* Keys that begin alike, of many lengths, with large values between: all come back in order. */
static void many_entries_come_back_sorted(void **state UNUSED)
{
    struct map_writer *w = map_writer_new(scratch_path("many.lmdb"), MAP_WRITER_NULS);
    BUF_AUTO(position, 0);
    BUF_AUTO(key, 0);
    BUF_AUTO(last, 0);
    BUF_AUTO(value, 0);
    enum { COUNT = 20000 };
    size_t seen = 0;

    for (unsigned i = 0; i < COUNT; i++) {
        char text[64];
        unsigned mixed = i * 2654435761u;
        snprintf(text, sizeof text, "%s%u", i % 3 ? "the-same-beginning-" : "", mixed);
        buf_clear(&value);
        for (unsigned n = 0; n < (i % 1000 == 0 ? 600u : 1u); n++)
            buf_join(&value, STR("0123456789"));
        assert_true(map_writer_add(w, str_from(text), buf_str(&value)));
    }
    publish(w);
    struct table *t = table_open(str_from(spec_of("many")), TABLE_DEFAULT, NULL);
    while (table_next(t, &position, &key, &value) == TABLE_FOUND) {
        assert_true(seen == 0 || str_compare(buf_str(&last), buf_str(&key)) < 0);
        buf_clear(&last);
        buf_add(&last, buf_str(&key));
        seen++;
    }
    assert_int_equal(seen, COUNT);
    table_close(t);
}

static int end(void **state)
{
    buf_free(&duplicates);
    return harness_end(state);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_published_map_can_be_asked),
        cmocka_unit_test(of_equal_keys_the_first_stays_unless_replaced),
        cmocka_unit_test(a_map_can_be_added_to_and_deleted_from),
        cmocka_unit_test(a_reader_keeps_its_map_and_notices_the_new_one),
        cmocka_unit_test(what_has_the_traditional_name_is_read_and_noticed),
        cmocka_unit_test(an_index_that_was_missing_is_noticed_when_it_comes),
        cmocka_unit_test(keys_that_no_table_can_hold_are_refused),
        cmocka_unit_test(many_entries_come_back_sorted),
    };

    return cmocka_run_group_tests(tests, harness_begin, end);
}
