/* pcre - Perl-compatible regular expressions.  The library is loaded when the first such table is
 * opened, so that a process without one does not carry it. */
#define PCRE2_CODE_UNIT_WIDTH 8
#include "base/mem.h"
#include "table/pattern.h"

#include <dlfcn.h>
#include <pcre2.h>
#include <stdlib.h>

/* The functions used, under the names they have in the library. */
#define PCRE_FUNCTIONS(F)             \
    F(compile)                        \
    F(code_free)                      \
    F(match)                          \
    F(match_data_create_from_pattern) \
    F(match_data_free) F(get_ovector_pointer) F(get_error_message) F(pattern_info)

#define DECLARE(name) __typeof__(&pcre2_##name) name;
struct pcre_library {
    PCRE_FUNCTIONS(DECLARE)
};
#undef DECLARE

/* Once per process; never unloaded. */
static struct pcre_library *library;

static bool load_library(struct buf *error)
{
    static struct pcre_library loaded;
    void *handle = library ? NULL : dlopen("libpcre2-8.so.0", RTLD_NOW | RTLD_LOCAL);

    if (library)
        return true;
    if (handle == NULL) {
        buf_join(error, STR("unsupported dictionary type: pcre ("), str_from(dlerror()), STR(")"));
        return false;
    }
#define RESOLVE(name) *(void **)(void *)&loaded.name = dlsym(handle, "pcre2_" #name "_8");
    PCRE_FUNCTIONS(RESOLVE)
#undef RESOLVE
#define CHECK(name) &&loaded.name
    if (!(true PCRE_FUNCTIONS(CHECK))) {
        buf_add(error, STR("unsupported dictionary type: pcre (libpcre2-8 lacks a function)"));
        return false;
    }
#undef CHECK
    library = &loaded;
    return true;
}

struct compiled {
    pcre2_code *code;
    pcre2_match_data *data;
};

static void release(void *compiled)
{
    struct compiled *c = compiled;

    library->match_data_free(c->data);
    library->code_free(c->code);
    free(c);
}

static void *compile(struct rule_list *l, unsigned line, struct str pattern, unsigned options,
                     bool needs_groups UNUSED, size_t *groups)
{
    PCRE2_UCHAR message[256];
    PCRE2_SIZE offset;
    uint32_t captures = 0;
    int wrong;

    pcre2_code *code = library->compile((PCRE2_SPTR)(pattern.len ? pattern.ptr : ""), pattern.len,
                                        options, &wrong, &offset, NULL);
    if (code == NULL) {
        library->get_error_message(wrong, message, sizeof message);
        rules_warn(l, line, "error in regex at offset %zu: %s", offset, (const char *)message);
        return NULL;
    }
    library->pattern_info(code, PCRE2_INFO_CAPTURECOUNT, &captures);
    *groups = captures;
    struct compiled *c = mem_alloc(sizeof *c);
    c->code = code;
    c->data = library->match_data_create_from_pattern(code, NULL);
    if (c->data == NULL)
        abort(); /* out of memory, as in base/mem */
    return c;
}

static void copy_groups(const struct compiled *c, int count, struct pattern_groups *groups)
{
    const PCRE2_SIZE *pairs = library->get_ovector_pointer(c->data);

    groups->count = MIN((size_t)count, (size_t)PATTERN_GROUPS_MAX + 1);
    for (size_t i = 0; i < groups->count; i++) {
        groups->at[i].from = pairs[2 * i] == PCRE2_UNSET ? STR_NOT_FOUND : pairs[2 * i];
        groups->at[i].to = pairs[2 * i + 1];
    }
}

static enum pattern_result match(const struct rule_list *l, unsigned line, void *compiled,
                                 struct str text, struct pattern_groups *groups)
{
    struct compiled *c = compiled;
    PCRE2_UCHAR message[256];
    int result = library->match(c->code, (PCRE2_SPTR)text.ptr, text.len, 0, 0, c->data, NULL);

    if (result == PCRE2_ERROR_NOMATCH)
        return PATTERN_NO;
    if (result < 0) {
        library->get_error_message(result, message, sizeof message);
        rules_warn(l, line, "matching error: %s", (const char *)message);
        return PATTERN_ERROR;
    }
    if (groups)
        copy_groups(c, result, groups);
    return PATTERN_YES;
}

static const struct pattern_engine engine = {
    .type = "pcre",
    .no_delimiter_action = "ignoring this rule",
    .options = { { 'i', PCRE2_CASELESS },
                 { 'm', PCRE2_MULTILINE },
                 { 's', PCRE2_DOTALL },
                 { 'x', PCRE2_EXTENDED },
                 { 'A', PCRE2_ANCHORED },
                 { 'E', PCRE2_DOLLAR_ENDONLY },
                 { 'U', PCRE2_UNGREEDY },
                 { 'X', 0 } },
    .default_options = PCRE2_CASELESS | PCRE2_DOTALL,
    .compile = compile,
    .release = release,
    .match = match,
};

static bool open_pcre(struct table *t, struct buf *error)
{
    return load_library(error) && pattern_table_open(t, &engine, error);
}

TABLE_TYPE(pcre, .open = open_pcre, .traits = TABLE_ENCODES_FILES);
