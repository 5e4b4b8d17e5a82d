/* The envelope and the extracted segment: which records pass, which are answered by others. */
#include "base/log.h"
#include "base/number.h"
#include "base/utf8.h"
#include "cleanup/milters.h"
#include "queue/seal.h"

#include <stdio.h>

static struct str keep(struct message *m, struct str s) { return arena_str(&m->arena, s); }

static void refuse(struct message *m, const char *why, char type)
{
    log_warning("%s: %s: record type %d", message_id(m), why, type);
    message_fail(m, CLEANUP_BAD, STR_NONE);
}

/* qmgr stops reading recipients early unless it is told that other records stand among them. */
static void copy(struct message *m, const struct record *rec)
{
    if (m->rcpt_count)
        m->opts |= RECORD_OPT_MIXED;
    record_put(message_out(m), rec->type, rec->payload);
}

/* ---- attributes ---- */

struct attribute {
    const char *name;
    size_t offset; /* of the struct str in struct envelope that keeps it; 0: none */
};

#define KEPT(name, member)                      \
    {                                           \
        name, offsetof(struct envelope, member) \
    }
static const struct attribute kept[] = {
    KEPT("encoding", encoding),
    KEPT("envelope_id", envelope_id),
    KEPT("log_message_origin", origin),
    KEPT("log_protocol_name", proto),
    KEPT("log_helo_name", helo),
    KEPT("client_name", client_name),
    KEPT("reverse_client_name", reverse_name),
    KEPT("client_address", client_address),
    KEPT("client_port", client_port),
    KEPT("helo_name", client_helo),
    KEPT("server_address", server_address),
    KEPT("server_port", server_port),
    KEPT("sasl_method", sasl_method),
    KEPT("sasl_username", sasl_username),
    KEPT("sasl_sender", sasl_sender),
};
#undef KEPT

/* Those of the next recipient are written with it, after the alias expansion. */
static bool take_recipient_attribute(struct message *m, struct str name, struct str value)
{
    struct next_recipient *next = &m->env.next;
    int64_t notify;

    if (str_equal(name, STR("dsn_orig_rcpt"))) {
        next->dsn_orcpt = keep(m, value);
        return true;
    }
    if (!str_equal(name, STR("notify_flags")))
        return false;
    if (number_parse_range(value, 0, 15, &notify))
        next->notify = (int)notify;
    else
        refuse(m, "bad notify_flags", REC_ATTR);
    return true;
}

static void keep_attribute(struct message *m, struct str name, struct str value)
{
    int64_t number;

    for (size_t i = 0; i < ARRAY_LEN(kept); i++)
        if (str_equal(name, str_from(kept[i].name)))
            *(struct str *)(void *)((char *)&m->env + kept[i].offset) = keep(m, value);
    if (str_equal(name, STR("rewrite_context")))
        m->env.context = str_equal(value, STR("remote")) ? REWRITE_REMOTE : REWRITE_LOCAL;
    if (str_equal(name, STR("ret_flags")) && number_parse_range(value, 0, 3, &number))
        m->env.ret_flags = (int)number;
    if (str_equal(name, STR("trace_flags")) && number_parse_range(value, 0, INT32_MAX, &number))
        m->env.trace_flags = (int)number;
}

/* Every queue file has its own. */
static bool is_of_the_file(struct str name)
{
    return str_equal(name, STR("create_time")) || str_equal(name, STR(QUEUE_SEAL));
}

static void take_attribute(struct message *m, const struct record *rec)
{
    struct str name, value;

    if (!record_split_attr(rec->payload, &name, &value)) {
        refuse(m, "malformed attribute", rec->type);
        return;
    }
    if (take_recipient_attribute(m, name, value) || is_of_the_file(name))
        return;
    if (++m->env.attributes > cleanup_conf.queue_file_attribute_count_limit) {
        refuse(m, "too many attributes", rec->type);
        return;
    }
    keep_attribute(m, name, value);
    copy(m, rec);
}

/* Very old programs have a record type of its own for each. */
static void take_old_attribute(struct message *m, const struct record *rec)
{
    static const struct {
        char type;
        const char *name;
    } names[] = {
        { REC_DSN_RET, "ret_flags" },
        { REC_DSN_ENVID, "envelope_id" },
        { REC_DSN_ORCPT, "dsn_orig_rcpt" },
        { REC_DSN_NOTIFY, "notify_flags" },
    };
    BUF_AUTO(text, 0);

    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (names[i].type == rec->type)
            buf_join(&text, str_from(names[i].name), STR("="), rec->payload);
    take_attribute(m, &(struct record){ REC_ATTR, buf_str(&text) });
}

/* ---- the other records ---- */

static void put_time(struct message *m, struct timeval arrival)
{
    m->env.has_time = true;
    m->env.arrival = arrival;
    record_put_time(message_out(m), arrival);
    record_put_attr_int(message_out(m), "create_time", m->opened.tv_sec);
    queue_writer_put_seal(&m->c->writer);
}

