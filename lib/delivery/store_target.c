#include "delivery/store_target.h"

bool store_lock_parse(struct str text, unsigned *locks)
{
    static const struct {
        struct str name;
        unsigned lock;
    } known[] = { { STR("fcntl"), STORE_FCNTL },
                  { STR("flock"), STORE_FLOCK },
                  { STR("dotlock"), STORE_DOTLOCK } };
    struct str word;
    unsigned found = 0;

    while (str_token(&text, ", \t\r\n", &word)) {
        size_t i = 0;
        while (i < ARRAY_LEN(known) && !str_equal(word, known[i].name))
            i++;
        if (i == ARRAY_LEN(known))
            return false;
        found |= known[i].lock;
    }
    *locks = found;
    return true;
}
