#include "smtpd/facts.h"

#include "smtpd/mail_sink.h"

#define CHANGES_BEFORE_COMPACTION 16

const char *session_queue_id(const struct session *s)
{
    return s->t.open && s->setup->sink->keeps_mail ? s->cleanup.id.text : "NOQUEUE";
}

struct str session_protocol(const struct session *s)
{
    return s->dialogue.esmtp ? STR("ESMTP") : STR("SMTP");
}

bool session_has_login(const struct session *s)
{
    return s->login.method.len && !str_equal_nocase(s->login.method, STR("anonymous"));
}

bool session_is_secured(const struct session *s) { return s->dialogue.secured; }

struct str session_shown_address(struct str address)
{
    size_t colon = str_starts(address, STR("@")) ? str_find(address, ':') : STR_NOT_FOUND;

    return colon == STR_NOT_FOUND ? address : str_skip(address, colon + 1);
}

static void move(struct arena *to, struct str *s)
{
    if (s->ptr)
        *s = arena_str(to, *s);
}

void session_keep(struct session *s)
{
    struct peer *p = &s->peer;
    struct str *const kept[] = {
        &p->address,
        &p->name,
        &p->reverse_name,
        &p->port,
        &p->server_address,
        &p->server_port,
        &p->shown,
        &s->helo,
        &s->doubts.connection.text,
        &s->doubts.greeting.text,
        &s->login.name,
        &s->login.method,
        &s->auth.mechanism,
        &s->auth.user,
        &s->forwarded.name,
        &s->forwarded.address,
        &s->forwarded.port,
        &s->forwarded.proto,
        &s->forwarded.helo,
        &s->forwarded.ident,
        &s->forwarded.source,
    };
    struct arena fresh = ARENA_INIT;

    if (++s->changes < CHANGES_BEFORE_COMPACTION)
        return;
    for (size_t i = 0; i < ARRAY_LEN(kept); i++)
        move(&fresh, kept[i]);
    arena_free(&s->arena);
    s->arena = fresh;
    s->changes = 0;
}
