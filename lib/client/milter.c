#include "client/milter.h"

#include "base/log.h"
#include "base/mem.h"
#include "ipc/connector.h"
#include "os/socket.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>

#define FLUSH_AT        (64UL * 1024) /* bytes of events without an answer that are worth a write */
#define TEXT_MAX        (64UL * 1024)
#define HOLD_REASON_MAX 100 /* of it are logged */
#define GRACE_MS        100 /* what our own clock gives beyond the kernel's: see os/stream.h */
#define MILTER_FMT      "milter " STR_FMT ": "

/* ---- what is said for a filter */

static const struct {
    int code;
    const char *text;
} standing_texts[] = {
    [MILTER_REJECT] = { 550, "5.7.1 Command rejected" },
    [MILTER_TEMPFAIL] = { 451, "4.7.1 Service unavailable - try again later" },
    [MILTER_SHUTDOWN] = { 421, "4.7.0 Server closing connection" },
};

static struct milter_verdict refusal(int code, const char *text)
{
    return (struct milter_verdict){ MILTER_REFUSES, code, str_from(text) };
}

struct str milter_hold_reason(struct str said)
{
    bool says_nothing = str_trim(said).len == 0;

    return says_nothing ? STR("milter triggers HOLD action") : str_sub(said, 0, HOLD_REASON_MAX);
}

static struct milter_verdict keep_text(struct milter_client *c, struct milter_verdict v)
{
    buf_clear(&c->text);
    buf_add(&c->text, v.text);
    v.text = buf_str(&c->text);
    return v;
}

/* From now on nothing else will come of this filter. */
static struct milter_verdict decide(struct milter_client *c, struct milter_verdict v)
{
    c->condition = v.outcome == MILTER_PASSES ? MILTER_IS_DONE : MILTER_IS_DECIDED;
    c->verdict = v;
    stream_close(&c->stream);
    return v;
}

enum fault { FAULT_OF_TALK, FAULT_OF_CONFIG, FAULTS };

/* milter_default_action, or the filter's own. */
static struct milter_verdict default_verdict(const struct milter_client *c, enum fault fault)
{
    static const struct milter_verdict verdicts[][FAULTS] = {
        [MILTER_DEFAULT_ACCEPT] = { { .outcome = MILTER_PASSES }, { .outcome = MILTER_PASSES } },
        [MILTER_DEFAULT_REJECT] = { { MILTER_REFUSES, 550, STR("5.5.0 Service unavailable") },
                                    { MILTER_REFUSES, 451,
                                      STR("4.3.5 Server configuration problem - try again "
                                          "later") } },
        [MILTER_DEFAULT_TEMPFAIL] = { { MILTER_REFUSES, 451,
                                        STR("4.7.1 Service unavailable - try again later") },
                                      { MILTER_REFUSES, 451,
                                        STR("4.3.5 Server configuration problem - try again "
                                            "later") } },
        [MILTER_DEFAULT_SHUTDOWN] = { { MILTER_REFUSES, 421,
                                        STR("4.7.1 Service unavailable - try again later") },
                                      { MILTER_REFUSES, 421,
                                        STR("4.3.5 Server configuration problem - try again "
                                            "later") } },
        [MILTER_DEFAULT_QUARANTINE] = { { MILTER_HOLDS, 0, STR("default_action") },
                                        { MILTER_HOLDS, 0, STR("default_action") } },
        [MILTER_DEFAULT_UNKNOWN] = { { MILTER_REFUSES, 451,
                                       STR("4.3.5 Server configuration problem - try again "
                                           "later") },
                                     { MILTER_REFUSES, 451,
                                       STR("4.3.5 Server configuration problem - try again "
                                           "later") } },
    };
    struct str action = c->filter->settings.default_action;
    enum milter_default chosen = milter_default_parse(action);

    if (chosen == MILTER_DEFAULT_UNKNOWN)
        log_warning(MILTER_FMT "unrecognized default action: " STR_FMT, STR_ARG(c->filter->name),
                    STR_ARG(action));
    return verdicts[chosen][fault];
}

static struct milter_verdict fail(struct milter_client *c, enum fault fault)
{
    c->failed = c->greeted;
    milter_client_break(c);
    return decide(c, default_verdict(c, fault));
}

void milter_client_break(struct milter_client *c) { c->is_broken = true; }

