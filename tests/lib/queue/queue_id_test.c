#include "queue/queue_id.h"
#include "scratch.h"

static void ids_have_the_documented_forms(void **state)
{
    static const struct {
        struct timeval when;
        uint64_t inode;
        bool long_form;
        const char *id, *key;
    } cases[] = {
        { { 1795291040, 0xA1EB4 }, 0x52CCAE, false, "A1EB452CCAE", "A1EB452CCAE" },
        { { 1795291040, 5 }, 1, false, "000051", "000051" },
        { { 1795291040, 999999 }, 0xFFFFFFFFFF, false, "F423FFFFFFFFFFF", "F423FFFFFFFFFFF" },
        { { 1795291040, 0 }, 5426372, true, "4jX2zh0000zmtFR", "00000" },
        { { 0, 0 }, 0, true, "0000000000z0", "00000" },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct queue_id id, key;
        uint64_t inode;
        queue_id_make(cases[i].when, cases[i].inode, cases[i].long_form, &id);
        assert_string_equal(id.text, cases[i].id);
        assert_int_equal(queue_id_is_long(&id), cases[i].long_form);
        assert_true(queue_id_inode(&id, &inode));
        assert_int_equal(inode, cases[i].inode);
        queue_id_hash_key(&id, &key);
        assert_string_equal(key.text, cases[i].key);
    }
}

/* "4jX2zh2S8KzmtFR lies in deferred/5/" */
static void the_long_id_of_the_sample_is_understood(void **state)
{
    struct queue_id id, key, again;
    uint64_t inode;

    (void)state;
    assert_true(queue_id_parse(STR("4jX2zh2S8KzmtFR"), &id));
    assert_true(queue_id_is_long(&id));
    assert_true(queue_id_inode(&id, &inode));
    assert_int_equal(inode, 5426372);
    queue_id_hash_key(&id, &key);
    assert_int_equal(strlen(key.text), 5);
    assert_int_equal(key.text[0], '5');
    queue_id_make((struct timeval){ 1795291040, (int)strtol(key.text, NULL, 16) }, inode, true,
                  &again);
    assert_string_equal(again.text, id.text);
}

static void only_letters_digits_and_underscore_make_an_id(void **state)
{
    char long_name[260];
    static const struct {
        const char *text;
        bool ok;
    } cases[] = {
        { "A1EB452CCAE", true }, { "refused_example", true },
        { "a", true },           { "", false },
        { ".", false },          { "..", false },
        { "a/b", false },        { "1234.99", false },
        { "a b", false },        { "\xc3\xa4", false },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct queue_id id;
        assert_int_equal(queue_id_parse(str_from(cases[i].text), &id), cases[i].ok);
    }
    memset(long_name, 'A', sizeof long_name);
    struct queue_id id;
    assert_true(queue_id_parse((struct str){ long_name, 255 }, &id));
    assert_false(queue_id_parse((struct str){ long_name, 256 }, &id));
    assert_false(queue_id_parse(STR("a\0b"), &id));
}

static void a_foreign_name_claims_no_inode(void **state)
{
    static const char *const names[] = {
        "refused_example",          "ABC", "12345", "12345x", "GGGGG1", "0000000000z",
        "123456789abcdef0123456789"
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        struct queue_id id;
        uint64_t inode;
        assert_true(queue_id_parse(str_from(names[i]), &id));
        assert_false(queue_id_inode(&id, &inode));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ids_have_the_documented_forms),
        cmocka_unit_test(the_long_id_of_the_sample_is_understood),
        cmocka_unit_test(only_letters_digits_and_underscore_make_an_id),
        cmocka_unit_test(a_foreign_name_claims_no_inode),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
