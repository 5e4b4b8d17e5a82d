#include "base/log.h"
#include "conf/command.h"
#include "tools/postmulti/multi.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const struct edit_action actions[] = {
    { "create", EDIT_ADDS | EDIT_ASSIGNS },
    { "import", EDIT_ADDS | EDIT_ASSIGNS },
    { "destroy", EDIT_REMOVES },
    { "deport", EDIT_REMOVES },
    { "enable", EDIT_CHANGES },
    { "disable", EDIT_CHANGES },
    { "assign", EDIT_CHANGES | EDIT_ASSIGNS },
    { "init", 0 },
};

static NORETURN void usage(void)
{
    log_fatal("Usage:postmulti -l [-v] [-a] [-g group] [-i instance] | "
              "postmulti -p [-v] [-a] [-g group] [-i instance] command... | "
              "postmulti -x [-v] [-a] [-i name] [-g group] command... | "
              "postmulti -e action [-v] [-a] [-i name] [-g group] [-I name] [-G group] "
              "[param=value ...]");
}

static const struct edit_action *find_action(const char *name)
{
    for (size_t i = 0; i < ARRAY_LEN(actions); i++)
        if (strcmp(actions[i].name, name) == 0)
            return &actions[i];
    log_fatal("Invalid '-e' edit action '%s'. Specify 'create', 'destroy', 'import', 'deport', "
              "'enable', 'disable', 'assign' or 'init'",
              name);
}

static void set_mode(struct request *r, char mode)
{
    if (r->mode)
        log_fatal("Specify exactly one of '-e', '-l', '-p', '-x'");
    r->mode = mode;
}

static void set_selector(struct request *r, char selector, const char *selected)
{
    if (r->selector)
        log_fatal("Specity no more than one of '-a', '-g', '-i'"); /* known by this spelling */
    r->selector = selector;
    r->selected = selected;
}

/* Names stand in main.cf, in paths and in the command lines of scripts. */
static bool is_safe(const char *text)
{
    for (; *text; text++)
        if (!char_is_alnum(*text) && !str_has(STR("!@%-_=+:./"), *text))
            return false;
    return true;
}

static void set_new(const char **value, char letter, const char *text)
{
    if (*value)
        log_fatal("Specify at most one '-%c' option", letter);
    *value = strcmp(text, "-") == 0 ? "" : text;
}

static void check_new_names(const char *name, const char *group)
{
    if (name && *name && !str_starts(str_from(name), STR("postfix-")))
        log_fatal("New instance name must start with 'postfix-'");
    if (name && strchr(name, '/'))
        log_fatal("Illegal '/' character in new instance name: '%s'", name);
    if (name && !is_safe(name))
        log_fatal("Unsafe characters in new instance name: '%s'", name);
    if (group && !is_safe(group))
        log_fatal("Unsafe characters in '-G %s'", group);
}

/* Programs that are run for an instance say more, too. */
static void say_more(void)
{
    command_more_verbose();
    if (setenv("MAIL_VERBOSE", "1", 1) != 0)
        log_fatal("setenv: %m");
}

static void take_letter(struct request *r, char letter, const char *value)
{
    switch (letter) {
    case 'e':
        set_mode(r, letter);
        r->action = find_action(value);
        break;
    case 'l':
    case 'p':
    case 'x':
        set_mode(r, letter);
        break;
    case 'a':
    case 'g':
    case 'i':
        set_selector(r, letter, value);
        break;
    case 'I':
        set_new(&r->new_name, letter, value);
        break;
    case 'G':
        set_new(&r->new_group, letter, value);
        break;
    case 'R':
        r->reverse = !r->reverse;
        break;
    case 'j':
        r->json = true;
        break;
    case 'v':
        say_more();
        break;
    default:
        usage();
    }
}

static void check_edit(const struct request *r)
{
    const char *name = r->action->name;
    bool assigns = r->new_name || r->new_group;

    if (assigns && !(r->action->traits & EDIT_ASSIGNS))
        log_fatal("Cannot assign instance name or group with '-e %s'", name);
    if (!assigns && strcmp(name, "assign") == 0)
        log_fatal("Specify new instance name or group with '-e assign'");
    if (r->arg_count && !(r->action->traits & EDIT_ADDS))
        log_fatal("Parameter overrides not valid with '-e %s'", name);
    check_new_names(r->new_name, r->new_group);
}

static void check_others(const struct request *r)
{
    if (r->new_name || r->new_group)
        log_fatal("Cannot assign instance name or group without '-e assign'");
    if (r->mode == 'l' && r->arg_count)
        log_fatal("Command not allowed with '-l'");
    if (r->mode != 'l' && r->arg_count == 0)
        log_fatal("Command required with '-p' or '-x' option");
}

void options_parse(struct request *r, int argc, char **argv)
{
    int letter;

    *r = (struct request){ 0 };
    while ((letter = getopt(argc, argv, "+ae:g:i:jlpRvxG:I:")) > 0)
        take_letter(r, (char)letter, optarg);
    r->args = argv + optind;
    r->arg_count = argc - optind;
    if (r->mode == 0)
        log_fatal("Specify exactly one of '-e', '-l', '-p', '-x'");
    if (r->json && r->mode != 'l')
        log_fatal("JSON output available only with '-l'");
    if (r->reverse && (r->mode == 'p' || r->mode == 'e'))
        log_fatal("The '-p' and '-e' options preclude the use of '-R'");
    if (r->mode == 'e')
        check_edit(r);
    else
        check_others(r);
}