static void take_time(struct message *m, const struct record *rec)
{
    struct timeval arrival;

    if (m->env.has_time)
        return;
    if (record_parse_time(rec->payload, &arrival))
        put_time(m, arrival);
    else
        refuse(m, "bad arrival time", rec->type);
}

static void take_size(struct message *m, const struct record *rec)
{
    struct record_size size;

    if (record_size_parse(rec->payload, &size))
        m->sendopts |= (int)size.sendopts & (SENDOPT_SMTPUTF8 | SENDOPT_REQUIRETLS);
}

static void take_flags(struct message *m, const struct record *rec)
{
    int64_t flags;

    if (number_parse_range(rec->payload, 0, INT32_MAX, &flags))
        m->flags |= (int)flags;
    else
        refuse(m, "bad flags", rec->type);
}

static void take_full_name(struct message *m, const struct record *rec)
{
    if (m->env.has_name)
        return;
    m->env.has_name = true;
    m->env.full_name = keep(m, rec->payload);
    copy(m, rec);
}

static void take_verp(struct message *m, const struct record *rec)
{
    if (m->env.has_verp)
        return;
    m->env.has_verp = true;
    m->env.verp = keep(m, rec->payload);
    copy(m, rec);
}

static void take_warning(struct message *m, const struct record *rec)
{
    if (m->env.has_warning)
        return;
    m->env.has_warning = true;
    copy(m, rec);
}

/* When to tell the sender that the message is late. */
static void put_warning(struct message *m)
{
    char text[32];

    if (m->env.has_warning)
        return;
    m->env.has_warning = true;
    if (site_conf.delay_warning_time == 0 || m->env.sender.len == 0)
        return;
    int n = snprintf(text, sizeof text, "%15lld",
                     (long long)m->env.arrival.tv_sec + site_conf.delay_warning_time);
    copy(m, &(struct record){ REC_WARN, { text, (size_t)n } });
}

static void sender_bcc(struct message *m)
{
    struct str bcc;

    if (!(m->flags & CLEANUP_FLAG_BCC_OK) || m->env.sender.len == 0)
        return;
    if (!mapping_bcc(&m->c->mapping, m->c->mapping.sender_bcc, m->env.sender, &m->arena, &bcc))
        message_lookup_failed(m, "sender_bcc_maps");
    else if (bcc.len)
        recipient_add_bcc(m, bcc);
}

/* What becomes of a sender on its way into the queue.  False: the message is refused. */
static bool map_sender(struct message *m, struct str *sender)
{
    const char *parameter;

    if (!message_fits(m, *sender, NULL))
        return false;
    if (sender->len && (m->flags & CLEANUP_FLAG_MAP_OK) &&
        !mapping_apply(&m->c->mapping, ROLE_ENVELOPE_SENDER, sender, &m->arena, &parameter)) {
        message_lookup_failed(m, parameter);
        return false;
    }
    return message_fits(m, *sender, "result of a canonical map");
}

static void set_sender(struct message *m, struct str sender)
{
    m->env.sender = keep(m, sender);
    m->sendopts &= ~SENDOPT_UTF8_SENDER;
    if (!utf8_is_ascii(sender))
        m->sendopts |= SENDOPT_UTF8_SENDER;
}

static struct str rewritten_sender(struct message *m, struct str sender)
{
    return sender.len ? rewrite_address(m->c->rewriter, REWRITE_LOCAL, sender, &m->arena) : sender;
}

static void take_sender(struct message *m, const struct record *rec)
{
    struct str sender = rec->payload;

    if (m->env.has_sender) {
        refuse(m, "second sender", rec->type);
        return;
    }
    m->env.has_sender = true;
    sender = rewritten_sender(m, sender);
    if (sender.len > RECORD_FACT_MAX && (m->flags & CLEANUP_FLAG_BOUNCE)) {
        refuse(m, "overlong sender", rec->type); /* to whom no report can go */
        return;
    }
    if (!map_sender(m, &sender))
        return;
    set_sender(m, sender);
    m->env.sender_offset = message_offset(m);
    record_put(message_out(m), REC_SENDER, sender);
    sender_bcc(m);
}

/* Its record is replaced when the file is put together. */
void envelope_change_sender(struct message *m, struct str sender)
{
    sender = rewritten_sender(m, sender);
    if (!map_sender(m, &sender))
        return;
    set_sender(m, sender);
    sender_bcc(m);
}

static void take_orig(struct message *m, const struct record *rec)
{
    m->env.next.orig = keep(m, rec->payload);
    m->env.next.has_orig = true;
}

static void take_recipient(struct message *m, const struct record *rec)
{
    if (!m->env.has_sender) {
        refuse(m, "recipient before the sender", rec->type);
        return;
    }
    put_warning(m);
    recipient_add(m, rec->payload);
}