int milter_chain_broken(const struct milter_chain *chain)
{
    unsigned bits = 0;

    for (size_t i = 0; i < chain->count; i++)
        bits |= (unsigned)chain->clients[i].is_broken << i;
    return (int)bits;
}

void milter_chain_lose(struct milter_chain *chain, int broken)
{
    for (size_t i = 0; i < chain->count; i++) {
        struct milter_client *c = &chain->clients[i];

        if (c->handed_over && ((unsigned)broken & 1u << (c->handed_over - 1)))
            (void)fail(c, FAULT_OF_TALK);
        c->handed_over = 0;
    }
}

struct milter_verdict milter_client_misconfigured(struct milter_client *c, struct str why)
{
    log_warning(MILTER_FMT STR_FMT, STR_ARG(c->filter->name), STR_ARG(why));
    return fail(c, FAULT_OF_CONFIG);
}

/* ---- bytes */

static int seconds_for(const struct milter_client *c)
{
    const struct milter_settings *s = &c->filter->settings;

    switch (c->machine.event) {
    case MILTER_HEADER:
    case MILTER_EOH:
    case MILTER_BODY:
    case MILTER_EOM:
        return s->content_timeout;
    default:
        return s->command_timeout;
    }
}

static struct deadline deadline_for(const struct milter_client *c)
{
    return deadline_in_ms((int64_t)seconds_for(c) * 1000 + GRACE_MS);
}

static const char *error_text(enum io_result result)
{
    if (result == IO_EOF)
        return "Application error";
    return strerror(result == IO_TIMEOUT ? ETIMEDOUT : errno);
}

static bool flush(struct milter_client *c)
{
    enum io_result sent = stream_write_all(&c->stream, buf_str(&c->machine.out), deadline_for(c));

    if (sent == IO_OK) {
        milter_sent(&c->machine);
        return true;
    }
    if (c->machine.event == MILTER_NEGOTIATE)
        log_warning(MILTER_FMT "write error in initial handshake", STR_ARG(c->filter->name));
    else
        log_warning(MILTER_FMT "error writing command: %s", STR_ARG(c->filter->name),
                    error_text(sent));
    return false;
}

static void log_lost(const struct milter_client *c, enum io_result how)
{
    const char *event = milter_event_info(c->machine.event)->name;

    if (c->machine.event == MILTER_NEGOTIATE)
        log_warning(MILTER_FMT "read error in initial handshake", STR_ARG(c->filter->name));
    else if (milter_is_in_packet(&c->machine) && how == IO_EOF)
        log_warning(MILTER_FMT "EOF while reading command code: %s", STR_ARG(c->filter->name),
                    error_text(how));
    else
        log_warning(MILTER_FMT "can't read %s reply packet header: %s", STR_ARG(c->filter->name),
                    event, error_text(how));
}

static bool fill(struct milter_client *c, struct deadline until)
{
    size_t room, got;

    if (c->machine.out.len && !flush(c))
        return false;
    char *at = milter_room(&c->machine, &room);
    enum io_result heard = stream_read(&c->stream, at, room, until, &got);
    if (heard != IO_OK) {
        log_lost(c, heard);
        return false;
    }
    milter_filled(&c->machine, got);
    return true;
}

static void log_notes(struct milter_client *c)
{
    struct str notes = buf_str(&c->machine.notes);

    while (notes.len) {
        struct str note = str_cut(&notes, '\n');
        log_warning(MILTER_FMT STR_FMT, STR_ARG(c->filter->name), STR_ARG(note));
    }
    buf_clear(&c->machine.notes);
}

/* ---- answers */

static bool is_before_mail(enum milter_event event)
{
    return event == MILTER_CONNECT || event == MILTER_HELO;
}

static bool is_content(enum milter_event event)
{
    return event >= MILTER_HEADER && event <= MILTER_EOM;
}

/* Who is refused before he has begun stays refused. */
static struct milter_verdict refuse(struct milter_client *c, struct milter_verdict v)
{
    v = keep_text(c, v);
    return is_before_mail(c->machine.event) ? decide(c, v) : v;
}

static struct milter_verdict shut_down(struct milter_client *c)
{
    int code = standing_texts[MILTER_SHUTDOWN].code;

    return refuse(c, refusal(code, is_content(c->machine.event)
                                       ? "4.7.0 Service unavailable"
                                       : standing_texts[MILTER_SHUTDOWN].text));
}

