#include "delivery/fast_flush.h"

#include "base/log.h"
#include "client/flush.h"
#include "table/match.h"
#include "text/address.h"

#include <errno.h>

#define DOMAINS "fast_flush_domains"

struct fast_flush fast_flush_open(struct conf *conf)
{
    return (struct fast_flush){
        .service = conf_value(conf, STR("flush_service_name")),
        .domains =
            match_list_open(conf_value(conf, STR(DOMAINS)), DOMAINS, match_flags_for(DOMAINS)),
    };
}

void fast_flush_close(struct fast_flush *f)
{
    match_list_close(f->domains);
    f->domains = NULL;
}

void fast_flush_note(const struct fast_flush *f, struct str queue_id, struct str recipient)
{
    struct str domain = address_split(recipient).domain;
    struct queue_id id;
    BUF_AUTO(path, 256);

    if (domain.len == 0 || match_list_is_empty(f->domains) ||
        match_domain(f->domains, domain) != MATCH_YES || !queue_id_parse(queue_id, &id))
        return;
    buf_join(&path, STR("public/"), f->service);
    if (flush_client_add(buf_cstr(&path), domain, &id, site_conf.ipc_timeout) != FLUSH_OK)
        log_warning("%s: cannot note for " STR_FMT " at %s: %s", id.text, STR_ARG(domain),
                    buf_cstr(&path), errno ? strerror(errno) : "request refused");
}
