#include "client/policy.h"

#include "base/arena.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/number.h"
#include "ipc/connector.h"
#include "os/link.h"

#include <errno.h>
#include <stdlib.h>
#include <time.h>

#define SEPARATORS ", \t\r\n"
#define ANSWER_MAX (64UL * 1024)

struct policy_server {
    struct arena arena;
    struct connector *connector;
    struct str name; /* with its type */
    struct policy_settings settings;
    int entry; /* the connector's number of it */
    struct link link;
    int64_t opened_ms, used_ms;
    int served; /* requests on this connection */
};

/* ---- settings ---- */

struct setting {
    const char *name;
    size_t offset;
    enum { SETTING_TIME, SETTING_NUMBER, SETTING_TEXT } kind;
    int64_t min;
};

static const struct setting setting_table[] = {
    { "timeout", offsetof(struct policy_settings, timeout), SETTING_TIME, 1 },
    { "max_idle", offsetof(struct policy_settings, max_idle), SETTING_TIME, 1 },
    { "max_ttl", offsetof(struct policy_settings, max_ttl), SETTING_TIME, 1 },
    { "request_limit", offsetof(struct policy_settings, request_limit), SETTING_NUMBER, 0 },
    { "try_limit", offsetof(struct policy_settings, try_limit), SETTING_NUMBER, 1 },
    { "retry_delay", offsetof(struct policy_settings, retry_delay), SETTING_TIME, 1 },
    { "default_action", offsetof(struct policy_settings, default_action), SETTING_TEXT, 0 },
    { "policy_context", offsetof(struct policy_settings, context), SETTING_TEXT, 0 },
};

static const struct setting *find_setting(struct str name)
{
    for (size_t i = 0; i < ARRAY_LEN(setting_table); i++)
        if (str_equal(name, str_from(setting_table[i].name)))
            return &setting_table[i];
    return NULL;
}

static bool set_value(struct policy_server *p, const struct setting *setting, struct str value)
{
    void *at = (char *)&p->settings + setting->offset;
    int64_t number;

    if (setting->kind == SETTING_TEXT) {
        *(struct str *)at = arena_str(&p->arena, value);
        return true;
    }
    if (!(setting->kind == SETTING_TIME ? time_parse(value, 's', &number)
                                        : number_parse_range(value, 0, INT32_MAX, &number)) ||
        number < setting->min || number > INT32_MAX)
        return false;
    *(int *)at = (int)number;
    return true;
}

static bool apply_setting(struct policy_server *p, struct str item, struct buf *why)
{
    if (!str_has(item, '=')) {
        buf_join(why, STR("malformed option: missing '=' after attribute name: \""), item,
                 STR("\""));
        return false;
    }
    struct str value = item, name = str_trim(str_cut(&value, '='));
    const struct setting *setting = find_setting(name);

    value = str_trim(value);
    if (setting && set_value(p, setting, value))
        return true;
    buf_join(why,
             setting ? STR("bad policy service option value: ")
                     : STR("bad policy service option: "),
             name, STR("="), value);
    return false;
}

static bool is_server_name(struct str name)
{
    return str_starts(name, STR("inet:")) || str_starts(name, STR("unix:")) ||
           str_starts(name, STR("local:"));
}

static bool take_name(struct policy_server *p, struct str *text, struct buf *why)
{
    struct str item = STR_NONE;

    if (!str_token_braced(text, SEPARATORS, &item, NULL) || !is_server_name(item)) {
        struct str type = item;
        buf_join(why, STR("invalid transport name: "), str_cut(&type, ':'), STR(" in service: "),
                 item);
        return false;
    }
    p->name = arena_str(&p->arena, item);
    return true;
}

static bool take_settings(struct policy_server *p, struct str text, struct buf *why)
{
    struct str item;

    while (str_token_braced(&text, SEPARATORS, &item, NULL))
        if (!apply_setting(p, item, why))
            return false;
    return true;
}

void policy_server_close(struct policy_server *p)
{
    if (p == NULL)
        return;
    link_close(&p->link);
    arena_free(&p->arena);
    free(p);
}

struct policy_server *policy_server_open(struct connector *c, struct str text,
                                         const struct policy_settings *defaults, struct buf *why)
{
    struct policy_server *p = mem_alloc(sizeof *p);

    *p = (struct policy_server){ .arena = ARENA_INIT, .connector = c, .settings = *defaults };
    p->link = (struct link)LINK_NONE;
    if (take_name(p, &text, why) && take_settings(p, text, why) &&
        (p->entry = connector_add(c, p->name, why)) >= 0)
        return p;
    policy_server_close(p);
    return NULL;
}

