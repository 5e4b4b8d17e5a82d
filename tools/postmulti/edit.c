#include "base/log.h"
#include "base/mem.h"
#include "tools/postmulti/multi.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SETTINGS_MAX 8

/* What is to be done, all of it checked; postmulti-script does it. */
struct plan {
    struct site *site;
    const struct request *request;
    struct instance *target;
    const char *settings[SETTINGS_MAX]; /* name=value for the target's main.cf */
    size_t setting_count;
};

static const char *join(struct arena *a, const char *left, const char *right)
{
    BUF_AUTO(text, 0);

    buf_join(&text, str_from(left), str_from(right));
    return arena_cstr(a, buf_str(&text));
}

static void add_setting(struct plan *p, const char *name, const char *value)
{
    p->settings[p->setting_count++] =
        join(&p->site->arena, join(&p->site->arena, name, "="), value);
}

/* ---- which instance ---- */

static void require_removable(const struct instance *i)
{
    if (i->is_primary)
        log_fatal("Cannot remove the primary instance");
    if (i->enabled)
        log_fatal("Cannot remove enabled instances");
}

static struct instance *find_target(const struct plan *p)
{
    const struct request *r = p->request;

    if (r->selector != 'i')
        log_fatal("Select an instance via '-i name'");
    for (size_t n = 0; n < p->site->count; n++)
        if (is_selected(r, &p->site->list[n]))
            return &p->site->list[n];
    log_fatal("No instance named %s", r->selected);
}

/* Where a new one goes: to the end, before all others, or before the first that is selected. */
static size_t find_place(const struct plan *p)
{
    const struct request *r = p->request;

    if (r->selector == 0)
        return p->site->count;
    for (size_t n = 1; n < p->site->count; n++)
        if (is_selected(r, &p->site->list[n]))
            return n;
    if (r->selector == 'a')
        return p->site->count;
    log_fatal("No matching secondary instances");
}

static void insert(struct plan *p, const struct instance *new, size_t place)
{
    struct site *s = p->site;
    struct instance *list = arena_alloc(&s->arena, (s->count + 1) * sizeof *list);

    memcpy(list, s->list, place * sizeof *list);
    list[place] = *new;
    memcpy(list + place + 1, s->list + place, (s->count - place) * sizeof *list);
    s->list = list;
    s->count++;
    p->target = &list[place];
}

/* ---- a new instance ---- */

/* Its directories; what is NULL was not given. */
struct place {
    const char *config, *queue, *data;
};

/* The member that a setting NAME=VALUE belongs to.  What is taken over as it is has its own settings. */
static const char **find_member(struct place *at, const struct edit_action *action, struct str name)
{
    if (str_equal(name, STR("config_directory")))
        return &at->config;
    if (strcmp(action->name, "create") == 0 && str_equal(name, STR("queue_directory")))
        return &at->queue;
    if (strcmp(action->name, "create") == 0 && str_equal(name, STR("data_directory")))
        return &at->data;
    log_fatal("Parameter '" STR_FMT "' not valid with action %s", STR_ARG(name), action->name);
}

/* One directory has one name: no slash at its end. */
static struct str without_slash(struct str path)
{
    while (path.len > 1 && path.ptr[path.len - 1] == '/')
        path.len--;
    return path;
}

static void take_setting(struct plan *p, struct place *at, const char *argument)
{
    struct str value = str_from(argument), name = str_trim(str_cut(&value, '='));

    if (!strchr(argument, '=') || name.len == 0)
        log_fatal("Malformed parameter setting '%s'", argument);
    const char **member = find_member(at, p->request->action, name);
    value = without_slash(str_trim(value));
    if (!str_starts(value, STR("/")))
        log_fatal("Parameter setting '" STR_FMT "' is not an absolute path", STR_ARG(name));
    if (value.len == 1)
        log_fatal("Parameter setting '" STR_FMT "' is the root directory", STR_ARG(name));
    *member = arena_cstr(&p->site->arena, value);
}

/* Beside the primary's directory, under the new name. */
static const char *beside(struct plan *p, const char *primary, const char *parameter)
{
    const char *name = p->request->new_name;
    struct str parent = str_from(primary);

    if (name == NULL || *name == '\0')
        log_fatal("Missing %s parameter value", parameter);
    parent = str_sub(parent, 0, str_rfind(parent, '/') + 1);
    return join(&p->site->arena, arena_cstr(&p->site->arena, parent), name);
}

static void refuse_second_use(const struct plan *p, const char *config)
{
    for (size_t n = 0; n < p->site->count; n++) {
        const char *used = p->site->list[n].config_directory;
        if (strcmp(used, config) == 0)
            log_fatal("new config_directory=%s is already in use by instance %s, "
                      "config_directory=%s",
                      config, used, used);
    }
}

static bool has_file(struct plan *p, const char *dir, const char *name)
{
    return access(join(&p->site->arena, dir, name), F_OK) == 0;
}

