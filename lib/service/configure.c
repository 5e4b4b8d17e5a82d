/* From a command line to filled parameters: main.cf, overrides, parameter sets, logger. */
#include "base/log.h"
#include "base/mem.h"
#include "base/utf8.h"
#include "service/private.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#define TAG_MAX 256

/* Where the parameters of each set live. */
static const struct {
    const struct param_set *set;
    void *params;
} instances[] = {
#define ROW(name) { &name##_param_set, &name##_conf },
    PARAM_SETS(ROW)
#undef ROW
};

static void fill_set(struct conf *conf, const struct param_set *set)
{
    for (size_t i = 0; i < ARRAY_LEN(instances); i++)
        if (instances[i].set == set)
            conf_fill(conf, set, instances[i].params);
}

static void open_conf(struct service *svc)
{
    const char *dir = getenv("MAIL_CONFIG");
    BUF_AUTO(error, 1024);

    if (dir == NULL)
        dir = "/etc/postfix";
    bool copied = svc->place.board && fcntl(SERVICE_FD_MAIN_CF, F_GETFD) >= 0;
    svc->conf = copied ? conf_open_copy(dir, SERVICE_FD_MAIN_CF, &error) : conf_open(dir, &error);
    if (copied)
        close(SERVICE_FD_MAIN_CF);
    if (svc->conf == NULL)
        log_fatal("%s", buf_cstr(&error));
}

void service_name_process(struct service *svc)
{
    BUF_AUTO(pid, 24);

    buf_add_int(&pid, getpid());
    conf_override(svc->conf, STR("process_id"), buf_str(&pid));
}

static void set_overrides(struct service *svc)
{
    const struct service_options *o = &svc->options;

    service_name_process(svc);
    conf_override(svc->conf, STR("service_name"), str_from(o->name));
    conf_override(svc->conf, STR("process_name"), str_from(o->program));
    for (size_t i = 0; i < o->override_count; i++)
        conf_override(svc->conf, o->overrides[i].name, o->overrides[i].value);
}

static const char *value_cstr(struct conf *conf, struct str name)
{
    struct str v = conf_value(conf, name);
    char *copy = mem_alloc(v.len + 1);

    if (v.len)
        memcpy(copy, v.ptr, v.len);
    return copy;
}

/* The strings live as long as the process. */
static void open_logger(struct service *svc, int file_fd)
{
    struct logger_options log = {
        .file_fd = file_fd,
        .facility = value_cstr(svc->conf, STR("syslog_facility")),
        .hostname = value_cstr(svc->conf, STR("myhostname")),
        .program = svc->options.program,
        .to_stderr = svc->options.to_stderr || (svc->options.standalone && isatty(STDERR_FILENO)),
    };
    BUF_AUTO(tag, TAG_MAX);
    BUF_AUTO(postlog, TAG_MAX);

    buf_join(&tag, conf_value(svc->conf, STR("syslog_name")), STR("/"),
             str_from(svc->options.program));
    log.tag = mem_copy_cstr(buf_cstr(&tag));
    if (conf_value(svc->conf, STR("maillog_file")).len) {
        buf_join(&postlog, STR("public/"), site_conf.postlog_service_name);
        log.postlog_path = mem_copy_cstr(buf_cstr(&postlog));
        log.direct_path = value_cstr(svc->conf, STR("maillog_file"));
    }
    if (svc->place.board)
        log.file_epoch = &svc->place.board->log_epoch;
    logger_init(&log);
}

int service_log_fd(struct service *svc)
{
    return svc->place.board && fcntl(SERVICE_FD_LOG, F_GETFD) >= 0 ? SERVICE_FD_LOG : -1;
}

void service_set_queue_full(struct service *svc, bool full)
{
    if (svc->place.board)
        atomic_store(&svc->place.board->queue_full, full);
}

bool service_queue_is_full(struct service *svc)
{
    return svc->place.board && atomic_load(&svc->place.board->queue_full);
}

void service_note_lost(struct service *svc)
{
    if (svc && svc->place.board)
        atomic_store(&svc->place.board->notices_lost, 1);
}

bool service_has_lost(struct service *svc)
{
    return svc->place.board && atomic_load(&svc->place.board->notices_lost) &&
           atomic_exchange(&svc->place.board->notices_lost, 0);
}

struct queue_spares *service_spares(struct service *svc)
{
    return svc->place.board ? &svc->place.board->spares : NULL;
}

void service_configure(struct service *svc)
{
    open_conf(svc);
    set_overrides(svc);
    conf_fill_site(svc->conf);
    utf8_set_printable(site_conf.smtputf8_enable);
    open_logger(svc, service_log_fd(svc));
    fill_set(svc->conf, &table_param_set);
    for (const struct param_set *const *set = svc->spec->params; set && *set; set++)
        fill_set(svc->conf, *set);
    svc->queue_directory = value_cstr(svc->conf, STR("queue_directory"));
    svc->max_idle_s = site_conf.max_idle;
    svc->max_use = site_conf.max_use;
}