static struct milter_verdict content_with(struct milter_client *c)
{
    if (is_before_mail(c->machine.event))
        return decide(c, MILTER_NO_OBJECTION);
    c->condition = MILTER_IS_CONTENT;
    return MILTER_NO_OBJECTION;
}

static struct milter_verdict discard(struct milter_client *c)
{
    if (!is_before_mail(c->machine.event))
        return (struct milter_verdict){ .outcome = MILTER_DISCARDS };
    log_warning(MILTER_FMT "DISCARD action is not allowed for connect or helo",
                STR_ARG(c->filter->name));
    return MILTER_NO_OBJECTION;
}

/* False: more has to come. */
static bool conclude(struct milter_client *c, const struct milter_reply *r,
                     struct milter_verdict *v)
{
    switch (r->kind) {
    case MILTER_NEGOTIATED:
    case MILTER_CONTINUE:
        *v = MILTER_NO_OBJECTION;
        return true;
    case MILTER_ACCEPT:
        *v = content_with(c);
        return true;
    case MILTER_REJECT:
    case MILTER_TEMPFAIL:
        *v = refuse(c, refusal(standing_texts[r->kind].code, standing_texts[r->kind].text));
        return true;
    case MILTER_DISCARD:
        *v = discard(c);
        return true;
    case MILTER_REPLY:
        *v = refuse(c, (struct milter_verdict){ MILTER_REFUSES, r->code, r->text });
        return true;
    case MILTER_SHUTDOWN:
        *v = shut_down(c);
        return true;
    case MILTER_BROKEN:
        log_warning(MILTER_FMT STR_FMT, STR_ARG(c->filter->name), STR_ARG(r->text));
        *v = fail(c, FAULT_OF_TALK);
        return true;
    case MILTER_MISCONFIGURED:
        *v = milter_client_misconfigured(c, r->text);
        return true;
    default:
        return false;
    }
}

static bool is_edit(const struct milter_client *c, const struct milter_reply *r)
{
    return r->kind > MILTER_PROGRESS && c->machine.event == MILTER_EOM;
}

/* Pieces of one packet have its time; whatever else comes begins a new one. */
static bool renews_time(const struct milter_reply *r)
{
    return r->kind != MILTER_NEED_INPUT && (r->kind != MILTER_REPLACE_BODY || r->value.len == 0);
}

/* A message that is held may pass for the rest. */
static struct milter_verdict no_less(struct milter_verdict v, struct milter_verdict held)
{
    return v.outcome == MILTER_PASSES ? held : v;
}

static struct milter_verdict await(struct milter_client *c, milter_edit_fn *edit, void *context)
{
    struct deadline until = deadline_for(c);
    struct milter_verdict verdict, held = MILTER_NO_OBJECTION;

    for (;;) {
        struct milter_reply r = milter_next(&c->machine);
        log_notes(c);
        if (r.kind == MILTER_NEED_INPUT) {
            if (!fill(c, until))
                return no_less(fail(c, FAULT_OF_TALK), held);
            continue;
        }
        if (conclude(c, &r, &verdict))
            return no_less(verdict, held);
        if (r.kind == MILTER_QUARANTINE && c->machine.event != MILTER_EOM)
            held = keep_text(c, (struct milter_verdict){ .outcome = MILTER_HOLDS, .text = r.text });
        if (edit && is_edit(c, &r) && !edit(context, &r)) {
            milter_client_break(c); /* nobody will read the rest of it */
            return decide(c, MILTER_NO_OBJECTION);
        }
        if (renews_time(&r))
            until = deadline_for(c);
    }
}

/* ---- events */

/* A filter that another process has begun with was told most; only what belongs to the content is left. */
static void put_macros(const struct milter_chain *chain, const struct milter_client *c,
                       enum milter_event event, struct buf *out)
{
    enum milter_stage stage = milter_event_info(event)->stage;
    struct str given = c->content_macros[stage == MILTER_STAGE_EOM];

    if (stage == MILTER_STAGE_COUNT)
        return;
    if (given.ptr)
        buf_add(out, given);
    else
        milter_macros_format(
            milter_macro_names(&c->machine, stage, chain->site->macro_names[stage]),
            &chain->site->defaults, chain->macro, chain->context, out);
}

