#include "pickup/drop_check.h"

#define SENDOPTS_OF_USERS (SENDOPT_SMTPUTF8 | SENDOPT_REQUIRETLS)

static const char *const user_attributes[] = {
    "rewrite_context", "envelope_id", "ret_flags",   "notify_flags",
    "dsn_orig_rcpt",   "encoding",    "trace_flags",
};

static enum drop_verdict bad(struct drop_check *c, const char *why)
{
    c->why = why;
    return DROP_BAD;
}

/* Line ends inside a record would become line ends of SMTP or of a log. */
static bool has_line_end(struct str text)
{
    return str_has(text, '\n') || str_has(text, '\r') || str_has(text, '\0');
}

static enum drop_verdict check_attribute(struct drop_check *c, struct str payload)
{
    struct str name, value;

    if (has_line_end(payload))
        return bad(c, "line break in an attribute");
    if (!record_split_attr(payload, &name, &value))
        return DROP_SKIP;
    for (size_t i = 0; i < ARRAY_LEN(user_attributes); i++)
        if (str_equal(name, str_from(user_attributes[i])))
            return DROP_KEEP;
    return DROP_SKIP;
}

static enum drop_verdict check_address(struct drop_check *c, struct str address)
{
    if (has_line_end(address))
        return bad(c, "line break in an address");
    return address.len > DROP_ADDRESS_MAX ? bad(c, "an address is too long") : DROP_KEEP;
}

static enum drop_verdict check_sender(struct drop_check *c, struct str address)
{
    if (c->has_sender)
        return bad(c, "more than one sender");
    c->has_sender = true;
    return check_address(c, address);
}

static enum drop_verdict check_recipient(struct drop_check *c, struct str address)
{
    if (!c->has_sender)
        return bad(c, "recipient before the sender");
    c->has_recipient = true;
    return check_address(c, address);
}

/* Of a size record only the options count; postdrop writes its own. */
static enum drop_verdict check_size(struct drop_check *c, struct str payload)
{
    struct record_size size;

    if (!record_size_parse(payload, &size))
        return bad(c, "bad size record");
    c->sendopts = (int)(size.sendopts & SENDOPTS_OF_USERS);
    return DROP_SKIP;
}

static enum drop_verdict check_verp(struct drop_check *c, struct str payload)
{
    return payload.len == 2 && !has_line_end(payload) ? DROP_KEEP : bad(c, "bad VERP delimiters");
}

static enum drop_verdict check_envelope(struct drop_check *c, const struct record *rec)
{
    switch (rec->type) {
    case REC_SIZE:
        return check_size(c, rec->payload);
    case REC_TIME:
        return DROP_SKIP;
    case REC_ATTR:
        return check_attribute(c, rec->payload);
    case REC_SENDER:
        return check_sender(c, rec->payload);
    case REC_RCPT:
        return check_recipient(c, rec->payload);
    case REC_VERP:
        return check_verp(c, rec->payload);
    case REC_FULL_NAME:
    case REC_DSN_ENVID:
    case REC_DSN_NOTIFY:
        return has_line_end(rec->payload) ? bad(c, "line break in a record") : DROP_KEEP;
    case REC_MESSAGE:
        if (!c->has_sender)
            return bad(c, "no sender");
        c->at = SEGMENT_MESSAGE;
        return DROP_KEEP;
    default:
        return bad(c, "unexpected record in the envelope");
    }
}

static enum drop_verdict check_content(struct drop_check *c, const struct record *rec)
{
    switch (rec->type) {
    case REC_TEXT:
    case REC_TEXT_PART:
        return str_has(rec->payload, '\n') ? bad(c, "line break in a line") : DROP_KEEP;
    case REC_EXTRACTED:
        c->at = SEGMENT_EXTRACTED;
        return DROP_KEEP;
    default:
        return bad(c, "unexpected record in the content");
    }
}

static enum drop_verdict check_extracted(struct drop_check *c, const struct record *rec)
{
    switch (rec->type) {
    case REC_ATTR:
        return check_attribute(c, rec->payload);
    case REC_RCPT:
        return check_recipient(c, rec->payload);
    case REC_END:
        if (!c->has_recipient)
            return bad(c, "no recipients");
        c->complete = true;
        return DROP_END;
    default:
        return bad(c, "unexpected record behind the content");
    }
}

static bool is_marker(char type)
{
    return type == REC_MESSAGE || type == REC_EXTRACTED || type == REC_END;
}

enum drop_verdict drop_check_record(struct drop_check *c, const struct record *rec)
{
    if (rec->payload.len > record_limit(rec->type, c->at))
        return bad(c, "a record is too long");
    if (is_marker(rec->type) && rec->payload.len)
        return bad(c, "text in a marker");
    if (c->complete)
        return bad(c, "a record behind the end");
    if (c->at == SEGMENT_ENVELOPE)
        return check_envelope(c, rec);
    return c->at == SEGMENT_MESSAGE ? check_content(c, rec) : check_extracted(c, rec);
}
