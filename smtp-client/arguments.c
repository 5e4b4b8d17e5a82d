#include "smtp-client/arguments.h"

#include "base/log.h"
#include "delivery/copy.h"
#include "delivery/delivered_to.h"

static const struct {
    char letter;
    unsigned header;
    bool final;
} letters[] = {
    { 'D', COPY_DELIVERED_TO, false },
    { 'O', COPY_ORIG_TO, false },
    { 'R', COPY_RETURN_PATH, false },
    { 'X', 0, true },
};

static bool take_letter(struct client_arguments *a, char letter)
{
    for (size_t i = 0; i < ARRAY_LEN(letters); i++) {
        if (letters[i].letter != letter)
            continue;
        a->headers |= letters[i].header;
        a->final |= letters[i].final;
        return true;
    }
    return false;
}

static void take_flags(struct client_arguments *a, struct str text)
{
    for (size_t i = 0; i < text.len; i++)
        if (!take_letter(a, text.ptr[i]))
            log_fatal("unknown flags=" STR_FMT " value \"%c\" in \"" STR_FMT "\"", STR_ARG(text),
                      text.ptr[i], STR_ARG(text));
}

void client_arguments_parse(struct client_arguments *a, char **args, int count)
{
    for (int i = 0; i < count; i++) {
        struct str text = str_from(args[i]);
        if (!str_skip_prefix(&text, STR("flags=")))
            log_fatal("unknown attribute name: %s", args[i]);
        take_flags(a, text);
    }
}

/* D and O speak of one recipient. */
static bool fit_recipients(const struct client_arguments *a, const struct delivery *d)
{
    if (d->count == 1 || !(a->headers & (COPY_DELIVERED_TO | COPY_ORIG_TO)))
        return true;
    log_warning("flag `%c' requires " STR_FMT "_destination_recipient_limit = 1",
                a->headers & COPY_DELIVERED_TO ? 'D' : 'O', STR_ARG(service_name(d->svc)));
    return false;
}

bool client_arguments_refuse(const struct client_arguments *a, struct delivery *d)
{
    struct str address = d->recipients[0].info.address;
    struct outcome o;

    if (!fit_recipients(a, d))
        outcome_make(&o, &d->arena, OUTCOME_DEFERRED, "4.3.5", "mail system configuration error");
    else if ((a->headers & COPY_DELIVERED_TO) && delivered_to_has(d, address))
        outcome_make(&o, &d->arena, OUTCOME_BOUNCED, "5.4.6", "mail forwarding loop for " STR_FMT,
                     STR_ARG(address));
    else
        return false;
    d->relay = service_name(d->svc);
    delivery_finish_rest(d, &o);
    return true;
}

void client_arguments_format(const struct client_arguments *a, struct delivery *d, struct buf *out)
{
    const struct delivery_recipient *first = &d->recipients[0].info;
    struct copy_plan plan = { .flags = a->headers,
                              .sender = d->request.sender,
                              .orig_to = first->orig_addr,
                              .delivered_to = first->address };
    struct copier c;

    if (a->headers == 0)
        return;
    copier_init(&c, &plan);
    copier_head(&c);
    buf_add(out, buf_str(&c.out));
    buf_free(&c.out);
}
