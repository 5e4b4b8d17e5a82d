/* bounce_template_file.  Invariant: a template that was accepted can be written out and read again. */
#include "services/bounce/template.h"

#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct str value(void *context, struct str name)
{
    (void)context;
    return name;
}

static bool seconds(void *context, struct str name, int64_t *out)
{
    (void)context;
    *out = (int64_t)name.len * 1000;
    return name.len % 2;
}

static void zero(void *context, struct str name)
{
    (void)context;
    (void)name;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct template_values values = { value, seconds, zero, NULL };
    struct bounce_templates t, again;
    BUF_AUTO(error, 0);
    BUF_AUTO(text, 0);
    BUF_AUTO(expanded, 0);

    templates_builtin(&t);
    bool ok = templates_parse((struct str){ (const char *)data, size }, STR("f"), &t, &error);
    if (!ok && error.len == 0)
        abort();
    for (enum template_kind k = 0; ok && k < TEMPLATE_COUNT; k++) {
        buf_clear(&text);
        template_format(k, &t.of[k], &text);
        template_expand(t.of[k].text, &values, &expanded);
        templates_builtin(&again);
        if (str_find_str(t.of[k].text, STR("EOF")) == STR_NOT_FOUND &&
            !str_has(t.of[k].text, '\0') &&
            !templates_parse(buf_str(&text), STR("g"), &again, &error))
            abort();
    }
    return 0;
}
