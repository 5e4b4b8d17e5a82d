/* local - deliver mail to aliases, ~/.forward destinations, mailboxes and commands of this system.
 *
 * Runs as:   root, acting with the rights of the recipient (or default_privs) for all that he names
 * Trusts:    main.cf and its tables; the user database
 * Distrusts: the message, .forward and :include: files */
#include "local/local.h"

#include "base/log.h"
#include "delivery/store.h"
#include "local/biff.h"
#include "service/service.h"

#include <pwd.h>

static struct agent agent;
static struct local_tables tables;
static struct biff biff = BIFF_INIT;
static struct local_links links = { .cleanup = CLEANUP_CLIENT_INIT, .biff = &biff };

static const struct user *find_default_user(void)
{
    static struct arena forever;
    const struct passwd *owner = getpwnam(site_conf.mail_owner.ptr);
    uid_t owner_uid = owner ? owner->pw_uid : 0;
    const struct user *user;

    if (user_find(local_conf.default_privs, &user) != USER_FOUND)
        log_fatal("file %s/main.cf: parameter default_privs: unknown user name value: " STR_FMT,
                  conf_directory(service_conf(tables.svc)), STR_ARG(local_conf.default_privs));
    if (user->uid == 0)
        log_fatal("file %s/main.cf: parameter default_privs: user " STR_FMT
                  " has privileged user ID",
                  conf_directory(service_conf(tables.svc)), STR_ARG(local_conf.default_privs));
    if (user->uid == owner_uid)
        log_fatal("file %s/main.cf: parameters default_privs and mail_owner specify the same "
                  "user " STR_FMT,
                  conf_directory(service_conf(tables.svc)), STR_ARG(local_conf.default_privs));
    return user_copy(&forever, user);
}

static struct table_list *open_list(struct str value, const char *parameter)
{
    return table_list_open(value, parameter, TABLE_DEFAULT | TABLE_NO_SUBSTITUTION);
}

static void open_tables(struct service *svc)
{
    struct local_tables *t = &tables;

    t->rewriter = rewrite_open(service_conf(svc), site_conf.rewrite_service_name);
    /* Never through proxymap(8), which cannot tell whose a table is. */
    t->aliases = table_list_open(local_conf.alias_maps, "alias_maps",
                                 TABLE_DEFAULT | TABLE_NO_SUBSTITUTION | TABLE_NO_PROXY);
    t->mailbox_transports = open_list(local_conf.mailbox_transport_maps, "mailbox_transport_maps");
    t->mailbox_commands = open_list(local_conf.mailbox_command_maps, "mailbox_command_maps");
    t->fallback_transports =
        open_list(local_conf.fallback_transport_maps, "fallback_transport_maps");
    delivery_open(&agent, svc, local_conf.local_delivery_status_filter,
                  "local_delivery_status_filter");
}

static void close_tables(void)
{
    struct local_tables *t = &tables;

    rewrite_close(t->rewriter);
    table_list_close(t->aliases);
    table_list_close(t->mailbox_transports);
    table_list_close(t->mailbox_commands);
    table_list_close(t->fallback_transports);
    delivery_close(&agent);
}

static void before_jail(struct service *svc)
{
    struct conf *conf = service_conf(svc);

    tables = (struct local_tables){
        .svc = svc,
        .extension_rule = { .delimiters = site_conf.recipient_delimiter,
                            .owner_request_special = local_conf.owner_request_special,
                            .double_bounce = site_conf.double_bounce_sender },
        .propagate = conf_value(conf, STR("propagate_unmatched_extensions")),
    };
    open_tables(svc);
    tables.default_user = find_default_user();
    if (!store_lock_parse(site_conf.mailbox_delivery_lock, &tables.mailbox_locks))
        log_fatal("bad mailbox_delivery_lock: " STR_FMT, STR_ARG(site_conf.mailbox_delivery_lock));
    if (local_conf.sun_mailtool_compatibility) /* it knows no other locks */
        tables.mailbox_locks |= STORE_DOTLOCK;
    if (local_conf.mailbox_size_limit &&
        local_conf.mailbox_size_limit < site_conf.message_size_limit)
        log_fatal("configuration error: mailbox_size_limit is smaller than message_size_limit");
}

/* newaliases must count for the very next message, on a kept connection too. */
static void deliver(struct delivery *d)
{
    if (delivery_tables_changed(d->svc)) {
        close_tables();
        open_tables(d->svc);
    }
    local_deliver_request(d, &tables, &links);
}

static void let_go(void) { cleanup_client_close(&links.cleanup); }

static void serve(struct service *svc, int fd)
{
    delivery_serve(&agent, svc, fd, site_conf.ipc_idle, deliver, let_go);
}

static const struct service_spec local = {
    .name = "local",
    .kind = SERVICE_SINGLE,
    .params = (const struct param_set *const[]){ &local_param_set, &delivery_param_set,
                                                 &rewrite_param_set, NULL },
    .sandbox = SANDBOX_COMMANDS,
    .needs_root = true,
    .process_limit = -1,
    .before_jail = before_jail,
    .serve = serve,
};

int main(int argc, char **argv) { service_main(&local, argc, argv); }
