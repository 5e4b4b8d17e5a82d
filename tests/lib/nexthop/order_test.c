#include "nexthop/order.h"
#include "unit.h"

struct fixture {
    struct arena arena;
    struct target_list list;
};

static void add(struct fixture *f, const char *address, int preference, int weight)
{
    struct target_server s = { .preference = preference, .weight = weight };

    assert_true(net_addr_parse(str_from(address), 25, &s.addr));
    s.address = s.name = str_from(address);
    target_add(&f->list, &f->arena, &s);
}

static void assert_order(const struct fixture *f, const char *wanted)
{
    BUF_AUTO(got, 0);

    for (size_t i = 0; i < f->list.count; i++)
        buf_join(&got, i ? STR(" ") : STR(""), f->list.servers[i].address);
    assert_string_equal(buf_cstr(&got), wanted);
}

static int setup(void **state)
{
    static struct fixture f;

    f = (struct fixture){ .arena = ARENA_INIT };
    *state = &f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    arena_free(&f->arena);
    return 0;
}

static uint32_t always_zero(void *context)
{
    (void)context;
    return 0;
}

static uint32_t counting(void *context)
{
    uint32_t *n = context;

    return (*n)++;
}

static uint32_t count_and_mix(void *context)
{
    size_t *calls = context;

    return (uint32_t)(++*calls * 2654435761u);
}

/* A list that a stranger's name servers make; chance is asked once for each server. */
static void a_list_of_servers_has_an_end(void **state)
{
    struct fixture *f = *state;
    size_t calls = 0;
    struct order_rules rules = { .family = AF_INET, .random = count_and_mix, .context = &calls };

    for (int i = 0; i < 2 * TARGET_SERVERS_MAX; i++)
        add(f, i % 2 ? "2001:db8::1" : "192.0.2.1", i % 7, 0);
    assert_int_equal(f->list.count, TARGET_SERVERS_MAX);
    order_servers(&f->list, &rules);
    assert_true(calls <= TARGET_SERVERS_MAX);
    for (size_t i = 1; i < f->list.count; i++) {
        const struct target_server *a = &f->list.servers[i - 1], *b = &f->list.servers[i];
        assert_true(a->preference < b->preference ||
                    (a->preference == b->preference &&
                     (a->addr.ss.ss_family == AF_INET || b->addr.ss.ss_family == AF_INET6)));
    }
}

static void better_preferences_come_first_and_equals_keep_their_order(void **state)
{
    struct fixture *f = *state;
    struct order_rules rules = { .family = AF_UNSPEC };

    add(f, "192.0.2.3", 30, 0);
    add(f, "192.0.2.1", 10, 0);
    add(f, "2001:db8::2", 20, 0);
    add(f, "192.0.2.2", 20, 0);
    order_servers(&f->list, &rules);
    assert_order(f, "192.0.2.1 2001:db8::2 192.0.2.2 192.0.2.3");
}

static void a_preferred_family_leads_among_equals_only(void **state)
{
    struct fixture *f = *state;
    struct order_rules rules = { .family = AF_INET };

    add(f, "2001:db8::1", 10, 0);
    add(f, "2001:db8::2", 20, 0);
    add(f, "192.0.2.2", 20, 0);
    order_servers(&f->list, &rules);
    assert_order(f, "2001:db8::1 192.0.2.2 2001:db8::2");
}

static void chance_mixes_equals_but_not_preferences(void **state)
{
    struct fixture *f = *state;
    struct order_rules rules = { .family = AF_UNSPEC, .random = always_zero };

    add(f, "192.0.2.1", 10, 0);
    add(f, "192.0.2.2", 10, 0);
    add(f, "192.0.2.3", 10, 0);
    add(f, "192.0.2.9", 5, 0);
    order_servers(&f->list, &rules);
    assert_int_equal(f->list.count, 4);
    assert_string_equal(f->list.servers[0].address.ptr, "192.0.2.9");
    assert_string_not_equal(f->list.servers[1].address.ptr, "192.0.2.1");
}

static void weights_say_who_is_drawn_first(void **state)
{
    struct fixture *f = *state;
    size_t heavy_first = 0;

    for (uint32_t n = 0; n < 1000; n++) {
        uint32_t number = n * 7919;
        struct order_rules rules = { .random = counting, .context = &number };
        f->list.count = 0;
        add(f, "192.0.2.1", 10, 90);
        add(f, "192.0.2.2", 10, 10);
        order_servers(&f->list, &rules);
        heavy_first += str_equal(f->list.servers[0].address, STR("192.0.2.1"));
    }
    assert_in_range(heavy_first, 800, 990);
}

static void ourselves_and_what_is_not_better_are_dropped(void **state)
{
    struct fixture *f = *state;
    struct net_addr mine[1], outside[1];
    struct interface_list own = { .addrs = mine, .count = 1 };
    struct interface_list proxy = { .addrs = outside, .count = 1 };

    assert_true(net_addr_parse(STR("192.0.2.20"), 0, &mine[0]));
    assert_true(net_addr_parse(STR("192.0.2.99"), 0, &outside[0]));
    add(f, "192.0.2.10", 10, 0);
    add(f, "192.0.2.20", 20, 0);
    add(f, "192.0.2.21", 20, 0);
    add(f, "192.0.2.30", 30, 0);
    order_drop_self(&f->list, &own, &proxy);
    assert_order(f, "192.0.2.10");
    assert_true(f->list.self);

    f->list = (struct target_list){ 0 };
    add(f, "192.0.2.99", 10, 0);
    order_drop_self(&f->list, &own, &proxy);
    assert_order(f, "");
    assert_true(f->list.self);

    f->list = (struct target_list){ 0 };
    add(f, "192.0.2.5", 10, 0);
    order_drop_self(&f->list, &own, &proxy);
    assert_order(f, "192.0.2.5");
    assert_false(f->list.self);
}

static void a_limit_keeps_both_families_in_play(void **state)
{
    struct fixture *f = *state;

    add(f, "2001:db8::1", 10, 0);
    add(f, "2001:db8::2", 10, 0);
    add(f, "2001:db8::3", 10, 0);
    add(f, "192.0.2.1", 20, 0);
    order_limit(&f->list, 3, false);
    assert_order(f, "2001:db8::1 2001:db8::2 2001:db8::3");

    f->list.count = 4;
    order_limit(&f->list, 3, true);
    assert_order(f, "2001:db8::1 2001:db8::2 192.0.2.1");
    order_limit(&f->list, 1, true);
    assert_order(f, "2001:db8::1");
    order_limit(&f->list, 0, true);
    assert_order(f, "2001:db8::1");
}

int main(void)
{
#define ORDER(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        ORDER(better_preferences_come_first_and_equals_keep_their_order),
        ORDER(a_preferred_family_leads_among_equals_only),
        ORDER(chance_mixes_equals_but_not_preferences),
        ORDER(a_list_of_servers_has_an_end),
        ORDER(weights_say_who_is_drawn_first),
        ORDER(ourselves_and_what_is_not_better_are_dropped),
        ORDER(a_limit_keeps_both_families_in_play),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
