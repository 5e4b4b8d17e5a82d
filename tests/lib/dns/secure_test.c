#include "dns/private.h"
#include "unit.h"

static void a_question_asks_for_signatures(void **state)
{
    int len = 0;
    unsigned char *packet = dns_secure_packet("q.test", DNS_MX, &len);

    (void)state;
    assert_non_null(packet);
    assert_int_equal(packet[2], 1);                            /* RD */
    assert_int_equal(packet[3], 0x20);                         /* AD */
    assert_memory_equal(packet + len - 11, "\0\0\x29\x10", 4); /* OPT, 4096 bytes */
    assert_memory_equal(packet + len - 6, "\0\0\x80\0\0", 5);  /* DO */
    ares_free_string(packet);
    packet = dns_secure_packet(".", DNS_NS, &len);
    assert_non_null(packet);
    ares_free_string(packet);
}

static void an_answer_says_how_it_went_and_who_vouches(void **state)
{
    static const enum dns_status statuses[] = { DNS_OK,        DNS_MALFORMED, DNS_RETRY,
                                                DNS_NOT_FOUND, DNS_FAIL,      DNS_RETRY };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(statuses); i++) {
        const char plain[12] = { 0, 0, (char)0x81, (char)(0x80 | i) };
        const char signed_one[12] = { 0, 0, (char)0x81, (char)(0xa0 | i) };
        assert_int_equal(dns_secure_status((struct str){ plain, 12 }), statuses[i]);
        assert_int_equal(dns_secure_status((struct str){ signed_one, 12 }), statuses[i]);
        assert_false(dns_is_vouched_for((struct str){ plain, 12 }));
        assert_true(dns_is_vouched_for((struct str){ signed_one, 12 }));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_question_asks_for_signatures),
        cmocka_unit_test(an_answer_says_how_it_went_and_who_vouches),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