const struct policy_settings *policy_server_settings(const struct policy_server *p)
{
    return &p->settings;
}

struct str policy_server_name(const struct policy_server *p) { return p->name; }

/* ---- the connection ---- */

static bool is_stale(const struct policy_server *p)
{
    int64_t now = clock_now_ms();

    return now - p->used_ms > (int64_t)p->settings.max_idle * 1000 ||
           now - p->opened_ms > (int64_t)p->settings.max_ttl * 1000 ||
           !stream_is_quiet(&p->link.stream, 0); /* the server has closed it */
}

static bool get_connected(struct policy_server *p, struct buf *why)
{
    if (link_is_open(&p->link) && is_stale(p))
        link_close(&p->link);
    if (link_is_open(&p->link))
        return true;
    int fd = connector_connect(p->connector, p->entry, p->settings.timeout, why);
    if (fd < 0)
        return false;
    link_init(&p->link, fd, p->settings.timeout, ANSWER_MAX, 0);
    p->opened_ms = clock_now_ms();
    p->served = 0;
    return true;
}

/* ---- one attempt ---- */

enum attempt {
    ATTEMPT_DONE,
    ATTEMPT_BROKEN, /* as it happens when a server is started anew */
    ATTEMPT_FAILED, /* it will hardly be better */
};

static enum attempt failed(enum io_result result, struct buf *why)
{
    int error = errno;

    if (result == IO_EOF) {
        buf_add_cstr(why, "Application error");
        return ATTEMPT_BROKEN;
    }
    buf_add_cstr(why, strerror(result == IO_TIMEOUT ? ETIMEDOUT : error));
    return result != IO_TIMEOUT && (error == EPIPE || error == ECONNRESET) ? ATTEMPT_BROKEN
                                                                           : ATTEMPT_FAILED;
}

static bool take_line(struct str *text, struct str *line)
{
    if (!str_has(*text, '\n'))
        return false;
    *line = str_cut(text, '\n');
    if (str_ends(*line, STR("\r")))
        line->len--;
    return true;
}

/* The answer ends with an empty line.  False: more has to come. */
static bool take_answer(struct str text, struct str *action)
{
    struct str line;

    *action = STR_NONE;
    while (take_line(&text, &line)) {
        if (line.len == 0)
            return true;
        if (action->ptr == NULL && str_skip_prefix(&line, STR("action=")))
            *action = line;
    }
    return false;
}

static struct str server_path(const struct policy_server *p)
{
    struct str path = p->name;

    (void)str_cut(&path, ':');
    return path;
}

static enum attempt converse(struct policy_server *p, struct str request, struct buf *action,
                             struct buf *why)
{
    enum io_result result;
    struct str found;

    buf_join(&p->link.out, request, STR("\n"));
    if ((result = link_flush(&p->link)) != IO_OK)
        return failed(result, why);
    do {
        if ((result = link_fill(&p->link)) != IO_OK)
            return failed(result, why);
    } while (!take_answer(buf_str(&p->link.in), &found));
    if (found.ptr == NULL) {
        log_warning("missing attribute action in input from " STR_FMT, STR_ARG(server_path(p)));
        buf_add_cstr(why, "Application error");
        return ATTEMPT_BROKEN;
    }
    buf_add(action, found);
    buf_clear(&p->link.in);
    return ATTEMPT_DONE;
}

static enum attempt attempt(struct policy_server *p, struct str request, struct buf *action,
                            struct buf *why)
{
    if (!get_connected(p, why)) {
        enum attempt result = errno == ENOENT ? ATTEMPT_BROKEN : ATTEMPT_FAILED;
        log_warning("connect to " STR_FMT ": " STR_FMT, STR_ARG(server_path(p)),
                    STR_ARG(buf_str(why)));
        return result;
    }
    enum attempt result = converse(p, request, action, why);

    p->used_ms = clock_now_ms();
    p->served++;
    if (result != ATTEMPT_DONE || p->served == p->settings.request_limit)
        link_close(&p->link);
    return result;
}

bool policy_server_ask(struct policy_server *p, struct str request, struct buf *action)
{
    const struct timespec pause = { .tv_sec = p->settings.retry_delay };

    for (int count = 1;; count++) {
        BUF_AUTO(why, 512);
        enum attempt result = attempt(p, request, action, &why);
        if (result == ATTEMPT_DONE)
            return true;
        bool last = count >= p->settings.try_limit;
        if (last || result == ATTEMPT_FAILED)
            log_warning("problem talking to server " STR_FMT ": " STR_FMT, STR_ARG(server_path(p)),
                        STR_ARG(buf_str(&why)));
        if (last)
            return false;
        (void)nanosleep(&pause, NULL);
    }
}
