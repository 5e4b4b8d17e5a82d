#include "qmgr/envelope.h"

#include "base/number.h"
#include "queue/seal.h"

#define KNOWN_SIZE_OPTS                                                              \
    (RECORD_OPT_MIXED | RECORD_OPT_NEVER | RECORD_OPT_SUCCESS | RECORD_OPT_FAILURE | \
     RECORD_OPT_DELAY)
#define KNOWN_SENDOPTS                                                                  \
    (SENDOPT_SMTPUTF8 | SENDOPT_UTF8_HEADER | SENDOPT_UTF8_SENDER | SENDOPT_UTF8_RCPT | \
     SENDOPT_TLS_OPTIONAL | SENDOPT_REQUIRETLS)

/* One pass over a file. */
struct reader {
    struct queue_file *file;
    struct arena *arena;
    envelope_rcpt_fn *take;
    void *context;
    struct envelope *e;
    enum record_segment segment;
    bool have_size, have_time, have_sender, have_create;
    bool full;           /* `take` has enough */
    bool more;           /* only recipients are wanted */
    bool ended, crossed; /* the content is skipped once */
    /* For the next recipient. */
    int64_t group_at; /* behind the last recipient */
    struct str orig, orcpt;
    int notify;
};

/* Attributes that are kept as text. */
static const struct {
    const char *name;
    enum detail detail;
} text_attributes[] = {
    { "encoding", DETAIL_ENCODING },           { "envelope_id", DETAIL_ENVID },
    { "client_name", DETAIL_CLIENT_NAME },     { "client_address", DETAIL_CLIENT_ADDR },
    { "client_port", DETAIL_CLIENT_PORT },     { "protocol_name", DETAIL_CLIENT_PROTO },
    { "helo_name", DETAIL_CLIENT_HELO },       { "log_client_name", DETAIL_LOG_NAME },
    { "log_client_address", DETAIL_LOG_ADDR }, { "log_client_port", DETAIL_LOG_PORT },
    { "log_protocol_name", DETAIL_LOG_PROTO }, { "log_helo_name", DETAIL_LOG_HELO },
    { "log_ident", DETAIL_LOG_IDENT },         { "sasl_method", DETAIL_SASL_METHOD },
    { "sasl_username", DETAIL_SASL_USERNAME }, { "sasl_sender", DETAIL_SASL_SENDER },
    { "rewrite_context", DETAIL_REWRITE },
};

static bool fail(struct reader *r, const char *trouble)
{
    r->e->trouble = trouble;
    return false;
}

static bool number_in(struct str text, int64_t max, int64_t *out)
{
    return number_parse_range(str_trim(text), 0, max, out);
}

static bool on_size(struct reader *r, struct str payload)
{
    struct record_size *s = &r->e->size;

    if (r->have_size)
        return true;
    if (!record_size_parse(payload, s) || s->content_size <= 0 || s->data_offset <= 0 ||
        s->text_size < 0)
        return fail(r, "invalid size record");
    if (s->qmgr_opts & ~(int64_t)KNOWN_SIZE_OPTS)
        return fail(r, "invalid flags in size record");
    if (s->data_offset > r->file->size || s->content_size > r->file->size)
        return fail(r, "invalid size record");
    if (s->text_size == 0)
        s->text_size = s->content_size;
    s->sendopts &= KNOWN_SENDOPTS;
    r->have_size = true;
    return true;
}

static bool on_time(struct reader *r, struct str payload)
{
    struct str rest = str_trim(payload);
    int64_t sec, usec = 0;
    struct str first = str_cut(&rest, ' ');

    if (r->have_time)
        return true;
    if (!number_in(first, INT64_MAX / 1000000, &sec) ||
        (rest.len && !number_in(rest, 999999, &usec)))
        return fail(r, "bad arrival time record");
    r->e->arrival = (struct timeval){ .tv_sec = (time_t)sec, .tv_usec = (suseconds_t)usec };
    r->have_time = true;
    return true;
}

static void set_create_time(struct reader *r, struct str value)
{
    r->have_create |= number_in(value, INT64_MAX / 1000000, &r->e->create_time);
}

