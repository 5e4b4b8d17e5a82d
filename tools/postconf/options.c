#include "base/log.h"
#include "tools/postconf/postconf.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LETTERS "+aAbc:C:defFhHlmMno:pPqtT:vxX#"

/* What each letter does; also the usage line. */
static const struct option_help {
    char letter;
    const char *help;
} helps[] = {
    { 'a', "server SASL types" },
    { 'A', "client SASL types" },
    { 'b', "report templates, expanded" },
    { 'c', "config_dir" },
    { 'C', "builtin|service|user|all (parameter class)" },
    { 'd', "parameter defaults" },
    { 'e', "edit configuration" },
    { 'f', "fold lines" },
    { 'F', "master.cf fields" },
    { 'h', "no names" },
    { 'H', "no values" },
    { 'l', "lock types" },
    { 'm', "map types" },
    { 'M', "master.cf" },
    { 'n', "parameters that are set" },
    { 'o', "name=value (override parameter value)" },
    { 'p', "main.cf, default" },
    { 'P', "master.cf parameters" },
    { 'q', "no warnings about parameters" },
    { 't', "report templates" },
    { 'T', "compile-version|run-version|public-key-algorithms" },
    { 'v', "verbose" },
    { 'x', "expand parameter values" },
    { 'X', "exclude" },
    { '#', "comment-out" },
};

static NORETURN void usage(const char *program)
{
    BUF_AUTO(text, 0);

    for (size_t i = 0; i < ARRAY_LEN(helps); i++) {
        bool argument = strchr("cCoT", helps[i].letter) != NULL;
        buf_addf(&text, argument ? " [-%c %s]" : " [-%c (%s)]", helps[i].letter, helps[i].help);
    }
    log_fatal("usage: %s" STR_FMT " [name...]", program, STR_ARG(buf_str(&text)));
}

/* Of each group one letter may be given; the complaint names all that were, in this order. */
static const struct {
    const char *letters, *between;
} exclusive[] = {
    { "bt", " and -" }, { "aAbFlmMpPtT", " -" }, { "denX#", " -" }, { "ex", " -" }, { "xX", " -" },
    { "x#", " -" },     { "do", " -" },          { "eo", " -" },    { "oX", " -" }, { "o#", " -" },
    { "ef", " -" },     { "fX", " -" },          { "f#", " -" },    { "eh", " -" }, { "hX", " -" },
    { "h#", " -" },     { "eH", " -" },          { "HX", " -" },    { "H#", " -" }, { "hH", " -" },
};

/* Letters that mean nothing in these modes. */
static const struct {
    const char *modes, *unwanted;
} mode_limits[] = {
    { "aAblmtT", "defhHnoxX#" },
    { "M", "dhHn" },
    { "F", "dnX#" },
    { "P", "dn#" },
};

#define MODES         "aAbFlmMpPtT"
#define EDITING_MODES "pMFP"

struct letters_seen {
    bool seen[128];
};

static bool has(const struct letters_seen *s, char letter)
{
    return s->seen[(unsigned char)letter];
}

/* Those of `letters` that were given, as "-a -b"; how many. */
static size_t name_given(const struct letters_seen *s, const char *letters, const char *between,
                         struct buf *names)
{
    size_t count = 0;

    for (; *letters; letters++)
        if (has(s, *letters)) {
            buf_add_cstr(names, count++ ? between : "-");
            buf_addc(names, *letters);
        }
    return count;
}

static char chosen_mode(const struct letters_seen *s)
{
    for (const char *m = MODES; *m; m++)
        if (has(s, *m))
            return *m;
    return 'p';
}

static void check_conflicts(const struct letters_seen *s, char mode)
{
    for (size_t i = 0; i < ARRAY_LEN(exclusive); i++) {
        BUF_AUTO(names, 0);
        if (name_given(s, exclusive[i].letters, exclusive[i].between, &names) > 1)
            log_fatal("specify one of " STR_FMT, STR_ARG(buf_str(&names)));
    }
    for (size_t i = 0; i < ARRAY_LEN(mode_limits); i++) {
        BUF_AUTO(names, 0);
        if (strchr(mode_limits[i].modes, mode) &&
            name_given(s, mode_limits[i].unwanted, " -", &names) > 0)
            log_fatal("with option -%c, do not specify " STR_FMT, mode, STR_ARG(buf_str(&names)));
    }
}

static unsigned parse_classes(const char *text)
{
    static const struct {
        struct str name;
        unsigned classes;
    } names[] = { { STR("builtin"), CLASS_BUILTIN },
                  { STR("service"), CLASS_SERVICE },
                  { STR("user"), CLASS_USER },
                  { STR("all"), CLASS_ALL } };
    struct str rest = str_from(text), word;
    unsigned classes = 0;

    while (str_token(&rest, ", \t", &word)) {
        size_t i = 0;
        while (i < ARRAY_LEN(names) && !str_equal(names[i].name, word))
            i++;
        if (i == ARRAY_LEN(names))
            log_fatal("unknown -C option value \"" STR_FMT "\" in \"%s\"", STR_ARG(word), text);
        classes |= names[i].classes;
    }
    return classes ? classes : CLASS_ALL;
}

static void take_option(struct request *req, struct letters_seen *s, int letter)
{
    s->seen[letter] = true;
    switch (letter) {
    case 'c':
        req->dir = optarg;
        req->dir_is_given = true;
        break;
    case 'C':
        req->classes = parse_classes(optarg);
        break;
    case 'o':
        req->overrides[req->override_count++] = optarg;
        break;
    case 'T':
        req->tls_question = optarg;
        break;
    case 'v':
        log_set_verbose(log_verbose() + 1);
        break;
    }
}

/* `name=value` is an edit, with or without -e. */
static bool mentions_a_value(char *const *args, int count)
{
    for (int i = 0; i < count; i++)
        if (strchr(args[i], '='))
            return true;
    return false;
}

static void settle(struct request *req, struct letters_seen *s)
{
    req->mode = chosen_mode(s);
    if (strchr(EDITING_MODES, req->mode) && mentions_a_value(req->args, req->arg_count))
        s->seen['e'] = true;
    check_conflicts(s, req->mode);
    req->edit = (char)(has(s, 'e') ? 'e' : has(s, 'X') ? 'X' : has(s, '#') ? '#' : 0);
    req->defaults = has(s, 'd');
    req->only_set = has(s, 'n');
    req->hide_name = has(s, 'h');
    req->hide_value = has(s, 'H');
    req->fold = has(s, 'f');
    req->expand = has(s, 'x');
    req->quiet = has(s, 'q');
    if (req->edit == 'e' && req->arg_count == 0)
        log_fatal("-e requires name=value argument");
    if (req->edit && req->arg_count == 0)
        log_fatal("missing service argument");
}

void options_parse(struct request *req, struct arena *arena, int argc, char **argv)
{
    struct letters_seen s = { 0 };
    const char *dir = getenv("MAIL_CONFIG");
    int letter;

    *req = (struct request){ .dir = dir ? dir : "/etc/postfix",
                             .dir_is_given = dir,
                             .classes = CLASS_ALL };
    req->overrides = arena_alloc(arena, (size_t)argc * sizeof *req->overrides);
    while ((letter = getopt(argc, argv, LETTERS)) != -1) {
        if (letter == '?')
            usage(argv[0]);
        take_option(req, &s, letter);
    }
    req->args = argv + optind;
    req->arg_count = argc - optind;
    settle(req, &s);
}
