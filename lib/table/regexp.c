/* regexp - POSIX regular expressions, by libc. */
#include "base/mem.h"
#include "table/pattern.h"

#include <regex.h>
#include <stdlib.h>

static void *compile(struct rule_list *l, unsigned line, struct str pattern, unsigned options,
                     bool needs_groups, size_t *groups)
{
    regex_t *re = mem_alloc(sizeof *re);
    BUF_AUTO(text, 0);
    char message[256];

    buf_add(&text, pattern);
    int wrong = regcomp(re, buf_cstr(&text), (int)options | (needs_groups ? 0 : REG_NOSUB));
    if (wrong == 0) {
        *groups = re->re_nsub;
        return re;
    }
    regerror(wrong, re, message, sizeof message);
    rules_warn(l, line, "%s", message);
    free(re);
    return NULL;
}

static void release(void *compiled)
{
    regfree(compiled);
    free(compiled);
}

static void copy_groups(const regmatch_t *at, size_t count, struct pattern_groups *groups)
{
    groups->count = count;
    for (size_t i = 0; i < count; i++) {
        groups->at[i].from = at[i].rm_so < 0 ? STR_NOT_FOUND : (size_t)at[i].rm_so;
        groups->at[i].to = at[i].rm_so < 0 ? STR_NOT_FOUND : (size_t)at[i].rm_eo;
    }
}

static enum pattern_result match(const struct rule_list *l, unsigned line, void *compiled,
                                 struct str text, struct pattern_groups *groups)
{
    const regex_t *re = compiled;
    regmatch_t at[PATTERN_GROUPS_MAX + 1];
    size_t count = groups ? MIN(re->re_nsub, (size_t)PATTERN_GROUPS_MAX) + 1 : 0;
    char message[256];

    /* REG_STARTEND takes the bounds of the text from at[0], so that a NUL in it is a byte like
     * others. */
    at[0] = (regmatch_t){ .rm_so = 0, .rm_eo = (regoff_t)text.len };
    int result = regexec(re, text.ptr, count, at, REG_STARTEND);
    if (result == REG_NOMATCH)
        return PATTERN_NO;
    if (result != 0) {
        regerror(result, re, message, sizeof message);
        rules_warn(l, line, "%s", message);
        return PATTERN_ERROR;
    }
    if (groups)
        copy_groups(at, count, groups);
    return PATTERN_YES;
}

static const struct pattern_engine engine = {
    .type = "regexp",
    .no_delimiter_action = "skipping this rule",
    .options = { { 'i', REG_ICASE }, { 'm', REG_NEWLINE }, { 'x', REG_EXTENDED } },
    .default_options = REG_ICASE | REG_EXTENDED,
    .compile = compile,
    .release = release,
    .match = match,
};

static bool open_regexp(struct table *t, struct buf *error)
{
    return pattern_table_open(t, &engine, error);
}

TABLE_TYPE(regexp, .open = open_regexp, .traits = TABLE_ENCODES_FILES);
