/* |command destinations and mailbox_command. */
#include "delivery/command.h"

#include "local/ends.h"
#include "text/macro.h"

static void add_filtered(struct command_env *env, const char *name, struct str value)
{
    BUF_AUTO(clean, 0);

    if (value.ptr == NULL)
        return;
    macro_add_filtered(&clean, value, local_conf.command_expansion_filter);
    command_env_add(env, name, clean.len ? buf_str(&clean) : STR(""));
}

static void add_message_vars(struct command_env *env, const struct branch *b)
{
    const struct delivery_request *r = &b->attempt->d->request;
    const struct {
        const char *name;
        struct str value;
        bool always; /* else only when there is something to say */
    } vars[] = {
        { "DOMAIN", b->domain, true },
        { "LOCAL", b->local, true },
        { "EXTENSION", b->extension, false },
        { "SENDER", b->sender, true },
        { "RECIPIENT", b->who.address, true },
        { "ORIGINAL_RECIPIENT", b->who.orig_addr, true },
        { "CLIENT_ADDRESS", r->client_addr, false },
        { "CLIENT_HELO", r->client_helo, false },
        { "CLIENT_HOSTNAME", r->client_name, false },
        { "CLIENT_PROTOCOL", r->client_proto, false },
        { "SASL_METHOD", r->sasl_method, false },
        { "SASL_SENDER", r->sasl_sender, false },
        { "SASL_USERNAME", r->sasl_username, false },
    };

    for (size_t i = 0; i < ARRAY_LEN(vars); i++)
        if (vars[i].value.len || vars[i].always)
            add_filtered(env, vars[i].name, vars[i].value.len ? vars[i].value : STR(""));
}

static void fill_env(struct command_env *env, const struct branch *b)
{
    command_env_init(env, branch_arena(b));
    command_env_add_exported(env);
    if (b->user) {
        command_env_add(env, "HOME", b->user->home);
        command_env_add(env, "SHELL", b->user->shell);
    }
    add_filtered(env, "LOGNAME", b->base);
    add_filtered(env, "USER", b->base);
    add_message_vars(env, b);
}

/* command_execution_directory; NULL: none. False: a bad expression. */
static bool find_directory(const struct branch *b, const char **directory)
{
    BUF_AUTO(path, 0);

    *directory = NULL;
    if (local_conf.command_execution_directory.len == 0)
        return true;
    if (!branch_expand(b, local_conf.command_execution_directory,
                       local_conf.execution_directory_expansion_filter, &path))
        return false;
    if (path.len)
        *directory = arena_cstr(branch_arena(b), buf_str(&path));
    return true;
}

static bool run(const struct branch *b, struct str text, const struct user *actor)
{
    BUF_AUTO(output, COMMAND_OUTPUT_MAX);
    struct copy_plan plan = branch_copy_plan(b, COPY_FROM_LINE, "command");
    struct command_env env;
    struct outcome o;
    struct command command = {
        .agent = "local",
        .text = arena_cstr(branch_arena(b), text),
        .shell = local_conf.local_command_shell,
        .env = &env,
        .uid = actor->uid,
        .gid = actor->gid,
        .time_limit_s = site_conf.command_time_limit,
        .size_limit = local_conf.mailbox_size_limit,
    };

    if (delivery_is_probe(b->attempt->d))
        return branch_sent(b, "delivers to command: %s", command.text);
    if (!find_directory(b, &command.directory))
        return branch_defer(b, "4.3.5", "mail system configuration error");
    fill_env(&env, b);
    command_deliver(b->attempt->d, &command, &plan, &o, &output);
    if (o.status == OUTCOME_SENT)
        return branch_sent(b, "delivered to command: %s", command.text);
    return branch_report(b, &o);
}

bool command_branch(const struct branch *b, struct str text, const struct user *actor)
{
    return !branch_is_first(b, "command", branch_acted(b, actor, text)) || run(b, text, actor);
}

/* $NAME in the text is the shell's business: the values stand in the environment, filtered. */
bool mailbox_command_branch(const struct branch *b, struct str text)
{
    return run(b, text, branch_actor(b, b->user));
}
