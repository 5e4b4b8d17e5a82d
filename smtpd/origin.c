#include "smtpd/origin.h"

#include "smtpd/access/access.h"

bool origin_is_forwarded(const struct session *s)
{
    return s->forwarded.name.ptr || s->forwarded.address.ptr;
}

struct forwarded origin_of(const struct session *s)
{
    const struct forwarded *f = &s->forwarded;
    const struct peer *p = &s->peer;
    bool forwarded = origin_is_forwarded(s);

    return (struct forwarded){
        .name = forwarded ? f->name : p->name,
        .address = forwarded ? f->address : p->address,
        .port = forwarded ? f->port : p->port,
        .proto = f->proto.ptr ? f->proto : session_protocol(s),
        .helo = f->helo.ptr ? f->helo : s->helo,
        .ident = f->ident,
        .source = f->source,
    };
}

bool origin_is_local(struct session *s)
{
    return s->forwarded.source.len ? str_equal_nocase(s->forwarded.source, STR("LOCAL"))
                                   : access_rewrites_locally(s);
}
