#include "table/tablemgr.h"

#include "base/arena.h"
#include "base/log.h"
#include "conf/params.h"
#include "ipc/channel.h"
#include "ipc/messages/tablemgr.h"
#include "os/door.h"

#include <errno.h>

#define SERVICE        "private/tablemgr"
#define OPEN_TIMEOUT_S 30

struct entry {
    struct str table, settings;
};

/* Of this process, as the tables themselves are (table/table). */
static struct {
    struct arena arena;
    struct entry entries[TABLEMGR_ENTRIES_MAX];
    int count;
    bool closed, lost;
    struct channel channel;
} list = { .channel = CHANNEL_NONE };

bool tablemgr_is_used(void) { return door_is_there(SERVICE); }

static int find(struct str table)
{
    for (int i = 0; i < list.count; i++)
        if (str_equal(table, list.entries[i].table))
            return i;
    return -1;
}

int tablemgr_add(struct str spec, struct str settings, struct buf *error)
{
    int entry = find(spec);

    if (entry >= 0)
        return entry;
    if (list.closed || list.count == TABLEMGR_ENTRIES_MAX) {
        buf_join(error,
                 list.closed ? STR("not among the tables that were known at the start: ")
                             : STR("too many tables: "),
                 spec);
        return -1;
    }
    list.entries[list.count] =
        (struct entry){ arena_str(&list.arena, spec), arena_str(&list.arena, settings) };
    return list.count++;
}

/* ---- the connection ---- */

static bool send_list(void)
{
    for (int i = 0; i < list.count; i++) {
        const struct entry *e = &list.entries[i];
        tablemgr_name_encode(channel_begin(&list.channel, TABLEMGR_NAME),
                             &(struct tablemgr_name){ e->table, e->settings });
        if (!channel_end(&list.channel))
            return false;
    }
    return channel_send(&list.channel, TABLEMGR_END, STR("")) && channel_flush(&list.channel);
}

static void lose(void)
{
    channel_close(&list.channel);
    list.lost = true;
}

void tablemgr_close_list(void)
{
    list.closed = tablemgr_is_used();
    if (!list.closed || list.count == 0)
        return;
    int fd = door_connect(SERVICE, OPEN_TIMEOUT_S);
    if (fd >= 0)
        channel_init(&list.channel, fd, site_conf.ipc_timeout);
    if (fd < 0 || !send_list()) {
        log_warning("connect to " SERVICE ": %s", strerror(errno));
        channel_close(&list.channel);
    }
}

bool tablemgr_is_lost(void) { return list.lost; }

/* ---- lookups ---- */

/* Log readers look for these lines where the table is used. */
static void repeat(struct str said)
{
    while (said.len) {
        struct str line = str_cut(&said, '\n');
        if (line.len)
            log_at((enum log_level)(line.ptr[0] - '0'), STR_FMT, STR_ARG(str_skip(line, 1)));
    }
}

static bool ask(int entry, struct str key, struct tablemgr_answer *answer)
{
    struct tablemgr_question q = { .entry = entry, .key = key };
    struct str body;
    char kind;

    if (!channel_is_open(&list.channel))
        return false;
    tablemgr_question_encode(channel_begin(&list.channel, TABLEMGR_QUESTION), &q);
    if (!channel_end(&list.channel) || channel_receive(&list.channel, &kind, &body) != IO_OK)
        return false;
    if (kind == TABLEMGR_FATAL)
        log_fatal(STR_FMT, STR_ARG(body));
    return kind == TABLEMGR_ANSWER && tablemgr_answer_decode(&body, answer);
}

enum table_result tablemgr_lookup(int entry, struct str key, struct buf *value)
{
    struct tablemgr_answer answer;

    if (!ask(entry, key, &answer)) {
        log_warning("%s: no connection to " SERVICE, list.entries[entry].table.ptr);
        lose();
        return TABLE_ERROR;
    }
    repeat(answer.said);
    buf_clear(value);
    buf_add(value, answer.value);
    return (enum table_result)answer.result;
}