/* Delivered before (a message that is submitted again), or cancelled. */
static void skip_recipient(struct message *m, const struct record *rec)
{
    (void)rec;
    m->env.next = (struct next_recipient){ 0 };
}

static void skip(struct message *m, const struct record *rec) { (void)m, (void)rec; }

static void take_message(struct message *m, const struct record *rec)
{
    if (!m->env.has_sender) {
        refuse(m, "content before the sender", rec->type);
        return;
    }
    put_warning(m);
    m->env.next = (struct next_recipient){ 0 };
    record_put(message_out(m), REC_MESSAGE, STR_NONE);
    m->data_offset = message_offset(m);
    m->stage = STAGE_CONTENT;
    milters_hold(m);
    content_begin(m);
}

static void take_end(struct message *m, const struct record *rec)
{
    (void)rec;
    m->stage =
        STAGE_ENDED; /* E itself is written by message_finish(), behind what is added there */
}

typedef void record_handler(struct message *m, const struct record *rec);

static record_handler *const envelope_handlers[128] = {
    [REC_SIZE] = take_size,
    [REC_FLAGS] = take_flags,
    [REC_TIME] = take_time,
    [REC_CREATE] = skip,
    [REC_FULL_NAME] = take_full_name,
    [REC_INSPECT] = copy,
    [REC_FILTER] = copy,
    [REC_SENDER] = take_sender,
    [REC_DONE] = skip_recipient,
    [REC_RCPT] = take_recipient,
    [REC_ORCPT] = take_orig,
    [REC_CANCELED] = skip_recipient,
    [REC_WARN] = take_warning,
    [REC_VERP] = take_verp,
    [REC_ATTR] = take_attribute,
    [REC_REDIRECT] = copy,
    [REC_KILLED] = skip,
    [REC_PADDING] = skip,
    [REC_DSN_RET] = take_old_attribute,
    [REC_DSN_ENVID] = take_old_attribute,
    [REC_DSN_ORCPT] = take_old_attribute,
    [REC_DSN_NOTIFY] = take_old_attribute,
    [REC_MESSAGE] = take_message,
};

static record_handler *const extracted_handlers[128] = {
    [REC_FLAGS] = take_flags,
    [REC_FULL_NAME] = skip,
    [REC_INSPECT] = copy,
    [REC_FILTER] = copy,
    [REC_DONE] = skip_recipient,
    [REC_RCPT] = take_recipient,
    [REC_ORCPT] = take_orig,
    [REC_CANCELED] = skip_recipient,
    [REC_ATTR] = take_attribute,
    [REC_REDIRECT] = copy,
    [REC_RETURN_RECEIPT] = skip,
    [REC_ERRORS_TO] = skip,
    [REC_PRIORITY] = skip,
    [REC_KILLED] = skip,
    [REC_PADDING] = skip,
    [REC_DSN_ORCPT] = take_old_attribute,
    [REC_DSN_NOTIFY] = take_old_attribute,
    [REC_END] = take_end,
};

/* What the envelope says goes into headers and log lines, and nobody needs more than a line for
 * it. */
static struct record on_one_line(struct message *m, const struct record *rec)
{
    struct str payload = rec->payload;
    struct record result = *rec;

    if (str_find_any(payload, "\r\n") == STR_NOT_FOUND && !str_has(payload, '\0'))
        return result;
    char *copy = arena_cstr(&m->arena, payload);
    for (size_t i = 0; i < payload.len; i++)
        if (copy[i] == '\r' || copy[i] == '\n' || copy[i] == '\0')
            copy[i] = ' ';
    result.payload = (struct str){ copy, payload.len };
    return result;
}

/* Of addresses their handlers know more to say. */
static bool is_overlong(const struct record *rec)
{
    return rec->type != REC_SENDER && rec->type != REC_RCPT &&
           rec->payload.len > record_limit(rec->type, SEGMENT_ENVELOPE);
}

static void dispatch(struct message *m, record_handler *const handlers[128],
                     const struct record *rec)
{
    unsigned char type = (unsigned char)rec->type;
    record_handler *handle = type < 128 ? handlers[type] : NULL;
    struct record clean = on_one_line(m, rec);

    if (handle == NULL)
        refuse(m, "unexpected record", rec->type);
    else if (is_overlong(rec))
        refuse(m, "overlong record", rec->type);
    else
        handle(m, &clean);
}

void envelope_record(struct message *m, const struct record *rec)
{
    /* What comes before T, and what no file has, does not force a time of our own. */
    bool before_time = rec->type == REC_TIME || rec->type == REC_SIZE || rec->type == REC_FLAGS;

    if (!m->env.has_time && !before_time)
        put_time(m, m->opened);
    dispatch(m, envelope_handlers, rec);
}

void envelope_extracted(struct message *m, const struct record *rec)
{
    dispatch(m, extracted_handlers, rec);
}
