#include "base/map.h"
#include "base/siphash.h"
#include "unit.h"

enum { BLOCKS = 15, KEYS = 1 << BLOCKS, KEY_LEN = BLOCKS * 16 };

/* Keys that differ in bits 31 and 63 of both words of a pair: a hash that mixes words by shifting them by 32
 * bits and multiplying gives all of them one value, whatever its seed is. */
static struct str chosen_key(char key[KEY_LEN], int n)
{
    memset(key, 'a', KEY_LEN);
    for (int b = 0; b < BLOCKS; b++)
        for (int word = 0; word < 2 && n >> b & 1; word++) {
            key[b * 16 + word * 8 + 3] ^= (char)0x80;
            key[b * 16 + word * 8 + 7] ^= (char)0x80;
        }
    return (struct str){ key, KEY_LEN };
}

static void chosen_keys_are_found_in_a_few_steps(void **state UNUSED)
{
    struct map m = MAP_INIT;
    char key[KEY_LEN];
    size_t most = 0, all = 0;

    for (int n = 0; n < KEYS; n++)
        assert_null(map_set(&m, chosen_key(key, n), &m));
    for (int n = 0; n < KEYS; n++) {
        size_t steps = map_steps(&m, chosen_key(key, n));
        most = MAX(most, steps);
        all += steps;
    }
    assert_in_range(most, 1, 20);
    assert_in_range(all, KEYS, 2 * KEYS);
    map_free(&m, NULL);
}

static void the_hash_is_siphash_2_4(void **state UNUSED)
{
    /* The example of the paper of J.-P. Aumasson and D. J. Bernstein (2012), and its first neighbours. */
    static const struct {
        size_t length;
        uint64_t hash;
    } cases[] = {
        { 0, 0x726fdb47dd0e0e31 }, { 1, 0x74f839c593dc67fd },  { 7, 0xab0200f58b01d137 },
        { 8, 0x93f5f5799a932462 }, { 15, 0xa129ca6149be45e5 },
    };
    const struct siphash_key key = { { 0x0706050403020100, 0x0f0e0d0c0b0a0908 } };
    const struct str bytes = STR("\0\1\2\3\4\5\6\7\10\11\12\13\14\15\16");

    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        assert_true(siphash(&key, str_sub(bytes, 0, cases[i].length)) == cases[i].hash);
}

static void the_key_is_another_each_time(void **state UNUSED)
{
    struct siphash_key one = siphash_new_key(), other = siphash_new_key();

    assert_memory_not_equal(&one, &other, sizeof one);
}

static void what_was_set_is_found_until_it_is_removed(void **state UNUSED)
{
    struct map m = MAP_INIT;
    int a, b;

    assert_null(map_get(&m, STR("k")));
    assert_int_equal(map_steps(&m, STR("k")), 0);
    assert_null(map_set(&m, STR("k"), &a));
    assert_ptr_equal(map_set(&m, STR("k"), &b), &a);
    assert_ptr_equal(map_get(&m, STR("k")), &b);
    assert_false(map_has(&m, STR("K")));
    assert_ptr_equal(map_remove(&m, STR("k")), &b);
    assert_null(map_remove(&m, STR("k")));
    assert_int_equal(m.count, 0);
    map_free(&m, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(chosen_keys_are_found_in_a_few_steps),
        cmocka_unit_test(the_hash_is_siphash_2_4),
        cmocka_unit_test(the_key_is_another_each_time),
        cmocka_unit_test(what_was_set_is_found_until_it_is_removed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