struct milter_verdict milter_client_say(struct milter_chain *chain, struct milter_client *c,
                                        enum milter_event event, struct str payload,
                                        milter_edit_fn *edit, void *context)
{
    BUF_AUTO(macros, 0);

    if (milter_knows(&c->machine, event))
        put_macros(chain, c, event, &macros);
    bool answers = milter_say(&c->machine, event, buf_str(&macros), payload);
    if (answers)
        return await(c, edit, context);
    if ((!is_content(event) || c->machine.out.len >= FLUSH_AT) && c->machine.out.len && !flush(c))
        return fail(c, FAULT_OF_TALK);
    return MILTER_NO_OBJECTION;
}

static struct milter_verdict tell(struct milter_chain *chain, struct milter_client *c,
                                  enum milter_event event, struct str payload)
{
    if (c->failed)
        log_warning("milter8_event: attempt to send event %s to milter " STR_FMT " after error",
                    milter_event_info(event)->name, STR_ARG(c->filter->name));
    switch (c->condition) {
    case MILTER_IS_READY:
        return milter_client_say(chain, c, event, payload, NULL, NULL);
    case MILTER_IS_DECIDED:
        return c->verdict;
    default:
        return MILTER_NO_OBJECTION;
    }
}

/* A message that is held may still be refused by the next one. */
static bool outweighs(const struct milter_verdict *v, const struct milter_verdict *sum)
{
    return v->outcome > sum->outcome;
}

struct milter_verdict milter_chain_event(struct milter_chain *chain, enum milter_event event,
                                         struct str payload)
{
    struct milter_verdict sum = MILTER_NO_OBJECTION;

    for (size_t i = 0; i < chain->count && sum.outcome <= MILTER_HOLDS; i++) {
        struct milter_verdict v = tell(chain, &chain->clients[i], event, payload);
        if (outweighs(&v, &sum))
            sum = v;
    }
    return sum;
}

static void listen_again(struct milter_client *c)
{
    if (c->condition == MILTER_IS_CONTENT)
        c->condition = MILTER_IS_READY;
}

void milter_chain_begin_message(struct milter_chain *chain)
{
    for (size_t i = 0; i < chain->count; i++)
        listen_again(&chain->clients[i]);
}

void milter_chain_rejected_rcpt(struct milter_chain *chain, struct str payload)
{
    for (size_t i = 0; i < chain->count; i++) {
        struct milter_client *c = &chain->clients[i];
        if (c->condition != MILTER_IS_READY || !(c->machine.steps & MILTER_REJECTED_RCPT))
            continue;
        (void)milter_client_say(chain, c, MILTER_RCPT, payload, NULL, NULL);
        listen_again(c);
    }
}

void milter_chain_end_message(struct milter_chain *chain)
{
    for (size_t i = 0; i < chain->count; i++) {
        struct milter_client *c = &chain->clients[i];
        listen_again(c);
        if (c->condition == MILTER_IS_READY)
            (void)milter_client_say(chain, c, MILTER_ABORT, STR(""), NULL, NULL);
    }
}

void milter_chain_ignore_message(struct milter_chain *chain)
{
    for (size_t i = 0; i < chain->count; i++)
        if (chain->clients[i].condition == MILTER_IS_READY)
            chain->clients[i].condition = MILTER_IS_CONTENT;
}

/* ---- connections */

static bool get_connected(const struct milter_chain *chain, struct milter_client *c)
{
    const struct milter_settings *s = &c->filter->settings;
    BUF_AUTO(why, 512);

    int fd = connector_connect(chain->site->connector, c->filter->entry, s->connect_timeout, &why);
    if (fd < 0) {
        log_warning("connect to Milter service " STR_FMT ": " STR_FMT, STR_ARG(c->filter->name),
                    STR_ARG(buf_str(&why)));
        return false;
    }
    (void)socket_set_timeout(fd, s->command_timeout);
    stream_init(&c->stream, fd, (int64_t)s->command_timeout * 1000);
    return true;
}

/* False: what main.cf says of it makes no sense, which has been logged. */
static bool is_well_configured(const struct milter_client *c, struct milter_protocol *protocol)
{
    BUF_AUTO(why, 0);

    if (!milter_name_is_valid(c->filter->name, &why))
        log_warning(STR_FMT, STR_ARG(buf_str(&why)));
    else if (!milter_protocol_parse(c->filter->settings.protocol, protocol, &why))
        log_warning(MILTER_FMT STR_FMT, STR_ARG(c->filter->name), STR_ARG(buf_str(&why)));
    return why.len == 0;
}

