/* Any text is a source file: the readers end, and what an alias line gives survives being read
 * again. */
#include "table/alias_line.h"
#include "table/source.h"

#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool truth)
{
    if (!truth)
        abort();
}

static void read_map(struct str text)
{
    static const struct source_options options = { .name = "fuzz", .utf8 = true };
    struct source source;
    struct source_entry e;
    unsigned last = 0;

    source_init(&source, &options, text);
    while (source_next(&source, &e)) {
        must(e.key.len > 0 && e.value.len > 0 && e.line > last);
        last = e.line;
    }
    source_fini(&source);
}

static void parse_alias(struct str line)
{
    BUF_AUTO(name, 0);
    BUF_AUTO(value, 0);
    BUF_AUTO(again, 0);
    BUF_AUTO(value_again, 0);
    BUF_AUTO(ignored, 0);

    if (alias_line_parse(line, &name, &value) != ALIAS_LINE_OK) {
        must(name.len == 0 && value.len == 0);
        return;
    }
    must(name.len > 0 && value.len > 0);
    buf_join(&again, STR("x:"), buf_str(&value));
    if (alias_line_parse(buf_str(&again), &ignored, &value_again) == ALIAS_LINE_OK)
        must(str_equal(buf_str(&value), buf_str(&value_again)));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str text = { (const char *)data, size };

    read_map(text);
    parse_alias(text);
    return 0;
}
