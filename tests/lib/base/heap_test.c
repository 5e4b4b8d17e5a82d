#include "base/heap.h"
#include "unit.h"

#include <stdlib.h>

struct item {
    int rank;
    size_t place;
};

static bool before(const void *a, const void *b)
{
    return ((const struct item *)a)->rank < ((const struct item *)b)->rank;
}

#define COUNT 500

static struct item items[COUNT];
static uint32_t seed = 7;

static int draw(void)
{
    seed = seed * 1664525 + 1013904223;
    return (int)(seed >> 8) % 1000;
}

static struct heap filled(void)
{
    struct heap h = HEAP_INIT(struct item, place, before);

    for (int i = 0; i < COUNT; i++) {
        items[i] = (struct item){ draw(), HEAP_NOWHERE };
        heap_add(&h, &items[i]);
    }
    return h;
}

static void leaves_in_order(struct heap *h, size_t count)
{
    int last = -1;
    struct item *first;

    while ((first = heap_first(h)) != NULL) {
        assert_true(first->rank >= last);
        last = first->rank;
        heap_remove(h, first);
        assert_true(first->place == HEAP_NOWHERE);
        count--;
    }
    assert_int_equal(count, 0);
    heap_free(h);
}

static void items_leave_in_order(void **state UNUSED)
{
    struct heap h = filled();

    leaves_in_order(&h, COUNT);
}

static void an_item_is_taken_out_from_anywhere(void **state UNUSED)
{
    struct heap h = filled();

    for (int i = 0; i < COUNT; i += 3)
        heap_remove(&h, &items[i]);
    for (int i = 0; i < COUNT; i++)
        assert_int_equal(items[i].place == HEAP_NOWHERE, i % 3 == 0);
    leaves_in_order(&h, COUNT - (COUNT + 2) / 3);
}

static void an_item_moves_when_its_rank_changes(void **state UNUSED)
{
    struct heap h = filled();

    for (int i = 0; i < COUNT; i++) {
        items[i].rank = draw();
        heap_update(&h, &items[i]);
    }
    leaves_in_order(&h, COUNT);
}

static void an_empty_heap_has_no_first(void **state UNUSED)
{
    struct heap h = HEAP_INIT(struct item, place, before);

    assert_null(heap_first(&h));
    heap_free(&h);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(items_leave_in_order),
        cmocka_unit_test(an_item_is_taken_out_from_anywhere),
        cmocka_unit_test(an_item_moves_when_its_rank_changes),
        cmocka_unit_test(an_empty_heap_has_no_first),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
