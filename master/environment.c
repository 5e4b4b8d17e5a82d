/* Children see the names in import_environment, MAIL_CONFIG and a fixed PATH, whoever started us. */
#include "base/log.h"
#include "base/mem.h"
#include "master/master.h"

#include <stdlib.h>
#include <unistd.h>

#define CLEAN_PATH "PATH=/usr/bin:/bin:/usr/sbin:/sbin"

static const char *const always[] = { "MAIL_CONFIG", "MAIL_VERBOSE", "MAIL_DEBUG", "MAIL_LOGTAG" };

struct environment {
    char **vars;
    size_t count;
};

static bool has_name(const struct environment *e, struct str name)
{
    for (size_t i = 0; i < e->count; i++)
        if (str_starts(str_from(e->vars[i]), name) && e->vars[i][name.len] == '=')
            return true;
    return false;
}

static void add(struct environment *e, struct str name, struct str value)
{
    BUF_AUTO(text, 0);

    if (has_name(e, name))
        return;
    buf_join(&text, name, STR("="), value);
    e->vars = mem_resize(e->vars, (e->count + 2) * sizeof *e->vars);
    e->vars[e->count++] = mem_copy_cstr(buf_cstr(&text));
    e->vars[e->count] = NULL;
}

static void add_ours(struct environment *e, struct str name)
{
    BUF_AUTO(text, 0);

    buf_add(&text, name);
    const char *value = getenv(buf_cstr(&text));
    if (value)
        add(e, name, str_from(value));
}

/* import_environment: `name`, or `name=value`, the latter also in braces with blanks. */
static void add_imported(struct environment *e)
{
    struct str rest = site_conf.import_environment, item;
    bool braced;

    while (str_token_braced(&rest, ", \t\r\n", &item, &braced)) {
        if (str_has(item, '=')) {
            struct str name = str_trim(str_cut(&item, '='));
            add(e, name, str_trim(item));
        } else {
            add_ours(e, item);
        }
    }
}

static void free_environment(char **vars)
{
    for (size_t i = 0; vars && vars[i]; i++)
        free(vars[i]);
    free(vars);
}

void environment_clean(struct master *m)
{
    struct environment e = { NULL, 0 };

    for (size_t i = 0; i < ARRAY_LEN(always); i++)
        add_ours(&e, str_from(always[i]));
    add_imported(&e);
    add(&e, STR("PATH"), str_skip(STR(CLEAN_PATH), strlen("PATH=")));
    free_environment(m->environment);
    m->environment = e.vars;
    environ = e.vars; /* for ourselves and libc too */
}