static void set_flags(struct str value, int *out)
{
    int64_t n;

    if (number_in(value, INT32_MAX, &n))
        *out = (int)n;
}

static void set_text(struct reader *r, enum detail d, struct str value)
{
    r->e->text[d] = arena_str(r->arena, value);
}

static void on_named(struct reader *r, struct str name, struct str value)
{
    for (size_t i = 0; i < ARRAY_LEN(text_attributes); i++)
        if (str_equal(name, str_from(text_attributes[i].name))) {
            set_text(r, text_attributes[i].detail, value);
            return;
        }
    if (str_equal(name, STR("create_time")))
        set_create_time(r, value);
    else if (str_equal(name, STR("ret_flags")))
        set_flags(value, &r->e->ret_flags);
    else if (str_equal(name, STR(QUEUE_SEAL)))
        r->e->sealed = queue_seal_is_set(value);
    else if (str_equal(name, STR("trace_flags")))
        set_flags(value, &r->e->trace_flags);
}

static bool on_attribute(struct reader *r, struct str payload)
{
    struct str name, value;

    if (!record_split_attr(payload, &name, &value) || value.len == 0)
        return true;
    if (str_equal(name, STR("dsn_orig_rcpt")))
        r->orcpt = arena_str(r->arena, value);
    else if (str_equal(name, STR("notify_flags")))
        set_flags(value, &r->notify);
    else if (!r->more)
        on_named(r, name, value);
    return true;
}

static void reset_group(struct reader *r)
{
    r->group_at = r->file->next;
    r->orig = r->orcpt = STR_NONE;
    r->notify = 0;
}

static bool on_recipient(struct reader *r, struct str payload)
{
    struct envelope_rcpt rcpt = { .notify = r->notify & 0xff, .offset = r->file->record_at };

    if (!r->more && !r->have_sender)
        return fail(r, "recipient record before sender record");
    if (str_has(payload, '\0'))
        return fail(r, "recipient address with a null byte");
    if (!r->full && r->take) {
        rcpt.text = (struct recipient_text){ payload, r->orig, r->orcpt };
        r->full = !r->take(r->context, &rcpt);
        if (r->full)
            r->e->resume_at = r->group_at;
    }
    reset_group(r);
    return true;
}

static bool on_warn(struct reader *r, struct str payload)
{
    if (r->e->warn_at == 0) {
        r->e->warn_at = r->file->record_at;
        if (!number_in(payload, INT64_MAX / 1000000, &r->e->warn_time))
            r->e->warn_time = 0;
    }
    return true;
}

static bool on_sender(struct reader *r, struct str payload)
{
    if (r->have_sender)
        return true;
    r->have_sender = true;
    set_text(r, DETAIL_SENDER, payload);
    reset_group(r);
    return true;
}

static bool on_fact(struct reader *r, const struct record *rec)
{
    switch (rec->type) {
    case REC_SIZE:
        return on_size(r, rec->payload);
    case REC_TIME:
        return on_time(r, rec->payload);
    case REC_CREATE:
        set_create_time(r, rec->payload);
        return true;
    case REC_SENDER:
        return on_sender(r, rec->payload);
    case REC_WARN:
        return on_warn(r, rec->payload);
    case REC_DSN_RET:
        set_flags(rec->payload, &r->e->ret_flags);
        return true;
    case REC_DSN_ENVID:
        set_text(r, DETAIL_ENVID, rec->payload);
        return true;
    case REC_VERP:
        set_text(r, DETAIL_VERP, str_sub(rec->payload, 0, 2));
        return true;
    case REC_FILTER:
        set_text(r, DETAIL_FILTER, rec->payload);
        return true;
    case REC_REDIRECT:
        set_text(r, DETAIL_REDIRECT, rec->payload);
        return true;
    default:
        return true; /* obsolete, or meant for others */
    }
}

