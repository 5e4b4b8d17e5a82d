#include "cleanup/message.h"

#include "base/log.h"
#include "cleanup/held.h"
#include "cleanup/milters.h"
#include "text/address.h"

#include <errno.h>
#include <unistd.h>

#define MILTER_HEADER_MAX 60000

/* Mail that comes faster than qmgr(8) can take it waits at the door, where its sender notices. */
static void give_way(const struct cleanup *c)
{
    if (site_conf.in_flow_delay > 0 && c->svc && service_queue_is_full(c->svc))
        (void)sleep((unsigned)site_conf.in_flow_delay);
}

bool message_begin(struct message *m, struct cleanup *c, const struct cleanup_open *open)
{
    char zeros[RECORD_SIZE_BYTES + 1];
    const struct record_size none = { 0 };

    give_way(c);
    *m = (struct message){
        .c = c,
        .arena = ARENA_INIT,
        .opened = clock_wall(),
        .flags = open->flags,
        .sendopts = open->sendopts & (SENDOPT_SMTPUTF8 | SENDOPT_REQUIRETLS),
        .env = { .context = REWRITE_LOCAL, .origin = STR("local") },
        .seen = MAP_INIT,
    };
    if (!queue_writer_open(&c->writer, &c->layout, site_conf.enable_long_queue_ids, m->opened)) {
        log_warning("create queue file in %s: %m", QUEUE_INCOMING);
        return false;
    }
    record_size_format(&none, zeros);
    record_put(message_out(m), REC_SIZE, (struct str){ zeros, RECORD_SIZE_BYTES });
    milters_begin(m);
    return true;
}

struct buf *message_out(struct message *m)
{
    return m->held ? &m->held->tail : queue_writer_buf(&m->c->writer);
}

int64_t message_offset(struct message *m)
{
    return m->held ? (int64_t)m->held->tail.len : queue_writer_offset(&m->c->writer);
}

void message_spill(struct message *m)
{
    if (!m->may_change)
        queue_writer_spill(&m->c->writer);
}

/* Filters cannot take more in one packet. */
size_t message_header_limit(const struct message *m)
{
    size_t limit = (size_t)site_conf.header_size_limit;

    return m->held ? MIN(limit, MILTER_HEADER_MAX) : limit;
}

void message_fail(struct message *m, enum cleanup_status status, struct str reason)
{
    if (m->status != CLEANUP_OK)
        return;
    m->status = status;
    m->reason = arena_str(&m->arena, reason);
}

void message_lookup_failed(struct message *m, const char *parameter)
{
    log_warning("%s: %s map lookup problem -- message not accepted, try again later", message_id(m),
                parameter);
    message_fail(m, CLEANUP_WRITE, STR_NONE);
}

bool message_fits(struct message *m, struct str text, const char *made_by)
{
    if (text.len <= RECORD_FACT_MAX)
        return true;
    log_warning("%s: %s of %zu bytes is too long -- message not accepted", message_id(m),
                made_by ? made_by : "an address", text.len);
    if (made_by)
        message_fail(m, CLEANUP_REPLY, STR("451 4.3.5 Server configuration error"));
    else
        message_fail(m, CLEANUP_CONTENT, STR("5.1.3 Address too long"));
    return false;
}

bool message_may_remark(struct message *m)
{
    return log_may_remark(&m->remarks, str_from(message_id(m)));
}

static void add_address(struct buf *out, const char *name, struct str address)
{
    buf_add_cstr(out, name);
    address_quote(address, out);
    buf_addc(out, '>');
}

static void add_envelope(const struct message *m, struct buf *line)
{
    add_address(line, " from=<", m->env.sender);
    if (m->env.last_recipient.ptr)
        add_address(line, " to=<", m->env.last_recipient);
}

static void add_dialogue(const struct message *m, struct buf *line)
{
    if (m->env.proto.len)
        buf_join(line, STR(" proto="), m->env.proto);
    if (m->env.helo.len)
        buf_join(line, STR(" helo=<"), m->env.helo, STR(">"));
}

/* "QID: reject: header Subject: x from client[address]; from=<a> to=<b>" */
static void add_event(struct message *m, const char *action, struct str what, struct buf *line)
{
    buf_join(line, str_from(message_id(m)), STR(": "), str_from(action), STR(": "), what,
             STR(" from "), m->env.origin, STR(";"));
    add_envelope(m, line);
}

static const char *const milter_places[MILTER_EVENT_COUNT] = {
    [MILTER_CONNECT] = "CONNECT", [MILTER_HELO] = "EHLO", [MILTER_MAIL] = "MAIL",
    [MILTER_RCPT] = "RCPT",       [MILTER_DATA] = "DATA", [MILTER_EOM] = "END-OF-MESSAGE",
};

void message_log_milter(struct message *m, const char *action, enum milter_event event,
                        struct str text)
{
    bool local = str_equal(m->env.origin, STR("local"));
    BUF_AUTO(line, 4096);

    buf_join(&line, str_from(message_id(m)), STR(": "), str_from(action), STR(": "),
             str_from(milter_places[event]), STR(" from "),
             local ? STR("localhost[127.0.0.1]") : m->env.origin, STR(": "), text, STR(";"));
    add_address(&line, " from=<", m->env.sender);
    if (event >= MILTER_RCPT && m->env.last_recipient.ptr)
        add_address(&line, " to=<", m->env.last_recipient);
    add_dialogue(m, &line);
    log_info(STR_FMT, STR_ARG(buf_str(&line)));
}

void message_log_mime_error(struct message *m, struct str error, struct str text)
{
    BUF_AUTO(what, 512);
    BUF_AUTO(line, 4096);

    buf_join(&what, STR("mime-error "), error, STR(": "), str_sub(text, 0, 60));
    add_event(m, "reject", buf_str(&what), &line);
    log_info(STR_FMT, STR_ARG(buf_str(&line)));
}

void message_log_event(struct message *m, const char *action, const char *part, struct str text,
                       size_t text_max, struct str note)
{
    BUF_AUTO(what, 1024);
    BUF_AUTO(line, 4096);

    buf_join(&what, str_from(part), STR(" "), str_sub(text, 0, text_max));
    add_event(m, action, buf_str(&what), &line);
    add_dialogue(m, &line);
    if (note.len)
        buf_join(&line, STR(": "), note);
    log_info(STR_FMT, STR_ARG(buf_str(&line)));
}
