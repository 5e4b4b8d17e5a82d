#include "smtp-client/suitable.h"

static bool needs_utf8(const struct delivery_request *r)
{
    int used = SENDOPT_UTF8_HEADER | SENDOPT_UTF8_SENDER | SENDOPT_UTF8_RCPT;

    return (r->sendopts & SENDOPT_SMTPUTF8) && (r->sendopts & used);
}

enum suitability suitable_server(struct delivery *d, const struct client_session *s,
                                 struct fault *fault)
{
    const struct delivery_request *r = &d->request;
    const struct smtp_offer *offer = &s->dialogue.offer;

    if (offer->size_limit > 0 && r->data_size > offer->size_limit) {
        fault_set(fault, &d->arena, "5.3.4", true,
                  "message size %lld exceeds size limit %lld of server " STR_FMT,
                  (long long)r->data_size, (long long)offer->size_limit, STR_ARG(s->shown));
        return SUITABLE_NOWHERE;
    }
    if (needs_utf8(r) && !(offer->extensions & SMTP_EXT_SMTPUTF8)) {
        fault_set(fault, &d->arena, "5.6.7", true,
                  "message requires SMTPUTF8, but no server was found that supports SMTPUTF8. "
                  "The last attempted server was " STR_FMT,
                  STR_ARG(s->shown));
        return SUITABLE_ELSEWHERE;
    }
    return SUITABLE_HERE;
}
