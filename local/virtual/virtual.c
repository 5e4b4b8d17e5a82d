/* virtual - deliver to the mailboxes of virtual_mailbox_maps: no accounts, no aliases, no commands.
 *
 * Runs as:   root, acting as the owner that virtual_uid_maps and virtual_gid_maps name for each recipient
 * Trusts:    main.cf and its tables
 * Distrusts: the message */
#include "base/log.h"
#include "base/number.h"
#include "delivery/delivered_to.h"
#include "delivery/store.h"
#include "table/list.h"

static struct agent agent;
static struct {
    struct table_list *mailboxes, *uids, *gids;
    unsigned locks;
} tables;

static struct table_list *open_list(struct str value, const char *parameter)
{
    return table_list_open(value, parameter, TABLE_DEFAULT | TABLE_NO_SUBSTITUTION);
}

static void open_tables(struct service *svc)
{
    tables.mailboxes = open_list(site_conf.virtual_mailbox_maps, "virtual_mailbox_maps");
    tables.uids = open_list(virtual_conf.virtual_uid_maps, "virtual_uid_maps");
    tables.gids = open_list(virtual_conf.virtual_gid_maps, "virtual_gid_maps");
    delivery_open(&agent, svc, virtual_conf.virtual_delivery_status_filter,
                  "virtual_delivery_status_filter");
}

static void close_tables(void)
{
    table_list_close(tables.mailboxes);
    table_list_close(tables.uids);
    table_list_close(tables.gids);
    delivery_close(&agent);
}

static void before_jail(struct service *svc)
{
    open_tables(svc);
    if (!store_lock_parse(virtual_conf.virtual_mailbox_lock, &tables.locks))
        log_fatal("bad virtual_mailbox_lock: " STR_FMT, STR_ARG(virtual_conf.virtual_mailbox_lock));
    if (virtual_conf.virtual_mailbox_limit &&
        virtual_conf.virtual_mailbox_limit < site_conf.message_size_limit)
        log_fatal("main.cf configuration error: virtual_mailbox_limit is smaller than "
                  "message_size_limit");
}

static enum table_result look_up(struct table_list *list, struct str address, struct buf *value)
{
    const struct address_walk walk = { .keys = ADDRESS_KEYS_REWRITE,
                                       .delimiters = site_conf.recipient_delimiter };

    return table_list_lookup_address(list, address, &walk, value, NULL);
}

/* A user or group number for the recipient; false is logged. */
static bool look_up_id(struct table_list *list, struct str address, const char *kind, int64_t min,
                       unsigned *id)
{
    BUF_AUTO(value, 0);
    int64_t number;

    switch (look_up(list, address, &value)) {
    case TABLE_FOUND:
        break;
    case TABLE_NOT_FOUND:
        log_warning("recipient " STR_FMT ": not found in %s", STR_ARG(address),
                    table_list_parameter(list));
        return false;
    case TABLE_ERROR:
        return false;
    }
    if (!number_parse_range(str_trim(buf_str(&value)), min, UINT32_MAX - 1, &number)) {
        log_warning("recipient " STR_FMT ": bad %s " STR_FMT " in %s", STR_ARG(address), kind,
                    STR_ARG(buf_str(&value)), table_list_parameter(list));
        return false;
    }
    *id = (unsigned)number;
    return true;
}

static void store(struct delivery *d, struct delivery_rcpt *rcpt, struct store_target *t,
                  struct outcome *o)
{
    struct store_fault fault = STORE_FAULT_INIT;
    fault.patient = true;
    bool maildir = str_ends(str_from(t->path), STR("/"));
    const char *kind = maildir ? "maildir" : "mailbox";
    struct copy_plan plan = {
        .flags = COPY_RETURN_PATH | COPY_DELIVERED_TO |
                 (site_conf.enable_original_recipient ? COPY_ORIG_TO : 0) |
                 (maildir ? 0 : COPY_MBOX),
        .sender = d->request.sender,
        .orig_to = rcpt->info.orig_addr,
        .delivered_to = rcpt->info.address,
        .now = d->times.deliver_start.tv_sec,
    };
    BUF_AUTO(words, 0);

    if (delivery_is_probe(d)) {
        outcome_make(o, &d->arena, OUTCOME_SENT, "2.0.0", "delivers to %s", kind);
    } else if (store_message(d, t, &plan, &fault)) {
        outcome_make(o, &d->arena, OUTCOME_SENT, "2.0.0", "delivered to %s", kind);
    } else {
        if (maildir)
            buf_add(&words, STR("maildir delivery failed: "));
        else
            buf_join(&words, STR("delivery failed to mailbox "), str_from(t->path), STR(": "));
        store_fault_outcome(o, &d->arena, &fault, buf_str(&words));
    }
}

/* What becomes of one recipient. */
static void deliver_recipient(struct delivery *d, struct delivery_rcpt *rcpt, struct outcome *o)
{
    struct str address = rcpt->info.address;
    struct store_target target = {
        .locks = tables.locks,
        .size_limit = virtual_conf.virtual_mailbox_limit,
        .strict_owner = delivery_conf.strict_mailbox_ownership,
    };
    BUF_AUTO(mailbox, 0);
    BUF_AUTO(path, 0);

    outcome_make(o, &d->arena, OUTCOME_DEFERRED, "4.3.5", "mail system configuration error");
    if (delivered_to_has(d, address)) {
        outcome_make(o, &d->arena, OUTCOME_BOUNCED, "5.4.6", "mail forwarding loop for " STR_FMT,
                     STR_ARG(address));
        return;
    }
    switch (look_up(tables.mailboxes, address, &mailbox)) {
    case TABLE_FOUND:
        break;
    case TABLE_NOT_FOUND:
        buf_add_lower(&mailbox, address);
        outcome_make(o, &d->arena, OUTCOME_BOUNCED, "5.1.1", "unknown user: \"" STR_FMT "\"",
                     STR_ARG(buf_str(&mailbox)));
        return;
    case TABLE_ERROR:
        return;
    }
    if (!look_up_id(tables.uids, address, "uid", virtual_conf.virtual_minimum_uid, &target.uid) ||
        !look_up_id(tables.gids, address, "gid", 1, &target.gid))
        return;
    buf_join(&path, virtual_conf.virtual_mailbox_base, STR("/"), buf_str(&mailbox));
    target.path = buf_cstr(&path);
    store(d, rcpt, &target, o);
}

static void deliver(struct delivery *d)
{
    if (delivery_tables_changed(d->svc)) {
        close_tables();
        open_tables(d->svc);
    }
    d->relay = service_name(d->svc);
    for (size_t i = 0; i < d->count; i++) {
        struct outcome o;
        deliver_recipient(d, &d->recipients[i], &o);
        delivery_finish(d, &d->recipients[i], &o);
    }
}

static void serve(struct service *svc, int fd)
{
    delivery_serve(&agent, svc, fd, site_conf.ipc_idle, deliver, NULL);
}

static const struct service_spec virtual_service = {
    .name = "virtual",
    .kind = SERVICE_SINGLE,
    .params = (const struct param_set *const[]){ &virtual_param_set, &delivery_param_set, NULL },
    .sandbox = SANDBOX_STORE,
    .needs_root = true,
    .process_limit = -1,
    .before_jail = before_jail,
    .serve = serve,
};

int main(int argc, char **argv) { service_main(&virtual_service, argc, argv); }
