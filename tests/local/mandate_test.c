#include "local/mandate.h"
#include "unit.h"

static const struct user root = { .uid = 0 }, list = { .uid = 38 }, ana = { .uid = 4000 },
                         luis = { .uid = 4001 };

/* One step: what kind of thing names the next, and whose it is. */
struct step {
    enum origin kind;
    const struct user *owner;
};

static const struct chain {
    struct step steps[4];
    const struct user *mandate; /* NULL: the administrator's, done by default_privs */
} chains[] = {
    { { { FROM_ALIAS, NULL } }, NULL },
    { { { FROM_ALIAS, &root } }, NULL },
    { { { FROM_ALIAS, &list } }, &list },
    { { { FROM_FORWARD, &ana } }, &ana },
    { { { FROM_FORWARD, &root } }, NULL },
    /* The administrator lends his mandate by naming a list. */
    { { { FROM_ALIAS, &root }, { FROM_INCLUDE, &root } }, NULL },
    { { { FROM_ALIAS, &root }, { FROM_INCLUDE, &luis } }, &luis },
    { { { FROM_ALIAS, &root }, { FROM_INCLUDE, &root }, { FROM_INCLUDE, &luis } }, &luis },
    { { { FROM_FORWARD, &root }, { FROM_INCLUDE, &luis } }, &luis },
    /* Nobody else lends anything, and nobody gets anything by naming a list. */
    { { { FROM_FORWARD, &ana }, { FROM_INCLUDE, &ana } }, &ana },
    { { { FROM_FORWARD, &ana }, { FROM_INCLUDE, &luis } }, &ana },
    { { { FROM_FORWARD, &ana }, { FROM_INCLUDE, &root } }, &ana },
    { { { FROM_FORWARD, &ana }, { FROM_INCLUDE, &root }, { FROM_INCLUDE, &luis } }, &ana },
    { { { FROM_ALIAS, &list }, { FROM_INCLUDE, &luis } }, &list },
    { { { FROM_ALIAS, &list }, { FROM_INCLUDE, &root } }, &list },
    { { { FROM_ALIAS, &root }, { FROM_INCLUDE, &luis }, { FROM_INCLUDE, &ana } }, &luis },
    { { { FROM_ALIAS, &root }, { FROM_INCLUDE, &luis }, { FROM_INCLUDE, &root } }, &luis },
    { { { FROM_ALIAS, &root },
        { FROM_INCLUDE, &luis },
        { FROM_INCLUDE, &root },
        { FROM_INCLUDE, &ana } },
      &luis },
    /* Behind an address everything begins anew: anybody could have written to it. */
    { { { FROM_ALIAS, &list }, { FROM_ALIAS, &root } }, NULL },
    { { { FROM_ALIAS, &root }, { FROM_ALIAS, &list } }, &list },
    { { { FROM_FORWARD, &ana }, { FROM_ALIAS, &root } }, NULL },
    { { { FROM_FORWARD, &ana }, { FROM_ALIAS, &list } }, &list },
    { { { FROM_FORWARD, &ana }, { FROM_ALIAS, &root }, { FROM_INCLUDE, &luis } }, &luis },
    { { { FROM_FORWARD, &ana }, { FROM_ALIAS, &list }, { FROM_INCLUDE, &ana } }, &list },
    { { { FROM_ALIAS, &list }, { FROM_FORWARD, &ana } }, &ana },
    { { { FROM_ALIAS, &root }, { FROM_INCLUDE, &luis }, { FROM_ALIAS, &root } }, NULL },
};

static void rights_along_a_chain_stay_or_shrink(void **state UNUSED)
{
    for (size_t i = 0; i < ARRAY_LEN(chains); i++) {
        const struct user *mandate = NULL;

        for (size_t n = 0; n < 4 && chains[i].steps[n].kind != FROM_REQUEST; n++)
            mandate = mandate_below(mandate, chains[i].steps[n].kind, chains[i].steps[n].owner);
        if (mandate != chains[i].mandate)
            fail_msg("chain %zu", i);
    }
}

static void origins_have_the_words_of_the_settings(void **state UNUSED)
{
    assert_string_equal(origin_word(FROM_ALIAS), "alias");
    assert_string_equal(origin_word(FROM_FORWARD), "forward");
    assert_string_equal(origin_word(FROM_INCLUDE), "include");
    assert_string_equal(origin_word(FROM_REQUEST), "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rights_along_a_chain_stay_or_shrink),
        cmocka_unit_test(origins_have_the_words_of_the_settings),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