static bool to_extracted(struct reader *r)
{
    if (!r->have_size)
        return fail(r, "missing size record");
    if (r->crossed)
        return fail(r, "records in a loop");
    r->crossed = true;
    queue_file_seek(r->file, r->e->size.data_offset + r->e->size.content_size);
    r->segment = SEGMENT_MESSAGE; /* until the marker is seen */
    return true;
}

static bool on_record(struct reader *r, const struct record *rec)
{
    if (r->segment == SEGMENT_MESSAGE) {
        if (rec->type != REC_EXTRACTED)
            return fail(r, "message content does not end where the size record says");
        r->segment = SEGMENT_EXTRACTED;
        reset_group(r);
        return true;
    }
    if (rec->type == REC_MESSAGE && (r->segment == SEGMENT_ENVELOPE || r->more))
        return to_extracted(r);
    if (!record_allowed(rec->type, r->segment))
        return fail(r, "unexpected record type");
    if (rec->payload.len > record_limit(rec->type, r->segment))
        return fail(r, "overlong record");
    switch (rec->type) {
    case REC_END:
        r->ended = true;
        return true;
    case REC_ATTR:
        return on_attribute(r, rec->payload);
    case REC_DSN_ORCPT:
        r->orcpt = arena_str(r->arena, rec->payload);
        return true;
    case REC_DSN_NOTIFY:
        set_flags(rec->payload, &r->notify);
        return true;
    case REC_RCPT:
        return on_recipient(r, rec->payload);
    case REC_DONE:
    case REC_CANCELED:
        reset_group(r);
        return true;
    case REC_ORCPT:
        r->orig = arena_str(r->arena, rec->payload);
        return true;
    default:
        return r->more || on_fact(r, rec);
    }
}

static enum envelope_result read_records(struct reader *r)
{
    struct record rec;

    while (!r->ended && !(r->more && r->full)) {
        switch (queue_file_read(r->file, &rec)) {
        case QUEUE_READ_RECORD:
            if (!on_record(r, &rec))
                return ENVELOPE_CORRUPT;
            break;
        case QUEUE_READ_END:
            r->e->trouble = "no end record";
            return ENVELOPE_CORRUPT;
        case QUEUE_READ_CORRUPT:
            r->e->trouble = "damaged record";
            return ENVELOPE_CORRUPT;
        case QUEUE_READ_ERROR:
            return ENVELOPE_ERROR;
        }
    }
    return ENVELOPE_OK;
}

enum envelope_result envelope_read(struct queue_file *f, struct arena *a, envelope_rcpt_fn *take,
                                   void *context, struct envelope *out)
{
    *out = (struct envelope){ 0 };
    struct reader r = { .file = f,
                        .arena = a,
                        .take = take,
                        .context = context,
                        .e = out,
                        .segment = SEGMENT_ENVELOPE };
    enum envelope_result result = read_records(&r);

    if (result != ENVELOPE_OK)
        return result;
    if (r.segment != SEGMENT_EXTRACTED)
        out->trouble = "no message content";
    else if (!r.have_time)
        out->trouble = "missing arrival time record";
    else if (!r.have_sender)
        out->trouble = "missing sender record";
    if (!r.have_create)
        out->create_time = out->arrival.tv_sec;
    return out->trouble ? ENVELOPE_CORRUPT : ENVELOPE_OK;
}

enum envelope_result envelope_read_more(struct queue_file *f, struct arena *a,
                                        envelope_rcpt_fn *take, void *context, struct envelope *e)
{
    int64_t extracted = e->size.data_offset + e->size.content_size;
    struct reader r = { .file = f,
                        .arena = a,
                        .take = take,
                        .context = context,
                        .e = e,
                        .more = true,
                        .have_size = true,
                        .group_at = e->resume_at,
                        .segment = SEGMENT_ENVELOPE };

    /* Recipients in the heap behind the end record belong to the envelope or to the extracted
     * part; either set of types is told by the record itself, and both lists end in the same
     * place. */
    if (e->resume_at >= extracted)
        r.segment = SEGMENT_EXTRACTED;
    queue_file_seek(f, e->resume_at);
    e->resume_at = 0;
    return read_records(&r);
}
