/* ETRN: deliver what is queued for a destination, through the flush service. */
#include "smtpd/etrn.h"

#include "base/log.h"
#include "client/flush.h"
#include "smtpd/access/access.h"
#include "smtpd/milters.h"
#include "smtpd/reject_log.h"
#include "smtpd/respond.h"

static enum flush_status flush_site(struct str domain)
{
    BUF_AUTO(path, 128);

    buf_join(&path, STR("public/"), flush_conf.flush_service_name);
    return flush_client_send_site(buf_cstr(&path), domain, site_conf.ipc_timeout);
}

static void refuse(struct session *s, struct str domain, struct smtp_reply reply)
{
    log_warning("reject: ETRN " STR_FMT "... from " STR_FMT, STR_ARG(domain),
                STR_ARG(s->peer.shown));
    respond(s, reply);
}

void etrn_handle(struct session *s, const struct smtp_event *ev)
{
    struct str domain = ev->arg;
    BUF_AUTO(text, 0);

    s->where = SMTP_CMD_ETRN;
    if (milters_bar(s, SMTP_CMD_ETRN))
        return;
    struct smtp_reply verdict = access_judge(s, ACCESS_ETRN, domain);
    if (reply_refuses(verdict)) {
        reject_log(s, STR_NONE, verdict);
        respond(s, verdict);
        return;
    }
    if (str_starts(domain, STR("@")) || str_starts(domain, STR("#")))
        domain = str_skip(domain, 1);
    switch (flush_site(domain)) {
    case FLUSH_OK:
        respond(s, (struct smtp_reply){ 250, STR("Queuing started") });
        return;
    case FLUSH_UNKNOWN:
    case FLUSH_BAD:
        buf_join(&text, STR("<"), domain, STR(">: service unavailable"));
        refuse(s, domain, (struct smtp_reply){ 459, buf_str(&text) });
        return;
    case FLUSH_FAIL:
        s->faults |= FAULT_RESOURCE;
        refuse(s, domain, (struct smtp_reply){ 458, STR("Unable to queue messages") });
    }
}
