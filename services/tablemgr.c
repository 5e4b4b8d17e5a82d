/* tablemgr - look up tables that need a client library, for a daemon whose jail has no room for one.
 *
 * A daemon that is still root opens a connection and names the tables of its configuration, with the settings that only root
 * may be able to read; later, in its jail, it asks for keys.  One process serves one connection, so that nobody
 * spoils the answers of others.  master(8) starts this service without an entry in master.cf.
 *
 * Runs as:   mail_owner, outside of any chroot whatever master.cf says
 * Trusts:    main.cf, the list of a connection, which root wrote, and the servers of its tables
 * Distrusts: the keys */
#include "ipc/messages/tablemgr.h"

#include "base/log.h"
#include "conf/params.h"
#include "ipc/channel.h"
#include "os/socket.h"
#include "service/service.h"
#include "table/settings.h"
#include "table/table.h"

/* Clients are silent for as long as they like; the watchdog learns that often that nothing hangs. */
#define SILENCE_S 600
#define SAID_MAX  16384UL

static struct {
    struct channel channel;
    struct table *tables[TABLEMGR_ENTRIES_MAX];
    int count;
    bool closed;          /* the list */
    struct buf said;      /* since the last answer */
    log_sink_fn *own_log; /* of this process */
} tablemgr = { .channel = CHANNEL_NONE, .said = { .max = SAID_MAX } };

/* ---- what is said goes to the client, where readers of the log look for it */

static void note(enum log_level level, struct str line)
{
    struct str text = line;

    (void)str_skip_prefix(&text, log_prefix(level));
    if (level >= LOG_LEVEL_FATAL) {
        (void)(channel_send(&tablemgr.channel, TABLEMGR_FATAL, text) &&
               channel_flush(&tablemgr.channel));
        tablemgr.own_log(level, line);
        return;
    }
    buf_addc(&tablemgr.said, (char)('0' + (int)level));
    buf_join(&tablemgr.said, text, STR("\n"));
}

static bool answer(enum table_result result, struct str value)
{
    const struct tablemgr_answer a = { .result = (int)result,
                                       .value = value,
                                       .said = buf_str(&tablemgr.said) };

    tablemgr_answer_encode(channel_begin(&tablemgr.channel, TABLEMGR_ANSWER), &a);
    bool fits = channel_end(&tablemgr.channel);
    buf_clear(&tablemgr.said);
    return fits;
}

/* ---- requests ---- */

static bool take_name(struct str body)
{
    struct tablemgr_name name;

    if (tablemgr.closed || tablemgr.count == TABLEMGR_ENTRIES_MAX ||
        !tablemgr_name_decode(&body, &name))
        return false;
    struct str file = name.table;
    (void)str_cut(&file, ':');
    if (table_settings_are_file(file))
        table_settings_give(file, name.settings);
    /* Keys come folded. */
    tablemgr.tables[tablemgr.count++] = table_open(name.table, TABLE_QUIET, NULL);
    return true;
}

static bool take_end(struct str body)
{
    tablemgr.closed = true;
    return body.len == 0;
}

static bool take_question(struct str body)
{
    struct tablemgr_question q;
    BUF_AUTO(value, 0);

    if (!tablemgr.closed || !tablemgr_question_decode(&body, &q) || q.entry < 0 ||
        q.entry >= tablemgr.count)
        return false;
    enum table_result result = table_lookup(tablemgr.tables[q.entry], q.key, &value);
    if (answer(result, buf_str(&value)))
        return true;
    log_warning("a value of %zu bytes is too long to be sent", value.len);
    return answer(TABLE_ERROR, STR(""));
}

static const struct {
    char kind;
    bool (*take)(struct str body);
} requests[] = {
    { TABLEMGR_NAME, take_name },
    { TABLEMGR_END, take_end },
    { TABLEMGR_QUESTION, take_question },
};

/* False: it breaks the protocol. */
static bool take(char kind, struct str body)
{
    for (size_t i = 0; i < ARRAY_LEN(requests); i++)
        if (requests[i].kind == kind)
            return requests[i].take(body);
    return false;
}

static void converse(struct service *svc)
{
    struct str body;
    char kind;

    for (;;) {
        enum io_result got = channel_receive(&tablemgr.channel, &kind, &body);
        service_count_use(svc);
        if (got == IO_TIMEOUT)
            continue;
        if (got != IO_OK)
            return;
        if (!take(kind, body)) {
            log_set_sink(tablemgr.own_log);
            log_warning("a client breaks the protocol; nothing is looked up for it any more");
            return;
        }
    }
}

static void serve_client(struct service *svc, int fd)
{
    uid_t uid;

    service_replace(svc);
    if (!socket_peer_uid(fd, &uid) || uid != 0) {
        log_warning("a process that is in its jail already asked for a list of tables");
        return;
    }
    channel_init(&tablemgr.channel, fd, SILENCE_S);
    tablemgr.own_log = log_sink();
    log_set_sink(note);
    converse(svc);
    log_set_sink(tablemgr.own_log);
    channel_release(&tablemgr.channel);
}

static const struct service_spec spec = {
    .name = "tablemgr",
    .kind = SERVICE_SINGLE,
    .params = (const struct param_set *const[]){ NULL },
    .sandbox = SANDBOX_TABLES,
    .keeps_groups = true,
    .process_limit = -1,
    .serve = serve_client,
};

int main(int argc, char **argv) { service_main(&spec, argc, argv); }
