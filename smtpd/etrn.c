/* ETRN: deliver what is queued for a destination, through the flush service. */
#include "smtpd/etrn.h"

#include "base/log.h"
#include "base/number.h"
#include "ipc/attr.h"
#include "os/link.h"
#include "smtpd/access/access.h"
#include "smtpd/respond.h"
#include "text/hostname.h"

/* Answers of the flush service (public attribute protocol). */
enum { FLUSH_OK = 0, FLUSH_UNKNOWN = 3, FLUSH_BAD = 4 };

static int read_status(struct link *l)
{
    struct str name, value;
    int64_t status = -1;
    bool incomplete;

    while (attr_list_length(buf_str(&l->in)) == 0)
        if (link_fill(l) != IO_OK)
            return -1;
    for (struct str in = buf_str(&l->in); attr_take(&in, &name, &value, &incomplete);)
        if (str_equal(name, STR("status")) && !number_parse_range(value, 0, 100, &status))
            return -1;
    return (int)status;
}

/* The service's status, or -1 when it cannot be asked. */
static int flush_site(struct str domain)
{
    BUF_AUTO(path, 128);
    struct link l;

    buf_join(&path, STR("public/"), flush_conf.flush_service_name);
    int fd = socket_unix_connect(buf_cstr(&path));
    if (fd < 0)
        return -1;
    link_init(&l, fd, site_conf.ipc_timeout, 4096, 4096);
    attr_put_str(&l.out, "request", STR("send_site"));
    attr_put_str(&l.out, "site", domain);
    attr_put_end(&l.out);
    int status = read_status(&l);
    link_close(&l);
    return status;
}

void etrn_handle(struct session *s, const struct smtp_event *ev)
{
    struct str domain = ev->arg;
    BUF_AUTO(text, 0);

    s->where = SMTP_CMD_ETRN;
    struct smtp_reply verdict = access_judge(s, ACCESS_ETRN, domain);
    if (reply_refuses(verdict)) {
        log_info("reject: ETRN " STR_FMT "... from " STR_FMT, STR_ARG(domain), STR_ARG(s->peer.shown));
        session_answer(s, verdict);
        return;
    }
    if (str_starts(domain, STR("@")))
        domain = str_skip(domain, 1);
    switch (flush_site(domain)) {
    case FLUSH_OK:
        session_answer(s, (struct smtp_reply){ 250, STR("Queuing started") });
        return;
    case FLUSH_UNKNOWN:
    case FLUSH_BAD:
        buf_join(&text, STR("<"), ev->arg, STR(">: service unavailable"));
        session_answer(s, (struct smtp_reply){ 459, buf_str(&text) });
        return;
    default:
        session_answer(s, (struct smtp_reply){ 458, STR("Unable to queue messages") });
    }
}
