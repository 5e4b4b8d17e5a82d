#include "dns/resolv.h"

#include "base/buf.h"
#include "base/number.h"
#include "os/fd.h"

#include <fcntl.h>

#define RESOLV_MAX_BYTES (64UL * 1024)
#define TIMEOUT_MAX      30
#define ATTEMPTS_MAX     5

/* "name:number": a number above the ceiling is the ceiling, nonsense changes nothing. */
static void take_option(struct str word, struct str name, int ceiling, int *value)
{
    int64_t number;

    if (str_skip_prefix(&word, name) && number_parse_range(word, 1, INT32_MAX, &number))
        *value = (int)MIN(number, ceiling);
}

static void take_line(struct str line, struct resolv_patience *p)
{
    struct str word;

    if (!str_token(&line, " \t\r", &word) || !str_equal(word, STR("options")))
        return;
    while (str_token(&line, " \t\r", &word)) {
        take_option(word, STR("timeout:"), TIMEOUT_MAX, &p->timeout_s);
        take_option(word, STR("attempts:"), ATTEMPTS_MAX, &p->attempts);
    }
}

struct resolv_patience resolv_parse(struct str text)
{
    struct resolv_patience p = { .timeout_s = 5, .attempts = 2 };

    while (text.len)
        take_line(str_cut(&text, '\n'), &p);
    return p;
}

struct resolv_patience resolv_read(const char *path)
{
    BUF_AUTO(text, RESOLV_MAX_BYTES);

    if (!fd_read_file(AT_FDCWD, path, &text))
        buf_clear(&text);
    return resolv_parse(buf_str(&text));
}