/* Programs and manuals are the primary's, and so is its conf until there is another. */
static struct instance make_instance(struct plan *p, const struct place *at)
{
    const struct instance *primary = &p->site->list[0];
    struct instance new = { .conf = primary->conf, .config_directory = at->config };

    new.name = new.group = "";
    new.queue_directory =
        at->queue ? at->queue : beside(p, primary->queue_directory, "queue_directory");
    new.data_directory = at->data ? at->data : beside(p, primary->data_directory, "data_directory");
    add_setting(p, "queue_directory", new.queue_directory);
    add_setting(p, "data_directory", new.data_directory);
    /* Nobody reaches an instance that is not set up yet. */
    add_setting(p, "authorized_submit_users", "");
    add_setting(p, "master_service_disable", "inet");
    return new;
}

/* Names that change: in `i`, and in its main.cf. */
static void assign(struct plan *p, struct instance *i)
{
    const struct request *r = p->request;

    if (r->new_name && strcmp(r->new_name, i->name) != 0)
        add_setting(p, "multi_instance_name", i->name = r->new_name);
    if (r->new_group && strcmp(r->new_group, i->group) != 0)
        add_setting(p, "multi_instance_group", i->group = r->new_group);
}

/* What has both files is an instance already, and is taken over. */
static void plan_new(struct plan *p, const char **verb)
{
    struct place at = { 0 };
    struct instance new;

    for (int n = 0; n < p->request->arg_count; n++)
        take_setting(p, &at, p->request->args[n]);
    if (at.config == NULL)
        at.config = beside(p, p->site->list[0].config_directory, "config_directory");
    refuse_second_use(p, at.config);
    if (has_file(p, at.config, "/main.cf") && has_file(p, at.config, "/master.cf"))
        *verb = "import";
    new = strcmp(*verb, "create") == 0 ? make_instance(p, &at) : instance_open(at.config);
    assign(p, &new);
    insert(p, &new, find_place(p));
    site_check(p->site);
}

/* ---- the lists in the primary's main.cf ---- */

static void add_word(struct buf *list, struct str word)
{
    if (list->len)
        buf_addc(list, ' ');
    buf_add(list, word);
}

static void export_instances(const struct plan *p)
{
    BUF_AUTO(list, 0);

    for (size_t n = 1; n < p->site->count; n++)
        if (!(p->request->action->traits & EDIT_REMOVES) || &p->site->list[n] != p->target)
            add_word(&list, str_from(p->site->list[n].config_directory));
    export_text("new_instances", buf_cstr(&list));
}

/* Users may name the directory of an instance anyway; that of one that was let go must be said. */
static void export_alternates(const struct plan *p, bool is_let_go)
{
    struct str old = conf_value(p->site->list[0].conf, STR("alternate_config_directories")), word;
    struct str own = str_from(p->target->config_directory);
    BUF_AUTO(list, 0);

    while (str_token(&old, ", \t\r\n", &word))
        if (!str_equal(word, own))
            add_word(&list, word);
    if (is_let_go)
        add_word(&list, own);
    export_text("new_alternates", buf_cstr(&list));
}

/* ---- doing it ---- */

static void export_primary(const struct plan *p)
{
    const struct instance *primary = &p->site->list[0];

    export_text("primary_directory", primary->config_directory);
    export_text("meta_directory", conf_value(primary->conf, STR("meta_directory")).ptr);
    /* What the script says goes to the primary's log. */
    export_text("MAIL_CONFIG", primary->config_directory);
    export_text("MAIL_LOGTAG", conf_value(primary->conf, STR("syslog_name")).ptr);
}

static NORETURN void run_script(struct plan *p, const char *verb)
{
    struct arena *a = &p->site->arena;
    struct str daemons = conf_value(p->site->list[0].conf, STR("daemon_directory"));
    const char *command[SETTINGS_MAX + 3] = { join(a, daemons.ptr, "/postmulti-script"), verb };

    memcpy(command + 2, p->settings, p->setting_count * sizeof *command);
    execv(command[0], mem_unconst(command));
    log_fatal("execv %s: %m", command[0]);
}

static void plan_change(struct plan *p)
{
    const char *name = p->request->action->name;

    if (p->request->action->traits & EDIT_ASSIGNS) {
        assign(p, p->target);
        site_check(p->site);
    } else {
        add_setting(p, "multi_instance_enable", strcmp(name, "enable") == 0 ? "yes" : "no");
    }
}

void edit_instances(struct site *s, const struct request *r)
{
    struct plan p = { .site = s, .request = r, .target = &s->list[0] };
    unsigned traits = r->action->traits;
    const char *verb = r->action->name;

    if (traits & EDIT_ADDS)
        plan_new(&p, &verb);
    if (traits & (EDIT_REMOVES | EDIT_CHANGES))
        p.target = find_target(&p);
    if (traits & EDIT_REMOVES)
        require_removable(p.target);
    if (traits & EDIT_CHANGES)
        plan_change(&p);
    export_instance(p.target);
    export_primary(&p);
    export_instances(&p);
    export_alternates(&p, strcmp(verb, "deport") == 0);
    run_script(&p, verb);
}
