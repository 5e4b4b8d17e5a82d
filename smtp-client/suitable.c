#include "smtp-client/suitable.h"

#include "base/log.h"

#include <stdio.h>

static bool needs_utf8(const struct delivery_request *r)
{
    int used = SENDOPT_UTF8_HEADER | SENDOPT_UTF8_SENDER | SENDOPT_UTF8_RCPT;

    return (r->sendopts & SENDOPT_SMTPUTF8) && (r->sendopts & used);
}

/* True: this server will not do.  `final`: nor will others be asked. */
static bool find_fault(struct transfer *t, bool *final)
{
    const struct delivery_request *r = &t->d->request;
    const struct smtp_offer *offer = &t->session->dialogue.offer;
    struct str shown = t->session->shown;

    if (offer->size_limit > 0 && r->data_size > offer->size_limit) {
        fault_set(&t->fault, &t->d->arena, "5.3.4", true,
                  "message size %lld exceeds size limit %lld of server " STR_FMT,
                  (long long)r->data_size, (long long)offer->size_limit, STR_ARG(shown));
        *final = t->lost = true; /* there is nothing to say goodbye for */
        return true;
    }
    if (needs_utf8(r) && !(offer->extensions & SMTP_EXT_SMTPUTF8)) {
        fault_set(&t->fault, &t->d->arena, "5.6.7", true,
                  "message requires SMTPUTF8, but no server was found that supports SMTPUTF8. "
                  "The last attempted server was " STR_FMT,
                  STR_ARG(shown));
        return true;
    }
    return false;
}

bool suitable_server(struct transfer *t)
{
    struct outcome o = { .status = OUTCOME_BOUNCED };
    bool final = !t->more_servers;

    if (!find_fault(t, &final))
        return true;
    if (!final) {
        log_info(STR_FMT ": " STR_FMT, STR_ARG(t->d->request.queue_id), STR_ARG(t->fault.text));
        return false;
    }
    o.text = t->fault.text;
    (void)snprintf(o.dsn, sizeof o.dsn, "%s", t->fault.dsn);
    delivery_finish_rest(t->d, &o);
    return false;
}
