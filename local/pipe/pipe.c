/* pipe - hand mail to a command that master.cf names, for one or more recipients at a time.
 *
 * Runs as:   root, only to become the user of user=
 * Trusts:    main.cf, master.cf
 * Distrusts: the message and its envelope, which become input and arguments of the command, never
 * shell text */
#include "local/pipe/pipe.h"

#include "base/log.h"
#include "delivery/delivered_to.h"

static struct agent agent;
static struct pipe_settings settings;
static struct arena forever;
static int time_limit_s;

static void before_jail(struct service *svc)
{
    struct conf *conf = service_conf(svc);

    time_limit_s =
        (int)conf_service_time(conf, service_name(svc), "_time_limit", "command_time_limit");
    delivery_open(&agent, svc, pipe_conf.pipe_delivery_status_filter,
                  "pipe_delivery_status_filter");
}

#define SAID_MAX 100 /* of a command's output in the log */

/* D and O speak of one recipient. */
static bool flags_fit(const struct delivery *d)
{
    static const struct {
        unsigned flag;
        char letter;
    } for_one[] = { { COPY_DELIVERED_TO, 'D' }, { COPY_ORIG_TO, 'O' } };

    for (size_t i = 0; d->count > 1 && i < ARRAY_LEN(for_one); i++) {
        if (!(settings.copy_flags & for_one[i].flag))
            continue;
        log_warning("pipe flag `%c' requires " STR_FMT "_destination_recipient_limit = 1",
                    for_one[i].letter, STR_ARG(service_name(d->svc)));
        return false;
    }
    return true;
}

static void run(struct delivery *d, struct outcome *o)
{
    BUF_AUTO(output, COMMAND_OUTPUT_MAX);
    const char *const *argv = pipe_arguments(&settings, d);
    struct command_env env;

    if (argv == NULL) {
        outcome_make(o, &d->arena, OUTCOME_DEFERRED, "4.3.5", "mail system configuration error");
        return;
    }
    if (delivery_is_probe(d)) {
        outcome_make(o, &d->arena, OUTCOME_SENT, "2.0.0", "delivers to command: %s", argv[0]);
        return;
    }
    command_env_init(&env, &d->arena);
    command_env_add_exported(&env);
    struct command command = {
        .agent = "pipe",
        .argv = argv,
        .text = argv[0],
        .env = &env,
        .directory = settings.directory,
        .chroot = settings.chroot,
        .uid = settings.owner.uid,
        .gid = settings.owner.gid,
        .time_limit_s = time_limit_s,
    };
    struct copy_plan plan = {
        .flags = settings.copy_flags,
        .sender = pipe_sender(&settings, d),
        .orig_to = d->recipients[0].info.orig_addr,
        .delivered_to = d->recipients[0].info.address,
        .eol = settings.eol,
        .now = d->times.deliver_start.tv_sec,
    };
    command_deliver(d, &command, &plan, o, &output);
    if (o->status != OUTCOME_SENT)
        return;
    struct str said = str_sub(str_trim(buf_str(&output)), 0, SAID_MAX);
    outcome_make(o, &d->arena, OUTCOME_SENT, "2.0.0",
                 "delivered via " STR_FMT " service%s" STR_FMT "%s", STR_ARG(service_name(d->svc)),
                 said.len ? " (" : "", STR_ARG(said), said.len ? ")" : "");
    o->action = settings.flags & PIPE_FINAL ? "delivered" : "relayed";
}

static void deliver(struct delivery *d)
{
    struct str first = d->recipients[0].info.address;
    struct outcome o;

    d->relay = service_name(d->svc);
    if (!flags_fit(d))
        outcome_make(&o, &d->arena, OUTCOME_DEFERRED, "4.3.5", "mail system configuration error");
    else if (settings.size_limit > 0 && d->request.data_size > settings.size_limit)
        outcome_make(&o, &d->arena, OUTCOME_BOUNCED, "5.2.3", "message too large");
    else if ((settings.copy_flags & COPY_DELIVERED_TO) && delivered_to_has(d, first))
        outcome_make(&o, &d->arena, OUTCOME_BOUNCED, "5.4.6", "mail forwarding loop for " STR_FMT,
                     STR_ARG(first));
    else
        run(d, &o);
    delivery_finish_rest(d, &o);
}

/* With the first client, who is sent away when there is a slip in master.cf, so that its mail is deferred.  A process that
 * ended before would leave it waiting in the socket's queue. */
static void read_settings(struct service *svc)
{
    BUF_AUTO(where, 0);

    if (settings.argv)
        return;
    pipe_settings_parse(&settings, &forever, service_argv(svc), service_argc(svc));
    buf_join(&where, STR("file "), str_from(conf_directory(service_conf(svc))),
             STR("/master.cf: service "), service_name(svc));
    settings.where = arena_str(&forever, buf_str(&where));
}

static void serve(struct service *svc, int fd)
{
    read_settings(svc);
    delivery_serve(&agent, svc, fd, site_conf.ipc_idle, deliver, NULL);
}

static const struct service_spec pipe_service = {
    .name = "pipe",
    .kind = SERVICE_SINGLE,
    .params = (const struct param_set *const[]){ &pipe_param_set, &local_param_set, NULL },
    .sandbox = SANDBOX_COMMANDS,
    .needs_root = true,
    .process_limit = -1,
    .before_jail = before_jail,
    .serve = serve,
};

int main(int argc, char **argv) { service_main(&pipe_service, argc, argv); }