static struct milter_verdict greet(struct milter_chain *chain, struct milter_client *c)
{
    struct milter_protocol protocol;

    if (!is_well_configured(c, &protocol))
        return fail(c, FAULT_OF_CONFIG);
    milter_init(&c->machine, &protocol);
    if (!get_connected(chain, c))
        return fail(c, FAULT_OF_TALK);
    struct milter_verdict v = await(c, NULL, NULL);
    c->greeted = c->condition == MILTER_IS_READY;
    return v;
}

struct milter_verdict milter_chain_connect(struct milter_chain *chain, struct str payload)
{
    struct milter_verdict sum = MILTER_NO_OBJECTION;

    for (size_t i = 0; i < chain->count && sum.outcome <= MILTER_HOLDS; i++) {
        struct milter_verdict v = greet(chain, &chain->clients[i]);
        if (outweighs(&v, &sum))
            sum = v;
    }
    if (sum.outcome > MILTER_HOLDS)
        return sum;
    return milter_chain_event(chain, MILTER_CONNECT, payload);
}

static void init_clients(struct milter_chain *chain, size_t count)
{
    chain->clients = mem_alloc((count + 1) * sizeof *chain->clients);
    for (size_t i = 0; i < count; i++)
        chain->clients[i] =
            (struct milter_client){ .stream = STREAM_NONE, .text = BUF_INIT(TEXT_MAX) };
}

void milter_chain_init(struct milter_chain *chain, const struct milter_site *site,
                       const struct milter_list *list, milter_macro_fn *macro, void *context)
{
    *chain = (struct milter_chain){ .site = site, .macro = macro, .context = context };
    init_clients(chain, list->count);
    chain->count = list->count;
    for (size_t i = 0; i < list->count; i++)
        chain->clients[i].filter = &list->items[i];
}

void milter_chain_release(struct milter_chain *chain)
{
    for (size_t i = 0; i < chain->count; i++) {
        stream_close(&chain->clients[i].stream);
        milter_fini(&chain->clients[i].machine);
        buf_free(&chain->clients[i].text);
    }
    free(chain->clients);
    *chain = (struct milter_chain){ .site = chain->site };
}

void milter_chain_close(struct milter_chain *chain)
{
    for (size_t i = 0; i < chain->count; i++) {
        struct milter_client *c = &chain->clients[i];
        if (c->stream.fd < 0)
            continue;
        milter_say(&c->machine, MILTER_QUIT, STR(""), STR(""));
        stream_try_write(&c->stream, buf_str(&c->machine.out));
    }
    milter_chain_release(chain);
}

/* ---- handing over */

struct cleanup_milter milter_client_describe(const struct milter_chain *chain,
                                             const struct milter_client *c, struct buf *macros)
{
    const struct milter_settings *s = &c->filter->settings;

    put_macros(chain, c, MILTER_EOH, macros);
    int headers = (int)macros->len;
    put_macros(chain, c, MILTER_EOM, macros);
    return (struct cleanup_milter){
        .name = c->filter->name,
        .version = c->machine.version,
        .steps = (int)c->machine.steps,
        .command_timeout = s->command_timeout,
        .content_timeout = s->content_timeout,
        .default_action = s->default_action,
        .header_macros = headers,
    };
}

void milter_chain_init_taken(struct milter_chain *chain, const struct milter_site *site,
                             size_t count)
{
    *chain = (struct milter_chain){ .site = site };
    init_clients(chain, count);
}

void milter_chain_take(struct milter_chain *chain, const struct milter_filter *filter,
                       const struct cleanup_milter *given, struct str macros, int fd)
{
    struct milter_client *c = &chain->clients[chain->count++];

    c->filter = filter;
    c->greeted = true;
    stream_init(&c->stream, fd, (int64_t)given->command_timeout * 1000);
    milter_resume(&c->machine, given->version, (uint32_t)given->steps);
    c->content_macros[0] = str_sub(macros, 0, (size_t)given->header_macros);
    c->content_macros[1] = str_skip(macros, (size_t)given->header_macros);
}
